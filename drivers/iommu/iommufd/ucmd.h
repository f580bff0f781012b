/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_UCMD_H
#define __IOMMUFD_UCMD_H

#include <linux/minmax.h>
#include <linux/types.h>
#include <linux/uaccess.h>

struct iommufd_ctx;

/**
 * struct iommufd_ucmd - An ioctl that is being executed
 * @ictx: The context it was issued on.
 * @ubuffer: The struct in user memory.
 * @user_size: Its size, as the caller says.
 * @cmd: The kernel's copy of it; fields that the caller does not have are 0.
 */
struct iommufd_ucmd {
	struct iommufd_ctx *ictx;
	void __user *ubuffer;
	u32 user_size;
	void *cmd;
};

/**
 * iommufd_ucmd_respond() - Copy the struct back to user memory
 * @ucmd: The ioctl.
 * @size: Size of the struct in this driver.
 *
 * Context: Process context.
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
