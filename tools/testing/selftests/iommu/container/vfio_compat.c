// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO's container calls on /dev/iommu, where a container has nothing to
 * compare with (see type1.c): mixed with the other calls, where they do better,
 * and VFIO_TYPE1_IOMMU, which splits mappings.
 */
#include <stddef.h>

#include "edu.h"
#include "hwpt.h"
#include "vaddr.h"

#define IOVA	0x10000000ULL
#define AT(n)	(IOVA + (n) * PAGE)
#define N	64		/* pages */
#define DMA	256		/* bytes of a transfer */
#define V2	VFIO_TYPE1v2_IOMMU
#define V1	VFIO_TYPE1_IOMMU

static int set_type(int fd, unsigned long type)
{
	return call(fd, VFIO_SET_IOMMU, (void *)type);
}

/* Bytes unmapped, or -errno */
static long long unmap(int fd, __u64 iova, __u64 size)
{
	return dma_unmap(fd, 0, iova, size);
}

static long long unmap_all(int fd)
{
	return dma_unmap(fd, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0);
}

/* With the struct that <linux/vfio.h> calls data */
struct range_arg {
	__u32 argsz;
	__u32 flags;
	__u64 iova;
	__u64 size;
	struct vfio_bitmap bitmap;
};

static long long unmap_dirty(int fd, __u64 iova, __u64 size, __u64 *bitmap)
{
	struct range_arg arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
		.iova = iova,
		.size = size,
		.bitmap = { PAGE, (size / PAGE + 63) / 64 * 8, bitmap },
	};
	int rc = call(fd, VFIO_IOMMU_UNMAP_DMA, &arg);

	return rc ? rc : (long long)arg.size;
}

static int dirty(int fd, __u32 flags, __u64 iova, __u64 size, __u64 *bitmap)
{
	struct range_arg arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.iova = iova,
		.size = size,
		.bitmap = { PAGE, (size / PAGE + 63) / 64 * 8, bitmap },
	};

	return call(fd, VFIO_IOMMU_DIRTY_PAGES, &arg);
}

static int get_dirty(int fd, __u64 iova, __u64 size, __u64 *bitmap)
{
	return dirty(fd, VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, iova, size,
		     bitmap);
}

static int start(int fd)
{
	return dirty(fd, VFIO_IOMMU_DIRTY_PAGES_FLAG_START, 0, 0, NULL);
}

/* Is all of a range mapped, without a gap? */
static bool mapped(int fd, __u32 ioas_id, __u64 iova, __u64 size)
{
	__u32 copy;
	bool is;

	if (ioas_alloc(fd, &copy))
		return false;
	is = !ioas_copy(fd, copy, ioas_id, size, 0, iova);
	return !iommu_destroy(fd, copy) && is;
}

static int get_info(int fd, void *info, __u32 size)
{
	struct vfio_iommu_type1_info *arg = info;

	memset(info, 0, size);
	arg->argsz = size;
	return call(fd, VFIO_IOMMU_GET_INFO, info);
}

/* Without a compatibility IOAS */

TEST_F(iommufd, no_ioas)
{
	unsigned char info[512];
	void *p = anon(PAGE);
	__u64 bitmap = 0;

	EXPECT_EQ(VFIO_API_VERSION, ioctl(self->fd, VFIO_GET_API_VERSION));
	EXPECT_EQ(1, ioctl(self->fd, VFIO_CHECK_EXTENSION, V1));
	EXPECT_EQ(1, ioctl(self->fd, VFIO_CHECK_EXTENSION, V2));
	EXPECT_EQ(-ENODEV, call(self->fd, VFIO_CHECK_EXTENSION,
				(void *)VFIO_DMA_CC_IOMMU));
	EXPECT_EQ(0, ioctl(self->fd, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR));
	EXPECT_EQ(-ENODEV, set_type(self->fd, V2));
	EXPECT_EQ(-ENODEV, get_info(self->fd, info, sizeof(info)));
	EXPECT_EQ(-ENODEV, map(self->fd, p, IOVA, PAGE));
	EXPECT_EQ(-ENODEV, unmap(self->fd, IOVA, PAGE));
	EXPECT_EQ(-ENODEV, unmap_all(self->fd));
	EXPECT_EQ(-ENODEV, start(self->fd));
	EXPECT_EQ(-ENODEV, get_dirty(self->fd, IOVA, PAGE, &bitmap));
}

