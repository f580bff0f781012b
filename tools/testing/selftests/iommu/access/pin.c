// SPDX-License-Identifier: GPL-2.0-only
/* Software devices: create them, pin, and unpin. */
#include "access.h"

#define AT		(64 * MiB)	/* an IOVA that begins a huge page */
#define COPY_AT		(3 * AT)	/* SMMUs have a window at twice AT */
#define SRC		(1024 * MiB)	/* where copies come from */
#define MEMORY		(64 * PAGE)

/*
 * An access that pins and one that does not, on an IOAS with no domain, one, or
 * two: the second is that of an edu device behind the real IOMMU.  Memory is
 * mapped, or mapped in another IOAS and copied.
 */
FIXTURE(access)
{
	int fd;
	int edu;
	int pinner;
	int plain;
	__u32 ioas_id;
	__u32 other_id;
	struct mock_dev dev;
	__u32 refs;	/* pins of the mapped memory by domains */
	char *memory;
	long pinned;
};

FIXTURE_VARIANT(access)
{
	unsigned int domains;
	bool huge;
	__u32 scratch;
	bool copy;
};

/* Domains, huge pages, bytes of scratch memory, copied */
FIXTURE_VARIANT_ADD(access, none_huge_64k_map) { 0, true, SCRATCH, false };
FIXTURE_VARIANT_ADD(access, none_huge_64k_copy) { 0, true, SCRATCH, true };
FIXTURE_VARIANT_ADD(access, none_huge_16_map) { 0, true, 16, false };
FIXTURE_VARIANT_ADD(access, none_huge_16_copy) { 0, true, 16, true };
FIXTURE_VARIANT_ADD(access, none_small_64k_map) { 0, false, SCRATCH, false };
FIXTURE_VARIANT_ADD(access, none_small_64k_copy) { 0, false, SCRATCH, true };
FIXTURE_VARIANT_ADD(access, none_small_16_map) { 0, false, 16, false };
FIXTURE_VARIANT_ADD(access, none_small_16_copy) { 0, false, 16, true };
FIXTURE_VARIANT_ADD(access, one_huge_64k_map) { 1, true, SCRATCH, false };
FIXTURE_VARIANT_ADD(access, one_huge_64k_copy) { 1, true, SCRATCH, true };
FIXTURE_VARIANT_ADD(access, one_huge_16_map) { 1, true, 16, false };
FIXTURE_VARIANT_ADD(access, one_huge_16_copy) { 1, true, 16, true };
FIXTURE_VARIANT_ADD(access, one_small_64k_map) { 1, false, SCRATCH, false };
FIXTURE_VARIANT_ADD(access, one_small_64k_copy) { 1, false, SCRATCH, true };
FIXTURE_VARIANT_ADD(access, one_small_16_map) { 1, false, 16, false };
FIXTURE_VARIANT_ADD(access, one_small_16_copy) { 1, false, 16, true };
FIXTURE_VARIANT_ADD(access, two_huge_64k_map) { 2, true, SCRATCH, false };
FIXTURE_VARIANT_ADD(access, two_huge_64k_copy) { 2, true, SCRATCH, true };
FIXTURE_VARIANT_ADD(access, two_huge_16_map) { 2, true, 16, false };
FIXTURE_VARIANT_ADD(access, two_huge_16_copy) { 2, true, 16, true };
FIXTURE_VARIANT_ADD(access, two_small_64k_map) { 2, false, SCRATCH, false };
FIXTURE_VARIANT_ADD(access, two_small_64k_copy) { 2, false, SCRATCH, true };
FIXTURE_VARIANT_ADD(access, two_small_16_map) { 2, false, 16, false };
FIXTURE_VARIANT_ADD(access, two_small_16_copy) { 2, false, 16, true };

FIXTURE_SETUP(access)
{
	__u32 dev_id;

	self->edu = -1;
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mock_limit(self->fd, variant->scratch));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other_id));
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				      self->ioas_id, variant->huge));
	self->memory = small_pages(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);

	self->refs = !!variant->domains;
	if (variant->domains)
		ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	if (variant->domains == 2) {
		self->edu = vfio_open_bound(EDU, self->fd, &dev_id);
		ASSERT_LE(0, self->edu);
		ASSERT_EQ(0, vfio_attach(self->edu, self->ioas_id, NULL));
	}
	self->pinner = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, self->pinner);
	self->plain = access_create(self->fd, self->ioas_id, 0);
	ASSERT_LE(0, self->plain);
}

