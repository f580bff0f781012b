// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls whose allocations fail, one after the other: see failnth.h
 */
#include <linux/vfio.h>

#include "container_calls.h"
#include "failnth.h"

#define SYSFS	"/sys/bus/pci/devices/"

FIXTURE(fail)
{
	struct subject subject;
};

/* For calls that take a real device away from a domain: see spare_kernel() */
FIXTURE(kernel_spared)
{
	struct subject subject;
};

FIXTURE_SETUP(fail)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	subject->dev = vfio_open_bound(EDU, subject->fd, &subject->dev_id);
	ASSERT_LE(0, subject->dev);
}

FIXTURE_TEARDOWN(fail)
{
	tear_down(&self->subject);
}

FIXTURE_SETUP(kernel_spared)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	subject->dev = vfio_open_bound(EDU, subject->fd, &subject->dev_id);
	ASSERT_LE(0, subject->dev);
	ASSERT_EQ(0, spare_kernel(true));
}

FIXTURE_TEARDOWN(kernel_spared)
{
	EXPECT_EQ(0, be(ROOT));
	EXPECT_EQ(0, spare_kernel(false));
	tear_down(&self->subject);
}

static int map_file(struct subject *self)
{
	return ioas_map_file(self->fd, self->ioas_id, self->file, 0,
			     PAGES * PAGE, self->at);
}

/* The hole has been filled: make it a hole again. */
static int unmap_file(struct subject *self)
{
	int rc = unmap_and_go_on(self);

	if (fallocate(self->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
		      PAGES * PAGE))
		return -errno;
	return rc;
}

static int map_anywhere(struct subject *self)
{
	__u64 iova = 0;

	return ioas_map_flags(self->fd, self->ioas_id, RW, self->memory,
			      PAGES * PAGE, &iova);
}

static int unmap_all(struct subject *self)
{
	long long length = ioas_empty(self->fd, self->ioas_id);

	return length < 0 ? length : length == PAGES * PAGE ? 0 : -EIO;
}

TEST_F_TIMEOUT(fail, map, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, &self->subject, "MAP, device attached", USER, map,
	     unmap_and_go_on);
}

TEST_F_TIMEOUT(fail, map_without_a_device, 300)
{
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, &self->subject, "MAP, no device", USER, map, unmap);
}

TEST_F_TIMEOUT(fail, map_anywhere, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, &self->subject, "MAP, IOVA by the kernel", USER, map_anywhere,
	     unmap_all);
}

TEST_F_TIMEOUT(fail, map_file, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, &self->subject, "MAP_FILE, device attached", USER,
	     map_file, unmap_file);
}

TEST_F_TIMEOUT(fail, unmap, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(&self->subject));
	walk(_metadata, &self->subject, "UNMAP, device attached", USER, unmap,
	     map_by_user);
	walk(_metadata, &self->subject, "UNMAP of all", USER, unmap_all,
	     map_by_user);
}

/* Copy a mapping, whose pages another IOAS may have pinned already */
static int copy(struct subject *self)
{
	return ioas_copy(self->fd, self->ioas_id, self->spare_id, PAGES * PAGE,
			 self->copy_at, AT);
}

static int map_into_spare(struct subject *self)
{
	return ioas_map(self->fd, self->spare_id, self->memory, PAGES * PAGE,
			AT);
}

TEST_F_TIMEOUT(fail, copy, 300)
{
	ASSERT_EQ(0, attach(&self->subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, be(USER));
	ASSERT_EQ(0, map_into_spare(&self->subject));
	ASSERT_EQ(0, be(ROOT));
	walk(_metadata, &self->subject, "COPY, device attached", USER, copy, unmap_copy);
}

TEST_F_TIMEOUT(fail, attach, 300)
{
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(&self->subject));
	walk(_metadata, &self->subject, "ATTACH, memory mapped", USER, attach, detach);
}

static int alloc(struct subject *self)
{
	return ioas_alloc(self->fd, &self->spare_id);
}

static int destroy(struct subject *self)
{
	return iommu_destroy(self->fd, self->spare_id);
}

