/* SPDX-License-Identifier: GPL-2.0-only */
/* Included by all tests of this directory */
#ifndef SELFTESTS_VFIO_TEST_H
#define SELFTESTS_VFIO_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kernel.h"
#include "../patience.h"
#include "../pinned.h"
#include "edu.h"
#include "file.h"
#include "iommu.h"
#include "kmsg.h"
#include "module.h"
#include "nvme.h"
#include "pci.h"
#include "vfio.h"

#define PAGE	4096UL

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#endif

/* Seconds that a test may take in a VM on a loaded machine */
#define PATIENCE	150

/* The negative errno of a call that returns -1 on error; 0 or more if none */
#define ERR(call)					\
({							\
	long _rc = (long)(call);			\
							\
	_rc == -1 ? -errno : _rc;			\
})

static inline void *anon_pages(size_t pages)
{
	return mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

static inline int filled(const void *memory, int with, size_t length)
{
	const unsigned char *byte = memory;
	size_t i;

	for (i = 0; i < length; i++)
		if (byte[i] != with)
			return 0;
	return 1;
}

/*
 * The same for a BAR, byte by byte: on arm64, wide accesses to the memory of a device
 * that are not aligned are faults.
 */
static inline void fill_bar(void *bar, int with, size_t length)
{
	unsigned char *byte = bar;

	while (length--)
		__atomic_store_n(byte++, with, __ATOMIC_RELAXED);
}

static inline int bar_filled(const void *bar, int with, size_t length)
{
	const unsigned char *byte = bar;

	while (length--)
		if (__atomic_load_n(byte++, __ATOMIC_RELAXED) != with)
			return 0;
	return 1;
}

/* A bound device answers this, a parked one does not */
static inline int get_info(int dev)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return ioctl(dev, VFIO_DEVICE_GET_INFO, &info) ? -errno : 0;
}

/* Open and bind to vfio-pci; the file is parked */
#define open_vfio(bdf)					\
({							\
	const char *_bdf = bdf;				\
	int _fd;					\
							\
	ASSERT_EQ(0, pci_bind(_bdf, "vfio-pci"));	\
	_fd = vfio_open(_bdf);				\
	ASSERT_LE(0, _fd);				\
	_fd;						\
})

/*
 * vfio-pci gets both devices, which are in one group.  Before Linux 6.15, a device
 * that comes from a devicetree has a group only once it has had a driver.
 */
#define ASSERT_ONE_GROUP(bdf0, bdf1)				\
do {								\
	const char *_bdf0 = bdf0, *_bdf1 = bdf1;		\
								\
	ASSERT_EQ(0, pci_bind(_bdf0, "vfio-pci"));		\
	ASSERT_EQ(0, pci_bind(_bdf1, "vfio-pci"));		\
	ASSERT_LE(0, pci_group(_bdf0));				\
	ASSERT_EQ(pci_group(_bdf0), pci_group(_bdf1));		\
} while (0)

/* A context with one IOAS */
#define open_iommu(ioas)				\
({							\
	int _fd = iommu_open();				\
							\
	ASSERT_LE(0, _fd);				\
	ASSERT_EQ(0, ioas_alloc(_fd, ioas));		\
	_fd;						\
})

/*
 * Lockdep ends with its first complaint.  So it must not look at the orders in which
 * locks are taken while the kernel's own code takes them in a circle.  0, also where there
 * is no lockdep, or -errno.
 */
static inline int lockdep_looks_at_orders(bool looks)
{
	int rc = write_file("/sys/module/lockdep/parameters/prove_locking",
			    looks ? "1" : "0");

	return rc == -ENOENT ? 0 : rc;
}

/* Check that the device is free: bind a new file to a new context, and close */
static inline int bind_anew(const char *bdf)
{
	int iommu = iommu_open();
	int dev = vfio_open(bdf);
	int rc = dev < 0 ? dev : vfio_bind(dev, iommu, NULL);

	close(dev);
	close(iommu);
	return rc;
}

/*
 * Is expected the next line of the kernel log that has word?  NULL: none has.
 * LOG is of kmsg_open().
 */
static inline bool log_says(int log, const char *word, const char *expected)
{
	char line[1024];

	if (!kmsg_find(log, word, "", 0, line))
		return !expected;
	if (expected && !strcmp(line, expected))
		return true;
	printf("# the log says: %s\n", line);
	return false;
}

/* Number of lines that follow in the kernel log and have the word */
static inline int log_count(int log, const char *word)
{
	char line[1024];
	int n = 0;

	while (kmsg_find(log, word, "", 0, line))
		n++;
	return n;
}

/* Tries of a user for which the log may get lines, but not one for each */
#define LOG_TRIES	1000
#define LOG_LINES	100

#endif
