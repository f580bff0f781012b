// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much an IOMMU driver is asked to do in one call: the mock tells the most
 * that one call was to unmap, and how often it was flushed.  And between two
 * calls to map a process can be killed: the mock does that in a given call.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../../tracing.h"
#include "mock.h"
#include "smaps.h"

#define AT	(128 * MiB)
#define STEP	(128 * MiB)	/* the most in one call */
#define SMALL	(256 * 1024UL)	/* the same, set by a test */

FIXTURE(steps)
{
	int fd;
	__u32 ioas_id;
	__u32 other;	/* IOAS without a domain */
	struct mock_dev dev;
	char *huge;	/* HUGE bytes, contiguous */
	char *scattered; /* HUGE bytes, no two pages adjacent */
	long pinned;
};

/* Pages of a file, in an order in which none is next to its neighbour */
static char *lay_out(void)
{
	int file = memfd_create("steps", MFD_CLOEXEC);
	char *va = anon_aligned(HUGE, HUGE);
	unsigned long i;

	if (!va || file < 0 || ftruncate(file, HUGE) ||
	    posix_fallocate(file, 0, HUGE))
		return NULL;
	for (i = 0; i < HUGE / PAGE; i++) {
		if (mmap(va + i * PAGE, PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED | MAP_POPULATE, file,
			 i * 5 * PAGE % HUGE) == MAP_FAILED)
			return NULL;
	}
	close(file);
	return va;
}

FIXTURE_SETUP(steps)
{
	ASSERT_EQ(0, mock_load());
	self->huge = huge_pages(HUGE);
	ASSERT_NE(NULL, self->huge);
	ASSERT_LE((long)HUGE / 1024, smaps_kib(self->huge, "AnonHugePages:"));
	self->scattered = lay_out();
	ASSERT_NE(NULL, self->scattered);
	self->pinned = pinned();
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
}

FIXTURE_TEARDOWN(steps)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_unload());
}

static int counts_reset(void)
{
	return write_file(MOCK_PARAMETERS "largest_unmap", "0") ?:
	       write_file(MOCK_PARAMETERS "flushes", "0") ?:
	       write_file(MOCK_PARAMETERS "maps", "0");
}

static long parameter(const char *path)
{
	FILE *f = fopen(path, "re");
	long n;

	if (!f || fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

static long largest_unmap(void)
{
	return parameter(MOCK_PARAMETERS "largest_unmap");
}

static long flushes(void)
{
	return parameter(MOCK_PARAMETERS "flushes");
}

TEST_F(steps, an_unmap_is_one_call_and_one_flush)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->huge, HUGE, AT));
	ASSERT_EQ(0, counts_reset());
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, HUGE));
	EXPECT_EQ((long)HUGE, largest_unmap());
	EXPECT_EQ(1, flushes());
}

static long maps(void)
{
	return parameter(MOCK_PARAMETERS "maps");
}

/* Map the same HUGE bytes again and again, up to @length. */
static void map_often(struct __test_metadata *_metadata,
		      struct _test_data_steps *self, void *va, size_t length,
		      __u64 iova)
{
	size_t done;

	for (done = 0; done < length; done += HUGE)
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, va, HUGE,
				      iova + done));
}

#define MAP_OFTEN(va, length, iova)					     \
	map_often(_metadata, self, va, length, iova)

/* Set the most in one call; the teardown unloads the module, which resets it. */
static int set_step(unsigned long bytes)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", bytes);
	return write_file(MOCK_PARAMETERS "step_bytes", text);
}

/* Unmap what was mapped in many calls; contiguous mappings are one range. */
static int unmap(struct _test_data_steps *self, __u64 iova, size_t length)
{
	return counts_reset() ?:
	       ioas_unmap(self->fd, self->ioas_id, iova, length);
}

