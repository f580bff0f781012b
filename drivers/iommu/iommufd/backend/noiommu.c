// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices without an IOMMU
 *
 * Such a device does DMA by physical addresses, and nothing limits what it
 * reaches.  It has no IOMMU group: there is nothing to claim or to block, so
 * that the functions for it are missing here, and the group that the others get
 * is NULL.
 *
 * Its domains exist so that what an IOAS maps is pinned, which is all that a
 * domain without hardware can do.  They hold no translations: the pages objects
 * know the PFNs, from which iopt_find_phys() answers.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "backend.h"
#include "noiommu.h"

static int noiommu_walk_reserved(struct iommu_group *group,
				 iommu_backend_resv_fn fn, void *arg)
{
	return 0;
}

static int noiommu_map_pages(struct iommu_domain *domain, unsigned long iova,
			     phys_addr_t phys, size_t pgsize, size_t pgcount,
			     int prot, gfp_t gfp, size_t *mapped)
{
	*mapped += pgsize * pgcount;
	return 0;
}

static size_t noiommu_unmap_pages(struct iommu_domain *domain,
				  unsigned long iova, size_t pgsize,
				  size_t pgcount,
				  struct iommu_iotlb_gather *gather)
{
	return pgsize * pgcount;
}

static const struct iommu_domain_ops noiommu_domain_ops = {
	.map_pages = noiommu_map_pages,
	.unmap_pages = noiommu_unmap_pages,
};

/* With one page size a contiguous PFN range is mapped by one call. */
static struct iommu_domain *
noiommu_domain_alloc(struct device *dev, u32 flags,
		     const struct iommu_backend_data *data)
{
	struct iommu_domain *domain;

	if (flags || data)
		return ERR_PTR(-EOPNOTSUPP);
	domain = kzalloc(sizeof(*domain), GFP_KERNEL_ACCOUNT);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	domain->type = IOMMU_DOMAIN_UNMANAGED;
	domain->ops = &noiommu_domain_ops;
	domain->pgsize_bitmap = PAGE_SIZE;
	domain->geometry.aperture_end = ULONG_MAX;
	return domain;
}

static void noiommu_domain_free(struct iommu_domain *domain)
{
	kfree(domain);
}

static int noiommu_attach(struct iommu_domain *domain,
			  struct iommu_group *group)
{
	return 0;
}

static void noiommu_detach(struct iommu_domain *domain,
			   struct iommu_group *group)
{
}

static int noiommu_replace(struct iommu_domain *old,
			   struct iommu_domain *domain,
			   struct iommu_group *group)
{
	return 0;
}

const struct iommu_backend_ops iommu_noiommu_backend = {
	.owner = THIS_MODULE,
	.walk_reserved = noiommu_walk_reserved,
	.domain_alloc = noiommu_domain_alloc,
	.domain_free = noiommu_domain_free,
	.attach = noiommu_attach,
	.detach = noiommu_detach,
	.replace = noiommu_replace,
};

/**
 * iommu_domain_is_noiommu() - Tell whether no hardware walks a domain
 * @domain: The domain, of any backend.
 *
 * Context: Any.
 *
 * Return: whether it is of iommu_noiommu_backend.
 */
bool iommu_domain_is_noiommu(const struct iommu_domain *domain)
{
	return domain->ops == &noiommu_domain_ops;
}
