/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_HW_INFO_H
#define __IOMMUFD_HW_INFO_H

struct iommufd_ucmd;

int iommufd_get_hw_info(struct iommufd_ucmd *ucmd);

#endif
