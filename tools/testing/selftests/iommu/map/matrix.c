// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped and pinned pages at every alignment: with every number of domains,
 * with and without huge pages, with much scratch memory and next to none,
 * mapped and copied.
 */
#include <sys/resource.h>

#include "mock.h"

#define AT		(64 * MiB)	/* an IOVA that begins a huge page */
#define SRC		(1024 * MiB)	/* where copies come from */
#define MEMORY		(64 * PAGE)

/*
 * The domains of one IOAS: none, one of the mock, two of the mock, or one of
 * the mock and one of an edu device behind the real IOMMU, to whose pages
 * everything is aligned then.  Memory is mapped, or mapped in another IOAS and
 * copied.
 */
enum domains { NONE, ONE, TWO, REAL };

FIXTURE(matrix)
{
	int fd;
	int edu;
	__u32 ioas_id;
	__u32 src_id;
	struct mock_dev dev;
	__u32 hwpt_id[2];	/* of the mock */
	unsigned int hwpts;
	__u64 step;	/* all offsets and lengths are multiples of this */
	__u32 refs;	/* pins of a page that is mapped once */
	char *memory;
	long pinned;
};

FIXTURE_VARIANT(matrix)
{
	enum domains domains;
	bool huge;
	__u32 scratch;
	bool copy;
};

/* Domains, huge pages, bytes of scratch memory, copied */
FIXTURE_VARIANT_ADD(matrix, none_huge_64k_map) { NONE, true, SCRATCH, false };
FIXTURE_VARIANT_ADD(matrix, none_huge_64k_copy) { NONE, true, SCRATCH, true };
FIXTURE_VARIANT_ADD(matrix, none_huge_16_map) { NONE, true, 16, false };
FIXTURE_VARIANT_ADD(matrix, none_huge_16_copy) { NONE, true, 16, true };
FIXTURE_VARIANT_ADD(matrix, none_small_64k_map) { NONE, false, SCRATCH, false };
FIXTURE_VARIANT_ADD(matrix, none_small_64k_copy) { NONE, false, SCRATCH, true };
FIXTURE_VARIANT_ADD(matrix, none_small_16_map) { NONE, false, 16, false };
FIXTURE_VARIANT_ADD(matrix, none_small_16_copy) { NONE, false, 16, true };
FIXTURE_VARIANT_ADD(matrix, one_huge_64k_map) { ONE, true, SCRATCH, false };
FIXTURE_VARIANT_ADD(matrix, one_huge_64k_copy) { ONE, true, SCRATCH, true };
FIXTURE_VARIANT_ADD(matrix, one_huge_16_map) { ONE, true, 16, false };
FIXTURE_VARIANT_ADD(matrix, one_huge_16_copy) { ONE, true, 16, true };
FIXTURE_VARIANT_ADD(matrix, one_small_64k_map) { ONE, false, SCRATCH, false };
FIXTURE_VARIANT_ADD(matrix, one_small_64k_copy) { ONE, false, SCRATCH, true };
FIXTURE_VARIANT_ADD(matrix, one_small_16_map) { ONE, false, 16, false };
FIXTURE_VARIANT_ADD(matrix, one_small_16_copy) { ONE, false, 16, true };
FIXTURE_VARIANT_ADD(matrix, two_huge_64k_map) { TWO, true, SCRATCH, false };
FIXTURE_VARIANT_ADD(matrix, two_huge_64k_copy) { TWO, true, SCRATCH, true };
FIXTURE_VARIANT_ADD(matrix, two_huge_16_map) { TWO, true, 16, false };
FIXTURE_VARIANT_ADD(matrix, two_huge_16_copy) { TWO, true, 16, true };
FIXTURE_VARIANT_ADD(matrix, two_small_64k_map) { TWO, false, SCRATCH, false };
FIXTURE_VARIANT_ADD(matrix, two_small_64k_copy) { TWO, false, SCRATCH, true };
FIXTURE_VARIANT_ADD(matrix, two_small_16_map) { TWO, false, 16, false };
FIXTURE_VARIANT_ADD(matrix, two_small_16_copy) { TWO, false, 16, true };
FIXTURE_VARIANT_ADD(matrix, real_huge_64k_map) { REAL, true, SCRATCH, false };
FIXTURE_VARIANT_ADD(matrix, real_huge_64k_copy) { REAL, true, SCRATCH, true };
FIXTURE_VARIANT_ADD(matrix, real_huge_16_map) { REAL, true, 16, false };
FIXTURE_VARIANT_ADD(matrix, real_huge_16_copy) { REAL, true, 16, true };
FIXTURE_VARIANT_ADD(matrix, real_small_64k_map) { REAL, false, SCRATCH, false };
FIXTURE_VARIANT_ADD(matrix, real_small_64k_copy) { REAL, false, SCRATCH, true };
FIXTURE_VARIANT_ADD(matrix, real_small_16_map) { REAL, false, 16, false };
FIXTURE_VARIANT_ADD(matrix, real_small_16_copy) { REAL, false, 16, true };