FIXTURE_TEARDOWN(access)
{
	EXPECT_EQ(0, mock_limit(self->fd, SCRATCH));
	if (self->edu >= 0)
		close(self->edu);
	close(self->fd);
	close(self->plain);
	close(self->pinner);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
}

/* Map as the variant does. */
static int do_map(struct _test_data_access *self,
		  const struct _fixture_variant_access *variant, const void *va,
		  __u64 length, __u64 iova)
{
	if (!variant->copy)
		return ioas_map(self->fd, self->ioas_id, va, length, iova);
	return ioas_map_by_copy(self->fd, self->ioas_id, self->other_id, SRC,
				va, length, iova);
}

/* The number of the next file descriptor, which is not kept */
static int next_fd(void)
{
	int fd = dup(0);

	close(fd);
	return fd;
}

static __u64 alignment_of(struct _test_data_access *self)
{
	struct iommu_iova_range ranges[4];
	__u32 n = ARRAY_LEN(ranges);
	__u64 alignment = 77;

	if (ioas_ranges(self->fd, self->ioas_id, ranges, &n, &alignment))
		return 0;
	return alignment;
}

/* CREATE_ACCESS */

TEST_F(access, create_pins_nothing)
{
	int access;

	ASSERT_EQ(0, do_map(self, variant, self->memory, MEMORY, AT));
	access = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, access);
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, MEMORY,
				     self->refs));
	EXPECT_EQ(0, close(access));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, MEMORY,
				     self->refs));
}

TEST_F(access, create_errnos)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_CREATE_ACCESS,
		.id = self->other_id,
		.create_access.flags = NEEDS_PIN,
	};
	void *arg = read_only(&cmd, sizeof(cmd));
	int fd = next_fd();

	ASSERT_NE(NULL, arg);
	EXPECT_EQ(-ENOENT, access_create(self->fd, BAD_ID, 0));
	EXPECT_EQ(-ENOENT, access_create(self->fd, 0, NEEDS_PIN));
	EXPECT_EQ(-EOPNOTSUPP, access_create(self->fd, self->ioas_id, 2));
	EXPECT_EQ(-EOPNOTSUPP, access_create(self->fd, self->ioas_id, ~0U));
	if (variant->domains) {
		EXPECT_EQ(-ENOENT, access_create(self->fd, self->dev.hwpt_id,
						 0));
		EXPECT_EQ(-ENOENT, access_create(self->fd, self->dev.dev_id,
						 NEEDS_PIN));
	}

	/* The caller cannot get the result: there is no access, and no file. */
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_TEST_CMD, arg));
	EXPECT_EQ(fd, next_fd());
	EXPECT_EQ(0, iommu_destroy(self->fd, self->other_id));
}

TEST_F(access, create_where_something_does_not_fit)
{
	const char *va = self->memory;
	int access;

	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, va, PAGE, AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, va + 1, PAGE, 2 * AT));
	EXPECT_EQ(-EADDRINUSE, access_create(self->fd, self->other_id,
					     NEEDS_PIN));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->other_id, 2 * AT, PAGE));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, va, HALF, 2 * AT));
	EXPECT_EQ(-EADDRINUSE, access_create(self->fd, self->other_id,
					     NEEDS_PIN));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->other_id, 2 * AT, HALF));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, va, PAGE, 2 * AT + 8));
	EXPECT_EQ(-EADDRINUSE, access_create(self->fd, self->other_id,
					     NEEDS_PIN));

	access = access_create(self->fd, self->other_id, 0);
	EXPECT_LE(0, access);
	close(access);
	ASSERT_EQ(0, ioas_unmap(self->fd, self->other_id, 2 * AT + 8, PAGE));
	access = access_create(self->fd, self->other_id, NEEDS_PIN);
	EXPECT_LE(0, access);
	close(access);
	EXPECT_EQ(0, iommu_destroy(self->fd, self->other_id));
}

