// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of mapping and unmapping memory for a device: through /dev/iommu,
 * through a VFIO container on the same kernel, with type1 and with our backend,
 * and for two baselines
 *
 *	bench BDF
 *
 * BDF, like 0000:00:04.0, is bound to vfio-pci and alone in its group.  The
 * figures are nanoseconds per 4 KiB, which are instructions in a VM whose clock
 * counts them; see ./run.  They are the cost of whole calls: the entry into the
 * kernel, pinning, the page table, its flush, unpinning.  The memory is faulted
 * in before.  The baseline is the cost of an ioctl that does nothing and of
 * each step by itself, see baseline/baseline.c, whose module is loaded for BDF.
 * The undo baseline is the least cost of a call that another call can undo, see
 * baseline/undo.c.  Exits with 1 when /dev/iommu or our backend is slower than
 * type1 in any case, or than it may be: see print_findings().
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "baseline/baseline.h"
#include "common.h"
#include "container.h"

#define BUFFER	(256 * MIB)

/* Each case runs once to warm up and ROUNDS times for its best figures. */
#define ROUNDS	3

enum kind {
	HUGE_PAGES,
	HUGETLB,
	MEMFD,		/* huge pages of a memfd, by user address */
	MEMFD_FILE,	/* the memfd, by file where the call can do that */
	SCATTERED,	/* 4 KiB pages, hardly any two with adjacent PFNs */
	NR_KINDS
};

/**
 * struct memory - Memory to map
 * @va: Its address.
 * @fd: Its file, or -1.
 */
struct memory {
	char *va;
	int fd;
};

enum op {
	MAP,
	UNMAP,
	NR_OPS
};

static const char * const op_names[NR_OPS] = { "map", "unmap" };

/* Targets differ by kernel, as the costs of the kernel's interfaces do. */
enum kernel {
	LINUX_6_1,
	LINUX_6_12,
	LINUX_7,
	NR_KERNELS
};

/* The largest cost of a small call, as a multiple of the undo baseline */
#define UNDO_BASELINES	1.6

static const struct bench_case {
	const char *name;
	const char *title;
	enum kind kind;
	size_t length;	/* in total */
	size_t call;	/* in one call */
	double target[NR_KERNELS][NR_OPS];
} cases[] = {
	{ "huge-one-call", "256 MiB of huge pages, one call",
	  HUGE_PAGES, BUFFER, BUFFER, { { 4, 1 }, { 4, 1 }, { 4, 1 } } },
	{ "huge-2m-calls", "256 MiB of huge pages, 2 MiB calls",
	  HUGE_PAGES, BUFFER, 2 * MIB, { { 38, 9 }, { 38, 9 }, { 38, 9 } } },
	{ "hugetlb-one-call", "256 MiB of hugetlbfs, one call",
	  HUGETLB, BUFFER, BUFFER, { { 4, 1 }, { 4, 1 }, { 4, 1 } } },
	{ "memfd-one-call", "256 MiB of memfd, huge pages, one call",
	  MEMFD, BUFFER, BUFFER, { { 4, 1 }, { 4, 1 }, { 4, 1 } } },
	{ "file-one-call", "the same memfd by file descriptor",
	  MEMFD_FILE, BUFFER, BUFFER, { { 4, 1 }, { 4, 1 }, { 16, 1 } } },
	{ "scattered-one-call", "256 MiB of scattered pages, one call",
	  SCATTERED, BUFFER, BUFFER,
	  { { 760, 150 }, { 840, 150 }, { 1320, 150 } } },
	{ "scattered-64k-calls", "256 MiB of scattered pages, 64 KiB calls",
	  SCATTERED, BUFFER, 64 * KIB,
	  { { 900, 330 }, { 980, 330 }, { 1480, 330 } } },
	{ "single-calls", "4096 scattered pages, 4 KiB calls",
	  SCATTERED, 4096 * PAGE, PAGE,
	  { { 2900, 2900 }, { 2800, 2800 }, { 3280, 2800 } } },
};

enum way {
	BASELINE,
	UNDO_BASELINE,
	TYPE1,
	CONTAINER,	/* with our backend */
	OURS,
	NR_WAYS
};

