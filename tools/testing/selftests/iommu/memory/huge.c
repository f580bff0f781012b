// SPDX-License-Identifier: GPL-2.0-only
/*
 * Huge pages of a process are pinned at once, with the same result as page by
 * page: events that could come between the look at a huge page and the PFNs
 * that a device is given.  Each test is a sentence of "Huge pages" in
 * Documentation/memory.md.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>

#include "mock.h"
#include "smaps.h"

#define AT		(64 * HUGE)
#define NHUGE		3UL
#define MEMORY		(NHUGE * HUGE)
#define NPAGES		(MEMORY / PAGE)
#define NOBODY		65534
#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define NO_HINT		MOCK_PARAMETERS "no_huge_hint"

/* A disk that no other test of this profile uses, of 64 MiB */
#define DISK		"0000:00:05.0"
#define SWAP		"/dev/nvme0n1"
#define SWAP_PAGES	((64U << 20) / PAGE)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

static char *place(void)
{
	return anon_aligned(MEMORY, HUGE);
}

/* The first byte of each page is enough, and faster. */
static char *fill(char *va, size_t length, char c)
{
	size_t i;

	for (i = 0; i < length; i += PAGE)
		va[i] = c;
	return va;
}

static char *get_anon(size_t length)
{
	char *va = anon_aligned(length, HUGE);

	if (!va || madvise(va, length, MADV_HUGEPAGE))
		return NULL;
	return fill(va, length, 1);
}

static char *get_shmem(size_t length)
{
	char *va = anon_aligned(length, HUGE);

	if (write_file(SHMEM_ENABLED, "advise") || !va ||
	    mmap(va, length, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != va ||
	    madvise(va, length, MADV_HUGEPAGE))
		return NULL;
	return fill(va, length, 1);
}

static char *get_hugetlb(size_t length)
{
	char *va;

	if (write_file(NR_HUGEPAGES, "8"))
		return NULL;
	va = mmap(NULL, length, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	return va == MAP_FAILED ? NULL : fill(va, length, 1);
}

FIXTURE(huge)
{
	int fd;
	__u32 ioas_id;
	struct mock_dev dev;
	char *va;
	long pinned;
};

FIXTURE_VARIANT(huge)
{
	char *(*get)(size_t length);
	const char *field;	/* of smaps: the part in huge pages */
	bool whole;		/* huge pages are always mapped whole */
	bool shared;
	bool no_hint;		/* see iopt_is_huge(): no first check */
};

FIXTURE_VARIANT_ADD(huge, anon)
{
	.get = get_anon,
	.field = "AnonHugePages:",
};

FIXTURE_VARIANT_ADD(huge, anon_no_hint)
{
	.get = get_anon,
	.field = "AnonHugePages:",
	.no_hint = true,
};

FIXTURE_VARIANT_ADD(huge, shmem)
{
	.get = get_shmem,
	.field = "ShmemPmdMapped:",
	.shared = true,
};

FIXTURE_VARIANT_ADD(huge, shmem_no_hint)
{
	.get = get_shmem,
	.field = "ShmemPmdMapped:",
	.shared = true,
	.no_hint = true,
};

FIXTURE_VARIANT_ADD(huge, hugetlb)
{
	.get = get_hugetlb,
	.field = "Private_Hugetlb:",
	.whole = true,
};

FIXTURE_VARIANT_ADD(huge, hugetlb_no_hint)
{
	.get = get_hugetlb,
	.field = "Private_Hugetlb:",
	.whole = true,
	.no_hint = true,
};

FIXTURE_SETUP(huge)
{
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, write_file(NO_HINT, variant->no_hint ? "Y" : "N"));
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	self->va = variant->get(MEMORY);
	ASSERT_NE(NULL, self->va);
	ASSERT_EQ((long)MEMORY / 1024, smaps_kib(self->va, variant->field));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
}

FIXTURE_TEARDOWN(huge)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	munmap(self->va, MEMORY);
	swapoff(SWAP);
	write_file(NO_HINT, "N");
	write_file(SHMEM_ENABLED, "never");
	write_file(NR_HUGEPAGES, "0");
}

