// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls on some IOASes with mock devices, compared with a model
 * (model.h): their results, the IOVA space, the PFNs in the page tables and the
 * pins.  After a few calls everything is compared, after the others a part.
 *
 * Environment: SEED, by default from the clock; SEEDS, their number, one after
 * the other; OPS, calls for each.
 */
#include <sys/prctl.h>
#include <time.h>

#include "../../chance.h"
#include "model.h"

#define AT		(64 * MiB)
#define WINDOW		128U		/* pages of IOVA from AT on */
#define DEVICES		6U
#define TEXT		200U
#define SOME		16U		/* pages whose pins are looked at */
#define EVERY_REFS	16		/* calls between checks of all pages, */
#define EVERY_VMSTAT	32		/* of the count of all pins, */
#define EVERY_ALL	128		/* and of everything */

struct device {
	struct mock_dev mock;
	struct ioas *ioas;
};

struct world {
	struct model model;
	struct device device[DEVICES];
	unsigned int devices;
	char *memory;
	int fd;
	__u32 probe_id;			/* an IOAS that is empty */
	long pinned;
	bool look_at_all;		/* after each call */
	__u64 state;
	unsigned int counts[2];		/* calls that failed, and that worked */
	/* The call under way, and what is wrong after it */
	char text[TEXT];
	char wrong[TEXT];
};

#define describe(w, ...)	snprintf((w)->text, TEXT, __VA_ARGS__)
#define wrong(w, ...)		(snprintf((w)->wrong, TEXT, __VA_ARGS__), false)

/* Chance */

static unsigned int any(struct world *w, unsigned int n)
{
	return chance_below(&w->state, n);
}

static bool one_in(struct world *w, unsigned int n)
{
	return !any(w, n);
}

static bool has_small_pages(struct world *w)
{
	return w->model.page == PAGE;
}

/* The unit of the numbers of a call */
static __u64 any_grain(struct world *w)
{
	if (!has_small_pages(w) || one_in(w, 2))
		return w->model.page;
	return one_in(w, 32) ? 1 + any(w, PAGE) : HALF;
}

/* Bytes: mostly few pages, never more than fit */
static __u64 any_length(struct world *w, __u64 grain, __u64 fit)
{
	__u64 pages = one_in(w, 8) && has_small_pages(w) ? 32 : 6;
	__u64 length = grain * (1 + any(w, pages * w->model.page / grain));

	return length < fit ? length : fit;
}

static struct ioas *any_ioas(struct world *w)
{
	return &w->model.ioas[any(w, IOASES)];
}

/* A range of IOVA: often from one mapping to another */
static void any_range(struct world *w, struct ioas *ioas, __u64 *iova,
		      __u64 *length)
{
	__u64 grain = any_grain(w);
	struct area *first, *last;

	if (ioas->n && !one_in(w, 3)) {
		first = &ioas->area[any(w, ioas->n)];
		last = first;
		if (one_in(w, 3))
			last += any(w, ioas->area + ioas->n - first);
		*iova = first->iova;
		*length = area_last(last) - *iova + 1;
		return;
	}
	*iova = AT + grain * any(w, WINDOW * w->model.page / grain);
	*length = any_length(w, grain, AT + WINDOW * w->model.page - *iova);
}

/* A range of memory */
static void any_memory(struct world *w, __u64 *va, __u64 *length)
{
	__u64 grain = any_grain(w);

	*va = grain * any(w, PAGES * w->model.page / grain);
	*length = any_length(w, grain, PAGES * w->model.page - *va);
}

static __u64 any_iova(struct world *w)
{
	__u64 grain = any_grain(w);

	return AT + grain * any(w, WINDOW * w->model.page / grain);
}

static int ioas_index(struct world *w, struct ioas *ioas)
{
	return ioas - w->model.ioas;
}

/*
 * The calls.  Each function makes a call, describes it in w->text, and returns
 * whether its result is that of the model; see outcome().
 */

static bool outcome(struct world *w, long long want, long long rc)
{
	w->counts[rc >= 0]++;
	return want == rc || wrong(w, "returned %lld, not %lld", rc, want);
}

/* Follow a call that has put areas at an IOVA, fixed or chosen. */
static bool placed(struct world *w, struct ioas *ioas, const struct area *areas,
		   unsigned int n, const __u64 *fixed, __u64 iova)
{
	__u64 length = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		length += areas[i].length;
	if (fixed ? iova != *fixed :
		    !may_choose(ioas, iova, length, areas[0].va))
		return wrong(w, "is at %#llx", iova);
	model_placed(&w->model, ioas, areas, n, iova);
	return true;
}

