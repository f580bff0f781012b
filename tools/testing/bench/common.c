// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared by the benchmarks: a clock, a device, memory
 */
#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#include "common.h"
#include "file.h"
#include "iommu.h"
#include "smaps.h"
#include "vfio.h"

void check(int rc, const char *what)
{
	if (rc < 0)
		errx(1, "%s: %s", what, strerror(-rc));
}

uint64_t now(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts))
		err(1, "clock_gettime");
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

const char *release(void)
{
	static struct utsname uts;

	if (uname(&uts))
		err(1, "uname");
	return uts.release;
}

/* A device */

void attach(struct attached *at, const char *bdf)
{
	at->iommufd = iommu_open();
	check(at->iommufd, "/dev/iommu");
	at->dev = vfio_open(bdf);
	check(at->dev, bdf);
	check(vfio_bind(at->dev, at->iommufd, &at->dev_id),
	      "VFIO_DEVICE_BIND_IOMMUFD");
	check(ioas_alloc(at->iommufd, &at->ioas), "IOMMU_IOAS_ALLOC");
	check(vfio_attach(at->dev, at->ioas, NULL),
	      "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

void map(struct attached *at, void *va, size_t length, __u64 iova)
{
	check(ioas_map(at->iommufd, at->ioas, va, length, iova),
	      "IOMMU_IOAS_MAP");
}

void map_file(struct attached *at, int fd, size_t start, size_t length,
	      __u64 iova)
{
	check(ioas_map_file(at->iommufd, at->ioas, fd, start, length, iova),
	      "IOMMU_IOAS_MAP_FILE");
}

void unmap(struct attached *at, __u64 iova, size_t length)
{
	check(ioas_unmap(at->iommufd, at->ioas, iova, length),
	      "IOMMU_IOAS_UNMAP");
}

void detach(struct attached *at)
{
	close(at->dev);
	close(at->iommufd);
}

/* Memory */

char *reserve(size_t length, int advice)
{
	char *start, *va;
	size_t head;

	start = mmap(NULL, length + HUGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		err(1, "mmap");
	head = -(unsigned long)start & (HUGE - 1);
	va = start + head;
	if (head)
		munmap(start, head);
	munmap(va + length, HUGE - head);
	if (madvise(va, length, advice))
		err(1, "madvise: are transparent huge pages off?");
	return va;
}

/* Fault memory in, and check that it consists of huge pages. */
static void fill_huge(char *va, size_t length, const char *field)
{
	long kib;

	memset(va, 1, length);
	kib = smaps_kib(va, field);
	if (kib != (long)(length / KIB))
		errx(1, "only %ld KiB of %zu came in huge pages: give the VM more memory",
		     kib, length / KIB);
}

char *alloc_huge_pages(size_t length)
{
	char *va = reserve(length, MADV_HUGEPAGE);

	fill_huge(va, length, "AnonHugePages:");
	return va;
}

char *alloc_hugetlb(size_t length)
{
	char *va, npages[20];

	snprintf(npages, sizeof(npages), "%zu", length / HUGE);
	check(write_file("/proc/sys/vm/nr_hugepages", npages),
	      "/proc/sys/vm/nr_hugepages");
	va = mmap(NULL, length, PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (va == MAP_FAILED)
		err(1, "mmap of hugetlbfs");
	fill_huge(va, length, "Private_Hugetlb:");
	return va;
}

char *alloc_memfd(size_t length, int *fd)
{
	char *va = reserve(length, MADV_NORMAL);

	check(write_file(SHMEM_ENABLED, "advise"), SHMEM_ENABLED);
	*fd = memfd_create("bench", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, length))
		err(1, "memfd_create");
	if (mmap(va, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		 *fd, 0) != va || madvise(va, length, MADV_HUGEPAGE))
		err(1, "mmap of a memfd");
	fill_huge(va, length, "ShmemPmdMapped:");
	return va;
}

char *alloc_small_pages(size_t length)
{
	char *va = reserve(length, MADV_NOHUGEPAGE);

	memset(va, 1, length);
	return va;
}

/* Number of pages whose PFN is one less or one more than the next page's */
static size_t adjacent_pages(const void *va, size_t length)
{
	const uint64_t present = 1ULL << 63, pfn_mask = (1ULL << 55) - 1;
	size_t npages = length / PAGE, bytes = npages * sizeof(uint64_t);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t *map = malloc(bytes);
	size_t i, n = 0;

	if (fd < 0 || !map)
		err(1, "/proc/self/pagemap");
	if (pread(fd, map, bytes, (unsigned long)va / PAGE * sizeof(*map)) !=
	    (ssize_t)bytes)
		err(1, "/proc/self/pagemap");
	close(fd);
	for (i = 0; i < npages; i++) {
		if (!(map[i] & present) || !(map[i] & pfn_mask))
			errx(1, "/proc/self/pagemap shows no frame of page %zu",
			     i);
		map[i] &= pfn_mask;
		if (i && (map[i] - map[i - 1] == 1 || map[i - 1] - map[i] == 1))
			n++;
	}
	free(map);
	return n;
}

/*
 * The kernel hands out physical pages more or less in order.  So fault in every
 * second page, and then the pages between them.
 */
char *alloc_scattered(size_t length)
{
	char *va = reserve(length, MADV_NOHUGEPAGE);
	size_t offset, n;

	for (offset = 0; offset < length; offset += 2 * PAGE)
		va[offset] = 1;
	for (offset = PAGE; offset < length; offset += 2 * PAGE)
		va[offset] = 1;
	n = adjacent_pages(va, length);
	if (n > length / PAGE / 1000)
		errx(1, "%zu of %zu pages are adjacent to the next", n,
		     length / PAGE);
	return va;
}
