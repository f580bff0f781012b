// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices and their groups
 *
 * An IOMMU group is the smallest set of devices that the IOMMU can tell from
 * others.  So it is the group whose DMA is owned, and that has a page table;
 * its devices can only agree on one.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommufd.h>
#include <linux/ioport.h>
#include <linux/moduleparam.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "device.h"
#include "hw_pagetable.h"
#include "ioas.h"
#include "backend/backend.h"
#include "ucmd.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Bind devices although they may raise interrupts that are not theirs: the platform does not isolate MSIs (default: false)");

/* Firmware or a device needs this memory at this very address, always. */
static int refuse_direct(const struct iommu_resv_region *region, void *arg)
{
	struct resource mem = DEFINE_RES_MEM(region->start, region->length);
	struct device *dev = arg;

	if (region->type != IOMMU_RESV_DIRECT)
		return 0;
	dev_warn_ratelimited(dev, "cannot be bound: firmware needs %pR mapped for its IOMMU group\n",
			     &mem);
	return -EPERM;
}

/*
 * Name a device of a group whose driver uses it for DMA of the host.  Returns 0 if
 * this is none, an errno if that cannot be told: whoever holds the lock of the
 * device may wait for that of the group, which iommu_group_for_each_dev() holds.
 */
static int tell_host_driver(struct device *mate, void *arg)
{
	struct device *dev = arg;
	int rc = 0;

	if (!dev_is_pci(mate))
		return -ENODEV;
	if (!device_trylock(mate))
		return -EBUSY;
	if (mate->driver && !to_pci_driver(mate->driver)->driver_managed_dma) {
		dev_warn_ratelimited(dev, "cannot be bound: %s of its IOMMU group has the host driver %s\n",
				     dev_name(mate), mate->driver->name);
		rc = 1;
	}
	device_unlock(mate);
	return rc;
}

/* A bind has failed because the group's DMA is somebody else's: tell whose. */
static void tell_owner(struct device *dev, struct iommu_group *group)
{
	if (!iommu_group_for_each_dev(group, dev, tell_host_driver))
		dev_info_ratelimited(dev, "cannot be bound: another user has its IOMMU group\n");
}

/*
 * Where interrupts are not isolated, the user of a bound device can raise any
 * interrupt: he turns on bus mastering and has the device write to the interrupt
 * window.  A group that is blocked from DMA is not blocked there.  So each bind
 * takes the administrator's consent.  Attach does not, as it lets nobody do more
 * to interrupts: a device that was bound before consent was withdrawn stays
 * bound, and can be attached.
 */
static int check_interrupts(const struct iommu_provider_ops *provider,
			    struct iommu_group *group)
{
	if (provider->msi_isolated(group))
		return 0;
	if (!allow_unsafe_interrupts) {
		pr_warn_once("iommufd: interrupts are not isolated here; to bind devices nonetheless set allow_unsafe_interrupts\n");
		return -EPERM;
	}
	pr_warn_once("iommufd: binding devices although interrupts are not isolated\n");
	return 0;
}

static struct iommufd_group *
group_claim(struct iommufd_ctx *ictx, const struct iommu_provider_ops *provider,
	    struct iommu_group *group)
{
	struct iommufd_group *igroup;
	int rc;

	igroup = kzalloc(sizeof(*igroup), GFP_KERNEL_ACCOUNT);
	if (!igroup)
		return ERR_PTR(-ENOMEM);
	igroup->ictx = ictx;
	igroup->provider = provider;
	igroup->group = group;
	mutex_init(&igroup->lock);

	rc = provider->claim(group, ictx);
	if (rc)
		goto err_free;
	rc = xa_err(xa_store(&ictx->groups, iommu_group_id(group), igroup,
			     GFP_KERNEL_ACCOUNT));
	if (rc)
		goto err_release;
	iommu_group_ref_get(group);
	iommu_provider_ref(provider);
	return igroup;

err_release:
	provider->release(group);
err_free:
	kfree(igroup);
	return ERR_PTR(rc);
}