#define MAP_ALL()							\
	ioas_map(self->fd, self->ioas_id, self->va, MEMORY, AT)
#define UNMAP_ALL()							\
	ioas_unmap(self->fd, self->ioas_id, AT, MEMORY)
/* Does the device have, at AT + offset, the memory that va has? */
#define SEES(va, offset, length)					\
	mock_check_map(self->fd, self->dev.hwpt_id, va, length,		\
		       AT + (offset))

TEST_F(huge, each_page_gets_a_pin)
{
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ((long)NPAGES, PINNED());
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
	EXPECT_EQ(0, UNMAP_ALL());
	EXPECT_EQ(0, PINNED());
}

TEST_F(huge, each_page_is_charged)
{
	struct rlimit memlock = { MEMORY - PAGE, MEMORY - PAGE };
	int status;
	pid_t pid = fork();
	char *va;

	ASSERT_LE(0, pid);
	if (!pid) {
		va = variant->get(MEMORY);
		if (!va || setrlimit(RLIMIT_MEMLOCK, &memlock) ||
		    setresuid(NOBODY, NOBODY, NOBODY))
			_exit(1);
		if (ioas_map(self->fd, self->ioas_id, va, MEMORY, AT) !=
		    -ENOMEM)
			_exit(2);
		_exit(ioas_map(self->fd, self->ioas_id, va, MEMORY - PAGE, AT) ?
			      3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ((long)NPAGES - 1, PINNED());
}

TEST_F(huge, read_only_mapping)
{
	__u64 iova = AT;

	ASSERT_EQ(0, ioas_map_flags(self->fd, self->ioas_id, FIXED | READABLE,
				    self->va, MEMORY, &iova));
	EXPECT_EQ((long)NPAGES, PINNED());
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
}

/*
 * One page of a huge page was freed, and is another page now.  (Shared memory
 * keeps the page, but maps it by itself.)
 */
TEST_F(huge, a_page_was_replaced)
{
	char *page = self->va + HUGE + 77 * PAGE;

	if (variant->whole)
		SKIP(return, "hugetlbfs has no smaller pages");
	ASSERT_EQ(0, madvise(page, PAGE, MADV_DONTNEED));
	*page = 3;
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ((long)NPAGES, PINNED());
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
}

TEST_F(huge, a_page_was_mapped_anew)
{
	char *page = self->va + HUGE + 300 * PAGE;

	if (variant->whole)
		SKIP(return, "hugetlbfs unmaps whole pages");
	ASSERT_EQ(0, munmap(page, PAGE));
	ASSERT_EQ(page, mmap(page, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			     -1, 0));
	*page = 3;
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ((long)NPAGES, PINNED());
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
}

TEST_F(huge, a_page_cannot_be_written)
{
	char *page = self->va + 2 * HUGE - PAGE;

	if (variant->whole)
		SKIP(return, "hugetlbfs protects whole pages");
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, MAP_ALL());
	EXPECT_EQ(0, PINNED());
	ASSERT_EQ(0, mprotect(page, PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, MAP_ALL());
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
}

TEST_F(huge, a_page_is_missing)
{
	if (variant->whole)
		SKIP(return, "hugetlbfs unmaps whole pages");
	ASSERT_EQ(0, munmap(self->va + HUGE + 5 * PAGE, PAGE));
	EXPECT_EQ(-EFAULT, MAP_ALL());
	EXPECT_EQ(0, PINNED());
}

/* The second half is that of another huge page. */
TEST_F(huge, half_of_another_page)
{
	char *half = self->va + HUGE / 2;

	if (variant->whole)
		SKIP(return, "hugetlbfs moves whole pages");
	ASSERT_EQ(half, mremap(self->va + 2 * HUGE + HUGE / 2, HUGE / 2,
			       HUGE / 2, MREMAP_MAYMOVE | MREMAP_FIXED, half));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->va, 2 * HUGE, AT));
	EXPECT_EQ(0, SEES(self->va, 0, 2 * HUGE));
}

