/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls on /dev/iommu, most of them one ioctl.  Every function returns 0 (or a
 * file descriptor) on success and a negative errno on failure; none prints.
 */
#ifndef LIB_IOMMU_H
#define LIB_IOMMU_H

#include <linux/iommufd.h>
#include <linux/types.h>

#define IOAS_RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define IOAS_RO IOMMU_IOAS_MAP_READABLE

/*
 * Where interrupts of devices go, last inclusive: no memory may be there.  On x86 it
 * is the processors' address, and with SMMUv3 a window that its driver chooses.
 */
#ifdef __aarch64__
#define MSI_START	0x8000000ULL
#define MSI_LAST	0x80fffffULL
#else
#define MSI_START	0xfee00000ULL
#define MSI_LAST	0xfeefffffULL
#endif

int iommu_open(void);
int iommu_destroy(int fd, __u32 id);
/* object: 0 for an option of the context; value: in for SET, else out */
int iommu_option(int fd, __u16 op, __u32 option, __u32 object, __u64 *value);
int iommu_option_set(int fd, __u32 option, __u32 object, __u64 value);

/* An IOAS is an address space that devices can be attached to */
int ioas_alloc(int fd, __u32 *ioas);
/* Let devices read and write memory at va under the address iova */
int ioas_map(int fd, __u32 ioas, const void *va, __u64 length, __u64 iova);
/* As ioas_map(), but devices may only read */
int ioas_map_ro(int fd, __u32 ioas, const void *va, __u64 length, __u64 iova);
/* As ioas_map(), but the kernel chooses the IOVA */
int ioas_map_anywhere(int fd, __u32 ioas, const void *va, __u64 length,
		      __u64 *iova);
/*
 * As ioas_map(), but with any flags; iova: in with IOMMU_IOAS_MAP_FIXED_IOVA,
 * else out
 */
int ioas_map_flags(int fd, __u32 ioas, __u32 flags, const void *va,
		   __u64 length, __u64 *iova);
/* Map memory of a file */
int ioas_map_file(int fd, __u32 ioas, int file, __u64 start, __u64 length,
		  __u64 iova);
int ioas_map_file_flags(int fd, __u32 ioas, __u32 flags, int file, __u64 start,
			__u64 length, __u64 *iova);
/* Map in dst, too, what is mapped in src */
int ioas_copy(int fd, __u32 dst, __u32 src, __u64 length, __u64 dst_iova,
	      __u64 src_iova);
int ioas_copy_flags(int fd, __u32 flags, __u32 dst, __u32 src, __u64 length,
		    __u64 *dst_iova, __u64 src_iova);
int ioas_unmap(int fd, __u32 ioas, __u64 iova, __u64 length);
/* As ioas_unmap(); length: out, too: the number of bytes unmapped */
int ioas_unmap_len(int fd, __u32 ioas, __u64 iova, __u64 *length);

/*
 * Where in physical memory iova is mapped to; length: in and out, the bytes that
 * are contiguous there.  For devices without an IOMMU
 */
int ioas_noiommu_get_pa(int fd, __u32 ioas, __u64 iova, __u64 *length,
			__u64 *phys);

/*
 * Populate, pin, unpin or release what is mapped in an IOAS on demand; op: of enum
 * iommufd_ioas_demand_op
 */
int ioas_demand(int fd, __u32 ioas, __u32 op, __u64 iova, __u64 length);

/* n: in: size of ranges, out: number of ranges there are; alignment: out */
int ioas_ranges(int fd, __u32 ioas, struct iommu_iova_range *ranges, __u32 *n,
		__u64 *alignment);
int ioas_allow(int fd, __u32 ioas, const struct iommu_iova_range *ranges,
	       __u32 n);

/* An HWPT is a page table of the hardware; pt: the IOAS that it is of */
int hwpt_alloc(int fd, __u32 devid, __u32 pt, __u32 flags, __u32 *hwpt);
/* Page faults of devices that use the HWPT go to a queue */
int hwpt_alloc_faults(int fd, __u32 devid, __u32 pt, __u32 queue, __u32 *hwpt);

/* Begin, with IOMMU_HWPT_DIRTY_TRACKING_ENABLE, or end to track dirty pages */
int dirty_set(int fd, __u32 hwpt, __u32 flags);
/* Set the bits of dirty pages in a bitmap, a bit for each page_size bytes */
int dirty_get(int fd, __u32 hwpt, __u32 flags, __u64 iova, __u64 length,
	      __u64 page_size, void *bitmap);

/* A queue of page faults.  Returns its file, or -errno; queue: out, its ID */
int fault_queue_alloc(int fd, __u32 *queue);

#endif
