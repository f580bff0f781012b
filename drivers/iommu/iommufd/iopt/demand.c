// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O page tables that are populated on demand
 *
 * Devices that fault, and calls, populate and release what is mapped: pieces of
 * it, see piece.c.  A call keeps no piece; each piece has the number of the
 * call that has made it, by which one that fails finds what it has to undo.
 *
 * In every range "last" is inclusive.
 */
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "area.h"
#include "demand.h"
#include "mmio_region.h"
#include "piece.h"
#include "walk.h"

/**
 * iopt_demand_init() - Set up a struct iopt_demand without pieces
 * @demand: The struct, zeroed.
 */
void iopt_demand_init(struct iopt_demand *demand)
{
	spin_lock_init(&demand->lock);
	demand->pieces = IOPT_RANGES_INIT;
	init_waitqueue_head(&demand->wait);
}

/**
 * iopt_demand_destroy() - Undo iopt_demand_init()
 * @demand: The struct.
 */
void iopt_demand_destroy(struct iopt_demand *demand)
{
	WARN_ON(!iopt_ranges_empty(&demand->pieces));
}

/* For who knows that no piece of the range is busy, nor will be */
static bool match_all(const struct iopt_piece_walk *walk,
		      struct iopt_piece *piece)
{
	return !WARN_ON_ONCE(piece->busy);
}

static bool match_pinned(const struct iopt_piece_walk *walk,
			 struct iopt_piece *piece)
{
	return !piece->busy && piece->npins;
}

static bool match_unpin(const struct iopt_piece_walk *walk,
			struct iopt_piece *piece)
{
	if (piece->npins)
		piece->npins--;
	return true;
}

/* Returns whether the call releases the piece. */
static bool match_released(const struct iopt_piece_walk *walk,
			   struct iopt_piece *piece)
{
	return piece->busy && piece->call == walk->call;
}

/* Have the call release the piece if the range has all of it. */
static bool match_release(const struct iopt_piece_walk *walk,
			  struct iopt_piece *piece)
{
	if (piece->busy || piece->npins || piece->node.start < walk->next ||
	    piece->node.last > walk->last)
		return false;
	piece->call = walk->call;
	piece->busy = true;
	return true;
}

/* Have the call release the piece if it has made it. */
static bool match_undo(const struct iopt_piece_walk *walk,
		       struct iopt_piece *piece)
{
	if (piece->busy || piece->npins || piece->call != walk->call)
		return false;
	piece->busy = true;
	return true;
}

/**
 * struct area_hold - Argument of hold_area()
 * @memory: Refuse areas of MMIO, which are in the domains, or revoked, as a
 *	whole.
 * @any: Some of the range is held.
 * @last: Last byte that is held.
 */
struct area_hold {
	bool memory;
	bool any;
	unsigned long last;
};

/* An iopt_area_fn: keep an area from being unmapped. */
static int hold_area(struct iopt_area *area, unsigned long start,
		     unsigned long last, void *arg)
{
	struct area_hold *hold = arg;

	if (hold->memory && iopt_area_is_mmio(area))
		return -EINVAL;
	iopt_area_get(area);
	hold->any = true;
	hold->last = last;
	return 0;
}

/* Undo areas_hold(). */
static void areas_put(struct io_pagetable *iopt, unsigned long start,
		      unsigned long last)
{
	struct iopt_range *node;

	down_read(&iopt->iova_lock);
	for (node = iopt_ranges_first(&iopt->areas, start, last); node;
	     node = iopt_range_next(node, last)) {
		/* An unmap that goes on then still waits for iova_lock. */
		iopt_area_put(iopt_node_area(node));
		cond_resched();
	}
	up_read(&iopt->iova_lock);
}

/*
 * Keep all areas of a range from being unmapped, as long as a call is at work
 * in it and until it has undone what it has done.  So the pieces that it finds
 * are of the areas that it began with, and an unmap leaves them alone.  Returns
 * 0, -ENOENT when not all of the range is mapped, or is being unmapped, -EINVAL
 * for @memory, or -EINTR when killed.
 */
static int areas_hold(struct io_pagetable *iopt, unsigned long start,
		      unsigned long last, bool memory)
{
	struct area_hold hold = { .memory = memory };
	int rc;

	rc = iopt_walk_ready(iopt, start, last, hold_area, &hold);
	if (rc && hold.any)
		areas_put(iopt, start, hold.last);
	return rc;
}

