// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls whose allocations fail, with the mock, whose domain can be looked at:
 * see failnth.h
 */
#define PAGES	FEW_PAGES

#include "access.h"
#include "failnth.h"

FIXTURE(mock)
{
	struct subject subject;
};

FIXTURE_VARIANT(mock)
{
	bool edu;		/* is attached to the IOAS first */
	__u32 scratch;
};

FIXTURE_VARIANT_ADD(mock, alone)
{
	.scratch = SCRATCH,
};

FIXTURE_VARIANT_ADD(mock, with_edu)
{
	.edu = true,
	.scratch = SCRATCH,
};

/* Each page is a step of its own */
FIXTURE_VARIANT_ADD(mock, tiny_steps)
{
	.scratch = 12,
};

FIXTURE_SETUP(mock)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	ASSERT_EQ(0, mock_limit(subject->fd, variant->scratch));
	if (!variant->edu)
		return;
	subject->dev = vfio_open_bound(EDU, subject->fd, &subject->dev_id);
	ASSERT_LE(0, subject->dev);
	ASSERT_EQ(0, vfio_attach(subject->dev, subject->ioas_id, NULL));
}

FIXTURE_TEARDOWN(mock)
{
	EXPECT_EQ(0, mock_limit(self->subject.fd, SCRATCH));
	tear_down(&self->subject);
}

static int replace(struct subject *self)
{
	struct mock_dev mock = self->mock;

	return mock_replace(self->fd, &mock, self->spare_id);
}

static int replace_back(struct subject *self)
{
	return mock_replace(self->fd, &self->mock, self->ioas_id);
}

static int reserve(struct subject *self)
{
	return mock_reserve(self->fd, self->spare_id, 0x100000, 0x1000);
}

/* Reservations last as long as their IOAS: make a new one */
static int make_spare_anew(struct subject *self)
{
	return iommu_destroy(self->fd, self->spare_id) ?:
		ioas_alloc(self->fd, &self->spare_id);
}

static int destroy_mock(struct subject *self)
{
	return iommu_destroy(self->fd, self->mock.id);
}

TEST_F_TIMEOUT(mock, device, 300)
{
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(&self->subject));
	walk(_metadata, &self->subject, "MOCK_DOMAIN, memory mapped", USER,
	     make_mock, unmake_mock);
	ASSERT_EQ(0, attach_mock(&self->subject));
	walk(_metadata, &self->subject, "DESTROY of a device", USER,
	     destroy_mock, attach_mock);
	EXPECT_EQ(1, self->subject.failed);
}

TEST_F_TIMEOUT(mock, map_and_unmap, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	walk(_metadata, subject, "MAP, mock attached", USER, map,
	     unmap_and_go_on);
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "UNMAP, mock attached", USER, unmap,
	     map_by_user);
	walk(_metadata, subject, "COPY, mock attached", USER, copy_here,
	     unmap_copy);
}

TEST_F_TIMEOUT(mock, move, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, be(USER));
	ASSERT_EQ(0, map(subject));
	ASSERT_EQ(0, ioas_copy(subject->fd, subject->spare_id,
			       subject->ioas_id, PAGES * PAGE, AT, AT));
	ASSERT_EQ(0, be(ROOT));
	walk(_metadata, subject, "MOCK_DOMAIN_REPLACE", USER, replace,
	     replace_back);
}

TEST_F_TIMEOUT(mock, reserved_range, 300)
{
	walk(_metadata, &self->subject, "ADD_RESERVED", USER, reserve,
	     make_spare_anew);
}

static int alloc_hwpt(struct subject *self)
{
	return hwpt_alloc(self->fd, self->mock.dev_id, self->ioas_id, TRACKED,
			  &self->hwpt_id);
}

static int destroy_hwpt(struct subject *self)
{
	return iommu_destroy(self->fd, self->hwpt_id);
}

static int alloc_hwpt_of_huge(struct subject *self)
{
	const struct iommu_hwpt_selftest data = {
		.pagetable_type = MOCK_IOMMUPT_HUGE,
	};

	return hwpt_alloc_data(self->fd, self->mock.dev_id, self->ioas_id,
			       TRACKED, &data, &self->hwpt_id);
}

