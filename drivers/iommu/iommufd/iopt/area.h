/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_AREA_H
#define __IOPT_AREA_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/wait_bit.h>

#include "types.h"

struct iopt_area *iopt_area_alloc(struct iopt_pages *pages);
struct iopt_area *iopt_area_alloc_any(void);
void iopt_area_split(struct io_pagetable *iopt, struct iopt_area *area,
		     struct iopt_area *tail, unsigned long iova,
		     struct iopt_area *stays);
int iopt_area_map(struct io_pagetable *iopt, struct iopt_area *area,
		  struct iommu_domain *domain);

int iopt_mappings_charge(struct io_pagetable *iopt, unsigned long n);
u32 iopt_mappings_left(struct io_pagetable *iopt);

/* Undo iopt_mappings_charge(). */
static inline void iopt_mappings_uncharge(struct io_pagetable *iopt,
					  unsigned long n)
{
	atomic_long_sub(n, iopt->ctx_mappings);
}

/* Lists of areas, in the order of their IOVAs */
int iopt_areas_fill(struct io_pagetable *iopt, struct list_head *areas);
void iopt_areas_unfill(struct io_pagetable *iopt, struct list_head *areas);
void iopt_areas_unmap(struct list_head *areas, struct iommu_domain *domain);
void iopt_areas_unpin(struct io_pagetable *iopt, struct list_head *areas);
void iopt_areas_remove(struct io_pagetable *iopt, struct list_head *areas);
void iopt_areas_free(struct list_head *areas);

/**
 * iopt_pages_area() - The area that comes with a pages object
 * @pages: A pages object that was allocated with private data for an area.
 *
 * The first area of a pages object is part of its allocation: most have no
 * other one.
 *
 * Return: the area, zeroed at first.
 */
static inline struct iopt_area *iopt_pages_area(struct iopt_pages *pages)
{
	return iopt_pages_private(pages);
}

/**
 * iopt_area_init() - Describe what an area maps
 * @area: The area, zeroed; its IOVA range is for the caller to set.
 * @pages: The pages object.  The area takes over the caller's reference.
 * @start: First byte in it.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ, IOMMU_WRITE and IOMMU_CACHE.
 *
 * Context: Any.
 */
static inline void iopt_area_init(struct iopt_area *area,
				  struct iopt_pages *pages,
				  unsigned long start, unsigned long length,
				  int prot)
{
	iopt_slice_init(&area->slice, pages, start, length);
	/* MMIO is in no cache. */
	area->prot = pages->kind == IOPT_MMIO ?
			     (prot & ~IOMMU_CACHE) | IOMMU_MMIO : prot;
}

/**
 * iopt_area_get() - Keep an area from being unmapped
 * @area: The area, ready.
 *
 * Context: Any, with io_pagetable::iova_lock held.
 */
static inline void iopt_area_get(struct iopt_area *area)
{
	atomic_inc(&area->nusers);
}

/**
 * iopt_area_put() - Undo iopt_area_get()
 * @area: The area.
 *
 * Context: Any.
 */
static inline void iopt_area_put(struct iopt_area *area)
{
	/*
	 * The waiter may free the area at once: wake_up_var() only hashes its
	 * address.
	 */
	if (atomic_dec_and_test(&area->nusers))
		wake_up_var(&area->nusers);
}

/**
 * iopt_areas_resched() - Let other tasks run before the next area of a list
 * @areas: The list.
 * @area: The area before.
 *
 * Most lists have one area, and then this costs next to nothing.
 *
 * Context: Process context.
 */
static inline void iopt_areas_resched(struct list_head *areas,
				      struct iopt_area *area)
{
	if (!list_is_last(&area->item, areas))
		cond_resched();
}

/**
 * iopt_area_pin() - Pin an area of memory for the domains
 * @iopt: The I/O page table.
 * @area: The area.
 *
 * Context: Process context.  May fault in user memory.
 *
 * Return: as iopt_slice_pin().
 */
static inline int iopt_area_pin(struct io_pagetable *iopt,
				struct iopt_area *area)
{
	int rc = iopt_slice_pin(&area->slice);

	if (!rc)
		atomic_long_add(iopt_slice_npages(&area->slice),
				&iopt->stats.pinned);
	return rc;
}

/**
 * iopt_area_unpin() - Undo iopt_area_pin()
 * @iopt: The I/O page table.
 * @area: The area, in no domain any more.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
static inline void iopt_area_unpin(struct io_pagetable *iopt,
				   struct iopt_area *area)
{
	atomic_long_sub(iopt_slice_npages(&area->slice), &iopt->stats.pinned);
	iopt_slice_unpin(&area->slice);
}

#endif
