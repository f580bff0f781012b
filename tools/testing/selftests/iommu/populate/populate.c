// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large memory that is not populated is faulted in by several threads, with the
 * same result as by one, but faster.  The caller's own count of page faults
 * tells how much the workers have faulted in.
 */
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "../userfault.h"
#include "mock.h"
#include "populate.h"

#define AT		(64 * MiB)
#define MEMORY		(64 * MiB)
#define NPAGES		((long)(MEMORY / PAGE))
#define NHUGE		((long)(MEMORY / HUGE))
#define NOBODY		65534
#define DIRECTORY	"/tmp/iommu-populate"
#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define THP		"/sys/kernel/mm/transparent_hugepage/"

/* Number of pages that are populated, or -1 */
static long present(char *va, size_t length)
{
	size_t i, n = length / PAGE;
	unsigned char *map = malloc(n);
	long count = 0;

	if (!map || mincore(va, length, map))
		return -1;
	for (i = 0; i < n; i++)
		count += map[i] & 1;
	free(map);
	return count;
}

static int map(struct context *c, const void *va)
{
	return ioas_map(c->fd, c->ioas_id, va, MEMORY, AT);
}

/* All memory of the process is mapped and pinned, and no more */
static int check(struct context *c, const void *va)
{
	if (pinned() - c->pinned != NPAGES)
		return -EBUSY;
	return mock_check_map(c->fd, c->dev.hwpt_id, va, MEMORY, AT) ?:
	       mock_check_refs(c->fd, va, MEMORY, 1);
}

/* Nothing is mapped, and mapping is possible. */
static int check_nothing(struct context *c)
{
	char *va = small_pages(PAGE);
	int rc = pinned() == c->pinned ? 0 : -EBUSY;

	return rc ?: ioas_map(c->fd, c->ioas_id, va, PAGE, AT) ?:
	       ioas_unmap(c->fd, c->ioas_id, AT, PAGE);
}

/* Kinds of memory of MEMORY bytes that are not populated */

static char *get_small(void)
{
	return missing(MEMORY);
}

static char *get_huge(void)
{
	char *va = anon_aligned(MEMORY, HUGE);

	return va && !madvise(va, MEMORY, MADV_HUGEPAGE) ? va : NULL;
}

static char *get_shmem(void)
{
	char *va = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return va == MAP_FAILED || write_file(THP "shmem_enabled", "never") ?
	       NULL : va;
}

