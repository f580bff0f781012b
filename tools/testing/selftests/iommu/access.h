/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Software devices of the mock for tests: one wrapper an operation, each
 * returns 0 or -errno.
 */
#ifndef IOMMU_ACCESS_H
#define IOMMU_ACCESS_H

#include "mock.h"

#define NEEDS_PIN	MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES
#define MAY_CHANGE	MOCK_FLAGS_ACCESS_CREATE_UADDRS_MAY_CHANGE
#define PIN_WRITE	MOCK_FLAGS_ACCESS_WRITE
#define RW_WRITE	MOCK_ACCESS_RW_WRITE
#define RW_SLOW		MOCK_ACCESS_RW_SLOW_PATH
#define ACCESS_MAX	(16 * MiB)	/* bytes at a time */

/* Returns -errno or a file descriptor, the parameter access of the others. */
static inline int access_create(int fd, __u32 ioas_id, __u32 flags)
{
	struct iommu_test_cmd cmd = {
		.id = ioas_id,
		.create_access.flags = flags,
	};
	int rc = mock_cmd(fd, IOMMU_TEST_OP_CREATE_ACCESS, &cmd);

	return rc ? rc : (int)cmd.create_access.out_access_fd;
}

/* id: out, of the item */
static inline int access_pin(int fd, int access, __u64 iova, __u64 length,
			     const void *va, __u32 flags, __u32 *id)
{
	struct iommu_test_cmd cmd = {
		.id = access,
		.access_pages.flags = flags,
		.access_pages.iova = iova,
		.access_pages.length = length,
		.access_pages.uptr = addr(va),
	};
	int rc = mock_cmd(fd, IOMMU_TEST_OP_ACCESS_PAGES, &cmd);

	*id = cmd.access_pages.out_access_pages_id;
	return rc;
}

static inline int access_unpin(int fd, int access, __u32 id)
{
	struct iommu_test_cmd cmd = {
		.id = access,
		.destroy_access_pages.access_pages_id = id,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_DESTROY_ACCESS_PAGES, &cmd);
}

static inline int access_rw(int fd, int access, __u64 iova, __u64 length,
			    const void *buf, __u32 flags)
{
	struct iommu_test_cmd cmd = {
		.id = access,
		.access_rw.iova = iova,
		.access_rw.length = length,
		.access_rw.uptr = addr(buf),
		.access_rw.flags = flags,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_ACCESS_RW, &cmd);
}

static inline int access_replace(int fd, int access, __u32 ioas_id)
{
	struct iommu_test_cmd cmd = {
		.id = access,
		.access_replace_ioas.ioas_id = ioas_id,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_ACCESS_REPLACE_IOAS, &cmd);
}

/* Attach an access that is detached. */
static inline int access_attach(int fd, int access, __u32 ioas_id)
{
	struct iommu_test_cmd cmd = {
		.id = access,
		.access_attach.ioas_id = ioas_id,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_ACCESS_ATTACH, &cmd);
}

static inline int access_detach(int fd, int access)
{
	struct iommu_test_cmd cmd = {
		.id = access,
		.access_attach.detach = 1,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_ACCESS_ATTACH, &cmd);
}

#endif
