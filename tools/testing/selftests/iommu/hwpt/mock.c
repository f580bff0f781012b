// SPDX-License-Identifier: GPL-2.0-only
/* The mock IOMMU: its devices, and each operation of IOMMU_TEST_CMD */
#include "../kernel.h"
#include "hwpt.h"

#define AT		(64 * MiB)	/* an IOVA that begins a huge page */
#define MEMORY		(64 * PAGE)

/* One IOAS and one mock device */
FIXTURE(device)
{
	int fd;
	__u32 ioas_id;
	__u32 other_id;
	struct mock_dev dev;
	char *memory;
	long pinned;
};

FIXTURE_SETUP(device)
{
	self->fd = mock_open(&self->ioas_id);
	ASSERT_LE(0, self->fd);
	self->memory = small_pages(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
}

FIXTURE_TEARDOWN(device)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
}

/* Devices and objects */

TEST_F(device, has_a_group)
{
	char path[256], link[256];
	DIR *dir = opendir("/sys/bus/iommufd_mock/devices");
	struct dirent *e;

	ASSERT_NE(NULL, dir);
	do {
		e = readdir(dir);
		ASSERT_NE(NULL, e);
	} while (e->d_name[0] == '.');
	snprintf(path, sizeof(path),
		 "/sys/bus/iommufd_mock/devices/%.64s/iommu_group", e->d_name);
	closedir(dir);
	EXPECT_LT(0, readlink(path, link, sizeof(link)));
	EXPECT_EQ(1, mock_devices());
}

TEST_F(device, destroy_of_what_is_used)
{
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->dev.dev_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->dev.hwpt_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
}

TEST_F(device, destroy_of_the_test_object)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 1));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 0));
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, self->dev.dev_id));
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, self->dev.hwpt_id));
	EXPECT_EQ(-ENOENT, mock_check_map(self->fd, self->dev.hwpt_id,
					  self->memory, HALF, AT));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

/* Closing destroys all objects, whatever was made first */
TEST_F(device, close_with_many_devices)
{
	struct mock_dev dev;
	int i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, mock_attach(self->fd, i % 2 ? self->ioas_id :
						   self->other_id, &dev));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, PAGE,
			      AT));
	EXPECT_EQ(11, mock_devices());
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 2));
}

TEST_F(device, devices_share_a_page_table)
{
	struct mock_dev second, third;

	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &second));
	EXPECT_EQ(self->dev.hwpt_id, second.hwpt_id);
	EXPECT_NE(self->dev.dev_id, second.dev_id);
	EXPECT_NE(self->dev.id, second.id);
	ASSERT_EQ(0, mock_attach(self->fd, self->dev.hwpt_id, &third));
	EXPECT_EQ(self->dev.hwpt_id, third.hwpt_id);

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, iommu_destroy(self->fd, third.id));
	EXPECT_EQ(0, mock_check_map(self->fd, second.hwpt_id, self->memory,
				    PAGE, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 1));
	ASSERT_EQ(0, iommu_destroy(self->fd, second.id));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 0));
}

TEST_F(device, page_table_of_another_provider)
{
	__u32 dev_id, hwpt_id;
	struct mock_dev dev;
	int edu;

	edu = vfio_open_bound(EDU, self->fd, &dev_id);
	ASSERT_LE(0, edu);
	EXPECT_EQ(-EINVAL, vfio_attach(edu, self->dev.hwpt_id, NULL));
	ASSERT_EQ(0, vfio_attach(edu, self->ioas_id, &hwpt_id));
	EXPECT_NE(self->dev.hwpt_id, hwpt_id);
	EXPECT_EQ(-EINVAL, mock_attach(self->fd, hwpt_id, &dev));
	EXPECT_EQ(-EINVAL, mock_replace(self->fd, &self->dev, hwpt_id));
	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, hwpt_id, self->memory, HALF,
					  AT));

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, self->memory,
				    PAGE, AT));
	close(edu);
}

TEST_F(device, flags)
{
	struct mock_dev dev;

	ASSERT_EQ(0, mock_attach_flags(self->fd, self->other_id, 0, &dev));
	ASSERT_EQ(0, mock_attach_flags(self->fd, self->other_id,
				       MOCK_FLAGS_DEVICE_NO_DIRTY, &dev));
	ASSERT_EQ(0, mock_attach_flags(self->fd, self->other_id,
				       MOCK_FLAGS_DEVICE_PASID, &dev));
	EXPECT_EQ(4, mock_devices());
	EXPECT_EQ(-EOPNOTSUPP, mock_attach_flags(self->fd, self->other_id, 2,
						 &dev));
	EXPECT_EQ(-EOPNOTSUPP, mock_attach_flags(self->fd, self->other_id,
						 1U << 31, &dev));
	EXPECT_EQ(4, mock_devices());
}