static bool do_map(struct world *w)
{
	struct ioas *ioas = any_ioas(w);
	__u32 flags = one_in(w, 4) ? READABLE : RW;
	__u64 at = any_iova(w), iova = at;
	__u64 *fixed = one_in(w, 4) ? NULL : &at;
	struct area area = {
		.memory = new_memory(&w->model),
		.writeable = flags == RW,
	};
	int rc, want;

	if (ioas->n >= MAX_AREAS - 2)
		return true;
	any_memory(w, &area.va, &area.length);
	describe(w, "map %llx+%llx flags %x to %d at %llx%s", area.va,
		 area.length, flags, ioas_index(w, ioas), at,
		 fixed ? "" : " or so");

	want = model_place(&w->model, ioas, &area, 1, fixed);
	rc = ioas_map_flags(w->fd, ioas->id, flags | (fixed ? FIXED : 0),
			    w->memory + area.va, area.length, &iova);
	return outcome(w, want, rc) &&
	       (rc || placed(w, ioas, &area, 1, fixed, iova));
}

static bool do_copy(struct world *w)
{
	struct ioas *src = any_ioas(w), *dst = any_ioas(w);
	__u32 flags = one_in(w, 4) ? READABLE : RW;
	__u64 at = any_iova(w), iova = at, from, length;
	__u64 *fixed = one_in(w, 4) ? NULL : &at;
	struct area areas[MAX_AREAS];
	int rc, want;
	unsigned int n;

	any_range(w, src, &from, &length);
	describe(w, "copy %d %llx+%llx flags %x to %d at %llx%s",
		 ioas_index(w, src), from, length, flags, ioas_index(w, dst),
		 at, fixed ? "" : " or so");

	want = model_gather(src, from, from + length - 1, flags == RW, areas,
			    &n);
	if (dst->n + n >= MAX_AREAS - 2)
		return true;
	want = want ?: model_place(&w->model, dst, areas, n, fixed);
	rc = ioas_copy_flags(w->fd, flags | (fixed ? FIXED : 0), dst->id,
			     src->id, length, &iova, from);
	return outcome(w, want, rc) &&
	       (rc || placed(w, dst, areas, n, fixed, iova));
}

static bool do_unmap(struct world *w)
{
	struct ioas *ioas = any_ioas(w);
	__u64 iova, length, unmapped;
	long long rc, want;

	any_range(w, ioas, &iova, &length);
	describe(w, "unmap %d %llx+%llx", ioas_index(w, ioas), iova, length);

	want = model_unmap(&w->model, ioas, iova, iova + length - 1, false) ?:
	       -ENOENT;
	unmapped = length;
	rc = ioas_unmap_len(w->fd, ioas->id, iova, &unmapped);
	if (rc && unmapped != length)
		return wrong(w, "changed the length to %#llx", unmapped);
	return outcome(w, want, rc ?: (long long)unmapped);
}

static bool do_unmap_all(struct world *w)
{
	struct ioas *ioas = any_ioas(w);
	long long want = model_unmap(&w->model, ioas, 0, ALL, false);

	describe(w, "unmap all of %d", ioas_index(w, ioas));
	return outcome(w, want, ioas_empty(w->fd, ioas->id));
}

/* A device got the page table of an IOAS: its own one or a new one. */
static bool attached(struct world *w, struct ioas *ioas, __u32 hwpt_id)
{
	if (ioas->devices == 1)
		ioas->hwpt_id = hwpt_id;
	return ioas->hwpt_id == hwpt_id || wrong(w, "HWPT %u", hwpt_id);
}

static bool do_attach(struct world *w)
{
	struct device *device = &w->device[w->devices];
	struct ioas *ioas = any_ioas(w);
	bool to_hwpt = ioas->devices && one_in(w, 2);
	int rc, want;

	if (w->devices == DEVICES)
		return true;
	describe(w, "attach to %s of %d", to_hwpt ? "HWPT" : "IOAS",
		 ioas_index(w, ioas));

	want = model_attach(&w->model, ioas);
	rc = mock_attach(w->fd, to_hwpt ? ioas->hwpt_id : ioas->id,
			 &device->mock);
	if (!outcome(w, want, rc) || rc)
		return want == rc;
	device->ioas = ioas;
	w->devices++;
	return attached(w, ioas, device->mock.hwpt_id);
}

