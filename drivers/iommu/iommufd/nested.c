// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables
 *
 * User space, mostly a VMM for its guest, keeps the page table in memory that
 * the parent maps.  What it translates to is translated again by the parent,
 * so that the devices reach nothing but what the IOAS of the parent maps.  The
 * reserved regions and the MSI window of a device are imposed on that IOAS.
 *
 * The struct is that of other page tables, so that a group can be attached to
 * either.  The kind of object is another one, since nothing else can be done to
 * it: it is not filled from an IOAS, not listed there, and its dirty pages are
 * those of the parent.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <uapi/linux/iommufd.h>

#include "backend/backend.h"
#include "device.h"
#include "hw_pagetable.h"
#include "nested.h"
#include "ucmd.h"
#include "viommu.h"

/* Of one IOMMU_HWPT_INVALIDATE, as in mainline */
#define MAX_INVALIDATIONS	BIT(19)
/* Handled before the caller lets others run, and looks whether it is killed */
#define INVALIDATE_BATCH	64U

#define NESTED_FLAGS	(IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID)

static void nested_release(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt)
{
	iommufd_hwpt_put_fault_queue(hwpt);
	hwpt->backend->nested_free(hwpt->domain);
	iommu_backend_put(hwpt->backend);
	refcount_dec(hwpt->viommu ? &hwpt->viommu->obj.users :
				    &hwpt->parent->obj.users);
	atomic_dec(&ictx->nhwpts);
}

/* No group is attached to the page table. */
static void nested_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	nested_release(ictx, container_of(obj, struct iommufd_hwpt, obj));
}

const struct iommufd_object_type iommufd_nested_type = {
	.destroy = nested_destroy,
};
EXPORT_SYMBOL_NS_GPL(iommufd_nested_type, "IOMMUFD_TEST");

static struct iommu_domain *
domain_alloc(struct iommufd_device *idev, struct iommufd_hwpt *parent,
	     struct iommufd_viommu *viommu, u32 flags,
	     const struct iommu_backend_data *data)
{
	if (viommu)
		return viommu->viommu->ops->nested_alloc(viommu->viommu,
							 idev->dev, flags,
							 data);
	return parent->backend->nested_alloc(idev->dev, parent->domain, flags,
					     data);
}

/* @viommu may be NULL, else @parent is its page table. */
static struct iommufd_hwpt *
nested_create(struct iommufd_device *idev, struct iommufd_hwpt *parent,
	      struct iommufd_viommu *viommu, u32 flags,
	      const struct iommu_backend_data *data)
{
	struct iommufd_ctx *ictx = idev->ictx;
	struct iommufd_hwpt *hwpt;
	int rc;

	hwpt = iommufd_hwpt_alloc_object(ictx, &iommufd_nested_type);
	if (IS_ERR(hwpt))
		return hwpt;
	hwpt->domain = domain_alloc(idev, parent, viommu, flags, data);
	if (IS_ERR(hwpt->domain)) {
		rc = PTR_ERR(hwpt->domain);
		iommufd_object_abort(ictx, &hwpt->obj);
		atomic_dec(&ictx->nhwpts);
		return ERR_PTR(rc);
	}
	hwpt->backend = parent->backend;
	iommu_backend_ref(hwpt->backend);
	hwpt->ioas = parent->ioas;
	hwpt->flags = flags;
	hwpt->parent = parent;
	hwpt->viommu = viommu;
	refcount_inc(viommu ? &viommu->obj.users : &parent->obj.users);
	return hwpt;
}

static int alloc_and_respond(struct iommufd_ucmd *ucmd,
			     struct iommufd_device *idev,
			     struct iommufd_hwpt *parent,
			     struct iommufd_viommu *viommu,
			     const struct iommu_backend_data *data)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	struct iommufd_hwpt *hwpt;
	int rc;

	hwpt = nested_create(idev, parent, viommu, cmd->flags, data);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	cmd->out_hwpt_id = hwpt->obj.id;
	rc = iommufd_hwpt_set_fault_queue(ucmd, hwpt) ?:
	     iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc) {
		nested_release(ucmd->ictx, hwpt);
		iommufd_object_abort(ucmd->ictx, &hwpt->obj);
		return rc;
	}
	iommufd_object_publish(ucmd->ictx, &hwpt->obj);
	return 0;
}

static bool has_nested(struct iommufd_device *idev)
{
	const struct iommu_backend_ops *backend = idev->igroup->backend;

	return backend->nested_alloc &&
	       (!backend->has_nested || backend->has_nested(idev->dev));
}

/**
 * iommufd_nested_alloc() - IOMMU_HWPT_ALLOC in a page table
 * @ucmd: The ioctl.
 * @idev: The bound device, for whose IOMMU the nested page table is made.
 * @parent: The page table that it is to be nested in.
 * @data: Data of user space for the backend, or NULL.
 *
 * Context: Process context.
 *
 * Return: 0, -EOPNOTSUPP for flags, without data, or when the IOMMU cannot nest
 * page tables, -EINVAL when nothing can be nested in @parent, or it is of
 * another backend, -ENOENT without the fault queue, -ENOSPC, -ENOMEM, -EFAULT, or
 * what the backend's nested_alloc() returns.
 */