#define UNSAFE	"/sys/module/iommufd/parameters/allow_unsafe_interrupts"

/* Drivers cannot bind either; the mock warns if the group is claimed anyway */
TEST_F(device, interrupts_that_are_not_isolated)
{
	const __u32 flags = MOCK_FLAGS_DEVICE_UNSAFE_MSI;
	struct mock_dev dev, second;

	EXPECT_EQ(-EPERM, mock_attach_flags(self->fd, self->other_id, flags,
					    &dev));
	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(0, iommu_destroy(self->fd, self->other_id));

	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other_id));
	ASSERT_EQ(0, write_file(UNSAFE, "Y"));
	EXPECT_EQ(0, mock_attach_flags(self->fd, self->other_id, flags, &dev));
	ASSERT_EQ(0, write_file(UNSAFE, "N"));
	EXPECT_EQ(-EPERM, mock_attach_flags(self->fd, self->other_id, flags,
					    &second));
	EXPECT_EQ(2, mock_devices());

	/* A bound device stays bound, and can be attached elsewhere */
	EXPECT_EQ(0, mock_replace(self->fd, &dev, self->ioas_id));
	EXPECT_EQ(dev.hwpt_id, self->dev.hwpt_id);
	EXPECT_EQ(0, iommu_destroy(self->fd, dev.id));
	EXPECT_EQ(1, mock_devices());
}

TEST_F(device, attach_to_nothing)
{
	struct mock_dev dev;

	EXPECT_EQ(-ENOENT, mock_attach(self->fd, BAD_ID, &dev));
	EXPECT_EQ(-ENOENT, mock_attach(self->fd, 0, &dev));
	EXPECT_EQ(-ENOENT, mock_attach(self->fd, self->dev.dev_id, &dev));
	EXPECT_EQ(-ENOENT, mock_attach(self->fd, self->dev.id, &dev));
	EXPECT_EQ(1, mock_devices());
}

/* If the result cannot be written, nothing is made */
TEST_F(device, attach_that_cannot_be_returned)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN,
		.id = self->other_id,
	};
	void *arg = read_only(&cmd, sizeof(cmd));

	ASSERT_NE(NULL, arg);
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, PAGE,
			      AT));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_TEST_CMD, arg));
	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 0));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->other_id));
}

/* Mappings must suit the mock */
TEST_F(device, attach_where_something_does_not_fit)
{
	const struct iommu_iova_range low = { 0, PAGE - 1 };
	struct mock_dev dev;

	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, 4 * PAGE,
			      AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, PAGE,
			      MOCK_APERTURE_LAST + 1UL));
	EXPECT_EQ(-EADDRINUSE, mock_attach(self->fd, self->other_id, &dev));
	EXPECT_EQ(-EADDRINUSE, mock_replace(self->fd, &self->dev,
					    self->other_id));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->other_id,
				MOCK_APERTURE_LAST + 1UL, PAGE));

	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory + 1, HALF,
			      2 * AT));
	EXPECT_EQ(-EADDRINUSE, mock_attach(self->fd, self->other_id, &dev));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->other_id, 2 * AT, HALF));

	ASSERT_EQ(0, ioas_allow(self->fd, self->other_id, &low, 1));
	EXPECT_EQ(-EADDRINUSE, mock_attach(self->fd, self->other_id, &dev));
	ASSERT_EQ(0, ioas_allow(self->fd, self->other_id, NULL, 0));

	EXPECT_EQ(1, mock_devices());
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, MEMORY, 0));
	ASSERT_EQ(0, mock_attach(self->fd, self->other_id, &dev));
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, self->memory,
				    4 * PAGE, AT));
}

/* MOCK_DOMAIN_REPLACE */

TEST_F(device, replace)
{
	__u32 first = self->dev.hwpt_id;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory + PAGE,
			      PAGE, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 1));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + PAGE, PAGE, 0));

	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->other_id));
	EXPECT_NE(first, self->dev.hwpt_id);
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id,
				    self->memory + PAGE, PAGE, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 0));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + PAGE, PAGE, 1));
	EXPECT_EQ(-ENOENT, mock_check_map(self->fd, first, self->memory, HALF,
					  AT));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->other_id));
}

