// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much faster two threads are than one, on two CPUs
 *
 *	threads BDF BDF
 *
 * The devices, like 0000:00:04.0 and 0000:00:05.0, are bound to vfio-pci and each
 * alone in its group.  The figures are those of a clock on the wall, the best of
 * some rounds: they mean something on a machine with two CPUs that does nothing
 * else.  Exits with 1 if anything is less than 1.6 times as fast.
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

#define ROUNDS		5
#define TARGET		1.6
#define NTHREADS	2
#define BUFFER		(64 * MIB)	/* of each thread */
#define CALL		(2 * MIB)
#define TIMES		4		/* that a thread maps its buffer */
#define LARGE		GIB		/* that helpers go along for */
#define PARAMETER	"/sys/module/iommufd/parameters/populate_threads"

static int missed;

static void report(const char *name, uint64_t one, uint64_t two, int work)
{
	double speedup = (double)one * work / two;

	printf("threads kernel=%s case=%s one-ms=%.1f two-ms=%.1f speedup=%.2f\n",
	       release(), name, one / 1e6, two / 1e6, speedup);
	if (speedup < TARGET) {
		printf("threads: case=%s is less than %.1f times as fast\n",
		       name, TARGET);
		missed++;
	}
}

/* Threads that map and unmap memory of their own */

struct mapper {
	pthread_t thread;
	struct attached *at;
	char *va;
	__u64 iova;
};

static pthread_barrier_t barrier;

static void *mapper_run(void *arg)
{
	struct mapper *m = arg;
	size_t offset;
	int i;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < TIMES; i++) {
		for (offset = 0; offset < BUFFER; offset += CALL)
			map(m->at, m->va + offset, CALL, m->iova + offset);
		for (offset = 0; offset < BUFFER; offset += CALL)
			unmap(m->at, m->iova + offset, CALL);
	}
	return NULL;
}

static uint64_t run_mappers(struct mapper *mappers, int n)
{
	uint64_t start;
	int i, rc;

	pthread_barrier_init(&barrier, NULL, n + 1);
	for (i = 0; i < n; i++) {
		rc = pthread_create(&mappers[i].thread, NULL, mapper_run,
				    &mappers[i]);
		if (rc)
			errx(1, "pthread_create: %s", strerror(rc));
	}
	pthread_barrier_wait(&barrier);
	start = now();
	for (i = 0; i < n; i++)
		pthread_join(mappers[i].thread, NULL);
	pthread_barrier_destroy(&barrier);
	return now() - start;
}

static uint64_t best_mappers(struct mapper *mappers, int n)
{
	uint64_t best = UINT64_MAX, ns;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ns = run_mappers(mappers, n);
		if (ns < best)
			best = ns;
	}
	return best;
}

static void run_ioas(char **bdfs)
{
	struct mapper mappers[NTHREADS];
	struct attached at[NTHREADS];
	uint64_t one;
	int i;

	for (i = 0; i < NTHREADS; i++) {
		attach(&at[i], bdfs[i]);
		mappers[i].at = &at[0];
		mappers[i].va = alloc_small_pages(BUFFER);
		mappers[i].iova = IOVA + i * BUFFER;
	}
	one = best_mappers(mappers, 1);
	report("same-ioas", one, best_mappers(mappers, NTHREADS), NTHREADS);
	mappers[1].at = &at[1];
	report("two-ioas", one, best_mappers(mappers, NTHREADS), NTHREADS);
	for (i = 0; i < NTHREADS; i++) {
		detach(&at[i]);
		munmap(mappers[i].va, BUFFER);
	}
}

/* Large memory that is not there yet, mapped by one thread */

static void set_threads(const char *n)
{
	int fd = open(PARAMETER, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, n, strlen(n)) != (ssize_t)strlen(n))
		err(1, PARAMETER);
	close(fd);
}

static uint64_t populate(struct attached *at, int advice, const char *threads)
{
	char *va = reserve(LARGE, advice);
	uint64_t start;

	set_threads(threads);
	start = now();
	map(at, va, LARGE, IOVA);
	start = now() - start;
	unmap(at, IOVA, LARGE);
	munmap(va, LARGE);
	return start;
}

static void run_populate(const char *name, int advice, char **bdfs)
{
	uint64_t best[2] = { UINT64_MAX, UINT64_MAX }, ns;
	struct attached at;
	int i, two;

	attach(&at, bdfs[0]);
	for (i = 0; i < ROUNDS; i++)
		for (two = 0; two < 2; two++) {
			ns = populate(&at, advice, two ? "2" : "1");
			if (ns < best[two])
				best[two] = ns;
		}
	detach(&at);
	report(name, best[0], best[1], 1);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: threads BDF BDF");

	run_populate("populate-huge", MADV_HUGEPAGE, argv + 1);
	run_populate("populate-small", MADV_NOHUGEPAGE, argv + 1);
	run_ioas(argv + 1);
	if (!missed)
		printf("threads: two are at least %.1f times as fast\n", TARGET);
	return missed ? 1 : 0;
}
