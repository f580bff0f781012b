// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device without an IOMMU beside mock devices, which have one, in the same
 * IOAS.  The mock warns of a page table that a device should not have.
 */
#include "hwpt.h"
#include "viommu.h"

#define AT	(64 * MiB)

/* A device without an IOMMU is bound; a page is mapped */
FIXTURE(noiommu)
{
	int fd;
	int dev;
	__u32 dev_id;
	__u32 ioas_id;
	char *memory;
	long pinned;
};

FIXTURE_SETUP(noiommu)
{
	ASSERT_EQ(0, vfio_pci_reload("enable_unsafe_noiommu_mode=1"));
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	self->memory = small_pages(PAGE);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(noiommu)
{
	close(self->dev);
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, mock_unload());
	EXPECT_EQ(0, pci_bind(EDU, NULL));
	EXPECT_EQ(0, vfio_pci_reload(""));
}

static int get_pa(struct _test_data_noiommu *self)
{
	__u64 length = PAGE, phys;

	return ioas_noiommu_get_pa(self->fd, self->ioas_id, AT, &length, &phys);
}

/* ... of a mock device, which keeps memory pinned as well */
TEST_F(noiommu, takes_the_page_table_that_is_there)
{
	struct mock_dev mock;
	__u32 hwpt_id;

	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &mock));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, &hwpt_id));
	EXPECT_EQ(mock.hwpt_id, hwpt_id);
	EXPECT_EQ(self->pinned + 1, pinned());
	EXPECT_EQ(-EOPNOTSUPP, get_pa(self));

	/* The page table stays until both have left it */
	EXPECT_EQ(0, iommu_destroy(self->fd, mock.id));
	EXPECT_EQ(0, mock_check_map(self->fd, hwpt_id, self->memory, PAGE, AT));
	EXPECT_EQ(self->pinned + 1, pinned());
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(self->pinned, pinned());

	/* Anew it gets one of its own */
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, &hwpt_id));
	EXPECT_EQ(0, get_pa(self));
}

TEST_F(noiommu, a_device_with_an_iommu_gets_another_page_table)
{
	struct mock_dev mock;
	__u32 hwpt_id;

	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, &hwpt_id));
	EXPECT_EQ(0, get_pa(self));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &mock));
	EXPECT_NE(hwpt_id, mock.hwpt_id);
	EXPECT_EQ(0, mock_check_map(self->fd, mock.hwpt_id, self->memory, PAGE,
				    AT));
	EXPECT_EQ(0, get_pa(self));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(-EOPNOTSUPP, get_pa(self));
	EXPECT_EQ(0, mock_check_map(self->fd, mock.hwpt_id, self->memory, PAGE,
				    AT));
}

/* By its name, a page table is of the devices of its IOMMU */
TEST_F(noiommu, by_name)
{
	struct mock_dev mock, other;
	__u32 with, without, ioas_id;

	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &mock));
	ASSERT_EQ(0, hwpt_alloc(self->fd, mock.dev_id, self->ioas_id, 0, &with));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev_id, self->ioas_id, 0,
				&without));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, with, NULL));
	EXPECT_EQ(-EINVAL, mock_attach(self->fd, without, &other));
	EXPECT_EQ(0, vfio_attach(self->dev, without, NULL));

	/* From there to the page table of the mock device, and back */
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, &ioas_id));
	EXPECT_EQ(mock.hwpt_id, ioas_id);
	EXPECT_EQ(0, vfio_attach(self->dev, without, NULL));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, iommu_destroy(self->fd, with));
	EXPECT_EQ(0, iommu_destroy(self->fd, without));
}

/* Nor is it behind the IOMMU of a vIOMMU */
TEST_F(noiommu, vdevice)
{
	__u32 parent, viommu, vdevice;
	struct mock_dev mock;

	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &mock));
	ASSERT_EQ(0, hwpt_alloc(self->fd, mock.dev_id, self->ioas_id,
				IOMMU_HWPT_ALLOC_NEST_PARENT, &parent));
	EXPECT_EQ(-EOPNOTSUPP, viommu_alloc(self->fd, self->dev_id, parent,
					    &viommu));
	ASSERT_EQ(0, viommu_alloc(self->fd, mock.dev_id, parent, &viommu));
	EXPECT_EQ(-EINVAL, vdevice_alloc(self->fd, viommu, self->dev_id, 1,
					 &vdevice));
	/* That has taken neither the number nor the vIOMMU */
	ASSERT_EQ(0, vdevice_alloc(self->fd, viommu, mock.dev_id, 1, &vdevice));
	EXPECT_EQ(0, iommu_destroy(self->fd, vdevice));
	EXPECT_EQ(0, iommu_destroy(self->fd, viommu));
	EXPECT_EQ(0, iommu_destroy(self->fd, parent));
}

TEST_HARNESS_MAIN