/* Get the first area of memory that meets a range, which is held, or NULL. */
static struct iopt_area *next_area(struct io_pagetable *iopt,
				   unsigned long start, unsigned long last)
{
	struct iopt_area *area = NULL;
	struct iopt_range *node;

	down_read(&iopt->iova_lock);
	for (node = iopt_ranges_first(&iopt->areas, start, last); node;
	     node = iopt_range_next(node, last)) {
		if (!iopt_area_is_mmio(iopt_node_area(node))) {
			area = iopt_node_area(node);
			break;
		}
		cond_resched();
	}
	up_read(&iopt->iova_lock);
	return area;
}

/*
 * Release the pieces in a range, which is held, that @claim makes busy for the
 * call.  As an unmap does, wait before for who pins memory of an area, which
 * can be killed, since from there on it cannot be given up.  With @finish, go
 * on all the same.
 */
static int release_areas(struct io_pagetable *iopt, unsigned long start,
			 unsigned long last, u64 call, iopt_piece_match claim,
			 bool finish)
{
	struct iopt_area *area;
	unsigned long end;
	int rc;

	while ((area = next_area(iopt, start, last))) {
		start = max(start, area->node.start);
		end = min(last, area->node.last);
		rc = finish ? 0 : fatal_signal_pending(current) ? -EINTR :
		     iopt_slice_wait(&area->slice);
		if (rc)
			return rc;
		iopt_pieces_walk(iopt, start, end, call, claim);
		iopt_pieces_release(iopt, start, end, call, match_released);
		if (end == last)
			break;
		start = end + 1;
	}
	return 0;
}

/*
 * As iopt_piece_populate(), with what the driver allocates charged to the
 * memory cgroup of whoever is charged for the memory: a kernel thread has none.
 */
static int populate_charged(struct iopt_demand_call *populate,
			    struct iopt_area *area)
{
	struct mem_cgroup *memcg, *old;
	int rc;

	rc = iopt_pages_get_memcg(area->slice.pages, &memcg);
	if (rc)
		return rc;
	old = set_active_memcg(memcg);
	rc = iopt_piece_populate(populate, area);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	return rc;
}

/*
 * Get the area at @iova, which stays until iopt_area_put().  Returns
 * ERR_PTR(-EAGAIN) for one that is not ready: an unmap that has claimed it may
 * still give it back, and then it is the one that there is.
 */
static struct iopt_area *get_area(struct io_pagetable *iopt, unsigned long iova)
{
	struct iopt_area *area = ERR_PTR(-ENOENT);
	struct iopt_range *node;

	if (down_read_killable(&iopt->iova_lock))
		return ERR_PTR(-EINTR);
	node = iopt_ranges_first(&iopt->areas, iova, iova);
	if (node) {
		area = iopt_node_area(node);
		if (!area->ready)
			area = ERR_PTR(-EAGAIN);
		else if (iopt_area_is_mmio(area))
			area = ERR_PTR(-EINVAL);
		else
			iopt_area_get(area);
	}
	up_read(&iopt->iova_lock);
	return area;
}

static int populate_fault(struct iopt_demand_call *populate)
{
	struct iopt_area *area;
	int rc;

	area = get_area(populate->iopt, populate->next);
	if (IS_ERR(area))
		return PTR_ERR(area);
	rc = populate->prot & ~area->prot ? -EPERM :
					    populate_charged(populate, area);
	iopt_area_put(area);
	return rc;
}

static int fault_locked(struct io_pagetable *iopt, unsigned long iova, int prot)
{
	struct iopt_demand_call populate = {
		.iopt = iopt,
		.next = iova & PAGE_MASK,
		.last = iova | ~PAGE_MASK,
		.prot = prot,
		.fault = true,
		.call = atomic64_inc_return(&iopt->demand.ncalls),
	};

	lockdep_assert_held(&iopt->domains_lock);

	if (!iopt->on_demand || list_empty(&iopt->domains))
		return -EINVAL;
	return populate_fault(&populate);
}

/**
 * iopt_demand_fault() - Populate what a device needs
 * @iopt: The I/O page table, on demand.
 * @iova: An IOVA that the device wants to reach.
 * @prot: IOMMU_READ and IOMMU_WRITE, what it wants to do.
 *
 * Pins the page, and if it is one of a huge page, as much of that as is mapped.
 * Nothing happens if the page is populated already.
 *
 * While a call maps or unmaps there, it is open what there is going to be.  The
 * call may wait for a program, and this function must not.  So the device is to
 * ask again.
 *
 * Context: Process context, a kernel thread as well.  Takes
 * io_pagetable::domains_lock.  May fault in user memory, but waits for no
 * program to do something unless it is called by a process whose memory it is.
 *
 * Return: 0, or, with nothing changed: -EAGAIN while it is being mapped or
 * unmapped, -ENOENT when nothing is mapped there, -EPERM when the mapping does
 * not permit @prot, -EINVAL when it is of MMIO or when there is no domain,
 * -EINTR when killed, -ENOMEM, or what iopt_slice_pin_nowait() and
 * iopt_slice_map() return.
 */
