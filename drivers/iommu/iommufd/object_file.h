/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_OBJECT_FILE_H
#define __IOMMUFD_OBJECT_FILE_H

#include <linux/fs.h>

struct iommufd_ctx;
struct iommufd_object;

/**
 * struct iommufd_object_file - The file of a new object, for a call to return
 * @file: The file.  It has no private data until the object is its own.
 * @fd: Its file descriptor, reserved.
 */
struct iommufd_object_file {
	struct file *file;
	int fd;
};

int iommufd_object_file_open(struct iommufd_object_file *new, const char *name,
			     const struct file_operations *fops);
void iommufd_object_file_abort(struct iommufd_object_file *new);
void iommufd_object_file_install(struct iommufd_object_file *new,
				 struct iommufd_ctx *ictx,
				 struct iommufd_object *obj);

#endif
