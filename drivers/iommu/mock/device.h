/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_DEVICE_H
#define __IOMMUFD_MOCK_DEVICE_H

#include "../iommufd/backend/backend.h"
#include "../iommufd/backend/registry.h"
#include "mock_device.h"

extern struct iommu_backend_ops mock_backend;

struct mock_device *mock_device_create(u32 flags);
void mock_device_destroy(struct mock_device *mdev);

int mock_bus_init(void);
void mock_bus_exit(void);

#endif
