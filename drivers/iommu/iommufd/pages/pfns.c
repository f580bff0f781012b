// SPDX-License-Identifier: GPL-2.0-only
/*
 * PFNs of the pages that a pages object has pinned, see struct iopt_pfns
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "pfns.h"
#include "xarray.h"

/* Mark of the entries that are an array, to be freed */
#define IOPT_CHUNK_IS_ARRAY	XA_MARK_0

/*
 * An xarray value has one bit less than a long, so distances, and sums of index
 * and distance, are taken modulo LONG_MAX + 1.  PFNs are far smaller.
 */
static void *distance_chunk(unsigned long index, unsigned long pfn)
{
	return xa_mk_value((pfn - index) & LONG_MAX);
}

static unsigned long chunk_pfn(void *chunk, unsigned long index)
{
	unsigned long *array = chunk;

	if (xa_is_value(chunk))
		return (index + xa_to_value(chunk)) & LONG_MAX;
	return array[index % IOPT_CHUNK_PAGES];
}

static void *chunk_load(struct iopt_pfns *pfns, unsigned long index)
{
	if (pfns->npages <= IOPT_CHUNK_PAGES)
		return pfns->only_chunk;
	return xa_load(&pfns->chunks, index >> IOPT_CHUNK_SHIFT);
}

static int chunk_store(struct iopt_pfns *pfns, unsigned long index,
		       void *chunk)
{
	if (pfns->npages <= IOPT_CHUNK_PAGES) {
		pfns->only_chunk = chunk;
		return 0;
	}
	return xa_err(xa_store(&pfns->chunks, index >> IOPT_CHUNK_SHIFT,
			       chunk, GFP_KERNEL_ACCOUNT));
}

static bool pages_are_consecutive(struct page **pages, unsigned int npages)
{
	unsigned long pfn = page_to_pfn(pages[0]);
	unsigned int i;

	for (i = 1; i < npages; i++)
		if (page_to_pfn(pages[i]) != pfn + i)
			return false;
	return true;
}

/*
 * Replace @chunk, the entry of @index or NULL, by an array that says the same.
 */
static unsigned long *chunk_to_array(struct iopt_pfns *pfns,
				     unsigned long index, void *chunk)
{
	unsigned long first = iopt_chunk_first(index);
	unsigned long i, n = min(pfns->npages - first, IOPT_CHUNK_PAGES);
	unsigned long *array;

	array = kmalloc_array(n, sizeof(*array), GFP_KERNEL_ACCOUNT);
	if (!array)
		return NULL;
	if (chunk)
		for (i = 0; i < n; i++)
			array[i] = chunk_pfn(chunk, first + i);

	if (chunk_store(pfns, index, array)) {
		kfree(array);
		return NULL;
	}
	if (pfns->npages > IOPT_CHUNK_PAGES)
		xa_set_mark(&pfns->chunks, index >> IOPT_CHUNK_SHIFT,
			    IOPT_CHUNK_IS_ARRAY);
	return array;
}

/**
 * iopt_pfns_destroy() - Undo iopt_pfns_init()
 * @pfns: The PFNs, all of them forgotten.
 */
void iopt_pfns_destroy(struct iopt_pfns *pfns)
{
	WARN_ON(pfns->npages <= IOPT_CHUNK_PAGES ?
			!!pfns->only_chunk : !iopt_xa_end(&pfns->chunks));
}

/**
 * iopt_pfns_add() - Add the PFNs of consecutive indexes
 * @pfns: The PFNs.
 * @index: First index.
 * @pages: List of the pages, as @layout says.
 * @npages: Number of indexes, all in one chunk.
 * @layout: How the pages lie in memory.
 *
 * Context: Process context, serialized by the caller.
 *
 * Return: 0, or -ENOMEM, and then nothing has changed.
 */
int iopt_pfns_add(struct iopt_pfns *pfns, unsigned long index,
		  struct page **pages, unsigned int npages,
		  enum iopt_layout layout)
{
	/* A chunk is added as a whole only when none of it was added before. */
	void *chunk = npages == IOPT_CHUNK_PAGES ? NULL :
						   chunk_load(pfns, index);
	unsigned long *array = chunk;
	unsigned int i;

	if ((!chunk || xa_is_value(chunk)) &&
	    (layout == IOPT_CONTIGUOUS ||
	     pages_are_consecutive(pages, npages))) {
		void *distance = distance_chunk(index, page_to_pfn(pages[0]));

		if (chunk == distance)
			return 0;
		if (!chunk)
			return chunk_store(pfns, index, distance);
	}