/* A copy of a file of a file system, page by page */
static char *get_file(void)
{
	char *va;
	int fd;

	if (mkdir(DIRECTORY, 0700) ||
	    mount("none", DIRECTORY, "ramfs", 0, NULL))
		return NULL;
	fd = open(DIRECTORY "/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, MEMORY))
		return NULL;
	va = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	if (umount2(DIRECTORY, MNT_DETACH) || rmdir(DIRECTORY))
		return NULL;
	return va == MAP_FAILED ? NULL : va;
}

/* All but the last eighth is populated. */
static char *get_mostly_there(void)
{
	char *va = get_small();

	if (va)
		memset(va, 1, MEMORY / 8 * 7);
	return va;
}

/* With a worker */

FIXTURE(helped)
{
	struct context context;
	char *va;
};

FIXTURE_VARIANT(helped)
{
	char *(*get)(void);
	long nfaults;	/* of all threads */
};

FIXTURE_VARIANT_ADD(helped, small)
{
	.get = get_small,
	.nfaults = NPAGES,
};

FIXTURE_VARIANT_ADD(helped, huge)
{
	.get = get_huge,
	.nfaults = NHUGE,
};

FIXTURE_VARIANT_ADD(helped, shmem)
{
	.get = get_shmem,
	.nfaults = NPAGES,
};

FIXTURE_SETUP(helped)
{
	ASSERT_EQ(0, context_open(&self->context));
	self->va = variant->get();
	ASSERT_NE(NULL, self->va);
}

FIXTURE_TEARDOWN(helped)
{
	EXPECT_TRUE(context_close(&self->context));
}

TEST_F_TIMEOUT(helped, caller_faults_in_less, 120)
{
	struct context *c = &self->context;
	long before = faults();

	ASSERT_EQ(0, map(c, self->va));
	EXPECT_GT(variant->nfaults, faults() - before);
	EXPECT_TRUE(helpers_are_gone());
	EXPECT_EQ(0, check(c, self->va));
	EXPECT_EQ((long long)MEMORY, ioas_empty(c->fd, c->ioas_id));
	EXPECT_EQ(c->pinned, pinned());
}

/* A device that is attached later finds memory that is not populated, too. */
TEST_F_TIMEOUT(helped, attach_faults_in_less, 120)
{
	struct context *c = &self->context;
	long before;

	ASSERT_EQ(0, iommu_destroy(c->fd, c->dev.id));
	ASSERT_EQ(0, map(c, self->va));
	before = faults();
	ASSERT_EQ(0, mock_attach(c->fd, c->ioas_id, &c->dev));
	EXPECT_GT(variant->nfaults, faults() - before);
	EXPECT_EQ(0, check(c, self->va));
}

/* Populated memory does not change. */
TEST_F_TIMEOUT(helped, content_stays, 120)
{
	size_t i;

	for (i = HUGE; i < MEMORY; i += 8 * HUGE)
		self->va[i] = i / HUGE;
	ASSERT_EQ(0, map(&self->context, self->va));
	EXPECT_EQ(0, check(&self->context, self->va));
	for (i = HUGE; i < MEMORY; i += 8 * HUGE)
		EXPECT_EQ((char)(i / HUGE), self->va[i]);
	EXPECT_EQ(0, self->va[MEMORY - 1]);
}

/* Without a worker, for the reason in the name of the variant */

FIXTURE(alone)
{
	struct context context;
	char *va;
};

FIXTURE_VARIANT(alone)
{
	char *(*get)(void);
	long nfaults;	/* all by the caller */
	const char *threads;
	const char *mib;
	__u32 flags;
	bool one_cpu;
	bool policy;
};

FIXTURE_VARIANT_ADD(alone, one_thread)
{
	.get = get_small,
	.nfaults = NPAGES,
	.threads = "1",
};

FIXTURE_VARIANT_ADD(alone, no_thread)
{
	.get = get_small,
	.nfaults = NPAGES,
	.threads = "0",
};

FIXTURE_VARIANT_ADD(alone, too_little)
{
	.get = get_small,
	.nfaults = NPAGES,
	.mib = "65",
};

FIXTURE_VARIANT_ADD(alone, one_cpu)
{
	.get = get_small,
	.nfaults = NPAGES,
	.one_cpu = true,
};

FIXTURE_VARIANT_ADD(alone, policy)
{
	.get = get_small,
	.nfaults = NPAGES,
	.policy = true,
};

FIXTURE_VARIANT_ADD(alone, read_only)
{
	.get = get_small,
	.nfaults = NPAGES,
	.flags = FIXED | READABLE,
};

FIXTURE_VARIANT_ADD(alone, file)
{
	.get = get_file,
	.nfaults = NPAGES,
};

FIXTURE_VARIANT_ADD(alone, mostly_there)
{
	.get = get_mostly_there,
	.nfaults = NPAGES / 8,
};

static bool has_policies(void)
{
	return !access("/proc/self/numa_maps", F_OK);
}

FIXTURE_SETUP(alone)
{
	unsigned long node = 1;
	cpu_set_t cpus;

	ASSERT_EQ(0, context_open(&self->context));
	if (variant->threads)
		ASSERT_EQ(0, write_file(THREADS, variant->threads));
	if (variant->mib)
		ASSERT_EQ(0, write_file(LEAST_MIB, variant->mib));
	if (variant->one_cpu) {
		CPU_ZERO(&cpus);
		CPU_SET(0, &cpus);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(cpus), &cpus));
	}
	if (variant->policy && has_policies()) {
		ASSERT_EQ(0, syscall(SYS_set_mempolicy, MPOL_PREFERRED, &node,
				     8 * sizeof(node)));
	}
	self->va = variant->get();
	ASSERT_NE(NULL, self->va);
}

