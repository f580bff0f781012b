// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs: page tables for parts of a device's DMA
 *
 * DMA with a PASID goes through the page table that is attached to the PASID,
 * and all other DMA through that of the group, see attach.c.  The kernel has
 * one table of PASIDs for a group.  So a PASID belongs to the group, and to the
 * device of the group that it is attached for, until it is detached.
 *
 * IOMMUs may have page tables of several formats, not all of which serve devices
 * with PASIDs.  So user space says for which purpose a page table is made, and
 * while a PASID is attached, the group's page table is one for that, too.
 *
 * No region is reserved for a PASID: the regions are for what devices and
 * firmware do without a PASID, such as interrupts.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommufd.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "attach.h"
#include "backend/backend.h"
#include "device.h"
#include "fault.h"
#include "hw_pagetable.h"
#include "ioas.h"
#include "iopt/domains.h"
#include "nested.h"
#include "object.h"

/**
 * struct iommufd_pasid - A PASID that a page table is attached to
 * @idev: The device, of the group that has this in iommufd_group::pasids.
 * @hwpt: The page table, of which this is a user.
 * @fault_handle: Where page faults with the PASID go; NULL if @hwpt has none.
 *
 * Guarded by iommufd_group::lock.
 */
struct iommufd_pasid {
	struct iommufd_device *idev;
	struct iommufd_hwpt *hwpt;
	struct iommufd_fault_handle *fault_handle;
};

/* Each takes an entry of a table that the IOMMU driver makes for the device. */
static unsigned int max_pasids = 1024;
module_param(max_pasids, uint, 0644);
MODULE_PARM_DESC(max_pasids, "The most PASIDs of one context, an open file of /dev/iommu, that page tables are attached to (default: 1024)");

/* PASID 0 is what the kernel calls DMA without a PASID. */
static int pasid_check(struct iommufd_device *idev, u32 pasid,
		       struct iommufd_hwpt *hwpt)
{
	struct iommufd_group *igroup = idev->igroup;
	u8 bits = iommu_backend_pasid_bits(igroup->backend, idev->dev);

	if (!pasid || pasid >> bits)
		return -EINVAL;
	if (!iommufd_hwpt_is_for_pasids(hwpt) ||
	    (igroup->hwpt && !iommufd_hwpt_is_for_pasids(igroup->hwpt)))
		return -EINVAL;
	return 0;
}

static int pasid_set_domain(struct iommufd_device *idev, u32 pasid,
			    struct iommufd_hwpt *old, struct iommufd_hwpt *hwpt)
{
	struct iommufd_ioas *ioas = hwpt->ioas;
	int rc;

	if (mutex_lock_killable(&ioas->hwpts_lock))
		return -EINTR;
	rc = iommufd_hwpt_check_suits(hwpt, idev, NULL);
	if (!rc && WARN_ON(!iommufd_hwpt_filled(hwpt)))
		rc = -EINVAL;
	if (!rc)
		rc = iopt_domain_set_pasid(old ? &old->ioas->iopt : &ioas->iopt,
					   &ioas->iopt, hwpt->backend,
					   old ? old->domain : NULL,
					   hwpt->domain, idev->dev, pasid);
	mutex_unlock(&ioas->hwpts_lock);
	return rc;
}

/*
 * Let DMA with a PASID through a page table, which has one more user then, and
 * no longer through that of the entry, if it has one.  No such page table is
 * automatic, so whoever takes this use away need not look whether it was the
 * last.
 */
static int pasid_set_hwpt(struct iommufd_pasid *entry, u32 pasid,
			  struct iommufd_hwpt *hwpt)
{
	struct iommufd_device *idev = entry->idev;
	struct iommufd_hwpt *old = entry->hwpt;
	struct iommufd_fault_handle *handle;
	int rc;

	handle = iommufd_fault_handle_alloc(hwpt->fault_queue,
					    iommufd_hwpt_has_faults(hwpt) ?
						    &hwpt->ioas->iopt : NULL,
					    hwpt->backend, idev->obj.id);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	iommufd_fault_handle_set_moves(entry->fault_handle, true);
	rc = pasid_set_domain(idev, pasid, old, hwpt);
	if (rc) {
		iommufd_fault_handle_set_moves(entry->fault_handle, false);
		iommufd_fault_handle_free(handle);
		return rc;
	}
	entry->hwpt = hwpt;
	iommufd_fault_handle_switch(&entry->fault_handle, handle, idev->dev,
				    pasid);
	refcount_inc(&hwpt->obj.users);
	if (old)
		refcount_dec(&old->obj.users);
	return 0;
}