#define UNKNOWN	0x80000000U
#define TRACK	VFIO_IOMMU_DIRTY_PAGES_FLAG_START
#define REPORT	VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP
#define REPORTED VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP

/*
 * Arguments of calls without an IOAS: size and flags are looked at before, and
 * the rest, which is wrong in each of them, would be after.
 */
static const struct {
	const char *what;
	unsigned long request;
	__u32 argsz;
	__u32 flags;
	size_t readable;	/* bytes, 0: all */
	int rc;
} without_ioas[] = {
	{ "info, empty", VFIO_IOMMU_GET_INFO, 0, 0, 0, -EINVAL },
	{ "info, too short", VFIO_IOMMU_GET_INFO, 15, 0, 0, -EINVAL },
	{ "info, ends early", VFIO_IOMMU_GET_INFO, 16, 0, 15, -EFAULT },
	{ "info", VFIO_IOMMU_GET_INFO, 16, UNKNOWN, 0, -ENODEV },
	{ "map, empty", VFIO_IOMMU_MAP_DMA, 0, 3, 0, -EINVAL },
	{ "map, too short", VFIO_IOMMU_MAP_DMA, 31, 3, 0, -EINVAL },
	{ "map, unknown flag", VFIO_IOMMU_MAP_DMA, 32, UNKNOWN, 0, -EINVAL },
	{ "map, ends early", VFIO_IOMMU_MAP_DMA, 32, 3, 31, -EFAULT },
	{ "map", VFIO_IOMMU_MAP_DMA, 32, 3, 0, -ENODEV },
	{ "map for nothing", VFIO_IOMMU_MAP_DMA, 32, 0, 0, -ENODEV },
	{ "unmap, empty", VFIO_IOMMU_UNMAP_DMA, 0, 0, 0, -EINVAL },
	{ "unmap, too short", VFIO_IOMMU_UNMAP_DMA, 23, 0, 0, -EINVAL },
	{ "unmap, unknown", VFIO_IOMMU_UNMAP_DMA, 24, UNKNOWN, 0, -EINVAL },
	{ "unmap, two flags", VFIO_IOMMU_UNMAP_DMA, 48,
	  REPORTED | VFIO_DMA_UNMAP_FLAG_ALL, 0, -EINVAL },
	{ "unmap, ends early", VFIO_IOMMU_UNMAP_DMA, 24, 0, 23, -EFAULT },
	{ "unmap", VFIO_IOMMU_UNMAP_DMA, 24, 0, 0, -ENODEV },
	{ "unmap all", VFIO_IOMMU_UNMAP_DMA, 24, VFIO_DMA_UNMAP_FLAG_ALL, 0,
	  -ENODEV },
	{ "bitmap, too short", VFIO_IOMMU_UNMAP_DMA, 47, REPORTED, 0, -EINVAL },
	{ "bitmap, ends early", VFIO_IOMMU_UNMAP_DMA, 48, REPORTED, 47,
	  -EFAULT },
	{ "bitmap", VFIO_IOMMU_UNMAP_DMA, 48, REPORTED, 0, -ENODEV },
	{ "dirty, empty", VFIO_IOMMU_DIRTY_PAGES, 0, TRACK, 0, -EINVAL },
	{ "dirty, too short", VFIO_IOMMU_DIRTY_PAGES, 7, TRACK, 0, -EINVAL },
	{ "dirty, no flag", VFIO_IOMMU_DIRTY_PAGES, 8, 0, 0, -EINVAL },
	{ "dirty, two flags", VFIO_IOMMU_DIRTY_PAGES, 48, TRACK | REPORT, 0,
	  -EINVAL },
	{ "dirty, unknown", VFIO_IOMMU_DIRTY_PAGES, 8, UNKNOWN, 0, -EINVAL },
	{ "dirty, ends early", VFIO_IOMMU_DIRTY_PAGES, 8, TRACK, 7, -EFAULT },
	{ "start", VFIO_IOMMU_DIRTY_PAGES, 8, TRACK, 0, -ENODEV },
	{ "report, too short", VFIO_IOMMU_DIRTY_PAGES, 47, REPORT, 0, -EINVAL },
	{ "report, ends early", VFIO_IOMMU_DIRTY_PAGES, 48, REPORT, 47,
	  -EFAULT },
	{ "report", VFIO_IOMMU_DIRTY_PAGES, 48, REPORT, 0, -ENODEV },
};

