// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of areas: allocated, put into all domains and taken out, split,
 * freed
 *
 * While an I/O page table has no domain, its areas are in none and pinned by
 * none.  Otherwise a filled area is in all domains, and if it is of memory its
 * pages are pinned once for all of them.  On demand, that holds for what is
 * populated of an area of memory, which is nothing at first: see demand.c.
 */
#include <linux/atomic.h>
#include <linux/lockdep.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "area.h"
#include "backend/map.h"
#include "iova.h"
#include "mmio_region.h"

static unsigned int max_mappings = 1048576;
module_param(max_mappings, uint, 0644);
MODULE_PARM_DESC(max_mappings, "The most mappings of one context, an open file of /dev/iommu (default: 1048576)");

/**
 * iopt_mappings_charge() - Count mappings against the limit of the context
 * @iopt: The I/O page table that they are made in.
 * @n: Number of mappings.
 *
 * Pairs with iopt_mappings_uncharge() or iopt_areas_remove().
 *
 * Context: Any.
 *
 * Return: 0, or -ENOSPC when over the limit.
 */
int iopt_mappings_charge(struct io_pagetable *iopt, unsigned long n)
{
	unsigned long count = atomic_long_add_return(n, iopt->ctx_mappings);

	if (likely(count <= READ_ONCE(max_mappings)))
		return 0;
	iopt_mappings_uncharge(iopt, n);
	return -ENOSPC;
}

/**
 * iopt_mappings_left() - Tell how many more mappings the context may have
 * @iopt: An I/O page table of the context.
 *
 * Context: Any.
 *
 * Return: the number.
 */
u32 iopt_mappings_left(struct io_pagetable *iopt)
{
	unsigned long count = atomic_long_read(iopt->ctx_mappings);
	unsigned long max = READ_ONCE(max_mappings);

	return count < max ? max - count : 0;
}

/**
 * iopt_area_alloc() - Allocate another area for a pages object
 * @pages: The pages object.
 *
 * Context: Process context.  Pairs with iopt_areas_free() once it is
 * initialized, with kfree() before.
 *
 * Return: the area, zeroed, or NULL.
 */
struct iopt_area *iopt_area_alloc(struct iopt_pages *pages)
{
	size_t size = pages->kind == IOPT_MMIO ? sizeof(struct iopt_mmio_area) :
						 sizeof(struct iopt_area);

	return kzalloc(size, GFP_KERNEL_ACCOUNT);
}

/**
 * iopt_area_alloc_any() - Allocate an area for a pages object not yet known
 *
 * Context: Process context.
 *
 * Return: as iopt_area_alloc().
 */
struct iopt_area *iopt_area_alloc_any(void)
{
	static_assert(sizeof(struct iopt_mmio_area) >=
		      sizeof(struct iopt_area));

	return kzalloc(sizeof(struct iopt_mmio_area), GFP_KERNEL_ACCOUNT);
}

static void area_free(struct iopt_area *area)
{
	struct iopt_pages *pages = area->slice.pages;

	if (area != iopt_pages_area(pages))
		kfree(area);
	iopt_pages_put(pages);
}

/**
 * iopt_areas_free() - Free areas
 * @areas: List of areas that are in no tree and in no domain; empty after.
 *
 * Context: Process context.
 */
void iopt_areas_free(struct list_head *areas)
{
	struct iopt_area *area, *next;

	list_for_each_entry_safe(area, next, areas, item) {
		iopt_areas_resched(areas, area);
		area_free(area);
	}
	INIT_LIST_HEAD(areas);
}

/**
 * iopt_area_map() - Map an area of memory into one domain
 * @iopt: The I/O page table; its domains_lock is held.
 * @area: The area, pinned.
 * @domain: The domain.
 *
 * Context: Process context.
 *
 * Return: as iopt_slice_map().
 */
int iopt_area_map(struct io_pagetable *iopt, struct iopt_area *area,
		  struct iommu_domain *domain)
{
	return iopt_slice_map(&area->slice, domain, area->node.start,
			      area->prot, iopt->huge_pages);
}

/**
 * iopt_areas_unmap() - Take areas of memory out of one domain
 * @areas: The areas; those of MMIO are left alone.
 * @domain: The domain.
 *
 * Contiguous areas are unmapped and flushed together.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
void iopt_areas_unmap(struct list_head *areas, struct iommu_domain *domain)
{
	unsigned long start = 0, length = 0;
	struct iopt_area *area;

	list_for_each_entry(area, areas, item) {
		if (iopt_area_is_mmio(area))
			continue;
		if (length && area->node.start != start + length) {
			iommu_backend_unmap(domain, start, length);
			length = 0;
		}
		if (!length)
			start = area->node.start;
		length += area->slice.length;
		iopt_areas_resched(areas, area);
	}
	iommu_backend_unmap(domain, start, length);
}

/**
 * iopt_areas_unpin() - Unpin areas of memory
 * @iopt: The I/O page table.
 * @areas: The areas, none of MMIO, that are in no domain any more.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
void iopt_areas_unpin(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area;

	list_for_each_entry(area, areas, item) {
		iopt_area_unpin(iopt, area);
		iopt_areas_resched(areas, area);
	}
}

/**
 * iopt_areas_unfill() - Take areas out of all domains and unpin them
 * @iopt: The I/O page table.
 * @areas: The areas, filled; on demand, nothing of them is populated.
 *
 * Context: Process context, with io_pagetable::domains_lock held.  Cannot fail
 * and needs no memory.
 */
