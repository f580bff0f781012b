// SPDX-License-Identifier: GPL-2.0-only
/*
 * The domains of an I/O page table
 *
 * All domains of an I/O page table map the same areas.  A new one is filled
 * before it is listed, and an old one leaves the list before it is emptied;
 * since MMIO may be revoked in between, mmio_region.c changes the list.  With
 * the first domain all memory is pinned, with the last it is unpinned.  On
 * demand, a new domain gets what is populated, and the last one takes that
 * along.
 */
#include <linux/bits.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/sched/signal.h>

#include "area.h"
#include "backend/backend.h"
#include "demand.h"
#include "domains.h"
#include "iova.h"
#include "mmio_region.h"

static unsigned long domain_alignment(struct iommu_domain *domain)
{
	return 1UL << __ffs(domain->pgsize_bitmap);
}

static void update_alignment(struct io_pagetable *iopt)
{
	struct iopt_domain *entry;

	lockdep_assert_held_write(&iopt->iova_lock);

	iopt->iova_alignment = iopt->npinning || !iopt->huge_pages ||
			       iopt->on_demand ? PAGE_SIZE : 1;
	list_for_each_entry(entry, &iopt->domains, item)
		iopt->iova_alignment = max(iopt->iova_alignment,
					   domain_alignment(entry->domain));
}

/*
 * See whether all borders of what is mapped are multiples of a new alignment.
 */
static int check_alignment(struct io_pagetable *iopt, unsigned long align)
{
	struct iopt_range *node;

	if (align <= iopt->iova_alignment)
		return 0;
	for (node = iopt_ranges_first(&iopt->areas, 0, ULONG_MAX); node;
	     node = iopt_range_next(node, ULONG_MAX)) {
		struct iopt_area *area = iopt_node_area(node);

		if ((node->start | area->slice.offset | area->slice.length) &
		    (align - 1))
			return -EADDRINUSE;
		cond_resched();
	}
	return 0;
}

static int reserve_outside_aperture(struct io_pagetable *iopt,
				    struct iommu_domain *domain)
{
	struct iommu_domain_geometry *geometry = &domain->geometry;
	int rc = 0;

	if (geometry->aperture_start)
		rc = iopt_reserve_locked(iopt, 0, geometry->aperture_start - 1,
					 domain);
	if (!rc && geometry->aperture_end < ULONG_MAX)
		rc = iopt_reserve_locked(iopt, geometry->aperture_end + 1,
					 ULONG_MAX, domain);
	return rc;
}

/* List all areas: those of memory, and those of MMIO. */
static void list_areas(struct io_pagetable *iopt, struct list_head *areas,
		       struct list_head *mmio)
{
	struct iopt_range *node;

	for (node = iopt_ranges_first(&iopt->areas, 0, ULONG_MAX); node;
	     node = iopt_range_next(node, ULONG_MAX)) {
		struct iopt_area *area = iopt_node_area(node);

		list_add_tail(&area->item,
			      iopt_area_is_mmio(area) ? mmio : areas);
		cond_resched();
	}
}

/* Put areas of memory into a domain; pin them if it is the first domain. */
static int domain_fill(struct io_pagetable *iopt, struct list_head *areas,
		       struct iommu_domain *domain)
{
	bool first = list_empty(&iopt->domains);
	struct iopt_area *area;
	LIST_HEAD(filled);
	int rc = 0;

	if (iopt->on_demand)
		return iopt_demand_fill(iopt, domain);
	list_for_each_entry(area, areas, item) {
		cond_resched();
		rc = fatal_signal_pending(current) ? -EINTR : 0;
		if (!rc && first)
			rc = iopt_area_pin(iopt, area);
		if (rc)
			goto err_undo;
		rc = iopt_area_map(iopt, area, domain);
		if (rc) {
			if (first)
				iopt_area_unpin(iopt, area);
			goto err_undo;
		}
	}
	return 0;

err_undo:
	list_cut_before(&filled, areas, &area->item);
	iopt_areas_unmap(&filled, domain);
	if (first)
		iopt_areas_unpin(iopt, &filled);
	return rc;
}

