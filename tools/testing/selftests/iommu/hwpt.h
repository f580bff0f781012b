/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls on page tables, and operations of the mock IOMMU on them: one wrapper a
 * call, each returns 0 or -errno.
 */
#ifndef IOMMU_HWPT_H
#define IOMMU_HWPT_H

#include "mock.h"

#define TRACKED		IOMMU_HWPT_ALLOC_DIRTY_TRACKING
#define ENABLE		IOMMU_HWPT_DIRTY_TRACKING_ENABLE
#define NO_CLEAR	IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR

/* data: NULL for IOMMU_HWPT_DATA_NONE */
static inline int hwpt_alloc_data(int fd, __u32 dev_id, __u32 pt_id,
				  __u32 flags,
				  const struct iommu_hwpt_selftest *data,
				  __u32 *id)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.dev_id = dev_id,
		.pt_id = pt_id,
		.data_type = data ? IOMMU_HWPT_DATA_SELFTEST : 0,
		.data_len = data ? sizeof(*data) : 0,
		.data_uptr = addr(data),
	};
	int rc = call(fd, IOMMU_HWPT_ALLOC, &arg);

	*id = arg.out_hwpt_id;
	return rc;
}

/* n: out: number of dirty bits, or, with a flag, of mapped pages; may be NULL */
static inline int mock_dirty_flags(int fd, __u32 hwpt_id, __u32 flags,
				   __u64 iova, __u64 length, __u64 page_size,
				   const void *bitmap, __u64 *n)
{
	struct iommu_test_cmd cmd = {
		.id = hwpt_id,
		.dirty.flags = flags,
		.dirty.iova = iova,
		.dirty.length = length,
		.dirty.page_size = page_size,
		.dirty.uptr = addr(bitmap),
	};
	int rc = mock_cmd(fd, IOMMU_TEST_OP_DIRTY, &cmd);

	if (n)
		*n = cmd.dirty.out_nr_dirty;
	return rc;
}

static inline int mock_dirty(int fd, __u32 hwpt_id, __u64 iova, __u64 length,
			     __u64 page_size, const void *bitmap, __u64 *n)
{
	return mock_dirty_flags(fd, hwpt_id, 0, iova, length, page_size, bitmap,
				n);
}

/* Mark one page as written by a device */
static inline int mock_write(int fd, __u32 hwpt_id, __u64 iova)
{
	return mock_dirty(fd, hwpt_id, iova, HALF, HALF, "\1", NULL);
}

/*
 * Let so many replaces at once of mock devices, and so many attaches, fail from now
 * on.  A replace that fails leaves the device blocked.
 */
static inline int mock_fail(unsigned int replaces, unsigned int attaches)
{
	char n[2][16];

	snprintf(n[0], sizeof(n[0]), "%u", replaces);
	snprintf(n[1], sizeof(n[1]), "%u", attaches);
	return write_file(MOCK_PARAMETERS "fail_replace", n[0]) ?:
	       write_file(MOCK_PARAMETERS "fail_attach", n[1]);
}

/* Number of times that mock devices have become blocked, in total */
static inline long mock_blocked(void)
{
	const char *bus = "/sys/bus/iommufd_mock/devices";
	DIR *dir = opendir(bus);
	struct dirent *e;
	long sum = 0, n;
	char path[512];
	FILE *f;

	if (!dir)
		return -1;
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s/blocked", bus, e->d_name);
		f = fopen(path, "re");
		if (!f || fscanf(f, "%ld", &n) != 1)
			n = -1000;
		if (f)
			fclose(f);
		sum += n;
	}
	closedir(dir);
	return sum;
}

#endif
