// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows, step by step, what /dev/iommu is for: a program gets a device, lets it
 * reach one piece of memory and nothing else, and gives it back.
 *
 *	demo NVME [EDU]
 *
 * NVME and EDU are PCI addresses of an NVMe controller and of QEMU's edu
 * device, both bound to vfio-pci.  IOMMUFD_DISK_SHA256 in the environment is
 * the expected hash of the disk's first MiB.  The exit status is 0 only if all
 * steps succeed.
 *
 * Without an IOMMU nothing keeps a device from other memory, which the program
 * says.  It then refuses to show DMA beside what is mapped.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"
#include "iommu.h"
#include "kmsg.h"
#include "nvme.h"
#include "vfio.h"

#define PAGE	4096UL
#define MIB	0x100000UL

static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* End the program unless ok */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	say("FAILED: %s", what);
	exit(1);
}

/* rc: 0 or a file descriptor, or a negative errno */
static int must_work(int rc, const char *what)
{
	if (rc < 0) {
		say("FAILED: %s: %s", what, strerror(-rc));
		exit(1);
	}
	return rc;
}

static void must_refuse(long rc, const char *what)
{
	int err = errno;

	must(rc == -1 && err == EINVAL, what);
	say("   %-40s refused: %s, %s", what, strerrorname_np(err),
	    strerror(err));
}

static int open_device(const char *bdf)
{
	char path[PATH_MAX];
	dev_t dev;
	int fd;

	must_work(vfio_find(bdf, path, &dev), "find the device file in sysfs");
	fd = must_work(vfio_open(bdf), "open the device file");
	say("   opened %s, which is %s", path, bdf);
	return fd;
}

static void tell_isolation(int disk, int edu)
{
	if (must_work(vfio_is_noiommu(disk), "look for an IOMMU"))
		say("   it has NO IOMMU: nothing keeps it from any memory of this machine");
	must(edu < 0 || !must_work(vfio_is_noiommu(edu), "look for an IOMMU"),
	     "do DMA beside what is mapped only where an IOMMU blocks it");
}

static void show_parked(int dev)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	char byte;

	must_refuse(ioctl(dev, VFIO_DEVICE_GET_INFO, &info),
		    "ioctl VFIO_DEVICE_GET_INFO");
	must_refuse(ioctl(dev, VFIO_DEVICE_RESET), "ioctl VFIO_DEVICE_RESET");
	must_refuse(ioctl(dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach),
		    "ioctl VFIO_DEVICE_ATTACH_IOMMUFD_PT");
	must_refuse(read(dev, &byte, 1), "read");
	must_refuse((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dev, 0),
		    "mmap");
}

static void bind_and_attach(int dev, int iommu, __u32 ioas, const char *name)
{
	__u32 id, pt;

	must_work(vfio_bind(dev, iommu, &id), "bind");
	must_work(vfio_attach(dev, ioas, &pt), "attach");
	say("   bound the %s: it is device %u; attached to address space %u through page table %u",
	    name, id, ioas, pt);
}

static void *get_memory(size_t length)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(memory != MAP_FAILED, "allocate memory");
	return memory;
}

/* The hash as sha256sum prints it */
static void sha256(const void *data, size_t length, char hash[65])
{
	char command[] = "sha256sum /tmp/iommufd-demo-XXXXXX";
	char *path = strchr(command, '/');
	int fd = mkstemp(path);
	FILE *pipe;

	must(fd >= 0, "make a file in /tmp");
	must(write(fd, data, length) == (ssize_t)length, "write to /tmp");
	close(fd);
	pipe = popen(command, "r");
	must(pipe && fscanf(pipe, "%64[0-9a-f]", hash) == 1, "run sha256sum");
	pclose(pipe);
	unlink(path);
}

