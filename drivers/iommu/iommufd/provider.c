// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOMMU provider: how a kernel's IOMMU drivers are asked for things
 *
 * This is the one place that knows which of the kernel's interfaces to use.
 * Here it is the generic API that every kernel since 6.1 has: domains for a
 * whole bus, attached to whole groups.
 *
 * A group that is claimed and has no domain attached is on a blocking domain,
 * so that a detach here never opens anything.
 */
#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "provider.h"

/**
 * iommu_provider_is_coherent() - Is DMA coherent with the CPU's caches?
 * @dev: A device.
 *
 * Return: whether mappings with IOMMU_CACHE are, for all DMA that does not ask
 * not to be snooped; false also when no IOMMU translates for the device.
 */
bool iommu_provider_is_coherent(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY);
}

/**
 * iommu_provider_msi_isolated() - Are a group's interrupts its own?
 * @group: The group.
 *
 * Return: whether no device of the group can raise another's interrupt.
 */
bool iommu_provider_msi_isolated(struct iommu_group *group)
{
	return iommu_group_has_isolated_msi(group);
}

/**
 * iommu_provider_walk_reserved() - Look at a group's reserved regions
 * @group: The group.
 * @fn: Called with each region and @arg, without locks; stops at an error.
 * @arg: For @fn.
 *
 * Return: 0, what @fn returned, or -ENOMEM.
 */
int iommu_provider_walk_reserved(struct iommu_group *group,
				 iommu_provider_resv_fn fn, void *arg)
{
	struct iommu_resv_region *region, *next;
	LIST_HEAD(regions);
	int rc;

	rc = iommu_get_group_resv_regions(group, &regions);
	list_for_each_entry_safe(region, next, &regions, list) {
		if (!rc)
			rc = fn(region, arg);
		list_del(&region->list);
		kfree(region);
	}
	return rc;
}

/**
 * iommu_provider_claim() - Claim DMA ownership of a group, and block its DMA
 * @group: The group.
 * @owner: Who claims it, not NULL.
 *
 * Return: 0, -EPERM when a driver uses the group for DMA or somebody else has
 * claimed it, -EBUSY when it has a domain of its own, or what the IOMMU driver
 * says.
 */
int iommu_provider_claim(struct iommu_group *group, void *owner)
{
	return iommu_group_claim_dma_owner(group, owner);
}

/**
 * iommu_provider_release() - Undo iommu_provider_claim()
 * @group: The group, without a domain attached; drivers can use it again.
 */
void iommu_provider_release(struct iommu_group *group)
{
	iommu_group_release_dma_owner(group);
}

/**
 * iommu_provider_domain_alloc() - Allocate a domain
 * @dev: A device that is to be attached to it.
 *
 * Its geometry and page sizes are final only once a device was attached: on
 * 6.1, IOMMU drivers adapt a domain to the hardware then.
 *
 * Return: the domain, or ERR_PTR(-ENOMEM).
 */
struct iommu_domain *iommu_provider_domain_alloc(struct device *dev)
{
	return iommu_domain_alloc(dev->bus) ?: ERR_PTR(-ENOMEM);
}

/**
 * iommu_provider_domain_free() - Free a domain
 * @domain: The domain, empty and without devices.
 */
void iommu_provider_domain_free(struct iommu_domain *domain)
{
	iommu_domain_free(domain);
}

/**
 * iommu_provider_enforce_coherency() - Snoop also what asks not to be snooped
 * @domain: A domain with a device attached and nothing mapped.
 *
 * From then on the IOMMU driver refuses to attach devices for which it cannot
 * be done.
 *
 * Return: whether it could be done.
 */
bool iommu_provider_enforce_coherency(struct iommu_domain *domain)
{
	return domain->ops->enforce_cache_coherency &&
	       domain->ops->enforce_cache_coherency(domain);
}

/*
 * Bytes at @iova that the kernel asks an IOMMU driver to unmap in one step:
 * pages of one size.
 */
static size_t unmap_step(struct iommu_domain *domain, unsigned long iova,
			 size_t length)
{
	unsigned long sizes = domain->pgsize_bitmap;
	unsigned long larger, size, head;

	size = BIT(__fls(sizes & GENMASK(__ffs(iova | BIT(__fls(length))), 0)));
	larger = sizes & ~(size | (size - 1));
	if (larger) {
		larger = BIT(__ffs(larger));
		head = larger - (iova & (larger - 1));
		if (length >= larger && head <= length - larger)
			return head;
	}
	return round_down(length, size);
}