/* An access that pins needs whole pages, one that does not takes any bytes. */
TEST_F(access, alignment)
{
	const __u64 steps[] = { 1, HALF, PAGE };
	__u64 step = variant->huge ? steps[variant->domains] : PAGE;
	int second;

	EXPECT_EQ(PAGE, alignment_of(self));
	EXPECT_EQ(-EINVAL, do_map(self, variant, self->memory, HALF, AT));
	EXPECT_EQ(-EINVAL, do_map(self, variant, self->memory, PAGE, AT + 1));
	EXPECT_EQ(-EINVAL, do_map(self, variant, self->memory + HALF, PAGE,
				  AT));
	EXPECT_EQ(0, do_map(self, variant, self->memory, PAGE, AT));

	second = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, second);
	EXPECT_EQ(0, close(self->pinner));
	EXPECT_EQ(PAGE, alignment_of(self));
	EXPECT_EQ(0, close(second));
	EXPECT_EQ(step, alignment_of(self));
	EXPECT_EQ(0, do_map(self, variant, self->memory, step, AT + PAGE));
	self->pinner = -1;
}

TEST_F(access, ioas_is_in_use)
{
	const int edu = self->edu;

	if (edu >= 0)
		ASSERT_EQ(0, close(edu));
	self->edu = -1;
	if (variant->domains)
		ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	ASSERT_EQ(0, close(self->plain));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	ASSERT_EQ(0, close(self->pinner));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
	self->plain = -1;
	self->pinner = -1;
}

/* Number of objects in use, made by the set-up; there are no other objects. */
static unsigned int count_busy(struct _test_data_access *self)
{
	__u32 id, last = self->other_id + 16;
	unsigned int busy = 0;

	for (id = self->other_id + 1; id < last; id++) {
		if (id == self->dev.id)
			continue;	/* it could be destroyed */
		switch (iommu_destroy(self->fd, id)) {
		case -EBUSY:
			busy++;
			break;
		case -ENOENT:
			break;
		default:
			return -1;
		}
	}
	return busy;
}

/* The object belongs to the file: user space cannot destroy it. */
TEST_F(access, object_cannot_be_destroyed)
{
	/* A device, and its page table, for each domain */
	const unsigned int others = 2 * variant->domains;

	EXPECT_EQ(others + 2, count_busy(self));
	EXPECT_EQ(-EINVAL, access_rw(self->fd, self->plain, AT, 0, NULL, 0));
	ASSERT_EQ(0, close(self->plain));
	EXPECT_EQ(others + 1, count_busy(self));
	ASSERT_EQ(0, close(self->pinner));
	EXPECT_EQ(others, count_busy(self));
	self->plain = -1;
	self->pinner = -1;
}

TEST_F(access, other_files_are_not_an_access)
{
	int fd = iommu_open(), fds[8], foreign;
	__u32 ioas_id, id;
	unsigned int i;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioas_alloc(fd, &ioas_id));
	foreign = access_create(fd, ioas_id, NEEDS_PIN);
	ASSERT_LE(0, foreign);
	fds[0] = -1;
	fds[1] = self->fd;
	fds[2] = fd;
	fds[3] = foreign;
	fds[4] = 0;
	fds[5] = 1000;
	fds[6] = self->ioas_id + 1000000;
	fds[7] = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (i = 0; i < ARRAY_LEN(fds); i++) {
		EXPECT_EQ(-EBADFD, access_pin(self->fd, fds[i], AT, PAGE,
					      self->memory, 0, &id));
		EXPECT_EQ(-EBADFD, access_unpin(self->fd, fds[i], 1));
		EXPECT_EQ(-EBADFD, access_rw(self->fd, fds[i], AT, 1,
					     self->memory, 0));
		EXPECT_EQ(-EBADFD, access_replace(self->fd, fds[i],
						  self->ioas_id));
	}
	close(foreign);
	close(fds[7]);
	close(fd);
}

/* ACCESS_PAGES */

