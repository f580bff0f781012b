// SPDX-License-Identifier: GPL-2.0-only
/* IOMMU_IOAS_MAP, IOMMU_IOAS_COPY, IOMMU_IOAS_UNMAP. */
#include "common.h"

#define N	64UL		/* pages of self->memory */
#define AT	(256 * HUGE)	/* an IOVA with nothing special about it */

static char *memory;

static int map(int fd, __u32 id, unsigned long page, unsigned long pages)
{
	return ioas_map(fd, id, memory + page * PAGE, pages * PAGE,
			AT + page * PAGE);
}

static int unmap(int fd, __u32 id, unsigned long page, unsigned long pages)
{
	return ioas_unmap(fd, id, AT + page * PAGE, pages * PAGE);
}

static __attribute__((constructor)) void get_memory(void)
{
	memory = anon_aligned(4 * HUGE, HUGE);
}

/* IOMMU_IOAS_MAP */

TEST_F(iommufd, map_and_unmap)
{
	__u64 length = 8 * PAGE;
	__u64 iova = AT;

	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, FIXED | RW, memory,
				    8 * PAGE, &iova));
	EXPECT_EQ(AT, iova);
	EXPECT_EQ(IF_ATTACHED(8), PINNED());
	ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id, AT, &length));
	EXPECT_EQ(8 * PAGE, length);
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id, AT, 8 * PAGE));
}

TEST_F(iommufd, map_with_either_permission)
{
	__u64 iova = AT;

	EXPECT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, FIXED | READABLE,
				    memory, PAGE, &iova));
	iova = AT + PAGE;
	EXPECT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, FIXED | WRITEABLE,
				    memory, PAGE, &iova));
	EXPECT_EQ(2 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, map_without_permission)
{
	__u64 iova = AT;

	EXPECT_EQ(-EINVAL, ioas_map_flags(self->fd, self->ioas_id, FIXED,
					  memory, PAGE, &iova));
	EXPECT_EQ(-EINVAL, ioas_map_flags(self->fd, self->ioas_id, 0, memory,
					  PAGE, &iova));
	EXPECT_EQ(AT, iova);
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, map_nothing)
{
	__u64 iova = 77;

	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, memory, 0, AT));
	EXPECT_EQ(-EINVAL, ioas_map_flags(self->fd, self->ioas_id, RW, memory,
					  0, &iova));
	EXPECT_EQ(77, iova);
}

/* Without a device the alignment is 1, so that everything is aligned */
TEST_F(iommufd, map_misaligned)
{
	struct iommu_iova_range ranges[16];
	__u32 n = ARRAY_LEN(ranges);
	__u64 alignment = 77;
	int rc;

	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	ASSERT_EQ(variant->device ? PAGE : 1, alignment);
	rc = variant->device ? -EINVAL : 0;

	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory + 1, PAGE,
			       AT + 1));
	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory, PAGE - 1,
			       AT + 4 * PAGE));
	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory, PAGE + 512,
			       AT + 8 * PAGE));
	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory + 2048, 2048,
			       AT + 12 * PAGE + 2048));
	EXPECT_EQ(rc ? 0 : 2 * PAGE - 1 + PAGE + 512 + 2048,
		  ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
}

