// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty tracking by the kernel's IOMMU driver.  QEMU's IOMMUs have none: the
 * module iommufd_tracker makes the driver believe in it, and does to page
 * tables what an IOMMU does for a write of a device, with an IOTLB.
 */
#include <pthread.h>
#include <time.h>

#include "../chance.h"
#include "dirty.h"

#define ENABLE		IOMMU_HWPT_DIRTY_TRACKING_ENABLE
#define NO_CLEAR	IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR

#define FLUSHES		"/sys/module/iommufd_tracker/parameters/flushes"
#define HUGE		0x200000UL
#define AT		(TRACKER_START + HUGE)
#define LENGTH		(4 * HUGE)
#define PAGES		(LENGTH / PAGE)
#define GUARD		0x5aU		/* around the bitmap */

/* A device writes; marked: out: entries that became dirty; may be NULL */
static int dev_write(int tracker, const char *bdf, const __u64 *iovas,
		     __u32 n, __u64 *marked)
{
	struct tracker_write arg = {
		.iovas = (uintptr_t)iovas,
		.n = n,
		.requester = requester(bdf),
	};
	int rc = ERR(ioctl(tracker, TRACKER_WRITE, &arg));

	if (marked)
		*marked = arg.out_marked;
	return rc;
}

/* Bytes of the IOMMU's page, or -errno */
static long iommu_page(int tracker, __u64 iova)
{
	struct tracker_write arg = {
		.iovas = (uintptr_t)&iova,
		.n = 1,
		.requester = requester(EDU),
	};
	int rc = ERR(ioctl(tracker, TRACKER_WRITE, &arg));

	return rc ?: (long)arg.out_page;
}

static long flushes(void)
{
	FILE *file = fopen(FLUSHES, "re");
	long n;

	if (!file || fscanf(file, "%ld", &n) != 1)
		n = -1;
	if (file)
		fclose(file);
	return n;
}

static bool get_bit(const unsigned char *bitmap, unsigned long n)
{
	return bitmap[n / 8] >> n % 8 & 1;
}

static unsigned long count(const unsigned char *bitmap, unsigned long bits)
{
	unsigned long n, sum = 0;

	for (n = 0; n < bits; n++)
		sum += get_bit(bitmap, n);
	return sum;
}

/*
 * LENGTH bytes, of which the first are in huge pages.  Few pages that are
 * neighbours are so in physical memory, as others were taken between.
 */
static char *memory_with(size_t huge_bytes)
{
	char *memory = mmap(NULL, LENGTH + HUGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t at, offset;

	if (memory == MAP_FAILED)
		return NULL;
	memory += -(uintptr_t)memory % HUGE;
	if (madvise(memory, huge_bytes, MADV_HUGEPAGE) ||
	    madvise(memory + huge_bytes, LENGTH - huge_bytes, MADV_NOHUGEPAGE))
		return NULL;
	for (offset = 0; offset < 2; offset++) {
		for (at = offset; at < huge_bytes / HUGE; at += 2)
			memset(memory + at * HUGE, 1, HUGE);
		for (at = huge_bytes / PAGE + offset; at < PAGES; at += 2)
			memory[at * PAGE] = 1;
	}
	return memory;
}

/*
 * edu, attached to a page table that tracks, with one mapping.  The fixture
 * notes which pages are dirty.
 */
FIXTURE(dirty)
{
	int tracker;
	int dev;
	int iommu;
	__u32 ioas;
	__u32 dev_id;
	__u32 id;
	char *memory;
	unsigned char *room;	/* 3 pages for bitmaps */
	bool model[PAGES];
	unsigned int in_page[PAGES];	/* pages that the IOMMU's page has */
	__u64 chance;
	long pinned;
};

FIXTURE_VARIANT(dirty)
{
	size_t huge_bytes;	/* how much of the memory is in huge pages */
};

FIXTURE_VARIANT_ADD(dirty, small_pages) { 0 };
FIXTURE_VARIANT_ADD(dirty, huge_pages) { LENGTH };
FIXTURE_VARIANT_ADD(dirty, both) { 2 * HUGE };

FIXTURE_SETUP(dirty)
{
	unsigned long n;
	long size;

	self->tracker = tracker_open();
	ASSERT_LE(0, self->tracker);
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	self->memory = memory_with(variant->huge_bytes);
	ASSERT_NE(NULL, self->memory);
	self->room = anon_pages(3);
	ASSERT_NE(MAP_FAILED, (void *)self->room);
	self->chance = chance_begin(1);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->dev_id));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, TRACKED,
				&self->id));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, LENGTH,
			      AT));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	/* An IOMMU may have pages of all sizes. */
	for (n = 0; n < PAGES; n++) {
		size = iommu_page(self->tracker, AT + n * PAGE);
		ASSERT_LE((long)PAGE, size);
		ASSERT_EQ(n * PAGE < variant->huge_bytes, size >= (long)HUGE);
		self->in_page[n] = size / PAGE;
	}
	ASSERT_EQ(0, dirty_set(self->iommu, self->id, ENABLE));
}

