// SPDX-License-Identifier: GPL-2.0-only
/*
 * Physical pages in any order: each page of IOVA gets its own PFN, whatever the
 * contiguous PFN ranges, and wherever a mapping begins and ends.  And pages are
 * dirty once a device may have written to them.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "mock.h"
#include "smaps.h"

#define AT		(64 * HUGE)
#define NCHUNKS		2UL
#define CHUNK		(HUGE / PAGE)		/* pages */
#define NPAGES		(NCHUNKS * CHUNK)
#define ROUNDS		40
#define KILLS		20
#define KPF_DIRTY	4

/*
 * Memory of a file, mapped page by page: consecutive offsets have consecutive
 * PFNs, always if the file is in huge pages, and mostly if not.
 */
FIXTURE(frames)
{
	int fd;
	__u32 ioas_id;
	__u32 all;	/* IOAS with all of it at AT, no domain */
	struct mock_dev dev;
	char *va;
	long pinned;
	unsigned int seed;
};

FIXTURE_VARIANT(frames)
{
	unsigned int longest;	/* most pages in a contiguous PFN range */
	unsigned int gap;	/* pages from one longer range to the next */
	bool huge;		/* the file is in huge pages */
	bool by_page;		/* huge pages of the IOMMU are not allowed */
};

FIXTURE_VARIANT_ADD(frames, single) { .longest = 1 };
FIXTURE_VARIANT_ADD(frames, single_of_huge_pages) { 1, .huge = true };
FIXTURE_VARIANT_ADD(frames, single_and_few) { 3, 7 };
FIXTURE_VARIANT_ADD(frames, single_and_few_of_huge_pages) { 3, 7, .huge = true };
FIXTURE_VARIANT_ADD(frames, pairs_of_huge_pages) { 2, 1, .huge = true };
FIXTURE_VARIANT_ADD(frames, runs) { 40, 1 };
FIXTURE_VARIANT_ADD(frames, runs_of_huge_pages) { 40, 1, .huge = true };
FIXTURE_VARIANT_ADD(frames, runs_mapped_by_page) { 40, 1, .by_page = true };

static unsigned int pick(unsigned int *seed, unsigned int n)
{
	return rand_r(seed) % n;
}

/* Map a range of the file at once: many small mappings take long. */
static int remap(char *va, int file, unsigned long page, unsigned long frame,
		 unsigned long npages)
{
	return mmap(va + page * PAGE, npages * PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED, file,
		    frame * PAGE) == MAP_FAILED ? -errno : 0;
}

/* Lay the file out backwards, but for ranges that go forward. */
static char *lay_out(unsigned int longest, unsigned int gap, bool in_huge_pages,
		     unsigned int *seed)
{
	unsigned long end = NPAGES, page = 0, i, n;
	char *va = anon_aligned(NPAGES * PAGE, HUGE);
	int file = memfd_create("frames", MFD_CLOEXEC);

	if (!va || file < 0 || ftruncate(file, NPAGES * PAGE) ||
	    write_file(SHMEM_ENABLED, in_huge_pages ? "advise" : "never"))
		return NULL;
	if (mmap(va, NPAGES * PAGE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, file, 0) != va ||
	    madvise(va, NPAGES * PAGE, MADV_HUGEPAGE))
		return NULL;
	for (i = 0; i < NPAGES; i++)
		va[i * PAGE] = 1;
	if (in_huge_pages &&
	    smaps_kib(va, "ShmemPmdMapped:") != NPAGES * PAGE / 1024)
		return NULL;
	while (end) {
		n = gap && !pick(seed, gap) ? 1 + pick(seed, longest) : 1;
		if (n > end)
			n = end;
		end -= n;
		if (remap(va, file, page, end, n))
			return NULL;
		page += n;
	}
	close(file);
	return va;
}

FIXTURE_SETUP(frames)
{
	self->seed = 1;
	ASSERT_EQ(0, mock_load());
	self->va = lay_out(variant->longest, variant->gap, variant->huge,
			   &self->seed);
	ASSERT_NE(NULL, self->va);
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				      self->ioas_id, !variant->by_page));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->all));
	ASSERT_EQ(0, ioas_map(self->fd, self->all, self->va, NPAGES * PAGE,
			      AT));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(frames)
{
	EXPECT_EQ(0, mock_limit(self->fd, SCRATCH));
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_unload());
	EXPECT_EQ(0, write_file(SHMEM_ENABLED, "never"));
}

/*
 * Map bytes from @start on, or copy them from the IOAS @from, check, and unmap
 * them.  Only a mapping that begins at a border of chunks and is not short has
 * its chunks where the memory has them.  Returns 0 or a line number.
 */
