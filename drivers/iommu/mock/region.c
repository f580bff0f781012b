// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that stands for the MMIO of a device, for files to mmap() and dma-bufs
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "region.h"

/* See struct iommufd_mmio_ops */
static int mock_region_find(void *data, struct vm_area_struct *vma,
			    unsigned long uaddr, unsigned long length,
			    phys_addr_t *phys)
{
	struct mock_region *region = data;

	if (!region->file || vma->vm_file != region->file)
		return -EFAULT;
	*phys = mock_region_phys(region, ((u64)vma->vm_pgoff << PAGE_SHIFT) +
					 (uaddr - vma->vm_start));
	return 0;
}

static bool mock_region_has(void *data, phys_addr_t phys, unsigned long length)
{
	struct mock_region *region = data;
	phys_addr_t start = mock_region_phys(region, 0);

	return phys >= start && phys - start <= region->length &&
	       length <= region->length - (phys - start);
}

static const struct iommufd_mmio_ops mock_region_ops = {
	.find = mock_region_find,
	.has = mock_region_has,
};

/**
 * mock_region_alloc() - Allocate the memory of a region
 * @length: Number of bytes, of whole pages, not 0.
 *
 * Pairs with mock_region_free().
 *
 * Context: Process context; sleeps.
 *
 * Return: The region, or ERR_PTR(-ENOMEM).
 */
struct mock_region *mock_region_alloc(size_t length)
{
	struct mock_region *region;

	region = kzalloc(sizeof(*region), GFP_KERNEL_ACCOUNT);
	if (!region)
		return ERR_PTR(-ENOMEM);
	region->memory = alloc_pages_exact(length,
					   GFP_KERNEL_ACCOUNT | __GFP_ZERO |
					   __GFP_NOWARN);
	if (!region->memory) {
		kfree(region);
		return ERR_PTR(-ENOMEM);
	}
	region->length = length;
	return region;
}

/**
 * mock_region_free() - Free a region
 * @region: The region.  Its @mmio is destroyed.
 *
 * Context: Process context; sleeps.
 */
void mock_region_free(struct mock_region *region)
{
	if (region->mmio)
		iommufd_mmio_destroy(region->mmio);
	free_pages_exact(region->memory, region->length);
	kfree(region);
}

/**
 * mock_region_create() - Let a region be mapped for other devices
 * @region: The region.
 *
 * Context: Process context.
 *
 * Return: What iommufd_mmio_create() returns, for mock_region::mmio.
 */
struct iommufd_mmio *mock_region_create(struct mock_region *region)
{
	return iommufd_mmio_create(&mock_region_ops, region);
}
