/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of the calls on /dev/iommu: lists, searched from end to end, so that
 * it is plainly right.  Each function returns the result that the call must
 * have, and does as the call does on success.
 *
 * Memory is PAGES pages of model.page bytes from model.base on; each of them
 * has a frame, a number that stands for its PFN: new memory gets a new one.
 * A set of these pages is one __u64.
 *
 * In every range "last" is inclusive.
 */
#ifndef IOMMU_MODEL_H
#define IOMMU_MODEL_H

#include <linux/vfio.h>

#include "mock.h"

#define PAGES		64U
#define IOASES		3U
#define MAX_AREAS	96U		/* of an IOAS */
#define MAX_RANGES	8U		/* reserved, or allowed */
#define MAX_MEMORIES	(IOASES * MAX_AREAS)
#define NO_HOLE		PAGES

struct ranges {
	struct iommu_iova_range range[MAX_RANGES + 2];
	unsigned int n;
};

/* The memory of one MAP, shared by copies.  Pages with users are pinned. */
struct memory {
	bool used;
	__u64 pinned;
	unsigned int frame[PAGES];	/* of the pages that are pinned */
};

struct area {
	__u64 iova;
	__u64 length;
	__u64 va;			/* bytes from model.base on */
	struct memory *memory;
	bool writeable;
};

struct ioas {
	__u32 id;
	__u32 hwpt_id;			/* while it has devices */
	unsigned int devices;
	bool small;			/* huge pages are off */
	unsigned int type;		/* VFIO's, or 0 */
	struct area area[MAX_AREAS];	/* in the order of their IOVA */
	unsigned int n;
	struct ranges reserved;		/* by ADD_RESERVED */
	struct ranges allowed;
};

struct model {
	struct ioas ioas[IOASES];
	struct ioas *vfio;		/* the compatibility IOAS, or NULL */
	struct memory memory[MAX_MEMORIES];
	unsigned int frame[PAGES];	/* of the memory there now */
	unsigned int frames;		/* frame numbers given away */
	__u64 holes;			/* pages without memory */
	__u64 base;
	__u64 page;
};

/* Ranges */

static inline bool meets(__u64 start, __u64 last, __u64 other_start,
			 __u64 other_last)
{
	return start <= other_last && other_start <= last;
}

static inline bool ranges_meet(const struct ranges *ranges, __u64 start,
			       __u64 last)
{
	unsigned int i;

	for (i = 0; i < ranges->n; i++)
		if (meets(ranges->range[i].start, ranges->range[i].last, start,
			  last))
			return true;
	return false;
}

static inline void ranges_add(struct ranges *ranges, __u64 start, __u64 last)
{
	ranges->range[ranges->n].start = start;
	ranges->range[ranges->n++].last = last;
}

/* The next byte from iova on that is in no range; false if there is none */
static inline bool next_outside(const struct ranges *ranges, __u64 *iova)
{
	unsigned int i;

	for (i = 0; i < ranges->n; i++) {
		if (*iova < ranges->range[i].start ||
		    *iova > ranges->range[i].last)
			continue;
		if (ranges->range[i].last == ALL)
			return false;
		*iova = ranges->range[i].last + 1;
		i = -1;
	}
	return true;
}

/* The gaps between ranges, ascending; at most room.  Returns their number. */
static inline unsigned int complement(const struct ranges *ranges,
				      struct iommu_iova_range *outside,
				      unsigned int room)
{
	unsigned int i, n = 0;
	__u64 iova = 0, last;

	while (n < room && next_outside(ranges, &iova)) {
		last = ALL;
		for (i = 0; i < ranges->n; i++)
			if (ranges->range[i].start > iova &&
			    ranges->range[i].start - 1 < last)
				last = ranges->range[i].start - 1;
		outside[n].start = iova;
		outside[n++].last = last;
		if (last == ALL)
			break;
		iova = last + 1;
	}
	return n;
}

/* IOASes */

/* IOVA must be a multiple of this */
static inline __u64 alignment(const struct ioas *ioas)
{
	return ioas->small ? PAGE : ioas->devices ? HALF : 1;
}