TEST_F(access, pin_errnos)
{
	const int fd = self->fd, access = self->pinner;
	char *va = self->memory;
	__u64 iova;
	__u32 id;

	ASSERT_EQ(0, do_map(self, variant, va, 4 * PAGE, AT));
	ASSERT_EQ(0, do_map(self, variant, va + 5 * PAGE, PAGE, AT + 5 * PAGE));
	iova = AT + 6 * PAGE;
	ASSERT_EQ(0, ioas_map_flags(fd, self->ioas_id, FIXED | READABLE,
				    va + 6 * PAGE, PAGE, &iova));
	iova = AT + 7 * PAGE;
	ASSERT_EQ(0, ioas_map_flags(fd, self->ioas_id, FIXED | WRITEABLE,
				    va + 7 * PAGE, PAGE, &iova));

	EXPECT_EQ(-EINVAL, access_pin(fd, access, AT, 0, va, 0, &id));
	EXPECT_EQ(-ENOMEM, access_pin(fd, access, AT, ACCESS_MAX + 1, va, 0,
				      &id));
	EXPECT_EQ(-ENOMEM, access_pin(fd, access, AT, ALL, va, 0, &id));
	EXPECT_EQ(-ENOENT, access_pin(fd, access, AT, ACCESS_MAX, va, 0, &id));
	EXPECT_EQ(-EOVERFLOW, access_pin(fd, access, ALL, 2, va, 0, &id));
	EXPECT_EQ(-ENOENT, access_pin(fd, access, ALL, 1, va, 0, &id));
	EXPECT_EQ(-EOPNOTSUPP, access_pin(fd, access, AT, PAGE, va, 2, &id));
	EXPECT_EQ(-EOPNOTSUPP, access_pin(fd, access, AT, PAGE, va,
					  MOCK_FLAGS_ACCESS_SYZ, &id));
	EXPECT_EQ(-EOPNOTSUPP, access_pin(fd, self->plain, AT, PAGE, va, 0,
					  &id));

	/* Nothing is there before, after and in between. */
	EXPECT_EQ(-ENOENT, access_pin(fd, access, AT - 1, 2, va, 0, &id));
	EXPECT_EQ(-ENOENT, access_pin(fd, access, AT - PAGE, PAGE, va, 0, &id));
	EXPECT_EQ(-ENOENT, access_pin(fd, access, AT + PAGE, 4 * PAGE, va, 0,
				      &id));
	EXPECT_EQ(-ENOENT, access_pin(fd, access, AT, 6 * PAGE, va, 0, &id));
	EXPECT_EQ(-ENOENT, access_pin(fd, access, AT + 7 * PAGE, PAGE + 1, va,
				      PIN_WRITE, &id));

	EXPECT_EQ(-EPERM, access_pin(fd, access, AT + 6 * PAGE, PAGE,
				     va + 6 * PAGE, PIN_WRITE, &id));
	EXPECT_EQ(-EPERM, access_pin(fd, access, AT + 5 * PAGE, PAGE + 1,
				     va + 5 * PAGE, PIN_WRITE, &id));
	EXPECT_EQ(-EPERM, access_pin(fd, access, AT + 7 * PAGE, PAGE,
				     va + 7 * PAGE, 0, &id));

	/* The pinned memory is not at this address, or nothing is there. */
	EXPECT_EQ(-EBADE, access_pin(fd, access, AT, PAGE, va + PAGE, 0, &id));
	EXPECT_EQ(-EBADE, access_pin(fd, access, AT, PAGE, va + 1, 0, &id));
	EXPECT_EQ(-EFAULT, access_pin(fd, access, AT, PAGE, NULL, 0, &id));
	EXPECT_EQ(0, mock_check_refs(fd, va, 4 * PAGE, self->refs));
	EXPECT_EQ(0, mock_check_refs(fd, va + 4 * PAGE, PAGE, 0));
	EXPECT_EQ(0, mock_check_refs(fd, va + 5 * PAGE, 3 * PAGE, self->refs));

	/* Pins that are right in every respect succeed. */
	EXPECT_EQ(0, access_pin(fd, access, AT + 5 * PAGE, 2 * PAGE,
				va + 5 * PAGE, 0, &id));
	EXPECT_EQ(0, access_pin(fd, access, AT + 7 * PAGE, PAGE,
				va + 7 * PAGE, PIN_WRITE, &id));
	EXPECT_EQ(0, mock_check_refs(fd, va + 5 * PAGE, 3 * PAGE, 1));
}