int iopt_demand_fault(struct io_pagetable *iopt, unsigned long iova, int prot)
{
	int rc;

	if (down_read_killable(&iopt->domains_lock)) {
		rc = -EINTR;
	} else {
		rc = fault_locked(iopt, iova, prot);
		up_read(&iopt->domains_lock);
	}
	if (rc != -EAGAIN)
		atomic_long_inc(rc ? &iopt->demand.failed :
				     &iopt->demand.served);
	return rc;
}

/* Populate a range that is held, and pin it if that is asked for. */
static int populate_held(struct iopt_demand_call *populate)
{
	struct io_pagetable *iopt = populate->iopt;
	unsigned long start = populate->next, last = populate->last;
	struct iopt_area *area;
	int rc;

	do {
		cond_resched();
		area = next_area(iopt, populate->next, last);
		rc = fatal_signal_pending(current) ? -EINTR :
			     iopt_piece_populate(populate, area);
		if (rc)
			goto err_undo;
		/* The next of the last byte of all is 0. */
	} while (populate->next && populate->next <= last);
	return 0;

err_undo:
	if (populate->next == start)
		return rc;
	last = populate->next - 1;
	if (populate->pin)
		iopt_pieces_walk(iopt, start, last, 0, match_unpin);
	release_areas(iopt, start, last, populate->call, match_undo, true);
	return rc;
}

static int populate_locked(struct iopt_demand_call *populate)
{
	struct io_pagetable *iopt = populate->iopt;
	unsigned long start = populate->next, last = populate->last;
	int rc;

	lockdep_assert_held(&iopt->domains_lock);

	if (!iopt->on_demand)
		return -EOPNOTSUPP;
	if (list_empty(&iopt->domains))
		return -ENODEV;
	rc = areas_hold(iopt, start, last, true);
	if (rc)
		return rc;
	rc = populate_held(populate);
	areas_put(iopt, start, last);
	return rc;
}

/**
 * iopt_demand_populate() - Populate all of a range
 * @iopt: The I/O page table, on demand.
 * @start: First byte, page aligned.
 * @last: Last byte, inclusive, of a page.
 * @pin: Pin what is populated, so that iopt_demand_release() leaves it.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.  May fault in
 * user memory.
 *
 * Return: 0, or, with nothing changed: -EOPNOTSUPP when it is not on demand,
 * -ENODEV when there is no domain, -ENOENT when not all of the range is mapped,
 * or is being unmapped, -EINVAL when some of it is MMIO, -EOVERFLOW when it is
 * pinned too often, -EINTR when killed, -ENOMEM, or what iopt_slice_pin() and
 * iopt_slice_map() return.
 */
int iopt_demand_populate(struct io_pagetable *iopt, unsigned long start,
			 unsigned long last, bool pin)
{
	struct iopt_demand_call populate = {
		.iopt = iopt,
		.next = start,
		.last = last,
		.pin = pin,
		.call = atomic64_inc_return(&iopt->demand.ncalls),
	};
	int rc;

	if (down_read_killable(&iopt->domains_lock))
		return -EINTR;
	rc = populate_locked(&populate);
	up_read(&iopt->domains_lock);
	return rc;
}

/* Returns -ENOENT unless all of a range is pinned, and -EINTR when killed. */
static int check_pinned(struct io_pagetable *iopt, unsigned long start,
			unsigned long last)
{
	struct iopt_piece_walk walk = iopt_piece_walk_init(iopt, start, last,
							   match_pinned);
	unsigned long next = start;

	while (iopt_pieces_next(&walk)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (!walk.piece || walk.start > next)
			return -ENOENT;
		next = walk.next;
	}
	return walk.end ? 0 : -ENOENT;
}

/**
 * iopt_demand_unpin() - Undo one iopt_demand_populate() that has pinned
 * @iopt: The I/O page table, on demand.
 * @start: First byte, as it was pinned.
 * @last: Last byte, inclusive, as it was pinned.
 *
 * What is not pinned any more stays populated.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.
 *
 * Return: 0, or, with nothing changed: -EOPNOTSUPP when it is not on demand,
 * -ENOENT when not all of the range is pinned, or is being unmapped, -EINTR
 * when killed.
 */
