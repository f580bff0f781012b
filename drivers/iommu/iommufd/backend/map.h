/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_MAP_H
#define __IOMMU_BACKEND_MAP_H

#include <linux/iommu.h>
#include <linux/sizes.h>
#include <linux/types.h>

/*
 * The most bytes that an IOMMU driver is asked to map or unmap in one call,
 * unless a page is larger: 32768 pages of 4 KiB, which take no longer than 10
 * ms as long as one takes no longer than 300 ns.  And the most that is unpinned
 * in one call.
 */
#define IOMMU_STEP_BYTES	SZ_128M

/*
 * Tests make it smaller.  It is a power of two, and of the page sizes of an
 * IOMMU that cannot unmap a part of a page only the largest may be above it.
 */
extern unsigned long iommu_step_bytes;

void iommu_backend_flush_aligned(bool enable);
int iommu_backend_map(struct iommu_domain *domain, unsigned long iova,
		      phys_addr_t phys, size_t length, int prot, bool finish);
int iommu_backend_map_pages(struct iommu_domain *domain, unsigned long iova,
			    const unsigned long *pfns, unsigned long npages,
			    int prot);
int iommu_backend_sync_map(struct iommu_domain *domain, unsigned long iova,
			   size_t length);
void iommu_backend_unmap(struct iommu_domain *domain, unsigned long iova,
			 size_t length);

#endif
