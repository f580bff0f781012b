/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_KERNEL_H
#define __IOMMU_BACKEND_KERNEL_H

#include "backend.h"

extern const struct iommu_backend_ops iommu_generic_backend;
extern const struct iommu_backend_ops iommu_paging_backend;

#endif