static int pasid_attach_locked(struct iommufd_device *idev, u32 pasid,
			       struct iommufd_hwpt *hwpt)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_pasid *entry;
	int rc;

	lockdep_assert_held(&igroup->lock);

	rc = pasid_check(idev, pasid, hwpt);
	if (rc)
		return rc;
	if (xa_load(&igroup->pasids, pasid))
		return -EBUSY;
	rc = iommufd_charge(&idev->ictx->npasids, 1, READ_ONCE(max_pasids));
	if (rc)
		return rc;
	entry = kzalloc(sizeof(*entry), GFP_KERNEL_ACCOUNT);
	if (!entry) {
		rc = -ENOMEM;
		goto err_uncharge;
	}
	entry->idev = idev;
	rc = xa_err(xa_store(&igroup->pasids, pasid, entry,
			     GFP_KERNEL_ACCOUNT));
	if (rc)
		goto err_free;
	rc = pasid_set_hwpt(entry, pasid, hwpt);
	if (rc)
		goto err_erase;
	idev->npasids++;
	igroup->npasids++;
	return 0;

err_erase:
	xa_erase(&igroup->pasids, pasid);
err_free:
	kfree(entry);
err_uncharge:
	atomic_dec(&idev->ictx->npasids);
	return rc;
}

static int pasid_replace_locked(struct iommufd_device *idev, u32 pasid,
				struct iommufd_hwpt *hwpt)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_pasid *entry;

	lockdep_assert_held(&igroup->lock);

	entry = xa_load(&igroup->pasids, pasid);
	if (!entry || entry->idev != idev)
		return -EINVAL;
	if (entry->hwpt == hwpt &&
	    iommu_backend_pasid_is_attached(igroup->backend, idev->dev, pasid))
		return 0;
	return pasid_check(idev, pasid, hwpt) ?:
	       pasid_set_hwpt(entry, pasid, hwpt);
}

static int pasid_set_locked(struct iommufd_device *idev, u32 pasid,
			    struct iommufd_hwpt *hwpt)
{
	struct iommufd_pasid *entry = xa_load(&idev->igroup->pasids, pasid);

	return entry && entry->idev == idev ?
		       pasid_replace_locked(idev, pasid, hwpt) :
		       pasid_attach_locked(idev, pasid, hwpt);
}

/* One of the three above */
typedef int (*pasid_locked_fn)(struct iommufd_device *idev, u32 pasid,
			       struct iommufd_hwpt *hwpt);

static int idev_pasid_attach(struct iommufd_device *idev, u32 pasid, u32 pt_id,
			     pasid_locked_fn attach)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_object *obj;
	struct iommufd_hwpt *hwpt;
	int rc;

	obj = iommufd_object_get(idev->ictx, pt_id, NULL);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	if (obj->type != &iommufd_hwpt_type &&
	    obj->type != &iommufd_nested_type) {
		rc = -EINVAL;
		goto out_put;
	}
	hwpt = container_of(obj, struct iommufd_hwpt, obj);

	if (mutex_lock_killable(&igroup->lock)) {
		rc = -EINTR;
		goto out_put;
	}
	rc = attach(idev, pasid, hwpt);
	mutex_unlock(&igroup->lock);
out_put:
	iommufd_object_put(obj);
	return rc;
}

/**
 * iommufd_device_pasid_attach() - Let a device do DMA with a PASID
 * @idev: The binding, attached to a page table for devices that use PASIDs, or
 *	detached.
 * @pasid: The PASID, detached.
 * @pt_id: ID of a page table (HWPT) for devices that use PASIDs.
 *
 * Regions that are reserved for the device or its IOMMU may be mapped in the
 * page table's IOAS.
 *
 * Context: Process context.  Pairs with iommufd_device_pasid_detach() or
 * iommufd_device_pasid_detach_all().
 *
 * Return: 0, or, with nothing changed: -ENOENT without such an object, -EINVAL
 * when it is not such a page table, or one that the IOMMU cannot use, when
 * @idev is attached to another page table than such a one, or when @pasid is 0
 * or more than the device has, -EBUSY when a device of the group has @pasid
 * attached, -ENOSPC when the context would have too many, -EINTR when killed,
 * -ENOMEM, or what the IOMMU driver says.
 */
