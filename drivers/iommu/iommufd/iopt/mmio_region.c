// SPDX-License-Identifier: GPL-2.0-only
/*
 * MMIO regions of devices, for the DMA of other devices
 *
 * A driver makes a region for the BARs of a device that is bound to a context.
 * They are no memory: nothing is pinned or charged, and the driver takes them
 * away at any time.  Before a reset of the device, for instance, it revokes the
 * region, and after the reset it restores it: what was mapped is reachable
 * again without a call from user space.
 *
 * The driver revokes while it holds locks of its own, under which page faults
 * in user memory are waited for.  So a revoke cannot wait for a lock that is
 * held while user memory is accessed, as io_pagetable::domains_lock is.  Hence
 * one more lock, iopt_mmio_regions::lock.  Under it user memory is never
 * accessed, and no other lock of this driver is taken.  It guards
 *
 *  - whether a region is open, and which areas it has;
 *  - that an area is in all domains of its io_pagetable, or in none;
 *  - which domains an io_pagetable has, and which groups are attached to them.
 *    These are guarded by io_pagetable::domains_lock as well: a change takes
 *    both locks.
 *
 * The driver may hold the lock of the device meanwhile, for which all that wait
 * who use the device, and the recovery of the bus from an error.  So the number
 * of mappings is limited.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "backend/map.h"
#include "mmio_region.h"

static unsigned int max_bar_mappings = 16384;
module_param(max_bar_mappings, uint, 0644);
MODULE_PARM_DESC(max_bar_mappings, "The most mappings of the BARs of one device, each counted for each page table (default: 16384)");

static struct iopt_mmio_area *to_mmio_area(struct iopt_area *area)
{
	return container_of(area, struct iopt_mmio_area, area);
}

static struct iommufd_mmio *marea_region(struct iopt_mmio_area *marea)
{
	return container_of(iopt_pages_mmio_owner(marea->area.slice.pages),
			    struct iommufd_mmio, kref);
}

/**
 * iopt_mmio_regions_init() - Begin without regions
 * @regions: The regions of a context.
 */
void iopt_mmio_regions_init(struct iopt_mmio_regions *regions)
{
	mutex_init(&regions->lock);
	INIT_LIST_HEAD(&regions->list);
}

/**
 * iopt_mmio_regions_destroy() - Undo iopt_mmio_regions_init()
 * @regions: The regions, none of which is left.
 */
void iopt_mmio_regions_destroy(struct iopt_mmio_regions *regions)
{
	WARN_ON(!list_empty(&regions->list));
	mutex_destroy(&regions->lock);
}

/**
 * iopt_mmio_create() - Make a region, revoked
 * @regions: The regions of the context that the device is bound to.
 * @file: See iommufd_mmio_create().
 * @find: See iommufd_mmio_create().
 * @data: Argument of @find.
 *
 * Context: Process context.  Pairs with iommufd_mmio_destroy().
 *
 * Return: the region, or ERR_PTR(-ENOMEM).
 */
struct iommufd_mmio *iopt_mmio_create(struct iopt_mmio_regions *regions,
				      const struct file *file,
				      iommufd_mmio_find_fn find, void *data)
{
	struct iommufd_mmio *mmio;

	mmio = kzalloc(sizeof(*mmio), GFP_KERNEL_ACCOUNT);
	if (!mmio)
		return ERR_PTR(-ENOMEM);
	kref_init(&mmio->kref);
	mmio->regions = regions;
	mmio->file = file;
	mmio->find = find;
	mmio->data = data;
	INIT_LIST_HEAD(&mmio->areas);

	mutex_lock(&regions->lock);
	list_add_tail(&mmio->item, &regions->list);
	mutex_unlock(&regions->lock);
	return mmio;
}

/**
 * iopt_mmio_find() - Find a region by a mapping in user space
 * @regions: The regions of the context.
 * @vma: The mapping; the mmap lock of its address space is held.
 * @uaddr: User address of the first byte, in @vma.
 * @length: Bytes, all in @vma.
 * @phys: Set to the physical address of the first byte.
 *
 * Context: Process context.  Pairs with iopt_mmio_put().
 *
 * Return: the region, with a reference, or ERR_PTR(): -EFAULT, or -EINTR when
 * killed.
 */