/* All IOVA that may not be mapped */
static inline struct ranges all_reserved(const struct ioas *ioas)
{
	struct ranges all = ioas->reserved;

	if (ioas->devices) {
		ranges_add(&all, 0, MOCK_APERTURE_START - 1);
		ranges_add(&all, MOCK_APERTURE_LAST + 1UL, ALL);
	}
	return all;
}

static inline __u64 area_last(const struct area *area)
{
	return area->iova + area->length - 1;
}

/* The first area in a range, or NULL */
static inline struct area *find_area(struct ioas *ioas, __u64 start, __u64 last)
{
	unsigned int i;

	for (i = 0; i < ioas->n; i++)
		if (meets(ioas->area[i].iova, area_last(&ioas->area[i]), start,
			  last))
			return &ioas->area[i];
	return NULL;
}

static inline void add_area(struct ioas *ioas, const struct area *area)
{
	unsigned int i = ioas->n++;

	for (; i && ioas->area[i - 1].iova > area->iova; i--)
		ioas->area[i] = ioas->area[i - 1];
	ioas->area[i] = *area;
}

/* The set of pages that a range of bytes touches */
static inline __u64 pages_of(const struct model *model, __u64 va, __u64 length)
{
	unsigned int first = va / model->page;
	unsigned int last = (va + length - 1) / model->page;

	return (ALL << first) & (ALL >> (PAGES - 1 - last));
}

/* Pin the pages that have users, and unpin the others. */
static inline void model_settle(struct model *model)
{
	__u64 pinned[MAX_MEMORIES] = { 0 }, added;
	bool used[MAX_MEMORIES] = { false };
	struct memory *memory;
	struct area *area;
	unsigned int i, j;

	for (i = 0; i < IOASES; i++) {
		for (j = 0; j < model->ioas[i].n; j++) {
			area = &model->ioas[i].area[j];
			used[area->memory - model->memory] = true;
			if (model->ioas[i].devices)
				pinned[area->memory - model->memory] |=
					pages_of(model, area->va, area->length);
		}
	}
	for (i = 0; i < MAX_MEMORIES; i++) {
		memory = &model->memory[i];
		for (added = pinned[i] & ~memory->pinned; added;
		     added &= added - 1) {
			j = __builtin_ctzll(added);
			memory->frame[j] = model->frame[j];
		}
		memory->pinned = pinned[i];
		memory->used = used[i];
	}
}

/* The number of pins of each page of the memory that is there now */
static inline void model_refs(const struct model *model, unsigned int *refs)
{
	const struct memory *memory;
	unsigned int i, page;
	__u64 pinned;

	memset(refs, 0, PAGES * sizeof(*refs));
	for (i = 0; i < MAX_MEMORIES; i++) {
		memory = &model->memory[i];
		for (pinned = memory->pinned; pinned; pinned &= pinned - 1) {
			page = __builtin_ctzll(pinned);
			refs[page] += memory->frame[page] ==
				      model->frame[page];
		}
	}
}

/* The number of pins of all memory, old and new */
static inline long model_pinned(const struct model *model)
{
	long n = 0;
	unsigned int i;

	for (i = 0; i < MAX_MEMORIES; i++)
		n += __builtin_popcountll(model->memory[i].pinned);
	return n * (model->page / PAGE);
}

static inline struct memory *new_memory(struct model *model)
{
	unsigned int i;

	for (i = 0; i < MAX_MEMORIES; i++)
		if (!model->memory[i].used)
			return &model->memory[i];
	return NULL;
}

/* Can all these pages be pinned? */
static inline bool can_pin(const struct model *model, const struct area *area,
			   unsigned int n)
{
	for (; n--; area++)
		if (pages_of(model, area->va, area->length) &
		    ~area->memory->pinned & model->holes)
			return false;
	return true;
}

/* The low bits of an area, which have to be aligned for the IOMMU */
static inline __u64 low_bits(const struct area *area)
{
	return area->iova | area->va | area->length;
}