static bool do_detach(struct world *w)
{
	struct device *device = &w->device[any(w, DEVICES)];

	if (device >= w->device + w->devices)
		return true;
	describe(w, "detach from %d", ioas_index(w, device->ioas));
	if (!outcome(w, 0, iommu_destroy(w->fd, device->mock.id)))
		return false;
	model_detach(&w->model, device->ioas);
	*device = w->device[--w->devices];
	return true;
}

static bool do_replace(struct world *w)
{
	struct device *device = &w->device[any(w, DEVICES)];
	struct ioas *ioas = any_ioas(w);
	bool to_hwpt = ioas->devices && one_in(w, 2);
	int rc, want;

	if (device >= w->device + w->devices)
		return true;
	describe(w, "replace %d by %s of %d", ioas_index(w, device->ioas),
		 to_hwpt ? "HWPT" : "IOAS", ioas_index(w, ioas));

	want = model_replace(&w->model, device->ioas, ioas);
	rc = mock_replace(w->fd, &device->mock,
			  to_hwpt ? ioas->hwpt_id : ioas->id);
	if (!outcome(w, want, rc) || rc)
		return want == rc;
	/* The first device there may have got a new page table */
	if (device->ioas != ioas && !attached(w, ioas, device->mock.hwpt_id))
		return false;
	device->ioas = ioas;
	return device->mock.hwpt_id == ioas->hwpt_id ||
	       wrong(w, "HWPT %u", device->mock.hwpt_id);
}

static bool do_option(struct world *w)
{
	struct ioas *ioas = any_ioas(w);
	bool small = one_in(w, 2);
	int want = model_set_small(ioas, small);

	describe(w, "huge pages %s in %d", small ? "off" : "on",
		 ioas_index(w, ioas));
	return outcome(w, want, iommu_option_set(w->fd, IOMMU_OPTION_HUGE_PAGES,
						 ioas->id, !small));
}

static bool do_reserve(struct world *w)
{
	struct ioas *ioas = any_ioas(w);
	__u64 iova, length;
	int want;

	if (ioas->reserved.n == MAX_RANGES)
		return true;
	any_range(w, ioas, &iova, &length);
	describe(w, "reserve %llx+%llx in %d", iova, length,
		 ioas_index(w, ioas));
	want = model_reserve(ioas, iova, iova + length - 1);
	return outcome(w, want, mock_reserve(w->fd, ioas->id, iova, length));
}

static bool do_allow(struct world *w)
{
	struct ioas *ioas = any_ioas(w);
	unsigned int n = any(w, 4);
	struct ranges allowed = { 0 };
	__u64 iova, length;
	int want;

	/* Mostly all of the window, so that the choice is not far away */
	if (!one_in(w, 3)) {
		ranges_add(&allowed, AT, AT + WINDOW * w->model.page - 1);
		n = 0;
	}
	while (n--) {
		any_range(w, ioas, &iova, &length);
		ranges_add(&allowed, iova, iova + length - 1);
	}
	describe(w, "allow %u ranges from %llx to %llx on in %d", allowed.n,
		 allowed.range[0].start, allowed.range[0].last,
		 ioas_index(w, ioas));
	want = model_allow(ioas, &allowed);
	return outcome(w, want, ioas_allow(w->fd, ioas->id, allowed.range,
					   allowed.n));
}

static bool do_destroy(struct world *w)
{
	struct ioas *ioas = any_ioas(w);
	int want = ioas->devices ? -EBUSY : 0, rc;

	describe(w, "destroy %d", ioas_index(w, ioas));
	rc = iommu_destroy(w->fd, ioas->id);
	if (!outcome(w, want, rc) || rc)
		return want == rc;
	memset(ioas, 0, sizeof(*ioas));
	model_settle(&w->model);
	if (w->model.vfio == ioas)
		w->model.vfio = NULL;
	return outcome(w, 0, ioas_alloc(w->fd, &ioas->id));
}

/* VFIO's container calls */

