/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_MAP_H
#define __IOMMU_BACKEND_MAP_H

#include <linux/iommu.h>
#include <linux/types.h>

int iommu_backend_map(struct iommu_domain *domain, unsigned long iova,
		      phys_addr_t phys, size_t length, int prot);
int iommu_backend_map_pages(struct iommu_domain *domain, unsigned long iova,
			    const unsigned long *pfns, unsigned long npages,
			    int prot);
int iommu_backend_sync_map(struct iommu_domain *domain, unsigned long iova,
			   size_t length);
void iommu_backend_unmap(struct iommu_domain *domain, unsigned long iova,
			 size_t length);

#endif
