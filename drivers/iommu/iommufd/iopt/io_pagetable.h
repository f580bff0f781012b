/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_IO_PAGETABLE_H
#define __IOMMUFD_IO_PAGETABLE_H

#include <linux/atomic.h>
#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "pages/pages.h"
#include "ranges.h"

struct iommu_iova_range;
struct iommu_provider_ops;
struct mutex;

/**
 * struct iopt_domain - A domain that holds every ready area
 * @item: In io_pagetable::domains.
 * @domain: The domain.
 */
struct iopt_domain {
	struct list_head item;
	struct iommu_domain *domain;
};

/* Alignments that kernel-chosen IOVAs can have: from a page to 1 GiB */
#define IOPT_CHOICES	(ilog2(SZ_1G) - PAGE_SHIFT + 1)

/* So many taken ranges in a row are passed over for a kernel-chosen IOVA. */
#define IOPT_CHOICE_STEPS	32

/**
 * struct io_pagetable - What is mapped where in one I/O address space
 * @domains_lock: Guards @domains, @huge_pages, and which groups are attached to
 *	the domains.  Attaching and detaching are exclusive and take it for
 *	writing; mapping and unmapping take it for reading, from before an area
 *	comes or goes until after.  Outside @iova_lock.
 * @domains: struct iopt_domain.  Changed with @iova_lock held for writing and
 *	@mmio_lock, too.  Which groups are attached changes with @mmio_lock held.
 * @huge_pages: Whether domains may use pages larger than the CPU's smallest.
 * @accesses_lock: Guards @accesses; held for reading while one of them is told
 *	of an unmap.  Between @domains_lock and @iova_lock.
 * @accesses: struct iopt_access: those that pin.
 * @iova_lock: Guards the trees and what follows.  Never held for writing while
 *	memory of the user is accessed.
 * @areas: struct iopt_area by IOVA.
 * @reserved: struct iopt_reserved by IOVA; they may overlap.  No area does.
 * @allowed: struct iopt_allowed by IOVA; none overlap.  What user space wants
 *	to keep usable, and where kernel-chosen IOVAs come from unless empty.
 * @iova_alignment: What an IOVA must be a multiple of.
 * @npinning: Accesses that pin, which takes whole pages.
 * @next_choice: By the alignment wanted, where to start to look for a free
 *	IOVA: all that could be below was taken, or passed over, before.
 * @lowest_freed: Lowest IOVA that became free since then.
 * @above_chosen: From here on hardly anything is at an IOVA that the kernel chose.
 * @mmio_lock: iommufd_ctx::mmio_lock, see iopt/mmio.c.  Inside all of the above.
 */
struct io_pagetable {
	struct rw_semaphore domains_lock;
	struct list_head domains;
	bool huge_pages;

	struct rw_semaphore accesses_lock;
	struct list_head accesses;

	struct rw_semaphore iova_lock;
	struct iopt_ranges areas;
	struct rb_root_cached reserved;
	struct rb_root_cached allowed;
	unsigned long iova_alignment;
	unsigned int npinning;
	unsigned long next_choice[IOPT_CHOICES];
	unsigned long lowest_freed;
	unsigned long above_chosen;

	struct mutex *mmio_lock;	/* see iopt/mmio.c */
};

/**
 * struct iopt_area - One mapping
 * @node: Its IOVA range, in io_pagetable::areas.
 * @slice: What is mapped; a user of its pages object as long as the
 *	io_pagetable has a domain.
 * @prot: IOMMU_READ, IOMMU_WRITE, and IOMMU_CACHE or, of MMIO, IOMMU_MMIO.
 * @ready: In all domains; of MMIO, see struct iopt_mmio_area.  False while it is
 *	being mapped or unmapped: the IOVA is taken then, but who set it false is
 *	alone with it once @nusers is 0.  Guarded by io_pagetable::iova_lock.
 * @nusers: Uses by accesses: their pins, and calls at work.  The area stays
 *	until it is 0.  Raised only while @ready.
 * @item: In the list of areas that a call works on.
 */
struct iopt_area {
	struct iopt_range node;
	struct iopt_slice slice;
	u16 prot;
	bool ready;
	atomic_t nusers;
	struct list_head item;
};

/**
 * struct iopt_access - A software device that pins what is mapped
 * @item: In io_pagetable::accesses.
 * @unmap: Has the device drop its pins that meet a range.
 * @data: For @unmap.
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
 * struct iopt_reserved - IOVA that cannot be mapped
 * @node: The range, in io_pagetable::reserved.
 * @owner: Who reserved it: an IOMMU group, a domain, or for a test the IOAS.
 */
struct iopt_reserved {
	struct interval_tree_node node;
	const void *owner;
};

