/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_ACCESS_H
#define __IOMMUFD_ACCESS_H

#include "object.h"

void iommufd_access_release(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj);

#endif
