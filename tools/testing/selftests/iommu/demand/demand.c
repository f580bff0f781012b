// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_OPTION_ON_DEMAND and IOMMU_IOAS_DEMAND, an IOAS whose memory is pinned when
 * a device faults: what the calls promise.
 */
#include <sys/mman.h>
#include <sys/resource.h>

#include "access.h"
#include "container/vaddr.h"
#include "demand.h"

#define NPAGES		16UL

/* A mock device attached to an IOAS on demand, and small pages, not mapped */
FIXTURE(demand)
{
	int fd;
	__u32 ioas;
	struct mock_dev dev;
	char *memory;
	long pinned;
};

FIXTURE_SETUP(demand)
{
	self->fd = mock_open(&self->ioas);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommu_option_set(self->fd, ON_DEMAND, self->ioas, 1));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	self->memory = small_pages(NPAGES * PAGE);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
}

FIXTURE_TEARDOWN(demand)
{
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(self->pinned, pinned());
}

static int map_all(int fd, __u32 ioas, const char *memory)
{
	return ioas_map(fd, ioas, memory, NPAGES * PAGE, AT);
}

#define MAP_ALL()	map_all(self->fd, self->ioas, self->memory)

/* The option */

static int get_option(int fd, __u32 ioas)
{
	__u64 value = 77;

	return iommu_option(fd, IOMMU_OPTION_OP_GET, ON_DEMAND, ioas, &value) ?:
	       (int)value;
}

TEST(option)
{
	__u64 value = 1;
	__u32 ioas, other;
	int fd = mock_open(&ioas);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioas_alloc(fd, &other));
	EXPECT_EQ(0, get_option(fd, ioas));
	EXPECT_EQ(0, iommu_option_set(fd, ON_DEMAND, ioas, 1));
	EXPECT_EQ(1, get_option(fd, ioas));
	EXPECT_EQ(0, get_option(fd, other));
	EXPECT_EQ(-EINVAL, iommu_option_set(fd, ON_DEMAND, ioas, 2));
	EXPECT_EQ(-EINVAL, iommu_option_set(fd, ON_DEMAND, ioas, 1ULL << 32));
	EXPECT_EQ(1, get_option(fd, ioas));
	EXPECT_EQ(0, iommu_option_set(fd, ON_DEMAND, ioas, 0));
	EXPECT_EQ(0, get_option(fd, ioas));
	EXPECT_EQ(-ENOENT, iommu_option_set(fd, ON_DEMAND, 0, 1));
	EXPECT_EQ(-ENOENT, iommu_option_set(fd, ON_DEMAND, BAD_ID, 1));
	EXPECT_EQ(-ENOENT, iommu_option(fd, IOMMU_OPTION_OP_GET, ON_DEMAND,
					BAD_ID, &value));
	EXPECT_EQ(-EOPNOTSUPP, iommu_option(fd, 2, ON_DEMAND, ioas, &value));
	close(fd);
}

TEST(option_of_what_is_in_use_stays)
{
	struct mock_dev dev;
	char *page = small_pages(PAGE);
	__u32 ioas;
	int fd = mock_open(&ioas);
	int i;

	ASSERT_LE(0, fd);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, iommu_option_set(fd, ON_DEMAND, ioas, i));
		ASSERT_EQ(0, ioas_map(fd, ioas, page, PAGE, AT));
		EXPECT_EQ(-EBUSY, iommu_option_set(fd, ON_DEMAND, ioas, !i));
		EXPECT_EQ(0, iommu_option_set(fd, ON_DEMAND, ioas, i));
		ASSERT_EQ(0, ioas_unmap(fd, ioas, AT, PAGE));

		ASSERT_EQ(0, mock_attach(fd, ioas, &dev));
		EXPECT_EQ(-EBUSY, iommu_option_set(fd, ON_DEMAND, ioas, !i));
		EXPECT_EQ(0, iommu_option_set(fd, ON_DEMAND, ioas, i));
		EXPECT_EQ(i, get_option(fd, ioas));
		ASSERT_EQ(0, iommu_destroy(fd, dev.id));
	}
	close(fd);
}

