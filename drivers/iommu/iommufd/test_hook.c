// SPDX-License-Identifier: GPL-2.0-only
/*
 * Test hook
 *
 * The tests run the modules that are shipped.  So these have a hook by which a
 * test module can execute ioctls that the driver does not know, have objects of
 * its own in a context, and export dma-bufs.  The functions that it calls beyond
 * the kernel API are exported in the namespace IOMMUFD_TEST.
 */
#include <linux/module.h>
#include <linux/mutex.h>

#include "test_hook.h"

static DEFINE_MUTEX(test_lock);
static const struct iommufd_test_ops *test_ops; /* or NULL */

/**
 * iommufd_test_register() - Set the test hook
 * @ops: The functions of the test module.
 *
 * Only one test module can set it.
 *
 * Context: Process context.
 *
 * Return: 0, or -EBUSY when there is one already.
 */
int iommufd_test_register(const struct iommufd_test_ops *ops)
{
	int rc = 0;

	mutex_lock(&test_lock);
	if (test_ops)
		rc = -EBUSY;
	else
		test_ops = ops;
	mutex_unlock(&test_lock);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_register, "IOMMUFD_TEST");

/**
 * iommufd_test_unregister() - Undo iommufd_test_register()
 * @ops: The functions of the test module.  The module is being unloaded: no
 *	call is in it and it has no objects, since both hold a reference.
 *
 * Context: Process context.
 */
void iommufd_test_unregister(const struct iommufd_test_ops *ops)
{
	mutex_lock(&test_lock);
	WARN_ON(test_ops != ops);
	test_ops = NULL;
	mutex_unlock(&test_lock);
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_unregister, "IOMMUFD_TEST");

/* Each object of the test module holds a reference to that module. */
static void test_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	struct module *owner = test_ops->owner;

	test_ops->destroy(ictx, obj);
	module_put(owner);
}

const struct iommufd_object_type iommufd_test_type = {
	.destroy = test_destroy,
};
EXPORT_SYMBOL_NS_GPL(iommufd_test_type, "IOMMUFD_TEST");

/**
 * iommufd_test_publish() - Let lookups find an object of the test module
 * @ictx: The context.
 * @obj: The object, of kind iommufd_test_type, complete.
 *
 * Takes a reference to the module, which is executing an ioctl, until the
 * object is destroyed.
 *
 * Context: Process context.
 */
void iommufd_test_publish(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	__module_get(test_ops->owner);
	iommufd_object_publish(ictx, obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_test_publish, "IOMMUFD_TEST");

/* Returns the hook, with a reference to its module, or NULL. */
static const struct iommufd_test_ops *get_test_ops(void)
{
	const struct iommufd_test_ops *ops;

	mutex_lock(&test_lock);
	ops = test_ops;
	if (ops && !try_module_get(ops->owner))
		ops = NULL;
	mutex_unlock(&test_lock);
	return ops;
}

/**
 * iommufd_test_ioctl() - Execute an ioctl that the driver does not know
 * @ictx: The context.
 * @cmd: The ioctl.
 * @arg: Its argument.
 *
 * Context: Process context.
 *
 * Return: -ENOTTY when there is no test module, or what the test module
 * returns.
 */
int iommufd_test_ioctl(struct iommufd_ctx *ictx, unsigned int cmd,
		       void __user *arg)
{
	const struct iommufd_test_ops *ops = get_test_ops();
	int rc;

	if (!ops)
		return -ENOTTY;

	rc = ops->ioctl(ictx, cmd, arg);
	module_put(ops->owner);
	return rc;
}

/**
 * iommufd_test_dma_buf_range() - Tell where a dma-buf of the test module is
 * @dmabuf: Any dma-buf; its reservation lock is held.
 * @range: Set to the one range of the dma-buf.
 *
 * Context: Process context.
 *
 * Return: 0, -EOPNOTSUPP when there is no test module or the dma-buf is not its
 * own, or -ENODEV while the dma-buf is revoked.
 */
int iommufd_test_dma_buf_range(struct dma_buf *dmabuf, struct phys_vec *range)
{
	const struct iommufd_test_ops *ops = get_test_ops();
	int rc;

	if (!ops)
		return -EOPNOTSUPP;

	rc = ops->dma_buf_range(dmabuf, range);
	module_put(ops->owner);
	return rc;
}
