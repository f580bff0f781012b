/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_PROVIDER_H
#define __IOMMUFD_PROVIDER_H

#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/types.h>

struct bus_type;
struct device;

/**
 * struct iommu_backend_data - What user space says of a domain it wants
 * @type: Of enum iommu_hwpt_data_type, not IOMMU_HWPT_DATA_NONE.
 * @uptr: User address of the struct of that type.
 * @length: Bytes of it.
 */
struct iommu_backend_data {
	u32 type;
	void __user *uptr;
	u32 length;
};

/**
 * struct iommu_backend_dirty - A bitmap of what devices have written
 * @bits: The bitmap.
 * @first: The bit that stands for @start.
 * @start: First IOVA.
 * @last: Last IOVA, inclusive.
 * @shift: log2 of the bytes that a bit stands for.
 * @ahead: Last IOVA after @last that was reported, too, 0 for none.
 */
struct iommu_backend_dirty {
	unsigned long *bits;
	unsigned long first;
	unsigned long start;
	unsigned long last;
	unsigned int shift;
	unsigned long ahead;
};

typedef int (*iommu_backend_resv_fn)(const struct iommu_resv_region *region,
				      void *arg);

/**
 * struct iommu_backend_ops - How IOMMUs are asked for things
 * @owner: The module.
 * @bus: Devices of this bus have it; NULL: all others.
 * @is_coherent: Is DMA of a device coherent with the CPU's caches?  Whether
 *	mappings with IOMMU_CACHE are, for all DMA that does not ask not to be
 *	snooped; false also when no IOMMU translates for the device.
 * @enforces_coherency: Can a domain be made to snoop all DMA of a device, also
 *	what asks not to be?  NULL: no.
 * @msi_isolated: Are a group's interrupts its own?  Whether no device of the
 *	group can raise another's interrupt.  Asked before @claim.
 * @walk_reserved: Look at a group's reserved regions: call a function with each
 *	and its argument, without locks, until it returns an error.  Returns 0,
 *	what the function returned, or -ENOMEM.
 * @claim: Claim DMA ownership of a group, and block its DMA.  Returns 0, -EPERM
 *	when a driver uses the group for DMA or somebody else has claimed it,
 *	-EBUSY when it has a domain of its own, -EOPNOTSUPP when it cannot be
 *	isolated on this kernel, or what the IOMMU driver says.
 * @release: Undo @claim of a group that has no domain attached.
 * @hw_info: Tell what the IOMMU of a device tells of itself: allocate it with
 *	kmalloc(), set its bytes and its type, of enum iommu_hw_info_type.
 *	Returns it or ERR_PTR(-ENOMEM).  NULL: IOMMU_HW_INFO_TYPE_NONE.
 * @capabilities: What can be done for a device, of enum
 *	iommufd_hw_capabilities.  NULL: nothing.
 * @pasid_bits: How wide PASIDs of a device can be, 0: there are none.  NULL: 0.
 * @domain_alloc: Allocate a domain for a device that is to be attached to it,
 *	with flags of enum iommufd_hwpt_alloc_flags, and with data unless NULL.
 *	Its ops are those that IOMMU drivers have.
 *	Returns it or ERR_PTR(): -ENOMEM, -EOPNOTSUPP when it has no such flag
 *	or data, and when the data is wrong -EINVAL, -E2BIG or -EFAULT.
 * @finalize: Make the geometry and the page sizes of a domain without devices
 *	final, and set *@coherent to whether it snoops all DMA of @dev from now
 *	on, also what asks not to be snooped.  IOMMU drivers of 6.1 adapt a domain
 *	to the hardware when a device is attached, so their backend attaches
 *	@group, of which @dev is.  @group is claimed and has no domain attached;
 *	it is NULL while it has one.  Returns 0 without an attach, 1 when @group
 *	is attached now, -EBUSY when that takes an attach and @group is NULL, or
 *	what the IOMMU driver says.  NULL where domains are final when they are
 *	allocated, and do not snoop all DMA.
 * @domain_free: Free a domain that is empty and without devices.
 * @map_msi: Let the kernel map MSI doorbells in a domain, in a window that is
 *	reserved for it.  Returns 0 or -ENOMEM.  NULL where no region is of type
 *	IOMMU_RESV_SW_MSI.
 * @attach: Let a group do DMA through a domain; the group is claimed and has no
 *	domain attached.  Returns 0, or what the IOMMU driver says, then the
 *	group is still blocked.
 * @detach: Block a group's DMA again.
 * @replace: Let a group do DMA through another domain instead of the one that
 *	it has attached, blocked in between no longer than the IOMMU driver has
 *	to.  Returns 0, or what the IOMMU driver says, then nothing has changed.
 *	NULL where it cannot be done.
 * @set_dirty_tracking: Begin or end to track what devices write through a
 *	domain, allocated with IOMMU_HWPT_ALLOC_DIRTY_TRACKING.  Returns 0, or
 *	what the IOMMU driver says.  NULL where no domain can.
 * @read_dirty: Call iommu_backend_set_dirty() with what devices have written
 *	in a range that is mapped, unless the bitmap is NULL; with @clear, what
 *	is written from then on, and only that, is dirty.  A page that reaches
 *	over the end of the range is reported as a whole.  Returns 0, or what
 *	the IOMMU driver says.
 *
 * All may sleep.  A group that is claimed and has no domain attached is blocked
 * from DMA, so that a detach never opens anything.  Nobody attaches or detaches
 * while something is mapped or unmapped in the domain.
 */
