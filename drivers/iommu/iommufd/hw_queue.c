// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues in memory of a guest that the hardware of its vIOMMU reads
 *
 * The hardware reads such a queue by its physical address, not through a page
 * table.  So the memory is pinned by an access that never drops its pins, and
 * what maps it cannot be unmapped while there is the queue.
 */
#include <linux/err.h>
#include <linux/math.h>
#include <linux/overflow.h>
#include <uapi/linux/iommufd.h>

#include "backend/viommu.h"
#include "hw_pagetable.h"
#include "hw_queue.h"
#include "ioas.h"
#include "iopt/access_pin.h"
#include "iopt/domains.h"
#include "ucmd.h"
#include "viommu.h"

/**
 * struct iommufd_hw_queue - A queue that the hardware of a vIOMMU reads
 * @obj: The object.  A queue that depends on this one is one of its users.
 * @ictx: The context.
 * @viommu: The vIOMMU, of which this is a user.
 * @access: Pins the memory, in the IOAS of the vIOMMU's parent.
 * @start: First IOVA that is pinned, of a page.
 * @last: Last IOVA that is pinned, inclusive, of a page.
 * @queue: That of the backend.
 */
struct iommufd_hw_queue {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct iommufd_viommu *viommu;
	struct iopt_access access;
	unsigned long start;
	unsigned long last;
	struct iommu_backend_hw_queue queue;
};

static struct iommufd_hw_queue *
to_hw_queue(struct iommu_backend_hw_queue *queue)
{
	return container_of(queue, struct iommufd_hw_queue, queue);
}

static struct io_pagetable *hw_queue_iopt(struct iommufd_hw_queue *hw_queue)
{
	return &hw_queue->viommu->hwpt->ioas->iopt;
}

static bool hw_queue_try_use(struct iommu_backend_hw_queue *queue)
{
	struct iommufd_hw_queue *hw_queue = to_hw_queue(queue);

	return iommufd_object_try_use(hw_queue->ictx, &hw_queue->obj);
}

static int hw_queue_pin(struct iommufd_hw_queue *hw_queue, unsigned long iova)
{
	struct io_pagetable *iopt = hw_queue_iopt(hw_queue);
	phys_addr_t phys;
	int rc;

	rc = iopt_want_pages(iopt);
	if (rc)
		return rc;
	iopt_add_access(iopt, &hw_queue->access);
	rc = iopt_access_pin_contiguous(iopt, &hw_queue->access,
					hw_queue->start, hw_queue->last,
					IOMMU_READ, &phys);
	if (rc) {
		iopt_remove_access(iopt, &hw_queue->access);
		iopt_unwant_pages(iopt);
		return rc;
	}
	hw_queue->queue.phys = phys + offset_in_page(iova);
	return 0;
}

static void hw_queue_unpin(struct iommufd_hw_queue *hw_queue)
{
	struct io_pagetable *iopt = hw_queue_iopt(hw_queue);

	iopt_access_unpin_pages(&hw_queue->access, hw_queue->start,
				hw_queue->last);
	iopt_remove_access(iopt, &hw_queue->access);
	iopt_unwant_pages(iopt);
}

/* The backend may have made the queue depend on another one. */
static void hw_queue_drop_needed(struct iommufd_hw_queue *hw_queue)
{
	struct iommu_backend_hw_queue *needs = hw_queue->queue.needs;

	if (needs)
		refcount_dec(&to_hw_queue(needs)->obj.users);
}

/* Returns 0, what iopt_access_pin_contiguous() returns, or what the backend says. */
static int hw_queue_start(struct iommufd_hw_queue *hw_queue, unsigned long iova)
{
	const struct iommu_backend_viommu_ops *ops = hw_queue->queue.viommu->ops;
	int rc;

	rc = hw_queue_pin(hw_queue, iova);
	if (rc)
		return rc;
	rc = ops->hw_queue_start(&hw_queue->queue);
	if (rc) {
		hw_queue_drop_needed(hw_queue);
		hw_queue_unpin(hw_queue);
	}
	return rc;
}

