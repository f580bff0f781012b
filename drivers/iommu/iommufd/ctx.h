/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_CTX_H
#define __IOMMUFD_CTX_H

struct file;
struct iommufd_ctx;
struct iommufd_ucmd;

struct iommufd_ctx *iommufd_ctx_create(struct file *file);
void iommufd_ctx_destroy(struct iommufd_ctx *ictx);
int iommufd_option(struct iommufd_ucmd *ucmd);
int iommufd_change_process(struct iommufd_ucmd *ucmd);

#endif
