// SPDX-License-Identifier: GPL-2.0-only
/* Dirty tracking of page tables: which pages a mock device has written. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "hwpt.h"
#include "smaps.h"

#define AT		(64 * MiB)	/* an IOVA that begins a huge page */
#define LENGTH		(8 * MiB)	/* bytes mapped */
#define BITS		(LENGTH / HALF)
#define GUARD		0x5aU		/* around the bitmap */

/* Bitmaps as the ABI has them: bit n is bit n % 8 of byte n / 8 */
static bool get_bit(const unsigned char *bitmap, __u64 n)
{
	return bitmap[n / 8] >> n % 8 & 1;
}

static void set_bit(unsigned char *bitmap, __u64 n)
{
	bitmap[n / 8] |= 1 << n % 8;
}

static __u64 count(const unsigned char *bitmap, __u64 bits)
{
	__u64 n, sum = 0;

	for (n = 0; n < bits; n++)
		sum += get_bit(bitmap, n);
	return sum;
}

/* A random number; the sequence is the same in each run. */
static unsigned int random_bit(unsigned int *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 16;
}

/* Memory in huge pages, each of them contiguous, or NULL */
static char *contiguous(size_t length)
{
	char *va = huge_pages(length);

	if (!va || smaps_kib(va, "AnonHugePages:") < (long)length / 1024)
		return NULL;
	return va;
}

/*
 * One IOAS, a page table of it that tracks, with 8 MiB mapped.  The fixture
 * also notes which of its pages the mock has written, in a bit for each 2 KiB.
 */
FIXTURE(dirty)
{
	int fd;
	__u32 ioas_id;
	__u32 id;
	struct mock_dev dev;
	char *memory;
	unsigned char *page;	/* for bitmaps; nothing is mapped after it */
	unsigned char *room;	/* 2 pages before it */
	unsigned char model[BITS / 8];
	unsigned int seed;
	long pinned;
};

FIXTURE_VARIANT(dirty)
{
	__u64 page_size;
	__u32 kind;
	__u64 piece;
};

/*
 * Bytes for a bit, kind of page table, bytes that a call maps, which are an
 * entry if the page table has such
 */
FIXTURE_VARIANT_ADD(dirty, size_2k) { HALF, MOCK_IOMMUPT_DEFAULT, HALF };
FIXTURE_VARIANT_ADD(dirty, size_4k) { PAGE, MOCK_IOMMUPT_DEFAULT, HALF };
FIXTURE_VARIANT_ADD(dirty, size_64k) { 16 * PAGE, MOCK_IOMMUPT_DEFAULT, PAGE };
FIXTURE_VARIANT_ADD(dirty, size_2m) { HUGE, MOCK_IOMMUPT_DEFAULT, HUGE };
FIXTURE_VARIANT_ADD(dirty, size_8m) { LENGTH, MOCK_IOMMUPT_DEFAULT, 16 * PAGE };
FIXTURE_VARIANT_ADD(dirty, pages_2k) { HALF, MOCK_IOMMUPT_DEFAULT, PAGE };
FIXTURE_VARIANT_ADD(dirty, parts_4k) { PAGE, MOCK_IOMMUPT_DEFAULT, 16 * PAGE };
FIXTURE_VARIANT_ADD(dirty, parts_2k) { HALF, MOCK_IOMMUPT_DEFAULT, MiB };
FIXTURE_VARIANT_ADD(dirty, huge_4k) { PAGE, MOCK_IOMMUPT_HUGE, MiB };
FIXTURE_VARIANT_ADD(dirty, huge_64k) { 16 * PAGE, MOCK_IOMMUPT_HUGE, MiB };
FIXTURE_VARIANT_ADD(dirty, huge_2m) { HUGE, MOCK_IOMMUPT_HUGE, HUGE };
FIXTURE_VARIANT_ADD(dirty, small_4k) { PAGE, MOCK_IOMMUPT_HUGE, 16 * PAGE };
FIXTURE_VARIANT_ADD(dirty, small_2k) { HALF, MOCK_IOMMUPT_HUGE, 16 * PAGE };
FIXTURE_VARIANT_ADD(dirty, huge_2k) { HALF, MOCK_IOMMUPT_HUGE, MiB };

/* Bytes of an entry of the page table */
static __u64 entry_size(const struct _fixture_variant_dirty *variant)
{
	if (variant->kind == MOCK_IOMMUPT_DEFAULT)
		return variant->piece;
	return variant->piece < MiB ? PAGE : MiB;
}

/* What is mapped at AT: it is aligned as IOVA are to the size of an entry. */
static char *mapped_memory(const struct _test_data_dirty *self,
			   const struct _fixture_variant_dirty *variant)
{
	return self->memory + (variant->piece == HALF ? HALF : 0);
}

