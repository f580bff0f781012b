// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested page tables: how they are made, what they hold and what holds them,
 * devices that are attached to them, and HWPT_INVALIDATE.
 */
#include <signal.h>
#include <sys/wait.h>

#include "../race.h"
#include "../kernel.h"
#include "nested.h"

#define AT	(64 * MiB)	/* an IOVA that begins a huge page */

/* A device that is attached elsewhere, and a parent to nest in */
FIXTURE(nested)
{
	int fd;
	__u32 dev_ioas_id;
	__u32 ioas_id;
	__u32 parent;
	struct mock_dev dev;
	__u32 id;
	char *memory;
	long pinned;
};

FIXTURE_SETUP(nested)
{
	self->fd = mock_open(&self->dev_ioas_id);
	ASSERT_LE(0, self->fd);
	self->memory = small_pages(PAGE);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->dev_ioas_id, &self->dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				NEST_PARENT, &self->parent));
	ASSERT_EQ(0, nested_alloc(self->fd, self->dev.dev_id, self->parent,
				  &self->id));
}

FIXTURE_TEARDOWN(nested)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
}

#define NESTED(pt, id)	nested_alloc(self->fd, self->dev.dev_id, pt, id)

/* HWPT_ALLOC */

TEST_F(nested, parent_is_a_page_table_like_others)
{
	struct mock_dev dev;
	__u32 tracked;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	EXPECT_EQ(0, mock_check_map(self->fd, self->parent, self->memory, PAGE,
				    AT));
	ASSERT_EQ(0, mock_attach(self->fd, self->parent, &dev));
	EXPECT_EQ(self->parent, dev.hwpt_id);
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				NEST_PARENT | TRACKED, &tracked));
	EXPECT_EQ(0, dirty_set(self->fd, tracked, ENABLE));
	EXPECT_EQ(0, NESTED(tracked, &self->id));
}

TEST_F(nested, holds_its_parent)
{
	__u32 second;

	ASSERT_EQ(0, NESTED(self->parent, &second));
	EXPECT_NE(self->id, second);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->parent));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->parent));
	ASSERT_EQ(0, iommu_destroy(self->fd, second));
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, second));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->parent));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

/* It maps nothing itself, so nothing can be asked of what it maps */
TEST_F(nested, belongs_to_no_ioas)
{
	unsigned char bits = 0;

	EXPECT_EQ(-ENOENT, dirty_set(self->fd, self->id, ENABLE));
	EXPECT_EQ(-ENOENT, dirty_get(self->fd, self->id, 0, AT, PAGE, PAGE,
				     &bits));
	EXPECT_EQ(-ENOENT, mock_check_map(self->fd, self->id, self->memory,
					  HALF, AT));
}

TEST_F(nested, nothing_nests_in_it)
{
	__u32 id;

	EXPECT_EQ(-EINVAL, NESTED(self->id, &id));
	EXPECT_EQ(-EINVAL, hwpt_alloc(self->fd, self->dev.dev_id, self->id, 0,
				      &id));
}

TEST_F(nested, parent_of_the_wrong_kind)
{
	__u32 plain, tracked, id;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id, 0,
				&plain));
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				TRACKED, &tracked));
	EXPECT_EQ(-EINVAL, NESTED(plain, &id));
	EXPECT_EQ(-EINVAL, NESTED(tracked, &id));
	EXPECT_EQ(-EINVAL, NESTED(self->dev.hwpt_id, &id));
	EXPECT_EQ(-EINVAL, NESTED(self->dev.dev_id, &id));
	EXPECT_EQ(-EINVAL, NESTED(self->dev.id, &id));
	EXPECT_EQ(-EINVAL, NESTED(BAD_ID, &id));
	EXPECT_EQ(-ENOENT, nested_alloc(self->fd, BAD_ID, BAD_ID, &id));
	EXPECT_EQ(0, iommu_destroy(self->fd, plain));
	EXPECT_EQ(0, iommu_destroy(self->fd, tracked));
}

/* In the order of the checks: each call has the mistakes that come later */
TEST_F(nested, order_of_checks)
{
	const struct iommu_hwpt_selftest data = {};
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.flags = TRACKED,
		.dev_id = BAD_ID,
		.pt_id = BAD_ID,
		.__reserved = 1,
		.data_len = 4,
		.data_uptr = addr(&data),
	};
	__u32 out_id = arg.out_hwpt_id;

	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.__reserved = 0;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = 77;
	arg.data_len = 0;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_len = 3;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.dev_id = self->dev.dev_id;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.pt_id = self->dev.hwpt_id;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.flags = 0;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.pt_id = self->parent;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_type = IOMMU_HWPT_DATA_SELFTEST;
	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(out_id, arg.out_hwpt_id);
	arg.data_len = 4;
	EXPECT_EQ(0, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_NE(out_id, arg.out_hwpt_id);
}