/*
 * Take areas of memory out of a domain; unpin them if it was the last domain.
 */
static void domain_empty(struct io_pagetable *iopt, struct list_head *areas,
			 struct iommu_domain *domain)
{
	if (iopt->on_demand) {
		iopt_demand_empty(iopt, domain);
		return;
	}
	iopt_areas_unmap(areas, domain);
	if (list_empty(&iopt->domains))
		iopt_areas_unpin(iopt, areas);
}

/**
 * iopt_add_domain() - Put all that is mapped, now and later, into a domain
 * @iopt: The I/O page table.
 * @entry: Memory of the caller's by which @domain is known until it is removed;
 *	its @faults is set.
 * @domain: The domain, empty; its geometry and page sizes are final.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.  May fault in
 * user memory.
 *
 * Return: 0, or, with nothing changed: -EADDRINUSE when something is mapped, or
 * to be kept usable, where the domain cannot map, -EINVAL when its pages are
 * too large, -EOPNOTSUPP when all is on demand and page faults through the
 * domain are not handled, -ENOMEM, -EINTR when killed, or what iopt_slice_pin()
 * and iopt_slice_map() return.
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
	if (down_write_killable(&iopt->domains_lock))
		return -EINTR;
	if (down_write_killable(&iopt->iova_lock)) {
		up_write(&iopt->domains_lock);
		return -EINTR;
	}
	rc = iopt->on_demand && !entry->faults ? -EOPNOTSUPP :
			check_alignment(iopt, domain_alignment(domain));
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
	iopt_unreserve_locked(iopt, domain);
	up_write(&iopt->iova_lock);
	up_write(&iopt->domains_lock);
	return rc;
}

/**
 * iopt_remove_domain() - Undo iopt_add_domain()
 * @iopt: The I/O page table.
 * @entry: The entry of the domain, to which no device is attached any more.
 *
 * With the last domain, all memory is unpinned.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.  Cannot fail and
 * needs no memory.
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
	iopt_unreserve_locked(iopt, entry->domain);
	update_alignment(iopt);
	up_write(&iopt->iova_lock);
	up_write(&iopt->domains_lock);
}

static int lock_for_attach(struct io_pagetable *iopt, bool killable)
{
	if (!killable)
		down_write(&iopt->domains_lock);
	else if (down_write_killable(&iopt->domains_lock))
		return -EINTR;
	mutex_lock(&iopt->mmio_lock);
	return 0;
}

static void unlock_for_attach(struct io_pagetable *iopt)
{
	mutex_unlock(&iopt->mmio_lock);
	up_write(&iopt->domains_lock);
}

/**
 * iopt_domain_attach() - Let a group do DMA through a domain that is filled
 * @iopt: The I/O page table.
 * @backend: The backend of @domain and @group.
 * @domain: One of its domains.
 * @group: The group, claimed, without a domain attached.
 * @killable: False to undo iopt_domain_detach(), which must not be given up.
 *
 * IOMMU drivers expect that nothing is mapped or unmapped meanwhile: Intel's
 * looks at the devices of a domain without a lock when it flushes.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.
 *
 * Return: as iommu_backend_attach(), or -EINTR when killed.
 */
int iopt_domain_attach(struct io_pagetable *iopt,
		       const struct iommu_backend_ops *backend,
		       struct iommu_domain *domain, struct iommu_group *group,
		       bool killable)
{
	int rc;

	rc = lock_for_attach(iopt, killable);
	if (rc)
		return rc;
	rc = iommu_backend_attach(backend, domain, group);
	unlock_for_attach(iopt);
	return rc;
}

/**
 * iopt_domain_detach() - Block the DMA of a group attached to a filled domain
 * @iopt: The I/O page table.
 * @backend: The backend of @domain and @group.
 * @domain: One of its domains.
 * @group: The group, attached to @domain.
 * @killable: False when the group must not stay attached.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.
 *
 * Return: 0, or, with nothing changed, -EINTR when killed.
 */