static void read_disk(int dev, int iommu, __u32 ioas)
{
	const char *expect = getenv("IOMMUFD_DISK_SHA256");
	char *memory = get_memory(MIB);
	struct nvme nvme;
	char hash[65];
	__u64 iova;

	must(expect, "IOMMUFD_DISK_SHA256 is set");
	must_work(ioas_map_anywhere(iommu, ioas, memory, MIB, &iova),
		  "map 1 MiB");
	say("   mapped 1 MiB of this program's memory; to devices it is at 0x%llx",
	    iova);
	must_work(nvme_open(&nvme, dev, iommu, ioas), "start the controller");
	say("   started the controller: %s, %llu blocks of %zu bytes",
	    nvme.model, nvme.blocks, nvme.block_size);
	must_work(nvme_read(&nvme, 0, iova, MIB), "read the first MiB");
	say("   the controller has written the disk's first MiB to our memory");
	sha256(memory, MIB, hash);
	say("   SHA-256 of this memory    %s", hash);
	say("   SHA-256 of the image file %s", expect);
	must(!strcmp(hash, expect), "they are equal");
	nvme_close(&nvme);
	must_work(ioas_unmap(iommu, ioas, iova, MIB), "unmap");
	munmap(memory, MIB);
	say("   equal.  Controller stopped, memory unmapped.");
}

static bool is_filled(const char *memory, char with)
{
	return memory[0] == with && !memcmp(memory, memory + 1, PAGE - 1);
}

/*
 * Two pages of memory side by side, the first one mapped for the device.  The
 * device can write to the first; nothing is mapped at the IOVA after it.
 */
static void show_block(int dev, int iommu, __u32 ioas, const char *bdf)
{
	const __u64 iova = 0x10000000;
	char *memory = get_memory(2 * PAGE);
	char line[1024];
	struct edu edu;
	int log;

	log = must_work(kmsg_open(), "open the kernel log");
	must_work(edu_open(&edu, dev), "start the edu device");
	must_work(ioas_map(iommu, ioas, memory, PAGE, iova), "map");
	say("   mapped one page at 0x%llx, nothing at 0x%llx", iova,
	    iova + PAGE);

	memset(memory, 'A', PAGE);
	must_work(edu_from_memory(&edu, iova, EDU_DMA_MAX), "DMA");
	memset(memory, 'B', 2 * PAGE);
	must_work(edu_to_memory(&edu, iova, EDU_DMA_MAX), "DMA");
	must(memory[0] == 'A' && memory[EDU_DMA_MAX - 1] == 'A' &&
	     memory[EDU_DMA_MAX] == 'B',
	     "the device has read and written the mapped page");
	say("   DMA to 0x%llx: arrived in the mapped page", iova);

	memset(memory, 'C', 2 * PAGE);
	must_work(edu_to_memory(&edu, iova + PAGE, EDU_DMA_MAX), "DMA");
	must(is_filled(memory, 'C') && is_filled(memory + PAGE, 'C'),
	     "memory is unchanged");
	say("   DMA to 0x%llx: no byte of the memory has changed", iova + PAGE);
	must(kmsg_find_fault(log, bdf, "DMA Write", iova + PAGE, 5000,
			     line),
	     "the kernel reports the DMA");
	say("   the kernel's log: %s", line);

	must_work(ioas_unmap(iommu, ioas, iova, PAGE), "unmap");
	edu_close(&edu);
	munmap(memory, 2 * PAGE);
	close(log);
}

int main(int argc, char **argv)
{
	int disk, edu, iommu;
	__u32 ioas;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: demo NVME [EDU]   (PCI addresses)\n");
		return 2;
	}
	say("1. Open the device files");
	disk = open_device(argv[1]);
	edu = argc == 3 ? open_device(argv[2]) : -1;
	tell_isolation(disk, edu);

	say("2. Before bind, a device file does nothing");
	show_parked(disk);

	say("3. Open /dev/iommu, make an address space, bind both devices to it");
	iommu = must_work(iommu_open(), "open /dev/iommu");
	must_work(ioas_alloc(iommu, &ioas), "make an address space (IOAS)");
	bind_and_attach(disk, iommu, ioas, "disk");
	if (edu >= 0)
		bind_and_attach(edu, iommu, ioas, "edu device");

	say("4. Let the disk write to our memory");
	read_disk(disk, iommu, ioas);

	if (edu >= 0) {
		say("5. Let the edu device write beside the memory it was given");
		show_block(edu, iommu, ioas, argv[2]);
		must_work(vfio_detach(edu), "detach the edu device");
		must(!close(edu), "close");
	}

	say("%d. Close: devices detached, address space destroyed",
	    edu >= 0 ? 6 : 5);
	must_work(vfio_detach(disk), "detach the disk");
	must_work(iommu_destroy(iommu, ioas), "destroy the address space");
	must(!close(disk) && !close(iommu), "close");
	say("Done: all as it should be.");
	return 0;
}
