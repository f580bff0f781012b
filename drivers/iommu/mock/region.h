/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_REGION_H
#define __IOMMUFD_MOCK_REGION_H

#include <linux/io.h>
#include <linux/types.h>

struct file;
struct iommufd_mmio;

/**
 * struct mock_region - Memory that stands for the MMIO of a device
 * @mmio: The region as iommufd.ko knows it, of mock_region_create(); NULL if
 *	there is none, or none any more.
 * @file: The file by which user space maps it, or NULL if none can.  Set before
 *	there is a @mmio, and constant then.
 * @memory: The memory, constant.
 * @length: Number of bytes, constant.
 */
struct mock_region {
	struct iommufd_mmio *mmio;
	const struct file *file;
	void *memory;
	size_t length;
};

/**
 * mock_region_phys() - Tell the physical address of a byte of a region
 * @region: The region.
 * @offset: Offset of the byte, which may be beyond the region.
 *
 * Context: Any.
 *
 * Return: The address.
 */
static inline phys_addr_t mock_region_phys(const struct mock_region *region,
					   u64 offset)
{
	return virt_to_phys(region->memory) + offset;
}

struct mock_region *mock_region_alloc(size_t length);
void mock_region_free(struct mock_region *region);
struct iommufd_mmio *mock_region_create(struct mock_region *region);

#endif
