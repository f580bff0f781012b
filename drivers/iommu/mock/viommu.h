/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_VIOMMU_H
#define __IOMMUFD_MOCK_VIOMMU_H

#include "../iommufd/backend/viommu.h"

struct iommu_backend_data;
struct iommu_domain;
struct mock_domain;

/**
 * struct mock_viommu - A virtual IOMMU of the mock IOMMU
 * @viommu: What iommufd.ko knows of it.
 * @parent: The page table that what it nests is nested in.
 */
struct mock_viommu {
	struct iommu_backend_viommu viommu;
	struct mock_domain *parent;
};

const void *mock_instance(struct device *dev);
bool mock_has_viommu(struct device *dev, u32 type);
struct iommu_backend_viommu *
mock_viommu_alloc(struct device *dev, u32 type, struct iommu_domain *parent,
		  const struct iommu_backend_data *data);

#endif
