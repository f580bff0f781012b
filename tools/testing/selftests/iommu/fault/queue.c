// SPDX-License-Identifier: GPL-2.0-only
/* Fault queues: FAULT_QUEUE_ALLOC, and read, write and poll on their files. */
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>

#include "fault_fixture.h"

#define NOWHERE		cut_off("", 0)	/* an address without memory */
#define READABLE_EVENTS	(POLLIN | POLLRDNORM | POLLOUT)

/* FAULT_QUEUE_ALLOC */

TEST_F(fault, file)
{
	EXPECT_EQ(O_RDWR, fcntl(self->file, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->file, F_GETFD));
	EXPECT_EQ(-ENOTTY, call(self->file, IOMMU_DESTROY, NULL));
	EXPECT_EQ(-ENOTTY, call(self->file, VFIO_GET_API_VERSION, NULL));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
				   self->file, 0));
	EXPECT_EQ(ENODEV, errno);
}

TEST_F(fault, file_has_no_position)
{
	struct iommu_hwpt_pgfault fault;
	struct iommu_hwpt_page_response response = {};

	ASSERT_EQ(0, RAISE(1));
	EXPECT_EQ(-1, lseek(self->file, 0, SEEK_CUR));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pread(self->file, &fault, sizeof(fault), 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(self->file, &response, sizeof(response), 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(1, queue_read(self->file, &fault, 1));
}

TEST_F(fault, alloc_that_cannot_be_told_of_makes_nothing)
{
	struct iommu_fault_alloc arg = { .size = sizeof(arg) };
	__u32 before, after;
	int file = dup(self->file);

	ASSERT_LE(0, file);
	ASSERT_EQ(0, close(file));
	ASSERT_EQ(0, ioas_alloc(self->fd, &before));
	ASSERT_EQ(0, iommu_destroy(self->fd, before));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_FAULT_QUEUE_ALLOC,
				read_only(&arg, sizeof(arg))));
	ASSERT_EQ(0, ioas_alloc(self->fd, &after));
	EXPECT_EQ(before, after);
	EXPECT_EQ(file, dup(self->file));
	EXPECT_EQ(0, close(file));
}

TEST_F(fault, alloc_without_a_free_file_descriptor)
{
	int file = dup(self->file);
	struct rlimit limit = { file, file };
	__u32 before, after, queue;

	ASSERT_EQ(0, ioas_alloc(self->fd, &before));
	ASSERT_EQ(0, iommu_destroy(self->fd, before));
	ASSERT_EQ(0, close(file));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	EXPECT_EQ(-EMFILE, fault_queue_alloc(self->fd, &queue));
	EXPECT_EQ(0, queue);
	ASSERT_EQ(0, ioas_alloc(self->fd, &after));
	EXPECT_EQ(before, after);
}

TEST_F(fault, several_queues)
{
	__u32 queue, hwpt;
	int file = fault_queue_alloc(self->fd, &queue);

	ASSERT_LE(0, file);
	EXPECT_NE(self->queue, queue);
	ASSERT_EQ(0, hwpt_alloc_faults(self->fd, self->dev.dev_id, self->ioas,
				       queue, &hwpt));
	ASSERT_EQ(0, RAISE(1));
	EXPECT_EQ(0, queue_take(file));
	EXPECT_EQ(1, queue_take(self->file));
	/* Each has cookies of its own. */
	EXPECT_EQ(-EINVAL, queue_answer(file, 1, SUCCESS));
	EXPECT_ANSWERS(self->since, 1, 0, 0);
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	close(file);
}

/* The file holds the queue, and so does a page table */
TEST_F(fault, destroy)
{
	__u32 queue;
	int file = fault_queue_alloc(self->fd, &queue), copy;

	ASSERT_LE(0, file);
	copy = dup(file);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, queue));
	ASSERT_EQ(0, close(file));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, queue));
	ASSERT_EQ(0, close(copy));
	EXPECT_EQ(0, iommu_destroy(self->fd, queue));
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, queue));

	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->queue));
	ASSERT_EQ(0, close(self->file));
	self->file = -1;
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->queue));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->hwpt));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->queue));
}

