/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_IOMMU_H
#define __COMPAT_LINUX_IOMMU_H

/* linux/iommu.h names it, as the user ABI has it, which here is ours. */
enum iommu_viommu_type;

#include <linux/bits.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>
#include <uapi/linux/iommufd.h>
#ifdef HAVE_GENERIC_PT
#include <linux/generic_pt/iommu.h>
#endif

#ifndef HAVE_IOMMU_CAP_ENFORCE_COHERENCY
/* An attribute in the group @group of an IOMMU in sysfs, NULL if it has none */
static inline struct device_attribute *
compat_iommu_attribute(struct device *iommu, const char *group,
		       const char *name)
{
	const struct attribute_group **groups = iommu->groups;
	struct attribute **attrs;

	for (; groups && *groups; groups++) {
		if (!(*groups)->name || strcmp((*groups)->name, group))
			continue;
		for (attrs = (*groups)->attrs; *attrs; attrs++)
			if (!strcmp((*attrs)->name, name))
				return container_of(*attrs,
						    struct device_attribute,
						    attr);
	}
	return NULL;
}

/*
 * 6.2 can be asked whether the domains of a device can be made to snoop all its
 * DMA.  Before, only a domain that the device is attached to could be.  AMD's
 * always can.  Intel's can if the hardware has snoop control, bit 7 of the
 * register that sysfs shows as intel-iommu/ecap.
 */
static inline bool compat_device_can_snoop(struct device *dev)
{
	struct device *iommu = dev->iommu->iommu_dev->dev;
	struct device_attribute *ecap;
	u64 value = 0;
	char *page;

	if (!dev_iommu_ops(dev)->default_domain_ops->enforce_cache_coherency)
		return false;
	ecap = compat_iommu_attribute(iommu, "intel-iommu", "ecap");
	if (!ecap)
		return true;

	page = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return false;
	if (ecap->show(iommu, ecap, page) <= 0 || kstrtou64(page, 16, &value))
		value = 0;
	kfree(page);
	return value & BIT_ULL(7);
}

#define IOMMU_CAP_ENFORCE_CACHE_COHERENCY	((enum iommu_cap)~0)

static inline bool compat_device_iommu_capable(struct device *dev,
					       enum iommu_cap cap)
{
	if (cap != IOMMU_CAP_ENFORCE_CACHE_COHERENCY)
		return device_iommu_capable(dev, cap);
	return dev->iommu && dev->iommu->iommu_dev &&
	       compat_device_can_snoop(dev);
}

#define device_iommu_capable compat_device_iommu_capable
#endif

#ifndef HAVE_IOMMU_MAP_GFP
/* 6.3 lets the caller choose how page tables are allocated. */
static inline int compat_iommu_map(struct iommu_domain *domain,
				   unsigned long iova, phys_addr_t paddr,
				   size_t size, int prot, gfp_t gfp)
{
	return iommu_map(domain, iova, paddr, size, prot);
}

#define iommu_map compat_iommu_map

static inline ssize_t compat_iommu_map_sg(struct iommu_domain *domain,
					  unsigned long iova,
					  struct scatterlist *sg,
					  unsigned int nents, int prot,
					  gfp_t gfp)
{
	return iommu_map_sg(domain, iova, sg, nents, prot);
}

#define iommu_map_sg compat_iommu_map_sg
#endif

#ifndef HAVE_IOMMU_GROUP_ISOLATED_MSI
/*
 * 6.3 asks each device whether its interrupts are isolated.  Before, that was
 * a property of the platform's MSI domains or of the device's IOMMU.
 */
static inline int compat_device_no_intr_remap(struct device *dev, void *unused)
{
	return !device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
}

static inline bool iommu_group_has_isolated_msi(struct iommu_group *group)
{
	return irq_domain_check_msi_remap() ||
	       !iommu_group_for_each_dev(group, NULL,
					 compat_device_no_intr_remap);
}
#endif

/*
 * What iommu_map() calls of an IOMMU driver: the kernel does not export these steps
 * alone.  From 6.7 on, all drivers map any number of pages of one size, and may
 * fail to make them visible.  In 7.x most have their page tables from a library,
 * which maps any range.
 */