static int map_all(const struct _test_data_dirty *self,
		   const struct _fixture_variant_dirty *variant)
{
	const __u64 step = variant->piece == HALF ? LENGTH : variant->piece;
	__u64 done;
	int rc = 0;

	for (done = 0; !rc && done < LENGTH; done += step)
		rc = ioas_map(self->fd, self->ioas_id,
			      mapped_memory(self, variant) + done, step,
			      AT + done);
	return rc;
}

FIXTURE_SETUP(dirty)
{
	struct iommu_hwpt_selftest data = { .pagetable_type = variant->kind };

	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	self->memory = contiguous(LENGTH + HUGE);
	ASSERT_NE(NULL, self->memory);
	self->room = anon(4 * PAGE);
	ASSERT_NE(NULL, self->room);
	ASSERT_EQ(0, mprotect(self->room + 3 * PAGE, PAGE, PROT_NONE));
	self->page = self->room + 2 * PAGE;
	self->seed = 1;
	self->pinned = pinned();

	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	ASSERT_EQ(0, hwpt_alloc_data(self->fd, self->dev.dev_id, self->ioas_id,
				     TRACKED, &data, &self->id));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->id));
	ASSERT_EQ(0, map_all(self, variant));
	ASSERT_EQ(0, dirty_set(self->fd, self->id, ENABLE));
}

FIXTURE_TEARDOWN(dirty)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

#define BITS_OF(length)	((length) / variant->page_size)

/* Bits of the smallest page of the page table, of which ranges consist */
static __u64 bits_of_page(const struct _fixture_variant_dirty *variant)
{
	return variant->kind == MOCK_IOMMUPT_HUGE && variant->page_size < PAGE ?
	       PAGE / variant->page_size : 1;
}

/*
 * Write or clear a range: each entry is dirty or clean as a whole.  One that
 * begins before a bitmap stays dirty, as what is before was not reported.
 */
static void touch_model(struct _test_data_dirty *self,
			const struct _fixture_variant_dirty *variant,
			__u64 page, __u64 pages, bool dirty)
{
	const __u64 each = entry_size(variant) / HALF, end = page + pages;

	if (!dirty)
		page += each - 1;
	for (page -= page % each; page < end || page % each; page++)
		if (dirty)
			set_bit(self->model, page);
		else
			self->model[page / 8] &= ~(1 << page % 8);
}

/* Have the mock write some pages of page_size, and note it. */
static int write_some(struct _test_data_dirty *self,
		      const struct _fixture_variant_dirty *variant,
		      unsigned int one_in)
{
	static unsigned char bitmap[BITS / 8];
	const __u64 each = variant->page_size / HALF;
	__u64 n, told;
	int rc;

	memset(bitmap, 0, sizeof(bitmap));
	for (n = 0; n < BITS_OF(LENGTH); n++)
		if (random_bit(&self->seed) % one_in == 0)
			set_bit(bitmap, n);
	rc = mock_dirty(self->fd, self->id, AT, LENGTH, variant->page_size,
			bitmap, &told);
	if (rc)
		return rc;
	if (told != count(bitmap, BITS_OF(LENGTH)))
		return -ERANGE;

	for (n = 0; n < BITS_OF(LENGTH); n++)
		if (get_bit(bitmap, n))
			touch_model(self, variant, n * each, each, true);
	return 0;
}

static bool model_has(const unsigned char *model, __u64 from, __u64 pages)
{
	for (; pages--; from++)
		if (get_bit(model, from))
			return true;
	return false;
}

/*
 * Read a range into a bitmap at p, in which the bits of old are set before:
 * exactly the bits of written pages are set in addition, and no byte around
 * changes.
 */
static void read_and_check(struct __test_metadata *_metadata,
			   struct _test_data_dirty *self,
			   const struct _fixture_variant_dirty *variant,
			   unsigned char *p, __u32 flags, __u64 first_bit,
			   __u64 bits, unsigned char old)
{
	const __u64 size = variant->page_size, each = size / HALF;
	const __u64 bytes = (bits + 7) / 8;
	unsigned int wrong = 0;
	bool in, dirty;
	__u64 n;

	memset(self->room, GUARD, 3 * PAGE);
	memset(p, old, bytes);
	ASSERT_EQ(0, dirty_get(self->fd, self->id, flags,
			       AT + first_bit * size, bits * size, size, p));
	for (n = 0; n < 8 * bytes; n++) {
		in = n < bits;
		dirty = in && model_has(self->model, (first_bit + n) * each,
					each);
		wrong += get_bit(p, n) != (dirty || old >> n % 8 & 1);
	}
	if (!(flags & NO_CLEAR))
		touch_model(self, variant, first_bit * each, bits * each,
			    false);
	EXPECT_EQ(0, wrong)
		TH_LOG("%llu bits from %llu at %p, flags %#x", bits, first_bit,
		       p, flags);
	for (p += bytes; p < self->room + 3 * PAGE; p++)
		wrong += *p != GUARD;
	EXPECT_EQ(0, wrong);
}

