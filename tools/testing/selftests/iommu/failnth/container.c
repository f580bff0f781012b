// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on a VFIO container of the kernel's VFIO core, which our backend,
 * vfio_iommu_iommufd, serves, and whose allocations fail, one after the other:
 * see failnth.h.
 */
#include <linux/vfio.h>

#include "../../vfio/group.h"
#include "container_calls.h"
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
	return container_map(self, self->other, CONTAINER_RW);
}

static int dma_unmap(struct subject *self)
{
	return container_unmap(self, self->other, 0);
}

/* A second mapping, of the same memory */
static int dma_map_elsewhere(struct subject *self)
{
	__u64 at = self->at;
	int rc;

	self->at = self->copy_at;
	rc = dma_map(self);
	self->at = at;
	return rc;
}

static int dma_unmap_elsewhere(struct subject *self)
{
	__u64 at = self->at;
	int rc;

	self->at = self->copy_at;
	rc = dma_unmap(self);
	self->at = at;
	go_on(&self->copy_at, COPY_AT);
	return rc;
}

static int dma_unmap_and_go_on(struct subject *self)
{
	int rc = dma_unmap(self);

	go_on(&self->at, AT);
	return rc;
}

static int get_container_info(struct subject *self)
{
	return container_info(self->other);
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

static int dirty_pages(struct subject *self, __u32 flags)
{
	return container_dirty(self, self->other, flags);
}

static int dirty_begin(struct subject *self)
{
	return dirty_pages(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);
}

static int dirty_end(struct subject *self)
{
	return dirty_pages(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);
}

static int dirty_report(struct subject *self)
{
	return dirty_pages(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP);
}

/* All pages count as dirty: the IOMMU does not tell */
static bool all_are_dirty(const struct subject *self)
{
	size_t i;

	for (i = 0; i < PAGES; i++)
		if (!(self->bitmap[i / 64] & 1ULL << i % 64))
			return false;
	return true;
}

static int bitmap_is_full(struct subject *self)
{
	int rc = all_are_dirty(self) ? 0 : -EBADE;

	memset(self->bitmap, 0, sizeof(self->bitmap));
	return rc;
}

static int dma_unmap_with_bitmap(struct subject *self)
{
	return container_unmap(self, self->other,
			       VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP);
}

static int map_anew_after_bitmap(struct subject *self)
{
	return bitmap_is_full(self) ?: dma_map(self);
}

TEST_F_TIMEOUT(container, dirty_pages, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, set_iommu(subject));
	ASSERT_EQ(0, dma_map(subject));
	walk(_metadata, subject, "DIRTY_PAGES start", ROOT, dirty_begin,
	     dirty_end);
	ASSERT_EQ(0, dirty_begin(subject));
	walk(_metadata, subject, "DIRTY_PAGES get", ROOT, dirty_report,
	     bitmap_is_full);
	walk(_metadata, subject, "MAP_DMA, pages tracked", ROOT,
	     dma_map_elsewhere, dma_unmap_elsewhere);
	walk(_metadata, subject, "UNMAP_DMA with bitmap", ROOT,
	     dma_unmap_with_bitmap, map_anew_after_bitmap);
	walk(_metadata, subject, "DIRTY_PAGES stop", ROOT, dirty_end,
	     dirty_begin);
}

static int drop_address(struct subject *self)
{
	return container_unmap(self, self->other, VFIO_DMA_UNMAP_FLAG_VADDR);
}

static int give_address(struct subject *self)
{
	return container_map(self, self->other, VFIO_DMA_MAP_FLAG_VADDR);
}

TEST_F_TIMEOUT(container, update_vaddr, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, set_iommu(subject));
	ASSERT_EQ(0, dma_map(subject));
	walk(_metadata, subject, "UNMAP_DMA of the address", ROOT, drop_address,
	     give_address);
	ASSERT_EQ(0, drop_address(subject));
	walk(_metadata, subject, "MAP_DMA of an address", ROOT, give_address,
	     drop_address);
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

static int copy(struct subject *self, __u32 write, char byte)
{
	char page[PAGE];
	struct emulated_copy arg = {
		.iova = self->at + PAGE / 2,
		.data = addr(page),
		.length = PAGE,
		.write = write,
	};

	memset(page, byte, sizeof(page));
	return call(self->dev, EMULATED_COPY, &arg);
}

static int copy_from_pages(struct subject *self)
{
	return copy(self, 0, 0);
}

static int copy_to_pages(struct subject *self)
{
	return copy(self, 1, 'w');
}

static int pages_are_written(struct subject *self)
{
	char *first = self->memory + PAGE / 2;
	size_t i;

	for (i = 0; i < PAGE; i++)
		if (first[i] != 'w')
			return -EBADE;
	memset(first, 0, PAGE);
	return first[-1] || first[PAGE] ? -EBADE : 0;
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
	walk(_metadata, subject, "vfio_dma_rw, read", ROOT, copy_from_pages,
	     nothing);
	memset(subject->memory, 0, subject->length);
	walk(_metadata, subject, "vfio_dma_rw, write", ROOT, copy_to_pages,
	     pages_are_written);
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
