// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses: pinning what is mapped, and copying from and to it
 *
 * A pin or a copy first finds the areas of its range and becomes a user of each
 * of them, which keeps them from being unmapped.  From there on it needs no
 * lock of the I/O page table, nor does the end of the pin.
 *
 * A pin is published once it is complete, and an unmap tells the access only of
 * published pins.  If an unmap has claimed an area before the pin is published,
 * the pin is undone.  So no unmap waits for a pin of which it has told no
 * access.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "access_pin.h"
#include "area.h"
#include "mmio_region.h"
#include "walk.h"

static void parts_free(struct list_head *parts)
{
	struct iopt_part *part, *next;

	list_for_each_entry_safe(part, next, parts, item) {
		iopt_area_put(part->area);
		kfree(part);
		cond_resched();
	}
}

/**
 * struct parts_add_arg - Argument of parts_add()
 * @parts: The list of parts.
 * @prot: IOMMU_READ or IOMMU_WRITE, as the memory is going to be accessed.
 */
struct parts_add_arg {
	struct list_head *parts;
	int prot;
};

/* An iopt_area_fn: add the part of an area to the list. */
static int parts_add(struct iopt_area *area, unsigned long start,
		     unsigned long last, void *arg)
{
	struct parts_add_arg *parts = arg;
	struct iopt_part *part;

	if (parts->prot & ~area->prot)
		return -EPERM;
	/* MMIO has no pages to pin, and may be revoked at any time. */
	if (iopt_area_is_mmio(area))
		return -EINVAL;
	part = kzalloc(sizeof(*part), GFP_KERNEL_ACCOUNT);
	if (!part)
		return -ENOMEM;
	iopt_area_get(area);
	part->area = area;
	iopt_slice_init(&part->slice, area->slice.pages,
			iopt_slice_start(&area->slice) + start -
				area->node.start,
			last - start + 1);
	list_add_tail(&part->item, parts->parts);
	return 0;
}

/* List the parts of a range. */
static int parts_get(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, int prot, struct list_head *list)
{
	struct parts_add_arg parts = { .parts = list, .prot = prot };
	int rc;

	rc = iopt_walk_ready(iopt, start, last, parts_add, &parts);
	if (rc)
		parts_free(list);
	return rc;
}

/* Pin the parts, and list their pages unless @pages is NULL. */
static int parts_pin(struct list_head *parts, struct page **pages)
{
	struct iopt_part *part;
	int rc;

	list_for_each_entry(part, parts, item) {
		rc = iopt_slice_pin(&part->slice);
		if (rc)
			goto err_unpin;
		cond_resched();
		if (!pages)
			continue;
		rc = iopt_slice_get_pages(&part->slice, pages);
		if (rc) {
			iopt_slice_unpin(&part->slice);
			goto err_unpin;
		}
		pages += iopt_slice_npages(&part->slice);
	}
	return 0;

err_unpin:
	list_for_each_entry_continue_reverse(part, parts, item)
		iopt_slice_unpin(&part->slice);
	return rc;
}

static void pin_destroy(struct iopt_pin *pin)
{
	struct iopt_part *part;

	list_for_each_entry(part, &pin->parts, item) {
		iopt_slice_unpin(&part->slice);
		cond_resched();
	}
	parts_free(&pin->parts);
	kfree(pin);
}

static struct iopt_pin *pin_create(struct io_pagetable *iopt,
				   unsigned long start, unsigned long last,
				   int prot, struct page **pages)
{
	struct iopt_pin *pin;
	int rc;

	pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	if (!pin)
		return ERR_PTR(-ENOMEM);
	pin->node.start = start;
	pin->node.last = last;
	INIT_LIST_HEAD(&pin->parts);

	rc = parts_get(iopt, start, last, prot, &pin->parts);
	if (rc)
		goto err_free;
	rc = parts_pin(&pin->parts, pages);
	if (rc)
		goto err_put;
	return pin;

err_put:
	parts_free(&pin->parts);
err_free:
	kfree(pin);
	return ERR_PTR(rc);
}

