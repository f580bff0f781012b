/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_IOMMU_H
#define __COMPAT_LINUX_IOMMU_H

#include <linux/bits.h>
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/irqdomain.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
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

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
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

#endif
