// SPDX-License-Identifier: GPL-2.0-only
/*
 * MMIO regions of devices, for the DMA of other devices
 *
 * A driver makes a region for the BARs of a device.  They are no memory:
 * nothing is pinned or charged, and the driver takes them away at any time.
 * Before a reset of the device, for instance, it revokes the region, and after
 * the reset it restores it: what was mapped is reachable again without a call
 * from user space.
 *
 * A region belongs to no context.  Any process that has mapped it, by mmap() of
 * a file of the driver, can have it mapped into an IOAS of any context, so the
 * areas of a region may be in many contexts.  Mappings outlive the
 * region's driver, and lead nowhere then; each holds the struct iommufd_mmio.
 *
 * The driver revokes while it holds locks of its own, under which page faults
 * in user memory are waited for.  So a revoke cannot wait for a lock that is
 * held while user memory is accessed, as io_pagetable::domains_lock is.  Hence
 * two more locks, under which user memory is never accessed:
 *
 *  - iommufd_mmio::lock guards whether the region is open, and which areas it
 *    has.  A revoke and a restore hold it from the first to the last area.
 *  - io_pagetable::mmio_lock guards, for one I/O page table, that an area is in
 *    all domains or in none, which domains there are, and which groups are
 *    attached to them.  The latter two are guarded by
 *    io_pagetable::domains_lock as well: a change takes both locks.
 *
 * The second is inside the first.  Nobody holds two locks of regions: an I/O
 * page table that gets its first domain enters region by region.  Its areas are
 * then in all of no domains, so it does not matter that a region is revoked
 * before the domain is filled and listed, which is one step under mmio_lock.
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
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "backend/map.h"
#include "mmio_region.h"

static unsigned int max_bar_mappings = 16384;
module_param(max_bar_mappings, uint, 0644);
MODULE_PARM_DESC(max_bar_mappings, "The most mappings of the BARs of one device, each counted for each page table (default: 16384)");

/* All regions whose drivers have not destroyed them */
static LIST_HEAD(mmio_regions);

/*
 * Guards mmio_regions.  A spinlock, as it is taken with the mmap lock of a
 * process held: it waits for nobody's page fault.
 */
static DEFINE_SPINLOCK(mmio_regions_lock);

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
 * iommufd_mmio_create() - Let a device's MMIO be mapped for other devices
 * @ops: Called with a mapping in user space, or an address.
 * @data: For @ops.
 *
 * The region is revoked at first.  Whoever has mapped it by mmap() may map it for
 * the devices of any context.
 *
 * Context: Process context.  Pairs with iommufd_mmio_destroy().
 *
 * Return: the region, or ERR_PTR(-ENOMEM).
 */
struct iommufd_mmio *iommufd_mmio_create(const struct iommufd_mmio_ops *ops,
					 void *data)
{
	struct iommufd_mmio *mmio;

	mmio = kzalloc(sizeof(*mmio), GFP_KERNEL_ACCOUNT);
	if (!mmio)
		return ERR_PTR(-ENOMEM);
	kref_init(&mmio->kref);
	mmio->ops = ops;
	mmio->data = data;
	mutex_init(&mmio->lock);
	INIT_LIST_HEAD(&mmio->areas);

	spin_lock(&mmio_regions_lock);
	list_add_tail(&mmio->item, &mmio_regions);
	spin_unlock(&mmio_regions_lock);
	return mmio;
}
EXPORT_SYMBOL_GPL(iommufd_mmio_create);

/**
 * iopt_mmio_find() - Find a region by a mapping in user space
 * @vma: The mapping; the mmap lock of its address space is held.
 * @uaddr: User address of the first byte, in @vma.
 * @length: Bytes, all in @vma.
 * @phys: Set to the physical address of the first byte.
 *
 * Context: Process context.  Pairs with iopt_mmio_put().
 *
 * Return: the region, with a reference, or ERR_PTR(-EFAULT).
 */
struct iommufd_mmio *iopt_mmio_find(struct vm_area_struct *vma,
				    unsigned long uaddr, unsigned long length,
				    phys_addr_t *phys)
{
	struct iommufd_mmio *mmio;

	lockdep_assert_held(&vma->vm_mm->mmap_lock);

	spin_lock(&mmio_regions_lock);
	list_for_each_entry(mmio, &mmio_regions, item) {
		if (mmio->ops->find(mmio->data, vma, uaddr, length, phys))
			continue;
		kref_get(&mmio->kref);
		goto out_unlock;
	}
	mmio = ERR_PTR(-EFAULT);
out_unlock:
	spin_unlock(&mmio_regions_lock);
	return mmio;
}

/**
 * iopt_mmio_find_phys() - Find a region by a physical address
 * @phys: Physical address of the first byte.
 * @length: Bytes, not 0; the range does not wrap.
 *
 * Context: Process context.  Pairs with iopt_mmio_put().
 *
 * Return: the region that has all of the range, with a reference, or
 * ERR_PTR(-EOPNOTSUPP).
 */