TEST_F(device, replace_by_the_same)
{
	__u32 first = self->dev.hwpt_id;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	EXPECT_EQ(0, mock_replace(self->fd, &self->dev, self->ioas_id));
	EXPECT_EQ(first, self->dev.hwpt_id);
	EXPECT_EQ(0, mock_replace(self->fd, &self->dev, first));
	EXPECT_EQ(first, self->dev.hwpt_id);
	EXPECT_EQ(0, mock_check_map(self->fd, first, self->memory, PAGE, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 1));
}

TEST_F(device, replace_by_a_page_table_of_another_ioas)
{
	struct mock_dev dev;

	ASSERT_EQ(0, mock_attach(self->fd, self->other_id, &dev));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, dev.hwpt_id));
	EXPECT_EQ(dev.hwpt_id, self->dev.hwpt_id);
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
	/* The first device goes, the page table stays for the second. */
	EXPECT_EQ(0, iommu_destroy(self->fd, dev.id));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, PAGE,
			      AT));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, self->memory,
				    PAGE, AT));
}

TEST_F(device, replace_that_fails_changes_nothing)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		.id = self->dev.id,
		.mock_domain_replace.pt_id = self->other_id,
	};
	struct mock_dev wrong = { .id = BAD_ID };
	void *arg = read_only(&cmd, sizeof(cmd));

	ASSERT_NE(NULL, arg);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &self->dev, BAD_ID));
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &self->dev, self->dev.id));
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &self->dev,
					self->dev.dev_id));
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &wrong, self->other_id));
	wrong.id = self->ioas_id;
	EXPECT_EQ(-ENOENT, mock_replace(self->fd, &wrong, self->other_id));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_TEST_CMD, arg));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, self->memory,
				    PAGE, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 1));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->other_id));
}

/* Page tables with pages of the CPU's size and of 1 MiB */
TEST_F(device, page_table_of_huge_pages)
{
	const struct iommu_hwpt_selftest data = {
		.pagetable_type = MOCK_IOMMUPT_HUGE,
	};
	const __u64 ends[] = { 0, 1ULL << 40, -2 * PAGE };
	struct iommu_iova_range ranges[4];
	__u32 n = ARRAY_LEN(ranges), id, i;
	__u64 alignment = 0;

	/* What is mapped has to suit them */
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, HALF,
			      AT));
	EXPECT_EQ(-EADDRINUSE, hwpt_alloc_data(self->fd, self->dev.dev_id,
					       self->other_id, 0, &data, &id));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->other_id, AT, HALF));
	ASSERT_EQ(0, hwpt_alloc_data(self->fd, self->dev.dev_id,
				     self->other_id, 0, &data, &id));
	ASSERT_EQ(0, ioas_ranges(self->fd, self->other_id, ranges, &n,
				 &alignment));
	EXPECT_EQ(PAGE, alignment);
	ASSERT_EQ(1, n);
	EXPECT_EQ(0, ranges[0].start);
	EXPECT_EQ(ALL, ranges[0].last);
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->other_id, self->memory,
				    HALF, AT));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->other_id,
				    self->memory + HALF, PAGE, AT));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->other_id, self->memory,
				    PAGE, AT + HALF));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, PAGE,
			      AT));
	EXPECT_EQ(0, mock_check_map(self->fd, id, self->memory, PAGE, AT));
	for (i = 0; i < ARRAY_LEN(ends); i++) {
		ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory,
				      PAGE, ends[i]));
		EXPECT_EQ(0, mock_check_map(self->fd, id, self->memory, PAGE,
					    ends[i]));
	}

	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, id));
	EXPECT_EQ(id, self->dev.hwpt_id);
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->ioas_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, id));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 0));
	/* Nothing is left of the alignment */
	EXPECT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, HALF,
			      2 * AT));
}

