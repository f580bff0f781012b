// SPDX-License-Identifier: GPL-2.0-only
/*
 * The context behind an open file of /dev/iommu: its life, its options, and the
 * process that is charged for what it maps
 */
#include <linux/capability.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/iommufd.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "ctx.h"
#include "ioas.h"
#include "iopt/walk.h"
#include "object.h"
#include "pages/xarray.h"
#include "ucmd.h"

/**
 * iommufd_ctx_create() - Make a context
 * @file: The open file that it belongs to.  NULL for a container of the VFIO
 *	core: the caller makes the file and sets iommufd_ctx::file.
 *
 * Context: Process context.
 *
 * Return: the context, or ERR_PTR(-ENOMEM).
 */
struct iommufd_ctx *iommufd_ctx_create(struct file *file)
{
	struct iommufd_ctx *ictx;

	ictx = kzalloc(sizeof(*ictx), GFP_KERNEL_ACCOUNT);
	if (!ictx)
		return ERR_PTR(-ENOMEM);
	ictx->file = file;
	xa_init_flags(&ictx->objects, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	xa_init_flags(&ictx->groups, XA_FLAGS_ACCOUNT);
	xa_init_flags(&ictx->mmaps, XA_FLAGS_ACCOUNT);
	mutex_init(&ictx->groups_lock);
	mutex_init(&ictx->change_lock);
	return ictx;
}

/**
 * iommufd_ctx_destroy() - Destroy a context with all its objects
 * @ictx: The context; no call is at work, and no device is bound any more but
 *	by objects of its own.
 *
 * Context: Process context.
 */
void iommufd_ctx_destroy(struct iommufd_ctx *ictx)
{
	iommufd_object_destroy_all(ictx);
	WARN_ON(!iopt_xa_end(&ictx->objects));
	WARN_ON(!iopt_xa_end(&ictx->groups));
	WARN_ON(!iopt_xa_end(&ictx->mmaps));
	WARN_ON(atomic_long_read(&ictx->nmappings));
	WARN_ON(atomic_read(&ictx->nfaults));
	mutex_destroy(&ictx->groups_lock);
	mutex_destroy(&ictx->change_lock);
	kfree(ictx);
}

/**
 * iommufd_ctx_get() - Take another reference to a context
 * @ictx: A context that the caller holds a reference to.
 *
 * Context: Any.
 */
void iommufd_ctx_get(struct iommufd_ctx *ictx)
{
	get_file(ictx->file);
}
EXPORT_SYMBOL_GPL(iommufd_ctx_get);

/**
 * iommufd_ctx_put() - Drop a reference to a context
 * @ictx: The context.
 *
 * With the last reference, the context and all its objects are destroyed, at
 * the latest before the current task returns to user space.
 *
 * Context: Any.
 */
void iommufd_ctx_put(struct iommufd_ctx *ictx)
{
	fput(ictx->file);
}
EXPORT_SYMBOL_GPL(iommufd_ctx_put);

static int ctx_option_rlimit_mode(struct iommufd_ucmd *ucmd)
{
	struct iommu_option *cmd = ucmd->cmd;
	struct iommufd_ctx *ictx = ucmd->ictx;
	int rc = 0;

	if (cmd->object_id)
		return -EOPNOTSUPP;

	if (cmd->op == IOMMU_OPTION_OP_GET) {
		cmd->val64 = ictx->account_mode == IOPT_ACCOUNT_PROCESS;
		return 0;
	}

	if (!capable(CAP_SYS_RESOURCE))
		return -EPERM;
	if (cmd->val64 > 1)
		return -EINVAL;
	xa_lock(&ictx->objects);
	if (iopt_xa_none(&ictx->objects))
		ictx->account_mode = cmd->val64 ? IOPT_ACCOUNT_PROCESS :
						  IOPT_ACCOUNT_USER;
	else
		rc = -EBUSY;
	xa_unlock(&ictx->objects);
	return rc;
}

int iommufd_option(struct iommufd_ucmd *ucmd)
{
	struct iommu_option *cmd = ucmd->cmd;
	int rc;

	if (cmd->__reserved || cmd->op > IOMMU_OPTION_OP_GET)
		return -EOPNOTSUPP;

	switch (cmd->option_id) {
	case IOMMU_OPTION_RLIMIT_MODE:
		rc = ctx_option_rlimit_mode(ucmd);
		break;
	case IOMMU_OPTION_HUGE_PAGES:
	case IOMMU_OPTION_ON_DEMAND:
		rc = iommufd_ioas_option(ucmd);
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (rc || cmd->op == IOMMU_OPTION_OP_SET)
		return rc;
	return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
}

/* List the pages objects that all IOAS of a context map. */
static int ctx_collect_files(struct iommufd_ctx *ictx, struct list_head *files)
{
	struct iommufd_object *obj;
	unsigned long id;
	int rc = 0;

	xa_for_each(&ictx->objects, id, obj) {
		struct iommufd_ioas *ioas = iommufd_ioas_get(ictx, id);

		if (IS_ERR(ioas))
			continue;
		rc = iopt_collect_files(&ioas->iopt, files);
		iommufd_object_put(&ioas->obj);
		if (rc)
			break;
	}
	return rc;
}

int iommufd_change_process(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_change_process *cmd = ucmd->cmd;
	struct iommufd_ctx *ictx = ucmd->ictx;
	LIST_HEAD(files);
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;

	if (mutex_lock_killable(&ictx->change_lock))
		return -EINTR;
	rc = ctx_collect_files(ictx, &files);
	if (!rc)
		rc = iopt_files_change_process(&files, &ictx->change_lock,
					       ictx->account_mode);
	iopt_files_release(&files);
	mutex_unlock(&ictx->change_lock);
	return rc;
}
