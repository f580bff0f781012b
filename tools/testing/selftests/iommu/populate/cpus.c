// SPDX-License-Identifier: GPL-2.0-only
/*
 * The number of workers that fault in much memory, their CPUs and their nice
 * value: by /proc, while a call goes on.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "populate.h"

#define AT		(64 * MiB)
#define MEMORY		(64 * MiB)
#define NCPUS		4
#define MOST		16	/* workers that are looked at */
#define ROUNDS		100

/* A call in a thread of its own, which has its own nice value and CPUs */
struct caller {
	pthread_t thread;
	struct context *context;
	char *va;
	unsigned long cpus;
	int nice;
	char cpu_list[32];
	char name[32];		/* of its workers */
	char id[64];		/* its own, in /proc */
	atomic_bool ready;
	atomic_bool done;
	long faults;		/* by the end of the call */
	int rc;
};

static int prepare(struct caller *c)
{
	pid_t tid = gettid();
	unsigned int i;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	for (i = 0; i < NCPUS; i++)
		if (c->cpus & (1UL << i))
			CPU_SET(i, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) ||
	    setpriority(PRIO_PROCESS, 0, c->nice))
		return -errno;
	snprintf(c->name, sizeof(c->name), HELPERS_OF, tid);
	snprintf(c->id, sizeof(c->id), "self/task/%d", tid);
	/* Also called before the call: these functions fault, too. */
	return faults() < 0 ? -EINVAL : read_cpus(c->id, c->cpu_list);
}

static void *caller_run(void *arg)
{
	struct caller *c = arg;

	c->rc = prepare(c);
	c->ready = true;
	if (!c->rc)
		c->rc = ioas_map(c->context->fd, c->context->ioas_id, c->va,
				 MEMORY, AT);
	c->faults = faults();
	c->done = true;
	return NULL;
}

/* The state of a worker at one time */
struct sight {
	pid_t pid;
	long nice;
	char cpus[32];
	long caller_faults;	/* of the caller, afterwards */
};

/* The workers of one call */
struct sights {
	unsigned int n;
	unsigned int room;
	struct sight *list;
	unsigned int nhelpers;	/* at work or not */
	pid_t helpers[MOST];
};

static bool is_known(struct sights *s, pid_t pid)
{
	unsigned int i;

	for (i = 0; i < s->nhelpers; i++)
		if (s->helpers[i] == pid)
			return true;
	return false;
}

/* What look_at() is told */
struct looker {
	struct sights *sights;
	const char *caller;	/* in /proc */
};

/*
 * Before a worker begins, and when the call does not need it any more, it is
 * like any other kernel thread.  It begins with its first page fault.
 */
static int look_at(const char *id, void *arg)
{
	const char *caller = ((struct looker *)arg)->caller;
	struct sights *s = ((struct looker *)arg)->sights;
	struct stat_line stat, caller_stat;
	struct sight *sight;
	pid_t pid = atoi(id);

	if (!is_known(s, pid)) {
		if (s->nhelpers == MOST)
			return -ENOSPC;
		s->helpers[s->nhelpers++] = pid;
	}
	if (s->n == s->room) {
		s->room = 2 * s->room + 64;
		s->list = realloc(s->list, s->room * sizeof(*s->list));
		if (!s->list)
			return -ENOMEM;
	}
	sight = &s->list[s->n];
	/* The worker may be gone by now. */
	if (read_stat(id, &stat) || !stat.faults || read_cpus(id, sight->cpus))
		return 0;
	if (read_stat(caller, &caller_stat))
		return 0;
	sight->pid = pid;
	sight->nice = stat.nice;
	sight->caller_faults = caller_stat.faults;
	s->n++;
	return 0;
}

/* Look at all workers. */
static int look(struct sights *s, const struct caller *c)
{
	struct looker looker = { s, c->id };

	return look_at_helpers(c->name, look_at, &looker);
}

/* Make a call, and look until it ends. */
static int watch(struct caller *c, struct sights *s)
{
	int rc = -pthread_create(&c->thread, NULL, caller_run, c);

	if (rc)
		return rc;
	while (!c->done && !rc) {
		usleep(1000);
		if (c->ready)
			rc = look(s, c);
	}
	return -pthread_join(c->thread, NULL) ?: rc ?: c->rc;
}

/*
 * Did the caller go on to fault in memory after the worker was seen?  One or
 * two of its faults may come after the call.
 */
