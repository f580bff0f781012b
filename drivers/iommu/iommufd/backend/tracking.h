/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_TRACKING_H
#define __IOMMU_BACKEND_TRACKING_H

#include "backend.h"

void iommu_tracking_init(struct iommu_domain *domain);
int iommu_tracking_set(struct iommu_domain *domain, bool enable);
int iommu_tracking_read(struct iommu_domain *domain, unsigned long iova,
			size_t length, bool clear,
			struct iommu_backend_dirty *dirty);

#endif