int iopt_domain_detach(struct io_pagetable *iopt,
		       const struct iommu_backend_ops *backend,
		       struct iommu_domain *domain, struct iommu_group *group,
		       bool killable)
{
	int rc;

	rc = lock_for_attach(iopt, killable);
	if (rc)
		return rc;
	backend->detach(domain, group);
	unlock_for_attach(iopt);
	return 0;
}

static int lock_for_replace(struct io_pagetable *a, struct io_pagetable *b)
{
	if (a > b)
		swap(a, b);
	if (down_write_killable(&a->domains_lock))
		return -EINTR;
	if (a != b && down_write_killable_nested(&b->domains_lock,
						 SINGLE_DEPTH_NESTING)) {
		up_write(&a->domains_lock);
		return -EINTR;
	}
	mutex_lock(&a->mmio_lock);
	if (a != b)
		mutex_lock_nested(&b->mmio_lock, SINGLE_DEPTH_NESTING);
	return 0;
}

static void unlock_for_replace(struct io_pagetable *a, struct io_pagetable *b)
{
	mutex_unlock(&a->mmio_lock);
	up_write(&a->domains_lock);
	if (a != b) {
		mutex_unlock(&b->mmio_lock);
		up_write(&b->domains_lock);
	}
}

/**
 * iopt_domain_replace() - Move a group to another filled domain at once
 * @old_iopt: The I/O page table of @old.
 * @iopt: The I/O page table of @domain; may be @old_iopt.
 * @backend: The backend of @old, @domain and @group, which can replace.
 * @old: The domain that the group is attached to.
 * @domain: The domain that it is to be attached to.
 * @group: The group.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock of both.
 *
 * Return: as iommu_backend_replace(), or -EINTR when killed.
 */
int iopt_domain_replace(struct io_pagetable *old_iopt,
			struct io_pagetable *iopt,
			const struct iommu_backend_ops *backend,
			struct iommu_domain *old, struct iommu_domain *domain,
			struct iommu_group *group)
{
	int rc;

	rc = lock_for_replace(old_iopt, iopt);
	if (rc)
		return rc;
	rc = iommu_backend_replace(backend, old, domain, group);
	unlock_for_replace(old_iopt, iopt);
	return rc;
}

/**
 * iopt_domain_set_pasid() - Let DMA with a PASID through a filled domain
 * @old_iopt: The I/O page table of @old; @iopt if @old is NULL.
 * @iopt: The I/O page table of @domain; may be @old_iopt.
 * @backend: The backend of @old, @domain and @dev.
 * @old: As for iommu_backend_set_pasid().
 * @domain: The domain that it is to be attached to.
 * @dev: The device.
 * @pasid: The PASID.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock of both.
 *
 * Return: as iommu_backend_set_pasid(), or -EINTR when killed.
 */
int iopt_domain_set_pasid(struct io_pagetable *old_iopt,
			  struct io_pagetable *iopt,
			  const struct iommu_backend_ops *backend,
			  struct iommu_domain *old, struct iommu_domain *domain,
			  struct device *dev, u32 pasid)
{
	int rc;

	rc = lock_for_replace(old_iopt, iopt);
	if (rc)
		return rc;
	rc = iommu_backend_set_pasid(backend, dev, pasid, old, domain);
	unlock_for_replace(old_iopt, iopt);
	return rc;
}

/**
 * iopt_domain_clear_pasid() - Block DMA with a PASID
 * @iopt: The I/O page table of @domain.
 * @backend: The backend of @domain and @dev.
 * @domain: The domain that the PASID is attached to.
 * @dev: The device.
 * @pasid: The PASID.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.  Cannot fail.
 */
void iopt_domain_clear_pasid(struct io_pagetable *iopt,
			     const struct iommu_backend_ops *backend,
			     struct iommu_domain *domain, struct device *dev,
			     u32 pasid)
{
	lock_for_attach(iopt, false);
	backend->clear_pasid(dev, pasid, domain);
	unlock_for_attach(iopt);
}

