/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_NESTED_H
#define __IOMMUFD_MOCK_NESTED_H

#include <linux/iommu.h>

#include "iommufd_test.h"

struct iommu_backend_array;
struct iommu_backend_data;
struct mock_domain;
struct mock_viommu;

/**
 * struct mock_nested - A nested page table of the mock IOMMU
 * @domain: The domain that iommufd.ko attaches.
 * @parent: The page table that it is nested in.
 * @pasid: It was made for devices that use PASIDs.
 * @faults: It was made for devices whose page faults are handled.
 * @viommu: The virtual IOMMU that it was made of, or NULL.  A device is attached
 *	only if it has a vDEVICE there.
 * @iotlb: The entries of its IOTLB.  Written and read without a lock.
 * @ndevices: Number of devices attached.  iommufd.ko serializes the changes.
 */
struct mock_nested {
	struct iommu_domain domain;
	struct mock_domain *parent;
	bool pasid;
	bool faults;
	struct mock_viommu *viommu;
	u32 iotlb[MOCK_NESTED_DOMAIN_IOTLB_NUM];
	unsigned int ndevices;
};

struct mock_nested *to_mock_nested(struct iommu_domain *domain);

struct iommu_domain *mock_nested_alloc(struct device *dev,
				       struct iommu_domain *parent, u32 flags,
				       const struct iommu_backend_data *data);
void mock_nested_free(struct iommu_domain *domain);
int mock_nested_invalidate(struct iommu_domain *domain,
			   struct iommu_domain *parent,
			   struct iommu_backend_array *array);

#endif