TEST_F(nested, flags_and_data)
{
	static const __u32 bad[] = {
		NEST_PARENT, TRACKED, 1 << 4, 1U << 31,
	};
	struct {
		struct iommu_hwpt_selftest known;
		char more[8];
	} data = { .known.iotlb = IOTLB };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.dev_id = self->dev.dev_id,
		.pt_id = self->parent,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = addr(&data),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		arg.flags = bad[i];
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	}
	arg.flags = 0;
	EXPECT_EQ(0, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(0xf, mock_iotlb(self->fd, arg.out_hwpt_id));
	data.more[7] = 1;
	EXPECT_EQ(-E2BIG, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_uptr = 0;
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->fd, self->dev.dev_id,
					  self->parent, 0, &self->id));
}

TEST_F(nested, that_cannot_be_told_of_is_not_made)
{
	const struct iommu_hwpt_selftest data = {};
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.dev_id = self->dev.dev_id,
		.pt_id = self->parent,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_len = sizeof(data),
		.data_uptr = addr(&data),
	};

	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_HWPT_ALLOC,
				read_only(&arg, sizeof(arg))));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->parent));
}

#define HWPTS	"/sys/module/iommufd/parameters/max_hwpts"

/* The device's own, the parent and the nested one are there */
TEST_F(nested, counts_as_a_page_table)
{
	__u32 second, third;
	int rc;

	ASSERT_EQ(0, write_file(HWPTS, "4"));
	ASSERT_EQ(0, NESTED(self->parent, &second));
	rc = NESTED(self->parent, &third);
	EXPECT_EQ(0, iommu_destroy(self->fd, second));
	EXPECT_EQ(0, NESTED(self->parent, &third));
	ASSERT_EQ(0, write_file(HWPTS, "128"));
	EXPECT_EQ(-ENOSPC, rc);
}

/* Does the kernel's IOMMU driver nest, in page tables of its own? */
static bool driver_nests(void)
{
	return !kernel_before(6, 12, 0) &&
	       !access("/sys/class/iommu/dmar0", F_OK);
}

/* The IOMMU of the VM does not: see selftests/vfio/nested for one that does */
TEST_F(nested, kernel_iommu_does_not_offer_it)
{
	__u32 dev_id, id;
	int edu = vfio_open_bound(EDU, self->fd, &dev_id);

	ASSERT_LE(0, edu);
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->fd, dev_id, self->ioas_id,
					  NEST_PARENT, &id));
	EXPECT_EQ(driver_nests() ? -EINVAL : -EOPNOTSUPP,
		  nested_alloc(self->fd, dev_id, self->parent, &id));
	EXPECT_EQ(-EINVAL, vfio_attach(edu, self->id, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(edu, self->parent, NULL));
	close(edu);
	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));
}

/* Attach */

TEST_F(nested, attach_replace_detach)
{
	struct mock_dev dev;
	__u32 second;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
	ASSERT_EQ(0, NESTED(self->parent, &second));
	ASSERT_EQ(0, mock_attach(self->fd, self->id, &dev));
	EXPECT_EQ(self->id, dev.hwpt_id);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->id));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, second));
	EXPECT_EQ(second, dev.hwpt_id);
	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, second));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, second));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->parent));
	EXPECT_EQ(self->parent, dev.hwpt_id);
	ASSERT_EQ(0, mock_replace(self->fd, &dev, second));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->ioas_id));
	EXPECT_NE(self->parent, dev.hwpt_id);
	EXPECT_EQ(0, mock_check_map(self->fd, dev.hwpt_id, self->memory, PAGE,
				    AT));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, second));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->dev_ioas_id));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, second));
	ASSERT_EQ(0, iommu_destroy(self->fd, dev.id));
	EXPECT_EQ(0, iommu_destroy(self->fd, second));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->parent));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

/* What is attached goes with the file, in whatever order it was made */
TEST_F(nested, close)
{
	struct mock_dev dev;

	ASSERT_EQ(0, mock_attach(self->fd, self->id, &dev));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->id));
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE, AT));
}

