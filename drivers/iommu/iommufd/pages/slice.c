// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slices of pages objects: pinned, mapped into domains, copied
 */
#include <linux/highmem.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <linux/wait_bit.h>

#include "backend/map.h"
#include "slice.h"

/**
 * iopt_slice_split() - Make two slices of one
 * @slice: The slice; keeps its first @length bytes.
 * @tail: Set to the rest.
 * @length: Bytes, more than 0 and less than @slice has.
 * @pinned: @slice is pinned, and so will both be.
 *
 * Pins and unpins nothing, since the two slices cover what the one did.
 *
 * Context: Process context.  Takes iopt_pages::lock if @pinned.  Cannot fail and
 * needs no memory.
 */
void iopt_slice_split(struct iopt_slice *slice, struct iopt_slice *tail,
		      unsigned long length, bool pinned)
{
	struct iopt_pages *pages = slice->pages;
	unsigned long start = iopt_slice_start(slice);
	unsigned long rest = slice->length - length;

	iopt_pages_get(pages);
	if (pinned) {
		mutex_lock(&pages->lock);
		interval_tree_remove(&slice->user, &pages->users);
	}
	iopt_slice_init(slice, pages, start, length);
	iopt_slice_init(tail, pages, start + length, rest);
	if (pinned) {
		interval_tree_insert(&slice->user, &pages->users);
		interval_tree_insert(&tail->user, &pages->users);
		mutex_unlock(&pages->lock);
	}
}

/**
 * iopt_slice_pin() - Make a slice a user of its pages object
 * @slice: The slice.
 *
 * Pins and charges the pages of the slice that no other user covers.
 *
 * Context: Process context.  Takes iopt_pages::lock.  May fault in user memory.
 *
 * Return: 0, or, with nothing changed: -EFAULT when the memory cannot be
 * accessed as wanted or is gone, -EBUSY when its user address is invalid and
 * not all of it is pinned, -ENOMEM also over the limit of locked memory, -EINTR
 * when killed, or what else iopt_pages_ops::pin() returns.
 */
int iopt_slice_pin(struct iopt_slice *slice)
{
	struct iopt_pages *pages = slice->pages;
	int rc;

	if (mutex_lock_killable(&pages->lock))
		return -EINTR;
	rc = iopt_pages_pin(pages, slice->user.start, slice->user.last);
	if (!rc)
		interval_tree_insert(&slice->user, &pages->users);
	mutex_unlock(&pages->lock);
	return rc;
}

/**
 * iopt_slice_pin_nowait() - Make a slice a user of its pages object, for a
 * kernel thread
 * @slice: The slice.
 *
 * Does what iopt_slice_pin() does, but of another process than the current one
 * it faults in no memory for which it might have to wait until a program does
 * something, maybe for ever: a kernel thread cannot be killed.
 *
 * Context: Process context.  Takes iopt_pages::lock.  May fault in user memory.
 *
 * Return: as iopt_slice_pin(), and -EFAULT also for such memory.
 */
int iopt_slice_pin_nowait(struct iopt_slice *slice)
{
	struct iopt_pages *pages = slice->pages;
	int rc;

	if (mutex_lock_killable(&pages->lock))
		return -EINTR;
	pages->nowait = true;
	rc = iopt_pages_pin(pages, slice->user.start, slice->user.last);
	pages->nowait = false;
	if (!rc)
		interval_tree_insert(&slice->user, &pages->users);
	mutex_unlock(&pages->lock);
	return rc;
}

/**
 * iopt_slice_unpin() - Undo iopt_slice_pin()
 * @slice: The slice; no device can reach its pages through it any more.
 *
 * Unpins and uncharges the pages that no other user covers.
 *
 * Context: Process context.  Takes iopt_pages::lock.  Cannot fail and needs no
 * memory.
 */
void iopt_slice_unpin(struct iopt_slice *slice)
{
	struct iopt_pages *pages = slice->pages;

	mutex_lock(&pages->lock);
	interval_tree_remove(&slice->user, &pages->users);
	iopt_pages_unpin_unused(pages, slice->user.start, slice->user.last);
	mutex_unlock(&pages->lock);
}

/*
 * Map page by page, also where the IOMMU has larger pages.  With @finish, go on
 * when the current process is killed: it need not be the user of the mapping.
 */
static int map_small(struct iommu_domain *domain, unsigned long iova,
		     phys_addr_t phys, size_t length, int prot, bool finish)
{
	size_t n, done;
	int rc;

	for (done = 0; done < length; done += n) {
		rc = -EINTR;
		if (!finish && fatal_signal_pending(current))
			goto err_unmap;
		cond_resched();
		n = min(length - done, PAGE_SIZE - offset_in_page(phys + done));
		rc = iommu_backend_map(domain, iova + done, phys + done, n,
				       prot, finish);
		if (rc)
			goto err_unmap;
	}
	return 0;

err_unmap:
	iommu_backend_unmap(domain, iova, done);
	return rc;
}