FIXTURE_SETUP(matrix)
{
	__u32 dev_id;

	self->edu = -1;
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mock_limit(self->fd, variant->scratch));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->src_id));
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				      self->ioas_id, variant->huge));
	self->memory = small_pages(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);

	self->refs = variant->domains != NONE;
	self->step = variant->domains == REAL || !variant->huge ? PAGE : HALF;
	if (variant->domains != NONE) {
		ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
		self->hwpt_id[self->hwpts++] = self->dev.hwpt_id;
	}
	if (variant->domains == TWO) {
		/* A page table without a device is filled like any other */
		ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id,
					self->ioas_id, 0, &self->hwpt_id[1]));
		self->hwpts++;
	}
	if (variant->domains == REAL) {
		self->edu = vfio_open_bound(EDU, self->fd, &dev_id);
		ASSERT_LE(0, self->edu);
		ASSERT_EQ(0, vfio_attach(self->edu, self->ioas_id, NULL));
	}
}

FIXTURE_TEARDOWN(matrix)
{
	EXPECT_EQ(0, mock_limit(self->fd, SCRATCH));
	if (self->edu >= 0)
		close(self->edu);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
}

/* Map as the variant does. */
static int do_map(struct _test_data_matrix *self,
		  const struct _fixture_variant_matrix *variant, const void *va,
		  __u64 length, __u64 iova)
{
	if (!variant->copy)
		return ioas_map(self->fd, self->ioas_id, va, length, iova);
	return ioas_map_by_copy(self->fd, self->ioas_id, self->src_id, SRC,
				va, length, iova);
}

static int do_map_somewhere(struct _test_data_matrix *self,
			    const struct _fixture_variant_matrix *variant,
			    const void *va, __u64 length, __u64 *iova)
{
	int rc;

	if (!variant->copy)
		return ioas_map_flags(self->fd, self->ioas_id, RW, va, length,
				      iova);
	rc = ioas_map(self->fd, self->src_id, va, length, SRC);
	if (rc)
		return rc;
	rc = ioas_copy_flags(self->fd, RW, self->ioas_id, self->src_id, length,
			     iova, SRC);
	return ioas_unmap(self->fd, self->src_id, SRC, length) ?: rc;
}

/* 0 if va is mapped at iova in each domain, or if there is no domain */
static int check_map(struct _test_data_matrix *self, const void *va,
		     __u64 length, __u64 iova)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; i < self->hwpts && !rc; i++)
		rc = mock_check_map(self->fd, self->hwpt_id[i], va, length,
				    iova);
	return rc;
}

/* 0 if it is mapped in no domain */
static int check_not(struct _test_data_matrix *self, const void *va,
		     __u64 length, __u64 iova)
{
	unsigned int i;

	for (i = 0; i < self->hwpts; i++)
		if (mock_check_map(self->fd, self->hwpt_id[i], va, length,
				   iova) != -EINVAL)
			return -EEXIST;
	return 0;
}

/* Map, check, unmap, check. */
static void map_check_unmap(struct __test_metadata *_metadata,
			    struct _test_data_matrix *self,
			    const struct _fixture_variant_matrix *variant, char *va,
			    __u64 length, __u64 iova)
{
	const __u64 end = iova + length;

	ASSERT_EQ(0, do_map(self, variant, va, length, iova)) {
		TH_LOG("%#llx bytes of %#llx at %#llx", length, addr(va), iova);
	}
	ASSERT_EQ(0, check_map(self, va, length, iova)) {
		TH_LOG("%#llx bytes of %#llx at %#llx", length, addr(va), iova);
	}
	EXPECT_EQ(0, check_not(self, va + HALF, HALF, iova));
	EXPECT_EQ(0, check_not(self, va, HALF, iova - HALF));
	EXPECT_EQ(0, check_not(self, va, HALF, end));
	EXPECT_EQ(0, mock_refs_of(self->fd, va, length, self->refs));

	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, iova, length));
	EXPECT_EQ(0, mock_refs_of(self->fd, va, length, 0));
	EXPECT_EQ(0, check_not(self, va, HALF, iova));
	EXPECT_EQ(0, check_not(self, va + length - HALF, HALF,
			       end - HALF));
}