#define WINDOW		MOCK_FLAGS_DEVICE_SW_MSI
#define OTHER_WINDOW	MOCK_FLAGS_DEVICE_OTHER_SW_MSI

/* 0, or -EINVAL where the IOAS has a region reserved */
static int map_in_window(int fd, __u32 ioas_id, void *memory, __u64 window)
{
	int rc = ioas_map(fd, ioas_id, memory, PAGE, window);

	return rc ?: ioas_unmap(fd, ioas_id, window, PAGE);
}

TEST_F(nested, reserves_in_the_ioas_of_the_parent)
{
	struct mock_dev dev;
	__u32 parent, id, second;

	ASSERT_EQ(0, mock_attach_flags(self->fd, self->dev_ioas_id, WINDOW,
				       &dev));
	ASSERT_EQ(0, hwpt_alloc(self->fd, dev.dev_id, self->ioas_id,
				NEST_PARENT, &parent));
	ASSERT_EQ(0, nested_alloc(self->fd, dev.dev_id, parent, &id));
	ASSERT_EQ(0, nested_alloc(self->fd, dev.dev_id, parent, &second));
	EXPECT_EQ(0, map_in_window(self->fd, self->ioas_id, self->memory,
				   MOCK_MSI_WINDOW));

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, PAGE,
			      MOCK_MSI_WINDOW));
	EXPECT_EQ(-EADDRINUSE, mock_replace(self->fd, &dev, id));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, MOCK_MSI_WINDOW,
				PAGE));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, id));
	EXPECT_EQ(-EINVAL, map_in_window(self->fd, self->ioas_id, self->memory,
					 MOCK_MSI_WINDOW));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, second));
	EXPECT_EQ(-EINVAL, map_in_window(self->fd, self->ioas_id, self->memory,
					 MOCK_MSI_WINDOW));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, parent));
	EXPECT_EQ(-EINVAL, map_in_window(self->fd, self->ioas_id, self->memory,
					 MOCK_MSI_WINDOW));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->dev_ioas_id));
	EXPECT_EQ(0, map_in_window(self->fd, self->ioas_id, self->memory,
				   MOCK_MSI_WINDOW));
}

/* A device cannot be attached to what it could not be if it was not nested */
TEST_F(nested, device_that_the_parent_does_not_suit)
{
	static const __u32 flags[] = {
		WINDOW, OTHER_WINDOW, MOCK_FLAGS_DEVICE_OTHER_IOMMU,
		MOCK_FLAGS_DEVICE_SNOOP, MOCK_FLAGS_DEVICE_SMALL_PAGES,
		MOCK_FLAGS_DEVICE_INCOHERENT_WALK,
	};
	struct mock_dev dev;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(flags); i++) {
		EXPECT_EQ(-EINVAL, mock_attach_flags(self->fd, self->id,
						     flags[i], &dev));
		ASSERT_EQ(0, mock_attach_flags(self->fd, self->dev_ioas_id,
					       flags[i], &dev));
		EXPECT_EQ(-EINVAL, mock_replace(self->fd, &dev, self->id))
			TH_LOG("flags %#x", flags[i]);
		EXPECT_EQ(0, iommu_destroy(self->fd, dev.id));
	}
	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));
}

/* Nor one that could not have a parent with such flags of its own */
TEST_F(nested, device_without_the_flags_of_the_parent)
{
	struct mock_dev dev;
	__u32 tracked, id;

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id,
				NEST_PARENT | TRACKED, &tracked));
	ASSERT_EQ(0, NESTED(tracked, &id));
	EXPECT_EQ(-EINVAL, mock_attach_flags(self->fd, id,
					     MOCK_FLAGS_DEVICE_NO_DIRTY, &dev));
	EXPECT_EQ(0, mock_attach(self->fd, id, &dev));
}

/* HWPT_INVALIDATE */

#define INVALIDATE(entries, n) \
	nested_invalidate(self->fd, self->id, entries, n)

TEST_F(nested, iotlb)
{
	__u32 i;

	for (i = 0; i < NIOTLB; i++) {
		EXPECT_EQ(0, mock_check_iotlb(self->fd, self->id, i, IOTLB));
		EXPECT_EQ(-EINVAL, mock_check_iotlb(self->fd, self->id, i, 0));
	}
	EXPECT_EQ(-EINVAL, mock_check_iotlb(self->fd, self->id, i, IOTLB));
	EXPECT_EQ(-ENOENT, mock_check_iotlb(self->fd, self->parent, 0, IOTLB));
	EXPECT_EQ(-ENOENT, mock_check_iotlb(self->fd, BAD_ID, 0, IOTLB));
}

