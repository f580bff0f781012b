// SPDX-License-Identifier: GPL-2.0-only
/* IOMMU_OPTION. */
#include "common.h"

#define GET	IOMMU_OPTION_OP_GET
#define SET	IOMMU_OPTION_OP_SET
#define HUGE_PAGES	IOMMU_OPTION_HUGE_PAGES
#define RLIMIT_MODE	IOMMU_OPTION_RLIMIT_MODE

TEST_F(iommufd, unknown_operation)
{
	__u64 value = 1;
	__u16 op;

	for (op = 2; op; op <<= 1) {
		EXPECT_EQ(-EOPNOTSUPP, iommu_option(self->fd, op, HUGE_PAGES,
						    self->ioas_id, &value));
		EXPECT_EQ(-EOPNOTSUPP, iommu_option(self->fd, op, RLIMIT_MODE,
						    0, &value));
	}
	EXPECT_EQ(1, value);
}

TEST_F(iommufd, unknown_option)
{
	__u64 value = 1;
	__u32 which;

	for (which = 2; which; which <<= 1) {
		EXPECT_EQ(-EOPNOTSUPP, iommu_option(self->fd, GET, which,
						    self->ioas_id, &value));
		EXPECT_EQ(-EOPNOTSUPP, iommu_option(self->fd, SET, which,
						    self->ioas_id, &value));
		EXPECT_EQ(-EOPNOTSUPP, iommu_option(self->fd, GET, which, 0,
						    &value));
	}
	EXPECT_EQ(1, value);
}

TEST_F(iommufd, value_that_cannot_be_returned)
{
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = HUGE_PAGES,
		.op = GET,
		.object_id = self->ioas_id,
	};

	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_OPTION,
				read_only(&arg, sizeof(arg))));
}

TEST_F(iommufd, huge_pages_is_1_at_first)
{
	__u64 value = 77;

	EXPECT_EQ(0, iommu_option(self->fd, GET, HUGE_PAGES, self->ioas_id,
				  &value));
	EXPECT_EQ(1, value);
}

TEST_F(iommufd, huge_pages_is_set)
{
	__u64 value = 77;
	int i;

	/* Nothing is mapped, so even an attached IOAS may be changed */
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES,
					      self->ioas_id, i % 2));
		value = 77;
		ASSERT_EQ(0, iommu_option(self->fd, GET, HUGE_PAGES,
					  self->ioas_id, &value));
		EXPECT_EQ(i % 2, value);
	}
}

TEST_F(iommufd, huge_pages_is_per_ioas)
{
	__u64 value = 77;
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id, 0));
	ASSERT_EQ(0, iommu_option(self->fd, GET, HUGE_PAGES, other, &value));
	EXPECT_EQ(1, value);
}

TEST_F(iommufd, huge_pages_is_0_or_1)
{
	__u64 value = 77;

	EXPECT_EQ(-EINVAL, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id,
					    2));
	EXPECT_EQ(-EINVAL, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id,
					    ALL));
	EXPECT_EQ(-EINVAL, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id,
					    1ULL << 32));
	ASSERT_EQ(0, iommu_option(self->fd, GET, HUGE_PAGES, self->ioas_id,
				  &value));
	EXPECT_EQ(1, value);
}

TEST_F(iommufd, huge_pages_of_no_ioas)
{
	__u64 value = 1;

	EXPECT_EQ(-ENOENT, iommu_option(self->fd, GET, HUGE_PAGES, 0, &value));
	EXPECT_EQ(-ENOENT, iommu_option(self->fd, SET, HUGE_PAGES, 0, &value));
	EXPECT_EQ(-ENOENT, iommu_option(self->fd, GET, HUGE_PAGES, BAD_ID,
					&value));
	EXPECT_EQ(-ENOENT, iommu_option(self->fd, SET, HUGE_PAGES, BAD_ID,
					&value));
}

TEST_F(iommufd, huge_pages_stays_once_a_domain_is_mapped)
{
	__u64 value = 77;
	int rc = variant->device ? -EINVAL : 0;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, anon(PAGE), PAGE, HUGE));
	EXPECT_EQ(rc, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id, 0));
	ASSERT_EQ(0, iommu_option(self->fd, GET, HUGE_PAGES, self->ioas_id,
				  &value));
	EXPECT_EQ(rc ? 1 : 0, value);

	/* Setting the value that it has succeeds */
	EXPECT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id,
				      value));
	ASSERT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id, 0));
}

