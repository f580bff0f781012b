// SPDX-License-Identifier: GPL-2.0-only
/*
 * Software devices, which access what is mapped by the CPU and without an IOMMU
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommufd.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/rwsem.h>

#include "ioas.h"
#include "iopt/domains.h"
#include "iopt/access_pin.h"

/**
 * struct iommufd_access - A software device bound to a context
 * @obj: The object; the driver that created it is one of its users.
 * @ictx: The context; this holds a reference.
 * @ops: The functions of the driver.
 * @iopt_access: Its pins, in @ioas.  While the access is being detached and
 *	@ioas is NULL already, they are in the IOAS that it was attached to.
 * @attach_lock: Held from the first to the last step of a change of @ioas.
 *	Outside the locks of an IOAS.
 * @ioas_lock: Guards @ioas.  Held for reading while a call works on @ioas, so
 *	that user memory may be faulted in.  Not held while the driver is
 *	called.
 * @ioas: The IOAS that it is attached to, of which this is a user, or NULL.
 */
struct iommufd_access {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	const struct iommufd_access_ops *ops;
	struct iopt_access iopt_access;

	struct mutex attach_lock;	/* of changes of @ioas */
	struct rw_semaphore ioas_lock;	/* of the following */
	struct iommufd_ioas *ioas;
};

/* The access is detached. */
static void access_destroy(struct iommufd_ctx *ictx,
			   struct iommufd_object *obj)
{
	struct iommufd_access *access =
		container_of(obj, struct iommufd_access, obj);

	WARN_ON(access->ioas);
	mutex_destroy(&access->attach_lock);
}

static const struct iommufd_object_type iommufd_access_type = {
	.destroy = access_destroy,
};

/**
 * iommufd_access_create() - Put a software device under the control of a
 * context
 * @ictx: The context.
 * @ops: The functions of the driver.
 * @data: Argument of @ops.
 * @id: Set to the ID by which user space knows the access.
 *
 * The access holds a reference to the context.
 *
 * Context: Process context.  Pairs with iommufd_access_destroy().
 *
 * Return: the access, attached to nothing, or ERR_PTR(-ENOMEM), or, with a
 * warning, ERR_PTR(-EINVAL) when it pins and has no
 * iommufd_access_ops::unmap().
 */
struct iommufd_access *
iommufd_access_create(struct iommufd_ctx *ictx,
		      const struct iommufd_access_ops *ops, void *data, u32 *id)
{
	struct iommufd_access *access;

	if (WARN_ON(ops->needs_pin_pages && !ops->unmap))
		return ERR_PTR(-EINVAL);

	access = iommufd_object_alloc(ictx, struct iommufd_access,
				      &iommufd_access_type);
	if (IS_ERR(access))
		return access;
	access->ictx = ictx;
	access->ops = ops;
	iopt_access_init(&access->iopt_access, ops->unmap, data);
	mutex_init(&access->attach_lock);
	init_rwsem(&access->ioas_lock);

	iommufd_ctx_get(ictx);
	refcount_inc(&access->obj.users);
	*id = access->obj.id;
	iommufd_object_publish(ictx, &access->obj);
	return access;
}
EXPORT_SYMBOL_GPL(iommufd_access_create);

/**
 * iommufd_access_destroy() - Undo iommufd_access_create()
 * @access: The access, which is detached if it is attached.
 *
 * This is the last call on the access: no other one is at work, and none
 * follows.
 *
 * Context: Process context.  Waits for user space calls that have found the
 * access by its ID.
 */
void iommufd_access_destroy(struct iommufd_access *access)
{
	struct iommufd_ctx *ictx = access->ictx;

	iommufd_access_detach(access);
	iommufd_object_destroy_last(ictx, &access->obj);
	iommufd_ctx_put(ictx);
}
EXPORT_SYMBOL_GPL(iommufd_access_destroy);

static void access_set_ioas(struct iommufd_access *access,
			    struct iommufd_ioas *ioas)
{
	lockdep_assert_held(&access->attach_lock);

	down_write(&access->ioas_lock);
	access->ioas = ioas;
	up_write(&access->ioas_lock);
}

/* The step of an attach that can fail */
static int access_prepare_ioas(struct iommufd_access *access,
			       struct iommufd_ioas *ioas)
{
	return access->ops->needs_pin_pages ? iopt_want_pages(&ioas->iopt) : 0;
}

static void access_enter_ioas(struct iommufd_access *access,
			      struct iommufd_ioas *ioas)
{
	refcount_inc(&ioas->obj.users);
	if (!access->ops->uaddrs_may_change)
		atomic_inc(&ioas->iopt.uaddr_holds);
	if (access->ops->needs_pin_pages)
		iopt_add_access(&ioas->iopt, &access->iopt_access);
	access_set_ioas(access, ioas);
}

