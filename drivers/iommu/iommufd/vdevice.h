/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_VDEVICE_H
#define __IOMMUFD_VDEVICE_H

struct iommufd_device;
struct iommufd_ucmd;

void iommufd_vdevice_unbind(struct iommufd_device *idev);
int iommufd_vdevice_alloc(struct iommufd_ucmd *ucmd);

#endif
