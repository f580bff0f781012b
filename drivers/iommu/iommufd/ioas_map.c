// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls that map and unmap, and what a user address stands for: memory, or
 * a device's MMIO that its driver has let user space map; and the one that
 * populates what is mapped on demand
 */
#include <linux/cc_platform.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <uapi/linux/iommufd.h>

#include "dma_buf.h"
#include "ioas.h"
#include "ioas_map.h"
#include "iopt/demand.h"
#include "iopt/map.h"
#include "iopt/mmio_region.h"
#include "iopt/unmap.h"
#include "trace.h"
#include "ucmd.h"

static bool vma_allows(struct vm_area_struct *vma, int prot)
{
	return (!(prot & IOMMU_READ) || (vma->vm_flags & VM_READ)) &&
	       (!(prot & IOMMU_WRITE) || (vma->vm_flags & VM_WRITE));
}

/* Returns NULL if it is memory, or nothing at all: pinning tells. */
static struct iommufd_mmio *find_mmio(unsigned long uaddr, unsigned long length,
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
		mmio = iopt_mmio_find(vma, uaddr, length, phys);
	mmap_read_unlock(current->mm);
	return mmio;
}

/*
 * Map what is not known to be memory by its VMA: @rc is IOPT_NO_DOMAIN, or why it
 * cannot be pinned.  If it is MMIO, that takes the place of the memory that was
 * added.  Not inline, so that a map of memory takes no stack, with its canary, for
 * this.
 */
static noinline int map_begin_vma(struct iopt_map *map, unsigned long uaddr,
				  unsigned long length, int prot,
				  const unsigned long *fixed_iova, int rc)
{
	struct iommufd_mmio *mmio;
	phys_addr_t phys;

	mmio = find_mmio(uaddr, length, prot, &phys);
	if (IS_ERR(mmio))
		return PTR_ERR(mmio);
	if (!mmio)
		return rc == IOPT_NO_DOMAIN ?
			iopt_map_begin(map, fixed_iova, false) : rc;

	iopt_map_destroy(map);
	iopt_map_init(map, map->iopt);
	rc = iopt_map_add_mmio(map, mmio, NULL, phys, length, prot);
	if (rc) {
		iopt_mmio_put(mmio);
		return rc;
	}
	return iopt_map_begin(map, fixed_iova, false);
}

/**
 * iommufd_map_begin_user() - Map what is at a user address, not visible yet
 * @ictx: The context.
 * @map: The mappings to be, initialized and empty.
 * @uaddr: User address of the first byte.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ, IOMMU_WRITE and IOMMU_CACHE.
 * @fixed_iova: As for iopt_map_begin().
 *
 * To look for the VMA costs about as much as to map a page.  So the address is
 * taken for one of memory first, if there is a domain: pinning fails if it is
 * not, and only then is the VMA looked for.  Memory is pinned once, whether the
 * call fails or not.
 *
 * With AMD's memory encryption no MMIO can be mapped, as the IOMMU driver would
 * set the encryption bit in each address.
 *
 * Context: Process context, see iopt_map_begin().
 *
 * Return: as iopt_map_begin(); -EFAULT also when it is MMIO that cannot be
 * mapped, or not with this range or @prot.
 */
int iommufd_map_begin_user(struct iommufd_ctx *ictx, struct iopt_map *map,
			   unsigned long uaddr, unsigned long length, int prot,
			   const unsigned long *fixed_iova)
{
	int rc;

	rc = iopt_map_add_user(map, uaddr, length, prot, ictx->account_mode);
	if (rc)
		return rc;
	rc = iopt_map_begin(map, fixed_iova, true);
	/* -ENOMEM: MMIO may be larger than what the caller may pin. */
	if (rc == IOPT_NO_DOMAIN || rc == -EFAULT || rc == -ENOMEM)
		rc = map_begin_vma(map, uaddr, length, prot, fixed_iova, rc);
	return rc;
}

#define MAP_FLAGS                                                            \
	(IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |              \
	 IOMMU_IOAS_MAP_READABLE)

/* Returns the prot for the flags of a call, or an errno. */
static int flags_to_prot(u32 flags)
{
	int prot = IOMMU_CACHE;

	if (flags & ~MAP_FLAGS)
		return -EOPNOTSUPP;
	if (!(flags & (IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE)))
		return -EINVAL;
	if (flags & IOMMU_IOAS_MAP_WRITEABLE)
		prot |= IOMMU_WRITE;
	if (flags & IOMMU_IOAS_MAP_READABLE)
		prot |= IOMMU_READ;
	return prot;
}