/* One of two functions of a group leaves; the other stays attached */
TEST_F_TIMEOUT(fail, detach_one_of_two, 300)
{
	struct subject *subject = &self->subject;
	__u32 id;

	ASSERT_EQ(0, close(subject->dev));
	subject->target = vfio_open_bound(PAIR_0, subject->fd, &id);
	ASSERT_LE(0, subject->target);
	subject->dev = vfio_open_bound(PAIR_1, subject->fd, &id);
	ASSERT_LE(0, subject->dev);
	ASSERT_EQ(0, vfio_attach(subject->target, subject->ioas_id, NULL));
	ASSERT_EQ(0, attach(subject));
	ASSERT_EQ(0, map(subject));
	walk(_metadata, subject, "DETACH, one of two", ROOT, detach, attach);
}

static int copy_to_spare(struct subject *self)
{
	return ioas_copy(self->fd, self->spare_id, self->ioas_id, PAGES * PAGE,
			 AT, AT);
}

TEST_F_TIMEOUT(kernel_spared, detach_and_move, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "DETACH", USER, detach, attach);
	ASSERT_EQ(0, copy_to_spare(subject));
	walk(_metadata, subject, "ATTACH, from one to another", USER, move,
	     attach);
}

/* Page tables that the user makes */

TEST_F_TIMEOUT(fail, page_table_filled_later, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, move(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "HWPT_ALLOC, device attached elsewhere", USER,
	     alloc_page_table, destroy_page_table);
	ASSERT_EQ(0, alloc_page_table(subject));
	ASSERT_EQ(0, detach(subject));
	walk(_metadata, subject, "ATTACH to a page table, filled by that",
	     USER, attach_page_table, make_page_table_anew);
}

TEST_F_TIMEOUT(kernel_spared, page_table_filled_at_once, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "HWPT_ALLOC, device detached", USER,
	     alloc_page_table, destroy_page_table);
	ASSERT_EQ(0, alloc_page_table(subject));
	walk_teardown(_metadata, subject, "DESTROY of a page table", USER,
		      destroy_page_table, alloc_page_table);
	walk(_metadata, subject, "ATTACH to a page table that is filled", USER,
	     attach_page_table, detach);
}

static int alloc_other_page_table(struct subject *self)
{
	return hwpt_alloc(self->fd, self->dev_id, self->spare_id, 0,
			  &self->other_hwpt_id);
}

static int attach_other_page_table(struct subject *self)
{
	return vfio_attach(self->dev, self->other_hwpt_id, NULL);
}

/* Has the device the page table in which the memory is mapped? */
static int dma_reaches_memory(struct subject *self)
{
	int rc;

	self->memory[0] = 'x';
	rc = edu_to_memory(&self->edu, self->at, EDU_DMA_MAX);
	return rc ?: self->memory[0] ? -EIO : 0;
}

/*
 * Linux 6.12 replaces one page table by the other at once.  Where that fails,
 * the device has the first as before.
 */
TEST_F_TIMEOUT(kernel_spared, replace_page_table, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, edu_open(&subject->edu, subject->dev));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	ASSERT_EQ(0, alloc_page_table(subject));
	ASSERT_EQ(0, alloc_other_page_table(subject));
	ASSERT_EQ(0, attach_page_table(subject));
	subject->prepare = dma_reaches_memory;
	walk(_metadata, subject, "ATTACH, from a page table to another", USER,
	     attach_other_page_table, attach_page_table);
	edu_close(&subject->edu);
}

static int change_process(struct subject *self)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };

	return call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg);
}

static int half_of_file(struct subject *self, __u32 ioas_id, __u64 start)
{
	return ioas_map_file(self->fd, ioas_id, self->file, start,
			     PAGES / 2 * PAGE, AT + start);
}

/* From root, who is not charged, to the user: the limit allows this once */
TEST_F_TIMEOUT(fail, change_process, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, half_of_file(subject, subject->ioas_id, 0));
	ASSERT_EQ(0, half_of_file(subject, subject->ioas_id,
				  PAGES / 2 * PAGE));
	ASSERT_EQ(0, half_of_file(subject, subject->spare_id, 0));
	walk(_metadata, subject, "IOAS_CHANGE_PROCESS", USER, change_process,
	     change_process);
}

