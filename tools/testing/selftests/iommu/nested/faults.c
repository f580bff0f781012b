// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables with a queue of page faults, and those of PASIDs
 */
#include "fault.h"
#include "nested.h"
#include "viommu.h"

#define PASID		7
#define COMPATIBLE	IOMMU_HWPT_ALLOC_PASID
#define FAULTS		IOMMU_HWPT_FAULT_ID_VALID

/* A device with PASIDs that is attached elsewhere, and a parent to nest in */
FIXTURE(faults)
{
	int fd;
	__u32 ioas_id;
	__u32 parent;
	struct mock_dev dev;
	int file;
	__u32 queue;
	struct mock_answers since;
};

FIXTURE_SETUP(faults)
{
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, mock_attach_flags(self->fd, self->ioas_id,
				       MOCK_FLAGS_DEVICE_PASID, &self->dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				NEST_PARENT, &self->parent));
	self->file = fault_queue_alloc(self->fd, &self->queue);
	ASSERT_LE(0, self->file);
	self->since = mock_answers();
	ASSERT_EQ(0, self->since.pending);
}

FIXTURE_TEARDOWN(faults)
{
	close(self->file);
	close(self->fd);
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, mock_answers().pending);
}

static int alloc(int fd, __u32 dev_id, __u32 pt_id, __u32 flags, __u32 queue,
		 __u32 *id)
{
	const struct iommu_hwpt_selftest data = { .iotlb = IOTLB };
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = dev_id,
		.pt_id = pt_id,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data.iotlb),
		.data_uptr = addr(&data),
		.fault_id = queue,
	};
	int rc = call(fd, IOMMU_HWPT_ALLOC, &cmd);

	*id = cmd.out_hwpt_id;
	return rc;
}

#define ALLOC(flags, queue, id)	\
	alloc(self->fd, self->dev.dev_id, self->parent, flags, queue, id)
#define MOVE(id)		mock_replace(self->fd, &self->dev, id)
#define RAISE(pasid, grpid)	\
	mock_fault_pasid(self->fd, self->dev.dev_id, pasid, grpid)
#define DESTROY(id)		iommu_destroy(self->fd, id)

TEST_F(faults, queue_is_held)
{
	__u32 id;

	ASSERT_EQ(0, ALLOC(FAULTS, self->queue, &id));
	ASSERT_EQ(0, close(self->file));
	EXPECT_EQ(-EBUSY, DESTROY(self->queue));
	EXPECT_EQ(-EBUSY, DESTROY(self->parent));
	ASSERT_EQ(0, DESTROY(id));
	EXPECT_EQ(0, DESTROY(self->queue));
	EXPECT_EQ(0, DESTROY(self->parent));
	self->file = -1;
}

/* A call that fails holds neither the queue nor the parent. */
TEST_F(faults, errnos_of_the_alloc)
{
	__u32 id;

	EXPECT_EQ(-ENOENT, ALLOC(FAULTS, BAD_ID, &id));
	EXPECT_EQ(-ENOENT, ALLOC(FAULTS, self->parent, &id));
	EXPECT_EQ(-ENOENT, ALLOC(FAULTS | COMPATIBLE, self->ioas_id, &id));
	EXPECT_EQ(-EOPNOTSUPP, ALLOC(FAULTS | NEST_PARENT, self->queue, &id));
	EXPECT_EQ(-EOPNOTSUPP, ALLOC(FAULTS | TRACKED, self->queue, &id));
	EXPECT_EQ(-EOPNOTSUPP, ALLOC(1 << 4, self->queue, &id));
	/* Without the flag nobody looks. */
	EXPECT_EQ(0, ALLOC(COMPATIBLE, BAD_ID, &id));
	EXPECT_EQ(0, DESTROY(id));
	EXPECT_EQ(0, DESTROY(self->parent));
	close(self->file);
	self->file = -1;
	EXPECT_EQ(0, DESTROY(self->queue));
}

TEST_F(faults, go_to_the_queue)
{
	struct iommu_hwpt_pgfault fault;
	__u32 id, plain;

	ASSERT_EQ(0, ALLOC(FAULTS, self->queue, &id));
	ASSERT_EQ(0, ALLOC(0, 0, &plain));
	ASSERT_EQ(0, MOVE(id));
	ASSERT_EQ(0, RAISE(0, 1));
	ASSERT_EQ(1, queue_read(self->file, &fault, 1));
	EXPECT_EQ(1, fault.grpid);
	EXPECT_EQ(self->dev.dev_id, fault.dev_id);
	EXPECT_EQ(LAST_PAGE, fault.flags);
	EXPECT_EQ(1, queue_answer(self->file, fault.cookie, SUCCESS));
	ASSERT_EQ(0, RAISE(0, 2));
	ASSERT_EQ(0, MOVE(plain));
	EXPECT_ANSWERS(self->since, 0, 1, 1);
	ASSERT_EQ(0, RAISE(0, 3));
	EXPECT_ANSWERS(self->since, 0, 1, 2);
	/* The parent has no queue either. */
	ASSERT_EQ(0, MOVE(self->parent));
	ASSERT_EQ(0, RAISE(0, 4));
	EXPECT_ANSWERS(self->since, 0, 1, 3);
	ASSERT_EQ(0, MOVE(id));
	ASSERT_EQ(0, RAISE(0, 5));
	EXPECT_ANSWERS(self->since, 1, 1, 3);
}

