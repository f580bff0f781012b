// SPDX-License-Identifier: GPL-2.0-only
/*
 * Limits of a context, by module parameters: mappings, page tables, mappings of
 * a device's BARs, page faults.  At the limit a call fails and changes nothing,
 * one below it works, and what is given back can be used again.  Page faults at
 * the limit are answered.
 */
#include <linux/vfio.h>
#include <sys/syscall.h>

#include "fault_fixture.h"

#define AT		(64 * MiB)
#define PARAMETERS	"/sys/module/iommufd/parameters/"
#define MAPPINGS	PARAMETERS "max_mappings"
#define HWPTS		PARAMETERS "max_hwpts"
#define BAR_MAPPINGS	PARAMETERS "max_bar_mappings"
#define FAULTS		PARAMETERS "max_faults"

static int set_limit(const char *path, unsigned int n)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", n);
	return write_file(path, value);
}

static int set_defaults(void)
{
	return set_limit(MAPPINGS, 1048576) ?: set_limit(HWPTS, 128) ?:
	       set_limit(BAR_MAPPINGS, 16384) ?: set_limit(FAULTS, 16384);
}

FIXTURE(limits)
{
	int fd;
	__u32 ioas;
	__u32 other;
	struct mock_dev dev;	/* attached to the first IOAS */
	char *memory;		/* a page that is mapped */
	long pinned;
};

FIXTURE_SETUP(limits)
{
	ASSERT_EQ(0, set_defaults());
	self->memory = small_pages(4 * PAGE);
	ASSERT_NE(NULL, self->memory);
	self->fd = mock_open(&self->ioas);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other));
	self->pinned = pinned();
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
}

FIXTURE_TEARDOWN(limits)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, set_defaults());
}

#define PINS	(pinned() - self->pinned)

/* Map the page as number i */
#define map(to, i)							\
	ioas_map(self->fd, to, self->memory, PAGE, AT + (i) * PAGE)
#define unmap(from, i)							\
	ioas_unmap(self->fd, from, AT + (i) * PAGE, PAGE)

/* Is the IOVA of number i free? */
#define EXPECT_FREE(in, i)	EXPECT_EQ(-ENOENT, unmap(in, i))

static int set_vfio_ioas(int fd, __u32 ioas)
{
	struct iommu_vfio_ioas arg = {
		.size = sizeof(arg),
		.ioas_id = ioas,
		.op = IOMMU_VFIO_IOAS_SET,
	};

	return call(fd, IOMMU_VFIO_IOAS, &arg);
}

static int dma_map(int fd, const void *va, __u64 iova)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = addr(va),
		.iova = iova,
		.size = PAGE,
	};

	return call(fd, VFIO_IOMMU_MAP_DMA, &arg);
}

static int dma_unmap(int fd, __u64 iova, __u64 size)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = iova,
		.size = size,
	};

	return call(fd, VFIO_IOMMU_UNMAP_DMA, &arg);
}

/* How many mappings can be made, as VFIO_IOMMU_GET_INFO reports it */
static long dma_avail(int fd)
{
	union {
		struct vfio_iommu_type1_info info;
		char bytes[4096];
	} arg = { .info.argsz = sizeof(arg) };
	struct vfio_iommu_type1_info_dma_avail *avail;
	struct vfio_info_cap_header *cap;
	__u32 at;

	if (call(fd, VFIO_IOMMU_GET_INFO, &arg))
		return -1;
	for (at = arg.info.cap_offset; at; at = cap->next) {
		cap = (void *)(arg.bytes + at);
		avail = (void *)cap;
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
			return avail->avail;
	}
	return -1;
}