/* Their limits do not depend on those of the page tables that devices have. */
TEST_F(device, page_table_of_huge_pages_for_other_devices)
{
	static const struct {
		__u32 flags;
		int rc;
	} devices[] = {
		{ 0, 0 },
		{ MOCK_FLAGS_DEVICE_TWO_SIZES, 0 },
		{ MOCK_FLAGS_DEVICE_39_BITS, 0 },
		{ MOCK_FLAGS_DEVICE_SMALL_PAGES, -EINVAL },
		{ MOCK_FLAGS_DEVICE_OTHER_IOMMU, -EINVAL },
	};
	const struct iommu_hwpt_selftest data = {
		.pagetable_type = MOCK_IOMMUPT_HUGE,
	};
	struct mock_dev dev;
	unsigned int i;
	__u32 id;

	ASSERT_EQ(0, hwpt_alloc_data(self->fd, self->dev.dev_id,
				     self->other_id, 0, &data, &id));
	ASSERT_EQ(0, ioas_map(self->fd, self->other_id, self->memory, PAGE, 0));
	for (i = 0; i < ARRAY_LEN(devices); i++) {
		EXPECT_EQ(devices[i].rc,
			  mock_attach_flags(self->fd, id, devices[i].flags,
					    &dev))
			TH_LOG("flags %#x", devices[i].flags);
		if (devices[i].rc)
			continue;
		EXPECT_EQ(id, dev.hwpt_id);
		EXPECT_EQ(0, mock_check_map(self->fd, id, self->memory, PAGE,
					    0));
		EXPECT_EQ(0, iommu_destroy(self->fd, dev.id));
	}
	/* A page table of the IOAS' own begins with the aperture. */
	EXPECT_EQ(-EADDRINUSE, mock_attach(self->fd, self->other_id, &dev));

	/* One that was made for the least device suits all */
	EXPECT_EQ(0, iommu_destroy(self->fd, id));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->other_id));
	ASSERT_EQ(0, mock_attach_flags(self->fd, self->other_id,
				       MOCK_FLAGS_DEVICE_SMALL_PAGES, &dev));
	ASSERT_EQ(0, hwpt_alloc_data(self->fd, dev.dev_id, self->other_id, 0,
				     &data, &id));
	EXPECT_EQ(0, mock_replace(self->fd, &dev, id));
	EXPECT_EQ(0, mock_replace(self->fd, &self->dev, id));
}

/* ADD_RESERVED */

TEST_F(device, reserved)
{
	struct iommu_iova_range ranges[4];
	__u32 n = ARRAY_LEN(ranges);
	__u64 alignment = 77;

	ASSERT_EQ(0, mock_reserve(self->fd, self->ioas_id, AT, 2 * PAGE));
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, ranges, &n,
				 &alignment));
	ASSERT_EQ(2, n);
	EXPECT_EQ(MOCK_APERTURE_START, ranges[0].start);
	EXPECT_EQ(AT - 1, ranges[0].last);
	EXPECT_EQ(AT + 2 * PAGE, ranges[1].start);
	EXPECT_EQ(MOCK_APERTURE_LAST, ranges[1].last);

	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, self->memory,
				    PAGE, AT));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, self->memory,
				    2 * PAGE, AT - PAGE));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, self->memory,
				    HALF, AT + 2 * PAGE - HALF));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE,
			      AT - PAGE));
	EXPECT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE,
			      AT + 2 * PAGE));

	/* The reservation belongs to the IOAS, not to the device. */
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(-EINVAL, ioas_map(self->fd, self->ioas_id, self->memory,
				    PAGE, AT));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

/* More ranges than fit into one kmalloc(): both calls report them. */
#define MANY	(4 * MiB / sizeof(struct iommu_iova_range))

TEST_F_TIMEOUT(device, very_many_ranges, 120)
{
	struct iommu_vfio_ioas vfio = {
		.size = sizeof(vfio),
		.ioas_id = self->other_id,
		.op = IOMMU_VFIO_IOAS_SET,
	};
	const size_t size = (MANY + 1) * sizeof(struct iommu_iova_range);
	struct iommu_iova_range *ranges = anon(size);
	struct vfio_iommu_type1_info head = { .argsz = sizeof(head) }, *info;
	__u64 alignment = 0;
	__u32 n = 0, i;

	ASSERT_NE(NULL, ranges);
	for (i = 0; i < MANY; i++)
		ASSERT_EQ(0, mock_reserve(self->fd, self->other_id,
					  (2 * i + 1) * PAGE, PAGE));
	EXPECT_EQ(-EMSGSIZE, ioas_ranges(self->fd, self->other_id, NULL, &n,
					 &alignment));
	ASSERT_EQ(MANY + 1, n);
	ASSERT_EQ(0, ioas_ranges(self->fd, self->other_id, ranges, &n,
				 &alignment));
	for (i = 0; i <= MANY; i++) {
		__u64 start = 2 * i * PAGE;

		ASSERT_EQ(start, ranges[i].start);
		ASSERT_EQ(i < MANY ? start + PAGE - 1 : ~0ULL, ranges[i].last);
	}

	ASSERT_EQ(0, call(self->fd, IOMMU_VFIO_IOAS, &vfio));
	ASSERT_EQ(0, call(self->fd, VFIO_IOMMU_GET_INFO, &head));
	ASSERT_LT(sizeof(head) + size, head.argsz);
	info = anon(head.argsz);
	ASSERT_NE(NULL, info);
	info->argsz = head.argsz;
	ASSERT_EQ(0, call(self->fd, VFIO_IOMMU_GET_INFO, info));
	/* The ranges come last. */
	EXPECT_EQ(0, memcmp(ranges, (char *)info + head.argsz - size, size));
}

