/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the tests of /dev/iommu, besides tools/lib.  Functions there and
 * here return 0 or -errno, so that a test says in one line which errno it
 * wants.
 */
#ifndef IOMMU_COMMON_H
#define IOMMU_COMMON_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/iommufd.h>
#include <linux/vfio_cdev.h>

#include "../capability.h"
#include "../patience.h"
#include "../pinned.h"
#include "file.h"
#include "iommu.h"
#include "module.h"
#include "pci.h"
#include "vfio.h"

#define PAGE		4096UL
#define HUGE		(2UL << 20)
#define RW		IOAS_RW
#define FIXED		IOMMU_IOAS_MAP_FIXED_IOVA
#define READABLE	IOMMU_IOAS_MAP_READABLE
#define WRITEABLE	IOMMU_IOAS_MAP_WRITEABLE
#define BAD_ID		0x7fff1234U
#define ALL		(~0ULL)

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

static inline int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

static inline __u64 addr(const void *p)
{
	return (__u64)(uintptr_t)p;
}

/* Map in src at src_iova, copy from there, and unmap src_iova again */
static inline int ioas_map_by_copy(int fd, __u32 id, __u32 src, __u64 src_iova,
				   const void *va, __u64 length, __u64 iova)
{
	int rc = ioas_map(fd, src, va, length, src_iova);

	if (rc)
		return rc;
	rc = ioas_copy(fd, id, src, length, iova, src_iova);
	return ioas_unmap(fd, src, src_iova, length) ?: rc;
}

/* Unmap everything: returns the number of bytes, or -errno */
static inline long long ioas_empty(int fd, __u32 id)
{
	__u64 length = ALL;
	int rc = ioas_unmap_len(fd, id, 0, &length);

	return rc ? rc : (long long)length;
}

/* Memory for arguments */

static inline void *anon(size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* length bytes aligned to align, which is above the page size */
static inline void *anon_aligned(size_t length, size_t align)
{
	char *p = anon(length + align);

	if (!p)
		return NULL;
	return (void *)((addr(p) + align - 1) & ~(__u64)(align - 1));
}

/* A copy of an argument that the kernel can read but not write */
static inline void *read_only(const void *arg, size_t length)
{
	void *p = anon(PAGE);

	if (!p)
		return NULL;
	memcpy(p, arg, length);
	return mprotect(p, PAGE, PROT_READ) ? NULL : p;
}

/* A copy of an argument; after its first length bytes no memory follows */
static inline void *cut_off(const void *arg, size_t length)
{
	char *p = anon(2 * PAGE);

	if (!p || mprotect(p + PAGE, PAGE, PROT_NONE))
		return NULL;
	memcpy(p + PAGE - length, arg, length);
	return p + PAGE - length;
}

/* Devices */

/* Bind a device to vfio-pci and to a context: its file, or -errno */
static inline int vfio_open_bound(const char *bdf, int iommufd, __u32 *dev_id)
{
	int rc = pci_bind(bdf, "vfio-pci");
	int dev;

	if (rc)
		return rc;
	dev = vfio_open(bdf);
	if (dev < 0)
		return dev;
	rc = vfio_bind(dev, iommufd, dev_id);
	if (rc) {
		close(dev);
		return rc;
	}
	return dev;
}

/*
 * One context with an IOAS, once with nothing attached to it and once with a
 * device: nearly every promise holds in both.
 */
FIXTURE(iommufd)
{
	int fd;
	int dev;
	__u32 ioas_id;
	__u32 dev_id;
	__u32 hwpt_id;
	long pinned;
};

FIXTURE_VARIANT(iommufd)
{
	bool device;
};

FIXTURE_VARIANT_ADD(iommufd, no_device)
{
};

FIXTURE_VARIANT_ADD(iommufd, device)
{
	.device = true,
};

FIXTURE_SETUP(iommufd)
{
	self->dev = -1;
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	if (!variant->device)
		return;
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, &self->hwpt_id));
}

FIXTURE_TEARDOWN(iommufd)
{
	if (self->dev >= 0)
		close(self->dev);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
}

/* Pages pinned since the test began, and the pins of n mapped pages */
#define PINNED()	(pinned() - self->pinned)
#define IF_ATTACHED(n)	(variant->device ? (long)(n) : 0L)

#endif