TEST_F(iommufd, huge_pages_0_maps_all_the_same)
{
	char *p = anon_aligned(2 * HUGE, HUGE);

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id, 0));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, 2 * HUGE, HUGE));
	EXPECT_EQ(IF_ATTACHED(2 * HUGE / PAGE), PINNED());
	EXPECT_EQ(2 * HUGE, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, PINNED());
}

static __u64 alignment_of(int fd, __u32 ioas_id)
{
	struct iommu_iova_range range;
	__u64 alignment = 77;
	__u32 n = 1;
	int rc = ioas_ranges(fd, ioas_id, &range, &n, &alignment);

	return rc && rc != -EMSGSIZE ? 0 : alignment;
}

/* Whole pages, also where nothing is attached and any byte could be mapped */
TEST_F(iommufd, huge_pages_0_maps_whole_pages)
{
	char *p = anon(4 * PAGE);

	EXPECT_EQ(variant->device ? PAGE : 1,
		  alignment_of(self->fd, self->ioas_id));
	ASSERT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id, 0));
	EXPECT_EQ(PAGE, alignment_of(self->fd, self->ioas_id));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, p, PAGE, HUGE + 1));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, p + 1, PAGE, HUGE));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, p, PAGE + 1, HUGE));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, p, PAGE / 2, HUGE));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE, HUGE));

	/* Again 0: it stays.  1: any byte */
	ASSERT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id, 0));
	EXPECT_EQ(PAGE, alignment_of(self->fd, self->ioas_id));
	ASSERT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id, 1));
	EXPECT_EQ(variant->device ? PAGE : 1,
		  alignment_of(self->fd, self->ioas_id));
	EXPECT_EQ(variant->device ? -EINVAL : 0,
		  ioas_map(self->fd, self->ioas_id, p + 1, 7, 2 * HUGE + 3));
}

TEST_F(iommufd, huge_pages_stays_while_less_than_a_page_is_mapped)
{
	const struct {
		size_t offset, length, iova;
	} odd[] = {
		{ 0, 1, HUGE }, { 1, PAGE, HUGE }, { 0, PAGE, HUGE + 1 },
		{ 0, PAGE / 2, HUGE }, { PAGE / 2, PAGE / 2, HUGE + PAGE / 2 },
	};
	char *p = anon(4 * PAGE);
	__u64 value = 77;
	size_t i;

	if (variant->device)
		SKIP(return, "only whole pages are mapped");
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE, 4 * HUGE));
	for (i = 0; i < ARRAY_LEN(odd); i++) {
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p + odd[i].offset,
				      odd[i].length, odd[i].iova));
		EXPECT_EQ(-EADDRINUSE, iommu_option_set(self->fd, HUGE_PAGES,
							self->ioas_id, 0));
		EXPECT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES,
					      self->ioas_id, 1));
		ASSERT_EQ(0, iommu_option(self->fd, GET, HUGE_PAGES,
					  self->ioas_id, &value));
		EXPECT_EQ(1, value);
		EXPECT_EQ(1, alignment_of(self->fd, self->ioas_id));
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, odd[i].iova,
					odd[i].length));
	}
	EXPECT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id, 0));
	EXPECT_EQ(PAGE, alignment_of(self->fd, self->ioas_id));
}

/* A copy is a mapping like any other, and so is one where the kernel wants it */
TEST_F(iommufd, huge_pages_0_copies_whole_pages)
{
	char *p = anon(4 * PAGE);
	__u64 iova = 0;
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map(self->fd, other, p, 2 * PAGE, HUGE));
	ASSERT_EQ(0, iommu_option_set(self->fd, HUGE_PAGES, self->ioas_id, 0));
	EXPECT_EQ(-EINVAL, ioas_copy(self->fd, self->ioas_id, other, PAGE / 2,
				     HUGE, HUGE));
	EXPECT_EQ(-EINVAL, ioas_copy(self->fd, self->ioas_id, other, PAGE, HUGE,
				     HUGE + PAGE / 2));
	EXPECT_EQ(0, ioas_copy(self->fd, self->ioas_id, other, PAGE, HUGE,
			       HUGE));
	EXPECT_EQ(-EINVAL, ioas_map_flags(self->fd, self->ioas_id, RW, p,
					  PAGE + 1, &iova));
	EXPECT_EQ(-EINVAL, ioas_map_flags(self->fd, self->ioas_id, RW, p + 1,
					  PAGE, &iova));
	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, RW, p, PAGE,
				    &iova));
	EXPECT_EQ(0, iova % PAGE);
	EXPECT_EQ(2 * PAGE, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, rlimit_mode_of_an_object)
{
	__u64 value = 1;

	EXPECT_EQ(-EOPNOTSUPP, iommu_option(self->fd, GET, RLIMIT_MODE,
					    self->ioas_id, &value));
	EXPECT_EQ(-EOPNOTSUPP, iommu_option(self->fd, SET, RLIMIT_MODE,
					    self->ioas_id, &value));
	EXPECT_EQ(-EOPNOTSUPP, iommu_option(self->fd, GET, RLIMIT_MODE, BAD_ID,
					    &value));
	EXPECT_EQ(1, value);
}

