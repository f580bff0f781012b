/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_VDEVICE_H
#define __IOMMUFD_VDEVICE_H

struct iommufd_ucmd;

int iommufd_vdevice_alloc(struct iommufd_ucmd *ucmd);

#endif