FIXTURE_TEARDOWN(dirty)
{
	close(self->dev);
	close(self->iommu);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, bind_anew(EDU));
	close(self->tracker);
	EXPECT_EQ(0, module_unload(TRACKER_MODULE));
}

/* The first page that is in the same page of the IOMMU */
static unsigned long first_of(struct _test_data_dirty *self, unsigned long n)
{
	return n - (AT / PAGE + n) % self->in_page[n];
}

static void note(struct _test_data_dirty *self, unsigned long n, bool dirty)
{
	memset(self->model + first_of(self, n), dirty, self->in_page[n]);
}

/*
 * Have edu write n pages at random, and note it.  Returns how many entries more
 * became dirty than were clean, which is 0, or -errno.
 */
static long write_some(struct _test_data_dirty *self, unsigned int n)
{
	static __u64 iovas[PAGES];
	unsigned int i, page;
	__u64 marked;
	long clean = 0;
	int rc;

	for (i = 0; i < n; i++) {
		page = chance_below(&self->chance, PAGES);
		iovas[i] = AT + page * PAGE +
			   8 * chance_below(&self->chance, PAGE / 8);
		clean += !self->model[page];
		note(self, page, true);
	}
	rc = dev_write(self->tracker, EDU, iovas, n, &marked);
	return rc ?: (long)marked - clean;
}

/* Read a range into a bitmap at p: exactly the bits of dirty pages are set. */
static void read_and_check(struct __test_metadata *_metadata,
			   struct _test_data_dirty *self, unsigned char *p,
			   __u32 flags, unsigned long first,
			   unsigned long pages)
{
	unsigned long n, bytes = (pages + 7) / 8;
	unsigned int wrong = 0;

	memset(self->room, GUARD, 3 * PAGE);
	memset(p, 0, bytes);
	ASSERT_EQ(0, dirty_get(self->iommu, self->id, flags, AT + first * PAGE,
			       pages * PAGE, PAGE, p));
	for (n = 0; n < 8 * bytes; n++)
		wrong += get_bit(p, n) !=
			 (n < pages && self->model[first + n]);
	/* A page of the IOMMU that begins before the range stays dirty. */
	for (n = first; n < first + pages && !(flags & NO_CLEAR); n++)
		if (first_of(self, n) >= first)
			note(self, n, false);
	for (n = 0; n < 3 * PAGE; n++)
		if (self->room + n < p || self->room + n >= p + bytes)
			wrong += self->room[n] != GUARD;
	EXPECT_EQ(0, wrong)
		TH_LOG("%lu pages from %lu at %p, flags %#x", pages, first, p,
		       flags);
}

#define CHECK(p, flags, first, pages) \
	read_and_check(_metadata, self, p, flags, first, pages)

TEST_F(dirty, is_offered)
{
	__u32 flag, id;

	EXPECT_EQ(IOMMU_HW_CAP_DIRTY_TRACKING |
		  IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED,
		  get_capabilities(self->iommu, self->dev_id));
	for (flag = 1; flag; flag <<= 1)
		EXPECT_EQ(flag == TRACKED ? 0 : -EOPNOTSUPP,
			  hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				     flag, &id));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
					  TRACKED |
						  IOMMU_HWPT_ALLOC_NEST_PARENT,
					  &id));
}