static bool do_vfio_ioas(struct world *w)
{
	struct ioas *ioas = one_in(w, 8) ? NULL : any_ioas(w);
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = ioas ? ioas->id : 0,
		.op = ioas ? IOMMU_VFIO_IOAS_SET : IOMMU_VFIO_IOAS_CLEAR,
	};

	describe(w, "use %d", ioas ? ioas_index(w, ioas) : -1);
	w->model.vfio = ioas;
	return outcome(w, 0, call(w->fd, IOMMU_VFIO_IOAS, &arg));
}

static int model_set_type(struct ioas *ioas, unsigned int type)
{
	int rc = 0;

	if (!ioas)
		return -ENODEV;
	if (ioas->type)
		return -EINVAL;
	if (type == VFIO_TYPE1_IOMMU)
		rc = model_set_small(ioas, true);
	if (!rc)
		ioas->type = type;
	return rc;
}

static bool do_set_type(struct world *w)
{
	unsigned int type = one_in(w, 4) ? VFIO_TYPE1v2_IOMMU :
					   VFIO_TYPE1_IOMMU;
	int want = model_set_type(w->model.vfio, type);

	describe(w, "type %u", type);
	return outcome(w, want, call(w->fd, VFIO_SET_IOMMU,
				     (void *)(uintptr_t)type));
}

static int model_map_dma(struct world *w, const struct area *area, __u64 iova)
{
	struct ioas *ioas = w->model.vfio;

	if (!ioas)
		return -ENODEV;
	if ((iova | area->va | area->length) % PAGE)
		return -EINVAL;
	/* This is checked before reserved IOVA */
	if (find_area(ioas, iova, iova + area->length - 1))
		return -EEXIST;
	return model_place(&w->model, ioas, area, 1, &iova);
}

static bool do_map_dma(struct world *w)
{
	struct ioas *ioas = w->model.vfio;
	struct area area = {
		.memory = new_memory(&w->model),
		.writeable = true,
	};
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = any_iova(w),
	};
	int want, rc;

	if (ioas && ioas->n >= MAX_AREAS - 2)
		return true;
	any_memory(w, &area.va, &area.length);
	arg.vaddr = addr(w->memory + area.va);
	arg.size = area.length;
	describe(w, "map DMA %llx+%llx at %llx", area.va, area.length,
		 (__u64)arg.iova);

	want = model_map_dma(w, &area, arg.iova);
	rc = call(w->fd, VFIO_IOMMU_MAP_DMA, &arg);
	if (!rc && !want)
		model_placed(&w->model, ioas, &area, 1, arg.iova);
	return outcome(w, want, rc);
}

static long long model_unmap_dma(struct world *w, __u64 iova, __u64 length)
{
	struct ioas *ioas = w->model.vfio;
	bool cut;
	long long rc;

	if (!ioas)
		return -ENODEV;
	if ((iova | length) % PAGE)
		return -EINVAL;
	cut = ioas->type == VFIO_TYPE1_IOMMU &&
	      (ioas->small || !ioas->devices);
	rc = model_unmap(&w->model, ioas, iova, iova + length - 1, cut);
	return rc < 0 ? -EINVAL : rc;
}

static bool do_unmap_dma(struct world *w)
{
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg) };
	struct ioas *ioas = w->model.vfio;
	__u64 iova, length;
	long long want;
	int rc;

	if (ioas && ioas->n >= MAX_AREAS - 1)
		return true;
	any_range(w, ioas ?: any_ioas(w), &iova, &length);
	/* The part of a mapping, the other end of one */
	if (one_in(w, 2) && length > w->model.page)
		iova += length / w->model.page / 2 * w->model.page;
	describe(w, "unmap DMA %llx+%llx", iova, length);

	want = model_unmap_dma(w, iova, length);
	arg.iova = iova;
	arg.size = length;
	rc = call(w->fd, VFIO_IOMMU_UNMAP_DMA, &arg);
	return outcome(w, want, rc ?: (long long)arg.size);
}

static bool do_unmap_dma_all(struct world *w)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL,
	};
	struct ioas *ioas = w->model.vfio;
	long long want = -ENODEV;
	int rc;

	describe(w, "unmap all DMA");
	if (ioas)
		want = model_unmap(&w->model, ioas, 0, ALL, false);
	rc = call(w->fd, VFIO_IOMMU_UNMAP_DMA, &arg);
	return outcome(w, want, rc ?: (long long)arg.size);
}

/* Changes other than by calls on an IOAS */

