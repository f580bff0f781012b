// SPDX-License-Identifier: GPL-2.0-only
/*
 * BARs that other devices reach, when allocations fail: see failnth.h
 *
 * A BAR is in all domains of an IOAS or in none.  The mock's domain can be
 * looked at: its page table tracks writes.  If a call leaves something in a
 * real domain, the IOMMU driver complains when the next call maps it again.
 */
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "../../vfio/export.h"
#include "failnth.h"

/* The devices attached to the IOAS, in this order */
enum order {
	NONE,
	REAL,
	MOCK,
	REAL_THEN_MOCK,
	MOCK_THEN_REAL,
};

FIXTURE(bar)
{
	struct subject subject;
};

FIXTURE_VARIANT(bar)
{
	enum order order;
	bool peer;	/* the BAR is of another context's device */
};

FIXTURE_VARIANT_ADD(bar, no_domain)
{
	.order = NONE,
};

FIXTURE_VARIANT_ADD(bar, real)
{
	.order = REAL,
};

FIXTURE_VARIANT_ADD(bar, mock)
{
	.order = MOCK,
};

FIXTURE_VARIANT_ADD(bar, real_then_mock)
{
	.order = REAL_THEN_MOCK,
};

FIXTURE_VARIANT_ADD(bar, mock_then_real)
{
	.order = MOCK_THEN_REAL,
};

FIXTURE_VARIANT_ADD(bar, of_a_peer)
{
	.order = REAL_THEN_MOCK,
	.peer = true,
};

/* A real or a mock device arrives, after one of the other kind or alone. */
FIXTURE(arrival)
{
	struct subject subject;
};

FIXTURE_VARIANT(arrival)
{
	bool second;
};

FIXTURE_VARIANT_ADD(arrival, first)
{
};

FIXTURE_VARIANT_ADD(arrival, second)
{
	.second = true,
};

/* Attach a mock device to a page table that tracks writes */
static int attach_tracked_mock(struct subject *self)
{
	return attach_mock(self) ?:
		hwpt_alloc(self->fd, self->mock.dev_id, self->ioas_id, TRACKED,
			   &self->hwpt_id) ?:
		dirty_set(self->fd, self->hwpt_id, ENABLE) ?:
		mock_replace(self->fd, &self->mock, self->hwpt_id);
}

static int attach_in_order(struct subject *self, enum order order)
{
	switch (order) {
	case NONE:
		return 0;
	case REAL:
		return attach(self);
	case MOCK:
		return attach_tracked_mock(self);
	case REAL_THEN_MOCK:
		return attach(self) ?: attach_tracked_mock(self);
	case MOCK_THEN_REAL:
		return attach_tracked_mock(self) ?: attach(self);
	}
	return -EINVAL;
}

static int region(const struct subject *self, __u32 index, __u64 *offset)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};
	int rc = call(self->target, VFIO_DEVICE_GET_REGION_INFO, &info);

	*offset = info.offset;
	return rc;
}

/* The BAR is only mapped; it is neither read nor written. */
static int open_bar(struct subject *self, bool peer)
{
	int owner = peer ? iommu_open() : self->fd;
	__u64 offset;
	__u32 id;
	int rc;

	self->target = vfio_open_bound(PAIR_0, owner, &id);
	if (peer)
		close(owner);	/* the device file holds the context */
	if (self->target < 0)
		return self->target;
	rc = region(self, VFIO_PCI_BAR0_REGION_INDEX, &offset);
	if (rc)
		return rc;
	self->bar = mmap(NULL, BAR_LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->target, offset);
	return self->bar == MAP_FAILED ? -errno : 0;
}

/* Set up the device that does DMA, and the one that has the BAR. */
static int set_up_bar(struct subject *self, bool peer)
{
	int rc;

	rc = mock_load() ?: allow_all_failures() ?: set_up(self);
	if (rc)
		return rc;
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	return self->dev < 0 ? self->dev : open_bar(self, peer);
}

static void tear_down_bar(struct subject *self)
{
	munmap(self->bar, BAR_LENGTH);
	tear_down(self);
}

FIXTURE_SETUP(bar)
{
	ASSERT_EQ(0, set_up_bar(&self->subject, variant->peer));
	ASSERT_EQ(0, attach_in_order(&self->subject, variant->order));
}

FIXTURE_TEARDOWN(bar)
{
	tear_down_bar(&self->subject);
}

