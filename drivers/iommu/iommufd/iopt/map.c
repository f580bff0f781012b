// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping
 *
 * A mapping is made in steps, each of which can fail and be undone, before the
 * step that makes it visible to other calls:
 *
 *   iopt_map_add_*()   allocates areas, which no other call can see yet
 *   iopt_map_begin()   chooses the IOVA and inserts the areas, not ready; pins
 *                      the memory; fills the domains
 *   iopt_map_commit()  makes the areas ready; or iopt_map_abort() undoes it all
 *
 * In every range "last" is inclusive.
 */
#include <linux/err.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "area.h"
#include "iova.h"
#include "map.h"
#include "mmio_region.h"
#include "walk.h"

/* Takes over @area and the reference to @pages. */
static void map_add_area(struct iopt_map *map, struct iopt_area *area,
			 struct iopt_pages *pages, unsigned long start,
			 unsigned long length, int prot)
{
	iopt_area_init(area, pages, start, length, prot);
	/* Relative to the IOVA of the first area, until that is chosen */
	area->node.start = map->length;
	area->node.last = map->length + length - 1;
	list_add_tail(&area->item, &map->areas);
	map->nareas++;
	map->length += length;
	map->borders |= area->slice.offset | length;
}

/* Add all of a new pages object, from the byte at address @start on. */
static void map_add_pages(struct iopt_map *map, struct iopt_pages *pages,
			  unsigned long start, unsigned long length, int prot)
{
	map_add_area(map, iopt_pages_area(pages), pages, start - pages->base,
		     length, prot);
}

/**
 * iopt_map_add_user() - Add memory of the current process to what to map
 * @map: The mappings to be.
 * @uaddr: User address of the first byte.
 * @length: Bytes, not 0; @uaddr + @length does not wrap.
 * @prot: IOMMU_READ, IOMMU_WRITE and IOMMU_CACHE.
 * @account_mode: The account that is charged when the memory is pinned.
 *
 * Context: Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int iopt_map_add_user(struct iopt_map *map, unsigned long uaddr,
		      unsigned long length, int prot,
		      enum iopt_account_mode account_mode)
{
	struct iopt_pages *pages;

	pages = iopt_pages_alloc(IOPT_USER, uaddr, length, prot & IOMMU_WRITE,
				 account_mode, sizeof(struct iopt_area));
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	map_add_pages(map, pages, uaddr, length, prot);
	return 0;
}

/**
 * iopt_map_add_file() - Add memory of a file to what to map
 * @map: The mappings to be.
 * @file: The file.
 * @start: Offset of the first byte.
 * @length: Bytes, not 0; @start + @length does not wrap.
 * @prot: IOMMU_READ, IOMMU_WRITE and IOMMU_CACHE.
 * @account_mode: The account that is charged when the memory is pinned.
 *
 * Context: Process context.
 *
 * Return: as iopt_pages_alloc_file().
 */
int iopt_map_add_file(struct iopt_map *map, struct file *file,
		      unsigned long start, unsigned long length, int prot,
		      enum iopt_account_mode account_mode)
{
	struct iopt_pages *pages;

	pages = iopt_pages_alloc_file(file, start, length, prot & IOMMU_WRITE,
				      account_mode, sizeof(struct iopt_area));
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	map_add_pages(map, pages, start, length, prot);
	return 0;
}

/**
 * iopt_map_add_mmio() - Add a part of an MMIO region to what to map
 * @map: The mappings to be.
 * @mmio: The region.
 * @file: What is held as long as this is mapped, or NULL.  On success the
 *	caller's references to both are taken over.
 * @phys: Physical address of the first byte.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ and IOMMU_WRITE.
 *
 * Context: Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int iopt_map_add_mmio(struct iopt_map *map, struct iommufd_mmio *mmio,
		      struct file *file, phys_addr_t phys,
		      unsigned long length, int prot)
{
	struct iopt_pages *pages;

	pages = iopt_mmio_pages_alloc(mmio, phys, length, prot & IOMMU_WRITE);
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	iopt_pages_mmio_hold(pages, file);
	map_add_pages(map, pages, phys, length, prot);
	return 0;
}

/**
 * struct map_copy - Argument of map_add_copy()
 * @map: The mappings to be.
 * @prot: IOMMU_READ, IOMMU_WRITE and IOMMU_CACHE, for the copy.
 */
struct map_copy {
	struct iopt_map *map;
	int prot;
};

/* An iopt_area_fn: add what @area maps from @start to @last to what to map. */
static int map_add_copy(struct iopt_area *area, unsigned long start,
			unsigned long last, void *arg)
{
	struct map_copy *copy = arg;
	struct iopt_area *new;

	if (fatal_signal_pending(current))
		return -EINTR;
	if ((copy->prot & IOMMU_WRITE) && !(area->prot & IOMMU_WRITE))
		return -EPERM;
	new = iopt_area_alloc(area->slice.pages);
	if (!new)
		return -ENOMEM;
	iopt_pages_get(area->slice.pages);
	map_add_area(copy->map, new, area->slice.pages,
		     iopt_slice_start(&area->slice) + start - area->node.start,
		     last - start + 1, copy->prot);
	return 0;
}

/**
 * iopt_map_add_copy() - Add what is mapped elsewhere to what to map
 * @map: The mappings to be.
 * @src: The I/O page table in which it is mapped; may be that of @map.
 * @iova: First byte in @src.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ, IOMMU_WRITE and IOMMU_CACHE, for the copy.
 *
 * Source and copy share the memory: it is pinned and charged once.  When MMIO
 * is revoked, source and copy lose it both.
 *
 * Context: Process context.
 *
 * Return: 0, -ENOENT when not all of the range is mapped, -EPERM when the copy
 * is to be writeable and the source is not, -EOVERFLOW when the range wraps,
 * -EINTR when killed, -ENOMEM.
 */
