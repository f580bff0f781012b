// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap() of /dev/iommu: registers that hardware has for a vIOMMU
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include "mmap.h"
#include "object.h"

/**
 * iommufd_mmap_add() - Let user space find registers
 * @ictx: The context.
 * @mmap: The registers; iommufd_mmap::pgoff is set.  User space cannot map them
 *	before the owner is published.
 *
 * Context: Process context.  Pairs with iommufd_mmap_remove().
 *
 * Return: 0 or -ENOMEM.
 */
int iommufd_mmap_add(struct iommufd_ctx *ictx, struct iommufd_mmap *mmap)
{
	u64 npages = mmap->length >> PAGE_SHIFT;

	/* No offset is used again, so a stale one finds nothing. */
	mmap->pgoff = atomic64_fetch_add(npages, &ictx->mmap_npages) + 1;
	return xa_insert(&ictx->mmaps, mmap->pgoff, mmap, GFP_KERNEL_ACCOUNT);
}

/**
 * iommufd_mmap_remove() - Undo iommufd_mmap_add()
 * @ictx: The context.
 * @mmap: The registers.  Nothing maps them, and their owner is not published, or
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
	struct iommufd_object *owner = vma->vm_private_data;

	refcount_inc(&owner->users);
}

static void mmap_close(struct vm_area_struct *vma)
{
	struct iommufd_object *owner = vma->vm_private_data;

	refcount_dec(&owner->users);
}

static const struct vm_operations_struct mmap_ops = {
	.open = mmap_open,
	.close = mmap_close,
};

/**
 * iommufd_fops_mmap() - See file_operations::mmap
 * @file: A file of /dev/iommu.
 * @vma: The mapping.
 *
 * Context: Process context, with the mmap lock held for writing.
 *
 * Return: 0, -EINVAL for a private mapping, -EPERM for one that can be executed,
 * -ENXIO unless it is of exactly what an object has there, -ENOMEM.
 */
int iommufd_fops_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long length = vma->vm_end - vma->vm_start;
	struct iommufd_ctx *ictx = file->private_data;
	struct iommufd_mmap *mmap;
	int rc;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;

	xa_lock(&ictx->mmaps);
	mmap = xa_load(&ictx->mmaps, vma->vm_pgoff);
	if (mmap && (mmap->length != length ||
		     !iommufd_object_try_use(ictx, mmap->owner)))
		mmap = NULL;
	xa_unlock(&ictx->mmaps);
	if (!mmap)
		return -ENXIO;

	vm_flags_clear(vma, VM_MAYEXEC);
	vma->vm_private_data = mmap->owner;
	vma->vm_ops = &mmap_ops;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	rc = io_remap_pfn_range(vma, vma->vm_start, PHYS_PFN(mmap->phys),
				length, vma->vm_page_prot);
	/* Nobody calls mmap_close() for a mapping that has failed. */
	if (rc)
		mmap_close(vma);
	return rc;
}
