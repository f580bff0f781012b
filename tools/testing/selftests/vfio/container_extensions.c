// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VFIO container of the kernel's VFIO core says that it can, before and after
 * VFIO_SET_IOMMU, by type1 and by our backend, vfio_iommu_iommufd.
 */
#include "container.h"
#include "machine.h"

FIXTURE(extensions)
{
	int container;
	int group;
	bool nested;	/* type1 of the kernel has VFIO_TYPE1_NESTING_IOMMU */
	bool coherent;	/* the VM's IOMMU can make all DMA coherent */
};

FIXTURE_VARIANT(extensions)
{
	const char *served_by;
	bool ours;
};

FIXTURE_VARIANT_ADD(extensions, type1)
{
	.served_by = "vfio_iommu_type1",
	.ours = false,
};

FIXTURE_VARIANT_ADD(extensions, iommufd)
{
	.served_by = "vfio_iommu_iommufd",
	.ours = true,
};

FIXTURE_SETUP(extensions)
{
	const char *profile = getenv("IOMMUFD_PROFILE") ?: "";

	ASSERT_EQ(0, load_one_backend(variant->ours));
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	self->group = group_open(EDU);
	ASSERT_LE(0, self->group);
	self->nested = kernel_before(7, 0, 0);
	self->coherent = !strcmp(profile, "snoop") || !strcmp(profile, "amd");
}

FIXTURE_TEARDOWN(extensions)
{
	close(self->group);
	close(self->container);
	EXPECT_EQ(0, module_users(variant->served_by));
	EXPECT_EQ(0, module_unload(BACKEND_MODULE));
	EXPECT_EQ(0, module_load(TYPE1_MODULE));
}

#define SET_IOMMU(type)	ERR(ioctl(self->container, VFIO_SET_IOMMU, type))
#define CHECK(ext)	ERR(ioctl(self->container, VFIO_CHECK_EXTENSION, ext))

/* Nothing is known of coherency, of the device's IOMMU, before VFIO_SET_IOMMU */
TEST_F(extensions, before_and_after_set_iommu)
{
	EXPECT_EQ(1, CHECK(VFIO_TYPE1_IOMMU));
	EXPECT_EQ(1, CHECK(VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(1, CHECK(VFIO_UNMAP_ALL));
	EXPECT_EQ(0, CHECK(VFIO_DMA_CC_IOMMU));
	EXPECT_EQ(self->nested, CHECK(VFIO_TYPE1_NESTING_IOMMU));
	EXPECT_EQ(0, CHECK(VFIO_UPDATE_VADDR));
	EXPECT_EQ(-EINVAL, SET_IOMMU(VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(0, add_group(self->group, self->container));
	EXPECT_EQ(0, CHECK(VFIO_DMA_CC_IOMMU));

	/*
	 * Type1 of 7.x does not know it.  An older one asks the IOMMU driver, and
	 * that of Arm's SMMU nests, or not, as the kernel has it.
	 */
	if (iommu_of(EDU) != SMMU || variant->ours)
		EXPECT_EQ(self->nested ? -EINVAL : -ENODEV,
			  SET_IOMMU(VFIO_TYPE1_NESTING_IOMMU));
	EXPECT_EQ(-ENODEV, SET_IOMMU(VFIO_SPAPR_TCE_IOMMU));
	EXPECT_EQ(0, module_users(variant->served_by));
	ASSERT_EQ(0, SET_IOMMU(VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(self->coherent, CHECK(VFIO_DMA_CC_IOMMU));
	EXPECT_EQ(self->nested, CHECK(VFIO_TYPE1_NESTING_IOMMU));

	/* The last group takes the answer with it */
	ASSERT_EQ(0, ERR(ioctl(self->group, VFIO_GROUP_UNSET_CONTAINER)));
	EXPECT_EQ(0, CHECK(VFIO_DMA_CC_IOMMU));
	ASSERT_EQ(0, add_group(self->group, self->container));
	ASSERT_EQ(0, SET_IOMMU(VFIO_TYPE1_IOMMU));
	EXPECT_EQ(self->coherent, CHECK(VFIO_DMA_CC_IOMMU));
}

TEST_HARNESS_MAIN