static int go_through(int fd, __u32 ioas_id, __u32 from, __u32 hwpt_id,
		      const char *va, size_t start, size_t length, long before)
{
	long npages = (start + length + PAGE - 1) / PAGE - start / PAGE;
	__u64 iova = AT + start;

	if (from ? ioas_copy(fd, ioas_id, from, length, iova, iova) :
		   ioas_map(fd, ioas_id, va + start, length, iova))
		return __LINE__;
	if (mock_check_map(fd, hwpt_id, va + start, length, iova))
		return __LINE__;
	if (mock_refs_of(fd, va + start, length, 1))
		return __LINE__;
	if (pinned() - before != npages)
		return __LINE__;
	if (ioas_unmap(fd, ioas_id, iova, length))
		return __LINE__;
	if (mock_refs_of(fd, va + start, length, 0))
		return __LINE__;
	return pinned() == before ? 0 : __LINE__;
}

/* What mappings have to be multiples of */
#define UNIT (variant->by_page ? PAGE : HALF)

#define GO_THROUGH(from, start, length)                                      \
	go_through(self->fd, self->ioas_id, from, self->dev.hwpt_id,          \
		   self->va, start, length, self->pinned)

TEST_F(frames, around_where_a_chunk_ends)
{
	size_t first, last;

	for (first = CHUNK - 4; first < CHUNK + 3; first++)
		for (last = first; last < CHUNK + 3; last++)
			ASSERT_EQ(0, GO_THROUGH(self->all, first * PAGE,
						(last + 1 - first) * PAGE))
				TH_LOG("pages %zu to %zu", first, last);
}

TEST_F(frames, from_chunk_to_chunk)
{
	size_t n;

	for (n = 1; n <= NCHUNKS; n++)
		EXPECT_EQ(0, GO_THROUGH(0, 0, n * HUGE));
	EXPECT_EQ(0, GO_THROUGH(0, PAGE, HUGE + 2 * PAGE));
	EXPECT_EQ(0, GO_THROUGH(0, HUGE - PAGE, HUGE + PAGE));
	EXPECT_EQ(0, GO_THROUGH(0, HUGE - UNIT, HUGE));
}

TEST_F_TIMEOUT(frames, anywhere, 120)
{
	unsigned int i, most;
	size_t start, length;

	for (i = 0; i < patient_rounds(ROUNDS); i++) {
		/* In units; most ranges are small, which is fast. */
		most = i % 4 ? 40 : NPAGES * PAGE / UNIT;
		length = 1 + pick(&self->seed, most);
		start = pick(&self->seed, NPAGES * PAGE / UNIT - length + 1);
		ASSERT_EQ(0, mock_limit(self->fd, i % 3 ? SCRATCH : 100));
		ASSERT_EQ(0, GO_THROUGH(i % 2 ? self->all : 0, start * UNIT,
					length * UNIT))
			TH_LOG("%zu units from %zu on", length, start);
	}
}

/* Pages that copies share are unpinned with the last copy, page by page. */
TEST_F(frames, unpinned_in_parts)
{
	const size_t length = 2 * HUGE, part = 100 * PAGE;
	struct mock_dev dev;
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_attach(self->fd, other, &dev));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->va, length, AT));
	ASSERT_EQ(0, ioas_copy(self->fd, other, self->ioas_id, part, AT,
			       AT + HUGE - part / 2));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, length));
	EXPECT_EQ((long)(part / PAGE), pinned() - self->pinned);
	EXPECT_EQ(0, mock_check_refs(self->fd, self->va, HUGE - part / 2, 0));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->va + HUGE - part / 2, part,
				     1));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->va + HUGE + part / 2,
				     HUGE - part / 2, 0));
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id,
				    self->va + HUGE - part / 2, part, AT));
	EXPECT_EQ(0, ioas_unmap(self->fd, other, AT, part));
	EXPECT_EQ(self->pinned, pinned());
}

/* A map that is killed has mapped everything, or leaves nothing. */
TEST_F_TIMEOUT(frames, killed_in_the_middle, 120)
{
	const size_t length = NPAGES * PAGE;
	long long left;
	unsigned int i;
	int status;
	pid_t pid;

	for (i = 0; i < patient_rounds(KILLS); i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			while (!ioas_map(self->fd, self->ioas_id, self->va,
					 length, AT) &&
			       !ioas_unmap(self->fd, self->ioas_id, AT, length))
				;
			_exit(1);
		}
		usleep(1000 + i * 1700);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status));
		left = ioas_empty(self->fd, self->ioas_id);
		EXPECT_TRUE(!left || left == (long long)length);
		EXPECT_EQ(self->pinned, pinned());
		ASSERT_EQ(0, GO_THROUGH(0, 0, length));
	}
}