TEST_F(iommufd, no_ioas_and_a_wrong_argument)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(without_ioas); i++) {
		const size_t readable = without_ioas[i].readable;
		struct range_arg arg = {
			.argsz = without_ioas[i].argsz,
			.flags = without_ioas[i].flags,
			.iova = IOVA + 1,
		};

		EXPECT_EQ(without_ioas[i].rc,
			  call(self->fd, without_ioas[i].request,
			       cut_off(&arg, readable ?: sizeof(arg))))
			TH_LOG("%s", without_ioas[i].what);
		EXPECT_EQ(-EFAULT, call(self->fd, without_ioas[i].request,
					NULL));
	}
}

/* TYPE1 maps page by page, so mappings must be made of pages */
TEST_F(iommufd, type_of_an_ioas_with_less_than_a_page)
{
	char *p = anon(2 * PAGE);

	if (variant->device)
		SKIP(return, "only whole pages are mapped");
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p + 1, PAGE, IOVA));
	EXPECT_EQ(-EADDRINUSE, set_type(self->fd, V1));
	EXPECT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, set_type(self->fd, V1));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, p + 1, PAGE,
				    IOVA));
}

TEST_F(iommufd, destroyed_ioas)
{
	void *p = anon(PAGE);
	__u32 id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	ASSERT_EQ(0, set_ioas(self->fd, id));
	ASSERT_EQ(0, set_type(self->fd, V2));
	ASSERT_EQ(0, map(self->fd, p, IOVA, PAGE));
	ASSERT_EQ(0, iommu_destroy(self->fd, id));
	EXPECT_EQ(-ENODEV, map(self->fd, p, IOVA, PAGE));
	EXPECT_EQ(-ENODEV, unmap_all(self->fd));
}

/* Each IOAS has a type of its own, which can be set once */
TEST_F(iommufd, type_is_set_once)
{
	__u32 id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	EXPECT_EQ(-ENODEV, set_type(self->fd, VFIO_TYPE1_NESTING_IOMMU));
	EXPECT_EQ(-ENODEV, set_type(self->fd, 0));
	EXPECT_EQ(-ENODEV, set_type(self->fd, (1ULL << 32) + V2));
	EXPECT_EQ(0, set_type(self->fd, V2));
	EXPECT_EQ(-EINVAL, set_type(self->fd, V2));
	EXPECT_EQ(-EINVAL, set_type(self->fd, V1));
	ASSERT_EQ(0, set_ioas(self->fd, id));
	EXPECT_EQ(0, set_type(self->fd, V1));
	EXPECT_EQ(-EINVAL, set_type(self->fd, V1));
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	EXPECT_EQ(-EINVAL, set_type(self->fd, V1));
}

