// SPDX-License-Identifier: GPL-2.0-only
/* File descriptors that IOMMU_TEST_CMD returns */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>

#include "../iommufd/ucmd.h"
#include "file.h"
#include "iommufd_test.h"

/**
 * mock_respond_file() - Return a file to the caller of IOMMU_TEST_CMD
 * @ucmd: The ioctl.
 * @file: The file, or ERR_PTR().  This takes over the reference.
 * @out_fd: The field of the argument that gets the file descriptor.
 *
 * Context: Process context.
 *
 * Return: 0, the errno of @file, -EMFILE, -ENOMEM, or -EFAULT.
 */
int mock_respond_file(struct iommufd_ucmd *ucmd, struct file *file, u32 *out_fd)
{
	int fd, rc;

	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		rc = fd;
		goto err_put_file;
	}
	*out_fd = fd;
	rc = iommufd_ucmd_respond(ucmd, sizeof(struct iommu_test_cmd));
	if (rc)
		goto err_put_fd;
	fd_install(fd, file);
	return 0;

err_put_fd:
	put_unused_fd(fd);
err_put_file:
	fput(file);
	return rc;
}
