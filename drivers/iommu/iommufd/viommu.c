// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs (vIOMMUs)
 *
 * A vIOMMU is the part of one IOMMU that a guest is given.  It has a parent page
 * table, in which the guest's own are nested, knows devices by the IDs that the
 * guest has for them (vDEVICEs), and takes invalidations of all of these.  Its
 * registers, if there are any, are mapped by mmap() of /dev/iommu.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <uapi/linux/iommufd.h>

#include "backend/backend.h"
#include "device.h"
#include "hw_pagetable.h"
#include "ucmd.h"
#include "viommu.h"

/* Each may take an ID that the IOMMUs of the host have few of. */
static unsigned int max_viommus = 128;
module_param(max_viommus, uint, 0644);
MODULE_PARM_DESC(max_viommus, "The most virtual IOMMUs of one context, an open file of /dev/iommu (default: 128)");

static void viommu_release(struct iommufd_ctx *ictx,
			   struct iommufd_viommu *viommu)
{
	struct iommufd_hwpt *hwpt = viommu->hwpt;

	if (viommu->mmap_pgoff)
		xa_erase(&ictx->mmaps, viommu->mmap_pgoff);
	xa_destroy(&viommu->viommu->vdevices);
	viommu->viommu->ops->free(viommu->viommu);
	iommu_backend_put(hwpt->backend);
	refcount_dec(&hwpt->obj.users);
	atomic_dec(&ictx->nviommus);
}

/* Nothing that was made of it is left. */
static void viommu_destroy(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	viommu_release(ictx, container_of(obj, struct iommufd_viommu, obj));
}

const struct iommufd_object_type iommufd_viommu_type = {
	.destroy = viommu_destroy,
};

/**
 * iommufd_viommu_serves() - Tell whether a device is behind the IOMMU of a
 * vIOMMU
 * @viommu: The vIOMMU.
 * @idev: The bound device.
 *
 * Context: Process context.
 *
 * Return: whether it is.
 */
bool iommufd_viommu_serves(struct iommufd_viommu *viommu,
			   struct iommufd_device *idev)
{
	const struct iommu_backend_ops *backend = idev->igroup->backend;

	return backend == viommu->hwpt->backend &&
	       backend->instance(idev->dev) == viommu->iommu;
}

static struct iommufd_viommu *viommu_create(struct iommufd_device *idev,
					    struct iommufd_hwpt *hwpt, u32 type,
					    const struct iommu_backend_data *data)
{
	const struct iommu_backend_ops *backend = hwpt->backend;
	struct iommufd_ctx *ictx = idev->ictx;
	struct iommufd_viommu *viommu;
	int rc;

	rc = iommufd_charge(&ictx->nviommus, 1, READ_ONCE(max_viommus));
	if (rc)
		return ERR_PTR(rc);
	viommu = iommufd_object_alloc(ictx, struct iommufd_viommu,
				      &iommufd_viommu_type);
	if (IS_ERR(viommu)) {
		rc = PTR_ERR(viommu);
		goto err_uncharge;
	}
	viommu->viommu = backend->viommu_alloc(idev->dev, type, hwpt->domain,
					       data);
	if (IS_ERR(viommu->viommu)) {
		rc = PTR_ERR(viommu->viommu);
		goto err_abort;
	}
	viommu->iommu = backend->instance(idev->dev);
	viommu->hwpt = hwpt;
	refcount_inc(&hwpt->obj.users);
	iommu_backend_ref(backend);
	return viommu;

err_abort:
	iommufd_object_abort(ictx, &viommu->obj);
err_uncharge:
	atomic_dec(&ictx->nviommus);
	return ERR_PTR(rc);
}

/*
 * Let user space find the registers of a vIOMMU, if there are any.  No offset is
 * used again, so a stale one finds nothing.
 */
static int viommu_add_mmap(struct iommufd_ctx *ictx,
			   struct iommufd_viommu *viommu)
{
	u64 npages = viommu->viommu->mmio_length >> PAGE_SHIFT;
	unsigned long pgoff;
	int rc;

	if (!npages)
		return 0;
	pgoff = atomic64_fetch_add(npages, &ictx->mmap_npages) + 1;
	rc = xa_insert(&ictx->mmaps, pgoff, xa_mk_value(viommu->obj.id),
		       GFP_KERNEL_ACCOUNT);
	if (!rc)
		viommu->mmap_pgoff = pgoff;
	return rc;
}

static int viommu_respond(struct iommufd_ucmd *ucmd,
			  struct iommufd_viommu *viommu,
			  const struct iommu_backend_data *data)
{
	const struct iommu_backend_viommu_ops *ops = viommu->viommu->ops;
	struct iommu_viommu_alloc *cmd = ucmd->cmd;
	int rc;

	rc = viommu_add_mmap(ucmd->ictx, viommu);
	if (!rc && data->length && ops->report)
		rc = ops->report(viommu->viommu, data,
				 (u64)viommu->mmap_pgoff << PAGE_SHIFT);
	if (rc)
		return rc;
	cmd->out_viommu_id = viommu->obj.id;
	return iommufd_ucmd_respond(ucmd, sizeof(*cmd));
}

