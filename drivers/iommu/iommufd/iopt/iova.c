// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOVA: which is free, reserved, allowed and usable
 *
 * In every range "last" is inclusive.
 */
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "iova.h"

/*
 * A quick search passes over this many ranges in use before it looks elsewhere.
 */
#define QUICK_STEPS	32

#define node_to_reserved(n)	container_of(n, struct iopt_reserved, node)
#define node_to_allowed(n)	container_of(n, struct iopt_allowed, node)

/**
 * struct iova_search - A search for a free range of IOVA
 * @iopt: The I/O page table.
 * @length: Bytes that must be free.
 * @align: Power of two.
 * @offset: The first byte is this much past a multiple of @align.
 * @steps: The search ends after this many ranges that are in use, or allowed and too
 *	small.
 * @iova: The first byte found.  If nothing was found and @steps is 0, what is
 *	below has been looked at.
 */
struct iova_search {
	struct io_pagetable *iopt;
	unsigned long length;
	unsigned long align;
	unsigned long offset;
	unsigned long steps;
	unsigned long iova;
};

/**
 * iopt_iova_init() - Begin with nothing mapped, reserved or allowed
 * @iopt: The I/O page table, zeroed.
 */
void iopt_iova_init(struct io_pagetable *iopt)
{
	init_rwsem(&iopt->iova_lock);
	iopt->areas = IOPT_RANGES_INIT;
	iopt->reserved = RB_ROOT_CACHED;
	iopt->allowed = RB_ROOT_CACHED;
	iopt->iova_alignment = 1;
}

static bool range_taken(struct rb_root_cached *root, unsigned long start,
			unsigned long last)
{
	return interval_tree_iter_first(root, start, last);
}

/*
 * Search from @start to @last.  Ends early for a process that is being killed.
 */
static bool search_range(struct iova_search *search, unsigned long start,
			 unsigned long last)
{
	struct io_pagetable *iopt = search->iopt;
	unsigned long align = search->align;
	struct interval_tree_node *reserved;
	struct iopt_range *area;
	unsigned long end, taken;

	for (;;) {
		/* The lowest IOVA from start on that is offset past align */
		if (check_add_overflow(start,
				       (search->offset - start) & (align - 1),
				       &search->iova) ||
		    check_add_overflow(search->iova, search->length - 1,
				       &end) ||
		    end > last)
			return false;

		area = iopt_ranges_first(&iopt->areas, search->iova, end);
		reserved = area ? NULL :
				  interval_tree_iter_first(&iopt->reserved,
							   search->iova, end);
		if (!area && !reserved)
			return true;
		taken = area ? area->last : reserved->last;
		if (taken == ULONG_MAX)
			return false;
		start = taken + 1;
		if (!--search->steps) {
			search->iova = start;
			return false;
		}
		if (fatal_signal_pending(current))
			return false;
		cond_resched();
	}
}

/* Search from @start on in all that the kernel may choose from. */
static bool search_from(struct iova_search *search, unsigned long start,
			unsigned long steps)
{
	struct io_pagetable *iopt = search->iopt;
	struct interval_tree_node *node;

	search->steps = steps;
	/* Neither page 0, which looks like a NULL pointer, nor the last page */
	if (RB_EMPTY_ROOT(&iopt->allowed.rb_root))
		return search_range(search, max(start, PAGE_SIZE),
				    ULONG_MAX - PAGE_SIZE);

	for (node = interval_tree_iter_first(&iopt->allowed, start, ULONG_MAX);
	     node && search->steps;
	     node = interval_tree_iter_next(node, start, ULONG_MAX)) {
		if (search_range(search, max(start, node->start), node->last))
			return true;
		/* Ranges that are too small count as well. */
		if (search->steps && !--search->steps)
			search->iova = node->start;
		if (fatal_signal_pending(current))
			return false;
		cond_resched();
	}
	return false;
}

/*
 * Where many mappings lie close together it would take long to find out that no
 * gap between them is large enough.  There is space above all that the kernel
 * has chosen, or, if user space has mapped something there, above all mappings.
 */
static bool search_above(struct iova_search *search)
{
	struct iopt_iova_hints *hints = &search->iopt->hints;
	struct iopt_range *highest = search->iopt->areas.highest;

	if (search_from(search, hints->above_chosen, QUICK_STEPS))
		return true;
	/* The next search goes on there, or begins anew if that was all. */
	hints->above_chosen = search->steps ? 0 : search->iova;

	return highest && highest->last != ULONG_MAX &&
	       search_from(search, highest->last + 1, QUICK_STEPS);
}

