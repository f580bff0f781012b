// SPDX-License-Identifier: GPL-2.0-only
/*
 * The undo baseline: the least cost of a map call that another call can undo
 *
 * The baseline is an ioctl that does nothing, and the steps of pinning and
 * mapping.  A call on an address space needs more.  It copies its arguments and
 * its answer; finds the address space by ID, which another thread may destroy
 * meanwhile; excludes attaches of devices; allocates a struct mapping, charged
 * to the cgroup, and puts it into a tree that other threads use, too; asks
 * whether the limit of locked memory applies; counts pinned pages, and holds
 * the mm_struct of the process that they are counted for.
 *
 * This file does no more than that, in a straightforward way with the kernel's
 * own helpers; it maps and unpins pages as the driver does, which is cheaper.
 * There is one domain.  A map takes the next IOVA up, an unmap the lowest: no
 * lookup by range, no overlap, nothing shared, split or reserved, no accesses,
 * and a mapping gets into the tree only when it is complete.
 */
#include <linux/capability.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/vmstat.h>
#include <linux/xarray.h>

#include "baseline.h"
#include "undo.h"

/**
 * struct space - The address space: an IOAS with the least bookkeeping
 * @calls: Calls in progress.
 * @domains_lock: Held for reading while something is mapped or unmapped.
 * @lock: Guards the tree.
 * @tree: All struct mapping, by IOVA.
 * @highest: The mapping with the highest IOVA, or NULL.
 */
struct space {
	atomic_t calls;
	struct rw_semaphore domains_lock;
	spinlock_t lock;	/* of the tree */
	struct rb_root_cached tree;
	struct rb_node *highest;
};

/**
 * struct mapping - Pinned memory that is mapped
 * @rb: In space::tree.
 * @iova: First byte.
 * @length: Bytes.
 * @mm: The pinned pages are counted in its pinned_vm.
 * @pages: The pages, pinned.
 */
struct mapping {
	struct rb_node rb;
	unsigned long iova;
	unsigned long length;
	struct mm_struct *mm;
	struct page *pages[];
};

static DEFINE_XARRAY_ALLOC1(spaces);
static struct space the_space;

static struct space *space_get(u32 id)
{
	XA_STATE(xas, &spaces, id);
	struct space *space;

	xas_lock(&xas);
	space = xas_load(&xas);
	if (space)
		atomic_inc(&space->calls);
	xas_unlock(&xas);
	return space;
}

static void space_put(struct space *space)
{
	atomic_dec(&space->calls);
}

static void insert_highest(struct space *space, struct mapping *mapping)
{
	struct rb_node **link = &space->tree.rb_root.rb_node;
	struct rb_node *parent = NULL;

	spin_lock(&space->lock);
	if (space->highest) {
		parent = space->highest;
		link = &parent->rb_right;
	}
	rb_link_node(&mapping->rb, parent, link);
	rb_insert_color_cached(&mapping->rb, &space->tree, !parent);
	space->highest = &mapping->rb;
	spin_unlock(&space->lock);
}

static struct mapping *take_lowest(struct space *space, unsigned long iova)
{
	struct mapping *mapping;

	spin_lock(&space->lock);
	mapping = rb_entry_safe(rb_first_cached(&space->tree), struct mapping,
				rb);
	if (mapping && mapping->iova == iova) {
		if (space->highest == &mapping->rb)
			space->highest = NULL;
		rb_erase_cached(&mapping->rb, &space->tree);
	} else {
		mapping = NULL;
	}
	spin_unlock(&space->lock);
	return mapping;
}

static int map_pages(struct iommu_domain *domain, struct mapping *mapping,
		     unsigned int npages)
{
	const int prot = IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE;
	unsigned int i;
	int rc;

	for (i = 0; i < npages; i++) {
		size_t mapped = 0;

		rc = iommu_domain_map_pages(domain,
					    mapping->iova + i * PAGE_SIZE,
					    page_to_phys(mapping->pages[i]),
					    PAGE_SIZE, 1, prot,
					    GFP_KERNEL_ACCOUNT, &mapped);
		if (rc)
			return rc;
	}
	return iommu_domain_sync_map(domain, mapping->iova, mapping->length);
}

/* Small pages of one node, dirty as almost all are, are counted together. */
static void unpin_pages(struct page **pages, unsigned int npages)
{
	struct pglist_data *node = page_pgdat(pages[0]);
	unsigned int i, counted = 0;

	for (i = 0; i < npages; i++) {
		struct page *page = pages[i];

		if (PageCompound(page) || is_zone_device_page(page) ||
		    !PageDirty(page) || page_pgdat(page) != node) {
			unpin_user_pages_dirty_lock(&page, 1, true);
			continue;
		}
		counted++;
		folio_put_refs(page_folio(page), GUP_PIN_COUNTING_BIAS);
	}
	mod_node_page_state(node, NR_FOLL_PIN_RELEASED, counted);
}

