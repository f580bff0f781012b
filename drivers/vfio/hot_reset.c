// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot reset: the reset of all functions on a bus or in a slot at once.
 *
 * A user of the group interface passes the group files of all functions that
 * are reset, and vfio-pci-core performs the reset.  A user of a device file
 * passes no files: all functions must belong to the context that the device is
 * bound to.  vfio-pci-core knows no contexts, so this file performs that reset.
 * Each function must be bound to a VFIO driver.  It must also be open in the
 * context, or be in an IOMMU group that the context owns, so that nobody else
 * can open it.
 *
 * The two kinds of reset exclude each other.  Whoever may open a group's node
 * can pass its file, even while a function of the group is in use through its
 * device file.  So a reset by group files is refused while any function of the
 * device set is in use through its device file, and bind of a device file is
 * refused while a reset by group files is under way.  A function of the set
 * that is bound to another VFIO driver can still be the caller of a reset by
 * group files, because the calls of its users do not reach this file.
 *
 * The lock of the device set is held throughout a reset by device file:
 * meanwhile no device of the set is opened or closed, and none leaves the set.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/rwsem.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>
#include <uapi/linux/vfio_cdev.h>

#include "cdev.h"
#include "device.h"
#include "hot_reset.h"

/**
 * struct vfio_pci_affected - The functions that a hot reset affects
 * @slot: The slot that is reset; NULL if a bus is reset.
 * @dev_set: The device set of the caller's device.
 * @ictx: The context of the caller.
 * @devices: An entry for each function found, up to @max entries.
 * @max: Number of entries that @devices has room for.
 * @count: Number of functions found; may exceed @max.
 * @owned: All functions found belong to @ictx.
 *
 * Filled in by vfio_pci_affected_find(), for one call of one user.  It is true
 * as long as the lock of the device set is held.
 */
struct vfio_pci_affected {
	struct pci_slot *slot;
	struct vfio_device_set *dev_set;
	struct iommufd_ctx *ictx;
	struct vfio_pci_dependent_device *devices;
	unsigned int max;
	unsigned int count;
	bool owned;
};

/*
 * The binding of a function that is in use through its device file, or NULL.
 * The caller holds the lock of the device set.
 */
static struct iommufd_device *vfio_pci_binding(struct vfio_device *vdev)
{
	if (vdev->ops != &vfio_pci_ops)
		return NULL;
	return vfio_cdev_binding(to_vfio_pci(vdev)->cdev, vdev);
}

static bool vfio_pci_group_owned(struct iommufd_ctx *ictx, struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	bool owned;

	owned = group && iommufd_ctx_has_group(ictx, group);
	iommu_group_put(group);
	return owned;
}

/* The ID of a function in a context, or VFIO_PCI_DEVID_* if it has none */
static u32 vfio_pci_devid(struct vfio_device_set *dev_set,
			  struct iommufd_ctx *ictx, struct pci_dev *pdev)
{
	struct iommufd_device *idev;
	struct vfio_device *vdev;

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list) {
		if (vdev->dev != &pdev->dev)
			continue;
		idev = vfio_pci_binding(vdev);
		if (idev && iommufd_device_to_ictx(idev) == ictx)
			return iommufd_device_to_id(idev);
		if (vfio_pci_group_owned(ictx, &pdev->dev))
			return VFIO_PCI_DEVID_OWNED;
		break;
	}
	return VFIO_PCI_DEVID_NOT_OWNED;
}

static bool vfio_pci_below_slot(struct pci_dev *pdev, struct pci_slot *slot)
{
	for (; pdev; pdev = pdev->bus->self)
		if (pdev->bus == slot->bus)
			return pdev->slot == slot;
	return false;
}

