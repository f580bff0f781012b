// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables that the hardware walks
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/moduleparam.h>
#include <uapi/linux/iommufd.h>

#include "backend/backend.h"
#include "device.h"
#include "fault.h"
#include "hw_pagetable.h"
#include "ioas.h"
#include "iopt/domains.h"
#include "ucmd.h"

/* Each takes one of the domain IDs or ASIDs that the IOMMUs of the host have. */
static unsigned int max_hwpts = 128;
module_param(max_hwpts, uint, 0644);
MODULE_PARM_DESC(max_hwpts, "The most page tables (HWPTs) of one context, an open file of /dev/iommu (default: 128)");

/**
 * iommufd_hwpt_alloc_object() - Make the object of a page table, and count it
 * @ictx: The context.
 * @type: Its kind: iommufd_hwpt_type, or iommufd_nested_type.
 *
 * Context: Process context.  Pairs with iommufd_object_abort() and a decrement
 * of iommufd_ctx::nhwpts.
 *
 * Return: the page table, without a domain, or ERR_PTR(): -ENOSPC when the
 * context would have too many, or what iommufd_object_alloc() returns.
 */
struct iommufd_hwpt *
iommufd_hwpt_alloc_object(struct iommufd_ctx *ictx,
			  const struct iommufd_object_type *type)
{
	struct iommufd_hwpt *hwpt;
	int rc;

	rc = iommufd_charge(&ictx->nhwpts, 1, READ_ONCE(max_hwpts));
	if (rc)
		return ERR_PTR(rc);
	hwpt = iommufd_object_alloc(ictx, struct iommufd_hwpt, type);
	if (IS_ERR(hwpt))
		atomic_dec(&ictx->nhwpts);
	return hwpt;
}

/**
 * iommufd_hwpt_put_fault_queue() - Undo iommufd_hwpt_set_fault_queue()
 * @hwpt: The page table, which is about to be freed.
 *
 * Context: Any.
 */
void iommufd_hwpt_put_fault_queue(struct iommufd_hwpt *hwpt)
{
	if (hwpt->fault_queue)
		refcount_dec(&hwpt->fault_queue->obj.users);
}

static void hwpt_release(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt)
{
	if (iommufd_hwpt_filled(hwpt))
		iopt_remove_domain(&hwpt->ioas->iopt, &hwpt->iopt_domain);
	hwpt->backend->domain_free(hwpt->domain);
	iommu_backend_put(hwpt->backend);
	iommufd_hwpt_put_fault_queue(hwpt);
	refcount_dec(&hwpt->ioas->obj.users);
	atomic_dec(&ictx->nhwpts);
}

/*
 * No group is attached to the page table.  A call that finds it in the list of
 * its IOAS holds hwpts_lock, so it leaves the list before anything else.
 */
static void hwpt_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	struct iommufd_hwpt *hwpt = container_of(obj, struct iommufd_hwpt, obj);

	mutex_lock(&hwpt->ioas->hwpts_lock);
	list_del(&hwpt->ioas_item);
	mutex_unlock(&hwpt->ioas->hwpts_lock);
	hwpt_release(ictx, hwpt);
}

const struct iommufd_object_type iommufd_hwpt_type = {
	.destroy = hwpt_destroy,
};
EXPORT_SYMBOL_NS_GPL(iommufd_hwpt_type, "IOMMUFD_TEST");

/*
 * Allocate a domain that has the MSI window of the group.  An IOMMU that
 * translates writes to the MSI doorbell takes a mapping for it, which the
 * kernel makes in that window.
 */
static struct iommu_domain *
alloc_domain(struct iommufd_device *idev, u32 flags,
	     const struct iommu_backend_data *data)
{
	struct iommufd_group *igroup = idev->igroup;
	const struct iommu_backend_ops *backend = igroup->backend;
	struct iommu_domain *domain;
	int rc;

	domain = backend->domain_alloc(idev->dev, flags, data);
	if (IS_ERR(domain) || igroup->msi_window == PHYS_ADDR_MAX)
		return domain;
	rc = backend->map_msi(domain, igroup->msi_window);
	if (rc) {
		backend->domain_free(domain);
		return ERR_PTR(rc);
	}
	return domain;
}

/**
 * iommufd_hwpt_alloc() - Make a page table
 * @idev: A bound device that may be attached to it.
 * @ioas: The IOAS that it is to map.
 * @flags: Flags of enum iommufd_hwpt_alloc_flags.
 * @data: Data of user space for the backend, or NULL.
 *
 * Its domain is empty, and is filled when a group is attached to it at the
 * latest, see iommufd_hwpt_attach_group().  That of an IOAS on demand has page
 * faults, and does not track what devices write: what is released would be
 * lost.
 *
 * Context: Process context.  Pairs with iommufd_hwpt_publish() or
 * iommufd_hwpt_abort().
 *
 * Return: the page table, or ERR_PTR(): -ENOSPC when the context would have too
 * many, or what the backend's domain_alloc() or map_msi() returns.
 */