/* Addresses do not matter once memory is pinned. */
TEST_F(huge, moves_to_another_address)
{
	char *to;

	if (variant->whole)
		SKIP(return, "6.1 does not move a private mapping of hugetlbfs");
	to = place();
	ASSERT_NE(NULL, to);
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(to, mremap(self->va, MEMORY, MEMORY,
			     MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(0, SEES(to, 0, MEMORY));
	self->va = to;
}

TEST_F(huge, is_unmapped_in_part)
{
	char *hole = self->va + HUGE + HUGE / 4;

	if (variant->whole)
		SKIP(return, "hugetlbfs unmaps whole pages");
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, munmap(hole, HUGE / 2));
	EXPECT_EQ((long)NPAGES, PINNED());
	EXPECT_EQ(0, SEES(self->va, 0, hole - self->va));
	EXPECT_EQ(0, SEES(hole + HUGE / 2, hole + HUGE / 2 - self->va,
			  self->va + MEMORY - hole - HUGE / 2));
	EXPECT_EQ(0, UNMAP_ALL());
	EXPECT_EQ(0, PINNED());
}

/* A child that answers whether a range is as it was at the fork */
struct witness {
	pid_t pid;
	int ask;
};

static int witness_start(struct witness *w, const char *va, size_t length)
{
	int fds[2];
	size_t i;
	char c;

	if (pipe(fds))
		return -errno;
	w->ask = fds[1];
	w->pid = fork();
	if (!w->pid) {
		close(fds[1]);
		if (read(fds[0], &c, 1) != 1)
			_exit(1);
		for (i = 0; i < length; i += PAGE)
			if (va[i] != 1)
				_exit(2);
		_exit(0);
	}
	close(fds[0]);
	return w->pid < 0 ? -errno : 0;
}

/* The exit code of the child, 0 if the range is unchanged, or -1 */
static int witness_ask(struct witness *w)
{
	int status;

	if (write(w->ask, "", 1) != 1 || close(w->ask) ||
	    waitpid(w->pid, &status, 0) != w->pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* A write after a fork gives the writer a new page, unless it is pinned. */
TEST_F(huge, the_parent_keeps_its_pages)
{
	struct witness w;

	if (variant->shared)
		SKIP(return, "shared memory is not copied");
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, witness_start(&w, self->va, MEMORY));
	fill(self->va, MEMORY, 4);
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
	EXPECT_EQ(0, witness_ask(&w));
}

/* Memory that a child shares is copied before a device may write to it. */
TEST_F(huge, the_child_keeps_its_content)
{
	struct witness w;

	if (variant->shared)
		SKIP(return, "shared memory is not copied");
	ASSERT_EQ(0, witness_start(&w, self->va, MEMORY));
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ((long)NPAGES, PINNED());
	fill(self->va, MEMORY, 5);
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
	EXPECT_EQ(0, witness_ask(&w));
}

/* Also if the child shares only the second half of a huge page. */
TEST_F(huge, the_child_keeps_its_half)
{
	char *half = self->va + HUGE + HUGE / 2;
	struct witness w;

	if (variant->shared)
		SKIP(return, "shared memory is not copied");
	if (variant->whole)
		SKIP(return, "hugetlbfs shares whole pages");
	ASSERT_EQ(0, madvise(self->va + HUGE, HUGE / 2, MADV_DONTFORK));
	ASSERT_EQ(0, witness_start(&w, half, HUGE / 2));
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ((long)NPAGES, PINNED());
	fill(self->va, MEMORY, 5);
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
	EXPECT_EQ(0, witness_ask(&w));
}

/* Memory that is no longer shared may be written to, or copied. */
TEST_F(huge, the_child_is_gone)
{
	struct witness w;

	if (variant->shared)
		SKIP(return, "shared memory is not copied");
	ASSERT_EQ(0, witness_start(&w, self->va, MEMORY));
	ASSERT_EQ(0, witness_ask(&w));
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ((long)NPAGES, PINNED());
	fill(self->va, MEMORY, 5);
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
}

/* Let the kernel swap to the disk. */
static int swap_on(void)
{
	const __u32 version_and_last[] = { 1, SWAP_PAGES - 1 };
	static char header[PAGE];
	unsigned int i;
	int fd = -1, rc = 0;

	if (system("../../vm/bind nvme " DISK))
		return -ENODEV;
	/* The driver looks for namespaces in the background. */
	for (i = 0; fd < 0 && i < 200 * time_factor(); i++) {
		usleep(50000);
		fd = open(SWAP, O_WRONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	memcpy(header + 1024, version_and_last, sizeof(version_and_last));
	memcpy(header + PAGE - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, header, PAGE, 0) != PAGE || fsync(fd))
		rc = -EIO;
	close(fd);
	if (rc)
		return rc;
	return swapon(SWAP, 0) ? -errno : 0;
}

static int swap_off(void)
{
	if (swapoff(SWAP))
		return -errno;
	return system("../../vm/bind - " DISK);
}

static int split_all(const char *va)
{
	char range[128];

	if (mount("none", "/sys/kernel/debug", "debugfs", 0, NULL) &&
	    errno != EBUSY)
		return -errno;
	snprintf(range, sizeof(range), "%d,0x%llx,0x%llx", getpid(), addr(va),
		 addr(va) + MEMORY);
	return write_file("/sys/kernel/debug/split_huge_pages", range);
}

static int page_out(char *va)
{
	return madvise(va, MEMORY, MADV_PAGEOUT) ? -errno : 0;
}

TEST_F(huge, is_not_split)
{
	int tries;

	if (variant->whole)
		SKIP(return, "hugetlbfs is not split");
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, split_all(self->va));
	EXPECT_EQ((long)MEMORY / 1024, smaps_kib(self->va, variant->field));
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
	EXPECT_EQ((long)NPAGES, PINNED());

	/*
	 * Once they are unpinned, huge pages are split, but for those that the
	 * kernel holds for a moment: it is asked again.
	 */
	EXPECT_EQ(0, UNMAP_ALL());
	for (tries = 0; tries < 100; tries++) {
		ASSERT_EQ(0, split_all(self->va));
		if (!smaps_kib(self->va, variant->field))
			break;
		usleep(10000);
	}
	EXPECT_EQ(0, smaps_kib(self->va, variant->field));
}

TEST_F(huge, is_not_swapped_out)
{
	if (variant->whole)
		SKIP(return, "hugetlbfs is not swapped out");
	ASSERT_EQ(0, swap_on());
	EXPECT_EQ(0, MAP_ALL());
	EXPECT_EQ(0, page_out(self->va));
	EXPECT_EQ(0, smaps_kib(self->va, "Swap:"));
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
	EXPECT_EQ((long)NPAGES, PINNED());

	EXPECT_EQ(0, UNMAP_ALL());
	EXPECT_EQ(0, page_out(self->va));
	EXPECT_LT(0, smaps_kib(self->va, "Swap:"));
	EXPECT_EQ(0, swap_off());
}

/* Have the kernel make a new huge page of memory that is mapped by pages. */
static int collapse(char *va)
{
	if (mprotect(va, PAGE, PROT_READ) ||
	    mprotect(va, PAGE, PROT_READ | PROT_WRITE))
		return -errno;
	return madvise(va, HUGE, MADV_COLLAPSE) ? -errno : 0;
}

TEST_F(huge, is_not_moved)
{
	char *va = self->va + HUGE;
	__u64 frame = frame_of(va);

	if (variant->whole || variant->shared)
		SKIP(return, "only anonymous memory is collapsed elsewhere");
	ASSERT_NE(0, frame);
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_GT(0, collapse(va));
	EXPECT_EQ(0, write_file("/proc/sys/vm/compact_memory", "1"));
	EXPECT_EQ(frame, frame_of(va));
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
	EXPECT_EQ((long)NPAGES, PINNED());

	EXPECT_EQ(0, UNMAP_ALL());
	EXPECT_EQ(0, collapse(va));
	EXPECT_NE(frame, frame_of(va));
}

/* A process that attaches pins memory of the one that mapped, by pages. */
TEST_F(huge, is_pinned_by_another_process)
{
	struct mock_dev dev;
	int status, rc[2];
	__u32 other;
	pid_t pid;

	ASSERT_EQ(0, pipe(rc));
	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, ioas_map(self->fd, other, self->va, MEMORY, AT));
	EXPECT_EQ(0, PINNED());
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (mock_attach(self->fd, other, &dev) ||
		    write(rc[1], &dev, sizeof(dev)) != sizeof(dev))
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_EQ((ssize_t)sizeof(dev), read(rc[0], &dev, sizeof(dev)));
	EXPECT_EQ((long)NPAGES, PINNED());
	fill(self->va, MEMORY, 8);
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, self->va, MEMORY,
				    AT));
	close(rc[0]);
	close(rc[1]);
}