int iommufd_device_pasid_attach(struct iommufd_device *idev, u32 pasid,
				u32 pt_id)
{
	return idev_pasid_attach(idev, pasid, pt_id, pasid_attach_locked);
}
EXPORT_SYMBOL_GPL(iommufd_device_pasid_attach);

/**
 * iommufd_device_pasid_replace() - Move a PASID to another page table
 * @idev: The binding.
 * @pasid: The PASID, attached by iommufd_device_pasid_attach() for @idev.
 * @pt_id: As for iommufd_device_pasid_attach().
 *
 * In between, DMA with the PASID goes through one of the two, or is blocked.  A
 * replace that fails leaves the PASID where it was.  If the IOMMU driver has blocked
 * it and cannot attach it there again, it stays blocked, and the log says so; the
 * next replace, by whatever page table, attaches it anew.
 *
 * Context: Process context.
 *
 * Return: as iommufd_device_pasid_attach(), but -EINVAL when @pasid is not
 * attached for @idev.
 */
int iommufd_device_pasid_replace(struct iommufd_device *idev, u32 pasid,
				 u32 pt_id)
{
	return idev_pasid_attach(idev, pasid, pt_id, pasid_replace_locked);
}
EXPORT_SYMBOL_GPL(iommufd_device_pasid_replace);

/**
 * iommufd_device_pasid_set() - Attach a PASID, or move it if it is attached
 * @idev: The binding, as for iommufd_device_pasid_attach().
 * @pasid: The PASID, attached for @idev or not.
 * @pt_id: As for iommufd_device_pasid_attach().
 *
 * Context: Process context.
 *
 * Return: as iommufd_device_pasid_replace() if @pasid is attached for @idev, else as
 * iommufd_device_pasid_attach().
 */
int iommufd_device_pasid_set(struct iommufd_device *idev, u32 pasid, u32 pt_id)
{
	return idev_pasid_attach(idev, pasid, pt_id, pasid_set_locked);
}
EXPORT_SYMBOL_GPL(iommufd_device_pasid_set);

static void pasid_detach_locked(struct iommufd_pasid *entry, u32 pasid)
{
	struct iommufd_device *idev = entry->idev;
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *hwpt = entry->hwpt;

	lockdep_assert_held(&igroup->lock);

	iopt_domain_clear_pasid(&hwpt->ioas->iopt, igroup->backend,
				hwpt->domain, idev->dev, pasid);
	iommufd_fault_handle_switch(&entry->fault_handle, NULL, idev->dev,
				    pasid);
	xa_erase(&igroup->pasids, pasid);
	kfree(entry);
	idev->npasids--;
	igroup->npasids--;
	atomic_dec(&idev->ictx->npasids);
	refcount_dec(&hwpt->obj.users);
}

/**
 * iommufd_device_pasid_detach() - Undo iommufd_device_pasid_attach()
 * @idev: The binding.
 * @pasid: Any number; nothing happens unless it is a PASID that is attached for
 *	@idev.
 *
 * Context: Process context.
 */
void iommufd_device_pasid_detach(struct iommufd_device *idev, u32 pasid)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_pasid *entry;

	mutex_lock(&igroup->lock);
	entry = xa_load(&igroup->pasids, pasid);
	if (entry && entry->idev == idev)
		pasid_detach_locked(entry, pasid);
	mutex_unlock(&igroup->lock);
}
EXPORT_SYMBOL_GPL(iommufd_device_pasid_detach);

/**
 * iommufd_device_pasid_detach_all() - Detach all PASIDs of a device
 * @idev: The binding.
 *
 * Context: Process context.
 */
void iommufd_device_pasid_detach_all(struct iommufd_device *idev)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_pasid *entry;
	unsigned long pasid;

	mutex_lock(&igroup->lock);
	xa_for_each(&igroup->pasids, pasid, entry) {
		if (entry->idev == idev)
			pasid_detach_locked(entry, pasid);
		cond_resched();
	}
	mutex_unlock(&igroup->lock);
}
EXPORT_SYMBOL_GPL(iommufd_device_pasid_detach_all);