static int vfio_pci_affected_add(struct pci_dev *pdev, void *data)
{
	struct vfio_pci_affected *affected = data;
	u32 devid;

	if (affected->slot && !vfio_pci_below_slot(pdev, affected->slot))
		return 0;

	devid = vfio_pci_devid(affected->dev_set, affected->ictx, pdev);
	if (devid == (u32)VFIO_PCI_DEVID_NOT_OWNED)
		affected->owned = false;
	if (affected->count < affected->max)
		affected->devices[affected->count] =
			(struct vfio_pci_dependent_device) {
				.group_id = devid,
				.segment = pci_domain_nr(pdev->bus),
				.bus = pdev->bus->number,
				.devfn = pdev->devfn,
			};
	affected->count++;
	return 0;
}

/* Find all functions that a hot reset of the caller's device affects. */
static int vfio_pci_affected_find(struct vfio_pci_device *pci,
				  struct vfio_pci_affected *affected)
{
	struct vfio_device *vdev = &pci->core.vdev;
	struct pci_dev *pdev = pci->core.pdev;

	lockdep_assert_held(&vdev->dev_set->lock);

	if (!pci_probe_reset_slot(pdev->slot))
		affected->slot = pdev->slot;
	else if (pci_probe_reset_bus(pdev->bus))
		return -ENODEV;

	affected->dev_set = vdev->dev_set;
	affected->ictx = iommufd_device_to_ictx(vfio_pci_binding(vdev));
	affected->count = 0;
	affected->owned = true;
	pci_walk_bus(pdev->bus, vfio_pci_affected_add, affected);
	return 0;
}

static bool vfio_pci_is_cdev_user(struct vfio_pci_device *pci)
{
	struct vfio_device *vdev = &pci->core.vdev;
	bool is;

	mutex_lock(&vdev->dev_set->lock);
	is = vfio_pci_binding(vdev);
	mutex_unlock(&vdev->dev_set->lock);
	return is;
}

/*
 * As vfio_pci_affected_find(), with a list of at most @max_count functions in
 * @affected->devices, which the caller frees.
 */
static int vfio_pci_affected_list(struct vfio_pci_device *pci,
				  struct vfio_pci_affected *affected,
				  u32 max_count)
{
	struct mutex *lock = &pci->core.vdev.dev_set->lock;
	int rc;

	mutex_lock(lock);
	rc = vfio_pci_affected_find(pci, affected);
	mutex_unlock(lock);
	if (rc)
		return rc;
	if (affected->count > max_count)
		return -ENOSPC;

	affected->max = affected->count;
	affected->devices = kcalloc(affected->max, sizeof(*affected->devices),
				    GFP_KERNEL_ACCOUNT);
	if (!affected->devices)
		return -ENOMEM;

	mutex_lock(lock);
	rc = vfio_pci_affected_find(pci, affected);
	mutex_unlock(lock);
	if (!rc && affected->count > affected->max)
		return -EAGAIN;	/* as vfio-pci-core: the bus has grown */
	return rc;
}

static long
vfio_pci_cdev_hot_reset_info(struct vfio_pci_device *pci,
			     struct vfio_pci_hot_reset_info __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_pci_hot_reset_info, count);
	struct vfio_pci_affected affected = {};
	struct vfio_pci_hot_reset_info info;
	int rc;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	rc = vfio_pci_affected_list(pci, &affected,
				    (info.argsz - minsz) /
				    sizeof(*affected.devices));
	if (rc && rc != -ENOSPC)
		goto out_free;

	info.count = affected.count;
	info.flags = 0;
	if (!rc) {
		info.flags = VFIO_PCI_HOT_RESET_FLAG_DEV_ID;
		if (affected.owned)
			info.flags |= VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
		if (copy_to_user(arg->devices, affected.devices,
				 info.count * sizeof(*affected.devices)))
			rc = -EFAULT;
	}
	if (rc != -EFAULT && copy_to_user(arg, &info, minsz))
		rc = -EFAULT;
out_free:
	kfree(affected.devices);
	return rc;
}