/* Each page has its own pin: a part of a huge page can be unpinned. */
TEST_F(huge, is_unpinned_in_part)
{
	struct mock_dev dev;
	__u32 other;

	ASSERT_EQ(0, ioas_alloc(self->fd, &other));
	ASSERT_EQ(0, mock_attach(self->fd, other, &dev));
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, ioas_copy(self->fd, other, self->ioas_id, HUGE, AT,
			       AT + HUGE / 2));
	ASSERT_EQ(0, UNMAP_ALL());
	EXPECT_EQ((long)(HUGE / PAGE), PINNED());
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id,
				    self->va + HUGE / 2, HUGE, AT));
	EXPECT_EQ(0, ioas_unmap(self->fd, other, AT, HUGE));
	EXPECT_EQ(0, PINNED());
}

/* Pins in many steps, none of which is a whole huge page */
TEST_F(huge, with_little_scratch_memory)
{
	ASSERT_EQ(0, mock_limit(self->fd, 100));
	EXPECT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, mock_limit(self->fd, SCRATCH));
	EXPECT_EQ((long)NPAGES, PINNED());
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
}

struct racer {
	char *va;
	atomic_bool stop;
	unsigned long rounds;
};

/* Split huge pages and collapse them, again and again. */
static void *race(void *arg)
{
	struct racer *r = arg;
	char *page = r->va + HUGE + 300 * PAGE;

	for (; !r->stop; r->rounds++) {
		madvise(page, PAGE, MADV_DONTNEED);
		*page = 6;
		mprotect(page + PAGE, PAGE, PROT_READ);
		mprotect(page + PAGE, PAGE, PROT_READ | PROT_WRITE);
		madvise(r->va, MEMORY, MADV_COLLAPSE);
	}
	return NULL;
}

