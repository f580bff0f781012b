// SPDX-License-Identifier: GPL-2.0-only
/*
 * The frames a pages object has pinned, see struct iopt_frames
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "pfns.h"

/* Mark of the chunks that are memory to free */
#define IOPT_CHUNK_IS_ARRAY	XA_MARK_0

/*
 * An xarray value has one bit less than a long, and so, too, is the sum of
 * index and distance taken: frame numbers are far smaller.
 */
static void *distance_chunk(unsigned long index, unsigned long pfn)
{
	return xa_mk_value((pfn - index) & LONG_MAX);
}

static unsigned long chunk_pfn(void *chunk, unsigned long index)
{
	unsigned long *pfns = chunk;

	if (xa_is_value(chunk))
		return (index + xa_to_value(chunk)) & LONG_MAX;
	return pfns[index % IOPT_CHUNK_PAGES];
}

static void *chunk_load(struct iopt_frames *frames, unsigned long index)
{
	if (frames->npages <= IOPT_CHUNK_PAGES)
		return frames->only_chunk;
	return xa_load(&frames->chunks, index >> IOPT_CHUNK_SHIFT);
}

static int chunk_store(struct iopt_frames *frames, unsigned long index,
		       void *chunk)
{
	if (frames->npages <= IOPT_CHUNK_PAGES) {
		frames->only_chunk = chunk;
		return 0;
	}
	return xa_err(xa_store(&frames->chunks, index >> IOPT_CHUNK_SHIFT,
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

/* Make the chunk of @index, of which @chunk is known so far, an array. */
static unsigned long *chunk_to_array(struct iopt_frames *frames,
				     unsigned long index, void *chunk)
{
	unsigned long first = iopt_chunk_first(index);
	unsigned long i, n = min(frames->npages - first, IOPT_CHUNK_PAGES);
	unsigned long *pfns;

	pfns = kmalloc_array(n, sizeof(*pfns), GFP_KERNEL_ACCOUNT);
	if (!pfns)
		return NULL;
	if (chunk)
		for (i = 0; i < n; i++)
			pfns[i] = chunk_pfn(chunk, first + i);

	if (chunk_store(frames, index, pfns)) {
		kfree(pfns);
		return NULL;
	}
	if (frames->npages > IOPT_CHUNK_PAGES)
		xa_set_mark(&frames->chunks, index >> IOPT_CHUNK_SHIFT,
			    IOPT_CHUNK_IS_ARRAY);
	return pfns;
}

/**
 * iopt_frames_init() - Set up an empty store
 * @frames: The store.
 * @npages: Indexes 0 to @npages - 1 can be added.
 */
void iopt_frames_init(struct iopt_frames *frames, unsigned long npages)
{
	frames->npages = npages;
	if (npages <= IOPT_CHUNK_PAGES)
		frames->only_chunk = NULL;
	else
		xa_init_flags(&frames->chunks, XA_FLAGS_ACCOUNT);
}

/**
 * iopt_frames_destroy() - Tear down a store of which all was forgotten
 * @frames: The store.
 */
void iopt_frames_destroy(struct iopt_frames *frames)
{
	WARN_ON(frames->npages <= IOPT_CHUNK_PAGES ?
			!!frames->only_chunk : !xa_empty(&frames->chunks));
}

/**
 * iopt_frames_add() - Remember the frames of some indexes
 * @frames: The store.
 * @index: First index.
 * @pages: Their pages; of those that are @adjacent only the first is looked at.
 * @npages: How many, all in one chunk.
 * @adjacent: The pages follow one another.
 *
 * Return: 0, or -ENOMEM, and then nothing has changed.
 */
int iopt_frames_add(struct iopt_frames *frames, unsigned long index,
		    struct page **pages, unsigned int npages, bool adjacent)
{
	/* All of a chunk is added at once only when nothing is known of it. */
	void *chunk = npages == IOPT_CHUNK_PAGES ? NULL :
						   chunk_load(frames, index);
	unsigned long *pfns = chunk;
	unsigned int i;

	if ((!chunk || xa_is_value(chunk)) &&
	    (adjacent || pages_are_consecutive(pages, npages))) {
		void *distance = distance_chunk(index, page_to_pfn(pages[0]));

		if (chunk == distance)
			return 0;
		if (!chunk)
			return chunk_store(frames, index, distance);
	}

	if (!chunk || xa_is_value(chunk)) {
		pfns = chunk_to_array(frames, index, chunk);
		if (!pfns)
			return -ENOMEM;
	}
	pfns += index % IOPT_CHUNK_PAGES;
	if (adjacent)
		for (i = 0; i < npages; i++)
			pfns[i] = page_to_pfn(pages[0]) + i;
	else
		for (i = 0; i < npages; i++)
			pfns[i] = page_to_pfn(pages[i]);
	return 0;
}

/**
 * iopt_frames_forget() - Forget a whole chunk
 * @frames: The store.
 * @index: An index in the chunk.
 *
 * Cannot fail and needs no memory.
 */
void iopt_frames_forget(struct iopt_frames *frames, unsigned long index)
{
	void *chunk;

	if (frames->npages <= IOPT_CHUNK_PAGES) {
		chunk = frames->only_chunk;
		frames->only_chunk = NULL;
	} else {
		chunk = xa_erase(&frames->chunks, index >> IOPT_CHUNK_SHIFT);
	}
	if (!xa_is_value(chunk))
		kfree(chunk);
}

/**
 * iopt_frames_forget_all() - Forget every chunk
 * @frames: The store.
 *
 * Cannot fail and needs no memory.
 */
void iopt_frames_forget_all(struct iopt_frames *frames)
{
	unsigned long i;
	void *chunk;

	if (frames->npages <= IOPT_CHUNK_PAGES) {
		iopt_frames_forget(frames, 0);
		return;
	}
	xa_for_each_marked(&frames->chunks, i, chunk, IOPT_CHUNK_IS_ARRAY)
		kfree(chunk);
	xa_destroy(&frames->chunks);
}

/* How many indexes up to @last, in its chunk, continue the run at @index? */
static unsigned long chunk_run(void *chunk, unsigned long index,
			       unsigned long last)
{
	unsigned long *pfns = chunk;
	unsigned long n = 1;

	last = min(last, iopt_chunk_last(index));
	if (xa_is_value(chunk))
		return last - index + 1;

	pfns += index % IOPT_CHUNK_PAGES;
	while (n <= last - index && pfns[n] == pfns[0] + n)
		n++;
	return n;
}

static void run_grow(struct iopt_run *run)
{
	run->pfn = chunk_pfn(run->chunk, run->index);
	if (run->index == run->last) {
		run->npages = 1;
		return;
	}
	run->npages = chunk_run(run->chunk, run->index, run->last);

	/* Go on in the next chunk as long as it begins with the next frame. */
	for (;;) {
		unsigned long next = run->index + run->npages;
		void *chunk;

		if (next > run->last || next % IOPT_CHUNK_PAGES)
			return;
		chunk = chunk_load(run->frames, next);
		if (chunk_pfn(chunk, next) != run->pfn + run->npages) {
			run->next_chunk = chunk;
			return;
		}
		run->chunk = chunk;
		run->npages += chunk_run(chunk, next, run->last);
	}
}

/**
 * iopt_run_first() - Start to walk the runs of a range
 * @run: Filled with the first run.
 * @frames: The store.
 * @index: First index.
 * @last: Last index, inclusive; all of the range was added.
 */
void iopt_run_first(struct iopt_run *run, struct iopt_frames *frames,
		    unsigned long index, unsigned long last)
{
	run->frames = frames;
	run->index = index;
	run->last = last;
	run->chunk = chunk_load(frames, index);
	run_grow(run);
}

/**
 * iopt_run_next_slow() - Go on to the next run, however long that is
 * @run: As for iopt_run_next(), which calls this: there is one.
 */
void iopt_run_next_slow(struct iopt_run *run)
{
	run->index += run->npages;
	if (run->index % IOPT_CHUNK_PAGES == 0)
		run->chunk = run->next_chunk;
	run_grow(run);
}
