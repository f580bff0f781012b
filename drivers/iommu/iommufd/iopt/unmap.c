// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmapping
 *
 * An unmap first looks at the whole range: its areas become not ready, and
 * accesses drop their pins of them.  From there on it cannot fail: the areas
 * leave the domains, which are flushed, their memory is unpinned, and only then
 * is their IOVA free for other mappings.
 *
 * In every range "last" is inclusive.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "area.h"
#include "demand.h"
#include "mmio_region.h"
#include "unmap.h"

/* Undo areas_claim(). */
static void areas_unclaim(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area;

	lockdep_assert_held_write(&iopt->iova_lock);

	list_for_each_entry(area, areas, item) {
		area->ready = true;
		iopt_areas_resched(areas, area);
	}
	INIT_LIST_HEAD(areas);
}

/*
 * List the areas from @start to @last, not ready any more, if all of them can
 * be unmapped.  With @split, areas that are only partly in the range can be,
 * too.
 */
static int areas_claim(struct io_pagetable *iopt, unsigned long start,
		       unsigned long last, bool split, struct list_head *areas)
{
	struct iopt_range *node;
	struct iopt_area *area;
	int rc = 0;

	if (down_write_killable(&iopt->iova_lock))
		return -EINTR;
	for (node = iopt_ranges_first(&iopt->areas, start, last); node;
	     node = iopt_range_next(node, last)) {
		area = iopt_node_area(node);
		if (!split && (node->start < start || node->last > last))
			rc = -ENOENT;
		else if (!area->ready)
			rc = -EBUSY;
		if (rc) {
			areas_unclaim(iopt, areas);
			break;
		}
		area->ready = false;
		list_add_tail(&area->item, areas);
		if (node->last >= last)
			break;
		cond_resched();
	}
	up_write(&iopt->iova_lock);
	return rc;
}

/* Does an access have pins that meet a range? */
static bool access_pins(struct iopt_access *access, unsigned long start,
			unsigned long last)
{
	bool pins;

	spin_lock(&access->lock);
	pins = interval_tree_iter_first(&access->pins, start, last);
	spin_unlock(&access->lock);
	return pins;
}

/* Does an access have pins of a claimed area that it cannot drop? */
static bool access_holds(struct iopt_access *access, struct list_head *areas)
{
	struct iopt_area *area;

	list_for_each_entry(area, areas, item) {
		if (atomic_read_acquire(&area->nusers) &&
		    access_pins(access, area->node.start, area->node.last))
			return true;
		iopt_areas_resched(areas, area);
	}
	return false;
}

/* Asked before an access is told of anything, so that a refusal changes nothing. */
static int areas_check_held(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_access *access;
	int rc = 0;

	/* One that is added from now on finds no claimed area to pin. */
	if (!READ_ONCE(iopt->nholding))
		return 0;
	if (down_read_killable(&iopt->accesses_lock))
		return -EINTR;
	list_for_each_entry(access, &iopt->accesses, item) {
		if (!access->unmap && access_holds(access, areas)) {
			rc = -EBUSY;
			break;
		}
	}
	up_read(&iopt->accesses_lock);
	return rc;
}

/*
 * Have accesses drop their pins of a claimed area, and wait.  Other uses end by
 * themselves, and a pin that is being made finds that the area is not ready any
 * more.
 */
static int area_wait_unused(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iopt_access *access;

	if (!atomic_read_acquire(&area->nusers))
		return 0;

	/* A driver that unpins in unmap() waits for it, too, and cannot be killed. */
	if (iopt_slice_wait(&area->slice))
		return -EINTR;
	if (down_read_killable(&iopt->accesses_lock))
		return -EINTR;
	list_for_each_entry(access, &iopt->accesses, item)
		if (access_pins(access, area->node.start, area->node.last))
			access->unmap(access->data, area->node.start,
				      area->slice.length);
	up_read(&iopt->accesses_lock);

	return wait_var_event_killable(&area->nusers,
				       !atomic_read_acquire(&area->nusers)) ?
		       -EINTR : 0;
}

/*
 * Wait for accesses, and for a call that pins other pages of one of the pages
 * objects: unpinning waits for it too, but from there on the unmap cannot be
 * given up.  A pin that begins after this is waited for there.
 */
static int areas_wait_unused(struct io_pagetable *iopt,
			     struct list_head *areas)
{
	bool filled = !list_empty(&iopt->domains);
	struct iopt_area *area;
	int rc = 0;

