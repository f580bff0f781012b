/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_REGISTRY_H
#define __IOMMU_BACKEND_REGISTRY_H

#include "backend.h"

int iommu_provider_register(const struct iommu_provider_ops *provider);
void iommu_provider_unregister(const struct iommu_provider_ops *provider);

const struct iommu_provider_ops *iommu_provider_get(struct device *dev);

#endif
