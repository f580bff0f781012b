// SPDX-License-Identifier: GPL-2.0-only
/*
 * Life of an IOAS: IOMMU_IOAS_ALLOC, IOMMU_DESTROY, and its IOVA:
 * IOMMU_IOAS_IOVA_RANGES, IOMMU_IOAS_ALLOW_IOVAS, and the effect of attach.
 */
#include "common.h"

#define AT	(256 * HUGE)

/* Number of IOAS: only they answer to IOVA_RANGES */
static int count_ioas(int fd)
{
	struct iommu_iova_range range;
	__u64 alignment;
	int count = 0;
	__u32 id, n;

	for (id = 0; id < 512; id++) {
		n = 0;
		alignment = 0;
		if (ioas_ranges(fd, id, &range, &n, &alignment) != -ENOENT)
			count++;
	}
	return count;
}

/* Is iova in one of the ranges that the kernel reports as usable? */
static int is_usable(int fd, __u32 id, __u64 iova)
{
	struct iommu_iova_range ranges[64];
	__u32 n = ARRAY_LEN(ranges), i;
	__u64 alignment = 0;
	int rc;

	rc = ioas_ranges(fd, id, ranges, &n, &alignment);
	if (rc)
		return rc;
	for (i = 0; i < n; i++)
		if (iova >= ranges[i].start && iova <= ranges[i].last)
			return 1;
	return 0;
}

/* IOMMU_IOAS_ALLOC, IOMMU_DESTROY */

TEST_F(iommufd, alloc_gives_new_ids)
{
	__u32 ids[50], i, j;

	EXPECT_EQ(1, count_ioas(self->fd));
	for (i = 0; i < ARRAY_LEN(ids); i++) {
		ASSERT_EQ(0, ioas_alloc(self->fd, &ids[i]));
		EXPECT_NE(0, ids[i]);
		EXPECT_NE(self->ioas_id, ids[i]);
		for (j = 0; j < i; j++)
			EXPECT_NE(ids[j], ids[i]);
		if (variant->device) {
			EXPECT_NE(self->dev_id, ids[i]);
			EXPECT_NE(self->hwpt_id, ids[i]);
		}
	}
	EXPECT_EQ(1 + ARRAY_LEN(ids), count_ioas(self->fd));
	for (i = 0; i < ARRAY_LEN(ids); i++) {
		EXPECT_EQ(0, iommu_destroy(self->fd, ids[i]));
		EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, ids[i]));
	}
	EXPECT_EQ(1, count_ioas(self->fd));
}

TEST_F(iommufd, alloc_that_cannot_be_returned)
{
	struct iommu_ioas_alloc arg = { .size = sizeof(arg) };
	void *p = read_only(&arg, sizeof(arg));
	int i;

	ASSERT_NE(NULL, p);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_IOAS_ALLOC, p));
	EXPECT_EQ(1, count_ioas(self->fd));
	if (variant->device)
		return;
	/* With the last object gone, no half-made one is left either */
	ASSERT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_IOAS_ALLOC, p));
	EXPECT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_RLIMIT_MODE, 0,
				      1));
}

TEST_F(iommufd, destroy_with_mappings)
{
	__u32 id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	ASSERT_EQ(0, ioas_map(self->fd, id, anon(4 * PAGE), 4 * PAGE, AT));
	EXPECT_EQ(0, iommu_destroy(self->fd, id));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, id, AT, 4 * PAGE));
}

TEST_F(iommufd, destroy_what_a_device_uses)
{
	if (!variant->device) {
		self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
		ASSERT_LE(0, self->dev);
		EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->dev_id));
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id,
					 &self->hwpt_id));
	}
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, anon(PAGE), PAGE, AT));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->hwpt_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->dev_id));
	/* All three are as they were */
	EXPECT_EQ(1, PINNED());
	EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));

	ASSERT_EQ(0, vfio_detach(self->dev));
	/* The page table went with the last device that used it */
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, self->hwpt_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->dev_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
	close(self->dev);
	self->dev = -1;
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, self->dev_id));
}

TEST_F(iommufd, attach_to_what_is_no_ioas)
{
	if (!variant->device) {
		self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
		ASSERT_LE(0, self->dev);
	}
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, 0, NULL));
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, BAD_ID, NULL));
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, self->dev_id, NULL));
	/* A device that was attached still is */
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, anon(PAGE), PAGE, AT));
	EXPECT_EQ(IF_ATTACHED(1), PINNED());
}

