/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_DEVICE_H
#define __IOMMUFD_MOCK_DEVICE_H

#include <linux/iommu.h>

#include "../iommufd/backend/backend.h"
#include "../iommufd/backend/registry.h"
#include "mock_device.h"

/**
 * mock_group_to_device() - The mock device that has the state of a group
 * @group: The group of a mock device.
 *
 * Context: Any.
 *
 * Return: The first device of the group.
 */
static inline struct mock_device *
mock_group_to_device(struct iommu_group *group)
{
	return iommu_group_get_iommudata(group);
}

extern struct iommu_backend_ops mock_backend;

struct mock_device *mock_device_create(u32 flags, struct mock_device *mate);
void mock_device_destroy(struct mock_device *mdev);
int mock_device_raise(struct device *dev,
		      const struct iommu_backend_fault *first, unsigned int n);
bool mock_device_has_pasid(struct mock_device *mdev, u32 pasid,
			   struct iommu_domain *domain);

int mock_bus_init(void);
void mock_bus_exit(void);

#endif
