/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_TEST_H
#define __IOMMUFD_TEST_H

#include "object.h"

struct dma_buf;
struct module;
struct phys_vec;

/**
 * struct iommufd_test_ops - Functions of a test module
 * @owner: The module.
 * @ioctl: Executes an ioctl that the driver does not know; returns -ENOTTY if
 *	the module does not know it either.
 * @destroy: Releases what an object of kind iommufd_test_type holds.  Cannot
 *	fail and needs no memory.
 * @dma_buf_range: Tells where a dma-buf is, whose reservation lock is held, and
 *	which IOMMU_IOAS_MAP_FILE maps: in a region of the module's.  Returns 0,
 *	-EOPNOTSUPP for a dma-buf that is not the module's, or -ENODEV while it
 *	is revoked.
 */
struct iommufd_test_ops {
	struct module *owner;
	int (*ioctl)(struct iommufd_ctx *ictx, unsigned int cmd,
		     void __user *arg);
	void (*destroy)(struct iommufd_ctx *ictx, struct iommufd_object *obj);
	int (*dma_buf_range)(struct dma_buf *dmabuf, struct phys_vec *range);
};

extern const struct iommufd_object_type iommufd_test_type;

int iommufd_test_register(const struct iommufd_test_ops *ops);
void iommufd_test_unregister(const struct iommufd_test_ops *ops);
void iommufd_test_publish(struct iommufd_ctx *ictx, struct iommufd_object *obj);

int iommufd_test_ioctl(struct iommufd_ctx *ictx, unsigned int cmd,
		       void __user *arg);
int iommufd_test_dma_buf_range(struct dma_buf *dmabuf, struct phys_vec *range);

#endif
