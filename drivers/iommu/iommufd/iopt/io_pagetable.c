// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O page table: IOVA to memory, and into every domain of the address space
 *
 * A mapping is made in steps, each of which can fail and be undone, before the
 * one that shows it:
 *
 *   iopt_map_add_*()   allocate areas, nothing is shared yet
 *   iopt_map_begin()   choose the IOVA and insert the areas, not ready;
 *                      pin the memory; fill the domains
 *   iopt_map_commit()  ready, or iopt_map_abort()
 *
 * Unmapping looks at the whole range first: areas become not ready, and accesses
 * drop their pins.  Then it cannot fail: areas leave the domains, which are
 * flushed, their memory is unpinned, and only then is their IOVA free for others.
 *
 * In every range "last" is inclusive.
 */
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <uapi/linux/iommufd.h>

#include "backend/backend.h"
#include "io_pagetable.h"
#include "mmio.h"

#define node_to_area(n)		container_of(n, struct iopt_area, node)
#define node_to_reserved(n)	container_of(n, struct iopt_reserved, node)
#define node_to_allowed(n)	container_of(n, struct iopt_allowed, node)

static bool range_taken(struct rb_root_cached *root, unsigned long start,
			unsigned long last)
{
	return interval_tree_iter_first(root, start, last);
}

/**
 * iopt_init() - Set up an empty I/O page table
 * @iopt: The I/O page table.
 * @mmio_lock: See there.
 */
void iopt_init(struct io_pagetable *iopt, struct mutex *mmio_lock)
{
	iopt->mmio_lock = mmio_lock;
	init_rwsem(&iopt->domains_lock);
	INIT_LIST_HEAD(&iopt->domains);
	init_rwsem(&iopt->accesses_lock);
	INIT_LIST_HEAD(&iopt->accesses);
	init_rwsem(&iopt->iova_lock);
	iopt->areas = IOPT_RANGES_INIT;
	iopt->reserved = RB_ROOT_CACHED;
	iopt->allowed = RB_ROOT_CACHED;
	iopt->iova_alignment = 1;
	iopt->huge_pages = true;
}

/**
 * iopt_destroy() - Tear down an I/O page table that nobody else uses any more
 * @iopt: The I/O page table, without domains and accesses.
 */
void iopt_destroy(struct io_pagetable *iopt)
{
	unsigned long unmapped;

	WARN_ON(iopt_unmap(iopt, 0, ULONG_MAX, &unmapped));
	iopt_free_allowed(&iopt->allowed);
	WARN_ON(!RB_EMPTY_ROOT(&iopt->reserved.rb_root));
	WARN_ON(!list_empty(&iopt->domains));
	WARN_ON(!list_empty(&iopt->accesses));
}

/* A pages object comes with its first area, which goes with it. */
static struct iopt_area *pages_first_area(struct iopt_pages *pages)
{
	return iopt_pages_room(pages);
}

static void area_free(struct iopt_area *area)
{
	struct iopt_pages *pages = area->slice.pages;

	if (area != pages_first_area(pages))
		kfree(area);
	iopt_pages_put(pages);
}

static void areas_free(struct list_head *areas)
{
	struct iopt_area *area, *next;

	list_for_each_entry_safe(area, next, areas, item) {
		list_del(&area->item);
		area_free(area);
		cond_resched();
	}
}

/*
 * Take areas, in the order of their IOVAs, out of one domain; not those of
 * MMIO.  What is contiguous goes at once, however many areas it is.
 */
static void areas_leave_domain(struct list_head *areas,
			       struct iommu_domain *domain)
{
	unsigned long start = 0, length = 0;
	struct iopt_area *area;

	list_for_each_entry(area, areas, item) {
		if (iopt_area_is_mmio(area))
			continue;
		if (length && area->node.start != start + length) {
			iommu_provider_unmap(domain, start, length);
			length = 0;
		}
		if (!length)
			start = area->node.start;
		length += area->slice.length;
	}
	iommu_provider_unmap(domain, start, length);
}

static void areas_unpin(struct list_head *areas)
{
	struct iopt_area *area;

	list_for_each_entry(area, areas, item)
		iopt_slice_unpin(&area->slice);
}

/* Take areas out of all domains, then unpin what is pinned of them. */
static void areas_unfill(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_domain *entry;
	struct iopt_area *area;

	lockdep_assert_held(&iopt->domains_lock);

	if (list_empty(&iopt->domains))
		return;
	list_for_each_entry(entry, &iopt->domains, item)
		areas_leave_domain(areas, entry->domain);
	list_for_each_entry(area, areas, item) {
		if (iopt_area_is_mmio(area))
			iopt_mmio_unfill(iopt, area);
		else
			iopt_slice_unpin(&area->slice);
	}
}

static int area_map(struct io_pagetable *iopt, struct iopt_area *area,
		    struct iommu_domain *domain)
{
	return iopt_slice_map(&area->slice, domain, area->node.start,
			      area->prot, iopt->huge_pages);
}

/* Pin an area and put it into all domains. */
static int area_fill(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iopt_domain *entry;
	int rc;

	lockdep_assert_held(&iopt->domains_lock);

	if (list_empty(&iopt->domains))
		return 0;
	if (iopt_area_is_mmio(area))
		return iopt_mmio_fill(iopt, area);
	rc = iopt_slice_pin(&area->slice);
	if (rc)
		return rc;

	list_for_each_entry(entry, &iopt->domains, item) {
		rc = area_map(iopt, area, entry->domain);
		if (rc)
			goto err_unmap;
	}
	return 0;

err_unmap:
	list_for_each_entry_continue_reverse(entry, &iopt->domains, item)
		iommu_provider_unmap(entry->domain, area->node.start,
				     area->slice.length);
	iopt_slice_unpin(&area->slice);
	return rc;
}

/* Put areas into all domains; on error none is in any. */
static int areas_fill(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area;
	LIST_HEAD(filled);
	int rc;

	list_for_each_entry(area, areas, item) {
		rc = area_fill(iopt, area);
		if (rc) {
			/* Those before it are to be taken out again. */
			list_cut_before(&filled, areas, &area->item);
			areas_unfill(iopt, &filled);
			list_splice(&filled, areas);
			return rc;
		}
	}
	return 0;
}

/*
 * Find @length free bytes from @start to @last, @offset past @align.  Looks at
 * *@steps taken ranges at most; when that is 0 after, there may be some from *@iova
 * on.  Finds nothing for a process that is being killed.
 */
