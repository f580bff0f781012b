/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the tests of IOAS on demand */
#ifndef IOMMU_DEMAND_H
#define IOMMU_DEMAND_H

#include "fault.h"

#ifndef AT	/* failnth.h has another one */
#define AT		(64 * MiB)	/* an IOVA that begins a huge page */
#endif
#define ON_DEMAND	IOMMU_OPTION_ON_DEMAND
#define READ		IOMMU_PGFAULT_PERM_READ
#define WRITE		IOMMU_PGFAULT_PERM_WRITE
#define EXEC		IOMMU_PGFAULT_PERM_EXEC

/* Have a device ask for a page, whatever becomes of that: 0 or -errno */
static inline int raise_fault(int fd, __u32 dev_id, __u32 pasid, __u64 iova,
			      __u32 perm)
{
	struct iommu_test_cmd cmd = {
		.trigger_iopf.dev_id = dev_id,
		.trigger_iopf.pasid = pasid,
		.trigger_iopf.perm = perm,
		.trigger_iopf.addr = iova,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_TRIGGER_IOPF, &cmd);
}

/* Returns the answer, SUCCESS or INVALID, or -errno. */
static inline int touch_pasid(int fd, __u32 dev_id, __u32 pasid, __u64 iova,
			      __u32 perm)
{
	struct mock_answers before = mock_answers(), after;
	int rc = raise_fault(fd, dev_id, pasid, iova, perm);

	if (rc)
		return rc;
	after = mock_answers();
	if (after.pending || after.success + after.invalid !=
			     before.success + before.invalid + 1)
		return -EIO;
	return after.success > before.success ? SUCCESS : INVALID;
}

/* The value of a line of fdinfo about an IOAS, or -1 */
static inline long fdinfo_of(int fd, __u32 ioas, const char *what)
{
	char path[64], line[256], key[64];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	snprintf(key, sizeof(key), "iommufd-ioas-%u-%s:\t", ioas, what);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			value = strtol(line + strlen(key), NULL, 10);
	fclose(file);
	return value;
}

#define POPULATE(page, n)						\
	ioas_demand(self->fd, self->ioas, IOMMU_IOAS_DEMAND_POPULATE,	\
		    AT + (page) * PAGE, (n) * PAGE)
#define PIN(page, n)							\
	ioas_demand(self->fd, self->ioas, IOMMU_IOAS_DEMAND_PIN,	\
		    AT + (page) * PAGE, (n) * PAGE)
#define UNPIN(page, n)							\
	ioas_demand(self->fd, self->ioas, IOMMU_IOAS_DEMAND_UNPIN,	\
		    AT + (page) * PAGE, (n) * PAGE)
#define RELEASE(page, n)						\
	ioas_demand(self->fd, self->ioas, IOMMU_IOAS_DEMAND_RELEASE,	\
		    AT + (page) * PAGE, (n) * PAGE)

static inline int check_pages(int fd, __u32 hwpt_id, const char *memory,
			      unsigned long page, unsigned long n)
{
	return mock_check_map(fd, hwpt_id, memory + page * PAGE, n * PAGE,
			      AT + page * PAGE);
}

/* What a device finds at pages: 0, or -EINVAL if nothing or something else */
#define FOUND(page, n)							\
	check_pages(self->fd, self->dev.hwpt_id, self->memory, page, n)
#define TOUCH(page, perm)						\
	touch_pasid(self->fd, self->dev.dev_id, 0, AT + (page) * PAGE, perm)
#define REFS(page, n, refs)						\
	mock_check_refs(self->fd, self->memory + (page) * PAGE,		\
			(n) * PAGE, refs)
#define FDINFO(what)	fdinfo_of(self->fd, self->ioas, what)

#endif