/* Could the kernel choose this IOVA? */
static inline bool may_choose(struct ioas *ioas, __u64 iova, __u64 length,
			      __u64 va)
{
	const struct ranges *allowed = &ioas->allowed;
	struct ranges reserved = all_reserved(ioas);
	__u64 last = iova + length - 1;
	unsigned int i;

	if (last < iova || (iova - va) % PAGE ||
	    ranges_meet(&reserved, iova, last) || find_area(ioas, iova, last))
		return false;
	if (!allowed->n)
		return iova >= PAGE && last <= ALL - PAGE;
	for (i = 0; i < allowed->n; i++)
		if (iova >= allowed->range[i].start &&
		    last <= allowed->range[i].last)
			return true;
	return false;
}

static inline __u64 suit(__u64 iova, __u64 va)
{
	return iova + (va - iova) % PAGE;
}

/* Could it choose any?  The lowest choice in a gap follows the gap's bound. */
static inline bool can_choose(struct ioas *ioas, __u64 length, __u64 va)
{
	struct ranges reserved = all_reserved(ioas);
	unsigned int i;

	if (may_choose(ioas, suit(PAGE, va), length, va))
		return true;
	for (i = 0; i < ioas->n; i++)
		if (may_choose(ioas, suit(area_last(&ioas->area[i]) + 1, va),
			       length, va))
			return true;
	for (i = 0; i < reserved.n; i++)
		if (may_choose(ioas, suit(reserved.range[i].last + 1, va),
			       length, va))
			return true;
	for (i = 0; i < ioas->allowed.n; i++)
		if (may_choose(ioas, suit(ioas->allowed.range[i].start, va),
			       length, va))
			return true;
	return false;
}

/* The calls */

/*
 * Put areas, whose IOVAs are relative to the first one's, at iova, or, if iova
 * is NULL, at any free IOVA.
 */
static inline int model_place(const struct model *model, struct ioas *ioas,
			      const struct area *areas, unsigned int n,
			      const __u64 *iova)
{
	struct ranges reserved = all_reserved(ioas);
	__u64 length = 0, bits = iova ? *iova : 0;
	unsigned int i;

	for (i = 0; i < n; i++) {
		bits |= low_bits(&areas[i]);
		length += areas[i].length;
	}
	if (bits % alignment(ioas))
		return -EINVAL;
	if (!iova && !can_choose(ioas, length, areas[0].va))
		return -ENOSPC;
	if (iova && ranges_meet(&reserved, *iova, *iova + length - 1))
		return -EINVAL;
	if (iova && find_area(ioas, *iova, *iova + length - 1))
		return -EEXIST;
	if (ioas->devices && !can_pin(model, areas, n))
		return -EFAULT;
	return 0;
}

static inline void model_placed(struct model *model, struct ioas *ioas,
				const struct area *areas, unsigned int n,
				__u64 iova)
{
	struct area area;
	unsigned int i;

	for (i = 0; i < n; i++) {
		area = areas[i];
		area.iova += iova;
		add_area(ioas, &area);
	}
	model_settle(model);
}

/* The areas of a range, clipped to it, to be placed elsewhere */
static inline int model_gather(struct ioas *src, __u64 start, __u64 last,
			       bool writeable, struct area *areas,
			       unsigned int *n)
{
	struct area *area, *copy;
	__u64 next = start;

	*n = 0;
	for (;;) {
		area = find_area(src, next, next);
		if (!area)
			return -ENOENT;
		if (writeable && !area->writeable)
			return -EPERM;
		copy = &areas[(*n)++];
		*copy = *area;
		copy->writeable = writeable;
		copy->va += next - area->iova;
		copy->length -= next - area->iova;
		copy->iova = next - start;
		if (area_last(area) >= last) {
			copy->length -= area_last(area) - last;
			return 0;
		}
		next = area_last(area) + 1;
	}
}