struct iommufd_mmio *iopt_mmio_find(struct iopt_mmio_regions *regions,
				    struct vm_area_struct *vma,
				    unsigned long uaddr, unsigned long length,
				    phys_addr_t *phys)
{
	struct iommufd_mmio *mmio;

	lockdep_assert_held(&vma->vm_mm->mmap_lock);

	if (mutex_lock_killable(&regions->lock))
		return ERR_PTR(-EINTR);
	list_for_each_entry(mmio, &regions->list, item) {
		if (vma->vm_file != mmio->file ||
		    mmio->find(mmio->data, vma, uaddr, length, phys))
			continue;
		kref_get(&mmio->kref);
		goto out_unlock;
	}
	mmio = ERR_PTR(-EFAULT);
out_unlock:
	mutex_unlock(&regions->lock);
	return mmio;
}

static void mmio_free(struct kref *kref)
{
	kfree(container_of(kref, struct iommufd_mmio, kref));
}

/**
 * iopt_mmio_put() - Drop a reference to a region
 * @mmio: The region.
 */
void iopt_mmio_put(struct iommufd_mmio *mmio)
{
	kref_put(&mmio->kref, mmio_free);
}

/**
 * iopt_mmio_pages_alloc() - Make a pages object of a part of a region
 * @mmio: The region; on success the caller's reference is taken over.
 * @phys: Physical address of the first byte.
 * @length: Bytes, not 0.
 * @writeable: Devices may write to it.
 *
 * Its first area is a struct iopt_mmio_area.
 *
 * Return: the object, or ERR_PTR(-ENOMEM).
 */
struct iopt_pages *iopt_mmio_pages_alloc(struct iommufd_mmio *mmio,
					 phys_addr_t phys, unsigned long length,
					 bool writeable)
{
	return iopt_pages_alloc_mmio(&mmio->kref, mmio_free, phys, length,
				     writeable, sizeof(struct iopt_mmio_area));
}

/* Count that an area is going to be in @n domains more. */
static int marea_charge(struct iopt_mmio_area *marea, unsigned int n)
{
	struct iommufd_mmio *mmio = marea_region(marea);

	lockdep_assert_held(&mmio->regions->lock);

	if (mmio->nmappings + n > READ_ONCE(max_bar_mappings))
		return -ENOSPC;
	mmio->nmappings += n;
	return 0;
}

static void marea_uncharge(struct iopt_mmio_area *marea, unsigned int n)
{
	struct iommufd_mmio *mmio = marea_region(marea);

	lockdep_assert_held(&mmio->regions->lock);

	mmio->nmappings -= n;
}

static int marea_map(struct iopt_mmio_area *marea, struct iommu_domain *domain)
{
	return iopt_map_phys(domain, marea->iova, marea->phys, marea->length,
			     marea->area.prot,
			     READ_ONCE(marea->iopt->huge_pages));
}

static int marea_map_all(struct iopt_mmio_area *marea)
{
	struct iopt_domain *entry;
	int rc;

	lockdep_assert_held(&marea->iopt->mmios->lock);

	if (marea->mapped)
		return 0;
	list_for_each_entry(entry, &marea->iopt->domains, item) {
		rc = marea_map(marea, entry->domain);
		if (rc)
			goto err_unmap;
	}
	marea->mapped = true;
	return 0;

err_unmap:
	list_for_each_entry_continue_reverse(entry, &marea->iopt->domains, item)
		iommu_backend_unmap(entry->domain, marea->iova, marea->length);
	return rc;
}

static void marea_unmap_all(struct iopt_mmio_area *marea)
{
	struct iopt_domain *entry;

	lockdep_assert_held(&marea->iopt->mmios->lock);

	if (!marea->mapped)
		return;
	list_for_each_entry(entry, &marea->iopt->domains, item)
		iommu_backend_unmap(entry->domain, marea->iova, marea->length);
	marea->mapped = false;
}

/* Add an area, which is in no domain, to those that its region revokes. */
static void marea_register(struct iopt_mmio_area *marea,
			   struct io_pagetable *iopt)
{
	struct iopt_slice *slice = &marea->area.slice;

