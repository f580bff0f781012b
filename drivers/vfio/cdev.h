/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The character device of a VFIO device: /dev/vfio/devices/vfioN.
 *
 * A bus driver calls, in this order:
 *
 *	vfio_alloc_device()
 *	vfio_cdev_add()			if vfio_cdev_possible(), or without an
 *					IOMMU if vfio_noiommu_wanted()
 *	vfio_register_group_dev()	makes the node
 *	...
 *	vfio_cdev_del()			refuses new users
 *	vfio_unregister_group_dev()	waits for the users; removes the node
 *	vfio_put_device()
 *	vfio_cdev_put()			in vfio_device_ops.release
 */
#ifndef __VFIO_CDEV_H
#define __VFIO_CDEV_H

#include <linux/types.h>

struct device;
struct file;
struct iommufd_device;
struct kvm;
struct vfio_cdev;
struct vfio_cdev_ops;
struct vfio_device;

int vfio_cdev_init(void);
void vfio_cdev_exit(void);

bool vfio_cdev_possible(struct device *dev);
struct vfio_cdev *vfio_cdev_add(struct vfio_device *vdev,
				const struct vfio_cdev_ops *ops, bool noiommu);
void vfio_cdev_del(struct vfio_cdev *cdev);
void vfio_cdev_put(struct vfio_cdev *cdev);

struct iommufd_device *vfio_cdev_binding(struct vfio_cdev *cdev,
					 struct vfio_device *vdev);
void vfio_cdev_zap(struct vfio_cdev *cdev, struct vfio_device *vdev);

bool vfio_cdev_is_file(struct file *file);
bool vfio_cdev_file_is_coherent(struct file *file);
void vfio_cdev_file_set_kvm(struct file *file, struct kvm *kvm);

#endif