TEST_F(iommufd, map_memory_at_another_offset_in_the_page)
{
	if (!variant->device) {
		self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
		ASSERT_LE(0, self->dev);
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	}
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, memory + 1, PAGE,
				    AT));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, memory + 2048,
				    PAGE, AT));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, memory, PAGE,
				    AT + 2048));
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, map_beyond_64_bits)
{
	__u64 iova;

	EXPECT_EQ(-EOVERFLOW, ioas_map(self->fd, self->ioas_id, memory,
				       2 * PAGE, ALL & ~(PAGE - 1)));
	EXPECT_EQ(-EOVERFLOW, ioas_map(self->fd, self->ioas_id, memory,
				       N * PAGE, -(N - 1) * PAGE));
	EXPECT_EQ(-EOVERFLOW, ioas_map(self->fd, self->ioas_id,
				       (void *)-PAGE, 2 * PAGE, AT));
	iova = 0;
	EXPECT_EQ(-EOVERFLOW, ioas_map_flags(self->fd, self->ioas_id, RW,
					     (void *)-PAGE, 2 * PAGE, &iova));
	EXPECT_EQ(0, iova);
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, map_over_a_mapping)
{
	static const struct {
		unsigned long page, pages;
	} over[] = {
		{ 16, 16 },	/* the same */
		{ 20, 4 },	/* inside */
		{ 16, 1 },	/* inside, at the start */
		{ 31, 1 },	/* inside, at the end */
		{ 8, 32 },	/* around */
		{ 15, 17 },	/* around, same end */
		{ 16, 17 },	/* around, same start */
		{ 8, 9 },	/* over the start */
		{ 31, 9 },	/* over the end */
		{ 0, 64 },	/* over both mappings */
	};
	unsigned int i;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 16, 16));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 50, 4));
	for (i = 0; i < ARRAY_LEN(over); i++) {
		EXPECT_EQ(-EEXIST, map(self->fd, self->ioas_id, over[i].page,
				       over[i].pages))
			TH_LOG("page %lu, %lu pages", over[i].page,
			       over[i].pages);
	}
	EXPECT_EQ(IF_ATTACHED(20), PINNED());
	/* IOVA right beside it is free */
	EXPECT_EQ(0, map(self->fd, self->ioas_id, 15, 1));
	EXPECT_EQ(0, map(self->fd, self->ioas_id, 32, 18));
	EXPECT_EQ(0, map(self->fd, self->ioas_id, 54, 1));
	EXPECT_EQ(40 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, map_again_after_unmap)
{
	int i;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, map(self->fd, self->ioas_id, i % 7, 1 + i % 50));
		ASSERT_EQ(0, unmap(self->fd, self->ioas_id, i % 7,
				   1 + i % 50));
	}
}

/* Usable ranges can be mapped to their ends, and no IOVA beside them */
TEST_F(iommufd, map_at_the_edges_of_usable_iova)
{
	struct iommu_iova_range ranges[64];
	__u32 n = ARRAY_LEN(ranges), i;
	__u64 alignment = 0;

	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	for (i = 0; i < n; i++) {
		EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, memory, PAGE,
				      ranges[i].start))
			TH_LOG("first page at %#llx", ranges[i].start);
		EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, memory, PAGE,
				      ranges[i].last - PAGE + 1))
			TH_LOG("last page before %#llx", ranges[i].last);
		if (ranges[i].start) {
			EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id,
						    memory, PAGE,
						    ranges[i].start - PAGE));
			EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id,
						    memory, 3 * PAGE,
						    ranges[i].start - PAGE));
		}
		if (ranges[i].last != ALL) {
			EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id,
						    memory, PAGE,
						    ranges[i].last + 1));
			EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id,
						    memory, 2 * PAGE,
						    ranges[i].last + 1 -
						    PAGE));
		}
	}
	EXPECT_EQ(2 * n * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, map_into_the_msi_window)
{
	int rc = variant->device ? -EINVAL : 0;

	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory, PAGE,
			       MSI_START));
	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory, PAGE,
			       MSI_LAST + 1 - PAGE));
	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory, 4 * PAGE,
			       MSI_START + 8 * PAGE));
	ASSERT_LE(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory, 2 * PAGE,
			       MSI_START - PAGE));
	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory, 2 * PAGE,
			       MSI_LAST + 1 - PAGE));
	ASSERT_LE(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(rc, ioas_map(self->fd, self->ioas_id, memory, 2 * HUGE,
			       MSI_START - PAGE));
	ASSERT_LE(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, memory, PAGE,
			      MSI_START - PAGE));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, memory, PAGE,
			      MSI_LAST + 1));
}