TEST_F(fault, page_table_holds_the_queue_before_the_file)
{
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->hwpt));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->queue));
	ASSERT_EQ(0, close(self->file));
	self->file = -1;
	EXPECT_EQ(0, iommu_destroy(self->fd, self->queue));
}

/* Read */

TEST_F(fault, one)
{
	struct iommu_hwpt_pgfault fault;

	memset(&fault, 0xff, sizeof(fault));
	ASSERT_EQ(0, RAISE(7));
	ASSERT_EQ(1, queue_read(self->file, &fault, 1));
	EXPECT_EQ(LAST_PAGE, fault.flags);
	EXPECT_EQ(self->dev.dev_id, fault.dev_id);
	EXPECT_EQ(0, fault.pasid);
	EXPECT_EQ(7, fault.grpid);
	EXPECT_EQ(IOMMU_PGFAULT_PERM_WRITE, fault.perm);
	EXPECT_EQ(0, fault.__reserved);
	EXPECT_EQ(FAULT_AT + 7 * PAGE, fault.addr);
	EXPECT_EQ(0, fault.length);
	EXPECT_EQ(1, fault.cookie);
	EXPECT_EQ(0, queue_read(self->file, &fault, 1));
	EXPECT_ANSWERS(self->since, 1, 0, 0);
}

TEST_F(fault, read_sizes)
{
	char buffer[8 * FAULT_SIZE];
	ssize_t want;
	size_t size;

	/* An empty queue, then one with a fault that no size delivers */
	for (size = 0; size <= sizeof(buffer); size++) {
		want = size % FAULT_SIZE ? -ESPIPE : 0;
		EXPECT_EQ(want, read(self->file, buffer, size) < 0 ? -errno : 0)
			TH_LOG("%zu bytes", size);
	}
	ASSERT_EQ(0, RAISE_PAGES(1, 9));
	for (size = 0; size <= sizeof(buffer); size++) {
		want = size % FAULT_SIZE ? ESPIPE : EINVAL;
		EXPECT_EQ(-1, read(self->file, buffer, size));
		EXPECT_EQ(want, errno) TH_LOG("%zu bytes", size);
	}
	EXPECT_EQ(READABLE_EVENTS, queue_events(self->file));
}

/* What is not written to need not be there */
TEST_F(fault, read_of_an_empty_queue_touches_nothing)
{
	EXPECT_EQ(0, queue_read(self->file, NOWHERE, 1));
	EXPECT_EQ(0, queue_read(self->file, NOWHERE, 0));
}

TEST_F(fault, oldest_first)
{
	struct iommu_hwpt_pgfault faults[4];
	__u32 i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, RAISE(10 - i));
	ASSERT_EQ(2, queue_read(self->file, faults, 2));
	ASSERT_EQ(0, RAISE(7));
	ASSERT_EQ(2, queue_read(self->file, faults + 2, 2));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(10 - i, faults[i].grpid);
		EXPECT_EQ(1 + i, faults[i].cookie);
	}
}

TEST_F(fault, group_is_delivered_whole)
{
	struct iommu_hwpt_pgfault faults[8];
	__u32 i;

	ASSERT_EQ(0, RAISE_PAGES(5, 3));
	ASSERT_EQ(0, RAISE(6));
	ASSERT_EQ(0, RAISE_PAGES(7, 2));
	EXPECT_EQ(-EINVAL, queue_read(self->file, faults, 0));
	EXPECT_EQ(-EINVAL, queue_read(self->file, faults, 2));
	/* The third one does not fit. */
	ASSERT_EQ(4, queue_read(self->file, faults, 5));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(i == 2 ? LAST_PAGE : 0, faults[i].flags);
		EXPECT_EQ(5, faults[i].grpid);
		EXPECT_EQ(FAULT_AT + (5 + i) * PAGE, faults[i].addr);
		EXPECT_EQ(1, faults[i].cookie);
	}
	EXPECT_EQ(2, faults[3].cookie);
	EXPECT_EQ(-EINVAL, queue_read(self->file, faults, 1));
	ASSERT_EQ(2, queue_read(self->file, faults, 8));
	EXPECT_EQ(3, faults[0].cookie);
	EXPECT_EQ(3, faults[1].cookie);
	/* One answer is for all of a group. */
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	EXPECT_ANSWERS(self->since, 2, 1, 0);
}

