// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls by which the VFIO core hands a container or a group to our backend,
 * vfio_iommu_iommufd, and whose allocations fail, one after the other: see
 * failnth.h.  The calls on memory are those of /dev/iommu, see device.c.
 */
#include <linux/vfio.h>

#include "../../vfio/group.h"
#include "failnth.h"

FIXTURE(container)
{
	struct subject subject;
	int nvme;	/* a second group */
};

/* subject->other: the container; subject->target: a group in it */
FIXTURE_SETUP(container)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	ASSERT_EQ(0, module_load(BACKEND_MODULE));
	ASSERT_EQ(0, module_unload(TYPE1_MODULE));
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	ASSERT_EQ(0, pci_bind(NVME, "vfio-pci"));
	subject->target = group_open(EDU);
	ASSERT_LE(0, subject->target);
	self->nvme = group_open(NVME);
	ASSERT_LE(0, self->nvme);
	subject->other = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, subject->other);
	ASSERT_EQ(0, call(subject->target, VFIO_GROUP_SET_CONTAINER,
			  &subject->other));
	ASSERT_EQ(0, spare_kernel(true));
}

FIXTURE_TEARDOWN(container)
{
	EXPECT_EQ(0, be(ROOT));
	EXPECT_EQ(0, spare_kernel(false));
	close(self->nvme);
	tear_down(&self->subject);
	EXPECT_EQ(0, module_users("vfio_iommu_iommufd"));
	EXPECT_EQ(0, module_unload(BACKEND_MODULE));
}

static int set_iommu(struct subject *self)
{
	return call(self->other, VFIO_SET_IOMMU, (void *)VFIO_TYPE1v2_IOMMU);
}

static int set_container(struct subject *self)
{
	return call(self->target, VFIO_GROUP_SET_CONTAINER, &self->other);
}

static int unset_container(struct subject *self)
{
	return call(self->target, VFIO_GROUP_UNSET_CONTAINER, NULL);
}

static int leave_and_return(struct subject *self)
{
	return unset_container(self) ?: set_container(self);
}

TEST_F_TIMEOUT(container, set_iommu, 300)
{
	walk(_metadata, &self->subject, "SET_IOMMU", ROOT, set_iommu,
	     leave_and_return);
}

TEST_F_TIMEOUT(container, second_group, 300)
{
	struct subject *subject = &self->subject;
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = addr(subject->memory),
		.iova = AT,
		.size = PAGES * PAGE,
	};
	int first = subject->target;

	ASSERT_EQ(0, set_iommu(subject));
	ASSERT_EQ(0, call(subject->other, VFIO_IOMMU_MAP_DMA, &map));
	subject->target = self->nvme;
	walk(_metadata, subject, "SET_CONTAINER", ROOT, set_container,
	     unset_container);
	subject->target = first;
}

TEST_HARNESS_MAIN