/*
 * Find a free IOVA, a low one if that is quick:
 *
 *  1. from where the last search with this alignment ended, past QUICK_STEPS
 *     ranges in use at most;
 *  2. above what the kernel has chosen, or above all mappings;
 *  3. everywhere.
 */
static bool search_all(struct iova_search *search)
{
	struct iopt_iova_hints *hints = &search->iopt->hints;
	unsigned long *next;
	unsigned int i;

	lockdep_assert_held_write(&search->iopt->iova_lock);

	for (i = 0; i < IOPT_ALIGNMENTS; i++)
		hints->next[i] = min(hints->next[i], hints->lowest_freed);
	hints->lowest_freed = ULONG_MAX;

	next = &hints->next[ilog2(max(search->align, PAGE_SIZE)) - PAGE_SHIFT];
	if (!search_from(search, *next, QUICK_STEPS)) {
		if (!search->steps) {
			*next = search->iova;
			if (search_above(search))
				return true;
		}
		if (!search_from(search, *next, ULONG_MAX) &&
		    !search_from(search, 0, ULONG_MAX))
			return false;
	}
	*next = search->iova + search->length;
	return true;
}

/**
 * iopt_iova_choose() - Find a free range for a new mapping
 * @iopt: The I/O page table.
 * @length: Bytes, not 0, a multiple of io_pagetable::iova_alignment.
 * @offset: Address of the memory.  The IOVA gets the same lower bits if it can,
 *	up to 1 GiB, the size of the largest page, so that a huge page of the
 *	CPU can be one of the IOMMU.
 * @iova: Set to the first byte.
 *
 * Context: Process context, with io_pagetable::iova_lock held for writing.
 *
 * Return: 0, or -ENOSPC when nothing is free, or the caller is being killed.
 */
int iopt_iova_choose(struct io_pagetable *iopt, unsigned long length,
		     unsigned long offset, unsigned long *iova)
{
	struct iopt_iova_hints *hints = &iopt->hints;
	struct iova_search search = {
		.iopt = iopt,
		.length = length,
		.offset = offset,
	};
	unsigned long huge;

	huge = length >= SZ_1G ? SZ_1G :
				 roundup_pow_of_two(max(length, PAGE_SIZE));
	search.align = max(huge, iopt->iova_alignment);
	if (!search_all(&search)) {
		search.align = max(PAGE_SIZE, iopt->iova_alignment);
		if (!search_all(&search))
			return -ENOSPC;
	}
	hints->above_chosen = max(hints->above_chosen, search.iova + length);
	*iova = search.iova;
	return 0;
}

/**
 * iopt_reserve_locked() - Keep a range of IOVA from being mapped
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @owner: Identifies the range when it is given back.
 *
 * Context: Process context, with io_pagetable::iova_lock held for writing.
 *
 * Return: 0, -EADDRINUSE when something is mapped in the range or user space
 * wants to keep it usable, -ENOMEM.
 */
int iopt_reserve_locked(struct io_pagetable *iopt, unsigned long start,
			unsigned long last, const void *owner)
{
	struct iopt_reserved *reserved;

	lockdep_assert_held_write(&iopt->iova_lock);

	if (iopt_ranges_first(&iopt->areas, start, last) ||
	    range_taken(&iopt->allowed, start, last))
		return -EADDRINUSE;

	reserved = kzalloc(sizeof(*reserved), GFP_KERNEL_ACCOUNT);
	if (!reserved)
		return -ENOMEM;
	reserved->node.start = start;
	reserved->node.last = last;
	reserved->owner = owner;
	interval_tree_insert(&reserved->node, &iopt->reserved);
	return 0;
}

/**
 * iopt_unreserve_locked() - Give back all ranges of an owner
 * @iopt: The I/O page table.
 * @owner: The owner; may have none.
 *
 * Context: Process context, with io_pagetable::iova_lock held for writing.
 */
void iopt_unreserve_locked(struct io_pagetable *iopt, const void *owner)
{
	struct interval_tree_node *node, *next;

	lockdep_assert_held_write(&iopt->iova_lock);

	for (node = interval_tree_iter_first(&iopt->reserved, 0, ULONG_MAX);
	     node; node = next) {
		struct iopt_reserved *reserved = node_to_reserved(node);

		next = interval_tree_iter_next(node, 0, ULONG_MAX);
		if (reserved->owner != owner)
			continue;
		interval_tree_remove(node, &iopt->reserved);
		iopt_iova_freed(iopt, node->start);
		kfree(reserved);
		cond_resched();
	}
}

