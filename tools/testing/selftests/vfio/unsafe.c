// SPDX-License-Identifier: GPL-2.0-only
/*
 * On a machine whose IOMMU does not isolate interrupts (the VM's profile
 * "unsafe") attach needs the administrator's consent.
 */
#include "test.h"

#define PARAMETER "/sys/module/iommufd/parameters/allow_unsafe_interrupts"

FIXTURE(unsafe)
{
	int dev;
	int iommu;
	__u32 ioas;
};

static int allow(const char *yes_or_no)
{
	int fd = open(PARAMETER, O_WRONLY);
	int rc = 0;

	if (fd < 0 || write(fd, yes_or_no, 1) != 1)
		rc = -errno;
	close(fd);
	return rc;
}

FIXTURE_SETUP(unsafe)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
}

FIXTURE_TEARDOWN(unsafe)
{
	EXPECT_EQ(0, allow("N"));
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

TEST_F(unsafe, is_the_exception)
{
	char value = 0;
	int fd = open(PARAMETER, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, read(fd, &value, 1));
	EXPECT_EQ('N', value);
	close(fd);
}

TEST_F(unsafe, attach_is_refused)
{
	__u32 pt = self->ioas;

	EXPECT_EQ(-EPERM, vfio_attach(self->dev, &pt));
	/* Nothing has changed */
	EXPECT_EQ(0, iommu_destroy_id(self->iommu, self->ioas));
	EXPECT_EQ(0, get_info(self->dev));
}

TEST_F(unsafe, attach_is_allowed_with_consent)
{
	__u32 pt = self->ioas;

	ASSERT_EQ(0, allow("Y"));
	EXPECT_EQ(0, vfio_attach(self->dev, &pt));
	ASSERT_EQ(0, vfio_detach(self->dev));
	ASSERT_EQ(0, allow("N"));
	pt = self->ioas;
	EXPECT_EQ(-EPERM, vfio_attach(self->dev, &pt));
}

TEST_F_TIMEOUT(unsafe, dma_with_consent, PATIENCE)
{
	char *memory = anon_pages(1);
	__u32 pt = self->ioas;
	struct edu edu;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, allow("Y"));
	ASSERT_EQ(0, vfio_attach(self->dev, &pt));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, PAGE, 0x100000,
			      IOAS_RW));
	ASSERT_EQ(0, edu_open(&edu, self->dev));
	memset(memory, 'x', PAGE);
	ASSERT_EQ(0, edu_from_memory(&edu, 0x100000, EDU_DMA_MAX));
	memset(memory, 0, PAGE);
	ASSERT_EQ(0, edu_to_memory(&edu, 0x100000, EDU_DMA_MAX));
	EXPECT_TRUE(filled(memory, 'x', EDU_DMA_MAX));
	edu_close(&edu);
}

TEST_HARNESS_MAIN