/* Publish a pin, unless some of it is being unmapped. */
static bool pin_publish(struct io_pagetable *iopt, struct iopt_access *access,
			struct iopt_pin *pin)
{
	struct iopt_part *part;
	bool ready = true;

	down_read(&iopt->iova_lock);
	list_for_each_entry(part, &pin->parts, item) {
		ready = ready && part->area->ready;
		cond_resched();
	}
	if (ready) {
		spin_lock(&access->lock);
		interval_tree_insert(&pin->node, &access->pins);
		spin_unlock(&access->lock);
	}
	up_read(&iopt->iova_lock);
	return ready;
}

/**
 * iopt_access_pin_pages() - Pin what is mapped
 * @iopt: The I/O page table.
 * @access: The access that pins, added to @iopt.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @prot: IOMMU_READ or IOMMU_WRITE, as the memory is going to be accessed.
 * @pages: Filled with the page behind each page of IOVA that the range touches.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.  May fault in user
 * memory.
 *
 * Return: 0, -ENOENT when not all of the range is mapped, or is being unmapped,
 * -EPERM when a mapping does not permit @prot, -EINVAL when it is of MMIO,
 * -ENOMEM, -EINTR when killed, or what iopt_slice_pin() returns.
 */
int iopt_access_pin_pages(struct io_pagetable *iopt, struct iopt_access *access,
			  unsigned long start, unsigned long last, int prot,
			  struct page **pages)
{
	struct iopt_pin *pin;

	pin = pin_create(iopt, start, last, prot, pages);
	if (IS_ERR(pin))
		return PTR_ERR(pin);
	if (!pin_publish(iopt, access, pin)) {
		pin_destroy(pin);
		return -ENOENT;
	}
	return 0;
}

/* Set *@phys to where the pinned parts begin, if they are contiguous there. */
static int parts_phys(struct list_head *parts, phys_addr_t *phys)
{
	struct iopt_part *part;
	unsigned long done, n;
	phys_addr_t at, next = 0;
	int rc;

	list_for_each_entry(part, parts, item) {
		for (done = 0; done < part->slice.length; done += n) {
			n = part->slice.length - done;
			rc = iopt_slice_phys(&part->slice, done, &n, &at);
			if (rc)
				return rc;
			if (!next)
				*phys = at;
			else if (at != next)
				return -EFAULT;
			next = at + n;
		}
		cond_resched();
	}
	return 0;
}

/**
 * iopt_access_pin_contiguous() - Pin what is mapped to one range of memory
 * @iopt: The I/O page table.
 * @access: The access that pins, added to @iopt.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @prot: IOMMU_READ or IOMMU_WRITE, as the memory is going to be accessed.
 * @phys: Set to the physical address of the first byte.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.  May fault in user
 * memory.  Pairs with iopt_access_unpin_pages().
 *
 * Return: as iopt_access_pin_pages(), and -EFAULT when the range is not
 * contiguous in physical memory.
 */
int iopt_access_pin_contiguous(struct io_pagetable *iopt,
			       struct iopt_access *access, unsigned long start,
			       unsigned long last, int prot, phys_addr_t *phys)
{
	struct iopt_pin *pin;
	int rc;

	pin = pin_create(iopt, start, last, prot, NULL);
	if (IS_ERR(pin))
		return PTR_ERR(pin);
	rc = parts_phys(&pin->parts, phys);
	if (!rc && !pin_publish(iopt, access, pin))
		rc = -ENOENT;
	if (rc)
		pin_destroy(pin);
	return rc;
}