static bool do_limit(struct world *w)
{
	const __u32 limits[] = { 12, 16, 40, 200, SCRATCH };
	__u32 limit = limits[any(w, ARRAY_LEN(limits))];

	describe(w, "scratch memory of %u bytes", limit);
	return outcome(w, 0, mock_limit(w->fd, limit));
}

/* Put other memory, or none, behind some addresses. */
static int remap(struct world *w, unsigned int first, unsigned int n, bool hole)
{
	char *p = w->memory + first * w->model.page;
	size_t length = n * w->model.page;
	__u64 pages = pages_of(&w->model, first * w->model.page, length);

	if (mmap(p, length, hole ? PROT_NONE : PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != p)
		return -errno;
	if (!has_small_pages(w) && madvise(p, length, MADV_HUGEPAGE))
		return -errno;
	for (; !hole && length; p += PAGE, length -= PAGE)
		*p = 1;
	model_new_memory(&w->model, pages, hole);
	return 0;
}

static bool do_remap(struct world *w)
{
	unsigned int first = any(w, PAGES), n = 1 + any(w, 8);
	bool hole = one_in(w, 4);

	if (!has_small_pages(w) && one_in(w, 2)) {
		first &= ~7U;
		n = 8;
	}
	if (n > PAGES - first)
		n = PAGES - first;
	/* Few holes, and not for long, as nearly all calls fail there */
	if (!hole && w->model.holes) {
		first = __builtin_ctzll(w->model.holes);
		n = PAGES - __builtin_clzll(w->model.holes) - first;
	}
	describe(w, "%s at %x+%x", hole ? "no memory" : "new memory", first, n);
	return outcome(w, 0, remap(w, first, n, hole));
}

static const struct op {
	bool (*fn)(struct world *w);
	unsigned int weight;
} ops[] = {
	{ do_map, 20 },
	{ do_copy, 20 },
	{ do_unmap, 20 },
	{ do_unmap_all, 1 },
	{ do_attach, 2 },
	{ do_detach, 2 },
	{ do_replace, 3 },
	{ do_option, 3 },
	{ do_reserve, 2 },
	{ do_allow, 4 },
	{ do_destroy, 2 },
	{ do_vfio_ioas, 2 },
	{ do_set_type, 2 },
	{ do_map_dma, 6 },
	{ do_unmap_dma, 8 },
	{ do_unmap_dma_all, 1 },
	{ do_limit, 2 },
	{ do_remap, 8 },
};

static bool do_any(struct world *w)
{
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_LEN(ops); i++)
		n += ops[i].weight;
	n = any(w, n);
	for (i = 0; n >= ops[i].weight; i++)
		n -= ops[i].weight;
	describe(w, "nothing");
	return ops[i].fn(w);
}

/* The comparisons.  Each describes a difference from the model in w->wrong. */

static bool check_usable(struct world *w, struct ioas *ioas)
{
	struct iommu_iova_range is[MAX_RANGES + 3], want[MAX_RANGES + 3];
	struct ranges reserved = all_reserved(ioas);
	__u64 align = 77;
	__u32 n = ARRAY_LEN(is);
	int rc;

	rc = ioas_ranges(w->fd, ioas->id, is, &n, &align);
	if (rc || n != complement(&reserved, want, ARRAY_LEN(want)) ||
	    memcmp(is, want, n * sizeof(*is)))
		return wrong(w, "usable IOVA of %d: errno %d, %u ranges",
			     ioas_index(w, ioas), -rc, n);
	return align == alignment(ioas) ||
	       wrong(w, "alignment of %d: %llu", ioas_index(w, ioas), align);
}

/* All of a range is mapped if it can be copied. */
static bool check_mapped(struct world *w, struct ioas *ioas, __u64 iova,
			 __u64 length)
{
	struct area areas[MAX_AREAS];
	__u64 to = 0;
	unsigned int n;
	int rc, want;

	want = model_gather(ioas, iova, iova + length - 1, false, areas, &n);
	rc = ioas_copy_flags(w->fd, FIXED | READABLE, w->probe_id, ioas->id,
			     length, &to, iova);
	if (rc != want)
		return wrong(w, "copy of %llx+%llx of %d: errno %d, not %d",
			     iova, length, ioas_index(w, ioas), -rc, -want);
	return rc || ioas_empty(w->fd, w->probe_id) == (long long)length ||
	       wrong(w, "copy of %llx+%llx of %d: other bytes", iova, length,
		     ioas_index(w, ioas));
}