TEST_F(iommufd, chosen_iova_is_free)
{
	__u64 iovas[32];
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(iovas); i++) {
		iovas[i] = 0x123;
		ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, RW,
					    memory + i * PAGE, PAGE,
					    &iovas[i]));
		EXPECT_EQ(0, iovas[i] % PAGE);
	}
	EXPECT_EQ(IF_ATTACHED(32), PINNED());
	/* Each mapping is at the IOVA that the kernel returned, alone */
	for (i = 0; i < ARRAY_LEN(iovas); i++)
		EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, iovas[i],
					PAGE));
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

/* This lets huge pages of memory be huge pages of the IOMMU */
TEST_F(iommufd, chosen_iova_has_the_low_bits_of_the_memory)
{
	static const struct {
		__u64 offset, length;
	} maps[] = {
		{ 0, 2 * HUGE },
		{ 3 * PAGE, 3 * HUGE },
		{ HUGE - PAGE, HUGE + PAGE },
		{ 5 * PAGE, PAGE },
		{ 0, HUGE },
	};
	unsigned int i;
	__u64 iova, mask;

	for (i = 0; i < ARRAY_LEN(maps); i++) {
		iova = 0;
		ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, RW,
					    memory + maps[i].offset,
					    maps[i].length, &iova));
		mask = maps[i].length < HUGE ? PAGE - 1 : HUGE - 1;
		EXPECT_EQ(maps[i].offset & mask, iova & mask)
			TH_LOG("offset %#llx, length %#llx: iova %#llx",
			       maps[i].offset, maps[i].length, iova);
	}
}

TEST_F(iommufd, chosen_iova_is_usable)
{
	struct iommu_iova_range ranges[64];
	__u32 n = ARRAY_LEN(ranges), i, j;
	__u64 alignment = 0, iova = 0;

	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	for (i = 0; i < 200; i++) {
		ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, RW, memory,
					    (1 + i % 3) * PAGE, &iova));
		for (j = 0; j < n; j++)
			if (iova >= ranges[j].start &&
			    iova + (1 + i % 3) * PAGE - 1 <= ranges[j].last)
				break;
		EXPECT_LT(j, n);
	}
}

/* If all IOVA but a hole is mapped, the hole is chosen, and then none */
TEST_F(iommufd, chosen_iova_in_the_last_hole)
{
	struct iommu_iova_range allowed = { AT, AT + N * PAGE - 1 };
	__u64 iova = 77;

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &allowed, 1));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 20));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 23, N - 23));
	EXPECT_EQ(-ENOSPC, ioas_map_flags(self->fd, self->ioas_id, RW, memory,
					  4 * PAGE, &iova));
	EXPECT_EQ(77, iova);
	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, RW, memory,
				    3 * PAGE, &iova));
	EXPECT_EQ(AT + 20 * PAGE, iova);
	iova = 77;
	EXPECT_EQ(-ENOSPC, ioas_map_flags(self->fd, self->ioas_id, RW, memory,
					  PAGE, &iova));
	EXPECT_EQ(77, iova);
	EXPECT_EQ(IF_ATTACHED(N), PINNED());
	ASSERT_EQ(0, unmap(self->fd, self->ioas_id, 0, 20));
	EXPECT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, RW, memory, PAGE,
				    &iova));
}

TEST_F(iommufd, chosen_iova_that_cannot_be_returned)
{
	struct iommu_ioas_map arg = {
		.size = sizeof(arg),
		.flags = RW,
		.ioas_id = self->ioas_id,
		.user_va = addr(memory),
		.length = 4 * PAGE,
	};
	void *p = read_only(&arg, sizeof(arg));

	ASSERT_NE(NULL, p);
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_IOAS_MAP, p));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