TEST_F_TIMEOUT(dirty, what_was_written, PATIENCE)
{
	unsigned int n;

	CHECK(self->room, 0, 0, PAGES);
	for (n = 1; n <= PAGES; n *= 3) {
		ASSERT_EQ(0, write_some(self, n));
		CHECK(self->room, NO_CLEAR, 0, PAGES);
		CHECK(self->room, NO_CLEAR, 0, PAGES);
		/* As they are dirty, they are not marked again */
		ASSERT_EQ(0, write_some(self, n));
		CHECK(self->room, 0, 0, PAGES);
		CHECK(self->room, 0, 0, PAGES);
	}
}

/* Ranges that begin and end anywhere, so that they cut pages of the IOMMU */
TEST_F_TIMEOUT(dirty, any_part_of_the_range, PATIENCE)
{
	unsigned long first, n;
	int i;

	for (i = 0; i < 60; i++) {
		first = chance_below(&self->chance, PAGES);
		n = 1 + chance_below(&self->chance, PAGES - first);
		if (i % 3 == 0)
			ASSERT_EQ(0, write_some(self, 1 + 5 * i));
		CHECK(self->room + i, i % 2 ? NO_CLEAR : 0, first, n);
	}
	CHECK(self->room, 0, 0, PAGES);
	CHECK(self->room, 0, 0, PAGES);
}

/* The bitmap is in two pages, whose border cuts a page of the IOMMU */
TEST_F_TIMEOUT(dirty, any_bitmap_address, PATIENCE)
{
	unsigned int i;

	for (i = 0; i < PAGES / 8; i += 17) {
		ASSERT_EQ(0, write_some(self, 1 + i));
		CHECK(self->room + 2 * PAGE - i, NO_CLEAR, 0, PAGES);
		CHECK(self->room + PAGE - i, 0, 0, PAGES);
		CHECK(self->room + PAGE - i, 0, 0, PAGES);
	}
}

/* A bit for many pages, and less than one page of the IOMMU */
TEST_F_TIMEOUT(dirty, bits_of_other_sizes, PATIENCE)
{
	unsigned long size, n, bits, i;
	unsigned int wrong = 0;
	bool dirty;

	for (size = 2 * PAGE; size <= HUGE; size *= 4) {
		ASSERT_EQ(0, write_some(self, 5));
		memset(self->room, 0, PAGE);
		bits = LENGTH / size;
		ASSERT_EQ(0, dirty_get(self->iommu, self->id, NO_CLEAR, AT,
				       LENGTH, size, self->room));
		for (n = 0; n < bits; n++) {
			dirty = false;
			for (i = 0; i < size / PAGE; i++)
				dirty |= self->model[n * size / PAGE + i];
			wrong += get_bit(self->room, n) != dirty;
		}
		EXPECT_EQ(0, wrong);
		CHECK(self->room, 0, 0, PAGES);
	}
}

/*
 * What is cleared leaves the IOTLB, or the next write would not be marked;
 * nothing else is flushed.
 */
TEST_F_TIMEOUT(dirty, flushed_when_cleared, PATIENCE)
{
	const __u64 iova[] = { AT, AT + LENGTH - PAGE };
	__u64 marked;
	long before;
	int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, dev_write(self->tracker, EDU, iova, 2, &marked));
		EXPECT_EQ(2, marked);
		ASSERT_EQ(0, dev_write(self->tracker, EDU, iova, 2, &marked));
		EXPECT_EQ(0, marked);
		note(self, 0, true);
		note(self, PAGES - 1, true);
		before = flushes();
		ASSERT_LE(0, before);
		CHECK(self->room, NO_CLEAR, 0, PAGES);
		EXPECT_EQ(before, flushes());
		CHECK(self->room, 0, 0, PAGES);
		EXPECT_EQ(before + 1, flushes());
		CHECK(self->room, 0, 0, PAGES);
		EXPECT_EQ(before + 1, flushes());
	}
}

