// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cost of calls in an IOAS with many mappings
 *
 *	scale BDF BDF
 *
 * The devices, like 0000:00:04.0 and 0000:00:05.0, are bound to vfio-pci and
 * each alone in its group.  The figures are nanoseconds, which are instructions
 * in a VM whose clock counts them; see ./run.
 *
 * The first part has pages mapped very often, page after page without a gap,
 * and once at the very last IOVA, so that there is no IOVA above all mappings.
 * Exits with 1 if any call costs more than four times its cost with a single
 * mapping: no call may look at mappings one by one.  The second part has much
 * memory mapped, huge page after huge page, and attaches a second device.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/iommufd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "common.h"
#include "iommu.h"
#include "vfio.h"

#define FIRST	PAGE		/* lowest IOVA that the kernel would choose */
#define OPS	64		/* calls of each kind that are measured */
#define NPAGES	256		/* pages of memory, mapped again and again */
#define MOST	4		/* most times the cost with one mapping */
#define MUCH	(64 * GIB)
#define BUFFER	(256 * MIB)

static const unsigned long counts[] = { 1, 1000, 100000, 1000000 };

enum op { MAP, UNMAP, RANGES, CHOOSE, CHOOSE_LARGER, NR_OPS };

static const char * const op_names[NR_OPS] = {
	[MAP] = "map",
	[UNMAP] = "unmap",
	[RANGES] = "ranges",
	[CHOOSE] = "choose",
	/* The free IOVA below all mappings is too small. */
	[CHOOSE_LARGER] = "choose-larger",
};

static double cost[ARRAY_SIZE(counts)][NR_OPS];

static struct attached at;
static char *memory;

static void *page(unsigned long i)
{
	return memory + i % NPAGES * PAGE;
}

static __u64 iova_of(unsigned long i)
{
	return FIRST + i * PAGE;
}

/* Map at an IOVA that the kernel chooses; the time is added to *ns. */
static __u64 choose(void *va, size_t length, uint64_t *ns)
{
	uint64_t start = now();
	__u64 iova;

	check(ioas_map_anywhere(at.iommufd, at.ioas, va, length, &iova),
	      "IOMMU_IOAS_MAP");
	*ns += now() - start;
	return iova;
}

/* Returns the last IOVA. */
static __u64 ranges(void)
{
	struct iommu_iova_range usable[8];
	struct iommu_ioas_iova_ranges arg = {
		.size = sizeof(arg),
		.ioas_id = at.ioas,
		.num_iovas = ARRAY_SIZE(usable),
		.allowed_iovas = (__u64)usable,
	};

	if (ioctl(at.iommufd, IOMMU_IOAS_IOVA_RANGES, &arg))
		err(1, "IOMMU_IOAS_IOVA_RANGES");
	return usable[arg.num_iovas - 1].last;
}

/* Make one call of each kind, at the mapping with number @i. */
static void run_ops(unsigned long i, uint64_t ns[NR_OPS])
{
	uint64_t start;
	__u64 iova;

	start = now();
	unmap(&at, iova_of(i), PAGE);
	ns[UNMAP] += now() - start;

	iova = choose(memory, 2 * PAGE, &ns[CHOOSE_LARGER]);
	unmap(&at, iova, 2 * PAGE);

	start = now();
	map(&at, page(i), PAGE, iova_of(i));
	ns[MAP] += now() - start;

	start = now();
	ranges();
	ns[RANGES] += now() - start;

	iova = choose(memory, PAGE, &ns[CHOOSE]);
	unmap(&at, iova, PAGE);
}

/* Measure calls with @n mappings. */
static void run_count(unsigned long n, double per_op[NR_OPS])
{
	uint64_t ns[NR_OPS] = { 0 };
	int i, op;

	run_ops(0, ns);		/* to warm up */
	memset(ns, 0, sizeof(ns));
	for (i = 0; i < OPS; i++)
		run_ops(n * i / OPS, ns);
	for (op = 0; op < NR_OPS; op++)
		per_op[op] = (double)ns[op] / OPS;
}

static void run_counts(void)
{
	unsigned long n = 0;
	size_t i;

	map(&at, memory, PAGE, ranges() - PAGE + 1);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		for (; n < counts[i]; n++)
			map(&at, page(n), PAGE, iova_of(n));
		run_count(n, cost[i]);
	}
}

static int print_counts(void)
{
	int grown = 0, op;
	size_t i;

	printf("Instructions per call by the number of mappings, on Linux %s\n\n",
	       release());
	printf("%-14s", "call");
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		printf("  %10lu", counts[i]);
	printf("\n");
	for (op = 0; op < NR_OPS; op++) {
		printf("%-14s", op_names[op]);
		for (i = 0; i < ARRAY_SIZE(counts); i++)
			printf("  %10.0f", cost[i][op]);
		printf("\n");
	}
	printf("\n");
	for (op = 0; op < NR_OPS; op++)
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			printf("scale kernel=%s op=%s mappings=%lu cost=%.0f\n",
			       release(), op_names[op], counts[i],
			       cost[i][op]);
			grown += cost[i][op] > MOST * cost[0][op];
		}
	return grown;
}

/*
 * Attach a second device twice: to the same page table, and to one of its own,
 * which has to be filled.
 */
static void run_attach(const char *bdf)
{
	unsigned long start, shared, own;
	__u32 dev_id, hwpt;
	int dev = vfio_open(bdf);
	size_t offset;
	char *va;

	check(dev, bdf);
	check(vfio_bind(dev, at.iommufd, &dev_id), "VFIO_DEVICE_BIND_IOMMUFD");
	va = alloc_huge_pages(BUFFER);
	for (offset = 0; offset < MUCH; offset += BUFFER)
		map(&at, va, BUFFER, IOVA + offset);

	start = now();
	check(vfio_attach(dev, at.ioas, NULL), "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
	shared = now() - start;
	check(vfio_detach(dev), "VFIO_DEVICE_DETACH_IOMMUFD_PT");

	start = now();
	check(hwpt_alloc(at.iommufd, dev_id, at.ioas, 0, &hwpt),
	      "IOMMU_HWPT_ALLOC");
	check(vfio_attach(dev, hwpt, NULL), "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
	own = (now() - start) / (MUCH / GIB);
	close(dev);

	printf("\nAttach a second device, %lu GiB of huge pages mapped:\n",
	       MUCH / GIB);
	printf("  same page table %lu, a new one %lu per GiB\n\n", shared,
	       own);
	printf("scale kernel=%s op=attach-shared gib=%lu cost=%lu\n",
	       release(), MUCH / GIB, shared);
	printf("scale kernel=%s op=attach-own gib=%lu cost-per-gib=%lu\n",
	       release(), MUCH / GIB, own);
}

int main(int argc, char **argv)
{
	int grown;

	if (argc != 3)
		errx(2, "usage: scale BDF BDF");

	memory = alloc_small_pages(NPAGES * PAGE);
	attach(&at, argv[1]);
	run_counts();
	detach(&at);
	grown = print_counts();

	attach(&at, argv[1]);
	run_attach(argv[2]);
	detach(&at);

	if (grown)
		printf("scale: %d costs grow with the number of mappings\n",
		       grown);
	else
		printf("scale: no cost grows with the number of mappings\n");
	return grown ? 1 : 0;
}
