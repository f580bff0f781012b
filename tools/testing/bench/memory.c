// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel memory that the bookkeeping of mappings takes
 *
 *	memory BDF
 *
 * BDF, like 0000:00:04.0, is bound to vfio-pci and alone in its group.  The
 * program counts the objects in use of the slab caches that mappings are
 * allocated from, before and after a map, with free objects given back first.
 * The domain's own page table is not in a slab.  The decrease of free pages,
 * which is printed too, includes it, and other things as well.  Exits with 1
 * when slabs take more than the limit in any case.
 */
#include <err.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "common.h"

/* The least of these rounds counts: other things take memory as well. */
#define ROUNDS	3

/* The unit of a figure: bytes per GiB that is mapped, or per mapping */
enum unit { PER_GIB, PER_MAPPING };

static const struct memory_case {
	const char *name;
	const char *title;
	char *(*alloc)(size_t length);
	size_t length;
	size_t call;	/* mapped in one call */
	enum unit unit;
	long limit;	/* bytes */
} cases[] = {
	{ "huge", "huge pages, per GiB",
	  alloc_huge_pages, 512 * MIB, 512 * MIB, PER_GIB, 16 * KIB },
	{ "adjacent", "4 KiB pages, faulted in one after the other, per GiB",
	  alloc_small_pages, 512 * MIB, 512 * MIB, PER_GIB, GIB / 400 },
	{ "scattered", "4 KiB pages, none adjacent, per GiB",
	  alloc_scattered, 512 * MIB, 512 * MIB, PER_GIB, GIB / 400 },
	{ "tiny", "a mapping of 4 KiB",
	  alloc_small_pages, 64 * MIB, PAGE, PER_MAPPING, 384 },
};

/* Mappings consist of allocations of any size, and of nodes of xarrays. */
static const char * const caches[] = { "kmalloc", "radix_tree_node" };

static bool is_counted(const char *cache)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(caches); i++)
		if (!strncmp(cache, caches[i], strlen(caches[i])))
			return true;
	return false;
}

/* Give free objects back: those kept for a CPU are counted as in use. */
static void empty_caches(void)
{
	glob_t found;
	size_t i;
	int fd;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &found))
		errx(1, "/sys/kernel/slab: no slab caches");
	for (i = 0; i < found.gl_pathc; i++) {
		const char *cache = found.gl_pathv[i] +
				    strlen("/sys/kernel/slab/");

		if (!is_counted(cache))
			continue;
		fd = open(found.gl_pathv[i], O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "1", 1) != 1)
			err(1, "%s", found.gl_pathv[i]);
		close(fd);
	}
	globfree(&found);
}

/* Bytes of objects in use */
static long slab_bytes(void)
{
	char line[512], cache[64];
	long used, size, sum = 0;
	FILE *f;

	empty_caches();
	f = fopen("/proc/slabinfo", "re");
	if (!f)
		err(1, "/proc/slabinfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63s %ld %*d %ld", cache, &used, &size) == 3 &&
		    is_counted(cache))
			sum += used * size;
	fclose(f);
	if (!sum)
		errx(1, "/proc/slabinfo: no slab caches");
	return sum;
}

/* Bytes of free pages, those on the lists of CPUs included */
static long free_bytes(void)
{
	char line[256];
	long value, sum = 0;
	FILE *f = fopen("/proc/zoneinfo", "re");

	if (!f)
		err(1, "/proc/zoneinfo");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " pages free %ld", &value) == 1 ||
		    sscanf(line, " count: %ld", &value) == 1)
			sum += value;
	fclose(f);
	return sum * (long)PAGE;
}

struct usage {
	double slab;
	double all;
};

static void measure(const struct memory_case *c, struct attached *at, char *va,
		    struct usage *usage)
{
	double units = c->unit == PER_GIB ? (double)c->length / GIB :
					    (double)c->length / c->call;
	long slab = slab_bytes(), all = free_bytes();
	size_t offset;

	for (offset = 0; offset < c->length; offset += c->call)
		map(at, va + offset, c->call, IOVA + offset);
	usage->all = (all - free_bytes()) / units;
	usage->slab = (slab_bytes() - slab) / units;
	unmap(at, IOVA, c->length);
}

/* Returns whether the case takes more than its limit. */
static bool run_case(const struct memory_case *c, const char *bdf)
{
	char *va = c->alloc(c->length);
	struct usage least, usage;
	struct attached at;
	int i;

	attach(&at, bdf);
	measure(c, &at, va, &least);	/* to warm up */
	for (i = 0; i < ROUNDS; i++) {
		measure(c, &at, va, &usage);
		if (!i || usage.slab < least.slab)
			least = usage;
	}
	detach(&at);
	munmap(va, c->length);

	printf("%-55s  %9.0f  %9ld  %9.0f\n", c->title, least.slab, c->limit,
	       least.all);
	printf("memory kernel=%s case=%s bytes=%.0f limit=%ld pages=%.0f\n",
	       release(), c->name, least.slab, c->limit, least.all);
	return least.slab > c->limit;
}

int main(int argc, char **argv)
{
	int failed = 0;
	size_t i;

	if (argc != 2)
		errx(2, "usage: memory BDF");

	printf("Bytes of kernel memory on Linux %s\n\n", release());
	printf("%-55s  %9s  %9s  %9s\n", "what is mapped", "in slabs", "at most",
	       "all pages");
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (run_case(&cases[i], argv[1])) {
			printf("memory: case=%s takes too much\n",
			       cases[i].name);
			failed++;
		}
	printf("\n");
	if (!failed)
		printf("memory: nothing takes more than it may\n");
	return failed ? 1 : 0;
}
