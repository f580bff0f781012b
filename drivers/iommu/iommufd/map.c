// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a user address stands for: memory, or a device's MMIO that a driver has
 * let user space map
 *
 * A driver makes a region for a device that is bound to a context.  Only in that
 * context it can be mapped, through the file that the driver named.
 */
#include <linux/cc_platform.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/iommufd.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "iopt/mmio.h"
#include "map.h"
#include "object.h"

/**
 * iommufd_mmio_create() - Let a device's MMIO be mapped for other devices
 * @ictx: The context that the device is bound to.
 * @file: The file whose mappings in user space are of the device's MMIO.  Lives
 *	as long as the region.
 * @find: Called with a mapping of @file, see iommufd_mmio_find_fn.
 * @data: For @find.
 *
 * The region is revoked at first.  Process context.  Pairs with
 * iommufd_mmio_destroy().
 *
 * Return: the region, or ERR_PTR(-ENOMEM).
 */
struct iommufd_mmio *iommufd_mmio_create(struct iommufd_ctx *ictx,
					 const struct file *file,
					 iommufd_mmio_find_fn find, void *data)
{
	struct iommufd_mmio *mmio;

	mmio = kzalloc(sizeof(*mmio), GFP_KERNEL_ACCOUNT);
	if (!mmio)
		return ERR_PTR(-ENOMEM);
	kref_init(&mmio->kref);
	mmio->lock = &ictx->mmio_lock;
	mmio->file = file;
	mmio->find = find;
	mmio->data = data;
	INIT_LIST_HEAD(&mmio->areas);

	mutex_lock(&ictx->mmio_lock);
	list_add_tail(&mmio->item, &ictx->mmios);
	mutex_unlock(&ictx->mmio_lock);
	return mmio;
}
EXPORT_SYMBOL_GPL(iommufd_mmio_create);

/**
 * iommufd_mmio_destroy() - Undo iommufd_mmio_create()
 * @mmio: The region; the device is still bound.
 *
 * Revoked for good: nothing of it can be mapped any more, and what user space
 * has mapped of it leads nowhere, until it is unmapped.  Cannot fail.
 */
void iommufd_mmio_destroy(struct iommufd_mmio *mmio)
{
	mutex_lock(mmio->lock);
	list_del(&mmio->item);
	mutex_unlock(mmio->lock);
	iommufd_mmio_revoke(mmio);
	iommufd_mmio_put(mmio);
}
EXPORT_SYMBOL_GPL(iommufd_mmio_destroy);

/* Find a region by a VMA of user space and take a reference to it. */
static struct iommufd_mmio *get_mmio(struct iommufd_ctx *ictx,
				     struct vm_area_struct *vma,
				     unsigned long uaddr, unsigned long length,
				     phys_addr_t *phys)
{
	struct iommufd_mmio *mmio;

	lockdep_assert_held(&vma->vm_mm->mmap_lock);

	mutex_lock(&ictx->mmio_lock);
	list_for_each_entry(mmio, &ictx->mmios, item) {
		if (vma->vm_file != mmio->file ||
		    mmio->find(mmio->data, vma, uaddr, length, phys))
			continue;
		kref_get(&mmio->kref);
		goto out_unlock;
	}
	mmio = ERR_PTR(-EFAULT);
out_unlock:
	mutex_unlock(&ictx->mmio_lock);
	return mmio;
}

static bool vma_allows(struct vm_area_struct *vma, int prot)
{
	return (!(prot & IOMMU_READ) || (vma->vm_flags & VM_READ)) &&
	       (!(prot & IOMMU_WRITE) || (vma->vm_flags & VM_WRITE));
}

/* NULL if it is memory, or nothing at all: pinning will tell. */
static struct iommufd_mmio *find_mmio(struct iommufd_ctx *ictx,
				      unsigned long uaddr, unsigned long length,
				      int prot, phys_addr_t *phys)
{
	struct vm_area_struct *vma;
	struct iommufd_mmio *mmio;

	uaddr = untagged_addr(uaddr);
	if (mmap_read_lock_killable(current->mm))
		return ERR_PTR(-EINTR);
	vma = vma_lookup(current->mm, uaddr);
	if (!vma || !(vma->vm_flags & (VM_IO | VM_PFNMAP)))
		mmio = NULL;
	else if (length > vma->vm_end - uaddr || !vma_allows(vma, prot) ||
		 cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT))
		mmio = ERR_PTR(-EFAULT); /* see iommufd_map_begin_user() */
	else
		mmio = get_mmio(ictx, vma, uaddr, length, phys);
	mmap_read_unlock(current->mm);
	return mmio;
}

/* What the VMA says it is */
static int map_add_found(struct iommufd_ctx *ictx, struct iopt_map *map,
			 unsigned long uaddr, unsigned long length, int prot)
{
	struct iommufd_mmio *mmio;
	phys_addr_t phys;
	int rc;

	mmio = find_mmio(ictx, uaddr, length, prot, &phys);
	if (IS_ERR(mmio))
		return PTR_ERR(mmio);
	if (!mmio)
		return iopt_map_add_user(map, uaddr, length, prot,
					 ictx->account_mode);
	rc = iopt_map_add_mmio(map, mmio, phys, length, prot);
	if (rc)
		iommufd_mmio_put(mmio);
	return rc;
}

/**
 * iommufd_map_begin_user() - Map what is at a user address, do not show it yet
 * @ictx: The context.
 * @map: The mappings to be, without any.
 * @uaddr: User address of the first byte.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ and so on.
 * @fixed_iova: As for iopt_map_begin().
 *
 * To look for the VMA costs about as much as to map a page, so memory is taken
 * for granted first: pinning tells.
 *
 * With AMD's memory encryption no MMIO can be mapped: the IOMMU driver would set
 * the bit for it in each address.
 *
 * Return: as iopt_map_begin(), -EFAULT also when it is MMIO that cannot be
 * mapped, or not like that.
 */
int iommufd_map_begin_user(struct iommufd_ctx *ictx, struct iopt_map *map,
			   unsigned long uaddr, unsigned long length, int prot,
			   const unsigned long *fixed_iova)
{
	int rc;

	rc = iopt_map_add_user(map, uaddr, length, prot, ictx->account_mode);
	if (rc)
		return rc;
	map->must_pin = true;
	rc = iopt_map_begin(map, fixed_iova);
	/* MMIO may be more than the caller may pin. */
	if (rc != -EFAULT && rc != -ENOMEM)
		return rc;
	iopt_map_destroy(map);
	iopt_map_init(map, map->iopt);

	rc = map_add_found(ictx, map, uaddr, length, prot);
	return rc ?: iopt_map_begin(map, fixed_iova);
}