FIXTURE_TEARDOWN(alone)
{
	EXPECT_TRUE(context_close(&self->context));
}

TEST_F_TIMEOUT(alone, caller_faults_in_all, 120)
{
	struct context *c = &self->context;
	__u64 iova = AT;
	long before;

	if (variant->policy && !has_policies())
		SKIP(return, "the kernel has no memory policies");
	before = faults();
	ASSERT_EQ(0, ioas_map_flags(c->fd, c->ioas_id,
				    variant->flags ?: FIXED | RW, self->va,
				    MEMORY, &iova));
	EXPECT_LE(variant->nfaults, faults() - before);
	EXPECT_EQ(0, check(c, self->va));
}

FIXTURE(populate)
{
	struct context context;
	char *va;
};

FIXTURE_SETUP(populate)
{
	ASSERT_EQ(0, context_open(&self->context));
	self->va = get_small();
	ASSERT_NE(NULL, self->va);
}

FIXTURE_TEARDOWN(populate)
{
	EXPECT_TRUE(context_close(&self->context));
}

/* Memory of another process is pinned by the process that attaches. */
TEST_F_TIMEOUT(populate, memory_of_another_process_is_left_to_the_caller, 120)
{
	struct context *c = &self->context;
	int status;
	pid_t pid;

	ASSERT_EQ(0, iommu_destroy(c->fd, c->dev.id));
	ASSERT_EQ(0, map(c, self->va));
	pid = fork();
	if (!pid) {
		long before = faults();

		if (mock_attach(c->fd, c->ioas_id, &c->dev))
			_exit(1);
		_exit(faults() - before >= NPAGES ? 0 : 2);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(NPAGES, pinned() - c->pinned);
	EXPECT_EQ(0, mock_check_refs(c->fd, self->va, MEMORY, 1));
}

struct late {
	struct context *context;
	char *va;
	long before;	/* page faults of the caller */
	long after;
	int rc;
};

static void *map_late(void *arg)
{
	struct late *late = arg;

	late->before = faults();
	late->rc = map(late->context, late->va);
	late->after = faults();
	return NULL;
}

/* A caller that waits at a page, until the test lets it go on */
FIXTURE(waiting)
{
	struct context context;
	struct late late;
	struct userfault fault;
	pthread_t thread;
	char *va;
};

FIXTURE_SETUP(waiting)
{
	ASSERT_EQ(0, context_open(&self->context));
	self->va = get_small();
	ASSERT_NE(NULL, self->va);
	self->late.context = &self->context;
	self->late.va = self->va;
}

FIXTURE_TEARDOWN(waiting)
{
	EXPECT_TRUE(context_close(&self->context));
}

static int wait_at(struct _test_data_waiting *self, size_t at)
{
	return userfault_start(&self->fault, self->va + at,
			       UFFDIO_REGISTER_MODE_MISSING) ?:
	       pthread_create(&self->thread, NULL, map_late, &self->late) ?:
	       userfault_wait(&self->fault);
}

/* Returns the result of the call. */
static int go_on(struct _test_data_waiting *self)
{
	return userfault_end(&self->fault, anon(PAGE)) ?:
	       pthread_join(self->thread, NULL) ?: self->late.rc;
}

/* The caller waits at its first page: the worker stops at its huge page. */
TEST_F_TIMEOUT(waiting, helper_leaves_it_its_huge_page, 120)
{
	if (!pin_can_wait())
		SKIP(return, PIN_CANNOT_WAIT);
	ASSERT_EQ(0, wait_at(self, 0));
	ASSERT_TRUE(helpers_are_gone());
	EXPECT_EQ(0, present(self->va, HUGE));
	EXPECT_EQ(NPAGES - (long)(HUGE / PAGE),
		  present(self->va + HUGE, MEMORY - HUGE));
	EXPECT_EQ(self->context.pinned, pinned());
	EXPECT_EQ(0, go_on(self));
	EXPECT_GE((long)(HUGE / PAGE) + 8,
		  self->late.after - self->late.before);
	EXPECT_EQ(0, check(&self->context, self->va));
}

/* A worker leaves memory of userfaultfd to the caller, even if it is first. */
TEST_F_TIMEOUT(waiting, helper_leaves_it_userfaultfd, 120)
{
	if (!pin_can_wait())
		SKIP(return, PIN_CANNOT_WAIT);
	ASSERT_EQ(0, wait_at(self, MEMORY - PAGE));
	/* The caller comes to its last page when all others are populated. */
	EXPECT_EQ(NPAGES - 1, present(self->va, MEMORY));
	EXPECT_EQ(0, go_on(self));
	EXPECT_EQ(0, check(&self->context, self->va));
}

/* The upper half is of hugetlbfs. */
TEST_F_TIMEOUT(waiting, helper_leaves_it_hugetlb, 120)
{
	const size_t half = MEMORY / 2;

	if (!pin_can_wait())
		SKIP(return, PIN_CANNOT_WAIT);
	ASSERT_EQ(0, write_file(NR_HUGEPAGES, "20"));
	ASSERT_EQ(self->va + half,
		  mmap(self->va + half, half, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_FIXED,
		       -1, 0));
	ASSERT_EQ(0, populate_with_helper("16"));
	ASSERT_EQ(0, wait_at(self, 0));
	ASSERT_TRUE(helpers_are_gone());
	EXPECT_EQ(0, present(self->va + half, half));
	EXPECT_EQ((long)((half - HUGE) / PAGE),
		  present(self->va + HUGE, half - HUGE));
	EXPECT_EQ(0, go_on(self));
	EXPECT_EQ(NPAGES, pinned() - self->context.pinned);
	write_file(NR_HUGEPAGES, "0");
}

FIXTURE(hole)
{
	struct context context;
	char *va;
};

FIXTURE_VARIANT(hole)
{
	size_t at;
	int prot;	/* instead of none at all */
};

FIXTURE_VARIANT_ADD(hole, first)
{
};

FIXTURE_VARIANT_ADD(hole, middle)
{
	.at = MEMORY / 2 + 5 * PAGE,
};

FIXTURE_VARIANT_ADD(hole, last)
{
	.at = MEMORY - PAGE,
};

FIXTURE_VARIANT_ADD(hole, read_only)
{
	.at = MEMORY / 2,
	.prot = PROT_READ,
};

FIXTURE_SETUP(hole)
{
	ASSERT_EQ(0, context_open(&self->context));
	self->va = get_small();
	ASSERT_NE(NULL, self->va);
	if (variant->prot) {
		ASSERT_EQ(0, mprotect(self->va + variant->at, PAGE,
				      variant->prot));
	} else {
		ASSERT_EQ(0, munmap(self->va + variant->at, PAGE));
	}
}

FIXTURE_TEARDOWN(hole)
{
	EXPECT_TRUE(context_close(&self->context));
}

TEST_F_TIMEOUT(hole, fails_and_nothing_is_pinned, 120)
{
	struct context *c = &self->context;

	EXPECT_EQ(-EFAULT, map(c, self->va));
	EXPECT_TRUE(helpers_are_gone());
	EXPECT_EQ(0, check_nothing(c));
	ASSERT_EQ(0, write_file(THREADS, "1"));
	EXPECT_EQ(-EFAULT, map(c, self->va));
	EXPECT_EQ(0, check_nothing(c));
}

/* The limit of locked memory is checked first. */
TEST_F_TIMEOUT(populate, over_the_limit_nothing_is_faulted_in, 120)
{
	struct context *c = &self->context;
	struct rlimit memlock = { MEMORY - PAGE, MEMORY - PAGE };
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		if (setrlimit(RLIMIT_MEMLOCK, &memlock) ||
		    setresuid(NOBODY, NOBODY, NOBODY))
			_exit(1);
		if (map(c, self->va) != -ENOMEM)
			_exit(2);
		_exit(present(self->va, MEMORY) ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, check_nothing(c));
}

TEST_F_TIMEOUT(populate, that_is_killed_leaves_nothing, 120)
{
	struct context *c = &self->context;
	int told[2], status, i;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe2(told, O_CLOEXEC));
	for (i = 0; i < 12; i++) {
		pid = fork();
		if (!pid) {
			if (write(told[1], "w", 1) != 1)
				_exit(1);
			map(c, self->va);
			pause();
		}
		ASSERT_EQ(1, read(told[0], &byte, 1));
		/* At the start, in the middle, or when it is done */
		usleep(i * 20000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(SIGKILL, status);
		EXPECT_TRUE(helpers_are_gone());
		EXPECT_LE(0, ioas_empty(c->fd, c->ioas_id));
		EXPECT_EQ(0, check_nothing(c));
	}
	ASSERT_EQ(0, map(c, self->va));
	EXPECT_EQ(0, check(c, self->va));
}

/* So large that the call does not end soon by itself */
#define MUCH		(384 * MiB)
#define BEGUN		((long)(MUCH / PAGE / 32))
#define KILLS		3

/* Nanoseconds */
static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Page faults of a process with one thread, or -1 */
static long faults_of(pid_t pid)
{
	struct stat_line stat;
	char id[16];

	snprintf(id, sizeof(id), "%d", pid);
	return read_stat(id, &stat) ? -1 : stat.faults;
}

/* The time of a whole call; -1 on error */
static long long time_whole(struct context *c, char *va)
{
	long long start = now(), end;

	if (ioas_map(c->fd, c->ioas_id, va, MUCH, AT))
		return -1;
	end = now();
	if (ioas_empty(c->fd, c->ioas_id) != (long long)MUCH ||
	    madvise(va, MUCH, MADV_DONTNEED))
		return -1;
	return end - start;
}

/*
 * The time from the kill of a process that has just begun a call to its end; 0
 * if the call was finished, or so near the end that no worker was left; -1 on
 * error.
 */
static long long time_kill(struct context *c, char *va)
{
	atomic_bool *done = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long long start, end;
	int status;
	bool late;
	pid_t pid;

	if (done == MAP_FAILED)
		return -1;
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		ioas_map(c->fd, c->ioas_id, va, MUCH, AT);
		*done = true;
		pause();
	}
	while (faults_of(pid) < BEGUN && !*done)
		usleep(1000);
	late = helpers() < 1;
	start = now();
	if (kill(pid, SIGKILL) || waitpid(pid, &status, 0) != pid ||
	    status != SIGKILL)
		return -1;
	end = now();
	return late || *done ? 0 : end - start;
}