/**
 * iommu_provider_unmap() - Take a range out of a domain, and flush it
 * @domain: The domain.
 * @iova: First byte.
 * @length: Bytes, all of them mapped.
 *
 * When it returns, no device reaches through @domain what was mapped there.
 *
 * The kernel would take any range, but on 6.1 Intel's driver frees page tables
 * that a device may still walk when steps of different size are flushed as one,
 * and counts the pages of a flush in 32 bits.  So each step is a call here,
 * which costs nothing: such steps are flushed one by one anyway.
 */
void iommu_provider_unmap(struct iommu_domain *domain, unsigned long iova,
			  size_t length)
{
	while (length) {
		size_t step = unmap_step(domain, iova, length);

		step = min(step, SZ_1T - (iova & (SZ_1T - 1)));
		WARN_ON_ONCE(iommu_unmap(domain, iova, step) != step);
		iova += step;
		length -= step;
		cond_resched();
	}
}

/**
 * iommu_provider_sweep() - Take out what a failed map left in a domain
 * @domain: The domain.
 * @iova: First byte that was to be mapped.
 * @length: Bytes, multiple of the smallest page of @domain.
 *
 * A map that fails should leave nothing, but Intel's driver, when it finds no
 * memory for a page table, leaves what it had filled before and does not tell.
 */
void iommu_provider_sweep(struct iommu_domain *domain, unsigned long iova,
			  size_t length)
{
	size_t page = BIT(__ffs(domain->pgsize_bitmap));

	for (; length; iova += page, length -= page) {
		if (iommu_iova_to_phys(domain, iova))
			iommu_unmap(domain, iova, page);
		cond_resched();
	}
}

/**
 * iommu_provider_map_msi() - Let the kernel map MSI doorbells in a domain
 * @domain: The domain.
 * @iova: Where, in a window that is reserved for it.
 *
 * Return: 0 or -ENOMEM.
 */
int iommu_provider_map_msi(struct iommu_domain *domain, phys_addr_t iova)
{
	int rc = iommu_get_msi_cookie(domain, iova);

	/* Another group has had it done. */
	return rc == -EBUSY ? 0 : rc;
}

/**
 * iommu_provider_attach() - Let a group do DMA through a domain
 * @domain: The domain.
 * @group: The group, claimed, without a domain attached.
 *
 * Return: 0, or what the IOMMU driver says, then the group is still blocked.
 */
int iommu_provider_attach(struct iommu_domain *domain,
			  struct iommu_group *group)
{
	return iommu_attach_group(domain, group);
}

/**
 * iommu_provider_detach() - Block a group's DMA again
 * @domain: The domain.
 * @group: The group, attached to it.
 */
void iommu_provider_detach(struct iommu_domain *domain,
			   struct iommu_group *group)
{
	iommu_detach_group(domain, group);
}

/**
 * iommu_provider_probe() - Find out what the IOMMU of a group can do
 * @dev: A device of @group.
 * @group: The group, claimed, without a domain attached.
 * @limits: Filled in.
 *
 * Attaches the group to an empty domain for a moment, since on 6.1 only that
 * tells.
 *
 * Return: 0, -ENOMEM, or what the IOMMU driver says.
 */
int iommu_provider_probe(struct device *dev, struct iommu_group *group,
			 struct iommu_provider_limits *limits)
{
	struct iommu_domain *domain;
	int rc;

	domain = iommu_provider_domain_alloc(dev);
	if (IS_ERR(domain))
		return PTR_ERR(domain);

	rc = iommu_provider_attach(domain, group);
	if (!rc) {
		limits->aperture_start = domain->geometry.aperture_start;
		limits->aperture_end = domain->geometry.aperture_end;
		limits->pgsizes = domain->pgsize_bitmap;
		iommu_provider_detach(domain, group);
	}
	iommu_provider_domain_free(domain);
	return rc;
}

/**
 * iommu_provider_within() - Could an IOMMU do all that a domain does?
 * @domain: The domain.
 * @limits: What the IOMMU can do.
 *
 * Attaching a group behind a lesser IOMMU would, on 6.1, cut down the domain
 * under those that use it.
 *
 * Return: whether a group behind that IOMMU may be attached to the domain.
 */
bool iommu_provider_within(struct iommu_domain *domain,
			   const struct iommu_provider_limits *limits)
{
	return domain->geometry.aperture_start >= limits->aperture_start &&
	       domain->geometry.aperture_end <= limits->aperture_end &&
	       !(domain->pgsize_bitmap & ~limits->pgsizes);
}
