/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_VEVENTQ_H
#define __IOMMUFD_VEVENTQ_H

struct iommufd_ucmd;

int iommufd_veventq_alloc(struct iommufd_ucmd *ucmd);

#endif
