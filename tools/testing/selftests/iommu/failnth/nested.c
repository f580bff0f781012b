// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on nested page tables and virtual IOMMUs whose allocations, or copies of
 * user memory, fail: see failnth.h
 */
#define PAGES	FEW_PAGES

#include "failnth.h"
#include "../viommu.h"

FIXTURE(nested)
{
	struct subject subject;
};

/* The mock is attached to an IOAS, and hwpt_id is a page table to nest in */
FIXTURE_SETUP(nested)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, hwpt_alloc(subject->fd, subject->mock.dev_id,
				subject->ioas_id, NEST_PARENT,
				&subject->hwpt_id));
}

FIXTURE_TEARDOWN(nested)
{
	tear_down(&self->subject);
}

static int nest(struct subject *self)
{
	return nested_alloc(self->fd, self->mock.dev_id, self->hwpt_id,
			    &self->other_hwpt_id);
}

static int unnest(struct subject *self)
{
	return iommu_destroy(self->fd, self->other_hwpt_id);
}

TEST_F_TIMEOUT(nested, page_table, 300)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "HWPT_ALLOC, nested", ROOT, nest, unnest);
	ASSERT_EQ(0, nest(subject));
	walk_teardown(_metadata, subject, "DESTROY of a nested page table",
		      ROOT, unnest, nest);
}

static int attach_nested(struct subject *self)
{
	struct mock_dev mock = self->mock;

	return mock_replace(self->fd, &mock, self->other_hwpt_id);
}

static int attach_back(struct subject *self)
{
	return mock_replace(self->fd, &self->mock, self->ioas_id);
}

TEST_F_TIMEOUT(nested, replace, 300)
{
	ASSERT_EQ(0, nest(&self->subject));
	walk(_metadata, &self->subject, "MOCK_DOMAIN_REPLACE, to a nested one",
	     ROOT, attach_nested, attach_back);
}

static int invalidate_some(struct subject *self)
{
	struct iommu_hwpt_invalidate_selftest e[3] = {};
	__u32 n = ARRAY_LEN(e);

	return nested_invalidate(self->fd, self->other_hwpt_id, e, &n);
}

TEST_F_TIMEOUT(nested, invalidation, 300)
{
	ASSERT_EQ(0, nest(&self->subject));
	walk(_metadata, &self->subject, "HWPT_INVALIDATE", ROOT,
	     invalidate_some, nothing);
}

static int make_viommu(struct subject *self)
{
	struct iommu_viommu_selftest data = {};

	return viommu_alloc_data(self->fd, self->mock.dev_id, self->hwpt_id,
				 VIOMMU_TYPE, &data, sizeof(data),
				 &self->spare_id);
}

static int unmake_viommu(struct subject *self)
{
	return iommu_destroy(self->fd, self->spare_id);
}

static int make_vdevice(struct subject *self)
{
	return vdevice_alloc(self->fd, self->spare_id, self->mock.dev_id, 1,
			     &self->item_id);
}

static int unmake_vdevice(struct subject *self)
{
	return iommu_destroy(self->fd, self->item_id);
}

static int nest_in_viommu(struct subject *self)
{
	return nested_alloc(self->fd, self->mock.dev_id, self->spare_id,
			    &self->other_hwpt_id);
}

static int invalidate_caches(struct subject *self)
{
	struct iommu_viommu_invalidate_selftest e[3] = {
		{ .vdev_id = 1 }, { .vdev_id = 1 }, { .vdev_id = 1 }
	};
	__u32 n = ARRAY_LEN(e);

	return viommu_invalidate(self->fd, self->spare_id, e, &n);
}

static int make_veventq(struct subject *self)
{
	struct iommu_veventq_alloc arg = {
		.size = sizeof(arg),
		.viommu_id = self->spare_id,
		.type = IOMMU_VEVENTQ_TYPE_SELFTEST,
		.veventq_depth = 100,
	};
	int rc = call(self->fd, IOMMU_VEVENTQ_ALLOC, &arg);

	self->item_id = arg.out_veventq_id;
	self->other = rc ? -1 : (int)arg.out_veventq_fd;
	return rc;
}