TEST(mappings_are_whole_pages)
{
	struct iommu_iova_range ranges[4];
	__u32 ioas, n = ARRAY_LEN(ranges);
	char *page = small_pages(2 * PAGE);
	int fd = mock_open(&ioas);
	__u64 align;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, iommu_option_set(fd, ON_DEMAND, ioas, 1));
	ASSERT_EQ(0, ioas_ranges(fd, ioas, ranges, &n, &align));
	EXPECT_EQ(PAGE, align);
	EXPECT_EQ(-EINVAL, ioas_map(fd, ioas, page, HALF, AT));
	EXPECT_EQ(-EINVAL, ioas_map(fd, ioas, page + HALF, PAGE, AT));
	EXPECT_EQ(-EINVAL, ioas_map(fd, ioas, page, PAGE, AT + HALF));
	EXPECT_EQ(0, ioas_map(fd, ioas, page, PAGE, AT));
	close(fd);
}

/* Devices and page tables */

TEST_F(demand, devices_without_page_faults_are_not_attached)
{
	__u32 dev_id, hwpt, normal;
	int dev = vfio_open_bound(EDU, self->fd, &dev_id);

	ASSERT_LE(0, dev);
	EXPECT_EQ(-EOPNOTSUPP, vfio_attach(dev, self->ioas, &hwpt));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->fd, dev_id, self->ioas, 0,
					  &hwpt));
	/* It is detached still, and can be attached elsewhere */
	ASSERT_EQ(0, ioas_alloc(self->fd, &normal));
	EXPECT_EQ(0, vfio_attach(dev, normal, &hwpt));
	EXPECT_EQ(-EOPNOTSUPP, vfio_attach(dev, self->ioas, &hwpt));
	EXPECT_EQ(0, vfio_detach(dev));
	close(dev);
}

TEST_F(demand, flags_of_page_tables)
{
	__u32 hwpt;

	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->fd, self->dev.dev_id,
					  self->ioas, TRACKED, &hwpt));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->fd, self->dev.dev_id,
					  self->ioas,
					  IOMMU_HWPT_ALLOC_NEST_PARENT, &hwpt));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->fd, self->dev.dev_id,
					  self->ioas, 1U << 31, &hwpt));
	EXPECT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas,
				IOMMU_HWPT_ALLOC_PASID, &hwpt));
	EXPECT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&hwpt));
}

/* Nothing but a device's fault or a call pins, wherever the page table is from */
TEST_F(demand, map_pins_nothing)
{
	EXPECT_EQ(0, MAP_ALL());
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	EXPECT_EQ(-EINVAL, FOUND(0, 1));
	EXPECT_EQ(0, FDINFO("pinned"));
	EXPECT_EQ((long)(NPAGES * PAGE / 1024), FDINFO("mapped"));
	EXPECT_EQ(0, FDINFO("faults"));
	EXPECT_EQ(0, FDINFO("faults-failed"));
	/* What is no memory, too: nobody has looked */
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas, (void *)PAGE, PAGE,
			      AT + MiB));
	EXPECT_EQ(NPAGES * PAGE, ioas_empty(self->fd, self->ioas) - PAGE);
}

TEST(other_ioas_has_no_lines_about_faults)
{
	__u32 ioas;
	int fd = mock_open(&ioas);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, fdinfo_of(fd, ioas, "pinned"));
	EXPECT_EQ(-1, fdinfo_of(fd, ioas, "faults"));
	EXPECT_EQ(-1, fdinfo_of(fd, ioas, "faults-failed"));
	close(fd);
}

/* The call */

