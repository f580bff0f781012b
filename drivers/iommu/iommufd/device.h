/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_DEVICE_H
#define __IOMMUFD_DEVICE_H

#include "object.h"

struct device;
struct iommufd_device;

void iommufd_device_destroy(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj);
struct iommufd_device *iommufd_device_bind_owned(struct iommufd_ctx *ictx,
						 struct device *dev, u32 *id);
void iommufd_device_unbind_owned(struct iommufd_device *idev);

#endif
