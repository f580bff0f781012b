// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unmap returns only when the device can no longer reach the memory: ten
 * thousand times, new memory is mapped at one IOVA, with DMA from and to it;
 * and for some time, new memory of other sizes, of huge and of small pages.
 *
 * Environment of the latter: SEED, by default from the clock; SECONDS, by
 * default 10, or 600 in a debug kernel.
 */
#include <time.h>

#include "../chance.h"
#include "disk.h"
#include "fault.h"
#include "smaps.h"

#define ROUNDS	((int)patient_rounds(10000))
#define IOVA	0x100000000ULL
#define HUGE	0x200000UL
#define HUGE_PAGES	(HUGE / PAGE)
#define SIZES	12	/* powers of two, from one page to 8 MiB */
#define LEAST	(20 * SIZES)	/* rounds, however slow they are */
#define SLOT	(HUGE + (PAGE << (SIZES - 1)))

FIXTURE(loop)
{
	struct disk disk;
};

FIXTURE_SETUP(loop)
{
	ASSERT_EQ(0, disk_open(&self->disk));
}

FIXTURE_TEARDOWN(loop)
{
	EXPECT_EQ(0, disk_close(&self->disk));
}

static void fill(__u64 *page, __u64 seed)
{
	size_t i;

	for (i = 0; i < PAGE / 8; i++)
		page[i] = seed * 0x9e3779b97f4a7c15ULL + i;
}

static int differs(const __u64 *page, __u64 seed)
{
	size_t i;

	for (i = 0; i < PAGE / 8; i++)
		if (page[i] != seed * 0x9e3779b97f4a7c15ULL + i)
			return 1;
	return 0;
}

static void fill_pages(char *memory, size_t length, __u64 round)
{
	size_t at;

	for (at = 0; at < length; at += PAGE)
		fill((__u64 *)(memory + at), (round << SIZES) + at / PAGE);
}

static int pages_differ(const char *memory, size_t length, __u64 round)
{
	size_t at;

	for (at = 0; at < length; at += PAGE)
		if (differs((__u64 *)(memory + at), (round << SIZES) + at / PAGE))
			return 1;
	return 0;
}

/*
 * Each round has two new pages: the disk reads the first and writes the second.
 * The pages of the round before are still there, unmapped from the IOMMU and
 * marked: had the IOMMU kept them, the disk would read or overwrite the mark.
 */
TEST_F_TIMEOUT(loop, other_memory_at_one_iova, 600)
{
	struct disk *d = &self->disk;
	char *last = NULL;
	int round;

	for (round = 1; round <= ROUNDS; round++) {
		char *out = anon_pages(2);
		char *in = out + PAGE;

		ASSERT_NE(MAP_FAILED, out);
		fill((__u64 *)out, round);
		memset(in, 0, PAGE);
		ASSERT_EQ(0, ioas_map(d->iommu, d->ioas, out, 2 * PAGE, IOVA));
		ASSERT_EQ(0, nvme_write(&d->nvme, LBA, IOVA, PAGE));
		ASSERT_EQ(0, nvme_read(&d->nvme, LBA, IOVA + PAGE, PAGE));
		ASSERT_EQ(0, differs((__u64 *)in, round))
			TH_LOG("round %d: the page has other data", round);
		ASSERT_EQ(0, ioas_unmap(d->iommu, d->ioas, IOVA,
					2 * PAGE));
		if (last) {
			ASSERT_TRUE(filled(last, 0xff, 2 * PAGE))
				TH_LOG("round %d: wrote to older memory",
				       round);
			ASSERT_EQ(0, munmap(last, 2 * PAGE));
		}
		memset(out, 0xff, 2 * PAGE);
		last = out;
	}
}

struct sizes {
	__u64 state;		/* of any() */
	char *slots;		/* the memory of two rounds, HUGE aligned */
	unsigned int huge;	/* HUGE aligned parts that were one huge page */
	unsigned int small;	/* or small pages, */
	unsigned int mixed;	/* and mappings that had both */
};

static unsigned int any(struct sizes *sizes, unsigned int n)
{
	return chance_below(&sizes->state, n);
}

/* Each power of two comes first as it is, and then as the most that may come */
static size_t any_length(struct sizes *sizes, unsigned int round)
{
	unsigned int most = 1 << round % SIZES;

	return (round / SIZES % 2 ? 1 + any(sizes, most) : most) * PAGE;
}

static bool is_huge_page(const char *memory)
{
	__u64 pfn = frame_of(memory);

	return pfn && pfn % HUGE_PAGES == 0 &&
	       frame_of(memory + HUGE - PAGE) == pfn + HUGE_PAGES - 1;
}

