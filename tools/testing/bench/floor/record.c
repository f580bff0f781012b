// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that it costs to map such that another call can undo it
 *
 * The floor is an ioctl that does nothing, and the steps of pinning and mapping.
 * A call on an address space cannot do with that.  It copies its arguments and its
 * answer; finds the address space by ID while another thread may destroy it; holds
 * off whoever attaches devices; allocates a record, charged to the cgroup, and puts
 * it into a tree that other threads use, too; asks whether the limit of locked
 * memory applies, and counts; and holds the process that it counts for.
 *
 * Here the kernel's own helpers do that, each of them once and nothing else.  There
 * is one domain and one way to be called, the next IOVA up to map and the lowest to
 * unmap: nothing is found out, overlaps, is shared, cut, reserved, or fails.
 */
#include <linux/capability.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/rwsem.h>
#include <linux/scatterlist.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "floor.h"
#include "record.h"

/**
 * struct space - What stands for an address space
 * @calls: Calls at work.
 * @domains_lock: Held for reading while something is mapped or unmapped.
 * @iova_lock: Guards the tree.
 * @tree: struct record by IOVA.
 * @highest: The one furthest up.
 */
struct space {
	atomic_t calls;
	struct rw_semaphore domains_lock;
	struct rw_semaphore iova_lock;
	struct rb_root_cached tree;
	struct rb_node *highest;
};

/**
 * struct record - A mapping
 * @rb: In space::tree.
 * @iova: First byte.
 * @length: Bytes.
 * @npages: Pages pinned.
 * @pfn: Frame of the only page.
 * @pfns: Frames of the pages if there are more.
 * @mm: Of the process that pays.
 * @task: That process.
 */
struct record {
	struct rb_node rb;
	unsigned long iova;
	unsigned long length;
	unsigned long npages;
	union {
		unsigned long pfn;
		unsigned long *pfns;
	};
	struct mm_struct *mm;
	struct task_struct *task;
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

	down_write(&space->iova_lock);
	if (space->highest) {
		parent = space->highest;
		link = &parent->rb_right;
	}
	rb_link_node(&record->rb, parent, link);
	rb_insert_color_cached(&record->rb, &space->tree, !parent);
	space->highest = &record->rb;
	up_write(&space->iova_lock);
}

/* With the lock of the tree */
static void remove_lowest(struct space *space, struct record *record)
{
	if (space->highest == &record->rb)
		space->highest = NULL;
	rb_erase_cached(&record->rb, &space->tree);
}

static int map_pages(struct iommu_domain *domain, struct record *record,
		     struct page **pages)
{
	const int prot = IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE;
	struct scatterlist sg[FLOOR_RECORD_PAGES] __uninitialized;
	ssize_t mapped;
	unsigned int i;

	if (record->npages == 1) {
		record->pfn = page_to_pfn(*pages);
		return iommu_map(domain, record->iova, PFN_PHYS(record->pfn),
				 PAGE_SIZE, prot, GFP_KERNEL_ACCOUNT);
	}

	record->pfns = kmalloc_array(record->npages, sizeof(*record->pfns),
				     GFP_KERNEL_ACCOUNT);
	if (!record->pfns)
		return -ENOMEM;
	for (i = 0; i < record->npages; i++) {
		record->pfns[i] = page_to_pfn(pages[i]);
		memset(&sg[i], 0, sizeof(sg[i]));
		sg_set_page(&sg[i], pages[i], PAGE_SIZE, 0);
	}
	mapped = iommu_map_sg(domain, record->iova, sg, record->npages, prot,
			      GFP_KERNEL_ACCOUNT);
	if (mapped == record->length)
		return 0;
	kfree(record->pfns);
	return -ENOMEM;
}

static void unpin_pages(struct record *record)
{
	unsigned int i;

	if (record->npages == 1) {
		unpin_user_page_range_dirty_lock(pfn_to_page(record->pfn), 1,
						 true);
		return;
	}
	for (i = 0; i < record->npages; i++)
		unpin_user_page_range_dirty_lock(pfn_to_page(record->pfns[i]),
						 1, true);
	kfree(record->pfns);
}

static int pin_and_map(struct iommu_domain *domain, struct record *record,
		       unsigned long uaddr)
{
	struct page *pages[FLOOR_RECORD_PAGES] __uninitialized;
	int pinned, rc = -EFAULT;

	pinned = pin_user_pages_fast(uaddr, record->npages,
				     FOLL_WRITE | FOLL_LONGTERM, pages);
	if (pinned == record->npages)
		rc = map_pages(domain, record, pages);
	if (rc) {
		if (pinned > 0)
			unpin_user_pages(pages, pinned);
		return rc;
	}
	atomic64_add(record->npages, &record->mm->pinned_vm);
	return 0;
}

static void forget(struct iommu_domain *domain, struct record *record)
{
	iommu_unmap(domain, record->iova, record->length);
	unpin_pages(record);
	atomic64_sub(record->npages, &record->mm->pinned_vm);
	mmdrop(record->mm);
	put_task_struct(record->task);
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
 * Return: 0, -EFAULT, -EINVAL, -ENOENT without such an address space, -ENOMEM,
 * what iommu_map() returns, or -EPERM for a caller whose limit would have to be
 * looked at.
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
	record = kmalloc(sizeof(*record), GFP_KERNEL_ACCOUNT);
	if (!record)
		goto out_put;
	rc = -EPERM;
	if (!capable(CAP_IPC_LOCK))
		goto err_free;
	record->iova = args.iova;
	record->length = args.length;
	record->npages = args.length >> PAGE_SHIFT;
	record->mm = current->mm;
	record->task = current->group_leader;

	down_read(&space->domains_lock);
	rc = pin_and_map(domain, record, args.uaddr);
	if (rc)
		goto err_unlock;
	mmgrab(record->mm);
	get_task_struct(record->task);
	rc = put_user(record->iova, &argp->iova);
	if (rc)
		forget(domain, record);
	else
		insert_highest(space, record);
	up_read(&space->domains_lock);
	goto out_put;

err_unlock:
	up_read(&space->domains_lock);
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
	down_write(&space->iova_lock);
	record = rb_entry_safe(rb_first_cached(&space->tree), struct record, rb);
	if (record && record->iova == args.iova) {
		length = record->length;
		remove_lowest(space, record);
		forget(domain, record);
	}
	up_write(&space->iova_lock);
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
	init_rwsem(&the_space.iova_lock);
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

	while ((rb = rb_first_cached(&the_space.tree))) {
		struct record *record = rb_entry(rb, struct record, rb);

		remove_lowest(&the_space, record);
		forget(domain, record);
	}
	xa_erase(&spaces, FLOOR_RECORD_ID);
}
