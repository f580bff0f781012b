/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __VFIO_CDEV_OPS_H
#define __VFIO_CDEV_OPS_H

struct file;
struct vfio_device;

/**
 * struct vfio_cdev_ops - The operations of a bus driver for its device files
 * @opened: Called by bind, when the device is bound to a context and open.
 *	Returns 0 or an errno; on an errno bind fails.
 * @closing: Undo @opened.  Called before vfio_device_ops.close_device().
 * @called: Called after each ioctl(), read() and write() of a bound file.
 *
 * A bus driver gives them to vfio_cdev_add(); they are constant.
 *
 * Context: process context; may sleep.  @opened and @closing are called with
 * vfio_cdev_file.lock held, @called without a lock.
 */
struct vfio_cdev_ops {
	int (*opened)(struct vfio_device *vdev, struct file *file);
	void (*closing)(struct vfio_device *vdev);
	void (*called)(struct vfio_device *vdev);
};

#endif