static bool aligned(struct _test_data_matrix *self, __u64 bytes)
{
	return bytes % self->step == 0;
}

/* Memory, its length and the IOVA, each at every multiple of HALF */
static void every_alignment(struct __test_metadata *_metadata,
			    struct _test_data_matrix *self,
			    const struct _fixture_variant_matrix *variant, char *memory,
			    __u64 base_length, __u64 at)
{
	__u64 start, length, shift;

	for (start = 0; start < 2 * PAGE; start += HALF)
		for (length = base_length + HALF;
		     length <= base_length + 2 * PAGE; length += HALF)
			for (shift = 0; shift < 2 * PAGE; shift += HALF) {
				if (!aligned(self, start | length | shift))
					continue;
				map_check_unmap(_metadata, self, variant,
						memory + start, length,
						at + shift);
			}
}

TEST_F(matrix, every_alignment_within_two_pages)
{
	every_alignment(_metadata, self, variant, self->memory, 0, AT);
	EXPECT_EQ(0, mock_refs_of(self->fd, self->memory, MEMORY, 0));
}

TEST_F(matrix, every_alignment_of_many_pages)
{
	every_alignment(_metadata, self, variant, self->memory, 21 * PAGE, AT);
	EXPECT_EQ(0, mock_refs_of(self->fd, self->memory, MEMORY, 0));
}

/* Pages of 1 MiB, and small pages before and after them */
TEST_F(matrix, huge_pages_and_what_is_beside)
{
	const __u64 lengths[] = {
		MiB + PAGE, 2 * MiB,
	};
	const long shifts[] = {
		0, HALF, -PAGE,
	};
	unsigned int i, j;
	char *memory;

	memory = huge_pages(4 * MiB);
	ASSERT_NE(NULL, memory);
	for (i = 0; i < ARRAY_LEN(lengths); i++)
		for (j = 0; j < ARRAY_LEN(shifts); j++) {
			if (!aligned(self, shifts[j]))
				continue;
			/* Shift both IOVA and memory, then only one of them */
			map_check_unmap(_metadata, self, variant,
					memory + MiB / 2 + shifts[j],
					lengths[i], AT + MiB / 2 + shifts[j]);
			map_check_unmap(_metadata, self, variant, memory,
					lengths[i], AT + shifts[j]);
		}
}

TEST_F(matrix, every_alignment_is_refused_without_change)
{
	int rc = self->hwpts || !variant->huge ? -EINVAL : 0;
	__u64 step = self->step;

	EXPECT_EQ(rc, do_map(self, variant, self->memory + step / 2, step, AT));
	EXPECT_EQ(rc, do_map(self, variant, self->memory, step / 2,
			     AT + 4 * PAGE));
	EXPECT_EQ(rc, do_map(self, variant, self->memory, step,
			     AT + 8 * PAGE + step / 2));
	EXPECT_EQ(rc ? 0 : 2 * step + step / 2,
		  (__u64)ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, mock_refs_of(self->fd, self->memory, MEMORY, 0));
}

/* Two mappings that share a page, which is pinned for each */
TEST_F(matrix, half_a_page_each)
{
	const __u64 length = 4 * PAGE + HALF;

	/* The other IOMMU has no half pages, nor has an IOAS of small pages. */
	if (self->step == PAGE) {
		EXPECT_EQ(-EINVAL, do_map(self, variant, self->memory, length,
					  AT));
		return;
	}

	ASSERT_EQ(0, do_map(self, variant, self->memory, length, AT));
	ASSERT_EQ(0, do_map(self, variant, self->memory + length, length,
			    AT + length));
	EXPECT_EQ(0, check_map(self, self->memory, 2 * length, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, 4 * PAGE,
				     self->refs));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + 4 * PAGE, PAGE,
				     2 * self->refs));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + 5 * PAGE,
				     4 * PAGE, self->refs));

	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, length));
	EXPECT_EQ(0, check_not(self, self->memory + length - HALF, HALF,
			       AT + length - HALF));
	EXPECT_EQ(0, check_map(self, self->memory + length, length,
			       AT + length));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, 4 * PAGE, 0));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + 4 * PAGE,
				     5 * PAGE, self->refs));
	EXPECT_EQ(length, (__u64)ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, MEMORY, 0));
}