#define CHECK(p, flags, first, bits, old) \
	read_and_check(_metadata, self, variant, p, flags, first, bits, old)

TEST_F(dirty, what_was_written)
{
	const __u64 bits = BITS_OF(LENGTH);
	int i;

	CHECK(self->room, 0, 0, bits, 0);
	for (i = 1; i < 5; i++) {
		ASSERT_EQ(0, write_some(self, variant, i));
		CHECK(self->room, NO_CLEAR, 0, bits, 0);
		CHECK(self->room, NO_CLEAR, 0, bits, 0);
		CHECK(self->room, 0, 0, bits, 0);
		CHECK(self->room, 0, 0, bits, 0);
	}
}

TEST_F(dirty, bits_that_are_set_stay_set)
{
	ASSERT_EQ(0, write_some(self, variant, 2));
	CHECK(self->room + 8, NO_CLEAR, 0, BITS_OF(LENGTH), 0x81);
	CHECK(self->room + 8, 0, 0, BITS_OF(LENGTH), 0x2a);
	CHECK(self->room + 8, 0, 0, BITS_OF(LENGTH), 0xff);
}

/* The bitmap begins at any byte, and may be in two pages, or end with one */
TEST_F(dirty, any_bitmap_address)
{
	const __u64 bits = BITS_OF(LENGTH), bytes = (bits + 7) / 8;
	const __u64 step = bits_of_page(variant);
	unsigned int i;

	for (i = 0; i < 20; i += 3) {
		ASSERT_EQ(0, write_some(self, variant, 3));
		CHECK(self->room + i, i % 2 ? NO_CLEAR : 0, 0, bits, 0);
		ASSERT_EQ(0, write_some(self, variant, 3));
		CHECK(self->page - i, i % 2 ? NO_CLEAR : 0, 0, bits, 0);
	}
	CHECK(self->page + PAGE - bytes, 0, 0, bits, 0);
	/* A few bits at the very end of memory */
	for (i = step; i < 12 && i <= bits; i += step) {
		ASSERT_EQ(0, write_some(self, variant, 2));
		CHECK(self->page + PAGE - (i + 7) / 8, 0, 0, i, 0);
	}
}

/* Ranges that begin and end anywhere */
TEST_F(dirty, any_part_of_the_range)
{
	const __u64 bits = BITS_OF(LENGTH), step = bits_of_page(variant);
	__u64 first, n;
	int i;

	for (i = 0; i < 30; i++) {
		first = random_bit(&self->seed) % bits;
		first -= first % step;
		n = 1 + random_bit(&self->seed) % (bits - first);
		n += -n % step;
		if (i % 3 == 0)
			ASSERT_EQ(0, write_some(self, variant, 3));
		CHECK(self->room + i, i % 2 ? NO_CLEAR : 0, first, n, 0);
	}
	CHECK(self->room, 0, 0, bits, 0);
}

/* Many windows of the bitmap, most of them of IOVA that is not mapped */
TEST_F(dirty, range_with_gaps)
{
	const __u64 start = MOCK_APERTURE_START + 16 * MiB;
	const __u64 length = 1024 * MiB, bits = BITS_OF(length);
	const __u64 size = variant->page_size, page = 512 * MiB + 3 * PAGE;
	const __u64 end = page + (entry_size(variant) < PAGE ? HALF : PAGE);
	unsigned char *bitmap = anon(bits / 8 + PAGE);
	__u64 first = (AT - start) / variant->page_size, n;
	unsigned int wrong = 0;

	ASSERT_NE(NULL, bitmap);
	/* Two mappings with a gap */
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id,
			      mapped_memory(self, variant), PAGE,
			      start + page));
	ASSERT_EQ(0, write_some(self, variant, 2));
	ASSERT_EQ(0, mock_write(self->fd, self->id, start + page));
	EXPECT_EQ(0, dirty_get(self->fd, self->id, 0, start, length,
			       variant->page_size, bitmap + 5));
	for (n = 0; n < bits; n++) {
		bool dirty = n * size < end && (n + 1) * size > page;

		if (n >= first && n < first + BITS_OF(LENGTH))
			dirty |= model_has(self->model, (n - first) *
					   (variant->page_size / HALF),
					   variant->page_size / HALF);
		wrong += get_bit(bitmap + 5, n) != dirty;
	}
	EXPECT_EQ(0, wrong);
}

