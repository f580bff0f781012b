/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_VFIO_COMPAT_H
#define __IOMMUFD_VFIO_COMPAT_H

#include <linux/types.h>

struct iommufd_ctx;

struct iommufd_ctx *iommufd_vfio_ctx_create(u32 *ioas_id);
long iommufd_vfio_ioctl(struct iommufd_ctx *ictx, unsigned int cmd,
			unsigned long arg);
int iommufd_vfio_hold_uaddrs(struct iommufd_ctx *ictx);
void iommufd_vfio_release_uaddrs(struct iommufd_ctx *ictx);

#endif