static struct iommufd_group *
group_get(struct iommufd_ctx *ictx, const struct iommu_provider_ops *provider,
	  struct iommu_group *group)
{
	struct iommufd_group *igroup;

	mutex_lock(&ictx->groups_lock);
	igroup = xa_load(&ictx->groups, iommu_group_id(group));
	if (!igroup)
		igroup = group_claim(ictx, provider, group);
	if (!IS_ERR(igroup))
		igroup->ndevices++;
	mutex_unlock(&ictx->groups_lock);
	return igroup;
}

static void group_put(struct iommufd_group *igroup)
{
	struct iommufd_ctx *ictx = igroup->ictx;

	mutex_lock(&ictx->groups_lock);
	if (--igroup->ndevices) {
		mutex_unlock(&ictx->groups_lock);
		return;
	}
	xa_erase(&ictx->groups, iommu_group_id(igroup->group));
	igroup->provider->release(igroup->group);
	mutex_unlock(&ictx->groups_lock);

	iommu_group_put(igroup->group);
	iommu_provider_put(igroup->provider);
	mutex_destroy(&igroup->lock);
	kfree(igroup);
}

static struct iommufd_group *
group_get_of(struct iommufd_ctx *ictx,
	     const struct iommu_provider_ops *provider, struct device *dev)
{
	struct iommufd_group *igroup;
	struct iommu_group *group;
	int rc;

	if (!provider->is_coherent(dev))
		return ERR_PTR(-EINVAL);
	group = iommu_group_get(dev);
	if (!group)
		return ERR_PTR(-ENODEV);
	rc = provider->walk_reserved(group, refuse_direct, dev) ?:
	     check_interrupts(provider, group);
	igroup = rc ? ERR_PTR(rc) : group_get(ictx, provider, group);
	if (!rc && igroup == ERR_PTR(-EPERM))
		tell_owner(dev, group);
	iommu_group_put(group);
	return igroup;
}

/* The device is detached. */
static void idev_destroy(struct iommufd_ctx *ictx,
			 struct iommufd_object *obj)
{
	struct iommufd_device *idev =
		container_of(obj, struct iommufd_device, obj);

	group_put(idev->igroup);
}

const struct iommufd_object_type iommufd_device_type = {
	.destroy = idev_destroy,
};

/**
 * iommufd_device_bind_owned() - Bind a device that the context itself owns
 * @ictx: The context.
 * @dev: The device.
 * @id: Set to the ID user space knows it by.
 *
 * As iommufd_device_bind(), but holds no reference to the context: an object of
 * the context unbinds the device when it is destroyed.
 */
struct iommufd_device *iommufd_device_bind_owned(struct iommufd_ctx *ictx,
						 struct device *dev, u32 *id)
{
	const struct iommu_provider_ops *provider;
	struct iommufd_group *igroup;
	struct iommufd_device *idev;

	provider = iommu_provider_get(dev);
	igroup = group_get_of(ictx, provider, dev);
	iommu_provider_put(provider);
	if (IS_ERR(igroup))
		return ERR_CAST(igroup);

	idev = iommufd_object_alloc(ictx, struct iommufd_device,
				    &iommufd_device_type);
	if (IS_ERR(idev)) {
		group_put(igroup);
		return idev;
	}
	idev->ictx = ictx;
	idev->igroup = igroup;
	idev->dev = dev;
	refcount_inc(&idev->obj.users);
	*id = idev->obj.id;
	iommufd_object_publish(ictx, &idev->obj);
	return idev;
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_bind_owned, "IOMMUFD_TEST");

