// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much faster two threads are than one, on two CPUs, and how much faster a
 * container with our backend takes memory that a guest has not touched yet, as a
 * hypervisor maps it at its start, than a container with type1
 *
 *	threads BDF BDF
 *
 * The devices, like 0000:00:04.0 and 0000:00:05.0, are bound to vfio-pci and
 * each alone in its group.  The figures are real time, the best of some rounds,
 * each of which measures one thread and then two, or type1 and then our backend.
 * They mean something on a machine with two CPUs that does nothing else.  Exits
 * with 1 if two threads are less than 1.6 times as fast in any case, or more than
 * 2.3 times, which two cannot be, or if our backend is slower than type1.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "common.h"
#include "container.h"
#include "module.h"

#define ROUNDS		5
#define TARGET		1.6
#define PLAUSIBLE	2.3
#define NTHREADS	2
#define BUFFER		(64 * MIB)	/* of each thread */
#define CALL		(2 * MIB)
#define TIMES		40		/* maps of its buffer by a thread */
#define LARGE		GIB		/* large enough for workers */
#define PARAMETER	"/sys/module/iommufd/parameters/populate_threads"

static int failed;

static void report(const char *name, uint64_t one, uint64_t two, int work)
{
	double speedup = (double)one * work / two;

	printf("threads kernel=%s case=%s one-ms=%.1f two-ms=%.1f speedup=%.2f\n",
	       release(), name, one / 1e6, two / 1e6, speedup);
	if (speedup < TARGET) {
		printf("threads: case=%s is less than %.1f times as fast\n",
		       name, TARGET);
		failed++;
	}
	if (speedup > PLAUSIBLE) {
		printf("threads: case=%s is more than %.1f times as fast: noise\n",
		       name, PLAUSIBLE);
		failed++;
	}
}

/*
 * Measure run() with one thread and with two, in turn, so that other work of
 * the machine affects both or neither.  work: the work of two threads, if that
 * of one is 1.
 */
static void compare(const char *name, int work,
		    uint64_t (*run)(void *arg, int nthreads), void *arg)
{
	uint64_t best[NTHREADS] = { UINT64_MAX, UINT64_MAX }, ns;
	int i, n;

	for (i = 0; i < ROUNDS; i++)
		for (n = 0; n < NTHREADS; n++) {
			ns = run(arg, n + 1);
			if (ns < best[n])
				best[n] = ns;
		}
	report(name, best[0], best[1], work);
}

/* Threads that map and unmap memory of their own */

struct mapper {
	pthread_t thread;
	struct attached *at;
	char *va;
	__u64 iova;
	uint64_t start;
	uint64_t end;
};

static pthread_barrier_t barrier;

static void *mapper_run(void *arg)
{
	struct mapper *m = arg;
	size_t offset;
	int i;

	pthread_barrier_wait(&barrier);
	m->start = now();
	for (i = 0; i < TIMES; i++) {
		for (offset = 0; offset < BUFFER; offset += CALL)
			map(m->at, m->va + offset, CALL, m->iova + offset);
		for (offset = 0; offset < BUFFER; offset += CALL)
			unmap(m->at, m->iova + offset, CALL);
	}
	m->end = now();
	return NULL;
}

/*
 * Returns the time from the start of the first thread to the end of the last.
 * Each thread reads the clock itself: the main thread might see the start late,
 * as the others occupy all CPUs.
 */
static uint64_t run_mappers(void *arg, int n)
{
	uint64_t start = UINT64_MAX, end = 0;
	struct mapper *mappers = arg;
	int i, rc;

	pthread_barrier_init(&barrier, NULL, n);
	for (i = 0; i < n; i++) {
		rc = pthread_create(&mappers[i].thread, NULL, mapper_run,
				    &mappers[i]);
		if (rc)
			errx(1, "pthread_create: %s", strerror(rc));
	}
	for (i = 0; i < n; i++) {
		pthread_join(mappers[i].thread, NULL);
		if (mappers[i].start < start)
			start = mappers[i].start;
		if (mappers[i].end > end)
			end = mappers[i].end;
	}
	pthread_barrier_destroy(&barrier);
	return end - start;
}

static void run_ioas(char **bdfs)
{
	struct mapper mappers[NTHREADS];
	struct attached at[NTHREADS];
	int i;

	for (i = 0; i < NTHREADS; i++) {
		attach(&at[i], bdfs[i]);
		mappers[i].at = &at[0];
		mappers[i].va = alloc_small_pages(BUFFER);
		mappers[i].iova = IOVA + i * BUFFER;
	}
	compare("same-ioas", NTHREADS, run_mappers, mappers);
	mappers[1].at = &at[1];
	compare("two-ioas", NTHREADS, run_mappers, mappers);
	for (i = 0; i < NTHREADS; i++) {
		detach(&at[i]);
		munmap(mappers[i].va, BUFFER);
	}
}

/* Large memory that is not populated, mapped by one thread */

static void set_threads(int n)
{
	int fd = open(PARAMETER, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%d", n) < 0)
		err(1, PARAMETER);
	close(fd);
}

struct large {
	struct attached at;
	int advice;
};

static uint64_t run_large(void *arg, int nthreads)
{
	struct large *large = arg;
	char *va = reserve(LARGE, large->advice);
	uint64_t start;

	set_threads(nthreads);
	start = now();
	map(&large->at, va, LARGE, IOVA);
	start = now() - start;
	unmap(&large->at, IOVA, LARGE);
	munmap(va, LARGE);
	return start;
}

static void run_populate(const char *name, int advice, char **bdfs)
{
	struct large large = { .advice = advice };

	attach(&large.at, bdfs[0]);
	compare(name, 1, run_large, &large);
	detach(&large.at);
}

/* The memory of a guest, mapped by a container before the guest has touched it */

static uint64_t run_guest(const char *bdf, int advice, bool backend)
{
	struct container container;
	char *va = reserve(LARGE, advice);
	uint64_t start;

	container_open(&container, bdf, backend);
	start = now();
	container_map(&container, va, LARGE, IOVA);
	start = now() - start;
	container_unmap(&container, IOVA, LARGE);
	container_close(&container);
	munmap(va, LARGE);
	return start;
}

static void run_container(const char *name, int advice, const char *bdf)
{
	uint64_t best[2] = { UINT64_MAX, UINT64_MAX }, ns;
	int i, backend;

	for (i = 0; i < ROUNDS; i++)
		for (backend = 0; backend < 2; backend++) {
			ns = run_guest(bdf, advice, backend);
			if (ns < best[backend])
				best[backend] = ns;
		}
	printf("threads kernel=%s case=%s type1-ms=%.1f backend-ms=%.1f speedup=%.2f\n",
	       release(), name, best[0] / 1e6, best[1] / 1e6,
	       (double)best[0] / best[1]);
	if (best[1] > best[0]) {
		printf("threads: case=%s is slower than type1\n", name);
		failed++;
	}
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: threads BDF BDF");

	check(module_load(TYPE1_MODULE), "vfio_iommu_type1");
	set_threads(NTHREADS);
	run_container("container-huge", MADV_HUGEPAGE, argv[1]);
	run_container("container-small", MADV_NOHUGEPAGE, argv[1]);

	run_populate("populate-huge", MADV_HUGEPAGE, argv + 1);
	run_populate("populate-small", MADV_NOHUGEPAGE, argv + 1);
	run_ioas(argv + 1);
	if (!failed)
		printf("threads: nothing is slower than it may be\n");
	return failed ? 1 : 0;
}