TEST_F(limits, mappings)
{
	__u32 another_ioas;
	int i, another;

	ASSERT_EQ(0, set_vfio_ioas(self->fd, self->ioas));
	EXPECT_EQ(1048576, dma_avail(self->fd));
	ASSERT_EQ(0, set_limit(MAPPINGS, 8));
	EXPECT_EQ(8, dma_avail(self->fd));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, map(self->ioas, i));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, map(self->other, i));
	EXPECT_EQ(1, dma_avail(self->fd));

	/* A call that takes more than there is takes nothing. */
	EXPECT_EQ(-ENOSPC, ioas_copy(self->fd, self->other, self->ioas,
				     2 * PAGE, AT + 3 * PAGE, AT));
	EXPECT_FREE(self->other, 3);
	EXPECT_EQ(0, ioas_copy(self->fd, self->other, self->ioas, PAGE,
			       AT + 3 * PAGE, AT));

	EXPECT_EQ(0, dma_avail(self->fd));
	EXPECT_EQ(-ENOSPC, map(self->ioas, 4));
	EXPECT_EQ(-ENOSPC, map(self->other, 4));
	EXPECT_EQ(-ENOSPC, ioas_copy(self->fd, self->ioas, self->other, PAGE,
				     AT + 4 * PAGE, AT));
	EXPECT_EQ(-ENOSPC, dma_map(self->fd, self->memory, AT + 4 * PAGE));
	EXPECT_FREE(self->ioas, 4);
	EXPECT_FREE(self->other, 4);
	EXPECT_EQ(4, PINS);
	/* Other errors come first. */
	EXPECT_EQ(-EEXIST, map(self->ioas, 3));

	/* Another context has mappings of its own. */
	another = mock_open(&another_ioas);
	ASSERT_LE(0, another);
	EXPECT_EQ(0, ioas_map(another, another_ioas, self->memory, PAGE, AT));
	EXPECT_EQ(0, close(another));

	EXPECT_EQ(0, unmap(self->ioas, 0));
	EXPECT_EQ(0, map(self->other, 4));
	EXPECT_EQ(-ENOSPC, map(self->ioas, 0));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->other));
	EXPECT_EQ(5, dma_avail(self->fd));
	EXPECT_EQ(0, map(self->ioas, 0));
	for (i = 4; i < 8; i++)
		EXPECT_EQ(0, map(self->ioas, i));
	EXPECT_EQ(-ENOSPC, map(self->ioas, 8));
	EXPECT_EQ(8, PINS);
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, self->memory,
				    PAGE, AT + 7 * PAGE));
}

TEST_F(limits, mappings_of_a_call_that_fails)
{
	ASSERT_EQ(0, set_limit(MAPPINGS, 1));
	EXPECT_EQ(-EFAULT, ioas_map(self->fd, self->ioas, NULL, PAGE, AT));
	EXPECT_EQ(0, map(self->ioas, 0));
	EXPECT_EQ(-ENOSPC, map(self->ioas, 1));
}

TEST_F(limits, mapping_of_a_file)
{
	struct iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = FIXED | RW,
		.ioas_id = self->ioas,
		.fd = memfd_create("limits", MFD_CLOEXEC),
		.length = PAGE,
		.iova = AT + PAGE,
	};

	ASSERT_LE(0, arg.fd);
	ASSERT_EQ(0, ftruncate(arg.fd, PAGE));
	ASSERT_EQ(0, set_limit(MAPPINGS, 1));
	ASSERT_EQ(0, map(self->ioas, 0));
	EXPECT_EQ(-ENOSPC, call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
	EXPECT_FREE(self->ioas, 1);
	EXPECT_EQ(0, unmap(self->ioas, 0));
	EXPECT_EQ(0, call(self->fd, IOMMU_IOAS_MAP_FILE, &arg));
}

/* A limit that is below what there is takes nothing away. */
TEST_F(limits, fewer_mappings_than_there_are)
{
	ASSERT_EQ(0, map(self->ioas, 0));
	ASSERT_EQ(0, map(self->ioas, 1));
	ASSERT_EQ(0, set_vfio_ioas(self->fd, self->ioas));
	ASSERT_EQ(0, set_limit(MAPPINGS, 0));
	EXPECT_EQ(0, dma_avail(self->fd));
	EXPECT_EQ(-ENOSPC, map(self->ioas, 2));
	EXPECT_EQ(0, unmap(self->ioas, 0));
	EXPECT_EQ(-ENOSPC, map(self->ioas, 0));
	EXPECT_EQ(1, PINS);
}