TEST_F(iommufd, ioas_is_gone_with_the_last_close)
{
	int i, fd;
	__u32 id;

	for (i = 0; i < 100; i++) {
		fd = iommu_open();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, ioas_alloc(fd, &id));
		ASSERT_EQ(0, ioas_map(fd, id, &fd, 1, addr(&fd)));
		close(fd);
	}
}

/* IOMMU_IOAS_IOVA_RANGES */

TEST_F(iommufd, ranges_without_a_device)
{
	struct iommu_iova_range ranges[4] = { };
	__u32 n = ARRAY_LEN(ranges);
	__u64 alignment = 77;
	__u32 id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	ASSERT_EQ(0, ioas_ranges(self->fd, id, ranges, &n, &alignment));
	EXPECT_EQ(1, n);
	EXPECT_EQ(1, alignment);
	EXPECT_EQ(0, ranges[0].start);
	EXPECT_EQ(ALL, ranges[0].last);
	EXPECT_EQ(0, ranges[1].last);
}

TEST_F(iommufd, ranges_with_a_device)
{
	struct iommu_iova_range ranges[64];
	__u32 n = ARRAY_LEN(ranges), i;
	__u64 alignment = 77;

	if (!variant->device) {
		self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
		ASSERT_LE(0, self->dev);
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	}
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	EXPECT_EQ(PAGE, alignment);
	EXPECT_LE(2, n);
	for (i = 0; i < n; i++) {
		EXPECT_LT(ranges[i].start, ranges[i].last);
		EXPECT_EQ(0, ranges[i].start % PAGE);
		EXPECT_EQ(0, (ranges[i].last + 1) % PAGE);
		/* Ascending, and not adjacent: adjacent ranges would be one */
		if (i)
			EXPECT_LT(ranges[i - 1].last + 1, ranges[i].start);
	}
	EXPECT_EQ(0, ranges[0].start);
	EXPECT_GT(ALL, ranges[n - 1].last);

	EXPECT_EQ(1, is_usable(self->fd, self->ioas_id, MSI_START - 1));
	EXPECT_EQ(0, is_usable(self->fd, self->ioas_id, MSI_START));
	EXPECT_EQ(0, is_usable(self->fd, self->ioas_id, MSI_LAST));
	EXPECT_EQ(1, is_usable(self->fd, self->ioas_id, MSI_LAST + 1));

	/* Reserved ranges go with the device */
	ASSERT_EQ(0, vfio_detach(self->dev));
	n = ARRAY_LEN(ranges);
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0, ranges[0].start);
	EXPECT_EQ(ALL, ranges[0].last);
	EXPECT_EQ(1, alignment);
}

TEST_F(iommufd, ranges_into_too_little_room)
{
	struct iommu_iova_range all[64], ranges[65];
	__u32 count = ARRAY_LEN(all), n, room;
	__u64 alignment = 0, same;

	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, all, &count,
				 &alignment));
	EXPECT_EQ(variant->device ? 1 : 0, count > 1);
	for (room = 0; room <= count + 1; room++) {
		memset(ranges, 0xaa, sizeof(ranges));
		n = room;
		same = 77;
		EXPECT_EQ(room < count ? -EMSGSIZE : 0,
			  ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				      &same));
		EXPECT_EQ(count, n);
		EXPECT_EQ(alignment, same);
		n = room < count ? room : count;
		EXPECT_EQ(0, memcmp(all, ranges, n * sizeof(all[0])));
		EXPECT_EQ(0xaaaaaaaaaaaaaaaaULL, ranges[n].start);
		EXPECT_EQ(0xaaaaaaaaaaaaaaaaULL, ranges[n].last);
	}
	/* With num_iovas = 0, the array is not accessed */
	n = 0;
	EXPECT_EQ(-EMSGSIZE, ioas_ranges(self->fd, self->ioas_id, NULL, &n,
					 &same));
	EXPECT_EQ(count, n);
}

TEST_F(iommufd, ranges_that_cannot_be_returned)
{
	struct iommu_iova_range range = { };
	struct iommu_ioas_iova_ranges arg = {
		.size = sizeof(arg),
		.ioas_id = self->ioas_id,
		.num_iovas = 64,
	};
	__u64 alignment = 77;
	__u32 n = 64;

	EXPECT_EQ(-EFAULT, ioas_ranges(self->fd, self->ioas_id, NULL, &n,
				       &alignment));
	EXPECT_EQ(-EFAULT, ioas_ranges(self->fd, self->ioas_id,
				       read_only(&range, sizeof(range)), &n,
				       &alignment));
	EXPECT_EQ(-EFAULT, ioas_ranges(self->fd, self->ioas_id,
				       cut_off(&range, 8), &n, &alignment));
	EXPECT_EQ(64, n);
	EXPECT_EQ(77, alignment);
	arg.allowed_iovas = addr(anon(PAGE));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_IOAS_IOVA_RANGES,
				read_only(&arg, sizeof(arg))));
}