/* Pin, map and count the pages; the caller puts the mapping into the tree. */
static int pin_and_map(struct iommu_domain *domain, struct mapping *mapping,
		       unsigned long uaddr)
{
	int npages = mapping->length >> PAGE_SHIFT, pinned, rc;

	pinned = pin_user_pages_fast(uaddr, npages, FOLL_WRITE | FOLL_LONGTERM,
				     mapping->pages);
	if (pinned < 0)
		return pinned;
	rc = pinned == npages ? map_pages(domain, mapping, npages) : -EFAULT;
	if (rc) {
		/* A map that fails may leave a part mapped. */
		iommu_unmap(domain, mapping->iova, mapping->length);
		unpin_user_pages(mapping->pages, pinned);
		return rc;
	}
	atomic64_add(npages, &mapping->mm->pinned_vm);
	mmgrab(mapping->mm);
	return 0;
}

/* Undo pin_and_map(), and free the mapping. */
static void forget(struct iommu_domain *domain, struct mapping *mapping)
{
	unsigned int npages = mapping->length >> PAGE_SHIFT;

	WARN_ON(iommu_unmap(domain, mapping->iova, mapping->length) !=
		mapping->length);
	unpin_pages(mapping->pages, npages);
	atomic64_sub(npages, &mapping->mm->pinned_vm);
	mmdrop(mapping->mm);
	kfree(mapping);
}

static int get_args(struct undo_baseline *args,
		    struct undo_baseline __user *argp)
{
	if (copy_from_user(args, argp, sizeof(*args)))
		return -EFAULT;
	if (!PAGE_ALIGNED(args->uaddr | args->length | args->iova) ||
	    args->length - 1 >= UNDO_BASELINE_PAGES * PAGE_SIZE)
		return -EINVAL;
	return 0;
}

/**
 * undo_baseline_map() - Map memory, and put the mapping into the tree
 * @domain: The domain to map into.
 * @argp: The caller's struct.
 *
 * Return: 0, -EFAULT, -EINVAL, -ENOENT for an unknown ID, -EPERM without
 * CAP_IPC_LOCK, -ENOMEM, or the error of the IOMMU driver.
 */
int undo_baseline_map(struct iommu_domain *domain,
		      struct undo_baseline __user *argp)
{
	struct undo_baseline args __uninitialized;
	struct mapping *mapping;
	struct space *space;
	int rc;

	rc = get_args(&args, argp);
	if (rc)
		return rc;
	space = space_get(args.id);
	if (!space)
		return -ENOENT;
	rc = -ENOMEM;
	mapping = kmalloc(struct_size(mapping, pages, args.length >> PAGE_SHIFT),
			  GFP_KERNEL_ACCOUNT);
	if (!mapping)
		goto out_put;
	rc = -EPERM;
	if (!capable(CAP_IPC_LOCK))
		goto err_free;
	mapping->iova = args.iova;
	mapping->length = args.length;
	mapping->mm = current->mm;

	down_read(&space->domains_lock);
	rc = pin_and_map(domain, mapping, args.uaddr);
	if (rc) {
		up_read(&space->domains_lock);
		goto err_free;
	}
	rc = put_user(mapping->iova, &argp->iova);
	if (rc)
		forget(domain, mapping);
	else
		insert_highest(space, mapping);
	up_read(&space->domains_lock);
	space_put(space);
	return rc;

err_free:
	kfree(mapping);
out_put:
	space_put(space);
	return rc;
}

/**
 * undo_baseline_unmap() - Undo undo_baseline_map() of the lowest IOVA
 * @domain: The domain to unmap from.
 * @argp: The caller's struct.
 *
 * Return: 0, -EFAULT, -EINVAL, or -ENOENT for an unknown ID, or when another
 * IOVA is the lowest.
 */
int undo_baseline_unmap(struct iommu_domain *domain,
			struct undo_baseline __user *argp)
{
	struct undo_baseline args __uninitialized;
	struct mapping *mapping;
	struct space *space;
	u64 length = 0;
	int rc;

	rc = get_args(&args, argp);
	if (rc)
		return rc;
	space = space_get(args.id);
	if (!space)
		return -ENOENT;

	down_read(&space->domains_lock);
	mapping = take_lowest(space, args.iova);
	if (mapping) {
		length = mapping->length;
		forget(domain, mapping);
	}
	up_read(&space->domains_lock);
	space_put(space);
	return length ? put_user(length, &argp->length) : -ENOENT;
}

/**
 * undo_baseline_init() - Set up the address space
 *
 * Return: 0 or -ENOMEM.
 */
int undo_baseline_init(void)
{
	init_rwsem(&the_space.domains_lock);
	spin_lock_init(&the_space.lock);
	the_space.tree = RB_ROOT_CACHED;
	the_space.highest = NULL;
	return xa_err(xa_store(&spaces, UNDO_BASELINE_ID, &the_space,
			       GFP_KERNEL));
}

/**
 * undo_baseline_destroy() - Undo undo_baseline_init(), and all mappings
 * @domain: The domain that they are in.
 */
void undo_baseline_destroy(struct iommu_domain *domain)
{
	struct rb_node *rb;

	while ((rb = rb_first_cached(&the_space.tree)))
		forget(domain, take_lowest(&the_space,
					   rb_entry(rb, struct mapping,
						    rb)->iova));
	xa_erase(&spaces, UNDO_BASELINE_ID);
}