TEST_F_TIMEOUT(steps, a_long_unmap_is_many_calls, 120)
{
	MAP_OFTEN(self->huge, 2 * STEP + HUGE, AT);
	EXPECT_EQ(0, unmap(self, AT, 2 * STEP + HUGE));
	EXPECT_EQ((long)STEP, largest_unmap());
	/* The rest is flushed by itself, as calls of one length are. */
	EXPECT_EQ(2, flushes());
}

TEST_F(steps, small_pages_of_a_large_range)
{
	ASSERT_EQ(0, set_step(SMALL));
	MAP_OFTEN(self->scattered, 2 * HUGE, AT);
	EXPECT_EQ(0, unmap(self, AT, 2 * HUGE));
	EXPECT_EQ((long)SMALL, largest_unmap());
	EXPECT_EQ(1, flushes());
}

/*
 * An IOMMU with two sizes of pages cannot unmap a part of a page: the mock warns
 * of it.
 */
static int attach_two_sizes(struct _test_data_steps *self)
{
	__u32 id = self->dev.id;
	int rc;

	rc = mock_attach_flags(self->fd, self->ioas_id,
			       MOCK_FLAGS_DEVICE_TWO_SIZES, &self->dev);
	return rc ?: iommu_destroy(self->fd, id);
}

TEST_F(steps, a_page_that_is_larger_is_one_call)
{
	ASSERT_EQ(0, attach_two_sizes(self));
	ASSERT_EQ(0, set_step(SMALL));
	MAP_OFTEN(self->huge, 2 * HUGE, AT);
	EXPECT_EQ(0, unmap(self, AT, 2 * HUGE));
	EXPECT_EQ((long)MiB, largest_unmap());
	EXPECT_EQ(1, flushes());
}

/*
 * An IOMMU that unmaps a page as a whole, whatever is asked for, is never asked
 * for more, also where the memory could be in large pages and is not.
 */
TEST_F(steps, an_iommu_with_pages_of_all_sizes_is_asked_for_little)
{
	struct mock_dev dev;
	int huge;

	ASSERT_EQ(0, mock_attach(self->fd, self->other, &dev));
	ASSERT_EQ(0, set_step(SMALL));
	for (huge = 0; huge < 2; huge++) {
		ASSERT_EQ(0, iommu_option_set(self->fd,
					      IOMMU_OPTION_HUGE_PAGES,
					      self->other, huge));
		ASSERT_EQ(0, ioas_map(self->fd, self->other, self->huge, HUGE,
				      AT));
		ASSERT_EQ(0, counts_reset());
		EXPECT_EQ(0, ioas_unmap(self->fd, self->other, AT, HUGE));
		EXPECT_EQ((long)SMALL, largest_unmap());
		EXPECT_EQ(1, flushes());
	}
	/* Nothing is left there: the mock warns of a page that is mapped twice. */
	ASSERT_EQ(0, ioas_map(self->fd, self->other, self->scattered, HUGE, AT));
}

TEST_F(steps, pages_of_both_sizes_are_not_flushed_together)
{
	ASSERT_EQ(0, attach_two_sizes(self));
	ASSERT_EQ(0, set_step(SMALL));
	MAP_OFTEN(self->huge, 2 * HUGE, AT);
	MAP_OFTEN(self->scattered, HUGE, AT + 2 * HUGE);
	MAP_OFTEN(self->huge, HUGE, AT + 3 * HUGE);
	EXPECT_EQ(0, unmap(self, AT, 4 * HUGE));
	EXPECT_EQ((long)MiB, largest_unmap());
	EXPECT_EQ(3, flushes());
}

/* All of it is unmapped: the mock warns when it is mapped twice. */
static void map_and_unmap_anywhere(struct __test_metadata *_metadata,
				   struct _test_data_steps *self)
{
	static const unsigned long steps[] = { PAGE, SMALL, HUGE };
	static const size_t ends[] = { 0, PAGE, SMALL, SMALL + PAGE, MiB,
				       MiB + PAGE, HUGE - PAGE };
	char *const memory[] = { self->huge, self->scattered };
	size_t i, j, k, m;

