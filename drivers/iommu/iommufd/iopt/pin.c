// SPDX-License-Identifier: GPL-2.0-only
/*
 * What accesses do with what is mapped: pin it, or copy from and to it
 *
 * Either begins with the areas of the range, all of it, and counts as a user of
 * each: it cannot be unmapped then.  From there on no lock of the I/O page table
 * is needed, nor for the end.
 *
 * A pin shows, and an unmap tells its access of it, once it is complete.  If by
 * then an unmap has come in between, the pin is undone, so nobody waits for one
 * that nobody is told of.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "mmio.h"
#include "pin.h"
#include "walk.h"

static void area_put(struct iopt_area *area)
{
	/* Whoever waits may free the area at once: the address is only a hash. */
	if (atomic_dec_and_test(&area->nusers))
		wake_up_var(&area->nusers);
}

static void parts_free(struct list_head *parts)
{
	struct iopt_part *part, *next;

	list_for_each_entry_safe(part, next, parts, item) {
		area_put(part->area);
		kfree(part);
	}
}

/**
 * struct iopt_parts - What listing parts works on
 * @parts: The list.
 * @prot: IOMMU_READ and so on: what is to be done with the memory.
 */
struct iopt_parts {
	struct list_head *parts;
	int prot;
};

/* An iopt_area_fn */
static int parts_add(struct iopt_area *area, unsigned long start,
		     unsigned long last, void *arg)
{
	struct iopt_parts *parts = arg;
	struct iopt_part *part;

	if (parts->prot & ~area->prot)
		return -EPERM;
	/* There is no memory to be used, and it may go at any time. */
	if (iopt_area_is_mmio(area))
		return -EINVAL;
	part = kzalloc(sizeof(*part), GFP_KERNEL_ACCOUNT);
	if (!part)
		return -ENOMEM;
	atomic_inc(&area->nusers);
	part->area = area;
	iopt_slice_init(&part->slice, area->slice.pages,
			iopt_slice_start(&area->slice) + start -
				area->node.start,
			last - start + 1);
	list_add_tail(&part->item, parts->parts);
	return 0;
}

/* List what a range is made of. */
static int parts_get(struct io_pagetable *iopt, unsigned long start,
		     unsigned long last, int prot, struct list_head *list)
{
	struct iopt_parts parts = { .parts = list, .prot = prot };
	int rc;

	rc = iopt_walk_ready(iopt, start, last, parts_add, &parts);
	if (rc)
		parts_free(list);
	return rc;
}

static int parts_pin(struct list_head *parts, struct page **pages)
{
	struct iopt_part *part;
	int rc;

	list_for_each_entry(part, parts, item) {
		rc = iopt_slice_pin(&part->slice);
		if (rc)
			goto err_unpin;
		iopt_slice_get_pages(&part->slice, pages);
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

	list_for_each_entry(part, &pin->parts, item)
		iopt_slice_unpin(&part->slice);
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

/* Show a pin, unless some of it is being unmapped. */
static bool pin_publish(struct io_pagetable *iopt, struct iopt_access *access,
			struct iopt_pin *pin)
{
	struct iopt_part *part;
	bool ready = true;

	down_read(&iopt->iova_lock);
	list_for_each_entry(part, &pin->parts, item)
		ready = ready && part->area->ready;
	if (ready) {
		spin_lock(&access->lock);
		interval_tree_insert(&pin->node, &access->pins);
		spin_unlock(&access->lock);
	}
	up_read(&iopt->iova_lock);
	return ready;
}

/**
 * iopt_pin_pages() - Pin what is mapped
 * @iopt: The I/O page table.
 * @access: For whom; it was added to @iopt.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @prot: IOMMU_READ or IOMMU_WRITE: what is to be done with it.
 * @pages: Filled with the page of each page of IOVA that is touched.
 *
 * May fault in user memory.
 *
 * Return: 0, -ENOENT when not all of the range is mapped, or is being unmapped,
 * -EPERM when a mapping does not permit @prot, -EINVAL when it is of MMIO,
 * -ENOMEM, or what iopt_slice_pin() returns.
 */
int iopt_pin_pages(struct io_pagetable *iopt, struct iopt_access *access,
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
 * iopt_unpin_pages() - Undo one iopt_pin_pages()
 * @access: For whom.
 * @start: First byte, as it was pinned.
 * @last: Last byte, inclusive, as it was pinned.
 *
 * Cannot fail and needs no memory.
 */
void iopt_unpin_pages(struct iopt_access *access, unsigned long start,
		      unsigned long last)
{
	struct iopt_pin *pin = pin_take(access, start, last);

	if (!WARN_ON(!pin))
		pin_destroy(pin);
}

/**
 * iopt_rw() - Copy between what is mapped and the kernel's memory
 * @iopt: The I/O page table.
 * @start: First byte.
 * @last: Last byte, inclusive.
 * @data: As many bytes.
 * @write: Write to what is mapped.
 * @remote: The caller is not the owner of the memory, even if it looks so.
 *
 * May fault in user memory.
 *
 * Return: 0, or, with nothing copied: -ENOENT when not all of the range is
 * mapped, or is being unmapped, -EPERM when a mapping does not permit it,
 * -EINVAL when it is of MMIO; or, maybe with some copied, what iopt_slice_rw()
 * returns.
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
	}
	parts_free(&parts);
	return rc;
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
	up_write(&iopt->accesses_lock);
}

/**
 * iopt_remove_access() - Undo iopt_add_access()
 * @iopt: The I/O page table.
 * @access: The access.  It makes no pins any more.  The caller has it drop those
 *	that it has after this: an unmap may wait for them.
 *
 * When this function returns, the access is not being told of an unmap.
 *
 * Context: Process context.  Takes io_pagetable::accesses_lock.
 */
void iopt_remove_access(struct io_pagetable *iopt, struct iopt_access *access)
{
	down_write(&iopt->accesses_lock);
	list_del(&access->item);
	up_write(&iopt->accesses_lock);
}