	if (!chunk || xa_is_value(chunk)) {
		array = chunk_to_array(pfns, index, chunk);
		if (!array)
			return -ENOMEM;
	}
	array += index % IOPT_CHUNK_PAGES;
	if (layout == IOPT_CONTIGUOUS)
		for (i = 0; i < npages; i++)
			array[i] = page_to_pfn(pages[0]) + i;
	else
		for (i = 0; i < npages; i++)
			array[i] = page_to_pfn(pages[i]);
	return 0;
}

/**
 * iopt_pfns_forget() - Forget the PFNs of a chunk
 * @pfns: The PFNs.
 * @index: An index in the chunk.
 *
 * Context: Process context, serialized by the caller.  Cannot fail and needs no
 * memory.
 */
void iopt_pfns_forget(struct iopt_pfns *pfns, unsigned long index)
{
	void *chunk;

	if (pfns->npages <= IOPT_CHUNK_PAGES) {
		chunk = pfns->only_chunk;
		pfns->only_chunk = NULL;
	} else {
		chunk = xa_erase(&pfns->chunks, index >> IOPT_CHUNK_SHIFT);
	}
	if (!xa_is_value(chunk))
		kfree(chunk);
}

/**
 * iopt_pfns_forget_all() - Forget all PFNs
 * @pfns: The PFNs.
 *
 * Context: Process context, serialized by the caller.  Cannot fail and needs no
 * memory.
 */
void iopt_pfns_forget_all(struct iopt_pfns *pfns)
{
	unsigned long i;
	void *chunk;

	if (pfns->npages <= IOPT_CHUNK_PAGES) {
		iopt_pfns_forget(pfns, 0);
		return;
	}
	xa_for_each_marked(&pfns->chunks, i, chunk, IOPT_CHUNK_IS_ARRAY) {
		kfree(chunk);
		cond_resched();
	}
	xa_destroy(&pfns->chunks);
}

/*
 * Returns how many indexes from @index up to @last, in one chunk, are
 * contiguous.
 */
static unsigned long chunk_npages(void *chunk, unsigned long index,
				  unsigned long last)
{
	unsigned long *array = chunk;
	unsigned long n = 1;

	last = min(last, iopt_chunk_last(index));
	if (xa_is_value(chunk))
		return last - index + 1;

	array += index % IOPT_CHUNK_PAGES;
	while (n <= last - index && array[n] == array[0] + n)
		n++;
	return n;
}

/* Add all pages that follow the first one contiguously. */
static noinline void range_grow(struct iopt_pfn_range *range)
{
	range->npages = chunk_npages(range->chunk, range->index, range->last);

	/* Go on in the next chunk as long as it begins with the next PFN. */
	for (;;) {
		unsigned long next = range->index + range->npages;
		void *chunk;

		if (next > range->last || next % IOPT_CHUNK_PAGES)
			return;
		chunk = chunk_load(range->pfns, next);
		if (chunk_pfn(chunk, next) != range->pfn + range->npages) {
			range->next_chunk = chunk;
			return;
		}
		range->chunk = chunk;
		range->npages += chunk_npages(chunk, next, range->last);
	}
}

static void range_begin(struct iopt_pfn_range *range)
{
	range->pfn = chunk_pfn(range->chunk, range->index);
	if (range->index == range->last)
		range->npages = 1;
	else
		range_grow(range);
}

/**
 * iopt_pfn_range_first() - Start to walk the contiguous PFN ranges
 * @range: Set to the first range.
 * @pfns: The PFNs.
 * @index: First index of the walk.
 * @last: Last index of the walk, inclusive; all indexes were added.
 *
 * Context: Any, serialized by the caller.
 */
void iopt_pfn_range_first(struct iopt_pfn_range *range, struct iopt_pfns *pfns,
			  unsigned long index, unsigned long last)
{
	range->pfns = pfns;
	range->index = index;
	range->last = last;
	range->chunk = chunk_load(pfns, index);
	range_begin(range);
}

/**
 * iopt_pfn_range_next_slow() - Go on to the next contiguous PFN range, if any
 * @range: The range; there is a next one.
 *
 * Only for iopt_pfn_range_next().
 */
void iopt_pfn_range_next_slow(struct iopt_pfn_range *range)
{
	cond_resched();
	range->index += range->npages;
	if (range->index % IOPT_CHUNK_PAGES == 0)
		range->chunk = range->next_chunk;
	range_begin(range);
}
