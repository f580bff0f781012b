/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_MOCK_DEVICE_H
#define __IOMMUFD_MOCK_MOCK_DEVICE_H

#include <linux/device.h>
#include <linux/xarray.h>

#include "fault.h"
#include "iommufd_test.h"

struct mock_domain;
struct mock_nested;

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
				 MOCK_FLAGS_DEVICE_TWO_SIZES | \
				 MOCK_FLAGS_DEVICE_SLOW_UNMAP)

/**
 * struct mock_device - A device behind the mock IOMMU
 * @dev: The device of the driver model.
 * @id: The number in the name of the device.
 * @flags: MOCK_FLAGS_DEVICE_*.
 * @owner: The owner of the group, NULL if the group is not claimed.
 * @domain: The domain that the group is attached to, NULL while it is blocked.
 * @nested: The nested domain that the group is attached to, of which @domain is
 *	the parent, or NULL.
 * @virt_id: What the virtual IOMMU of @nested called the device when it was
 *	attached; 0 without one.
 * @cache: The entries of its cache.  Written and read without a lock.
 * @blocked: Number of times that the group was detached.
 * @faults: Where page faults of the group go.
 * @pasids: The struct iommu_domain of each PASID that is attached.
 * @set_fails: The next attach of IOMMU_TEST_PASID_RESERVED fails.
 *
 * The first device of a group has the state of the group, and lasts as long as
 * it, even when it is destroyed before the others.  @cache, @pasids and
 * @set_fails are of each device.
 *
 * IOMMU_TEST_CMD makes a mock device for one context.  Only this context
 * changes the fields from @owner on but @cache, and iommufd.ko serializes the
 * changes.
 */
struct mock_device {
	struct device dev;
	int id;
	u32 flags;
	void *owner;
	struct mock_domain *domain;
	struct mock_nested *nested;
	u64 virt_id;
	u32 cache[MOCK_DEV_CACHE_NUM];
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

#endif