/**
 * iommufd_device_bind() - Put a device under the control of a context
 * @ictx: The context.
 * @dev: The device; a driver binds it once.  Some driver that does not use it
 *	for DMA of its own is bound to it in the driver model, and stays so.
 * @id: Set to the ID user space knows it by.
 *
 * Claims DMA ownership of the device's IOMMU group for the context, and blocks
 * all DMA of the group, unless another device of the group has done so.  From
 * then on no host driver and no other context can use a device of the group.
 *
 * Process context.  Pairs with iommufd_device_unbind(); holds a reference to
 * the context.
 *
 * Return: the binding, or ERR_PTR(): -EINVAL when no IOMMU translates for the
 * device, or its DMA is not coherent with the CPU's caches, -EPERM when the
 * group has memory that firmware needs mapped, is used by a host driver or
 * owned by another context, or when its interrupts are not isolated and the
 * module parameter allow_unsafe_interrupts is off, -EBUSY when it has a domain
 * of its own, -EOPNOTSUPP when this kernel cannot isolate the group, -ENOMEM.
 */
struct iommufd_device *iommufd_device_bind(struct iommufd_ctx *ictx,
					   struct device *dev, u32 *id)
{
	struct iommufd_device *idev = iommufd_device_bind_owned(ictx, dev, id);

	if (!IS_ERR(idev))
		iommufd_ctx_get(ictx);
	return idev;
}
EXPORT_SYMBOL_GPL(iommufd_device_bind);

/**
 * iommufd_device_unbind_owned() - Undo iommufd_device_bind_owned()
 * @idev: The binding, detached.
 */