	lockdep_assert_held(&iopt->mmios->lock);

	marea->iopt = iopt;
	marea->iova = marea->area.node.start;
	marea->phys = slice->pages->base + iopt_slice_start(slice);
	marea->length = slice->length;
	marea->mapped = false;
	list_add_tail(&marea->item, &marea_region(marea)->areas);
}

/**
 * iopt_mmio_fill() - Put an area into all domains whenever its region is open
 * @iopt: The I/O page table, which has a domain.
 * @area: The area, of MMIO.
 *
 * Context: Process context, with io_pagetable::domains_lock held.
 *
 * Return: 0, or, with nothing changed, -EINTR when killed, -ENOSPC when the
 * region would have too many mappings, or what iopt_map_phys() returns.
 */
int iopt_mmio_fill(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iopt_mmio_area *marea = to_mmio_area(area);
	int rc;

	lockdep_assert_held(&iopt->domains_lock);

	if (mutex_lock_killable(&iopt->mmios->lock))
		return -EINTR;
	rc = marea_charge(marea, iopt->ndomains);
	if (rc)
		goto out_unlock;
	marea_register(marea, iopt);
	if (marea_region(marea)->open)
		rc = marea_map_all(marea);
	if (rc) {
		list_del(&marea->item);
		marea_uncharge(marea, iopt->ndomains);
	}
out_unlock:
	mutex_unlock(&iopt->mmios->lock);
	return rc;
}

/**
 * iopt_mmio_unfill() - Undo iopt_mmio_fill()
 * @iopt: The I/O page table.
 * @area: The area.
 *
 * Context: Process context, with io_pagetable::domains_lock held.  Cannot fail
 * and needs no memory.
 */
void iopt_mmio_unfill(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iopt_mmio_area *marea = to_mmio_area(area);

	lockdep_assert_held(&iopt->domains_lock);

	mutex_lock(&iopt->mmios->lock);
	marea_unmap_all(marea);
	list_del(&marea->item);
	marea_uncharge(marea, iopt->ndomains);
	mutex_unlock(&iopt->mmios->lock);
}

/**
 * iopt_mmio_phys() - Tell where an area begins in physical memory
 * @iopt: The I/O page table.
 * @area: The area, of MMIO; it stays.
 * @phys: Set to the physical address of its first byte.
 *
 * Context: Process context.
 *
 * Return: 0, -EINVAL while the region is revoked, or -EINTR when killed.
 */
int iopt_mmio_phys(struct io_pagetable *iopt, struct iopt_area *area,
		   phys_addr_t *phys)
{
	struct iopt_slice *slice = &area->slice;
	bool open;

	if (mutex_lock_killable(&iopt->mmios->lock))
		return -EINTR;
	open = marea_region(to_mmio_area(area))->open;
	mutex_unlock(&iopt->mmios->lock);
	if (!open)
		return -EINVAL;
	*phys = slice->pages->base + iopt_slice_start(slice);
	return 0;
}

/**
 * iopt_mmio_hole_charge() - Count one mapping more before a mapping is split
 * @iopt: The I/O page table.
 * @areas: A list whose first area is the one to be split; nothing happens if
 *	that is not of MMIO, or in no domain.
 *
 * Context: Process context, with io_pagetable::domains_lock held.
 *
 * Return: 0, -EINTR when killed, or -ENOSPC when the region would have too many
 * mappings.
 */
int iopt_mmio_hole_charge(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area = list_first_entry(areas, struct iopt_area,
						  item);
	int rc;

	if (!iopt_area_is_mmio(area) || !iopt->ndomains)
		return 0;
	if (mutex_lock_killable(&iopt->mmios->lock))
		return -EINTR;
	rc = marea_charge(to_mmio_area(area), iopt->ndomains);
	mutex_unlock(&iopt->mmios->lock);
	return rc;
}

/**
 * iopt_mmio_hole_uncharge() - Undo iopt_mmio_hole_charge()
 * @iopt: The I/O page table.
 * @areas: The list; its first area may be another one of the same region now.
 *
 * Context: Process context, with io_pagetable::domains_lock held.
 */