/* The kernel writes a fixed IOVA back, too. */
TEST_F(iommufd, fixed_iova_that_cannot_be_returned)
{
	struct iommu_ioas_map arg = {
		.size = sizeof(arg),
		.flags = FIXED | RW,
		.ioas_id = self->ioas_id,
		.user_va = addr(memory),
		.length = 4 * PAGE,
		.iova = AT,
	};
	void *p = read_only(&arg, sizeof(arg));

	ASSERT_NE(NULL, p);
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_IOAS_MAP, p));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

/* IOMMU_IOAS_UNMAP */

TEST_F(iommufd, unmap_removes_what_is_inside)
{
	__u64 length = 40 * PAGE;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 1, 1));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 4, 8));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 12, 8));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 30, 2));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 50, 2));
	ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id, AT + 2 * PAGE,
				    &length));
	EXPECT_EQ(18 * PAGE, length);
	EXPECT_EQ(IF_ATTACHED(3), PINNED());
	EXPECT_EQ(0, unmap(self->fd, self->ioas_id, 1, 1));
	EXPECT_EQ(0, unmap(self->fd, self->ioas_id, 50, 2));
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

/* A range that splits a mapping removes none, not even those inside it */
TEST_F(iommufd, unmap_a_part)
{
	static const struct {
		unsigned long page, pages;
	} parts[] = {
		{ 10, 1 },	/* start */
		{ 19, 1 },	/* end */
		{ 12, 4 },	/* inside */
		{ 0, 11 },	/* over the start, a whole one before */
		{ 11, 30 },	/* over the end, a whole one after */
		{ 0, 35 },	/* a whole one, and a part of the next */
		{ 10, 9 },	/* all but the end */
		{ 11, 9 },	/* all but the start */
		{ 3, 29 },	/* splits the first and the last */
	};
	unsigned int i;
	__u64 length;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 2, 4));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 10, 10));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 30, 10));
	for (i = 0; i < ARRAY_LEN(parts); i++) {
		length = parts[i].pages * PAGE;
		EXPECT_EQ(-ENOENT, ioas_unmap_len(self->fd, self->ioas_id,
						  AT + parts[i].page * PAGE,
						  &length))
			TH_LOG("page %lu, %lu pages", parts[i].page,
			       parts[i].pages);
		EXPECT_EQ(parts[i].pages * PAGE, length);
		EXPECT_EQ(IF_ATTACHED(24), PINNED());
	}
	/* One byte outside of the range is enough */
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id,
				      AT + 10 * PAGE + 1, 10 * PAGE - 1));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id, AT + 10 * PAGE,
				      10 * PAGE - 1));
	EXPECT_EQ(24 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, unmap_where_nothing_is)
{
	EXPECT_EQ(-ENOENT, unmap(self->fd, self->ioas_id, 0, 1));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 2, 2));
	EXPECT_EQ(-ENOENT, unmap(self->fd, self->ioas_id, 0, 2));
	EXPECT_EQ(-ENOENT, unmap(self->fd, self->ioas_id, 4, 2));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, self->ioas_id, 0, PAGE));
	EXPECT_EQ(2 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, unmap_no_bytes)
{
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 1));
	EXPECT_EQ(-EINVAL, ioas_unmap(self->fd, self->ioas_id, AT, 0));
	EXPECT_EQ(-EINVAL, ioas_unmap(self->fd, self->ioas_id, 0, 0));
	EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, unmap_beyond_64_bits)
{
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 1));
	EXPECT_EQ(-EOVERFLOW, ioas_unmap(self->fd, self->ioas_id, AT,
					 ALL - AT + 2));
	EXPECT_EQ(-EOVERFLOW, ioas_unmap(self->fd, self->ioas_id, PAGE, ALL));
	EXPECT_EQ(-EOVERFLOW, ioas_unmap(self->fd, self->ioas_id, -PAGE,
					 2 * PAGE));
	EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, unmap_all)
{
	__u64 length = ALL;

	ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id, 0, &length));
	EXPECT_EQ(0, length);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, memory, PAGE, 0));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 10));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 20, 10));
	length = ALL;
	ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id, 0, &length));
	EXPECT_EQ(21 * PAGE, length);
	EXPECT_EQ(0, PINNED());
}