/* If a page of the bitmap is missing, the page before it is filled. */
TEST_F(dirty, bad_bitmap)
{
	const __u64 size = variant->page_size;
	__u64 bits = BITS_OF(LENGTH);

	EXPECT_EQ(-EFAULT, dirty_get(self->fd, self->id, 0, AT, LENGTH, size,
				     NULL));
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, self->id, 0, AT, LENGTH, size,
				     self->page + PAGE));
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, self->id, 0, AT, LENGTH, size,
				     (void *)(1UL << 63)));
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, self->id, 0, AT, LENGTH, size,
				     (void *)-1UL));
	ASSERT_EQ(0, mprotect(self->page, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, self->id, 0, AT, LENGTH, size,
				     self->page));
	ASSERT_EQ(0, mprotect(self->page, PAGE, PROT_READ | PROT_WRITE));

	/* No dirty bit was lost */
	ASSERT_EQ(0, write_some(self, variant, 1));
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, self->id, 0, AT, LENGTH, size,
				     self->page + PAGE));
	CHECK(self->room, NO_CLEAR, 0, bits, 0);
	/* The rest of an entry that begins there would not be reported */
	if (bits <= 8 || entry_size(variant) > 8 * size)
		return;
	EXPECT_EQ(-EFAULT, dirty_get(self->fd, self->id, 0, AT, LENGTH, size,
				     self->page + PAGE - 1));
	EXPECT_EQ(0xff, self->page[PAGE - 1]);
	touch_model(self, variant, 0, 8 * (size / HALF), false);
	CHECK(self->room, 0, 0, bits, 0);
}

/* The bitmap is in the memory of the process that makes the call */
TEST_F(dirty, fork)
{
	const __u64 bits = BITS_OF(LENGTH), bytes = (bits + 7) / 8;
	int status;
	pid_t pid;
	__u64 n;

	ASSERT_EQ(0, write_some(self, variant, 1));
	memset(self->room, 0, bytes);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(dirty_get(self->fd, self->id, NO_CLEAR, AT, LENGTH,
				variant->page_size, self->room) ||
		      count(self->room, bits) != bits);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	for (n = 0; n < bytes; n++)
		ASSERT_EQ(0, self->room[n]);
	CHECK(self->room, 0, 0, bits, 0);
}

TEST_F(dirty, begin_forgets_what_was)
{
	const __u64 bits = BITS_OF(LENGTH);

	ASSERT_EQ(0, write_some(self, variant, 2));
	/* Tracking has begun */
	ASSERT_EQ(0, dirty_set(self->fd, self->id, ENABLE));
	CHECK(self->room, NO_CLEAR, 0, bits, 0);
	ASSERT_EQ(0, dirty_set(self->fd, self->id, 0));
	ASSERT_EQ(0, dirty_set(self->fd, self->id, 0));
	EXPECT_EQ(-EINVAL, dirty_get(self->fd, self->id, 0, AT, LENGTH,
				     variant->page_size, self->room));
	EXPECT_EQ(-EINVAL, write_some(self, variant, 2));
	ASSERT_EQ(0, dirty_set(self->fd, self->id, ENABLE));
	memset(self->model, 0, sizeof(self->model));
	CHECK(self->room, 0, 0, bits, 0);
	ASSERT_EQ(0, write_some(self, variant, 2));
	CHECK(self->room, 0, 0, bits, 0);
}

TEST_F(dirty, new_mapping_is_clean)
{
	ASSERT_EQ(0, write_some(self, variant, 1));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, LENGTH));
	memset(self->model, 0, sizeof(self->model));
	CHECK(self->room, NO_CLEAR, 0, BITS_OF(LENGTH), 0);
	ASSERT_EQ(0, map_all(self, variant));
	CHECK(self->room, 0, 0, BITS_OF(LENGTH), 0);
}

/* Devices come and go; another page table is not affected */
TEST_F(dirty, belongs_to_the_page_table)
{
	const __u64 bits = BITS_OF(LENGTH);
	struct mock_dev dev;
	__u32 other;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				TRACKED, &other));
	ASSERT_EQ(0, dirty_set(self->fd, other, ENABLE));
	ASSERT_EQ(0, write_some(self, variant, 2));
	memset(self->room, 0, 3 * PAGE);
	ASSERT_EQ(0, dirty_get(self->fd, other, 0, AT, LENGTH,
			       variant->page_size, self->room));
	EXPECT_EQ(0, count(self->room, bits));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, other));
	CHECK(self->room, NO_CLEAR, 0, bits, 0);
	ASSERT_EQ(0, mock_attach(self->fd, self->id, &dev));
	CHECK(self->room, NO_CLEAR, 0, bits, 0);
	ASSERT_EQ(0, iommu_destroy(self->fd, dev.id));
	CHECK(self->room, 0, 0, bits, 0);
	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(-ENOENT, dirty_set(self->fd, self->id, 0));
}

/* Errnos, which do not depend on the variant; an entry is a page of the CPU */

FIXTURE(errnos)
{
	int fd;
	__u32 ioas_id;
	__u32 id;
	struct mock_dev dev;
	unsigned char *memory;
	unsigned char bits[PAGE];
};