TEST_F_TIMEOUT(huge, races_with_what_splits_it, 120)
{
	struct racer r = { .va = self->va };
	unsigned int i, mapped = 0;
	pthread_t thread;
	int rc;

	if (variant->whole)
		SKIP(return, "hugetlbfs is not split");
	ASSERT_EQ(0, pthread_create(&thread, NULL, race, &r));
	for (i = 0; i < patient_rounds(2000); i++) {
		rc = MAP_ALL();
		if (rc) {
			ASSERT_EQ(-EFAULT, rc);
			continue;
		}
		mapped++;
		ASSERT_EQ(0, UNMAP_ALL());
	}
	r.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, PINNED());
	EXPECT_LT(0, mapped);
	EXPECT_LT(0, r.rounds);

	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ((long)NPAGES, PINNED());
	EXPECT_EQ(0, SEES(self->va, 0, MEMORY));
}

/* A thread that acts on a huge page, once while it is being mapped */
struct rival {
	bool (*act)(struct rival *r);
	char *va;		/* a new huge page for each round */
	char *page;		/* one of its pages */
	char *aside;		/* address to put the page aside */
	atomic_bool *written;	/* shared with children */
	bool whole;
	unsigned int seed;
	unsigned int failed;
	atomic_uint begun, seen, done;
	atomic_long took;	/* ns, the last time */
	atomic_bool stop;
};

static long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