TEST_F(iommufd, unmap_many)
{
	const unsigned int n = 3000;
	unsigned int i;
	__u64 length;

	for (i = 0; i < n; i++)
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, memory, PAGE,
				      AT + i * 2 * PAGE));
	EXPECT_EQ(IF_ATTACHED(n), PINNED());
	for (i = 0; i < n / 2; i++)
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id,
					AT + i * 4 * PAGE, PAGE));
	length = 2 * n * PAGE;
	ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id, AT, &length));
	EXPECT_EQ(n / 2 * PAGE, length);
	EXPECT_EQ(0, PINNED());
}

/* IOMMU_IOAS_COPY */

TEST_F(iommufd, copy_inside_an_ioas)
{
	__u64 iova = AT + N * PAGE;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 16));
	ASSERT_EQ(0, ioas_copy_flags(self->fd, FIXED | RW, self->ioas_id,
				     self->ioas_id, 16 * PAGE, &iova, AT));
	EXPECT_EQ(AT + N * PAGE, iova);
	EXPECT_EQ(IF_ATTACHED(16), PINNED());
	ASSERT_EQ(0, unmap(self->fd, self->ioas_id, 0, 16));
	EXPECT_EQ(IF_ATTACHED(16), PINNED());
	EXPECT_EQ(16 * PAGE, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
}

TEST_F(iommufd, copy_to_another_ioas)
{
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 16));
	ASSERT_EQ(0, ioas_copy(self->fd, other, self->ioas_id, 16 * PAGE, PAGE,
			       AT));
	ASSERT_EQ(16 * PAGE, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
	/* A copy of the copy, back to where the device is */
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, other, 16 * PAGE, AT,
			       PAGE));
	EXPECT_EQ(IF_ATTACHED(16), PINNED());
	EXPECT_EQ(16 * PAGE, ioas_empty(self->fd, other));
	EXPECT_EQ(IF_ATTACHED(16), PINNED());
	EXPECT_EQ(16 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, copy_of_a_destroyed_ioas_lives_on)
{
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map(self->fd, other, 0, 16));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, other, 16 * PAGE, PAGE,
			       AT));
	ASSERT_EQ(0, iommu_destroy(self->fd, other));
	EXPECT_EQ(IF_ATTACHED(16), PINNED());
	EXPECT_EQ(16 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, copy_a_part)
{
	const __u64 to = AT + N * PAGE;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 16));
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id, PAGE,
			       to, AT));
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id, PAGE,
			       to + 2 * PAGE, AT + 15 * PAGE));
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id, 4 * PAGE,
			       to + 4 * PAGE, AT + 6 * PAGE));
	EXPECT_EQ(IF_ATTACHED(16), PINNED());
	/* Only pages that have a copy stay pinned */
	ASSERT_EQ(0, unmap(self->fd, self->ioas_id, 0, 16));
	EXPECT_EQ(IF_ATTACHED(6), PINNED());
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, to, PAGE));
	EXPECT_EQ(IF_ATTACHED(5), PINNED());
	EXPECT_EQ(5 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, copy_several_mappings)
{
	__u64 length = 20 * PAGE;
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 8));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 8, 1));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 9, 23));
	/* Copy from the middle of the first to the middle of the last */
	ASSERT_EQ(0, ioas_copy(self->fd, other, self->ioas_id, 20 * PAGE, AT,
			       AT + 3 * PAGE));
	ASSERT_EQ(32 * PAGE, ioas_empty(self->fd, self->ioas_id));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, other, 20 * PAGE,
			       AT, AT));
	EXPECT_EQ(IF_ATTACHED(20), PINNED());
	ASSERT_EQ(0, ioas_unmap_len(self->fd, self->ioas_id, AT, &length));
	EXPECT_EQ(20 * PAGE, length);
	EXPECT_EQ(20 * PAGE, ioas_empty(self->fd, other));
}