/* A program that knows of /dev/iommu need not set a type: it is v2 then */
TEST_F(iommufd, v2_without_a_type)
{
	void *p = anon(4 * PAGE);
	__u64 bitmap = 0;

	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, map(self->fd, p, IOVA, 4 * PAGE));
	EXPECT_EQ(IF_ATTACHED(4), PINNED());
	EXPECT_EQ(-EINVAL, unmap(self->fd, AT(1), PAGE));
	ASSERT_EQ(0, start(self->fd));
	EXPECT_EQ(0, get_dirty(self->fd, IOVA, 4 * PAGE, &bitmap));
	EXPECT_EQ(0xf, bitmap);
	EXPECT_EQ(4 * PAGE, unmap(self->fd, IOVA, 4 * PAGE));
	EXPECT_EQ(0, PINNED());
}

/* Mixed with the other calls */

TEST_F(iommufd, mappings_are_the_same_to_both)
{
	void *p = anon(4 * PAGE);

	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, set_type(self->fd, V2));
	ASSERT_EQ(0, map(self->fd, p, AT(0), 2 * PAGE));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, 2 * PAGE, AT(2)));
	EXPECT_EQ(-EEXIST, map(self->fd, p, AT(3), PAGE));
	EXPECT_EQ(-EEXIST, ioas_map(self->fd, self->ioas_id, p, PAGE, AT(0)));
	EXPECT_EQ(2 * PAGE, unmap(self->fd, AT(2), 2 * PAGE));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT(0), 2 * PAGE));
	ASSERT_EQ(0, map(self->fd, p, AT(0), PAGE));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE, AT(1)));
	EXPECT_EQ(2 * PAGE, unmap_all(self->fd));
	EXPECT_EQ(0, ioas_empty(self->fd, self->ioas_id));
}

TEST_F(iommufd, info_has_the_ranges_of_the_ioas)
{
	unsigned char info[1024];
	struct vfio_iommu_type1_info *head = (void *)info;
	struct vfio_iommu_type1_info_cap_iova_range *cap = NULL;
	struct iommu_iova_range ranges[32];
	__u32 i, n = ARRAY_LEN(ranges), offset;
	__u64 alignment = 0;

	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, get_info(self->fd, info, sizeof(info)));
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	for (offset = head->cap_offset; offset; ) {
		struct vfio_info_cap_header *header = (void *)&info[offset];

		ASSERT_EQ(0, offset % 8);
		if (header->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			cap = (void *)header;
		offset = header->next;
	}
	ASSERT_NE(NULL, cap);
	ASSERT_EQ(n, cap->nr_iovas);
	for (i = 0; i < n; i++) {
		EXPECT_EQ(ranges[i].start, cap->iova_ranges[i].start);
		EXPECT_EQ(ranges[i].last, cap->iova_ranges[i].end);
	}
	EXPECT_TRUE(head->iova_pgsizes & PAGE);
	EXPECT_EQ(0, head->iova_pgsizes & (PAGE - 1));
}

/* With a byte too few, only the needed size is written */
TEST_F(iommufd, info_tells_its_size)
{
	unsigned char info[1024];
	struct vfio_iommu_type1_info *head = (void *)info;
	__u32 size;

	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, get_info(self->fd, info, sizeof(*head)));
	size = head->argsz;
	ASSERT_LT(sizeof(*head), size);
	EXPECT_EQ(0, head->cap_offset);
	ASSERT_EQ(0, get_info(self->fd, info, size - 1));
	EXPECT_EQ(size, head->argsz);
	EXPECT_EQ(0, head->cap_offset);
	EXPECT_EQ(0, info[sizeof(*head)]);
	ASSERT_EQ(0, get_info(self->fd, info, size));
	EXPECT_EQ(size, head->argsz);
	EXPECT_EQ(sizeof(*head), head->cap_offset);
}

/* A call that fails changes nothing */

TEST_F(iommufd, unmap_that_cannot_be_answered)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = IOVA,
		.size = 4 * PAGE,
	};
	void *p = anon(4 * PAGE), *cannot = read_only(&arg, sizeof(arg));

	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, map(self->fd, p, IOVA, 4 * PAGE));
	EXPECT_EQ(-EFAULT, call(self->fd, VFIO_IOMMU_UNMAP_DMA, cannot));
	EXPECT_TRUE(mapped(self->fd, self->ioas_id, IOVA, 4 * PAGE));
	EXPECT_EQ(IF_ATTACHED(4), PINNED());
	EXPECT_EQ(4 * PAGE, unmap_all(self->fd));
}