	list_for_each_entry(area, areas, item) {
		rc = area_wait_unused(iopt, area);
		if (!rc && filled)
			rc = iopt_slice_wait(&area->slice);
		if (rc)
			break;
		iopt_areas_resched(areas, area);
	}
	return rc;
}

static int areas_report(struct list_head *areas, iopt_range_fn report,
			void *arg)
{
	struct iopt_area *area;
	int rc = 0;

	list_for_each_entry(area, areas, item) {
		rc = report(area->node.start, area->node.last, arg);
		if (rc)
			break;
		iopt_areas_resched(areas, area);
	}
	return rc;
}

/**
 * struct unmap_split - What it takes to split mappings
 * @spare: Areas for the parts that stay: an unmap has two ends.
 */
struct unmap_split {
	struct iopt_area *spare[2];
};

static void split_free(struct unmap_split *split)
{
	kfree(split->spare[0]);
	kfree(split->spare[1]);
}

static int split_alloc(struct unmap_split *split)
{
	split->spare[0] = iopt_area_alloc_any();
	split->spare[1] = iopt_area_alloc_any();
	if (split->spare[0] && split->spare[1])
		return 0;
	split_free(split);
	return -ENOMEM;
}

/*
 * Does an unmap leave one mapping more than there was?  Any other unmap that
 * splits removes as many areas as it makes, at least.
 */
static bool makes_hole(struct list_head *areas, unsigned long start,
		       unsigned long last)
{
	struct iopt_area *area = list_first_entry(areas, struct iopt_area,
						  item);

	return area->node.start < start && area->node.last > last;
}

static int hole_charge(struct io_pagetable *iopt, struct list_head *areas)
{
	int rc;

	rc = iopt_mappings_charge(iopt, 1);
	if (rc)
		return rc;
	rc = iopt_mmio_hole_charge(iopt, areas);
	if (rc)
		iopt_mappings_uncharge(iopt, 1);
	return rc;
}

/* Undo hole_charge(), also once the mapping is split, which counts itself. */
static void hole_uncharge(struct io_pagetable *iopt, struct list_head *areas)
{
	iopt_mmio_hole_uncharge(iopt, areas);
	iopt_mappings_uncharge(iopt, 1);
}

/* Leave in the list only what lies between @start and @last. */
static void areas_split(struct io_pagetable *iopt, struct list_head *areas,
			unsigned long start, unsigned long last,
			struct unmap_split *split)
{
	struct iopt_area *area, *tail;

	area = list_first_entry(areas, struct iopt_area, item);
	if (area->node.start < start) {
		tail = split->spare[0];
		split->spare[0] = NULL;
		/* After the split, any call may unmap the first part. */
		list_replace(&area->item, &tail->item);
		iopt_area_split(iopt, area, tail, start, area);
	}

	area = list_last_entry(areas, struct iopt_area, item);
	if (area->node.last > last) {
		tail = split->spare[1];
		split->spare[1] = NULL;
		iopt_area_split(iopt, area, tail, last + 1, tail);
	}
}

/*
 * An IOMMU unmaps whole pages of its own.  While huge pages are not allowed the
 * domains have none: they can only be given up while nothing is in a domain.
 * What is on demand is not split at all.
 */
static bool domains_can_split(struct io_pagetable *iopt)
{
	lockdep_assert_held(&iopt->domains_lock);

	return !iopt->on_demand &&
	       (!iopt->huge_pages || list_empty(&iopt->domains));
}

/* Release what is populated of areas on demand. */
static void areas_release(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area;

	list_for_each_entry(area, areas, item) {
		if (!iopt_area_is_mmio(area))
			iopt_demand_release_area(iopt, area);
		iopt_areas_resched(areas, area);
	}
}

/**
 * struct unmap_extra - What an unmap may do besides
 * @split: What it takes to split mappings, or NULL.
 * @report: Called for each mapping before anything is unmapped, or NULL.
 * @arg: Argument of @report.
 */
struct unmap_extra {
	struct unmap_split *split;
	iopt_range_fn report;
	void *arg;
};