/* Of the IOAS that has no device yet, so that its type can be set */
TEST_F(limits, mappings_that_are_split)
{
	struct mock_dev dev;
	int i;

	ASSERT_EQ(0, set_vfio_ioas(self->fd, self->other));
	ASSERT_EQ(0, call(self->fd, VFIO_SET_IOMMU, (void *)VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, mock_attach(self->fd, self->other, &dev));
	ASSERT_EQ(0, ioas_map(self->fd, self->other, self->memory, 4 * PAGE,
			      AT));
	ASSERT_EQ(0, set_limit(MAPPINGS, 1));
	EXPECT_EQ(-ENOSPC, dma_unmap(self->fd, AT + PAGE, PAGE));
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, self->memory,
				    4 * PAGE, AT));
	EXPECT_EQ(4, PINS);
	/* What leaves one mapping works at the limit. */
	EXPECT_EQ(0, dma_unmap(self->fd, AT + 3 * PAGE, PAGE));
	EXPECT_EQ(3, PINS);
	EXPECT_EQ(-ENOSPC, dma_unmap(self->fd, AT + PAGE, PAGE));

	ASSERT_EQ(0, set_limit(MAPPINGS, 2));
	EXPECT_EQ(0, dma_unmap(self->fd, AT + PAGE, PAGE));
	EXPECT_EQ(2, PINS);
	EXPECT_EQ(-ENOSPC, map(self->ioas, 0));
	EXPECT_EQ(2 * (long long)PAGE, ioas_empty(self->fd, self->other));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, map(self->ioas, i));
	EXPECT_EQ(-ENOSPC, map(self->ioas, 2));
}

#define alloc_hwpt(id)							\
	hwpt_alloc_data(self->fd, self->dev.dev_id, self->ioas, 0, NULL, id)

TEST_F(limits, page_tables)
{
	struct mock_dev dev;
	__u32 hwpt, ioas;
	int another;

	/* The device that is attached has an automatic one. */
	ASSERT_EQ(0, map(self->ioas, 0));
	ASSERT_EQ(0, set_limit(HWPTS, 2));
	EXPECT_EQ(0, alloc_hwpt(&hwpt));
	EXPECT_EQ(-ENOSPC, alloc_hwpt(&ioas));
	EXPECT_EQ(-ENOSPC, mock_attach(self->fd, self->other, &dev));
	EXPECT_EQ(-ENOSPC, mock_replace(self->fd, &self->dev, self->other));
	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, self->memory,
				    PAGE, AT));
	/* What takes none works. */
	EXPECT_EQ(0, mock_attach(self->fd, self->ioas, &dev));
	EXPECT_EQ(0, iommu_destroy(self->fd, dev.id));

	another = mock_open(&ioas);
	ASSERT_LE(0, another);
	EXPECT_EQ(0, mock_attach(another, ioas, &dev));
	EXPECT_EQ(0, close(another));

	EXPECT_EQ(0, iommu_destroy(self->fd, hwpt));
	EXPECT_EQ(0, mock_attach(self->fd, self->other, &dev));
	EXPECT_EQ(-ENOSPC, alloc_hwpt(&hwpt));
	/* An automatic page table goes with its last device. */
	EXPECT_EQ(0, iommu_destroy(self->fd, dev.id));
	EXPECT_EQ(0, alloc_hwpt(&hwpt));
	EXPECT_EQ(-ENOSPC, alloc_hwpt(&ioas));
}

/* A page table that could not be made, or filled, is not counted. */
TEST_F(limits, page_tables_that_fail)
{
	const struct iommu_hwpt_selftest unknown = { .pagetable_type = 99 };
	__u32 hwpt;

	ASSERT_EQ(0, set_limit(HWPTS, 2));
	EXPECT_EQ(-EOPNOTSUPP,
		  hwpt_alloc_data(self->fd, self->dev.dev_id, self->ioas, 0,
				  &unknown, &hwpt));
	/* Below the aperture of the mock */
	ASSERT_EQ(0, ioas_map(self->fd, self->other, self->memory, PAGE, PAGE));
	EXPECT_EQ(-EADDRINUSE,
		  hwpt_alloc_data(self->fd, self->dev.dev_id, self->other, 0,
				  NULL, &hwpt));
	EXPECT_EQ(0, alloc_hwpt(&hwpt));
	EXPECT_EQ(-ENOSPC, alloc_hwpt(&hwpt));
}