TEST_F(matrix, neighbours_are_unmapped_together)
{
	__u64 i, step = self->step, length = 16 * step;

	for (i = 0; i < 16; i++)
		ASSERT_EQ(0, do_map(self, variant, self->memory + i * step,
				    step, AT + i * step));
	EXPECT_EQ(0, check_map(self, self->memory, 16 * step, AT));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id, AT + step / 2,
				      15 * step));
	EXPECT_EQ(0, check_map(self, self->memory, 16 * step, AT));
	ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id, AT, &length));
	EXPECT_EQ(16 * step, length);
	EXPECT_EQ(0, mock_refs_of(self->fd, self->memory, 16 * step, 0));
}

/* A copy of some bytes in the middle shares their pages: pinned once */
TEST_F(matrix, copies_share_pins)
{
	__u64 step = self->step, start, length;

	ASSERT_EQ(0, do_map(self, variant, self->memory, 16 * step, AT));
	for (start = step; start < 6 * step; start += step)
		for (length = step; length < 6 * step; length += step) {
			const __u64 to = AT + 16 * MiB;

			ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id,
					       self->ioas_id, length, to,
					       AT + start));
			EXPECT_EQ(0, check_map(self, self->memory + start,
					       length, to));
			EXPECT_EQ(0, mock_refs_of(self->fd, self->memory,
						  16 * step, self->refs));
			ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, to,
						length));
		}
	EXPECT_EQ(0, check_map(self, self->memory, 16 * step, AT));

	/* The copy keeps its pages, and no others */
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id, PAGE,
			       AT + 16 * MiB, AT + PAGE));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, 16 * step));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 0));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + PAGE, PAGE,
				     self->refs));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + 2 * PAGE,
				     6 * PAGE, 0));
	EXPECT_EQ(0, check_map(self, self->memory + PAGE, PAGE,
			       AT + 16 * MiB));
}

/* Attach maps what was mapped before, too */
TEST_F(matrix, attach_fills)
{
	struct mock_dev dev;
	__u64 i, step = self->step;

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, do_map(self, variant,
				    self->memory + 4 * i * PAGE,
				    (i % 4 + 1) * step, AT + i * i * step * 7));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &dev));
	for (i = 0; i < 8; i++) {
		char *va = self->memory + 4 * i * PAGE;
		__u64 length = (i % 4 + 1) * step;

		EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, va, length,
					    AT + i * i * step * 7));
		EXPECT_EQ(0, mock_refs_of(self->fd, va, length, 1));
	}
	/* Mock devices agree on a page table */
	if (self->hwpts)
		EXPECT_EQ(self->dev.hwpt_id, dev.hwpt_id);

	ASSERT_EQ(0, iommu_destroy(self->fd, dev.id));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, mock_refs_of(self->fd, self->memory + 4 * i * PAGE,
					  (i % 4 + 1) * step, self->refs));
	EXPECT_EQ(20 * step, (__u64)ioas_empty(self->fd, self->ioas_id));
}

TEST_F(matrix, kernel_chosen_iova_suits_the_memory)
{
	__u64 step = self->step, start, iova = 0;

	for (start = 0; start < 2 * PAGE; start += step) {
		char *va = self->memory + start;

		ASSERT_EQ(0, do_map_somewhere(self, variant, va, 3 * step,
					      &iova));
		EXPECT_EQ(addr(va) % PAGE, iova % PAGE);
		EXPECT_EQ(0, check_map(self, va, 3 * step, iova));
		if (self->hwpts) {
			EXPECT_LE(MOCK_APERTURE_START, iova);
			EXPECT_GE(MOCK_APERTURE_LAST, iova + 3 * step - 1);
		}
	}
}

/* Reserved regions of the real device in what the mock can address */
static unsigned int regions_between(void)
{
	FILE *f = fopen("/sys/bus/pci/devices/" EDU
			"/iommu_group/reserved_regions", "re");
	unsigned long start;
	unsigned int n = 0;

	if (!f)
		return -1;
	while (fscanf(f, "%lx %*x %*s", &start) == 1)
		n += start >= MOCK_APERTURE_START && start <= MOCK_APERTURE_LAST;
	fclose(f);
	return n;
}

