// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on PASIDs whose allocations fail, one after the other, with the mock:
 * see failnth.h
 */
#define PAGES	FEW_PAGES

#include "failnth.h"

#define COMPATIBLE	IOMMU_HWPT_ALLOC_PASID
#define PASID		77777

FIXTURE(pasid)
{
	struct subject subject;
};

FIXTURE_SETUP(pasid)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	ASSERT_EQ(0, mock_attach_flags(subject->fd, subject->ioas_id,
				       MOCK_FLAGS_DEVICE_PASID,
				       &subject->mock));
	ASSERT_EQ(0, map(subject));
	ASSERT_EQ(0, hwpt_alloc(subject->fd, subject->mock.dev_id,
				subject->ioas_id, COMPATIBLE,
				&subject->hwpt_id));
	ASSERT_EQ(0, hwpt_alloc(subject->fd, subject->mock.dev_id,
				subject->spare_id, COMPATIBLE,
				&subject->other_hwpt_id));
	ASSERT_EQ(0, mock_replace(subject->fd, &subject->mock,
				  subject->hwpt_id));
}

FIXTURE_TEARDOWN(pasid)
{
	tear_down(&self->subject);
}

static int alloc(struct subject *self)
{
	__u32 id;
	int rc = hwpt_alloc(self->fd, self->mock.dev_id, self->ioas_id,
			    COMPATIBLE, &id);

	if (!rc)
		self->other = id;
	return rc;
}

static int destroy(struct subject *self)
{
	__u32 id = self->other;

	self->other = -1;
	return iommu_destroy(self->fd, id);
}

TEST_F_TIMEOUT(pasid, page_table, 300)
{
	walk(_metadata, &self->subject, "HWPT_ALLOC, for PASIDs", ROOT, alloc,
	     destroy);
}

static int attach_pasid(struct subject *self)
{
	return mock_pasid_attach(self->fd, self->mock.id, PASID,
				 self->other_hwpt_id);
}

static int detach_pasid(struct subject *self)
{
	return mock_pasid_detach(self->fd, self->mock.id, PASID);
}

static int is_detached(struct subject *self)
{
	return mock_pasid_check(self->fd, self->mock.id, PASID, 0);
}

static int is_attached(struct subject *self)
{
	return mock_pasid_check(self->fd, self->mock.id, PASID,
				self->other_hwpt_id);
}

static int replace_pasid(struct subject *self)
{
	return mock_pasid_replace(self->fd, self->mock.id, PASID,
				  self->hwpt_id);
}

static int replace_pasid_back(struct subject *self)
{
	return mock_pasid_replace(self->fd, self->mock.id, PASID,
				  self->other_hwpt_id);
}

TEST_F_TIMEOUT(pasid, attach, 300)
{
	struct subject *subject = &self->subject;

	subject->prepare = is_detached;
	walk(_metadata, subject, "PASID_ATTACH", ROOT, attach_pasid,
	     detach_pasid);
	/* No use is left of an attach that has failed. */
	EXPECT_EQ(0, iommu_destroy(subject->fd, subject->other_hwpt_id));
}

TEST_F_TIMEOUT(pasid, replace, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_pasid(subject));
	subject->prepare = is_attached;
	walk(_metadata, subject, "PASID_REPLACE", ROOT, replace_pasid,
	     replace_pasid_back);
	ASSERT_EQ(0, detach_pasid(subject));
	EXPECT_EQ(0, iommu_destroy(subject->fd, subject->other_hwpt_id));
}

TEST_F_TIMEOUT(pasid, detach, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_pasid(subject));
	subject->prepare = is_attached;
	walk_teardown(_metadata, subject, "PASID_DETACH", ROOT, detach_pasid,
		      attach_pasid);
	ASSERT_EQ(0, detach_pasid(subject));
}

static int move_here(struct subject *self)
{
	struct mock_dev mock = self->mock;

	return mock_replace(self->fd, &mock, self->other_hwpt_id);
}

static int move_back(struct subject *self)
{
	struct mock_dev mock = self->mock;

	return mock_replace(self->fd, &mock, self->hwpt_id);
}

TEST_F_TIMEOUT(pasid, move_of_the_device, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_pasid(subject));
	subject->prepare = is_attached;
	walk(_metadata, subject, "MOCK_DOMAIN_REPLACE, a PASID attached", ROOT,
	     move_here, move_back);
}

TEST_HARNESS_MAIN
