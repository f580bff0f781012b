/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_IOMMU_H
#define __COMPAT_LINUX_IOMMU_H

/* linux/iommu.h uses this enum of the user ABI, which is this driver's here. */
enum iommu_viommu_type;

#include <linux/bits.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/pci-ats.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>
#include <uapi/linux/iommufd.h>
#ifdef HAVE_GENERIC_PT
#include <linux/generic_pt/iommu.h>
#endif

/*
 * The attribute @name in the group @group of an IOMMU in sysfs, NULL if none.
 * It shows which driver the IOMMU has, and registers of the hardware, which no
 * kernel tells modules in another way.
 */
static inline struct device_attribute *
iommu_attribute(struct device *iommu, const char *group, const char *name)
{
	const struct attribute_group **groups = iommu ? iommu->groups : NULL;
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

/* Bits of the capabilities of Intel's IOMMUs */
#define IOMMU_VTD_CAP_CM	BIT_ULL(7)	/* caches what is not present */
#define IOMMU_VTD_CAP_FL5LP	BIT_ULL(60)	/* five levels of the first level */

/* Bits of the extended capabilities */
#define IOMMU_ECAP_C		BIT_ULL(0)	/* page walk coherency */
#define IOMMU_ECAP_SC		BIT_ULL(7)	/* snoop control */
#define IOMMU_ECAP_NEST		BIT_ULL(26)	/* nested translation */
#define IOMMU_ECAP_SRS		BIT_ULL(31)	/* supervisor requests */
#define IOMMU_ECAP_EAFS		BIT_ULL(34)	/* extended accessed flag */
#define IOMMU_ECAP_SMTS		BIT_ULL(43)	/* scalable mode */
#define IOMMU_ECAP_SLTS		BIT_ULL(46)	/* second-level translation there */
#define IOMMU_ECAP_FLTS		BIT_ULL(47)	/* first-level translation there */
#define IOMMU_ECAP_SMPWC	BIT_ULL(48)	/* page walk coherency there */

/*
 * These capabilities, registers that are intel-iommu/cap and ecap in sysfs.
 * Returns 0, -ENODEV for IOMMUs of others, -ENOMEM.
 */
static inline int iommu_intel_register(struct device *iommu, const char *name,
				       u64 *value)
{
	struct device_attribute *attribute;
	char *page;
	int rc;

	attribute = iommu_attribute(iommu, "intel-iommu", name);
	if (!attribute)
		return -ENODEV;
	page = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	rc = attribute->show(iommu, attribute, page) > 0 ?
		     kstrtou64(page, 16, value) : -ENODEV;
	kfree(page);
	return rc;
}

static inline int iommu_intel_ecap(struct device *iommu, u64 *value)
{
	return iommu_intel_register(iommu, "ecap", value);
}

/*
 * Whether an IOMMU is Intel's and translates for a domain that is not for the
 * DMA API by page tables of the first level.  It can if it is in scalable mode
 * and has that level.  Until 6.12 the driver prefers the second level, if there
 * is one.  Returns 1, 0, or -ENOMEM.
 */
static inline int compat_uses_first_level(struct device *iommu, void *unused)
{
	u64 ecap;
	int rc = iommu_intel_ecap(iommu, &ecap);

	if (rc)
		return rc == -ENOMEM ? rc : 0;
	if (!(ecap & IOMMU_ECAP_SMTS) || !(ecap & IOMMU_ECAP_FLTS))
		return 0;
#ifdef HAVE_DOMAIN_ALLOC_PAGING_FLAGS
	return 1;
#else
	return !(ecap & IOMMU_ECAP_SLTS);
#endif
}

#ifndef HAVE_IOMMU_CAP_ENFORCE_COHERENCY
/*
 * Whether the domains of a device can enforce cache coherency.  From 6.2 on
 * this is a capability of the device; before, only a domain to which the device
 * is attached shows it.  Domains of AMD's driver always can.  Domains of
 * Intel's driver can if the hardware has snoop control.
 */
static inline bool compat_device_can_snoop(struct device *dev)
{
	u64 ecap;
	int rc;

	if (!dev_iommu_ops(dev)->default_domain_ops->enforce_cache_coherency)
		return false;
	rc = iommu_intel_ecap(dev->iommu->iommu_dev->dev, &ecap);
	if (rc == -ENODEV)
		return true;
	return !rc && ecap & IOMMU_ECAP_SC;
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
/* From 6.3 on the caller gives the flags by which page tables are allocated. */
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

/*
 * Whether the IOMMU driver charges page tables to the memory cgroup of the
 * current process.  From 6.3 on all do, if the caller's flags ask for it.
 * Before, Intel's driver allocates them by GFP_ATOMIC, whatever the caller has
 * asked for.  Where it does not, a domain has a pointer for its user, the
 * argument of a function that reports faults, if there were one.
 */
static inline bool iommu_charges_page_tables(struct device *dev)
{
	return !iommu_attribute(dev->iommu->iommu_dev->dev, "intel-iommu",
				"ecap");
}

static inline void iommu_domain_set_private(struct iommu_domain *domain,
					    void *private)
{
	iommu_set_fault_handler(domain, NULL, private);
}

static inline void *iommu_domain_private(struct iommu_domain *domain)
{
	return domain->handler_token;
}
#else
static inline bool iommu_charges_page_tables(struct device *dev)
{
	return true;
}

static inline void iommu_domain_set_private(struct iommu_domain *domain,
					    void *private)
{
}

static inline void *iommu_domain_private(struct iommu_domain *domain)
{
	return NULL;
}
#endif

#ifndef HAVE_IOMMU_GROUP_ISOLATED_MSI
/*
 * From 6.3 on isolation of interrupts is a property of each device.  Before, it
 * is one of the platform's MSI domains or of the device's IOMMU.
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
 * The steps of iommu_map(), which the kernel does not export one by one: to
 * map, and to make the mapping visible to devices.  From 6.7 on all IOMMU
 * drivers map any number of pages of one size in a call, and the second step
 * may fail.  From some version after 6.12 on, at the latest 7.2, most drivers
 * have their page tables from a library, which maps any range.
 */
#ifndef HAVE_IOTLB_SYNC_MAP_RC
/* The return type of iommu_domain_ops.iotlb_sync_map(), and a value of it */
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

	/* The debug option checks the accounts that iommu_map() alone keeps. */
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
/*
 * From 6.11 on a domain is made for a device; before, for all devices of a bus.
 */
static inline struct iommu_domain *iommu_paging_domain_alloc(struct device *dev)
{
	return iommu_domain_alloc(dev->bus) ?: ERR_PTR(-ENOMEM);
}
#endif

/*
 * Some IOMMU drivers can make a domain for a device, with flags, whose
 * properties do not change at attach (a final domain), and have information
 * about their hardware.  From some version after 6.12 on, at the latest 7.2,
 * the kernel has a function to make a final domain, and 6.12 has only the op of
 * the IOMMU driver.  On older kernels iommufd makes none.
 */
#if defined(HAVE_DOMAIN_ALLOC_PAGING_FLAGS)
#define compat_domain_alloc_op	domain_alloc_paging_flags

static inline bool compat_op_suits(struct iommu_device *iommu)
{
	return true;
}
#elif defined(HAVE_DOMAIN_ALLOC_USER)
#define compat_domain_alloc_op	domain_alloc_user

/*
 * The op of Intel's driver makes page tables of the second level, whatever the
 * IOMMU has.  Those that suit are made as on older kernels.
 */
static inline bool compat_op_suits(struct iommu_device *iommu)
{
	return !compat_uses_first_level(iommu->dev, NULL);
}

/* Not all IOMMU drivers set the owner of the domain. */
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
static inline bool iommu_has_device_domains(struct device *dev)
{
	return dev->iommu && dev->iommu->iommu_dev &&
	       dev->iommu->iommu_dev->ops->compat_domain_alloc_op &&
	       compat_op_suits(dev->iommu->iommu_dev);
}

/* Exported in the namespace IOMMUFD_INTERNAL, but in no public header */
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

/*
 * Intel's driver blocks a device before it looks whether it can attach it.
 * When that fails in a replace, 6.12 attaches all devices of the group to the
 * old domain again.  Later kernels leave out the one that failed.
 */
static inline bool iommu_replace_may_block(void)
{
#ifdef HAVE_DOMAIN_ALLOC_PAGING_FLAGS
	return true;
#else
	return false;
#endif
}

/* @type is the type that is asked for; set to the type that is returned. */
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
#else
#define IOMMU_NO_PASID	0

struct iommu_attach_handle {
	struct iommu_domain *domain;
};

static inline bool iommu_has_device_domains(struct device *dev)
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

static inline bool iommu_replace_may_block(void)
{
	return false;
}

static inline void *iommu_hw_info(struct device *dev, u32 *length, u32 *type)
{
	return NULL;
}
#endif

/*
 * Whether Intel's driver nests page tables of user space in those of a domain,
 * for all devices of a group: they are attached together.  The IOMMUs have to be
 * in scalable mode.
 *
 * One that caches what is not present, in a virtual machine, has to be told of
 * each page that is mapped.  The driver of 6.12 notes that it has to be when a
 * device is attached to the domain itself.  A device that is attached to what is
 * nested in the domain would not see the pages.
 */
#if defined(HAVE_DOMAIN_ALLOC_NESTED) || defined(HAVE_DOMAIN_ALLOC_USER)
static inline int compat_check_nests(struct device *dev, void *unused)
{
	struct device *iommu;
	u64 cap, ecap;
	int rc;

	if (!dev->iommu || !dev->iommu->iommu_dev)
		return -EOPNOTSUPP;
	iommu = dev->iommu->iommu_dev->dev;
	rc = iommu_intel_register(iommu, "cap", &cap) ?:
	     iommu_intel_ecap(iommu, &ecap);
	if (rc)
		return rc == -ENOMEM ? rc : -EOPNOTSUPP;
	if (!(ecap & IOMMU_ECAP_SMTS) || !(ecap & IOMMU_ECAP_NEST))
		return -EOPNOTSUPP;
#ifndef HAVE_DOMAIN_ALLOC_NESTED
	if (cap & IOMMU_VTD_CAP_CM)
		return -EOPNOTSUPP;
#endif
	return 0;
}

/* Returns 0, -EOPNOTSUPP, -ENOMEM. */
static inline int iommu_check_nests(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	int rc;

	if (!group)
		return -EOPNOTSUPP;
	rc = iommu_group_for_each_dev(group, NULL, compat_check_nests);
	iommu_group_put(group);
	return rc;
}

/* The IOMMU driver reads the data of user space.  It sets no owner. */
static inline struct iommu_domain *
iommu_nested_domain_alloc(struct device *dev, struct iommu_domain *parent,
			  u32 flags, u32 type, void __user *uptr, size_t length)
{
	const struct iommu_ops *ops = dev->iommu->iommu_dev->ops;
	const struct iommu_user_data data = {
		.type = type,
		.uptr = uptr,
		.len = length,
	};
	struct iommu_domain *domain;

#ifdef HAVE_DOMAIN_ALLOC_NESTED
	domain = ops->domain_alloc_nested(dev, parent, flags, &data);
#else
	domain = ops->domain_alloc_user(dev, flags, parent, &data);
#endif
	if (!IS_ERR(domain))
		domain->owner = ops;
	return domain;
}

static inline int iommu_nested_domain_invalidate(struct iommu_domain *domain,
						 u32 type, void __user *uptr,
						 size_t length)
{
	struct iommu_user_data_array array = {
		.type = type,
		.uptr = uptr,
		.entry_len = length,
		.entry_num = 1,
	};

	return domain->ops->cache_invalidate_user(domain, &array);
}
#else
static inline int iommu_check_nests(struct device *dev)
{
	return -EOPNOTSUPP;
}

static inline struct iommu_domain *
iommu_nested_domain_alloc(struct device *dev, struct iommu_domain *parent,
			  u32 flags, u32 type, void __user *uptr, size_t length)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline int iommu_nested_domain_invalidate(struct iommu_domain *domain,
						 u32 type, void __user *uptr,
						 size_t length)
{
	return -EOPNOTSUPP;
}
#endif

/*
 * Whether requests of a device may have the requester ID of another one.  Bridges
 * other than those of PCI Express change it.
 */
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

/*
 * PASIDs: page tables for parts of a device's DMA.  Only Intel's driver of 7.3
 * attaches page tables to PASIDs in a way that keeps their users apart, which is
 * inside the kernel, so no header shows it.  Documentation/porting.md has what
 * the drivers of each kernel do.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0) && \
	IS_ENABLED(CONFIG_INTEL_IOMMU)
/* Exported in the namespace IOMMUFD_INTERNAL, but in no public header */
int iommu_replace_device_pasid(struct iommu_domain *domain, struct device *dev,
			       ioasid_t pasid,
			       struct iommu_attach_handle *handle);

/* Whether the IOMMU of a device has page tables for PASIDs */
static inline bool iommu_has_pasids(struct device *dev)
{
	struct iommu_device *iommu = dev->iommu->iommu_dev;

	return iommu->max_pasids &&
	       iommu_attribute(iommu->dev, "intel-iommu", "ecap");
}

static inline int compat_count_device(struct device *dev, void *count)
{
	++*(unsigned int *)count;
	return 0;
}

/* A group of one device, which is given as the kernel has a table for a group */
static inline bool compat_is_alone(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	unsigned int count = 0;

	if (!group)
		return false;
	iommu_group_for_each_dev(group, &count, compat_count_device);
	iommu_group_put(group);
	return count == 1;
}

/*
 * Devices whose TLB forgets an entry only when it is told so twice.  The driver
 * tells them once when page tables are detached from a PASID.
 */
static inline bool compat_forgets_late(struct pci_dev *pdev)
{
	return pdev->vendor == PCI_VENDOR_ID_INTEL &&
	       (pdev->device & 0xfffc) == 0x4940;
}

/*
 * The driver has switched on the PASIDs of a device, if it and the way to it have
 * them, before the device has a driver of its own.  A virtual function has those
 * of its physical function.  The kernel does not export the function that asks
 * whether requests of a device in a VMD domain bear the ID of the VMD.
 */
static inline bool compat_may_use_pasids(struct pci_dev *pdev)
{
	return pci_physfn(pdev)->pasid_enabled && !compat_has_other_id(pdev) &&
	       !is_vmd(pdev->bus) && !compat_forgets_late(pdev) &&
	       compat_is_alone(&pdev->dev);
}

/* Devices of the class that are not Intel's IOMMUs have no PASIDs. */
static inline int compat_least_pasids(struct device *dev, void *least)
{
	struct iommu_device *iommu = dev_get_drvdata(dev);

	if (iommu && iommu->max_pasids)
		*(u32 *)least = min(*(u32 *)least, iommu->max_pasids);
	return 0;
}

/*
 * The number of PASIDs that a device has, 0 included, or 0 if no page table can
 * be attached to any.  The driver makes its table of PASIDs for the least that an
 * IOMMU of the host has, and warns of those beyond.
 */
static inline u32 iommu_device_pasids(struct device *dev)
{
	u32 least = dev->iommu->max_pasids;

	if (!dev_is_pci(dev) || !iommu_has_pasids(dev) ||
	    !compat_may_use_pasids(to_pci_dev(dev)))
		return 0;
	class_for_each_device(dev->iommu->iommu_dev->dev->class, NULL, &least,
			      compat_least_pasids);
	return least;
}

/* PCI_PASID_CAP_EXEC and PCI_PASID_CAP_PRIV, of a device that has PASIDs */
static inline u16 iommu_device_pasid_features(struct device *dev)
{
	return pci_physfn(to_pci_dev(dev))->pasid_features;
}

/*
 * Whether a replace of a PASID's domain by @domain that has failed with @rc may have
 * blocked the PASID, which the kernel takes for attached to the old domain.  The
 * driver looks at what user space has said of a nested domain after that.  All else
 * that can fail comes before.
 */
static inline bool iommu_pasid_may_be_blocked(struct iommu_domain *domain,
					      int rc)
{
	return domain->type == IOMMU_DOMAIN_NESTED && rc == -EINVAL;
}
#else
static inline bool iommu_has_pasids(struct device *dev)
{
	return false;
}

static inline u32 iommu_device_pasids(struct device *dev)
{
	return 0;
}

static inline u16 iommu_device_pasid_features(struct device *dev)
{
	return 0;
}

static inline bool iommu_pasid_may_be_blocked(struct iommu_domain *domain,
					      int rc)
{
	return false;
}

static inline int compat_set_device_pasid(struct iommu_domain *domain,
					  struct device *dev, ioasid_t pasid,
					  struct iommu_attach_handle *handle)
{
	return -EOPNOTSUPP;
}

#define iommu_attach_device_pasid	compat_set_device_pasid
#define iommu_replace_device_pasid	compat_set_device_pasid

static inline void compat_detach_device_pasid(struct iommu_domain *domain,
					      struct device *dev,
					      ioasid_t pasid)
{
}

#define iommu_detach_device_pasid	compat_detach_device_pasid
#endif

/*
 * Whether the IOMMU driver of a device tracks dirty pages, and tells which they
 * are: see iommu_domain_gather_dirty().  Intel's and AMD's drivers of 6.12 do.
 * From some version after 6.12 on, at the latest 7.2, their page tables come
 * from a library whose function for it fails in kernels without CONFIG_IOMMUFD.
 * That is inside the kernel; a header shows which of the two it is.
 *
 * AMD's driver has the IOMMU mark what a device writes by its own requester ID,
 * but not always what it writes by another one.  All devices of a group are
 * attached to a domain.
 */
#if defined(HAVE_IOMMU_DIRTY_OPS) && defined(HAVE_DOMAIN_ALLOC_USER) && \
	!defined(HAVE_DOMAIN_ALLOC_PAGING_FLAGS)
static inline int compat_may_write_untracked(struct device *dev, void *unused)
{
	return !dev_is_pci(dev) || compat_has_other_id(to_pci_dev(dev));
}

static inline bool compat_group_is_tracked(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	bool tracked;

	tracked = group && !iommu_group_for_each_dev(group, NULL,
						     compat_may_write_untracked);
	iommu_group_put(group);
	return tracked;
}

static inline bool iommu_tracks_dirty(struct device *dev)
{
	struct device *iommu;

	if (!device_iommu_capable(dev, IOMMU_CAP_DIRTY_TRACKING))
		return false;
	iommu = dev->iommu->iommu_dev->dev;
	return iommu_attribute(iommu, "intel-iommu", "ecap") ||
	       (iommu_attribute(iommu, "amd-iommu", "cap") &&
		compat_group_is_tracked(dev));
}
#else
static inline bool iommu_tracks_dirty(struct device *dev)
{
	return false;
}
#endif

#ifdef HAVE_IOMMU_DIRTY_OPS
static inline int iommu_domain_track_dirty(struct iommu_domain *domain,
					   bool enable)
{
	return domain->dirty_ops->set_dirty_tracking(domain, enable);
}

/*
 * The IOMMU driver adds each dirty page of the range to the gather, which was
 * empty.  It would set them in a bitmap, too, by a function of which kernels
 * without CONFIG_IOMMUFD have none.
 */
static inline int iommu_domain_gather_dirty(struct iommu_domain *domain,
					    unsigned long iova, size_t size,
					    bool clear,
					    struct iommu_iotlb_gather *gather)
{
	struct iommu_dirty_bitmap dirty;

	iommu_dirty_bitmap_init(&dirty, NULL, gather);
	return domain->dirty_ops->read_and_clear_dirty(domain, iova, size,
						       clear ? 0 :
						       IOMMU_DIRTY_NO_CLEAR,
						       &dirty);
}
#else
static inline int iommu_domain_track_dirty(struct iommu_domain *domain,
					   bool enable)
{
	return -EOPNOTSUPP;
}

static inline int iommu_domain_gather_dirty(struct iommu_domain *domain,
					    unsigned long iova, size_t size,
					    bool clear,
					    struct iommu_iotlb_gather *gather)
{
	return -EOPNOTSUPP;
}
#endif

/*
 * Whether a device may use ATS.  From some version after 6.12 on, at the latest
 * 7.3, the IOMMU driver tells; before, only what depends on the device and the
 * kernel's trust in it is known, so the answer may be true although the IOMMU
 * has no ATS.
 */
static inline bool iommu_may_use_ats(struct device *dev)
{
#ifdef HAVE_IOMMU_CAP_PCI_ATS
	return device_iommu_capable(dev, IOMMU_CAP_PCI_ATS_SUPPORTED);
#else
	return dev_is_pci(dev) && pci_ats_supported(to_pci_dev(dev));
#endif
}

/*
 * Whether each flush has to begin at a multiple of its length rounded up to a
 * power of two, and to be of 1 GiB at most, for domains of first-level
 * translation.  Of other ranges, Intel's driver of 6.1 leaves the end in the
 * IOTLB.  Later drivers flush the smallest range of that kind around them, but
 * the IOMMU that QEMU emulates ignores such a flush of more than 1 GiB, the most
 * that its capabilities allow for the second level.  Both are inside the driver
 * and QEMU, so no header shows them.
 *
 * Which level a domain is for is private to the driver, which decides by what
 * all IOMMUs of the host have.  So the answer is 1 if any of them uses the first
 * level.  Returns 0, 1, or -ENOMEM.
 */
static inline int iommu_flushes_aligned_only(struct device *dev)
{
	struct device *iommu = dev->iommu->iommu_dev->dev;

	if (!iommu)
		return 0;
	return class_for_each_device(iommu->class, NULL, NULL,
				     compat_uses_first_level);
}

/*
 * Whether the IOMMU forgets the former page table of a device for all requester
 * IDs that the device uses, when it gets another one.  From 6.11 on Intel's
 * driver flushes the device's own requester ID only, except in scalable mode.
 * A device whose requests have another ID, like one behind a PCIe-to-PCI
 * bridge, would keep its former page table: the host's mappings, or one that
 * has been freed.  This is corrected in 7.2 and in 6.12.114 (CVE-2026-90240),
 * inside the driver, so no header shows it.
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