/* Wait for a random time below this. */
static void dawdle(unsigned int *seed, long ns)
{
	long end = now_ns() + ns * (rand_r(seed) % 1024) / 1024;

	while (now_ns() < end)
		;
}

static void *rival_run(void *arg)
{
	struct rival *r = arg;

	for (; !r->stop; sched_yield()) {
		if (r->done == r->begun)
			continue;
		r->seen++;
		dawdle(&r->seed, r->took / 4);
		r->failed += !r->act(r);
		r->done++;
	}
	return NULL;
}

/* Let the rival act before, during or after the code that follows. */
static void rival_begin(struct rival *r, unsigned int *seed)
{
	r->begun++;
	while (r->seen != r->begun)
		sched_yield();
	dawdle(seed, 2 * r->took);
}

static void rival_wait(struct rival *r)
{
	while (r->done != r->begun)
		sched_yield();
}

static unsigned int sum(const char *va, const char *end)
{
	unsigned int n = 0;

	for (; va < end; va += PAGE)
		n += *va;
	return n;
}

/*
 * Have a child whose memory does not change, not even after all is written.
 * Every other time it lacks the first half of a huge page.
 */
static bool fork_once(struct rival *r)
{
	char *from = r->va, *end = from + HUGE;
	pid_t parent = getpid(), pid;
	long start = now_ns();
	unsigned int before;
	int status;

	if (!r->whole && r->begun % 2) {
		if (madvise(from, HUGE / 2, MADV_DONTFORK))
			return false;
		from += HUGE / 2;
	}
	pid = fork();
	if (!pid) {
		before = sum(from, end);
		while (!*r->written && getppid() == parent)
			sched_yield();
		_exit(sum(from, end) != before);
	}
	r->took = now_ns() - start;
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

TEST_F_TIMEOUT(huge, races_with_fork, 120)
{
	struct rival r = { .act = fork_once, .whole = variant->whole };
	unsigned int i, seed = 1;
	pthread_t thread;

	if (variant->shared)
		SKIP(return, "shared memory is not copied");
	r.written = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, r.written);
	ASSERT_EQ(0, pthread_create(&thread, NULL, rival_run, &r));
	for (i = 0; i < patient_rounds(100); i++) {
		r.va = variant->get(HUGE);
		ASSERT_NE(NULL, r.va);
		ASSERT_EQ((long)HUGE / 1024, smaps_kib(r.va, variant->field));
		*r.written = false;
		rival_begin(&r, &seed);
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, r.va, HUGE, AT));
		fill(r.va, HUGE, 7);
		*r.written = true;
		ASSERT_EQ(0, SEES(r.va, 0, HUGE));
		ASSERT_EQ((long)(HUGE / PAGE), PINNED());
		ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, HUGE));
		ASSERT_EQ(0, PINNED());
		rival_wait(&r);
		ASSERT_EQ(0, r.failed);
		munmap(r.va, HUGE);
	}
	r.stop = true;
	pthread_join(thread, NULL);
	munmap(r.written, PAGE);
}

/* Replace a page by another one. */
static bool replace_once(struct rival *r)
{
	long start = now_ns();

	if (mremap(r->page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   r->aside) != r->aside ||
	    mmap(r->page, PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) !=
		    r->page)
		return false;
	*r->page = 7;
	r->took = now_ns() - start;
	return true;
}

/*
 * The device has one of the two pages, and all other pages, or the map failed.
 * It has the new page if that was there before the map.
 */
