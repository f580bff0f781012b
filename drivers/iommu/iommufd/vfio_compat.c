// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO's container on /dev/iommu: its ioctls act on one IOAS of the context
 *
 * See iommufd_vfio_ioas_get() for how a call finds that IOAS.
 *
 * Errnos are those of VFIO's type1 driver for the same mistake.  Unlike there,
 * a call that fails changes nothing, and an unmap under VFIO_TYPE1_IOMMU takes
 * out exactly what it is told.  An exception is VFIO_DMA_UNMAP_FLAG_VADDR: when
 * the process is killed in it, user addresses may be invalid.  Mappings made by
 * either kind of call are the same to both.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rwsem.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vfio.h>
#include <uapi/linux/iommufd.h>

#include "hw_pagetable.h"
#include "ioas.h"
#include "ioas_map.h"
#include "iopt/domains.h"
#include "iopt/iova.h"
#include "iopt/map.h"
#include "iopt/uaddr.h"
#include "iopt/unmap.h"
#include "iopt/walk.h"
#include "trace.h"
#include "ucmd.h"
#include "vfio_compat.h"

/* Accept a range of whole pages that is not empty; it may wrap. */
static bool pages_valid(u64 start, u64 size)
{
	return size && PAGE_ALIGNED(start | size);
}

static bool range_wraps(u64 start, u64 size)
{
	u64 last;

	return size && check_add_overflow(start, size - 1, &last);
}

/*
 * The errno for a range that wraps: in a container of the VFIO core, whose backend
 * claims DMA ownership, that of the kernel's type1.
 */
static int wrap_errno(const struct iommufd_ctx *ictx)
{
	return ictx->dma_claimed ? vfio_type1_wrap_errno() : -EINVAL;
}

/*
 * Tell whether DMA is coherent even if devices ask for it not to be; KVM relies
 * on it.  Returns 1 or 0, or -EINTR when killed.
 */
static int vfio_ioas_coherent(struct iommufd_ioas *ioas)
{
	struct iommufd_hwpt *hwpt;
	bool coherent = true;

	if (mutex_lock_killable(&ioas->hwpts_lock))
		return -EINTR;
	list_for_each_entry(hwpt, &ioas->hwpts, ioas_item)
		if (iommufd_hwpt_filled(hwpt))
			coherent = coherent && hwpt->coherent;
	mutex_unlock(&ioas->hwpts_lock);
	return coherent;
}

/*
 * Unlike the other calls on the IOAS, this one can be made without an IOAS, when only
 * coherency is not known, and by the VFIO core without a context.
 */
static long vfio_check_extension(struct iommufd_ctx *ictx, unsigned long arg)
{
	struct iommufd_ioas *ioas;
	int rc;

	switch (arg) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_DMA_CC_IOMMU:
	case VFIO_UPDATE_VADDR:
		if (!ictx)
			return 0;
		ioas = iommufd_vfio_ioas_get(ictx);
		if (IS_ERR(ioas))
			return arg == VFIO_DMA_CC_IOMMU ? PTR_ERR(ioas) : 0;
		if (arg == VFIO_DMA_CC_IOMMU)
			rc = vfio_ioas_coherent(ioas);
		else
			rc = iopt_uaddrs_may_change(&ioas->iopt);
		iommufd_object_put(&ioas->obj);
		return rc;
	default:
		return 0;
	}
}

/* VFIO_TYPE1_IOMMU may split mappings, which takes small pages in the IOMMU. */
static int vfio_set_iommu(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			  unsigned long arg)
{
	int rc = 0;

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (down_write_killable(&ioas->vfio_lock))
		return -EINTR;
	if (ioas->vfio_type)
		rc = -EINVAL;
	else if (arg == VFIO_TYPE1_IOMMU)
		rc = iopt_set_huge_pages(&ioas->iopt, false);
	else if (arg != VFIO_TYPE1v2_IOMMU)
		rc = -ENODEV;
	if (!rc)
		ioas->vfio_type = arg;
	up_write(&ioas->vfio_lock);
	return rc;
}