/* New memory for a slot; by chance, each part of it is in huge or small pages. */
static bool renew(struct sizes *sizes, char *slot)
{
	size_t at;

	if (mmap(slot, SLOT, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != slot)
		return false;
	for (at = 0; at < SLOT; at += HUGE)
		if (madvise(slot + at, HUGE, any(sizes, 2) ? MADV_HUGEPAGE :
							     MADV_NOHUGEPAGE))
			return false;
	return true;
}

static void count_pages(struct sizes *sizes, const char *memory, size_t length)
{
	const char *part = memory + -(uintptr_t)memory % HUGE;
	unsigned int huge = 0, small = 0;

	for (; part + HUGE <= memory + length; part += HUGE)
		if (is_huge_page(part))
			huge++;
		else
			small++;
	sizes->huge += huge;
	sizes->small += small;
	sizes->mixed += huge && small;
}

/*
 * In each round the disk reads new memory, and then writes what it has read into
 * the same memory, cleared meanwhile.  Half of the mappings start at the IOVA
 * that allows for huge pages where the memory has some.  The memory of the round
 * before is still there, marked.
 */
TEST_F_TIMEOUT(loop, other_sizes_at_one_iova, 600)
{
	struct disk *d = &self->disk;
	time_t end = time(NULL) +
		     setting("SECONDS", in_debug_kernel() ? 600 : 10);
	__u64 seed = setting("SEED", time(NULL));
	struct sizes sizes = { .state = chance_begin(seed) };
	size_t length, offset, last_length = 0;
	char *memory, *last = NULL;
	unsigned int round;
	__u64 iova;

	TH_LOG("seed %llu", seed);
	sizes.slots = mmap(NULL, 2 * SLOT + HUGE, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, sizes.slots);
	sizes.slots += -(uintptr_t)sizes.slots % HUGE;

	for (round = 0; round < LEAST || time(NULL) < end; round++) {
		length = any_length(&sizes, round);
		offset = any(&sizes, 2) * any(&sizes, HUGE_PAGES) * PAGE;
		iova = IOVA + (any(&sizes, 2) ? offset :
			       any(&sizes, HUGE_PAGES) * PAGE);
		memory = sizes.slots + round % 2 * SLOT;
		ASSERT_TRUE(renew(&sizes, memory));
		memory += offset;
		fill_pages(memory, length, round);
		count_pages(&sizes, memory, length);

		ASSERT_EQ(0, ioas_map(d->iommu, d->ioas, memory, length, iova));
		ASSERT_EQ(0, nvme_write(&d->nvme, LBA, iova, length));
		memset(memory, 0, length);
		ASSERT_EQ(0, nvme_read(&d->nvme, LBA, iova, length));
		ASSERT_EQ(0, pages_differ(memory, length, round))
			TH_LOG("round %u: the memory has other data", round);
		ASSERT_EQ(0, ioas_unmap(d->iommu, d->ioas, iova, length));
		if (last)
			ASSERT_TRUE(filled(last, 0xff, last_length))
				TH_LOG("round %u: wrote to older memory",
				       round);
		memset(memory, 0xff, length);
		last = memory;
		last_length = length;
	}
	TH_LOG("%u rounds, %u huge pages, %u times small ones, %u mappings of both",
	       round, sizes.huge, sizes.small, sizes.mixed);
	EXPECT_LT(0, sizes.huge);
	EXPECT_LT(0, sizes.small);
	EXPECT_LT(0, sizes.mixed);
}

/*
 * QEMU's controller does not report a DMA that the IOMMU blocks; the kernel
 * does.  The disk goes on working.
 */
TEST_F_TIMEOUT(loop, nothing_is_there_after_unmap, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	struct disk *d = &self->disk;
	char *memory = anon_pages(1);

	ASSERT_NE(MAP_FAILED, memory);
	fill((__u64 *)memory, 0);
	ASSERT_EQ(0, ioas_map(d->iommu, d->ioas, memory, PAGE, IOVA));
	ASSERT_EQ(0, nvme_write(&d->nvme, LBA, IOVA, PAGE));
	ASSERT_EQ(0, ioas_unmap(d->iommu, d->ioas, IOVA, PAGE));

	memset(memory, 'm', PAGE);
	EXPECT_TRUE(DMA_FAULTS((nvme_read(&d->nvme, LBA, IOVA, PAGE), true),
			       NVME, "DMA Write", IOVA));
	EXPECT_TRUE(filled(memory, 'm', PAGE));
	EXPECT_TRUE(DMA_FAULTS((nvme_write(&d->nvme, LBA, IOVA, PAGE), true),
			       NVME, "DMA Read", IOVA));

	/* The content of the disk has not come from our memory */
	ASSERT_EQ(0, ioas_map(d->iommu, d->ioas, memory, PAGE, IOVA));
	ASSERT_EQ(0, nvme_read(&d->nvme, LBA, IOVA, PAGE));
	EXPECT_EQ(NULL, memchr(memory, 'm', PAGE));
}

/* A transfer larger than one command, page by page through PRP lists */
TEST_F_TIMEOUT(loop, large_transfer, PATIENCE)
{
	struct disk *d = &self->disk;
	const size_t pages = 1024;
	char *memory = anon_pages(pages);

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, ioas_map(d->iommu, d->ioas, memory, pages * PAGE,
			      IOVA));
	fill_pages(memory, pages * PAGE, 1);
	ASSERT_EQ(0, nvme_write(&d->nvme, LBA, IOVA, pages * PAGE));
	memset(memory, 0, pages * PAGE);
	ASSERT_EQ(0, nvme_read(&d->nvme, LBA, IOVA, pages * PAGE));
	ASSERT_EQ(0, pages_differ(memory, pages * PAGE, 1));
}

TEST_HARNESS_MAIN
