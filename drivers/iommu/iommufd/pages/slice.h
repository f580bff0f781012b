/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_SLICE_H
#define __IOPT_SLICE_H

#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/mm.h>

#include "pages.h"

/**
 * struct iopt_slice - A range of bytes of a pages object
 * @pages: The pages object.
 * @user: First and last index that the bytes touch; in iopt_pages::users while
 *	the slice is pinned, for a domain or for an access.
 * @offset: Offset of the first byte in the page at @user.start.
 * @length: Number of bytes.
 */
struct iopt_slice {
	struct iopt_pages *pages;
	struct interval_tree_node user;
	unsigned long offset;
	unsigned long length;
};

void iopt_slice_split(struct iopt_slice *slice, struct iopt_slice *tail,
		      unsigned long length, bool pinned);
int iopt_slice_pin(struct iopt_slice *slice);
int iopt_slice_pin_nowait(struct iopt_slice *slice);
void iopt_slice_unpin(struct iopt_slice *slice);
int iopt_slice_map(struct iopt_slice *slice, struct iommu_domain *domain,
		   unsigned long iova, int prot, bool huge_pages);
int iopt_map_phys(struct iommu_domain *domain, unsigned long iova,
		  phys_addr_t phys, size_t length, int prot, bool huge_pages);
int iopt_slice_phys(struct iopt_slice *slice, unsigned long offset,
		    unsigned long *length, phys_addr_t *phys);
int iopt_slice_get_pages(struct iopt_slice *slice, struct page **pages);
int iopt_slice_rw(struct iopt_slice *slice, void *data, bool write,
		  bool remote);

/**
 * iopt_slice_wait() - Wait until no call pins pages of the pages object
 * @slice: The slice.
 *
 * Context: Process context.  Takes iopt_pages::lock.
 *
 * Return: 0, or -EINTR when killed.
 */
static inline int iopt_slice_wait(struct iopt_slice *slice)
{
	return iopt_pages_wait(slice->pages, 0);
}

/* Number of pages that the slice touches */
static inline unsigned long iopt_slice_npages(const struct iopt_slice *slice)
{
	return slice->user.last - slice->user.start + 1;
}

/* Byte of the pages object that the slice starts with */
static inline unsigned long iopt_slice_start(const struct iopt_slice *slice)
{
	return slice->user.start * PAGE_SIZE + slice->offset;
}

/**
 * iopt_slice_init() - Describe a range of bytes of a pages object
 * @slice: The slice.
 * @pages: The pages object; the slice takes over the caller's reference, or
 *	does not outlive a reference that another object has.
 * @start: First byte in it.
 * @length: Number of bytes, not 0.
 */
static inline void iopt_slice_init(struct iopt_slice *slice,
				   struct iopt_pages *pages,
				   unsigned long start, unsigned long length)
{
	slice->pages = pages;
	slice->user.start = start >> PAGE_SHIFT;
	slice->user.last = (start + length - 1) >> PAGE_SHIFT;
	slice->offset = offset_in_page(start);
	slice->length = length;
}

#endif
