/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_PROVIDER_H
#define __IOMMUFD_PROVIDER_H

#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/types.h>

struct bus_type;
struct device;

typedef int (*iommu_provider_resv_fn)(const struct iommu_resv_region *region,
				      void *arg);

/**
 * struct iommu_provider_ops - How IOMMUs are asked for things
 * @owner: The module.
 * @bus: Devices of this bus have it; NULL: all others.
 * @is_coherent: Is DMA of a device coherent with the CPU's caches?  Whether
 *	mappings with IOMMU_CACHE are, for all DMA that does not ask not to be
 *	snooped; false also when no IOMMU translates for the device.
 * @msi_isolated: Are a group's interrupts its own?  Whether no device of the
 *	group can raise another's interrupt.
 * @walk_reserved: Look at a group's reserved regions: call a function with each
 *	and its argument, without locks, until it returns an error.  Returns 0,
 *	what the function returned, or -ENOMEM.
 * @claim: Claim DMA ownership of a group, and block its DMA.  Returns 0, -EPERM
 *	when a driver uses the group for DMA or somebody else has claimed it,
 *	-EBUSY when it has a domain of its own, -EOPNOTSUPP when it cannot be
 *	isolated on this kernel, or what the IOMMU driver says.
 * @release: Undo @claim of a group that has no domain attached.
 * @domain_alloc: Allocate a domain for a device that is to be attached to it.
 *	Its ops are what the kernel's iommu_map() and iommu_unmap() call.  Its
 *	geometry and page sizes are final only once a device was attached: on
 *	6.1, IOMMU drivers adapt a domain to the hardware then.  Returns it or
 *	ERR_PTR(-ENOMEM).
 * @domain_free: Free a domain that is empty and without devices.
 * @map_msi: Let the kernel map MSI doorbells in a domain, in a window that is
 *	reserved for it.  Returns 0 or -ENOMEM.  NULL where no region is of type
 *	IOMMU_RESV_SW_MSI.
 * @attach: Let a group do DMA through a domain; the group is claimed and has no
 *	domain attached.  Returns 0, or what the IOMMU driver says, then the
 *	group is still blocked.
 * @detach: Block a group's DMA again.
 *
 * All may sleep.  A group that is claimed and has no domain attached is blocked
 * from DMA, so that a detach never opens anything.  Nobody attaches or detaches
 * while something is mapped or unmapped in the domain.
 */
struct iommu_provider_ops {
	struct module *owner;
	const struct bus_type *bus;
	bool (*is_coherent)(struct device *dev);
	bool (*msi_isolated)(struct iommu_group *group);
	int (*walk_reserved)(struct iommu_group *group,
			     iommu_provider_resv_fn fn, void *arg);
	int (*claim)(struct iommu_group *group, void *owner);
	void (*release)(struct iommu_group *group);
	struct iommu_domain *(*domain_alloc)(struct device *dev);
	void (*domain_free)(struct iommu_domain *domain);
	int (*map_msi)(struct iommu_domain *domain, phys_addr_t iova);
	int (*attach)(struct iommu_domain *domain, struct iommu_group *group);
	void (*detach)(struct iommu_domain *domain, struct iommu_group *group);
};

int iommu_provider_register(const struct iommu_provider_ops *provider);
void iommu_provider_unregister(const struct iommu_provider_ops *provider);

const struct iommu_provider_ops *iommu_provider_get(struct device *dev);

static inline void iommu_provider_ref(const struct iommu_provider_ops *provider)
{
	__module_get(provider->owner);
}

static inline void iommu_provider_put(const struct iommu_provider_ops *provider)
{
	module_put(provider->owner);
}

/**
 * struct iommu_provider_limits - What the IOMMU of a group can do
 * @aperture_start: First IOVA.
 * @aperture_end: Last IOVA, inclusive.
 * @pgsizes: Page sizes, a bit each.
 */
struct iommu_provider_limits {
	dma_addr_t aperture_start;
	dma_addr_t aperture_end;
	unsigned long pgsizes;
};

int iommu_provider_probe(const struct iommu_provider_ops *provider,
			 struct device *dev, struct iommu_group *group,
			 struct iommu_provider_limits *limits);

/* What works on domains of any provider */
bool iommu_provider_enforce_coherency(struct iommu_domain *domain);
void iommu_provider_unmap(struct iommu_domain *domain, unsigned long iova,
			  size_t length);
void iommu_provider_sweep(struct iommu_domain *domain, unsigned long iova,
			  size_t length);
bool iommu_provider_within(struct iommu_domain *domain,
			   const struct iommu_provider_limits *limits);

#endif