/* If the bits of the second mapping cannot be written, the first stays, too */
TEST_F(iommufd, unmap_whose_bitmap_ends)
{
	char *p = anon(2 * PAGE);
	__u64 *bitmap;

	bitmap = cut_off("bits bits", 8);
	ASSERT_NE(NULL, bitmap);
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, start(self->fd));
	ASSERT_EQ(0, map(self->fd, p, AT(0), PAGE));
	ASSERT_EQ(0, map(self->fd, p + PAGE, AT(64), PAGE));
	EXPECT_EQ(-EFAULT, unmap_dirty(self->fd, AT(0), 65 * PAGE, bitmap));
	EXPECT_EQ(IF_ATTACHED(2), PINNED());
	EXPECT_TRUE(mapped(self->fd, self->ioas_id, AT(0), PAGE));
	EXPECT_TRUE(mapped(self->fd, self->ioas_id, AT(64), PAGE));
	EXPECT_EQ(PAGE, unmap_dirty(self->fd, AT(0), 64 * PAGE, bitmap));
	EXPECT_EQ(1, *bitmap);
	EXPECT_EQ(PAGE, unmap_all(self->fd));
}

/* Dirty pages */

TEST_F(iommufd, bits_are_those_of_the_pages_mapped)
{
	__u64 bitmap[4] = { [2] = 0x5a5a, [3] = 0x5a5a };
	char *p = anon(N * PAGE);

	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, set_type(self->fd, V2));
	ASSERT_EQ(0, start(self->fd));
	ASSERT_EQ(0, map(self->fd, p, AT(1), PAGE));
	ASSERT_EQ(0, map(self->fd, p, AT(3), 2 * PAGE));
	ASSERT_EQ(0, map(self->fd, p, AT(62), 5 * PAGE));
	EXPECT_EQ(0, get_dirty(self->fd, AT(0), 192 * PAGE, bitmap));
	EXPECT_EQ(3ULL << 62 | 0x1a, bitmap[0]);
	EXPECT_EQ(7, bitmap[1]);
	/* A word in whose range nothing is mapped is not written */
	EXPECT_EQ(0x5a5a, bitmap[2]);

	/* Asking changes nothing: all mapped pages are dirty again */
	memset(bitmap, 0, sizeof(bitmap));
	EXPECT_EQ(0, get_dirty(self->fd, AT(3), 64 * PAGE, bitmap));
	EXPECT_EQ(0x1fULL << 59 | 3, bitmap[0]);
	EXPECT_EQ(0, bitmap[1]);

	memset(bitmap, 0, sizeof(bitmap));
	EXPECT_EQ(8 * PAGE, unmap_dirty(self->fd, AT(0), 128 * PAGE, bitmap));
	EXPECT_EQ(3ULL << 62 | 0x1a, bitmap[0]);
	EXPECT_EQ(7, bitmap[1]);
	EXPECT_EQ(0, PINNED());
}

/* Longer than the kernel writes at once, from each bit of a word on */
TEST_F(iommufd, long_bitmap)
{
	enum { PAGES = 5000, WORDS = PAGES / 64 + 4 };
	char *p = anon_aligned(PAGES * PAGE, HUGE);
	static __u64 bitmap[WORDS];
	unsigned int first, i;

	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, start(self->fd));
	ASSERT_EQ(0, map(self->fd, p, AT(64), PAGES * PAGE));
	for (first = 0; first < 64; first += 7) {
		memset(bitmap, 0, sizeof(bitmap));
		EXPECT_EQ(0, get_dirty(self->fd, AT(64 - first),
				       (PAGES + first + 3) * PAGE, bitmap));
		for (i = 0; i < WORDS * 64; i++)
			if (!!(bitmap[i / 64] & 1ULL << i % 64) !=
			    (i >= first && i < first + PAGES))
				break;
		EXPECT_EQ(WORDS * 64, i);
	}
	EXPECT_EQ(PAGES * PAGE, unmap_all(self->fd));
}

