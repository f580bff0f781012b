// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO's container on /dev/iommu: its ioctls act on one IOAS of the context
 *
 * That IOAS is iommufd_ctx::vfio_ioas, a pointer that is no user: the IOAS can
 * be destroyed at any time.  So whoever follows the pointer holds the xa_lock
 * of iommufd_ctx::objects, and looks whether the IOAS still has its ID: one
 * that is being destroyed is hidden, and is forgotten before it is freed.
 */
#include <linux/err.h>
#include <uapi/linux/iommufd.h>

#include "ioas.h"
#include "ucmd.h"
#include "vfio_compat.h"

/*
 * Find the compatibility IOAS for the duration of a call, as
 * iommufd_object_get() does by ID; ERR_PTR(-ENODEV) without one.
 */
static struct iommufd_ioas *vfio_ioas_get(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas;

	xa_lock(&ictx->objects);
	ioas = ictx->vfio_ioas;
	if (ioas && xa_load(&ictx->objects, ioas->obj.id) == &ioas->obj)
		atomic_inc(&ioas->obj.calls);
	else
		ioas = ERR_PTR(-ENODEV);
	xa_unlock(&ictx->objects);
	return ioas;
}

static void vfio_ioas_put(struct iommufd_ioas *ioas)
{
	iommufd_object_put(&ioas->obj);
}

static void vfio_ioas_set(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	xa_lock(&ictx->objects);
	ictx->vfio_ioas = ioas;
	xa_unlock(&ictx->objects);
}

/**
 * iommufd_vfio_forget_ioas() - An IOAS is about to be freed
 * @ictx: The context.
 * @ioas: The IOAS, which no longer has an ID.
 *
 * If it is the compatibility IOAS, there is none from now on.
 */
void iommufd_vfio_forget_ioas(struct iommufd_ctx *ictx,
			      struct iommufd_ioas *ioas)
{
	xa_lock(&ictx->objects);
	if (ictx->vfio_ioas == ioas)
		ictx->vfio_ioas = NULL;
	xa_unlock(&ictx->objects);
}

int iommufd_vfio_ioas(struct iommufd_ucmd *ucmd)
{
	struct iommu_vfio_ioas *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;

	if (cmd->__reserved)
		return -EOPNOTSUPP;

	switch (cmd->op) {
	case IOMMU_VFIO_IOAS_GET:
		ioas = vfio_ioas_get(ucmd->ictx);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		cmd->ioas_id = ioas->obj.id;
		vfio_ioas_put(ioas);
		return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	case IOMMU_VFIO_IOAS_SET:
		ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		/* Destruction waits for this call, and forgets it after. */
		vfio_ioas_set(ucmd->ictx, ioas);
		vfio_ioas_put(ioas);
		return 0;
	case IOMMU_VFIO_IOAS_CLEAR:
		vfio_ioas_set(ucmd->ictx, NULL);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}