/* Mappings of a BAR, of which the mock makes regions */

FIXTURE(bars)
{
	int fd;
	__u32 ioas;
	__u32 other;		/* no device is attached */
	struct mock_dev dev;
	int region[2];
	char *memory[2];
};

FIXTURE_SETUP(bars)
{
	int i;

	ASSERT_EQ(0, set_defaults());
	self->fd = mock_open(&self->ioas);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	for (i = 0; i < 2; i++) {
		self->region[i] = mock_mmio(self->fd, 4 * PAGE);
		ASSERT_LE(0, self->region[i]);
		self->memory[i] = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
				       MAP_SHARED, self->region[i], 0);
		ASSERT_NE(MAP_FAILED, self->memory[i]);
		ASSERT_EQ(0, mock_mmio_set(self->fd, self->region[i], 1));
	}
	ASSERT_EQ(0, set_limit(BAR_MAPPINGS, 4));
}

FIXTURE_TEARDOWN(bars)
{
	int i;

	for (i = 0; i < 2; i++) {
		munmap(self->memory[i], 4 * PAGE);
		close(self->region[i]);
	}
	close(self->fd);
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, set_defaults());
}

#define map_bar(to, n, i)						\
	ioas_map(self->fd, to, self->memory[n], PAGE, AT + (i) * PAGE)
#define copy_bar(to, i)							\
	ioas_copy(self->fd, to, self->ioas, PAGE, AT + (i) * PAGE, AT)
#define check_bar(hwpt_id, n, i)					\
	mock_check_mmio(self->fd, hwpt_id, self->region[n], 0, PAGE,	\
			AT + (i) * PAGE, 1)

TEST_F(bars, mappings)
{
	int i;

	ASSERT_EQ(0, map_bar(self->ioas, 0, 0));
	for (i = 1; i < 4; i++)
		ASSERT_EQ(0, copy_bar(self->ioas, i));
	EXPECT_EQ(-ENOSPC, copy_bar(self->ioas, 4));
	EXPECT_EQ(-ENOSPC, map_bar(self->ioas, 0, 4));
	EXPECT_FREE(self->ioas, 4);
	EXPECT_EQ(-ENOENT, check_bar(self->dev.hwpt_id, 0, 4));
	/* Each device has mappings of its own. */
	EXPECT_EQ(0, map_bar(self->ioas, 1, 4));

	EXPECT_EQ(0, unmap(self->ioas, 2));
	EXPECT_EQ(0, copy_bar(self->ioas, 5));
	EXPECT_EQ(-ENOSPC, copy_bar(self->ioas, 2));
	/* A region that is revoked and restored has as many. */
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region[0], 0));
	EXPECT_EQ(-ENOSPC, copy_bar(self->ioas, 2));
	EXPECT_EQ(0, mock_mmio_set(self->fd, self->region[0], 1));
	EXPECT_EQ(0, check_bar(self->dev.hwpt_id, 0, 5));
	EXPECT_EQ(-ENOSPC, copy_bar(self->ioas, 2));
	EXPECT_EQ(5 * (long long)PAGE, ioas_empty(self->fd, self->ioas));
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, map_bar(self->ioas, 0, i));
	EXPECT_EQ(-ENOSPC, copy_bar(self->ioas, 4));
}

