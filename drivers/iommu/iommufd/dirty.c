// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking: which pages devices have written through a page table
 *
 * A dirty bit that is cleared in a page table must get into the bitmap of user
 * space, whatever happens.  So the bitmap is pinned page by page, and each page
 * is pinned before the part of the page table that it is about is read.
 */
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <uapi/linux/iommufd.h>

#include "backend/backend.h"
#include "dirty.h"
#include "hw_pagetable.h"
#include "ioas.h"
#include "iopt/walk.h"
#include "ucmd.h"

/**
 * struct dirty_read - Reading what devices have written through a page table
 * @hwpt: The page table.
 * @clear: Clear the dirty bits that are read.
 * @dirty: The bitmap that they are written to, or NULL.
 */
struct dirty_read {
	struct iommufd_hwpt *hwpt;
	bool clear;
	struct iommu_backend_dirty *dirty;
};

/* An iopt_range_fn */
static int read_mapping(unsigned long start, unsigned long last, void *arg)
{
	struct dirty_read *read = arg;
	struct iommufd_hwpt *hwpt = read->hwpt;

	return hwpt->backend->read_dirty(hwpt->domain, start, last - start + 1,
					  read->clear, read->dirty);
}

static int read_range(struct dirty_read *read, unsigned long start,
		      unsigned long last)
{
	struct iommufd_hwpt *hwpt = read->hwpt;

	lockdep_assert_held(&hwpt->ioas->iopt.domains_lock);

	if (!iommufd_hwpt_filled(hwpt))
		return 0;
	return iopt_walk_domain(&hwpt->ioas->iopt, start, last, read_mapping,
				read);
}

static int set_tracking(struct iommufd_hwpt *hwpt, bool enable)
{
	struct dirty_read read = { .hwpt = hwpt, .clear = true };
	int rc;

	lockdep_assert_held_write(&hwpt->ioas->iopt.domains_lock);

	if (hwpt->dirty_tracking == enable)
		return 0;
	/* Clear the bits that earlier tracking has left. */
	rc = enable ? read_range(&read, 0, ULONG_MAX) : 0;
	if (!rc)
		rc = hwpt->backend->set_dirty_tracking(hwpt->domain, enable);
	if (!rc)
		hwpt->dirty_tracking = enable;
	return rc;
}

static struct iommufd_hwpt *get_tracking_hwpt(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_hwpt *hwpt = iommufd_hwpt_get(ictx, id);

	if (IS_ERR(hwpt) || hwpt->flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING)
		return hwpt;
	iommufd_object_put(&hwpt->obj);
	return ERR_PTR(-EOPNOTSUPP);
}

int iommufd_hwpt_set_dirty_tracking(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_set_dirty_tracking *cmd = ucmd->cmd;
	struct iommufd_hwpt *hwpt;
	int rc;

	if (cmd->flags & ~IOMMU_HWPT_DIRTY_TRACKING_ENABLE || cmd->__reserved)
		return -EOPNOTSUPP;

	hwpt = get_tracking_hwpt(ucmd->ictx, cmd->hwpt_id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	if (down_write_killable(&hwpt->ioas->iopt.domains_lock)) {
		rc = -EINTR;
		goto out_put;
	}
	rc = set_tracking(hwpt, cmd->flags & IOMMU_HWPT_DIRTY_TRACKING_ENABLE);
	up_write(&hwpt->ioas->iopt.domains_lock);
out_put:
	iommufd_object_put(&hwpt->obj);
	return rc;
}

/* Read into the page of the user's bitmap that begins with @uaddr. */
static int read_window(struct dirty_read *read, unsigned long uaddr)
{
	struct iommu_backend_dirty *dirty = read->dirty;
	struct page *page;
	int rc;

	rc = pin_user_pages_fast(uaddr & PAGE_MASK, 1, FOLL_WRITE, &page);
	/* 6.12 returns -EOVERFLOW for the page at the highest address. */
	if (rc != 1)
		return rc < 0 && rc != -EOVERFLOW ? rc : -EFAULT;
	dirty->bits = kmap_local_page(page);
	dirty->first = offset_in_page(uaddr) * BITS_PER_BYTE;
	/*
	 * A page of the IOMMU that began in an earlier window was cleared
	 * there.
	 */
	if (dirty->ahead && dirty->ahead >= dirty->start)
		iommu_backend_set_dirty(dirty, dirty->start,
					dirty->ahead - dirty->start + 1);
	rc = read_range(read, dirty->start, dirty->last);
	kunmap_local(dirty->bits);
	unpin_user_pages_dirty_lock(&page, 1, true);
	return rc;
}

static int read_bitmap(struct dirty_read *read, unsigned long iova,
		       unsigned long bits, unsigned long uaddr)
{
	struct iommu_backend_dirty *dirty = read->dirty;
	unsigned long n;
	int rc = 0;

	for (; bits && !rc; bits -= n) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();

		n = PAGE_SIZE - offset_in_page(uaddr);
		n = min(bits, n * BITS_PER_BYTE);
		dirty->start = iova;
		dirty->last = iova + (n << dirty->shift) - 1;
		rc = read_window(read, uaddr);
		iova = dirty->last + 1;
		uaddr += n / BITS_PER_BYTE;
	}
	return rc;
}

static int check_range(const struct iommu_hwpt_get_dirty_bitmap *cmd,
		       const struct iommu_domain *domain)
{
	u64 align, last;

	if (!is_power_of_2(cmd->page_size))
		return -EINVAL;
	align = max_t(u64, cmd->page_size, BIT(__ffs(domain->pgsize_bitmap)));
	if (!cmd->length || (cmd->iova | cmd->length) & (align - 1))
		return -EINVAL;
	if (check_add_overflow(cmd->iova, cmd->length - 1, &last))
		return -EOVERFLOW;
	if (cmd->iova < domain->geometry.aperture_start ||
	    last > domain->geometry.aperture_end)
		return -EINVAL;
	return 0;
}

int iommufd_hwpt_get_dirty_bitmap(struct iommufd_ucmd *ucmd)
{
	struct iommu_hwpt_get_dirty_bitmap *cmd = ucmd->cmd;
	struct iommu_backend_dirty dirty = {};
	struct dirty_read read = { .dirty = &dirty };
	struct iommufd_hwpt *hwpt;
	int rc;

	if (cmd->flags & ~IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR ||
	    cmd->__reserved)
		return -EOPNOTSUPP;

	hwpt = get_tracking_hwpt(ucmd->ictx, cmd->hwpt_id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	rc = check_range(cmd, hwpt->domain);
	if (rc)
		goto out_put;

	read.hwpt = hwpt;
	read.clear = !(cmd->flags & IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR);
	dirty.shift = ilog2(cmd->page_size);
	if (down_read_killable(&hwpt->ioas->iopt.domains_lock)) {
		rc = -EINTR;
		goto out_put;
	}
	if (hwpt->dirty_tracking)
		rc = read_bitmap(&read, cmd->iova,
				 cmd->length >> dirty.shift, cmd->data);
	else
		rc = -EINVAL;
	up_read(&hwpt->ioas->iopt.domains_lock);
out_put:
	iommufd_object_put(&hwpt->obj);
	return rc;
}