static int unmap_range(struct io_pagetable *iopt, unsigned long start,
		       unsigned long last, const struct unmap_extra *extra,
		       unsigned long *unmapped)
{
	struct unmap_split *split = extra->split;
	unsigned long n = 0, bytes = 0;
	struct iopt_area *area;
	LIST_HEAD(areas);
	bool hole;
	int rc;

	*unmapped = 0;
	if (down_read_killable(&iopt->domains_lock))
		return -EINTR;
	rc = areas_claim(iopt, start, last, split && domains_can_split(iopt),
			 &areas);
	if (rc || list_empty(&areas))
		goto out_unlock;
	hole = split && makes_hole(&areas, start, last);
	rc = areas_check_held(iopt, &areas);
	if (!rc && hole)
		rc = hole_charge(iopt, &areas);
	if (rc)
		goto err_unclaim;
	rc = areas_wait_unused(iopt, &areas);
	if (!rc && extra->report)
		rc = areas_report(&areas, extra->report, extra->arg);
	if (rc)
		goto err_uncharge;

	if (split)
		areas_split(iopt, &areas, start, last, split);
	if (iopt->on_demand)
		areas_release(iopt, &areas);
	iopt_areas_unfill(iopt, &areas);
	if (hole)
		hole_uncharge(iopt, &areas);
	iopt_areas_remove(iopt, &areas);
	list_for_each_entry(area, &areas, item) {
		bytes += area->slice.length;
		n++;
		iopt_areas_resched(&areas, area);
	}
	atomic_long_add(n, &iopt->stats.unmaps);
out_unlock:
	up_read(&iopt->domains_lock);
	iopt_areas_free(&areas);
	*unmapped = bytes;
	return rc;

err_uncharge:
	if (hole)
		hole_uncharge(iopt, &areas);
err_unclaim:
	down_write(&iopt->iova_lock);
	areas_unclaim(iopt, &areas);
	up_write(&iopt->iova_lock);
	goto out_unlock;
}

/**
 * iopt_unmap() - Unmap all of a range
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @unmapped: Set to the bytes that were mapped, 0 for none.
 *
 * When this function returns, no device reaches the memory any more, and the
 * memory is unpinned.  Accesses that have pinned some of it are told to drop
 * their pins, and waited for.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.
 *
 * Return: 0, or, with nothing changed: -ENOENT when a mapping is only partly in
 * the range, -EBUSY when another thread is mapping or unmapping in it, or an
 * access has pinned some of it that cannot drop its pins, -EINTR when killed
 * while it waits for another call or for the pins of an access.
 */
int iopt_unmap(struct io_pagetable *iopt, unsigned long start,
	       unsigned long last, unsigned long *unmapped)
{
	static const struct unmap_extra none;

	return unmap_range(iopt, start, last, &none, unmapped);
}

/**
 * iopt_unmap_reported() - Report the mappings of a range, and unmap them
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @report: Called for each mapping, in ascending order, before anything is
 *	unmapped; may fault in user memory.
 * @arg: Argument of @report.
 * @unmapped: Set to the bytes that were mapped, 0 for none.
 *
 * No other call changes the mappings between the report and the unmap.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.
 *
 * Return: as iopt_unmap(), or what @report returns, with nothing changed.
 */
int iopt_unmap_reported(struct io_pagetable *iopt, unsigned long start,
			unsigned long last, iopt_range_fn report, void *arg,
			unsigned long *unmapped)
{
	struct unmap_extra extra = { .report = report, .arg = arg };

	return unmap_range(iopt, start, last, &extra, unmapped);
}

/**
 * iopt_unmap_split() - Unmap a range, if need be out of the middle of a mapping
 * @iopt: The I/O page table.
 * @start: First byte, page aligned.
 * @last: Last byte, inclusive, of a page.
 * @unmapped: Set to the bytes that were mapped, 0 for none.
 *
 * Each part that is left of a mapping is a mapping of its own from then on.  It
 * stays in the domains and pinned throughout, so DMA to it goes on.  A split
 * takes domains that are mapped page by page: while there is a domain and huge
 * pages are allowed, or where all is on demand, no mapping is split, and the
 * errno is that of iopt_unmap().  Accesses drop all their pins of a mapping
 * that is split.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.
 *
 * Return: as iopt_unmap(), or, with nothing changed, -ENOMEM, or -ENOSPC when
 * one mapping becomes two and that is over a limit.
 */
int iopt_unmap_split(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, unsigned long *unmapped)
{
	struct unmap_split split;
	struct unmap_extra extra = { .split = &split };
	int rc;

	*unmapped = 0;
	rc = split_alloc(&split);
	if (rc)
		return rc;
	rc = unmap_range(iopt, start, last, &extra, unmapped);
	split_free(&split);
	return rc;
}