static bool find_free(struct io_pagetable *iopt, unsigned long start,
		      unsigned long last, unsigned long length,
		      unsigned long align, unsigned long offset,
		      unsigned long *iova, unsigned long *steps)
{
	struct interval_tree_node *reserved;
	struct iopt_range *area;
	unsigned long end, taken;

	for (;;) {
		/* The first that is not below start and offset past align */
		if (check_add_overflow(start, (offset - start) & (align - 1),
				       iova) ||
		    check_add_overflow(*iova, length - 1, &end) || end > last)
			return false;

		area = iopt_ranges_first(&iopt->areas, *iova, end);
		reserved = area ? NULL :
				  interval_tree_iter_first(&iopt->reserved,
							   *iova, end);
		if (!area && !reserved)
			return true;
		taken = area ? area->last : reserved->last;
		if (taken == ULONG_MAX)
			return false;
		start = taken + 1;
		if (!--*steps) {
			*iova = start;
			return false;
		}
		if (fatal_signal_pending(current))
			return false;
		cond_resched();
	}
}

/* The same, from @start on where a kernel-chosen IOVA may be */
static bool find_free_allowed(struct iopt_map *map, unsigned long start,
			      unsigned long align, unsigned long offset,
			      unsigned long *steps)
{
	struct io_pagetable *iopt = map->iopt;
	struct interval_tree_node *node;

	/* Neither page 0, which looks like a NULL pointer, nor the last. */
	if (RB_EMPTY_ROOT(&iopt->allowed.rb_root))
		return find_free(iopt, max(start, PAGE_SIZE),
				 ULONG_MAX - PAGE_SIZE, map->length, align,
				 offset, &map->iova, steps);

	for (node = interval_tree_iter_first(&iopt->allowed, start, ULONG_MAX);
	     node && *steps;
	     node = interval_tree_iter_next(node, start, ULONG_MAX)) {
		if (find_free(iopt, max(start, node->start), node->last,
			      map->length, align, offset, &map->iova, steps))
			return true;
		cond_resched();
	}
	return false;
}

/*
 * Where many mappings lie close together it would take long to find out that no
 * gap between them is large enough: there is room above them all, or if something
 * is at the very top, above all that was chosen by the kernel.
 */
static bool find_free_above(struct iopt_map *map, unsigned long align,
			    unsigned long offset)
{
	struct io_pagetable *iopt = map->iopt;
	struct iopt_range *highest = iopt->areas.highest;
	unsigned long steps = IOPT_CHOICE_STEPS;

	if (find_free_allowed(map, iopt->above_chosen, align, offset, &steps))
		return true;
	/* Go on behind those that were looked at; begin anew if that was all. */
	iopt->above_chosen = steps ? 0 : map->iova;

	steps = IOPT_CHOICE_STEPS;
	return highest && highest->last != ULONG_MAX &&
	       find_free_allowed(map, highest->last + 1, align, offset,
				 &steps);
}

/*
 * The lowest free IOVA, but for gaps that were too small for an earlier choice
 * of the same alignment: these are used when nothing else is left.  The search
 * looks at few mappings, and the next one goes on where it ended.
 */
static bool choose_free(struct iopt_map *map, unsigned long align,
			unsigned long offset)
{
	unsigned long steps = IOPT_CHOICE_STEPS, all = ULONG_MAX;
	struct io_pagetable *iopt = map->iopt;
	unsigned long *next;
	unsigned int i;

	lockdep_assert_held_write(&iopt->iova_lock);

	for (i = 0; i < IOPT_CHOICES; i++)
		iopt->next_choice[i] = min(iopt->next_choice[i],
					   iopt->lowest_freed);
	iopt->lowest_freed = ULONG_MAX;

	next = &iopt->next_choice[ilog2(max(align, PAGE_SIZE)) - PAGE_SHIFT];
	if (!find_free_allowed(map, *next, align, offset, &steps)) {
		if (!steps) {
			*next = map->iova;
			if (find_free_above(map, align, offset))
				return true;
		}
		if (!find_free_allowed(map, *next, align, offset, &all) &&
		    !find_free_allowed(map, 0, align, offset, &all))
			return false;
	}
	*next = map->iova + map->length;
	return true;
}

static struct iopt_area *map_first_area(struct iopt_map *map)
{
	return list_first_entry(&map->areas, struct iopt_area, item);
}

/* All borders of all areas must fall where a page of the IOMMU may end. */
static bool map_fits_alignment(struct iopt_map *map, unsigned long align)
{
	struct iopt_area *area;

	list_for_each_entry(area, &map->areas, item)
		if ((area->node.start | area->slice.offset |
		     area->slice.length) & (align - 1))
			return false;
	return true;
}

static int map_choose_iova(struct iopt_map *map)
{
	struct iopt_slice *slice = &map_first_area(map)->slice;
	unsigned long offset = slice->pages->base + iopt_slice_start(slice);
	unsigned long align = map->iopt->iova_alignment;
	unsigned long huge;

	if (!map_fits_alignment(map, align))
		return -EINVAL;

	/*
	 * Where IOVA and user address agree in their lower bits, a huge page of
	 * the CPU can be one of the IOMMU.  Beyond 1 GiB there are none.
	 */
	huge = map->length >= SZ_1G ? SZ_1G :
				      roundup_pow_of_two(max(map->length, PAGE_SIZE));
	if (!choose_free(map, max(huge, align), offset) &&
	    !choose_free(map, max(PAGE_SIZE, align), offset))
		return -ENOSPC;
	map->iopt->above_chosen = max(map->iopt->above_chosen,
				      map->iova + map->length);
	return 0;
}

static int map_check_iova(struct iopt_map *map, unsigned long iova)
{
	struct io_pagetable *iopt = map->iopt;
	unsigned long last;

	if (check_add_overflow(iova, map->length - 1, &last))
		return -EOVERFLOW;
	if ((iova & (iopt->iova_alignment - 1)) ||
	    !map_fits_alignment(map, iopt->iova_alignment))
		return -EINVAL;
	if (range_taken(&iopt->reserved, iova, last))
		return -EINVAL;
	if (iopt_ranges_first(&iopt->areas, iova, last))
		return -EEXIST;
	map->iova = iova;
	return 0;
}

