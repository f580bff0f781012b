// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls about page faults whose allocations fail, one after the other: see
 * failnth.h
 */
#define PAGES	FEW_PAGES

#include "failnth.h"
#include "fault.h"

/* A mock device that is attached to an IOAS, and a queue that is not used yet */
FIXTURE(faults)
{
	struct subject subject;
};

static __u32 queue, cookie;
static int file;

FIXTURE_SETUP(faults)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	ASSERT_EQ(0, attach_mock(subject));
	file = fault_queue_alloc(subject->fd, &queue);
	ASSERT_LE(0, file);
}

FIXTURE_TEARDOWN(faults)
{
	close(file);
	tear_down(&self->subject);
	EXPECT_EQ(0, mock_answers().pending);
}

static int make_queue(struct subject *self)
{
	self->other = fault_queue_alloc(self->fd, &self->item_id);
	return self->other < 0 ? self->other : 0;
}

static int unmake_queue(struct subject *self)
{
	int other = self->other;

	self->other = -1;
	return close(other) ? -errno : iommu_destroy(self->fd, self->item_id);
}

static int make_hwpt(struct subject *self)
{
	return hwpt_alloc_faults(self->fd, self->mock.dev_id, self->ioas_id,
				 queue, &self->hwpt_id);
}

static int unmake_hwpt(struct subject *self)
{
	return iommu_destroy(self->fd, self->hwpt_id);
}

/* A failure that changed something would leave the queue held. */
TEST_F_TIMEOUT(faults, make, 300)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "FAULT_QUEUE_ALLOC", USER, make_queue,
	     unmake_queue);
	walk(_metadata, subject, "HWPT_ALLOC, with a queue", USER, make_hwpt,
	     unmake_hwpt);
	ASSERT_EQ(0, close(file));
	EXPECT_EQ(0, iommu_destroy(subject->fd, queue));
	file = fault_queue_alloc(subject->fd, &queue);
	ASSERT_LE(0, file);
}

static int move_to_hwpt(struct subject *self)
{
	struct mock_dev mock = self->mock;

	return mock_replace(self->fd, &mock, self->hwpt_id);
}

static int move_back(struct subject *self)
{
	return mock_replace(self->fd, &self->mock, self->ioas_id);
}

TEST_F_TIMEOUT(faults, replace, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, make_hwpt(subject));
	walk(_metadata, subject, "MOCK_DOMAIN_REPLACE, with a queue", USER,
	     move_to_hwpt, move_back);
}

static int attach_to_hwpt(struct subject *self)
{
	return make_hwpt(self) ?:
	       mock_replace(self->fd, &self->mock, self->hwpt_id);
}

static int raise_fault(struct subject *self)
{
	return mock_fault(self->fd, self->mock.dev_id, 1);
}

/* What could not be queued is answered. */
static int answer_fault(struct subject *self)
{
	(void)self;
	if (!(queue_events(file) & POLLIN))
		return mock_answers().pending ? -EIO : 0;
	return queue_answer(file, queue_take(file), SUCCESS) == 1 ? 0 : -EIO;
}

TEST_F_TIMEOUT(faults, raise, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_to_hwpt(subject));
	walk(_metadata, subject, "TRIGGER_IOPF", USER, raise_fault,
	     answer_fault);
	EXPECT_LT(0, subject->absorbed);
}

/* The group that the last read could not deliver is still there. */
static int have_fault(struct subject *self)
{
	if (!mock_answers().pending)
		return raise_fault(self);
	return queue_events(file) & POLLIN ? 0 : -EIO;
}

static int read_fault(struct subject *self)
{
	struct iommu_hwpt_pgfault fault;
	long n = queue_read(file, &fault, 1);

	(void)self;
	cookie = fault.cookie;
	return n < 0 ? n : n == 1 ? 0 : -EIO;
}

static int answer_read(struct subject *self)
{
	(void)self;
	return cookie == 1 && queue_answer(file, 1, SUCCESS) == 1 ? 0 : -EIO;
}

/* The cookie that the last write could not answer is still known. */
static int have_cookie(struct subject *self)
{
	int rc;

	if (mock_answers().pending)
		return 0;
	rc = raise_fault(self);
	cookie = queue_take(file);
	return rc ?: cookie == 1 ? 0 : -EIO;
}

static int write_answer(struct subject *self)
{
	long n = queue_answer(file, cookie, INVALID);

	(void)self;
	return n < 0 ? n : 0;
}

TEST_F_TIMEOUT(faults, handle, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_to_hwpt(subject));
	subject->prepare = have_fault;
	walk(_metadata, subject, "read of a fault queue", USER, read_fault,
	     answer_read);
	subject->prepare = have_cookie;
	walk(_metadata, subject, "write to a fault queue", USER, write_answer,
	     nothing);
	subject->prepare = NULL;
}

TEST_HARNESS_MAIN
