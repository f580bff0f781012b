/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOMMU_TEST_CMD for tests: one wrapper an operation, each returns 0 or -errno.
 */
#ifndef IOMMU_MOCK_H
#define IOMMU_MOCK_H

#include "common.h"
#include "iommufd_test.h"

#define MOCK_MODULE	"iommufd_mock"
#define MOCK_PARAMETERS	"/sys/module/" MOCK_MODULE "/parameters/"
#define HALF		2048UL		/* the mock's page: half of the CPU's */
#define MiB		(HUGE / 2)
#define TAINT_TEST	18

/* Bytes of scratch memory: at least the default of the driver */
#define SCRATCH		65536U

/* Load the module; only tests that need it do. */
static inline int mock_load(void)
{
	return module_load(MOCK_MODULE, "/sys/module/" MOCK_MODULE "/refcnt");
}

/* Open a context that has the mock, with an IOAS: a file, or -errno */
static inline int mock_open(__u32 *ioas_id)
{
	int fd = mock_load() ? -ENODEV : iommu_open();
	int rc = fd < 0 ? fd : ioas_alloc(fd, ioas_id);

	return rc ? rc : fd;
}

static inline int mock_unload(void)
{
	return syscall(SYS_delete_module, MOCK_MODULE, O_NONBLOCK) ? -errno : 0;
}

static inline int mock_cmd(int fd, __u32 op, struct iommu_test_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	cmd->op = op;
	return call(fd, IOMMU_TEST_CMD, cmd);
}

/* The result of creating a mock device */
struct mock_dev {
	__u32 id;	/* of the test object */
	__u32 hwpt_id;
	__u32 dev_id;
};

static inline int mock_attach(int fd, __u32 pt_id, struct mock_dev *dev)
{
	struct iommu_test_cmd cmd = { .id = pt_id };
	int rc = mock_cmd(fd, IOMMU_TEST_OP_MOCK_DOMAIN, &cmd);

	dev->id = cmd.mock_domain.out_stdev_id;
	dev->hwpt_id = cmd.mock_domain.out_hwpt_id;
	dev->dev_id = cmd.mock_domain.out_idev_id;
	return rc;
}

static inline int mock_attach_flags(int fd, __u32 pt_id, __u32 flags,
				    struct mock_dev *dev)
{
	struct iommu_test_cmd cmd = {
		.id = pt_id,
		.mock_domain_flags.dev_flags = flags,
	};
	int rc = mock_cmd(fd, IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS, &cmd);

	dev->id = cmd.mock_domain_flags.out_stdev_id;
	dev->hwpt_id = cmd.mock_domain_flags.out_hwpt_id;
	dev->dev_id = cmd.mock_domain_flags.out_idev_id;
	return rc;
}

/* Make a device in the group of another one, and attach it. */
static inline int mock_mate(int fd, const struct mock_dev *of, __u32 pt_id,
			    struct mock_dev *dev)
{
	struct iommu_test_cmd cmd = {
		.id = of->id,
		.mock_mate.pt_id = pt_id,
	};
	int rc = mock_cmd(fd, IOMMU_TEST_OP_MOCK_MATE, &cmd);

	dev->id = cmd.mock_mate.out_stdev_id;
	dev->hwpt_id = cmd.mock_mate.out_hwpt_id;
	dev->dev_id = cmd.mock_mate.out_idev_id;
	return rc;
}

/* Updates dev->hwpt_id. */
static inline int mock_replace(int fd, struct mock_dev *dev, __u32 pt_id)
{
	struct iommu_test_cmd cmd = {
		.id = dev->id,
		.mock_domain_replace.pt_id = pt_id,
	};
	int rc = mock_cmd(fd, IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE, &cmd);

	if (!rc)
		dev->hwpt_id = cmd.mock_domain_replace.pt_id;
	return rc;
}

/* PASIDs of the device of test object id */

static inline int mock_pasid_attach(int fd, __u32 id, __u32 pasid, __u32 pt_id)
{
	struct iommu_test_cmd cmd = {
		.id = id,
		.pasid_attach.pasid = pasid,
		.pasid_attach.pt_id = pt_id,
	};
	int rc = mock_cmd(fd, IOMMU_TEST_OP_PASID_ATTACH, &cmd);

	return rc ?: cmd.pasid_attach.pt_id == pt_id ? 0 : -EBADE;
}

static inline int mock_pasid_replace(int fd, __u32 id, __u32 pasid, __u32 pt_id)
{
	struct iommu_test_cmd cmd = {
		.id = id,
		.pasid_replace.pasid = pasid,
		.pasid_replace.pt_id = pt_id,
	};
	int rc = mock_cmd(fd, IOMMU_TEST_OP_PASID_REPLACE, &cmd);

	return rc ?: cmd.pasid_replace.pt_id == pt_id ? 0 : -EBADE;
}

