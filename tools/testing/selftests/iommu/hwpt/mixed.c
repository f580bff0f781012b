// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices whose IOMMUs differ: which of them can have one page table, and what
 * happens to those that cannot.  The mock warns of a page table that a device
 * should not have.
 */
#include "hwpt.h"
#include "kmsg.h"

#define AT		(64 * MiB)

/* Two IOASs with a page each, and no device */
FIXTURE(mixed)
{
	int fd;
	__u32 ioas_id;
	__u32 other_id;
	char *memory;
	long pinned;
};

FIXTURE_VARIANT(mixed)
{
	bool replaces;	/* the IOMMU can replace domains at once */
};

FIXTURE_VARIANT_ADD(mixed, replaces) { true };
FIXTURE_VARIANT_ADD(mixed, detaches) { false };

FIXTURE_SETUP(mixed)
{
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, mock_unload());
	ASSERT_EQ(0, system(variant->replaces ?
			    "modprobe " MOCK_MODULE :
			    "modprobe " MOCK_MODULE " replaces=N"));
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other_id));
	self->memory = small_pages(2 * PAGE);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory + PAGE,
			      PAGE, AT));
}

FIXTURE_TEARDOWN(mixed)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, mock_unload());
}

#define ATTACH(flags, pt_id, dev) \
	mock_attach_flags(self->fd, pt_id, flags, dev)
#define REPLACE(dev, pt_id) \
	mock_replace(self->fd, dev, pt_id)
#define CHECK_MAP(id) \
	mock_check_map(self->fd, id, self->memory, PAGE, AT)
#define ALLOC(dev, ioas_id, id) \
	hwpt_alloc(self->fd, (dev)->dev_id, ioas_id, 0, id)

/* The window for MSI doorbells */

#define MSI	MOCK_FLAGS_DEVICE_SW_MSI
#define OTHER	MOCK_FLAGS_DEVICE_OTHER_SW_MSI

static int map_window(int fd, __u32 ioas_id, const void *va, __u64 iova)
{
	return ioas_map(fd, ioas_id, va, PAGE, iova);
}

TEST_F(mixed, devices_with_the_same_msi_window_share_a_page_table)
{
	struct mock_dev a, b;

	ASSERT_EQ(0, ATTACH(MSI, self->ioas_id, &a));
	ASSERT_EQ(0, ATTACH(MSI, self->ioas_id, &b));
	EXPECT_EQ(a.hwpt_id, b.hwpt_id);
	EXPECT_EQ(0, CHECK_MAP(a.hwpt_id));

	/* The window is reserved as long as one of them is attached */
	EXPECT_EQ(0, iommu_destroy(self->fd, a.id));
	EXPECT_EQ(-EINVAL, map_window(self->fd, self->ioas_id, self->memory,
				      MOCK_MSI_WINDOW));
	EXPECT_EQ(0, iommu_destroy(self->fd, b.id));
	EXPECT_EQ(0, map_window(self->fd, self->ioas_id, self->memory,
				MOCK_MSI_WINDOW));
	EXPECT_EQ(-EADDRINUSE, ATTACH(MSI, self->ioas_id, &a));
}

TEST_F(mixed, a_named_page_table_keeps_its_msi_window)
{
	struct mock_dev a, b, c;
	__u32 id;

	ASSERT_EQ(0, ATTACH(MSI, self->other_id, &a));
	ASSERT_EQ(0, ALLOC(&a, self->ioas_id, &id));
	ASSERT_EQ(0, REPLACE(&a, id));
	EXPECT_EQ(0, ATTACH(MSI, id, &b));
	EXPECT_EQ(id, b.hwpt_id);

	/* Attached again, one at a time, and when nobody was attached */
	EXPECT_EQ(0, REPLACE(&a, self->other_id));
	EXPECT_EQ(0, REPLACE(&a, id));
	EXPECT_EQ(0, iommu_destroy(self->fd, b.id));
	EXPECT_EQ(0, REPLACE(&a, self->other_id));
	EXPECT_EQ(0, REPLACE(&a, id));
	EXPECT_EQ(0, iommu_destroy(self->fd, a.id));
	EXPECT_EQ(0, ATTACH(MSI, id, &c));
	EXPECT_EQ(0, CHECK_MAP(id));
	EXPECT_EQ(0, iommu_destroy(self->fd, c.id));
	EXPECT_EQ(0, iommu_destroy(self->fd, id));
}

