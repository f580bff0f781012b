// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping into a domain, and unmapping, by the ops of its IOMMU driver
 */
#include <linux/bits.h>
#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/jump_label.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <trace/events/iommu.h>

#include "charge.h"
#include "map.h"

/* The most that is unmapped before it is flushed */
#define FLUSH_BYTES	SZ_16G

unsigned long iommu_step_bytes = IOMMU_STEP_BYTES;
EXPORT_SYMBOL_NS_GPL(iommu_step_bytes, "IOMMUFD_TEST");

/* On for as long as there is a reason, see iommu_backend_flush_aligned(). */
static DEFINE_STATIC_KEY_FALSE(flush_aligned);

/*
 * Returns how many bytes at @iova an IOMMU driver can be asked to map to @phys
 * in one step, or to unmap, if @phys is @iova.  A step is made of pages of one
 * size, *@pgsize.  It ends at a multiple of @limit, unless pages are as large
 * as @limit.
 */
static size_t next_large_step(struct iommu_domain *domain, unsigned long iova,
			      phys_addr_t phys, size_t length, size_t limit,
			      size_t *pgsize)
{
	unsigned long sizes = domain->pgsize_bitmap;
	unsigned long larger, size, head;

	size = BIT(__fls(sizes & GENMASK(__ffs(iova | phys |
					       BIT(__fls(length))), 0)));
	*pgsize = size;
	length = round_down(length, size);
	larger = sizes & ~(size | (size - 1));
	if (larger) {
		larger = BIT(__ffs(larger));
		head = larger - (iova & (larger - 1));
		if (!((iova ^ phys) & (larger - 1)) && length >= larger &&
		    head <= length - larger)
			length = head;
	}
	if (size < limit)
		length = min(length, limit - (iova & (limit - 1)));
	return length;
}

/*
 * As next_large_step(), with a short way for a step of one page.  Returns 0
 * when something is misaligned.
 */
static inline size_t next_step(struct iommu_domain *domain, unsigned long iova,
			       phys_addr_t phys, size_t length, size_t limit,
			       size_t *pgsize)
{
	size_t smallest = BIT(__ffs(domain->pgsize_bitmap));

	if ((iova | phys | length) & (smallest - 1))
		return 0;
	*pgsize = smallest;
	if (length == smallest)
		return length;
	return next_large_step(domain, iova, phys, length, limit, pgsize);
}

/*
 * Unmap what a failed map has left in a domain.  It should be nothing, but when
 * Intel's driver finds no memory for a page table, it leaves the entries that
 * it has filled before, and does not report them.
 */
static void unmap_leftovers(struct iommu_domain *domain, unsigned long iova,
			    size_t length)
{
	size_t page = BIT(__ffs(domain->pgsize_bitmap));

	for (; length; iova += page, length -= page) {
		if (iommu_iova_to_phys(domain, iova))
			iommu_unmap(domain, iova, page);
		cond_resched();
	}
}

/* Undo a map that failed after @done bytes, in a step of @step bytes. */
static noinline void undo_map(struct iommu_domain *domain, unsigned long iova,
			      size_t done, size_t step)
{
	iommu_backend_unmap(domain, iova, done);
	unmap_leftovers(domain, iova + done, step);
}

/* See iommu_backend_map().  @charged: the page tables are charged already. */
static __always_inline int domain_map(struct iommu_domain *domain,
				      unsigned long iova, phys_addr_t phys,
				      size_t length, int prot, bool finish,
				      bool charged)
{
	size_t step, pgsize, mapped, done = 0;
	int rc = -EINVAL;

	for (;;) {
		mapped = 0;
		step = next_step(domain, iova + done, phys + done,
				 length - done, READ_ONCE(iommu_step_bytes),
				 &pgsize);
		if (step)
			rc = charged ? 0 : iommu_charge_map(domain, iova + done,
							    pgsize, &step);
		if (step && !rc)
			rc = iommu_domain_map_pages(domain, iova + done,
						    phys + done, pgsize,
						    step >> __ffs(pgsize), prot,
						    GFP_KERNEL_ACCOUNT,
						    &mapped);
		done += mapped;
		if (rc)
			break;
		if (done == length) {
			trace_map(iova, phys, length);
			return 0;
		}
		if (!finish && fatal_signal_pending(current)) {
			rc = -EINTR;
			break;
		}
		cond_resched();
	}
	undo_map(domain, iova, done, step - mapped);
	return rc;
}