/* Compared with the time of whole calls, all rounds together */
TEST_F_TIMEOUT(populate, that_is_killed_ends_at_once, 240)
{
	long long whole, killed, wholes = 0, kills = 0;
	struct context *c = &self->context;
	char *va = missing(MUCH);
	int i = 0;

	ASSERT_NE(NULL, va);
	while (i < KILLS) {
		whole = time_whole(c, va);
		ASSERT_LT(0, whole);
		killed = time_kill(c, va);
		ASSERT_LE(0, killed);
		EXPECT_LE(0, ioas_empty(c->fd, c->ioas_id));
		EXPECT_TRUE(helpers_are_gone());
		EXPECT_EQ(0, check_nothing(c));
		if (!killed)
			continue;
		wholes += whole;
		kills += killed;
		i++;
	}
	TH_LOG("%lld of %lld ms", kills / 1000000, wholes / 1000000);
	EXPECT_GT(wholes / 2, kills);
}

struct racer {
	char *va;
	size_t length;
	atomic_bool stop;
	unsigned long rounds;
};

/* Unmap memory while workers fault it in, and map it again. */
static void *race(void *arg)
{
	struct racer *r = arg;
	size_t at;

	for (; !r->stop; r->rounds++) {
		at = r->rounds % (r->length / PAGE) * PAGE;
		madvise(r->va, r->length, MADV_DONTNEED);
		mprotect(r->va + at, PAGE, PROT_NONE);
		munmap(r->va + r->length - PAGE, PAGE);
		mmap(r->va + r->length - PAGE, PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		mprotect(r->va + at, PAGE, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

/* Until a worker has taken part in a round, too */
TEST_F_TIMEOUT(populate, races_with_changes_of_the_memory, 120)
{
	struct racer racer = { .va = self->va, .length = 16 * MiB };
	unsigned int i, n = patient_rounds(60), helped = 0;
	struct context *c = &self->context;
	pthread_t thread;
	long before;
	int rc;

	ASSERT_EQ(0, populate_with_helper("8"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, race, &racer));
	for (i = 0; i < n || !helped; i++) {
		madvise(racer.va, racer.length, MADV_DONTNEED);
		before = faults();
		rc = ioas_map(c->fd, c->ioas_id, racer.va, racer.length, AT);
		if (!rc) {
			helped += faults() - before <
				  (long)(racer.length / PAGE);
			rc = ioas_unmap(c->fd, c->ioas_id, AT, racer.length);
		} else if (rc == -EFAULT) {
			rc = 0;
		}
		EXPECT_EQ(0, rc);
	}
	racer.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_LT(0, racer.rounds);
	EXPECT_EQ(c->pinned, pinned());
	EXPECT_TRUE(helpers_are_gone());
}

static void *fork_often(void *arg)
{
	struct racer *r = arg;
	pid_t pid;

	for (; !r->stop; r->rounds++) {
		pid = fork();
		if (!pid)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			break;
	}
	return NULL;
}

/* Pinned memory stays that of the process, whichever thread faulted it in. */
TEST_F_TIMEOUT(populate, while_another_thread_forks, 120)
{
	struct racer racer = { };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, fork_often, &racer));
	EXPECT_EQ(0, map(&self->context, self->va));
	racer.stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_LT(0, racer.rounds);
	memset(self->va, 1, MEMORY);
	EXPECT_EQ(0, check(&self->context, self->va));
}

/* Each caller has its own worker. */
TEST_F_TIMEOUT(populate, of_two_callers_at_once, 120)
{
	struct context other;
	struct late late = { &other, NULL, 0, 0, 0 };
	pthread_t thread;
	long before;

	ASSERT_EQ(0, context_open(&other));
	late.va = get_small();
	ASSERT_NE(NULL, late.va);
	before = faults();
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_late, &late));
	EXPECT_EQ(0, map(&self->context, self->va));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, late.rc);
	EXPECT_EQ(2 * NPAGES, pinned() - self->context.pinned);
	EXPECT_EQ(0, mock_check_map(other.fd, other.dev.hwpt_id, late.va,
				    MEMORY, AT));
	EXPECT_EQ(0, mock_check_map(self->context.fd,
				    self->context.dev.hwpt_id, self->va,
				    MEMORY, AT));
	/* The two callers have not faulted in all of it themselves. */
	EXPECT_GT(2 * NPAGES, faults() - before + late.after - late.before);
	close(other.fd);
	EXPECT_EQ(NPAGES, pinned() - self->context.pinned);
}

TEST_HARNESS_MAIN
