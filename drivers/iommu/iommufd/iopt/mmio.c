// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a device's MMIO: its BARs, for the DMA of other devices
 *
 * They are no memory: nothing is pinned or charged, and the driver of the device
 * takes them away at any time.  Before a reset of the device, for instance, it
 * revokes them, and after it restores them: what was mapped is reachable again
 * without a call from user space.
 *
 * A driver does so where it holds locks of its own, under which page faults in
 * user memory are waited for, and so it cannot wait for a lock that is held
 * while user memory is touched, as io_pagetable::domains_lock is.  Hence one
 * more lock, iommufd_ctx::mmio_lock.  Under it user memory is never touched, and
 * no other lock of this driver is taken.  It guards, all at once,
 *
 *  - whether a region is open, and which areas it has;
 *  - that an area is in all domains of its io_pagetable, or in none;
 *  - which domains those are, and which groups are attached to them.  This is
 *    guarded by io_pagetable::domains_lock as well: to change it takes both.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "backend/backend.h"
#include "mmio.h"

static struct iopt_mmio_area *to_mmio_area(struct iopt_area *area)
{
	return container_of(area, struct iopt_mmio_area, area);
}

static struct iommufd_mmio **pages_mmio(struct iopt_pages *pages)
{
	return iopt_pages_private(pages);
}

static struct iommufd_mmio *area_mmio(struct iopt_mmio_area *marea)
{
	return *pages_mmio(marea->area.slice.pages);
}

static void mmio_free(struct kref *kref)
{
	kfree(container_of(kref, struct iommufd_mmio, kref));
}

/**
 * iommufd_mmio_put() - Drop a reference
 * @mmio: The region.
 */
void iommufd_mmio_put(struct iommufd_mmio *mmio)
{
	kref_put(&mmio->kref, mmio_free);
}

/* Nobody but a domain, which does not ask for it, gets hold of a frame. */
static long mmio_pin(struct iopt_pages *pages, unsigned long index,
		     unsigned long npages, struct page **list, bool *adjacent)
{
	return -EINVAL;
}

static void mmio_release(struct iopt_pages *pages)
{
	iommufd_mmio_put(*pages_mmio(pages));
}

const struct iopt_pages_ops iopt_mmio_ops = {
	.size = sizeof(struct iommufd_mmio *),
	.pin = mmio_pin,
	.release = mmio_release,
};

/**
 * iopt_map_add_mmio() - Add a part of a region to what to map
 * @map: The mappings to be.
 * @mmio: The region; the caller's reference is taken over, on success.
 * @phys: First byte.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ and IOMMU_WRITE.
 *
 * Return: 0 or -ENOMEM.
 */
int iopt_map_add_mmio(struct iopt_map *map, struct iommufd_mmio *mmio,
		      phys_addr_t phys, unsigned long length, int prot)
{
	struct iopt_pages *pages;

	pages = iopt_pages_alloc(IOPT_MMIO, phys, length, prot & IOMMU_WRITE,
				 IOPT_ACCOUNT_NONE,
				 sizeof(struct iopt_mmio_area));
	if (IS_ERR(pages))
		return PTR_ERR(pages);
	*pages_mmio(pages) = mmio;
	iopt_map_add_pages(map, pages, phys - pages->base, length, prot);
	return 0;
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

	lockdep_assert_held(marea->iopt->mmio_lock);

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
		iommu_provider_unmap(entry->domain, marea->iova, marea->length);
	return rc;
}

static void marea_unmap_all(struct iopt_mmio_area *marea)
{
	struct iopt_domain *entry;

	lockdep_assert_held(marea->iopt->mmio_lock);

	if (!marea->mapped)
		return;
	list_for_each_entry(entry, &marea->iopt->domains, item)
		iommu_provider_unmap(entry->domain, marea->iova, marea->length);
	marea->mapped = false;
}

/* Let the region find the area, which is in no domain. */
static void marea_register(struct iopt_mmio_area *marea,
			   struct io_pagetable *iopt)
{
	struct iopt_slice *slice = &marea->area.slice;

	lockdep_assert_held(iopt->mmio_lock);

	marea->iopt = iopt;
	marea->iova = marea->area.node.start;
	marea->phys = slice->pages->base + iopt_slice_start(slice);
	marea->length = slice->length;
	marea->mapped = false;
	list_add_tail(&marea->item, &area_mmio(marea)->areas);
}

/**
 * iopt_mmio_fill() - Put an area into all domains, as long as its region is open
 * @iopt: Where it is; has a domain, and domains_lock is held.
 * @area: The area, of MMIO.
 *
 * Return: 0, or, with nothing changed, what iopt_map_phys() returns.
 */
int iopt_mmio_fill(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iopt_mmio_area *marea = to_mmio_area(area);
	int rc = 0;

	lockdep_assert_held(&iopt->domains_lock);

	mutex_lock(iopt->mmio_lock);
	marea_register(marea, iopt);
	if (area_mmio(marea)->open)
		rc = marea_map_all(marea);
	if (rc)
		list_del(&marea->item);
	mutex_unlock(iopt->mmio_lock);
	return rc;
}

/**
 * iopt_mmio_unfill() - Undo iopt_mmio_fill()
 * @iopt: Where the area is; domains_lock is held.
 * @area: The area.
 *
 * Cannot fail and needs no memory.
 */
