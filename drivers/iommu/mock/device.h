/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_DEVICE_H
#define __IOMMUFD_MOCK_DEVICE_H

#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/xarray.h>

#include "../iommufd/backend/backend.h"
#include "../iommufd/backend/registry.h"
#include "fault.h"
#include "iommufd_test.h"

struct mock_domain;

/* All flags of a mock device */
#define MOCK_DEVICE_FLAGS	(MOCK_FLAGS_DEVICE_NO_DIRTY | \
				 MOCK_FLAGS_DEVICE_PASID | \
				 MOCK_FLAGS_DEVICE_UNSAFE_MSI | \
				 MOCK_FLAGS_DEVICE_SW_MSI | \
				 MOCK_FLAGS_DEVICE_OTHER_SW_MSI | \
				 MOCK_FLAGS_DEVICE_SNOOP | \
				 MOCK_FLAGS_DEVICE_OTHER_IOMMU | \
				 MOCK_FLAGS_DEVICE_INCOHERENT_WALK | \
				 MOCK_FLAGS_DEVICE_INCOHERENT | \
				 MOCK_FLAGS_DEVICE_SMALL_PAGES | \
				 MOCK_FLAGS_DEVICE_39_BITS | \
				 MOCK_FLAGS_DEVICE_ALIAS | \
				 MOCK_FLAGS_DEVICE_ALL_PAGES | \
				 MOCK_FLAGS_DEVICE_SLOW_UNMAP)

/**
 * struct mock_device - A device behind the mock IOMMU
 * @dev: The device of the driver model.
 * @id: The number in the name of the device.
 * @flags: MOCK_FLAGS_DEVICE_*.
 * @owner: The owner of the group, NULL if the group is not claimed.
 * @domain: The domain that the group is attached to, NULL while it is blocked.
 * @blocked: Number of times that the group was detached.
 * @faults: Where page faults of the group go.
 * @pasids: The domain of each PASID that is attached.
 * @set_fails: The next attach of IOMMU_TEST_PASID_RESERVED fails.
 *
 * The first device of a group has the state of the group, and lasts as long as
 * it, even when it is destroyed before the others.  @pasids and @set_fails are
 * of each device.
 *
 * IOMMU_TEST_CMD makes a mock device for one context.  Only this context
 * changes the fields from @owner on, and iommufd.ko serializes the changes.
 */
struct mock_device {
	struct device dev;
	int id;
	u32 flags;
	void *owner;
	struct mock_domain *domain;
	unsigned int blocked;
	struct mock_faults faults;
	struct xarray pasids;
	bool set_fails;
};

/**
 * to_mock_device() - The mock device that a device is
 * @dev: A device on the bus of mock devices.
 *
 * Context: Any.
 *
 * Return: The mock device.
 */
static inline struct mock_device *to_mock_device(struct device *dev)
{
	return container_of(dev, struct mock_device, dev);
}

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
struct mock_faults *mock_device_faults(struct device *dev, u32 pasid);
bool mock_device_has_pasid(struct mock_device *mdev, u32 pasid,
			   struct mock_domain *mock);

int mock_bus_init(void);
void mock_bus_exit(void);

#endif