void iommufd_device_unbind_owned(struct iommufd_device *idev)
{
	WARN_ON(idev->attached);
	iommufd_object_destroy_last(idev->ictx, &idev->obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_unbind_owned, "IOMMUFD_TEST");

/**
 * iommufd_device_unbind() - Undo iommufd_device_bind()
 * @idev: The binding, detached.
 *
 * With the last device of its group, host drivers can use the group again.
 * Process context; waits for calls at work on the device.
 */
void iommufd_device_unbind(struct iommufd_device *idev)
{
	struct iommufd_ctx *ictx = idev->ictx;

	iommufd_device_unbind_owned(idev);
	iommufd_ctx_put(ictx);
}
EXPORT_SYMBOL_GPL(iommufd_device_unbind);

/**
 * struct group_reserve_arg - What reserving a group's regions works on
 * @iopt: Where to reserve.
 * @igroup: For whom.
 */
struct group_reserve_arg {
	struct io_pagetable *iopt;
	struct iommufd_group *igroup;
};

static int reserve_region(const struct iommu_resv_region *region, void *arg)
{
	struct group_reserve_arg *reserve = arg;

	/* A relaxable identity mapping is one that only the host needs. */
	if (region->type == IOMMU_RESV_DIRECT_RELAXABLE || !region->length)
		return 0;
	return iopt_reserve(reserve->iopt, region->start,
			    region->start + region->length - 1,
			    reserve->igroup);
}

static int group_reserve(struct iommufd_group *igroup,
			 struct io_pagetable *iopt)
{
	struct group_reserve_arg arg = { .iopt = iopt, .igroup = igroup };
	int rc;

	rc = igroup->provider->walk_reserved(igroup->group, reserve_region,
					     &arg);
	if (rc)
		iopt_unreserve(iopt, igroup);
	return rc;
}

static int find_sw_msi(const struct iommu_resv_region *region, void *arg)
{
	phys_addr_t *start = arg;

	if (region->type == IOMMU_RESV_SW_MSI)
		*start = region->start;
	return 0;
}

/* Where the IOMMU translates interrupts too, the kernel maps their doorbell. */
static int group_map_msi(struct iommufd_group *igroup,
			 struct iommu_domain *domain)
{
	phys_addr_t start = PHYS_ADDR_MAX;
	int rc;

	rc = igroup->provider->walk_reserved(igroup->group, find_sw_msi,
					     &start);
	if (rc || start == PHYS_ADDR_MAX)
		return rc;
	return igroup->provider->map_msi(domain, start);
}

/*
 * Attach a group without a domain, or with that of @old to replace it at once,
 * to a page table.  On error nothing changes.
 */
static int group_attach_hwpt(struct iommufd_group *igroup,
			     struct iommufd_hwpt *hwpt,
			     struct iommufd_hwpt *old)
{
	int rc;

	lockdep_assert_held(&hwpt->ioas->hwpts_lock);

	rc = group_map_msi(igroup, hwpt->domain);
	if (rc)
		return rc;
	if (!iommufd_hwpt_filled(hwpt))
		return iommufd_hwpt_attach_and_fill(hwpt, igroup->group);
	if (old)
		return iopt_replace_group(&old->ioas->iopt, &hwpt->ioas->iopt,
					  hwpt->provider, old->domain,
					  hwpt->domain, igroup->group);
	return iopt_attach_group(&hwpt->ioas->iopt, hwpt->provider,
				 hwpt->domain, igroup->group);
}

static void detach_from(struct iommufd_group *igroup, struct iommufd_hwpt *hwpt)
{
	iopt_detach_group(&hwpt->ioas->iopt, hwpt->provider, hwpt->domain,
			  igroup->group);
}

static bool enforces_coherency(struct iommufd_device *idev)
{
	const struct iommu_provider_ops *provider = idev->igroup->provider;

	return provider->enforces_coherency &&
	       provider->enforces_coherency(idev->dev);
}

/*
 * The same for a page table that is filled, if the group's IOMMU can do it.
 * Where that can make all DMA of the device coherent, KVM takes for granted that
 * it does, so the page table must have been made to.
 */
static int attach_to_filled(struct iommufd_device *idev,
			    struct iommufd_hwpt *hwpt,
			    const struct iommu_provider_limits *limits,
			    struct iommufd_hwpt *old)
{
	struct iommufd_group *igroup = idev->igroup;

	if (hwpt->provider != igroup->provider ||
	    !iommu_provider_within(hwpt->domain, limits) ||
	    (!hwpt->coherent && enforces_coherency(idev)))
		return -EINVAL;
	return group_attach_hwpt(igroup, hwpt, old);
}

/* False for a page table that is being destroyed and still listed. */
static bool hold_hwpt(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt)
{
	bool held;

	xa_lock(&ictx->objects);
	held = __iommufd_object_hold(ictx, &hwpt->obj);
	xa_unlock(&ictx->objects);
	return held;
}

static bool has_automatic(struct iommufd_ioas *ioas)
{
	struct iommufd_hwpt *hwpt;

	list_for_each_entry(hwpt, &ioas->hwpts, ioas_item)
		if (hwpt->obj.automatic)
			return true;
	return false;
}

/*
 * The same for one of the page tables that the IOAS has, if there is any that
 * will do.  Those that the user made are for whom the user names them to.
 */
static struct iommufd_hwpt *attach_to_existing(struct iommufd_device *idev,
					       struct iommufd_ioas *ioas,
					       struct iommufd_hwpt *old)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommu_provider_limits limits;
	struct iommufd_hwpt *hwpt;
	int rc;

	lockdep_assert_held(&ioas->hwpts_lock);

	if (!has_automatic(ioas))
		return NULL;
	rc = iommu_provider_probe(igroup->provider, idev->dev, igroup->group,
				  &limits);
	if (rc)
		return ERR_PTR(rc);

	list_for_each_entry(hwpt, &ioas->hwpts, ioas_item) {
		if (!hwpt->obj.automatic || !hold_hwpt(igroup->ictx, hwpt))
			continue;
		rc = attach_to_filled(idev, hwpt, &limits, old);
		if (!rc)
			refcount_inc(&hwpt->obj.users);
		iommufd_object_put(&hwpt->obj);
		if (!rc)
			return hwpt;
		/* Whatever a driver has against it, the next one may do. */
	}
	return NULL;
}

static struct iommufd_hwpt *attach_to_new(struct iommufd_device *idev,
					  struct iommufd_ioas *ioas,
					  struct iommufd_hwpt *old)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *hwpt;
	int rc = 0;

	lockdep_assert_held(&ioas->hwpts_lock);

	hwpt = iommufd_hwpt_alloc(igroup->ictx, ioas, igroup->provider,
				  idev->dev, 0, NULL);
	if (IS_ERR(hwpt))
		return hwpt;
	hwpt->obj.automatic = true;
	if (igroup->provider->final_domains)
		rc = iommufd_hwpt_fill(hwpt, idev->dev, igroup->group);
	if (!rc)
		rc = group_attach_hwpt(igroup, hwpt, old);
	if (rc) {
		iommufd_hwpt_abort(igroup->ictx, hwpt);
		return ERR_PTR(rc);
	}
	refcount_inc(&hwpt->obj.users);
	iommufd_hwpt_publish(igroup->ictx, hwpt);
	return hwpt;
}

