// SPDX-License-Identifier: GPL-2.0-only
/*
 * Many mappings, and large ones.  If a call looked at all mappings one by one,
 * a test here would not end within its time limit.
 */
#include "common.h"

#define MANY	32768
#define GIB	0x40000000ULL
#define TIB	0x10000000000ULL

/* Pages that this process has pinned, by VmPin */
static long vm_pin(void)
{
	char line[128];
	long kib = -1;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPin: %ld kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib < 0 ? -1 : kib * 1024 / (long)PAGE;
}

/* Where the kernel puts length bytes of p; ALL on error */
static __u64 chosen(int fd, __u32 ioas_id, const void *p, __u64 length)
{
	__u64 iova = 0;

	return ioas_map_flags(fd, ioas_id, RW, p, length, &iova) ? ALL : iova;
}

TEST_F(iommufd, kernel_chooses_many)
{
	struct iommu_iova_range ranges[4], *range = ranges;
	__u32 n = ARRAY_LEN(ranges);
	char *p = anon(PAGE);
	__u64 alignment = 0, next;
	int i;

	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	next = chosen(self->fd, self->ioas_id, p, PAGE);
	ASSERT_NE(ALL, next);
	/* One after the other, without gaps but for the window of an SMMU */
	for (i = 1; i < MANY; i++) {
		next += PAGE;
		if (next > range->last)
			next = (++range)->start;
		ASSERT_EQ(next, chosen(self->fd, self->ioas_id, p, PAGE));
	}
	/* Each mapping pins the page once: each MAP is a pin of its own */
	EXPECT_EQ(IF_ATTACHED(MANY), PINNED());
	EXPECT_EQ((long long)(MANY * PAGE),
		  ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, kernel_chooses_many_of_a_huge_page)
{
	char *p = anon_aligned(HUGE, HUGE);
	int i, n = variant->device ? 1024 : MANY / 2;
	__u64 first, iova;

	first = chosen(self->fd, self->ioas_id, p, HUGE);
	ASSERT_EQ(HUGE, first);
	for (i = 1; i < n; i++) {
		iova = chosen(self->fd, self->ioas_id, p, HUGE);
		ASSERT_EQ(0, iova % HUGE);
		ASSERT_LT(first, iova);
		first = iova;
	}
	EXPECT_EQ((long long)(n * HUGE), ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, kernel_chooses_what_was_freed)
{
	char *p = anon_aligned(2 * HUGE, 2 * HUGE);
	__u64 a = chosen(self->fd, self->ioas_id, p, PAGE);
	__u64 b = chosen(self->fd, self->ioas_id, p, PAGE);
	__u64 c = chosen(self->fd, self->ioas_id, p, HUGE);
	__u64 d = chosen(self->fd, self->ioas_id, p, HUGE);

	ASSERT_NE(ALL, a);
	ASSERT_EQ(a + PAGE, b);
	ASSERT_EQ(c + HUGE, d);

	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, a, PAGE));
	EXPECT_EQ(a, chosen(self->fd, self->ioas_id, p, PAGE));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, c, HUGE));
	EXPECT_EQ(c, chosen(self->fd, self->ioas_id, p, HUGE));
	/* The kernel stays within both borders of the free range */
	EXPECT_EQ(b + PAGE, chosen(self->fd, self->ioas_id, p, PAGE));
	ASSERT_EQ(2 * HUGE, d);
	EXPECT_EQ(4 * HUGE, chosen(self->fd, self->ioas_id, p, 2 * HUGE));
}

TEST_F(iommufd, kernel_chooses_a_gap_that_was_too_small)
{
	struct iommu_iova_range range = { .start = GIB, .last = GIB + HUGE - 1 };
	char *p = anon_aligned(HUGE, HUGE);
	__u64 iova = 0;
	unsigned int i;

	/* The first three pages are passed over, since four are wanted */
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &range, 1));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE,
			      GIB + 3 * PAGE));
	for (i = 1; i < HUGE / (4 * PAGE); i++)
		ASSERT_EQ(GIB + i * 4 * PAGE,
			  chosen(self->fd, self->ioas_id, p, 4 * PAGE));
	EXPECT_EQ(-ENOSPC, ioas_map_flags(self->fd, self->ioas_id, RW, p,
					  4 * PAGE, &iova));
	/* A shorter mapping of the same alignment gets them */
	EXPECT_EQ(GIB, chosen(self->fd, self->ioas_id, p, 3 * PAGE));
	EXPECT_EQ(-ENOSPC, ioas_map_flags(self->fd, self->ioas_id, RW, p, PAGE,
					  &iova));
}