TEST_F(device, reserved_errnos)
{
	const struct iommu_iova_range allowed = { 2 * AT, 2 * AT + PAGE - 1 };

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &allowed, 1));
	EXPECT_EQ(-EADDRINUSE, mock_reserve(self->fd, self->ioas_id, AT, 1));
	EXPECT_EQ(-EADDRINUSE, mock_reserve(self->fd, self->ioas_id,
					    AT + PAGE - 1, PAGE));
	EXPECT_EQ(-EADDRINUSE, mock_reserve(self->fd, self->ioas_id,
					    2 * AT + 8, 1));
	EXPECT_EQ(-EINVAL, mock_reserve(self->fd, self->ioas_id, 3 * AT, 0));
	EXPECT_EQ(-EOVERFLOW, mock_reserve(self->fd, self->ioas_id, 3 * AT,
					   ALL));
	EXPECT_EQ(-ENOENT, mock_reserve(self->fd, BAD_ID, 3 * AT, PAGE));
	EXPECT_EQ(-ENOENT, mock_reserve(self->fd, self->dev.hwpt_id, 3 * AT,
					PAGE));
	EXPECT_EQ(0, mock_reserve(self->fd, self->ioas_id, AT + PAGE, PAGE));
}

/* MD_CHECK_MAP and MD_CHECK_REFS notice errors */

TEST_F(device, check_map_errnos)
{
	__u32 hwpt = self->dev.hwpt_id;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, 2 * PAGE,
			      AT));
	EXPECT_EQ(0, mock_check_map(self->fd, hwpt, self->memory, 2 * PAGE,
				    AT));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, hwpt, self->memory,
					  2 * PAGE + HALF, AT));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, hwpt, self->memory + PAGE,
					  PAGE, AT));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, hwpt, self->memory + 1,
					  PAGE, AT));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, hwpt, self->memory,
					  PAGE + 1, AT));
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, hwpt, self->memory, PAGE,
					  AT + 1));
	EXPECT_EQ(-EOVERFLOW, mock_check_map(self->fd, hwpt, self->memory,
					     -HALF, AT));
	EXPECT_EQ(-ENOENT, mock_check_map(self->fd, BAD_ID, self->memory, PAGE,
					  AT));
	EXPECT_EQ(-ENOENT, mock_check_map(self->fd, self->ioas_id,
					  self->memory, PAGE, AT));
	ASSERT_EQ(0, munmap(self->memory + PAGE, PAGE));
	EXPECT_EQ(-EFAULT, mock_check_map(self->fd, hwpt, self->memory,
					  2 * PAGE, AT));

	/* The address has other memory now; the old memory is still mapped. */
	ASSERT_EQ(self->memory,
		  mmap(self->memory, 2 * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(self->memory, 2, 2 * PAGE);
	EXPECT_EQ(-EINVAL, mock_check_map(self->fd, hwpt, self->memory, HALF,
					  AT));
}

TEST_F(device, check_refs_errnos)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 1));
	EXPECT_EQ(-EIO, mock_check_refs(self->fd, self->memory, PAGE, 0));
	EXPECT_EQ(-EIO, mock_check_refs(self->fd, self->memory, PAGE, 2));
	EXPECT_EQ(-EIO, mock_check_refs(self->fd, self->memory, 2 * PAGE, 1));
	EXPECT_EQ(-EINVAL, mock_check_refs(self->fd, self->memory + HALF, PAGE,
					   1));
	EXPECT_EQ(-EINVAL, mock_check_refs(self->fd, self->memory, HALF, 1));
	EXPECT_EQ(-EOVERFLOW, mock_check_refs(self->fd, self->memory, -PAGE,
					      1));
	ASSERT_EQ(0, munmap(self->memory, PAGE));
	EXPECT_EQ(-EFAULT, mock_check_refs(self->fd, self->memory, PAGE, 0));
}

