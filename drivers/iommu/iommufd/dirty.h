/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_DIRTY_H
#define __IOMMUFD_DIRTY_H

struct iommufd_ucmd;

int iommufd_hwpt_get_dirty_bitmap(struct iommufd_ucmd *ucmd);
int iommufd_hwpt_set_dirty_tracking(struct iommufd_ucmd *ucmd);

#endif
