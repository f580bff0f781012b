// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages has a disk written?  An NVMe reads blocks into some pages of this
 * program's memory, and the IOMMU has to report these and no others.
 *
 *	dirty NVME
 *
 * NVME is the PCI address of the disk, such as 0000:01:00.0, bound to vfio-pci.
 * Nothing is written to the disk.  The exit status is 0 only if the IOMMU tracks
 * dirty pages, and reports the right ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "iommu.h"
#include "nvme.h"
#include "vfio.h"

#define PAGE	4096UL
#define NPAGES	64

/* End the program if rc is a negative errno */
static int must(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "dirty: %s: %s\n", what, strerror(-rc));
		exit(1);
	}
	return rc;
}

/* End the program unless the bitmap is the one that it should be */
static void must_be(__u64 bitmap, __u64 expected)
{
	printf("dirty pages: %016llx\n", bitmap);
	if (bitmap != expected) {
		fprintf(stderr, "dirty: should be:   %016llx\n", expected);
		exit(1);
	}
}

/* Have the disk write the pages of a bitmap; its first block is read to each */
static void write_pages(struct nvme *nvme, __u64 iova, __u64 bitmap)
{
	unsigned int i;

	for (i = 0; i < NPAGES; i++)
		if (bitmap >> i & 1)
			must(nvme_read(nvme, 0, iova + i * PAGE,
				       nvme->block_size), "read the disk");
}

int main(int argc, char **argv)
{
	const __u64 first = 1ULL << 3 | 7ULL << 10 | 1ULL << 63, second = 1 << 5;
	__u32 ioas, id, hwpt;
	struct nvme nvme;
	__u64 iova, bitmap;
	int iommu, dev;
	void *memory;

	if (argc != 2) {
		fprintf(stderr, "usage: dirty NVME   (a PCI address)\n");
		return 2;
	}
	memory = mmap(NULL, NPAGES * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		perror("dirty: memory");
		return 1;
	}

	/* A page of the IOMMU is dirty as a whole: none larger than 4 KiB */
	iommu = must(iommu_open(), "open /dev/iommu");
	must(ioas_alloc(iommu, &ioas), "make an address space");
	must(iommu_option_set(iommu, IOMMU_OPTION_HUGE_PAGES, ioas, 0),
	     "use small pages");
	must(ioas_map_anywhere(iommu, ioas, memory, NPAGES * PAGE, &iova),
	     "map");

	/* The disk, with a page table that tracks */
	dev = must(vfio_open(argv[1]), "open the device");
	must(vfio_bind(dev, iommu, &id), "bind");
	must(hwpt_alloc(iommu, id, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &hwpt),
	     "the IOMMU does not track dirty pages");
	must(vfio_attach(dev, hwpt, NULL), "attach");
	must(nvme_open(&nvme, dev, iommu, ioas), "start the controller");

	/* To ask clears what is reported */
	must(dirty_set(iommu, hwpt, IOMMU_HWPT_DIRTY_TRACKING_ENABLE), "track");
	write_pages(&nvme, iova, first);
	bitmap = 0;
	must(dirty_get(iommu, hwpt, 0, iova, NPAGES * PAGE, PAGE, &bitmap),
	     "ask for dirty pages");
	must_be(bitmap, first);
	write_pages(&nvme, iova, second);
	bitmap = 0;
	must(dirty_get(iommu, hwpt, 0, iova, NPAGES * PAGE, PAGE, &bitmap),
	     "ask for dirty pages");
	must_be(bitmap, second);

	nvme_close(&nvme);
	close(dev);
	close(iommu);
	return 0;
}