static int demand_raw(int fd, __u32 size, __u32 ioas, __u32 op, __u32 reserved,
		      __u64 iova, __u64 length)
{
	struct {
		struct iommu_ioas_demand arg;
		__u64 more;
	} cmd = {
		.arg = {
			.size = size,
			.ioas_id = ioas,
			.op = op,
			.__reserved = reserved,
			.iova = iova,
			.length = length,
		},
		.more = size > sizeof(cmd.arg) && reserved,
	};

	return call(fd, IOMMU_IOAS_DEMAND, &cmd);
}

#define RAW(ioas, op, reserved, iova, length)				\
	demand_raw(self->fd, sizeof(struct iommu_ioas_demand), ioas, op,	\
		   reserved, iova, length)

/* Each error comes before those after it. */
TEST_F(demand, order_of_errors)
{
	__u32 normal, op;

	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, ioas_alloc(self->fd, &normal));
	EXPECT_EQ(-EINVAL, demand_raw(self->fd, 31, self->ioas, 99, 1, 0, 0));
	EXPECT_EQ(-E2BIG, demand_raw(self->fd, 40, self->ioas, 99, 1, 0, 0));
	EXPECT_EQ(0, demand_raw(self->fd, 40, self->ioas, 0, 0, AT, PAGE));
	EXPECT_EQ(-EOPNOTSUPP, RAW(BAD_ID, 4, 0, AT, 0));
	EXPECT_EQ(-EOPNOTSUPP, RAW(BAD_ID, ~0U, 0, AT, 0));
	for (op = 0; op < 4; op++) {
		EXPECT_EQ(-EOPNOTSUPP, RAW(BAD_ID, op, 1, AT, 0));
		EXPECT_EQ(-EINVAL, RAW(BAD_ID, op, 0, AT, 0));
		EXPECT_EQ(-EOVERFLOW, RAW(BAD_ID, op, 0, AT, ALL));
		EXPECT_EQ(-EOVERFLOW, RAW(BAD_ID, op, 0, AT, -AT + 1));
		EXPECT_EQ(-EINVAL, RAW(BAD_ID, op, 0, AT + 1, PAGE));
		EXPECT_EQ(-EINVAL, RAW(BAD_ID, op, 0, AT, PAGE + HALF));
		EXPECT_EQ(-ENOENT, RAW(BAD_ID, op, 0, AT, PAGE));
		EXPECT_EQ(-ENOENT, RAW(self->dev.dev_id, op, 0, AT, PAGE));
		EXPECT_EQ(-EOPNOTSUPP, RAW(normal, op, 0, AT, PAGE));
		EXPECT_EQ(-ENOENT, RAW(self->ioas, op, 0, AT - PAGE, PAGE));
		EXPECT_EQ(-ENOENT, RAW(self->ioas, op, 0, AT - PAGE, 2 * PAGE));
		EXPECT_EQ(-ENOENT, RAW(self->ioas, op, 0, AT,
				       (NPAGES + 1) * PAGE));
		EXPECT_EQ(-ENOENT, RAW(self->ioas, op, 0, 0, -PAGE));
	}
	/* One page was populated above, by the largest size. */
	EXPECT_EQ(0, REFS(0, 1, 1));
	EXPECT_EQ(0, REFS(1, NPAGES - 1, 0));
}