/* Bytes unmapped, or -ENOENT for a mapping that is only partly in the range */
static inline long long model_unmap(struct model *model, struct ioas *ioas,
				    __u64 start, __u64 last, bool cut)
{
	const unsigned int n = ioas->n;
	struct area was[MAX_AREAS], area;
	long long bytes = 0;
	unsigned int i;

	memcpy(was, ioas->area, sizeof(was));
	for (i = 0; i < n && !cut; i++)
		if (meets(was[i].iova, area_last(&was[i]), start, last) &&
		    (was[i].iova < start || area_last(&was[i]) > last))
			return -ENOENT;

	ioas->n = 0;
	for (i = 0; i < n; i++) {
		if (!meets(was[i].iova, area_last(&was[i]), start, last)) {
			add_area(ioas, &was[i]);
			continue;
		}
		bytes += was[i].length;
		if (was[i].iova < start) {
			area = was[i];
			area.length = start - was[i].iova;
			bytes -= area.length;
			add_area(ioas, &area);
		}
		if (area_last(&was[i]) > last) {
			area = was[i];
			area.iova = last + 1;
			area.va += area.iova - was[i].iova;
			area.length -= area.iova - was[i].iova;
			bytes -= area.length;
			add_area(ioas, &area);
		}
	}
	model_settle(model);
	return bytes;
}

/* Attach one more device */
static inline int model_attach(struct model *model, struct ioas *ioas)
{
	struct ioas with = *ioas;
	struct ranges outside = { 0 };
	unsigned int i;

	with.devices++;
	if (!ioas->devices) {
		for (i = 0; i < ioas->n; i++)
			if (low_bits(&ioas->area[i]) % alignment(&with))
				return -EADDRINUSE;
		with.reserved.n = 0;
		outside = all_reserved(&with);
		for (i = 0; i < outside.n; i++)
			if (find_area(ioas, outside.range[i].start,
				      outside.range[i].last) ||
			    ranges_meet(&ioas->allowed, outside.range[i].start,
					outside.range[i].last))
				return -EADDRINUSE;
		if (!can_pin(model, ioas->area, ioas->n))
			return -EFAULT;
	}
	ioas->devices++;
	model_settle(model);
	return 0;
}

static inline void model_detach(struct model *model, struct ioas *ioas)
{
	ioas->devices--;
	model_settle(model);
}

/* The device is in both for a moment: pages that both have stay pinned. */
static inline int model_replace(struct model *model, struct ioas *from,
				struct ioas *to)
{
	int rc = from == to ? 0 : model_attach(model, to);

	if (!rc && from != to)
		model_detach(model, from);
	return rc;
}

static inline int model_set_small(struct ioas *ioas, bool small)
{
	unsigned int i;

	if (small && !ioas->small && ioas->devices && ioas->n)
		return -EINVAL;
	for (i = 0; small && i < ioas->n; i++)
		if (low_bits(&ioas->area[i]) % PAGE)
			return -EADDRINUSE;
	ioas->small = small;
	return 0;
}

static inline int model_reserve(struct ioas *ioas, __u64 start, __u64 last)
{
	if (find_area(ioas, start, last) ||
	    ranges_meet(&ioas->allowed, start, last))
		return -EADDRINUSE;
	ranges_add(&ioas->reserved, start, last);
	return 0;
}

static inline int model_allow(struct ioas *ioas, const struct ranges *allowed)
{
	struct ranges reserved = all_reserved(ioas);
	struct ranges before = { 0 };
	unsigned int i;

	for (i = 0; i < allowed->n; i++) {
		if (allowed->range[i].start >= allowed->range[i].last ||
		    ranges_meet(&before, allowed->range[i].start,
				allowed->range[i].last))
			return -EINVAL;
		ranges_add(&before, allowed->range[i].start,
			   allowed->range[i].last);
	}
	for (i = 0; i < allowed->n; i++)
		if (ranges_meet(&reserved, allowed->range[i].start,
				allowed->range[i].last))
			return -EADDRINUSE;
	ioas->allowed = *allowed;
	return 0;
}

static inline void model_new_memory(struct model *model, __u64 pages,
				    bool hole)
{
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		if (pages >> i & 1)
			model->frame[i] = ++model->frames;
	if (hole)
		model->holes |= pages;
	else
		model->holes &= ~pages;
}

#endif