TEST_F(nested, invalidate_one_and_all)
{
	struct iommu_hwpt_invalidate_selftest e[] = {
		{ .iotlb_id = 1 }, { .iotlb_id = 3 },
	};
	__u32 n = 1;

	ASSERT_EQ(0, INVALIDATE(e, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0xd, mock_iotlb(self->fd, self->id));
	n = 2;
	ASSERT_EQ(0, INVALIDATE(e, &n));
	EXPECT_EQ(2, n);
	EXPECT_EQ(0x5, mock_iotlb(self->fd, self->id));
	e[0].flags = IOMMU_TEST_INVALIDATE_FLAG_ALL;
	n = 1;
	ASSERT_EQ(0, INVALIDATE(e, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0, mock_iotlb(self->fd, self->id));
}

/* Entries before the one that fails take effect, those after it do not */
TEST_F(nested, invalidate_until_one_fails)
{
	static const struct {
		struct iommu_hwpt_invalidate_selftest bad;
		int rc;
	} cases[] = {
		{ { .iotlb_id = NIOTLB }, -EINVAL },
		{ { .iotlb_id = NIOTLB, .flags = 1 }, -EINVAL },
		{ { .iotlb_id = ~0U }, -EINVAL },
		{ { .flags = 2 }, -EOPNOTSUPP },
		{ { .flags = 3 }, -EOPNOTSUPP },
		{ { .flags = 1U << 31 }, -EOPNOTSUPP },
	};
	struct iommu_hwpt_invalidate_selftest e[3] = {
		{ .iotlb_id = 0 }, {}, { .iotlb_id = 2 },
	};
	unsigned int i;
	__u32 n, id;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ASSERT_EQ(0, NESTED(self->parent, &id));
		e[1] = cases[i].bad;
		n = 3;
		EXPECT_EQ(cases[i].rc, nested_invalidate(self->fd, id, e, &n));
		EXPECT_EQ(1, n);
		EXPECT_EQ(0xe, mock_iotlb(self->fd, id));
		n = 2;
		EXPECT_EQ(cases[i].rc, nested_invalidate(self->fd, id, e + 1,
							 &n));
		EXPECT_EQ(0, n);
		EXPECT_EQ(0xe, mock_iotlb(self->fd, id));
	}
}

TEST_F(nested, invalidate_memory_that_ends)
{
	struct iommu_hwpt_invalidate_selftest e[2] = { {}, { .iotlb_id = 1 } };
	__u32 n = 3;

	EXPECT_EQ(-EFAULT, INVALIDATE(cut_off(e, sizeof(e)), &n));
	EXPECT_EQ(2, n);
	EXPECT_EQ(0xc, mock_iotlb(self->fd, self->id));
}

/* Entries of other lengths than the kernel's */
TEST_F(nested, invalidate_entry_length)
{
	const __u32 type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST;
	char *e = anon(3 * PAGE);
	__u32 n;

	ASSERT_NE(NULL, e);
	n = 1;
	EXPECT_EQ(-EINVAL, invalidate(self->fd, self->id, type, e, 7, &n));
	EXPECT_EQ(0, n);
	EXPECT_EQ(0xf, mock_iotlb(self->fd, self->id));
	/* iotlb_id of the second entry */
	e[PAGE + 4] = 2;
	n = 2;
	EXPECT_EQ(0, invalidate(self->fd, self->id, type, e, PAGE, &n));
	EXPECT_EQ(2, n);
	EXPECT_EQ(0xa, mock_iotlb(self->fd, self->id));
	e[PAGE + 4] = 1;
	e[2 * PAGE - 1] = 1;
	n = 2;
	EXPECT_EQ(-E2BIG, invalidate(self->fd, self->id, type, e, PAGE, &n));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0xa, mock_iotlb(self->fd, self->id));
	n = 2;
	EXPECT_EQ(-EINVAL, invalidate(self->fd, self->id, type, e, PAGE + 1,
				      &n));
	EXPECT_EQ(0, n);
}