static int viommu_alloc_and_respond(struct iommufd_ucmd *ucmd,
				    struct iommufd_device *idev,
				    struct iommufd_hwpt *hwpt)
{
	struct iommu_viommu_alloc *cmd = ucmd->cmd;
	const struct iommu_backend_data data = {
		.type = cmd->type,
		.uptr = u64_to_user_ptr(cmd->data_uptr),
		.length = cmd->data_len,
	};
	struct iommufd_viommu *viommu;
	int rc;

	viommu = viommu_create(idev, hwpt, cmd->type,
			       data.length ? &data : NULL);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);
	rc = viommu_respond(ucmd, viommu, &data);
	if (rc) {
		viommu_release(ucmd->ictx, viommu);
		iommufd_object_abort(ucmd->ictx, &viommu->obj);
		return rc;
	}
	iommufd_object_publish(ucmd->ictx, &viommu->obj);
	return 0;
}

static int viommu_alloc_in(struct iommufd_ucmd *ucmd,
			   struct iommufd_device *idev)
{
	const struct iommu_backend_ops *backend = idev->igroup->backend;
	struct iommu_viommu_alloc *cmd = ucmd->cmd;
	struct iommufd_hwpt *hwpt;
	int rc = -EINVAL;

	if (!backend->has_viommu || !backend->has_viommu(idev->dev, cmd->type))
		return -EOPNOTSUPP;
	hwpt = iommufd_hwpt_get(ucmd->ictx, cmd->hwpt_id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	if (hwpt->flags & IOMMU_HWPT_ALLOC_NEST_PARENT &&
	    hwpt->backend == backend)
		rc = viommu_alloc_and_respond(ucmd, idev, hwpt);
	iommufd_object_put(&hwpt->obj);
	return rc;
}

int iommufd_viommu_alloc(struct iommufd_ucmd *ucmd)
{
	struct iommu_viommu_alloc *cmd = ucmd->cmd;
	struct iommufd_device *idev;
	int rc;

	if (cmd->flags || cmd->type == IOMMU_VIOMMU_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	idev = iommufd_device_get(ucmd->ictx, cmd->dev_id);
	if (IS_ERR(idev))
		return PTR_ERR(idev);
	rc = viommu_alloc_in(ucmd, idev);
	iommufd_object_put(&idev->obj);
	return rc;
}

/* For a fork, and for the second half of a mapping that is split */
static void viommu_vm_open(struct vm_area_struct *vma)
{
	struct iommufd_viommu *viommu = vma->vm_private_data;

	refcount_inc(&viommu->obj.users);
}

static void viommu_vm_close(struct vm_area_struct *vma)
{
	struct iommufd_viommu *viommu = vma->vm_private_data;

	refcount_dec(&viommu->obj.users);
}

static const struct vm_operations_struct viommu_vm_ops = {
	.open = viommu_vm_open,
	.close = viommu_vm_close,
};

/* The vIOMMU that has registers at this offset; for the duration of a call */
static struct iommufd_viommu *viommu_get_mmap(struct iommufd_ctx *ictx,
					      unsigned long pgoff,
					      unsigned long length)
{
	void *id = xa_load(&ictx->mmaps, pgoff);
	struct iommufd_viommu *viommu;

	if (!id)
		return ERR_PTR(-ENXIO);
	viommu = iommufd_viommu_get(ictx, xa_to_value(id));
	if (IS_ERR(viommu))
		return ERR_PTR(-ENXIO);
	/* By now the ID may be that of another one. */
	if (viommu->mmap_pgoff == pgoff && viommu->viommu->mmio_length == length)
		return viommu;
	iommufd_object_put(&viommu->obj);
	return ERR_PTR(-ENXIO);
}

/**
 * iommufd_viommu_mmap() - See file_operations::mmap
 * @file: A file of /dev/iommu.
 * @vma: The mapping.
 *
 * Context: Process context, with the mmap lock held for writing.
 *
 * Return: 0, -EINVAL for a private mapping, -EPERM for one that can be executed,
 * -ENXIO unless it is of exactly what a vIOMMU has there, -ENOMEM.
 */
int iommufd_viommu_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long length = vma->vm_end - vma->vm_start;
	struct iommufd_viommu *viommu;
	int rc;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	viommu = viommu_get_mmap(file->private_data, vma->vm_pgoff, length);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);

	vm_flags_clear(vma, VM_MAYEXEC);
	vma->vm_private_data = viommu;
	vma->vm_ops = &viommu_vm_ops;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	rc = io_remap_pfn_range(vma, vma->vm_start,
				PHYS_PFN(viommu->viommu->mmio), length,
				vma->vm_page_prot);
	/* Nobody calls viommu_vm_close() for a mapping that has failed. */
	if (!rc)
		viommu_vm_open(vma);
	iommufd_object_put(&viommu->obj);
	return rc;
}