FIXTURE_SETUP(errnos)
{
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	self->memory = small_pages(16 * PAGE);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				TRACKED, &self->id));
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				      self->ioas_id, 0));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, 16 * PAGE,
			      AT));
}

FIXTURE_TEARDOWN(errnos)
{
	close(self->fd);
}

#define GET(id, flags, iova, length, size) \
	dirty_get(self->fd, id, flags, iova, length, size, self->bits)

TEST_F(errnos, ids_and_flags)
{
	struct iommu_hwpt_set_dirty_tracking set = {
		.size = sizeof(set),
		.hwpt_id = self->id,
		.__reserved = 1,
	};
	struct iommu_hwpt_get_dirty_bitmap get = {
		.size = sizeof(get),
		.hwpt_id = self->id,
		.__reserved = 1,
	};
	__u32 flag;

	for (flag = 2; flag; flag <<= 1) {
		EXPECT_EQ(-EOPNOTSUPP, dirty_set(self->fd, self->id, flag));
		EXPECT_EQ(-EOPNOTSUPP, GET(self->id, flag, AT, PAGE, PAGE));
	}
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_SET_DIRTY_TRACKING,
				    &set));
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_GET_DIRTY_BITMAP,
				    &get));

	/* A page table that an attach made cannot track */
	EXPECT_EQ(-EOPNOTSUPP, dirty_set(self->fd, self->dev.hwpt_id, ENABLE));
	EXPECT_EQ(-EOPNOTSUPP, GET(self->dev.hwpt_id, 0, AT, PAGE, PAGE));
	EXPECT_EQ(-ENOENT, dirty_set(self->fd, BAD_ID, ENABLE));
	EXPECT_EQ(-ENOENT, dirty_set(self->fd, self->ioas_id, ENABLE));
	EXPECT_EQ(-ENOENT, GET(BAD_ID, 0, AT, PAGE, PAGE));
	EXPECT_EQ(-ENOENT, GET(self->ioas_id, 0, AT, PAGE, PAGE));
	EXPECT_EQ(-EINVAL, GET(self->id, 0, AT, PAGE, PAGE));
	EXPECT_EQ(0, dirty_set(self->fd, self->id, ENABLE));
	EXPECT_EQ(0, GET(self->id, 0, AT, PAGE, PAGE));
}

TEST_F(errnos, ranges)
{
	const __u64 end = MOCK_APERTURE_LAST + 1ULL;
	__u32 id = self->id;
	__u64 size;

	ASSERT_EQ(0, dirty_set(self->fd, id, ENABLE));
	for (size = 1ULL << 31; size; size <<= 1)
		EXPECT_EQ(-EINVAL, GET(id, 0, AT, AT, size));
	EXPECT_EQ(-EINVAL, GET(id, 0, AT, PAGE, 0));
	EXPECT_EQ(-EINVAL, GET(id, 0, AT, 3 * PAGE, 3 * PAGE));
	EXPECT_EQ(-EINVAL, GET(id, 0, AT, PAGE, PAGE + 1));
	EXPECT_EQ(-EINVAL, GET(id, 0, AT, 0, PAGE));
	EXPECT_EQ(-EINVAL, GET(id, 0, AT, PAGE + HALF, PAGE));
	EXPECT_EQ(-EINVAL, GET(id, 0, AT + HALF, PAGE, PAGE));
	EXPECT_EQ(0, GET(id, 0, AT + HALF, PAGE + HALF, HALF));
	EXPECT_EQ(-EOVERFLOW, GET(id, 0, -PAGE, 2 * PAGE, PAGE));
	EXPECT_EQ(-EOVERFLOW, GET(id, 0, AT, -PAGE, PAGE));
	EXPECT_EQ(-EINVAL, GET(id, 0, -PAGE, PAGE, PAGE));
	EXPECT_EQ(-EINVAL, GET(id, 0, 0, PAGE, PAGE));
	EXPECT_EQ(-EINVAL, GET(id, 0, MOCK_APERTURE_START - PAGE, 2 * PAGE,
			       PAGE));
	EXPECT_EQ(0, GET(id, 0, MOCK_APERTURE_START, PAGE, PAGE));
	EXPECT_EQ(0, GET(id, 0, end - PAGE, PAGE, PAGE));
	EXPECT_EQ(-EINVAL, GET(id, 0, end - PAGE, 2 * PAGE, PAGE));
	EXPECT_EQ(-EINVAL, GET(id, 0, end, PAGE, PAGE));
}

/*
 * The range consists of pages of the IOMMU all the same, but the part of the
 * bitmap that is in one page of the CPU may end with a part of one.
 */