struct iommufd_mmio *iopt_mmio_find_phys(phys_addr_t phys, unsigned long length)
{
	struct iommufd_mmio *mmio;

	spin_lock(&mmio_regions_lock);
	list_for_each_entry(mmio, &mmio_regions, item) {
		if (!mmio->ops->has(mmio->data, phys, length))
			continue;
		kref_get(&mmio->kref);
		goto out_unlock;
	}
	mmio = ERR_PTR(-EOPNOTSUPP);
out_unlock:
	spin_unlock(&mmio_regions_lock);
	return mmio;
}

static void mmio_free(struct kref *kref)
{
	struct iommufd_mmio *mmio =
		container_of(kref, struct iommufd_mmio, kref);

	WARN_ON(!list_empty(&mmio->areas) || mmio->nmappings);
	mutex_destroy(&mmio->lock);
	kfree(mmio);
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

	lockdep_assert_held(&mmio->lock);

	if (mmio->nmappings + n > READ_ONCE(max_bar_mappings))
		return -ENOSPC;
	mmio->nmappings += n;
	return 0;
}

static void marea_uncharge(struct iopt_mmio_area *marea, unsigned int n)
{
	struct iommufd_mmio *mmio = marea_region(marea);

	lockdep_assert_held(&mmio->lock);

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

	lockdep_assert_held(&marea->iopt->mmio_lock);

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

	lockdep_assert_held(&marea->iopt->mmio_lock);

	if (!marea->mapped)
		return;
	list_for_each_entry(entry, &marea->iopt->domains, item)
		iommu_backend_unmap(entry->domain, marea->iova, marea->length);
	marea->mapped = false;
}

/* Add an area to those that its region revokes. */
static void marea_register(struct iopt_mmio_area *marea,
			   struct io_pagetable *iopt, bool mapped)
{
	struct iopt_slice *slice = &marea->area.slice;

	lockdep_assert_held(&marea_region(marea)->lock);

	marea->iopt = iopt;
	marea->iova = marea->area.node.start;
	marea->phys = slice->pages->base + iopt_slice_start(slice);
	marea->length = slice->length;
	marea->mapped = mapped;
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
	struct iommufd_mmio *mmio = marea_region(marea);
	int rc;

	lockdep_assert_held(&iopt->domains_lock);

	if (mutex_lock_killable(&mmio->lock))
		return -EINTR;
	rc = marea_charge(marea, iopt->ndomains);
	if (rc)
		goto out_unlock;
	marea_register(marea, iopt, false);
	if (mmio->open) {
		mutex_lock(&iopt->mmio_lock);
		rc = marea_map_all(marea);
		mutex_unlock(&iopt->mmio_lock);
	}
	if (rc) {
		list_del(&marea->item);
		marea_uncharge(marea, iopt->ndomains);
	}
out_unlock:
	mutex_unlock(&mmio->lock);
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
	struct iommufd_mmio *mmio = marea_region(marea);

	lockdep_assert_held(&iopt->domains_lock);

	mutex_lock(&mmio->lock);
	mutex_lock(&iopt->mmio_lock);
	marea_unmap_all(marea);
	mutex_unlock(&iopt->mmio_lock);
	list_del(&marea->item);
	marea_uncharge(marea, iopt->ndomains);
	mutex_unlock(&mmio->lock);
}

/**
 * iopt_mmio_phys() - Tell where an area begins in physical memory
 * @area: The area, of MMIO; it stays.
 * @phys: Set to the physical address of its first byte.
 *
 * Context: Process context.  Takes iommufd_mmio::lock; the caller may hold
 * io_pagetable::domains_lock.
 *
 * Return: 0, -EINVAL while the region is revoked, or -EINTR when killed.
 */
