/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page faults for tests: faults of mock devices, and calls on fault queues, which
 * return a number of records, or -errno.
 */
#ifndef IOMMU_FAULT_H
#define IOMMU_FAULT_H

#include <poll.h>

#include "hwpt.h"

#define SUCCESS		IOMMUFD_PAGE_RESP_SUCCESS
#define INVALID		IOMMUFD_PAGE_RESP_INVALID
#define LAST_PAGE	IOMMU_PGFAULT_FLAGS_LAST_PAGE
#define FAULT_SIZE	sizeof(struct iommu_hwpt_pgfault)
#define RESPONSE_SIZE	sizeof(struct iommu_hwpt_page_response)
#define FAULT_AT	(64 * MiB)
#define FAULT_THREAD	MOCK_PARAMETERS "fault_thread"

/* A fault of one page, whose address tells the number of its group */
static inline int mock_fault(int fd, __u32 dev_id, __u32 grpid)
{
	struct iommu_test_cmd cmd = {
		.trigger_iopf.dev_id = dev_id,
		.trigger_iopf.grpid = grpid,
		.trigger_iopf.perm = IOMMU_PGFAULT_PERM_WRITE,
		.trigger_iopf.addr = FAULT_AT + grpid * PAGE,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_TRIGGER_IOPF, &cmd);
}

/* A fault of one page that bears a PASID, or none if it is 0 */
static inline int mock_fault_pasid(int fd, __u32 dev_id, __u32 pasid,
				   __u32 grpid)
{
	struct iommu_test_cmd cmd = {
		.trigger_iopf.dev_id = dev_id,
		.trigger_iopf.pasid = pasid,
		.trigger_iopf.grpid = grpid,
		.trigger_iopf.perm = IOMMU_PGFAULT_PERM_READ,
		.trigger_iopf.addr = FAULT_AT,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_TRIGGER_IOPF, &cmd);
}

static inline int mock_fault_pages(int fd, __u32 dev_id, __u32 grpid,
				   __u32 npages)
{
	struct iommu_test_cmd cmd = {
		.trigger_faults.dev_id = dev_id,
		.trigger_faults.grpid = grpid,
		.trigger_faults.npages = npages,
		.trigger_faults.addr = FAULT_AT + grpid * PAGE,
	};

	return mock_cmd(fd, IOMMU_TEST_OP_TRIGGER_FAULTS, &cmd);
}

/* What has become of all groups of faults since the module was loaded */
struct mock_answers {
	long pending;
	long success;
	long invalid;
	__u32 last;	/* number of the group that was answered last */
};

static inline struct mock_answers mock_answers(void)
{
	struct mock_answers answers = { -1, -1, -1, 0 };
	FILE *f = fopen(MOCK_PARAMETERS "answers", "re");

	if (f) {
		if (fscanf(f, "%ld %ld %ld %u", &answers.pending,
			   &answers.success, &answers.invalid,
			   &answers.last) != 4)
			answers.pending = -1;
		fclose(f);
	}
	return answers;
}

/* How many have no answer, SUCCESS and INVALID since a moment */
#define EXPECT_ANSWERS(since, n_pending, n_success, n_invalid) do {	\
	struct mock_answers _now = mock_answers(), _since = since;	\
									\
	EXPECT_EQ((long)(n_pending), _now.pending);			\
	EXPECT_EQ((long)(n_success), _now.success - _since.success);	\
	EXPECT_EQ((long)(n_invalid), _now.invalid - _since.invalid);	\
} while (0)

static inline long queue_read(int file, struct iommu_hwpt_pgfault *faults,
			      unsigned int n)
{
	ssize_t size = read(file, faults, n * FAULT_SIZE);

	if (size < 0)
		return -errno;
	return size % FAULT_SIZE ? -EIO : (long)(size / FAULT_SIZE);
}

static inline long queue_answer(int file, __u32 cookie, __u32 code)
{
	const struct iommu_hwpt_page_response response = { cookie, code };
	ssize_t size = write(file, &response, sizeof(response));

	if (size < 0)
		return -errno;
	return size == sizeof(response) ? 1 : -EIO;
}

/* Deliver one group of one fault: its cookie, or 0 */
static inline __u32 queue_take(int file)
{
	struct iommu_hwpt_pgfault fault;

	return queue_read(file, &fault, 1) == 1 ? fault.cookie : 0;
}

/* What poll() reports of a file at once */
static inline int queue_events(int file)
{
	struct pollfd pfd = {
		.fd = file,
		.events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM |
			  POLLRDHUP,
	};

	return poll(&pfd, 1, 0) < 0 ? -errno : pfd.revents;
}

#endif