/* IOMMU_IOAS_ALLOW_IOVAS */

/* Where the kernel puts a mapping: one of the allowed ranges, else -errno */
static int allowed_index(int fd, __u32 id, const struct iommu_iova_range *r,
			 int n)
{
	static void *page;
	__u64 iova = 0;
	int i, rc;

	if (!page)
		page = anon(PAGE);
	rc = ioas_map_flags(fd, id, RW, page, PAGE, &iova);
	if (rc)
		return rc;
	rc = ioas_unmap(fd, id, iova, PAGE);
	if (rc)
		return rc;
	for (i = 0; i < n; i++)
		if (iova >= r[i].start && iova + PAGE - 1 <= r[i].last)
			return i;
	return -1;
}

TEST_F(iommufd, allowed_is_where_iova_is_chosen)
{
	struct iommu_iova_range ranges[] = {
		{ AT + 64 * PAGE, AT + 65 * PAGE - 1 },
		{ AT, AT + PAGE - 1 },
		{ AT + 32 * PAGE, AT + 33 * PAGE - 1 },
	};
	void *p = anon(PAGE);
	__u64 iova;
	int i, at, seen = 0;

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, ranges,
				ARRAY_LEN(ranges)));
	for (i = 0; i < 3; i++) {
		iova = 0;
		ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, RW, p,
					    PAGE, &iova));
		for (at = 0; at < 3; at++)
			if (iova == ranges[at].start)
				seen |= 1 << at;
	}
	EXPECT_EQ(7, seen);
	EXPECT_EQ(-ENOSPC, ioas_map_flags(self->fd, self->ioas_id, RW, p, PAGE,
					  &iova));
	/* A fixed IOVA may be outside of the allowed ranges */
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE,
			      AT + 16 * PAGE));
	/* An empty list allows all IOVA again */
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, NULL, 0));
	EXPECT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, RW, p, PAGE,
				    &iova));
}

TEST_F(iommufd, allowed_replaces_the_whole_list)
{
	struct iommu_iova_range first[] = {
		{ AT, AT + PAGE - 1 },
		{ AT + 32 * PAGE, AT + 33 * PAGE - 1 },
	};
	struct iommu_iova_range second = { 2 * AT, 2 * AT + PAGE - 1 };

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, first, 2));
	ASSERT_LE(0, allowed_index(self->fd, self->ioas_id, first, 2));
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &second, 1));
	EXPECT_EQ(0, allowed_index(self->fd, self->ioas_id, &second, 1));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, anon(PAGE), PAGE,
			      2 * AT));
	EXPECT_EQ(-ENOSPC, allowed_index(self->fd, self->ioas_id, &second, 1));
	/* Setting a list again, or one that overlaps the old one, is fine */
	EXPECT_EQ(0, ioas_allow(self->fd, self->ioas_id, &second, 1));
	second.last += PAGE;
	EXPECT_EQ(0, ioas_allow(self->fd, self->ioas_id, &second, 1));
	EXPECT_EQ(0, allowed_index(self->fd, self->ioas_id, &second, 1));
}

TEST_F(iommufd, allowed_does_not_change_what_is_usable)
{
	struct iommu_iova_range allowed = { AT, AT + PAGE - 1 };

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &allowed, 1));
	EXPECT_EQ(1, is_usable(self->fd, self->ioas_id, 0));
	EXPECT_EQ(1, is_usable(self->fd, self->ioas_id, AT));
	EXPECT_EQ(1, is_usable(self->fd, self->ioas_id, 2 * AT));
}