int iommufd_nested_alloc(struct iommufd_ucmd *ucmd, struct iommufd_device *idev,
			 struct iommufd_hwpt *parent,
			 const struct iommu_backend_data *data)
{
	const struct iommu_backend_ops *backend = idev->igroup->backend;
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;

	if (cmd->flags & ~NESTED_FLAGS || !data || !has_nested(idev))
		return -EOPNOTSUPP;
	if (parent->obj.automatic || parent->backend != backend ||
	    !(parent->flags & IOMMU_HWPT_ALLOC_NEST_PARENT))
		return -EINVAL;
	return alloc_and_respond(ucmd, idev, parent, NULL, data);
}

/**
 * iommufd_nested_alloc_of_viommu() - IOMMU_HWPT_ALLOC of a vIOMMU
 * @ucmd: The ioctl.
 * @idev: The bound device, for which the nested page table is made.
 * @viommu: The vIOMMU.
 * @data: Data of user space for the backend, or NULL.
 *
 * Context: Process context.
 *
 * Return: 0, -EINVAL when the device is behind another IOMMU, -EOPNOTSUPP for
 * flags, without data, or when the vIOMMU cannot nest page tables, -ENOENT
 * without the fault queue, -ENOSPC, -ENOMEM, -EFAULT, or what its nested_alloc()
 * returns.
 */
int iommufd_nested_alloc_of_viommu(struct iommufd_ucmd *ucmd,
				   struct iommufd_device *idev,
				   struct iommufd_viommu *viommu,
				   const struct iommu_backend_data *data)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;

	if (!iommufd_viommu_serves(viommu, idev))
		return -EINVAL;
	if (cmd->flags & ~NESTED_FLAGS || !data ||
	    !viommu->viommu->ops->nested_alloc)
		return -EOPNOTSUPP;
	return alloc_and_respond(ucmd, idev, viommu->hwpt, viommu, data);
}

typedef int (*invalidate_fn)(struct iommufd_object *obj,
			     struct iommu_backend_array *array);

static int invalidate_nested(struct iommufd_object *obj,
			     struct iommu_backend_array *array)
{
	struct iommufd_hwpt *hwpt =
		container_of(obj, struct iommufd_hwpt, obj);

	return hwpt->backend->nested_invalidate(hwpt->domain,
						hwpt->parent->domain, array);
}

static int invalidate_viommu(struct iommufd_object *obj,
			     struct iommu_backend_array *array)
{
	struct iommufd_viommu *viommu =
		container_of(obj, struct iommufd_viommu, obj);

	return viommu->viommu->ops->invalidate(viommu->viommu, array);
}

/*
 * Returns ERR_PTR(): -EINVAL for an object of another kind, -EOPNOTSUPP where
 * the backend has no such function.
 */
static invalidate_fn find_invalidate(struct iommufd_object *obj)
{
	if (obj->type == &iommufd_nested_type)
		return container_of(obj, struct iommufd_hwpt, obj)
			       ->backend->nested_invalidate ?
			       invalidate_nested : ERR_PTR(-EOPNOTSUPP);
	if (obj->type == &iommufd_viommu_type)
		return container_of(obj, struct iommufd_viommu, obj)
			       ->viommu->ops->invalidate ?
			       invalidate_viommu : ERR_PTR(-EOPNOTSUPP);
	return ERR_PTR(-EINVAL);
}

/* Adds to *@done what has taken effect, also when it fails. */
static int invalidate_all(struct iommufd_object *obj, invalidate_fn fn,
			  const struct iommu_backend_array *all, u32 *done)
{
	struct iommu_backend_array array = *all;
	int rc;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		array.uptr = all->uptr + (size_t)*done * all->entry_len;
		array.entry_num = min(all->entry_num - *done, INVALIDATE_BATCH);
		rc = fn(obj, &array);
		*done += array.entry_num;
	} while (!rc && *done < all->entry_num);
	return rc;
}

static int invalidate_object(struct iommufd_ctx *ictx, u32 id,
			     const struct iommu_backend_array *all, u32 *done)
{
	struct iommufd_object *obj;
	invalidate_fn fn;
	int rc;

	obj = iommufd_object_get(ictx, id, NULL);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	fn = find_invalidate(obj);
	rc = IS_ERR(fn) ? PTR_ERR(fn) : invalidate_all(obj, fn, all, done);
	iommufd_object_put(obj);
	return rc;
}

static int invalidate_checked(struct iommufd_ctx *ictx,
			      const struct iommu_hwpt_invalidate *cmd,
			      u32 *done)
{
	const struct iommu_backend_array all = {
		.type = cmd->data_type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.entry_len = cmd->entry_len,
		.entry_num = cmd->entry_num,
	};

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	if (cmd->entry_num &&
	    (!cmd->data_uptr || !cmd->entry_len || cmd->entry_len > PAGE_SIZE ||
	     cmd->entry_num > MAX_INVALIDATIONS))
		return -EINVAL;
	return invalidate_object(ictx, cmd->hwpt_id, &all, done);
}

/*
 * How many entries have taken effect is written back whether the call fails or
 * not, so that the caller goes on behind them.  The argument is written at the
 * beginning as well: if it cannot be, none must take effect.
 */
int iommufd_hwpt_invalidate(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_invalidate *cmd = ucmd->cmd;
	u32 done = 0;
	int rc;

	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		return rc;
	rc = invalidate_checked(ucmd->ictx, cmd, &done);
	cmd->entry_num = done;
	return iommufd_ucmd_respond(ucmd, sizeof(*cmd)) ?: rc;
}