TEST_F(demand, populates_and_releases)
{
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ(0, POPULATE(3, 5));
	EXPECT_EQ(0, FOUND(3, 5));
	EXPECT_EQ(-EINVAL, FOUND(2, 1));
	EXPECT_EQ(-EINVAL, FOUND(8, 1));
	EXPECT_EQ(0, REFS(0, 3, 0));
	EXPECT_EQ(0, REFS(3, 5, 1));
	EXPECT_EQ(0, REFS(8, 8, 0));
	EXPECT_EQ((long)(5 * PAGE / 1024), FDINFO("pinned"));
	/* Again, and around it */
	EXPECT_EQ(0, POPULATE(4, 1));
	EXPECT_EQ(0, POPULATE(0, NPAGES));
	EXPECT_EQ(0, FOUND(0, NPAGES));
	EXPECT_EQ(0, REFS(0, NPAGES, 1));
	/* Of three pieces, these two are in the range. */
	EXPECT_EQ(0, RELEASE(0, NPAGES - 1));
	EXPECT_EQ(0, REFS(0, 8, 0));
	EXPECT_EQ(0, REFS(8, 8, 1));
	EXPECT_EQ(0, FOUND(8, 8));
	EXPECT_EQ(-EINVAL, FOUND(0, 1));
	EXPECT_EQ(-EINVAL, FOUND(7, 1));
	/* What is not populated needs no release. */
	EXPECT_EQ(0, RELEASE(0, NPAGES));
	EXPECT_EQ(0, RELEASE(0, NPAGES));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	EXPECT_EQ(0, FDINFO("pinned"));
	EXPECT_EQ(0, FDINFO("faults"));
}

TEST_F(demand, ranges_may_have_several_mappings)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, self->memory, 4 * PAGE,
			      AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, self->memory + 4 * PAGE,
			      12 * PAGE, AT + 4 * PAGE));
	EXPECT_EQ(0, PIN(2, 10));
	EXPECT_EQ(0, FOUND(2, 10));
	EXPECT_EQ(0, UNPIN(2, 10));
	EXPECT_EQ(0, RELEASE(0, 16));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
}

TEST_F(demand, what_is_pinned_is_not_released)
{
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, POPULATE(0, 2));
	ASSERT_EQ(0, PIN(4, 4));
	EXPECT_EQ(0, REFS(4, 4, 1));
	EXPECT_EQ(-EBUSY, RELEASE(0, NPAGES));
	EXPECT_EQ(-EBUSY, RELEASE(5, 1));
	EXPECT_EQ(0, REFS(0, 2, 1));
	EXPECT_EQ(0, REFS(4, 4, 1));
	EXPECT_EQ(0, RELEASE(0, 4));
	EXPECT_EQ(0, REFS(0, 2, 0));

	/* Each pin is undone once. */
	ASSERT_EQ(0, PIN(4, 4));
	EXPECT_EQ(0, UNPIN(4, 4));
	EXPECT_EQ(-EBUSY, RELEASE(0, NPAGES));
	EXPECT_EQ(0, UNPIN(4, 4));
	EXPECT_EQ(-ENOENT, UNPIN(4, 4));
	EXPECT_EQ(0, REFS(4, 4, 1));
	EXPECT_EQ(0, RELEASE(0, NPAGES));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
}

TEST_F(demand, unpin_of_what_is_not_all_pinned_changes_nothing)
{
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ(-ENOENT, UNPIN(0, 1));
	ASSERT_EQ(0, PIN(0, 2));
	ASSERT_EQ(0, POPULATE(2, 2));
	ASSERT_EQ(0, PIN(6, 2));
	EXPECT_EQ(-ENOENT, UNPIN(0, 3));
	EXPECT_EQ(-ENOENT, UNPIN(0, 8));
	EXPECT_EQ(-ENOENT, UNPIN(4, 4));
	EXPECT_EQ(-ENOENT, UNPIN(6, 3));
	EXPECT_EQ(0, UNPIN(0, 2));
	EXPECT_EQ(0, UNPIN(6, 2));
	EXPECT_EQ(0, RELEASE(0, NPAGES));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
}

