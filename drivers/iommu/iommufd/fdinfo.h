/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_FDINFO_H
#define __IOMMUFD_FDINFO_H

struct iommufd_ctx;
struct seq_file;

void iommufd_fdinfo_show(struct seq_file *seq, struct iommufd_ctx *ictx);

#endif