void iopt_mmio_hole_uncharge(struct io_pagetable *iopt,
			     struct list_head *areas)
{
	struct iopt_area *area = list_first_entry(areas, struct iopt_area,
						  item);

	if (!iopt_area_is_mmio(area) || !iopt->ndomains)
		return;
	mutex_lock(&iopt->mmios->lock);
	marea_uncharge(to_mmio_area(area), iopt->ndomains);
	mutex_unlock(&iopt->mmios->lock);
}

/**
 * iopt_mmio_split() - Let a region know that a filled area was split
 * @area: The area, which has lost its end.
 * @tail: The area of that end.
 *
 * The domains do not change, as they are mapped page by page.  The new mapping
 * is counted even if it is one more than the limit.
 *
 * Context: Process context, with io_pagetable::domains_lock held.
 */
void iopt_mmio_split(struct iopt_area *area, struct iopt_area *tail)
{
	struct iopt_mmio_area *marea = to_mmio_area(area);
	struct iopt_mmio_area *mtail = to_mmio_area(tail);

	mutex_lock(&marea->iopt->mmios->lock);
	marea_region(mtail)->nmappings += marea->iopt->ndomains;
	marea_register(mtail, marea->iopt);
	mtail->mapped = marea->mapped;
	marea->length -= mtail->length;
	mutex_unlock(&marea->iopt->mmios->lock);
}

/*
 * Take areas, from @from down to the first, out of a domain that is not listed.
 */
static void mareas_leave_domain(struct list_head *areas, struct iopt_area *from,
				struct iommu_domain *domain)
{
	list_for_each_entry_from_reverse(from, areas, item) {
		struct iopt_mmio_area *marea = to_mmio_area(from);

		if (marea->mapped)
			iommu_backend_unmap(domain, marea->iova,
					    marea->length);
		cond_resched();
	}
}

static void mareas_uncharge(struct list_head *areas)
{
	struct iopt_area *area;

	list_for_each_entry(area, areas, item) {
		marea_uncharge(to_mmio_area(area), 1);
		cond_resched();
	}
}

/* Count that all areas are going to be in one domain more. */
static int mareas_charge(struct list_head *areas)
{
	struct iopt_area *area;
	int rc;

	list_for_each_entry(area, areas, item) {
		rc = marea_charge(to_mmio_area(area), 1);
		if (rc)
			goto err_uncharge;
		cond_resched();
	}
	return 0;

err_uncharge:
	list_for_each_entry_continue_reverse(area, areas, item) {
		marea_uncharge(to_mmio_area(area), 1);
		cond_resched();
	}
	return rc;
}

static void mareas_unregister(struct list_head *areas)
{
	struct iopt_area *area;

	list_for_each_entry(area, areas, item) {
		list_del(&to_mmio_area(area)->item);
		cond_resched();
	}
}

/**
 * iopt_mmio_add_domain() - Put all MMIO into a domain, and list the domain
 * @iopt: The I/O page table.
 * @areas: All its areas of MMIO.
 * @entry: The domain, which holds all areas of memory.
 *
 * Context: Process context, with io_pagetable::domains_lock and iova_lock held
 * for writing.
 *
 * Return: 0, or, with nothing changed, -EINTR when killed, -ENOSPC when a region
 * would have too many mappings, or what iopt_map_phys() returns.
 */
int iopt_mmio_add_domain(struct io_pagetable *iopt, struct list_head *areas,
			 struct iopt_domain *entry)
{
	bool first = list_empty(&iopt->domains);
	struct iopt_mmio_area *marea;
	struct iopt_area *area;
	int rc;

	lockdep_assert_held_write(&iopt->domains_lock);

	if (mutex_lock_killable(&iopt->mmios->lock))
		return -EINTR;
	rc = mareas_charge(areas);
	if (rc)
		goto out_unlock;
	if (first) {
		list_for_each_entry(area, areas, item) {
			marea = to_mmio_area(area);
			marea_register(marea, iopt);
			marea->mapped = marea_region(marea)->open;
			cond_resched();
		}
	}
	list_for_each_entry(area, areas, item) {
		marea = to_mmio_area(area);
		rc = marea->mapped ? marea_map(marea, entry->domain) : 0;
		if (rc)
			goto err_undo;
		cond_resched();
	}
	list_add_tail(&entry->item, &iopt->domains);
	iopt->ndomains++;
out_unlock:
	mutex_unlock(&iopt->mmios->lock);
	return rc;

err_undo:
	mareas_leave_domain(areas, list_prev_entry(area, item), entry->domain);
	if (first)
		mareas_unregister(areas);
	mareas_uncharge(areas);
	goto out_unlock;
}

