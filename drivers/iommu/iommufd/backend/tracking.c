// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking by the kernel's own IOMMU drivers
 *
 * An IOMMU driver reports a dirty page in two ways: in a bitmap, by a function
 * that only kernels with CONFIG_IOMMUFD have, and in the gather, the range that
 * its caller has to flush.  The gather reaches from the first dirty page that
 * the driver finds to the end of the last one.  It is empty exactly if no page
 * is dirty; and if there was only one page to look at, it is that page.  So
 * what may be many pages is looked at to pass over those that are clean, and
 * each dirty page is asked for by itself.
 *
 * The driver goes from page to page by their lengths, from the address on that
 * it is given.  If that is inside of a page, it misses others after it.  So
 * each range begins at a multiple of its length, which is a power of two, as
 * the length of each page is: the range is a part of one page, or made of pages.
 */
#include <linux/bitops.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "map.h"
#include "tracking.h"

/* Is there no dirty page in it? */
static bool gather_is_empty(const struct iommu_iotlb_gather *gather)
{
	return gather->start > gather->end;
}

/*
 * Returns how many bytes at @iova, up to @last, can be looked at in one call of
 * the IOMMU driver, @limit at most.
 */
static size_t next_size(unsigned long iova, unsigned long last, size_t limit)
{
	size_t size = min(limit, BIT(__fls(last - iova + 1)));

	return iova ? min(size, BIT(__ffs(iova))) : size;
}

static void gather_add(struct iommu_iotlb_gather *gather,
		       const struct iommu_iotlb_gather *more)
{
	if (!gather_is_empty(more))
		iommu_iotlb_gather_add_range(gather, more->start,
					     more->end - more->start + 1);
}

/*
 * Report the dirty page that @iova is in, and clear it if @clear.  Sets *@found
 * to the page, or empty if it is clean.  A page that begins before the bitmap
 * stays dirty, see iommu_backend_ops::read_dirty().
 */
static int report_page(struct iommu_domain *domain, unsigned long iova,
		       bool clear, struct iommu_backend_dirty *dirty,
		       struct iommu_iotlb_gather *found)
{
	size_t smallest = BIT(__ffs(domain->pgsize_bitmap)), length;
	struct iommu_iotlb_gather cleared;
	int rc;

	rc = iommu_domain_gather_dirty(domain, iova, smallest, false, found);
	if (rc || gather_is_empty(found))
		return rc;
	/* The driver takes @iova for the beginning of the page. */
	length = found->end - found->start + 1;
	found->start = round_down(iova, length);
	found->end = found->start + length - 1;
	iommu_backend_set_dirty(dirty, found->start, length);
	if (!clear || found->start < dirty->start)
		return 0;
	return iommu_domain_gather_dirty(domain, iova, smallest, true,
					 &cleared);
}

/*
 * Report the dirty pages of a range, clear them if @clear, and have @flush
 * cover them.  Each part that is clean lets the next one be larger, so that the
 * driver passes over many clean pages in one call; but it is not much larger
 * than all that was clean since the last dirty page, as a dirty page in it has
 * the driver look at what follows once more.
 */
static int report_range(struct iommu_domain *domain, unsigned long iova,
			unsigned long last, bool clear,
			struct iommu_backend_dirty *dirty,
			struct iommu_iotlb_gather *flush)
{
	size_t smallest = BIT(__ffs(domain->pgsize_bitmap));
	size_t size, limit = smallest;
	struct iommu_iotlb_gather found;
	int rc;

	while (iova <= last) {
		/* Part of a page, where the bits are finer, is the page. */
		size = next_size(iova, last, limit);
		if (size <= smallest)
			rc = report_page(domain, iova, clear, dirty, &found);
		else
			rc = iommu_domain_gather_dirty(domain, iova, size,
						       false, &found);
		if (rc)
			return rc;
		if (gather_is_empty(&found)) {
			iova += size;
			limit = min(2 * limit, READ_ONCE(iommu_step_bytes));
		} else if (size <= smallest) {
			gather_add(flush, &found);
			iova = found.end + 1;
			limit = smallest;
		} else {
			iova = found.start;
			limit = smallest;
		}
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Clear all pages of a range, and have @flush cover those that were dirty. */
static int clear_range(struct iommu_domain *domain, unsigned long iova,
		       unsigned long last, struct iommu_iotlb_gather *flush)
{
	struct iommu_iotlb_gather found;
	size_t size;
	int rc;

	for (; iova <= last; iova += size) {
		size = next_size(iova, last, READ_ONCE(iommu_step_bytes));
		rc = iommu_domain_gather_dirty(domain, iova, size, true,
					       &found);
		if (rc)
			return rc;
		gather_add(flush, &found);
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/**
 * iommu_tracking_init() - Leave out of a domain what cannot be read
 * @domain: The domain, which is allocated for tracking.
 *
 * AMD's driver counts beyond the last page that it reads.  If that is the last
 * one of 64 bits, the driver goes on from 0, for ever.
 *
 * Context: Any.
 */
void iommu_tracking_init(struct iommu_domain *domain)
{
	if (domain->geometry.aperture_end == U64_MAX)
		domain->geometry.aperture_end -= BIT(__ffs(domain->pgsize_bitmap));
}

/**
 * iommu_tracking_set() - Begin or end to track what devices write
 * @domain: The domain, allocated for a device for which iommu_tracks_dirty().
 * @enable: Begin.
 *
 * Context: Process context.
 *
 * Return: 0, or what the IOMMU driver says.
 */
int iommu_tracking_set(struct iommu_domain *domain, bool enable)
{
	return iommu_domain_track_dirty(domain, enable);
}

/**
 * iommu_tracking_read() - Report what devices have written
 * @domain: The domain, as for iommu_tracking_set().
 * @iova: First byte, of a range that is mapped.
 * @length: Bytes, not 0.
 * @clear: Clear what is reported.
 * @dirty: The bitmap; NULL to clear only.
 *
 * The IOMMU may keep in its IOTLB that a page is dirty, and then not mark it
 * dirty again.  So what is cleared is flushed before user space is told: it
 * copies the page later, and what is written after that is marked.
 *
 * Context: Process context.
 *
 * Return: 0, -EINTR when killed, or what the IOMMU driver says; on error, what
 * was cleared has been reported.
 */
int iommu_tracking_read(struct iommu_domain *domain, unsigned long iova,
			size_t length, bool clear,
			struct iommu_backend_dirty *dirty)
{
	unsigned long last = iova + length - 1;
	struct iommu_iotlb_gather flush;
	int rc;

	iommu_iotlb_gather_init(&flush);
	if (dirty)
		rc = report_range(domain, iova, last, clear, dirty, &flush);
	else
		rc = clear_range(domain, iova, last, &flush);
	if (clear && !gather_is_empty(&flush))
		iommu_iotlb_sync(domain, &flush);
	return rc;
}