/* Two pages, the second of which cannot be written */
static char *half_writable(void)
{
	char *p = anon(2 * PAGE);

	return !p || mprotect(p + PAGE, PAGE, PROT_READ) ? NULL : p;
}

TEST_F(fault, group_that_cannot_be_copied_stays_the_first)
{
	struct iommu_hwpt_pgfault faults[4];
	char *p = half_writable();

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, RAISE_PAGES(1, 3));
	ASSERT_EQ(0, RAISE(2));
	EXPECT_EQ(-EFAULT, queue_read(self->file, NOWHERE, 3));
	EXPECT_EQ(-EFAULT, queue_read(self->file, (void *)(p + PAGE), 3));
	/* Its first two faults can be written, and the third one not. */
	EXPECT_EQ(-EFAULT, queue_read(self->file,
				      (void *)(p + PAGE - 2 * FAULT_SIZE), 3));
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(READABLE_EVENTS, queue_events(self->file));
	ASSERT_EQ(4, queue_read(self->file, faults, 4));
	EXPECT_EQ(1, faults[0].grpid);
	EXPECT_EQ(1, faults[2].cookie);
	EXPECT_EQ(2, faults[3].grpid);
	EXPECT_EQ(2, faults[3].cookie);
}

TEST_F(fault, copy_that_fails_later_ends_the_read)
{
	struct iommu_hwpt_pgfault *faults, more;
	char *p = half_writable();

	ASSERT_NE(NULL, p);
	faults = (void *)(p + PAGE - FAULT_SIZE);
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(0, RAISE(2));
	ASSERT_EQ(0, RAISE(3));
	ASSERT_EQ(1, queue_read(self->file, faults, 3));
	EXPECT_EQ(1, faults->grpid);
	EXPECT_EQ(1, faults->cookie);
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 2, SUCCESS));
	/* The group has a new cookie: again the lowest that is free. */
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	ASSERT_EQ(1, queue_read(self->file, &more, 1));
	EXPECT_EQ(2, more.grpid);
	EXPECT_EQ(1, more.cookie);
}

TEST_F(fault, cookies_are_the_lowest_that_are_free)
{
	__u32 i;

	for (i = 1; i <= 4; i++) {
		ASSERT_EQ(0, RAISE(i));
		ASSERT_EQ(i, queue_take(self->file));
	}
	EXPECT_EQ(1, queue_answer(self->file, 3, SUCCESS));
	EXPECT_EQ(3, mock_answers().last);
	EXPECT_EQ(1, queue_answer(self->file, 2, INVALID));
	EXPECT_EQ(2, mock_answers().last);
	for (i = 5; i <= 7; i++)
		ASSERT_EQ(0, RAISE(i));
	EXPECT_EQ(2, queue_take(self->file));
	EXPECT_EQ(3, queue_take(self->file));
	EXPECT_EQ(5, queue_take(self->file));
	/* It is that of another group now. */
	EXPECT_EQ(1, queue_answer(self->file, 3, SUCCESS));
	EXPECT_EQ(6, mock_answers().last);
	EXPECT_ANSWERS(self->since, 4, 2, 1);
}

/* Write */