static bool is_of_the_call(const struct sight *sight, const struct caller *c)
{
	return sight->caller_faults + 4 < c->faults;
}

FIXTURE(helpers)
{
	struct context context;
	char *va;
};

FIXTURE_VARIANT(helpers)
{
	const char *threads;
	unsigned long cpus;
	int nice;
	unsigned int nhelpers;
	const char *helper_cpus;
	long helper_nice;
};

FIXTURE_VARIANT_ADD(helpers, of_two_threads)
{
	.threads = "2",
	.cpus = 0xf,
	.nhelpers = 1,
	.helper_cpus = "0-3",
	.helper_nice = 5,
};

FIXTURE_VARIANT_ADD(helpers, of_three_threads)
{
	.threads = "3",
	.cpus = 0xf,
	.nhelpers = 2,
	.helper_cpus = "0-3",
	.helper_nice = 5,
};

FIXTURE_VARIANT_ADD(helpers, one_for_each_cpu)
{
	.threads = "4000000000",
	.cpus = 0xf,
	.nhelpers = 3,
	.helper_cpus = "0-3",
	.helper_nice = 5,
};

FIXTURE_VARIANT_ADD(helpers, on_three_cpus)
{
	.threads = "4",
	.cpus = 0xb,
	.nhelpers = 2,
	.helper_cpus = "0-1,3",
	.helper_nice = 5,
};

FIXTURE_VARIANT_ADD(helpers, on_two_cpus)
{
	.threads = "4",
	.cpus = 0x6,
	.nhelpers = 1,
	.helper_cpus = "1-2",
	.helper_nice = 5,
};

FIXTURE_VARIANT_ADD(helpers, of_a_nice_one)
{
	.threads = "3",
	.cpus = 0xf,
	.nice = 10,
	.nhelpers = 2,
	.helper_cpus = "0-3",
	.helper_nice = 15,
};

FIXTURE_VARIANT_ADD(helpers, of_one_almost_as_nice_as_can_be)
{
	.threads = "3",
	.cpus = 0xf,
	.nice = 16,
	.nhelpers = 2,
	.helper_cpus = "0-3",
	.helper_nice = 19,
};

FIXTURE_VARIANT_ADD(helpers, of_one_that_goes_first)
{
	.threads = "3",
	.cpus = 0xf,
	.nice = -20,
	.nhelpers = 2,
	.helper_cpus = "0-3",
	.helper_nice = -15,
};

FIXTURE_SETUP(helpers)
{
	ASSERT_EQ(0, context_open(&self->context));
	ASSERT_EQ(0, write_file(THREADS, variant->threads));
	self->va = missing(MEMORY);
	ASSERT_NE(NULL, self->va);
}

FIXTURE_TEARDOWN(helpers)
{
	EXPECT_TRUE(context_close(&self->context));
}

/* Until all workers have been seen at work in the same call */
TEST_F_TIMEOUT(helpers, are_within_bounds, 240)
{
	unsigned int i, j, at_work = 0;
	struct context *context = &self->context;

	if (sysconf(_SC_NPROCESSORS_ONLN) != NCPUS)
		SKIP(return, "needs a VM with four CPUs (profile cpus)");
	for (i = 0; i < ROUNDS && at_work < variant->nhelpers; i++) {
		struct sights seen = { }, working = { };
		struct caller caller = {
			.context = context,
			.va = self->va,
			.cpus = variant->cpus,
			.nice = variant->nice,
		};

		ASSERT_EQ(0, watch(&caller, &seen));
		ASSERT_EQ(MEMORY, ioas_empty(context->fd, context->ioas_id));
		ASSERT_EQ(0, madvise(self->va, MEMORY, MADV_DONTNEED));
		EXPECT_STREQ(variant->helper_cpus, caller.cpu_list);
		ASSERT_GE(variant->nhelpers, seen.nhelpers);
		for (j = 0; j < seen.n; j++) {
			struct sight *sight = &seen.list[j];

			EXPECT_STREQ(variant->helper_cpus, sight->cpus);
			if (!is_of_the_call(sight, &caller))
				continue;
			EXPECT_EQ(variant->helper_nice, sight->nice);
			if (!is_known(&working, sight->pid))
				working.helpers[working.nhelpers++] =
					sight->pid;
		}
		at_work = working.nhelpers;
		free(seen.list);
	}
	EXPECT_EQ(variant->nhelpers, at_work);
	TH_LOG("%u calls", i);
}

TEST_HARNESS_MAIN