TEST_F_TIMEOUT(huge, races_with_a_replaced_page, 120)
{
	struct rival r = { .act = replace_once };
	unsigned int i, offset, seed = 1;
	unsigned int olds = 0, news = 0, none = 0;
	pthread_t thread;
	int rc, old, new;
	bool late;

	if (variant->whole)
		SKIP(return, "hugetlbfs moves whole pages");
	r.aside = anon(PAGE);
	ASSERT_NE(NULL, r.aside);
	ASSERT_EQ(0, pthread_create(&thread, NULL, rival_run, &r));
	for (i = 0; i < patient_rounds(100); i++) {
		r.va = variant->get(HUGE);
		ASSERT_NE(NULL, r.va);
		ASSERT_EQ((long)HUGE / 1024, smaps_kib(r.va, variant->field));
		offset = rand_r(&seed) % (HUGE / PAGE) * PAGE;
		r.page = r.va + offset;
		rival_begin(&r, &seed);
		late = r.done == r.begun;
		rc = ioas_map(self->fd, self->ioas_id, r.va, HUGE, AT);
		rival_wait(&r);
		ASSERT_EQ(0, r.failed);
		if (rc) {
			ASSERT_EQ(-EFAULT, rc);
			ASSERT_FALSE(late);
			none++;
		} else {
			ASSERT_EQ((long)(HUGE / PAGE), PINNED());
			ASSERT_EQ(0, SEES(r.va, 0, offset));
			ASSERT_EQ(0, SEES(r.page + PAGE, offset + PAGE,
					  HUGE - offset - PAGE));
			old = SEES(r.aside, offset, PAGE);
			new = SEES(r.page, offset, PAGE);
			ASSERT_EQ(-EINVAL, old + new);
			if (late)
				ASSERT_EQ(0, new);
			olds += !old;
			news += !new;
			ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT,
						HUGE));
		}
		ASSERT_EQ(0, PINNED());
		munmap(r.va, HUGE);
	}
	r.stop = true;
	pthread_join(thread, NULL);
	munmap(r.aside, PAGE);
	TH_LOG("the former page %u times, the latter %u times, none %u times",
	       olds, news, none);
}

/*
 * Two processes that map at least 1 GiB of a file of hugetlbfs, aligned to 1
 * GiB, share the tables of its huge pages.
 */
#define GiB		(512 * HUGE)

static char *map_gib(char *va, int file)
{
	return mmap(va, GiB, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, file, 0);
}

static long faults_of(const char *va, size_t length)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	if (!sum(va, va + length))
		return -1;
	getrusage(RUSAGE_SELF, &after);
	return after.ru_minflt - before.ru_minflt;
}

/* Share the tables, and unshare them, until the parent is gone. */
static void share_tables(char *va, int file, int started, pid_t parent)
{
	for (bool first = true; getppid() == parent; first = false) {
		/* One fault maps all pages of the parent's table. */
		faults_of(va, PAGE);
		if (faults_of(va, MEMORY) && first)
			_exit(1);
		if (first && write(started, "", 1) != 1)
			_exit(2);
		if (munmap(va, GiB) || map_gib(va, file) != va)
			_exit(3);
	}
	_exit(4);
}

TEST_F_TIMEOUT(huge, has_shared_tables, 120)
{
	int file, started[2];
	pid_t parent = getpid(), pid;
	char *room, *va, c;
	unsigned int i;

	if (!variant->whole)
		SKIP(return, "only hugetlbfs shares tables");
	file = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, GiB));
	room = mmap(NULL, 2 * GiB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	ASSERT_NE(MAP_FAILED, room);
	va = (char *)((addr(room) + GiB - 1) & ~(GiB - 1));
	ASSERT_EQ(va, map_gib(va, file));
	fill(va, MEMORY, 1);
	ASSERT_EQ(0, pipe(started));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		share_tables(va, file, started[1], parent);
	close(started[1]);
	ASSERT_EQ(1, read(started[0], &c, 1));
	for (i = 0; i < patient_rounds(60); i++) {
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, va, MEMORY, AT));
		ASSERT_EQ((long)NPAGES, PINNED());
		ASSERT_EQ(0, SEES(va, 0, MEMORY));
		/* Begin with a table of its own, too */
		ASSERT_EQ(0, munmap(va, GiB));
		ASSERT_EQ(va, map_gib(va, file));
		ASSERT_EQ(0, SEES(va, 0, MEMORY));
		ASSERT_EQ(0, UNMAP_ALL());
	}
	ASSERT_EQ(0, waitpid(pid, NULL, WNOHANG));
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));
	munmap(room, 2 * GiB);
	close(started[0]);
	close(file);
}

TEST_HARNESS_MAIN