/* Take one of the pins of exactly this range out of the tree. */
static struct iopt_pin *pin_take(struct iopt_access *access,
				 unsigned long start, unsigned long last)
{
	struct interval_tree_node *node;

	spin_lock(&access->lock);
	node = interval_tree_iter_first(&access->pins, start, last);
	while (node && (node->start != start || node->last != last))
		node = interval_tree_iter_next(node, start, last);
	if (node)
		interval_tree_remove(node, &access->pins);
	spin_unlock(&access->lock);
	return node ? container_of(node, struct iopt_pin, node) : NULL;
}

/**
 * iopt_access_unpin_pages() - Undo one iopt_access_pin_pages()
 * @access: The access that has pinned.
 * @start: First byte, as it was pinned.
 * @last: Last byte, inclusive, as it was pinned.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
void iopt_access_unpin_pages(struct iopt_access *access, unsigned long start,
			     unsigned long last)
{
	struct iopt_pin *pin = pin_take(access, start, last);

	if (!WARN_ON(!pin))
		pin_destroy(pin);
}

/**
 * iopt_rw() - Copy between what is mapped and memory of the kernel
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @data: Memory of the kernel, as many bytes.
 * @write: Copy to what is mapped; else copy from it.
 * @remote: As for iopt_slice_rw().
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.  May fault in user
 * memory.
 *
 * Return: 0, or, with nothing copied: -ENOENT when not all of the range is
 * mapped, or is being unmapped, -EPERM when a mapping does not permit it,
 * -EINVAL when it is of MMIO, -EINTR when killed; or, maybe with some copied,
 * what iopt_slice_rw() returns.
 */
int iopt_rw(struct io_pagetable *iopt, unsigned long start, unsigned long last,
	    void *data, bool write, bool remote)
{
	struct iopt_part *part;
	LIST_HEAD(parts);
	int rc;

	rc = parts_get(iopt, start, last, write ? IOMMU_WRITE : IOMMU_READ,
		       &parts);
	if (rc)
		return rc;
	list_for_each_entry(part, &parts, item) {
		rc = iopt_slice_rw(&part->slice, data, write, remote);
		if (rc)
			break;
		data += part->slice.length;
		cond_resched();
	}
	parts_free(&parts);
	return rc;
}

/**
 * iopt_access_init() - Initialize an access
 * @access: The access.
 * @unmap: See iopt_access::unmap.
 * @data: Argument of @unmap.
 *
 * Context: Any.
 */
void iopt_access_init(struct iopt_access *access,
		      void (*unmap)(void *data, unsigned long iova,
				    unsigned long length),
		      void *data)
{
	access->unmap = unmap;
	access->data = data;
	spin_lock_init(&access->lock);
	access->pins = RB_ROOT_CACHED;
}

/**
 * iopt_add_access() - Tell an access of unmaps from now on
 * @iopt: The I/O page table, after iopt_want_pages().
 * @access: The access, without pins.
 *
 * Context: Process context.  Takes io_pagetable::accesses_lock.
 */
void iopt_add_access(struct io_pagetable *iopt, struct iopt_access *access)
{
	down_write(&iopt->accesses_lock);
	list_add_tail(&access->item, &iopt->accesses);
	if (!access->unmap)
		WRITE_ONCE(iopt->nholding, iopt->nholding + 1);
	up_write(&iopt->accesses_lock);
}

/**
 * iopt_remove_access() - Undo iopt_add_access()
 * @iopt: The I/O page table.
 * @access: The access.  It makes no pins any more.  The caller has it drop
 *	those that it has after this: an unmap may wait for them.
 *
 * When this function returns, the access is not being told of an unmap.
 *
 * Context: Process context.  Takes io_pagetable::accesses_lock.
 */
void iopt_remove_access(struct io_pagetable *iopt, struct iopt_access *access)
{
	down_write(&iopt->accesses_lock);
	list_del(&access->item);
	if (!access->unmap)
		WRITE_ONCE(iopt->nholding, iopt->nholding - 1);
	up_write(&iopt->accesses_lock);
}