static int map_insert(struct iopt_map *map, const unsigned long *fixed_iova)
{
	struct iopt_area *area;
	int rc;

	down_write(&map->iopt->iova_lock);
	if (fixed_iova)
		rc = map_check_iova(map, *fixed_iova);
	else
		rc = map_choose_iova(map);
	if (!rc) {
		list_for_each_entry(area, &map->areas, item) {
			area->node.start += map->iova;
			area->node.last += map->iova;
			iopt_ranges_insert(&map->iopt->areas, &area->node);
		}
	}
	up_write(&map->iopt->iova_lock);
	return rc;
}

/* @areas: not empty, in the order of their IOVAs */
static void areas_remove(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area;

	down_write(&iopt->iova_lock);
	list_for_each_entry(area, areas, item) {
		iopt_ranges_remove(&iopt->areas, &area->node);
		cond_resched();
	}
	area = list_first_entry(areas, struct iopt_area, item);
	iopt->lowest_freed = min(iopt->lowest_freed, area->node.start);
	up_write(&iopt->iova_lock);
}

/**
 * iopt_map_init() - Start with nothing to map
 * @map: The mappings to be.
 * @iopt: Where they are to go.
 */
void iopt_map_init(struct iopt_map *map, struct io_pagetable *iopt)
{
	map->iopt = iopt;
	INIT_LIST_HEAD(&map->areas);
	map->length = 0;
	map->must_pin = false;
}

/* Takes over @area and the reference to @pages. */
static void map_add(struct iopt_map *map, struct iopt_area *area,
		    struct iopt_pages *pages, unsigned long start,
		    unsigned long length, int prot)
{
	iopt_slice_init(&area->slice, pages, start, length);
	/* MMIO is in no cache. */
	area->prot = pages->kind == IOPT_MMIO ?
			     (prot & ~IOMMU_CACHE) | IOMMU_MMIO : prot;
	/* Relative to the IOVA of the whole, until that is known */
	area->node.start = map->length;
	area->node.last = map->length + length - 1;
	list_add_tail(&area->item, &map->areas);
	map->length += length;
}

/**
 * iopt_map_add_pages() - Add a pages object to what to map
 * @map: The mappings to be.
 * @pages: The object, with room for its first area: of all of it but perhaps
 *	the beginning.  The caller's reference is taken over.
 * @start: First byte in it.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ and so on.
 */
void iopt_map_add_pages(struct iopt_map *map, struct iopt_pages *pages,
			unsigned long start, unsigned long length, int prot)
{
	map_add(map, pages_first_area(pages), pages, start, length, prot);
}

/* Bytes of an area of a pages object */
static size_t area_size(struct iopt_pages *pages)
{
	return pages->kind == IOPT_MMIO ? sizeof(struct iopt_mmio_area) :
					  sizeof(struct iopt_area);
}

/**
 * iopt_map_add_user() - Add memory of the current process to what to map
 * @map: The mappings to be.
 * @uaddr: User address of the first byte.
 * @length: Bytes, not 0; @uaddr + @length does not wrap.
 * @prot: IOMMU_READ and so on.
 * @account_mode: Whom to charge when it is pinned.
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
	iopt_map_add_pages(map, pages, uaddr - pages->base, length, prot);
	return 0;
}

/**
 * iopt_map_add_file() - Add memory of a file to what to map
 * @map: The mappings to be.
 * @file: The file.
 * @start: Offset of the first byte.
 * @length: Bytes, not 0; @start + @length does not wrap.
 * @prot: IOMMU_READ and so on.
 * @account_mode: Whom to charge when it is pinned.
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
	iopt_map_add_pages(map, pages, start - pages->base, length, prot);
	return 0;
}

/**
 * iopt_collect_files() - Collect what the mappings are of
 * @iopt: The I/O page table.
 * @files: The list, for iopt_files_change_process().
 *
 * Return: 0, or -EINVAL when one is of memory of a process.
 */
int iopt_collect_files(struct io_pagetable *iopt, struct list_head *files)
{
	struct iopt_range *node;
	int rc = 0;

	down_read(&iopt->iova_lock);
	for (node = iopt_ranges_first(&iopt->areas, 0, ULONG_MAX);
	     node && !rc; node = iopt_range_next(node, ULONG_MAX))
		rc = iopt_files_collect(node_to_area(node)->slice.pages, files);
	up_read(&iopt->iova_lock);
	return rc;
}

/**
 * struct iopt_copy - What copying mappings works on
 * @map: The mappings to be.
 * @prot: IOMMU_READ and so on, for the copy.
 */
struct iopt_copy {
	struct iopt_map *map;
	int prot;
};

