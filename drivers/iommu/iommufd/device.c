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

#include "backend/backend.h"
#include "backend/noiommu.h"
#include "backend/registry.h"
#include "device.h"

static bool allow_unsafe_interrupts;
module_param(allow_unsafe_interrupts, bool, 0644);
MODULE_PARM_DESC(allow_unsafe_interrupts,
		 "Bind devices although they may raise interrupts that are not theirs: the platform does not isolate MSIs (default: false)");

/*
 * Refuse a group with memory that firmware or a device needs mapped all the
 * time.
 */
static int group_refuse_direct(const struct iommu_resv_region *region,
			       void *arg)
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
 * Log the name of a device of a group whose driver uses it for DMA of the host,
 * and return 1.  Returns 0 if it has no host driver, or an errno if that cannot
 * be told: the device lock may be held by a thread that waits for the group
 * lock, which iommu_group_for_each_dev() holds.
 */
static int group_log_host_driver(struct device *mate, void *arg)
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

/* Log why the DMA of a group could not be claimed. */
static void group_log_owner(struct device *dev, struct iommu_group *group)
{
	int rc = iommu_group_for_each_dev(group, dev, group_log_host_driver);

	if (rc <= 0)
		dev_info_ratelimited(dev, "cannot be bound: another %s has its IOMMU group\n",
				     rc ? "user or a host driver" : "user");
}

/*
 * Where interrupts are not isolated, the user of a bound device can raise any
 * interrupt, by turning on bus mastering and having the device write to the
 * interrupt window: a group that is blocked from DMA is not blocked there.  So
 * each bind takes the administrator's consent.  An attach does not, as it gives
 * no further access to interrupts: a device that was bound before the consent
 * was withdrawn stays bound, and can be attached.
 */
static int group_check_interrupts(const struct iommu_backend_ops *backend,
				  struct iommu_group *group, struct device *dev)
{
	if (backend->msi_isolated(group))
		return 0;
	if (!allow_unsafe_interrupts) {
		dev_warn_ratelimited(dev, "cannot be bound: interrupts are not isolated; iommufd.allow_unsafe_interrupts=1 allows it nonetheless\n");
		return -EPERM;
	}
	pr_warn_once("iommufd: binding devices although interrupts are not isolated\n");
	return 0;
}

static int group_find_msi_window(const struct iommu_resv_region *region,
				 void *arg)
{
	struct iommufd_group *igroup = arg;

	if (region->type == IOMMU_RESV_SW_MSI)
		igroup->msi_window = region->start;
	return 0;
}

static int group_claim_dma(struct iommufd_ctx *ictx,
			   const struct iommu_backend_ops *backend,
			   struct iommu_group *group)
{
	return ictx->dma_claimed ? 0 : backend->claim(group, ictx);
}

static void group_release_dma(struct iommufd_ctx *ictx,
			      const struct iommu_backend_ops *backend,
			      struct iommu_group *group)
{
	if (!ictx->dma_claimed)
		backend->release(group);
}

static struct iommufd_group *
group_alloc(struct iommufd_ctx *ictx, const struct iommu_backend_ops *backend,
	    struct iommu_group *group)
{
	struct iommufd_group *igroup;

	igroup = kzalloc(sizeof(*igroup), GFP_KERNEL_ACCOUNT);
	if (!igroup)
		return ERR_PTR(-ENOMEM);
	igroup->ictx = ictx;
	igroup->backend = backend;
	igroup->group = group;
	igroup->msi_window = PHYS_ADDR_MAX;
	mutex_init(&igroup->lock);
	xa_init_flags(&igroup->pasids, XA_FLAGS_ACCOUNT);
	return igroup;
}

static struct iommufd_group *
group_claim(struct iommufd_ctx *ictx, const struct iommu_backend_ops *backend,
	    struct iommu_group *group, struct device *dev)
{
	struct iommufd_group *igroup;
	int rc;

	igroup = group_alloc(ictx, backend, group);
	if (IS_ERR(igroup))
		return igroup;