TEST_F(mixed, devices_with_different_msi_windows_do_not)
{
	const __u32 kinds[] = { MSI, OTHER, 0 };
	struct mock_dev first, dev[ARRAY_LEN(kinds)];
	unsigned int i, j;
	__u32 id;

	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		ASSERT_EQ(0, ATTACH(kinds[i], self->ioas_id, &dev[i]));
		EXPECT_EQ(0, CHECK_MAP(dev[i].hwpt_id));
		for (j = 0; j < i; j++)
			EXPECT_NE(dev[j].hwpt_id, dev[i].hwpt_id);
	}

	/* By name, attached to by now or not */
	ASSERT_EQ(0, ATTACH(MSI, self->other_id, &first));
	ASSERT_EQ(0, ALLOC(&first, self->other_id, &id));
	for (j = 0; j < 2; j++) {
		for (i = 0; i < ARRAY_LEN(kinds); i++)
			EXPECT_EQ(kinds[i] == MSI ? 0 : -EINVAL,
				  REPLACE(&dev[i], id));
		EXPECT_EQ(0, REPLACE(&dev[0], self->ioas_id));
		EXPECT_EQ(0, REPLACE(&first, id));
	}
	/* The others are where they were */
	for (i = 1; i < ARRAY_LEN(kinds); i++)
		EXPECT_EQ(0, CHECK_MAP(dev[i].hwpt_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
}

/* What IOMMUs can do */

#define SNOOP	MOCK_FLAGS_DEVICE_SNOOP
#define APART	MOCK_FLAGS_DEVICE_OTHER_IOMMU
#define STALE	MOCK_FLAGS_DEVICE_INCOHERENT_WALK

/*
 * Devices of two kinds have page tables of their own, in either order, and one
 * of each kind is attached to no page table of the other kind.
 */
static void expect_apart(struct __test_metadata *_metadata,
			 struct _test_data_mixed *self, __u32 one, __u32 two)
{
	const __u32 kinds[] = { one, two };
	struct mock_dev a, b, c, d;
	int i, log;
	__u32 id;
	char line[1024];

	for (i = 0; i < 2; i++) {
		log = kmsg_open();
		ASSERT_LE(0, log);
		ASSERT_EQ(0, ATTACH(kinds[i], self->ioas_id, &a));
		ASSERT_EQ(0, ATTACH(kinds[!i], self->ioas_id, &b));
		EXPECT_NE(a.hwpt_id, b.hwpt_id);
		ASSERT_EQ(0, ATTACH(kinds[i], self->ioas_id, &c));
		EXPECT_EQ(a.hwpt_id, c.hwpt_id);
		EXPECT_EQ(0, CHECK_MAP(a.hwpt_id));
		EXPECT_EQ(0, CHECK_MAP(b.hwpt_id));

		/* By name */
		EXPECT_EQ(-EINVAL, ATTACH(kinds[!i], a.hwpt_id, &d));
		EXPECT_EQ(-EINVAL, REPLACE(&b, a.hwpt_id));
		EXPECT_EQ(-EINVAL, REPLACE(&a, b.hwpt_id));
		ASSERT_EQ(0, ALLOC(&b, self->other_id, &id));
		EXPECT_EQ(-EINVAL, ATTACH(kinds[i], id, &d));
		EXPECT_EQ(-EINVAL, REPLACE(&a, id));
		EXPECT_EQ(0, REPLACE(&b, id));
		EXPECT_EQ(-EINVAL, REPLACE(&a, id));
		EXPECT_EQ(0, iommu_destroy(self->fd, b.id));
		EXPECT_EQ(-EINVAL, REPLACE(&a, id));
		EXPECT_EQ(0, iommu_destroy(self->fd, id));

		/* The IOMMU driver was not asked */
		EXPECT_FALSE(kmsg_find(log, "cannot attach", "", 0, line));
		close(log);
		EXPECT_EQ(0, CHECK_MAP(a.hwpt_id));
		EXPECT_EQ(0, iommu_destroy(self->fd, a.id));
		EXPECT_EQ(0, iommu_destroy(self->fd, c.id));
	}
}

TEST_F(mixed, a_snooping_page_table_is_for_those_that_can_snoop)
{
	expect_apart(_metadata, self, 0, SNOOP);
}

TEST_F(mixed, an_iommu_that_cannot_share_page_tables)
{
	expect_apart(_metadata, self, 0, APART);
}

TEST_F(mixed, an_iommu_that_does_not_snoop_page_walks)
{
	expect_apart(_metadata, self, 0, STALE);
}

#define SMALL	MOCK_FLAGS_DEVICE_SMALL_PAGES
#define TWO	MOCK_FLAGS_DEVICE_TWO_SIZES
#define WIDE	MOCK_FLAGS_DEVICE_39_BITS

/* What an IOAS can do with its devices */
struct ability {
	__u64 last;		/* IOVA */
	__u64 page_sizes;
	int snoops;
};

static struct ability ability(struct __test_metadata *_metadata, int fd,
			      __u32 ioas_id)
{
	struct iommu_vfio_ioas vfio = {
		.size = sizeof(vfio),
		.ioas_id = ioas_id,
		.op = IOMMU_VFIO_IOAS_SET,
	};
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	struct iommu_iova_range ranges[8];
	__u32 n = ARRAY_LEN(ranges);
	struct ability can;
	__u64 alignment;

	ASSERT_EQ(0, call(fd, IOMMU_VFIO_IOAS, &vfio));
	ASSERT_EQ(0, call(fd, VFIO_IOMMU_GET_INFO, &info));
	ASSERT_EQ(0, ioas_ranges(fd, ioas_id, ranges, &n, &alignment));
	ASSERT_LT(0, n);
	can.last = ranges[n - 1].last;
	can.page_sizes = info.iova_pgsizes;
	can.snoops = ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_DMA_CC_IOMMU);
	return can;
}

