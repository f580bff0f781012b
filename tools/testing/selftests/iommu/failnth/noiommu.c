// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on a device without an IOMMU whose allocations fail, one after the
 * other: see failnth.h
 */
#include "failnth.h"

#define SYSFS	"/sys/bus/pci/devices/"

FIXTURE(fail)
{
	struct subject subject;
};

FIXTURE_SETUP(fail)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, vfio_pci_reload("enable_unsafe_noiommu_mode=1"));
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	subject->dev = vfio_open_bound(EDU, subject->fd, &subject->dev_id);
	ASSERT_LE(0, subject->dev);
}

FIXTURE_TEARDOWN(fail)
{
	tear_down(&self->subject);
	EXPECT_EQ(0, pci_bind(EDU, NULL));
	EXPECT_EQ(0, vfio_pci_reload(""));
}

static int bind(struct subject *self)
{
	return vfio_bind(self->dev, self->fd, &self->dev_id);
}

static int unbind(struct subject *self)
{
	close(self->dev);
	self->dev = vfio_open(EDU);
	return self->dev < 0 ? self->dev : 0;
}

/* So that BIND need not enable it: ACPI code cannot cope with failures */
static int enable_first(struct subject *self)
{
	close(self->dev);
	self->dev = -1;
	return pci_bind(EDU, NULL) ?:
	       write_file(SYSFS EDU "/enable", "1") ?:
	       pci_bind(EDU, "vfio-pci") ?:
	       unbind(self);
}

TEST_F_TIMEOUT(fail, bind, 300)
{
	ASSERT_EQ(0, enable_first(&self->subject));
	walk(_metadata, &self->subject, "BIND", ROOT, bind, unbind);
}

TEST_F_TIMEOUT(fail, attach, 300)
{
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(&self->subject));
	walk(_metadata, &self->subject, "ATTACH, memory mapped", USER, attach,
	     detach);
	ASSERT_EQ(0, attach(&self->subject));
	walk(_metadata, &self->subject, "ATTACH, from one to another", USER,
	     move, attach);
}

TEST_F_TIMEOUT(fail, map, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, &self->subject, "MAP, device attached", USER, map,
	     unmap_and_go_on);
}

TEST_F_TIMEOUT(fail, page_table, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "HWPT_ALLOC", USER, alloc_page_table,
	     destroy_page_table);
	ASSERT_EQ(0, alloc_page_table(subject));
	walk(_metadata, subject, "ATTACH to a page table", USER,
	     attach_page_table, detach);
}

static int get_pa(struct subject *self)
{
	__u64 length = PAGE, phys;

	return ioas_noiommu_get_pa(self->fd, self->ioas_id, self->at, &length,
				   &phys);
}

TEST_F_TIMEOUT(fail, get_pa, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, map(&self->subject));
	walk(_metadata, &self->subject, "IOAS_NOIOMMU_GET_PA", ROOT, get_pa,
	     nothing);
}

TEST_HARNESS_MAIN
