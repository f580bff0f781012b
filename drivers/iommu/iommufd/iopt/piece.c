// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is populated of I/O page tables on demand
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
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/pfn.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "area.h"
#include "backend/map.h"
#include "piece.h"

static struct iopt_piece *node_piece(struct iopt_range *node)
{
	return container_of(node, struct iopt_piece, node);
}

/**
 * iopt_pieces_next() - Go on to the next piece
 * @walk: The walk.
 *
 * Context: Process context.  Takes iopt_demand::lock.
 *
 * Return: whether there is one; iopt_piece_walk::piece is NULL if it does not
 * match.
 */
bool iopt_pieces_next(struct iopt_piece_walk *walk)
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

/**
 * iopt_pieces_walk() - Call a function for the pieces that meet a range
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @call: See iopt_piece_walk::call.
 * @match: The function.
 *
 * Context: Process context.  Takes iopt_demand::lock.
 */
void iopt_pieces_walk(struct io_pagetable *iopt, unsigned long start,
		      unsigned long last, u64 call, iopt_piece_match match)
{
	struct iopt_piece_walk walk = iopt_piece_walk_init(iopt, start, last,
							   match);

	walk.call = call;
	while (iopt_pieces_next(&walk))
		;
}

/**
 * iopt_pieces_unmap() - Take the pieces that match out of a domain
 * @domain: The domain.
 * @walk: A walk that has not begun.  The pieces that match are not busy, nor
 *	will be, or the caller has made them so.
 *
 * Contiguous pieces are unmapped and flushed together.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
void iopt_pieces_unmap(struct iommu_domain *domain, struct iopt_piece_walk walk)
{
	unsigned long start = 0, length = 0;
	struct iopt_piece *piece;

	while (iopt_pieces_next(&walk)) {
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

/**
 * iopt_pieces_free() - Unpin and free the pieces that match
 * @iopt: The I/O page table.
 * @walk: As for iopt_pieces_unmap(); the pieces are in no domain any more.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
void iopt_pieces_free(struct io_pagetable *iopt, struct iopt_piece_walk walk)
{
	struct iopt_demand *demand = &iopt->demand;
	struct iopt_piece *piece;

	while (iopt_pieces_next(&walk)) {
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

/**
 * iopt_pieces_release() - Take the pieces that match out of all domains, and
 * unpin them
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @call: See iopt_piece_walk::call.
 * @match: Tells which pieces; see iopt_pieces_unmap().
 *
 * Context: Process context, with io_pagetable::domains_lock held.  Cannot fail
 * and needs no memory.
 */
void iopt_pieces_release(struct io_pagetable *iopt, unsigned long start,
			 unsigned long last, u64 call, iopt_piece_match match)
{
	struct iopt_piece_walk walk = iopt_piece_walk_init(iopt, start, last,
							   match);
	struct iopt_domain *entry;

	lockdep_assert_held(&iopt->domains_lock);

	walk.call = call;
	list_for_each_entry(entry, &iopt->domains, item)
		iopt_pieces_unmap(entry->domain, walk);
	iopt_pieces_free(iopt, walk);
}

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
static void piece_init(struct iopt_piece *piece,
		       struct iopt_demand_call *populate,
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
static int use_piece(struct iopt_demand_call *populate, struct iopt_area *area,
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

/**
 * iopt_piece_map() - Map a piece into one domain
 * @iopt: The I/O page table; its domains_lock is held.
 * @piece: The piece, pinned; busy by the caller, or not busy.
 * @domain: The domain.
 *
 * Context: Process context.
 *
 * Return: as iopt_slice_map().
 */
int iopt_piece_map(struct io_pagetable *iopt, struct iopt_piece *piece,
		   struct iommu_domain *domain)
{
	return iopt_slice_map(&piece->slice, domain, piece->node.start,
			      piece->prot, iopt->huge_pages);
}

/* Pin a new piece and put it into all domains. */
static int piece_fill(struct iopt_demand_call *populate,
		      struct iopt_piece *piece, struct iopt_area *area)
{
	struct io_pagetable *iopt = populate->iopt;
	struct iopt_domain *entry;
	int rc;

	rc = populate->fault ? piece_pin_fault(&iopt->demand, piece, area) :
			       iopt_slice_pin(&piece->slice);
	if (rc)
		return rc;
	list_for_each_entry(entry, &iopt->domains, item) {
		rc = iopt_piece_map(iopt, piece, entry->domain);
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
static void piece_filled(struct iopt_demand_call *populate,
			 struct iopt_piece *piece, int rc)
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

/**
 * iopt_piece_populate() - Have a piece at the next byte that a call populates
 * @populate: The call; its @next becomes the byte after the piece.
 * @area: The area of memory there, which stays.
 *
 * Context: Process context, with io_pagetable::domains_lock held, and none of
 * its pieces busy by the caller.  May fault in user memory, see
 * iopt_slice_pin_nowait() for a fault.
 *
 * Return: 0, or, with nothing changed, -EINTR when killed, -EOVERFLOW when the
 * piece is pinned too often, -ENOMEM, or what iopt_slice_pin(),
 * iopt_slice_pin_nowait() and iopt_slice_map() return.
 */
int iopt_piece_populate(struct iopt_demand_call *populate,
			struct iopt_area *area)
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
