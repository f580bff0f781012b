/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_FRAMES_H
#define __IOMMUFD_FRAMES_H

#include <linux/bits.h>
#include <linux/pgtable.h>
#include <linux/types.h>
#include <linux/xarray.h>

/* A chunk is as many pages as a huge page of the CPU has. */
#define IOPT_CHUNK_SHIFT	(PMD_SHIFT - PAGE_SHIFT)
#define IOPT_CHUNK_PAGES	BIT(IOPT_CHUNK_SHIFT)

/**
 * struct iopt_frames - Page index to page frame number
 * @npages: Indexes there are.
 * @chunks: What is known of the chunk at page index >> IOPT_CHUNK_SHIFT.
 * @only_chunk: The same, where there can be no more than one.
 *
 * Most memory worth a device's while comes in huge pages, so the frames of a
 * chunk mostly follow one another.  Then the chunk is one value, the distance
 * from index to frame, and costs one slot of the xarray.  Otherwise it is an
 * array of frame numbers, eight bytes a page.
 *
 * Frames are only ever added; what is known of a chunk is forgotten as a
 * whole, once none of its pages is pinned.  So forgetting needs no memory,
 * and it is for the caller to know which indexes mean something.
 *
 * The caller serializes all calls.
 */
struct iopt_frames {
	unsigned long npages;
	union {
		struct xarray chunks;
		void *only_chunk;
	};
};

/**
 * struct iopt_run - Consecutive indexes with consecutive frames
 * @frames: Where they are kept.
 * @index: First index.
 * @npages: How many, at least 1.
 * @pfn: Frame of the first.
 * @last: Last index of the range that is walked.
 * @chunk: The entry that holds @index + @npages - 1.
 * @next_chunk: The one after that, if the run ends where that begins.
 *
 * To walk the runs of a range in which every index is known:
 *
 *	for (iopt_run_first(&run, frames, index, last); run.npages;
 *	     iopt_run_next(&run))
 */
struct iopt_run {
	struct iopt_frames *frames;
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

void iopt_frames_init(struct iopt_frames *frames, unsigned long npages);
void iopt_frames_destroy(struct iopt_frames *frames);
int iopt_frames_add(struct iopt_frames *frames, unsigned long index,
		    struct page **pages, unsigned int npages, bool adjacent);
void iopt_frames_forget(struct iopt_frames *frames, unsigned long index);
void iopt_frames_forget_all(struct iopt_frames *frames);

void iopt_run_first(struct iopt_run *run, struct iopt_frames *frames,
		    unsigned long index, unsigned long last);
void iopt_run_next_slow(struct iopt_run *run);

/**
 * iopt_run_next() - Go on to the next run
 * @run: The run; its npages is 0 when there is no next one.
 */
static inline void iopt_run_next(struct iopt_run *run)
{
	if (run->index + run->npages > run->last)
		run->npages = 0;
	else
		iopt_run_next_slow(run);
}

/**
 * iopt_run_singles() - Take runs of a single page together, as many as are at hand
 * @run: The run; if it is a single page, becomes the last of them.
 * @pfns: Set to their frames, the first that of @run.
 *
 * Return: how many there are, 0 if @run is longer.
 */
static inline unsigned long iopt_run_singles(struct iopt_run *run,
					     const unsigned long **pfns)
{
	unsigned long first = run->index % IOPT_CHUNK_PAGES;
	unsigned long last = first + run->last - run->index;
	/* Whether the last one of a chunk is single, the next chunk tells. */
	unsigned long limit = min(IOPT_CHUNK_PAGES - 1, last);
	const unsigned long *chunk = run->chunk;
	unsigned long i;

	if (run->npages > 1)
		return 0;
	*pfns = &run->pfn;
	if (xa_is_value(chunk))
		return 1;
	for (i = first + 1; i < limit && chunk[i + 1] != chunk[i] + 1; i++)
		;
	if (i == limit && i == last)
		i++;
	run->index += i - 1 - first;
	run->pfn = chunk[i - 1];
	*pfns = chunk + first;
	return i - first;
}

#endif
