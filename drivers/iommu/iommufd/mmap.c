// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of /dev/iommu: registers that hardware has for a vIOMMU
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include "mmap.h"
#include "viommu.h"

/**
 * iommufd_mmap_add() - Let user space find registers
 * @ictx: The context.
 * @mmap: The registers; iommufd_mmap::pgoff is set.
 * @viommu_id: ID of the vIOMMU that has them.  User space cannot map them before
 *	it is published.
 *
 * Context: Process context.  Pairs with iommufd_mmap_remove().
 *
 * Return: 0 or -ENOMEM.
 */
int iommufd_mmap_add(struct iommufd_ctx *ictx, struct iommufd_mmap *mmap,
		     u32 viommu_id)
{
	u64 npages = mmap->length >> PAGE_SHIFT;

	/* No offset is used again, so a stale one finds nothing. */
	mmap->pgoff = atomic64_fetch_add(npages, &ictx->mmap_npages) + 1;
	return xa_insert(&ictx->mmaps, mmap->pgoff, xa_mk_value(viommu_id),
			 GFP_KERNEL_ACCOUNT);
}

/**
 * iommufd_mmap_remove() - Undo iommufd_mmap_add()
 * @ictx: The context.
 * @mmap: The registers.  Nothing maps them, and the vIOMMU is not published, or
 *	not any more.
 *
 * Context: Process context.
 */
void iommufd_mmap_remove(struct iommufd_ctx *ictx, struct iommufd_mmap *mmap)
{
	xa_erase(&ictx->mmaps, mmap->pgoff);
}

/* For a fork, and for the second half of a mapping that is split */
static void mmap_open(struct vm_area_struct *vma)
{
	struct iommufd_viommu *viommu = vma->vm_private_data;

	refcount_inc(&viommu->obj.users);
}

static void mmap_close(struct vm_area_struct *vma)
{
	struct iommufd_viommu *viommu = vma->vm_private_data;

	refcount_dec(&viommu->obj.users);
}

static const struct vm_operations_struct mmap_ops = {
	.open = mmap_open,
	.close = mmap_close,
};

/* The vIOMMU that has registers at this offset; for the duration of a call */
static struct iommufd_viommu *get_viommu(struct iommufd_ctx *ictx,
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
	if (viommu->mmap.pgoff == pgoff && viommu->mmap.length == length)
		return viommu;
	iommufd_object_put(&viommu->obj);
	return ERR_PTR(-ENXIO);
}

/**
 * iommufd_fops_mmap() - See file_operations::mmap
 * @file: A file of /dev/iommu.
 * @vma: The mapping.
 *
 * Context: Process context, with the mmap lock held for writing.
 *
 * Return: 0, -EINVAL for a private mapping, -EPERM for one that can be executed,
 * -ENXIO unless it is of exactly what a vIOMMU has there, -ENOMEM.
 */
int iommufd_fops_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long length = vma->vm_end - vma->vm_start;
	struct iommufd_viommu *viommu;
	int rc;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	viommu = get_viommu(file->private_data, vma->vm_pgoff, length);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);

	vm_flags_clear(vma, VM_MAYEXEC);
	vma->vm_private_data = viommu;
	vma->vm_ops = &mmap_ops;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	rc = io_remap_pfn_range(vma, vma->vm_start,
				PHYS_PFN(viommu->mmap.phys), length,
				vma->vm_page_prot);
	/* Nobody calls mmap_close() for a mapping that has failed. */
	if (!rc)
		mmap_open(vma);
	iommufd_object_put(&viommu->obj);
	return rc;
}