int iopt_mmio_phys(struct iopt_area *area, phys_addr_t *phys)
{
	struct iommufd_mmio *mmio = marea_region(to_mmio_area(area));
	struct iopt_slice *slice = &area->slice;
	bool open;

	if (mutex_lock_killable(&mmio->lock))
		return -EINTR;
	open = mmio->open;
	mutex_unlock(&mmio->lock);
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
	struct iommufd_mmio *mmio;
	int rc;

	if (!iopt_area_is_mmio(area) || !iopt->ndomains)
		return 0;
	mmio = marea_region(to_mmio_area(area));
	if (mutex_lock_killable(&mmio->lock))
		return -EINTR;
	rc = marea_charge(to_mmio_area(area), iopt->ndomains);
	mutex_unlock(&mmio->lock);
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
	struct iommufd_mmio *mmio;

	if (!iopt_area_is_mmio(area) || !iopt->ndomains)
		return;
	mmio = marea_region(to_mmio_area(area));
	mutex_lock(&mmio->lock);
	marea_uncharge(to_mmio_area(area), iopt->ndomains);
	mutex_unlock(&mmio->lock);
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
	struct iommufd_mmio *mmio = marea_region(marea);
	struct io_pagetable *iopt = marea->iopt;

	mutex_lock(&mmio->lock);
	mmio->nmappings += iopt->ndomains;
	marea_register(mtail, iopt, marea->mapped);
	marea->length -= mtail->length;
	mutex_unlock(&mmio->lock);
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

/*
 * Count that an area is going to be in one domain more; with the first domain
 * of its I/O page table its region gets to know it.
 */
static int marea_enter(struct iopt_mmio_area *marea, struct io_pagetable *iopt)
{
	struct iommufd_mmio *mmio = marea_region(marea);
	int rc;

	if (mutex_lock_killable(&mmio->lock))
		return -EINTR;
	rc = marea_charge(marea, 1);
	if (!rc && !iopt->ndomains)
		marea_register(marea, iopt, mmio->open);
	mutex_unlock(&mmio->lock);
	return rc;
}

/* Undo marea_enter(). */
static void marea_leave(struct iopt_mmio_area *marea, struct io_pagetable *iopt)
{
	struct iommufd_mmio *mmio = marea_region(marea);

	mutex_lock(&mmio->lock);
	if (!iopt->ndomains)
		list_del(&marea->item);
	marea_uncharge(marea, 1);
	mutex_unlock(&mmio->lock);
}

/* Undo mareas_enter() for the areas from @from down to the first. */
static void mareas_leave(struct io_pagetable *iopt, struct list_head *areas,
			 struct iopt_area *from)
{
	list_for_each_entry_from_reverse(from, areas, item) {
		marea_leave(to_mmio_area(from), iopt);
		cond_resched();
	}
}

static int mareas_enter(struct io_pagetable *iopt, struct list_head *areas)
{
	struct iopt_area *area;
	int rc;

	list_for_each_entry(area, areas, item) {
		rc = marea_enter(to_mmio_area(area), iopt);
		if (rc) {
			mareas_leave(iopt, areas, list_prev_entry(area, item));
			return rc;
		}
		cond_resched();
	}
	return 0;
}

/* Put all areas whose regions are open into a domain that is not listed. */
static int mareas_enter_domain(struct list_head *areas,
			       struct iommu_domain *domain)
{
	struct iopt_area *area;
	int rc;

	list_for_each_entry(area, areas, item) {
		struct iopt_mmio_area *marea = to_mmio_area(area);

		rc = marea->mapped ? marea_map(marea, domain) : 0;
		if (rc) {
			mareas_leave_domain(areas, list_prev_entry(area, item),
					    domain);
			return rc;
		}
		cond_resched();
	}
	return 0;
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
	int rc;

	lockdep_assert_held_write(&iopt->domains_lock);

	rc = mareas_enter(iopt, areas);
	if (rc)
		return rc;
	mutex_lock(&iopt->mmio_lock);
	rc = mareas_enter_domain(areas, entry->domain);
	if (!rc) {
		list_add_tail(&entry->item, &iopt->domains);
		iopt->ndomains++;
	}
	mutex_unlock(&iopt->mmio_lock);
	if (rc)
		mareas_leave(iopt, areas,
			     list_last_entry(areas, struct iopt_area, item));
	return rc;
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
	struct iopt_area *last = list_last_entry(areas, struct iopt_area, item);

	lockdep_assert_held_write(&iopt->domains_lock);

	mutex_lock(&iopt->mmio_lock);
	list_del(&entry->item);
	iopt->ndomains--;
	mareas_leave_domain(areas, last, entry->domain);
	mutex_unlock(&iopt->mmio_lock);
	mareas_leave(iopt, areas, last);
}

/**
 * iommufd_mmio_revoke() - Let no device reach a region
 * @mmio: The region.
 *
 * When this function returns, no DMA of a device of any context reaches the
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

	mutex_lock(&mmio->lock);
	mmio->open = false;
	list_for_each_entry(marea, &mmio->areas, item) {
		mutex_lock(&marea->iopt->mmio_lock);
		marea_unmap_all(marea);
		mutex_unlock(&marea->iopt->mmio_lock);
		cond_resched();
	}
	mutex_unlock(&mmio->lock);
}
EXPORT_SYMBOL_GPL(iommufd_mmio_revoke);

/**
 * iommufd_mmio_destroy() - Undo iommufd_mmio_create()
 * @mmio: The region.
 *
 * Revokes the region for good: nothing of it can be mapped any more, and what
 * user space has mapped of it leads nowhere, until it is unmapped.  The
 * functions that find MMIO are not called any more.
 *
 * Context: Process context, as iommufd_mmio_revoke().  Cannot fail.
 */
void iommufd_mmio_destroy(struct iommufd_mmio *mmio)
{
	spin_lock(&mmio_regions_lock);
	list_del(&mmio->item);
	spin_unlock(&mmio_regions_lock);
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

	mutex_lock(&mmio->lock);
	mmio->open = true;
	list_for_each_entry(marea, &mmio->areas, item) {
		mutex_lock(&marea->iopt->mmio_lock);
		rc = marea_map_all(marea) ?: rc;
		mutex_unlock(&marea->iopt->mmio_lock);
		cond_resched();
	}
	mutex_unlock(&mmio->lock);
	return rc;
}
EXPORT_SYMBOL_GPL(iommufd_mmio_restore);