/*
 * Each gap has one page less than wanted, and all IOVA above it is mapped that
 * the kernel has chosen.
 */
static void choose_past_small_gaps(struct __test_metadata *_metadata, int fd,
				   __u32 ioas_id)
{
	char *p = anon_aligned(2 * PAGE, 2 * PAGE);
	const int rounds = patient_rounds(5000);
	__u64 first, iova;
	int i;

	first = chosen(fd, ioas_id, p, PAGE);
	ASSERT_NE(ALL, first);
	for (i = 1; i < MANY; i++)
		ASSERT_EQ(first + i * PAGE, chosen(fd, ioas_id, p, PAGE));
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, ioas_unmap(fd, ioas_id, first + i * PAGE, PAGE));
		iova = chosen(fd, ioas_id, p, 2 * PAGE);
		ASSERT_LE(first + MANY * PAGE, iova);
		ASSERT_EQ(0, iova % (2 * PAGE));
		ASSERT_EQ(0, ioas_unmap(fd, ioas_id, iova, 2 * PAGE));
		/* The gap is the lowest IOVA for a page. */
		ASSERT_EQ(first + i * PAGE, chosen(fd, ioas_id, p, PAGE));
	}
}

TEST_F_TIMEOUT(iommufd, kernel_chooses_past_small_gaps, 60)
{
	choose_past_small_gaps(_metadata, self->fd, self->ioas_id);
}

/* There is no IOVA above all mappings. */
TEST_F_TIMEOUT(iommufd, kernel_chooses_past_small_gaps_below_the_top, 60)
{
	struct iommu_iova_range ranges[8];
	__u32 n = ARRAY_SIZE(ranges);
	__u64 alignment = 0;

	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, anon(PAGE), PAGE,
			      ranges[n - 1].last - PAGE + 1));
	choose_past_small_gaps(_metadata, self->fd, self->ioas_id);
}

/* After more gaps than one search looks at, with nothing free above it */
TEST_F(iommufd, kernel_chooses_the_only_gap)
{
	const int npages = 256, at = 200;
	struct iommu_iova_range range = {
		.start = GIB,
		.last = GIB + npages * PAGE - 1,
	};
	char *p = anon_aligned(2 * PAGE, 2 * PAGE);
	__u64 iova = 0;
	int i;

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &range, 1));
	for (i = 1; i < npages; i += 2)
		if (i != at + 1)
			ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE,
					      GIB + i * PAGE));
	EXPECT_EQ(GIB + at * PAGE,
		  chosen(self->fd, self->ioas_id, p, 2 * PAGE));
	EXPECT_EQ(-ENOSPC, ioas_map_flags(self->fd, self->ioas_id, RW, p,
					  2 * PAGE, &iova));
	iova = chosen(self->fd, self->ioas_id, p, PAGE);
	EXPECT_LE(GIB, iova);
	EXPECT_GT(GIB + npages * PAGE, iova);
}

/*
 * Little memory, mapped very often.  One flush of 2^32 pages, or more, is more
 * than Linux 6.1 can count.
 */
TEST_F_TIMEOUT(iommufd, sixteen_tib, 120)
{
	const __u64 length = 128 * HUGE;
	char *p = anon_aligned(length, HUGE);
	__u64 total = length;

	ASSERT_EQ(0, madvise(p, length, MADV_HUGEPAGE));
	memset(p, 1, length);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, length, TIB));
	for (; total < 16 * TIB; total *= 2)
		ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				       total, TIB + total, TIB));
	/* And one page more, without which the count would be just zero */
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id, PAGE,
			       TIB + total, TIB));
	EXPECT_EQ(IF_ATTACHED(length / PAGE), vm_pin());
	EXPECT_EQ(IF_ATTACHED(length / PAGE), PINNED());

	EXPECT_EQ((long long)(total + PAGE),
		  ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, vm_pin());
	EXPECT_EQ(0, PINNED());
}

TEST_HARNESS_MAIN
