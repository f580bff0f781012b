/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_PIECE_H
#define __IOPT_PIECE_H

#include <linux/types.h>

#include "types.h"

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

struct iopt_piece_walk;

/* Tells whether a walk wants a piece, and may change the piece */
typedef bool (*iopt_piece_match)(const struct iopt_piece_walk *walk,
				 struct iopt_piece *piece);

/**
 * struct iopt_piece_walk - A walk over the pieces that meet a range
 * @demand: What has the pieces.
 * @next: First byte that was not looked at.
 * @last: Last byte.
 * @end: Nothing is left to look at.
 * @call: Number of the call that walks, where @match needs it.
 * @match: Called with iopt_demand::lock held.
 * @start: First byte of the piece that was looked at, @next is the one after
 *	it.
 * @piece: This piece if it matches, else NULL.
 *
 * The lock is not held between two pieces, which may come and go.
 */
struct iopt_piece_walk {
	struct iopt_demand *demand;
	unsigned long next;
	unsigned long last;
	bool end;
	u64 call;
	iopt_piece_match match;
	unsigned long start;
	struct iopt_piece *piece;
};

/**
 * struct iopt_demand_call - A call, or a fault, that populates
 * @iopt: The I/O page table.
 * @next: First byte that is not populated yet.
 * @last: Last byte.
 * @prot: IOMMU_READ and IOMMU_WRITE, as a device is going to access the memory.
 * @fault: A device waits, maybe by a kernel thread.
 * @pin: Pin the pieces.
 * @call: Number of the call.
 */
struct iopt_demand_call {
	struct io_pagetable *iopt;
	unsigned long next;
	unsigned long last;
	int prot;
	bool fault;
	bool pin;
	u64 call;
};

/**
 * iopt_piece_walk_init() - Describe a walk
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @match: See iopt_piece_walk::match.
 *
 * Return: the walk, which has not begun.
 */
static inline struct iopt_piece_walk
iopt_piece_walk_init(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, iopt_piece_match match)
{
	return (struct iopt_piece_walk){
		.demand = &iopt->demand,
		.next = start,
		.last = last,
		.match = match,
	};
}

bool iopt_pieces_next(struct iopt_piece_walk *walk);
void iopt_pieces_walk(struct io_pagetable *iopt, unsigned long start,
		      unsigned long last, u64 call, iopt_piece_match match);
void iopt_pieces_unmap(struct iommu_domain *domain,
		       struct iopt_piece_walk walk);
void iopt_pieces_free(struct io_pagetable *iopt, struct iopt_piece_walk walk);
void iopt_pieces_release(struct io_pagetable *iopt, unsigned long start,
			 unsigned long last, u64 call, iopt_piece_match match);

int iopt_piece_populate(struct iopt_demand_call *populate,
			struct iopt_area *area);
int iopt_piece_map(struct io_pagetable *iopt, struct iopt_piece *piece,
		   struct iommu_domain *domain);

#endif
