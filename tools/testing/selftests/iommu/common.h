/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of /dev/iommu share: one wrapper a call, devices.
 *
 * A wrapper returns 0 or -errno, so that a test can say in one line which
 * errno it wants.
 */
#ifndef IOMMU_COMMON_H
#define IOMMU_COMMON_H

#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <linux/iommufd.h>
#include <linux/vfio_cdev.h>

#include "../patience.h"
#include "../pinned.h"

#define PAGE		4096UL
#define HUGE		(2UL << 20)
#define RW		(IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)
#define FIXED		IOMMU_IOAS_MAP_FIXED_IOVA
#define READABLE	IOMMU_IOAS_MAP_READABLE
#define WRITEABLE	IOMMU_IOAS_MAP_WRITEABLE
#define BAD_ID		0x7fff1234U
#define ALL		(~0ULL)

/* The window of the MSI interrupts of every x86 machine, last inclusive */
#define MSI_START	0xfee00000ULL
#define MSI_LAST	0xfeefffffULL

/* The devices that the test machine has (tools/testing/vm) */
#define EDU		"0000:00:04.0"
#define PAIR_0		"0000:00:06.0"
#define PAIR_1		"0000:00:06.1"

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

static inline int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

static inline __u64 addr(const void *p)
{
	return (__u64)(uintptr_t)p;
}

/* Objects */

static inline int obj_destroy(int fd, __u32 id)
{
	struct iommu_destroy arg = { .size = sizeof(arg), .id = id };

	return call(fd, IOMMU_DESTROY, &arg);
}

static inline int ioas_alloc(int fd, __u32 *id)
{
	struct iommu_ioas_alloc arg = { .size = sizeof(arg) };
	int rc = call(fd, IOMMU_IOAS_ALLOC, &arg);

	*id = arg.out_ioas_id;
	return rc;
}

/* n: in: room in ranges, out: what the kernel wrote back */
static inline int ioas_ranges(int fd, __u32 id, struct iommu_iova_range *ranges,
			      __u32 *n, __u64 *alignment)
{
	struct iommu_ioas_iova_ranges arg = {
		.size = sizeof(arg),
		.ioas_id = id,
		.num_iovas = *n,
		.allowed_iovas = addr(ranges),
		.out_iova_alignment = *alignment,
	};
	int rc = call(fd, IOMMU_IOAS_IOVA_RANGES, &arg);

	*n = arg.num_iovas;
	*alignment = arg.out_iova_alignment;
	return rc;
}

static inline int ioas_allow(int fd, __u32 id,
			     const struct iommu_iova_range *ranges, __u32 n)
{
	struct iommu_ioas_allow_iovas arg = {
		.size = sizeof(arg),
		.ioas_id = id,
		.num_iovas = n,
		.allowed_iovas = addr(ranges),
	};

	return call(fd, IOMMU_IOAS_ALLOW_IOVAS, &arg);
}

/* iova: in with FIXED, else out */
static inline int ioas_map_flags(int fd, __u32 id, __u32 flags, const void *va,
				 __u64 length, __u64 *iova)
{
	struct iommu_ioas_map arg = {
		.size = sizeof(arg),
		.flags = flags,
		.ioas_id = id,
		.user_va = addr(va),
		.length = length,
		.iova = *iova,
	};
	int rc = call(fd, IOMMU_IOAS_MAP, &arg);

	*iova = arg.iova;
	return rc;
}

static inline int ioas_map(int fd, __u32 id, const void *va, __u64 length,
			   __u64 iova)
{
	return ioas_map_flags(fd, id, FIXED | RW, va, length, &iova);
}

/* iova: in with FIXED, else out */
static inline int ioas_map_file_flags(int fd, __u32 id, __u32 flags, int file,
				      __u64 start, __u64 length, __u64 *iova)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = flags,
		.ioas_id = id,
		.fd = file,
		.start = start,
		.length = length,
		.iova = *iova,
	};
	int rc = call(fd, IOMMU_IOAS_MAP_FILE, &arg);

	*iova = arg.iova;
	return rc;
}

static inline int ioas_map_file(int fd, __u32 id, int file, __u64 start,
				__u64 length, __u64 iova)
{
	return ioas_map_file_flags(fd, id, FIXED | RW, file, start, length,
				   &iova);
}

static inline int ioas_copy_flags(int fd, __u32 flags, __u32 dst, __u32 src,
				  __u64 length, __u64 *dst_iova, __u64 src_iova)
{
	struct iommu_ioas_copy arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dst_ioas_id = dst,
		.src_ioas_id = src,
		.length = length,
		.dst_iova = *dst_iova,
		.src_iova = src_iova,
	};
	int rc = call(fd, IOMMU_IOAS_COPY, &arg);

	*dst_iova = arg.dst_iova;
	return rc;
}

static inline int ioas_copy(int fd, __u32 dst, __u32 src, __u64 length,
			    __u64 dst_iova, __u64 src_iova)
{
	return ioas_copy_flags(fd, FIXED | RW, dst, src, length, &dst_iova,
			       src_iova);
}

