// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults that bear a PASID: they go to the queue of the PASID's page table,
 * and end with its attachment.
 */
#include <fcntl.h>

#include "fault.h"
#include "pasid.h"

#define PASID	7

FIXTURE(faults)
{
	struct setup s;
	int file[2];
	__u32 queue[2];
	__u32 hwpt[2];	/* with a queue each, for devices that use PASIDs */
	struct mock_answers since;
};

static int alloc_with_queue(const struct setup *s, __u32 ioas, __u32 queue,
			    __u32 *hwpt)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = COMPATIBLE | IOMMU_HWPT_FAULT_ID_VALID,
		.dev_id = s->dev.dev_id,
		.pt_id = ioas,
		.fault_id = queue,
	};
	int rc = call(s->fd, IOMMU_HWPT_ALLOC, &cmd);

	*hwpt = cmd.out_hwpt_id;
	return rc;
}

FIXTURE_SETUP(faults)
{
	int i;

	ASSERT_EQ(0, make_setup(&self->s));
	for (i = 0; i < 2; i++) {
		self->file[i] = fault_queue_alloc(self->s.fd, &self->queue[i]);
		ASSERT_LE(0, self->file[i]);
		ASSERT_EQ(0, alloc_with_queue(&self->s, self->s.ioas[i],
					      self->queue[i], &self->hwpt[i]));
	}
	self->since = mock_answers();
	ASSERT_EQ(0, self->since.pending);
}

/* Nothing is without an answer once all files are closed */
FIXTURE_TEARDOWN(faults)
{
	close(self->file[0]);
	close(self->file[1]);
	close(self->s.fd);
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, mock_answers().pending);
	EXPECT_EQ(0, mock_fail(0, 0));
}

#define RAISE(pasid, grpid)	\
	mock_fault_pasid(self->s.fd, self->s.dev.dev_id, pasid, grpid)
#define EVENTS(i)		queue_events(self->file[i])

#define EMPTY	POLLOUT
#define READY	(POLLIN | POLLRDNORM | POLLOUT)

TEST_F(faults, bear_the_pasid)
{
	struct iommu_hwpt_pgfault fault;

	ASSERT_EQ(0, ATTACH(PASID, self->hwpt[1]));
	ASSERT_EQ(0, RAISE(PASID, 3));
	EXPECT_EQ(EMPTY, EVENTS(0));
	EXPECT_EQ(READY, EVENTS(1));
	ASSERT_EQ(1, queue_read(self->file[1], &fault, 1));
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_PASID_VALID | LAST_PAGE, fault.flags);
	EXPECT_EQ(PASID, fault.pasid);
	EXPECT_EQ(3, fault.grpid);
	EXPECT_EQ(self->s.dev.dev_id, fault.dev_id);
	EXPECT_EQ(IOMMU_PGFAULT_PERM_READ, fault.perm);
	EXPECT_EQ(FAULT_AT, fault.addr);
	EXPECT_ANSWERS(self->since, 1, 0, 0);
	EXPECT_EQ(1, queue_answer(self->file[1], fault.cookie, SUCCESS));
	EXPECT_ANSWERS(self->since, 0, 1, 0);
	EXPECT_EQ(3, mock_answers().last);
}

TEST_F(faults, of_each_page_table_go_to_its_queue)
{
	struct iommu_hwpt_pgfault fault;

	ASSERT_EQ(0, mock_replace(self->s.fd, &self->s.dev, self->hwpt[0]));
	ASSERT_EQ(0, ATTACH(PASID, self->hwpt[1]));
	ASSERT_EQ(0, ATTACH(LAST, self->s.hwpt[1]));
	ASSERT_EQ(0, RAISE(0, 1));
	ASSERT_EQ(0, RAISE(PASID, 2));
	/* That of a page table without a queue, and one that is not attached */
	ASSERT_EQ(0, RAISE(LAST, 3));
	ASSERT_EQ(0, RAISE(PASID + 1, 4));
	EXPECT_ANSWERS(self->since, 2, 0, 2);
	ASSERT_EQ(1, queue_read(self->file[0], &fault, 1));
	EXPECT_EQ(1, fault.grpid);
	EXPECT_EQ(LAST_PAGE, fault.flags);
	EXPECT_EQ(0, fault.pasid);
	ASSERT_EQ(1, queue_read(self->file[1], &fault, 1));
	EXPECT_EQ(2, fault.grpid);
	EXPECT_EQ(EMPTY, EVENTS(0));
	EXPECT_EQ(EMPTY, EVENTS(1));
}