#define EXPECT_ABILITY(last_, sizes, snoops_)				\
do {									\
	struct ability _can = ability(_metadata, self->fd, self->ioas_id); \
									\
	EXPECT_EQ(last_, _can.last);					\
	EXPECT_EQ(sizes, _can.page_sizes);				\
	EXPECT_EQ(snoops_, _can.snoops);				\
} while (0)

/* Pages of each power of two, of which programs see those of the CPU on */
#define ALL_SIZES	(~(PAGE - 1))

#define BEST	EXPECT_ABILITY(MOCK_APERTURE_LAST_39, ALL_SIZES, 1)

static __u64 page_sizes(__u32 flags)
{
	if (flags & SMALL)
		return PAGE;
	return flags & TWO ? PAGE | MiB : ALL_SIZES;
}

/*
 * A is the better device, and B a lesser one.  They come in either order, and
 * leave in either order, and then A is attached as if B had never been.
 */
static void leave_no_trace(struct __test_metadata *_metadata,
			   struct _test_data_mixed *self, __u32 lesser,
			   bool suits_a)
{
	struct mock_dev a, b = {};
	int order;

	for (order = 0; order < 4; order++) {
		bool b_first = order & 1, b_leaves = order & 2;

		if (b_first)
			ASSERT_EQ(0, ATTACH(lesser, self->ioas_id, &b));
		ASSERT_EQ(0, ATTACH(SNOOP | WIDE, self->ioas_id, &a));
		if (!b_first) {
			BEST;
			ASSERT_EQ(0, ATTACH(lesser, self->ioas_id, &b));
		}
		EXPECT_EQ(b_first && suits_a, a.hwpt_id == b.hwpt_id);
		EXPECT_ABILITY(lesser & WIDE ? MOCK_APERTURE_LAST_39 :
					       MOCK_APERTURE_LAST,
			       page_sizes(lesser), !!(lesser & SNOOP));
		EXPECT_EQ(0, CHECK_MAP(a.hwpt_id));
		EXPECT_EQ(0, CHECK_MAP(b.hwpt_id));

		ASSERT_EQ(0, iommu_destroy(self->fd, b_leaves ? b.id : a.id));
		EXPECT_EQ(0, CHECK_MAP(b_leaves ? a.hwpt_id : b.hwpt_id));
		/* What A has by itself is its own again */
		if (b_leaves && a.hwpt_id != b.hwpt_id)
			BEST;
		ASSERT_EQ(0, iommu_destroy(self->fd, b_leaves ? a.id : b.id));

		ASSERT_EQ(0, ATTACH(SNOOP | WIDE, self->ioas_id, &a));
		BEST;
		EXPECT_EQ(0, CHECK_MAP(a.hwpt_id));
		ASSERT_EQ(0, iommu_destroy(self->fd, a.id));
	}
}

TEST_F(mixed, one_that_cannot_snoop_leaves_no_trace)
{
	leave_no_trace(_metadata, self, WIDE, false);
}