void iopt_areas_unfill(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_domain *entry;
	struct iopt_area *area;

	lockdep_assert_held(&iopt->domains_lock);

	if (list_empty(&iopt->domains))
		return;
	if (!iopt->on_demand)
		list_for_each_entry(entry, &iopt->domains, item)
			iopt_areas_unmap(areas, entry->domain);
	list_for_each_entry(area, areas, item) {
		if (iopt_area_is_mmio(area))
			iopt_mmio_unfill(iopt, area);
		else if (!iopt->on_demand)
			iopt_area_unpin(iopt, area);
		iopt_areas_resched(areas, area);
	}
}

/* Pin an area and put it into all domains; one on demand is filled as it is. */
static int area_fill(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iopt_domain *entry;
	int rc;

	lockdep_assert_held(&iopt->domains_lock);

	if (list_empty(&iopt->domains))
		return 0;
	if (iopt_area_is_mmio(area))
		return iopt_mmio_fill(iopt, area);
	if (iopt->on_demand)
		return 0;
	rc = iopt_area_pin(iopt, area);
	if (rc)
		return rc;

	list_for_each_entry(entry, &iopt->domains, item) {
		rc = iopt_area_map(iopt, area, entry->domain);
		if (rc)
			goto err_unmap;
	}
	return 0;

err_unmap:
	list_for_each_entry_continue_reverse(entry, &iopt->domains, item)
		iommu_backend_unmap(entry->domain, area->node.start,
				    area->slice.length);
	iopt_area_unpin(iopt, area);
	return rc;
}

/*
 * Undo iopt_areas_fill() for the areas before @area.  Not inline, so that only an
 * error takes the stack, with its canary, for another list.
 */
static noinline void areas_unfill_before(struct io_pagetable *iopt,
					 struct list_head *areas,
					 struct iopt_area *area)
{
	LIST_HEAD(filled);

	list_cut_before(&filled, areas, &area->item);
	iopt_areas_unfill(iopt, &filled);
	list_splice(&filled, areas);
}

/**
 * iopt_areas_fill() - Pin areas and put them into all domains
 * @iopt: The I/O page table.
 * @areas: The areas, in the tree and not ready.
 *
 * Context: Process context, with io_pagetable::domains_lock held.  May fault in
 * user memory.
 *
 * Return: 0, or, with no area filled, -EINTR when killed, or what
 * iopt_slice_pin(), iopt_slice_map() or iopt_mmio_fill() return.
 */
int iopt_areas_fill(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area;
	int rc;

	list_for_each_entry(area, areas, item) {
		rc = fatal_signal_pending(current) ? -EINTR :
						     area_fill(iopt, area);
		if (rc) {
			areas_unfill_before(iopt, areas, area);
			return rc;
		}
		iopt_areas_resched(areas, area);
	}
	return 0;
}

/**
 * iopt_areas_remove() - Give up the IOVA of areas
 * @iopt: The I/O page table.
 * @areas: The areas, at least one, in no domain.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.
 */
void iopt_areas_remove(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area;
	unsigned long before;

	down_write(&iopt->iova_lock);
	before = iopt->stats.mappings;
	list_for_each_entry(area, areas, item) {
		iopt_ranges_remove(&iopt->areas, &area->node);
		iopt->stats.bytes -= area->slice.length;
		iopt->stats.mappings--;
		iopt_areas_resched(areas, area);
	}
	iopt_mappings_uncharge(iopt, before - iopt->stats.mappings);
	area = list_first_entry(areas, struct iopt_area, item);
	iopt_iova_freed(iopt, area->node.start);
	up_write(&iopt->iova_lock);
}

/**
 * iopt_area_split() - Make two areas of one
 * @iopt: The I/O page table.
 * @area: The area, not ready and without users; keeps what is below @iova.
 * @tail: Zeroed; becomes the area of the rest, not ready.
 * @iova: First byte of the rest.
 * @stays: One of the two, which becomes ready, for any call to use.
 *
 * Domains that hold the area are mapped page by page, so that nothing changes
 * in them.  The new mapping is counted even if it is one more than the limit.
 *
 * Context: Process context, with io_pagetable::domains_lock held; takes
 * io_pagetable::iova_lock.  Cannot fail and needs no memory.
 */
void iopt_area_split(struct io_pagetable *iopt, struct iopt_area *area,
		     struct iopt_area *tail, unsigned long iova,
		     struct iopt_area *stays)
{
	bool filled = !list_empty(&iopt->domains);
	bool mmio = iopt_area_is_mmio(area);
	unsigned long npages = iopt_slice_npages(&area->slice);

	lockdep_assert_held(&iopt->domains_lock);

	iopt_slice_split(&area->slice, &tail->slice, iova - area->node.start,
			 filled && !mmio);
	if (filled && !mmio)
		atomic_long_add(iopt_slice_npages(&area->slice) +
					iopt_slice_npages(&tail->slice) -
					npages,
				&iopt->stats.pinned);
	tail->prot = area->prot;
	tail->uaddr_invalid = area->uaddr_invalid;
	tail->node.start = iova;
	tail->node.last = area->node.last;
	if (filled && mmio)
		iopt_mmio_split(area, tail);

	down_write(&iopt->iova_lock);
	area->node.last = iova - 1;
	iopt_ranges_insert(&iopt->areas, &tail->node);
	iopt->stats.mappings++;
	iopt->stats.maps++;
	atomic_long_inc(iopt->ctx_mappings);
	stays->ready = true;
	up_write(&iopt->iova_lock);
}