/**
 * iopt_reserve() - Keep a range of IOVA from being mapped
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @owner: Identifies the range when it is given back.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.
 *
 * Return: as iopt_reserve_locked(), or -EINTR when killed.
 */
int iopt_reserve(struct io_pagetable *iopt, unsigned long start,
		 unsigned long last, const void *owner)
{
	int rc;

	if (down_write_killable(&iopt->iova_lock))
		return -EINTR;
	rc = iopt_reserve_locked(iopt, start, last, owner);
	up_write(&iopt->iova_lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iopt_reserve, "IOMMUFD_TEST");

/**
 * iopt_unreserve() - Give back all ranges of an owner
 * @iopt: The I/O page table.
 * @owner: The owner; may have none.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.
 */
void iopt_unreserve(struct io_pagetable *iopt, const void *owner)
{
	down_write(&iopt->iova_lock);
	iopt_unreserve_locked(iopt, owner);
	up_write(&iopt->iova_lock);
}

/**
 * iopt_free_allowed() - Free a tree of struct iopt_allowed
 * @allowed: The tree; empty after.
 *
 * Context: Process context.
 */
void iopt_free_allowed(struct rb_root_cached *allowed)
{
	struct interval_tree_node *node;

	while ((node = interval_tree_iter_first(allowed, 0, ULONG_MAX))) {
		interval_tree_remove(node, allowed);
		kfree(node_to_allowed(node));
		cond_resched();
	}
}

/**
 * iopt_set_allowed() - Replace the ranges that user space wants to keep usable
 * @iopt: The I/O page table.
 * @allowed: Tree of the new ranges; set to the old ones on success.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.
 *
 * Return: 0, or, with nothing changed: -EADDRINUSE when a new range is reserved,
 * -EINTR when killed.
 */
int iopt_set_allowed(struct io_pagetable *iopt, struct rb_root_cached *allowed)
{
	struct interval_tree_node *node;
	int rc = 0;

	if (down_write_killable(&iopt->iova_lock))
		return -EINTR;
	for (node = interval_tree_iter_first(allowed, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		if (range_taken(&iopt->reserved, node->start, node->last)) {
			rc = -EADDRINUSE;
			goto out_unlock;
		}
		if (fatal_signal_pending(current)) {
			rc = -EINTR;
			goto out_unlock;
		}
		cond_resched();
	}
	swap(iopt->allowed, *allowed);
	iopt->hints.lowest_freed = 0;
	iopt->hints.above_chosen = 0;
out_unlock:
	up_write(&iopt->iova_lock);
	return rc;
}

/* Find the next range from @iova on that is not reserved, if there is one. */
static bool next_usable(struct io_pagetable *iopt, unsigned long iova,
			unsigned long *start, unsigned long *last)
{
	struct interval_tree_node *node;

	for (node = interval_tree_iter_first(&iopt->reserved, iova, ULONG_MAX);
	     node;
	     node = interval_tree_iter_next(node, iova, ULONG_MAX)) {
		if (node->start > iova) {
			*start = iova;
			*last = node->start - 1;
			return true;
		}
		if (node->last == ULONG_MAX)
			return false;
		iova = max(iova, node->last + 1);
	}
	*start = iova;
	*last = ULONG_MAX;
	return true;
}

/**
 * iopt_usable_ranges() - List the ranges of IOVA that are not reserved
 * @iopt: The I/O page table.
 * @ranges: Filled with the ranges, in ascending order.
 * @capacity: How many @ranges can hold; further ones are only counted.
 *
 * Context: Process context, with io_pagetable::iova_lock held.
 *
 * Return: the number of usable ranges.
 */
u32 iopt_usable_ranges(struct io_pagetable *iopt,
		       struct iommu_iova_range *ranges, u32 capacity)
{
	unsigned long start, last = 0;
	u32 n = 0;

	lockdep_assert_held(&iopt->iova_lock);

	while (next_usable(iopt, n ? last + 1 : 0, &start, &last)) {
		if (n < capacity) {
			ranges[n].start = start;
			ranges[n].last = last;
		}
		n++;
		if (last == ULONG_MAX)
			break;
		cond_resched();
	}
	return n;
}
