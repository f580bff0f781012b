// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hold a device, step by step, as a program does that uses it:
 *
 *	hold BDF
 *
 * opens /dev/iommu, makes an I/O address space, opens the device file, and then
 * carries out each line of standard input.  It answers each line with a line:
 * ok, or the name of the error.  The program ends at the end of the input.
 *
 *	bind, attach	the device
 *	map N		map N pages, one by one
 *	unmap		all mappings
 *	dup		have another descriptor of /dev/iommu
 *	open		open /dev/iommu once more
 *	fork		have a child that has all these files, too
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include "iommu.h"
#include "vfio.h"

#define PAGE	4096UL
#define PAGES	4096	/* that can be mapped */
#define IOVA	0x100000000ULL

static int iommu, dev;
static __u32 ioas;
static unsigned int mapped;

static int map(unsigned int n)
{
	static char *memory;
	int rc = 0;

	if (!memory)
		memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || n > PAGES - mapped)
		return -ENOMEM;
	for (; n && !rc; n--) {
		rc = ioas_map(iommu, ioas, memory + mapped * PAGE, PAGE,
			      IOVA + mapped * PAGE);
		mapped += !rc;
	}
	return rc;
}

static int unmap(void)
{
	int rc = 0;

	while (mapped && !rc) {
		rc = ioas_unmap(iommu, ioas, IOVA + (mapped - 1) * PAGE, PAGE);
		mapped -= !rc;
	}
	return rc;
}

static int have_child(void)
{
	pid_t pid = fork();

	if (pid)
		return pid < 0 ? -errno : 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pause();
	exit(0);
}

static int do_line(const char *line)
{
	unsigned int n;

	if (sscanf(line, "map %u", &n) == 1)
		return map(n);
	if (!strcmp(line, "unmap\n"))
		return unmap();
	if (!strcmp(line, "bind\n"))
		return vfio_bind(dev, iommu, NULL);
	if (!strcmp(line, "attach\n"))
		return vfio_attach(dev, ioas, NULL);
	if (!strcmp(line, "dup\n"))
		return dup(iommu) < 0 ? -errno : 0;
	if (!strcmp(line, "open\n"))
		return open("/dev/iommu", O_RDWR) < 0 ? -errno : 0;
	if (!strcmp(line, "fork\n"))
		return have_child();
	return -EINVAL;
}

int main(int argc, char **argv)
{
	char line[64];
	int rc;

	if (argc != 2) {
		fprintf(stderr, "usage: hold BDF\n");
		return 2;
	}
	iommu = iommu_open();
	dev = vfio_open(argv[1]);
	if (iommu < 0 || dev < 0 || ioas_alloc(iommu, &ioas)) {
		printf("cannot open: %d %d\n", iommu, dev);
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		rc = do_line(line);
		if (rc)
			printf("%s\n", strerror(-rc));
		else
			printf("ok\n");
		fflush(stdout);
	}
	return 0;
}