/**
 * iopt_set_huge_pages() - Choose whether domains may use huge pages
 * @iopt: The I/O page table.
 * @enable: Whether domains may use pages larger than the CPU's smallest.  If
 *	not, mappings are made of the CPU's pages, so they begin and end at
 *	borders of pages, whether there is a domain or not.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock and iova_lock.
 *
 * Return: 0, -EINVAL when huge pages are to be disabled while something is
 * mapped into a domain, which may have used them, -EADDRINUSE while a mapping
 * begins or ends inside a page, or -EINTR when killed.
 */
int iopt_set_huge_pages(struct io_pagetable *iopt, bool enable)
{
	int rc = 0;

	if (down_write_killable(&iopt->domains_lock))
		return -EINTR;
	if (down_write_killable(&iopt->iova_lock)) {
		up_write(&iopt->domains_lock);
		return -EINTR;
	}
	if (!enable && iopt->huge_pages) {
		if (!list_empty(&iopt->domains) &&
		    !iopt_ranges_empty(&iopt->areas))
			rc = -EINVAL;
		else
			rc = check_alignment(iopt, PAGE_SIZE);
	}
	if (!rc) {
		iopt->huge_pages = enable;
		update_alignment(iopt);
	}
	up_write(&iopt->iova_lock);
	up_write(&iopt->domains_lock);
	return rc;
}

/**
 * iopt_set_on_demand() - Choose when memory is pinned and put into domains
 * @iopt: The I/O page table.
 * @enable: Whether that is when a device faults, see demand.c.  Otherwise it is
 *	when the memory is mapped.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock and iova_lock.
 *
 * Return: 0, -EBUSY when the choice is another one while something is mapped or
 * there is a domain, or -EINTR when killed.
 */
int iopt_set_on_demand(struct io_pagetable *iopt, bool enable)
{
	int rc = 0;

	if (down_write_killable(&iopt->domains_lock))
		return -EINTR;
	if (down_write_killable(&iopt->iova_lock)) {
		up_write(&iopt->domains_lock);
		return -EINTR;
	}
	if (enable != iopt->on_demand &&
	    (!list_empty(&iopt->domains) || !iopt_ranges_empty(&iopt->areas))) {
		rc = -EBUSY;
	} else {
		WRITE_ONCE(iopt->on_demand, enable);
		update_alignment(iopt);
	}
	up_write(&iopt->iova_lock);
	up_write(&iopt->domains_lock);
	return rc;
}

/**
 * iopt_page_sizes() - Tell which page sizes all domains have
 * @iopt: The I/O page table.
 * @sizes: Set to a bit for each size that is at least PAGE_SIZE.  The bit of
 *	PAGE_SIZE is always set, since such a page can be made up of smaller
 *	ones.  Without a domain, all bits are set.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock.
 *
 * Return: 0, or -EINTR when killed.
 */
int iopt_page_sizes(struct io_pagetable *iopt, u64 *sizes)
{
	struct iopt_domain *entry;
	u64 all = PAGE_MASK;

	if (down_read_killable(&iopt->domains_lock))
		return -EINTR;
	list_for_each_entry(entry, &iopt->domains, item)
		all &= entry->domain->pgsize_bitmap;
	up_read(&iopt->domains_lock);
	*sizes = all | PAGE_SIZE;
	return 0;
}

/**
 * iopt_want_pages() - Have only whole pages of the CPU mapped
 * @iopt: The I/O page table.
 *
 * An access that pins is given whole pages, so it can only find a byte by its
 * IOVA if mappings begin and end, in IOVA and in memory, at borders of pages.
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.
 *
 * Return: 0, -EADDRINUSE when a mapping begins or ends inside a page, or -EINTR
 * when killed.
 */
int iopt_want_pages(struct io_pagetable *iopt)
{
	int rc;

	if (down_write_killable(&iopt->iova_lock))
		return -EINTR;
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
 *
 * Context: Process context.  Takes io_pagetable::iova_lock.
 */
void iopt_unwant_pages(struct io_pagetable *iopt)
{
	down_write(&iopt->iova_lock);
	iopt->npinning--;
	update_alignment(iopt);
	up_write(&iopt->iova_lock);
}