#ifndef HAVE_IOTLB_SYNC_MAP_RC
/* What iommu_domain_ops.iotlb_sync_map() returns, of a value that it cannot */
#define iotlb_sync_map_t	void
#define iotlb_sync_map_rc(rc)	((void)(rc))

static inline int iommu_domain_sync_map(struct iommu_domain *domain,
					unsigned long iova, size_t size)
{
	if (domain->ops->iotlb_sync_map)
		domain->ops->iotlb_sync_map(domain, iova, size);
	return 0;
}
#else
#define iotlb_sync_map_t	int
#define iotlb_sync_map_rc(rc)	(rc)

static inline int iommu_domain_sync_map(struct iommu_domain *domain,
					unsigned long iova, size_t size)
{
	return domain->ops->iotlb_sync_map ?
		domain->ops->iotlb_sync_map(domain, iova, size) : 0;
}
#endif

static inline int iommu_domain_map_pages(struct iommu_domain *domain,
					 unsigned long iova, phys_addr_t paddr,
					 size_t pgsize, size_t pgcount,
					 int prot, gfp_t gfp, size_t *mapped)
{
#ifdef HAVE_GENERIC_PT
	struct pt_iommu *pt = iommupt_from_domain(domain);

	/* Only the kernel's own function keeps the books that this looks at. */
	if (IS_ENABLED(CONFIG_IOMMU_DEBUG_PAGEALLOC)) {
		int rc = iommu_map(domain, iova, paddr, pgsize * pgcount, prot,
				   gfp);

		*mapped = rc ? 0 : pgsize * pgcount;
		return rc;
	}
	if (pt)
		return pt->ops->map_range(pt, iova, paddr, pgsize * pgcount,
					  prot, gfp, mapped);
#endif
#ifdef HAVE_IOMMU_MAP_ONE
	if (!domain->ops->map_pages) {
		int rc = domain->ops->map(domain, iova, paddr, pgsize, prot,
					  gfp);

		*mapped = rc ? 0 : pgsize;
		return rc;
	}
#endif
	return domain->ops->map_pages(domain, iova, paddr, pgsize, pgcount,
				      prot, gfp, mapped);
}

#ifndef HAVE_IOMMU_PAGING_DOMAIN_ALLOC
/* 6.11 has domains for a device.  Before, they were for all of a bus. */
static inline struct iommu_domain *iommu_paging_domain_alloc(struct device *dev)
{
	return iommu_domain_alloc(dev->bus) ?: ERR_PTR(-ENOMEM);
}
#endif

/*
 * Some IOMMU drivers make a domain for a device, with flags, that is final at once,
 * and tell of their hardware.  In 7.x there is a function to ask them for a domain,
 * in 6.12 there is none, and before, such domains are not asked for.
 */
#if defined(HAVE_DOMAIN_ALLOC_PAGING_FLAGS)
#define compat_domain_alloc_op	domain_alloc_paging_flags
#elif defined(HAVE_DOMAIN_ALLOC_USER)
#define compat_domain_alloc_op	domain_alloc_user

/* Not all drivers say whose the domain is. */
static inline struct iommu_domain *
iommu_paging_domain_alloc_flags(struct device *dev, unsigned int flags)
{
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
	struct iommu_domain *domain;

	domain = ops->domain_alloc_user(dev, flags, NULL, NULL);
	if (!IS_ERR(domain))
		domain->owner = ops;
	return domain;
}
#endif

#ifdef compat_domain_alloc_op
static inline bool iommu_has_final_domains(struct device *dev)
{
	return dev->iommu && dev->iommu->iommu_dev &&
	       dev->iommu->iommu_dev->ops->compat_domain_alloc_op;
}

/* Exported, for who imports IOMMUFD_INTERNAL, and in no public header */
struct iommu_attach_handle *iommu_attach_handle_get(struct iommu_group *group,
						    ioasid_t pasid,
						    unsigned int type);
int iommu_attach_group_handle(struct iommu_domain *domain,
			      struct iommu_group *group,
			      struct iommu_attach_handle *handle);
void iommu_detach_group_handle(struct iommu_domain *domain,
			       struct iommu_group *group);