FIXTURE_SETUP(arrival)
{
	ASSERT_EQ(0, set_up_bar(&self->subject, false));
}

FIXTURE_TEARDOWN(arrival)
{
	tear_down_bar(&self->subject);
}

static int map_bar_at(struct subject *self, unsigned int i)
{
	return ioas_map(self->fd, self->ioas_id, self->bar, BAR_LENGTH,
			self->bar_at[i]);
}

static int unmap_bar_at(struct subject *self, unsigned int i)
{
	return ioas_unmap(self->fd, self->ioas_id, self->bar_at[i], BAR_LENGTH);
}

static int unmap_bar_and_go_on(struct subject *self, unsigned int i)
{
	int rc = unmap_bar_at(self, i);

	go_on(&self->bar_at[i], BAR_AT(i));
	return rc;
}

static int map_bar(struct subject *self)
{
	return map_bar_at(self, 0);
}

static int unmap_bar(struct subject *self)
{
	return unmap_bar_at(self, 0);
}

static int unmap_first_bar(struct subject *self)
{
	return unmap_bar_and_go_on(self, 0);
}

/* Map two BARs, so that a failure at the second has to unmap the first. */
static int map_all(struct subject *self)
{
	return map(self) ?: map_bar_at(self, 0) ?: map_bar_at(self, 1);
}

TEST_F_TIMEOUT(bar, map_and_unmap, 300)
{
	struct subject *subject = &self->subject;

	walk(_metadata, subject, "MAP of a BAR", ROOT, map_bar,
	     unmap_first_bar);
	ASSERT_EQ(0, map_bar(subject));
	walk(_metadata, subject, "UNMAP of a BAR", ROOT, unmap_bar, map_bar);
}

static int copy_bar(struct subject *self)
{
	return ioas_copy(self->fd, self->ioas_id, self->ioas_id, BAR_LENGTH,
			 self->bar_at[1], self->bar_at[0]);
}

static int unmap_copy_of_bar(struct subject *self)
{
	return unmap_bar_and_go_on(self, 1);
}

TEST_F_TIMEOUT(bar, copy, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, map_bar(subject));
	walk(_metadata, subject, "COPY of a BAR", ROOT, copy_bar,
	     unmap_copy_of_bar);
}

static int write_command(struct subject *self, __u16 command)
{
	__u64 offset;
	int rc = region(self, VFIO_PCI_CONFIG_REGION_INDEX, &offset);

	if (rc)
		return rc;
	return pwrite(self->target, &command, sizeof(command),
		      offset + PCI_COMMAND) == sizeof(command) ? 0 : -errno;
}

static int decode(struct subject *self)
{
	return write_command(self, PCI_COMMAND_MEMORY);
}

static int decode_not(struct subject *self)
{
	return write_command(self, 0);
}

/* The mock's page table has all of the BAR or nothing, in each place. */
static int bars_in_mock(const struct subject *self, bool all_needed)
{
	struct state state;
	unsigned int i;
	int rc;

	if (!self->mock.hwpt_id)
		return 0;
	rc = look(self, &state);
	for (i = 0; !rc && i < 2; i++)
		if (state.bars[i] != BAR_PAGES && (state.bars[i] || all_needed))
			rc = -EIO;
	return rc;
}

/*
 * A BAR that could not be restored is left out, and the next call tries again.
 * Go on at another IOVA afterwards.
 */
static int decode_and_not(struct subject *self)
{
	return bars_in_mock(self, false) ?: decode(self) ?:
		bars_in_mock(self, true) ?: decode_not(self) ?:
		unmap_bar_and_go_on(self, 0) ?: unmap_bar_and_go_on(self, 1) ?:
		map_bar_at(self, 0) ?: map_bar_at(self, 1);
}

TEST_F_TIMEOUT(bar, restore, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, decode_not(subject));
	ASSERT_EQ(0, map_bar_at(subject, 0));
	ASSERT_EQ(0, map_bar_at(subject, 1));
	walk(_metadata, subject, "memory decoding on", ROOT, decode,
	     decode_and_not);
	ASSERT_EQ(0, decode(subject));
	walk(_metadata, subject, "memory decoding off", ROOT, decode_not,
	     decode);
}

/* Under VFIO_TYPE1_IOMMU, a mapping of a BAR can be split */

static int unmap_middle(struct subject *self)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = self->bar_at[0] + 3 * PAGE,
		.size = PAGE,
	};

	return call(self->fd, VFIO_IOMMU_UNMAP_DMA, &arg);
}