/* If a domain's iotlb_sync_map fails, nothing is mapped, in any step. */
TEST_F(frames, not_seen_is_not_mapped)
{
	const size_t length = NPAGES * PAGE;
	struct mock_dev dev;

	if (!access(MOCK_PARAMETERS "map_one", F_OK))
		SKIP(return, "before 6.7 it cannot fail");
	ASSERT_EQ(0, write_file(MOCK_PARAMETERS "fail_sync", "1"));
	EXPECT_EQ(-ENOMEM, ioas_map(self->fd, self->ioas_id, self->va, length,
				    AT));
	EXPECT_EQ(-ENOMEM, ioas_map(self->fd, self->ioas_id, self->va, PAGE,
				    AT));
	EXPECT_EQ(-ENOMEM, mock_attach(self->fd, self->all, &dev));
	EXPECT_EQ(0, write_file(MOCK_PARAMETERS "fail_sync", "0"));
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_refs_of(self->fd, self->va, length, 0));
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, GO_THROUGH(0, 0, length));
	EXPECT_EQ(0, mock_attach(self->fd, self->all, &dev));
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, self->va, length,
				    AT));
}

TEST_F(frames, by_an_iommu_that_maps_one_page)
{
	struct mock_dev dev;
	__u32 other;

	if (access(MOCK_PARAMETERS "map_one", F_OK))
		SKIP(return, "from 6.7 on there is none");
	ASSERT_EQ(0, write_file(MOCK_PARAMETERS "map_one", "1"));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	EXPECT_EQ(0, mock_attach(self->fd, other, &dev));
	EXPECT_EQ(0, write_file(MOCK_PARAMETERS "map_one", "0"));
	EXPECT_EQ(0, go_through(self->fd, other, 0, dev.hwpt_id, self->va,
				HALF, HUGE + PAGE, self->pinned));
	EXPECT_EQ(0, go_through(self->fd, other, self->all, dev.hwpt_id,
				self->va, HUGE - 3 * PAGE, 6 * PAGE,
				self->pinned));
	EXPECT_EQ(0, go_through(self->fd, other, 0, dev.hwpt_id, self->va, 0,
				PAGE, self->pinned));
}

/* Small pages that nobody has marked dirty so far */
FIXTURE(dirtied)
{
	int fd;
	__u32 ioas_id;
	struct mock_dev dev;
	char *va;
	long pinned;
};

FIXTURE_VARIANT(dirtied)
{
	size_t npages;
};

FIXTURE_VARIANT_ADD(dirtied, one_page) { 1 };
FIXTURE_VARIANT_ADD(dirtied, some_pages) { 16 };
FIXTURE_VARIANT_ADD(dirtied, many_pages) { 1000 };

FIXTURE_SETUP(dirtied)
{
	size_t length = variant->npages * PAGE, i;

	ASSERT_EQ(0, mock_load());
	self->va = anon(length);
	ASSERT_NE(NULL, self->va);
	ASSERT_EQ(0, madvise(self->va, length, MADV_NOHUGEPAGE));
	/* The kernel hands out pages in order: make some not adjacent. */
	for (i = 0; i < length; i += 2 * PAGE)
		self->va[i] = 1;
	for (i = PAGE; i < length; i += 2 * PAGE)
		self->va[i] = 1;
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(dirtied)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_unload());
}

/* Number of pages that are dirty, -1 if some are not there */
static size_t count_dirty(const char *va, size_t npages)
{
	size_t n = 0;
	__u64 frame;

	for (; npages--; va += PAGE) {
		frame = frame_of(va);
		if (!frame)
			return -1;
		n += proc_word("/proc/kpageflags", frame) >> KPF_DIRTY & 1;
	}
	return n;
}

TEST_F(dirtied, if_a_device_could_write)
{
	const size_t length = variant->npages * PAGE;
	__u64 iova = AT;
	unsigned int i;

	ASSERT_EQ(0, count_dirty(self->va, variant->npages));
	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, FIXED | READABLE,
				    self->va, length, &iova));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, length));
	EXPECT_EQ(0, count_dirty(self->va, variant->npages));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->va, length, 0));

	/* In the second round, pages are unpinned that are dirty already. */
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->va, length,
				      AT));
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, length));
		EXPECT_EQ(variant->npages,
			  count_dirty(self->va, variant->npages));
		EXPECT_EQ(0, mock_check_refs(self->fd, self->va, length, 0));
		EXPECT_EQ(self->pinned, pinned());
	}
}

TEST_HARNESS_MAIN