/*
 * Keep the CPU away from the memory of all devices of the set: no BAR stays in
 * a page table, and page faults, reads and writes wait for memory_lock.
 *
 * The lock of the set makes it safe to take memory_lock of many devices: nobody
 * who holds memory_lock of one device waits for that of another without the
 * lock of the set.  Where vfio-pci-core has a list of mappings, with vma_lock,
 * a page fault takes vma_lock before memory_lock; so vma_lock of all devices is
 * taken before any memory_lock.  The page tables are empty when those lists
 * are.
 *
 * Returns 0, or -EINTR when the caller is killed.
 */
static int vfio_pci_devset_block_memory(struct vfio_device_set *dev_set)
{
	struct vfio_pci_core_device *core;
	int rc;

	rc = compat_vfio_pci_lock_vmas(dev_set);
	if (rc)
		return rc;

	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list) {
		struct vfio_device *vdev = &core->vdev;

		down_write_nest_lock(&core->memory_lock, &dev_set->lock);
		if (!vfio_pci_lists_vmas && vdev->ops == &vfio_pci_ops)
			vfio_cdev_zap(to_vfio_pci(vdev)->cdev, vdev);
	}

	compat_vfio_pci_unlock_vmas(dev_set);
	return 0;
}

static void vfio_pci_devset_unblock_memory(struct vfio_device_set *dev_set)
{
	struct vfio_pci_core_device *core;

	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list)
		up_write(&core->memory_lock);
}

/*
 * Wake up a device that its user has put into low power, as vfio-pci-core
 * would.  A device that loses its state in D3 is given back its saved state; a
 * reset from D3 would not restore it.
 */
static void vfio_pci_wake(struct vfio_pci_core_device *core)
{
	struct pci_dev *pdev = core->pdev;
	bool restore = core->needs_pm_restore &&
		       (pdev->current_state == PCI_D3hot ||
			pdev->current_state == PCI_D3cold);

	if (pci_set_power_state(pdev, PCI_D0) || !restore)
		return;
	pci_load_and_free_saved_state(pdev, &core->pm_save);
	pci_restore_state(pdev);
}

static int vfio_pci_devset_pm_get(struct vfio_device_set *dev_set)
{
	struct vfio_device *vdev;
	int rc;

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list) {
		rc = pm_runtime_resume_and_get(vdev->dev);
		if (rc)
			goto err_put;
	}
	return 0;

err_put:
	list_for_each_entry_continue_reverse(vdev, &dev_set->device_list,
					     dev_set_list)
		pm_runtime_put(vdev->dev);
	return rc;
}

static void vfio_pci_devset_pm_put(struct vfio_device_set *dev_set)
{
	struct vfio_device *vdev;

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		pm_runtime_put(vdev->dev);
}

static int vfio_pci_devset_reset(struct vfio_device_set *dev_set,
				 struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core;
	int rc;

	lockdep_assert_held(&dev_set->lock);

	rc = vfio_pci_devset_pm_get(dev_set);
	if (rc)
		return rc;

	rc = vfio_pci_devset_block_memory(dev_set);
	if (rc)
		goto out_put;
	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list)
		vfio_pci_wake(core);
	rc = pci_reset_bus(pdev);
	vfio_pci_devset_unblock_memory(dev_set);
out_put:
	vfio_pci_devset_pm_put(dev_set);
	return rc;
}

static long vfio_pci_cdev_hot_reset(struct vfio_pci_device *pci,
				    struct vfio_pci_hot_reset __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_pci_hot_reset, count);
	struct vfio_device_set *dev_set = pci->core.vdev.dev_set;
	struct vfio_pci_affected affected = {};
	struct vfio_pci_hot_reset reset;
	int rc;

	if (copy_from_user(&reset, arg, minsz))
		return -EFAULT;
	if (reset.argsz < minsz || reset.flags || reset.count)
		return -EINVAL;

	mutex_lock(&dev_set->lock);
	rc = vfio_pci_affected_find(pci, &affected);
	if (!rc && !affected.owned)
		rc = -EINVAL;
	if (!rc)
		rc = vfio_pci_devset_reset(dev_set, pci->core.pdev);
	mutex_unlock(&dev_set->lock);
	return rc;
}

