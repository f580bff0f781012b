/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_DEVICE_H
#define __IOMMUFD_DEVICE_H

#include "object.h"

void iommufd_device_destroy(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj);

#endif