/**
 * iopt_mmio_remove_domain() - Undo iopt_mmio_add_domain()
 * @iopt: The I/O page table.
 * @areas: All its areas of MMIO.
 * @entry: The domain.
 *
 * Context: Process context, with io_pagetable::domains_lock and iova_lock held
 * for writing.  Cannot fail and needs no memory.
 */
void iopt_mmio_remove_domain(struct io_pagetable *iopt,
			     struct list_head *areas,
			     struct iopt_domain *entry)
{
	lockdep_assert_held_write(&iopt->domains_lock);

	mutex_lock(&iopt->mmios->lock);
	list_del(&entry->item);
	iopt->ndomains--;
	mareas_uncharge(areas);
	mareas_leave_domain(areas,
			    list_last_entry(areas, struct iopt_area, item),
			    entry->domain);
	if (list_empty(&iopt->domains))
		mareas_unregister(areas);
	mutex_unlock(&iopt->mmios->lock);
}

/**
 * iommufd_mmio_revoke() - Let no device reach a region
 * @mmio: The region.
 *
 * When this function returns, no DMA of a device of the context reaches the
 * region.  For user space the region stays mapped, and iommufd_mmio_restore()
 * lets devices reach it again.  Nothing happens when the region is revoked
 * already.
 *
 * Context: Process context.  Waits for no page fault in user memory, so that
 * the caller may hold locks that a page fault takes.  Cannot fail and needs no
 * memory.
 */
void iommufd_mmio_revoke(struct iommufd_mmio *mmio)
{
	struct iopt_mmio_area *marea;

	mutex_lock(&mmio->regions->lock);
	mmio->open = false;
	list_for_each_entry(marea, &mmio->areas, item) {
		marea_unmap_all(marea);
		cond_resched();
	}
	mutex_unlock(&mmio->regions->lock);
}
EXPORT_SYMBOL_GPL(iommufd_mmio_revoke);

/**
 * iommufd_mmio_destroy() - Undo iommufd_mmio_create()
 * @mmio: The region; the device is still bound.
 *
 * Revokes the region for good: nothing of it can be mapped any more, and what
 * user space has mapped of it leads nowhere, until it is unmapped.
 *
 * Context: Process context, as iommufd_mmio_revoke().  Cannot fail.
 */
void iommufd_mmio_destroy(struct iommufd_mmio *mmio)
{
	mutex_lock(&mmio->regions->lock);
	list_del(&mmio->item);
	mutex_unlock(&mmio->regions->lock);
	iommufd_mmio_revoke(mmio);
	iopt_mmio_put(mmio);
}
EXPORT_SYMBOL_GPL(iommufd_mmio_destroy);

/**
 * iommufd_mmio_restore() - Let devices reach what is mapped of a region
 * @mmio: The region.
 *
 * Devices also reach what is mapped of the region from now on, until it is
 * revoked.  Nothing happens when the region is open and all its areas are
 * mapped.
 *
 * Context: Process context, as iommufd_mmio_revoke().
 *
 * Return: 0, or an errno when an area could not be mapped: -ENOMEM, or what the
 * IOMMU driver says.  The next call tries the area again.
 */
int iommufd_mmio_restore(struct iommufd_mmio *mmio)
{
	struct iopt_mmio_area *marea;
	int rc = 0;

	mutex_lock(&mmio->regions->lock);
	mmio->open = true;
	list_for_each_entry(marea, &mmio->areas, item) {
		rc = marea_map_all(marea) ?: rc;
		cond_resched();
	}
	mutex_unlock(&mmio->regions->lock);
	return rc;
}
EXPORT_SYMBOL_GPL(iommufd_mmio_restore);
