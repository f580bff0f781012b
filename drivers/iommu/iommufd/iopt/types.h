/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_TYPES_H
#define __IOPT_TYPES_H

#include <linux/atomic.h>
#include <linux/container_of.h>
#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "pages/slice.h"
#include "ranges.h"

/**
 * struct iopt_domain - An IOMMU domain that holds every ready area, or what is
 * populated of them
 * @item: In io_pagetable::domains.
 * @domain: The domain.
 * @faults: Page faults of its devices are handled, by the driver or by user
 *	space, so that it need not hold what is not populated.  Set before the
 *	domain is added.
 */
struct iopt_domain {
	struct list_head item;
	struct iommu_domain *domain;
	bool faults;
};

/*
 * Alignments that an IOVA chosen by the kernel can have: from a page to 1 GiB
 */
#define IOPT_ALIGNMENTS		(ilog2(SZ_1G) - PAGE_SHIFT + 1)

/**
 * struct iopt_iova_hints - Where the search for a free IOVA begins
 * @next: For each alignment, the lowest IOVA that an earlier search with that
 *	alignment has not passed.  What is below was in use, or too small a gap,
 *	when it was passed.
 * @lowest_freed: The lowest IOVA that was freed since @next was last brought up
 *	to date.
 * @above_chosen: The end of the highest range that a search has returned.  Few
 *	mappings are above, so a search that finds nothing quickly goes on here.
 *
 * Hints only save time: the search looks everywhere before it gives up.
 * Guarded by io_pagetable::iova_lock.
 */
struct iopt_iova_hints {
	unsigned long next[IOPT_ALIGNMENTS];
	unsigned long lowest_freed;
	unsigned long above_chosen;
};

/**
 * struct iopt_stats - Figures of an I/O page table for /proc/PID/fdinfo
 * @bytes: Bytes mapped.
 * @mappings: Number of mappings.
 * @maps: Number of mappings made so far.  A split makes one more.
 * @unmaps: Number of mappings unmapped so far.
 * @pinned: Pages that are pinned for its domains.
 *
 * @bytes, @mappings and @maps change with io_pagetable::iova_lock held for
 *	writing.  Any of them may be read without a lock.
 */
struct iopt_stats {
	unsigned long bytes;
	unsigned long mappings;
	unsigned long maps;
	atomic_long_t unmaps;
	atomic_long_t pinned;
};

/**
 * struct iopt_demand - What is populated of an I/O page table on demand
 * @lock: Guards @pieces and the fields of the pieces; no lock but that of @wait
 *	is taken under it.
 * @pieces: struct iopt_piece by IOVA, see piece.c.
 * @wait: Who waits until a piece is busy no more.
 * @ncalls: Number of calls and faults so far, by which one knows its pieces.
 * @served: Number of page faults for which memory was populated, or had been.
 * @failed: Number of page faults for which it could not be.
 */
struct iopt_demand {
	spinlock_t lock;	/* of the following */
	struct iopt_ranges pieces;
	wait_queue_head_t wait;
	atomic64_t ncalls;
	atomic_long_t served;
	atomic_long_t failed;
};

/**
 * struct io_pagetable - What is mapped where in one I/O address space
 * @domains_lock: Guards @domains, @huge_pages, @on_demand, and which groups are
 *	attached to the domains.  Attaching and detaching are exclusive and take
 *	it for writing.  Mapping and unmapping hold it for reading from before
 *	an area comes or goes until after.  Outside @iova_lock.
 * @domains: struct iopt_domain.  A reader of the list holds @domains_lock,
 *	@iova_lock or @mmio_lock; to change it takes all three, the first two
 *	for writing.  Which groups are attached changes with @mmio_lock held as
 *	well.
 * @ndomains: Number of @domains.  Guarded as they are.
 * @huge_pages: Whether domains may use pages larger than the CPU's smallest.
 *	It changes with @iova_lock held for writing, too, as @iova_alignment
 *	depends on it.
 * @on_demand: Memory is pinned and put into the domains when a device faults,
 *	see demand.c.  It changes as @huge_pages does, and only while there is
 *	neither an area nor a domain.
 * @accesses_lock: Guards @accesses; held for reading while one of them is told
 *	of an unmap.  Between @domains_lock and @iova_lock.
 * @accesses: struct iopt_access: the accesses that pin.
 * @nholding: Number of @accesses that cannot drop their pins.  Read without
 *	@accesses_lock, see unmap.c.
 * @iova_lock: Guards the trees and the fields after it.  Not held while user
 *	memory is accessed.
 * @areas: struct iopt_area by IOVA.
 * @reserved: struct iopt_reserved by IOVA.  Reserved ranges may overlap each
 *	other, but no area overlaps one.
 * @allowed: struct iopt_allowed by IOVA; none overlap.  User space wants to
 *	keep these ranges usable.  Unless there are none, the kernel chooses
 *	IOVAs from them only.
 * @iova_alignment: Every IOVA and length is a multiple of this.
 * @npinning: Number of accesses that pin; they take whole pages.
 * @uaddr_holds: Number of reasons why user addresses cannot become invalid, see
 *	uaddr.c.
 * @hints: For the search for a free IOVA.
 * @stats: Figures for user space.
 * @mmio_lock: Guards which areas of MMIO are in the domains, see mmio_region.c.
 *	Not held while user memory is accessed.  Inside all of the above, and
 *	inside iommufd_mmio::lock.
 * @ctx_mappings: Number of mappings in all I/O page tables of the context, for
 *	iopt_mappings_charge().
 * @demand: What is populated, if @on_demand.
 *
 * Calls wait killably for @domains_lock, @accesses_lock and @iova_lock, and for
 * iopt_pages::lock, as another call may hold all but @iova_lock for as long as
 * it takes to fault in memory of its user.  What undoes the steps of a call,
 * ends a call whose result user space has, or tears down cannot fail, as nobody
 * would try it again and it would be left half done: it waits whatever becomes
 * of the process.
 */