/* What was populated before the page that fails is released again. */
TEST_F(demand, a_call_that_fails_changes_nothing)
{
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, PIN(2, 1));
	ASSERT_EQ(0, POPULATE(4, 1));
	ASSERT_EQ(0, munmap(self->memory + 12 * PAGE, PAGE));
	EXPECT_EQ(-EFAULT, POPULATE(0, NPAGES));
	EXPECT_EQ(-EFAULT, PIN(0, NPAGES));
	EXPECT_EQ(-EFAULT, PIN(12, 1));
	EXPECT_EQ(0, REFS(0, 2, 0));
	EXPECT_EQ(0, REFS(2, 1, 1));
	EXPECT_EQ(0, REFS(3, 1, 0));
	EXPECT_EQ(0, REFS(4, 1, 1));
	EXPECT_EQ(0, REFS(5, 7, 0));
	EXPECT_EQ((long)(2 * PAGE / 1024), FDINFO("pinned"));
	EXPECT_EQ(0, FOUND(2, 1));
	EXPECT_EQ(-EINVAL, FOUND(3, 1));
	/* The pin that there was is still one. */
	EXPECT_EQ(-EBUSY, RELEASE(0, NPAGES));
	EXPECT_EQ(0, UNPIN(2, 1));
	EXPECT_EQ(-ENOENT, UNPIN(2, 1));
	EXPECT_EQ(-ENOENT, UNPIN(4, 1));
	EXPECT_EQ(0, RELEASE(0, NPAGES));
	EXPECT_EQ(0, REFS(0, 12, 0));
}

TEST_F(demand, without_a_page_table_nothing_is_populated)
{
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, PIN(0, NPAGES));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	EXPECT_EQ(0, FDINFO("pinned"));
	EXPECT_EQ(-ENODEV, POPULATE(0, NPAGES));
	EXPECT_EQ(-ENODEV, PIN(0, NPAGES));
	EXPECT_EQ(-ENOENT, UNPIN(0, NPAGES));
	EXPECT_EQ(0, RELEASE(0, NPAGES));

	ASSERT_EQ(0, mock_attach(self->fd, self->ioas, &self->dev));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	EXPECT_EQ(-EINVAL, FOUND(0, 1));
	EXPECT_EQ(-ENOENT, UNPIN(0, NPAGES));
	EXPECT_EQ(0, POPULATE(0, NPAGES));
	EXPECT_EQ(0, FOUND(0, NPAGES));
}

TEST_F(demand, another_page_table_gets_what_is_populated)
{
	struct mock_dev other;
	__u32 hwpt;

	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, POPULATE(1, 2));
	ASSERT_EQ(0, PIN(5, 3));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas, 0,
				&hwpt));
	EXPECT_EQ(0, mock_check_map(self->fd, hwpt, self->memory + PAGE,
				    2 * PAGE, AT + PAGE));
	EXPECT_EQ(0, mock_check_map(self->fd, hwpt, self->memory + 5 * PAGE,
				    3 * PAGE, AT + 5 * PAGE));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, hwpt, self->memory, PAGE,
					  AT));
	/* Memory is pinned once for both, and leaves both. */
	EXPECT_EQ(0, REFS(1, 2, 1));
	ASSERT_EQ(0, POPULATE(10, 1));
	EXPECT_EQ(0, mock_check_map(self->fd, hwpt, self->memory + 10 * PAGE,
				    PAGE, AT + 10 * PAGE));
	EXPECT_EQ(0, REFS(10, 1, 1));
	ASSERT_EQ(0, RELEASE(0, 5));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, hwpt, self->memory + PAGE,
					  PAGE, AT + PAGE));
	EXPECT_EQ(0, REFS(1, 2, 0));

	ASSERT_EQ(0, mock_attach(self->fd, hwpt, &other));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(0, REFS(5, 3, 1));
	EXPECT_EQ(0, mock_check_map(self->fd, hwpt, self->memory + 5 * PAGE,
				    3 * PAGE, AT + 5 * PAGE));
	ASSERT_EQ(0, iommu_destroy(self->fd, other.id));
	ASSERT_EQ(0, iommu_destroy(self->fd, hwpt));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
}

TEST_F(demand, unmap_takes_along_what_is_populated_and_pinned)
{
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, POPULATE(0, 4));
	ASSERT_EQ(0, PIN(8, 8));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, NPAGES * PAGE));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	EXPECT_EQ(-ENOENT, POPULATE(0, 1));
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	EXPECT_EQ(-EINVAL, FOUND(0, 1));
}