TEST_F(faults, detach_answers_those_of_the_pasid)
{
	__u32 cookie;

	ASSERT_EQ(0, ATTACH(PASID, self->hwpt[0]));
	ASSERT_EQ(0, ATTACH(PASID + 1, self->hwpt[0]));
	ASSERT_EQ(0, RAISE(PASID, 1));
	cookie = queue_take(self->file[0]);
	EXPECT_NE(0, cookie);
	ASSERT_EQ(0, RAISE(PASID, 2));
	ASSERT_EQ(0, RAISE(PASID + 1, 3));
	ASSERT_EQ(0, DETACH(PASID));
	EXPECT_ANSWERS(self->since, 1, 0, 2);
	EXPECT_EQ(-EINVAL, queue_answer(self->file[0], cookie, SUCCESS));
	ASSERT_EQ(0, RAISE(PASID, 4));
	EXPECT_ANSWERS(self->since, 1, 0, 3);
	cookie = queue_take(self->file[0]);
	EXPECT_EQ(1, queue_answer(self->file[0], cookie, SUCCESS));
	EXPECT_ANSWERS(self->since, 0, 1, 3);
}

TEST_F(faults, replace_answers_those_of_the_old_page_table)
{
	__u32 cookie;

	ASSERT_EQ(0, ATTACH(PASID, self->hwpt[0]));
	ASSERT_EQ(0, RAISE(PASID, 1));
	ASSERT_EQ(0, REPLACE(PASID, self->hwpt[1]));
	EXPECT_ANSWERS(self->since, 0, 0, 1);
	EXPECT_EQ(EMPTY, EVENTS(0));
	ASSERT_EQ(0, RAISE(PASID, 2));
	EXPECT_EQ(EMPTY, EVENTS(0));
	cookie = queue_take(self->file[1]);
	EXPECT_EQ(1, queue_answer(self->file[1], cookie, INVALID));
	/* To a page table without a queue and back */
	ASSERT_EQ(0, RAISE(PASID, 3));
	ASSERT_EQ(0, REPLACE(PASID, self->s.hwpt[1]));
	ASSERT_EQ(0, RAISE(PASID, 4));
	EXPECT_ANSWERS(self->since, 0, 0, 4);
	ASSERT_EQ(0, REPLACE(PASID, self->hwpt[0]));
	ASSERT_EQ(0, RAISE(PASID, 5));
	EXPECT_EQ(READY, EVENTS(0));
	EXPECT_ANSWERS(self->since, 1, 0, 4);
}

TEST_F(faults, stay_when_a_replace_fails)
{
	__u32 cookie;

	ASSERT_EQ(0, ATTACH(PASID, self->hwpt[0]));
	ASSERT_EQ(0, RAISE(PASID, 1));
	cookie = queue_take(self->file[0]);
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(-EIO, REPLACE(PASID, self->hwpt[1]));
	EXPECT_EQ(-EINVAL, REPLACE(PASID, self->s.plain));
	/* Replaced by the same, nothing changes. */
	EXPECT_EQ(0, REPLACE(PASID, self->hwpt[0]));
	EXPECT_ANSWERS(self->since, 1, 0, 0);
	EXPECT_EQ(1, queue_answer(self->file[0], cookie, SUCCESS));
	EXPECT_ANSWERS(self->since, 0, 1, 0);
}

TEST_F(faults, move_of_the_device_does_not_concern_them)
{
	__u32 cookie;

	ASSERT_EQ(0, mock_replace(self->s.fd, &self->s.dev, self->hwpt[0]));
	ASSERT_EQ(0, ATTACH(PASID, self->hwpt[0]));
	ASSERT_EQ(0, RAISE(0, 1));
	ASSERT_EQ(0, RAISE(PASID, 2));
	ASSERT_EQ(0, mock_replace(self->s.fd, &self->s.dev, self->s.hwpt[0]));
	EXPECT_ANSWERS(self->since, 1, 0, 1);
	cookie = queue_take(self->file[0]);
	EXPECT_EQ(1, queue_answer(self->file[0], cookie, SUCCESS));
	EXPECT_EQ(2, mock_answers().last);
}

/* The attachment holds the page table, which holds the queue. */
TEST_F(faults, queue_is_held)
{
	ASSERT_EQ(0, ATTACH(PASID, self->hwpt[0]));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->s.fd, self->hwpt[0]));
	ASSERT_EQ(0, close(self->file[0]));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->s.fd, self->queue[0]));
	ASSERT_EQ(0, RAISE(PASID, 1));
	EXPECT_ANSWERS(self->since, 1, 0, 0);
	ASSERT_EQ(0, DETACH(PASID));
	EXPECT_ANSWERS(self->since, 0, 0, 1);
	EXPECT_EQ(0, iommu_destroy(self->s.fd, self->hwpt[0]));
	EXPECT_EQ(0, iommu_destroy(self->s.fd, self->queue[0]));
	self->file[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* All files are closed with faults queued, delivered, and of several PASIDs. */
TEST_F(faults, end_with_the_device)
{
	ASSERT_EQ(0, ATTACH(PASID, self->hwpt[0]));
	ASSERT_EQ(0, ATTACH(PASID + 1, self->hwpt[1]));
	ASSERT_EQ(0, RAISE(PASID, 1));
	ASSERT_EQ(0, RAISE(PASID, 2));
	ASSERT_EQ(0, RAISE(PASID + 1, 3));
	EXPECT_NE(0, queue_take(self->file[0]));
	EXPECT_ANSWERS(self->since, 3, 0, 0);
}

TEST_HARNESS_MAIN
