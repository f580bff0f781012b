// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that the hardware walks
 */
#include <linux/err.h>
#include <linux/export.h>

#include "hw_pagetable.h"
#include "ioas.h"
#include "backend/backend.h"

static void hwpt_release(struct iommufd_hwpt *hwpt)
{
	if (iommufd_hwpt_filled(hwpt))
		iopt_remove_domain(&hwpt->ioas->iopt, &hwpt->iopt_domain);
	hwpt->provider->domain_free(hwpt->domain);
	iommu_provider_put(hwpt->provider);
	refcount_dec(&hwpt->ioas->obj.users);
}

/*
 * No group is attached to the page table.  A call that finds it in the list of
 * its IOAS holds hwpts_lock, so it leaves the list before anything else.
 */
static void hwpt_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	struct iommufd_hwpt *hwpt = container_of(obj, struct iommufd_hwpt, obj);

	mutex_lock(&hwpt->ioas->hwpts_lock);
	list_del(&hwpt->ioas_item);
	mutex_unlock(&hwpt->ioas->hwpts_lock);
	hwpt_release(hwpt);
}

const struct iommufd_object_type iommufd_hwpt_type = {
	.destroy = hwpt_destroy,
};
EXPORT_SYMBOL_NS_GPL(iommufd_hwpt_type, "IOMMUFD_TEST");

/**
 * iommufd_hwpt_alloc() - Make a page table
 * @ictx: The context.
 * @ioas: What it is to map.
 * @provider: The provider of @dev.
 * @dev: A bound device that may be attached to it.
 * @flags: Of enum iommufd_hwpt_alloc_flags.
 * @data: What user space says of it, or NULL.
 *
 * Its domain is empty.  It can be filled by iommufd_hwpt_fill(), or when the
 * first group is attached to it, by iommufd_hwpt_attach_and_fill(): where
 * domains are not final, what they can map is known after an attach only.
 *
 * Pairs with iommufd_hwpt_publish() or iommufd_hwpt_abort().
 *
 * Return: the page table, or ERR_PTR() of what the provider's domain_alloc()
 * returns.
 */
struct iommufd_hwpt *
iommufd_hwpt_alloc(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
		   const struct iommu_provider_ops *provider,
		   struct device *dev, u32 flags,
		   const struct iommu_provider_data *data)
{
	struct iommufd_hwpt *hwpt;
	int rc;

	hwpt = iommufd_object_alloc(ictx, struct iommufd_hwpt, &iommufd_hwpt_type);
	if (IS_ERR(hwpt))
		return hwpt;
	hwpt->domain = provider->domain_alloc(dev, flags, data);
	if (IS_ERR(hwpt->domain)) {
		rc = PTR_ERR(hwpt->domain);
		iommufd_object_abort(ictx, &hwpt->obj);
		return ERR_PTR(rc);
	}
	hwpt->flags = flags;
	hwpt->ioas = ioas;
	refcount_inc(&ioas->obj.users);
	hwpt->provider = provider;
	iommu_provider_ref(provider);
	return hwpt;
}

static int hwpt_add_domain(struct iommufd_hwpt *hwpt)
{
	return iopt_add_domain(&hwpt->ioas->iopt, &hwpt->iopt_domain,
			       hwpt->domain);
}

/**
 * iommufd_hwpt_fill() - Fill a page table that nothing is attached to
 * @hwpt: The page table, not published.
 * @dev: A device of @group.
 * @group: A group, claimed, without a domain attached unless the provider has
 *	final domains.
 *
 * Where domains are not final, @group is attached for a moment while there is
 * nothing in the domain.  To the device that makes no difference.
 *
 * Return: 0, or, with nothing changed, what the provider's attach(), or
 * iopt_add_domain(), return.
 */
int iommufd_hwpt_fill(struct iommufd_hwpt *hwpt, struct device *dev,
		      struct iommu_group *group)
{
	const struct iommu_provider_ops *provider = hwpt->provider;
	int rc;

	if (provider->final_domains) {
		/* Without a device, an IOMMU driver would promise anything. */
		hwpt->coherent = provider->enforces_coherency &&
				 provider->enforces_coherency(dev) &&
				 iommu_provider_enforce_coherency(hwpt->domain);
		return hwpt_add_domain(hwpt);
	}

	rc = provider->attach(hwpt->domain, group);
	if (rc)
		return rc;
	hwpt->coherent = iommu_provider_enforce_coherency(hwpt->domain);
	provider->detach(hwpt->domain, group);
	return hwpt_add_domain(hwpt);
}

/**
 * iommufd_hwpt_attach_and_fill() - Attach a first group, then fill
 * @hwpt: The page table, not filled; hwpts_lock of its IOAS is held.
 * @group: The group, claimed, without a domain attached.
 *
 * For domains that are not final.  To the device it makes no difference that it
 * is attached first: from blocked, memory appears bit by bit.
 *
 * Return: 0, or, with nothing changed, what the provider's attach(), or
 * iopt_add_domain(), return.
 */
int iommufd_hwpt_attach_and_fill(struct iommufd_hwpt *hwpt,
				 struct iommu_group *group)
{
	int rc;

	lockdep_assert_held(&hwpt->ioas->hwpts_lock);

	rc = hwpt->provider->attach(hwpt->domain, group);
	if (rc)
		return rc;
	hwpt->coherent = iommu_provider_enforce_coherency(hwpt->domain);
	rc = hwpt_add_domain(hwpt);
	if (rc)
		hwpt->provider->detach(hwpt->domain, group);
	return rc;
}

/**
 * iommufd_hwpt_publish() - Let others find a page table
 * @ictx: The context.
 * @hwpt: The page table; hwpts_lock of its IOAS is held.
 *
 * Cannot fail.
 */
void iommufd_hwpt_publish(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt)
{
	lockdep_assert_held(&hwpt->ioas->hwpts_lock);

	list_add_tail(&hwpt->ioas_item, &hwpt->ioas->hwpts);
	iommufd_object_publish(ictx, &hwpt->obj);
}

/**
 * iommufd_hwpt_abort() - Undo iommufd_hwpt_alloc()
 * @ictx: The context.
 * @hwpt: The page table, not published, without groups attached.
 */
void iommufd_hwpt_abort(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt)
{
	hwpt_release(hwpt);
	iommufd_object_abort(ictx, &hwpt->obj);
}