/**
 * iommu_backend_map() - Put memory into a domain
 * @domain: The domain.
 * @iova: First byte in the domain; nothing is mapped there.
 * @phys: Physical address of the first byte.
 * @length: Bytes, not 0.
 * @prot: IOMMU_READ, IOMMU_WRITE, and IOMMU_CACHE or IOMMU_MMIO.
 * @finish: Go on when the current process is killed.
 *
 * Devices may not see the mapping before iommu_backend_sync_map(), which is
 * called once for a contiguous range of IOVA. This function is iommu_map()
 * without that step, and without looking at the domain anew for each page.  It
 * asks the IOMMU driver for no more than iommu_step_bytes in a call, but for
 * pages that are larger.
 *
 * Context: Process context.
 *
 * Return: 0, or, with nothing mapped: -EINVAL when something is no multiple of
 * the domain's smallest page, -ENOMEM, -EINTR when killed, or what the IOMMU
 * driver says.
 */
int iommu_backend_map(struct iommu_domain *domain, unsigned long iova,
		      phys_addr_t phys, size_t length, int prot, bool finish)
{
	return domain_map(domain, iova, phys, length, prot, finish, false);
}

/**
 * iommu_backend_map_pages() - Put scattered pages into a domain
 * @domain: The domain.
 * @iova: First byte in the domain; nothing is mapped there.
 * @pfns: The PFN of each page.
 * @npages: Number of pages.
 * @prot: As for iommu_backend_map().
 *
 * Does what iommu_backend_map() does, for each page.
 *
 * Context: Process context.
 *
 * Return: as iommu_backend_map(), on error with no page mapped.
 */
int iommu_backend_map_pages(struct iommu_domain *domain, unsigned long iova,
			    const unsigned long *pfns, unsigned long npages,
			    int prot)
{
	unsigned long i, charged = 0;
	size_t step;
	int rc = 0;

	for (i = 0; i < npages; i++) {
		if (i == charged) {
			step = (npages - i) * PAGE_SIZE;
			rc = iommu_charge_map(domain, iova + i * PAGE_SIZE,
					      PAGE_SIZE, &step);
			charged += step / PAGE_SIZE;
		}
		if (!rc)
			rc = domain_map(domain, iova + i * PAGE_SIZE,
					PFN_PHYS(pfns[i]), PAGE_SIZE, prot,
					false, true);
		if (rc) {
			iommu_backend_unmap(domain, iova, i * PAGE_SIZE);
			return rc;
		}
	}
	return 0;
}

/**
 * iommu_backend_sync_map() - Have devices see what was mapped
 * @domain: The domain.
 * @iova: First byte.
 * @length: Bytes, all of them mapped.
 *
 * Goes in steps of up to 1 TiB, whose pages Intel's driver of 6.1 can count in 32
 * bits.
 *
 * Context: Process context.
 *
 * Return: 0, or, with all of it unmapped, what the IOMMU driver says.
 */
int iommu_backend_sync_map(struct iommu_domain *domain, unsigned long iova,
			   size_t length)
{
	size_t step, done = 0;
	int rc;

	do {
		step = min(length - done,
			   SZ_1T - ((iova + done) & (SZ_1T - 1)));
		rc = iommu_domain_sync_map(domain, iova + done, step);
		done += step;
	} while (!rc && done < length);
	if (rc)
		iommu_backend_unmap(domain, iova, length);
	return rc;
}

/*
 * Tell whether the page table may have one page of @pgsize at @iova: both ends
 * of that range have the physical addresses that they have in such a page.
 */
static bool may_be_page(struct iommu_domain *domain, unsigned long iova,
			size_t pgsize)
{
	phys_addr_t phys = iommu_iova_to_phys(domain, iova);

	return !(phys & (pgsize - 1)) &&
	       iommu_iova_to_phys(domain, iova + pgsize - 1) ==
		       phys + pgsize - 1;
}

/*
 * Unmap some of a range, which is longer than @limit and aligned to @pgsize, in
 * several calls of the IOMMU driver, and flush it.  Returns how many bytes were
 * unmapped, or have been given up.
 *
 * A range that is aligned to a large page may be mapped by small ones, and then
 * takes several calls.  If it may be mapped by that large page, it takes one
 * call: SMMUv3's driver cannot unmap a part of a page.  So does contiguous
 * memory that was mapped by small pages while huge pages were not allowed.
 *
 * AMD's driver has pages of each power of two, so also of @limit and of twice as
 * much.  It unmaps a larger page as a whole, however little of it is asked for,
 * so there no call is for more than @limit.
 */