	rc = backend->walk_reserved(group, group_find_msi_window, igroup) ?:
	     iommu_backend_sharing(backend, dev, &igroup->sharing) ?:
	     group_claim_dma(ictx, backend, group);
	if (rc)
		goto err_free;
	rc = xa_err(xa_store(&ictx->groups, iommu_group_id(group), igroup,
			     GFP_KERNEL_ACCOUNT));
	if (rc)
		goto err_release;
	iommu_group_ref_get(group);
	iommu_backend_ref(backend);
	return igroup;

err_release:
	group_release_dma(ictx, backend, group);
err_free:
	kfree(igroup);
	return ERR_PTR(rc);
}

static struct iommufd_group *
group_get(struct iommufd_ctx *ictx, const struct iommu_backend_ops *backend,
	  struct iommu_group *group, struct device *dev)
{
	struct iommufd_group *igroup;

	mutex_lock(&ictx->groups_lock);
	igroup = xa_load(&ictx->groups, iommu_group_id(group));
	if (!igroup)
		igroup = group_claim(ictx, backend, group, dev);
	if (!IS_ERR(igroup))
		igroup->ndevices++;
	mutex_unlock(&ictx->groups_lock);
	return igroup;
}

/* Make the group of a device that has no IOMMU, and so no group. */
static struct iommufd_group *group_make_noiommu(struct iommufd_ctx *ictx)
{
	struct iommufd_group *igroup;

	igroup = group_alloc(ictx, &iommu_noiommu_backend, NULL);
	if (IS_ERR(igroup))
		return igroup;
	igroup->ndevices = 1;
	iommu_backend_ref(igroup->backend);
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
	if (!iommufd_group_is_noiommu(igroup)) {
		xa_erase(&ictx->groups, iommu_group_id(igroup->group));
		group_release_dma(ictx, igroup->backend, igroup->group);
	}
	mutex_unlock(&ictx->groups_lock);

	iommu_group_put(igroup->group);
	iommu_backend_put(igroup->backend);
	xa_destroy(&igroup->pasids);
	mutex_destroy(&igroup->lock);
	kfree(igroup);
}

/*
 * Find the group of a device, unless no context can ever have it: for want of an
 * IOMMU or of coherent DMA, because of firmware, or because of this kernel.
 */
static struct iommu_group *
group_find_bindable(const struct iommu_backend_ops *backend, struct device *dev)
{
	struct iommu_group *group;
	int rc;

	if (!backend->is_coherent(dev))
		return ERR_PTR(-EINVAL);
	group = iommu_group_get(dev);
	if (!group)
		return ERR_PTR(-ENODEV);
	rc = backend->walk_reserved(group, group_refuse_direct, dev);
	if (!rc && backend->check_isolation)
		rc = backend->check_isolation(group);
	if (rc) {
		iommu_group_put(group);
		return ERR_PTR(rc);
	}
	return group;
}

static struct iommufd_group *
group_get_checked(struct iommufd_ctx *ictx,
		  const struct iommu_backend_ops *backend, struct device *dev)
{
	struct iommufd_group *igroup;
	struct iommu_group *group;
	int rc;

	group = group_find_bindable(backend, dev);
	if (IS_ERR(group))
		return ERR_CAST(group);
	rc = group_check_interrupts(backend, group, dev);
	igroup = rc ? ERR_PTR(rc) : group_get(ictx, backend, group, dev);
	if (!rc && igroup == ERR_PTR(-EPERM))
		group_log_owner(dev, group);
	iommu_group_put(group);
	return igroup;
}

/* The device is detached. */
static void idev_destroy(struct iommufd_ctx *ictx,
			 struct iommufd_object *obj)
{
	struct iommufd_device *idev =
		container_of(obj, struct iommufd_device, obj);

	if (idev->end_vdevice)
		idev->end_vdevice(idev);
	group_put(idev->igroup);
}

const struct iommufd_object_type iommufd_device_type = {
	.destroy = idev_destroy,
};
EXPORT_SYMBOL_NS_GPL(iommufd_device_type, "IOMMUFD_TEST");