static int unmake_veventq(struct subject *self)
{
	close(self->other);
	self->other = -1;
	return iommu_destroy(self->fd, self->item_id);
}

TEST_F_TIMEOUT(nested, event_queue, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, iommu_destroy(subject->fd, subject->spare_id));
	ASSERT_EQ(0, make_viommu(subject));
	walk(_metadata, subject, "VEVENTQ_ALLOC", ROOT, make_veventq,
	     unmake_veventq);
}

static int make_hw_queue(struct subject *self)
{
	struct iommu_hw_queue_alloc arg = {
		.size = sizeof(arg),
		.viommu_id = self->spare_id,
		.type = IOMMU_HW_QUEUE_TYPE_SELFTEST,
		.nesting_parent_iova = self->at,
		.length = PAGE,
	};
	int rc = call(self->fd, IOMMU_HW_QUEUE_ALLOC, &arg);

	self->item_id = arg.out_hw_queue_id;
	return rc;
}

static int unmake_hw_queue(struct subject *self)
{
	return iommu_destroy(self->fd, self->item_id);
}

TEST_F_TIMEOUT(nested, hardware_queue, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, iommu_destroy(subject->fd, subject->spare_id));
	ASSERT_EQ(0, make_viommu(subject));
	ASSERT_EQ(0, map(subject));
	walk(_metadata, subject, "HW_QUEUE_ALLOC", ROOT, make_hw_queue,
	     unmake_hw_queue);
	ASSERT_EQ(0, make_hw_queue(subject));
	walk_teardown(_metadata, subject, "DESTROY of a hardware queue", ROOT,
		      unmake_hw_queue, make_hw_queue);
}

static int map_registers(struct subject *self)
{
	void *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, self->fd,
		       self->copy_at);

	self->mmio = p == MAP_FAILED ? NULL : p;
	return p == MAP_FAILED ? -errno : 0;
}

static int unmap_registers(struct subject *self)
{
	return munmap(self->mmio, 2 * PAGE) ? -errno : 0;
}

TEST_F_TIMEOUT(nested, registers, 300)
{
	struct subject *subject = &self->subject;
	struct iommu_viommu_selftest data = {};

	ASSERT_EQ(0, iommu_destroy(subject->fd, subject->spare_id));
	ASSERT_EQ(0, viommu_alloc_data(subject->fd, subject->mock.dev_id,
				       subject->hwpt_id, VIOMMU_TYPE, &data,
				       sizeof(data), &subject->spare_id));
	subject->copy_at = data.out_mmap_offset;
	walk(_metadata, subject, "mmap() of registers", ROOT, map_registers,
	     unmap_registers);
}

TEST_F_TIMEOUT(nested, virtual_iommu, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, iommu_destroy(subject->fd, subject->spare_id));
	walk(_metadata, subject, "VIOMMU_ALLOC", ROOT, make_viommu,
	     unmake_viommu);
	ASSERT_EQ(0, make_viommu(subject));
	walk(_metadata, subject, "VDEVICE_ALLOC", ROOT, make_vdevice,
	     unmake_vdevice);
	ASSERT_EQ(0, make_vdevice(subject));
	walk_teardown(_metadata, subject, "DESTROY of a vDEVICE", ROOT,
		      unmake_vdevice, make_vdevice);
	walk(_metadata, subject, "HWPT_ALLOC of a vIOMMU", ROOT, nest_in_viommu,
	     unnest);
	walk(_metadata, subject, "HWPT_INVALIDATE of a vIOMMU", ROOT,
	     invalidate_caches, nothing);
	ASSERT_EQ(0, unmake_vdevice(subject));
	walk_teardown(_metadata, subject, "DESTROY of a vIOMMU", ROOT,
		      unmake_viommu, make_viommu);
}

TEST_HARNESS_MAIN