static noinline size_t unmap_steps(struct iommu_domain *domain,
				   unsigned long iova, size_t length,
				   size_t pgsize, size_t limit)
{
	struct iommu_iotlb_gather gather;
	size_t unmapped, step = limit, done = pgsize;
	bool page;

	if (pgsize <= limit || !(~domain->pgsize_bitmap & (limit | 2 * limit))) {
		length = min_t(size_t, round_down(length, limit), FLUSH_BYTES);
	} else {
		page = may_be_page(domain, iova, pgsize);
		while (done < length &&
		       may_be_page(domain, iova + done, pgsize) == page)
			done += pgsize;
		length = page ? done : min_t(size_t, done, FLUSH_BYTES);
		step = page ? pgsize : limit;
	}

	iommu_iotlb_gather_init(&gather);
	for (done = 0; done < length; done += max(unmapped, step)) {
		unmapped = iommu_unmap_fast(domain, iova + done, step, &gather);
		WARN_ON_ONCE(unmapped < step);
		iommu_charge_unmap(domain, iova + done, step);
		cond_resched();
	}
	iommu_iotlb_sync(domain, &gather);
	return done;
}

/*
 * Returns how many bytes of a step of iommu_backend_unmap() can be flushed at
 * once where flushes are aligned: @iova is a multiple of that, rounded up to a
 * power of two, and it is 1 GiB at most.  It is a multiple of the pages that the
 * step is made of, which are no larger there.
 */
static size_t aligned_step(unsigned long iova, size_t step)
{
	step = min_t(size_t, step, SZ_1G);
	return iova ? min(step, BIT(__ffs(iova))) : step;
}

/**
 * iommu_backend_flush_aligned() - Have unmaps only flush where it is aligned
 * @enable: Whether there is one more reason for that, or one less.
 *
 * Each flush of iommu_backend_unmap() then begins at a multiple of its length
 * rounded up to a power of two, and is of 1 GiB at most, for all domains: IOMMU
 * drivers that need it do for all IOMMUs of a host.  Where there is no reason,
 * it costs no more than a no-op.  A range of n pages is flushed at most
 * 2 log2(n) times, and once more for each 1 GiB.
 *
 * Context: Process context.
 */
void iommu_backend_flush_aligned(bool enable)
{
	if (enable)
		static_branch_inc(&flush_aligned);
	else
		static_branch_dec(&flush_aligned);
}
EXPORT_SYMBOL_NS_GPL(iommu_backend_flush_aligned, "IOMMUFD_TEST");

/**
 * iommu_backend_unmap() - Take a range out of a domain, and flush it
 * @domain: The domain.
 * @iova: First byte.
 * @length: Bytes, all of them mapped; nothing happens if it is 0.
 *
 * When this function returns, no device reaches through @domain what was mapped
 * there.
 *
 * iommu_unmap() takes any range, but may take seconds for it: AMD's driver
 * walks the page table for each page, and that of SMMUv3 may have to send a
 * command for each.  So no call unmaps more than iommu_step_bytes, but for a
 * page that is larger.  Calls whose pages are all of one size are flushed
 * together, up to FLUSH_BYTES, since a flush also frees page tables and may be
 * a command for each page.
 *
 * On 6.1 Intel's driver frees page tables that a device may still walk when
 * calls of different lengths are flushed together, and counts the pages of a
 * flush in 32 bits.  An IOMMU that can only undo a map as a whole unmaps more
 * than it is asked to.
 *
 * Context: Process context.  Cannot fail and needs no memory.
 */
void iommu_backend_unmap(struct iommu_domain *domain, unsigned long iova,
			 size_t length)
{
	size_t limit = READ_ONCE(iommu_step_bytes);
	size_t step, pgsize, unmapped;

	while (length) {
		step = next_step(domain, iova, iova, length, FLUSH_BYTES,
				 &pgsize);
		if (WARN_ON_ONCE(!step))
			return;
		if (static_branch_unlikely(&flush_aligned))
			step = aligned_step(iova, step);
		if (step > limit) {
			step = unmap_steps(domain, iova, step, pgsize, limit);
			WARN_ON_ONCE(step > length);
			step = min(step, length);
		} else {
			unmapped = iommu_unmap(domain, iova, step);
			WARN_ON_ONCE(unmapped < step || unmapped > length);
			iommu_charge_unmap(domain, iova, step);
			step = clamp(unmapped, step, length);
		}
		iova += step;
		length -= step;
		if (length)
			cond_resched();
	}
}