TEST_F(iommufd, tracking_is_the_ioas_own)
{
	__u64 bitmap = 0;
	__u32 id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, start(self->fd));
	EXPECT_EQ(0, get_dirty(self->fd, AT(0), PAGE, &bitmap));
	ASSERT_EQ(0, set_ioas(self->fd, id));
	EXPECT_EQ(-EINVAL, get_dirty(self->fd, AT(0), PAGE, &bitmap));
	EXPECT_EQ(-EINVAL, unmap_dirty(self->fd, AT(0), PAGE, &bitmap));
}

/*
 * All page tables of the IOAS track.  The container calls report all mapped
 * pages as dirty all the same, and leave the written pages to be read from the
 * page table.
 */
TEST(dirty_where_page_tables_track)
{
	const __u64 one = 0x10;	/* the page written: AT(4) */
	__u64 bitmap = 0, record = 0;
	struct mock_dev dev;
	__u32 ioas_id, id;
	int fd;

	fd = mock_open(&ioas_id);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mock_attach(fd, ioas_id, &dev));
	ASSERT_EQ(0, hwpt_alloc(fd, dev.dev_id, ioas_id, TRACKED, &id));
	/* This also frees the page table that the attach made */
	ASSERT_EQ(0, mock_replace(fd, &dev, id));
	ASSERT_EQ(0, set_ioas(fd, ioas_id));
	/* Each page is an entry, also where the memory is contiguous. */
	ASSERT_EQ(0, iommu_option_set(fd, IOMMU_OPTION_HUGE_PAGES, ioas_id, 0));
	ASSERT_EQ(0, map(fd, small_pages(N * PAGE), IOVA, N * PAGE));

	/* Neither START nor STOP switches tracking of the page table */
	ASSERT_EQ(0, start(fd));
	EXPECT_EQ(-EINVAL, dirty_get(fd, id, 0, IOVA, N * PAGE, PAGE, &record));
	ASSERT_EQ(0, dirty_set(fd, id, ENABLE));
	EXPECT_EQ(0, get_dirty(fd, IOVA, N * PAGE, &bitmap));
	EXPECT_EQ(ALL, bitmap);
	ASSERT_EQ(0, mock_write(fd, id, AT(4)));
	ASSERT_EQ(0, start(fd));
	bitmap = 0;
	EXPECT_EQ(0, get_dirty(fd, IOVA, N * PAGE, &bitmap));
	EXPECT_EQ(ALL, bitmap);
	ASSERT_EQ(0, dirty(fd, VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP, 0, 0, NULL));
	EXPECT_EQ(0, dirty_get(fd, id, 0, IOVA, N * PAGE, PAGE, &record));
	EXPECT_EQ(one, record);
	record = 0;
	EXPECT_EQ(0, dirty_get(fd, id, 0, IOVA, N * PAGE, PAGE, &record));
	EXPECT_EQ(0, record);

	/* Unmap reports all pages as dirty, though none was written since */
	ASSERT_EQ(0, start(fd));
	bitmap = 0;
	EXPECT_EQ(N * PAGE, unmap_dirty(fd, IOVA, N * PAGE, &bitmap));
	EXPECT_EQ(ALL, bitmap);
	EXPECT_EQ(0, dirty_get(fd, id, 0, IOVA, N * PAGE, PAGE, &record));
	EXPECT_EQ(0, record);
	close(fd);
}

/* VFIO_TYPE1_IOMMU splits mappings, to unmap exactly the range given */

