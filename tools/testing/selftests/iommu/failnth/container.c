// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on a VFIO container of the kernel's VFIO core, which our backend,
 * vfio_iommu_iommufd, serves, and whose allocations fail, one after the other:
 * see failnth.h.
 */
#include <linux/vfio.h>

#include "../../vfio/group.h"
#include "failnth.h"

#define PIN_PAGES	16

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

static int dma_map(struct subject *self)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = addr(self->memory),
		.iova = self->at,
		.size = self->length,
	};

	return call(self->other, VFIO_IOMMU_MAP_DMA, &map);
}

static int dma_unmap(struct subject *self)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = self->at,
		.size = self->length,
	};
	int rc = call(self->other, VFIO_IOMMU_UNMAP_DMA, &unmap);

	return rc ?: unmap.size == self->length ? 0 : -EIO;
}

static int dma_unmap_and_go_on(struct subject *self)
{
	int rc = dma_unmap(self);

	go_on(&self->at, AT);
	return rc;
}

static int get_container_info(struct subject *self)
{
	union {
		struct vfio_iommu_type1_info info;
		char caps[1024];
	} arg = { .info.argsz = sizeof(arg) };

	return call(self->other, VFIO_IOMMU_GET_INFO, &arg);
}

TEST_F_TIMEOUT(container, map_and_unmap, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, set_iommu(subject));
	walk(_metadata, subject, "MAP_DMA", ROOT, dma_map, dma_unmap_and_go_on);
	ASSERT_EQ(0, dma_map(subject));
	walk(_metadata, subject, "GET_INFO", ROOT, get_container_info,
	     nothing);
	walk(_metadata, subject, "UNMAP_DMA", ROOT, dma_unmap, dma_map);
}

static int on_pages(struct subject *self, unsigned long request)
{
	struct emulated_pages arg = {
		.iova = self->at,
		.npages = PIN_PAGES,
		.prot = EMULATED_READ | EMULATED_WRITE,
	};

	return call(self->dev, request, &arg);
}

static int pin_pages(struct subject *self)
{
	return on_pages(self, EMULATED_PIN);
}

static int unpin_pages(struct subject *self)
{
	return on_pages(self, EMULATED_UNPIN);
}

static int copy_from_pages(struct subject *self)
{
	char page[PAGE];
	struct emulated_copy arg = {
		.iova = self->at + PAGE / 2,
		.data = addr(page),
		.length = PAGE,
	};

	return call(self->dev, EMULATED_COPY, &arg);
}

/* What is mapped is pinned only while the driver of an emulated device wants it */
TEST_F_TIMEOUT(container, emulated_device, 300)
{
	struct subject *subject = &self->subject;
	int group;

	ASSERT_EQ(0, module_load(EMULATED_MODULE));
	/* modprobe loads type1 with the VFIO core */
	ASSERT_EQ(0, module_unload(TYPE1_MODULE));
	group = emulated_group_open();
	ASSERT_LE(0, group);
	ASSERT_EQ(0, unset_container(subject));
	ASSERT_EQ(0, call(group, VFIO_GROUP_SET_CONTAINER, &subject->other));
	ASSERT_EQ(0, set_iommu(subject));
	subject->dev = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, EMULATED_NAME);
	ASSERT_LE(0, subject->dev);
	ASSERT_EQ(0, dma_map(subject));
	walk(_metadata, subject, "vfio_pin_pages", ROOT, pin_pages,
	     unpin_pages);
	walk(_metadata, subject, "vfio_dma_rw", ROOT, copy_from_pages, nothing);
	ASSERT_EQ(0, dma_unmap(subject));
	close(subject->dev);
	subject->dev = -1;
	close(group);
	EXPECT_EQ(0, module_unload(EMULATED_MODULE));
}

TEST_F_TIMEOUT(container, second_group, 300)
{
	struct subject *subject = &self->subject;
	int first = subject->target;

	ASSERT_EQ(0, set_iommu(subject));
	ASSERT_EQ(0, dma_map(subject));
	subject->target = self->nvme;
	/*
	 * Linux 6.1 makes the page table that blocks a group when the group is
	 * claimed first, and returns EINVAL when it cannot.
	 */
	ASSERT_EQ(0, set_container(subject));
	ASSERT_EQ(0, unset_container(subject));
	walk(_metadata, subject, "SET_CONTAINER", ROOT, set_container,
	     unset_container);
	subject->target = first;
}

TEST_HARNESS_MAIN