/**
 * struct iopt_allowed - IOVA that user space wants to keep usable
 * @node: The range, in io_pagetable::allowed.
 */
struct iopt_allowed {
	struct interval_tree_node node;
};

/**
 * struct iopt_map - Mappings being made
 * @iopt: Where.
 * @areas: The areas, in the order of their IOVAs, contiguous.
 * @length: Bytes of all areas.
 * @iova: First byte, valid once begun.
 * @must_pin: Begin only if that pins the memory, since nobody knows whether it is
 *	any.
 */
struct iopt_map {
	struct io_pagetable *iopt;
	struct list_head areas;
	unsigned long length;
	unsigned long iova;
	bool must_pin;
};

/* Called with an area and the first and last byte, inclusive, wanted of it */
typedef int (*iopt_area_fn)(struct iopt_area *area, unsigned long start,
			    unsigned long last, void *arg);

/* Called with the first and the last byte, inclusive, of a mapping */
typedef int (*iopt_range_fn)(unsigned long start, unsigned long last,
			     void *arg);

void iopt_init(struct io_pagetable *iopt, struct mutex *mmio_lock);
void iopt_destroy(struct io_pagetable *iopt);

void iopt_map_init(struct iopt_map *map, struct io_pagetable *iopt);
void iopt_map_add_pages(struct iopt_map *map, struct iopt_pages *pages,
			unsigned long start, unsigned long length, int prot);
int iopt_map_add_user(struct iopt_map *map, unsigned long uaddr,
		      unsigned long length, int prot,
		      enum iopt_account_mode account_mode);
int iopt_map_add_file(struct iopt_map *map, struct file *file,
		      unsigned long start, unsigned long length, int prot,
		      enum iopt_account_mode account_mode);
int iopt_collect_files(struct io_pagetable *iopt, struct list_head *files);
int iopt_map_add_copy(struct iopt_map *map, struct io_pagetable *src,
		      unsigned long iova, unsigned long length, int prot);
int iopt_map_begin(struct iopt_map *map, const unsigned long *fixed_iova);
void iopt_map_commit(struct iopt_map *map);
void iopt_map_abort(struct iopt_map *map);
void iopt_map_destroy(struct iopt_map *map);

int iopt_unmap(struct io_pagetable *iopt, unsigned long start,
	       unsigned long last, unsigned long *unmapped);
int iopt_unmap_reported(struct io_pagetable *iopt, unsigned long start,
			unsigned long last, iopt_range_fn report, void *arg,
			unsigned long *unmapped);
int iopt_unmap_cut(struct io_pagetable *iopt, unsigned long start,
		   unsigned long last, unsigned long *unmapped);
int iopt_walk_mappings(struct io_pagetable *iopt, unsigned long start,
		       unsigned long last, iopt_range_fn fn, void *arg);
int iopt_walk_domain(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, iopt_range_fn fn, void *arg);

int iopt_walk_ready(struct io_pagetable *iopt, unsigned long start,
		    unsigned long last, iopt_area_fn fn, void *arg);

int iopt_want_pages(struct io_pagetable *iopt);
void iopt_unwant_pages(struct io_pagetable *iopt);
void iopt_add_access(struct io_pagetable *iopt, struct iopt_access *access);
void iopt_remove_access(struct io_pagetable *iopt, struct iopt_access *access);

int iopt_reserve(struct io_pagetable *iopt, unsigned long start,
		 unsigned long last, const void *owner);
void iopt_unreserve(struct io_pagetable *iopt, const void *owner);
int iopt_set_allowed(struct io_pagetable *iopt, struct rb_root_cached *allowed);
void iopt_free_allowed(struct rb_root_cached *allowed);
u32 iopt_usable_ranges(struct io_pagetable *iopt,
		       struct iommu_iova_range *ranges, u32 room);

int iopt_set_huge_pages(struct io_pagetable *iopt, bool enable);
unsigned long iopt_page_sizes(struct io_pagetable *iopt);

int iopt_add_domain(struct io_pagetable *iopt, struct iopt_domain *entry,
		    struct iommu_domain *domain);
void iopt_remove_domain(struct io_pagetable *iopt, struct iopt_domain *entry);
int iopt_attach_group(struct io_pagetable *iopt,
		      const struct iommu_provider_ops *provider,
		      struct iommu_domain *domain, struct iommu_group *group);
void iopt_detach_group(struct io_pagetable *iopt,
		       const struct iommu_provider_ops *provider,
		       struct iommu_domain *domain, struct iommu_group *group);
int iopt_replace_group(struct io_pagetable *old_iopt, struct io_pagetable *iopt,
		       const struct iommu_provider_ops *provider,
		       struct iommu_domain *old, struct iommu_domain *domain,
		       struct iommu_group *group);

#endif