/* Map contiguous PFN ranges, one after the other. */
static int slice_map_ranges(struct iopt_slice *slice,
			    struct iopt_pfn_range *range,
			    struct iommu_domain *domain, unsigned long iova,
			    int prot, bool huge_pages)
{
	bool whole_pages = PAGE_ALIGNED(slice->offset | slice->length);
	size_t length, offset = slice->offset, done = 0;
	const unsigned long *pfns;
	unsigned long n;
	int rc;

	for (; range->npages; iopt_pfn_range_next(range)) {
		phys_addr_t phys = PFN_PHYS(range->pfn) + offset;
		unsigned long at = iova + done;

		rc = -EINTR;
		if (fatal_signal_pending(current))
			goto err_unmap;

		length = min(range->npages * PAGE_SIZE - offset,
			     slice->length - done);
		n = huge_pages && whole_pages ?
			    iopt_pfn_range_singles(range, &pfns) : 0;
		if (n) {
			length = n * PAGE_SIZE;
			rc = iommu_backend_map_pages(domain, at, pfns, n,
						     prot);
		} else if (huge_pages) {
			rc = iommu_backend_map(domain, at, phys, length, prot,
					       false);
		} else {
			rc = map_small(domain, at, phys, length, prot, false);
		}
		if (rc)
			goto err_unmap;
		offset = 0;
		done += length;
	}
	return 0;

err_unmap:
	iommu_backend_unmap(domain, iova, done);
	return rc;
}

/**
 * iopt_slice_map() - Map a slice into a domain
 * @slice: The slice, pinned.
 * @domain: The domain.
 * @iova: First byte in the domain; nothing is mapped there.
 * @prot: IOMMU_READ, IOMMU_WRITE and IOMMU_CACHE.
 * @huge_pages: Use larger pages of the IOMMU where memory is contiguous.
 *
 * Context: Process context.  Takes iopt_pages::lock.
 *
 * Return: 0, or, with nothing mapped: -ENOMEM, -EINTR when killed, or what the
 * IOMMU driver says.
 */
int iopt_slice_map(struct iopt_slice *slice, struct iommu_domain *domain,
		   unsigned long iova, int prot, bool huge_pages)
{
	struct iopt_pfn_range range __uninitialized;
	int rc;

	if (mutex_lock_killable(&slice->pages->lock))
		return -EINTR;
	iopt_pfn_range_first(&range, &slice->pages->pfns, slice->user.start,
			     slice->user.last);
	/* Most small slices are one contiguous PFN range. */
	if (huge_pages && range.npages == iopt_slice_npages(slice))
		rc = iommu_backend_map(domain, iova,
				       PFN_PHYS(range.pfn) + slice->offset,
				       slice->length, prot, false);
	else
		rc = slice_map_ranges(slice, &range, domain, iova, prot,
				      huge_pages);
	if (!rc)
		rc = iommu_backend_sync_map(domain, iova, slice->length);
	mutex_unlock(&slice->pages->lock);
	return rc;
}

/**
 * iopt_map_phys() - Map a range of physical addresses into a domain
 * @domain: The domain.
 * @iova: First byte in the domain; nothing is mapped there.
 * @phys: Physical address of the first byte.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ, IOMMU_WRITE and IOMMU_MMIO.
 * @huge_pages: Use larger pages of the IOMMU.
 *
 * Goes on to its end when the current process is killed.
 *
 * Context: Process context.
 *
 * Return: 0, or, with nothing mapped: -ENOMEM, or what the IOMMU driver says.
 */
int iopt_map_phys(struct iommu_domain *domain, unsigned long iova,
		  phys_addr_t phys, size_t length, int prot, bool huge_pages)
{
	int rc;

	if (huge_pages)
		rc = iommu_backend_map(domain, iova, phys, length, prot, true);
	else
		rc = map_small(domain, iova, phys, length, prot, true);
	return rc ?: iommu_backend_sync_map(domain, iova, length);
}

/**
 * iopt_slice_phys() - Tell where bytes of a slice are in physical memory
 * @slice: The slice, pinned.
 * @offset: The first byte, less than the slice has.
 * @length: Bytes, not 0.  Reduced to those that are in the slice and contiguous
 *	in physical memory.
 * @phys: Set to the physical address of the first byte.
 *
 * Context: Process context.  Takes iopt_pages::lock.
 *
 * Return: 0, or -EINTR when killed.
 */
int iopt_slice_phys(struct iopt_slice *slice, unsigned long offset,
		    unsigned long *length, phys_addr_t *phys)
{
	unsigned long bytes = min(*length, slice->length - offset);
	struct iopt_pfn_range range;
	struct iopt_slice part;

	iopt_slice_init(&part, slice->pages, iopt_slice_start(slice) + offset,
			bytes);
	if (mutex_lock_killable(&slice->pages->lock))
		return -EINTR;
	iopt_pfn_range_first(&range, &slice->pages->pfns, part.user.start,
			     part.user.last);
	mutex_unlock(&slice->pages->lock);
	*phys = PFN_PHYS(range.pfn) + part.offset;
	*length = min(bytes, range.npages * PAGE_SIZE - part.offset);
	return 0;
}

