/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls on /dev/iommu.  Every function returns 0 (or a file descriptor) on success
 * and a negative errno on failure; none prints.
 */
#ifndef LIB_IOMMU_H
#define LIB_IOMMU_H

#include <linux/iommufd.h>
#include <linux/types.h>

#define IOAS_RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define IOAS_RO IOMMU_IOAS_MAP_READABLE

int iommu_open(void);
int iommu_destroy_id(int iommufd, __u32 id);

/* An IOAS is an address space that devices can be attached to */
int ioas_alloc(int iommufd, __u32 *ioas);
/* Let devices reach memory at va under the address iova; prot: IOAS_RW/_RO */
int ioas_map(int iommufd, __u32 ioas, void *va, __u64 length, __u64 iova,
	     __u32 prot);
/* The same, but the kernel picks the IOVA */
int ioas_map_anywhere(int iommufd, __u32 ioas, void *va, __u64 length,
		      __u32 prot, __u64 *iova);
int ioas_unmap(int iommufd, __u32 ioas, __u64 iova, __u64 length);

#endif
