// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot reset: of all functions on a bus, or in a slot, at once.
 *
 * A user of the group interface shows the group files of all that is reset, and
 * the kernel's vfio-pci-core does it.  A user of a device file shows nothing:
 * what counts is that all belongs to the context which its device is bound to.
 * That is done here, since the core knows no contexts.  All functions must be
 * bound to a VFIO driver, and each either be open in that context, or be in an
 * IOMMU group that the context owns, so that nobody else can open it.
 *
 * The two do not mix.  Anyone who may open a group's node can show its file,
 * even while a function of the group is in use through its device file.  So a
 * hot reset by group files is refused while that is the case for any function
 * of the device set, and while one is under way no device file can be bound.
 * Functions of the set that are bound to another VFIO driver escape the first
 * rule, as their calls do not come by here.
 *
 * The lock of the device set is held throughout a reset by device file: until
 * it is over nobody opens or closes a device of the set, or leaves the set.
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
 * struct vfio_pci_affected - what a hot reset affects, as a walk finds it
 * @slot: the slot that is reset, NULL if it is a bus
 * @dev_set: the devices that the caller's device is reset with, locked
 * @ictx: the caller's context
 * @devices: filled in, up to @max entries
 * @max: number of entries of @devices
 * @count: functions found
 * @owned: all of them belong to @ictx
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

/* Where a function is in use through its device file, or NULL */
static struct iommufd_device *vfio_pci_user(struct vfio_device *vdev)
{
	if (vdev->ops != &vfio_pci_ops)
		return NULL;
	return vfio_cdev_user(to_vfio_pci(vdev)->cdev, vdev);
}

static bool vfio_pci_group_owned(struct iommufd_ctx *ictx, struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	bool owned;

	owned = group && iommufd_ctx_has_group(ictx, group);
	iommu_group_put(group);
	return owned;
}

/* What a context may know a function by, and whether it is its own */
static u32 vfio_pci_devid(struct vfio_device_set *dev_set,
			  struct iommufd_ctx *ictx, struct pci_dev *pdev)
{
	struct iommufd_device *idev;
	struct vfio_device *vdev;

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list) {
		if (vdev->dev != &pdev->dev)
			continue;
		idev = vfio_pci_user(vdev);
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

/* Find what a hot reset of the caller's device affects, whatever it is. */
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
	affected->ictx = iommufd_device_to_ictx(vfio_pci_user(vdev));
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
	is = vfio_pci_user(vdev);
	mutex_unlock(&vdev->dev_set->lock);
	return is;
}

/* The list is to be freed by the caller. */
static int vfio_pci_affected_list(struct vfio_pci_device *pci,
				  struct vfio_pci_affected *affected, u32 room)
{
	struct mutex *lock = &pci->core.vdev.dev_set->lock;
	int ret;

	mutex_lock(lock);
	ret = vfio_pci_affected_find(pci, affected);
	mutex_unlock(lock);
	if (ret)
		return ret;
	if (affected->count > room)
		return -ENOSPC;

	affected->max = affected->count;
	affected->devices = kcalloc(affected->max, sizeof(*affected->devices),
				    GFP_KERNEL_ACCOUNT);
	if (!affected->devices)
		return -ENOMEM;

	mutex_lock(lock);
	ret = vfio_pci_affected_find(pci, affected);
	mutex_unlock(lock);
	if (!ret && affected->count > affected->max)
		return -EAGAIN;	/* one more since, as the core has it */
	return ret;
}

static long
vfio_pci_cdev_hot_reset_info(struct vfio_pci_device *pci,
			     struct vfio_pci_hot_reset_info __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_pci_hot_reset_info, count);
	struct vfio_pci_affected affected = {};
	struct vfio_pci_hot_reset_info info;
	int ret;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	ret = vfio_pci_affected_list(pci, &affected,
				     (info.argsz - minsz) /
				     sizeof(*affected.devices));
	if (ret && ret != -ENOSPC)
		goto out_free;

	info.count = affected.count;
	info.flags = 0;
	if (!ret) {
		info.flags = VFIO_PCI_HOT_RESET_FLAG_DEV_ID;
		if (affected.owned)
			info.flags |= VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
		if (copy_to_user(arg->devices, affected.devices,
				 info.count * sizeof(*affected.devices)))
			ret = -EFAULT;
	}
	if (ret != -EFAULT && copy_to_user(arg, &info, minsz))
		ret = -EFAULT;
out_free:
	kfree(affected.devices);
	return ret;
}

/*
 * Keep everybody away from the memory of all devices of the set: nothing is
 * mapped any more, and a fault, or a read or write, waits for @memory_lock.
 *
 * The lock of the set is what allows to wait for many of these locks.  Nobody
 * else who holds one waits for that of another device.  A fault takes vma_lock,
 * then @memory_lock, so the first of all devices come before the second of any.
 * Where there is a list of what is mapped, there is a lock for that, too, and
 * emptying it has emptied the page tables.
 */
static void vfio_pci_set_block_memory(struct vfio_device_set *dev_set)
{
	struct vfio_pci_core_device *core;

	compat_vfio_pci_lock_vmas(dev_set);

	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list) {
		struct vfio_device *vdev = &core->vdev;

		down_write_nest_lock(&core->memory_lock, &dev_set->lock);
		if (!vfio_pci_lists_vmas && vdev->ops == &vfio_pci_ops)
			vfio_cdev_zap(to_vfio_pci(vdev)->cdev, vdev);
	}

	compat_vfio_pci_unlock_vmas(dev_set);
}