TEST_F(iommufd, copy_with_a_gap_in_the_source)
{
	static const struct {
		unsigned long page, pages;
	} from[] = {
		{ 0, 1 },	/* before */
		{ 1, 2 },	/* from before into it */
		{ 6, 1 },	/* between */
		{ 5, 3 },	/* over the gap */
		{ 2, 9 },	/* all of both */
		{ 9, 3 },	/* out at the end */
		{ 11, 1 },	/* after */
		{ 0, 20 },	/* around */
	};
	__u64 iova = 77;
	unsigned int i;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 2, 4));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 7, 4));
	for (i = 0; i < ARRAY_LEN(from); i++) {
		EXPECT_EQ(-ENOENT, ioas_copy(self->fd, self->ioas_id,
					     self->ioas_id,
					     from[i].pages * PAGE,
					     AT + N * PAGE,
					     AT + from[i].page * PAGE))
			TH_LOG("page %lu, %lu pages", from[i].page,
			       from[i].pages);
		EXPECT_EQ(-ENOENT, ioas_copy_flags(self->fd, RW, self->ioas_id,
						   self->ioas_id,
						   from[i].pages * PAGE, &iova,
						   AT + from[i].page * PAGE));
		EXPECT_EQ(77, iova);
	}
	EXPECT_EQ(8 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, copy_cannot_add_write_permission)
{
	const __u64 to = AT + N * PAGE;
	__u64 iova = AT;

	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, FIXED | READABLE,
				    memory, 4 * PAGE, &iova));
	EXPECT_EQ(-EPERM, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				    4 * PAGE, to, AT));
	iova = to;
	EXPECT_EQ(-EPERM, ioas_copy_flags(self->fd, FIXED | WRITEABLE,
					  self->ioas_id, self->ioas_id,
					  4 * PAGE, &iova, AT));
	EXPECT_EQ(-EPERM, ioas_copy_flags(self->fd, RW, self->ioas_id,
					  self->ioas_id, PAGE, &iova, AT));
	EXPECT_EQ(0, ioas_copy_flags(self->fd, FIXED | READABLE, self->ioas_id,
				     self->ioas_id, 4 * PAGE, &iova, AT));

	/* Fails, too, if only the second of two is not writeable */
	ASSERT_EQ(8 * PAGE, ioas_empty(self->fd, self->ioas_id));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 4));
	iova = AT + 4 * PAGE;
	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, FIXED | READABLE,
				    memory, 4 * PAGE, &iova));
	EXPECT_EQ(-EPERM, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				    8 * PAGE, to, AT));
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
			       4 * PAGE, to, AT));
	EXPECT_EQ(12 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, copy_can_drop_permission)
{
	__u64 iova = AT + N * PAGE;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 4));
	EXPECT_EQ(0, ioas_copy_flags(self->fd, FIXED | READABLE, self->ioas_id,
				     self->ioas_id, 4 * PAGE, &iova, AT));
	iova += 4 * PAGE;
	EXPECT_EQ(0, ioas_copy_flags(self->fd, FIXED | WRITEABLE, self->ioas_id,
				     self->ioas_id, 4 * PAGE, &iova, AT));
	EXPECT_EQ(-EINVAL, ioas_copy_flags(self->fd, FIXED, self->ioas_id,
					   self->ioas_id, 4 * PAGE, &iova, AT));
}

TEST_F(iommufd, copy_nothing)
{
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 4));
	EXPECT_EQ(-EINVAL, ioas_copy(self->fd, self->ioas_id, self->ioas_id, 0,
				     AT + N * PAGE, AT));
}