TEST_F(matrix, usable_iova)
{
	const unsigned int between = variant->domains == REAL ?
				     regions_between() : 0;
	struct iommu_iova_range ranges[4];
	__u32 n = ARRAY_LEN(ranges);
	__u64 alignment = 77;

	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	ASSERT_EQ(1 + between, n);
	EXPECT_EQ(self->hwpts || !variant->huge ? self->step : 1, alignment);
	EXPECT_EQ(self->hwpts ? MOCK_APERTURE_START : 0, ranges[0].start);
	EXPECT_EQ(self->hwpts ? MOCK_APERTURE_LAST : ALL, ranges[n - 1].last);

	/* All of the mapping, and nothing beside it */
	if (!self->hwpts)
		return;
	EXPECT_EQ(0, do_map(self, variant, self->memory, PAGE,
			    MOCK_APERTURE_START));
	EXPECT_EQ(0, do_map(self, variant, self->memory, PAGE,
			    MOCK_APERTURE_LAST + 1UL - PAGE));
	EXPECT_EQ(-EINVAL, do_map(self, variant, self->memory, PAGE,
				  MOCK_APERTURE_START - PAGE));
	EXPECT_EQ(-EINVAL, do_map(self, variant, self->memory, PAGE,
				  MOCK_APERTURE_LAST + 1UL));
	EXPECT_EQ(0, check_map(self, self->memory, PAGE,
			       MOCK_APERTURE_START));
	EXPECT_EQ(0, check_map(self, self->memory, PAGE,
			       MOCK_APERTURE_LAST + 1UL - PAGE));
}

/* Bad memory at the end: pins and maps before it are undone */
TEST_F(matrix, map_that_fails_leaves_nothing)
{
	int rc = self->hwpts ? -EFAULT : 0;
	__u64 pages;

	ASSERT_EQ(0, munmap(self->memory + 40 * PAGE, PAGE));
	for (pages = 1; pages < 40; pages += 6) {
		char *va = self->memory + (40 - pages) * PAGE;

		EXPECT_EQ(rc, do_map(self, variant, va, (pages + 1) * PAGE,
				     AT));
		EXPECT_EQ(0, mock_check_refs(self->fd, va, pages * PAGE, 0));
		EXPECT_EQ(0, check_not(self, va, HALF, AT));
		if (!rc)
			ASSERT_LT(0, ioas_empty(self->fd, self->ioas_id));
	}
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

static void unmap_is_refused(struct __test_metadata *_metadata,
			     struct _test_data_matrix *self, __u64 iova,
			     __u64 length)
{
	ASSERT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id, iova,
				      length - 1));
	ASSERT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id, iova + 1,
				      length));
}

/* Any bytes, without an IOMMU; with one, or page by page, only whole pages */
TEST_F(matrix, every_byte)
{
	static const __u64 edges[] = {
		0, 1, HALF - 1, HALF, HALF + 1, PAGE - 1, PAGE, PAGE + 1,
		PAGE + HALF, 2 * PAGE - 1,
	};
	unsigned int start, length, shift;
	struct mock_dev dev;
	int rc;

	for (start = 0; start < ARRAY_LEN(edges); start++)
		for (length = 1; length < ARRAY_LEN(edges); length++)
			for (shift = 0; shift < ARRAY_LEN(edges); shift++) {
				char *va = self->memory + edges[start];
				__u64 at = AT + edges[shift];
				__u64 n = edges[length];
				bool bytes = (addr(va) | at | n) % self->step;

				rc = (self->hwpts || !variant->huge) && bytes ?
				     -EINVAL : 0;
				ASSERT_EQ(rc, do_map(self, variant, va, n, at));
				if (rc)
					continue;
				if (n > 1)
					unmap_is_refused(_metadata, self, at,
							 n);
				ASSERT_EQ(n, (__u64)ioas_empty(self->fd,
							       self->ioas_id));
			}
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, MEMORY, 0));
	if (self->hwpts || !variant->huge)
		return;
	ASSERT_EQ(0, do_map(self, variant, self->memory + 1, PAGE, AT));
	EXPECT_EQ(-EADDRINUSE, mock_attach(self->fd, self->ioas_id, &dev));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, MEMORY, 0));
}