static void access_leave_ioas(struct iommufd_access *access)
{
	struct iommufd_ioas *ioas = access->ioas;

	/* No pin can be made from here on. */
	access_set_ioas(access, NULL);
	if (access->ops->needs_pin_pages) {
		iopt_remove_access(&ioas->iopt, &access->iopt_access);
		access->ops->unmap(access->iopt_access.data, 0, ULONG_MAX);
		/* Pages that the driver goes on to use must stay for ever. */
		if (WARN_ON(!RB_EMPTY_ROOT(&access->iopt_access.pins.rb_root)))
			return;
		iopt_unwant_pages(&ioas->iopt);
	}
	if (!access->ops->uaddrs_may_change)
		atomic_dec(&ioas->iopt.uaddr_holds);
	refcount_dec(&ioas->obj.users);
}

/**
 * iommufd_access_attach() - Let an access reach an I/O address space
 * @access: The access, detached.
 * @ioas_id: ID of the IOAS.
 *
 * Context: Process context.
 *
 * Return: 0, or, with nothing changed: -EINVAL when attached already, -ENOENT
 * without such an IOAS, -EADDRINUSE when the access pins, which takes whole
 * pages, and a mapping there begins or ends inside one, -EINTR when killed.
 */
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id)
{
	struct iommufd_ioas *ioas;
	int rc;

	ioas = iommufd_ioas_get(access->ictx, ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	mutex_lock(&access->attach_lock);
	rc = access->ioas ? -EINVAL : access_prepare_ioas(access, ioas);
	if (!rc)
		access_enter_ioas(access, ioas);
	mutex_unlock(&access->attach_lock);
	iommufd_object_put(&ioas->obj);
	return rc;
}
EXPORT_SYMBOL_GPL(iommufd_access_attach);

/**
 * iommufd_access_replace() - Attach an attached access to another IOAS
 * @access: The access, attached.
 * @ioas_id: ID of the IOAS; nothing happens if it is the same.
 *
 * The driver is told to drop all its pins, as by iommufd_access_detach().
 * Until the driver has done so, the access is detached.
 *
 * Context: Process context.
 *
 * Return: 0, or, with nothing changed: -ENOENT when not attached or without
 * such an IOAS, -EADDRINUSE and -EINTR as iommufd_access_attach().
 */
int iommufd_access_replace(struct iommufd_access *access, u32 ioas_id)
{
	struct iommufd_ioas *ioas;
	int rc = 0;

	ioas = iommufd_ioas_get(access->ictx, ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	mutex_lock(&access->attach_lock);
	if (!access->ioas)
		rc = -ENOENT;
	else if (access->ioas != ioas)
		rc = access_prepare_ioas(access, ioas);
	if (!rc && access->ioas != ioas) {
		access_leave_ioas(access);
		access_enter_ioas(access, ioas);
	}
	mutex_unlock(&access->attach_lock);
	iommufd_object_put(&ioas->obj);
	return rc;
}
EXPORT_SYMBOL_GPL(iommufd_access_replace);

/**
 * iommufd_access_detach() - Undo iommufd_access_attach()
 * @access: The access; nothing happens when it is not attached.
 *
 * Tells the driver to drop all its pins, by iommufd_access_ops::unmap() with 0
 * and ULONG_MAX.  Does not wait for pins that are left when unmap() returns: by
 * then the driver has dropped each of them, and no iommufd_access_unpin_pages()
 * is at work.  If a pin is left, this function warns, and the pinned memory and
 * the IOAS are never freed.
 *
 * Context: Process context.  Waits for calls at work on the access.
 */
void iommufd_access_detach(struct iommufd_access *access)
{
	mutex_lock(&access->attach_lock);
	if (access->ioas)
		access_leave_ioas(access);
	mutex_unlock(&access->attach_lock);
}
EXPORT_SYMBOL_GPL(iommufd_access_detach);

static int check_range(unsigned long iova, unsigned long length,
		       unsigned long *last)
{
	if (!length)
		return -EINVAL;
	return check_add_overflow(iova, length - 1, last) ? -EOVERFLOW : 0;
}

/**
 * iommufd_access_pin_pages() - Pin what is mapped
 * @access: The access.
 * @iova: First byte.
 * @length: Number of bytes; may cross mappings.
 * @out_pages: Filled with the page of each page of IOVA that is touched.
 * @flags: IOMMUFD_ACCESS_RW_READ, or IOMMUFD_ACCESS_RW_WRITE when it is to be
 *	written.
 *
 * The pages stay, and the mappings of the range stay, until
 * iommufd_access_unpin_pages().  Ranges may be pinned many times, and overlap.
 * The process that has mapped the pages is charged for them, unless a device
 * has them pinned as well. iommufd_access_ops::unmap() may be called for the
 * range before this function returns.
 *
 * Context: Process context; may fault in memory that is mapped.
 *
 * Return: 0, or, with nothing changed: -EINVAL when @length is 0 or some of the
 * range is MMIO of a device, -EOVERFLOW when the range wraps, -EOPNOTSUPP when
 * the access does not pin or for another flag, -ENOENT when not attached, or
 * not all of the range is mapped or some of it is being unmapped, -EPERM when a
 * mapping does not permit it, -EFAULT when memory is gone or cannot be accessed
 * as wanted, -EBUSY when it is not pinned and its user address is invalid until
 * user space gives a new one, -ENOMEM also over the limit of locked memory,
 * -EINTR when killed.
 */
int iommufd_access_pin_pages(struct iommufd_access *access, unsigned long iova,
			     unsigned long length, struct page **out_pages,
			     unsigned int flags)
{
	int prot = flags & IOMMUFD_ACCESS_RW_WRITE ? IOMMU_WRITE : IOMMU_READ;
	unsigned long last;
	int rc;

	if (!access->ops->needs_pin_pages || flags & ~IOMMUFD_ACCESS_RW_WRITE)
		return -EOPNOTSUPP;
	rc = check_range(iova, length, &last);
	if (rc)
		return rc;

	down_read(&access->ioas_lock);
	if (access->ioas)
		rc = iopt_access_pin_pages(&access->ioas->iopt,
					   &access->iopt_access, iova, last,
					   prot, out_pages);
	else
		rc = -ENOENT;
	up_read(&access->ioas_lock);
	return rc;
}
EXPORT_SYMBOL_GPL(iommufd_access_pin_pages);

/**
 * iommufd_access_unpin_pages() - Undo one iommufd_access_pin_pages()
 * @access: The access.
 * @iova: First byte, as it was pinned.
 * @length: Number of bytes, as it was pinned.
 *
 * Context: Process context; may be called by iommufd_access_ops::unmap().
 * Cannot fail.
 */
void iommufd_access_unpin_pages(struct iommufd_access *access,
				unsigned long iova, unsigned long length)
{
	iopt_access_unpin_pages(&access->iopt_access, iova, iova + length - 1);
}
EXPORT_SYMBOL_GPL(iommufd_access_unpin_pages);

/**
 * iommufd_access_rw() - Copy between what is mapped and memory of the kernel
 * @access: The access, whether it pins or not.
 * @iova: First byte, any.
 * @data: Memory of the kernel.
 * @length: Number of bytes, any but 0; may cross mappings.
 * @flags: IOMMUFD_ACCESS_RW_READ or IOMMUFD_ACCESS_RW_WRITE, the latter into
 *	what is mapped; and IOMMUFD_ACCESS_RW_KTHREAD when the caller must not
 *	act as the current process.
 *
 * If pages of the range are pinned, the copy uses them, since devices see them.
 * If none are, and the current process is the one that mapped the memory, this
 * is a plain copy from or to user memory; else the memory is pinned for the
 * copy.
 *
 * Context: Process context; may fault in memory that is mapped, so the caller
 * holds no lock that a page fault may take.
 *
 * Return: 0, or, with nothing copied: -EINVAL when @length is 0 or some of the
 * range is MMIO of a device, -EOVERFLOW when the range wraps, -EOPNOTSUPP for
 * another flag, -ENOENT when not attached, or not all of the range is mapped or
 * some of it is being unmapped, -EPERM when a mapping does not permit it.
 * Maybe with some copied: -EFAULT when memory is gone or cannot be accessed as
 * wanted, -EBUSY as iommufd_access_pin_pages(), -ENOMEM also over the limit of
 * locked memory, -EINTR when killed.
 */
int iommufd_access_rw(struct iommufd_access *access, unsigned long iova,
		      void *data, size_t length, unsigned int flags)
{
	unsigned long last;
	int rc;

	if (flags & ~(IOMMUFD_ACCESS_RW_WRITE | IOMMUFD_ACCESS_RW_KTHREAD))
		return -EOPNOTSUPP;
	rc = check_range(iova, length, &last);
	if (rc)
		return rc;

	down_read(&access->ioas_lock);
	if (access->ioas)
		rc = iopt_rw(&access->ioas->iopt, iova, last, data,
			     flags & IOMMUFD_ACCESS_RW_WRITE,
			     flags & IOMMUFD_ACCESS_RW_KTHREAD);
	else
		rc = -ENOENT;
	up_read(&access->ioas_lock);
	return rc;
}
EXPORT_SYMBOL_GPL(iommufd_access_rw);