TEST_F_TIMEOUT(fail, ioas_alloc, 300)
{
	walk(_metadata, &self->subject, "IOAS_ALLOC", ROOT, alloc, destroy);
}

static int alloc_and_map(struct subject *self)
{
	return alloc(self) ?: map_into_spare(self);
}

TEST_F_TIMEOUT(fail, destroy, 300)
{
	walk(_metadata, &self->subject, "DESTROY", ROOT, destroy, alloc);
	ASSERT_EQ(0, map_into_spare(&self->subject));
	walk_teardown(_metadata, &self->subject, "DESTROY, memory mapped", ROOT,
		      destroy, alloc_and_map);
}

static int allow(struct subject *self)
{
	static const struct iommu_iova_range ranges[] = {
		{ 0x100000, 0x1fffff },
		{ 0x300000, 0x3fffff },
		{ 0x80000000, 0x8fffffff },
	};

	return ioas_allow(self->fd, self->ioas_id, ranges, ARRAY_LEN(ranges));
}

static int allow_all(struct subject *self)
{
	return ioas_allow(self->fd, self->ioas_id, NULL, 0);
}

TEST_F_TIMEOUT(fail, allow_iovas, 300)
{
	walk(_metadata, &self->subject, "IOAS_ALLOW_IOVAS", ROOT, allow, allow_all);
}

static int ranges(struct subject *self)
{
	struct iommu_iova_range room[16];
	__u32 n = ARRAY_LEN(room);
	__u64 alignment = 0;

	return ioas_ranges(self->fd, self->ioas_id, room, &n, &alignment);
}

TEST_F_TIMEOUT(fail, iova_ranges, 300)
{
	walk(_metadata, &self->subject, "IOAS_IOVA_RANGES", ROOT, ranges, nothing);
}

static int only_small(struct subject *self)
{
	return iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				self->ioas_id, 0);
}

static int huge_again(struct subject *self)
{
	return iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				self->ioas_id, 1);
}

static int is_huge(struct subject *self)
{
	__u64 value = 0;

	return iommu_option(self->fd, IOMMU_OPTION_OP_GET,
			    IOMMU_OPTION_HUGE_PAGES, self->ioas_id, &value);
}

/* In a context without objects, where the option can be set */
static int process_pays(struct subject *self)
{
	__u64 value = 77;
	int rc = iommu_option(self->other, IOMMU_OPTION_OP_GET,
			      IOMMU_OPTION_RLIMIT_MODE, 0, &value);

	return rc ?: (int)value;
}

static int make_process_pay(struct subject *self)
{
	int rc = iommu_option_set(self->other, IOMMU_OPTION_RLIMIT_MODE, 0, 1);

	/* If the call has failed, the next one does not. */
	return rc && process_pays(self) ? -EIO : rc;
}

static int make_user_pay(struct subject *self)
{
	return process_pays(self) != 1 ? -EIO :
		iommu_option_set(self->other, IOMMU_OPTION_RLIMIT_MODE, 0, 0);
}

TEST_F_TIMEOUT(fail, option, 300)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "OPTION, get", ROOT, is_huge, nothing);
	walk(_metadata, subject, "OPTION, set", ROOT, only_small, huge_again);
	subject->other = iommu_open();
	ASSERT_LE(0, subject->other);
	walk(_metadata, subject, "OPTION, get RLIMIT_MODE", ROOT, process_pays,
	     nothing);
	walk(_metadata, subject, "OPTION, set RLIMIT_MODE", ROOT,
	     make_process_pay, make_user_pay);
}

static int bind(struct subject *self)
{
	return vfio_bind(self->dev, self->fd, &self->dev_id);
}

static int open_dev(struct subject *self)
{
	self->dev = vfio_open(EDU);
	return self->dev < 0 ? self->dev : 0;
}

static int unbind(struct subject *self)
{
	close(self->dev);
	return open_dev(self);
}