/* Those of a PASID that is not attached go where others of the device go. */
TEST_F(faults, of_pasids_that_are_not_attached)
{
	struct iommu_hwpt_pgfault fault;
	__u32 id;

	ASSERT_EQ(0, ALLOC(FAULTS, self->queue, &id));
	ASSERT_EQ(0, MOVE(id));
	ASSERT_EQ(0, RAISE(PASID, 1));
	ASSERT_EQ(1, queue_read(self->file, &fault, 1));
	EXPECT_EQ(IOMMU_PGFAULT_FLAGS_PASID_VALID | LAST_PAGE, fault.flags);
	EXPECT_EQ(PASID, fault.pasid);
	EXPECT_EQ(1, queue_answer(self->file, fault.cookie, SUCCESS));
	/* Not if the page table of the device is no nested one */
	ASSERT_EQ(0, MOVE(self->ioas_id));
	ASSERT_EQ(0, RAISE(PASID, 2));
	EXPECT_ANSWERS(self->since, 0, 1, 1);
}

TEST_F(faults, of_a_pasid)
{
	struct iommu_hwpt_pgfault fault;
	__u32 id, second;

	ASSERT_EQ(0, ALLOC(FAULTS | COMPATIBLE, self->queue, &id));
	ASSERT_EQ(0, ALLOC(COMPATIBLE, 0, &second));
	ASSERT_EQ(0, MOVE(second));
	ASSERT_EQ(0, mock_pasid_attach(self->fd, self->dev.id, PASID, id));
	EXPECT_EQ(0, mock_pasid_check(self->fd, self->dev.id, PASID, id));
	EXPECT_EQ(-EINVAL, mock_pasid_check(self->fd, self->dev.id, PASID,
					    second));
	EXPECT_EQ(-EINVAL, mock_pasid_check(self->fd, self->dev.id, PASID,
					    self->parent));
	EXPECT_EQ(-EBUSY, DESTROY(id));
	ASSERT_EQ(0, RAISE(PASID, 1));
	ASSERT_EQ(0, RAISE(0, 2));
	EXPECT_ANSWERS(self->since, 1, 0, 1);
	ASSERT_EQ(1, queue_read(self->file, &fault, 1));
	EXPECT_EQ(1, fault.grpid);
	EXPECT_EQ(PASID, fault.pasid);
	ASSERT_EQ(0, mock_pasid_replace(self->fd, self->dev.id, PASID, second));
	EXPECT_ANSWERS(self->since, 0, 0, 2);
	EXPECT_EQ(0, DESTROY(id));
	ASSERT_EQ(0, mock_pasid_detach(self->fd, self->dev.id, PASID));
	EXPECT_EQ(0, mock_pasid_check(self->fd, self->dev.id, PASID, 0));
}

/* While a PASID is attached, the device keeps to what is for PASIDs. */
TEST_F(faults, nested_page_tables_that_are_not_for_pasids)
{
	__u32 id, plain;

	ASSERT_EQ(0, ALLOC(COMPATIBLE, 0, &id));
	ASSERT_EQ(0, ALLOC(0, 0, &plain));
	ASSERT_EQ(0, MOVE(plain));
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->fd, self->dev.id, PASID,
					     id));
	ASSERT_EQ(0, MOVE(id));
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->fd, self->dev.id, PASID,
					     plain));
	ASSERT_EQ(0, mock_pasid_attach(self->fd, self->dev.id, PASID, id));
	EXPECT_EQ(-EINVAL, MOVE(plain));
	EXPECT_EQ(-EINVAL, MOVE(self->parent));
	EXPECT_EQ(-EINVAL, MOVE(self->ioas_id));
	ASSERT_EQ(0, mock_pasid_detach(self->fd, self->dev.id, PASID));
	EXPECT_EQ(0, MOVE(plain));
}

TEST_F(faults, of_a_viommu)
{
	__u32 viommu, vdevice, id;

	ASSERT_EQ(0, viommu_alloc(self->fd, self->dev.dev_id, self->parent,
				  &viommu));
	ASSERT_EQ(0, alloc(self->fd, self->dev.dev_id, viommu,
			   FAULTS | COMPATIBLE, self->queue, &id));
	EXPECT_EQ(-ENOENT, alloc(self->fd, self->dev.dev_id, viommu, FAULTS,
				 BAD_ID, &vdevice));
	EXPECT_EQ(-ENOENT, MOVE(id));
	ASSERT_EQ(0, vdevice_alloc(self->fd, viommu, self->dev.dev_id, 5,
				   &vdevice));
	ASSERT_EQ(0, MOVE(id));
	ASSERT_EQ(0, mock_pasid_attach(self->fd, self->dev.id, PASID, id));
	ASSERT_EQ(0, RAISE(0, 1));
	ASSERT_EQ(0, RAISE(PASID, 2));
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	EXPECT_EQ(-EBUSY, DESTROY(viommu));
}

TEST_HARNESS_MAIN