TEST_F(dirty, begin_forgets_what_was)
{
	const __u64 iova = AT;
	__u64 marked;

	ASSERT_LE(0, write_some(self, 50));
	ASSERT_EQ(0, dirty_set(self->iommu, self->id, ENABLE));
	CHECK(self->room, NO_CLEAR, 0, PAGES);
	ASSERT_EQ(0, dirty_set(self->iommu, self->id, 0));
	ASSERT_EQ(0, dirty_set(self->iommu, self->id, 0));
	EXPECT_EQ(-EINVAL, dirty_get(self->iommu, self->id, 0, AT, LENGTH, PAGE,
				     self->room));
	ASSERT_EQ(0, dirty_set(self->iommu, self->id, ENABLE));
	memset(self->model, 0, sizeof(self->model));
	CHECK(self->room, NO_CLEAR, 0, PAGES);
	ASSERT_EQ(0, write_some(self, 50));
	CHECK(self->room, 0, 0, PAGES);

	/* While it is off the IOMMU marks nothing */
	ASSERT_EQ(0, dirty_set(self->iommu, self->id, 0));
	ASSERT_EQ(0, dev_write(self->tracker, EDU, &iova, 1, &marked));
	EXPECT_EQ(0, marked);
}

TEST_F(dirty, new_mapping_is_clean)
{
	ASSERT_EQ(0, write_some(self, 100));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, AT, LENGTH));
	memset(self->model, 0, sizeof(self->model));
	CHECK(self->room, 0, 0, PAGES);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, LENGTH,
			      AT));
	CHECK(self->room, 0, 0, PAGES);
	ASSERT_EQ(0, write_some(self, 100));
	CHECK(self->room, 0, 0, PAGES);
}

/* Of other mappings, and of what is not mapped, nothing is reported */
TEST_F(dirty, mappings_around)
{
	const __u64 iovas[] = { AT - PAGE, AT + LENGTH };
	__u64 marked;

	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      AT - PAGE));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      AT + LENGTH));
	ASSERT_EQ(0, dev_write(self->tracker, EDU, iovas, 2, &marked));
	EXPECT_EQ(2, marked);
	CHECK(self->room, 0, 0, PAGES);
	memset(self->room, 0, PAGE);
	ASSERT_EQ(0, dirty_get(self->iommu, self->id, 0, AT - 2 * PAGE,
			       LENGTH + 4 * PAGE, PAGE, self->room));
	EXPECT_EQ(2, count(self->room, PAGES + 4));
	EXPECT_TRUE(get_bit(self->room, 1));
	EXPECT_TRUE(get_bit(self->room, PAGES + 2));
}

/*
 * Bits of less than a page.  The driver reads as much at a time as a page of the
 * bitmap has bits for, which may end inside of a page.
 */
TEST_F(dirty, bits_finer_than_pages)
{
	static const struct {
		__u64 size;
		unsigned long page;	/* where the first part ends */
	} cases[] = { { 1, 7 }, { 16, 127 } };
	unsigned long n, i, pages, wrong;
	unsigned char *p = self->room + 1;
	__u64 marked, iovas[2];
	unsigned int flags;

	for (i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		flags = i % 2 ? 0 : NO_CLEAR;
		pages = 16 * cases[i / 2].size;
		for (n = 0; n < 2; n++) {
			iovas[n] = AT + (cases[i / 2].page + n) * PAGE;
			note(self, cases[i / 2].page + n, true);
		}
		ASSERT_EQ(0, dev_write(self->tracker, EDU, iovas, 2, &marked));
		memset(self->room, 0, 3 * PAGE);
		ASSERT_EQ(0, dirty_get(self->iommu, self->id, flags, AT,
				       pages * PAGE, cases[i / 2].size, p));
		for (n = 0, wrong = 0; n < 16 * PAGE; n++)
			wrong += get_bit(p, n) !=
				 self->model[n * cases[i / 2].size / PAGE];
		EXPECT_EQ(0, wrong)
			TH_LOG("case %lu", i);
		if (flags)
			continue;
		for (n = 0; n < pages; n++)
			note(self, n, false);
	}
	CHECK(self->room, 0, 0, PAGES);
}

