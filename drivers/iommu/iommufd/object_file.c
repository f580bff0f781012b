// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that have a file, which a call returns with their ID
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>

#include "object.h"
#include "object_file.h"

/**
 * iommufd_object_file_open() - Make the file of an object
 * @new: Set to the file.
 * @name: Its name.
 * @fops: Its operations.  The release does nothing for a file without private
 *	data, which is that of a call that has failed.
 *
 * Context: Process context.  Pairs with iommufd_object_file_install() or
 * iommufd_object_file_abort().
 *
 * Return: 0, -EMFILE, -ENFILE or -ENOMEM.
 */
int iommufd_object_file_open(struct iommufd_object_file *new, const char *name,
			     const struct file_operations *fops)
{
	new->fd = get_unused_fd_flags(O_CLOEXEC);
	if (new->fd < 0)
		return new->fd;
	new->file = anon_inode_getfile(name, fops, NULL, O_RDWR);
	if (!IS_ERR(new->file))
		return 0;
	put_unused_fd(new->fd);
	return PTR_ERR(new->file);
}

/**
 * iommufd_object_file_abort() - Undo iommufd_object_file_open()
 * @new: The file.
 *
 * Context: Process context.
 */
void iommufd_object_file_abort(struct iommufd_object_file *new)
{
	fput(new->file);
	put_unused_fd(new->fd);
}

/**
 * iommufd_object_file_install() - Let user space have an object and its file
 * @new: The file, which becomes a user of the object, and holds the context.
 *	Its private data is @obj, the first member of a struct of its kind.
 * @ictx: The context.
 * @obj: The object, which is published.
 *
 * From here on another thread may close the file and destroy the object.
 *
 * Context: Process context.  Cannot fail.
 */
void iommufd_object_file_install(struct iommufd_object_file *new,
				 struct iommufd_ctx *ictx,
				 struct iommufd_object *obj)
{
	iommufd_ctx_get(ictx);
	refcount_inc(&obj->users);
	new->file->private_data = obj;
	iommufd_object_publish(ictx, obj);
	fd_install(new->fd, new->file);
}
