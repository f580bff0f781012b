/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bind of a device file, and attach and detach of a bound one.
 */
#ifndef __VFIO_CDEV_BIND_H
#define __VFIO_CDEV_BIND_H

struct vfio_cdev_file;
struct vfio_device_attach_iommufd_pt;
struct vfio_device_bind_iommufd;
struct vfio_device_detach_iommufd_pt;

int vfio_cdev_bind(struct vfio_cdev_file *df,
		   struct vfio_device_bind_iommufd __user *arg);
void vfio_cdev_unbind(struct vfio_cdev_file *df);

int vfio_cdev_attach(struct vfio_cdev_file *df,
		     struct vfio_device_attach_iommufd_pt __user *arg);
int vfio_cdev_detach(struct vfio_cdev_file *df,
		     struct vfio_device_detach_iommufd_pt __user *arg);

#endif
