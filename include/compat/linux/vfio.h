/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_VFIO_H
#define __COMPAT_LINUX_VFIO_H

#include <linux/fs.h>
#include <linux/version.h>
#include <linux/vfio.h>

/*
 * 6.10 gave each device an inode, by whose mapping it finds what user space
 * maps of the device.  Before, it kept a list.
 */
static inline struct address_space *
vfio_device_mapping(struct vfio_device *vdev, struct file *filp)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	return filp->f_mapping;
#else
	return vdev->inode->i_mapping;
#endif
}

/* Until 6.6 KVM takes files of groups only, and asks for just that. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define vfio_file_is_valid vfio_file_is_group
#endif

#endif