static int track(struct subject *self)
{
	return dirty_set(self->fd, self->hwpt_id, ENABLE);
}

static int track_not(struct subject *self)
{
	return dirty_set(self->fd, self->hwpt_id, 0);
}

static int dirty_bitmap(struct subject *self)
{
	return dirty_get(self->fd, self->hwpt_id, NO_CLEAR, AT, PAGES * PAGE,
			 PAGE, self->bitmap);
}

static int hw_info(struct subject *self)
{
	struct iommu_test_hw_info info;
	struct iommu_hw_info arg = {
		.size = sizeof(arg),
		.dev_id = self->mock.dev_id,
		.data_len = sizeof(info),
		.data_uptr = addr(&info),
	};

	return call(self->fd, IOMMU_GET_HW_INFO, &arg);
}

static int write_by_mock(struct subject *self)
{
	__u64 n;

	return mock_dirty(self->fd, self->hwpt_id, AT, PAGES * PAGE, PAGE,
			  self->bitmap, &n);
}

TEST_F_TIMEOUT(mock, page_table_with_data, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_mock(subject));
	walk(_metadata, subject, "HWPT_ALLOC, with data", ROOT,
	     alloc_hwpt_of_huge, destroy_hwpt);
}

/* A bitmap whose second page needs an allocation, for a call that clears */

#define BYTES		(PAGES / 8)
#define BYTES_BEFORE	8	/* of the bitmap in its first page */

static char *report;
static unsigned int partial;	/* reports of the first page only */

/* Get the bits that have not been cleared yet. */
static int still_dirty(struct subject *self, char *left)
{
	memset(left, 0, BYTES);
	return dirty_get(self->fd, self->hwpt_id, NO_CLEAR, AT, PAGES * PAGE,
			 PAGE, left);
}

/* Is each page that was written reported or still dirty? */
static int check_report(struct subject *self)
{
	char left[BYTES];
	unsigned int i;
	int rc = still_dirty(self, left);

	for (i = 0; !rc && i < BYTES; i++)
		if ((report[i] | left[i]) != 0x55)
			rc = -EIO;
	partial += report[0] && !report[BYTES_BEFORE];
	return rc;
}

static int write_anew(struct subject *self)
{
	int rc = check_report(self);

	memset(report, 0, BYTES_BEFORE);
	if (madvise(report + BYTES_BEFORE, PAGE, MADV_DONTNEED))
		return -errno;
	return rc ?: write_by_mock(self);
}

static int report_and_clear(struct subject *self)
{
	return dirty_get(self->fd, self->hwpt_id, 0, AT, PAGES * PAGE, PAGE,
			 report);
}

static int check_all_reported(struct subject *self)
{
	static const char none[BYTES];
	char left[BYTES];
	int rc = still_dirty(self, left);

	return rc ?: memcmp(report, self->bitmap, BYTES) ||
		     memcmp(left, none, BYTES) ? -EIO : 0;
}

TEST_F_TIMEOUT(mock, dirty_pages_cleared, 300)
{
	struct subject *subject = &self->subject;
	char *pages = anon(2 * PAGE);

	ASSERT_NE(NULL, pages);
	report = pages + PAGE - BYTES_BEFORE;
	ASSERT_EQ(0, attach_mock(subject));
	/* Each page is an entry, also where the memory is contiguous. */
	ASSERT_EQ(0, iommu_option_set(subject->fd, IOMMU_OPTION_HUGE_PAGES,
				      subject->ioas_id, 0));
	ASSERT_EQ(0, map(subject));
	ASSERT_EQ(0, alloc_hwpt(subject));
	ASSERT_EQ(0, track(subject));
	memset(subject->bitmap, 0x55, sizeof(subject->bitmap));
	ASSERT_EQ(0, write_by_mock(subject));
	ASSERT_EQ(0, allow_user_failures(true));
	subject->prepare = write_anew;
	walk(_metadata, subject, "HWPT_GET_DIRTY_BITMAP, clearing", ROOT,
	     report_and_clear, check_all_reported);
	EXPECT_EQ(0, allow_user_failures(false));
	EXPECT_LT(0, partial);
}