/* length: in: the range, out: what the kernel wrote back */
static inline int ioas_unmap_len(int fd, __u32 id, __u64 iova, __u64 *length)
{
	struct iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = id,
		.iova = iova,
		.length = *length,
	};
	int rc = call(fd, IOMMU_IOAS_UNMAP, &arg);

	*length = arg.length;
	return rc;
}

static inline int ioas_unmap(int fd, __u32 id, __u64 iova, __u64 length)
{
	return ioas_unmap_len(fd, id, iova, &length);
}

/* Map in src at src_iova, copy from there, and take that away again */
static inline int ioas_map_by_copy(int fd, __u32 id, __u32 src, __u64 src_iova,
				   const void *va, __u64 length, __u64 iova)
{
	int rc = ioas_map(fd, src, va, length, src_iova);

	if (rc)
		return rc;
	rc = ioas_copy(fd, id, src, length, iova, src_iova);
	return ioas_unmap(fd, src, src_iova, length) ?: rc;
}

/* All that is mapped: returns its bytes, or -errno */
static inline long long ioas_empty(int fd, __u32 id)
{
	__u64 length = ALL;
	int rc = ioas_unmap_len(fd, id, 0, &length);

	return rc ? rc : (long long)length;
}

static inline int option(int fd, __u16 op, __u32 which, __u32 object,
			 __u64 *value)
{
	struct iommu_option arg = {
		.size = sizeof(arg),
		.option_id = which,
		.op = op,
		.object_id = object,
		.val64 = *value,
	};
	int rc = call(fd, IOMMU_OPTION, &arg);

	*value = arg.val64;
	return rc;
}

static inline int option_set(int fd, __u32 which, __u32 object, __u64 value)
{
	return option(fd, IOMMU_OPTION_OP_SET, which, object, &value);
}

/* What the caller may do */

/* CAP_IPC_LOCK, which lifts the limit of locked memory */
static inline int may_lock(bool may)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data))
		return -errno;
	data[0].effective &= ~(1U << CAP_IPC_LOCK);
	data[0].effective |= (__u32)may << CAP_IPC_LOCK;
	return syscall(SYS_capset, &head, data) ? -errno : 0;
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

/* A copy of an argument that ends in nothing after the first length bytes */
static inline void *cut_off(const void *arg, size_t length)
{
	char *p = anon(2 * PAGE);

	if (!p || mprotect(p + PAGE, PAGE, PROT_NONE))
		return NULL;
	memcpy(p + PAGE - length, arg, length);
	return p + PAGE - length;
}

/* Devices */

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, strlen(text));
	n = n < 0 ? -errno : 0;
	close(fd);
	return n;
}

/* Hand a device to vfio-pci, whatever has it now */
static inline int vfio_take(const char *bdf)
{
	char path[256], link[256];
	ssize_t n;
	int rc;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", bdf);
	n = readlink(path, link, sizeof(link) - 1);
	link[n < 0 ? 0 : n] = 0;
	if (!strcmp(strrchr(link, '/') ? strrchr(link, '/') : "", "/vfio-pci"))
		return 0;

	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/driver_override", bdf);
	rc = write_file(path, "vfio-pci");
	if (rc)
		return rc;
	if (n >= 0) {
		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%s/driver/unbind", bdf);
		rc = write_file(path, bdf);
		if (rc)
			return rc;
	}
	return write_file("/sys/bus/pci/drivers_probe", bdf);
}

/* Open a device's node, which sysfs names; returns the fd or -errno */
static inline int vfio_open(const char *bdf)
{
	char path[512];
	struct dirent *e;
	int rc, fd;
	DIR *dir;

	rc = vfio_take(bdf);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		return -errno;
	do {
		e = readdir(dir);
	} while (e && e->d_name[0] == '.');
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s",
		 e ? e->d_name : "none");
	closedir(dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static inline int vfio_bind(int dev, int iommufd, __u32 *dev_id)
{
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.iommufd = iommufd,
	};
	int rc = call(dev, VFIO_DEVICE_BIND_IOMMUFD, &arg);

	*dev_id = arg.out_devid;
	return rc;
}

/* hwpt_id: out, may be NULL */
static inline int vfio_attach(int dev, __u32 pt_id, __u32 *hwpt_id)
{
	struct vfio_device_attach_iommufd_pt arg = {
		.argsz = sizeof(arg),
		.pt_id = pt_id,
	};
	int rc = call(dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg);

	if (hwpt_id)
		*hwpt_id = arg.pt_id;
	return rc;
}

static inline int vfio_detach(int dev)
{
	struct vfio_device_detach_iommufd_pt arg = { .argsz = sizeof(arg) };

	return call(dev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg);
}

/* Open, bind; returns the device's fd or -errno */
static inline int vfio_open_bound(const char *bdf, int iommufd, __u32 *dev_id)
{
	int dev = vfio_open(bdf);
	int rc;

	if (dev < 0)
		return dev;
	rc = vfio_bind(dev, iommufd, dev_id);
	if (rc) {
		close(dev);
		return rc;
	}
	return dev;
}

static inline int iommufd_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
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
	self->fd = iommufd_open();
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

/* Pages pinned since the test began, and what n mapped pages should pin */
#define PINNED()	(pinned() - self->pinned)
#define IF_ATTACHED(n)	(variant->device ? (long)(n) : 0L)

#endif