/* So that BIND need not enable it: ACPI code cannot cope with failures */
static int enable_first(struct subject *self)
{
	int rc;

	close(self->dev);
	self->dev = -1;
	rc = pci_bind(EDU, NULL) ?:
		write_file(SYSFS EDU "/enable", "1") ?:
		pci_bind(EDU, "vfio-pci");
	return rc ?: open_dev(self);
}

TEST_F_TIMEOUT(fail, bind, 300)
{
	ASSERT_EQ(0, enable_first(&self->subject));
	walk(_metadata, &self->subject, "BIND_IOMMUFD", ROOT, bind, unbind);
}

/* The device takes no token: what can fail is to read it, and to match it */
static int bind_with_token(struct subject *self)
{
	struct vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DEVICE_BIND_FLAG_TOKEN,
		.iommufd = self->fd,
		.token_uuid_ptr = addr(self->memory),
	};
	int rc = call(self->dev, VFIO_DEVICE_BIND_IOMMUFD, &arg);

	return !rc ? -EIO : rc == -EINVAL ? 0 : rc;
}

TEST_F_TIMEOUT(fail, bind_with_token, 300)
{
	ASSERT_EQ(0, enable_first(&self->subject));
	walk(_metadata, &self->subject, "BIND_IOMMUFD with a token", ROOT,
	     bind_with_token, nothing);
}

static int open_iommu(struct subject *self)
{
	self->other = iommu_open();
	return self->other < 0 ? self->other : 0;
}

static int close_iommu(struct subject *self)
{
	int rc = close(self->other);

	self->other = -1;
	return rc;
}

TEST_F_TIMEOUT(fail, open, 300)
{
	walk(_metadata, &self->subject, "open", ROOT, open_iommu, close_iommu);
}

/* VFIO's container calls; the IOAS is the compatibility IOAS */

static int vfio_ioas_op(struct subject *self, __u16 op, __u32 *id)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = *id,
		.op = op,
	};
	int rc = call(self->fd, IOMMU_VFIO_IOAS, &arg);

	*id = arg.ioas_id;
	return rc;
}

static int set_vfio_ioas(struct subject *self)
{
	return vfio_ioas_op(self, IOMMU_VFIO_IOAS_SET, &self->ioas_id);
}

static int get_vfio_ioas(struct subject *self)
{
	__u32 id = 0;

	return vfio_ioas_op(self, IOMMU_VFIO_IOAS_GET, &id);
}

static int clear_vfio_ioas(struct subject *self)
{
	__u32 id = 0;

	return vfio_ioas_op(self, IOMMU_VFIO_IOAS_CLEAR, &id);
}

static int vfio_info(struct subject *self)
{
	return container_info(self->fd);
}

static int vfio_map(struct subject *self)
{
	return container_map(self, self->fd, CONTAINER_RW);
}

static int vfio_unmap(struct subject *self)
{
	return container_unmap(self, self->fd, 0);
}

static int vfio_unmap_report(struct subject *self)
{
	return container_unmap(self, self->fd,
			       VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP);
}

static int vfio_forget(struct subject *self)
{
	return container_unmap(self, self->fd, VFIO_DMA_UNMAP_FLAG_VADDR);
}

static int vfio_update(struct subject *self)
{
	return container_map(self, self->fd, VFIO_DMA_MAP_FLAG_VADDR);
}

/* Map as the user; root undoes it */
static int vfio_map_by_user(struct subject *self)
{
	int rc = be(USER) ?: vfio_map(self);

	return be(ROOT) ?: rc;
}

/* Split a mapping into two */
static int vfio_unmap_middle(struct subject *self)
{
	return container_unmap_range(self, self->fd, 0, AT + 10 * PAGE,
				     3 * PAGE);
}

static int vfio_map_anew(struct subject *self)
{
	if (ioas_empty(self->fd, self->ioas_id) != (PAGES - 3) * PAGE)
		return -EIO;
	return vfio_map_by_user(self);
}

static int vfio_dirty(struct subject *self, __u32 flags)
{
	return container_dirty(self, self->fd, flags);
}

static int vfio_dirty_bitmap(struct subject *self)
{
	return vfio_dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP);
}