struct iommu_backend_ops {
	struct module *owner;
	const struct bus_type *bus;
	bool (*is_coherent)(struct device *dev);
	bool (*enforces_coherency)(struct device *dev);
	bool (*msi_isolated)(struct iommu_group *group);
	int (*walk_reserved)(struct iommu_group *group,
			     iommu_backend_resv_fn fn, void *arg);
	int (*claim)(struct iommu_group *group, void *owner);
	void (*release)(struct iommu_group *group);
	void *(*hw_info)(struct device *dev, u32 *length, u32 *type);
	u64 (*capabilities)(struct device *dev);
	u8 (*pasid_bits)(struct device *dev);
	struct iommu_domain *(*domain_alloc)(struct device *dev, u32 flags,
					     const struct iommu_backend_data *data);
	int (*finalize)(struct iommu_domain *domain, struct device *dev,
			struct iommu_group *group, bool *coherent);
	void (*domain_free)(struct iommu_domain *domain);
	int (*map_msi)(struct iommu_domain *domain, phys_addr_t iova);
	int (*attach)(struct iommu_domain *domain, struct iommu_group *group);
	void (*detach)(struct iommu_domain *domain, struct iommu_group *group);
	int (*replace)(struct iommu_domain *old, struct iommu_domain *domain,
		       struct iommu_group *group);
	int (*set_dirty_tracking)(struct iommu_domain *domain, bool enable);
	int (*read_dirty)(struct iommu_domain *domain, unsigned long iova,
			  size_t length, bool clear,
			  struct iommu_backend_dirty *dirty);
};

static inline void iommu_backend_ref(const struct iommu_backend_ops *backend)
{
	__module_get(backend->owner);
}

static inline void iommu_backend_put(const struct iommu_backend_ops *backend)
{
	module_put(backend->owner);
}

/**
 * iommu_backend_finalize() - Make final what a domain can map
 * @backend: The backend of @domain.
 * @domain: The domain, without devices.
 * @dev: A device of the group that the domain is for.
 * @group: The group, claimed, without a domain attached; else NULL.
 * @coherent: Set to whether the domain snoops all DMA of @dev.
 *
 * Return: as iommu_backend_ops::finalize().
 */
static inline int
iommu_backend_finalize(const struct iommu_backend_ops *backend,
			struct iommu_domain *domain, struct device *dev,
			struct iommu_group *group, bool *coherent)
{
	*coherent = false;
	if (!backend->finalize)
		return 0;
	return backend->finalize(domain, dev, group, coherent);
}

/**
 * struct iommu_backend_limits - What the IOMMU of a group can do
 * @aperture_start: First IOVA.
 * @aperture_end: Last IOVA, inclusive.
 * @pgsizes: Page sizes, a bit each.
 */
struct iommu_backend_limits {
	dma_addr_t aperture_start;
	dma_addr_t aperture_end;
	unsigned long pgsizes;
};

int iommu_backend_probe(const struct iommu_backend_ops *backend,
			 struct device *dev, struct iommu_group *group,
			 struct iommu_backend_limits *limits);

bool iommu_backend_within(struct iommu_domain *domain,
			   const struct iommu_backend_limits *limits);

/* What a backend may call */
int iommu_backend_copy_data(const struct iommu_backend_data *data, void *to,
			     size_t size, size_t min_size);
void iommu_backend_set_dirty(struct iommu_backend_dirty *dirty,
			      unsigned long iova, size_t length);

#endif