/* The caller cannot get the ID of the item: nothing is pinned. */
TEST_F(access, pin_that_cannot_be_returned)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_ACCESS_PAGES,
		.id = self->pinner,
		.access_pages.iova = AT,
		.access_pages.length = PAGE,
		.access_pages.uptr = addr(self->memory),
	};
	void *arg = read_only(&cmd, sizeof(cmd));

	ASSERT_NE(NULL, arg);
	ASSERT_EQ(0, do_map(self, variant, self->memory, PAGE, AT));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_TEST_CMD, arg));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, self->refs));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, PAGE));
}

TEST_F(access, pin_of_memory_that_is_gone)
{
	__u32 id;

	ASSERT_EQ(0, do_map(self, variant, self->memory, 4 * PAGE, AT));
	ASSERT_EQ(0, munmap(self->memory + 2 * PAGE, PAGE));
	/* Memory that a device has pinned is there, but at no address. */
	EXPECT_EQ(-EFAULT, access_pin(self->fd, self->pinner, AT, 4 * PAGE,
				      self->memory, 0, &id));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, 2 * PAGE,
				     self->refs));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + 3 * PAGE, PAGE,
				     self->refs));
	EXPECT_EQ(0, access_pin(self->fd, self->pinner, AT, 2 * PAGE,
				self->memory, 0, &id));
}

/* Pages that a range of bytes touches, across mappings of one page or more */
TEST_F(access, pin_every_alignment)
{
	const __u64 offsets[] = { 0, 1, 7, HALF, PAGE - 1 };
	__u64 start, length, done;
	unsigned int i, j;
	__u32 id;

	/* Pages 0, 1 and 2 to 7, of memory that is in another order */
	ASSERT_EQ(0, do_map(self, variant, self->memory, PAGE, AT));
	ASSERT_EQ(0, do_map(self, variant, self->memory + PAGE, PAGE,
			    AT + PAGE));
	ASSERT_EQ(0, do_map(self, variant, self->memory + 2 * PAGE, 6 * PAGE,
			    AT + 2 * PAGE));
	for (done = 0; done < 3 * PAGE; done += PAGE)
		for (i = 0; i < ARRAY_LEN(offsets); i++)
			for (j = 0; j < 4 * ARRAY_LEN(offsets); j++) {
				start = done + offsets[i];
				length = 1 + offsets[j / 4] + j % 4 * PAGE;
				ASSERT_EQ(0, access_pin(self->fd, self->pinner,
							AT + start, length,
							self->memory + start,
							j % 2 ? PIN_WRITE : 0,
							&id)) {
					TH_LOG("%llu bytes at %llu", length,
					       start);
				}
				EXPECT_EQ(0, mock_refs_of(self->fd,
							  self->memory + start,
							  length, 1));
				ASSERT_EQ(0, access_unpin(self->fd,
							  self->pinner, id));
				EXPECT_EQ(0, mock_check_refs(self->fd,
							     self->memory,
							     8 * PAGE,
							     self->refs));
			}
	EXPECT_EQ(8 * PAGE, (__u64)ioas_empty(self->fd, self->ioas_id));
}

TEST_F(access, pin_huge_pages)
{
	const __u64 length = 4 * MiB;
	char *va = huge_pages(length);
	__u32 id[2];

	ASSERT_NE(NULL, va);
	ASSERT_EQ(0, do_map(self, variant, va, length, AT));
	ASSERT_EQ(0, access_pin(self->fd, self->pinner, AT, length, va,
				PIN_WRITE, &id[0]));
	EXPECT_EQ((long)(length / PAGE), pinned() - self->pinned);
	ASSERT_EQ(0, access_pin(self->fd, self->pinner, AT + MiB, PAGE + 1,
				va + MiB, 0, &id[1]));
	EXPECT_EQ((long)(length / PAGE), pinned() - self->pinned);
	ASSERT_EQ(0, access_unpin(self->fd, self->pinner, id[0]));
	EXPECT_EQ(variant->domains ? (long)(length / PAGE) : 2,
		  pinned() - self->pinned);
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, length));
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(-ENOENT, access_unpin(self->fd, self->pinner, id[1]));
}

