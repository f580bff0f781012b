// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shortest program that has a device do DMA: QEMU's edu device reads one
 * piece of memory and writes the data to another.
 *
 *	copy EDU
 *
 * EDU is the PCI address of the device, such as 0000:00:04.0, bound to
 * vfio-pci.  The exit status is 0 only if all steps succeed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"
#include "iommu.h"
#include "vfio.h"

#define PAGE	4096UL
#define FROM	0x100000UL	/* addresses that the device is given: IOVAs */
#define TO	0x200000UL

/* End the program if rc is a negative errno */
static int must(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "copy: %s: %s\n", what, strerror(-rc));
		exit(1);
	}
	return rc;
}

int main(int argc, char **argv)
{
	char *from, *to;
	int iommu, dev;
	struct edu edu;
	__u32 ioas;
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: copy EDU   (a PCI address)\n");
		return 2;
	}
	from = aligned_alloc(PAGE, PAGE);
	to = aligned_alloc(PAGE, PAGE);
	for (i = 0; i < PAGE; i++)
		from[i] = i % 251;
	memset(to, 0xff, PAGE);

	/* An address space: the device may read one page and write one */
	iommu = must(iommu_open(), "open /dev/iommu");
	must(ioas_alloc(iommu, &ioas), "make an address space");
	must(ioas_map_ro(iommu, ioas, from, PAGE, FROM), "map");
	must(ioas_map(iommu, ioas, to, PAGE, TO), "map");

	/* The device, in that address space */
	dev = must(vfio_open(argv[1]), "open the device");
	must(vfio_bind(dev, iommu, NULL), "bind");
	must(vfio_attach(dev, ioas, NULL), "attach");

	/* DMA, by way of the device's own buffer */
	must(edu_open(&edu, dev), "start the device");
	must(edu_from_memory(&edu, FROM, EDU_DMA_MAX), "DMA from memory");
	must(edu_to_memory(&edu, TO, EDU_DMA_MAX), "DMA to memory");
	edu_close(&edu);
	if (memcmp(from, to, EDU_DMA_MAX) || to[EDU_DMA_MAX] != '\xff') {
		fprintf(stderr, "copy: it is no copy\n");
		return 1;
	}

	must(ioas_unmap(iommu, ioas, TO, PAGE), "unmap");
	must(ioas_unmap(iommu, ioas, FROM, PAGE), "unmap");
	close(dev);	/* the device is detached, and given back */
	close(iommu);
	printf("%d bytes copied\n", EDU_DMA_MAX);
	return 0;
}