TEST_F(mixed, one_with_less_iova_leaves_no_trace)
{
	leave_no_trace(_metadata, self, SNOOP, true);
}

TEST_F(mixed, one_without_huge_pages_leaves_no_trace)
{
	leave_no_trace(_metadata, self, SNOOP | WIDE | SMALL, true);
}

TEST_F(mixed, one_with_two_sizes_of_pages_leaves_no_trace)
{
	leave_no_trace(_metadata, self, SNOOP | WIDE | TWO, true);
}

TEST_F(mixed, one_that_can_do_nothing_leaves_no_trace)
{
	leave_no_trace(_metadata, self, SMALL, false);
}

TEST_F(mixed, iova_that_a_lesser_iommu_does_not_have)
{
	const __u64 high = 1ULL << 38;
	struct mock_dev a, b;
	__u32 id;

	ASSERT_EQ(0, ATTACH(WIDE, self->ioas_id, &a));
	ASSERT_EQ(0, ALLOC(&a, self->other_id, &id));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE,
			      high));
	EXPECT_EQ(0, mock_check_map(self->fd, a.hwpt_id, self->memory, PAGE,
				    high));
	EXPECT_EQ(-EADDRINUSE, ATTACH(0, self->ioas_id, &b));
	EXPECT_EQ(-EINVAL, ATTACH(0, a.hwpt_id, &b));
	EXPECT_EQ(-EINVAL, ATTACH(0, id, &b));
	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(0, ATTACH(0, self->other_id, &b));
	EXPECT_EQ(-EADDRINUSE, REPLACE(&b, self->ioas_id));
	EXPECT_EQ(-EINVAL, REPLACE(&b, a.hwpt_id));
	EXPECT_EQ(-EINVAL, REPLACE(&b, id));
	EXPECT_EQ(0, mock_check_map(self->fd, b.hwpt_id, self->memory + PAGE,
				    PAGE, AT));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, high, PAGE));
	EXPECT_EQ(0, REPLACE(&b, self->ioas_id));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, self->memory,
				    PAGE, high));
}

TEST_F(mixed, devices_that_cannot_be_bound)
{
	struct mock_dev dev;

	EXPECT_EQ(-EINVAL, ATTACH(MOCK_FLAGS_DEVICE_INCOHERENT, self->ioas_id,
				  &dev));
	EXPECT_EQ(-EOPNOTSUPP, ATTACH(MOCK_FLAGS_DEVICE_ALIAS, self->ioas_id,
				      &dev));
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, ATTACH(0, self->ioas_id, &dev));
	EXPECT_EQ(0, CHECK_MAP(dev.hwpt_id));
}

/* What the IOMMU driver says when the comparison has not seen it coming */

static int fail_next(int errno_)
{
	char n[16];

	snprintf(n, sizeof(n), "%d", errno_);
	return write_file(MOCK_PARAMETERS "fail_errno", n) ?:
	       mock_fail(0, 1);
}

TEST_F(mixed, errno_of_a_page_table_that_does_not_suit)
{
	static const int errnos[][2] = {
		{ EOPNOTSUPP, EINVAL }, { EFAULT, EINVAL }, { ENXIO, EINVAL },
		{ EXDEV, EINVAL }, { EINVAL, EINVAL }, { ENOMEM, ENOMEM },
		{ ENOSPC, ENOSPC }, { EIO, EIO },
	};
	struct mock_dev a, b;
	unsigned int i;

	ASSERT_EQ(0, ATTACH(0, self->ioas_id, &a));
	for (i = 0; i < ARRAY_LEN(errnos); i++) {
		ASSERT_EQ(0, fail_next(errnos[i][0]));
		EXPECT_EQ(-errnos[i][1], ATTACH(0, a.hwpt_id, &b));
		EXPECT_EQ(1, mock_devices());

		/* Another page table is made */
		ASSERT_EQ(0, fail_next(errnos[i][0]));
		EXPECT_EQ(0, ATTACH(0, self->ioas_id, &b));
		EXPECT_NE(a.hwpt_id, b.hwpt_id);
		EXPECT_EQ(0, CHECK_MAP(b.hwpt_id));
		EXPECT_EQ(0, iommu_destroy(self->fd, b.id));
	}
	EXPECT_EQ(0, write_file(MOCK_PARAMETERS "fail_errno", "5"));
	EXPECT_EQ(0, CHECK_MAP(a.hwpt_id));
}

TEST_HARNESS_MAIN