/**
 * iopt_slice_get_pages() - List the pages of a slice
 * @slice: The slice, pinned.
 * @pages: Filled with iopt_slice_npages() pages.
 *
 * Context: Process context.  Takes iopt_pages::lock.
 *
 * Return: 0, or -EINTR when killed.
 */
int iopt_slice_get_pages(struct iopt_slice *slice, struct page **pages)
{
	struct iopt_pfn_range range;
	unsigned long i;

	if (mutex_lock_killable(&slice->pages->lock))
		return -EINTR;
	for (iopt_pfn_range_first(&range, &slice->pages->pfns,
				  slice->user.start, slice->user.last);
	     range.npages; iopt_pfn_range_next(&range))
		for (i = 0; i < range.npages; i++)
			*pages++ = pfn_to_page(range.pfn + i);
	mutex_unlock(&slice->pages->lock);
	return 0;
}

/* Copy between a contiguous PFN range and memory of the kernel. */
static void range_rw(struct iopt_pfn_range *range, size_t offset, size_t bytes,
		     void *data, bool write)
{
	unsigned long pfn = range->pfn;

	while (bytes) {
		size_t n = min(bytes, PAGE_SIZE - offset);
		struct page *page = pfn_to_page(pfn++);

		if (write)
			memcpy_to_page(page, offset, data, n);
		else
			memcpy_from_page(data, page, offset, n);
		cond_resched();
		offset = 0;
		data += n;
		bytes -= n;
	}
}

static void slice_rw_ranges(struct iopt_slice *slice, void *data, bool write)
{
	size_t offset = slice->offset;
	size_t left = slice->length;
	struct iopt_pfn_range range;

	for (iopt_pfn_range_first(&range, &slice->pages->pfns,
				  slice->user.start, slice->user.last);
	     range.npages; iopt_pfn_range_next(&range)) {
		size_t bytes = min(range.npages * PAGE_SIZE - offset, left);

		range_rw(&range, offset, bytes, data, write);
		offset = 0;
		data += bytes;
		left -= bytes;
	}
}

/*
 * Get the user address of a slice if the current process is to copy by it, and
 * keep it valid until user_copy_end().  Returns 1 or 0, or -EINTR when killed.
 */
static int user_copy_begin(struct iopt_slice *slice, void __user **uaddr)
{
	struct iopt_pages *pages = slice->pages;
	bool may;

	if (pages->kind != IOPT_USER ||
	    READ_ONCE(pages->account.mm) != current->mm)
		return 0;
	if (mutex_lock_killable(&pages->lock))
		return -EINTR;
	may = pages->account.mm == current->mm &&
	      !READ_ONCE(pages->uaddr_invalid) &&
	      !interval_tree_iter_first(&pages->users, slice->user.start,
					slice->user.last);
	if (may) {
		*uaddr = (void __user *)(pages->base + iopt_slice_start(slice));
		atomic_inc(&pages->ncopying);
	}
	mutex_unlock(&pages->lock);
	return may;
}

static void user_copy_end(struct iopt_slice *slice)
{
	if (atomic_dec_and_test(&slice->pages->ncopying))
		wake_up_var(&slice->pages->ncopying);
}

/* Returns 1 if another way to copy is to be taken, else as iopt_slice_rw(). */
static int slice_rw_user(struct iopt_slice *slice, void *data, bool write)
{
	void __user *uaddr;
	unsigned long left;
	int rc;

	rc = user_copy_begin(slice, &uaddr);
	if (rc <= 0)
		return rc ?: 1;
	if (write)
		left = copy_to_user(uaddr, data, slice->length);
	else
		left = copy_from_user(data, uaddr, slice->length);
	user_copy_end(slice);
	return left ? -EFAULT : 0;
}

/**
 * iopt_slice_rw() - Copy between a slice and the kernel's memory
 * @slice: The slice, not pinned itself.
 * @data: Memory of the kernel, as many bytes as the slice has.
 * @write: Copy to the slice, whose memory is writeable; else copy from it.
 * @remote: The current process does not act for itself, so that its user memory
 *	is not accessed even if the slice is of it.
 *
 * Devices see the pages that are pinned, whatever the user address leads to by
 * now.  So if any page of the slice is pinned, pinned pages are used.
 * Otherwise the process whose memory it is copies as any system call does.  For
 * another process, and for a file, the slice is pinned for the duration of the
 * copy.
 *
 * Context: Process context.  Takes iopt_pages::lock.  May fault in user memory.
 *
 * Return: 0, what iopt_slice_pin() returns, or -EFAULT, and then some of it may
 * have been copied.
 */
int iopt_slice_rw(struct iopt_slice *slice, void *data, bool write,
		  bool remote)
{
	int rc;

	if (!remote) {
		rc = slice_rw_user(slice, data, write);
		if (rc <= 0)
			return rc;
	}

	rc = iopt_slice_pin(slice);
	if (rc)
		return rc;
	if (mutex_lock_killable(&slice->pages->lock)) {
		rc = -EINTR;
	} else {
		slice_rw_ranges(slice, data, write);
		mutex_unlock(&slice->pages->lock);
	}
	iopt_slice_unpin(slice);
	return rc;
}