/* Each device that is attached, before tracking began or later */
TEST_F_TIMEOUT(dirty, all_devices, PATIENCE)
{
	const __u64 iova = AT + 7 * PAGE;
	int other = open_vfio(NVME);
	__u64 marked;

	ASSERT_EQ(0, vfio_bind(other, self->iommu, NULL));
	EXPECT_EQ(-EFAULT, dev_write(self->tracker, NVME, &iova, 1, NULL));
	ASSERT_EQ(0, vfio_attach(other, self->id, NULL));
	ASSERT_EQ(0, dev_write(self->tracker, NVME, &iova, 1, &marked));
	EXPECT_EQ(1, marked);
	note(self, 7, true);
	CHECK(self->room, 0, 0, PAGES);
	ASSERT_EQ(0, dirty_set(self->iommu, self->id, 0));
	ASSERT_EQ(0, dev_write(self->tracker, NVME, &iova, 1, &marked));
	EXPECT_EQ(0, marked);
	ASSERT_EQ(0, dirty_set(self->iommu, self->id, ENABLE));
	ASSERT_EQ(0, dev_write(self->tracker, NVME, &iova, 1, &marked));
	EXPECT_EQ(1, marked);
	ASSERT_EQ(0, vfio_detach(other));
	EXPECT_EQ(-EFAULT, dev_write(self->tracker, NVME, &iova, 1, NULL));
	ASSERT_EQ(0, dev_write(self->tracker, EDU, &iova, 1, NULL));
	note(self, 7, true);
	CHECK(self->room, 0, 0, PAGES);
	close(other);
}

/*
 * AMD's driver has only what a device writes by its own requester ID marked, if
 * tracking begins while the device is attached.
 */
TEST_F_TIMEOUT(dirty, device_behind_a_bridge, PATIENCE)
{
	bool tracked = iommu_of(EDU) == INTEL;
	char bdf[BDF_LEN];
	__u32 dev_id, id;
	int other;

	ASSERT_EQ(0, pci_behind(BRIDGE, 1, bdf));
	other = open_vfio(bdf);
	ASSERT_EQ(0, vfio_bind(other, self->iommu, &dev_id));
	EXPECT_EQ(tracked, get_capabilities(self->iommu, dev_id) &
				   IOMMU_HW_CAP_DIRTY_TRACKING);
	EXPECT_EQ(tracked ? 0 : -EOPNOTSUPP,
		  hwpt_alloc(self->iommu, dev_id, self->ioas, TRACKED, &id));
	EXPECT_EQ(tracked ? 0 : -EINVAL, vfio_attach(other, self->id, NULL));
	close(other);
}

/* What QEMU's IOMMU makes of the entry of a device with tracking on */
TEST_F_TIMEOUT(dirty, dma_goes_on, PATIENCE)
{
	struct edu edu;
	int i;

	ASSERT_EQ(0, edu_open(&edu, self->dev));
	for (i = 0; i < 2; i++) {
		memset(self->memory, 'd', PAGE);
		EXPECT_EQ(0, edu_from_memory(&edu, AT, EDU_DMA_MAX));
		memset(self->memory, 'm', PAGE);
		EXPECT_EQ(0, edu_to_memory(&edu, AT, EDU_DMA_MAX));
		EXPECT_TRUE(filled(self->memory, 'd', EDU_DMA_MAX));
		ASSERT_EQ(0, dirty_set(self->iommu, self->id, 0));
	}
	edu_close(&edu);
}

/*
 * A migration: a thread stands for a device that writes, another copies what is
 * reported.  In the end the copy is the same.
 */
struct migration {
	int tracker;
	unsigned int writes;
	unsigned int version[PAGES];	/* what the device has written */
	bool done;
	int rc;
};

static void *write_at_random(void *arg)
{
	struct migration *migration = arg;
	__u64 iova, chance = chance_begin(2);
	unsigned int i, page;

	for (i = 1; i <= migration->writes && !migration->rc; i++) {
		page = chance_below(&chance, PAGES);
		iova = AT + page * PAGE;
		__atomic_store_n(&migration->version[page], i,
				 __ATOMIC_SEQ_CST);
		migration->rc = dev_write(migration->tracker, EDU, &iova, 1,
					  NULL);
	}
	__atomic_store_n(&migration->done, true, __ATOMIC_SEQ_CST);
	return NULL;
}

