/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_HW_QUEUE_H
#define __IOMMUFD_HW_QUEUE_H

struct iommufd_ucmd;

int iommufd_hw_queue_alloc(struct iommufd_ucmd *ucmd);

#endif