	for (i = 0; i < ARRAY_LEN(steps); i++) {
		ASSERT_EQ(0, set_step(steps[i]));
		for (j = 0; j < ARRAY_LEN(ends); j++)
			for (k = 0; k < ARRAY_LEN(ends); k++)
				for (m = 0; m < ARRAY_LEN(memory); m++) {
					size_t start = ends[j];
					size_t end = HUGE - ends[k];

					if (start >= end)
						continue;
					ASSERT_EQ(0, ioas_map(self->fd,
							      self->ioas_id,
							      memory[m] + start,
							      end - start,
							      AT + start));
					ASSERT_EQ(0, unmap(self, AT + start,
							   end - start));
				}
	}
}

TEST_F_TIMEOUT(steps, wherever_a_range_begins_and_ends, 120)
{
	map_and_unmap_anywhere(_metadata, self);
}

TEST_F_TIMEOUT(steps, wherever_a_range_of_two_sizes_begins_and_ends, 120)
{
	ASSERT_EQ(0, attach_two_sizes(self));
	map_and_unmap_anywhere(_metadata, self);
}

TEST_F(steps, a_map_is_many_calls)
{
	ASSERT_EQ(0, set_step(SMALL));
	ASSERT_EQ(0, counts_reset());
	/* The memory and the IOVA are not aligned alike: all pages are small. */
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, self->huge, HUGE,
			      AT + HALF));
	EXPECT_EQ((long)(HUGE / SMALL) + 1, maps());
}

/* What was pinned is unpinned in such steps, too. */
#define UNPIN	"unpin_user_page_range_dirty_lock"

TEST_F(steps, an_unpin_is_many_calls)
{
	ASSERT_EQ(0, set_step(SMALL));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->huge, HUGE, AT));
	ASSERT_EQ(0, tracing_start_calls(UNPIN));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, HUGE));
	EXPECT_EQ((int)(HUGE / SMALL), calls(UNPIN));
	EXPECT_EQ(0, tracing_stop());
}

/*
 * A call that walks many areas lets others run after each.  A kernel that is
 * preempted anywhere does not call this function at all.
 */
#define RESCHED	"__cond_resched"
#define AREAS	32

TEST_F(steps, a_copy_of_many_areas_lets_others_run)
{
	__u32 to;
	int i;

	ASSERT_EQ(0, ioas_alloc(self->fd, &to));
	for (i = 0; i < AREAS; i++)
		ASSERT_EQ(0, ioas_map(self->fd, self->other, self->scattered,
				      PAGE, AT + i * PAGE));
	if (tracing_start_calls(RESCHED))
		SKIP(return, "this kernel is preempted without " RESCHED "()");
	EXPECT_EQ(0, ioas_copy(self->fd, to, self->other, AREAS * PAGE, AT,
			       AT));
	if (!calls(RESCHED)) {
		EXPECT_EQ(0, tracing_stop());
		SKIP(return, "this kernel is preempted without " RESCHED "()");
	}
	EXPECT_LE(AREAS - 1, events(RESCHED " <-iopt_walk_ready"));
	EXPECT_EQ(0, tracing_stop());
}

/* Calls whose process is killed in the first call to map */

static int map_contiguous(struct _test_data_steps *self)
{
	/* Memory of a parent would be copied page by page. */
	char *va = huge_pages(HUGE);

	return va ? ioas_map(self->fd, self->ioas_id, va, HUGE, AT + HALF) :
		    -ENOMEM;
}

static int copy_areas(struct _test_data_steps *self)
{
	return ioas_copy(self->fd, self->ioas_id, self->other, 2 * HUGE, AT, AT);
}

static int attach_to_areas(struct _test_data_steps *self)
{
	struct mock_dev dev;

	return mock_attach(self->fd, self->other, &dev);
}