/* Make the object of a device; takes over what @igroup counts for it. */
static struct iommufd_device *idev_create(struct iommufd_ctx *ictx,
					  struct iommufd_group *igroup,
					  struct device *dev, u32 *id)
{
	struct iommufd_device *idev;

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

/**
 * iommufd_device_bind_owned() - Bind a device that the context itself owns
 * @ictx: The context.
 * @dev: The device.
 * @id: Set to the ID by which user space knows the device.
 *
 * Does what iommufd_device_bind() does, but takes no reference to the context:
 * an object of the context unbinds the device when it is destroyed.
 *
 * Context: Process context.  Pairs with iommufd_device_unbind_owned().
 *
 * Return: as iommufd_device_bind().
 */
struct iommufd_device *iommufd_device_bind_owned(struct iommufd_ctx *ictx,
						 struct device *dev, u32 *id)
{
	const struct iommu_backend_ops *backend;
	struct iommufd_group *igroup;

	backend = iommu_backend_get(dev);
	igroup = group_get_checked(ictx, backend, dev);
	iommu_backend_put(backend);
	return idev_create(ictx, igroup, dev, id);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_bind_owned, "IOMMUFD_TEST");

/**
 * iommufd_device_bind() - Put a device under the control of a context
 * @ictx: The context.
 * @dev: The device; a driver binds it once.  In the driver model it has a
 *	driver that does not use it for DMA of the host, until it is unbound
 *	again.
 * @id: Set to the ID by which user space knows the device.
 *
 * Claims DMA ownership of the device's IOMMU group for the context and blocks
 * all DMA of the group, unless another device of the group is bound to the
 * context already.  From then on no host driver and no other context can use a
 * device of the group.  For a context of iommufd_vfio_ctx_create(), the VFIO
 * core has claimed the group before, and nothing is claimed here.  The binding
 * holds a reference to the context.
 *
 * Context: Process context.  Pairs with iommufd_device_unbind().
 *
 * Return: the binding, or ERR_PTR(): -EINVAL when no IOMMU translates for the
 * device, or its DMA is not coherent with the CPU's caches, -EPERM when the
 * group has memory that firmware needs mapped, is used by a host driver or
 * owned by another context, or when its interrupts are not isolated and the
 * module parameter allow_unsafe_interrupts is off, -ENODEV when the device has
 * no group, -EBUSY when the group has a domain of its own, -EOPNOTSUPP when
 * this kernel cannot isolate the group, -ENOMEM.
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
 * iommufd_device_has_iommu() - Tell whether the kernel knows of an IOMMU of a
 * device
 * @dev: The device.
 *
 * True also if nobody can have the device, for the reasons that
 * iommufd_device_check() looks for.
 *
 * Context: Process context.
 *
 * Return: whether the device has an IOMMU, or an IOMMU group.
 */
bool iommufd_device_has_iommu(struct device *dev)
{
	return dev->iommu || dev->iommu_group;
}
EXPORT_SYMBOL_GPL(iommufd_device_has_iommu);

/**
 * iommufd_device_bind_noiommu() - Bind a device that no IOMMU keeps from memory
 * @ictx: The context.
 * @dev: The device, as for iommufd_device_bind().
 * @id: Set to the ID by which user space knows the device.
 *
 * Whoever can make such a device do DMA reads and writes all memory of the
 * host.  So the driver of the device offers this only when the administrator
 * has asked for it, taints the kernel, and only to a process with
 * CAP_SYS_RAWIO.
 *
 * An attach pins what the IOAS maps, and IOMMU_IOAS_NOIOMMU_GET_PA tells the
 * addresses that the device is to use.  A detach blocks nothing: the driver has
 * to stop the device before.
 *
 * Context: Process context.  Pairs with iommufd_device_unbind().
 *
 * Return: the binding, or ERR_PTR(): -EINVAL when the device has an IOMMU or an
 * IOMMU group, -ENOMEM.
 */
struct iommufd_device *iommufd_device_bind_noiommu(struct iommufd_ctx *ictx,
						   struct device *dev, u32 *id)
{
	struct iommufd_device *idev;