/* Unless edu has a domain, this is the only one, so all pages are unpinned. */
TEST_F_TIMEOUT(mock, last_page_table, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, mock_attach(subject->fd, subject->spare_id,
				 &subject->mock));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	ASSERT_EQ(0, alloc_hwpt(subject));
	/* The new page table has the same ID. */
	subject->mock.hwpt_id = subject->hwpt_id;
	ASSERT_EQ(0, mock_check_map(subject->fd, subject->hwpt_id,
				    subject->memory, subject->length, AT));
	walk_teardown(_metadata, subject, "DESTROY of a page table", USER,
		      destroy_hwpt, alloc_hwpt);
}

TEST_F_TIMEOUT(mock, page_table, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "HWPT_ALLOC, memory mapped", USER, alloc_hwpt,
	     destroy_hwpt);
	walk(_metadata, subject, "GET_HW_INFO", USER, hw_info, nothing);
	ASSERT_EQ(0, alloc_hwpt(subject));
	walk(_metadata, subject, "HWPT_SET_DIRTY_TRACKING", USER, track,
	     track_not);
	ASSERT_EQ(0, track(subject));
	memset(subject->bitmap, 0x55, sizeof(subject->bitmap));
	walk(_metadata, subject, "DIRTY", USER, write_by_mock, nothing);
	walk(_metadata, subject, "HWPT_GET_DIRTY_BITMAP", USER, dirty_bitmap,
	     nothing);
}

static int check_map(struct subject *self)
{
	return mock_check_map(self->fd, self->mock.hwpt_id, self->memory,
			      PAGES * PAGE, AT);
}

static int check_refs(struct subject *self)
{
	return mock_check_refs(self->fd, self->memory, PAGES * PAGE, 1);
}

TEST_F_TIMEOUT(mock, checks, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, map(subject));
	walk(_metadata, subject, "MD_CHECK_MAP", ROOT, check_map, nothing);
	walk(_metadata, subject, "MD_CHECK_REFS", ROOT, check_refs, nothing);
}

static int make_region(struct subject *self)
{
	self->other = mock_mmio(self->fd, PAGES * PAGE);
	return self->other < 0 ? self->other : 0;
}

static int unmake_region(struct subject *self)
{
	int region = self->other;

	self->other = -1;
	return close(region) ? -errno : 0;
}

static int restore_region(struct subject *self)
{
	return mock_mmio_set(self->fd, self->region, 1);
}

static int revoke_region(struct subject *self)
{
	return mock_mmio_set(self->fd, self->region, 0);
}

static int map_mmio(struct subject *self)
{
	return ioas_map(self->fd, self->ioas_id, self->mmio, PAGES * PAGE,
			self->at);
}

/* With edu there are two page tables: the region is in both or in neither. */
TEST_F_TIMEOUT(mock, region_of_mmio, 300)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "CREATE_MMIO", USER, make_region,
	     unmake_region);
	ASSERT_EQ(0, make_region(subject));
	subject->region = subject->other;
	subject->region_length = PAGES * PAGE;
	subject->mmio = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED, subject->region, 0);
	ASSERT_NE(MAP_FAILED, subject->mmio);
	ASSERT_EQ(0, restore_region(subject));
	ASSERT_EQ(0, map_mmio(subject));
	walk(_metadata, subject, "MOCK_DOMAIN, MMIO mapped", USER, make_mock,
	     unmake_mock);

	ASSERT_EQ(0, attach_mock(subject));
	walk(_metadata, subject, "UNMAP, MMIO", USER, unmap, map_mmio);
	ASSERT_EQ(0, unmap(subject));
	walk(_metadata, subject, "MAP, MMIO", USER, map_mmio, unmap_and_go_on);
	ASSERT_EQ(0, map_mmio(subject));
	ASSERT_EQ(0, revoke_region(subject));
	walk(_metadata, subject, "MMIO_SET, restore", USER,
	     restore_region, revoke_region);
	EXPECT_EQ(0, restore_region(subject));
	EXPECT_EQ(0, mock_check_mmio(subject->fd, subject->mock.hwpt_id,
				     subject->region, 0, PAGES * PAGE,
				     subject->at, 1));
	munmap(subject->mmio, PAGES * PAGE);
}