struct iommufd_hwpt *
iommufd_hwpt_alloc(struct iommufd_device *idev, struct iommufd_ioas *ioas,
		   u32 flags, const struct iommu_backend_data *data)
{
	struct iommufd_ctx *ictx = idev->ictx;
	struct iommufd_hwpt *hwpt;
	int rc;

	hwpt = iommufd_hwpt_alloc_object(ictx, &iommufd_hwpt_type);
	if (IS_ERR(hwpt))
		return hwpt;
	hwpt->domain = alloc_domain(idev, flags, data);
	if (IS_ERR(hwpt->domain)) {
		rc = PTR_ERR(hwpt->domain);
		iommufd_object_abort(ictx, &hwpt->obj);
		atomic_dec(&ictx->nhwpts);
		return ERR_PTR(rc);
	}
	hwpt->msi_window = idev->igroup->msi_window;
	hwpt->flags = flags;
	hwpt->iopt_domain.faults =
		flags & IOMMU_HWPT_FAULT_ID_VALID &&
		!(flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	hwpt->ioas = ioas;
	refcount_inc(&ioas->obj.users);
	hwpt->backend = idev->igroup->backend;
	iommu_backend_ref(hwpt->backend);
	return hwpt;
}

static int hwpt_add_domain(struct iommufd_hwpt *hwpt)
{
	return iopt_add_domain(&hwpt->ioas->iopt, &hwpt->iopt_domain,
			       hwpt->domain);
}

static int hwpt_finalize(struct iommufd_hwpt *hwpt, struct iommufd_device *idev,
			 struct iommu_group *group)
{
	hwpt->sharing = idev->igroup->sharing;
	return iommu_backend_finalize(hwpt->backend, hwpt->domain, idev->dev,
				       group, &hwpt->coherent);
}

/*
 * Fill a page table that is not published, and to which nothing is attached.
 * If its domain becomes final only with a device, @group is attached for a
 * moment.  To the device that makes no difference, as the domain is empty.  If
 * @group is NULL then, the page table stays empty: see
 * iommufd_hwpt_attach_group().
 */
static int hwpt_fill(struct iommufd_hwpt *hwpt, struct iommufd_device *idev,
		     struct iommu_group *group)
{
	int rc = hwpt_finalize(hwpt, idev, group);

	if (rc == -EBUSY && !group)
		return 0;
	if (rc < 0)
		return rc;
	if (rc > 0)
		hwpt->backend->detach(hwpt->domain, group);
	return hwpt_add_domain(hwpt);
}

/**
 * iommufd_hwpt_attach_group() - Let a group do DMA through a page table
 * @hwpt: The page table; filled if it is not yet.
 * @old: What the group is attached to and is moved from at once, or NULL.
 * @idev: A device of the group, which is attached to @old, or has no domain.
 *
 * Where a domain becomes final only with a device, the first group is attached
 * before the page table is filled.  To the device that makes no difference:
 * from blocked, memory appears bit by bit.
 *
 * Context: Process context, under iommufd_ioas::hwpts_lock.  May fault in
 * memory that is mapped.
 *
 * Return: 0, or, with the group where it was, -EINTR when killed, or what
 * iommu_backend_finalize(), iommu_backend_attach() or iommu_backend_replace(),
 * or iopt_add_domain(), return.
 */
int iommufd_hwpt_attach_group(struct iommufd_hwpt *hwpt,
			      struct iommufd_hwpt *old,
			      struct iommufd_device *idev)
{
	const struct iommu_backend_ops *backend = idev->igroup->backend;
	struct iommu_group *group = idev->igroup->group;
	int rc, attached;

	lockdep_assert_held(&hwpt->ioas->hwpts_lock);

	if (!iommufd_hwpt_filled(hwpt)) {
		attached = hwpt_finalize(hwpt, idev, old ? NULL : group);
		if (attached < 0)
			return attached;
		rc = hwpt_add_domain(hwpt);
		if (rc && attached)
			hwpt->backend->detach(hwpt->domain, group);
		if (rc || attached)
			return rc;
	}
	if (old)
		return iopt_domain_replace(&old->ioas->iopt, &hwpt->ioas->iopt,
					   backend, old->domain, hwpt->domain,
					   group);
	return iopt_domain_attach(&hwpt->ioas->iopt, backend, hwpt->domain,
				  group, true);
}

/**
 * iommufd_hwpt_publish() - Let others find a page table
 * @ictx: The context.
 * @hwpt: The page table.
 *
 * Context: Process context, under iommufd_ioas::hwpts_lock.  Cannot fail.
 */
void iommufd_hwpt_publish(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt)
{
	lockdep_assert_held(&hwpt->ioas->hwpts_lock);

	list_add_tail(&hwpt->ioas_item, &hwpt->ioas->hwpts);
	iommufd_object_publish(ictx, &hwpt->obj);
}

/**
 * iommufd_hwpt_abort() - Undo iommufd_hwpt_alloc()
 * @ictx: The context.
 * @hwpt: The page table, not published, without groups attached.
 *
 * Context: Process context.  Cannot fail.
 */
void iommufd_hwpt_abort(struct iommufd_ctx *ictx, struct iommufd_hwpt *hwpt)
{
	hwpt_release(ictx, hwpt);
	iommufd_object_abort(ictx, &hwpt->obj);
}

/*
 * Make a page table for the IOMMU of a device, and fill it if that can be done.
 */
static struct iommufd_hwpt *
hwpt_alloc_for_device(struct iommufd_device *idev, struct iommufd_ioas *ioas,
		      u32 flags, const struct iommu_backend_data *data)
{
	struct iommufd_group *igroup = idev->igroup;
	struct iommufd_hwpt *hwpt;
	int rc;

	hwpt = iommufd_hwpt_alloc(idev, ioas, flags, data);
	if (IS_ERR(hwpt))
		return hwpt;

	/* The DMA of a group that is attached must not be interrupted. */
	if (mutex_lock_killable(&igroup->lock)) {
		rc = -EINTR;
	} else {
		rc = hwpt_fill(hwpt, idev,
			       igroup->hwpt ? NULL : igroup->group);
		mutex_unlock(&igroup->lock);
	}
	if (rc) {
		iommufd_hwpt_abort(idev->ictx, hwpt);
		return ERR_PTR(rc);
	}
	return hwpt;
}

/**
 * iommufd_hwpt_set_fault_queue() - Say where page faults of a page table go
 * @ucmd: IOMMU_HWPT_ALLOC, whose flags say whether there is a queue.
 * @hwpt: The page table, not published.  It holds the queue from now on, until
 *	iommufd_hwpt_put_fault_queue().
 *
 * Context: Process context.
 *
 * Return: 0, or -ENOENT without such a queue.
 */
int iommufd_hwpt_set_fault_queue(struct iommufd_ucmd *ucmd,
				 struct iommufd_hwpt *hwpt)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	struct iommufd_fault_queue *queue;

	if (!(cmd->flags & IOMMU_HWPT_FAULT_ID_VALID))
		return 0;
	queue = iommufd_fault_queue_get(ucmd->ictx, cmd->fault_id);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	refcount_inc(&queue->obj.users);
	hwpt->fault_queue = queue;
	iommufd_object_put(&queue->obj);
	return 0;
}