/* Each mapping counts for each page table. */
TEST_F(bars, mappings_in_page_tables)
{
	__u32 hwpt;
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, map_bar(self->ioas, 0, i));
	EXPECT_EQ(-ENOSPC, alloc_hwpt(&hwpt));
	EXPECT_EQ(0, check_bar(self->dev.hwpt_id, 0, 2));
	EXPECT_EQ(0, unmap(self->ioas, 2));
	EXPECT_EQ(0, alloc_hwpt(&hwpt));
	EXPECT_EQ(0, check_bar(hwpt, 0, 1));
	EXPECT_EQ(-ENOSPC, map_bar(self->ioas, 0, 2));
	EXPECT_FREE(self->ioas, 2);
	EXPECT_EQ(0, unmap(self->ioas, 1));
	EXPECT_EQ(0, map_bar(self->ioas, 0, 2));
	EXPECT_EQ(0, iommu_destroy(self->fd, hwpt));
	EXPECT_EQ(0, map_bar(self->ioas, 0, 3));
	EXPECT_EQ(0, map_bar(self->ioas, 0, 4));
	EXPECT_EQ(-ENOSPC, map_bar(self->ioas, 0, 5));
}

/* An IOAS without a device takes no time when a device is reset. */
TEST_F(bars, mappings_before_attach)
{
	struct mock_dev dev;
	int i;

	for (i = 0; i < 6; i++)
		ASSERT_EQ(0, map_bar(self->other, 0, i));
	EXPECT_EQ(-ENOSPC, mock_attach(self->fd, self->other, &dev));
	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(0, unmap(self->other, 0));
	EXPECT_EQ(0, unmap(self->other, 1));
	EXPECT_EQ(0, mock_attach(self->fd, self->other, &dev));
	EXPECT_EQ(0, check_bar(dev.hwpt_id, 0, 5));
	EXPECT_EQ(-ENOSPC, map_bar(self->ioas, 0, 0));
	EXPECT_EQ(0, iommu_destroy(self->fd, dev.id));
	EXPECT_EQ(0, map_bar(self->ioas, 0, 0));
}

/* Those of all contexts count together. */
TEST_F(bars, mappings_of_two_contexts)
{
	struct mock_dev dev;
	__u32 ioas;
	int i, fd = mock_open(&ioas);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, mock_attach(fd, ioas, &dev));
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, ioas_map(fd, ioas, self->memory[0], PAGE,
				      AT + i * PAGE));
	EXPECT_EQ(0, map_bar(self->ioas, 0, 0));
	EXPECT_EQ(-ENOSPC, map_bar(self->ioas, 0, 1));
	EXPECT_EQ(-ENOSPC, ioas_map(fd, ioas, self->memory[0], PAGE,
				    AT + 3 * PAGE));
	EXPECT_EQ(0, check_bar(self->dev.hwpt_id, 0, 0));
	close(fd);
	for (i = 1; i < 4; i++)
		EXPECT_EQ(0, map_bar(self->ioas, 0, i));
	EXPECT_EQ(-ENOSPC, map_bar(self->ioas, 0, 4));
}