/* Pins are counted per huge page, not per page: they are not checked. */
TEST_F(device, check_refs_skips_huge_pages)
{
	char *huge;

	ASSERT_EQ(0, write_file("/proc/sys/vm/nr_hugepages", "4"));
	huge = mmap(NULL, HUGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	ASSERT_NE(MAP_FAILED, huge);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, huge, HUGE, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, huge, HUGE, 1));
	EXPECT_EQ(0, mock_check_refs(self->fd, huge, HUGE, 7));
	/* For a small page this count is wrong. */
	EXPECT_EQ(-EIO, mock_check_refs(self->fd, self->memory, PAGE, 7));
	ASSERT_EQ(0, munmap(huge, HUGE));
	EXPECT_EQ(HUGE, (__u64)ioas_empty(self->fd, self->ioas_id));
	EXPECT_EQ(0, write_file("/proc/sys/vm/nr_hugepages", "0"));
}

/* The ioctl itself */

TEST_F(device, sizes)
{
	struct {
		struct iommu_test_cmd cmd;
		__u64 more;
	} arg = {
		.cmd.op = IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
		.cmd.memory_limit.limit = SCRATCH,
	};

	arg.cmd.size = 67;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_TEST_CMD, &arg));
	arg.cmd.size = 0;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_TEST_CMD, &arg));
	arg.cmd.size = 68;
	EXPECT_EQ(0, call(self->fd, IOMMU_TEST_CMD, &arg));
	arg.cmd.size = sizeof(arg);
	EXPECT_EQ(0, call(self->fd, IOMMU_TEST_CMD, &arg));
	arg.more = 1;
	EXPECT_EQ(-E2BIG, call(self->fd, IOMMU_TEST_CMD, &arg));
	arg.cmd.size = sizeof(arg.cmd);
	EXPECT_EQ(0, call(self->fd, IOMMU_TEST_CMD, &arg));
	arg.cmd.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_TEST_CMD, &arg));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_TEST_CMD, NULL));
}

TEST_F(device, operations_there_are_not)
{
	const __u32 ops[] = {
		0, 24, 63, 72, 1000, ~0U,
	};
	struct iommu_test_cmd cmd = { .id = self->ioas_id };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(ops); i++)
		EXPECT_EQ(-EOPNOTSUPP, mock_cmd(self->fd, ops[i], &cmd));
	EXPECT_EQ(-ENOTTY, call(self->fd, IOMMU_TEST_CMD + 1, &cmd));
	EXPECT_EQ(-ENOTTY, call(self->fd, IOMMU_TEST_CMD - 1, &cmd));
}

TEST_F(device, scratch_memory_limit)
{
	EXPECT_EQ(-EINVAL, mock_limit(self->fd, 0));
	EXPECT_EQ(-EINVAL, mock_limit(self->fd, 11));
	EXPECT_EQ(0, mock_limit(self->fd, 12));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, MEMORY,
			      AT));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id, self->memory,
				    MEMORY, AT));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, MEMORY, 1));
	EXPECT_EQ(0, mock_limit(self->fd, ~0U));
}

/* The module */

TEST_F(device, module_stays_while_it_has_objects)
{
	EXPECT_TRUE(kernel_is_tainted(TAINT_TEST));
	EXPECT_EQ(-EWOULDBLOCK, mock_unload());
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(0, mock_unload());
	EXPECT_EQ(-1, mock_devices());
	EXPECT_EQ(0, mock_load());
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
	close(self->fd);
	EXPECT_EQ(0, mock_unload());

	/* For the teardown of the test */
	EXPECT_EQ(0, mock_load());
	self->fd = iommu_open();
}

TEST(without_the_module)
{
	int fd = iommu_open(), i;
	struct mock_dev dev;
	__u32 ioas;

	ASSERT_LE(0, fd);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mock_load());
		ASSERT_EQ(0, mock_unload());
		EXPECT_EQ(-ENOTTY, mock_limit(fd, SCRATCH));
		ASSERT_EQ(0, ioas_alloc(fd, &ioas));
		EXPECT_EQ(-ENOTTY, mock_attach(fd, ioas, &dev));
		EXPECT_EQ(-ENOTTY, call(fd, IOMMU_TEST_CMD, NULL));
	}
	close(fd);
}

TEST_HARNESS_MAIN