struct io_pagetable {
	struct rw_semaphore domains_lock;
	struct list_head domains;
	unsigned int ndomains;
	bool huge_pages;
	bool on_demand;

	struct rw_semaphore accesses_lock;
	struct list_head accesses;
	unsigned int nholding;

	struct rw_semaphore iova_lock;
	struct iopt_ranges areas;
	struct rb_root_cached reserved;
	struct rb_root_cached allowed;
	unsigned long iova_alignment;
	unsigned int npinning;
	atomic_t uaddr_holds;
	struct iopt_iova_hints hints;
	struct iopt_stats stats;

	struct mutex mmio_lock;	/* see above */
	atomic_long_t *ctx_mappings;
	struct iopt_demand demand;
};

/**
 * struct iopt_area - One mapping
 * @node: Its IOVA range, in io_pagetable::areas.
 * @slice: The memory that is mapped; a user of its pages object as long as the
 *	io_pagetable has a domain, unless it is on demand.
 * @prot: IOMMU_READ, IOMMU_WRITE, and IOMMU_CACHE or, of MMIO, IOMMU_MMIO.
 * @ready: The area is in all domains; of MMIO, see struct iopt_mmio_area.
 *	False while a call maps or unmaps the area: the IOVA is taken then, and
 *	once @nusers is 0 only that call uses the area.  Guarded by
 *	io_pagetable::iova_lock.
 * @uaddr_invalid: A new user address is to be given for the area.  Guarded by
 *	io_pagetable::iova_lock.
 * @nusers: Number of pins by accesses, of calls of accesses at work, of
 *	iopt_find_phys() and iopt_set_uaddr() at work, and of who populates or
 *	releases some of the area.  The area stays until it is 0.  Raised only
 *	while @ready.
 * @item: In the list of areas that a call works on.
 */
struct iopt_area {
	struct iopt_range node;
	struct iopt_slice slice;
	u16 prot;
	bool ready;
	bool uaddr_invalid;
	atomic_t nusers;
	struct list_head item;
};

static inline struct iopt_area *iopt_node_area(struct iopt_range *node)
{
	return container_of(node, struct iopt_area, node);
}

/**
 * struct iopt_access - A software device that pins what is mapped
 * @item: In io_pagetable::accesses.
 * @unmap: Has the device drop its pins that meet a range.  NULL when it cannot:
 *	then a mapping that it has pinned some of cannot be unmapped.
 * @data: Argument of @unmap.
 * @lock: Guards @pins.
 * @pins: struct iopt_pin by IOVA; they may overlap, and be equal.
 */
struct iopt_access {
	struct list_head item;
	void (*unmap)(void *data, unsigned long iova, unsigned long length);
	void *data;
	spinlock_t lock;	/* of the following */
	struct rb_root_cached pins;
};

/**
 * struct iopt_reserved - A range of IOVA that cannot be mapped
 * @node: The range, in io_pagetable::reserved.
 * @owner: An IOMMU group, a domain, or for a test the IOAS, that has reserved
 *	it.
 */
struct iopt_reserved {
	struct interval_tree_node node;
	const void *owner;
};

/**
 * struct iopt_allowed - A range of IOVA that user space wants to keep usable
 * @node: The range, in io_pagetable::allowed.
 */
struct iopt_allowed {
	struct interval_tree_node node;
};

/* Called with the first and the last byte, inclusive, of a mapping */
typedef int (*iopt_range_fn)(unsigned long start, unsigned long last,
			     void *arg);

#endif
