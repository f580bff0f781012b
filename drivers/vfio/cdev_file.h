/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A character device and its open files: the state that cdev.c and cdev_bind.c
 * share.
 *
 * Locks, outermost first: vfio_cdev_file.lock, vfio_cdev.lock, the lock of the
 * VFIO core's device set, vfio_cdev_file.kvm_lock.  User memory is touched with
 * vfio_cdev_file.lock held, but with none of the others: those are shared with
 * other users.
 */
#ifndef __VFIO_CDEV_FILE_H
#define __VFIO_CDEV_FILE_H

#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct iommufd_ctx;
struct iommufd_device;
struct kvm;
struct vfio_cdev_ops;
struct vfio_device;

/**
 * struct vfio_cdev - The character device of a VFIO device
 * @kref: One reference for the vfio_device, one for each open file.
 * @path: The path of the device in sysfs, below /sys; its last part is the name
 *	of the device.
 * @minor: Minor number: the N of vfioN, and the index in vfio_cdevs.
 * @noiommu: No IOMMU keeps the device from memory, see noiommu.c.
 * @coherent: The IOMMU enforces cache coherency, even for DMA that the device
 *	marks as not snooped.
 * @ops: The operations of the bus driver.
 * @lock: Guards @vdev and @claimed.
 * @vdev: The device; NULL from vfio_cdev_del() on.
 * @claimed: A file is bound, or is between the first step of bind and the last
 *	step of release.
 * @user: The file that has the device open, or NULL; guarded by the lock of the
 *	device set.
 *
 * A vfio_cdev outlives its vfio_device as long as a file is open: a parked file
 * refers to the vfio_cdev only.  All fields without a lock are constant.
 */
struct vfio_cdev {
	struct kref kref;
	const char *path;
	unsigned int minor;
	bool noiommu;
	bool coherent;
	const struct vfio_cdev_ops *ops;
	struct mutex lock; /* see above */
	struct vfio_device *vdev;
	bool claimed;
	struct vfio_cdev_file *user;
};

/**
 * struct vfio_cdev_file - An open file of the character device
 * @file: The file.
 * @cdev: The character device, a reference.
 * @lock: Serializes bind, attach and detach; guards the fields from @vdev to
 *	@pt_id.
 * @vdev: The device that the file is bound to, NULL while the file is parked.
 *	Written once, with release semantics, as the last step of bind; read
 *	without @lock.  The file holds a registration of the device.
 * @ictx: The context that the device is bound to, a reference.
 * @idev: The device in @ictx.
 * @pt_id: The ID of the page table that @idev is attached to, 0 if to none.
 *	Also read without @lock.
 * @kvm_lock: Guards @kvm; innermost.
 * @kvm: The VM that KVM has given the file to, or NULL.  The file holds no
 *	reference: KVM takes the VM back before the VM is freed.
 *
 * @vdev, @ictx and @idev change in bind and in release only, so every call on a
 * bound file may use them without @lock.
 */
struct vfio_cdev_file {
	struct file *file;
	struct vfio_cdev *cdev;
	struct mutex lock; /* see above */
	struct vfio_device *vdev;
	struct iommufd_ctx *ictx;
	struct iommufd_device *idev;
	u32 pt_id;
	spinlock_t kvm_lock; /* of @kvm */
	struct kvm *kvm;
};

/**
 * vfio_cdev_bound() - The device that a file is bound to
 * @file: A device file.
 *
 * Context: Any.
 *
 * Return: The device, whose bind is complete; NULL while the file is parked.
 */
static inline struct vfio_device *vfio_cdev_bound(struct file *file)
{
	struct vfio_cdev_file *df = file->private_data;

	/* Pairs with the store in vfio_cdev_bind_locked(). */
	return smp_load_acquire(&df->vdev);
}

#endif
