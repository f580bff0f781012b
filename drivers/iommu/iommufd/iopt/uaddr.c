// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changing the user addresses of what is mapped
 *
 * First the addresses of mappings become invalid, then each mapping is given a
 * new one, maybe by another process.  In between, what is pinned stays pinned
 * and in the domains, so that DMA goes on.  What is not pinned cannot be pinned:
 * whoever needs that gets -EBUSY at once.  A call that waited instead would wait
 * for ever if no address is given, and meanwhile would hold what an unmap, and
 * a detach of an access, wait for.
 *
 * The address is one of the pages object.  If areas share it, which are copies
 * and the parts of an area that was split, it neither becomes invalid nor is
 * given: whoever gives an address for one area would give one to all, and the
 * others may map more memory of the new process than it has given.  Areas that
 * are copied or split from one area later map no more than that one does.
 *
 * Memory of a file and MMIO have no user address, but their areas are treated
 * alike, as user space need not know which is which: an area remembers that it
 * is to be given one.  They may be shared.
 *
 * As in type1, no address becomes invalid while an access is attached: what is
 * not pinned it could not reach in the meantime.  An access that is attached
 * later, or that reaches a copy that is made later in another I/O page table,
 * gets -EBUSY for that.  A container of the VFIO core, whose access is always
 * attached, counts its groups of emulated devices instead, of which none comes
 * later.
 *
 * For the same reason none of an I/O page table on demand does: devices could
 * not reach what is not populated.
 *
 * In every range "last" is inclusive.
 */
#include <linux/err.h>
#include <linux/lockdep.h>
#include <linux/sched.h>

#include "area.h"
#include "uaddr.h"

static bool uaddr_is_invalid(const struct iopt_area *area)
{
	return area->uaddr_invalid ||
	       READ_ONCE(area->slice.pages->uaddr_invalid);
}

/**
 * iopt_hold_uaddrs() - Keep user addresses from becoming invalid
 * @iopt: The I/O page table.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.  Pairs with
 * iopt_release_uaddrs().
 *
 * Return: 0, -EBUSY when an address is invalid already, or -EINTR when killed.
 */
int iopt_hold_uaddrs(struct io_pagetable *iopt)
{
	struct iopt_range *node;
	int rc = 0;

	if (down_read_killable(&iopt->iova_lock))
		return -EINTR;
	for (node = iopt_ranges_first(&iopt->areas, 0, ULONG_MAX); node;
	     node = iopt_range_next(node, ULONG_MAX)) {
		if (uaddr_is_invalid(iopt_node_area(node))) {
			rc = -EBUSY;
			break;
		}
		cond_resched();
	}
	if (!rc)
		atomic_inc(&iopt->uaddr_holds);
	up_read(&iopt->iova_lock);
	return rc;
}

/* See whether all addresses of a range can become invalid. */
static int check_uaddrs(struct io_pagetable *iopt, unsigned long start,
			unsigned long last, bool whole)
{
	struct iopt_range *node;

	lockdep_assert_held(&iopt->iova_lock);

	for (node = iopt_ranges_first(&iopt->areas, start, last); node;
	     node = iopt_range_next(node, last)) {
		struct iopt_area *area = iopt_node_area(node);

		if (whole && (node->start < start || node->last > last))
			return -ENOENT;
		if (!area->ready)
			return -EBUSY;
		if (uaddr_is_invalid(area))
			return -EINVAL;
		if (iopt_pages_uaddr_is_shared(area->slice.pages))
			return -EBUSY;
		cond_resched();
	}
	return 0;
}

static void mark_uaddrs(struct io_pagetable *iopt, unsigned long start,
			unsigned long last, unsigned long *bytes)
{
	struct iopt_range *node;

	lockdep_assert_held_write(&iopt->iova_lock);

	for (node = iopt_ranges_first(&iopt->areas, start, last); node;
	     node = iopt_range_next(node, last)) {
		struct iopt_area *area = iopt_node_area(node);

		area->uaddr_invalid = true;
		iopt_pages_invalidate_uaddr(area->slice.pages);
		*bytes += area->slice.length;
		cond_resched();
	}
}

/*
 * Get the pages object of the first area of a range; NULL without one, or
 * ERR_PTR(-EINTR) when killed.  As long as it is kept, it counts as shared.
 */
static struct iopt_pages *get_first_pages(struct io_pagetable *iopt,
					  unsigned long start,
					  unsigned long last,
					  unsigned long *area_last)
{
	struct iopt_pages *pages = NULL;
	struct iopt_range *node;

	if (down_read_killable(&iopt->iova_lock))
		return ERR_PTR(-EINTR);
	node = iopt_ranges_first(&iopt->areas, start, last);
	if (node) {
		pages = iopt_node_area(node)->slice.pages;
		iopt_pages_get(pages);
		*area_last = node->last;
	}
	up_read(&iopt->iova_lock);
	return pages;
}