TEST_F(nested, invalidate_order_of_checks)
{
	struct iommu_hwpt_invalidate_selftest e[2] = {};
	const struct iommu_hwpt_invalidate good = {
		.size = sizeof(good),
		.hwpt_id = self->id,
		.data_uptr = addr(e),
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
		.entry_len = sizeof(e[0]),
		.entry_num = 2,
	};
	struct iommu_hwpt_invalidate arg = good;

#define EXPECT_REFUSED(errno_value)					\
	do {								\
		EXPECT_EQ(-(errno_value), call(self->fd,		\
					       IOMMU_HWPT_INVALIDATE,	\
					       &arg));			\
		EXPECT_EQ(0, arg.entry_num);				\
		arg.entry_num = 2;					\
	} while (0)

	arg.__reserved = 1;
	arg.data_uptr = 0;
	EXPECT_REFUSED(EOPNOTSUPP);
	arg.__reserved = 0;
	arg.hwpt_id = BAD_ID;
	EXPECT_REFUSED(EINVAL);
	arg.data_uptr = good.data_uptr;
	arg.entry_len = 0;
	EXPECT_REFUSED(EINVAL);
	arg.entry_len = PAGE + 1;
	EXPECT_REFUSED(EINVAL);
	arg.entry_len = good.entry_len;
	arg.entry_num = MAX_ENTRIES + 1;
	EXPECT_REFUSED(EINVAL);
	EXPECT_REFUSED(ENOENT);
	arg.hwpt_id = self->parent;
	EXPECT_REFUSED(EINVAL);
	arg.hwpt_id = self->ioas_id;
	EXPECT_REFUSED(EINVAL);
	arg.hwpt_id = self->dev.dev_id;
	EXPECT_REFUSED(EINVAL);
	arg.hwpt_id = self->id;
	arg.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID;
	EXPECT_REFUSED(EINVAL);
	EXPECT_EQ(0xf, mock_iotlb(self->fd, self->id));
	arg = good;
	EXPECT_EQ(0, call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	EXPECT_EQ(2, arg.entry_num);
}

/* Without entries the type is looked at, and neither pointer nor length */
TEST_F(nested, invalidate_nothing)
{
	const __u32 type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST;
	__u32 n = 0;

	EXPECT_EQ(0, invalidate(self->fd, self->id, type, NULL, 0, &n));
	EXPECT_EQ(0, invalidate(self->fd, self->id, type, (void *)1, ~0U, &n));
	EXPECT_EQ(-EINVAL, invalidate(self->fd, self->id, type + 1, NULL, 0,
				      &n));
	EXPECT_EQ(-EINVAL, invalidate(self->fd, self->id,
				      IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID,
				      NULL, 0, &n));
	EXPECT_EQ(-ENOENT, invalidate(self->fd, BAD_ID, type, NULL, 0, &n));
	EXPECT_EQ(0, n);
	EXPECT_EQ(0xf, mock_iotlb(self->fd, self->id));
}

TEST_F(nested, invalidate_that_cannot_be_answered)
{
	struct iommu_hwpt_invalidate_selftest e = {};
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg),
		.hwpt_id = self->id,
		.data_uptr = addr(&e),
		.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
		.entry_len = sizeof(e),
		.entry_num = 1,
	};

	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_HWPT_INVALIDATE,
				read_only(&arg, sizeof(arg))));
	EXPECT_EQ(0xf, mock_iotlb(self->fd, self->id));
}

/* Sizes of the argument, as in context/argument.c for other calls */
TEST_F(nested, invalidate_sizes)
{
	union {
		__u32 size;
		struct iommu_hwpt_invalidate cmd;
		unsigned char bytes[128];
	} arg;
	__u32 size;

	for (size = 0; size <= sizeof(arg); size++) {
		memset(&arg, 0, sizeof(arg));
		arg.cmd.hwpt_id = self->id;
		arg.cmd.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST;
		arg.size = size;
		EXPECT_EQ(size < 32 ? -EINVAL : 0,
			  call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
		if (size <= sizeof(arg.cmd))
			continue;
		arg.bytes[size - 1] = 1;
		EXPECT_EQ(-E2BIG, call(self->fd, IOMMU_HWPT_INVALIDATE, &arg));
	}
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_HWPT_INVALIDATE, NULL));
}