/* Whether a device of the set is in use through its device file. */
static bool vfio_pci_devset_in_use(struct vfio_device_set *dev_set)
{
	struct vfio_device *vdev;

	lockdep_assert_held(&dev_set->lock);

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		if (vfio_pci_binding(vdev))
			return true;
	return false;
}

/*
 * vfio-pci-core reads the arguments from user memory before it takes the lock
 * of the device set, so the lock cannot be held around the call.
 */
static long vfio_pci_group_hot_reset(struct vfio_pci_device *pci,
				     unsigned long arg)
{
	struct vfio_device *vdev = &pci->core.vdev;
	struct vfio_device_set *dev_set = vdev->dev_set;
	bool in_use;
	long rc;

	mutex_lock(&dev_set->lock);
	in_use = vfio_pci_devset_in_use(dev_set);
	if (!in_use)
		pci->hot_resets++;
	mutex_unlock(&dev_set->lock);
	if (in_use)
		return -EINVAL;

	rc = vfio_pci_core_ioctl(vdev, VFIO_DEVICE_PCI_HOT_RESET, arg);

	mutex_lock(&dev_set->lock);
	pci->hot_resets--;
	mutex_unlock(&dev_set->lock);
	return rc;
}

/**
 * vfio_pci_hot_reset_by_group() - Whether a reset by group files is under way
 * @dev_set: The device set.
 *
 * Context: The caller holds the lock of the device set.
 *
 * Return: true if one is under way; then no device of the set must be opened
 * through its device file.
 */
bool vfio_pci_hot_reset_by_group(struct vfio_device_set *dev_set)
{
	struct vfio_device *vdev;

	lockdep_assert_held(&dev_set->lock);

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		if (vdev->ops == &vfio_pci_ops && to_vfio_pci(vdev)->hot_resets)
			return true;
	return false;
}

/**
 * vfio_pci_hot_reset_info() - VFIO_DEVICE_GET_PCI_HOT_RESET_INFO
 * @pci: The device, open.
 * @arg: Pointer to struct vfio_pci_hot_reset_info in user memory.
 *
 * Context: Process context; sleeps.  Takes the lock of the device set.
 *
 * Return: 0; -EFAULT; -EINVAL if the struct is too small; -ENODEV if neither
 * the bus nor the slot of the device can be reset; -ENOSPC if the list is too
 * short, with its necessary length in the struct; -EAGAIN if functions were
 * added during the call; -ENOMEM.
 */
long vfio_pci_hot_reset_info(struct vfio_pci_device *pci, unsigned long arg)
{
	if (vfio_pci_is_cdev_user(pci))
		return vfio_pci_cdev_hot_reset_info(pci, (void __user *)arg);
	return vfio_pci_core_ioctl(&pci->core.vdev,
				   VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, arg);
}

/**
 * vfio_pci_hot_reset() - VFIO_DEVICE_PCI_HOT_RESET
 * @pci: The device, open.
 * @arg: Pointer to struct vfio_pci_hot_reset in user memory.
 *
 * Context: Process context; sleeps.  Takes the lock of the device set.
 *
 * Return: 0; -EFAULT; -EINVAL if the struct or its fields are wrong, or if a
 * function that would be reset does not belong to the caller; -ENODEV if
 * neither the bus nor the slot of the device can be reset; -EINTR when killed;
 * or an errno of the PCI core.
 */
long vfio_pci_hot_reset(struct vfio_pci_device *pci, unsigned long arg)
{
	if (vfio_pci_is_cdev_user(pci))
		return vfio_pci_cdev_hot_reset(pci, (void __user *)arg);
	return vfio_pci_group_hot_reset(pci, arg);
}