void iopt_mmio_unfill(struct io_pagetable *iopt, struct iopt_area *area)
{
	struct iopt_mmio_area *marea = to_mmio_area(area);

	lockdep_assert_held(&iopt->domains_lock);

	mutex_lock(iopt->mmio_lock);
	marea_unmap_all(marea);
	list_del(&marea->item);
	mutex_unlock(iopt->mmio_lock);
}

/**
 * iopt_mmio_split() - Two areas have been made of one that is filled
 * @area: The area, which has lost its end.
 * @tail: That end.
 *
 * To the domains there is no difference, as they are mapped page by page.
 */
void iopt_mmio_split(struct iopt_area *area, struct iopt_area *tail)
{
	struct iopt_mmio_area *marea = to_mmio_area(area);
	struct iopt_mmio_area *mtail = to_mmio_area(tail);

	mutex_lock(marea->iopt->mmio_lock);
	marea_register(mtail, marea->iopt);
	mtail->mapped = marea->mapped;
	marea->length -= mtail->length;
	mutex_unlock(marea->iopt->mmio_lock);
}

/* Take areas, down to the first, out of a domain that is not listed. */
static void mareas_leave_domain(struct list_head *areas, struct iopt_area *from,
				struct iommu_domain *domain)
{
	list_for_each_entry_from_reverse(from, areas, item) {
		struct iopt_mmio_area *marea = to_mmio_area(from);

		if (marea->mapped)
			iommu_provider_unmap(domain, marea->iova,
					     marea->length);
	}
}

static void mareas_unregister(struct list_head *areas)
{
	struct iopt_area *area;

	list_for_each_entry(area, areas, item)
		list_del(&to_mmio_area(area)->item);
}

/**
 * iopt_mmio_add_domain() - Put MMIO into a domain, and list that
 * @iopt: Where; domains_lock is held for writing.
 * @areas: All areas of MMIO.
 * @entry: The domain, filled but for them.
 *
 * Return: 0, or, with nothing changed, what iopt_map_phys() returns.
 */
int iopt_mmio_add_domain(struct io_pagetable *iopt, struct list_head *areas,
			 struct iopt_domain *entry)
{
	bool first = list_empty(&iopt->domains);
	struct iopt_mmio_area *marea;
	struct iopt_area *area;
	int rc;

	lockdep_assert_held_write(&iopt->domains_lock);

	mutex_lock(iopt->mmio_lock);
	if (first) {
		list_for_each_entry(area, areas, item) {
			marea = to_mmio_area(area);
			marea_register(marea, iopt);
			marea->mapped = area_mmio(marea)->open;
		}
	}
	list_for_each_entry(area, areas, item) {
		marea = to_mmio_area(area);
		rc = marea->mapped ? marea_map(marea, entry->domain) : 0;
		if (rc)
			goto err_undo;
	}
	list_add_tail(&entry->item, &iopt->domains);
	mutex_unlock(iopt->mmio_lock);
	return 0;

err_undo:
	mareas_leave_domain(areas, list_prev_entry(area, item), entry->domain);
	if (first)
		mareas_unregister(areas);
	mutex_unlock(iopt->mmio_lock);
	return rc;
}

/**
 * iopt_mmio_remove_domain() - Undo iopt_mmio_add_domain()
 * @iopt: Where; domains_lock is held for writing.
 * @areas: All areas of MMIO.
 * @entry: The domain.
 *
 * Cannot fail and needs no memory.
 */
void iopt_mmio_remove_domain(struct io_pagetable *iopt,
			     struct list_head *areas,
			     struct iopt_domain *entry)
{
	lockdep_assert_held_write(&iopt->domains_lock);

	mutex_lock(iopt->mmio_lock);
	list_del(&entry->item);
	mareas_leave_domain(areas, list_last_entry(areas, struct iopt_area, item),
			    entry->domain);
	if (list_empty(&iopt->domains))
		mareas_unregister(areas);
	mutex_unlock(iopt->mmio_lock);
}

/**
 * iommufd_mmio_revoke() - Let no device reach a region
 * @mmio: The region.
 *
 * When it returns, no DMA of a device of the context reaches the region.
 * What is mapped of it stays mapped for user space, and comes back with
 * iommufd_mmio_restore().  Nothing happens when it is revoked already.
 *
 * Process context.  Waits for no page fault in user memory, so that the caller
 * may hold locks that a page fault takes.  Cannot fail and needs no memory.
 */
void iommufd_mmio_revoke(struct iommufd_mmio *mmio)
{
	struct iopt_mmio_area *marea;

	mutex_lock(mmio->lock);
	mmio->open = false;
	list_for_each_entry(marea, &mmio->areas, item)
		marea_unmap_all(marea);
	mutex_unlock(mmio->lock);
}
EXPORT_SYMBOL_GPL(iommufd_mmio_revoke);

/**
 * iommufd_mmio_restore() - Let devices reach what is mapped of a region
 * @mmio: The region.
 *
 * From now on, also what is mapped later.  Nothing happens when all is there
 * already.  Process context, as iommufd_mmio_revoke().
 *
 * Return: 0, or an errno when something could not be mapped: -ENOMEM, or what
 * the IOMMU driver says.  That is left out, and tried again by the next call.
 */
int iommufd_mmio_restore(struct iommufd_mmio *mmio)
{
	struct iopt_mmio_area *marea;
	int rc = 0;

	mutex_lock(mmio->lock);
	mmio->open = true;
	list_for_each_entry(marea, &mmio->areas, item)
		rc = marea_map_all(marea) ?: rc;
	mutex_unlock(mmio->lock);
	return rc;
}
EXPORT_SYMBOL_GPL(iommufd_mmio_restore);
