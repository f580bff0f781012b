/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_VFIO_H
#define __COMPAT_LINUX_VFIO_H

#include <linux/device.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/uuid.h>
#include <linux/version.h>
#include <linux/vfio.h>

/*
 * From 6.10 on each device has an inode, and vfio-pci-core finds the mappings
 * of the device by the inode's address space.  Before, it kept a list of them.
 */
static inline struct address_space *
vfio_device_mapping(struct vfio_device *vdev, struct file *file)
{
#ifdef HAVE_VFIO_DEVICE_INODE
	return vdev->inode->i_mapping;
#else
	return file->f_mapping;
#endif
}

/*
 * The last step of a driver's vfio_device_ops::release.  In 6.1 the driver frees
 * the device; newer VFIO cores do that themselves.
 */
static inline void vfio_device_released(struct vfio_device *vdev)
{
#ifdef HAVE_VFIO_FREE_DEVICE
	vfio_free_device(vdev);
#endif
}

/* Before 6.6 KVM takes files of groups only, and calls this function. */
#ifndef HAVE_VFIO_FILE_IS_VALID
#define vfio_file_is_valid vfio_file_is_group
#endif

/*
 * The errno of the kernel's vfio_iommu_type1 for a range that wraps: from 6.18 on it
 * looks for that by itself.
 */
static inline int vfio_type1_wrap_errno(void)
{
	return LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0) ? -EOVERFLOW :
								-EINVAL;
}

/*
 * From some version after 6.12 on, at the latest 7.2, these two functions are
 * exported.  Before, the VFIO core has them for itself.
 */
#ifndef HAVE_VFIO_TRY_GET_REGISTRATION
static inline bool vfio_device_try_get_registration(struct vfio_device *vdev)
{
	return refcount_inc_not_zero(&vdev->refcount);
}

static inline void vfio_device_put_registration(struct vfio_device *vdev)
{
	if (refcount_dec_and_test(&vdev->refcount))
		complete(&vdev->comp);
}
#endif

/*
 * struct vfio_device_bind_iommufd.  From 6.6 on <linux/vfio.h> has it, but
 * without the token up to some version after 6.12, at the latest 7.2.
 */
struct vfio_device_bind_token {
	__u32 argsz;
	__u32 flags;
	__s32 iommufd;
	__u32 out_devid;
	__aligned_u64 token_uuid_ptr;
};

/*
 * struct vfio_device_attach_iommufd_pt and struct vfio_device_detach_iommufd_pt.
 * From 6.6 on <linux/vfio.h> has them, but without the PASID up to some version
 * after 6.12, at the latest 7.2.
 */
struct vfio_device_attach_pasid {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id;
	__u32 pasid;
};

struct vfio_device_detach_pasid {
	__u32 argsz;
	__u32 flags;
	__u32 pasid;
};

/*
 * Whether a user who shows a VF token, or none if @token is NULL, may open a
 * device: 0, -EACCES or another errno; -EINVAL if the device takes no token.  A
 * physical function without users of its virtual functions takes @token as its
 * new one.  Up to 6.12, and not from 7.2 on, the VFIO core parses the token
 * from a string that begins with the name of the device.
 */
static inline int vfio_device_match_token(struct vfio_device *vdev,
					  const uuid_t *token)
{
#ifdef HAVE_VFIO_MATCH_TOKEN_UUID
	if (!vdev->ops->match_token_uuid)
		return token ? -EINVAL : 0;
	return vdev->ops->match_token_uuid(vdev, token);
#else
	const char *name = dev_name(vdev->dev);
	char *shown;
	int rc;

	if (!vdev->ops->match)
		return token ? -EINVAL : 0;

	shown = token ?
		kasprintf(GFP_KERNEL, "%s vf_token=%pUb", name, token) :
		kstrdup(name, GFP_KERNEL);
	if (!shown)
		return -ENOMEM;
	rc = vdev->ops->match(vdev, shown);
	kfree(shown);

	if (rc < 0)
		return rc;
	return rc ? 0 : -EACCES;
#endif
}

/*
 * VFIO_DEVICE_GET_REGION_INFO.  From some version after 6.12 on, at the latest
 * 7.2, the driver fills in a struct, and the VFIO core copies it to the user;
 * it does not export its function for that.  Before, the driver does both.
 */
static inline long
vfio_device_region_info(struct vfio_device *vdev,
			struct vfio_region_info __user *arg)
{
#ifdef HAVE_VFIO_REGION_INFO_CAPS
	const size_t minsz = offsetofend(struct vfio_region_info, offset);
	struct vfio_region_info info = {};
	struct vfio_info_cap caps = {};
	long rc;

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;

	rc = vdev->ops->get_region_info_caps(vdev, &info, &caps);
	if (rc)
		goto out_free;

	if (caps.size) {
		u32 argsz = info.argsz;

		info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
		info.argsz = sizeof(info) + caps.size;
		info.cap_offset = 0;
		if (argsz >= info.argsz) {
			info.argsz = argsz;
			info.cap_offset = sizeof(info);
			vfio_info_cap_shift(&caps, sizeof(info));
			if (copy_to_user(arg + 1, caps.buf, caps.size))
				rc = -EFAULT;
		}
	}
	if (!rc && copy_to_user(arg, &info, minsz))
		rc = -EFAULT;
out_free:
	kfree(caps.buf);
	return rc;
#else
	return vdev->ops->ioctl(vdev, VFIO_DEVICE_GET_REGION_INFO,
				(unsigned long)arg);
#endif
}

#endif