static int map_bar_anew(struct subject *self)
{
	return ioas_empty(self->fd, self->ioas_id) == BAR_LENGTH - PAGE ?
		map_bar(self) : -EIO;
}

TEST_F_TIMEOUT(bar, unmap_in_the_middle, 300)
{
	struct subject *subject = &self->subject;
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = subject->ioas_id,
		.op = IOMMU_VFIO_IOAS_SET,
	};

	ASSERT_EQ(0, call(subject->fd, IOMMU_VFIO_IOAS, &arg));
	ASSERT_EQ(0, ioctl(subject->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map_bar(subject));
	walk(_metadata, subject, "VFIO_IOMMU_UNMAP_DMA in a BAR", ROOT,
	     unmap_middle, map_bar_anew);
}

TEST_F_TIMEOUT(arrival, real, 300)
{
	struct subject *subject = &self->subject;

	if (variant->second)
		ASSERT_EQ(0, attach_tracked_mock(subject));
	ASSERT_EQ(0, map_all(subject));
	walk(_metadata, subject, "ATTACH, BARs mapped", ROOT, attach, detach);
}

/* Pages of memory: the mock allocates each entry, and a new page table has all of them. */
#define FEW	20

TEST_F_TIMEOUT(arrival, mock, 300)
{
	struct subject *subject = &self->subject;

	if (variant->second)
		ASSERT_EQ(0, attach(subject));
	subject->length = FEW * PAGE;
	ASSERT_EQ(0, map_all(subject));
	walk(_metadata, subject, "MOCK_DOMAIN, BARs mapped", ROOT, make_mock,
	     unmake_mock);
}

/* A page table made by HWPT_ALLOC, filled when its device is attached to it */
TEST_F_TIMEOUT(arrival, page_table_filled_later, 300)
{
	struct subject *subject = &self->subject;

	if (variant->second)
		ASSERT_EQ(0, attach_tracked_mock(subject));
	ASSERT_EQ(0, map_all(subject));
	ASSERT_EQ(0, move(subject));
	ASSERT_EQ(0, alloc_page_table(subject));
	ASSERT_EQ(0, detach(subject));
	walk(_metadata, subject, "ATTACH to a page table, BARs mapped", ROOT,
	     attach_page_table, make_page_table_anew);
}

/* A page table that is filled at once; the kernel has to be spared here */
TEST_F_TIMEOUT(arrival, page_table_filled_at_once, 300)
{
	struct subject *subject = &self->subject;

	if (variant->second)
		ASSERT_EQ(0, attach_tracked_mock(subject));
	ASSERT_EQ(0, map_all(subject));
	ASSERT_EQ(0, spare_kernel(true));
	walk(_metadata, subject, "HWPT_ALLOC, BARs mapped", ROOT,
	     alloc_page_table, destroy_page_table);
	ASSERT_EQ(0, attach(subject));
	walk(_metadata, subject, "DETACH, BARs mapped", ROOT, detach, attach);
	EXPECT_EQ(0, spare_kernel(false));
}

TEST_F_TIMEOUT(arrival, moved_mock, 300)
{
	struct subject *subject = &self->subject;

	if (variant->second)
		ASSERT_EQ(0, attach(subject));
	ASSERT_EQ(0, mock_attach(subject->fd, subject->spare_id,
				 &subject->mock));
	/* The mock has several page tables, whose content is not checked */
	subject->mock.hwpt_id = 0;
	subject->length = FEW * PAGE;
	ASSERT_EQ(0, map_all(subject));
	walk(_metadata, subject, "MOCK_DOMAIN_REPLACE, BARs mapped", ROOT,
	     move_mock_here, move_mock_away);
}

/*
 * A dma-buf of the BAR: the mock imports it for a device that has no driver, EDU,
 * and an IOAS has it mapped.  If a call that fails leaves a mapping of the importer
 * behind, the next revoke waits for ever.
 */
FIXTURE(dma_buf)
{
	struct subject subject;
};

FIXTURE_SETUP(dma_buf)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, set_up(subject));
	ASSERT_EQ(0, open_bar(subject, false));
	ASSERT_EQ(0, pci_release(EDU));
}

FIXTURE_TEARDOWN(dma_buf)
{
	tear_down_bar(&self->subject);
}