int iopt_map_add_copy(struct iopt_map *map, struct io_pagetable *src,
		      unsigned long iova, unsigned long length, int prot)
{
	struct map_copy copy = { .map = map, .prot = prot };
	unsigned long last;

	if (check_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	return iopt_walk_ready(src, iova, last, map_add_copy, &copy);
}

/* Every border of an area must be one of a page of the IOMMU. */
static bool map_fits_alignment(struct iopt_map *map)
{
	return !(map->borders & (map->iopt->iova_alignment - 1));
}

static int map_choose_iova(struct iopt_map *map)
{
	struct iopt_area *first = list_first_entry(&map->areas,
						   struct iopt_area, item);
	struct iopt_slice *slice = &first->slice;
	unsigned long base = READ_ONCE(slice->pages->base);

	if (!map_fits_alignment(map))
		return -EINVAL;
	return iopt_iova_choose(map->iopt, map->length,
				base + iopt_slice_start(slice), &map->iova);
}

static int map_check_iova(struct iopt_map *map, unsigned long iova)
{
	unsigned long last;

	if (check_add_overflow(iova, map->length - 1, &last))
		return -EOVERFLOW;
	if (!map_fits_alignment(map))
		return -EINVAL;
	map->iova = iova;
	return iopt_iova_check(map->iopt, iova, last);
}

/*
 * Choose the IOVA and take it.  From here on the areas are visible, not ready.
 */
static int map_insert(struct iopt_map *map, const unsigned long *fixed_iova)
{
	struct io_pagetable *iopt = map->iopt;
	struct iopt_area *area;
	int rc;

	if (down_write_killable(&iopt->iova_lock))
		return -EINTR;
	if (fixed_iova)
		rc = map_check_iova(map, *fixed_iova);
	else
		rc = map_choose_iova(map);
	if (!rc)
		rc = iopt_mappings_charge(iopt, map->nareas);
	if (!rc) {
		list_for_each_entry(area, &map->areas, item) {
			area->node.start += map->iova;
			area->node.last += map->iova;
			iopt_ranges_insert(&iopt->areas, &area->node);
			iopt_areas_resched(&map->areas, area);
		}
		iopt->stats.mappings += map->nareas;
		iopt->stats.bytes += map->length;
	}
	up_write(&iopt->iova_lock);
	return rc;
}

/**
 * iopt_map_begin() - Map all, but do not make it visible yet
 * @map: The mappings, not empty.
 * @fixed_iova: IOVA of the first byte, or NULL for one that the kernel chooses;
 *	see iopt_map::iova for the result.
 * @must_pin: Do nothing if there is no domain, or all is on demand, so that the
 *	memory would not be pinned.  For a caller that takes for granted that a
 *	user address is one of memory: pinning fails if it is not.
 *
 * Context: Process context.  May fault in user memory.  On success
 * io_pagetable::domains_lock is held for reading until iopt_map_commit() or
 * iopt_map_abort().
 *
 * Return: 0, or, with nothing changed: IOPT_NO_DOMAIN as for @must_pin, -EINVAL
 * when misaligned or reserved, -EEXIST when in use, -EOVERFLOW when the range
 * wraps, -ENOSPC when nothing is free or the context would have too many
 * mappings, -EINTR when killed, or what iopt_areas_fill() returns.
 * After IOPT_NO_DOMAIN, but after no errno, the mappings can be begun again.
 */
int iopt_map_begin(struct iopt_map *map, const unsigned long *fixed_iova,
		   bool must_pin)
{
	struct io_pagetable *iopt = map->iopt;
	int rc;

	if (down_read_killable(&iopt->domains_lock))
		return -EINTR;
	rc = IOPT_NO_DOMAIN;
	if (must_pin && (iopt->on_demand || list_empty(&iopt->domains)))
		goto err_unlock;
	rc = map_insert(map, fixed_iova);
	if (rc)
		goto err_unlock;
	rc = iopt_areas_fill(iopt, &map->areas);
	if (rc)
		goto err_remove;
	return 0;

err_remove:
	iopt_areas_remove(iopt, &map->areas);
err_unlock:
	up_read(&iopt->domains_lock);
	return rc;
}

/**
 * iopt_map_commit() - Make mappings visible that were begun
 * @map: The mappings; empty after.
 *
 * Context: Process context; releases io_pagetable::domains_lock.  Cannot fail.
 */
void iopt_map_commit(struct iopt_map *map)
{
	struct io_pagetable *iopt = map->iopt;
	struct iopt_area *area;

	down_write(&iopt->iova_lock);
	list_for_each_entry(area, &map->areas, item) {
		area->ready = true;
		iopt->stats.maps++;
		iopt_areas_resched(&map->areas, area);
	}
	/* From the unlock on, any call may unmap the areas. */
	INIT_LIST_HEAD(&map->areas);
	up_write(&iopt->iova_lock);
	up_read(&iopt->domains_lock);
}

/**
 * iopt_map_abort() - Undo iopt_map_begin()
 * @map: The mappings.
 *
 * Context: Process context; releases io_pagetable::domains_lock.  Cannot fail.
 */
void iopt_map_abort(struct iopt_map *map)
{
	iopt_areas_unfill(map->iopt, &map->areas);
	iopt_areas_remove(map->iopt, &map->areas);
	up_read(&map->iopt->domains_lock);
}