static inline int mock_pasid_detach(int fd, __u32 id, __u32 pasid)
{
	struct iommu_test_cmd cmd = {
		.id = id,
		.pasid_detach.pasid = pasid,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_PASID_DETACH, &cmd);
}

/* hwpt_id: 0 to check that nothing is attached */
static inline int mock_pasid_check(int fd, __u32 id, __u32 pasid, __u32 hwpt_id)
{
	struct iommu_test_cmd cmd = {
		.id = id,
		.pasid_check.pasid = pasid,
		.pasid_check.hwpt_id = hwpt_id,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_PASID_CHECK_HWPT, &cmd);
}

static inline int mock_check_map(int fd, __u32 hwpt_id, const void *va,
				 __u64 length, __u64 iova)
{
	struct iommu_test_cmd cmd = {
		.id = hwpt_id,
		.check_map.iova = iova,
		.check_map.length = length,
		.check_map.uptr = addr(va),
	};

	return mock_cmd(fd, IOMMU_TEST_OP_MD_CHECK_MAP, &cmd);
}

static inline int mock_check_refs(int fd, const void *va, __u64 length,
				  __u32 refs)
{
	struct iommu_test_cmd cmd = {
		.check_refs.length = length,
		.check_refs.uptr = addr(va),
		.check_refs.refs = refs,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_MD_CHECK_REFS, &cmd);
}

/* Check the pins of all pages that a range of bytes touches. */
static inline int mock_refs_of(int fd, const void *va, __u64 length, __u32 refs)
{
	__u64 first = addr(va) & ~(PAGE - 1);
	__u64 end = (addr(va) + length + PAGE - 1) & ~(PAGE - 1);

	return mock_check_refs(fd, (void *)(uintptr_t)first, end - first, refs);
}

static inline int mock_reserve(int fd, __u32 ioas_id, __u64 start, __u64 length)
{
	struct iommu_test_cmd cmd = {
		.id = ioas_id,
		.add_reserved.start = start,
		.add_reserved.length = length,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_ADD_RESERVED, &cmd);
}

static inline int mock_limit(int fd, __u32 limit)
{
	struct iommu_test_cmd cmd = { .memory_limit.limit = limit };

	return mock_cmd(fd, IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT, &cmd);
}

/* Create MMIO, revoked at first: a file descriptor to map it by, or -errno */
static inline int mock_mmio(int fd, __u64 length)
{
	struct iommu_test_cmd cmd = { .create_mmio.length = length };
	int rc = mock_cmd(fd, IOMMU_TEST_OP_CREATE_MMIO, &cmd);

	return rc ? rc : (int)cmd.create_mmio.out_fd;
}

static inline int mock_mmio_set(int fd, int region, int reachable)
{
	struct iommu_test_cmd cmd = {
		.id = region,
		.mmio_set.reachable = reachable,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_MMIO_SET, &cmd);
}

/* region: a file of MMIO or a dma-buf */
static inline int mock_check_mmio(int fd, __u32 hwpt_id, int region,
				  __u64 offset, __u64 length, __u64 iova,
				  int write)
{
	struct iommu_test_cmd cmd = {
		.id = hwpt_id,
		.check_mmio.iova = iova,
		.check_mmio.length = length,
		.check_mmio.offset = offset,
		.check_mmio.fd = region,
		.check_mmio.write = write,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_MD_CHECK_MMIO, &cmd);
}

/* Create a dma-buf: a file descriptor, or -errno */
static inline int mock_dma_buf(int fd, __u32 length, __u32 open_flags)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DMABUF_GET,
		.dmabuf_get.length = length,
		.dmabuf_get.open_flags = open_flags,
	};
	int buf = ioctl(fd, IOMMU_TEST_CMD, &cmd);

	return buf < 0 ? -errno : buf;
}

static inline int mock_revoke(int fd, int buf, __u32 revoked)
{
	struct iommu_test_cmd cmd = {
		.dmabuf_revoke.dmabuf_fd = buf,
		.dmabuf_revoke.revoked = revoked,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_DMABUF_REVOKE, &cmd);
}

/* Number of mock devices, or -1 */
static inline int mock_devices(void)
{
	DIR *dir = opendir("/sys/bus/iommufd_mock/devices");
	struct dirent *e;
	int n = 0;

	if (!dir)
		return -1;
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* Memory in the CPU's smallest pages, so that pins can be counted */
static inline void *small_pages(size_t length)
{
	char *p = anon(length);

	if (!p || madvise(p, length, MADV_NOHUGEPAGE))
		return NULL;
	memset(p, 1, length);
	return p;
}

/* Memory in huge pages, if the kernel has some */
static inline void *huge_pages(size_t length)
{
	char *p = anon_aligned(length, HUGE);

	if (!p || madvise(p, length, MADV_HUGEPAGE))
		return NULL;
	memset(p, 1, length);
	return p;
}

#endif
