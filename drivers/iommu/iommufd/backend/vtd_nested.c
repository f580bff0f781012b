// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables of Intel VT-d
 *
 * Intel's driver makes the domains, and reads what user space says of them from
 * user memory.  All that is checked here is copied before, so it may have
 * changed by then: what the driver is given must do no harm, whatever it is.  A
 * page table that the IOMMU cannot walk is refused by the driver, too, when a
 * device is attached; an invalidation is about no more than what the IOMMU has
 * cached of one page table of user space.
 */
#include <linux/align.h>
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <uapi/linux/iommufd.h>

#include "vtd_nested.h"

#define VTD_S1_FLAGS	(IOMMU_VTD_S1_SRE | IOMMU_VTD_S1_EAFE | IOMMU_VTD_S1_WPE)
#define WIDTH_4_LEVELS	48
#define WIDTH_5_LEVELS	57

/* log2 of a range that each IOMMU can forget at once, if it is aligned to that */
#define MAX_FLUSH_SHIFT	21

/**
 * iommu_vtd_has_nested() - See iommu_backend_ops::has_nested
 * @dev: The device.
 *
 * Context: Process context.
 *
 * Return: whether the IOMMU is Intel's.
 */
bool iommu_vtd_has_nested(struct device *dev)
{
	return iommu_attribute(dev->iommu->iommu_dev->dev, "intel-iommu",
			       "ecap");
}

/* Can the IOMMU of a device walk such a page table? */
static int check_hardware(struct device *dev,
			  const struct iommu_hwpt_vtd_s1 *vtd)
{
	struct device *iommu = dev->iommu->iommu_dev->dev;
	u64 cap, ecap;
	int rc;

	rc = iommu_intel_register(iommu, "cap", &cap) ?:
	     iommu_intel_ecap(iommu, &ecap);
	if (rc)
		return rc;
	if ((vtd->addr_width == WIDTH_5_LEVELS && !(cap & IOMMU_VTD_CAP_FL5LP)) ||
	    (vtd->flags & IOMMU_VTD_S1_SRE && !(ecap & IOMMU_ECAP_SRS)) ||
	    (vtd->flags & IOMMU_VTD_S1_EAFE && !(ecap & IOMMU_ECAP_EAFS)))
		return -EINVAL;
	return 0;
}

static int check_data(struct device *dev, const struct iommu_hwpt_vtd_s1 *vtd)
{
	if (vtd->flags & ~(u64)VTD_S1_FLAGS || vtd->__reserved)
		return -EOPNOTSUPP;
	if ((vtd->addr_width != WIDTH_4_LEVELS &&
	     vtd->addr_width != WIDTH_5_LEVELS) ||
	    !IS_ALIGNED(vtd->pgtbl_addr, SZ_4K))
		return -EINVAL;
	return check_hardware(dev, vtd);
}

/**
 * iommu_vtd_nested_alloc() - See iommu_backend_ops::nested_alloc
 * @dev: The device.
 * @parent: What it is to be nested in.
 * @flags: IOMMU_HWPT_ALLOC_PASID, where the IOMMU has PASIDs.
 * @data: Data of user space, struct iommu_hwpt_vtd_s1.
 *
 * Context: Process context.
 *
 * Return: the domain, or ERR_PTR(): -EOPNOTSUPP, -EINVAL, -E2BIG, -EFAULT or
 * -ENOMEM.
 */
struct iommu_domain *
iommu_vtd_nested_alloc(struct device *dev, struct iommu_domain *parent,
		       u32 flags, const struct iommu_backend_data *data)
{
	u32 known = iommu_has_pasids(dev) ? IOMMU_HWPT_ALLOC_PASID : 0;
	struct iommu_hwpt_vtd_s1 vtd;
	int rc;

	if (flags & ~known || data->type != IOMMU_HWPT_DATA_VTD_S1)
		return ERR_PTR(-EOPNOTSUPP);
	rc = iommu_check_nests(dev) ?:
	     iommu_backend_copy_data(data, &vtd, sizeof(vtd), sizeof(vtd)) ?:
	     check_data(dev, &vtd);
	if (rc)
		return ERR_PTR(rc);
	return iommu_nested_domain_alloc(dev, parent, flags, data->type,
					 data->uptr, sizeof(vtd));
}

/*
 * Is it a larger range than each IOMMU can forget at once?  The driver of 6.12
 * asks for any size, and shifts by 64 and more for some.
 */
static bool flush_is_large(const struct iommu_hwpt_vtd_s1_invalidate *entry)
{
	u64 last = entry->addr + entry->npages * SZ_4K - 1;

	return entry->npages > BIT_ULL(MAX_FLUSH_SHIFT) / SZ_4K ||
	       fls64(entry->addr ^ last) > MAX_FLUSH_SHIFT;
}

static int invalidate(struct iommu_domain *domain, struct iommu_domain *parent,
		      const struct iommu_backend_array *array, u32 index)
{
	struct iommu_hwpt_vtd_s1_invalidate entry;
	int rc;

	rc = iommu_backend_copy_entry(array, index, &entry, sizeof(entry),
				      sizeof(entry));
	if (rc)
		return rc;
	if (entry.flags & ~(u32)IOMMU_VTD_INV_FLAGS_LEAF || entry.__reserved)
		return -EOPNOTSUPP;
	if (!IS_ALIGNED(entry.addr, SZ_4K) ||
	    (entry.npages == U64_MAX && entry.addr))
		return -EINVAL;
	if (!entry.npages)
		return 0;
	if (flush_is_large(&entry)) {
		iommu_flush_iotlb_all(parent);
		cond_resched();
		return 0;
	}
	return iommu_nested_domain_invalidate(domain, array->type,
					      array->uptr +
					      (size_t)index * array->entry_len,
					      sizeof(entry));
}

/**
 * iommu_vtd_nested_invalidate() - See iommu_backend_ops::nested_invalidate
 * @domain: The domain.
 * @parent: What it is nested in.  The driver knows the devices of all that is,
 *	and has them forget everything when it flushes the parent.
 * @array: The invalidations, struct iommu_hwpt_vtd_s1_invalidate.
 *
 * Context: Process context.
 *
 * Return: 0, -EOPNOTSUPP, -EINVAL, -E2BIG or -EFAULT.
 */
int iommu_vtd_nested_invalidate(struct iommu_domain *domain,
				struct iommu_domain *parent,
				struct iommu_backend_array *array)
{
	u32 i, n = array->entry_num;
	int rc;

	array->entry_num = 0;
	if (array->type != IOMMU_HWPT_INVALIDATE_DATA_VTD_S1)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		rc = invalidate(domain, parent, array, i);
		if (rc)
			return rc;
		array->entry_num++;
	}
	return 0;
}
