/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_NOIOMMU_H
#define __IOMMUFD_NOIOMMU_H

struct iommufd_ucmd;

int iommufd_ioas_noiommu_get_pa(struct iommufd_ucmd *ucmd);

#endif
