/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_REGISTRY_H
#define __IOMMU_BACKEND_REGISTRY_H

#include "backend.h"

int iommu_backend_register(const struct iommu_backend_ops *backend);
void iommu_backend_unregister(const struct iommu_backend_ops *backend);

const struct iommu_backend_ops *iommu_backend_get(struct device *dev);

#endif