TEST_F(errnos, bits_of_parts_of_pages)
{
	static const __u32 flags[] = { NO_CLEAR, 0 };
	unsigned char *room = anon(2 * PAGE), *bits;
	__u32 id = self->id, i;
	__u64 size, n;

	ASSERT_NE(NULL, room);
	ASSERT_EQ(0, dirty_set(self->fd, id, ENABLE));
	for (size = 1; size < HALF; size <<= 1) {
		EXPECT_EQ(-EINVAL, GET(id, 0, AT, PAGE + size, size));
		EXPECT_EQ(-EINVAL, GET(id, 0, AT + size, PAGE, size));
		ASSERT_EQ(0, mock_write(self->fd, id, AT + PAGE));
		/* A page begins with the bit in the middle of the dirty one. */
		bits = room + PAGE - 3 * PAGE / size / 16;
		for (i = 0; i < ARRAY_LEN(flags); i++) {
			memset(room, 0, 2 * PAGE);
			EXPECT_EQ(0, dirty_get(self->fd, id, flags[i], AT,
					       3 * PAGE, size, bits));
			EXPECT_EQ(PAGE / size, count(bits, 3 * PAGE / size));
			for (n = PAGE / size; n < 2 * PAGE / size; n++)
				ASSERT_TRUE(get_bit(bits, n));
		}
		memset(room, 0, 2 * PAGE);
		EXPECT_EQ(0, dirty_get(self->fd, id, 0, AT, 3 * PAGE, size,
				       bits));
		EXPECT_EQ(0, count(bits, 3 * PAGE / size));
	}
}

/* Who reads an entry in parts, the last one first, misses none of it */
TEST_F(errnos, entry_that_begins_before_stays_dirty)
{
	__u32 id = self->id;
	int i;

	ASSERT_EQ(0, dirty_set(self->fd, id, ENABLE));
	ASSERT_EQ(0, mock_write(self->fd, id, AT + PAGE));
	for (i = 0; i < 2; i++) {
		self->bits[0] = 0;
		ASSERT_EQ(0, GET(id, 0, AT + PAGE + HALF, PAGE, HALF));
		EXPECT_EQ(1, self->bits[0]);
	}
	self->bits[0] = 0;
	ASSERT_EQ(0, GET(id, 0, AT + PAGE, HALF, HALF));
	EXPECT_EQ(1, self->bits[0]);
	self->bits[0] = 0;
	ASSERT_EQ(0, GET(id, 0, AT, 4 * PAGE, HALF));
	EXPECT_EQ(0, self->bits[0]);
}

/*
 * Kill who has the mock write pages without end, in one bit: it ends before it
 * has written all of them.
 */
#define PARTS	512UL	/* of 2 MiB, the same memory */
#define MANY	(PARTS * HUGE)

static int map_many(int fd, __u32 ioas_id, const char *memory)
{
	unsigned long i;
	int rc = ioas_map(fd, ioas_id, memory, HUGE, 2 * MANY - HUGE);

	for (i = 0; !rc && i < PARTS - 1; i++)
		rc = ioas_copy(fd, ioas_id, ioas_id, HUGE, MANY + i * HUGE,
			       2 * MANY - HUGE);
	return rc;
}

/* Returns 1 if a page is dirty, 0 if it is not, or an errno. */
static int is_dirty(int fd, __u32 id, __u64 iova)
{
	unsigned char bits = 0;
	int rc = dirty_get(fd, id, NO_CLEAR, iova, HALF, HALF, &bits);

	return rc ?: bits;
}

TEST_F_TIMEOUT(errnos, a_write_without_end_can_be_killed, 120)
{
	char *memory = small_pages(HUGE);
	struct mock_dev dev;
	int status, i, rc, last = 1;
	__u32 ioas_id, id;
	pid_t pid;

	ASSERT_EQ(0, ioas_alloc(self->fd, &ioas_id));
	ASSERT_EQ(0, mock_attach_flags(self->fd, ioas_id,
				       MOCK_FLAGS_DEVICE_SMALL_PAGES, &dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, dev.dev_id, ioas_id, TRACKED, &id));
	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, map_many(self->fd, ioas_id, memory));
	/* It may be through before the signal comes, but not each time. */
	for (i = 0; last && i < 20; i++) {
		ASSERT_EQ(0, dirty_set(self->fd, id, ENABLE));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid)
			_exit(mock_dirty(self->fd, id, MANY, MANY, MANY, "\1",
					 NULL) ? 1 : 0);
		while (!(rc = is_dirty(self->fd, id, MANY)))
			sched_yield();
		ASSERT_EQ(1, rc);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		last = is_dirty(self->fd, id, 2 * MANY - HALF);
		ASSERT_LE(0, last);
		ASSERT_EQ(0, dirty_set(self->fd, id, 0));
	}
	EXPECT_EQ(0, last);
}