int iopt_demand_unpin(struct io_pagetable *iopt, unsigned long start,
		      unsigned long last)
{
	int rc;

	if (down_read_killable(&iopt->domains_lock))
		return -EINTR;
	rc = iopt->on_demand ? areas_hold(iopt, start, last, false) :
			       -EOPNOTSUPP;
	if (rc)
		goto out_unlock;
	rc = check_pinned(iopt, start, last);
	if (!rc)
		iopt_pieces_walk(iopt, start, last, 0, match_unpin);
	areas_put(iopt, start, last);
out_unlock:
	up_read(&iopt->domains_lock);
	return rc;
}

/* Returns -EBUSY if any of a range is pinned, and -EINTR when killed. */
static int check_unpinned(struct io_pagetable *iopt, unsigned long start,
			  unsigned long last)
{
	struct iopt_piece_walk walk = iopt_piece_walk_init(iopt, start, last,
							   match_pinned);

	while (iopt_pieces_next(&walk)) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (walk.piece)
			return -EBUSY;
	}
	return 0;
}

/**
 * iopt_demand_release() - Unpin what is populated in a range
 * @iopt: The I/O page table, on demand.
 * @start: First byte, page aligned.
 * @last: Last byte, inclusive, of a page.
 *
 * No device reaches the memory any more, until it faults for it.  A piece that
 * is only partly in the range stays, as an IOMMU unmaps its pages whole, and so
 * does one that is being populated meanwhile.  What accesses have pinned stays
 * pinned for them.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.
 *
 * Return: 0, or, with nothing changed: -EOPNOTSUPP when it is not on demand,
 * -ENOENT when not all of the range is mapped, or is being unmapped, -EBUSY
 * when some of it is pinned by iopt_demand_populate(); -EINTR when killed,
 * maybe with some of it released.
 */
int iopt_demand_release(struct io_pagetable *iopt, unsigned long start,
			unsigned long last)
{
	int rc;

	if (down_read_killable(&iopt->domains_lock))
		return -EINTR;
	rc = iopt->on_demand ? areas_hold(iopt, start, last, false) :
			       -EOPNOTSUPP;
	if (rc)
		goto out_unlock;
	rc = check_unpinned(iopt, start, last);
	if (!rc)
		rc = release_areas(iopt, start, last,
				   atomic64_inc_return(&iopt->demand.ncalls),
				   match_release, false);
	areas_put(iopt, start, last);
out_unlock:
	up_read(&iopt->domains_lock);
	return rc;
}

/**
 * iopt_demand_fill() - Put what is populated into another domain
 * @iopt: The I/O page table, on demand.
 * @domain: The domain, empty, not listed yet.
 *
 * Context: Process context, with io_pagetable::domains_lock held for writing.
 *
 * Return: 0, or, with the domain empty, -EINTR when killed, or what
 * iopt_slice_map() returns.
 */
int iopt_demand_fill(struct io_pagetable *iopt, struct iommu_domain *domain)
{
	struct iopt_piece_walk walk = iopt_piece_walk_init(iopt, 0, ULONG_MAX,
							   match_all);
	int rc;

	lockdep_assert_held_write(&iopt->domains_lock);

	while (iopt_pieces_next(&walk)) {
		if (!walk.piece)
			continue;
		rc = fatal_signal_pending(current) ? -EINTR :
			     iopt_piece_map(iopt, walk.piece, domain);
		if (rc)
			goto err_unmap;
	}
	return 0;

err_unmap:
	if (walk.start) {
		walk.last = walk.start - 1;
		walk.next = 0;
		walk.end = false;
		iopt_pieces_unmap(domain, walk);
	}
	return rc;
}

/**
 * iopt_demand_empty() - Undo iopt_demand_fill()
 * @iopt: The I/O page table, on demand.
 * @domain: The domain, not listed any more.
 *
 * Without a domain left, all is unpinned.
 *
 * Context: Process context, with io_pagetable::domains_lock held for writing.
 * Cannot fail and needs no memory.
 */
void iopt_demand_empty(struct io_pagetable *iopt, struct iommu_domain *domain)
{
	const struct iopt_piece_walk walk =
		iopt_piece_walk_init(iopt, 0, ULONG_MAX, match_all);

	lockdep_assert_held_write(&iopt->domains_lock);

	iopt_pieces_unmap(domain, walk);
	if (list_empty(&iopt->domains))
		iopt_pieces_free(iopt, walk);
}

/**
 * iopt_demand_release_area() - Release all that is populated of an area
 * @iopt: The I/O page table, on demand.
 * @area: The area, of memory, not ready and without users.
 *
 * Context: Process context, with io_pagetable::domains_lock held.  Cannot fail
 * and needs no memory.
 */
void iopt_demand_release_area(struct io_pagetable *iopt,
			      struct iopt_area *area)
{
	iopt_pieces_release(iopt, area->node.start, area->node.last, 0,
			    match_all);
}