	if (iommufd_device_has_iommu(dev))
		return ERR_PTR(-EINVAL);
	idev = idev_create(ictx, group_make_noiommu(ictx), dev, id);
	if (!IS_ERR(idev))
		iommufd_ctx_get(ictx);
	return idev;
}
EXPORT_SYMBOL_GPL(iommufd_device_bind_noiommu);

/**
 * iommufd_device_check() - Tell whether a device can be bound at all
 * @dev: The device.
 *
 * For drivers that offer user space a way to bind only devices that can be
 * bound.  Looks for what neither the administrator nor another user can change,
 * and logs it if it is memory of firmware or a bug of this kernel.
 * iommufd_device_bind() looks again, since the group may have got another device
 * meanwhile.
 *
 * Context: Process context.
 *
 * Return: 0, or why iommufd_device_bind() would always fail: -EINVAL when no
 * IOMMU translates for the device, or its DMA is not coherent with the CPU's
 * caches, -ENODEV when the device has no group, -EPERM when the group has
 * memory that firmware needs mapped, -EOPNOTSUPP when this kernel cannot isolate
 * the group.  Or -ENOMEM when that could not be found out.
 */
int iommufd_device_check(struct device *dev)
{
	const struct iommu_backend_ops *backend = iommu_backend_get(dev);
	struct iommu_group *group = group_find_bindable(backend, dev);

	iommu_backend_put(backend);
	if (IS_ERR(group))
		return PTR_ERR(group);
	iommu_group_put(group);
	return 0;
}
EXPORT_SYMBOL_GPL(iommufd_device_check);

/**
 * iommufd_device_unbind_owned() - Undo iommufd_device_bind_owned()
 * @idev: The binding, detached, its PASIDs, too.
 *
 * Context: Process context.  Waits for calls at work on the device.
 */
void iommufd_device_unbind_owned(struct iommufd_device *idev)
{
	WARN_ON(idev->attached || idev->npasids);
	iommufd_object_destroy_last(idev->ictx, &idev->obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_device_unbind_owned, "IOMMUFD_TEST");

/**
 * iommufd_device_unbind() - Undo iommufd_device_bind()
 * @idev: The binding, detached, its PASIDs, too.
 *
 * When no device of its group is bound any more, host drivers can use the group
 * again, unless the VFIO core has claimed it for a container.
 *
 * Context: Process context.  Waits for calls at work on the device.
 */
void iommufd_device_unbind(struct iommufd_device *idev)
{
	struct iommufd_ctx *ictx = idev->ictx;

	iommufd_device_unbind_owned(idev);
	iommufd_ctx_put(ictx);
}
EXPORT_SYMBOL_GPL(iommufd_device_unbind);

/**
 * iommufd_device_to_ictx() - Tell the context that a device is bound to
 * @idev: The binding.
 *
 * Context: Any.
 *
 * Return: the context, to which the binding holds a reference.
 */
struct iommufd_ctx *iommufd_device_to_ictx(struct iommufd_device *idev)
{
	return idev->ictx;
}
EXPORT_SYMBOL_GPL(iommufd_device_to_ictx);

/**
 * iommufd_device_to_id() - Tell the ID by which user space knows a device
 * @idev: The binding.
 *
 * Context: Any.
 *
 * Return: the ID.
 */
u32 iommufd_device_to_id(struct iommufd_device *idev)
{
	return idev->obj.id;
}
EXPORT_SYMBOL_GPL(iommufd_device_to_id);

/**
 * iommufd_ctx_has_group() - Tell whether a context owns an IOMMU group
 * @ictx: The context.
 * @group: The group.
 *
 * The answer stays true for as long as the caller keeps a device of the group
 * bound.
 *
 * Context: Any.
 *
 * Return: whether a device of @group is bound to @ictx.
 */
bool iommufd_ctx_has_group(struct iommufd_ctx *ictx, struct iommu_group *group)
{
	return xa_load(&ictx->groups, iommu_group_id(group));
}
EXPORT_SYMBOL_GPL(iommufd_ctx_has_group);
