/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_UCMD_H
#define __IOMMUFD_UCMD_H

#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/uaccess.h>

struct iommufd_ctx;

/**
 * struct iommufd_ucmd - One ioctl at work
 * @ictx: The context it was issued on.
 * @ubuffer: The caller's struct.
 * @user_size: How large the caller says that is.
 * @cmd: The kernel's copy; fields the caller does not have are 0.
 */
struct iommufd_ucmd {
	struct iommufd_ctx *ictx;
	void __user *ubuffer;
	u32 user_size;
	void *cmd;
};

/**
 * iommufd_ucmd_respond() - Give the caller its struct back
 * @ucmd: The ioctl.
 * @size: Size of the kernel's struct.
 *
 * Return: 0 or -EFAULT.
 */
static inline int iommufd_ucmd_respond(struct iommufd_ucmd *ucmd, size_t size)
{
	if (copy_to_user(ucmd->ubuffer, ucmd->cmd,
			 min_t(size_t, ucmd->user_size, size)))
		return -EFAULT;
	return 0;
}

#endif