static int wait_uaddrs_unused(struct io_pagetable *iopt, unsigned long start,
			      unsigned long last)
{
	struct iopt_pages *pages;
	unsigned long area_last;
	int rc;

	while ((pages = get_first_pages(iopt, start, last, &area_last))) {
		if (IS_ERR(pages))
			return PTR_ERR(pages);
		rc = iopt_pages_wait_uaddr_unused(pages);
		iopt_pages_put(pages);
		if (rc || area_last >= last)
			return rc;
		start = area_last + 1;
		cond_resched();
	}
	return 0;
}

/**
 * iopt_invalidate_uaddrs() - Make the user addresses of mappings invalid
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @whole: No mapping may be only partly in the range.  Otherwise, as with
 *	VFIO_TYPE1_IOMMU, a mapping that begins in the range counts as a whole,
 *	and nothing is done if one begins before it.
 * @bytes: Set to the bytes of these mappings, 0 for none.
 *
 * DMA goes on.  When this function returns 0, no call accesses memory at the
 * old addresses.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.  The caller
 * serializes this function and iopt_set_uaddr().
 *
 * Return: 0, or, with nothing changed: -ENOENT for @whole, -EINVAL when an
 * address is invalid already, -EBUSY when addresses are held or shared, or
 * another thread is mapping or unmapping in the range.  -EINTR when killed,
 * maybe with the addresses invalid, as if killed after this call.
 */
int iopt_invalidate_uaddrs(struct io_pagetable *iopt, unsigned long start,
			   unsigned long last, bool whole,
			   unsigned long *bytes)
{
	struct iopt_range *first;
	int rc;

	*bytes = 0;
	if (down_write_killable(&iopt->iova_lock))
		return -EINTR;
	first = iopt_ranges_first(&iopt->areas, start, last);
	if (!iopt_uaddrs_may_change(iopt))
		rc = -EBUSY;
	else if (!first || (!whole && first->start < start))
		rc = 0;
	else
		rc = check_uaddrs(iopt, start, last, whole);
	if (!rc && first && first->start >= start)
		mark_uaddrs(iopt, start, last, bytes);
	up_write(&iopt->iova_lock);
	if (rc || !*bytes)
		return rc;
	return wait_uaddrs_unused(iopt, start, last);
}

/*
 * Get the mapping of exactly a range, whose address is invalid.  It is neither
 * split nor unmapped until it is put, so what shares the address by then is a
 * copy of it.
 */
static struct iopt_area *get_invalid(struct io_pagetable *iopt,
				     unsigned long start, unsigned long last)
{
	struct iopt_area *area = ERR_PTR(-ENOENT);
	struct iopt_range *node;

	if (down_read_killable(&iopt->iova_lock))
		return ERR_PTR(-EINTR);
	node = iopt_ranges_first(&iopt->areas, start, last);
	if (node) {
		area = iopt_node_area(node);
		if (node->start != start || node->last != last ||
		    !uaddr_is_invalid(area))
			area = ERR_PTR(-EINVAL);
		else if (!area->ready ||
			 iopt_pages_uaddr_is_shared(area->slice.pages))
			area = ERR_PTR(-EBUSY);
		else
			iopt_area_get(area);
	}
	up_read(&iopt->iova_lock);
	return area;
}

/**
 * iopt_set_uaddr() - Give a mapping whose user address is invalid a new one
 * @iopt: The I/O page table.
 * @start: First byte of the mapping.
 * @last: Last byte, inclusive.
 * @uaddr: The address of the first byte in the current process, which is
 *	charged for the memory from now on.
 * @account_mode: The account that is charged.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock and
 * iopt_pages::lock.  The caller serializes this function and
 * iopt_invalidate_uaddrs().
 *
 * Return: 0, or, with nothing changed: -ENOENT when nothing is mapped in the
 * range, -EINVAL when that is not exactly one mapping or its address is valid,
 * -EBUSY when another mapping shares the address, or another thread is
 * unmapping it, -EINTR when killed, or what iopt_pages_set_uaddr() returns.
 */
int iopt_set_uaddr(struct io_pagetable *iopt, unsigned long start,
		   unsigned long last, unsigned long uaddr,
		   enum iopt_account_mode account_mode)
{
	struct iopt_area *area;
	int rc;

	area = get_invalid(iopt, start, last);
	if (IS_ERR(area))
		return PTR_ERR(area);
	rc = iopt_pages_set_uaddr(area->slice.pages,
				  iopt_slice_start(&area->slice), uaddr,
				  account_mode);
	if (!rc) {
		down_write(&iopt->iova_lock);
		area->uaddr_invalid = false;
		up_write(&iopt->iova_lock);
	}
	iopt_area_put(area);
	return rc;
}