/* Refuse a range that is empty or wraps. */
static int check_range(u64 start, u64 length)
{
	u64 last;

	if (!length)
		return -EINVAL;
	if (length == U64_MAX || check_add_overflow(start, length - 1, &last))
		return -EOVERFLOW;
	return 0;
}

/*
 * Tell the caller the IOVA of a mapping that was begun, and only then make it
 * visible: a caller that cannot be told finds nothing mapped.
 */
static int respond_and_commit(struct iopt_map *map, u64 __user *out_iova)
{
	int rc;

	rc = put_user(map->iova, out_iova);
	if (rc)
		iopt_map_abort(map);
	else
		iopt_map_commit(map);
	return rc;
}

/* Map what was added, and respond. */
static int map_and_respond(struct iopt_map *map, u32 flags, u64 iova,
			   u64 __user *out_iova)
{
	unsigned long fixed_iova = iova;
	int rc;

	rc = iopt_map_begin(map, flags & IOMMU_IOAS_MAP_FIXED_IOVA ?
					 &fixed_iova : NULL, false);
	return rc ?: respond_and_commit(map, out_iova);
}

/* Not inline, so that a map that is not traced takes no registers for this. */
static noinline void trace_map(const struct iopt_map *map, u32 ioas_id,
			       u64 iova, u64 length, int rc)
{
	trace_iommufd_map(ioas_id, rc ? iova : map->iova, length, rc);
}

/* End a call that maps and whose result is @rc; its caller gave @iova. */
static __always_inline int map_end(struct iopt_map *map, u32 ioas_id, u64 iova,
				   u64 length, int rc)
{
	iopt_map_destroy(map);
	if (trace_iommufd_map_enabled())
		trace_map(map, ioas_id, iova, length, rc);
	return rc;
}

int iommufd_ioas_map(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_map __user *umap = ucmd->ubuffer;
	struct iommu_ioas_map *cmd = ucmd->cmd;
	unsigned long fixed_iova = cmd->iova;
	struct iommufd_ioas *ioas;
	struct iopt_map map __uninitialized;
	int prot, rc;

	prot = flags_to_prot(cmd->flags);
	if (prot < 0)
		return prot;
	if (cmd->__reserved)
		return -EOPNOTSUPP;
	rc = check_range(cmd->user_va, cmd->length);
	if (rc)
		return rc;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	iopt_map_init(&map, &ioas->iopt);
	rc = iommufd_map_begin_user(ucmd->ictx, &map, cmd->user_va, cmd->length,
				    prot,
				    cmd->flags & IOMMU_IOAS_MAP_FIXED_IOVA ?
					    &fixed_iova : NULL);
	if (!rc)
		rc = respond_and_commit(&map, &umap->iova);
	rc = map_end(&map, cmd->ioas_id, cmd->iova, cmd->length, rc);
	iommufd_object_put(&ioas->obj);
	return rc;
}

/* Add a part of a dma-buf, or of another file. */
static int add_file(struct iommufd_ucmd *ucmd, struct iopt_map *map, int prot)
{
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	struct iommufd_mmio *mmio;
	phys_addr_t phys;
	struct file *file;
	int rc;

	mmio = iommufd_dma_buf_find(cmd->fd, cmd->start, cmd->length, &phys,
				    &file);
	if (IS_ERR(mmio))
		return PTR_ERR(mmio);
	if (mmio) {
		rc = iopt_map_add_mmio(map, mmio, file, phys, cmd->length,
				       prot);
		if (rc) {
			iopt_mmio_put(mmio);
			fput(file);
		}
		return rc;
	}

	file = fget(cmd->fd);
	if (!file)
		return -EBADF;
	rc = iopt_map_add_file(map, file, cmd->start, cmd->length, prot,
			       ucmd->ictx->account_mode);
	fput(file);
	return rc;
}

int iommufd_ioas_map_file(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_map_file __user *umap = ucmd->ubuffer;
	struct iommu_ioas_map_file *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;
	struct iopt_map map __uninitialized;
	int prot, rc;

	prot = flags_to_prot(cmd->flags);
	if (prot == -EOPNOTSUPP)
		return prot;
	if (cmd->iova == U64_MAX || cmd->length == U64_MAX)
		return -EOVERFLOW;
	if (prot < 0)
		return prot;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = check_range(cmd->start, cmd->length);
	if (rc)
		goto out_put;
	iopt_map_init(&map, &ioas->iopt);
	rc = add_file(ucmd, &map, prot);
	if (!rc)
		rc = map_and_respond(&map, cmd->flags, cmd->iova, &umap->iova);
	rc = map_end(&map, cmd->ioas_id, cmd->iova, cmd->length, rc);
out_put:
	iommufd_object_put(&ioas->obj);
	return rc;
}