/* Does a page table map some bytes of an area to the right PFNs? */
static bool check_frames(struct world *w, struct ioas *ioas,
			 const struct area *area, __u64 offset, __u64 length)
{
	__u64 va = area->va + offset, pages = pages_of(&w->model, va, length);
	int want = 0, rc;
	unsigned int i;

	if (pages & w->model.holes)
		return true;
	for (i = 0; i < PAGES; i++)
		if (pages >> i & 1 &&
		    area->memory->frame[i] != w->model.frame[i])
			want = -EINVAL;
	rc = mock_check_map(w->fd, ioas->hwpt_id, w->memory + va, length,
			    area->iova + offset);
	return rc == want ||
	       wrong(w, "frames of %d at %llx+%llx: errno %d, not %d",
		     ioas_index(w, ioas), area->iova + offset, length, -rc,
		     -want);
}

static bool check_any_frames(struct world *w, struct ioas *ioas)
{
	const struct area *area;
	__u64 offset, length;

	if (!ioas->devices || !ioas->n)
		return true;
	area = &ioas->area[any(w, ioas->n)];
	offset = HALF * any(w, area->length / HALF);
	length = HALF * (1 + any(w, 4));
	if (length > area->length - offset)
		length = area->length - offset;
	return check_frames(w, ioas, area, offset, length);
}

/* A page table has no entry for IOVA that is not mapped. */
static bool check_no_frame(struct world *w, struct ioas *ioas, __u64 iova)
{
	unsigned int page = any(w, PAGES);

	if (!ioas->devices || find_area(ioas, iova, iova) ||
	    w->model.holes >> page & 1)
		return true;
	return mock_check_map(w->fd, ioas->hwpt_id,
			      w->memory + page * w->model.page, HALF,
			      iova) == -EINVAL ||
	       wrong(w, "a frame of %d at %llx", ioas_index(w, ioas), iova);
}

/* The pins of pages from first on, in as few calls as possible */
static bool check_refs(struct world *w, unsigned int first, unsigned int last)
{
	unsigned int refs[PAGES], i, n;

	model_refs(&w->model, refs);
	for (i = first; i <= last; i += n) {
		n = 1;
		if (w->model.holes >> i & 1)
			continue;
		while (i + n <= last && refs[i + n] == refs[i] &&
		       !(w->model.holes >> (i + n) & 1))
			n++;
		if (mock_check_refs(w->fd, w->memory + i * w->model.page,
				    n * w->model.page, refs[i]))
			return wrong(w, "pages %x+%x have not %u pins", i, n,
				     refs[i]);
	}
	return true;
}

/* All areas, and the ends of the gaps */
static bool check_areas(struct world *w, struct ioas *ioas)
{
	const struct area *area;
	unsigned int i;

	for (i = 0; i < ioas->n; i++) {
		area = &ioas->area[i];
		if (!check_mapped(w, ioas, area->iova, area->length))
			return false;
		if (!ioas->devices)
			continue;
		if (!check_frames(w, ioas, area, 0, area->length) ||
		    !check_no_frame(w, ioas, area->iova - HALF) ||
		    !check_no_frame(w, ioas, area_last(area) + 1))
			return false;
	}
	return check_usable(w, ioas);
}

static bool check_every_area(struct world *w)
{
	unsigned int i;

	for (i = 0; i < IOASES; i++)
		if (!check_areas(w, &w->model.ioas[i]))
			return false;
	return check_refs(w, 0, PAGES - 1);
}

/* All gaps in the window */
static bool check_gaps(struct world *w)
{
	unsigned int i, j;

	for (i = 0; i < IOASES; i++)
		for (j = 0; j < 2 * WINDOW; j++)
			if (!check_no_frame(w, &w->model.ioas[i],
					    AT + j * w->model.page / 2))
				return false;
	return true;
}

static bool check_pinned(struct world *w)
{
	long is = pinned() - w->pinned, want = model_pinned(&w->model);

	return is == want || wrong(w, "%ld pages pinned, not %ld", is, want);
}

/* After each call */
static bool check_some(struct world *w)
{
	struct ioas *ioas = any_ioas(w);
	unsigned int some = has_small_pages(w) ? SOME : 1;
	unsigned int page = any(w, PAGES - some + 1);
	__u64 iova, length;

	any_range(w, ioas, &iova, &length);
	return check_usable(w, any_ioas(w)) &&
	       check_mapped(w, ioas, iova, length) &&
	       check_any_frames(w, any_ioas(w)) &&
	       check_no_frame(w, any_ioas(w), AT + HALF *
			      any(w, WINDOW * w->model.page / HALF)) &&
	       check_refs(w, page, page + some - 1);
}

