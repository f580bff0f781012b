/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_NOIOMMU_H
#define __IOMMU_BACKEND_NOIOMMU_H

#include <linux/types.h>

struct iommu_backend_ops;
struct iommu_domain;

/* Of devices without an IOMMU: see noiommu.c */
extern const struct iommu_backend_ops iommu_noiommu_backend;

bool iommu_domain_is_noiommu(const struct iommu_domain *domain);

#endif
