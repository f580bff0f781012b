// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that the hardware walks
 */
#include <linux/err.h>

#include "hw_pagetable.h"
#include "ioas.h"
#include "provider.h"

/* Attach the group to an empty domain, then fill that. */
static int hwpt_attach_and_fill(struct iommufd_hwpt *hwpt,
				struct iommu_group *group)
{
	int rc;

	rc = hwpt->provider->attach(hwpt->domain, group);
	if (rc)
		return rc;
	hwpt->coherent = iommu_provider_enforce_coherency(hwpt->domain);
	rc = iopt_add_domain(&hwpt->ioas->iopt, &hwpt->iopt_domain,
			     hwpt->domain);
	if (rc)
		hwpt->provider->detach(hwpt->domain, group);
	return rc;
}

/**
 * iommufd_hwpt_alloc_attached() - Make a page table for a group
 * @ictx: The context.
 * @ioas: What it is to map; its hwpts_lock is held.
 * @provider: The provider of @group.
 * @dev: A device of @group.
 * @group: The group, claimed, without a domain attached.
 *
 * The group is attached before the domain is filled, since only that settles
 * what the domain can do, see struct iommu_provider_ops.  To the device
 * that makes no difference: from blocked, memory appears bit by bit.
 *
 * Return: the page table, with the caller as one of its users and @group
 * attached, or ERR_PTR() of what the provider's domain_alloc() and attach(), or
 * iopt_add_domain(), return.
 */
struct iommufd_hwpt *
iommufd_hwpt_alloc_attached(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			    const struct iommu_provider_ops *provider,
			    struct device *dev, struct iommu_group *group)
{
	struct iommufd_hwpt *hwpt;
	int rc;

	lockdep_assert_held(&ioas->hwpts_lock);

	hwpt = iommufd_object_alloc(ictx, struct iommufd_hwpt, IOMMUFD_OBJ_HWPT);
	if (IS_ERR(hwpt))
		return hwpt;
	hwpt->obj.automatic = true;
	hwpt->ioas = ioas;
	hwpt->provider = provider;

	hwpt->domain = provider->domain_alloc(dev);
	if (IS_ERR(hwpt->domain)) {
		rc = PTR_ERR(hwpt->domain);
		goto err_abort;
	}
	rc = hwpt_attach_and_fill(hwpt, group);
	if (rc)
		goto err_free;

	iommu_provider_ref(provider);
	refcount_inc(&ioas->obj.users);
	list_add_tail(&hwpt->ioas_item, &ioas->hwpts);
	refcount_inc(&hwpt->obj.users);
	iommufd_object_publish(ictx, &hwpt->obj);
	return hwpt;

err_free:
	provider->domain_free(hwpt->domain);
err_abort:
	iommufd_object_abort(ictx, &hwpt->obj);
	return ERR_PTR(rc);
}

/**
 * iommufd_hwpt_destroy() - Release what a page table holds
 * @ictx: The context.
 * @obj: The page table, without groups attached.
 *
 * Whoever finds it in its IOAS's list holds hwpts_lock, and so it is taken off
 * before anything else.
 */
void iommufd_hwpt_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	struct iommufd_hwpt *hwpt = container_of(obj, struct iommufd_hwpt, obj);
	struct iommufd_ioas *ioas = hwpt->ioas;

	mutex_lock(&ioas->hwpts_lock);
	list_del(&hwpt->ioas_item);
	mutex_unlock(&ioas->hwpts_lock);

	iopt_remove_domain(&ioas->iopt, &hwpt->iopt_domain);
	hwpt->provider->domain_free(hwpt->domain);
	iommu_provider_put(hwpt->provider);
	refcount_dec(&ioas->obj.users);
}