static int export_bar(struct subject *self, __u32 nranges)
{
	struct request request = request_of(VFIO_PCI_BAR0_REGION_INDEX, 0,
					    BAR_LENGTH);
	int rc;

	request.buf.nr_ranges = nranges;
	request.ranges[1].offset = BAR_LENGTH;
	request.ranges[1].length = BAR_LENGTH;
	rc = get_feature(self->target, &request, VFIO_DEVICE_FEATURE_GET);
	self->other = rc < 0 ? -1 : rc;
	return rc < 0 ? rc : 0;
}

static int export_two_ranges(struct subject *self)
{
	return export_bar(self, 2);
}

static int close_other(struct subject *self)
{
	int rc = close(self->other) ? -errno : 0;

	self->other = -1;
	return rc;
}

TEST_F_TIMEOUT(dma_buf, export, 300)
{
	walk(_metadata, &self->subject, "VFIO_DEVICE_FEATURE_DMA_BUF", ROOT,
	     export_two_ranges, close_other);
}

/* subject->file: the dma-buf; subject->dev: the importer */
static int keep_buf(struct subject *self, __u32 nranges)
{
	int rc = export_bar(self, nranges);

	close(self->file);
	self->file = self->other;
	self->other = -1;
	return rc;
}

static int import_buf(struct subject *self)
{
	struct iommu_test_cmd cmd = {
		.id = self->file,
		.import.bdf = 4 << 3,	/* EDU */
	};
	int rc = mock_cmd(self->fd, IOMMU_TEST_OP_IMPORT, &cmd);

	if (!rc)
		self->other = cmd.import.out_fd;
	return rc;
}

static int use_import(struct subject *self, __u32 how, __u64 length)
{
	struct iommu_test_cmd cmd = {
		.id = self->dev,
		.import_use.how = how,
	};
	int rc = mock_cmd(self->fd, IOMMU_TEST_OP_IMPORT_USE, &cmd);

	return rc ?: cmd.import_use.out_length == length ? 0 : -EBADE;
}

static int map_import(struct subject *self)
{
	return use_import(self, MOCK_IMPORT_MAP, 2 * BAR_LENGTH);
}

static int unmap_import(struct subject *self)
{
	return use_import(self, MOCK_IMPORT_UNMAP, 0);
}

static int decode_and_map_import(struct subject *self)
{
	return use_import(self, MOCK_IMPORT_LOOK, 0) ?: decode(self) ?:
		map_import(self);
}

TEST_F_TIMEOUT(dma_buf, import, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, keep_buf(subject, 2));
	walk(_metadata, subject, "IMPORT", ROOT, import_buf, close_other);
	ASSERT_EQ(0, import_buf(subject));
	subject->dev = subject->other;
	subject->other = -1;
	/* The DMA API does not say why it could not map. */
	subject->also = -EIO;
	walk(_metadata, subject, "IMPORT_USE, map", ROOT, map_import,
	     unmap_import);
	subject->also = 0;
	ASSERT_EQ(0, map_import(subject));
	walk(_metadata, subject, "memory decoding off, imported", ROOT,
	     decode_not, decode_and_map_import);
}

static int map_buf_at(struct subject *self, unsigned int i)
{
	return ioas_map_file(self->fd, self->ioas_id, self->file, 0, BAR_LENGTH,
			     self->bar_at[i]);
}

static int map_buf(struct subject *self)
{
	return map_buf_at(self, 0);
}

static int decode_bufs_and_not(struct subject *self)
{
	return bars_in_mock(self, false) ?: decode(self) ?:
		bars_in_mock(self, true) ?:
		unmap_bar_and_go_on(self, 0) ?: unmap_bar_and_go_on(self, 1) ?:
		map_buf_at(self, 0) ?: map_buf_at(self, 1) ?: decode_not(self);
}

TEST_F_TIMEOUT(dma_buf, mapped, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, keep_buf(subject, 1));
	ASSERT_EQ(0, attach_tracked_mock(subject));
	walk(_metadata, subject, "MAP_FILE of a BAR's dma-buf", ROOT, map_buf,
	     unmap_first_bar);
	ASSERT_EQ(0, map_buf_at(subject, 0));
	ASSERT_EQ(0, map_buf_at(subject, 1));
	walk(_metadata, subject, "memory decoding off, dma-bufs mapped", ROOT,
	     decode_not, decode);
	ASSERT_EQ(0, decode_not(subject));
	walk(_metadata, subject, "memory decoding on, dma-bufs mapped", ROOT,
	     decode, decode_bufs_and_not);
}

TEST_HARNESS_MAIN