TEST_F(demand, a_copy_shares_memory_but_not_what_is_populated)
{
	struct mock_dev other;
	__u32 normal;

	ASSERT_EQ(0, ioas_alloc(self->fd, &normal));
	ASSERT_EQ(0, mock_attach(self->fd, normal, &other));
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, POPULATE(0, 2));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, self->ioas, NPAGES * PAGE,
			       AT + MiB, AT));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, self->dev.hwpt_id,
					  self->memory, PAGE, AT + MiB));
	/* In an IOAS that is not on demand a copy is pinned. */
	ASSERT_EQ(0, ioas_copy(self->fd, normal, self->ioas, NPAGES * PAGE, AT,
			       AT));
	EXPECT_EQ(0, REFS(0, NPAGES, 1));
	EXPECT_EQ(0, RELEASE(0, NPAGES));
	EXPECT_EQ(0, REFS(0, NPAGES, 1));
	ASSERT_EQ(0, ioas_unmap(self->fd, normal, AT, NPAGES * PAGE));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));

	/* From one, it is not. */
	ASSERT_EQ(0, ioas_map(self->fd, normal, self->memory, 2 * PAGE, AT));
	ASSERT_EQ(0, ioas_copy(self->fd, self->ioas, normal, 2 * PAGE,
			       AT + 2 * MiB, AT));
	ASSERT_EQ(0, ioas_unmap(self->fd, normal, AT, 2 * PAGE));
	EXPECT_EQ(0, REFS(0, 2, 0));
	EXPECT_EQ(0, ioas_demand(self->fd, self->ioas, 0, AT + 2 * MiB,
				 2 * PAGE));
	EXPECT_EQ(0, REFS(0, 2, 1));
}

TEST_F(demand, accesses_pin_for_themselves)
{
	int access = access_create(self->fd, self->ioas, NEEDS_PIN);
	__u32 id;

	ASSERT_LE(0, access);
	ASSERT_EQ(0, MAP_ALL());
	ASSERT_EQ(0, access_pin(self->fd, access, AT, 4 * PAGE, self->memory,
				PIN_WRITE, &id));
	EXPECT_EQ(0, REFS(0, 4, 1));
	EXPECT_EQ(0, REFS(4, 12, 0));
	EXPECT_EQ(-EINVAL, FOUND(0, 1));
	ASSERT_EQ(0, POPULATE(0, 4));
	EXPECT_EQ(0, REFS(0, 4, 1));
	/* The device loses the memory, the access does not. */
	EXPECT_EQ(0, RELEASE(0, NPAGES));
	EXPECT_EQ(-EINVAL, FOUND(0, 1));
	EXPECT_EQ(0, REFS(0, 4, 1));
	ASSERT_EQ(0, access_unpin(self->fd, access, id));
	EXPECT_EQ(0, REFS(0, 4, 0));

	/* Unmap has it drop its pin. */
	ASSERT_EQ(0, access_pin(self->fd, access, AT, PAGE, self->memory,
				PIN_WRITE, &id));
	ASSERT_EQ(0, POPULATE(0, 1));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, AT, NPAGES * PAGE));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	close(access);
}

TEST_F(demand, accesses_copy)
{
	int access = access_create(self->fd, self->ioas, 0);
	char text[] = "on demand";

	ASSERT_LE(0, access);
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ(0, access_rw(self->fd, access, AT + PAGE, sizeof(text), text,
			       RW_WRITE));
	EXPECT_STREQ("on demand", self->memory + PAGE);
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
	close(access);
}