TEST_F(iommufd, rlimit_mode_stays_once_there_are_objects)
{
	__u64 value = 77;

	EXPECT_EQ(-EBUSY, iommu_option_set(self->fd, RLIMIT_MODE, 0, 1));
	EXPECT_EQ(0, iommu_option(self->fd, GET, RLIMIT_MODE, 0, &value));
	EXPECT_EQ(0, value);

	if (variant->device) {
		ASSERT_EQ(0, vfio_detach(self->dev));
		ASSERT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
		/* A bound device is an object as well */
		EXPECT_EQ(-EBUSY, iommu_option_set(self->fd, RLIMIT_MODE, 0,
						   1));
		close(self->dev);
		self->dev = -1;
	} else {
		ASSERT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
	}
	EXPECT_EQ(0, iommu_option_set(self->fd, RLIMIT_MODE, 0, 1));
}

FIXTURE(context)
{
	int fd;
};

FIXTURE_SETUP(context)
{
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(context)
{
	close(self->fd);
}

TEST_F(context, rlimit_mode_is_0_at_first)
{
	__u64 value = 77;

	EXPECT_EQ(0, iommu_option(self->fd, GET, RLIMIT_MODE, 0, &value));
	EXPECT_EQ(0, value);
}

TEST_F(context, rlimit_mode_is_set)
{
	__u64 value = 77;
	int i;

	for (i = 1; i < 5; i++) {
		ASSERT_EQ(0, iommu_option_set(self->fd, RLIMIT_MODE, 0, i % 2));
		value = 77;
		ASSERT_EQ(0, iommu_option(self->fd, GET, RLIMIT_MODE, 0,
					  &value));
		EXPECT_EQ(i % 2, value);
	}
}

TEST_F(context, rlimit_mode_is_per_context)
{
	__u64 value = 77;
	int other = iommu_open();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, iommu_option_set(self->fd, RLIMIT_MODE, 0, 1));
	ASSERT_EQ(0, iommu_option(other, GET, RLIMIT_MODE, 0, &value));
	EXPECT_EQ(0, value);
	close(other);
}

TEST_F(context, rlimit_mode_is_0_or_1)
{
	__u64 value = 77;

	EXPECT_EQ(-EINVAL, iommu_option_set(self->fd, RLIMIT_MODE, 0, 2));
	EXPECT_EQ(-EINVAL, iommu_option_set(self->fd, RLIMIT_MODE, 0, ALL));
	EXPECT_EQ(-EINVAL, iommu_option_set(self->fd, RLIMIT_MODE, 0,
					    1ULL << 32));
	ASSERT_EQ(0, iommu_option(self->fd, GET, RLIMIT_MODE, 0, &value));
	EXPECT_EQ(0, value);
}

TEST_F(context, rlimit_mode_needs_cap_sys_resource)
{
	__u64 value = 77;

	ASSERT_EQ(0, set_capability(CAP_SYS_RESOURCE, false));
	EXPECT_EQ(-EPERM, iommu_option_set(self->fd, RLIMIT_MODE, 0, 1));
	EXPECT_EQ(-EPERM, iommu_option_set(self->fd, RLIMIT_MODE, 0, 0));
	EXPECT_EQ(0, iommu_option(self->fd, GET, RLIMIT_MODE, 0, &value));
	EXPECT_EQ(0, value);
}

TEST_F(context, rlimit_mode_is_free_again_without_objects)
{
	__u32 id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	EXPECT_EQ(-EBUSY, iommu_option_set(self->fd, RLIMIT_MODE, 0, 1));
	ASSERT_EQ(0, iommu_destroy(self->fd, id));
	EXPECT_EQ(0, iommu_option_set(self->fd, RLIMIT_MODE, 0, 1));
}

TEST_HARNESS_MAIN