/* More than one batch, with the failing one at each border */
TEST_F(nested, invalidate_many)
{
	const __u32 last = MAX_ENTRIES - 1;
	struct iommu_hwpt_invalidate_selftest *e = anon(MAX_ENTRIES *
							sizeof(*e));
	static const __u32 borders[] = { 0, 1, 63, 64, 65, 127, 128, 1000 };
	unsigned int i;
	__u32 n;

	ASSERT_NE(NULL, e);
	for (i = 0; i < ARRAY_LEN(borders); i++) {
		e[borders[i]].iotlb_id = NIOTLB;
		n = 2000;
		EXPECT_EQ(-EINVAL, INVALIDATE(e, &n));
		EXPECT_EQ(borders[i], n);
		e[borders[i]].iotlb_id = 0;
	}
	e[last].iotlb_id = 3;
	n = last;
	EXPECT_EQ(0, INVALIDATE(e, &n));
	EXPECT_EQ(last, n);
	EXPECT_EQ(0xe, mock_iotlb(self->fd, self->id));
	n = MAX_ENTRIES;
	EXPECT_EQ(0, INVALIDATE(e, &n));
	EXPECT_EQ(MAX_ENTRIES, n);
	EXPECT_EQ(0x6, mock_iotlb(self->fd, self->id));
}

/*
 * Killed amid the call: entry_num in shared memory tells how many entries have
 * taken effect, not all of them.  Only the last entry is for another number.
 */
TEST_F(nested, invalidate_killed)
{
	const size_t size = MAX_ENTRIES * 32;
	struct iommu_hwpt_invalidate *arg;
	int i, status, cut = 0;
	char *e = anon(size);
	pid_t child;

	arg = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, arg);
	ASSERT_NE(NULL, e);
	memset(e, 0, size);
	e[size - 32 + 4] = 1;
	for (i = 0; i < 200 && !cut; i++) {
		*arg = (struct iommu_hwpt_invalidate) {
			.size = sizeof(*arg),
			.hwpt_id = self->id,
			.data_uptr = addr(e),
			.data_type = IOMMU_HWPT_INVALIDATE_DATA_SELFTEST,
			.entry_len = 32,
			.entry_num = MAX_ENTRIES,
		};
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			ioctl(self->fd, IOMMU_HWPT_INVALIDATE, arg);
			pause();
		}
		usleep(1000 + i * 200);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		cut = arg->entry_num && arg->entry_num < MAX_ENTRIES;
		if (cut)
			EXPECT_EQ(0xe, mock_iotlb(self->fd, self->id));
	}
	EXPECT_TRUE(cut);
}

/* Races */

struct shared {
	struct race race;
	int fd;
	__u32 dev_id;
	__u32 parent;
	atomic_uint id;
};

/*
 * Destroy a page table that is there: another thread that tries to has it hidden
 * for a moment.
 */
static int destroy_attached(int fd, __u32 id)
{
	int rc;

	do {
		rc = iommu_destroy(fd, id);
	} while (rc == -ENOENT);
	return rc;
}

/* Make page tables that the others may destroy at once */
static void *make(void *arg)
{
	struct shared *r = arg;
	__u32 id;

	while (!r->race.stop)
		if (!nested_alloc(r->fd, r->dev_id, r->parent, &id))
			r->id = id;
	return NULL;
}

static void *use(void *arg)
{
	struct shared *r = arg;
	struct iommu_hwpt_invalidate_selftest e[4] = {};
	__u32 n;

	while (!r->race.stop) {
		n = 4;
		nested_invalidate(r->fd, r->id, e, &n);
	}
	return NULL;
}

static void *unmake(void *arg)
{
	struct shared *r = arg;
	__u32 id;

	while (!r->race.stop)
		for (id = r->parent + 1; id < r->parent + 150; id++)
			iommu_destroy(r->fd, id);
	return NULL;
}

TEST_F(nested, made_used_attached_and_destroyed_at_once)
{
	struct shared r = {
		.fd = self->fd,
		.dev_id = self->dev.dev_id,
		.parent = self->parent,
		.id = self->id,
	};
	void *(*const fn[])(void *) = { make, use, unmake };
	unsigned int i, attached = 0;
	__u32 id;

	ASSERT_EQ(0, race_begin(&r.race, fn, ARRAY_LEN(fn)));
	for (i = 0; i < 3000; i++)
		if (!mock_replace(self->fd, &self->dev, r.id)) {
			attached++;
			EXPECT_EQ(-EBUSY, destroy_attached(self->fd,
							   self->dev.hwpt_id));
		}
	ASSERT_EQ(0, race_end(&r.race));
	EXPECT_LT(0, attached);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->parent));
	/* There may be as many page tables as there can be. */
	for (i = 1; i < self->parent + 150; i++)
		if (i != self->dev.id && i != self->parent &&
		    i != self->ioas_id && i != self->dev_ioas_id)
			iommu_destroy(self->fd, i);
	id = self->dev.hwpt_id;
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->dev_ioas_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->parent));
}

TEST_HARNESS_MAIN