static int vfio_track(struct subject *self)
{
	int rc = vfio_dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_START);

	/* If the call has failed, the next one does not. */
	return rc && vfio_dirty_bitmap(self) != -EINVAL ? -EIO : rc;
}

static int vfio_track_not(struct subject *self)
{
	int rc = vfio_dirty(self, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP);

	return rc && vfio_dirty_bitmap(self) ? -EIO : rc;
}

TEST_F_TIMEOUT(fail, vfio_ioas, 300)
{
	walk(_metadata, &self->subject, "VFIO_IOAS, set", ROOT, set_vfio_ioas,
	     clear_vfio_ioas);
	ASSERT_EQ(0, set_vfio_ioas(&self->subject));
	walk(_metadata, &self->subject, "VFIO_IOAS, get", ROOT, get_vfio_ioas,
	     nothing);
	walk(_metadata, &self->subject, "VFIO_IOAS, clear", ROOT,
	     clear_vfio_ioas, set_vfio_ioas);
}

/* Their argument is a number: there is no copy either that could fail. */
TEST_F(fail, vfio_calls_that_allocate_nothing)
{
	const struct subject *subject = &self->subject;
	int api, extension, iommu;
	bool none_failed;

	ASSERT_EQ(0, set_vfio_ioas(&self->subject));
	ASSERT_EQ(0, set_nth(subject, 1));
	api = ioctl(subject->fd, VFIO_GET_API_VERSION);
	extension = ioctl(subject->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU);
	iommu = ioctl(subject->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
	/* The first failure is that of this read itself */
	none_failed = read_nth(subject) == -EFAULT;
	set_nth(subject, 0);
	EXPECT_TRUE(none_failed);
	EXPECT_EQ(VFIO_API_VERSION, api);
	EXPECT_EQ(1, extension);
	EXPECT_EQ(0, iommu);
}

TEST_F_TIMEOUT(fail, vfio_info, 300)
{
	ASSERT_EQ(0, set_vfio_ioas(&self->subject));
	ASSERT_EQ(0, attach(&self->subject));
	walk(_metadata, &self->subject, "VFIO_IOMMU_GET_INFO", ROOT, vfio_info,
	     nothing);
}

TEST_F_TIMEOUT(fail, vfio_map_and_unmap, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, set_vfio_ioas(subject));
	ASSERT_EQ(0, attach(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, subject, "VFIO_IOMMU_MAP_DMA", USER, vfio_map,
	     vfio_unmap);
	ASSERT_EQ(0, vfio_map_by_user(subject));
	walk(_metadata, subject, "VFIO_IOMMU_UNMAP_DMA, addresses", USER,
	     vfio_forget, vfio_update);
	ASSERT_EQ(0, vfio_forget(subject));
	walk(_metadata, subject, "VFIO_IOMMU_MAP_DMA, address", USER,
	     vfio_update, vfio_forget);
	ASSERT_EQ(0, vfio_update(subject));
	walk(_metadata, subject, "VFIO_IOMMU_UNMAP_DMA", USER, vfio_unmap,
	     vfio_map_by_user);
	walk(_metadata, subject, "VFIO_IOMMU_DIRTY_PAGES, start", USER,
	     vfio_track, vfio_track_not);
	ASSERT_EQ(0, vfio_track(subject));
	walk(_metadata, subject, "VFIO_IOMMU_DIRTY_PAGES, stop", USER,
	     vfio_track_not, vfio_track);
	walk(_metadata, subject, "VFIO_IOMMU_DIRTY_PAGES", USER,
	     vfio_dirty_bitmap, nothing);
	walk(_metadata, subject, "VFIO_IOMMU_UNMAP_DMA, dirty pages", USER,
	     vfio_unmap_report, vfio_map_by_user);
}

TEST_F_TIMEOUT(fail, vfio_unmap_in_the_middle, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, set_vfio_ioas(subject));
	ASSERT_EQ(0, ioctl(subject->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, attach(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, vfio_map_by_user(subject));
	walk(_metadata, subject, "VFIO_IOMMU_UNMAP_DMA, in the middle", USER,
	     vfio_unmap_middle, vfio_map_anew);
}

TEST_HARNESS_MAIN
