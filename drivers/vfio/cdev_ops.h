/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __VFIO_CDEV_OPS_H
#define __VFIO_CDEV_OPS_H

struct vfio_device;

/**
 * struct vfio_cdev_ops - The operations of a bus driver for its device files
 * @called: Called after each ioctl() of a bound file, also after those that do
 *	not reach vfio_device_ops.
 *
 * A bus driver gives them to vfio_cdev_add(); they are constant.
 *
 * Context: process context; may sleep.  No lock is held.
 */
struct vfio_cdev_ops {
	void (*called)(struct vfio_device *vdev);
};

#endif