TEST_F(fault, write_sizes)
{
	struct iommu_hwpt_page_response responses[3] = { { 1, SUCCESS } };
	size_t size;

	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(1, queue_take(self->file));
	EXPECT_EQ(0, write(self->file, responses, 0));
	EXPECT_EQ(0, write(self->file, NOWHERE, 0));
	for (size = 1; size < sizeof(responses); size++) {
		if (size % RESPONSE_SIZE == 0)
			continue;
		EXPECT_EQ(-1, write(self->file, responses, size));
		EXPECT_EQ(ESPIPE, errno) TH_LOG("%zu bytes", size);
	}
	EXPECT_ANSWERS(self->since, 1, 0, 0);
}

TEST_F(fault, answers)
{
	ASSERT_EQ(0, RAISE(11));
	ASSERT_EQ(0, RAISE(12));
	ASSERT_EQ(1, queue_take(self->file));
	ASSERT_EQ(2, queue_take(self->file));
	EXPECT_EQ(1, queue_answer(self->file, 2, INVALID));
	EXPECT_ANSWERS(self->since, 1, 0, 1);
	EXPECT_EQ(12, mock_answers().last);
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_ANSWERS(self->since, 0, 1, 1);
	EXPECT_EQ(11, mock_answers().last);
}

TEST_F(fault, unknown_code_leaves_the_cookie)
{
	static const __u32 bad[] = { 2, 3, 1U << 31, ~0U };
	unsigned int i;

	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(1, queue_take(self->file));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, bad[i]));
	EXPECT_ANSWERS(self->since, 1, 0, 0);
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
}

/* A group that is not delivered has no cookie. */
TEST_F(fault, unknown_cookie)
{
	static const __u32 bad[] = { 0, 2, 3, 1U << 31, ~0U };
	unsigned int i;

	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(0, RAISE(2));
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	ASSERT_EQ(1, queue_take(self->file));
	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-EINVAL, queue_answer(self->file, bad[i], SUCCESS));
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(-EINVAL, queue_answer(self->file, 1, SUCCESS));
	EXPECT_ANSWERS(self->since, 1, 1, 0);
}