/* Largest bitmap of dirty pages, in bits and bytes: as type1 */
#define VFIO_BITMAP_MAX_BITS	((u64)INT_MAX)
#define VFIO_BITMAP_BYTES(bits)	(DIV_ROUND_UP_ULL(bits, 64) * 8)

/**
 * struct vfio_caps - The capabilities that VFIO_IOMMU_GET_INFO reports
 * @migration: How dirty pages are reported.
 * @dma_avail: How many mappings can be made.
 * @iova: Which ranges of IOVA can be mapped; an array follows.
 */
struct vfio_caps {
	struct vfio_iommu_type1_info_cap_migration migration;
	struct vfio_iommu_type1_info_dma_avail dma_avail;
	struct vfio_iommu_type1_info_cap_iova_range iova;
};

#define VFIO_CAP_OFFSET(_cap)						\
	(sizeof(struct vfio_iommu_type1_info) + offsetof(struct vfio_caps, _cap))

/* An array of the one kind can be filled as one of the other. */
static_assert(sizeof(struct vfio_iova_range) == sizeof(struct iommu_iova_range));
static_assert(offsetof(struct vfio_iova_range, end) ==
	      offsetof(struct iommu_iova_range, last));

static struct vfio_caps *vfio_caps_alloc(struct io_pagetable *iopt,
					 size_t *size)
{
	struct vfio_caps *caps;
	u32 n;

	if (down_read_killable(&iopt->iova_lock))
		return ERR_PTR(-EINTR);
	n = iopt_usable_ranges(iopt, NULL, 0);
	*size = struct_size(caps, iova.iova_ranges, n);
	caps = kvzalloc(*size, GFP_KERNEL_ACCOUNT);
	if (caps) {
		caps->iova.nr_iovas = n;
		iopt_usable_ranges(iopt, (void *)caps->iova.iova_ranges, n);
	}
	up_read(&iopt->iova_lock);
	if (!caps)
		return ERR_PTR(-ENOMEM);

	caps->migration.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION;
	caps->migration.header.version = 1;
	caps->migration.header.next = VFIO_CAP_OFFSET(dma_avail);
	caps->migration.pgsize_bitmap = PAGE_SIZE;
	caps->migration.max_dirty_bitmap_size =
		VFIO_BITMAP_BYTES(VFIO_BITMAP_MAX_BITS);

	caps->dma_avail.header.id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL;
	caps->dma_avail.header.version = 1;
	caps->dma_avail.header.next = VFIO_CAP_OFFSET(iova);
	caps->dma_avail.avail = iopt_mappings_left(iopt);

	caps->iova.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	caps->iova.header.version = 1;
	return caps;
}

