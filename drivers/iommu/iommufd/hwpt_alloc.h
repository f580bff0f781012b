/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_HWPT_ALLOC_H
#define __IOMMUFD_HWPT_ALLOC_H

struct iommufd_ucmd;

int iommufd_hwpt_alloc_ioctl(struct iommufd_ucmd *ucmd);

#endif