TEST_F(access, items)
{
	const int fd = self->fd, access = self->pinner;
	__u32 i, id;

	ASSERT_EQ(0, do_map(self, variant, self->memory, 4 * PAGE, AT));
	EXPECT_EQ(-ENOENT, access_unpin(fd, access, 0));
	EXPECT_EQ(-ENOENT, access_unpin(fd, access, 1));
	for (i = 1; i < 5; i++) {
		ASSERT_EQ(0, access_pin(fd, access, AT, 2 * PAGE, self->memory,
					0, &id));
		EXPECT_EQ(i, id);
	}
	EXPECT_EQ(-ENOENT, access_unpin(fd, access, 5));
	EXPECT_EQ(0, access_unpin(fd, access, 2));
	EXPECT_EQ(-ENOENT, access_unpin(fd, access, 2));
	EXPECT_EQ(0, access_unpin(fd, access, 4));
	EXPECT_EQ(0, access_unpin(fd, access, 1));
	EXPECT_EQ(0, mock_check_refs(fd, self->memory, 2 * PAGE, 1));
	EXPECT_EQ(0, access_unpin(fd, access, 3));
	EXPECT_EQ(0, mock_check_refs(fd, self->memory, 2 * PAGE, self->refs));
}

TEST_F(access, overlapping_pins_go_in_any_order)
{
	const struct { unsigned int page, n; } ranges[] = {
		{ 0, 4 }, { 2, 4 }, { 1, 2 }, { 0, 8 }, { 6, 2 },
	};
	unsigned int first, i, j, page, n = ARRAY_LEN(ranges);
	__u32 ids[ARRAY_LEN(ranges)];
	bool covered;

	ASSERT_EQ(0, do_map(self, variant, self->memory, 3 * PAGE, AT));
	ASSERT_EQ(0, do_map(self, variant, self->memory + 3 * PAGE, 5 * PAGE,
			    AT + 3 * PAGE));
	for (first = 0; first < n; first++) {
		for (i = 0; i < n; i++)
			ASSERT_EQ(0, access_pin(self->fd, self->pinner,
						AT + ranges[i].page * PAGE,
						ranges[i].n * PAGE,
						self->memory +
							ranges[i].page * PAGE,
						0, &ids[i]));
		EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, 8 * PAGE,
					     1));
		for (i = 0; i < n; i++) {
			ASSERT_EQ(0, access_unpin(self->fd, self->pinner,
						  ids[(first + i) % n]));
			for (page = 0; page < 8; page++) {
				const char *va = self->memory + page * PAGE;

				covered = variant->domains;
				for (j = i + 1; j < n; j++) {
					const unsigned int k = (first + j) % n;

					if (page - ranges[k].page < ranges[k].n)
						covered = true;
				}
				EXPECT_EQ(0, mock_check_refs(self->fd, va, PAGE,
							     covered));
			}
		}
	}
}

/* Copied memory, in whatever IOAS, is pinned once for all accesses. */
TEST_F(access, copies_are_pinned_once)
{
	const int second = access_create(self->fd, self->other_id, NEEDS_PIN);
	__u32 id, id2;

	ASSERT_LE(0, second);
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, 4 * PAGE,
			      AT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas_id, self->other_id,
			       2 * PAGE, COPY_AT, AT + PAGE));
	ASSERT_EQ(0, access_pin(self->fd, second, AT, 4 * PAGE, self->memory, 0,
				&id));
	ASSERT_EQ(0, access_pin(self->fd, self->pinner, COPY_AT, 2 * PAGE,
				self->memory + PAGE, 0, &id2));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, 4 * PAGE, 1));
	EXPECT_EQ(4, pinned() - self->pinned);

	/* The source goes, and with it its item; the copy keeps what it has. */
	ASSERT_EQ(0, ioas_unmap(self->fd, self->other_id, AT, 4 * PAGE));
	EXPECT_EQ(-ENOENT, access_unpin(self->fd, second, id));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 0));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + PAGE, 2 * PAGE,
				     1));
	EXPECT_EQ(0, access_unpin(self->fd, self->pinner, id2));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + PAGE, 2 * PAGE,
				     self->refs));
	EXPECT_EQ(0, close(second));
}

TEST_HARNESS_MAIN
