// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O address spaces: their life, their ranges of IOVA, their options
 */
#include <linux/err.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "ioas.h"
#include "iopt/domains.h"
#include "iopt/iova.h"
#include "ucmd.h"

/*
 * An IOAS that is about to be freed, and no longer has an ID, is the
 * compatibility IOAS no more.
 */
static void vfio_ioas_forget(struct iommufd_ctx *ictx,
			     struct iommufd_ioas *ioas)
{
	xa_lock(&ictx->objects);
	if (ictx->vfio_ioas == ioas)
		ictx->vfio_ioas = NULL;
	xa_unlock(&ictx->objects);
}

/* No page table of the IOAS is left. */
static void ioas_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	struct iommufd_ioas *ioas = container_of(obj, struct iommufd_ioas, obj);

	vfio_ioas_forget(ictx, ioas);
	WARN_ON(!list_empty(&ioas->hwpts));
	/* Ranges that a test has reserved, with the IOAS as their owner */
	iopt_unreserve(&ioas->iopt, ioas);
	iopt_destroy(&ioas->iopt);
	mutex_destroy(&ioas->hwpts_lock);
}

const struct iommufd_object_type iommufd_ioas_type = {
	.destroy = ioas_destroy,
};
EXPORT_SYMBOL_NS_GPL(iommufd_ioas_type, "IOMMUFD_TEST");

static struct iommufd_ioas *ioas_alloc(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas;

	ioas = iommufd_object_alloc(ictx, struct iommufd_ioas,
				    &iommufd_ioas_type);
	if (IS_ERR(ioas))
		return ioas;
	iopt_init(&ioas->iopt, &ictx->nmappings);
	mutex_init(&ioas->hwpts_lock);
	INIT_LIST_HEAD(&ioas->hwpts);
	init_rwsem(&ioas->vfio_lock);
	return ioas;
}

int iommufd_ioas_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_alloc *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;

	ioas = ioas_alloc(ucmd->ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	cmd->out_ioas_id = ioas->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc) {
		iommufd_object_abort(ucmd->ictx, &ioas->obj);
		return rc;
	}
	iommufd_object_publish(ucmd->ictx, &ioas->obj);
	return 0;
}

int iommufd_ioas_iova_ranges(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_iova_ranges *cmd = ucmd->cmd;
	struct iommu_iova_range *ranges;
	struct iommufd_ioas *ioas;
	u32 count, capacity;
	int rc = 0;

	if (cmd->__reserved)
		return -EOPNOTSUPP;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	/*
	 * Writing to user memory may take long, so the lock is not held for
	 * that.
	 */
	if (down_read_killable(&ioas->iopt.iova_lock)) {
		iommufd_object_put(&ioas->obj);
		return -EINTR;
	}
	count = iopt_usable_ranges(&ioas->iopt, NULL, 0);
	capacity = min(count, cmd->num_iovas);
	ranges = kvmalloc_array(capacity, sizeof(*ranges), GFP_KERNEL_ACCOUNT);
	if (ranges)
		iopt_usable_ranges(&ioas->iopt, ranges, capacity);
	cmd->out_iova_alignment = ioas->iopt.iova_alignment;
	up_read(&ioas->iopt.iova_lock);
	iommufd_object_put(&ioas->obj);

	if (!ranges)
		return -ENOMEM;
	if (copy_to_user(u64_to_user_ptr(cmd->allowed_iovas), ranges,
			 capacity * sizeof(*ranges)))
		rc = -EFAULT;
	kvfree(ranges);
	if (rc)
		return rc;

	if (count > cmd->num_iovas)
		rc = -EMSGSIZE;
	cmd->num_iovas = count;
	return iommufd_ucmd_respond(ucmd, sizeof(*cmd)) ?: rc;
}

static int copy_allowed_range(struct rb_root_cached *allowed,
			      struct iommu_iova_range __user *urange)
{
	struct iommu_iova_range range;
	struct iopt_allowed *node;

	if (copy_from_user(&range, urange, sizeof(range)))
		return -EFAULT;
	if (range.start >= range.last ||
	    interval_tree_iter_first(allowed, range.start, range.last))
		return -EINVAL;

	node = kzalloc(sizeof(*node), GFP_KERNEL_ACCOUNT);
	if (!node)
		return -ENOMEM;
	node->node.start = range.start;
	node->node.last = range.last;
	interval_tree_insert(&node->node, allowed);
	return 0;
}