static int vfio_get_info(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			 unsigned long arg)
{
	void __user *user = (void __user *)arg;
	size_t minsz = offsetofend(struct vfio_iommu_type1_info, iova_pgsizes);
	size_t capsz = offsetofend(struct vfio_iommu_type1_info, cap_offset);
	struct vfio_iommu_type1_info info = {};
	struct vfio_caps *caps;
	size_t size;
	int rc;

	if (copy_from_user(&info, user, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	if (info.argsz >= capsz)
		minsz = capsz;

	info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	rc = iopt_page_sizes(&ioas->iopt, &info.iova_pgsizes);
	if (rc)
		return rc;
	caps = vfio_caps_alloc(&ioas->iopt, &size);
	if (IS_ERR(caps))
		return PTR_ERR(caps);
	if (info.argsz < sizeof(info) + size) {
		info.argsz = sizeof(info) + size;
	} else {
		info.cap_offset = sizeof(info);
		if (copy_to_user(user + sizeof(info), caps, size))
			rc = -EFAULT;
	}
	kvfree(caps);
	if (!rc && copy_to_user(user, &info, minsz))
		rc = -EFAULT;
	return rc;
}

/* An iopt_range_fn */
static int found_mapping(unsigned long start, unsigned long last, void *arg)
{
	return -EEXIST;
}

/* Is something mapped in part of a range? */
static bool in_use(struct io_pagetable *iopt, unsigned long start,
		   unsigned long last)
{
	int rc = iopt_walk_mappings(iopt, start, last, found_mapping, NULL);

	return rc == -EEXIST || rc == -ENOENT;
}

static int vfio_map_pages(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			  const struct vfio_iommu_type1_dma_map *cmd, int prot)
{
	unsigned long iova = cmd->iova;
	struct iopt_map map __uninitialized;
	int rc;

	if (down_read_killable(&ioas->vfio_lock))
		return -EINTR;
	iopt_map_init(&map, &ioas->iopt);
	rc = iommufd_map_begin_user(ictx, &map, cmd->vaddr, cmd->size, prot,
				    &iova);
	if (!rc)
		iopt_map_commit(&map);
	iopt_map_destroy(&map);
	/*
	 * For a range that is both reserved and in use, type1 returns -EEXIST.
	 */
	if (rc == -EINVAL &&
	    in_use(&ioas->iopt, iova, iova + cmd->size - 1))
		rc = -EEXIST;
	up_read(&ioas->vfio_lock);
	trace_iommufd_map(ioas->obj.id, cmd->iova, cmd->size, rc);
	return rc;
}

/* Give a mapping a new user address. */
static int vfio_update_uaddr(struct iommufd_ctx *ictx,
			     struct iommufd_ioas *ioas,
			     const struct vfio_iommu_type1_dma_map *cmd)
{
	int rc;

	if (down_write_killable(&ioas->vfio_lock))
		return -EINTR;
	rc = iopt_set_uaddr(&ioas->iopt, cmd->iova, cmd->iova + cmd->size - 1,
			    cmd->vaddr, ictx->account_mode);
	up_write(&ioas->vfio_lock);
	return rc;
}

static int vfio_map_dma(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			unsigned long arg)
{
	size_t minsz = offsetofend(struct vfio_iommu_type1_dma_map, size);
	struct vfio_iommu_type1_dma_map cmd;
	bool update;
	int prot = 0;

	if (copy_from_user(&cmd, (void __user *)arg, minsz))
		return -EFAULT;
	if (cmd.argsz < minsz ||
	    cmd.flags & ~(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE |
			  VFIO_DMA_MAP_FLAG_VADDR))
		return -EINVAL;
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	update = cmd.flags & VFIO_DMA_MAP_FLAG_VADDR;
	if (cmd.flags & VFIO_DMA_MAP_FLAG_READ)
		prot |= IOMMU_READ;
	if (cmd.flags & VFIO_DMA_MAP_FLAG_WRITE)
		prot |= IOMMU_WRITE;
	/* As in type1, this comes before what else is wrong with a range. */
	if (range_wraps(cmd.iova, cmd.size) || range_wraps(cmd.vaddr, cmd.size))
		return wrap_errno(ictx);
	if (update == !!prot || !pages_valid(cmd.iova, cmd.size) ||
	    !pages_valid(cmd.vaddr, cmd.size))
		return -EINVAL;
	if (update)
		return vfio_update_uaddr(ictx, ioas, &cmd);
	return vfio_map_pages(ictx, ioas, &cmd, prot | IOMMU_CACHE);
}

/* Words of a user's bitmap that are written at a time */
#define DIRTY_WINDOW	32

/**
 * struct dirty_bitmap - A user's bitmap of dirty pages
 * @iova: IOVA of the page that its first bit stands for.
 * @words: The bitmap in user memory.
 */
struct dirty_bitmap {
	unsigned long iova;
	u64 __user *words;
};

/*
 * An iopt_range_fn: report all pages of a mapping as dirty.  Page tables that
 * track are not read, as clearing their dirty bits would hide them from
 * IOMMU_HWPT_GET_DIRTY_BITMAP.
 *
 * As in type1, bits before the range in its first word stay, and bits after it
 * in its last word become 0: ranges come in ascending order.
 */
static int mark_dirty(unsigned long start, unsigned long last, void *arg)
{
	struct dirty_bitmap *bitmap = arg;
	unsigned long bit = (start - bitmap->iova) >> PAGE_SHIFT;
	unsigned long end = ((last - bitmap->iova) >> PAGE_SHIFT) + 1;
	u64 window[DIRTY_WINDOW], before;

	while (bit < end) {
		u64 __user *words = bitmap->words + bit / 64;
		unsigned long n = min(DIV_ROUND_UP(end, 64) - bit / 64,
				      (unsigned long)DIRTY_WINDOW);

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		memset(window, 0xff, n * sizeof(*window));
		if (bit % 64) {
			if (get_user(before, words))
				return -EFAULT;
			window[0] = before | ~0ULL << bit % 64;
		}
		bit = (bit / 64 + n) * 64;
		if (bit > end)
			window[n - 1] &= ~0ULL >> (bit - end);
		if (copy_to_user(words, window, n * sizeof(*window)))
			return -EFAULT;
	}
	return 0;
}

/*
 * Does a user's bitmap have a bit for each page of a range?  The size of these pages
 * is looked at later.
 */
static bool bitmap_valid(const struct vfio_bitmap *bitmap, u64 size)
{
	u64 bits = bitmap->pgsize ? size >> __ffs64(bitmap->pgsize) : 0;

	return bits && bitmap->size &&
	       bitmap->size <= VFIO_BITMAP_BYTES(VFIO_BITMAP_MAX_BITS) &&
	       bitmap->size >= VFIO_BITMAP_BYTES(bits) &&
	       access_ok(bitmap->data, bitmap->size);
}

static int vfio_unmap_pages(struct iommufd_ioas *ioas,
			    const struct vfio_iommu_type1_dma_unmap *cmd,
			    struct dirty_bitmap *bitmap,
			    unsigned long *unmapped)
{
	unsigned long last = cmd->iova + cmd->size - 1;
	int rc;

	lockdep_assert_held_write(&ioas->vfio_lock);

	if (cmd->flags & VFIO_DMA_UNMAP_FLAG_VADDR)
		rc = iopt_invalidate_uaddrs(&ioas->iopt, cmd->iova, last,
					    ioas->vfio_type != VFIO_TYPE1_IOMMU,
					    unmapped);
	else if (cmd->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		rc = iopt_unmap(&ioas->iopt, 0, ULONG_MAX, unmapped);
	else if (bitmap && !ioas->vfio_dirty_tracking)
		rc = -EINVAL;
	else if (bitmap)
		rc = iopt_unmap_reported(&ioas->iopt, cmd->iova, last,
					 mark_dirty, bitmap, unmapped);
	else if (ioas->vfio_type == VFIO_TYPE1_IOMMU)
		rc = iopt_unmap_split(&ioas->iopt, cmd->iova, last, unmapped);
	else
		rc = iopt_unmap(&ioas->iopt, cmd->iova, last, unmapped);
	/* A mapping is only partly in the range. */
	return rc == -ENOENT ? -EINVAL : rc;
}

static int unmap_and_respond(struct iommufd_ioas *ioas,
			     struct vfio_iommu_type1_dma_unmap *cmd,
			     struct dirty_bitmap *bitmap,
			     struct vfio_iommu_type1_dma_unmap __user *user)
{
	unsigned long unmapped = 0;
	int rc;

	/*
	 * See whether the answer can be written, as iommufd_ioas_unmap() does.
	 */
	if (put_user(cmd->size, &user->size))
		return -EFAULT;

	if (down_write_killable(&ioas->vfio_lock))
		return -EINTR;
	rc = vfio_unmap_pages(ioas, cmd, bitmap, &unmapped);
	up_write(&ioas->vfio_lock);
	if (!(cmd->flags & VFIO_DMA_UNMAP_FLAG_VADDR))
		trace_iommufd_unmap(ioas->obj.id, cmd->iova, unmapped, rc);
	if (rc)
		return rc;
	if (unmapped != cmd->size)
		put_user(unmapped, &user->size);
	return 0;
}

static int vfio_unmap_dma(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			  unsigned long arg)
{
	struct vfio_iommu_type1_dma_unmap cmd;
	void __user *user = (void __user *)arg;
	struct dirty_bitmap dirty;
	struct vfio_bitmap bitmap;

	if (copy_from_user(&cmd, user, sizeof(cmd)))
		return -EFAULT;
	if (cmd.argsz < sizeof(cmd))
		return -EINVAL;

	switch (cmd.flags) {
	case VFIO_DMA_UNMAP_FLAG_VADDR:
	case VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL:
		/* As in type1, this comes before the range is looked at. */
		if (!IS_ERR(ioas) && !iopt_uaddrs_may_change(&ioas->iopt))
			return -EBUSY;
		fallthrough;
	case 0:
	case VFIO_DMA_UNMAP_FLAG_ALL:
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		if (cmd.flags & VFIO_DMA_UNMAP_FLAG_ALL ?
			    cmd.iova || cmd.size :
			    !pages_valid(cmd.iova, cmd.size))
			return -EINVAL;
		if (range_wraps(cmd.iova, cmd.size))
			return wrap_errno(ictx);
		return unmap_and_respond(ioas, &cmd, NULL, user);
	case VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP:
		if (cmd.argsz < sizeof(cmd) + sizeof(bitmap))
			return -EINVAL;
		if (copy_from_user(&bitmap, user + sizeof(cmd), sizeof(bitmap)))
			return -EFAULT;
		if (IS_ERR(ioas))
			return PTR_ERR(ioas);
		if (!pages_valid(cmd.iova, cmd.size) ||
		    !bitmap_valid(&bitmap, cmd.size))
			return -EINVAL;
		if (range_wraps(cmd.iova, cmd.size))
			return wrap_errno(ictx);
		if (bitmap.pgsize != PAGE_SIZE)
			return -EINVAL;
		dirty.iova = cmd.iova;
		dirty.words = (u64 __user *)bitmap.data;
		return unmap_and_respond(ioas, &cmd, &dirty, user);
	default:
		return -EINVAL;
	}
}

/**
 * struct vfio_dirty_cmd - The argument of VFIO_IOMMU_DIRTY_PAGES
 * @dirty: Its first part.
 * @get: The second part, with VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP.
 */
struct vfio_dirty_cmd {
	struct vfio_iommu_type1_dirty_bitmap dirty;
	struct vfio_iommu_type1_dirty_bitmap_get get;
};

static int dirty_copy(struct vfio_dirty_cmd *cmd, void __user *user)
{
	if (copy_from_user(&cmd->dirty, user, sizeof(cmd->dirty)))
		return -EFAULT;
	if (cmd->dirty.argsz < sizeof(cmd->dirty))
		return -EINVAL;

	switch (cmd->dirty.flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		return 0;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		if (cmd->dirty.argsz < sizeof(cmd->dirty) + sizeof(cmd->get))
			return -EINVAL;
		if (copy_from_user(&cmd->get, user + sizeof(cmd->dirty),
				   sizeof(cmd->get)))
			return -EFAULT;
		return 0;
	default:
		return -EINVAL;
	}
}

static int dirty_get(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
		     const struct vfio_iommu_type1_dirty_bitmap_get *range)
{
	struct dirty_bitmap dirty;
	int rc;

	lockdep_assert_held_write(&ioas->vfio_lock);

	if (range_wraps(range->iova, range->size))
		return wrap_errno(ictx);
	if (!pages_valid(range->iova, range->size) ||
	    !bitmap_valid(&range->bitmap, range->size) ||
	    range->bitmap.pgsize != PAGE_SIZE || !ioas->vfio_dirty_tracking)
		return -EINVAL;
	dirty.iova = range->iova;
	dirty.words = (u64 __user *)range->bitmap.data;
	rc = iopt_walk_mappings(&ioas->iopt, range->iova,
				range->iova + range->size - 1, mark_dirty,
				&dirty);
	/* A mapping is only partly in the range. */
	return rc == -ENOENT ? -EINVAL : rc;
}

static int dirty_execute(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			 const struct vfio_dirty_cmd *cmd)
{
	lockdep_assert_held_write(&ioas->vfio_lock);

	switch (cmd->dirty.flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		ioas->vfio_dirty_tracking = true;
		return 0;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		ioas->vfio_dirty_tracking = false;
		return 0;
	default:
		return dirty_get(ictx, ioas, &cmd->get);
	}
}

/* Type1 does not look at the argument of a container that cannot report. */
static int vfio_dirty_pages(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			    unsigned long arg)
{
	struct vfio_dirty_cmd cmd;
	int rc = dirty_copy(&cmd, (void __user *)arg);

	if (IS_ERR(ioas))
		return rc ?: PTR_ERR(ioas);
	if (down_write_killable(&ioas->vfio_lock))
		return -EINTR;
	if (ioas->vfio_type == VFIO_TYPE1_IOMMU)
		rc = -EACCES;
	else if (!rc)
		rc = dirty_execute(ictx, ioas, &cmd);
	up_write(&ioas->vfio_lock);
	return rc;
}

/*
 * Execute a call on the compatibility IOAS.  @execute is given an ERR_PTR()
 * without one, and returns it after it has looked at the argument's size and
 * flags, which are wrong whether there is an IOAS or not.
 */
static long on_vfio_ioas(struct iommufd_ctx *ictx, unsigned long arg,
			 int (*execute)(struct iommufd_ctx *ictx,
					struct iommufd_ioas *ioas,
					unsigned long arg))
{
	struct iommufd_ioas *ioas;
	int rc;

	ioas = iommufd_vfio_ioas_get(ictx);
	rc = execute(ictx, ioas, arg);
	if (!IS_ERR(ioas))
		iommufd_object_put(&ioas->obj);
	return rc;
}

/**
 * iommufd_vfio_ioctl() - Execute an ioctl of a VFIO container
 * @ictx: The context, or for VFIO_CHECK_EXTENSION NULL.
 * @cmd: The ioctl.
 * @arg: Its argument: a number, or a user address.
 *
 * Context: Process context.
 *
 * Return: what a VFIO container with the type1 driver returns, -ENODEV without
 * a compatibility IOAS, or -ENOTTY for any other ioctl.
 */
long iommufd_vfio_ioctl(struct iommufd_ctx *ictx, unsigned int cmd,
			unsigned long arg)
{
	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return vfio_check_extension(ictx, arg);
	case VFIO_SET_IOMMU:
		return on_vfio_ioas(ictx, arg, vfio_set_iommu);
	case VFIO_IOMMU_GET_INFO:
		return on_vfio_ioas(ictx, arg, vfio_get_info);
	case VFIO_IOMMU_MAP_DMA:
		return on_vfio_ioas(ictx, arg, vfio_map_dma);
	case VFIO_IOMMU_UNMAP_DMA:
		return on_vfio_ioas(ictx, arg, vfio_unmap_dma);
	case VFIO_IOMMU_DIRTY_PAGES:
		return on_vfio_ioas(ictx, arg, vfio_dirty_pages);
	default:
		return -ENOTTY;
	}
}
EXPORT_SYMBOL_NS_GPL(iommufd_vfio_ioctl, "IOMMUFD_VFIO");

/**
 * iommufd_vfio_hold_uaddrs() - Keep user addresses of mappings as they are
 * @ictx: The context of a container of the VFIO core.
 *
 * VFIO_DMA_UNMAP_FLAG_VADDR fails with -EBUSY from now on.
 *
 * Context: Process context.  Pairs with iommufd_vfio_release_uaddrs().
 *
 * Return: as iopt_hold_uaddrs().
 */
int iommufd_vfio_hold_uaddrs(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas = iommufd_vfio_ioas_get(ictx);
	int rc;

	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = iopt_hold_uaddrs(&ioas->iopt);
	iommufd_object_put(&ioas->obj);
	return rc;
}
EXPORT_SYMBOL_NS_GPL(iommufd_vfio_hold_uaddrs, "IOMMUFD_VFIO");

/**
 * iommufd_vfio_release_uaddrs() - Undo iommufd_vfio_hold_uaddrs()
 * @ictx: The context.
 *
 * Context: Any.
 */
void iommufd_vfio_release_uaddrs(struct iommufd_ctx *ictx)
{
	struct iommufd_ioas *ioas = iommufd_vfio_ioas_get(ictx);

	/* Nobody can destroy it, as no process has the file of the context. */
	if (WARN_ON(IS_ERR(ioas)))
		return;
	iopt_release_uaddrs(&ioas->iopt);
	iommufd_object_put(&ioas->obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_vfio_release_uaddrs, "IOMMUFD_VFIO");
