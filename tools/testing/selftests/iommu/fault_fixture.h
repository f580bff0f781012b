/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of fault queues begin with */
#ifndef IOMMU_FAULT_FIXTURE_H
#define IOMMU_FAULT_FIXTURE_H

#include "fault.h"

/* A mock device that is attached to a page table with a fault queue */
FIXTURE(fault)
{
	int fd;
	__u32 ioas;
	__u32 queue;
	int file;
	__u32 hwpt;
	struct mock_dev dev;
	struct mock_answers since;
};

/* Whether a kernel thread reports faults, as that of an IOMMU driver does */
FIXTURE_VARIANT(fault)
{
	const char *thread;
};

FIXTURE_VARIANT_ADD(fault, by_caller) { "N" };
FIXTURE_VARIANT_ADD(fault, by_thread) { "Y" };

FIXTURE_SETUP(fault)
{
	self->fd = mock_open(&self->ioas);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, write_file(FAULT_THREAD, variant->thread));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	self->file = fault_queue_alloc(self->fd, &self->queue);
	ASSERT_LE(0, self->file);
	ASSERT_EQ(0, hwpt_alloc_faults(self->fd, self->dev.dev_id, self->ioas,
				       self->queue, &self->hwpt));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->hwpt));
	self->since = mock_answers();
	ASSERT_EQ(0, self->since.pending);
}

/* Nothing is without an answer once all files are closed */
FIXTURE_TEARDOWN(fault)
{
	if (self->file >= 0)
		close(self->file);
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_EQ(0, write_file(FAULT_THREAD, "N"));
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, mock_answers().pending);
}

#define RAISE(grpid)	mock_fault(self->fd, self->dev.dev_id, grpid)
#define RAISE_PAGES(grpid, n)						\
	mock_fault_pages(self->fd, self->dev.dev_id, grpid, n)

#endif