/* The mock's operation */
TEST_F(errnos, dirty_of_the_mock)
{
	const __u32 mapped = MOCK_DIRTY_COUNT_MAPPED;
	unsigned char bits[] = { 0xff, 0xff, 0xf7 };
	__u32 id = self->id, flag;
	__u64 n = 77;

	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, id, AT, PAGE, PAGE, bits, &n));
	ASSERT_EQ(0, dirty_set(self->fd, id, ENABLE));
	EXPECT_EQ(0, mock_dirty(self->fd, id, AT, 12 * PAGE, HALF, bits, &n));
	EXPECT_EQ(23, n);
	/* Bits count where nothing is mapped, too, unless a flag is set */
	EXPECT_EQ(0, mock_dirty(self->fd, id, AT + 10 * PAGE, 10 * PAGE, PAGE,
				bits, &n));
	EXPECT_EQ(10, n);
	EXPECT_EQ(0, mock_dirty_flags(self->fd, id, mapped, AT + 10 * PAGE,
				      10 * PAGE, PAGE, bits, &n));
	EXPECT_EQ(6, n);
	EXPECT_EQ(0, mock_dirty(self->fd, id, 2 * AT, PAGE, PAGE, bits, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0, mock_dirty_flags(self->fd, id, mapped, 2 * AT, PAGE, PAGE,
				      bits, &n));
	EXPECT_EQ(0, n);
	for (flag = 1; flag; flag <<= 1)
		EXPECT_EQ(flag == mapped ? 0 : -EOPNOTSUPP,
			  mock_dirty_flags(self->fd, id, flag, AT, PAGE, PAGE,
					   bits, &n));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, id, AT, PAGE, 1024, bits, &n));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, id, AT, 0, PAGE, bits, &n));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, id, AT, HALF, PAGE, bits, &n));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, id, AT + HALF, PAGE, PAGE,
				      bits, &n));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, id, AT, 3 * PAGE, 3 * PAGE,
				      bits, &n));
	EXPECT_EQ(-EOVERFLOW, mock_dirty(self->fd, id, AT, -PAGE, PAGE, bits,
					 &n));
	EXPECT_EQ(-EFAULT, mock_dirty(self->fd, id, AT, PAGE, PAGE, NULL, &n));
	EXPECT_EQ(-EINVAL, mock_dirty(self->fd, self->dev.hwpt_id, AT, PAGE,
				      PAGE, bits, &n));
	EXPECT_EQ(-ENOENT, mock_dirty(self->fd, BAD_ID, AT, PAGE, PAGE, bits,
				      &n));
}

/* Read while mappings come and go; a range without a mapping has no bits */
struct mapper {
	int fd;
	__u32 ioas_id;
	void *memory;
	bool stop;
	int rc;
};

static void *map_and_unmap(void *arg)
{
	struct mapper *mapper = arg;
	__u64 i;

	for (i = 0; !__atomic_load_n(&mapper->stop, __ATOMIC_RELAXED); i++) {
		mapper->rc = ioas_map(mapper->fd, mapper->ioas_id,
				      mapper->memory, 16 * PAGE,
				      AT + (i % 8 + 1) * 16 * PAGE) ?:
			     ioas_unmap(mapper->fd, mapper->ioas_id,
					AT + (i % 8 + 1) * 16 * PAGE,
					16 * PAGE);
		if (mapper->rc)
			break;
	}
	return NULL;
}

TEST_F(errnos, reading_while_others_map)
{
	struct mapper mapper = {
		.fd = self->fd,
		.ioas_id = self->ioas_id,
		.memory = self->memory,
	};
	pthread_t thread;
	int i;

	ASSERT_EQ(0, pthread_create(&thread, NULL, map_and_unmap, &mapper));
	for (i = 0; i < 1000; i++) {
		ASSERT_EQ(0, dirty_set(self->fd, self->id, ENABLE));
		ASSERT_EQ(0, mock_write(self->fd, self->id, AT + PAGE));
		memset(self->bits, 0, sizeof(self->bits));
		ASSERT_EQ(0, GET(self->id, 0, AT, 256 * PAGE, PAGE));
		ASSERT_EQ(2, self->bits[0]);
		ASSERT_EQ(1, count(self->bits, 256));
		if (i % 2)
			ASSERT_EQ(0, dirty_set(self->fd, self->id, 0));
	}
	__atomic_store_n(&mapper.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, mapper.rc);
}

/* Page tables whose entries are of some sizes; the memory is contiguous. */
FIXTURE(entries)
{
	int fd;
	__u32 ioas_id;
	__u32 id;
	struct mock_dev dev;
	char *memory;
};

FIXTURE_VARIANT(entries)
{
	__u32 flags;	/* of the device */
	__u32 kind;
	__u64 sizes;
};

FIXTURE_VARIANT_ADD(entries, of_all_sizes)
{
	.sizes = ~(HALF - 1),
};

