/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_IOVA_H
#define __IOPT_IOVA_H

#include <linux/lockdep.h>
#include <linux/minmax.h>

#include "types.h"

struct iommu_iova_range;

void iopt_iova_init(struct io_pagetable *iopt);
int iopt_iova_choose(struct io_pagetable *iopt, unsigned long length,
		     unsigned long offset, unsigned long *iova);

int iopt_reserve_locked(struct io_pagetable *iopt, unsigned long start,
			unsigned long last, const void *owner);
void iopt_unreserve_locked(struct io_pagetable *iopt, const void *owner);
int iopt_reserve(struct io_pagetable *iopt, unsigned long start,
		 unsigned long last, const void *owner);
void iopt_unreserve(struct io_pagetable *iopt, const void *owner);

int iopt_set_allowed(struct io_pagetable *iopt, struct rb_root_cached *allowed);
void iopt_free_allowed(struct rb_root_cached *allowed);
u32 iopt_usable_ranges(struct io_pagetable *iopt,
		       struct iommu_iova_range *ranges, u32 capacity);

/**
 * iopt_iova_freed() - Have searches look at an IOVA again
 * @iopt: The I/O page table.
 * @iova: The lowest IOVA that was freed.
 *
 * Context: Any, with io_pagetable::iova_lock held for writing.
 */
static inline void iopt_iova_freed(struct io_pagetable *iopt,
				   unsigned long iova)
{
	lockdep_assert_held_write(&iopt->iova_lock);

	iopt->hints.lowest_freed = min(iopt->hints.lowest_freed, iova);
}

/**
 * iopt_iova_check() - See whether a range is free for a new mapping
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 *
 * Context: Any, with io_pagetable::iova_lock held.
 *
 * Return: 0, -EINVAL when @start is misaligned or some of the range is
 * reserved, -EEXIST when something is mapped in it.
 */
static inline int iopt_iova_check(struct io_pagetable *iopt,
				  unsigned long start, unsigned long last)
{
	if ((start & (iopt->iova_alignment - 1)) ||
	    interval_tree_iter_first(&iopt->reserved, start, last))
		return -EINVAL;
	if (iopt_ranges_first(&iopt->areas, start, last))
		return -EEXIST;
	return 0;
}

#endif