int iommu_replace_group_handle(struct iommu_group *group,
			       struct iommu_domain *domain,
			       struct iommu_attach_handle *handle);

/* The type is what is asked for, and what there is. */
static inline void *iommu_hw_info(struct device *dev, u32 *length, u32 *type)
{
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
#ifdef HAVE_HW_INFO_ENUM
	enum iommu_hw_info_type hw_type = *type;
#else
	u32 hw_type = *type;
#endif
	void *info;

	if (!ops->hw_info)
		return NULL;
	info = ops->hw_info(dev, length, &hw_type);
	*type = hw_type;
	return info;
}

static inline u8 iommu_pasid_bits(struct device *dev)
{
	u32 pasids = dev->iommu->max_pasids;

	return pasids ? ilog2(pasids) : 0;
}
#else
#define IOMMU_NO_PASID	0

struct iommu_attach_handle {
	struct iommu_domain *domain;
};

static inline bool iommu_has_final_domains(struct device *dev)
{
	return false;
}

static inline struct iommu_domain *
iommu_paging_domain_alloc_flags(struct device *dev, unsigned int flags)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline struct iommu_attach_handle *
iommu_attach_handle_get(struct iommu_group *group, ioasid_t pasid,
			unsigned int type)
{
	return ERR_PTR(-ENOENT);
}

static inline int iommu_attach_group_handle(struct iommu_domain *domain,
					    struct iommu_group *group,
					    struct iommu_attach_handle *handle)
{
	return -EOPNOTSUPP;
}

static inline void iommu_detach_group_handle(struct iommu_domain *domain,
					     struct iommu_group *group)
{
}

static inline int iommu_replace_group_handle(struct iommu_group *group,
					     struct iommu_domain *domain,
					     struct iommu_attach_handle *handle)
{
	return -EOPNOTSUPP;
}

static inline void *iommu_hw_info(struct device *dev, u32 *length, u32 *type)
{
	return NULL;
}

static inline u8 iommu_pasid_bits(struct device *dev)
{
	return 0;
}
#endif

/*
 * From 6.11 on Intel's driver, when a device gets another page table, has the IOMMU
 * forget the former one for the device's own requester ID only, except in scalable
 * mode.  A device whose requests bear another ID, like those behind a PCIe-to-PCI
 * bridge, would go on with what it had before: the host's mappings, or a page table
 * that was freed.  Corrected in 7.2 and in 6.12.114 (CVE-2026-90240), inside that
 * driver, of which no header tells.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0) || \
	LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 114) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0))
static inline bool iommu_forgets_aliases(struct device *dev)
{
	return true;
}
#else
/* Only bridges of PCI Express leave the ID of a request as it is. */
static inline bool compat_has_other_id(struct pci_dev *pdev)
{
	struct pci_dev *bridge;
	struct pci_bus *bus;

	for (bus = pdev->bus; bus; bus = bus->parent) {
		bridge = bus->self;
		if (bridge && (!pci_is_pcie(bridge) ||
			       pci_pcie_type(bridge) == PCI_EXP_TYPE_PCI_BRIDGE ||
			       pci_pcie_type(bridge) == PCI_EXP_TYPE_PCIE_BRIDGE))
			return true;
	}
	return pdev->dma_alias_mask;
}

static inline bool compat_is_intel_legacy(struct device *dev)
{
	struct iommu_device *iommu = dev->iommu->iommu_dev;
	u32 length, type = IOMMU_HW_INFO_TYPE_DEFAULT;
	void *info;

	if (!iommu->ops->hw_info || iommu->max_pasids)
		return false;
	info = iommu_hw_info(dev, &length, &type);
	if (IS_ERR(info))
		return true;
	kfree(info);
	return type == IOMMU_HW_INFO_TYPE_INTEL_VTD;
}

static inline bool iommu_forgets_aliases(struct device *dev)
{
	if (!dev_is_pci(dev) || !dev->iommu || !dev->iommu->iommu_dev)
		return true;
	return !compat_has_other_id(to_pci_dev(dev)) ||
	       !compat_is_intel_legacy(dev);
}
#endif

#endif
