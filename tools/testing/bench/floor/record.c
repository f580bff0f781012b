// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that it costs to map such that another call can undo it
 *
 * The floor is an ioctl that does nothing, and the steps of pinning and mapping.
 * A call on an address space needs more.  It copies its arguments and its answer;
 * finds the address space by ID while another thread may destroy it; holds off
 * whoever attaches devices; allocates a record, charged to the cgroup, and puts
 * it into a tree that other threads use, too; asks whether the limit of locked
 * memory applies; counts pinned pages, and holds the address space of the process
 * that they are counted for.
 *
 * That is all that is done here, in a straightforward way with the kernel's own
 * helpers, and where there is a cheaper one, to map and to unpin pages, in that of
 * the driver.  There is one domain and one way to be called, the next IOVA up to map
 * and the lowest to unmap: no lookup by range, no overlap, nothing shared, cut or
 * reserved, no accesses, and what is mapped is shown only when it is.
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

#include "floor.h"
#include "record.h"

/**
 * struct space - What stands for an address space
 * @calls: Calls in progress.
 * @domains_lock: Held for reading while something is mapped or unmapped.
 * @lock: Guards the tree.
 * @tree: struct record by IOVA.
 * @highest: The record with the highest IOVA, or NULL.
 */
struct space {
	atomic_t calls;
	struct rw_semaphore domains_lock;
	spinlock_t lock;	/* of the tree */
	struct rb_root_cached tree;
	struct rb_node *highest;
};

/**
 * struct record - A mapping
 * @rb: In space::tree.
 * @iova: First byte.
 * @length: Bytes.
 * @mm: Whose pages are counted.
 * @pages: The pages, pinned.
 */
struct record {
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

static void insert_highest(struct space *space, struct record *record)
{
	struct rb_node **link = &space->tree.rb_root.rb_node;
	struct rb_node *parent = NULL;

	spin_lock(&space->lock);
	if (space->highest) {
		parent = space->highest;
		link = &parent->rb_right;
	}
	rb_link_node(&record->rb, parent, link);
	rb_insert_color_cached(&record->rb, &space->tree, !parent);
	space->highest = &record->rb;
	spin_unlock(&space->lock);
}

static struct record *take_lowest(struct space *space, unsigned long iova)
{
	struct record *record;