TEST_F(iommufd, v1_cuts_a_mapping)
{
	char *p = anon_aligned(HUGE, HUGE);
	__u32 id = self->ioas_id;

	ASSERT_EQ(0, madvise(p, HUGE, MADV_HUGEPAGE));
	ASSERT_EQ(0, set_ioas(self->fd, id));
	ASSERT_EQ(0, set_type(self->fd, V1));
	ASSERT_EQ(0, map(self->fd, p, IOVA, HUGE));
	EXPECT_EQ(IF_ATTACHED(512), PINNED());
	EXPECT_EQ(PAGE, unmap(self->fd, AT(0), PAGE));
	EXPECT_EQ(PAGE, unmap(self->fd, AT(511), 10 * PAGE));
	EXPECT_EQ(4 * PAGE, unmap(self->fd, AT(100), 4 * PAGE));
	EXPECT_EQ(IF_ATTACHED(506), PINNED());
	EXPECT_FALSE(mapped(self->fd, id, AT(0), PAGE));
	EXPECT_TRUE(mapped(self->fd, id, AT(1), 99 * PAGE));
	EXPECT_FALSE(mapped(self->fd, id, AT(100), PAGE));
	EXPECT_FALSE(mapped(self->fd, id, AT(103), PAGE));
	EXPECT_TRUE(mapped(self->fd, id, AT(104), 407 * PAGE));
	EXPECT_FALSE(mapped(self->fd, id, AT(511), PAGE));

	/* Two mappings are left; an unmap across both splits each */
	EXPECT_EQ(0, unmap(self->fd, AT(101), 2 * PAGE));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->fd, id, AT(1), 50 * PAGE));
	EXPECT_EQ(10 * PAGE, unmap(self->fd, AT(95), 14 * PAGE));
	EXPECT_EQ(IF_ATTACHED(496), PINNED());
	ASSERT_EQ(0, map(self->fd, p, AT(95), 14 * PAGE));
	EXPECT_TRUE(mapped(self->fd, id, AT(1), 510 * PAGE));
	EXPECT_EQ(0, ioas_unmap(self->fd, id, AT(1), 94 * PAGE));
	EXPECT_EQ(416 * PAGE, unmap_all(self->fd));
	EXPECT_EQ(0, PINNED());
}

/* A copy that is split leaves the other one whole and pinned */
TEST_F(iommufd, v1_cuts_a_copy)
{
	char *p = anon(N * PAGE);
	__u32 id;

	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	ASSERT_EQ(0, set_ioas(self->fd, id));
	ASSERT_EQ(0, set_type(self->fd, V1));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, N * PAGE, IOVA));
	ASSERT_EQ(0, ioas_copy(self->fd, id, self->ioas_id, N * PAGE, 0, IOVA));
	EXPECT_EQ(2 * PAGE, unmap(self->fd, 3 * PAGE, 2 * PAGE));
	EXPECT_EQ(IF_ATTACHED(N), PINNED());
	EXPECT_TRUE(mapped(self->fd, self->ioas_id, IOVA, N * PAGE));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, IOVA, N * PAGE));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ((N - 2) * PAGE, unmap_all(self->fd));
}

/* The parts of a split mapping are pinned when a device is attached */
TEST_F(iommufd, v1_cut_before_attach)
{
	char *p = anon_aligned(HUGE, HUGE);
	__u32 dev_id;

	if (variant->device)
		SKIP(return, "the device is to come later");
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, set_type(self->fd, V1));
	ASSERT_EQ(0, map(self->fd, p, IOVA, HUGE));
	EXPECT_EQ(8 * PAGE, unmap(self->fd, AT(8), 8 * PAGE));
	self->dev = vfio_open_bound(EDU, self->fd, &dev_id);
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	EXPECT_EQ(504, PINNED());
	EXPECT_EQ(8 * PAGE, unmap(self->fd, AT(16), 8 * PAGE));
	EXPECT_EQ(496, PINNED());
	EXPECT_EQ(496 * PAGE, unmap_all(self->fd));
	EXPECT_EQ(0, PINNED());
}

