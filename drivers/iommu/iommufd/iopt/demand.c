// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O page tables that are populated on demand
 *
 * A mapping in such an I/O page table neither pins its memory nor puts it into
 * a domain.  Both is done piece by piece, when a device faults or a call asks
 * for it:
 *
 *   IOVA     |---------------------- area ----------------------|
 *   pieces      |-|   |-|-|    |----- huge page -----|     |-|
 *
 * The invariant: of the areas of memory, the domains have what the pieces
 * cover, and nothing else.  Each piece is a user of the pages object of its
 * area, so its memory is pinned, charged and unpinned as any other.  While
 * there is no domain there is no piece.
 *
 * A piece is in the tree before it is populated and until it is released, and
 * busy meanwhile.  The call that has made it busy works on it without a lock;
 * others wait until it is busy no more.  So faults at different IOVAs do not
 * wait for each other here, and two at the same IOVA populate it once.
 *
 * Whoever makes a piece busy holds domains_lock for reading, and keeps the area
 * from being unmapped.  So an unmap that has claimed the area, and who holds
 * domains_lock for writing, find no busy pieces and change pieces at will.
 *
 * In every range "last" is inclusive.
 */
#include <linux/err.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/memcontrol.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "area.h"
#include "backend/map.h"
#include "demand.h"
#include "mmio_region.h"
#include "walk.h"

/**
 * struct iopt_piece - Memory of an area that is populated
 * @node: Its IOVA range, in iopt_demand::pieces; of whole pages.
 * @slice: The memory; a user of the pages object of the area, which the area
 *	keeps.
 * @call: Number of the call, or of the fault, that has made the piece, or
 *	that releases it.
 * @npins: Number of calls that have pinned the piece and not unpinned it.
 * @prot: iopt_area::prot of the area.
 * @busy: The piece is being populated or released, by one call, which is the
 *	only one to look at @slice and may change @node with iopt_demand::lock
 *	held.
 *
 * Guarded by iopt_demand::lock.  There may be one for each page, so its size
 * matters: 128 bytes.
 */
struct iopt_piece {
	struct iopt_range node;
	struct iopt_slice slice;
	u64 call;
	u32 npins;
	u16 prot;
	bool busy;
};

static struct iopt_piece *node_piece(struct iopt_range *node)
{
	return container_of(node, struct iopt_piece, node);
}

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

/**
 * struct piece_walk - A walk over the pieces that meet a range
 * @demand: What has the pieces.
 * @next: First byte that was not looked at.
 * @last: Last byte.
 * @end: Nothing is left to look at.
 * @call: Number of the call that walks, where @match needs it.
 * @match: Tells whether the caller wants a piece, and may change it.  Called
 *	with iopt_demand::lock held.
 * @start: First byte of the piece that was looked at, @next is the one after
 *	it.
 * @piece: This piece if it matches, else NULL.
 *
 * The lock is not held between two pieces, which may come and go.
 */
struct piece_walk {
	struct iopt_demand *demand;
	unsigned long next;
	unsigned long last;
	bool end;
	u64 call;
	bool (*match)(const struct piece_walk *walk, struct iopt_piece *piece);
	unsigned long start;
	struct iopt_piece *piece;
};

/* Go on to the next piece.  Returns false if there is none. */
static bool walk_next(struct piece_walk *walk)
{
	struct iopt_demand *demand = walk->demand;
	struct iopt_range *node;

	if (walk->end)
		return false;
	cond_resched();
	spin_lock(&demand->lock);
	node = iopt_ranges_first(&demand->pieces, walk->next, walk->last);
	if (node) {
		walk->piece = walk->match(walk, node_piece(node)) ?
				      node_piece(node) : NULL;
		walk->start = node->start;
		walk->end = node->last >= walk->last;
		walk->next = node->last + 1;
	}
	spin_unlock(&demand->lock);
	return node;
}

/* For who knows that no piece of the range is busy, nor will be */
static bool match_all(const struct piece_walk *walk, struct iopt_piece *piece)
{
	return !WARN_ON_ONCE(piece->busy);
}