	spin_lock(&space->lock);
	record = rb_entry_safe(rb_first_cached(&space->tree), struct record, rb);
	if (record && record->iova == iova) {
		if (space->highest == &record->rb)
			space->highest = NULL;
		rb_erase_cached(&record->rb, &space->tree);
	} else {
		record = NULL;
	}
	spin_unlock(&space->lock);
	return record;
}

static int map_pages(struct iommu_domain *domain, struct record *record,
		     unsigned int npages)
{
	const int prot = IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE;
	unsigned int i;
	int rc;

	for (i = 0; i < npages; i++) {
		size_t mapped = 0;

		rc = iommu_domain_map_pages(domain,
					    record->iova + i * PAGE_SIZE,
					    page_to_phys(record->pages[i]),
					    PAGE_SIZE, 1, prot,
					    GFP_KERNEL_ACCOUNT, &mapped);
		if (rc)
			return rc;
	}
	return iommu_domain_sync_map(domain, record->iova, record->length);
}

/* Small pages, dirty as almost all are, of one node, are counted together. */
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

/* Until it is in the tree */
static int pin_and_map(struct iommu_domain *domain, struct record *record,
		       unsigned long uaddr)
{
	int npages = record->length >> PAGE_SHIFT, pinned, rc;

	pinned = pin_user_pages_fast(uaddr, npages, FOLL_WRITE | FOLL_LONGTERM,
				     record->pages);
	if (pinned < 0)
		return pinned;
	rc = pinned == npages ? map_pages(domain, record, npages) : -EFAULT;
	if (rc) {
		/* A map that fails may leave some of it. */
		iommu_unmap(domain, record->iova, record->length);
		unpin_user_pages(record->pages, pinned);
		return rc;
	}
	atomic64_add(npages, &record->mm->pinned_vm);
	mmgrab(record->mm);
	return 0;
}

/* Undo that, and free the record. */
static void forget(struct iommu_domain *domain, struct record *record)
{
	unsigned int npages = record->length >> PAGE_SHIFT;

	WARN_ON(iommu_unmap(domain, record->iova, record->length) !=
		record->length);
	unpin_pages(record->pages, npages);
	atomic64_sub(npages, &record->mm->pinned_vm);
	mmdrop(record->mm);
	kfree(record);
}

static int get_args(struct floor_record *args, struct floor_record __user *argp)
{
	if (copy_from_user(args, argp, sizeof(*args)))
		return -EFAULT;
	if (!PAGE_ALIGNED(args->uaddr | args->length | args->iova) ||
	    args->length - 1 >= FLOOR_RECORD_PAGES * PAGE_SIZE)
		return -EINVAL;
	return 0;
}

/**
 * record_map() - Map, and remember
 * @domain: Where to.
 * @argp: The caller's struct.
 *
 * Return: 0, -EFAULT, -EINVAL, -ENOENT without such an address space, -EPERM
 * without CAP_IPC_LOCK, -ENOMEM, or what the IOMMU driver says.
 */
int record_map(struct iommu_domain *domain, struct floor_record __user *argp)
{
	struct floor_record args __uninitialized;
	struct record *record;
	struct space *space;
	int rc;

	rc = get_args(&args, argp);
	if (rc)
		return rc;
	space = space_get(args.id);
	if (!space)
		return -ENOENT;
	rc = -ENOMEM;
	record = kmalloc(struct_size(record, pages, args.length >> PAGE_SHIFT),
			 GFP_KERNEL_ACCOUNT);
	if (!record)
		goto out_put;
	rc = -EPERM;
	if (!capable(CAP_IPC_LOCK))
		goto err_free;
	record->iova = args.iova;
	record->length = args.length;
	record->mm = current->mm;

	down_read(&space->domains_lock);
	rc = pin_and_map(domain, record, args.uaddr);
	if (rc) {
		up_read(&space->domains_lock);
		goto err_free;
	}
	rc = put_user(record->iova, &argp->iova);
	if (rc)
		forget(domain, record);
	else
		insert_highest(space, record);
	up_read(&space->domains_lock);
	space_put(space);
	return rc;

err_free:
	kfree(record);
out_put:
	space_put(space);
	return rc;
}

/**
 * record_unmap() - Undo record_map() of the lowest IOVA
 * @domain: Where from.
 * @argp: The caller's struct.
 *
 * Return: 0, -EFAULT, -EINVAL, or -ENOENT without such an address space, or when
 * the lowest IOVA is another.
 */
int record_unmap(struct iommu_domain *domain, struct floor_record __user *argp)
{
	struct floor_record args __uninitialized;
	struct record *record;
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
	record = take_lowest(space, args.iova);
	if (record) {
		length = record->length;
		forget(domain, record);
	}
	up_read(&space->domains_lock);
	space_put(space);
	return length ? put_user(length, &argp->length) : -ENOENT;
}

/**
 * record_init() - Set up the address space
 *
 * Return: 0 or -ENOMEM.
 */
int record_init(void)
{
	init_rwsem(&the_space.domains_lock);
	spin_lock_init(&the_space.lock);
	the_space.tree = RB_ROOT_CACHED;
	the_space.highest = NULL;
	return xa_err(xa_store(&spaces, FLOOR_RECORD_ID, &the_space,
			       GFP_KERNEL));
}

/**
 * record_destroy() - Undo record_init(), and all that was mapped
 * @domain: Where it was mapped.
 */
void record_destroy(struct iommu_domain *domain)
{
	struct rb_node *rb;

	while ((rb = rb_first_cached(&the_space.tree)))
		forget(domain, take_lowest(&the_space,
					   rb_entry(rb, struct record,
						    rb)->iova));
	xa_erase(&spaces, FLOOR_RECORD_ID);
}