/* An iopt_area_fn: add a part of @area to what to map. */
static int map_add_area(struct iopt_area *area, unsigned long start,
			unsigned long last, void *arg)
{
	struct iopt_copy *copy = arg;
	struct iopt_area *new;

	if ((copy->prot & IOMMU_WRITE) && !(area->prot & IOMMU_WRITE))
		return -EPERM;
	new = kzalloc(area_size(area->slice.pages), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	iopt_pages_get(area->slice.pages);
	map_add(copy->map, new, area->slice.pages,
		iopt_slice_start(&area->slice) + start - area->node.start,
		last - start + 1, copy->prot);
	return 0;
}

/**
 * iopt_map_add_copy() - Add what is mapped somewhere to what to map
 * @map: The mappings to be.
 * @src: Where it is mapped; may be the same as of @map.
 * @iova: First byte there.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ and so on, for the copy.
 *
 * The copies share the memory with what is there: pinned once, charged once.
 * What can take MMIO away from what is there takes it from them, too.
 *
 * Return: 0, -ENOENT when not all of the range is mapped, -EPERM when the copy
 * is to be writeable and the source is not, -EOVERFLOW when the range wraps,
 * -ENOMEM.
 */
int iopt_map_add_copy(struct iopt_map *map, struct io_pagetable *src,
		      unsigned long iova, unsigned long length, int prot)
{
	struct iopt_copy copy = { .map = map, .prot = prot };
	unsigned long last;

	if (check_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	return iopt_walk_ready(src, iova, last, map_add_area, &copy);
}

/**
 * iopt_map_begin() - Map all, but do not show it yet
 * @map: The mappings, not empty.
 * @fixed_iova: IOVA of the first byte, or NULL for one that the kernel
 *	chooses; see iopt_map.iova for the result.
 *
 * On success the domains are locked against attach and detach until
 * iopt_map_commit() or iopt_map_abort().  May fault in user memory.
 *
 * Return: 0, or, with nothing changed: -EINVAL when misaligned or reserved,
 * -EEXIST when in use, -EOVERFLOW when it wraps, -ENOSPC when nothing is free,
 * -EFAULT when it must pin and there is no domain, or what iopt_slice_pin() and
 * iopt_slice_map() return.
 */
int iopt_map_begin(struct iopt_map *map, const unsigned long *fixed_iova)
{
	struct io_pagetable *iopt = map->iopt;
	int rc;

	down_read(&iopt->domains_lock);
	rc = -EFAULT;
	if (map->must_pin && list_empty(&iopt->domains))
		goto err_unlock;
	rc = map_insert(map, fixed_iova);
	if (rc)
		goto err_unlock;
	rc = areas_fill(iopt, &map->areas);
	if (rc)
		goto err_remove;
	return 0;

err_remove:
	areas_remove(iopt, &map->areas);
err_unlock:
	up_read(&iopt->domains_lock);
	return rc;
}

/**
 * iopt_map_commit() - Show mappings that were begun
 * @map: The mappings; empty after.
 *
 * Cannot fail.
 */
void iopt_map_commit(struct iopt_map *map)
{
	struct io_pagetable *iopt = map->iopt;
	struct iopt_area *area;

	down_write(&iopt->iova_lock);
	list_for_each_entry(area, &map->areas, item)
		area->ready = true;
	/* From the unlock on, the areas are anybody's to unmap. */
	INIT_LIST_HEAD(&map->areas);
	up_write(&iopt->iova_lock);
	up_read(&iopt->domains_lock);
}

/**
 * iopt_map_abort() - Undo iopt_map_begin()
 * @map: The mappings.
 */
void iopt_map_abort(struct iopt_map *map)
{
	areas_unfill(map->iopt, &map->areas);
	areas_remove(map->iopt, &map->areas);
	up_read(&map->iopt->domains_lock);
}

/**
 * iopt_map_destroy() - Free what was added, but is not mapped
 * @map: The mappings, committed, aborted or never begun.
 */
void iopt_map_destroy(struct iopt_map *map)
{
	areas_free(&map->areas);
}

/* Undo areas_claim(). */
static void areas_release(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area;

	lockdep_assert_held_write(&iopt->iova_lock);

	list_for_each_entry(area, areas, item)
		area->ready = true;
	INIT_LIST_HEAD(areas);
}

/*
 * List the areas from @start to @last, if all can be unmapped; with @cut also
 * those that are only partly in the range.
 */
static int areas_claim(struct io_pagetable *iopt, unsigned long start,
		       unsigned long last, bool cut, struct list_head *areas)
{
	struct iopt_range *node;
	struct iopt_area *area;
	int rc = 0;

	down_write(&iopt->iova_lock);
	for (node = iopt_ranges_first(&iopt->areas, start, last); node;
	     node = iopt_range_next(node, last)) {
		area = node_to_area(node);
		if (!cut && (node->start < start || node->last > last))
			rc = -ENOENT;
		else if (!area->ready)
			rc = -EBUSY;
		if (rc) {
			areas_release(iopt, areas);
			break;
		}
		area->ready = false;
		list_add_tail(&area->item, areas);
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
	pins = range_taken(&access->pins, start, last);
	spin_unlock(&access->lock);
	return pins;
}

/*
 * Have accesses drop their pins of a claimed area.  Other uses end by themselves,
 * and a pin that is being made finds that the area is not ready any more.
 */
static int area_wait_unused(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iopt_access *access;

	if (!atomic_read_acquire(&area->nusers))
		return 0;

	down_read(&iopt->accesses_lock);
	list_for_each_entry(access, &iopt->accesses, item)
		if (access_pins(access, area->node.start, area->node.last))
			access->unmap(access->data, area->node.start,
				      area->slice.length);
	up_read(&iopt->accesses_lock);

	return wait_var_event_killable(&area->nusers,
				       !atomic_read_acquire(&area->nusers)) ?
		       -EINTR : 0;
}

static int areas_wait_unused(struct io_pagetable *iopt,
			     struct list_head *areas)
{
	struct iopt_area *area;
	int rc = 0;

	list_for_each_entry(area, areas, item) {
		rc = area_wait_unused(iopt, area);
		if (rc)
			break;
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
	}
	return rc;
}

/**
 * struct iopt_cut - What cutting mappings needs
 * @spare: Areas for the parts that stay: an unmap has two ends.
 */
struct iopt_cut {
	struct iopt_area *spare[2];
};

static void cut_free(struct iopt_cut *cut)
{
	kfree(cut->spare[0]);
	kfree(cut->spare[1]);
}

static int cut_alloc(struct iopt_cut *cut)
{
	/* What will be cut is not known: either kind of area has room. */
	const size_t size = sizeof(struct iopt_mmio_area);

	cut->spare[0] = kzalloc(size, GFP_KERNEL_ACCOUNT);
	cut->spare[1] = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (cut->spare[0] && cut->spare[1])
		return 0;
	cut_free(cut);
	return -ENOMEM;
}

/*
 * Make @tail of what a claimed area maps from @iova on.  One of the two stays,
 * and is ready again.  To the domains there is no difference.
 */
static void area_split(struct io_pagetable *iopt, struct iopt_area *area,
		       struct iopt_area *tail, unsigned long iova,
		       struct iopt_area *stays)
{
	bool filled = !list_empty(&iopt->domains);
	bool mmio = iopt_area_is_mmio(area);

	lockdep_assert_held(&iopt->domains_lock);

	iopt_slice_split(&area->slice, &tail->slice, iova - area->node.start,
			 filled && !mmio);
	tail->prot = area->prot;
	tail->node.start = iova;
	tail->node.last = area->node.last;
	if (filled && mmio)
		iopt_mmio_split(area, tail);

	down_write(&iopt->iova_lock);
	area->node.last = iova - 1;
	iopt_ranges_insert(&iopt->areas, &tail->node);
	stays->ready = true;
	up_write(&iopt->iova_lock);
}

/* Leave in the list only what lies between @start and @last. */
static void areas_cut(struct io_pagetable *iopt, struct list_head *areas,
		      unsigned long start, unsigned long last,
		      struct iopt_cut *cut)
{
	struct iopt_area *area, *tail;

	area = list_first_entry(areas, struct iopt_area, item);
	if (area->node.start < start) {
		tail = cut->spare[0];
		cut->spare[0] = NULL;
		/* From here on the first part is anybody's to unmap. */
		list_replace(&area->item, &tail->item);
		area_split(iopt, area, tail, start, area);
	}

	area = list_last_entry(areas, struct iopt_area, item);
	if (area->node.last > last) {
		tail = cut->spare[1];
		cut->spare[1] = NULL;
		area_split(iopt, area, tail, last + 1, tail);
	}
}

/*
 * An IOMMU unmaps whole pages of its own.  While huge pages are not allowed the
 * domains have none: they can only be given up while nothing is in a domain.
 */
static bool can_cut(struct io_pagetable *iopt)
{
	lockdep_assert_held(&iopt->domains_lock);

	return !iopt->huge_pages || list_empty(&iopt->domains);
}

static int unmap(struct io_pagetable *iopt, unsigned long start,
		 unsigned long last, struct iopt_cut *cut, iopt_range_fn report,
		 void *arg, unsigned long *unmapped)
{
	unsigned long bytes = 0;
	struct iopt_area *area;
	LIST_HEAD(areas);
	int rc;

	*unmapped = 0;
	down_read(&iopt->domains_lock);
	rc = areas_claim(iopt, start, last, cut && can_cut(iopt), &areas);
	if (rc || list_empty(&areas))
		goto out_unlock;
	rc = areas_wait_unused(iopt, &areas);
	if (!rc && report)
		rc = areas_report(&areas, report, arg);
	if (rc) {
		down_write(&iopt->iova_lock);
		areas_release(iopt, &areas);
		up_write(&iopt->iova_lock);
		goto out_unlock;
	}

	if (cut)
		areas_cut(iopt, &areas, start, last, cut);
	areas_unfill(iopt, &areas);
	areas_remove(iopt, &areas);
	list_for_each_entry(area, &areas, item)
		bytes += area->slice.length;
out_unlock:
	up_read(&iopt->domains_lock);
	areas_free(&areas);
	*unmapped = bytes;
	return rc;
}

/**
 * iopt_unmap() - Unmap all of a range
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @unmapped: Set to the bytes that were mapped, 0 for none.
 *
 * When it returns, no device reaches the memory any more, and it is unpinned.
 * Accesses that have pinned some of it are told to drop that, and waited for.
 * May sleep.
 *
 * Return: 0, or, with nothing changed: -ENOENT when a mapping is only partly
 * in the range, -EBUSY when another thread is mapping or unmapping in it, -EINTR
 * when killed while an access has something pinned.
 */
int iopt_unmap(struct io_pagetable *iopt, unsigned long start,
	       unsigned long last, unsigned long *unmapped)
{
	return unmap(iopt, start, last, NULL, NULL, NULL, unmapped);
}

/**
 * iopt_unmap_reported() - Unmap all of a range, and tell what that is
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @report: Called for each mapping, in ascending order, before anything is
 *	unmapped; may fault in user memory.  An error of it is returned.
 * @arg: For @report.
 * @unmapped: Set to the bytes that were mapped, 0 for none.
 *
 * No other call changes the mappings between the report and the unmap.
 *
 * Return: as iopt_unmap(), or what @report returns, with nothing changed.
 */
int iopt_unmap_reported(struct io_pagetable *iopt, unsigned long start,
			unsigned long last, iopt_range_fn report, void *arg,
			unsigned long *unmapped)
{
	return unmap(iopt, start, last, NULL, report, arg, unmapped);
}

/**
 * iopt_unmap_cut() - Unmap a range, if need be out of the middle of a mapping
 * @iopt: The I/O page table.
 * @start: First byte, page aligned.
 * @last: Last byte, inclusive, of a page.
 * @unmapped: Set to the bytes that were mapped, 0 for none.
 *
 * What is left of a mapping is a mapping of its own from then on.  It stays in
 * the domains and pinned throughout, so DMA to it goes on.  That takes domains
 * that are mapped page by page: with huge pages allowed and a domain there,
 * nothing is cut.  Accesses drop their pins of all of such a mapping.
 *
 * Return: as iopt_unmap(), or -ENOMEM with nothing changed.
 */
int iopt_unmap_cut(struct io_pagetable *iopt, unsigned long start,
		   unsigned long last, unsigned long *unmapped)
{
	struct iopt_cut cut;
	int rc;

	rc = cut_alloc(&cut);
	if (rc)
		return rc;
	rc = unmap(iopt, start, last, &cut, NULL, NULL, unmapped);
	cut_free(&cut);
	return rc;
}

/**
 * iopt_walk_ready() - Look at the areas of a range that is mapped throughout
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @fn: Called for each area, in ascending order, with iova_lock held for
 *	reading.  An error of it ends the walk.
 * @arg: For @fn.
 *
 * Return: 0, what @fn returns, or -ENOENT when something in the range is not
 * mapped or not ready; @fn may have been called for what is before.
 */
int iopt_walk_ready(struct io_pagetable *iopt, unsigned long start,
		    unsigned long last, iopt_area_fn fn, void *arg)
{
	struct iopt_range *node;
	unsigned long next = start;
	int rc = -ENOENT;

	down_read(&iopt->iova_lock);
	for (node = iopt_ranges_first(&iopt->areas, start, last); node;
	     node = iopt_range_next(node, last)) {
		struct iopt_area *area = node_to_area(node);

		if (node->start > next || !area->ready)
			break;
		rc = fn(area, next, min(last, node->last), arg);
		if (rc || node->last >= last)
			goto out_unlock;
		next = node->last + 1;
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
 * iopt_walk_mappings() - Look at what is mapped in a range
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @fn: Called for each mapping, in ascending order, also if it is not ready.
 *	May fault in user memory.  An error of it ends the walk.
 * @arg: For @fn.
 *
 * Return: 0, -ENOENT, before @fn is called, when a mapping is only partly in
 * the range, or what @fn returns.
 */
int iopt_walk_mappings(struct io_pagetable *iopt, unsigned long start,
		       unsigned long last, iopt_range_fn fn, void *arg)
{
	struct iopt_range *node;
	int rc = 0;

	down_read(&iopt->iova_lock);
	if (straddles(iopt, start, last)) {
		rc = -ENOENT;
		goto out_unlock;
	}
	for (node = iopt_ranges_first(&iopt->areas, start, last);
	     node && !rc; node = iopt_range_next(node, last))
		rc = fn(node->start, node->last, arg);
out_unlock:
	up_read(&iopt->iova_lock);
	return rc;
}

/**
 * iopt_walk_domain() - Look at the memory that the domains map in a range
 * @iopt: The I/O page table; domains_lock is held.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @fn: Called for each mapping that is ready, or the part of it that is in the
 *	range, in ascending order.  An error of it ends the walk.
 * @arg: For @fn.
 *
 * Until @fn returns, what it looks at stays in the domains.  MMIO, which does
 * not, is left out.
 *
 * Return: 0, or what @fn returns.
 */
int iopt_walk_domain(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, iopt_range_fn fn, void *arg)
{
	struct iopt_range *node;
	struct iopt_area *area;
	int rc = 0;

	lockdep_assert_held(&iopt->domains_lock);

	down_read(&iopt->iova_lock);
	for (node = iopt_ranges_first(&iopt->areas, start, last);
	     node && !rc; node = iopt_range_next(node, last)) {
		area = node_to_area(node);
		if (area->ready && !iopt_area_is_mmio(area))
			rc = fn(max(node->start, start), min(node->last, last),
				arg);
	}
	up_read(&iopt->iova_lock);
	return rc;
}

static int reserve(struct io_pagetable *iopt, unsigned long start,
		   unsigned long last, const void *owner)
{
	struct iopt_reserved *reserved;

	lockdep_assert_held_write(&iopt->iova_lock);

	if (iopt_ranges_first(&iopt->areas, start, last) ||
	    range_taken(&iopt->allowed, start, last))
		return -EADDRINUSE;

	reserved = kzalloc(sizeof(*reserved), GFP_KERNEL_ACCOUNT);
	if (!reserved)
		return -ENOMEM;
	reserved->node.start = start;
	reserved->node.last = last;
	reserved->owner = owner;
	interval_tree_insert(&reserved->node, &iopt->reserved);
	return 0;
}

static void unreserve(struct io_pagetable *iopt, const void *owner)
{
	struct interval_tree_node *node, *next;

	lockdep_assert_held_write(&iopt->iova_lock);

	for (node = interval_tree_iter_first(&iopt->reserved, 0, ULONG_MAX);
	     node; node = next) {
		struct iopt_reserved *reserved = node_to_reserved(node);

		next = interval_tree_iter_next(node, 0, ULONG_MAX);
		if (reserved->owner != owner)
			continue;
		interval_tree_remove(node, &iopt->reserved);
		iopt->lowest_freed = min(iopt->lowest_freed, node->start);
		kfree(reserved);
		cond_resched();
	}
}

/**
 * iopt_reserve() - Keep a range of IOVA from being mapped
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @owner: Who reserves it, to give it back by.
 *
 * Return: 0, -EADDRINUSE when something is mapped there or user space wants to
 * keep it usable, -ENOMEM.
 */
int iopt_reserve(struct io_pagetable *iopt, unsigned long start,
		 unsigned long last, const void *owner)
{
	int rc;

	down_write(&iopt->iova_lock);
	rc = reserve(iopt, start, last, owner);
	up_write(&iopt->iova_lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iopt_reserve, "IOMMUFD_TEST");

/**
 * iopt_unreserve() - Give back all ranges of an owner
 * @iopt: The I/O page table.
 * @owner: The owner; may have none.
 */
void iopt_unreserve(struct io_pagetable *iopt, const void *owner)
{
	down_write(&iopt->iova_lock);
	unreserve(iopt, owner);
	up_write(&iopt->iova_lock);
}

/**
 * iopt_free_allowed() - Free a tree of struct iopt_allowed
 * @allowed: The tree; empty after.
 */
void iopt_free_allowed(struct rb_root_cached *allowed)
{
	struct interval_tree_node *node;

	while ((node = interval_tree_iter_first(allowed, 0, ULONG_MAX))) {
		interval_tree_remove(node, allowed);
		kfree(node_to_allowed(node));
		cond_resched();
	}
}

/**
 * iopt_set_allowed() - Replace the ranges that user space wants to keep usable
 * @iopt: The I/O page table.
 * @allowed: Tree of the new ones; set to the old ones on success.
 *
 * Return: 0, or -EADDRINUSE when one is reserved, and then nothing changes.
 */
int iopt_set_allowed(struct io_pagetable *iopt, struct rb_root_cached *allowed)
{
	struct interval_tree_node *node;
	int rc = 0;

	down_write(&iopt->iova_lock);
	for (node = interval_tree_iter_first(allowed, 0, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		if (range_taken(&iopt->reserved, node->start, node->last)) {
			rc = -EADDRINUSE;
			goto out_unlock;
		}
		cond_resched();
	}
	swap(iopt->allowed, *allowed);
	iopt->lowest_freed = 0;
	iopt->above_chosen = 0;
out_unlock:
	up_write(&iopt->iova_lock);
	return rc;
}

/* The next range of IOVA from @iova on that is not reserved, if there is one */
static bool iopt_next_usable(struct io_pagetable *iopt, unsigned long iova,
			     unsigned long *start, unsigned long *last)
{
	struct interval_tree_node *node;

	for (node = interval_tree_iter_first(&iopt->reserved, iova, ULONG_MAX); node;
	     node = interval_tree_iter_next(node, iova, ULONG_MAX)) {
		if (node->start > iova) {
			*start = iova;
			*last = node->start - 1;
			return true;
		}
		if (node->last == ULONG_MAX)
			return false;
		iova = max(iova, node->last + 1);
	}
	*start = iova;
	*last = ULONG_MAX;
	return true;
}

/**
 * iopt_usable_ranges() - Tell which ranges of IOVA are not reserved
 * @iopt: The I/O page table; iova_lock is held.
 * @ranges: Where to put them, in ascending order.
 * @room: How many @ranges has room for; those beyond are only counted.
 *
 * Return: how many there are.
 */
u32 iopt_usable_ranges(struct io_pagetable *iopt,
		       struct iommu_iova_range *ranges, u32 room)
{
	unsigned long start, last = 0;
	u32 n = 0;

	lockdep_assert_held(&iopt->iova_lock);

	while (iopt_next_usable(iopt, n ? last + 1 : 0, &start, &last)) {
		if (n < room) {
			ranges[n].start = start;
			ranges[n].last = last;
		}
		n++;
		if (last == ULONG_MAX)
			break;
		cond_resched();
	}
	return n;
}

/**
 * iopt_set_huge_pages() - Choose whether domains may use larger pages
 * @iopt: The I/O page table.
 * @enable: Whether they may.
 *
 * Return: 0, or -EINVAL when they are to be given up, but something is mapped
 * into a domain, that may have them.
 */
int iopt_set_huge_pages(struct io_pagetable *iopt, bool enable)
{
	int rc = 0;

	down_write(&iopt->domains_lock);
	if (!enable && iopt->huge_pages && !list_empty(&iopt->domains) &&
	    !iopt_ranges_empty(&iopt->areas))
		rc = -EINVAL;
	else
		iopt->huge_pages = enable;
	up_write(&iopt->domains_lock);
	return rc;
}

/**
 * iopt_page_sizes() - Which page sizes all domains have
 * @iopt: The I/O page table.
 *
 * Return: a bit for each size that is at least PAGE_SIZE.  That of PAGE_SIZE is
 * set, since it can be made up of smaller ones.  All without a domain.
 */
unsigned long iopt_page_sizes(struct io_pagetable *iopt)
{
	unsigned long sizes = PAGE_MASK;
	struct iopt_domain *entry;

	down_read(&iopt->domains_lock);
	list_for_each_entry(entry, &iopt->domains, item)
		sizes &= entry->domain->pgsize_bitmap;
	up_read(&iopt->domains_lock);
	return sizes | PAGE_SIZE;
}

static unsigned long domain_alignment(struct iommu_domain *domain)
{
	return 1UL << __ffs(domain->pgsize_bitmap);
}

static void update_alignment(struct io_pagetable *iopt)
{
	struct iopt_domain *entry;

	lockdep_assert_held_write(&iopt->iova_lock);

	iopt->iova_alignment = iopt->npinning ? PAGE_SIZE : 1;
	list_for_each_entry(entry, &iopt->domains, item)
		iopt->iova_alignment = max(iopt->iova_alignment,
					   domain_alignment(entry->domain));
}

/* Does what is mapped already suit a domain, or an access that pins? */
static int check_alignment(struct io_pagetable *iopt, unsigned long align)
{
	struct iopt_range *node;

	if (align <= iopt->iova_alignment)
		return 0;
	for (node = iopt_ranges_first(&iopt->areas, 0, ULONG_MAX); node;
	     node = iopt_range_next(node, ULONG_MAX)) {
		struct iopt_area *area = node_to_area(node);

		if ((node->start | area->slice.offset | area->slice.length) &
		    (align - 1))
			return -EADDRINUSE;
	}
	return 0;
}

static int reserve_outside_aperture(struct io_pagetable *iopt,
				    struct iommu_domain *domain)
{
	struct iommu_domain_geometry *geometry = &domain->geometry;
	int rc = 0;

	if (geometry->aperture_start)
		rc = reserve(iopt, 0, geometry->aperture_start - 1, domain);
	if (!rc && geometry->aperture_end < ULONG_MAX)
		rc = reserve(iopt, geometry->aperture_end + 1, ULONG_MAX,
			     domain);
	return rc;
}

/* List all areas: those of memory, and those of MMIO. */
static void list_areas(struct io_pagetable *iopt, struct list_head *areas,
		       struct list_head *mmio)
{
	struct iopt_range *node;

	for (node = iopt_ranges_first(&iopt->areas, 0, ULONG_MAX); node;
	     node = iopt_range_next(node, ULONG_MAX)) {
		struct iopt_area *area = node_to_area(node);

		list_add_tail(&area->item,
			      iopt_area_is_mmio(area) ? mmio : areas);
	}
}

/* Put areas of memory into a domain, and pin them if it is the first. */
static int domain_fill(struct io_pagetable *iopt, struct list_head *areas,
		       struct iommu_domain *domain)
{
	bool first = list_empty(&iopt->domains);
	struct iopt_area *area;
	LIST_HEAD(filled);
	int rc = 0;

	list_for_each_entry(area, areas, item) {
		if (first)
			rc = iopt_slice_pin(&area->slice);
		if (rc)
			goto err_undo;
		rc = area_map(iopt, area, domain);
		if (rc) {
			if (first)
				iopt_slice_unpin(&area->slice);
			goto err_undo;
		}
	}
	return 0;

err_undo:
	list_cut_before(&filled, areas, &area->item);
	areas_leave_domain(&filled, domain);
	if (first)
		areas_unpin(&filled);
	return rc;
}

/* Take areas of memory out of a domain, and unpin them if it was the last. */
static void domain_empty(struct io_pagetable *iopt, struct list_head *areas,
			 struct iommu_domain *domain)
{
	areas_leave_domain(areas, domain);
	if (list_empty(&iopt->domains))
		areas_unpin(areas);
}

/**
 * iopt_add_domain() - Put all that is mapped, now and later, into a domain
 * @iopt: The I/O page table.
 * @entry: The caller's, to know @domain by until it is removed.
 * @domain: The domain, empty; its geometry and page sizes are final.
 *
 * May fault in user memory.
 *
 * Return: 0, or, with nothing changed: -EADDRINUSE when something is mapped, or
 * to be kept usable, where the domain cannot, -EINVAL when its pages are too
 * large, -ENOMEM, or what iopt_slice_pin() and iopt_slice_map() return.
 */
int iopt_add_domain(struct io_pagetable *iopt, struct iopt_domain *entry,
		    struct iommu_domain *domain)
{
	LIST_HEAD(areas);
	LIST_HEAD(mmio);
	int rc;

	/* Pages of the CPU must be made up of pages of the IOMMU. */
	if (domain_alignment(domain) > PAGE_SIZE)
		return -EINVAL;

	/*
	 * With the domains locked for writing no area comes or goes, so the
	 * IOVA lock can be dropped before user memory is touched.
	 */
	down_write(&iopt->domains_lock);
	down_write(&iopt->iova_lock);
	rc = check_alignment(iopt, domain_alignment(domain));
	if (!rc)
		rc = reserve_outside_aperture(iopt, domain);
	up_write(&iopt->iova_lock);
	if (rc)
		goto err_unreserve;

	list_areas(iopt, &areas, &mmio);
	rc = domain_fill(iopt, &areas, domain);
	if (rc)
		goto err_unreserve;

	entry->domain = domain;
	down_write(&iopt->iova_lock);
	rc = iopt_mmio_add_domain(iopt, &mmio, entry);
	if (!rc)
		update_alignment(iopt);
	up_write(&iopt->iova_lock);
	if (rc)
		goto err_empty;
	up_write(&iopt->domains_lock);
	return 0;

err_empty:
	entry->domain = NULL;
	domain_empty(iopt, &areas, domain);
err_unreserve:
	down_write(&iopt->iova_lock);
	unreserve(iopt, domain);
	up_write(&iopt->iova_lock);
	up_write(&iopt->domains_lock);
	return rc;
}

/**
 * iopt_remove_domain() - Undo iopt_add_domain()
 * @iopt: The I/O page table.
 * @entry: Of the domain; no device is attached to it any more.
 *
 * With the last domain, all memory is unpinned.  Cannot fail and needs no
 * memory.
 */
void iopt_remove_domain(struct io_pagetable *iopt, struct iopt_domain *entry)
{
	LIST_HEAD(areas);
	LIST_HEAD(mmio);

	down_write(&iopt->domains_lock);
	list_areas(iopt, &areas, &mmio);
	down_write(&iopt->iova_lock);
	iopt_mmio_remove_domain(iopt, &mmio, entry);
	up_write(&iopt->iova_lock);
	domain_empty(iopt, &areas, entry->domain);

	down_write(&iopt->iova_lock);
	unreserve(iopt, entry->domain);
	update_alignment(iopt);
	up_write(&iopt->iova_lock);
	up_write(&iopt->domains_lock);
}

/**
 * iopt_attach_group() - Let a group do DMA through a domain that is filled
 * @iopt: The I/O page table.
 * @provider: The provider of @domain and @group.
 * @domain: One of its domains.
 * @group: The group, claimed, without a domain attached.
 *
 * IOMMU drivers expect that nothing is mapped or unmapped meanwhile: Intel's
 * looks at the devices of a domain without a lock when it flushes.
 *
 * Return: as iommu_provider_ops::attach().
 */
int iopt_attach_group(struct io_pagetable *iopt,
		      const struct iommu_provider_ops *provider,
		      struct iommu_domain *domain, struct iommu_group *group)
{
	int rc;

	down_write(&iopt->domains_lock);
	mutex_lock(iopt->mmio_lock);
	rc = provider->attach(domain, group);
	mutex_unlock(iopt->mmio_lock);
	up_write(&iopt->domains_lock);
	return rc;
}

/**
 * iopt_detach_group() - Block the DMA of a group attached to a filled domain
 * @iopt: The I/O page table.
 * @provider: The provider of @domain and @group.
 * @domain: One of its domains.
 * @group: The group, attached to @domain.
 */
void iopt_detach_group(struct io_pagetable *iopt,
		       const struct iommu_provider_ops *provider,
		       struct iommu_domain *domain, struct iommu_group *group)
{
	down_write(&iopt->domains_lock);
	mutex_lock(iopt->mmio_lock);
	provider->detach(domain, group);
	mutex_unlock(iopt->mmio_lock);
	up_write(&iopt->domains_lock);
}

static void lock_domains_of_both(struct io_pagetable *a, struct io_pagetable *b)
{
	if (a > b)
		swap(a, b);
	down_write(&a->domains_lock);
	if (a != b)
		down_write_nested(&b->domains_lock, SINGLE_DEPTH_NESTING);
}

/**
 * iopt_replace_group() - Move a group to another filled domain at once
 * @old_iopt: The I/O page table of @old.
 * @iopt: That of @domain; can be the same.
 * @provider: The provider of all of them, which can replace.
 * @old: What the group is attached to.
 * @domain: What it is to be attached to.
 * @group: The group.
 *
 * Return: as iommu_provider_ops::replace().
 */
int iopt_replace_group(struct io_pagetable *old_iopt, struct io_pagetable *iopt,
		       const struct iommu_provider_ops *provider,
		       struct iommu_domain *old, struct iommu_domain *domain,
		       struct iommu_group *group)
{
	int rc;

	lock_domains_of_both(old_iopt, iopt);
	mutex_lock(iopt->mmio_lock);
	rc = provider->replace(old, domain, group);
	mutex_unlock(iopt->mmio_lock);
	up_write(&iopt->domains_lock);
	if (old_iopt != iopt)
		up_write(&old_iopt->domains_lock);
	return rc;
}

/**
 * iopt_want_pages() - Have only whole pages of the CPU mapped
 * @iopt: The I/O page table.
 *
 * An access that pins gets whole pages, so it can only go by IOVA if borders of
 * mappings, IOVA and memory, are those of pages.
 *
 * Return: 0, or -EADDRINUSE when something else is mapped.
 */
int iopt_want_pages(struct io_pagetable *iopt)
{
	int rc;

	down_write(&iopt->iova_lock);
	rc = check_alignment(iopt, PAGE_SIZE);
	if (!rc) {
		iopt->npinning++;
		update_alignment(iopt);
	}
	up_write(&iopt->iova_lock);
	return rc;
}

/**
 * iopt_unwant_pages() - Undo iopt_want_pages()
 * @iopt: The I/O page table.
 */
void iopt_unwant_pages(struct io_pagetable *iopt)
{
	down_write(&iopt->iova_lock);
	iopt->npinning--;
	update_alignment(iopt);
	up_write(&iopt->iova_lock);
}

/**
 * iopt_add_access() - Tell an access of unmaps
 * @iopt: The I/O page table, after iopt_want_pages().
 * @access: The access, without pins.
 */
void iopt_add_access(struct io_pagetable *iopt, struct iopt_access *access)
{
	down_write(&iopt->accesses_lock);
	list_add_tail(&access->item, &iopt->accesses);
	up_write(&iopt->accesses_lock);
}

/**
 * iopt_remove_access() - Undo iopt_add_access()
 * @iopt: The I/O page table.
 * @access: The access.  It makes no pins any more, and is to drop those it has:
 *	an unmap may wait for them.
 *
 * When it returns, the access is not being told of an unmap.
 */
void iopt_remove_access(struct io_pagetable *iopt, struct iopt_access *access)
{
	down_write(&iopt->accesses_lock);
	list_del(&access->item);
	up_write(&iopt->accesses_lock);
}