static int attach_to_named(struct iommufd_device *idev,
			   struct iommufd_hwpt *hwpt, struct iommufd_hwpt *old)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommu_provider_limits limits;
	int rc;

	if (hwpt->provider != igroup->provider)
		return -EINVAL;
	if (!iommufd_hwpt_filled(hwpt))
		return group_attach_hwpt(igroup, hwpt, old);
	rc = iommu_provider_probe(igroup->provider, idev->dev, igroup->group,
				  &limits);
	return rc ?: attach_to_filled(idev, hwpt, &limits, old);
}

/* What is attached to: a page table, or any that maps the IOAS */
struct attach_target {
	struct iommufd_ioas *ioas;
	struct iommufd_hwpt *hwpt;
};

static bool target_is(struct attach_target *target, struct iommufd_hwpt *hwpt)
{
	if (target->hwpt)
		return target->hwpt == hwpt;
	return target->ioas == hwpt->ioas && hwpt->obj.automatic;
}

/*
 * Attach a group, whose regions are reserved, without a domain, or with that of
 * @old to replace it at once.  The group is one more user of the result.
 */
static struct iommufd_hwpt *group_attach(struct iommufd_device *idev,
					 struct attach_target *target,
					 struct iommufd_hwpt *old)
{
	struct iommufd_ioas *ioas = target->ioas;
	struct iommufd_hwpt *hwpt = target->hwpt;
	int rc;

	mutex_lock(&ioas->hwpts_lock);
	if (hwpt) {
		rc = attach_to_named(idev, hwpt, old);
		if (rc)
			hwpt = ERR_PTR(rc);
		else
			refcount_inc(&hwpt->obj.users);
	} else {
		hwpt = attach_to_existing(idev, ioas, old);
		if (!hwpt)
			hwpt = attach_to_new(idev, ioas, old);
	}
	mutex_unlock(&ioas->hwpts_lock);
	return hwpt;
}

/*
 * Move a group from what it is attached to, if anything, to the target.  In
 * between it is blocked, unless the IOMMU can replace domains.  On error it is
 * back where it was.  The caller drops the group's use of *@unused, if set, once
 * it holds no lock.
 */
static int group_move(struct iommufd_device *idev, struct attach_target *target,
		      struct iommufd_hwpt **unused)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *old = igroup->hwpt, *hwpt;
	bool reserve = !old || old->ioas != target->ioas;
	bool at_once = old && igroup->provider->replace;
	int rc;

	if (reserve) {
		rc = group_reserve(igroup, &target->ioas->iopt);
		if (rc)
			return rc;
	}

	if (old && !at_once)
		detach_from(igroup, old);
	hwpt = group_attach(idev, target, at_once ? old : NULL);
	if (IS_ERR(hwpt)) {
		if (old && !at_once &&
		    iopt_attach_group(&old->ioas->iopt, old->provider,
				      old->domain, igroup->group))
			dev_err(idev->dev, "blocked: the IOMMU cannot attach it again\n");
		if (reserve)
			iopt_unreserve(&target->ioas->iopt, igroup);
		return PTR_ERR(hwpt);
	}

	if (old && reserve)
		iopt_unreserve(&old->ioas->iopt, igroup);
	igroup->hwpt = hwpt;
	*unused = old;
	return 0;
}

static int attach_locked(struct iommufd_device *idev,
			 struct attach_target *target,
			 struct iommufd_hwpt **unused)
{
	struct iommufd_group *igroup = idev->igroup;
	int rc;

	lockdep_assert_held(&igroup->lock);

