// SPDX-License-Identifier: GPL-2.0-only
/*
 * The physical addresses behind IOVAs, for devices without an IOMMU
 */
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/rwsem.h>

#include "area.h"
#include "backend/noiommu.h"
#include "mmio_region.h"
#include "phys.h"
#include "walk.h"

/* An iopt_area_fn: use the area, so that it stays. */
static int area_get(struct iopt_area *area, unsigned long start,
		    unsigned long last, void *arg)
{
	struct iopt_area **found = arg;

	iopt_area_get(area);
	*found = area;
	return 0;
}

/* Is memory pinned, and is it first of all for devices without an IOMMU? */
static bool first_is_noiommu(struct io_pagetable *iopt)
{
	struct iopt_domain *entry;

	lockdep_assert_held(&iopt->domains_lock);

	entry = list_first_entry_or_null(&iopt->domains, struct iopt_domain,
					 item);
	return entry && iommu_domain_is_noiommu(entry->domain);
}

static int area_phys(struct io_pagetable *iopt, struct iopt_area *area,
		     unsigned long iova, unsigned long *length,
		     phys_addr_t *phys)
{
	unsigned long offset = iova - area->node.start;
	int rc = 0;

	if (iopt_area_is_mmio(area))
		rc = iopt_mmio_phys(area, phys);
	if (!rc && !first_is_noiommu(iopt))
		rc = -EOPNOTSUPP;
	if (rc)
		return rc;
	if (!iopt_area_is_mmio(area))
		return iopt_slice_phys(&area->slice, offset, length, phys);
	*phys += offset;
	*length = min(*length, area->slice.length - offset);
	return 0;
}

/**
 * iopt_find_phys() - Tell where in physical memory something is mapped to
 * @iopt: The I/O page table.
 * @iova: First byte.
 * @length: Bytes, not 0.  Reduced to those that are in the same mapping and
 *	contiguous in physical memory.
 * @phys: Set to the physical address.
 *
 * What is told is true until it is unmapped, or revoked if it is MMIO.  Nothing
 * keeps the caller's device from its use after that.
 *
 * Context: Process context.  Takes io_pagetable::domains_lock, and with it
 * io_pagetable::iova_lock, and then iopt_pages::lock, or iommufd_mmio::lock if
 * it is MMIO.
 *
 * Return: 0, -ENOENT when nothing is mapped at @iova, -EINVAL when it is MMIO
 * that is revoked, -EOPNOTSUPP unless the first domain is one of devices without
 * an IOMMU, or -EINTR when killed.
 */
int iopt_find_phys(struct io_pagetable *iopt, unsigned long iova,
		   unsigned long *length, phys_addr_t *phys)
{
	struct iopt_area *area;
	int rc;

	if (down_read_killable(&iopt->domains_lock))
		return -EINTR;
	rc = iopt_walk_ready(iopt, iova, iova, area_get, &area);
	if (!rc) {
		rc = area_phys(iopt, area, iova, length, phys);
		iopt_area_put(area);
	}
	up_read(&iopt->domains_lock);
	return rc;
}