/* What a call on a container may cost for huge pages, all of them in one call */
static const double container_target[NR_OPS] = { 6, 2 };

/*
 * A way to map memory for a device; the functions exit on failure.  A way that
 * has measure() maps, unmaps and takes the time in that one call.
 */
static const struct way_ops {
	size_t most;	/* bytes in one call, 0 for no limit */
	void (*open)(const char *bdf);
	void (*map)(const struct memory *memory, size_t offset, size_t length,
		    __u64 iova);
	void (*unmap)(__u64 iova, size_t length);
	void (*measure)(void *va, size_t length, __u64 iova,
			uint64_t ns[NR_OPS]);
	void (*close)(void);
} ways[NR_WAYS];

/* 0 where a way was not measured */
static double cost[ARRAY_SIZE(cases)][NR_WAYS][NR_OPS];

/* The baseline */

static struct {
	int fd;
	uint64_t call;	/* cost of an ioctl that does nothing */
} baseline;

static void baseline_open(const char *bdf)
{
	(void)bdf;
	baseline.fd = open("/dev/iommufd_baseline", O_RDWR | O_CLOEXEC);
	if (baseline.fd < 0)
		err(1, "/dev/iommufd_baseline");
}

static void steps_open(const char *bdf)
{
	uint64_t start, ns;
	int i;

	baseline_open(bdf);
	baseline.call = UINT64_MAX;
	for (i = 0; i < 100; i++) {
		start = now();
		if (ioctl(baseline.fd, BASELINE_NOP))
			err(1, "BASELINE_NOP");
		ns = now() - start;
		if (ns < baseline.call)
			baseline.call = ns;
	}
}

static void steps_measure(void *va, size_t length, __u64 iova,
			  uint64_t ns[NR_OPS])
{
	struct baseline_run run = {
		.uaddr = (__u64)va,
		.length = length,
		.iova = iova,
	};

	if (ioctl(baseline.fd, BASELINE_RUN, &run))
		err(1, "BASELINE_RUN");
	ns[MAP] += baseline.call + run.ns[BASELINE_PIN] + run.ns[BASELINE_MAP];
	ns[UNMAP] += baseline.call + run.ns[BASELINE_UNMAP] +
		     run.ns[BASELINE_UNPIN];
}

static void baseline_close(void)
{
	close(baseline.fd);
}

/* The undo baseline */

static void undo_baseline_map(const struct memory *memory, size_t offset,
			      size_t length, __u64 iova)
{
	struct undo_baseline args = {
		.size = sizeof(args),
		.id = UNDO_BASELINE_ID,
		.uaddr = (__u64)memory->va + offset,
		.length = length,
		.iova = iova,
	};

	if (ioctl(baseline.fd, UNDO_BASELINE_MAP, &args))
		err(1, "UNDO_BASELINE_MAP");
}

static void undo_baseline_unmap(__u64 iova, size_t length)
{
	struct undo_baseline args = {
		.size = sizeof(args),
		.id = UNDO_BASELINE_ID,
		.length = length,
		.iova = iova,
	};

	if (ioctl(baseline.fd, UNDO_BASELINE_UNMAP, &args))
		err(1, "UNDO_BASELINE_UNMAP");
}

/* VFIO's containers */

static struct container container;

static void type1_open(const char *bdf)
{
	container_open(&container, bdf, false);
}

static void backend_open(const char *bdf)
{
	container_open(&container, bdf, true);
}

static void vfio_map(const struct memory *memory, size_t offset,
		     size_t length, __u64 iova)
{
	container_map(&container, memory->va + offset, length, iova);
}

static void vfio_unmap(__u64 iova, size_t length)
{
	container_unmap(&container, iova, length);
}

static void vfio_close(void)
{
	container_close(&container);
}

/* /dev/iommu */

static struct attached ours;

static void ours_open(const char *bdf)
{
	attach(&ours, bdf);
}

static void ours_map(const struct memory *memory, size_t offset,
		     size_t length, __u64 iova)
{
	if (memory->fd >= 0)
		map_file(&ours, memory->fd, offset, length, iova);
	else
		map(&ours, memory->va + offset, length, iova);
}