static int make_dma_buf(struct subject *self)
{
	self->other = mock_dma_buf(self->fd, PAGES * PAGE, O_RDWR | O_CLOEXEC);
	return self->other < 0 ? self->other : 0;
}

static int map_dma_buf(struct subject *self)
{
	return ioas_map_file(self->fd, self->ioas_id, self->region, 0,
			     PAGES * PAGE, self->at);
}

static int revoke_dma_buf(struct subject *self)
{
	return mock_revoke(self->fd, self->region, 0);
}

static int map_dma_buf_anew(struct subject *self)
{
	return unmap(self) ?: map_dma_buf(self);
}

static int restore_dma_buf(struct subject *self)
{
	return mock_revoke(self->fd, self->region, 1) ?:
		revoke_dma_buf(self) ?: map_dma_buf_anew(self);
}

/* A revoke that fails has not taken it out of any page table. */
TEST_F_TIMEOUT(mock, exported_dma_buf, 300)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "DMABUF_GET", USER, make_dma_buf,
	     unmake_region);
	ASSERT_EQ(0, make_dma_buf(subject));
	subject->region = subject->other;
	subject->region_length = PAGES * PAGE;
	ASSERT_EQ(0, attach_mock(subject));
	walk(_metadata, subject, "MAP_FILE, dma-buf", USER, map_dma_buf,
	     unmap_and_go_on);
	ASSERT_EQ(0, map_dma_buf(subject));
	walk(_metadata, subject, "DMABUF_REVOKE, not to stay so", USER,
	     revoke_dma_buf, map_dma_buf_anew);
	walk(_metadata, subject, "MOCK_DOMAIN, dma-buf mapped", USER,
	     make_mock, unmake_mock);
	EXPECT_EQ(0, restore_dma_buf(subject));
	EXPECT_EQ(0, mock_check_mmio(subject->fd, subject->mock.hwpt_id,
				     subject->region, 0, PAGES * PAGE,
				     subject->at, 1));
}

static int make_access(struct subject *self)
{
	self->access = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	return self->access < 0 ? self->access : 0;
}

static int unmake_access(struct subject *self)
{
	return close(self->access) ? -errno : 0;
}

static int pin_by_access(struct subject *self)
{
	return access_pin(self->fd, self->access, AT, PAGES * PAGE,
			  self->memory, PIN_WRITE, &self->item_id);
}

static int unpin_by_access(struct subject *self)
{
	return access_unpin(self->fd, self->access, self->item_id);
}

static int copy_by_access(struct subject *self)
{
	return access_rw(self->fd, self->access, AT, PAGES * PAGE,
			 self->memory, RW_WRITE);
}

static int copy_slowly(struct subject *self)
{
	return access_rw(self->fd, self->access, AT, PAGES * PAGE,
			 self->memory, RW_SLOW);
}

static int move_access(struct subject *self)
{
	return access_replace(self->fd, self->access, self->spare_id);
}

static int move_access_back(struct subject *self)
{
	return access_replace(self->fd, self->access, self->ioas_id);
}

TEST_F_TIMEOUT(mock, access, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, limit_memory(PAGES));
	ASSERT_EQ(0, map_by_user(subject));
	walk(_metadata, subject, "CREATE_ACCESS", USER, make_access,
	     unmake_access);
	ASSERT_EQ(0, make_access(subject));
	walk(_metadata, subject, "ACCESS_PAGES", USER, pin_by_access,
	     unpin_by_access);
	ASSERT_EQ(0, pin_by_access(subject));
	walk(_metadata, subject, "DESTROY_ACCESS_PAGES", USER, unpin_by_access,
	     pin_by_access);
	ASSERT_EQ(0, unpin_by_access(subject));
	walk(_metadata, subject, "ACCESS_RW", USER, copy_by_access, nothing);
	walk(_metadata, subject, "ACCESS_RW, slow path", USER, copy_slowly,
	     nothing);
	walk(_metadata, subject, "ACCESS_REPLACE_IOAS", USER, move_access,
	     move_access_back);
	ASSERT_EQ(0, unmake_access(subject));
}

TEST_HARNESS_MAIN