	if (!igroup->hwpt || !target_is(target, igroup->hwpt)) {
		/* Other devices of the group stay where they are. */
		if (igroup->nattached > idev->attached)
			return -EINVAL;
		rc = group_move(idev, target, unused);
		if (rc)
			return rc;
	}
	if (!idev->attached) {
		idev->attached = true;
		igroup->nattached++;
	}
	return 0;
}

static int get_target(struct iommufd_object *obj, struct attach_target *target)
{
	if (obj->type == &iommufd_ioas_type) {
		target->hwpt = NULL;
		target->ioas = container_of(obj, struct iommufd_ioas, obj);
		return 0;
	}
	if (obj->type == &iommufd_hwpt_type) {
		target->hwpt = container_of(obj, struct iommufd_hwpt, obj);
		target->ioas = target->hwpt->ioas;
		return 0;
	}
	return -ENOENT;
}

static int idev_attach(struct iommufd_device *idev, u32 *pt_id, bool replace)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *unused = NULL;
	struct attach_target target;
	struct iommufd_object *obj;
	int rc;

	obj = iommufd_object_get(idev->ictx, *pt_id, NULL);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	rc = get_target(obj, &target);
	if (rc)
		goto out_put;

	mutex_lock(&igroup->lock);
	if (idev->attached == replace)
		rc = attach_locked(idev, &target, &unused);
	else
		rc = -EINVAL;
	if (!rc)
		*pt_id = igroup->hwpt->obj.id;
	mutex_unlock(&igroup->lock);
out_put:
	iommufd_object_put(obj);
	if (unused)
		iommufd_object_destroy_unused(idev->ictx, &unused->obj);
	return rc;
}

/**
 * iommufd_device_attach() - Let a device do DMA
 * @idev: The binding, detached.
 * @pt_id: ID of an IOAS, for which a page table is found or made, or of a page
 *	table (HWPT).  Set to the ID of the page table.
 *
 * Process context; may fault in memory that is mapped.  Pairs with
 * iommufd_device_detach().
 *
 * Return: 0, or, with nothing changed: -EINVAL when attached already, when
 * another device of the group is attached elsewhere, or when the IOMMU cannot,
 * -ENOENT without such an object, -EADDRINUSE when something is mapped, or to
 * be kept usable, where the device or its IOMMU has a reserved region, -EFAULT
 * when memory that is mapped is gone, -EINTR when killed, -ENOMEM.
 */
int iommufd_device_attach(struct iommufd_device *idev, u32 *pt_id)
{
	return idev_attach(idev, pt_id, false);
}
EXPORT_SYMBOL_GPL(iommufd_device_attach);

/**
 * iommufd_device_replace() - Attach an attached device to something else
 * @idev: The binding, attached.
 * @pt_id: As for iommufd_device_attach().
 *
 * In between, the device is blocked from DMA unless its IOMMU provider can
 * replace domains: on 6.1 the kernel cannot.
 *
 * Return: as iommufd_device_attach(), but -EINVAL when not attached.
 */
int iommufd_device_replace(struct iommufd_device *idev, u32 *pt_id)
{
	return idev_attach(idev, pt_id, true);
}
EXPORT_SYMBOL_GPL(iommufd_device_replace);

/**
 * iommufd_device_detach() - Undo iommufd_device_attach()
 * @idev: The binding; nothing happens when it is not attached.
 *
 * With the last device attached of its group, the group is blocked from DMA.
 * Process context.
 */
void iommufd_device_detach(struct iommufd_device *idev)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *unused = NULL;

	mutex_lock(&igroup->lock);
	if (idev->attached) {
		idev->attached = false;
		if (!--igroup->nattached) {
			unused = igroup->hwpt;
			igroup->hwpt = NULL;
			detach_from(igroup, unused);
			iopt_unreserve(&unused->ioas->iopt, igroup);
		}
	}
	mutex_unlock(&igroup->lock);
	if (unused)
		iommufd_object_destroy_unused(idev->ictx, &unused->obj);
}
EXPORT_SYMBOL_GPL(iommufd_device_detach);

/*
 * Make a page table for the IOMMU of a device.  Where that takes an attach for
 * a moment, a group that is attached would be interrupted: then the page table
 * is filled when the first group is attached to it.
 */