/* DMA reaches the pages that are left, and no others */
TEST_F_TIMEOUT(iommufd, v1_dma_beside_a_hole, 120)
{
	char *p = anon(N * PAGE);
	struct edu edu;
	unsigned int i;

	if (!variant->device)
		SKIP(return, "only a device does DMA");
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, set_type(self->fd, V1));
	ASSERT_EQ(0, map(self->fd, p, IOVA, N * PAGE));
	ASSERT_EQ(0, edu_open(&edu, self->dev));
	for (i = 0; i < N; i++)
		memset(p + i * PAGE, i, PAGE);
	for (i = 1; i < N; i += 2)
		ASSERT_EQ(PAGE, unmap(self->fd, AT(i), PAGE));
	EXPECT_EQ(N / 2, PINNED());
	/* From each page that is left to the next one that is left */
	for (i = 0; i + 4 < N; i += 4) {
		EXPECT_EQ(0, edu_from_memory(&edu, AT(i), DMA));
		EXPECT_EQ(0, edu_to_memory(&edu, AT(i + 2), DMA));
		EXPECT_EQ(0, memcmp(p + i * PAGE, p + (i + 2) * PAGE, DMA));
	}
	edu_to_memory(&edu, AT(1), DMA);
	EXPECT_EQ(1, p[PAGE]);
	edu_close(&edu);
	EXPECT_EQ(N / 2 * PAGE, unmap_all(self->fd));
}

/* Huge pages in the IOMMU cannot be split: unmap behaves as in v2 */
TEST_F(iommufd, v1_with_huge_pages)
{
	char *p = anon_aligned(HUGE, HUGE);

	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, map(self->fd, p, IOVA, HUGE));
	if (variant->device)
		EXPECT_EQ(-EINVAL, set_type(self->fd, V1));
	EXPECT_EQ(HUGE, unmap_all(self->fd));
	ASSERT_EQ(0, set_type(self->fd, V1));
	ASSERT_EQ(0, iommu_option_set(self->fd, IOMMU_OPTION_HUGE_PAGES,
				      self->ioas_id, 1));
	ASSERT_EQ(0, map(self->fd, p, IOVA, HUGE));
	EXPECT_EQ(variant->device ? -EINVAL : (long long)PAGE,
		  unmap(self->fd, AT(7), PAGE));
	EXPECT_EQ(IF_ATTACHED(512), PINNED());
	EXPECT_EQ(HUGE - (variant->device ? 0 : PAGE), unmap_all(self->fd));
}

/* Any sequence of maps and unmaps, compared with one bit a page */
TEST_F_TIMEOUT(iommufd, v1_random, 240)
{
	enum { PAGES = 256, STEPS = 2000 };
	char *p = anon(PAGES * PAGE);
	unsigned int first, n, i, is, step, seed = getpid(), total = 0;
	bool model[PAGES] = { false };

	TH_LOG("seed %u", seed);
	srandom(seed);
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas_id));
	ASSERT_EQ(0, set_type(self->fd, V1));
	for (step = 0; step < STEPS; step++) {
		first = random() % PAGES;
		n = 1 + random() % (PAGES - first);
		if (random() % 2)
			n = 1 + n % 16;
		if (first + n > PAGES)
			n = PAGES - first;
		for (is = 0, i = first; i < first + n; i++)
			is += model[i];
		if (random() % 2) {
			ASSERT_EQ(is ? -EEXIST : 0,
				  map(self->fd, p + first * PAGE, AT(first),
				      n * PAGE));
			if (is)
				continue;
			memset(&model[first], true, n);
			total += n;
		} else {
			ASSERT_EQ(is * PAGE,
				  unmap(self->fd, AT(first), n * PAGE));
			memset(&model[first], false, n);
			total -= is;
		}
		if (step % 16 == 0)
			ASSERT_EQ(IF_ATTACHED(total), PINNED());
	}
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(model[i], mapped(self->fd, self->ioas_id, AT(i),
					   PAGE));
	EXPECT_EQ(total * PAGE, unmap_all(self->fd));
	EXPECT_EQ(0, PINNED());
}

TEST_HARNESS_MAIN