TEST_F_TIMEOUT(dirty, nothing_is_lost, PATIENCE)
{
	static struct migration migration;
	static unsigned int copy[PAGES];
	unsigned long n, rounds = 0, copied = 0, wrong = 0;
	unsigned char *bitmap;
	pthread_t thread;
	bool done;

	memset(copy, 0, sizeof(copy));
	memset(&migration, 0, sizeof(migration));
	migration.tracker = self->tracker;
	migration.writes = patient_rounds(50000);
	ASSERT_EQ(0, pthread_create(&thread, NULL, write_at_random,
				    &migration));
	do {
		done = __atomic_load_n(&migration.done, __ATOMIC_SEQ_CST);
		/* The border of its pages cuts a page of the IOMMU */
		bitmap = self->room + PAGE - 32 * (rounds % 5);
		memset(self->room, 0, 3 * PAGE);
		ASSERT_EQ(0, dirty_get(self->iommu, self->id, 0, AT, LENGTH,
				       PAGE, bitmap));
		for (n = 0; n < PAGES; n++) {
			if (!get_bit(bitmap, n))
				continue;
			copy[n] = __atomic_load_n(&migration.version[n],
						  __ATOMIC_SEQ_CST);
			copied++;
		}
		rounds++;
	} while (!done);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(0, migration.rc);
	for (n = 0; n < PAGES; n++)
		wrong += copy[n] != migration.version[n];
	EXPECT_EQ(0, wrong);
	EXPECT_LT(1, rounds);
	TH_LOG("%u writes, copied in %lu rounds: %lu pages", migration.writes,
	       rounds, copied);
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Time of a call, in ns */
#define TIME(call)							\
({									\
	long long _start = now_ns();					\
									\
	ASSERT_EQ(0, call);						\
	now_ns() - _start;						\
})

#define GET(flags)							\
	dirty_get(self->iommu, self->id, flags, AT, LENGTH, PAGE, self->room)

/* Prints what calls cost; with "run -i", the clock counts instructions. */
TEST_F_TIMEOUT(dirty, cost, PATIENCE)
{
	static __u64 iovas[PAGES];
	long long look, clear;
	unsigned long step, n;

	look = TIME(GET(NO_CLEAR));
	TH_LOG("pages=%lu dirty=0 no-clear-ns=%lld", PAGES, look);
	for (step = PAGES / 2; step; step /= 4) {
		for (n = 0; n < PAGES / step; n++)
			iovas[n] = AT + n * step * PAGE;
		ASSERT_EQ(0, dev_write(self->tracker, EDU, iovas, PAGES / step,
				       NULL));
		look = TIME(GET(NO_CLEAR));
		clear = TIME(GET(0));
		TH_LOG("pages=%lu dirty=%lu no-clear-ns=%lld clear-ns=%lld",
		       PAGES, PAGES / step, look, clear);
	}
	/* This is little more than one call of the driver. */
	ASSERT_EQ(0, dirty_set(self->iommu, self->id, 0));
	look = TIME(dirty_set(self->iommu, self->id, ENABLE));
	TH_LOG("pages=%lu enable-ns=%lld", PAGES, look);
	memset(self->room, 0, PAGE);
	ASSERT_EQ(0, GET(0));
	EXPECT_EQ(0, count(self->room, PAGES));
}

SKIP_PROGRAM_IF(!kernel_tracks(),
		"this kernel does not tell which pages are dirty")

#define main(argc, argv) run_tests(argc, argv)
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	int rc;

	/*
	 * Intel's driver of 6.12 takes the locks of a domain and of an IOMMU in one order
	 * to attach, and in the other to switch tracking.  Ours never does both for one
	 * domain at a time, but lockdep only knows classes of locks.
	 */
	rc = lockdep_looks_at_orders(false);
	if (rc) {
		printf("Bail out! lockdep: %s\n", strerror(-rc));
		return 1;
	}
	rc = run_tests(argc, argv);
	return lockdep_looks_at_orders(true) ? 1 : rc;
}
