// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls on page tables that Intel's driver nests, whose allocations, or copies of user
 * memory, fail: see failnth.h.  QEMU's VT-d does not nest: the module iommufd_tracker
 * makes the driver believe that it does.
 */
#include <linux/const.h>

#include "../../../tracker/tracker.h"
#include "failnth.h"

#define TRACKER		"iommufd_tracker"
#define ECAP_NEST	_BITULL(26)
#define SECOND_STAGE	2
#define NESTED		3

FIXTURE(vtd)
{
	struct subject subject;
};

static int pretend(void)
{
	const __u64 bits[2] = { 0, ECAP_NEST };
	int tracker, rc;

	rc = module_load(TRACKER " device=" EDU, "/sys/module/" TRACKER);
	if (rc)
		return rc;
	tracker = open("/dev/" TRACKER, O_RDWR | O_CLOEXEC);
	if (tracker < 0 || ioctl(tracker, TRACKER_PRETEND, bits))
		return -errno;
	return tracker;
}

/* hwpt_id is a page table to nest in, to which the device is attached. */
FIXTURE_SETUP(vtd)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	subject->other = pretend();
	ASSERT_LE(0, subject->other);
	subject->dev = vfio_open_bound(EDU, subject->fd, &subject->dev_id);
	ASSERT_LE(0, subject->dev);
	ASSERT_EQ(0, hwpt_alloc(subject->fd, subject->dev_id, subject->ioas_id,
				IOMMU_HWPT_ALLOC_NEST_PARENT,
				&subject->hwpt_id));
	ASSERT_EQ(0, attach_page_table(subject));
}

FIXTURE_TEARDOWN(vtd)
{
	tear_down(&self->subject);
	EXPECT_EQ(0, module_unload(TRACKER, "/sys/module/" TRACKER));
}

static int make_parent(struct subject *self)
{
	return hwpt_alloc(self->fd, self->dev_id, self->spare_id,
			  IOMMU_HWPT_ALLOC_NEST_PARENT, &self->other_hwpt_id);
}

static int unmake(struct subject *self)
{
	return iommu_destroy(self->fd, self->other_hwpt_id);
}

TEST_F_TIMEOUT(vtd, parent, 300)
{
	walk(_metadata, &self->subject, "HWPT_ALLOC, NEST_PARENT", ROOT,
	     make_parent, unmake);
}

static int nest(struct subject *self)
{
	struct iommu_hwpt_vtd_s1 data = {
		.pgtbl_addr = AT & ~(PAGE - 1),
		.addr_width = 48,
	};
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.dev_id = self->dev_id,
		.pt_id = self->hwpt_id,
		.data_type = IOMMU_HWPT_DATA_VTD_S1,
		.data_len = sizeof(data),
		.data_uptr = (uintptr_t)&data,
	};
	int rc = call(self->fd, IOMMU_HWPT_ALLOC, &arg);

	self->other_hwpt_id = arg.out_hwpt_id;
	return rc;
}

TEST_F_TIMEOUT(vtd, page_table, 300)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "HWPT_ALLOC, VTD_S1", ROOT, nest, unmake);
	ASSERT_EQ(0, nest(subject));
	walk_teardown(_metadata, subject, "DESTROY of what is nested", ROOT,
		      unmake, nest);
}

/* The kind of page table that the device has: 0 for none, or -errno */
static int type_of_device(const struct subject *self)
{
	struct tracker_entry arg = {};
	unsigned int slot, function;

	if (sscanf(EDU, "0000:00:%x.%x", &slot, &function) != 2)
		return -EINVAL;
	arg.requester = slot << 3 | function;
	if (ioctl(self->other, TRACKER_ENTRY, &arg))
		return -errno;
	return arg.out_words[0] & 1 ? arg.out_words[0] >> 6 & 7 : 0;
}

/*
 * An attach that fails leaves the device where it was.  After one that succeeds the
 * look might be what fails: undo_nested() looks.
 */
static int attach_nested_to(struct subject *self, int before)
{
	int rc = vfio_attach(self->dev, self->other_hwpt_id, NULL);

	return rc && type_of_device(self) != before ? -EBADE : rc;
}

static int undo_nested(struct subject *self, step_fn undo, int after)
{
	if (type_of_device(self) != NESTED)
		return -EBADE;
	return undo(self) ?: type_of_device(self) != after ? -EBADE : 0;
}

static int attach_nested(struct subject *self)
{
	return attach_nested_to(self, 0);
}

static int detach_nested(struct subject *self)
{
	return undo_nested(self, detach, 0);
}

static int replace_by_nested(struct subject *self)
{
	return attach_nested_to(self, SECOND_STAGE);
}

static int replace_by_parent(struct subject *self)
{
	return undo_nested(self, attach_page_table, SECOND_STAGE);
}

static int move_to_parent(struct subject *self)
{
	int rc = attach_page_table(self);

	return rc && type_of_device(self) != NESTED ? -EBADE : rc;
}

TEST_F_TIMEOUT(vtd, attach, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, nest(subject));
	ASSERT_EQ(0, detach(subject));
	walk(_metadata, subject, "ATTACH to what is nested", ROOT,
	     attach_nested, detach_nested);
}

TEST_F_TIMEOUT(vtd, replace, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, nest(subject));
	walk(_metadata, subject, "ATTACH to what is nested, from the parent",
	     ROOT, replace_by_nested, replace_by_parent);
	ASSERT_EQ(0, replace_by_nested(subject));
	walk(_metadata, subject, "ATTACH to the parent", ROOT, move_to_parent,
	     replace_by_nested);
}

static int invalidate(struct subject *self)
{
	struct iommu_hwpt_vtd_s1_invalidate e[3] = {
		{ .npages = 1 }, { .npages = 513 }, { .npages = ~0ULL },
	};
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg),
		.hwpt_id = self->other_hwpt_id,
		.data_uptr = (uintptr_t)e,
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,
		.entry_len = sizeof(e[0]),
		.entry_num = ARRAY_LEN(e),
	};

	return call(self->fd, IOMMU_HWPT_INVALIDATE, &arg);
}

TEST_F_TIMEOUT(vtd, invalidation, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, nest(subject));
	ASSERT_EQ(0, replace_by_nested(subject));
	walk(_metadata, subject, "HWPT_INVALIDATE, VTD_S1", ROOT, invalidate,
	     nothing);
}

SKIP_PROGRAM_IF(kernel_before(6, 12, 0),
		"IOMMU drivers of this kernel nest no page tables")

TEST_HARNESS_MAIN