static bool is_killed(struct _test_data_steps *self,
		      int (*fn)(struct _test_data_steps *self))
{
	int status;
	pid_t pid;

	if (counts_reset() || write_file(MOCK_PARAMETERS "kill_map", "1"))
		return false;
	pid = fork();
	if (!pid) {
		fn(self);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGKILL;
}

TEST_F(steps, killed_it_goes_no_further)
{
	ASSERT_EQ(0, set_step(SMALL));
	EXPECT_TRUE(is_killed(self, map_contiguous));
	EXPECT_EQ(1, maps());
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(self->pinned, pinned());

	/* Shared with a child, the huge page would be copied page by page. */
	ASSERT_EQ(0, madvise(self->huge, HUGE, MADV_DONTFORK));
	ASSERT_EQ(0, set_step(HUGE));
	ASSERT_EQ(0, ioas_map(self->fd, self->other, self->huge, HUGE, AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->other, self->huge, HUGE, AT + HUGE));
	EXPECT_TRUE(is_killed(self, copy_areas));
	EXPECT_EQ(1, maps());
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(self->pinned, pinned());

	EXPECT_TRUE(is_killed(self, attach_to_areas));
	EXPECT_EQ(1, maps());
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(1, mock_devices());

	/* Nothing is left where it was to be mapped: the mock warns if it is. */
	EXPECT_EQ(0, copy_areas(self));
	EXPECT_EQ(0, attach_to_areas(self));
}

/*
 * An IOMMU that takes 300 ns a page, as the slowest do, keeps the CPU for 10 ms at
 * most: a thread on the same CPU gets to run while a long range is unmapped.
 */
#define SLOW_NS		300
#define MOST_NS		10000000
#define SLOW_STEPS	12

static bool unmapping;

static void *run_beside(void *arg)
{
	long *runs = arg;

	while (__atomic_load_n(&unmapping, __ATOMIC_ACQUIRE)) {
		usleep(1000);
		__atomic_add_fetch(runs, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F_TIMEOUT(steps, a_slow_iommu_lets_others_run, 120)
{
	struct mock_dev dev;
	pthread_t thread;
	cpu_set_t cpu;
	long before, runs = 0;
	size_t done;

	EXPECT_EQ(SLOW_NS, parameter(MOCK_PARAMETERS "slow_unmap_ns"));
	ASSERT_EQ(0, mock_attach_flags(self->fd, self->other,
				       MOCK_FLAGS_DEVICE_SLOW_UNMAP, &dev));
	for (done = 0; done < SLOW_STEPS * STEP; done += HUGE)
		ASSERT_EQ(0, ioas_map(self->fd, self->other, self->huge, HUGE,
				      AT + done));
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpu), &cpu));
	unmapping = true;
	ASSERT_EQ(0, pthread_create(&thread, NULL, run_beside, &runs));
	usleep(10000);
	ASSERT_EQ(0, counts_reset());
	before = __atomic_load_n(&runs, __ATOMIC_RELAXED);
	EXPECT_EQ(0, ioas_unmap(self->fd, self->other, AT, SLOW_STEPS * STEP));
	__atomic_store_n(&unmapping, false, __ATOMIC_RELEASE);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ((long)STEP, largest_unmap());
	EXPECT_GE(MOST_NS, largest_unmap() / (long)PAGE * SLOW_NS);
	EXPECT_LE(SLOW_STEPS / 2, runs - before);
	TH_LOG("ran %ld times", runs - before);
}

TEST_F(steps, a_bad_limit_is_refused)
{
	EXPECT_EQ(-EINVAL, set_step(0));
	EXPECT_EQ(-EINVAL, set_step(PAGE / 2));
	EXPECT_EQ(-EINVAL, set_step(PAGE * 3));
	EXPECT_EQ((long)STEP, parameter(MOCK_PARAMETERS "step_bytes"));
}

TEST_HARNESS_MAIN