TEST_F(iommufd, copy_over_a_mapping)
{
	const __u64 to = AT + N * PAGE;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 4));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 4, 4));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, memory, PAGE,
			      to + 5 * PAGE));
	/* Over itself, beside itself over the other, over the third */
	EXPECT_EQ(-EEXIST, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				     4 * PAGE, AT, AT));
	EXPECT_EQ(-EEXIST, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				     4 * PAGE, AT - PAGE, AT));
	EXPECT_EQ(-EEXIST, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				     PAGE, AT + 7 * PAGE, AT));
	/* The part copied before the collision is gone, too */
	EXPECT_EQ(-EEXIST, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				     8 * PAGE, to, AT));
	EXPECT_EQ(IF_ATTACHED(9), PINNED());
	EXPECT_EQ(9 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, copy_to_where_nothing_may_be)
{
	int rc = variant->device ? -EINVAL : 0;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 4));
	EXPECT_EQ(rc, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				4 * PAGE, MSI_START, AT));
	EXPECT_EQ(rc, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				4 * PAGE, MSI_LAST + 1 - 2 * PAGE, AT));
	EXPECT_EQ(rc, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
				PAGE, AT + N * PAGE + 1, AT));
	EXPECT_EQ(rc ? 4 * PAGE : 13 * PAGE,
		  ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, copy_beyond_64_bits)
{
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 4));
	EXPECT_EQ(-EOVERFLOW, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
					4 * PAGE, -2 * PAGE, AT));
	EXPECT_EQ(-EOVERFLOW, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
					4 * PAGE, AT + N * PAGE, -2 * PAGE));
	EXPECT_EQ(-EOVERFLOW, ioas_copy(self->fd, self->ioas_id, self->ioas_id,
					ALL, AT + N * PAGE, AT));
	EXPECT_EQ(4 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, copy_to_a_chosen_iova)
{
	__u64 iova = 77;

	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 4));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 4, 4));
	ASSERT_EQ(0, ioas_copy_flags(self->fd, RW, self->ioas_id, self->ioas_id,
				     6 * PAGE, &iova, AT + PAGE));
	EXPECT_EQ(0, iova % PAGE);
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, iova, 6 * PAGE));
	EXPECT_EQ(8 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, copy_without_room)
{
	struct iommu_iova_range allowed = { AT, AT + 8 * PAGE - 1 };
	__u64 iova = 77;

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &allowed, 1));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 5));
	EXPECT_EQ(-ENOSPC, ioas_copy_flags(self->fd, RW, self->ioas_id,
					   self->ioas_id, 4 * PAGE, &iova, AT));
	EXPECT_EQ(77, iova);
	EXPECT_EQ(0, ioas_copy_flags(self->fd, RW, self->ioas_id, self->ioas_id,
				     3 * PAGE, &iova, AT));
	EXPECT_EQ(AT + 5 * PAGE, iova);
}

TEST_F(iommufd, copy_that_cannot_be_returned)
{
	struct iommu_ioas_copy arg = {
		.size = sizeof(arg),
		.flags = RW,
		.dst_ioas_id = self->ioas_id,
		.src_ioas_id = self->ioas_id,
		.length = 6 * PAGE,
		.src_iova = AT,
	};
	void *p = read_only(&arg, sizeof(arg));

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 4));
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 4, 4));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_IOAS_COPY, p));
	EXPECT_EQ(IF_ATTACHED(8), PINNED());
	EXPECT_EQ(8 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, unmap_that_cannot_be_returned)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = self->ioas_id,
		.iova = AT,
		.length = 4 * PAGE,
	};
	void *p = read_only(&arg, sizeof(arg));

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, map(self->fd, self->ioas_id, 0, 4));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_IOAS_UNMAP, p));
	EXPECT_EQ(IF_ATTACHED(4), PINNED());
	EXPECT_EQ(4 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_HARNESS_MAIN