static void ours_unmap(__u64 iova, size_t length)
{
	unmap(&ours, iova, length);
}

static void ours_close(void)
{
	detach(&ours);
}

static const struct way_ops ways[NR_WAYS] = {
	[BASELINE] = {
		.open = steps_open,
		.measure = steps_measure,
		.close = baseline_close,
	},
	[UNDO_BASELINE] = {
		.most = UNDO_BASELINE_PAGES * PAGE,
		.open = baseline_open,
		.map = undo_baseline_map,
		.unmap = undo_baseline_unmap,
		.close = baseline_close,
	},
	[TYPE1] = {
		.open = type1_open,
		.map = vfio_map,
		.unmap = vfio_unmap,
		.close = vfio_close,
	},
	[CONTAINER] = {
		.open = backend_open,
		.map = vfio_map,
		.unmap = vfio_unmap,
		.close = vfio_close,
	},
	[OURS] = {
		.open = ours_open,
		.map = ours_map,
		.unmap = ours_unmap,
		.close = ours_close,
	},
};

/* Measuring */

static void run_once(const struct way_ops *way, const struct bench_case *c,
		     const struct memory *memory, uint64_t ns[NR_OPS])
{
	uint64_t start;
	size_t offset;

	if (way->measure) {
		ns[MAP] = 0;
		ns[UNMAP] = 0;
		for (offset = 0; offset < c->length; offset += c->call)
			way->measure(memory->va + offset, c->call,
				     IOVA + offset, ns);
		return;
	}

	start = now();
	for (offset = 0; offset < c->length; offset += c->call)
		way->map(memory, offset, c->call, IOVA + offset);
	ns[MAP] = now() - start;

	start = now();
	for (offset = 0; offset < c->length; offset += c->call)
		way->unmap(IOVA + offset, c->call);
	ns[UNMAP] = now() - start;
}

static void run_case(const struct way_ops *way, const struct bench_case *c,
		     const struct memory *memory, double per_page[NR_OPS])
{
	uint64_t best[NR_OPS] = { UINT64_MAX, UINT64_MAX }, ns[NR_OPS];
	int round, op;

	run_once(way, c, memory, ns);
	for (round = 0; round < ROUNDS; round++) {
		run_once(way, c, memory, ns);
		for (op = 0; op < NR_OPS; op++)
			if (ns[op] < best[op])
				best[op] = ns[op];
	}
	for (op = 0; op < NR_OPS; op++)
		per_page[op] = (double)best[op] / (c->length / PAGE);
}

/* Report */

static double ratio(size_t i, enum way to, int op)
{
	return cost[i][OURS][op] / cost[i][to][op];
}

static void print_costs(const double per_page[NR_OPS])
{
	if (per_page[MAP])
		printf("  %7.1f /%6.1f", per_page[MAP], per_page[UNMAP]);
	else
		printf("  %15s", "");
}

static void print_ratios(size_t i, enum way to)
{
	printf("  %5.2f / %5.2f", ratio(i, to, MAP), ratio(i, to, UNMAP));
}

static void print_table(const char *kernel)
{
	size_t i;

	printf("Instructions per 4 KiB, map / unmap, on Linux %s\n\n", kernel);
	printf("%-40s  %15s  %15s  %15s  %15s  %15s  %13s  %13s\n", "case",
	       "baseline", "undo baseline", "type1", "container", "ours",
	       "ours/baseline", "ours/type1");
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		printf("%-40s", cases[i].title);
		print_costs(cost[i][BASELINE]);
		print_costs(cost[i][UNDO_BASELINE]);
		print_costs(cost[i][TYPE1]);
		print_costs(cost[i][CONTAINER]);
		print_costs(cost[i][OURS]);
		print_ratios(i, BASELINE);
		print_ratios(i, TYPE1);
		printf("\n");
	}
	printf("\n");
}