int iommufd_ioas_allow_iovas(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	struct iommu_iova_range __user *ranges =
		u64_to_user_ptr(cmd->allowed_iovas);
	struct rb_root_cached allowed = RB_ROOT_CACHED;
	struct iommufd_ioas *ioas;
	int rc = 0;
	u32 i;

	if (cmd->__reserved)
		return -EOPNOTSUPP;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	for (i = 0; !rc && i < cmd->num_iovas; i++) {
		rc = fatal_signal_pending(current) ?
			     -EINTR :
			     copy_allowed_range(&allowed, &ranges[i]);
		cond_resched();
	}
	if (!rc)
		rc = iopt_set_allowed(&ioas->iopt, &allowed);
	iopt_free_allowed(&allowed);
	iommufd_object_put(&ioas->obj);
	return rc;
}

/**
 * iommufd_ioas_option() - Get or set an option of an IOAS
 * @ucmd: The IOMMU_OPTION ioctl, of IOMMU_OPTION_HUGE_PAGES or
 *	IOMMU_OPTION_ON_DEMAND.
 *
 * Return: 0, -ENOENT without such an IOAS, or -EINVAL for a value that is
 * neither 0 nor 1, or as iopt_set_huge_pages() or iopt_set_on_demand().
 */
int iommufd_ioas_option(struct iommufd_ucmd *ucmd)
{
	struct iommu_option *cmd = ucmd->cmd;
	bool on_demand = cmd->option_id == IOMMU_OPTION_ON_DEMAND;
	struct iommufd_ioas *ioas;
	int rc = 0;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->object_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (cmd->op == IOMMU_OPTION_OP_GET)
		cmd->val64 = on_demand ? READ_ONCE(ioas->iopt.on_demand) :
					 READ_ONCE(ioas->iopt.huge_pages);
	else if (cmd->val64 > 1)
		rc = -EINVAL;
	else if (on_demand)
		rc = iopt_set_on_demand(&ioas->iopt, cmd->val64);
	else
		rc = iopt_set_huge_pages(&ioas->iopt, cmd->val64);
	iommufd_object_put(&ioas->obj);
	return rc;
}

/**
 * iommufd_vfio_ioas_get() - Find the compatibility IOAS for the duration of a
 * call
 * @ictx: The context.
 *
 * The IOAS that VFIO container calls act on is iommufd_ctx::vfio_ioas.  The
 * pointer is no user of the IOAS, which can be destroyed at any time.  So a
 * call that follows the pointer holds the xa_lock of iommufd_ctx::objects, and
 * looks whether the IOAS still has its ID: an IOAS that is being destroyed is
 * hidden, and vfio_ioas_forget() clears the pointer before the IOAS is freed.
 *
 * Pairs with iommufd_object_put().
 *
 * Return: the IOAS, or ERR_PTR(-ENODEV) without one.
 */
struct iommufd_ioas *iommufd_vfio_ioas_get(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas;

	xa_lock(&ictx->objects);
	ioas = ictx->vfio_ioas;
	if (!ioas || !__iommufd_object_hold(ictx, &ioas->obj))
		ioas = ERR_PTR(-ENODEV);
	xa_unlock(&ictx->objects);
	return ioas;
}

static void vfio_ioas_set(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	xa_lock(&ictx->objects);
	ictx->vfio_ioas = ioas;
	xa_unlock(&ictx->objects);
}

/**
 * iommufd_vfio_ioas_create() - Make the compatibility IOAS of a context
 * @ictx: The context, new and known to the caller only.
 * @ioas_id: Set to the ID of the IOAS.
 *
 * Context: Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int iommufd_vfio_ioas_create(struct iommufd_ctx *ictx, u32 *ioas_id)
{
	struct iommufd_ioas *ioas = ioas_alloc(ictx);

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	*ioas_id = ioas->obj.id;
	iommufd_object_publish(ictx, &ioas->obj);
	vfio_ioas_set(ictx, ioas);
	return 0;
}

int iommufd_vfio_ioas(struct iommufd_ucmd *ucmd)
{
	struct iommu_vfio_ioas *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;

	if (cmd->__reserved)
		return -EOPNOTSUPP;

	switch (cmd->op) {
	case IOMMU_VFIO_IOAS_GET:
		ioas = iommufd_vfio_ioas_get(ucmd->ictx);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		cmd->ioas_id = ioas->obj.id;
		iommufd_object_put(&ioas->obj);
		return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	case IOMMU_VFIO_IOAS_SET:
		ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		/*
		 * Destruction waits for this call, and clears the pointer
		 * after.
		 */
		vfio_ioas_set(ucmd->ictx, ioas);
		iommufd_object_put(&ioas->obj);
		return 0;
	case IOMMU_VFIO_IOAS_CLEAR:
		vfio_ioas_set(ucmd->ictx, NULL);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}