TEST_F(demand, mmio_is_reached_at_once)
{
	int region = mock_mmio(self->fd, 2 * PAGE);
	char *mmio;

	ASSERT_LE(0, region);
	mmio = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, region,
		    0);
	ASSERT_NE(MAP_FAILED, mmio);
	ASSERT_EQ(0, mock_mmio_set(self->fd, region, 1));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, self->memory, PAGE, AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, mmio, 2 * PAGE,
			      AT + PAGE));
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, region, 0,
				     2 * PAGE, AT + PAGE, 1));
	EXPECT_EQ(-EINVAL, POPULATE(0, 3));
	EXPECT_EQ(-EINVAL, PIN(1, 1));
	EXPECT_EQ(0, REFS(0, 1, 0));
	EXPECT_EQ(0, RELEASE(0, 3));
	EXPECT_EQ(0, mock_check_mmio(self->fd, self->dev.hwpt_id, region, 0,
				     2 * PAGE, AT + PAGE, 1));
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas, AT + PAGE, 2 * PAGE));
	munmap(mmio, 2 * PAGE);
	close(region);
}

/* Memory that shares no page with another piece is one, up to 2 MiB of it. */
TEST_F(demand, pieces_end_at_multiples_of_2_mib_of_the_memory)
{
	const unsigned long n = 3 * HUGE / PAGE;
	char *memory = anon_aligned(3 * HUGE, HUGE);

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, madvise(memory, 3 * HUGE, MADV_NOHUGEPAGE));
	memset(memory, 1, 3 * HUGE);
	self->memory = memory;
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, memory, 3 * HUGE, AT));
	ASSERT_EQ(0, POPULATE(1, n - 2));
	EXPECT_EQ(0, FOUND(1, n - 2));
	/* The first page of the middle piece is not in the range */
	EXPECT_EQ(0, RELEASE(513, n - 513));
	EXPECT_EQ(0, REFS(1, 1023, 1));
	EXPECT_EQ(0, REFS(1024, 511, 0));
	EXPECT_EQ(0, RELEASE(512, 512));
	EXPECT_EQ(0, REFS(1, 511, 1));
	EXPECT_EQ(0, REFS(512, 512, 0));
	EXPECT_EQ(0, RELEASE(1, 511));
	EXPECT_EQ(0, REFS(0, n, 0));
}

/* Calls that would need what is pinned at once, or in one piece */

TEST_F(demand, user_addresses_do_not_change)
{
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas));
	ASSERT_EQ(0, MAP_ALL());
	EXPECT_EQ(0, may_update(self->fd));
	EXPECT_EQ(-EBUSY, forget(self->fd, AT, NPAGES * PAGE));
	EXPECT_EQ(0, POPULATE(0, NPAGES));
	EXPECT_EQ(-EBUSY, forget_all(self->fd));
}

TEST_F(demand, a_file_changes_its_process)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };
	int file = memfd_create("demand", MFD_CLOEXEC);

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, NPAGES * PAGE));
	ASSERT_EQ(0, ioas_map_file(self->fd, self->ioas, file, 0, NPAGES * PAGE,
				   AT));
	EXPECT_EQ(0, POPULATE(0, 4));
	EXPECT_EQ((long)(4 * PAGE / 1024), FDINFO("pinned"));
	EXPECT_EQ(0, call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas, self->memory, PAGE,
			      AT + MiB));
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_IOAS_CHANGE_PROCESS, &arg));
	close(file);
}

TEST_F(demand, mappings_are_not_split)
{
	ASSERT_EQ(0, set_ioas(self->fd, self->ioas));
	ASSERT_EQ(0, ioctl(self->fd, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, map(self->fd, self->memory, AT, NPAGES * PAGE));
	ASSERT_EQ(0, POPULATE(0, NPAGES));
	EXPECT_EQ(-EINVAL, dma_unmap(self->fd, 0, AT, PAGE));
	EXPECT_EQ(0, REFS(0, NPAGES, 1));
	EXPECT_EQ((long long)(NPAGES * PAGE),
		  dma_unmap(self->fd, 0, AT, NPAGES * PAGE));
	EXPECT_EQ(0, REFS(0, NPAGES, 0));
}

TEST_HARNESS_MAIN
