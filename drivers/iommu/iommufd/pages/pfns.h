/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_PFNS_H
#define __IOPT_PFNS_H

#include <linux/bits.h>
#include <linux/pgtable.h>
#include <linux/types.h>
#include <linux/xarray.h>

/* A chunk is as many pages as a huge page of the CPU has. */
#define IOPT_CHUNK_SHIFT	(PMD_SHIFT - PAGE_SHIFT)
#define IOPT_CHUNK_PAGES	BIT(IOPT_CHUNK_SHIFT)

/**
 * enum iopt_layout - How the pages of some consecutive indexes lie in memory
 * @IOPT_SCATTERED: Anywhere; a list has an element for each.
 * @IOPT_CONTIGUOUS: Their PFNs are consecutive; a list has only the first page.
 */
enum iopt_layout {
	IOPT_SCATTERED,
	IOPT_CONTIGUOUS,
};

/**
 * struct iopt_pfns - The PFN of each page index of a pages object
 * @npages: Number of indexes.
 * @chunks: An entry for each chunk, at page index >> IOPT_CHUNK_SHIFT.
 * @only_chunk: The entry of the only chunk, if @npages is no more than one has.
 *
 * Memory that is mapped for a device mostly comes in huge pages, so the PFNs of
 * a chunk are mostly consecutive.  The entry of such a chunk is a value, the
 * distance from index to PFN, and costs one slot of the xarray.  The entry of
 * any other chunk is an array of PFNs, eight bytes a page.
 *
 * PFNs are only added.  An entry is forgotten as a whole, once no page of its
 * chunk is pinned, so that forgetting needs no memory.  The caller knows which
 * indexes of an entry are valid.
 *
 * The caller serializes all calls.
 */
struct iopt_pfns {
	unsigned long npages;
	union {
		struct xarray chunks;
		void *only_chunk;
	};
};

/**
 * struct iopt_pfn_range - Consecutive indexes with consecutive PFNs
 * @pfns: The PFNs that are walked.
 * @index: First index.
 * @npages: Number of indexes; 0 after the last range.
 * @pfn: PFN of @index.
 * @last: Last index of the walk.
 * @chunk: The entry of the chunk that @index + @npages - 1 is in.
 * @next_chunk: The entry of the chunk after that, valid if this range ends
 *	where that chunk begins.
 *
 * This walks all contiguous PFN ranges of the indexes from index to last, each
 * of which has been added:
 *
 *	for (iopt_pfn_range_first(&range, pfns, index, last); range.npages;
 *	     iopt_pfn_range_next(&range))
 */
struct iopt_pfn_range {
	struct iopt_pfns *pfns;
	unsigned long index;
	unsigned long npages;
	unsigned long pfn;
	unsigned long last;
	void *chunk;
	void *next_chunk;
};

static inline unsigned long iopt_chunk_first(unsigned long index)
{
	return index & ~(IOPT_CHUNK_PAGES - 1);
}

static inline unsigned long iopt_chunk_last(unsigned long index)
{
	return index | (IOPT_CHUNK_PAGES - 1);
}

/**
 * iopt_pfns_init() - Begin without PFNs
 * @pfns: The PFNs of a pages object.
 * @npages: Indexes 0 to @npages - 1 can be added.
 */
static inline void iopt_pfns_init(struct iopt_pfns *pfns, unsigned long npages)
{
	pfns->npages = npages;
	if (npages <= IOPT_CHUNK_PAGES)
		pfns->only_chunk = NULL;
	else
		xa_init_flags(&pfns->chunks, XA_FLAGS_ACCOUNT);
}

void iopt_pfns_destroy(struct iopt_pfns *pfns);
int iopt_pfns_add(struct iopt_pfns *pfns, unsigned long index,
		  struct page **pages, unsigned int npages,
		  enum iopt_layout layout);
void iopt_pfns_forget(struct iopt_pfns *pfns, unsigned long index);
void iopt_pfns_forget_all(struct iopt_pfns *pfns);

void iopt_pfn_range_first(struct iopt_pfn_range *range, struct iopt_pfns *pfns,
			  unsigned long index, unsigned long last);
void iopt_pfn_range_next_slow(struct iopt_pfn_range *range);

/**
 * iopt_pfn_range_next() - Go on to the next contiguous PFN range
 * @range: The range; its npages is 0 when there is no next one.
 *
 * Lets other tasks run before the next range.
 *
 * Context: Process context, serialized by the caller.
 */
static inline void iopt_pfn_range_next(struct iopt_pfn_range *range)
{
	if (range->index + range->npages > range->last)
		range->npages = 0;
	else
		iopt_pfn_range_next_slow(range);
}

/**
 * iopt_pfn_range_singles() - Combine successive ranges of one page each
 * @range: The range.  If it has one page, it becomes the last of the ranges
 *	that are combined.
 * @pfns: Set to their PFNs, beginning with that of @range.
 *
 * Combines no more ranges than one chunk has.
 *
 * Context: Any, serialized by the caller.
 *
 * Return: the number of ranges combined, 0 if @range has more than one page.
 */
static inline unsigned long
iopt_pfn_range_singles(struct iopt_pfn_range *range,
		       const unsigned long **pfns)
{
	unsigned long first = range->index % IOPT_CHUNK_PAGES;
	unsigned long last = first + range->last - range->index;
	/*
	 * Only the next chunk tells whether the last page of a chunk is single.
	 */
	unsigned long limit = min(IOPT_CHUNK_PAGES - 1, last);
	const unsigned long *chunk = range->chunk;
	unsigned long i;

	if (range->npages > 1)
		return 0;
	*pfns = &range->pfn;
	if (xa_is_value(chunk))
		return 1;
	for (i = first + 1; i < limit && chunk[i + 1] != chunk[i] + 1; i++)
		;
	if (i == limit && i == last)
		i++;
	range->index += i - 1 - first;
	range->pfn = chunk[i - 1];
	*pfns = chunk + first;
	return i - first;
}

#endif
