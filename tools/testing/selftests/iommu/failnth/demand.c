// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on an IOAS on demand, and page faults in it, whose allocations fail, one
 * after the other, with the mock: see failnth.h
 */
#include "failnth.h"
#include "demand/demand.h"

/* A mock device that is attached to an IOAS on demand, with memory mapped */
FIXTURE(demand)
{
	struct subject subject;
};

FIXTURE_SETUP(demand)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	ASSERT_EQ(0, iommu_option_set(subject->fd, ON_DEMAND, subject->ioas_id,
				      1));
	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, map(subject));
}

FIXTURE_TEARDOWN(demand)
{
	tear_down(&self->subject);
	EXPECT_EQ(0, mock_answers().pending);
}

/*
 * Few pages, as each needs some allocations, but in two pieces: these end at
 * multiples of HUGE of the memory.
 */
static int demand(struct subject *self, __u32 op)
{
	return ioas_demand(self->fd, self->ioas_id, op,
			   self->at + HUGE - 10 * PAGE, 20 * PAGE);
}

static int populate(struct subject *self)
{
	return demand(self, IOMMU_IOAS_DEMAND_POPULATE);
}

static int release(struct subject *self)
{
	return demand(self, IOMMU_IOAS_DEMAND_RELEASE);
}

static int pin(struct subject *self)
{
	return demand(self, IOMMU_IOAS_DEMAND_PIN);
}

static int unpin(struct subject *self)
{
	return demand(self, IOMMU_IOAS_DEMAND_UNPIN);
}

static int unpin_and_release(struct subject *self)
{
	return unpin(self) ?: release(self);
}

TEST_F_TIMEOUT(demand, calls, 600)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "DEMAND_POPULATE", USER, populate, release);
	walk(_metadata, subject, "DEMAND_PIN", USER, pin, unpin_and_release);
	ASSERT_EQ(0, populate(subject));
	walk(_metadata, subject, "DEMAND_PIN of what is populated", USER, pin,
	     unpin);
	walk_teardown(_metadata, subject, "DEMAND_RELEASE", USER, release,
		      populate);
	ASSERT_EQ(0, pin(subject));
	walk_teardown(_metadata, subject, "DEMAND_UNPIN", USER, unpin, pin);
}

static int unmap_and_map(struct subject *self)
{
	return unmap(self) ?: map(self);
}

TEST_F_TIMEOUT(demand, map, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, unmap(subject));
	walk(_metadata, subject, "MAP on demand", USER, map, unmap);
}

/* A page table that comes second gets what is populated. */
TEST_F_TIMEOUT(demand, attach, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, populate(subject));
	walk(_metadata, subject, "MOCK_DOMAIN, on demand", USER, make_mock,
	     unmake_mock);
}

static int make_hwpt(struct subject *self)
{
	return hwpt_alloc(self->fd, self->mock.dev_id, self->ioas_id, 0,
			  &self->hwpt_id);
}

static int unmake_hwpt(struct subject *self)
{
	return iommu_destroy(self->fd, self->hwpt_id);
}

TEST_F_TIMEOUT(demand, hwpt, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, populate(subject));
	walk(_metadata, subject, "HWPT_ALLOC, on demand", USER, make_hwpt,
	     unmake_hwpt);
}

/* A fault that fails is answered INVALID, and is one of the absorbed. */
static int fault(struct subject *self)
{
	return raise_fault(self->fd, self->mock.dev_id, 0, self->at, WRITE);
}

static int after_fault(struct subject *self)
{
	return mock_answers().pending ? -EIO :
	       ioas_demand(self->fd, self->ioas_id, IOMMU_IOAS_DEMAND_RELEASE,
			   self->at, self->length);
}

TEST_F_TIMEOUT(demand, fault, 300)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "TRIGGER_IOPF, on demand", USER, fault,
	     after_fault);
	EXPECT_LT(0, subject->absorbed);
	ASSERT_EQ(0, unmap_and_map(subject));
}

TEST_HARNESS_MAIN