static struct iommufd_hwpt *alloc_hwpt(struct iommufd_device *idev,
				       struct iommufd_ioas *ioas, u32 flags,
				       const struct iommu_provider_data *data)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *hwpt;
	int rc = 0;

	hwpt = iommufd_hwpt_alloc(idev->ictx, ioas, igroup->provider, idev->dev,
				  flags, data);
	if (IS_ERR(hwpt))
		return hwpt;

	mutex_lock(&igroup->lock);
	if (igroup->provider->final_domains || !igroup->hwpt)
		rc = iommufd_hwpt_fill(hwpt, idev->dev, igroup->group);
	mutex_unlock(&igroup->lock);
	if (rc) {
		iommufd_hwpt_abort(idev->ictx, hwpt);
		return ERR_PTR(rc);
	}
	return hwpt;
}

static int alloc_and_respond(struct iommufd_ucmd *ucmd,
			     struct iommufd_device *idev,
			     struct iommufd_ioas *ioas,
			     const struct iommu_provider_data *data)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	struct iommufd_hwpt *hwpt;
	int rc;

	hwpt = alloc_hwpt(idev, ioas, cmd->flags, data);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	cmd->out_hwpt_id = hwpt->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc) {
		iommufd_hwpt_abort(ucmd->ictx, hwpt);
		return rc;
	}
	mutex_lock(&ioas->hwpts_lock);
	iommufd_hwpt_publish(ucmd->ictx, hwpt);
	mutex_unlock(&ioas->hwpts_lock);
	return 0;
}

int iommufd_hwpt_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	const struct iommu_provider_data data = {
		.type = cmd->data_type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.length = cmd->data_len,
	};
	bool none = data.type == IOMMU_HWPT_DATA_NONE;
	struct iommufd_device *idev;
	struct iommufd_object *pt;
	int rc;

	if (cmd->flags & ~IOMMU_HWPT_ALLOC_DIRTY_TRACKING || cmd->__reserved ||
	    cmd->__reserved2)
		return -EOPNOTSUPP;
	if (none && data.length)
		return -EINVAL;

	idev = iommufd_device_get(ucmd->ictx, cmd->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	pt = iommufd_object_get(ucmd->ictx, cmd->pt_id, NULL);
	if (IS_ERR(pt)) {
		rc = PTR_ERR(pt);
		goto out_put_idev;
	}
	if (pt->type == &iommufd_ioas_type)
		rc = alloc_and_respond(ucmd, idev,
				       container_of(pt, struct iommufd_ioas, obj),
				       none ? NULL : &data);
	else
		rc = -EINVAL;
	iommufd_object_put(pt);
out_put_idev:
	iommufd_object_put(&idev->obj);
	return rc;
}

/**
 * iommufd_device_to_ictx() - The context a device is bound to
 * @idev: The binding.
 *
 * Return: the context; the binding holds a reference.  Any context.
 */
struct iommufd_ctx *iommufd_device_to_ictx(struct iommufd_device *idev)
{
	return idev->ictx;
}
EXPORT_SYMBOL_GPL(iommufd_device_to_ictx);

/**
 * iommufd_device_to_id() - The ID user space knows a device by
 * @idev: The binding.
 *
 * Return: the ID.  Any context.
 */
u32 iommufd_device_to_id(struct iommufd_device *idev)
{
	return idev->obj.id;
}
EXPORT_SYMBOL_GPL(iommufd_device_to_id);

/**
 * iommufd_ctx_has_group() - Whether a context owns an IOMMU group
 * @ictx: The context.
 * @group: The group.
 *
 * Any context.  The answer lasts while a device of the group is kept bound.
 *
 * Return: whether a device of @group is bound to @ictx.
 */
bool iommufd_ctx_has_group(struct iommufd_ctx *ictx, struct iommu_group *group)
{
	return xa_load(&ictx->groups, iommu_group_id(group));
}
EXPORT_SYMBOL_GPL(iommufd_ctx_has_group);