static bool step(struct world *w, unsigned int i)
{
	i++;
	if (w->look_at_all)
		return do_any(w) && check_every_area(w) && check_pinned(w) &&
		       (i % EVERY_ALL || check_gaps(w));
	return do_any(w) && check_some(w) &&
	       (i % EVERY_REFS || check_refs(w, 0, PAGES - 1)) &&
	       (i % EVERY_VMSTAT || check_pinned(w)) &&
	       (i % EVERY_ALL || (check_every_area(w) && check_gaps(w)));
}

/* One seed */

static int begin(struct world *w, __u64 seed, __u64 page)
{
	unsigned int i;
	int rc;

	memset(w, 0, sizeof(*w));
	w->state = chance_begin(seed);
	w->model.page = page;
	w->memory = anon_aligned(PAGES * page, HUGE);
	w->pinned = pinned();
	w->fd = iommu_open();
	if (!w->memory || w->pinned < 0 || w->fd < 0)
		return -ENOMEM;
	w->model.base = addr(w->memory);
	rc = remap(w, 0, PAGES, false) ?: ioas_alloc(w->fd, &w->probe_id);
	for (i = 0; i < IOASES && !rc; i++)
		rc = ioas_alloc(w->fd, &w->model.ioas[i].id);
	return rc;
}

/* Closing leaves nothing behind */
static bool end(struct world *w)
{
	mock_limit(w->fd, SCRATCH);
	close(w->fd);
	memset(w->model.ioas, 0, sizeof(w->model.ioas));
	model_settle(&w->model);
	describe(w, "close");
	return (mock_devices() == 0 || wrong(w, "devices are left")) &&
	       check_pinned(w);
}

FIXTURE(random)
{
	struct world w;
	__u64 seed;
	unsigned int seeds;
	unsigned int ops;
};

/* Memory comes in pages of this size, and has huge ones if that is larger. */
FIXTURE_VARIANT(random)
{
	__u64 page;
	unsigned int ops;
	bool look_at_all;
};

FIXTURE_VARIANT_ADD(random, small_pages)
{
	.page = PAGE,
	.ops = 100000,
};

FIXTURE_VARIANT_ADD(random, huge_pages)
{
	.page = 256 << 10,
	.ops = 10000,
};

FIXTURE_VARIANT_ADD(random, look_at_all)
{
	.page = PAGE,
	.ops = 10000,
	.look_at_all = true,
};

/* A debug kernel gets more seeds, but fewer calls. */
FIXTURE_SETUP(random)
{
	bool slow = in_debug_kernel();

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, variant->page == PAGE, 0, 0, 0));
	self->seed = setting("SEED", time(NULL));
	self->seeds = setting("SEEDS", slow ? 20 : 1);
	self->ops = setting("OPS", slow ? variant->ops / 50 : variant->ops);
}

FIXTURE_TEARDOWN(random)
{
}

TEST_F_TIMEOUT(random, calls_do_as_the_model, 600)
{
	struct world *w = &self->w;
	unsigned int counts[2] = { };
	unsigned int i;
	__u64 seed;

	for (seed = self->seed; seed < self->seed + self->seeds; seed++) {
		TH_LOG("seed %llu, %u calls", seed, self->ops);
		ASSERT_EQ(0, begin(w, seed, variant->page));
		w->look_at_all = variant->look_at_all;
		for (i = 0; i < self->ops; i++) {
			ASSERT_TRUE(step(w, i)) {
				TH_LOG("seed %llu, call %u, %s: %s", seed, i,
				       w->text, w->wrong);
			}
		}
		ASSERT_TRUE(end(w)) {
			TH_LOG("seed %llu, %s: %s", seed, w->text, w->wrong);
		}
		for (i = 0; i < ARRAY_SIZE(counts); i++)
			counts[i] += w->counts[i];
		munmap(w->memory, PAGES * w->model.page);
	}
	/* Enough calls failed and worked to be significant */
	EXPECT_LT(self->ops * self->seeds / 5, counts[0]);
	EXPECT_LT(self->ops * self->seeds / 5, counts[1]);
}

TEST_HARNESS_MAIN
