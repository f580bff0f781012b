// SPDX-License-Identifier: GPL-2.0-only
/*
 * On a machine with an IOMMU the parameter for devices without one changes
 * nothing.
 */
#include "group.h"
#include "noiommu.h"

#define AT	0x100000ULL

FIXTURE(noiommu_off)
{
	bool tainted;
	int dev;
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(noiommu_off)
{
	self->tainted = kernel_is_tainted(TAINT_USER);
	ASSERT_EQ(0, load_vfio_pci(true));
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(noiommu_off)
{
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
	EXPECT_EQ(0, pci_bind(EDU, NULL));
	EXPECT_EQ(self->tainted, kernel_is_tainted(TAINT_USER));
	EXPECT_EQ(0, load_vfio_pci(false));
}

TEST_F(noiommu_off, the_node_is_as_ever)
{
	char path[PATH_MAX];
	dev_t dev;
	int fd;

	ASSERT_EQ(0, vfio_find(EDU, path, &dev));
	EXPECT_EQ(0, strncmp(path, "/dev/vfio/devices/vfio", 22));
	EXPECT_EQ(0, vfio_is_noiommu(self->dev));
	EXPECT_LE(0, pci_group(EDU));

	/* ... and takes no capability */
	ASSERT_EQ(0, set_capability(CAP_SYS_RAWIO, false));
	fd = open(path, O_RDWR);
	EXPECT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, set_capability(CAP_SYS_RAWIO, true));
	EXPECT_FALSE(group_is_viable(EDU));
}

TEST_F_TIMEOUT(noiommu_off, the_iommu_still_translates, PATIENCE)
{
	char *memory = anon_pages(1);
	struct edu edu;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, PAGE, AT));
	ASSERT_EQ(0, edu_open(&edu, self->dev));
	memset(memory, 'x', PAGE);
	EXPECT_EQ(0, edu_from_memory(&edu, AT, EDU_DMA_MAX));
	memset(memory, 0, PAGE);
	EXPECT_EQ(0, edu_to_memory(&edu, AT, EDU_DMA_MAX));
	EXPECT_TRUE(filled(memory, 'x', EDU_DMA_MAX));
	edu_close(&edu);
}

/* Physical addresses are told of page tables for devices without an IOMMU */
TEST_F(noiommu_off, no_physical_addresses)
{
	char *memory = anon_pages(1);

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, PAGE, AT));
	EXPECT_EQ(-EOPNOTSUPP, get_pa(self->iommu, self->ioas, AT));
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->ioas, AT + PAGE));

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(-EOPNOTSUPP, get_pa(self->iommu, self->ioas, AT));
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->ioas, AT + PAGE));
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, ~0U, AT));

	ASSERT_EQ(0, set_capability(CAP_SYS_RAWIO, false));
	EXPECT_EQ(-EPERM, get_pa(self->iommu, self->ioas, AT));
	ASSERT_EQ(0, set_capability(CAP_SYS_RAWIO, true));
}

TEST_HARNESS_MAIN