TEST_F(iommufd, allowed_lists_that_are_wrong)
{
	static const struct {
		const char *name;
		struct iommu_iova_range ranges[3];
	} wrong[] = {
		{ "inverted", {
			{ 0, PAGE - 1 },
			{ 4 * PAGE - 1, 2 * PAGE },
			{ 8 * PAGE, 9 * PAGE - 1 } } },
		{ "twice the same", {
			{ 0, PAGE - 1 },
			{ 8 * PAGE, 9 * PAGE - 1 },
			{ 8 * PAGE, 9 * PAGE - 1 } } },
		{ "one in another", {
			{ 0, 9 * PAGE - 1 },
			{ 16 * PAGE, 17 * PAGE - 1 },
			{ 2 * PAGE, 3 * PAGE - 1 } } },
		{ "one around another", {
			{ 2 * PAGE, 3 * PAGE - 1 },
			{ 16 * PAGE, 17 * PAGE - 1 },
			{ 0, 9 * PAGE - 1 } } },
		{ "sharing one byte", {
			{ 16 * PAGE, 17 * PAGE - 1 },
			{ 0, 2 * PAGE },
			{ 2 * PAGE, 3 * PAGE - 1 } } },
		{ "one byte", {
			{ 0, PAGE - 1 },
			{ 4 * PAGE, 4 * PAGE },
			{ 8 * PAGE, 9 * PAGE - 1 } } },
		/* With a device, this also overlaps reserved IOVA */
		{ "all and one", {
			{ 0, ALL },
			{ 16 * PAGE, 17 * PAGE - 1 },
			{ 24 * PAGE, 25 * PAGE - 1 } } },
	};
	struct iommu_iova_range old = { AT, AT + PAGE - 1 };
	unsigned int i;

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &old, 1));
	for (i = 0; i < ARRAY_LEN(wrong); i++) {
		EXPECT_EQ(-EINVAL, ioas_allow(self->fd, self->ioas_id,
					      wrong[i].ranges, 3))
			TH_LOG("%s", wrong[i].name);
		EXPECT_EQ(0, allowed_index(self->fd, self->ioas_id, &old, 1));
	}
}

/* Adjacent ranges do not overlap */
TEST_F(iommufd, allowed_neighbours)
{
	struct iommu_iova_range ranges[] = {
		{ AT, AT + PAGE - 1 },
		{ AT + PAGE, AT + 2 * PAGE - 1 },
	};

	EXPECT_EQ(0, ioas_allow(self->fd, self->ioas_id, ranges, 2));
	EXPECT_LE(0, allowed_index(self->fd, self->ioas_id, ranges, 2));
}

TEST_F(iommufd, allowed_list_that_cannot_be_read)
{
	struct iommu_iova_range ranges[] = {
		{ 0, PAGE - 1 },
		{ 2 * AT, 2 * AT + PAGE - 1 },
	};
	struct iommu_iova_range old = { AT, AT + PAGE - 1 };

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &old, 1));
	EXPECT_EQ(-EFAULT, ioas_allow(self->fd, self->ioas_id, NULL, 1));
	EXPECT_EQ(-EFAULT, ioas_allow(self->fd, self->ioas_id,
				      cut_off(ranges, sizeof(ranges)), 3));
	EXPECT_EQ(-EFAULT, ioas_allow(self->fd, self->ioas_id,
				      cut_off(ranges, 24), 2));
	EXPECT_EQ(0, allowed_index(self->fd, self->ioas_id, &old, 1));
	EXPECT_EQ(0, ioas_allow(self->fd, self->ioas_id,
				cut_off(ranges, sizeof(ranges)), 2));
}

TEST_F(iommufd, allowed_meets_reserved)
{
	static const struct iommu_iova_range meets[] = {
		{ MSI_START, MSI_LAST },
		{ MSI_LAST, MSI_LAST + PAGE },
		{ 0, MSI_START },
		{ MSI_START + PAGE, MSI_START + 2 * PAGE - 1 },
		{ 0, ALL },
		{ ALL - PAGE + 1, ALL },
	};
	struct iommu_iova_range old = { AT, AT + PAGE - 1 };
	struct iommu_iova_range beside[] = {
		{ 0, MSI_START - 1 },
		{ MSI_LAST + 1, (1ULL << 36) - 1 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(meets); i++) {
		ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &old, 1));
		EXPECT_EQ(variant->device ? -EADDRINUSE : 0,
			  ioas_allow(self->fd, self->ioas_id, &meets[i], 1))
			TH_LOG("%#llx-%#llx", meets[i].start, meets[i].last);
		EXPECT_EQ(0, allowed_index(self->fd, self->ioas_id,
					   variant->device ? &old : &meets[i],
					   1));
	}
	EXPECT_EQ(0, ioas_allow(self->fd, self->ioas_id, beside, 2));
}

/* Attach: only devices that leave the IOVA of the IOAS as promised */