TEST_F(bars, mappings_that_are_split)
{
	struct mock_dev dev;

	ASSERT_EQ(0, set_vfio_ioas(self->fd, self->other));
	ASSERT_EQ(0, call(self->fd, VFIO_SET_IOMMU, (void *)VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, mock_attach(self->fd, self->other, &dev));
	ASSERT_EQ(0, set_limit(BAR_MAPPINGS, 1));
	ASSERT_EQ(0, ioas_map(self->fd, self->other, self->memory[0], 4 * PAGE,
			      AT));
	EXPECT_EQ(-ENOSPC, dma_unmap(self->fd, AT + PAGE, PAGE));
	EXPECT_EQ(0, mock_check_mmio(self->fd, dev.hwpt_id, self->region[0], 0,
				     4 * PAGE, AT, 1));
	EXPECT_EQ(0, dma_unmap(self->fd, AT, PAGE));
	ASSERT_EQ(0, set_limit(BAR_MAPPINGS, 2));
	EXPECT_EQ(0, dma_unmap(self->fd, AT + 2 * PAGE, PAGE));
	EXPECT_EQ(-ENOSPC, map_bar(self->ioas, 0, 0));
	EXPECT_EQ(2 * (long long)PAGE, ioas_empty(self->fd, self->other));
	EXPECT_EQ(0, map_bar(self->ioas, 0, 0));
	EXPECT_EQ(0, map_bar(self->ioas, 0, 1));
	EXPECT_EQ(-ENOSPC, map_bar(self->ioas, 0, 2));
}

/* Faults that are queued or delivered count, those of all queues together. */
TEST_F(fault, limit_of_faults)
{
	__u32 queue, hwpt;
	int file = fault_queue_alloc(self->fd, &queue);
	struct mock_dev dev;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, set_limit(FAULTS, 4));
	ASSERT_EQ(0, hwpt_alloc_faults(self->fd, self->dev.dev_id, self->ioas,
				       queue, &hwpt));
	ASSERT_EQ(0, mock_attach(self->fd, hwpt, &dev));
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(1, queue_take(self->file));
	ASSERT_EQ(0, mock_fault_pages(self->fd, dev.dev_id, 2, 2));
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	/* A group is refused as a whole. */
	EXPECT_EQ(0, RAISE_PAGES(3, 2));
	EXPECT_ANSWERS(self->since, 2, 0, 1);
	EXPECT_EQ(3, mock_answers().last);
	EXPECT_EQ(POLLOUT, queue_events(self->file));
	EXPECT_EQ(0, RAISE(4));
	EXPECT_ANSWERS(self->since, 3, 0, 1);
	EXPECT_EQ(0, RAISE(5));
	EXPECT_ANSWERS(self->since, 3, 0, 2);
	EXPECT_EQ(0, mock_fault(self->fd, dev.dev_id, 6));
	EXPECT_ANSWERS(self->since, 3, 0, 3);

	/* An answer, and the end of an attachment, make room. */
	EXPECT_EQ(1, queue_answer(self->file, 1, SUCCESS));
	EXPECT_EQ(0, RAISE(7));
	EXPECT_ANSWERS(self->since, 3, 1, 3);
	EXPECT_EQ(0, RAISE(8));
	EXPECT_ANSWERS(self->since, 3, 1, 4);
	ASSERT_EQ(0, iommu_destroy(self->fd, dev.id));
	EXPECT_ANSWERS(self->since, 2, 1, 5);
	EXPECT_EQ(0, RAISE_PAGES(9, 2));
	EXPECT_EQ(0, RAISE(10));
	EXPECT_ANSWERS(self->since, 3, 1, 6);

	/* A lower limit takes nothing away. */
	ASSERT_EQ(0, set_limit(FAULTS, 0));
	EXPECT_ANSWERS(self->since, 3, 1, 6);
	EXPECT_EQ(0, RAISE(11));
	EXPECT_ANSWERS(self->since, 3, 1, 7);
	close(file);
	ASSERT_EQ(0, set_defaults());
}

TEST_F(fault, limit_of_faults_by_default)
{
	unsigned int i;

	ASSERT_EQ(0, set_defaults());
	for (i = 0; i < 32; i++)
		ASSERT_EQ(0, RAISE_PAGES(i, MOCK_MAX_FAULTS));
	EXPECT_ANSWERS(self->since, 32, 0, 0);
	EXPECT_EQ(0, RAISE(32));
	EXPECT_ANSWERS(self->since, 32, 0, 1);
}

TEST_F(fault, limit_of_faults_of_each_context)
{
	__u32 ioas, queue, hwpt;
	int fd = mock_open(&ioas), file;
	struct mock_dev dev;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, set_limit(FAULTS, 1));
	ASSERT_EQ(0, mock_attach(fd, ioas, &dev));
	file = fault_queue_alloc(fd, &queue);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, hwpt_alloc_faults(fd, dev.dev_id, ioas, queue, &hwpt));
	ASSERT_EQ(0, mock_replace(fd, &dev, hwpt));
	ASSERT_EQ(0, RAISE(1));
	ASSERT_EQ(0, mock_fault(fd, dev.dev_id, 2));
	EXPECT_ANSWERS(self->since, 2, 0, 0);
	close(file);
	close(fd);
	ASSERT_EQ(0, set_defaults());
}

TEST_HARNESS_MAIN
