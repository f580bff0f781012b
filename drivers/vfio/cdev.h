/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The character device of a VFIO device: /dev/vfio/devices/vfioN.
 *
 * A bus driver calls, in this order:
 *
 *	vfio_alloc_device()
 *	vfio_cdev_add()			if vfio_cdev_possible()
 *	vfio_register_group_dev()	the node appears
 *	...
 *	vfio_cdev_del()			no new users; files in use stay in use
 *	vfio_unregister_group_dev()	waits for the users; the node goes
 *	vfio_put_device()
 *	vfio_cdev_put()			from vfio_device_ops.release
 */
#ifndef __VFIO_CDEV_H
#define __VFIO_CDEV_H

#include <linux/types.h>

struct device;
struct file;
struct iommufd_ctx;
struct iommufd_device;
struct kvm;
struct vfio_cdev;
struct vfio_device;

/**
 * struct vfio_cdev_ops - what a driver does for users of the device file
 * @opened: a file has the device open, and bound to a context.  Returns 0 or an
 *	    errno, and then bind fails.
 * @closing: undoes it, before close_device.
 * @called: a call on the file is over.  Most of them wake the device up.
 */
struct vfio_cdev_ops {
	int (*opened)(struct vfio_device *vdev, struct iommufd_ctx *ictx,
		      struct file *filp);
	void (*closing)(struct vfio_device *vdev);
	void (*called)(struct vfio_device *vdev);
};

int vfio_cdev_init(void);
void vfio_cdev_exit(void);

bool vfio_cdev_possible(struct device *dev);
struct vfio_cdev *vfio_cdev_add(struct vfio_device *vdev,
				const struct vfio_cdev_ops *ops);
void vfio_cdev_del(struct vfio_cdev *cdev);
void vfio_cdev_put(struct vfio_cdev *cdev);

struct iommufd_device *vfio_cdev_user(struct vfio_cdev *cdev,
				      struct vfio_device *vdev);
void vfio_cdev_zap(struct vfio_cdev *cdev, struct vfio_device *vdev);

bool vfio_cdev_is_file(struct file *filp);
bool vfio_cdev_file_is_coherent(struct file *filp);
void vfio_cdev_file_set_kvm(struct file *filp, struct kvm *kvm);

#endif
