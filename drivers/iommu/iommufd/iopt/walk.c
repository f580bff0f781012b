// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looking at what is mapped
 *
 * In every range "last" is inclusive.
 */
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/sched.h>

#include "mmio_region.h"
#include "walk.h"

/**
 * iopt_walk_ready() - Call a function for each area of a range that is all
 * mapped
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @fn: Called for each area, in ascending order, with iova_lock held for
 *	reading.  An error of @fn ends the walk.
 * @arg: Argument of @fn.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.
 *
 * Return: 0, what @fn returns, -EINTR when killed, or -ENOENT when something in
 * the range is not mapped or not ready; @fn may have been called for what is
 * before.
 */
int iopt_walk_ready(struct io_pagetable *iopt, unsigned long start,
		    unsigned long last, iopt_area_fn fn, void *arg)
{
	struct iopt_range *node;
	unsigned long next = start;
	int rc;

	if (down_read_killable(&iopt->iova_lock))
		return -EINTR;
	for (node = iopt_ranges_first(&iopt->areas, start, last); node;
	     node = iopt_range_next(node, last)) {
		struct iopt_area *area = iopt_node_area(node);

		if (node->start > next || !area->ready)
			break;
		rc = fn(area, next, min(last, node->last), arg);
		if (rc || node->last >= last)
			goto out_unlock;
		next = node->last + 1;
		cond_resched();
	}
	rc = -ENOENT;
out_unlock:
	up_read(&iopt->iova_lock);
	return rc;
}

/* Is a mapping only partly in the range? */
static bool straddles(struct io_pagetable *iopt, unsigned long start,
		      unsigned long last)
{
	struct iopt_range *node;

	lockdep_assert_held(&iopt->iova_lock);

	node = iopt_ranges_first(&iopt->areas, start, start);
	if (node && node->start < start)
		return true;
	node = iopt_ranges_first(&iopt->areas, last, last);
	return node && node->last > last;
}

/**
 * iopt_walk_mappings() - Call a function for each mapping of a range
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @fn: Called for each mapping, in ascending order, also if it is not ready,
 *	without a lock.  May fault in user memory.  An error of @fn ends the
 *	walk.
 * @arg: Argument of @fn.
 *
 * Other calls may map and unmap meanwhile.  Of a mapping that they make, @fn is
 * called for what is in the range.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.
 *
 * Return: 0, -ENOENT, before @fn is called, when a mapping is only partly in
 * the range, -EINTR when killed, or what @fn returns.
 */
int iopt_walk_mappings(struct io_pagetable *iopt, unsigned long start,
		       unsigned long last, iopt_range_fn fn, void *arg)
{
	unsigned long first, end;
	struct iopt_range *node;
	int rc = 0;

	if (down_read_killable(&iopt->iova_lock))
		return -EINTR;
	if (straddles(iopt, start, last))
		rc = -ENOENT;
	while (!rc && (node = iopt_ranges_first(&iopt->areas, start, last))) {
		first = max(node->start, start);
		end = min(node->last, last);
		up_read(&iopt->iova_lock);
		rc = fn(first, end, arg);
		if (rc || end == last)
			return rc;
		start = end + 1;
		if (down_read_killable(&iopt->iova_lock))
			return -EINTR;
	}
	up_read(&iopt->iova_lock);
	return rc;
}

/**
 * iopt_walk_domain() - Call a function for the memory that the domains map
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @fn: Called for each mapping that is ready, or the part of it that is in the
 *	range, in ascending order.  An error of @fn ends the walk.
 * @arg: Argument of @fn.
 *
 * A mapping stays in the domains until @fn returns.  Mappings of MMIO are left
 * out, as they can be revoked meanwhile.
 *
 * Context: Process context, with io_pagetable::domains_lock held.  Takes
 * io_pagetable::iova_lock.
 *
 * Return: 0, -EINTR when killed, or what @fn returns.
 */
int iopt_walk_domain(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, iopt_range_fn fn, void *arg)
{
	struct iopt_range *node;
	struct iopt_area *area;
	int rc = 0;

	lockdep_assert_held(&iopt->domains_lock);

	if (down_read_killable(&iopt->iova_lock))
		return -EINTR;
	for (node = iopt_ranges_first(&iopt->areas, start, last);
	     node && !rc; node = iopt_range_next(node, last)) {
		area = iopt_node_area(node);
		if (area->ready && !iopt_area_is_mmio(area))
			rc = fn(max(node->start, start), min(node->last, last),
				arg);
		cond_resched();
	}
	up_read(&iopt->iova_lock);
	return rc;
}

/**
 * iopt_collect_files() - List the pages objects of all mappings
 * @iopt: The I/O page table.
 * @files: The list, for iopt_files_change_process().
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.
 *
 * Return: 0, -EINVAL when a mapping is of memory of a process, or -EINTR when
 * killed.
 */
int iopt_collect_files(struct io_pagetable *iopt, struct list_head *files)
{
	struct iopt_range *node;
	int rc = 0;

	if (down_read_killable(&iopt->iova_lock))
		return -EINTR;
	for (node = iopt_ranges_first(&iopt->areas, 0, ULONG_MAX);
	     node && !rc; node = iopt_range_next(node, ULONG_MAX)) {
		rc = iopt_files_collect(iopt_node_area(node)->slice.pages,
					files);
		cond_resched();
	}
	up_read(&iopt->iova_lock);
	return rc;
}