static int add_copy(struct iommufd_ucmd *ucmd, struct iopt_map *map, int prot)
{
	struct iommu_ioas_copy *cmd = ucmd->cmd;
	struct iommufd_ioas *src;
	int rc;

	src = iommufd_ioas_get(ucmd->ictx, cmd->src_ioas_id);
	if (IS_ERR(src))
		return PTR_ERR(src);
	rc = iopt_map_add_copy(map, &src->iopt, cmd->src_iova, cmd->length,
			       prot);
	iommufd_object_put(&src->obj);
	return rc;
}

int iommufd_ioas_copy(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_copy __user *ucopy = ucmd->ubuffer;
	struct iommu_ioas_copy *cmd = ucmd->cmd;
	struct iommufd_ioas *dst;
	struct iopt_map map __uninitialized;
	int prot, rc;

	prot = flags_to_prot(cmd->flags);
	if (prot < 0)
		return prot;
	rc = check_range(cmd->src_iova, cmd->length);
	if (rc)
		return rc;

	dst = iommufd_ioas_get(ucmd->ictx, cmd->dst_ioas_id);
	if (IS_ERR(dst))
		return PTR_ERR(dst);

	iopt_map_init(&map, &dst->iopt);
	rc = add_copy(ucmd, &map, prot);
	if (!rc)
		rc = map_and_respond(&map, cmd->flags, cmd->dst_iova,
				     &ucopy->dst_iova);
	rc = map_end(&map, cmd->dst_ioas_id, cmd->dst_iova, cmd->length, rc);
	iommufd_object_put(&dst->obj);
	return rc;
}

int iommufd_ioas_unmap(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_unmap __user *uunmap = ucmd->ubuffer;
	struct iommu_ioas_unmap *cmd = ucmd->cmd;
	bool all = cmd->iova == 0 && cmd->length == U64_MAX;
	struct iommufd_ioas *ioas;
	unsigned long unmapped;
	int rc;

	if (!all) {
		rc = check_range(cmd->iova, cmd->length);
		if (rc)
			return rc;
	}

	/*
	 * An unmap cannot be undone, so see first whether the answer can be
	 * written.  A caller that unmaps its struct meanwhile gets none.
	 */
	rc = put_user(cmd->length, &uunmap->length);
	if (rc)
		return rc;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = iopt_unmap(&ioas->iopt, cmd->iova,
			all ? ULONG_MAX : cmd->iova + cmd->length - 1,
			&unmapped);
	iommufd_object_put(&ioas->obj);
	if (!rc && !unmapped && !all)
		rc = -ENOENT;
	trace_iommufd_unmap(cmd->ioas_id, cmd->iova, unmapped, rc);
	if (rc)
		return rc;

	/* Mostly it is what was written above. */
	if (unmapped != cmd->length)
		put_user(unmapped, &uunmap->length);
	return 0;
}

static int demand_op(struct io_pagetable *iopt,
		     const struct iommu_ioas_demand *cmd)
{
	unsigned long last = cmd->iova + cmd->length - 1;

	switch (cmd->op) {
	case IOMMU_IOAS_DEMAND_POPULATE:
		return iopt_demand_populate(iopt, cmd->iova, last, false);
	case IOMMU_IOAS_DEMAND_PIN:
		return iopt_demand_populate(iopt, cmd->iova, last, true);
	case IOMMU_IOAS_DEMAND_UNPIN:
		return iopt_demand_unpin(iopt, cmd->iova, last);
	default:
		return iopt_demand_release(iopt, cmd->iova, last);
	}
}

int iommufd_ioas_demand(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_demand *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->op > IOMMU_IOAS_DEMAND_RELEASE || cmd->__reserved)
		return -EOPNOTSUPP;
	rc = check_range(cmd->iova, cmd->length);
	if (rc)
		return rc;
	if (!PAGE_ALIGNED(cmd->iova | cmd->length))
		return -EINVAL;

	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = demand_op(&ioas->iopt, cmd);
	iommufd_object_put(&ioas->obj);
	return rc;
}
