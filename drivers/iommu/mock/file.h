/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_FILE_H
#define __IOMMUFD_MOCK_FILE_H

#include <linux/types.h>

struct file;
struct iommufd_ucmd;

int mock_respond_file(struct iommufd_ucmd *ucmd, struct file *file, u32 *out_fd);

#endif