static bool match_pinned(const struct piece_walk *walk,
			 struct iopt_piece *piece)
{
	return !piece->busy && piece->npins;
}

static bool match_unpin(const struct piece_walk *walk, struct iopt_piece *piece)
{
	if (piece->npins)
		piece->npins--;
	return true;
}

/* Returns whether the call releases the piece. */
static bool match_released(const struct piece_walk *walk,
			   struct iopt_piece *piece)
{
	return piece->busy && piece->call == walk->call;
}

/* Have the call release the piece if the range has all of it. */
static bool match_release(const struct piece_walk *walk,
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
static bool match_undo(const struct piece_walk *walk, struct iopt_piece *piece)
{
	if (piece->busy || piece->npins || piece->call != walk->call)
		return false;
	piece->busy = true;
	return true;
}

static void walk_all(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, u64 call,
		     bool (*match)(const struct piece_walk *walk,
				   struct iopt_piece *piece))
{
	struct piece_walk walk = {
		.demand = &iopt->demand,
		.next = start,
		.last = last,
		.call = call,
		.match = match,
	};

	while (walk_next(&walk))
		;
}

/* Take the pieces that match out of a domain, contiguous ones together. */
static void unmap_pieces(struct iommu_domain *domain, struct piece_walk walk)
{
	unsigned long start = 0, length = 0;
	struct iopt_piece *piece;

	while (walk_next(&walk)) {
		piece = walk.piece;
		if (!piece)
			continue;
		if (length && piece->node.start != start + length) {
			iommu_backend_unmap(domain, start, length);
			length = 0;
		}
		if (!length)
			start = piece->node.start;
		length += piece->slice.length;
	}
	iommu_backend_unmap(domain, start, length);
}

/* Unpin and free the pieces that match, which are in no domain any more. */
static void free_pieces(struct io_pagetable *iopt, struct piece_walk walk)
{
	struct iopt_demand *demand = &iopt->demand;
	struct iopt_piece *piece;

	while (walk_next(&walk)) {
		piece = walk.piece;
		if (!piece)
			continue;
		atomic_long_sub(iopt_slice_npages(&piece->slice),
				&iopt->stats.pinned);
		iopt_slice_unpin(&piece->slice);
		spin_lock(&demand->lock);
		iopt_ranges_remove(&demand->pieces, &piece->node);
		spin_unlock(&demand->lock);
		kfree(piece);
	}
	wake_up_all(&demand->wait);
}

/* Release the pieces that match. */
static void release_pieces(struct io_pagetable *iopt, unsigned long start,
			   unsigned long last, u64 call,
			   bool (*match)(const struct piece_walk *walk,
					 struct iopt_piece *piece))
{
	const struct piece_walk walk = {
		.demand = &iopt->demand,
		.next = start,
		.last = last,
		.call = call,
		.match = match,
	};
	struct iopt_domain *entry;

	lockdep_assert_held(&iopt->domains_lock);

	list_for_each_entry(entry, &iopt->domains, item)
		unmap_pieces(entry->domain, walk);
	free_pieces(iopt, walk);
}

/* Get the first area of memory that meets a range and is ready, or NULL. */
static struct iopt_area *get_next_area(struct io_pagetable *iopt,
				       unsigned long start, unsigned long last)
{
	struct iopt_area *area;
	struct iopt_range *node;

	down_read(&iopt->iova_lock);
	for (node = iopt_ranges_first(&iopt->areas, start, last); node;
	     node = iopt_range_next(node, last)) {
		area = iopt_node_area(node);
		if (area->ready && !iopt_area_is_mmio(area)) {
			iopt_area_get(area);
			break;
		}
		cond_resched();
	}
	up_read(&iopt->iova_lock);
	return node ? area : NULL;
}

/*
 * Release the pieces in a range that @claim makes busy for the call, area by
 * area: while an area has users, an unmap leaves its pieces alone.  As an unmap
 * does, wait before for who pins memory of an area, which can be killed, since
 * from there on it cannot be given up.  With @finish, go on all the same.
 */
static int release_areas(struct io_pagetable *iopt, unsigned long start,
			 unsigned long last, u64 call,
			 bool (*claim)(const struct piece_walk *walk,
				       struct iopt_piece *piece), bool finish)
{
	struct iopt_area *area;
	unsigned long end;
	int rc;

	while ((area = get_next_area(iopt, start, last))) {
		start = max(start, area->node.start);
		end = min(last, area->node.last);
		rc = finish ? 0 : fatal_signal_pending(current) ? -EINTR :
		     iopt_slice_wait(&area->slice);
		if (!rc) {
			walk_all(iopt, start, end, call, claim);
			release_pieces(iopt, start, end, call, match_released);
		}
		iopt_area_put(area);
		if (rc || end == last)
			return rc;
		start = end + 1;
	}
	return 0;
}

/**
 * struct populate - A call, or a fault, that populates
 * @iopt: The I/O page table.
 * @next: First byte that is not populated yet.
 * @last: Last byte.
 * @prot: IOMMU_READ and IOMMU_WRITE, as a device is going to access the memory.
 * @fault: A device waits, maybe by a kernel thread.
 * @pin: Pin the pieces.
 * @call: Number of the call.
 */
struct populate {
	struct io_pagetable *iopt;
	unsigned long next;
	unsigned long last;
	int prot;
	bool fault;
	bool pin;
	u64 call;
};

/* Let a piece be what an area maps from @start to @last. */
static void piece_set_range(struct iopt_piece *piece, struct iopt_area *area,
			    unsigned long start, unsigned long last)
{
	piece->node.start = start;
	piece->node.last = last;
	iopt_slice_init(&piece->slice, area->slice.pages,
			iopt_slice_start(&area->slice) + start -
				area->node.start,
			last - start + 1);
}

/*
 * Let a new piece begin at populate->next and have all that there is up to the
 * next piece, if any.  No piece reaches beyond a chunk of PFNs, so that memory
 * is released in such amounts.  That of a fault is one page at first.
 */
static void piece_init(struct iopt_piece *piece, struct populate *populate,
		       struct iopt_area *area, struct iopt_range *next)
{
	unsigned long start = populate->next;
	unsigned long index = area->slice.user.start +
			      ((start - area->node.start) >> PAGE_SHIFT);
	unsigned long npages = iopt_chunk_last(index) - index + 1;
	unsigned long more;

	more = min3(npages * PAGE_SIZE - 1, area->node.last - start,
		    populate->last - start);
	if (next)
		more = min(more, next->start - 1 - start);
	piece_set_range(piece, area, start, start + more);
	piece->prot = area->prot;
	piece->call = populate->call;
	piece->busy = true;
}

static bool is_busy(struct iopt_demand *demand, unsigned long iova)
{
	struct iopt_range *node;
	bool busy;

	spin_lock(&demand->lock);
	node = iopt_ranges_first(&demand->pieces, iova, iova);
	busy = node && node_piece(node)->busy;
	spin_unlock(&demand->lock);
	return busy;
}

/* What use_piece() returns when a piece is to be waited for */
#define PIECE_BUSY	2

/*
 * Use the piece at populate->next, or insert a new one there.  Returns 1 for
 * the piece that there is, 0 for the new one, PIECE_BUSY, or an errno.
 */
static int use_piece(struct populate *populate, struct iopt_area *area,
		     struct iopt_piece *new)
{
	struct iopt_demand *demand = &populate->iopt->demand;
	struct iopt_piece *piece;
	struct iopt_range *node;
	int rc = 0;

	spin_lock(&demand->lock);
	node = iopt_ranges_first(&demand->pieces, populate->next,
				 populate->last);
	if (!node || node->start > populate->next) {
		piece_init(new, populate, area, node);
		iopt_ranges_insert(&demand->pieces, &new->node);
		goto out_unlock;
	}
	piece = node_piece(node);
	if (piece->busy) {
		rc = PIECE_BUSY;
	} else if (populate->pin && piece->npins == U32_MAX) {
		rc = -EOVERFLOW;
	} else {
		piece->npins += populate->pin;
		populate->next = node->last + 1;
		rc = 1;
	}
out_unlock:
	spin_unlock(&demand->lock);
	return rc;
}

/*
 * Let a piece of one page, which is pinned by @page, have as much of the folio
 * around it as is in the area and in no other piece.
 */
static void piece_grow(struct iopt_demand *demand, struct iopt_piece *piece,
		       struct iopt_area *area, struct iopt_slice *page)
{
	unsigned long start = piece->node.start, last = piece->node.last;
	unsigned long index = page->user.start, length = PAGE_SIZE;
	struct iopt_range *prev, *next;
	unsigned long before, after;
	struct folio *folio;
	phys_addr_t phys;

	if (iopt_slice_phys(page, 0, &length, &phys))
		return;
	folio = page_folio(pfn_to_page(PHYS_PFN(phys)));
	before = PHYS_PFN(phys) - folio_pfn(folio);
	after = folio_nr_pages(folio) - 1 - before;
	before = min3(before, index - iopt_chunk_first(index),
		      index - area->slice.user.start);
	after = min3(after, iopt_chunk_last(index) - index,
		     area->slice.user.last - index);
	if (!before && !after)
		return;

	spin_lock(&demand->lock);
	prev = iopt_rb_range(rb_prev(&piece->node.rb));
	next = iopt_rb_range(rb_next(&piece->node.rb));
	if (prev)
		before = min(before, (start - 1 - prev->last) >> PAGE_SHIFT);
	if (next)
		after = min(after, (next->start - 1 - last) >> PAGE_SHIFT);
	piece_set_range(piece, area, start - before * PAGE_SIZE,
			last + after * PAGE_SIZE);
	spin_unlock(&demand->lock);
}

/*
 * Pin a new piece for a fault: the page, and if it is one of a huge page, the
 * huge page.  That the rest cannot be pinned, because of a limit maybe, is no
 * reason to fail.
 */
static int piece_pin_fault(struct iopt_demand *demand,
			   struct iopt_piece *piece, struct iopt_area *area)
{
	unsigned long start = piece->node.start, last = piece->node.last;
	struct iopt_slice page;
	int rc;

	iopt_slice_init(&page, piece->slice.pages,
			iopt_slice_start(&piece->slice), PAGE_SIZE);
	rc = iopt_slice_pin_nowait(&page);
	if (rc)
		return rc;
	piece_grow(demand, piece, area, &page);
	rc = iopt_slice_pin_nowait(&piece->slice);
	if (rc && piece->slice.length > PAGE_SIZE) {
		spin_lock(&demand->lock);
		piece_set_range(piece, area, start, last);
		spin_unlock(&demand->lock);
		rc = iopt_slice_pin_nowait(&piece->slice);
	}
	iopt_slice_unpin(&page);
	return rc;
}

static int piece_map(struct io_pagetable *iopt, struct iopt_piece *piece,
		     struct iommu_domain *domain)
{
	return iopt_slice_map(&piece->slice, domain, piece->node.start,
			      piece->prot, iopt->huge_pages);
}

/* Pin a new piece and put it into all domains. */
static int piece_fill(struct populate *populate, struct iopt_piece *piece,
		      struct iopt_area *area)
{
	struct io_pagetable *iopt = populate->iopt;
	struct iopt_domain *entry;
	int rc;

	rc = populate->fault ? piece_pin_fault(&iopt->demand, piece, area) :
			       iopt_slice_pin(&piece->slice);
	if (rc)
		return rc;
	list_for_each_entry(entry, &iopt->domains, item) {
		rc = piece_map(iopt, piece, entry->domain);
		if (rc)
			goto err_unmap;
	}
	atomic_long_add(iopt_slice_npages(&piece->slice), &iopt->stats.pinned);
	return 0;

err_unmap:
	list_for_each_entry_continue_reverse(entry, &iopt->domains, item)
		iommu_backend_unmap(entry->domain, piece->node.start,
				    piece->slice.length);
	iopt_slice_unpin(&piece->slice);
	return rc;
}

/* End to populate a new piece: it can be used, or there is none. */
static void piece_filled(struct populate *populate, struct iopt_piece *piece,
			 int rc)
{
	struct iopt_demand *demand = &populate->iopt->demand;

	spin_lock(&demand->lock);
	if (rc) {
		iopt_ranges_remove(&demand->pieces, &piece->node);
	} else {
		piece->busy = false;
		piece->npins = populate->pin;
		populate->next = piece->node.last + 1;
	}
	spin_unlock(&demand->lock);
	wake_up_all(&demand->wait);
	if (rc)
		kfree(piece);
}

/* Have a piece at populate->next, which is in @area. */
static int populate_piece(struct populate *populate, struct iopt_area *area)
{
	struct iopt_demand *demand = &populate->iopt->demand;
	struct iopt_piece *new;
	int rc;

	new = kzalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	while ((rc = use_piece(populate, area, new)) == PIECE_BUSY) {
		if (wait_event_killable(demand->wait,
					!is_busy(demand, populate->next))) {
			rc = -EINTR;
			break;
		}
	}
	if (rc) {
		kfree(new);
		return min(rc, 0);
	}
	rc = piece_fill(populate, new, area);
	piece_filled(populate, new, rc);
	return rc;
}

/*
 * As populate_piece(), with what the driver allocates charged to the memory
 * cgroup of whoever is charged for the memory: a kernel thread has none.
 */
static int populate_charged(struct populate *populate, struct iopt_area *area)
{
	struct mem_cgroup *memcg, *old;
	int rc;

	rc = iopt_pages_get_memcg(area->slice.pages, &memcg);
	if (rc)
		return rc;
	old = set_active_memcg(memcg);
	rc = populate_piece(populate, area);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	return rc;
}

/* Get the area at @iova, which stays until iopt_area_put(). */
static struct iopt_area *get_area(struct io_pagetable *iopt, unsigned long iova)
{
	struct iopt_area *area = ERR_PTR(-ENOENT);
	struct iopt_range *node;

	if (down_read_killable(&iopt->iova_lock))
		return ERR_PTR(-EINTR);
	node = iopt_ranges_first(&iopt->areas, iova, iova);
	if (node && iopt_node_area(node)->ready) {
		area = iopt_node_area(node);
		if (iopt_area_is_mmio(area))
			area = ERR_PTR(-EINVAL);
		else
			iopt_area_get(area);
	}
	up_read(&iopt->iova_lock);
	return area;
}

/* Populate the piece at populate->next, and go on to what comes after it. */
static int populate_next(struct populate *populate)
{
	struct iopt_area *area;
	int rc;

	area = get_area(populate->iopt, populate->next);
	if (IS_ERR(area))
		return PTR_ERR(area);
	if (populate->prot & ~area->prot)
		rc = -EPERM;
	else if (populate->fault)
		rc = populate_charged(populate, area);
	else
		rc = populate_piece(populate, area);
	iopt_area_put(area);
	return rc;
}

static int fault_locked(struct io_pagetable *iopt, unsigned long iova, int prot)
{
	struct populate populate = {
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
	return populate_next(&populate);
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
 * Context: Process context, a kernel thread as well.  Takes
 * io_pagetable::domains_lock.  May fault in user memory, but waits for no
 * program to do something unless it is called by a process whose memory it is.
 *
 * Return: 0, or, with nothing changed: -ENOENT when nothing is mapped there,
 * -EPERM when the mapping does not permit @prot, -EINVAL when it is of MMIO or
 * when there is no domain, -EINTR when killed, -ENOMEM, or what
 * iopt_slice_pin_nowait() and iopt_slice_map() return.
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
	atomic_long_inc(rc ? &iopt->demand.failed : &iopt->demand.served);
	return rc;
}

/* An iopt_area_fn: MMIO is in the domains, or is revoked, as a whole. */
static int check_memory(struct iopt_area *area, unsigned long start,
			unsigned long last, void *arg)
{
	return iopt_area_is_mmio(area) ? -EINVAL : 0;
}

static int populate_locked(struct populate *populate)
{
	struct io_pagetable *iopt = populate->iopt;
	unsigned long start = populate->next, last = populate->last;
	int rc;

	lockdep_assert_held(&iopt->domains_lock);

	if (!iopt->on_demand)
		return -EOPNOTSUPP;
	if (list_empty(&iopt->domains))
		return -ENODEV;
	rc = iopt_walk_ready(iopt, start, last, check_memory, NULL);
	if (rc)
		return rc;
	do {
		cond_resched();
		rc = fatal_signal_pending(current) ? -EINTR :
						     populate_next(populate);
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
		walk_all(iopt, start, last, 0, match_unpin);
	release_areas(iopt, start, last, populate->call, match_undo, true);
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
	struct populate populate = {
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
	struct piece_walk walk = {
		.demand = &iopt->demand,
		.next = start,
		.last = last,
		.match = match_pinned,
	};
	unsigned long next = start;

	while (walk_next(&walk)) {
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
 * -ENOENT when not all of the range is pinned, -EINTR when killed.
 */
int iopt_demand_unpin(struct io_pagetable *iopt, unsigned long start,
		      unsigned long last)
{
	int rc;

	if (down_read_killable(&iopt->domains_lock))
		return -EINTR;
	rc = iopt->on_demand ? check_pinned(iopt, start, last) : -EOPNOTSUPP;
	if (!rc)
		walk_all(iopt, start, last, 0, match_unpin);
	up_read(&iopt->domains_lock);
	return rc;
}

/* An iopt_area_fn: any area will do. */
static int check_nothing(struct iopt_area *area, unsigned long start,
			 unsigned long last, void *arg)
{
	return 0;
}

/* Returns -EBUSY if any of a range is pinned, and -EINTR when killed. */
static int check_unpinned(struct io_pagetable *iopt, unsigned long start,
			  unsigned long last)
{
	struct piece_walk walk = {
		.demand = &iopt->demand,
		.next = start,
		.last = last,
		.match = match_pinned,
	};

	while (walk_next(&walk)) {
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
 * -ENOENT when not all of the range is mapped, -EBUSY when some of it is pinned
 * by iopt_demand_populate(); -EINTR when killed, maybe with some of it released.
 */
int iopt_demand_release(struct io_pagetable *iopt, unsigned long start,
			unsigned long last)
{
	int rc;

	if (down_read_killable(&iopt->domains_lock))
		return -EINTR;
	rc = iopt->on_demand ?
		     iopt_walk_ready(iopt, start, last, check_nothing, NULL) :
		     -EOPNOTSUPP;
	if (!rc)
		rc = check_unpinned(iopt, start, last);
	if (!rc)
		rc = release_areas(iopt, start, last,
				   atomic64_inc_return(&iopt->demand.ncalls),
				   match_release, false);
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
	struct piece_walk walk = {
		.demand = &iopt->demand,
		.last = ULONG_MAX,
		.match = match_all,
	};
	int rc;

	lockdep_assert_held_write(&iopt->domains_lock);

	while (walk_next(&walk)) {
		if (!walk.piece)
			continue;
		rc = fatal_signal_pending(current) ? -EINTR :
			     piece_map(iopt, walk.piece, domain);
		if (rc)
			goto err_unmap;
	}
	return 0;

err_unmap:
	if (walk.start) {
		walk.last = walk.start - 1;
		walk.next = 0;
		walk.end = false;
		unmap_pieces(domain, walk);
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
	const struct piece_walk walk = {
		.demand = &iopt->demand,
		.last = ULONG_MAX,
		.match = match_all,
	};

	lockdep_assert_held_write(&iopt->domains_lock);

	unmap_pieces(domain, walk);
	if (list_empty(&iopt->domains))
		free_pieces(iopt, walk);
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
	release_pieces(iopt, area->node.start, area->node.last, 0, match_all);
}
