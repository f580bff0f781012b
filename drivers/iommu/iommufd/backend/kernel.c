// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's own IOMMU drivers
 *
 * The generic backend uses the API that every kernel since 6.1 has, and that
 * every IOMMU driver serves.  The paging backend is for IOMMU drivers of newer
 * kernels that allocate a domain for a given device: the domain is final at
 * once, and can be replaced.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci-ats.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "charge.h"
#include "kernel.h"
#include "map.h"
#include "tracking.h"
#include "vtd_nested.h"

static bool generic_is_coherent(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_CACHE_COHERENCY);
}

static bool generic_enforces_coherency(struct device *dev)
{
	return device_iommu_capable(dev, IOMMU_CAP_ENFORCE_CACHE_COHERENCY);
}

/*
 * What decides how the page tables of Intel's IOMMU are made.  When the IOMMU
 * walks them it snoops the caches of the CPU if it has page walk coherency, for
 * scalable mode a bit of its own.  Else the driver flushes the caches as it
 * fills page tables, but up to 6.12 not those that were filled before such an
 * IOMMU shares them.  Whether a CPU's entry is seen must not depend on who came
 * first.
 */
#define ECAP_PAGE_TABLES (IOMMU_ECAP_C | IOMMU_ECAP_SMTS | IOMMU_ECAP_SLTS | \
			  IOMMU_ECAP_FLTS | IOMMU_ECAP_SMPWC)

/*
 * Domains of Intel's and AMD's driver can be attached to devices behind several
 * of their IOMMUs.  Those of Arm's SMMUs and of virtio cannot, and other drivers
 * are not known to.  AMD's IOMMUs always snoop when they walk page tables.
 */
static int generic_sharing(struct device *dev,
			   struct iommu_backend_sharing *sharing)
{
	struct iommu_device *iommu = dev->iommu->iommu_dev;
	u64 ecap;
	int rc;

	if (iommu_attribute(iommu->dev, "amd-iommu", "cap"))
		return 0;
	rc = iommu_intel_ecap(iommu->dev, &ecap);
	if (!rc)
		sharing->features = ecap & ECAP_PAGE_TABLES;
	else
		sharing->iommu = iommu;
	return rc == -ENOMEM ? rc : 0;
}

static bool generic_msi_isolated(struct iommu_group *group)
{
	return iommu_group_has_isolated_msi(group);
}

static int generic_walk_reserved(struct iommu_group *group,
				 iommu_backend_resv_fn fn, void *arg)
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

static int has_stale_alias(struct device *dev, void *unused)
{
	if (iommu_forgets_aliases(dev))
		return 0;
	dev_warn_ratelimited(dev, "cannot be bound: its DMA bears another device's ID, which this kernel does not isolate\n");
	return -EOPNOTSUPP;
}

static int generic_check_isolation(struct iommu_group *group)
{
	return iommu_group_for_each_dev(group, NULL, has_stale_alias);
}

static int generic_claim(struct iommu_group *group, void *owner)
{
	return iommu_group_claim_dma_owner(group, owner);
}

static void generic_release(struct iommu_group *group)
{
	iommu_group_release_dma_owner(group);
}

static u64 generic_capabilities(struct device *dev)
{
	return iommu_may_use_ats(dev) ? 0 : IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
}

static u8 paging_pasid_bits(struct device *dev)
{
	u32 pasids = iommu_device_pasids(dev);

	return pasids ? ilog2(pasids) : 0;
}

static u64 pasid_capabilities(struct device *dev)
{
	u16 features = iommu_device_pasid_features(dev);

	return (features & PCI_PASID_CAP_EXEC ? IOMMU_HW_CAP_PCI_PASID_EXEC : 0) |
	       (features & PCI_PASID_CAP_PRIV ? IOMMU_HW_CAP_PCI_PASID_PRIV : 0);
}

static u64 paging_capabilities(struct device *dev)
{
	u64 capabilities = generic_capabilities(dev);

	if (iommu_tracks_dirty(dev))
		capabilities |= IOMMU_HW_CAP_DIRTY_TRACKING;
	if (paging_pasid_bits(dev))
		capabilities |= pasid_capabilities(dev);
	return capabilities;
}

/*
 * If the domains of this host can be flushed in aligned ranges only, see to it.
 * IOMMUs do not come and go, but it is only known when there is a device.
 */
static int limit_flushes(struct device *dev)
{
	static DEFINE_MUTEX(lock);
	static bool limited;
	int rc = 0;

	mutex_lock(&lock);
	if (!limited) {
		rc = iommu_flushes_aligned_only(dev);
		if (rc > 0) {
			iommu_backend_flush_aligned(true);
			limited = true;
		}
	}
	mutex_unlock(&lock);
	return min(rc, 0);
}