static void vfio_pci_set_unblock_memory(struct vfio_device_set *dev_set)
{
	struct vfio_pci_core_device *core;

	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list)
		up_write(&core->memory_lock);
}

/*
 * Wake a device up, if its user has put it to sleep, as the core would: one that
 * forgets its state in D3 has it saved.  Reset from D3 it would not be restored.
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

static int vfio_pci_set_pm_get(struct vfio_device_set *dev_set)
{
	struct vfio_device *vdev;
	int ret;

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list) {
		ret = pm_runtime_resume_and_get(vdev->dev);
		if (ret)
			goto out_put;
	}
	return 0;

out_put:
	list_for_each_entry_continue_reverse(vdev, &dev_set->device_list,
					     dev_set_list)
		pm_runtime_put(vdev->dev);
	return ret;
}

static void vfio_pci_set_pm_put(struct vfio_device_set *dev_set)
{
	struct vfio_device *vdev;

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		pm_runtime_put(vdev->dev);
}

static int vfio_pci_set_reset(struct vfio_device_set *dev_set,
			      struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core;
	int ret;

	lockdep_assert_held(&dev_set->lock);

	ret = vfio_pci_set_pm_get(dev_set);
	if (ret)
		return ret;

	vfio_pci_set_block_memory(dev_set);
	list_for_each_entry(core, &dev_set->device_list, vdev.dev_set_list)
		vfio_pci_wake(core);
	ret = pci_reset_bus(pdev);
	vfio_pci_set_unblock_memory(dev_set);

	vfio_pci_set_pm_put(dev_set);
	return ret;
}

static long vfio_pci_cdev_hot_reset(struct vfio_pci_device *pci,
				    struct vfio_pci_hot_reset __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_pci_hot_reset, count);
	struct vfio_device_set *dev_set = pci->core.vdev.dev_set;
	struct vfio_pci_affected affected = {};
	struct vfio_pci_hot_reset reset;
	int ret;

	if (copy_from_user(&reset, arg, minsz))
		return -EFAULT;
	if (reset.argsz < minsz || reset.flags || reset.count)
		return -EINVAL;

	mutex_lock(&dev_set->lock);
	ret = vfio_pci_affected_find(pci, &affected);
	if (!ret && !affected.owned)
		ret = -EINVAL;
	if (!ret)
		ret = vfio_pci_set_reset(dev_set, pci->core.pdev);
	mutex_unlock(&dev_set->lock);
	return ret;
}

/* Whether a device of the set is in use through its character device. */
static bool vfio_pci_set_in_use(struct vfio_device_set *dev_set)
{
	struct vfio_device *vdev;

	lockdep_assert_held(&dev_set->lock);

	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		if (vfio_pci_user(vdev))
			return true;
	return false;
}

/*
 * The core reads the arguments from user memory before it takes the lock of
 * the device set, so that lock cannot be held around the call.
 */
static long vfio_pci_group_hot_reset(struct vfio_pci_device *pci,
				     unsigned long arg)
{
	struct vfio_device *vdev = &pci->core.vdev;
	struct vfio_device_set *dev_set = vdev->dev_set;
	bool in_use;
	long ret;

	mutex_lock(&dev_set->lock);
	in_use = vfio_pci_set_in_use(dev_set);
	if (!in_use)
		pci->hot_resets++;
	mutex_unlock(&dev_set->lock);
	if (in_use)
		return -EINVAL;

	ret = vfio_pci_core_ioctl(vdev, VFIO_DEVICE_PCI_HOT_RESET, arg);

	mutex_lock(&dev_set->lock);
	pci->hot_resets--;
	mutex_unlock(&dev_set->lock);
	return ret;
}

/**
 * vfio_pci_hot_reset_by_group - whether a hot reset by group files is under way
 * @dev_set: the device set that may be reset
 *
 * Context: the caller holds the lock of the device set.
 *
 * Return: true if so; then no device file must be taken into use.
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
 * vfio_pci_hot_reset_info - VFIO_DEVICE_GET_PCI_HOT_RESET_INFO
 * @pci: the device, open
 * @arg: pointer to struct vfio_pci_hot_reset_info in user memory
 *
 * Context: process context; sleeps.
 *
 * Return: 0, -EFAULT, -EINVAL if the struct is too small, -ENODEV if the device
 * can be reset in no such way, -ENOSPC if the list has too little room for the
 * count that is filled in then, -EAGAIN if devices come this moment, -ENOMEM.
 */
long vfio_pci_hot_reset_info(struct vfio_pci_device *pci, unsigned long arg)
{
	if (vfio_pci_is_cdev_user(pci))
		return vfio_pci_cdev_hot_reset_info(pci, (void __user *)arg);
	return vfio_pci_core_ioctl(&pci->core.vdev,
				   VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, arg);
}

/**
 * vfio_pci_hot_reset - VFIO_DEVICE_PCI_HOT_RESET
 * @pci: the device, open
 * @arg: pointer to struct vfio_pci_hot_reset in user memory
 *
 * Context: process context; sleeps.
 *
 * Return: 0; -EFAULT; -EINVAL if the struct or its fields are wrong, or what
 * would be reset is not all the caller's; -ENODEV if the device can be reset in
 * no such way; or what the PCI core says.
 */
long vfio_pci_hot_reset(struct vfio_pci_device *pci, unsigned long arg)
{
	if (vfio_pci_is_cdev_user(pci))
		return vfio_pci_cdev_hot_reset(pci, (void __user *)arg);
	return vfio_pci_group_hot_reset(pci, arg);
}