TEST_F(fault, write_takes_responses_until_one_is_wrong)
{
	struct iommu_hwpt_page_response responses[] = {
		{ 2, SUCCESS }, { 1, INVALID }, { 2, SUCCESS }, { 3, SUCCESS },
	};
	__u32 i;

	for (i = 1; i <= 3; i++) {
		ASSERT_EQ(0, RAISE(i));
		ASSERT_EQ(i, queue_take(self->file));
	}
	/* The third one is answered already. */
	EXPECT_EQ((ssize_t)(2 * RESPONSE_SIZE),
		  write(self->file, responses, sizeof(responses)));
	EXPECT_ANSWERS(self->since, 1, 1, 1);
	EXPECT_EQ(-1, write(self->file, responses + 2, 2 * RESPONSE_SIZE));
	EXPECT_EQ(EINVAL, errno);
	responses[2].cookie = 3;
	responses[2].code = 2;
	EXPECT_EQ(-1, write(self->file, responses + 2, 2 * RESPONSE_SIZE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_ANSWERS(self->since, 1, 1, 1);
	EXPECT_EQ((ssize_t)RESPONSE_SIZE,
		  write(self->file, responses + 3, RESPONSE_SIZE));
	EXPECT_ANSWERS(self->since, 0, 2, 1);
}

TEST_F(fault, write_from_memory_that_is_not_there)
{
	struct iommu_hwpt_page_response response = { 1, SUCCESS };
	char *p = cut_off(&response, sizeof(response));

	ASSERT_NE(NULL, p);
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(1, queue_take(self->file));
	EXPECT_EQ(-1, write(self->file, NOWHERE, RESPONSE_SIZE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, write(self->file, p + 4, RESPONSE_SIZE));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_ANSWERS(self->since, 1, 0, 0);
	EXPECT_EQ((ssize_t)RESPONSE_SIZE,
		  write(self->file, p, 2 * RESPONSE_SIZE));
	EXPECT_ANSWERS(self->since, 0, 1, 0);
}

/* Poll */

TEST_F(fault, poll)
{
	EXPECT_EQ(POLLOUT, queue_events(self->file));
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(0, RAISE(2));
	EXPECT_EQ(READABLE_EVENTS, queue_events(self->file));
	ASSERT_EQ(1, queue_take(self->file));
	EXPECT_EQ(READABLE_EVENTS, queue_events(self->file));
	ASSERT_EQ(2, queue_take(self->file));
	/* What is delivered is nothing to read, answered or not. */
	EXPECT_EQ(POLLOUT, queue_events(self->file));
	ASSERT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(POLLOUT, queue_events(self->file));
}

static void *wait_for_a_fault(void *arg)
{
	struct pollfd pfd = { .fd = *(int *)arg, .events = POLLIN };
	const struct timespec limit = { .tv_sec = 20 };

	return (void *)(long)(ppoll(&pfd, 1, &limit, NULL) == 1 ? pfd.revents :
			      -1);
}

/* Is a thread of this process in ppoll()? */
static bool somebody_polls(void)
{
	DIR *dir = opendir("/proc/self/task");
	bool found = false;
	struct dirent *e;
	char path[300], text[64];
	int file;

	while (dir && (e = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/syscall",
			 e->d_name);
		memset(text, 0, sizeof(text));
		file = open(path, O_RDONLY | O_CLOEXEC);
		if (file < 0)
			continue;
		if (read(file, text, sizeof(text) - 1) > 0 &&
		    text[0] >= '0' && text[0] <= '9')
			found |= atoi(text) == SYS_ppoll;
		close(file);
	}
	if (dir)
		closedir(dir);
	return found;
}

TEST_F(fault, fault_wakes_who_polls)
{
	pthread_t thread;
	void *events;

	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_a_fault,
				    &self->file));
	while (!somebody_polls())
		usleep(1000);
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(0, pthread_join(thread, &events));
	EXPECT_EQ(POLLIN, (long)events);
}

/* Close */

TEST_F(fault, close_of_the_file_answers_nothing)
{
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(0, RAISE(2));
	ASSERT_EQ(1, queue_take(self->file));
	ASSERT_EQ(0, close(self->file));
	self->file = -1;
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	/* Faults go there nonetheless. */
	ASSERT_EQ(0, RAISE(3));
	EXPECT_ANSWERS(self->since, 3, 0, 0);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_ANSWERS(self->since, 0, 0, 3);
}

TEST_F(fault, file_keeps_the_context)
{
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(0, RAISE(2));
	ASSERT_EQ(1, queue_take(self->file));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(READABLE_EVENTS, queue_events(self->file));
	EXPECT_EQ(2, queue_take(self->file));
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_ANSWERS(self->since, 1, 1, 0);
	ASSERT_EQ(0, close(self->file));
	self->file = -1;
	EXPECT_EQ(0, mock_devices());
	EXPECT_ANSWERS(self->since, 0, 1, 1);
}

TEST_F(fault, file_is_closed_first)
{
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(1, queue_take(self->file));
	ASSERT_EQ(0, RAISE(2));
	ASSERT_EQ(0, close(self->file));
	self->file = -1;
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(0, mock_devices());
	EXPECT_ANSWERS(self->since, 0, 0, 2);
}

TEST_F(fault, queue_without_a_page_table)
{
	__u32 queue;
	int file = fault_queue_alloc(self->fd, &queue);

	ASSERT_LE(0, file);
	ASSERT_EQ(0, RAISE(1));
	EXPECT_EQ(POLLOUT, queue_events(file));
	EXPECT_EQ(0, queue_take(file));
	EXPECT_EQ(-EINVAL, queue_answer(file, 1, SUCCESS));
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_EQ(POLLOUT, queue_events(file));
	ASSERT_EQ(0, close(file));
}

TEST_HARNESS_MAIN