static void hw_queue_stop(struct iommufd_hw_queue *hw_queue)
{
	struct iommu_backend_hw_queue *queue = &hw_queue->queue;

	queue->viommu->ops->hw_queue_stop(queue);
	hw_queue_drop_needed(hw_queue);
	hw_queue_unpin(hw_queue);
}

static void hw_queue_destroy(struct iommufd_ctx *ictx,
			     struct iommufd_object *obj)
{
	struct iommufd_hw_queue *hw_queue =
		container_of(obj, struct iommufd_hw_queue, obj);

	hw_queue_stop(hw_queue);
	refcount_dec(&hw_queue->viommu->obj.users);
}

static const struct iommufd_object_type iommufd_hw_queue_type = {
	.destroy = hw_queue_destroy,
};

static struct iommufd_hw_queue *hw_queue_create(struct iommufd_ucmd *ucmd,
						struct iommufd_viommu *viommu)
{
	struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	unsigned long iova = cmd->nesting_parent_iova;
	struct iommufd_hw_queue *hw_queue;
	int rc;

	hw_queue = iommufd_object_alloc(ucmd->ictx, struct iommufd_hw_queue,
					&iommufd_hw_queue_type);
	if (IS_ERR(hw_queue))
		return hw_queue;
	hw_queue->ictx = ucmd->ictx;
	hw_queue->viommu = viommu;
	iopt_access_init(&hw_queue->access, NULL, NULL);
	hw_queue->start = round_down(iova, PAGE_SIZE);
	hw_queue->last = (iova + cmd->length - 1) | ~PAGE_MASK;
	hw_queue->queue.viommu = viommu->viommu;
	hw_queue->queue.type = cmd->type;
	hw_queue->queue.index = cmd->index;
	hw_queue->queue.length = cmd->length;
	hw_queue->queue.try_use = hw_queue_try_use;
	rc = hw_queue_start(hw_queue, iova);
	if (rc) {
		iommufd_object_abort(ucmd->ictx, &hw_queue->obj);
		return ERR_PTR(rc);
	}
	return hw_queue;
}

static int hw_queue_alloc_and_respond(struct iommufd_ucmd *ucmd,
				      struct iommufd_viommu *viommu)
{
	const struct iommu_backend_viommu_ops *ops = viommu->viommu->ops;
	struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	struct iommufd_hw_queue *hw_queue;
	int rc;

	if (!ops->has_hw_queue || !ops->has_hw_queue(viommu->viommu, cmd->type))
		return -EOPNOTSUPP;
	hw_queue = hw_queue_create(ucmd, viommu);
	if (IS_ERR(hw_queue))
		return PTR_ERR(hw_queue);
	cmd->out_hw_queue_id = hw_queue->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc) {
		hw_queue_stop(hw_queue);
		iommufd_object_abort(ucmd->ictx, &hw_queue->obj);
		return rc;
	}
	refcount_inc(&viommu->obj.users);
	iommufd_object_publish(ucmd->ictx, &hw_queue->obj);
	return 0;
}

int iommufd_hw_queue_alloc(struct iommufd_ucmd *ucmd)
{
	struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	struct iommufd_viommu *viommu;
	u64 last;
	int rc;

	if (cmd->flags || cmd->type == IOMMU_HW_QUEUE_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	if (!cmd->length)
		return -EINVAL;
	if (check_add_overflow(cmd->nesting_parent_iova, cmd->length - 1,
			       &last))
		return -EOVERFLOW;

	viommu = iommufd_viommu_get(ucmd->ictx, cmd->viommu_id);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);
	rc = hw_queue_alloc_and_respond(ucmd, viommu);
	iommufd_object_put(&viommu->obj);
	return rc;
}