FIXTURE(attach)
{
	int fd;
	int dev;
	__u32 dev_id;
	__u32 ioas_id;
	void *memory;
	long pinned;
};

FIXTURE_SETUP(attach)
{
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	ASSERT_LE(0, self->dev);
	self->memory = anon(8 * PAGE);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(attach)
{
	close(self->dev);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

/* Whether all IOVA is usable, as before a failing attach */
static bool untouched(int fd, __u32 id, void *memory)
{
	struct iommu_iova_range range = { };
	__u64 alignment = 77;
	__u32 n = 1;

	return !ioas_ranges(fd, id, &range, &n, &alignment) &&
	       n == 1 && range.start == 0 && range.last == ALL &&
	       alignment == 1 &&
	       !ioas_map(fd, id, memory, PAGE, MSI_START + 32 * PAGE) &&
	       !ioas_unmap(fd, id, MSI_START + 32 * PAGE, PAGE);
}

TEST_F(attach, allowed_that_stays_usable)
{
	struct iommu_iova_range ranges[] = {
		{ 0, MSI_START - 1 },
		{ MSI_LAST + 1, (1ULL << 36) - 1 },
	};

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, ranges, 2));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
}

TEST_F(attach, allowed_that_the_device_reserves)
{
	struct iommu_iova_range range = { MSI_START - PAGE, MSI_START };
	__u32 hwpt_id = 77;

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &range, 1));
	EXPECT_EQ(-EADDRINUSE, vfio_attach(self->dev, self->ioas_id, &hwpt_id));
	EXPECT_EQ(self->ioas_id, hwpt_id);
	EXPECT_TRUE(untouched(self->fd, self->ioas_id, self->memory));
	EXPECT_EQ(0, PINNED());
	range.last--;
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &range, 1));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
}

TEST_F(attach, allowed_that_the_iommu_cannot_reach)
{
	struct iommu_iova_range range = { 1ULL << 60, ALL };

	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &range, 1));
	EXPECT_EQ(-EADDRINUSE, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_TRUE(untouched(self->fd, self->ioas_id, self->memory));
	EXPECT_EQ(0, PINNED());
}

TEST_F(attach, mapping_that_the_device_reserves)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, 2 * PAGE,
			      MSI_LAST + 1 - PAGE));
	EXPECT_EQ(-EADDRINUSE, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_TRUE(untouched(self->fd, self->ioas_id, self->memory));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, MSI_LAST + 1 - PAGE,
				2 * PAGE));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(1, PINNED());
}

TEST_F(attach, mapping_that_the_iommu_cannot_reach)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE,
			      ALL - PAGE + 1));
	EXPECT_EQ(-EADDRINUSE, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_TRUE(untouched(self->fd, self->ioas_id, self->memory));
	EXPECT_EQ(0, PINNED());
}

TEST_F(attach, mapping_that_is_not_aligned)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE + 1,
			      AT));
	EXPECT_EQ(-EADDRINUSE, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_TRUE(untouched(self->fd, self->ioas_id, self->memory));
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, PAGE + 1));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
}

TEST_F(attach, again_and_again)
{
	int i;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	for (i = 0; i < 50; i++) {
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
		EXPECT_EQ(1, PINNED());
		ASSERT_EQ(0, vfio_detach(self->dev));
		EXPECT_EQ(0, PINNED());
		ASSERT_EQ(0, vfio_detach(self->dev));
	}
}

/* One IOAS after the other, without a detach between them */
TEST_F(attach, moves_to_another_ioas)
{
	__u32 other, hwpt_id, other_hwpt_id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	ASSERT_EQ(0, ioas_map(self->fd, other, self->memory, 3 * PAGE, AT));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, &hwpt_id));
	EXPECT_EQ(1, PINNED());
	ASSERT_EQ(0, vfio_attach(self->dev, other, &other_hwpt_id));
	EXPECT_NE(hwpt_id, other_hwpt_id);
	EXPECT_EQ(3, PINNED());
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, other));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

/* A device that cannot be moved stays where it was */
TEST_F(attach, does_not_move_to_what_does_not_fit)
{
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	ASSERT_EQ(0, ioas_map(self->fd, other, self->memory, PAGE, MSI_START));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(-EADDRINUSE, vfio_attach(self->dev, other, NULL));
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, BAD_ID, NULL));
	EXPECT_EQ(1, PINNED());
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, other));
}

TEST_HARNESS_MAIN
