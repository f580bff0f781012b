/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls on nested page tables, and operations of the mock IOMMU on them: one
 * wrapper a call, each returns 0 or -errno.
 */
#ifndef IOMMU_NESTED_H
#define IOMMU_NESTED_H

#include "hwpt.h"

#define NEST_PARENT	IOMMU_HWPT_ALLOC_NEST_PARENT
#define IOTLB		IOMMU_TEST_IOTLB_DEFAULT
#define NIOTLB		MOCK_NESTED_DOMAIN_IOTLB_NUM
#define MAX_ENTRIES	524288U

/* A page table that is nested in another one */
static inline int nested_alloc(int fd, __u32 dev_id, __u32 pt_id, __u32 *id)
{
	const struct iommu_hwpt_selftest data = { .iotlb = IOTLB };

	return hwpt_alloc_data(fd, dev_id, pt_id, 0, &data, id);
}

/* n: in: number of entries, out: how many have taken effect */
static inline int invalidate(int fd, __u32 id, __u32 type, const void *entries,
			     __u32 length, __u32 *n)
{
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg),
		.hwpt_id = id,
		.data_uptr = addr(entries),
		.data_type = type,
		.entry_len = length,
		.entry_num = *n,
	};
	int rc = call(fd, IOMMU_HWPT_INVALIDATE, &arg);

	*n = arg.entry_num;
	return rc;
}

static inline int nested_invalidate(int fd, __u32 id,
				    const struct iommu_hwpt_invalidate_selftest *e,
				    __u32 *n)
{
	return invalidate(fd, id, IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, e,
			  sizeof(*e), n);
}

static inline int mock_check_iotlb(int fd, __u32 id, __u32 entry, __u32 value)
{
	struct iommu_test_cmd cmd = {
		.id = id,
		.check_iotlb.id = entry,
		.check_iotlb.iotlb = value,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_MD_CHECK_IOTLB, &cmd);
}

/* Which entries of the IOTLB are not invalid, a bit each, or -errno */
static inline int mock_iotlb(int fd, __u32 id)
{
	int i, rc, bits = 0;

	for (i = 0; i < NIOTLB; i++) {
		rc = mock_check_iotlb(fd, id, i, IOTLB);
		if (!rc)
			bits |= 1 << i;
		else
			rc = mock_check_iotlb(fd, id, i, 0);
		if (rc)
			return rc;
	}
	return bits;
}

#endif
