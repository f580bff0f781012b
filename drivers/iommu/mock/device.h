/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_DEVICE_H
#define __IOMMUFD_MOCK_DEVICE_H

#include <linux/device.h>

#include "../iommufd/provider.h"

struct mock_domain;

/**
 * struct mock_device - A device behind the mock IOMMU, in a group of its own
 * @dev: The kernel's side of it.
 * @id: Number in its name.
 * @flags: MOCK_FLAGS_DEVICE_*.
 * @owner: Who has claimed its group, or NULL.
 * @domain: What its group is attached to, or NULL: blocked.
 * @blocked: How often it was attached and then was not.
 *
 * Only the context that made the device uses it, and serializes what changes
 * @owner and @domain.
 */
struct mock_device {
	struct device dev;
	int id;
	u32 flags;
	void *owner;
	struct mock_domain *domain;
	unsigned int blocked;
};

static inline struct mock_device *to_mock_device(struct device *dev)
{
	return container_of(dev, struct mock_device, dev);
}

extern const struct iommu_provider_ops mock_provider;

struct mock_device *mock_device_create(u32 flags);
void mock_device_destroy(struct mock_device *mdev);

int mock_bus_init(void);
void mock_bus_exit(void);

#endif