/**
 * iommufd_hwpt_alloc_of_ioas() - IOMMU_HWPT_ALLOC of an IOAS
 * @ucmd: The ioctl.
 * @idev: The bound device, for whose IOMMU the page table is made.
 * @ioas: The IOAS that it is to map.
 * @data: Data of user space for the backend, or NULL.
 *
 * Context: Process context.  May fault in memory that is mapped.
 *
 * Return: 0, -EOPNOTSUPP for flags, -EFAULT, -EINTR when killed, or what
 * iommufd_hwpt_alloc() and iopt_add_domain() return.
 */
int iommufd_hwpt_alloc_of_ioas(struct iommufd_ucmd *ucmd,
			       struct iommufd_device *idev,
			       struct iommufd_ioas *ioas,
			       const struct iommu_backend_data *data)
{
	struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	bool on_demand = READ_ONCE(ioas->iopt.on_demand);
	struct iommufd_hwpt *hwpt;
	int rc;

	if (cmd->flags & ~(IOMMU_HWPT_ALLOC_NEST_PARENT |
			   IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
			   IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID) ||
	    (cmd->flags & IOMMU_HWPT_FAULT_ID_VALID &&
	     cmd->flags & IOMMU_HWPT_ALLOC_NEST_PARENT))
		return -EOPNOTSUPP;
	/* Faults of a nested page table are about addresses of a guest. */
	if (on_demand && cmd->flags & (IOMMU_HWPT_ALLOC_NEST_PARENT |
				       IOMMU_HWPT_ALLOC_DIRTY_TRACKING))
		return -EOPNOTSUPP;
	hwpt = hwpt_alloc_for_device(idev, ioas,
				     cmd->flags | (on_demand ?
					IOMMU_HWPT_FAULT_ID_VALID : 0), data);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	cmd->out_hwpt_id = hwpt->obj.id;
	rc = iommufd_hwpt_set_fault_queue(ucmd, hwpt) ?:
	     iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (!rc && mutex_lock_killable(&ioas->hwpts_lock))
		rc = -EINTR;
	if (rc) {
		iommufd_hwpt_abort(ucmd->ictx, hwpt);
		return rc;
	}
	iommufd_hwpt_publish(ucmd->ictx, hwpt);
	mutex_unlock(&ioas->hwpts_lock);
	return 0;
}