static struct iommu_domain *
generic_domain_alloc(struct device *dev, u32 flags,
		     const struct iommu_backend_data *data)
{
	struct iommu_domain *domain;
	int rc;

	if (flags || data)
		return ERR_PTR(-EOPNOTSUPP);
	rc = limit_flushes(dev);
	if (rc)
		return ERR_PTR(rc);
	domain = iommu_paging_domain_alloc(dev);
	if (IS_ERR(domain) || iommu_charges_page_tables(dev))
		return domain;
	rc = iommu_charge_init(domain);
	if (rc) {
		iommu_domain_free(domain);
		return ERR_PTR(rc);
	}
	return domain;
}

/*
 * A domain for PASIDs is one for any device, too, so the IOMMU alone decides
 * whether there is one.
 *
 * Intel's driver also takes domains with page faults.  But that of 6.12 refuses
 * all requests of devices that bear no PASID, and in 7.3 a detach does not wait
 * for the function that the driver reports faults to.
 */
static struct iommu_domain *
paging_domain_alloc(struct device *dev, u32 flags,
		    const struct iommu_backend_data *data)
{
	struct iommu_domain *domain;
	u32 known = 0;
	int rc;

	if (iommu_tracks_dirty(dev))
		known |= IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	if (iommu_has_pasids(dev))
		known |= IOMMU_HWPT_ALLOC_PASID;
	if (flags & ~(known | IOMMU_HWPT_ALLOC_NEST_PARENT) || data)
		return ERR_PTR(-EOPNOTSUPP);
	rc = flags & IOMMU_HWPT_ALLOC_NEST_PARENT ? iommu_check_nests(dev) : 0;
	if (!rc)
		rc = limit_flushes(dev);
	if (rc)
		return ERR_PTR(rc);
	domain = iommu_paging_domain_alloc_flags(dev, flags);
	if (!IS_ERR(domain) && flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
		iommu_tracking_init(domain);
	return domain;
}

static void generic_domain_free(struct iommu_domain *domain)
{
	struct iommu_charge *charge = iommu_domain_private(domain);

	iommu_domain_free(domain);
	iommu_charge_free(charge);
}

static int generic_map_msi(struct iommu_domain *domain, phys_addr_t iova)
{
	return iommu_get_msi_cookie(domain, iova);
}

static int generic_attach(struct iommu_domain *domain,
			  struct iommu_group *group)
{
	return iommu_attach_group(domain, group);
}

static void generic_detach(struct iommu_domain *domain,
			   struct iommu_group *group)
{
	iommu_detach_group(domain, group);
}

/*
 * Each attachment of a group, or of a PASID, has a handle of its own, by which an
 * IOMMU driver would find who is to be told of page faults.  The kernel keeps the
 * pointer.
 */
static struct iommu_attach_handle *paging_handle(struct iommu_group *group,
						 u32 pasid)
{
	struct iommu_attach_handle *handle;

	handle = iommu_attach_handle_get(group, pasid, 0);
	return IS_ERR(handle) ? NULL : handle;
}

/*
 * A virtual function requests pages as its physical function does.  IOMMU drivers
 * switch that on without being asked, Intel's of Linux 7.x for instance.
 */
static int may_request_pages(struct device *dev, void *unused)
{
	return dev_is_pci(dev) &&
	       pci_pri_supported(pci_physfn(to_pci_dev(dev)));
}

/*
 * Free the handle of an attachment that is no more, if there was one.  For each page
 * request, a thread of the IOMMU driver looks up the handle and the domain in it without
 * a lock.  It does not sleep before it is done with both: none of our domains has a
 * function for page requests.
 */
static void paging_free_handle(struct iommu_attach_handle *handle,
			       struct iommu_group *group)
{
	if (handle && iommu_group_for_each_dev(group, NULL, may_request_pages))
		synchronize_rcu_tasks();
	kfree(handle);
}

static int paging_attach(struct iommu_domain *domain, struct iommu_group *group)
{
	struct iommu_attach_handle *handle;
	int rc;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return -ENOMEM;
	rc = iommu_attach_group_handle(domain, group, handle);
	if (rc)
		paging_free_handle(handle, group);
	return rc;
}

static void paging_detach(struct iommu_domain *domain,
			  struct iommu_group *group)
{
	struct iommu_attach_handle *handle = paging_handle(group,
							   IOMMU_NO_PASID);

	iommu_detach_group_handle(domain, group);
	paging_free_handle(handle, group);
}

/*
 * The driver of Linux 7.x may have blocked some devices of a group before a replace
 * fails, so block them all.  One that failed with EBUSY has done nothing: a device is
 * being reset.
 */
static int paging_replace(struct iommu_domain *old, struct iommu_domain *domain,
			  struct iommu_group *group)
{
	struct iommu_attach_handle *old_handle = paging_handle(group,
							       IOMMU_NO_PASID);
	struct iommu_attach_handle *handle;
	int rc;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return -ENOMEM;
	rc = iommu_replace_group_handle(group, domain, handle);
	paging_free_handle(rc ? handle : old_handle, group);
	if (rc && rc != -EBUSY && iommu_replace_may_block())
		paging_detach(old, group);
	return rc;
}

static bool paging_is_attached(struct iommu_domain *domain,
			       struct iommu_group *group)
{
	return paging_handle(group, IOMMU_NO_PASID);
}

/* A PASID that could not be attached again, see reattach_pasid(), has no handle. */
static bool paging_pasid_is_attached(struct device *dev, u32 pasid)
{
	return paging_handle(dev->iommu_group, pasid);
}

static void paging_clear_pasid(struct device *dev, u32 pasid,
			       struct iommu_domain *domain)
{
	struct iommu_group *group = dev->iommu_group;
	struct iommu_attach_handle *handle = paging_handle(group, pasid);

	if (!handle)
		return;
	iommu_detach_device_pasid(domain, dev, pasid);
	paging_free_handle(handle, group);
}

/*
 * Attach a PASID that a replace has blocked to its domain, which the kernel takes it
 * to be attached to still.  @handle is the one of the replace, which nobody knows.
 */
static int reattach_pasid(struct device *dev, u32 pasid,
			  struct iommu_domain *domain,
			  struct iommu_attach_handle *handle)
{
	int rc;

	paging_clear_pasid(dev, pasid, domain);
	rc = iommu_attach_device_pasid(domain, dev, pasid, handle);
	if (rc)
		dev_err_ratelimited(dev, "PASID %u blocked: the IOMMU cannot attach it again\n",
				    pasid);
	return rc;
}

static int paging_set_pasid(struct device *dev, u32 pasid,
			    struct iommu_domain *old,
			    struct iommu_domain *domain)
{
	struct iommu_group *group = dev->iommu_group;
	struct iommu_attach_handle *old_handle, *handle;
	int rc;

	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return -ENOMEM;
	old_handle = old ? paging_handle(group, pasid) : NULL;
	if (old_handle)
		rc = iommu_replace_device_pasid(domain, dev, pasid, handle);
	else
		rc = iommu_attach_device_pasid(domain, dev, pasid, handle);
	if (rc && old_handle && iommu_pasid_may_be_blocked(domain, rc) &&
	    !reattach_pasid(dev, pasid, old, handle))
		return rc;
	paging_free_handle(rc ? handle : old_handle, group);
	return rc;
}

/*
 * From then on the IOMMU driver refuses to attach devices for which it cannot
 * be done.  Nothing is mapped in the domain yet.
 */
static bool enforce_coherency(struct iommu_domain *domain)
{
	return domain->ops->enforce_cache_coherency &&
	       domain->ops->enforce_cache_coherency(domain);
}

static int generic_finalize(struct iommu_domain *domain, struct device *dev,
			    struct iommu_group *group, bool *coherent)
{
	int rc;

	if (!group)
		return -EBUSY;
	rc = generic_attach(domain, group);
	if (rc)
		return rc;
	*coherent = enforce_coherency(domain);
	return 1;
}

/*
 * Without a device, an IOMMU driver would promise anything: ask for it first.
 */
static int paging_finalize(struct iommu_domain *domain, struct device *dev,
			   struct iommu_group *group, bool *coherent)
{
	*coherent = generic_enforces_coherency(dev) &&
		    enforce_coherency(domain);
	return 0;
}

const struct iommu_backend_ops iommu_generic_backend = {
	.owner = THIS_MODULE,
	.is_coherent = generic_is_coherent,
	.enforces_coherency = generic_enforces_coherency,
	.sharing = generic_sharing,
	.msi_isolated = generic_msi_isolated,
	.walk_reserved = generic_walk_reserved,
	.check_isolation = generic_check_isolation,
	.claim = generic_claim,
	.release = generic_release,
	.hw_info = iommu_hw_info,
	.capabilities = generic_capabilities,
	.domain_alloc = generic_domain_alloc,
	.finalize = generic_finalize,
	.domain_free = generic_domain_free,
	.map_msi = generic_map_msi,
	.attach = generic_attach,
	.detach = generic_detach,
};

const struct iommu_backend_ops iommu_paging_backend = {
	.owner = THIS_MODULE,
	.is_coherent = generic_is_coherent,
	.enforces_coherency = generic_enforces_coherency,
	.sharing = generic_sharing,
	.msi_isolated = generic_msi_isolated,
	.walk_reserved = generic_walk_reserved,
	.check_isolation = generic_check_isolation,
	.claim = generic_claim,
	.release = generic_release,
	.hw_info = iommu_hw_info,
	.capabilities = paging_capabilities,
	.pasid_bits = paging_pasid_bits,
	.domain_alloc = paging_domain_alloc,
	.finalize = paging_finalize,
	.has_nested = iommu_vtd_has_nested,
	.nested_alloc = iommu_vtd_nested_alloc,
	.nested_free = iommu_domain_free,
	.nested_invalidate = iommu_vtd_nested_invalidate,
	.domain_free = generic_domain_free,
	.map_msi = generic_map_msi,
	.attach = paging_attach,
	.detach = paging_detach,
	.replace = paging_replace,
	.is_attached = paging_is_attached,
	.set_pasid = paging_set_pasid,
	.pasid_is_attached = paging_pasid_is_attached,
	.clear_pasid = paging_clear_pasid,
	.set_dirty_tracking = iommu_tracking_set,
	.read_dirty = iommu_tracking_read,
};
