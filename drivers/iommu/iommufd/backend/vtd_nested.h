/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_VTD_NESTED_H
#define __IOMMU_BACKEND_VTD_NESTED_H

#include "backend.h"

bool iommu_vtd_has_nested(struct device *dev);
struct iommu_domain *
iommu_vtd_nested_alloc(struct device *dev, struct iommu_domain *parent,
		       u32 flags, const struct iommu_backend_data *data);
int iommu_vtd_nested_invalidate(struct iommu_domain *domain,
				struct iommu_domain *parent,
				struct iommu_backend_array *array);

#endif