TEST_F(matrix, unmap_of_a_part_changes_nothing)
{
	__u64 step = self->step, first, last;
	const __u64 length = 9 * step;
	char *va = self->memory + step;

	/* Two neighbours; between them a range may begin and end. */
	ASSERT_EQ(0, do_map(self, variant, va, 5 * step, AT));
	ASSERT_EQ(0, do_map(self, variant, va + 5 * step, 4 * step,
			    AT + 5 * step));
	for (first = 0; first < 9; first++)
		for (last = first; last < 9; last++) {
			if ((first == 0 || first == 5) &&
			    (last == 4 || last == 8))
				continue;
			ASSERT_EQ(-ENOENT,
				  ioas_unmap(self->fd, self->ioas_id,
					     AT + first * step,
					     (last - first + 1) * step));
		}
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id, AT - step,
				      length));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id, AT + 1,
				      length));
	EXPECT_EQ(0, check_map(self, va, length, AT));
	if (step == PAGE)
		EXPECT_EQ(0, mock_check_refs(self->fd, va, length, self->refs));
	EXPECT_EQ(length, (__u64)ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, check_not(self, va, step, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, MEMORY, 0));
}

TEST_F(matrix, holes)
{
	__u64 step = self->step, i, length = 20 * step;

	for (i = 0; i < 20; i += 2)
		ASSERT_EQ(0, do_map(self, variant, self->memory + i * PAGE,
				    step, AT + i * step));
	for (i = 0; i < 20; i += 2) {
		EXPECT_EQ(0, check_map(self, self->memory + i * PAGE, step,
				       AT + i * step));
		EXPECT_EQ(0, check_not(self, self->memory + (i + 1) * PAGE,
				       HALF, AT + (i + 1) * step));
		EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + i * PAGE,
					     PAGE, self->refs));
		EXPECT_EQ(0, mock_check_refs(self->fd,
					     self->memory + (i + 1) * PAGE,
					     PAGE, 0));
		EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id,
					      AT + (i + 1) * step, step));
		EXPECT_EQ(-ENOENT, ioas_copy(self->fd, self->ioas_id,
					     self->ioas_id, 2 * step, AT + MiB,
					     AT + i * step));
	}
	/* One out of the middle, one into the hole, then all with its holes */
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT + 10 * step,
				step));
	EXPECT_EQ(0, check_not(self, self->memory + 10 * PAGE, step,
			       AT + 10 * step));
	ASSERT_EQ(0, do_map(self, variant, self->memory + 40 * PAGE, 3 * step,
			    AT + 9 * step));
	EXPECT_EQ(0, check_map(self, self->memory + 40 * PAGE, 3 * step,
			       AT + 9 * step));
	EXPECT_EQ(0, check_map(self, self->memory + 12 * PAGE, step,
			       AT + 12 * step));
	ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id, AT, &length));
	EXPECT_EQ(12 * step, length);
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, MEMORY, 0));
}

/* All pages that a mapping touches count, once for all its copies. */
TEST_F(matrix, limit)
{
	const struct rlimit limit = { 8 * PAGE, 8 * PAGE };
	__u64 step = self->step;
	int rc = self->hwpts ? -ENOMEM : 0;
	char *va = self->memory;

	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	ASSERT_EQ(0, set_capability(CAP_IPC_LOCK, false));
	if (step == HALF) {
		/* Nine pages, half of the first and half of the last */
		EXPECT_EQ(rc, do_map(self, variant, va + HALF, 8 * PAGE, AT));
		EXPECT_EQ(rc ? 0 : 8 * PAGE,
			  (__u64)ioas_empty(self->fd, self->ioas_id));
	}
	EXPECT_EQ(rc, do_map(self, variant, va, 9 * PAGE, AT));
	EXPECT_EQ(rc ? 0 : 9 * PAGE,
		  (__u64)ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, mock_check_refs(self->fd, va, MEMORY, 0));

	ASSERT_EQ(0, do_map(self, variant, va, 8 * PAGE, AT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
			       8 * PAGE, AT + MiB, AT));
	EXPECT_EQ(rc, do_map(self, variant, va + 9 * PAGE, step, AT + 2 * MiB));
	EXPECT_EQ(0, mock_check_refs(self->fd, va, 8 * PAGE, self->refs));
	EXPECT_EQ(0, check_map(self, va, 8 * PAGE, AT));
	EXPECT_EQ(0, check_map(self, va, 8 * PAGE, AT + MiB));
	if (rc)
		EXPECT_EQ(0, mock_check_refs(self->fd, va + 8 * PAGE,
					     MEMORY - 8 * PAGE, 0));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, 8 * PAGE));
	EXPECT_EQ(rc, do_map(self, variant, va + PAGE, PAGE, AT));
	ASSERT_LT(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, do_map(self, variant, va, 8 * PAGE, AT));
	EXPECT_EQ(0, set_capability(CAP_IPC_LOCK, true));
}

TEST_HARNESS_MAIN
