/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls on virtual IOMMUs, and operations of the mock IOMMU on them: one wrapper
 * a call, each returns 0 or -errno.
 */
#ifndef IOMMU_VIOMMU_H
#define IOMMU_VIOMMU_H

#include "nested.h"

#define VIOMMU_TYPE	IOMMU_VIOMMU_TYPE_SELFTEST
#define CACHE		IOMMU_TEST_DEV_CACHE_DEFAULT
#define NCACHE		MOCK_DEV_CACHE_NUM

static inline int viommu_alloc_data(int fd, __u32 dev_id, __u32 hwpt_id,
				    __u32 type, void *data, __u32 length,
				    __u32 *id)
{
	struct iommu_viommu_alloc arg = {
		.size = sizeof(arg),
		.type = type,
		.dev_id = dev_id,
		.hwpt_id = hwpt_id,
		.data_len = length,
		.data_uptr = addr(data),
	};
	int rc = call(fd, IOMMU_VIOMMU_ALLOC, &arg);

	*id = arg.out_viommu_id;
	return rc;
}

static inline int viommu_alloc(int fd, __u32 dev_id, __u32 hwpt_id, __u32 *id)
{
	return viommu_alloc_data(fd, dev_id, hwpt_id, VIOMMU_TYPE, NULL, 0, id);
}

static inline int vdevice_alloc(int fd, __u32 viommu_id, __u32 dev_id,
				__u64 virt_id, __u32 *id)
{
	struct iommu_vdevice_alloc arg = {
		.size = sizeof(arg),
		.viommu_id = viommu_id,
		.dev_id = dev_id,
		.virt_id = virt_id,
	};
	int rc = call(fd, IOMMU_VDEVICE_ALLOC, &arg);

	*id = arg.out_vdevice_id;
	return rc;
}

static inline int viommu_invalidate(int fd, __u32 id,
				    const struct iommu_viommu_invalidate_selftest *e,
				    __u32 *n)
{
	return invalidate(fd, id, IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST, e,
			  sizeof(*e), n);
}

static inline int mock_check_cache(int fd, __u32 dev_id, __u32 entry,
				   __u32 value)
{
	struct iommu_test_cmd cmd = {
		.id = dev_id,
		.check_dev_cache.id = entry,
		.check_dev_cache.cache = value,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_DEV_CHECK_CACHE, &cmd);
}

/* Which entries of the cache are not invalid, a bit each, or -errno */
static inline int mock_cache(int fd, __u32 dev_id)
{
	int i, rc, bits = 0;

	for (i = 0; i < NCACHE; i++) {
		rc = mock_check_cache(fd, dev_id, i, CACHE);
		if (!rc)
			bits |= 1 << i;
		else
			rc = mock_check_cache(fd, dev_id, i, 0);
		if (rc)
			return rc;
	}
	return bits;
}

#endif
