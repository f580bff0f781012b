// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device can be used through its group (/dev/vfio/GROUP and a container) or
 * through its device file, never both.
 */
#include "group.h"

/* The line in the kernel log */
#define SAYS_WHY "vfio-pci " EDU ": cannot be bound: another user has its IOMMU group"

FIXTURE(exclude)
{
	int container;
	int group;
	int dev;
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(exclude)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, module_load(TYPE1_MODULE));
	self->container = open("/dev/vfio/vfio", O_RDWR);
	ASSERT_LE(0, self->container);
	self->group = group_open(EDU);
	ASSERT_LE(0, self->group);
}

FIXTURE_TEARDOWN(exclude)
{
	close(self->group);
	close(self->container);
	close(self->dev);
	close(self->iommu);
}

static int unset_container(int group)
{
	return ERR(ioctl(group, VFIO_GROUP_UNSET_CONTAINER));
}

static int set_type1(int container)
{
	return ERR(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
}

static int get_device(int group)
{
	return ERR(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, EDU));
}

TEST_F(exclude, group_in_a_container)
{
	int log = kmsg_open();

	ASSERT_EQ(0, add_group(self->group, self->container));
	EXPECT_EQ(-EPERM, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(self->dev));
	EXPECT_TRUE(log_says(log, EDU, SAYS_WHY));
	close(log);
	ASSERT_EQ(0, unset_container(self->group));
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, get_info(self->dev));
}

TEST_F(exclude, device_in_use_through_its_group)
{
	int dev;

	ASSERT_EQ(0, add_group(self->group, self->container));
	ASSERT_EQ(0, set_type1(self->container));
	dev = get_device(self->group);
	ASSERT_LE(0, dev);
	EXPECT_EQ(0, get_info(dev));
	EXPECT_EQ(-EPERM, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(self->dev));
	/* The group's user is not disturbed */
	EXPECT_EQ(0, get_info(dev));
	close(dev);
	ASSERT_EQ(0, unset_container(self->group));
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
}

TEST_F(exclude, device_in_use_through_its_file)
{
	int dev;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EPERM, add_group(self->group, self->container));
	EXPECT_EQ(-EINVAL, get_device(self->group));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(-EPERM, add_group(self->group, self->container));
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(-EPERM, add_group(self->group, self->container));
	EXPECT_EQ(0, get_info(self->dev));

	close(self->dev);
	self->dev = -1;
	ASSERT_EQ(0, add_group(self->group, self->container));
	ASSERT_EQ(0, set_type1(self->container));
	dev = get_device(self->group);
	ASSERT_LE(0, dev);
	EXPECT_EQ(0, get_info(dev));
	close(dev);
}

/* The kernel's VFIO knows no /dev/iommu; the group can still have a container */
TEST_F(exclude, a_context_is_no_container)
{
	int rc = kernel_before(6, 2, 0) ? -EINVAL : -EBADFD;
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int dev;

	EXPECT_EQ(rc, add_group(self->group, self->iommu));
	EXPECT_EQ(rc, add_group(self->group, self->dev));
	ASSERT_EQ(0, ERR(ioctl(self->group, VFIO_GROUP_GET_STATUS, &status)));
	EXPECT_EQ(VFIO_GROUP_FLAGS_VIABLE, status.flags);
	EXPECT_EQ(-EINVAL, get_device(self->group));
	EXPECT_EQ(-EINVAL, unset_container(self->group));

	/* What to do instead: the device file, or a container of the kernel's */
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(rc, add_group(self->group, self->iommu));
	close(self->dev);
	self->dev = -1;
	ASSERT_EQ(0, add_group(self->group, self->container));
	EXPECT_EQ(-EINVAL, add_group(self->group, self->iommu));
	ASSERT_EQ(0, set_type1(self->container));
	dev = get_device(self->group);
	EXPECT_LE(0, dev);
	close(dev);
}

TEST_F(exclude, a_parked_file_excludes_nobody)
{
	int dev;

	ASSERT_EQ(0, add_group(self->group, self->container));
	ASSERT_EQ(0, set_type1(self->container));
	dev = get_device(self->group);
	ASSERT_LE(0, dev);
	close(dev);
}

#define IOVA	0x10000000ULL

/* DMA both ways, whichever interface has mapped the memory */
static bool dma_works(int dev, char *memory)
{
	struct edu edu;
	bool works;

	if (edu_open(&edu, dev))
		return false;
	memset(memory, 'd', PAGE);
	works = !edu_from_memory(&edu, IOVA, EDU_DMA_MAX);
	memset(memory, 'm', PAGE);
	works &= !edu_to_memory(&edu, IOVA, EDU_DMA_MAX);
	works &= filled(memory, 'd', EDU_DMA_MAX);
	edu_close(&edu);
	return works;
}

TEST_F_TIMEOUT(exclude, dma_in_turns, PATIENCE)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = IOVA,
		.size = PAGE,
	};
	char *memory = anon_pages(1);
	int i, dev;

	ASSERT_NE(MAP_FAILED, memory);
	map.vaddr = (__u64)memory;
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, PAGE, IOVA));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, add_group(self->group, self->container));
		ASSERT_EQ(0, set_type1(self->container));
		ASSERT_EQ(0, ERR(ioctl(self->container, VFIO_IOMMU_MAP_DMA,
				       &map)));
		dev = get_device(self->group);
		ASSERT_LE(0, dev);
		EXPECT_TRUE(dma_works(dev, memory));
		close(dev);
		ASSERT_EQ(0, unset_container(self->group));

		ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
		EXPECT_TRUE(dma_works(self->dev, memory));
		close(self->dev);
		self->dev = vfio_open(EDU);
		ASSERT_LE(0, self->dev);
	}
}

TEST_F_TIMEOUT(exclude, taking_turns, PATIENCE)
{
	int i, dev;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, add_group(self->group, self->container));
		ASSERT_EQ(0, set_type1(self->container));
		dev = get_device(self->group);
		ASSERT_LE(0, dev);
		ASSERT_EQ(-EPERM, vfio_bind(self->dev, self->iommu, NULL));
		close(dev);
		ASSERT_EQ(0, unset_container(self->group));

		ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
		ASSERT_EQ(-EPERM, add_group(self->group, self->container));
		close(self->dev);
		self->dev = vfio_open(EDU);
		ASSERT_LE(0, self->dev);
	}
}

TEST_HARNESS_MAIN