static void print_line(const char *kernel, size_t i, int op)
{
	printf("bench kernel=%s case=%s op=%s baseline=%.1f type1=%.1f ours=%.1f",
	       kernel, cases[i].name, op_names[op], cost[i][BASELINE][op],
	       cost[i][TYPE1][op], cost[i][OURS][op]);
	if (cost[i][UNDO_BASELINE][op])
		printf(" undo-baseline=%.1f", cost[i][UNDO_BASELINE][op]);
	printf(" ours/baseline=%.2f ours/type1=%.2f container=%.1f\n",
	       ratio(i, BASELINE, op), ratio(i, TYPE1, op),
	       cost[i][CONTAINER][op]);
}

static void print_lines(const char *kernel)
{
	size_t i;
	int op;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		for (op = 0; op < NR_OPS; op++)
			print_line(kernel, i, op);
}

static double target(size_t i, int op)
{
	enum kernel kernel = !strncmp(release(), "6.1.", 4) ? LINUX_6_1 :
			     !strncmp(release(), "6.", 2) ? LINUX_6_12 : LINUX_7;

	return cases[i].target[kernel][op];
}

/* Is all of the memory huge pages, mapped by one call? */
static bool is_huge(const struct bench_case *c)
{
	return c->kind != SCATTERED && c->call == BUFFER;
}

static bool print_container_findings(size_t i, int op)
{
	double container = cost[i][CONTAINER][op];
	bool bad = false;

	if (container > cost[i][TYPE1][op]) {
		printf("bench: case=%s op=%s in a container is slower than type1\n",
		       cases[i].name, op_names[op]);
		bad = true;
	}
	if (is_huge(&cases[i]) && container > container_target[op]) {
		printf("bench: case=%s op=%s in a container misses the target %.0f\n",
		       cases[i].name, op_names[op], container_target[op]);
		bad = true;
	}
	return bad;
}

/* Print what misses a limit or a target; return whether that is an error. */
static bool print_findings(size_t i, int op)
{
	double ours = cost[i][OURS][op], undo = cost[i][UNDO_BASELINE][op];
	bool bad = print_container_findings(i, op);

	if (ratio(i, TYPE1, op) > 1) {
		printf("bench: case=%s op=%s is slower than type1\n",
		       cases[i].name, op_names[op]);
		bad = true;
	}
	if (undo && ours > UNDO_BASELINES * undo) {
		printf("bench: case=%s op=%s takes more than %.1f times the undo baseline\n",
		       cases[i].name, op_names[op], UNDO_BASELINES);
		bad = true;
	}
	if (ours > target(i, op)) {
		printf("bench: case=%s op=%s misses the target %.0f",
		       cases[i].name, op_names[op], target(i, op));
		if (undo)
			printf(", of which the undo baseline leaves %.1f",
			       target(i, op) - undo);
		printf("\n");
		bad |= cases[i].call > PAGE;
	}
	return bad;
}

static int print_verdict(void)
{
	bool bad = false;
	size_t i;
	int op;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		for (op = 0; op < NR_OPS; op++)
			bad |= print_findings(i, op);
	if (!bad)
		printf("bench: nothing is slower than it may be\n");
	return bad;
}

static void alloc_memory(struct memory memory[NR_KINDS])
{
	struct memory *m;

	for (m = memory; m < memory + NR_KINDS; m++)
		m->fd = -1;
	memory[HUGETLB].va = alloc_hugetlb(BUFFER);
	memory[HUGE_PAGES].va = alloc_huge_pages(BUFFER);
	memory[MEMFD_FILE].va = alloc_memfd(BUFFER, &memory[MEMFD_FILE].fd);
	memory[MEMFD].va = memory[MEMFD_FILE].va;
	memory[SCATTERED].va = alloc_scattered(BUFFER);
}

int main(int argc, char **argv)
{
	struct memory memory[NR_KINDS];
	size_t i;
	int w;

	if (argc != 2)
		errx(2, "usage: bench BDF");

	alloc_memory(memory);
	for (w = 0; w < NR_WAYS; w++) {
		ways[w].open(argv[1]);
		for (i = 0; i < ARRAY_SIZE(cases); i++)
			if (!ways[w].most || cases[i].call <= ways[w].most)
				run_case(&ways[w], &cases[i],
					 &memory[cases[i].kind], cost[i][w]);
		ways[w].close();
	}

	print_table(release());
	print_lines(release());
	return print_verdict();
}