FIXTURE_VARIANT_ADD(entries, of_two_sizes)
{
	.flags = MOCK_FLAGS_DEVICE_TWO_SIZES,
	.sizes = HALF | MiB,
};

FIXTURE_VARIANT_ADD(entries, of_one_size)
{
	.flags = MOCK_FLAGS_DEVICE_SMALL_PAGES,
	.sizes = HALF,
};

FIXTURE_VARIANT_ADD(entries, huge)
{
	.kind = MOCK_IOMMUPT_HUGE,
	.sizes = PAGE | MiB,
};

FIXTURE_VARIANT_ADD(entries, huge_of_one_size)
{
	.flags = MOCK_FLAGS_DEVICE_SMALL_PAGES,
	.kind = MOCK_IOMMUPT_HUGE,
	.sizes = PAGE,
};

FIXTURE_SETUP(entries)
{
	struct iommu_hwpt_selftest data = { .pagetable_type = variant->kind };

	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	self->memory = contiguous(HUGE);
	ASSERT_NE(NULL, self->memory);
	ASSERT_EQ(0, mock_attach_flags(self->fd, self->ioas_id, variant->flags,
				       &self->dev));
	ASSERT_EQ(0, hwpt_alloc_data(self->fd, self->dev.dev_id, self->ioas_id,
				     TRACKED, &data, &self->id));
	ASSERT_EQ(0, dirty_set(self->fd, self->id, ENABLE));
}

FIXTURE_TEARDOWN(entries)
{
	close(self->fd);
}

/* The largest size of those that fit what is left of a mapping */
static __u64 largest(__u64 sizes, __u64 iova, __u64 phys, __u64 length)
{
	__u64 size = HUGE;

	while (!(sizes & size) || (iova | phys) & (size - 1) || size > length)
		size /= 2;
	return size;
}

/* Write the end of each entry: all of it is dirty, and nothing else. */
static void check_entries(struct __test_metadata *_metadata,
			  struct _test_data_entries *self, __u64 sizes,
			  __u64 start, __u64 length, __u64 iova)
{
	const __u64 unit = sizes & -sizes;
	unsigned char bits[HUGE / HALF / 8];
	__u64 size, done, n;
	unsigned int wrong = 0;

	for (done = 0; done < length; done += size) {
		size = largest(sizes, iova + done, start + done, length - done);
		ASSERT_EQ(0, mock_dirty(self->fd, self->id,
					iova + done + size - unit, unit, unit,
					"\1", NULL));
		memset(bits, 0, sizeof(bits));
		ASSERT_EQ(0, dirty_get(self->fd, self->id, 0, iova, length,
				       unit, bits));
		for (n = 0; n < length; n += unit)
			wrong += get_bit(bits, n / unit) !=
				 (n >= done && n < done + size);
	}
	EXPECT_EQ(0, wrong)
		TH_LOG("%llu bytes from %llu at %llx", length, start, iova);
}

TEST_F(entries, are_the_largest_that_fit)
{
	static const struct {
		__u64 start;	/* in the huge page */
		__u64 length;
		__u64 iova;	/* beyond AT */
	} maps[] = {
		{ 0, HUGE, 0 },
		{ 0, HUGE, MiB },
		{ 0, HUGE, 16 * PAGE },
		{ 0, HUGE, PAGE },
		{ 0, HUGE, HALF },
		{ 0, HALF, 0 },
		{ 0, PAGE, 0 },
		{ 0, MiB + 3 * PAGE, 0 },
		{ PAGE, HUGE - 3 * PAGE, PAGE },
		{ HALF, HUGE - 5 * HALF, HALF },
		{ 3 * HALF, MiB, 3 * HALF },
		{ 5 * PAGE, MiB, HUGE - 3 * PAGE },
		{ MiB, MiB, 5 * MiB },
	};
	const __u64 sizes = variant->sizes, unit = sizes & -sizes;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(maps); i++) {
		__u64 length = maps[i].length, iova = AT + maps[i].iova;
		char *va = self->memory + maps[i].start;

		if ((maps[i].start | length | iova) & (unit - 1)) {
			EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, va,
						    length, iova));
			continue;
		}
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, va, length,
				      iova));
		EXPECT_EQ(0, mock_check_map(self->fd, self->id, va, length,
					    iova));
		/* From inside an entry on */
		EXPECT_EQ(0, mock_check_map(self->fd, self->id, va + HALF,
					    length - HALF, iova + HALF));
		EXPECT_EQ(-EINVAL, mock_check_map(self->fd, self->id, va,
						  HALF, iova + length));
		check_entries(_metadata, self, sizes, maps[i].start, length,
			      iova);
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, iova, length));
		EXPECT_EQ(-EINVAL, mock_check_map(self->fd, self->id, va, HALF,
						  iova));
	}
}

TEST_HARNESS_MAIN
