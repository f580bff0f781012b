// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs of mock devices: attach, replace and detach, what they share with the
 * page table of the device, and how they end.
 */
#include "../kernel.h"
#include "pasid.h"

#define MAX_PASIDS	"/sys/module/iommufd/parameters/max_pasids"
#define MEMORY		(4 * PAGE)

FIXTURE(pasid)
{
	struct setup s;
	char *memory;
	long pinned;
};

FIXTURE_SETUP(pasid)
{
	self->memory = small_pages(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_EQ(0, make_setup(&self->s));
}

FIXTURE_TEARDOWN(pasid)
{
	close(self->s.fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, write_file(MAX_PASIDS, "1024"));
	EXPECT_EQ(0, mock_fail(0, 0));
	EXPECT_EQ(0, write_file(FAIL_ERRNO, "5"));
}

#define HWPT(i)			(self->s.hwpt[i])
#define IS(pasid, hwpt)		\
	mock_pasid_check(self->s.fd, self->s.dev.id, pasid, hwpt)
#define MOVE(pt)		mock_replace(self->s.fd, &self->s.dev, pt)
#define DESTROY(id)		iommu_destroy(self->s.fd, id)
#define ALLOC(ioas, flags, id)	\
	hwpt_alloc(self->s.fd, self->s.dev.dev_id, ioas, flags, id)
#define MAP(i, page)		map_page(self, i, page)
#define CHECK_MAP(hwpt, page)	check_page(self, hwpt, page)
#define REFS(page, refs)	\
	mock_check_refs(self->s.fd, self->memory + (page) * PAGE, PAGE, refs)

/* Map a page of the memory in one of the IOASs */
static int map_page(const struct _test_data_pasid *self, unsigned int i,
		    unsigned int page)
{
	return ioas_map(self->s.fd, self->s.ioas[i],
			self->memory + page * PAGE, PAGE, AT + page * PAGE);
}

/* Is it in a page table? */
static int check_page(const struct _test_data_pasid *self, __u32 hwpt,
		      unsigned int page)
{
	return mock_check_map(self->s.fd, hwpt, self->memory + page * PAGE,
			      PAGE, AT + page * PAGE);
}

/* Attach, replace, detach */

TEST_F(pasid, comes_and_goes)
{
	EXPECT_EQ(0, IS(1, 0));
	ASSERT_EQ(0, ATTACH(1, HWPT(0)));
	EXPECT_EQ(0, IS(1, HWPT(0)));
	EXPECT_EQ(-EINVAL, IS(1, HWPT(1)));
	EXPECT_EQ(-EINVAL, IS(1, 0));
	EXPECT_EQ(0, IS(2, 0));
	ASSERT_EQ(0, REPLACE(1, HWPT(1)));
	EXPECT_EQ(0, IS(1, HWPT(1)));
	ASSERT_EQ(0, DETACH(1));
	EXPECT_EQ(0, IS(1, 0));
	ASSERT_EQ(0, ATTACH(1, HWPT(1)));
	EXPECT_EQ(0, IS(1, HWPT(1)));
}

/* Page tables of the device itself and of others */
TEST_F(pasid, several_with_page_tables_of_their_own)
{
	ASSERT_EQ(0, ATTACH(1, HWPT(0)));
	ASSERT_EQ(0, ATTACH(2, HWPT(1)));
	ASSERT_EQ(0, ATTACH(LAST, HWPT(1)));
	EXPECT_EQ(0, IS(1, HWPT(0)));
	EXPECT_EQ(0, IS(2, HWPT(1)));
	EXPECT_EQ(0, IS(LAST, HWPT(1)));
	ASSERT_EQ(0, DETACH(2));
	EXPECT_EQ(0, IS(1, HWPT(0)));
	EXPECT_EQ(0, IS(2, 0));
	EXPECT_EQ(0, IS(LAST, HWPT(1)));
}

TEST_F(pasid, attach_of_one_that_is_attached)
{
	ASSERT_EQ(0, ATTACH(7, HWPT(0)));
	EXPECT_EQ(-EBUSY, ATTACH(7, HWPT(0)));
	EXPECT_EQ(-EBUSY, ATTACH(7, HWPT(1)));
	EXPECT_EQ(0, IS(7, HWPT(0)));
	/* The failed ones hold nothing. */
	EXPECT_EQ(0, DESTROY(HWPT(1)));
	EXPECT_EQ(0, DETACH(7));
	EXPECT_EQ(0, ATTACH(7, HWPT(0)));
}

TEST_F(pasid, replace_of_one_that_is_not_attached)
{
	EXPECT_EQ(-EINVAL, REPLACE(7, HWPT(0)));
	ASSERT_EQ(0, ATTACH(8, HWPT(0)));
	EXPECT_EQ(-EINVAL, REPLACE(7, HWPT(0)));
	ASSERT_EQ(0, DETACH(8));
	EXPECT_EQ(-EINVAL, REPLACE(8, HWPT(0)));
	EXPECT_EQ(0, IS(7, 0));
	EXPECT_EQ(0, IS(8, 0));
}

TEST_F(pasid, replace_by_the_same)
{
	ASSERT_EQ(0, ATTACH(7, HWPT(1)));
	/* The IOMMU is not asked. */
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(0, REPLACE(7, HWPT(1)));
	EXPECT_EQ(0, IS(7, HWPT(1)));
	ASSERT_EQ(0, mock_fail(0, 0));
	/* It is one user, not two. */
	ASSERT_EQ(0, DETACH(7));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
}

TEST_F(pasid, detach_of_one_that_is_not_attached)
{
	EXPECT_EQ(0, DETACH(1));
	EXPECT_EQ(0, DETACH(0));
	EXPECT_EQ(0, DETACH(LAST + 1));
	EXPECT_EQ(0, DETACH(~0U));
	ASSERT_EQ(0, ATTACH(1, HWPT(0)));
	EXPECT_EQ(0, DETACH(1));
	EXPECT_EQ(0, DETACH(1));
}

TEST_F(pasid, numbers)
{
	static const __u32 bad[] = { 0, LAST + 1, LAST + 2, 1U << 31, ~0U };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EINVAL, ATTACH(bad[i], HWPT(0)));
		EXPECT_EQ(-EINVAL, REPLACE(bad[i], HWPT(0)));
	}
	EXPECT_EQ(0, ATTACH(1, HWPT(0)));
	EXPECT_EQ(0, ATTACH(LAST, HWPT(0)));
	EXPECT_EQ(0, REPLACE(LAST, HWPT(1)));
}

TEST_F(pasid, targets)
{
	const __u32 nothing[] = { 0, BAD_ID };
	const __u32 other_kind[] = { self->s.ioas[0], self->s.ioas[1],
				     self->s.dev.dev_id, self->s.dev.id };
	unsigned int i;

	ASSERT_EQ(0, ATTACH(2, HWPT(0)));
	for (i = 0; i < ARRAY_LEN(nothing); i++) {
		EXPECT_EQ(-ENOENT, ATTACH(1, nothing[i]));
		EXPECT_EQ(-ENOENT, REPLACE(2, nothing[i]));
		/* Before the PASID is looked at */
		EXPECT_EQ(-ENOENT, ATTACH(0, nothing[i]));
		EXPECT_EQ(-ENOENT, REPLACE(1, nothing[i]));
	}
	for (i = 0; i < ARRAY_LEN(other_kind); i++) {
		EXPECT_EQ(-EINVAL, ATTACH(1, other_kind[i]));
		EXPECT_EQ(-EINVAL, REPLACE(2, other_kind[i]));
	}
	EXPECT_EQ(0, IS(1, 0));
	EXPECT_EQ(0, IS(2, HWPT(0)));
}

TEST_F(pasid, test_object_that_is_none)
{
	const __u32 bad[] = { 0, BAD_ID, self->s.dev.dev_id, self->s.ioas[0] };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-ENOENT, mock_pasid_attach(self->s.fd, bad[i], 1,
						     HWPT(0)));
		EXPECT_EQ(-ENOENT, mock_pasid_replace(self->s.fd, bad[i], 1,
						      HWPT(0)));
		EXPECT_EQ(-ENOENT, mock_pasid_detach(self->s.fd, bad[i], 1));
		EXPECT_EQ(-ENOENT, mock_pasid_check(self->s.fd, bad[i], 1, 0));
	}
}

TEST_F(pasid, check_of_what_is_no_page_table)
{
	EXPECT_EQ(-EINVAL, IS(1, BAD_ID));
	EXPECT_EQ(-EINVAL, IS(1, self->s.ioas[0]));
	ASSERT_EQ(0, ATTACH(1, HWPT(0)));
	EXPECT_EQ(-EINVAL, IS(1, BAD_ID));
}

TEST_F(pasid, answer_that_cannot_be_written)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_PASID_ATTACH,
		.id = self->s.dev.id,
		.pasid_attach.pasid = 1,
		.pasid_attach.pt_id = HWPT(0),
	};

	EXPECT_EQ(-EFAULT, call(self->s.fd, IOMMU_TEST_CMD,
				read_only(&cmd, sizeof(cmd))));
	EXPECT_EQ(0, IS(1, 0));
	ASSERT_EQ(0, ATTACH(1, HWPT(1)));
	cmd.op = IOMMU_TEST_OP_PASID_REPLACE;
	EXPECT_EQ(-EFAULT, call(self->s.fd, IOMMU_TEST_CMD,
				read_only(&cmd, sizeof(cmd))));
	EXPECT_EQ(0, IS(1, HWPT(1)));
}

/* Page tables that are for devices which use PASIDs, and others */

TEST_F(pasid, target_that_is_not_for_pasids)
{
	__u32 automatic;
	struct mock_dev dev;

	ASSERT_EQ(0, mock_attach(self->s.fd, self->s.ioas[1], &dev));
	automatic = dev.hwpt_id;
	ASSERT_EQ(0, ATTACH(2, HWPT(0)));
	EXPECT_EQ(-EINVAL, ATTACH(1, self->s.plain));
	EXPECT_EQ(-EINVAL, ATTACH(1, automatic));
	EXPECT_EQ(-EINVAL, REPLACE(2, self->s.plain));
	EXPECT_EQ(-EINVAL, REPLACE(2, automatic));
	EXPECT_EQ(0, IS(1, 0));
	EXPECT_EQ(0, IS(2, HWPT(0)));
	EXPECT_EQ(0, DESTROY(self->s.plain));
}

TEST_F(pasid, device_attached_to_one_that_is_not_for_pasids)
{
	ASSERT_EQ(0, MOVE(self->s.plain));
	EXPECT_EQ(-EINVAL, ATTACH(1, HWPT(0)));
	ASSERT_EQ(0, MOVE(self->s.ioas[1]));
	EXPECT_EQ(-EINVAL, ATTACH(1, HWPT(0)));
	EXPECT_EQ(0, IS(1, 0));
	ASSERT_EQ(0, MOVE(HWPT(1)));
	EXPECT_EQ(0, ATTACH(1, HWPT(0)));
}

TEST_F(pasid, device_moved_while_one_is_attached)
{
	__u32 third;

	ASSERT_EQ(0, MAP(0, 0));
	ASSERT_EQ(0, ALLOC(self->s.ioas[1], COMPATIBLE, &third));
	ASSERT_EQ(0, ATTACH(1, HWPT(1)));
	EXPECT_EQ(-EINVAL, MOVE(self->s.plain));
	EXPECT_EQ(-EINVAL, MOVE(self->s.ioas[0]));
	EXPECT_EQ(-EINVAL, MOVE(self->s.ioas[1]));
	EXPECT_EQ(HWPT(0), self->s.dev.hwpt_id);
	EXPECT_EQ(-EBUSY, DESTROY(HWPT(0)));
	EXPECT_EQ(0, CHECK_MAP(HWPT(0), 0));
	/* Nothing is left of the attempts. */
	EXPECT_EQ(0, DESTROY(self->s.plain));

	EXPECT_EQ(0, MOVE(HWPT(0)));
	EXPECT_EQ(0, MOVE(HWPT(1)));
	EXPECT_EQ(0, MOVE(third));
	EXPECT_EQ(0, IS(1, HWPT(1)));
	/* With the last PASID the rule goes. */
	ASSERT_EQ(0, ATTACH(2, HWPT(1)));
	ASSERT_EQ(0, DETACH(1));
	EXPECT_EQ(-EINVAL, MOVE(self->s.ioas[0]));
	ASSERT_EQ(0, DETACH(2));
	EXPECT_EQ(0, MOVE(self->s.ioas[0]));
}

/* It need not be of the device's own IOAS, nor made for the same device */
TEST_F(pasid, page_table_made_for_another_device)
{
	struct mock_dev dev;
	__u32 id;

	ASSERT_EQ(0, mock_attach_flags(self->s.fd, self->s.ioas[1],
				       MOCK_FLAGS_DEVICE_PASID, &dev));
	ASSERT_EQ(0, hwpt_alloc(self->s.fd, dev.dev_id, self->s.ioas[1],
				COMPATIBLE, &id));
	EXPECT_EQ(0, ATTACH(1, id));
	/* PASIDs of two devices are not the same. */
	ASSERT_EQ(0, mock_replace(self->s.fd, &dev, id));
	EXPECT_EQ(0, mock_pasid_attach(self->s.fd, dev.id, 1, HWPT(0)));
	EXPECT_EQ(0, IS(1, id));
	EXPECT_EQ(0, mock_pasid_check(self->s.fd, dev.id, 1, HWPT(0)));
	ASSERT_EQ(0, DESTROY(dev.id));
	EXPECT_EQ(0, IS(1, id));
	EXPECT_EQ(-EBUSY, DESTROY(id));
}

TEST_F(pasid, device_without_any)
{
	struct mock_dev dev;
	__u32 id;

	ASSERT_EQ(0, mock_attach(self->s.fd, self->s.ioas[0], &dev));
	ASSERT_EQ(0, hwpt_alloc(self->s.fd, dev.dev_id, self->s.ioas[0],
				COMPATIBLE, &id));
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->s.fd, dev.id, 1, id));
	/* The page tables do for the device itself. */
	EXPECT_EQ(0, mock_replace(self->s.fd, &dev, id));
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->s.fd, dev.id, 1, id));
	EXPECT_EQ(-EINVAL, mock_pasid_replace(self->s.fd, dev.id, 1, id));
	EXPECT_EQ(0, mock_pasid_detach(self->s.fd, dev.id, 1));
	EXPECT_EQ(-ENOENT, mock_pasid_attach(self->s.fd, dev.id, 1, BAD_ID));
	EXPECT_EQ(0, mock_replace(self->s.fd, &dev, HWPT(1)));
	EXPECT_EQ(0, mock_replace(self->s.fd, &dev, self->s.ioas[0]));
}

/* Page tables that the IOMMU of the device cannot use */
TEST_F(pasid, page_table_of_another_iommu)
{
	const __u32 flags[] = {
		MOCK_FLAGS_DEVICE_OTHER_IOMMU, MOCK_FLAGS_DEVICE_39_BITS,
		MOCK_FLAGS_DEVICE_SNOOP, MOCK_FLAGS_DEVICE_INCOHERENT_WALK,
		MOCK_FLAGS_DEVICE_SW_MSI,
	};
	struct mock_dev dev;
	unsigned int i;
	__u32 id;

	ASSERT_EQ(0, ATTACH(2, HWPT(1)));
	for (i = 0; i < ARRAY_LEN(flags); i++) {
		ASSERT_EQ(0, mock_attach_flags(self->s.fd, self->s.ioas[1],
					       flags[i], &dev));
		ASSERT_EQ(0, hwpt_alloc(self->s.fd, dev.dev_id,
					self->s.ioas[1], COMPATIBLE, &id));
		EXPECT_EQ(-EINVAL, ATTACH(1, id));
		EXPECT_EQ(-EINVAL, REPLACE(2, id));
		EXPECT_EQ(0, IS(1, 0));
		EXPECT_EQ(0, IS(2, HWPT(1)));
		EXPECT_EQ(0, DESTROY(id));
		ASSERT_EQ(0, DESTROY(dev.id));
	}
}

TEST_F(pasid, page_table_that_tracks)
{
	struct mock_dev dev;
	unsigned char bit = 0;
	__u32 id;

	ASSERT_EQ(0, ALLOC(self->s.ioas[1], COMPATIBLE | TRACKED, &id));
	ASSERT_EQ(0, MAP(1, 0));
	ASSERT_EQ(0, dirty_set(self->s.fd, id, ENABLE));
	ASSERT_EQ(0, ATTACH(1, id));
	ASSERT_EQ(0, mock_write(self->s.fd, id, AT));
	ASSERT_EQ(0, dirty_get(self->s.fd, id, 0, AT, PAGE, PAGE, &bit));
	EXPECT_EQ(1, bit);
	/* Tracking goes on while PASIDs come and go. */
	ASSERT_EQ(0, DETACH(1));
	ASSERT_EQ(0, ATTACH(2, id));
	ASSERT_EQ(0, mock_write(self->s.fd, id, AT));
	bit = 0;
	ASSERT_EQ(0, dirty_get(self->s.fd, id, 0, AT, PAGE, PAGE, &bit));
	EXPECT_EQ(1, bit);

	/* Not for a device that cannot track */
	ASSERT_EQ(0, mock_attach_flags(self->s.fd, HWPT(0),
				       MOCK_FLAGS_DEVICE_PASID |
				       MOCK_FLAGS_DEVICE_NO_DIRTY, &dev));
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->s.fd, dev.id, 1, id));
	EXPECT_EQ(0, mock_pasid_attach(self->s.fd, dev.id, 1, HWPT(1)));
}

/* What a PASID holds */

/* The page table is in the IOAS for as long as the PASID is attached */
TEST_F(pasid, reaches_what_is_mapped)
{
	ASSERT_EQ(0, MAP(1, 0));
	EXPECT_EQ(0, REFS(0, 1));
	ASSERT_EQ(0, ATTACH(1, HWPT(1)));
	EXPECT_EQ(0, CHECK_MAP(HWPT(1), 0));
	ASSERT_EQ(0, MAP(1, 1));
	EXPECT_EQ(0, CHECK_MAP(HWPT(1), 1));
	EXPECT_EQ(0, REFS(1, 1));
	ASSERT_EQ(0, ioas_unmap(self->s.fd, self->s.ioas[1], AT, PAGE));
	EXPECT_EQ(-EINVAL, CHECK_MAP(HWPT(1), 0));
	EXPECT_EQ(0, REFS(0, 0));
	/* The first IOAS is another one. */
	EXPECT_EQ(-EINVAL, CHECK_MAP(HWPT(0), 1));
	ASSERT_EQ(0, MAP(0, 2));
	EXPECT_EQ(-EINVAL, CHECK_MAP(HWPT(1), 2));

	EXPECT_EQ(-EBUSY, DESTROY(self->s.ioas[1]));
	ASSERT_EQ(0, DETACH(1));
	EXPECT_EQ(0, CHECK_MAP(HWPT(1), 1));
	ASSERT_EQ(0, DESTROY(HWPT(1)));
	EXPECT_EQ(0, REFS(1, 0));
	EXPECT_EQ(0, DESTROY(self->s.ioas[1]));
}

TEST_F(pasid, page_table_cannot_be_destroyed)
{
	ASSERT_EQ(0, ATTACH(1, HWPT(1)));
	ASSERT_EQ(0, ATTACH(2, HWPT(1)));
	EXPECT_EQ(-EBUSY, DESTROY(HWPT(1)));
	ASSERT_EQ(0, DETACH(1));
	EXPECT_EQ(-EBUSY, DESTROY(HWPT(1)));
	EXPECT_EQ(0, IS(2, HWPT(1)));
	ASSERT_EQ(0, REPLACE(2, HWPT(0)));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
	EXPECT_EQ(-ENOENT, REPLACE(2, HWPT(1)));
	EXPECT_EQ(0, IS(2, HWPT(0)));
}

TEST_F(pasid, page_table_of_the_device_and_of_a_pasid)
{
	ASSERT_EQ(0, ATTACH(1, HWPT(0)));
	ASSERT_EQ(0, MOVE(HWPT(1)));
	EXPECT_EQ(-EBUSY, DESTROY(HWPT(0)));
	ASSERT_EQ(0, MOVE(HWPT(0)));
	ASSERT_EQ(0, DETACH(1));
	EXPECT_EQ(-EBUSY, DESTROY(HWPT(0)));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
}

/* The device of a window for MSIs may use it, but a PASID does not reserve it */
TEST_F(pasid, reserves_nothing)
{
	struct mock_dev dev;
	__u32 id[2];
	int i;

	ASSERT_EQ(0, ioas_map(self->s.fd, self->s.ioas[1], self->memory, PAGE,
			      MOCK_MSI_WINDOW));
	ASSERT_EQ(0, mock_attach_flags(self->s.fd, self->s.ioas[0],
				       MOCK_FLAGS_DEVICE_PASID |
				       MOCK_FLAGS_DEVICE_SW_MSI, &dev));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, hwpt_alloc(self->s.fd, dev.dev_id,
					self->s.ioas[i], COMPATIBLE, &id[i]));
	ASSERT_EQ(0, mock_replace(self->s.fd, &dev, id[0]));
	EXPECT_EQ(0, mock_pasid_attach(self->s.fd, dev.id, 1, id[1]));
	EXPECT_EQ(0, mock_check_map(self->s.fd, id[1], self->memory, PAGE,
				    MOCK_MSI_WINDOW));
	EXPECT_EQ(0, ioas_map(self->s.fd, self->s.ioas[1], self->memory, PAGE,
			      MOCK_MSI_WINDOW + PAGE));
	EXPECT_EQ(-EADDRINUSE, mock_replace(self->s.fd, &dev, id[1]));
	EXPECT_EQ(0, mock_pasid_check(self->s.fd, dev.id, 1, id[1]));
	/* In the IOAS of the device it stays reserved, also for a PASID. */
	EXPECT_EQ(0, mock_pasid_replace(self->s.fd, dev.id, 1, id[0]));
	EXPECT_EQ(0, mock_pasid_detach(self->s.fd, dev.id, 1));
	EXPECT_EQ(-EINVAL, ioas_map(self->s.fd, self->s.ioas[0], self->memory,
				    PAGE, MOCK_MSI_WINDOW));
}

/* Failures of the IOMMU */

TEST_F(pasid, attach_that_the_iommu_refuses)
{
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(-EIO, ATTACH(1, HWPT(1)));
	EXPECT_EQ(0, IS(1, 0));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
	EXPECT_EQ(0, MOVE(self->s.ioas[0]));
	ASSERT_EQ(0, MOVE(HWPT(0)));
	EXPECT_EQ(0, ATTACH(1, HWPT(0)));
}

TEST_F(pasid, replace_that_the_iommu_refuses)
{
	ASSERT_EQ(0, MAP(0, 0));
	ASSERT_EQ(0, ATTACH(1, HWPT(0)));
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(-EIO, REPLACE(1, HWPT(1)));
	EXPECT_EQ(0, IS(1, HWPT(0)));
	EXPECT_EQ(0, CHECK_MAP(HWPT(0), 0));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
	ASSERT_EQ(0, MOVE(HWPT(0)));
	EXPECT_EQ(-EBUSY, DESTROY(HWPT(0)));
}

/* A move of the device that fails leaves it without a page table, but not its PASID. */
TEST_F(pasid, move_that_leaves_the_device_blocked)
{
	const long blocked = mock_blocked();

	ASSERT_EQ(0, MAP(1, 0));
	ASSERT_EQ(0, ATTACH(1, HWPT(1)));
	ASSERT_EQ(0, mock_fail(1, 0));
	EXPECT_EQ(-EIO, MOVE(HWPT(1)));
	EXPECT_EQ(blocked + 1, mock_blocked());
	EXPECT_EQ(0, IS(1, HWPT(1)));

	/* Nor can it be attached to its old one again. */
	ASSERT_EQ(0, mock_fail(1, 1));
	EXPECT_EQ(-EIO, MOVE(HWPT(1)));
	EXPECT_EQ(blocked + 2, mock_blocked());
	EXPECT_EQ(0, IS(1, HWPT(1)));
	EXPECT_EQ(0, CHECK_MAP(HWPT(1), 0));
	EXPECT_EQ(-EBUSY, DESTROY(HWPT(0)));
	EXPECT_EQ(-EBUSY, DESTROY(HWPT(1)));

	/* The PASIDs go on, and their rule holds. */
	EXPECT_EQ(-EINVAL, MOVE(self->s.ioas[0]));
	EXPECT_EQ(0, REPLACE(1, HWPT(0)));
	EXPECT_EQ(0, ATTACH(2, HWPT(1)));
	EXPECT_EQ(0, DETACH(1));
	EXPECT_EQ(0, IS(2, HWPT(1)));
	EXPECT_EQ(0, MOVE(HWPT(0)));
	EXPECT_EQ(blocked + 2, mock_blocked());
	EXPECT_EQ(0, IS(2, HWPT(1)));
	EXPECT_EQ(0, DETACH(2));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
}

/* The teardown finds no pin and no device left. */
TEST_F(pasid, context_that_ends_while_the_device_is_blocked)
{
	ASSERT_EQ(0, MAP(1, 0));
	ASSERT_EQ(0, ATTACH(1, HWPT(1)));
	ASSERT_EQ(0, mock_fail(1, 1));
	EXPECT_EQ(-EIO, MOVE(HWPT(1)));
	EXPECT_EQ(0, IS(1, HWPT(1)));
}

TEST_F(pasid, blocked_device_that_is_destroyed)
{
	ASSERT_EQ(0, ATTACH(1, HWPT(1)));
	ASSERT_EQ(0, mock_fail(1, 1));
	EXPECT_EQ(-EIO, MOVE(HWPT(1)));
	EXPECT_EQ(0, DESTROY(self->s.dev.id));
	EXPECT_EQ(0, DESTROY(HWPT(0)));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
}

/* What IOMMU drivers say of a domain that they cannot use becomes EINVAL. */
TEST_F(pasid, errnos_of_iommu_drivers)
{
	static const char *const says[] = { "14", "95", "6", "18", "22" };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(says); i++) {
		ASSERT_EQ(0, write_file(FAIL_ERRNO, says[i]));
		ASSERT_EQ(0, mock_fail(0, 1));
		EXPECT_EQ(-EINVAL, ATTACH(1, HWPT(1)));
	}
	ASSERT_EQ(0, write_file(FAIL_ERRNO, "12"));
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(-ENOMEM, ATTACH(1, HWPT(1)));
	EXPECT_EQ(0, ATTACH(1, HWPT(1)));
}

TEST_F(pasid, the_one_whose_second_attach_fails)
{
	const __u32 odd = IOMMU_TEST_PASID_RESERVED;

	ASSERT_EQ(0, ATTACH(odd, HWPT(0)));
	EXPECT_EQ(-ENOMEM, REPLACE(odd, HWPT(1)));
	EXPECT_EQ(0, IS(odd, HWPT(0)));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
	ASSERT_EQ(0, ALLOC(self->s.ioas[1], COMPATIBLE, &HWPT(1)));
	EXPECT_EQ(0, REPLACE(odd, HWPT(1)));
	EXPECT_EQ(0, IS(odd, HWPT(1)));
	EXPECT_EQ(-ENOMEM, REPLACE(odd, HWPT(0)));
	EXPECT_EQ(0, IS(odd, HWPT(1)));

	ASSERT_EQ(0, REPLACE(odd, HWPT(0)));
	ASSERT_EQ(0, DETACH(odd));
	EXPECT_EQ(0, ATTACH(odd, HWPT(1)));
	/* Others are not concerned. */
	EXPECT_EQ(0, ATTACH(odd + 1, HWPT(0)));
	EXPECT_EQ(0, REPLACE(odd + 1, HWPT(1)));
	EXPECT_EQ(0, REPLACE(odd + 1, HWPT(0)));
	EXPECT_EQ(-ENOMEM, REPLACE(odd, HWPT(0)));
}

/* Limits */

TEST_F(pasid, limit)
{
	struct setup another;
	unsigned int i;

	ASSERT_EQ(0, write_file(MAX_PASIDS, "3"));
	for (i = 1; i <= 3; i++)
		ASSERT_EQ(0, ATTACH(i, HWPT(0)));
	EXPECT_EQ(-ENOSPC, ATTACH(4, HWPT(1)));
	EXPECT_EQ(0, IS(4, 0));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
	/* Other errors come first. */
	EXPECT_EQ(-EBUSY, ATTACH(3, HWPT(0)));
	EXPECT_EQ(-EINVAL, ATTACH(4, self->s.plain));
	/* A replace takes no more. */
	ASSERT_EQ(0, ALLOC(self->s.ioas[1], COMPATIBLE, &HWPT(1)));
	EXPECT_EQ(0, REPLACE(1, HWPT(1)));

	/* It is of one context. */
	ASSERT_EQ(0, make_setup(&another));
	EXPECT_EQ(0, mock_pasid_attach(another.fd, another.dev.id, 1,
				       another.hwpt[0]));
	close(another.fd);

	ASSERT_EQ(0, DETACH(2));
	EXPECT_EQ(0, ATTACH(4, HWPT(0)));
	EXPECT_EQ(-ENOSPC, ATTACH(5, HWPT(0)));
	/* An attach that fails takes nothing. */
	ASSERT_EQ(0, DETACH(4));
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(-EIO, ATTACH(4, HWPT(0)));
	EXPECT_EQ(0, ATTACH(4, HWPT(0)));
	/* A limit below what there is takes nothing away. */
	ASSERT_EQ(0, write_file(MAX_PASIDS, "1"));
	EXPECT_EQ(0, IS(4, HWPT(0)));
	ASSERT_EQ(0, DETACH(4));
	EXPECT_EQ(-ENOSPC, ATTACH(4, HWPT(0)));
	/* The end of the device gives all back. */
	ASSERT_EQ(0, DESTROY(self->s.dev.id));
	ASSERT_EQ(0, mock_attach_flags(self->s.fd, HWPT(0),
				       MOCK_FLAGS_DEVICE_PASID, &self->s.dev));
	EXPECT_EQ(0, ATTACH(4, HWPT(0)));
	EXPECT_EQ(-ENOSPC, ATTACH(5, HWPT(0)));
}

/* Ends */

TEST_F(pasid, end_of_the_device)
{
	ASSERT_EQ(0, MAP(1, 0));
	ASSERT_EQ(0, ATTACH(1, HWPT(1)));
	ASSERT_EQ(0, ATTACH(IOMMU_TEST_PASID_RESERVED, HWPT(1)));
	ASSERT_EQ(0, ATTACH(LAST, HWPT(0)));
	EXPECT_EQ(-EBUSY, DESTROY(self->s.dev.dev_id));
	ASSERT_EQ(0, DESTROY(self->s.dev.id));
	EXPECT_EQ(0, mock_devices());
	EXPECT_EQ(0, CHECK_MAP(HWPT(1), 0));
	EXPECT_EQ(0, DESTROY(HWPT(0)));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
	EXPECT_EQ(0, REFS(0, 0));
	EXPECT_EQ(-ENOENT, DETACH(1));
}

/* The teardown closes the file. */
TEST_F(pasid, end_of_the_context)
{
	struct mock_dev dev;
	unsigned int i;

	ASSERT_EQ(0, MAP(0, 0));
	ASSERT_EQ(0, MAP(1, 1));
	ASSERT_EQ(0, mock_attach_flags(self->s.fd, HWPT(1),
				       MOCK_FLAGS_DEVICE_PASID, &dev));
	for (i = 1; i < 500; i++) {
		ASSERT_EQ(0, ATTACH(i * 2000, HWPT(i % 2)));
		ASSERT_EQ(0, mock_pasid_attach(self->s.fd, dev.id, i,
					       HWPT(i % 2)));
	}
	EXPECT_EQ(0, CHECK_MAP(HWPT(1), 1));
}

TEST_F(pasid, end_of_a_process_that_shares_the_context)
{
	pid_t child;
	int status;

	ASSERT_EQ(0, ATTACH(1, HWPT(0)));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(ATTACH(2, HWPT(1)) ? 1 : 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, IS(1, HWPT(0)));
	EXPECT_EQ(0, IS(2, HWPT(1)));
}

/* HWPT_ALLOC, GET_HW_INFO */

TEST_F(pasid, page_table_with_data)
{
	const struct iommu_hwpt_selftest data = {
		.pagetable_type = MOCK_IOMMUPT_HUGE,
	};
	__u32 id;

	ASSERT_EQ(0, hwpt_alloc_data(self->s.fd, self->s.dev.dev_id,
				     self->s.ioas[1], COMPATIBLE, &data, &id));
	EXPECT_EQ(0, ATTACH(1, id));
	EXPECT_EQ(0, MOVE(id));
}

TEST_F(pasid, page_table_is_used_by_its_id_only)
{
	struct mock_dev dev;

	ASSERT_EQ(0, mock_attach_flags(self->s.fd, self->s.ioas[1],
				       MOCK_FLAGS_DEVICE_PASID, &dev));
	EXPECT_NE(HWPT(1), dev.hwpt_id);
	EXPECT_EQ(-EINVAL, mock_pasid_attach(self->s.fd, dev.id, 1, HWPT(1)));
}

/* Which PASIDs there are is what GET_HW_INFO says. */
TEST_F(pasid, width)
{
	struct iommu_hw_info arg = {
		.size = sizeof(arg),
		.dev_id = self->s.dev.dev_id,
	};

	ASSERT_EQ(0, call(self->s.fd, IOMMU_GET_HW_INFO, &arg));
	ASSERT_LT(0, arg.out_max_pasid_log2);
	EXPECT_EQ(0, ATTACH((1U << arg.out_max_pasid_log2) - 1, HWPT(0)));
	EXPECT_EQ(-EINVAL, ATTACH(1U << arg.out_max_pasid_log2, HWPT(0)));
	EXPECT_EQ(0, arg.out_capabilities & (IOMMU_HW_CAP_PCI_PASID_EXEC |
					     IOMMU_HW_CAP_PCI_PASID_PRIV));
}

/* Two devices in one group */

TEST_F(pasid, belongs_to_one_device_of_the_group)
{
	struct mock_dev mate;

	ASSERT_EQ(0, mock_mate(self->s.fd, &self->s.dev, HWPT(0), &mate));
	ASSERT_EQ(0, ATTACH(7, HWPT(0)));
	/* The mate can neither have it, nor move it, nor take it away. */
	EXPECT_EQ(-EBUSY, mock_pasid_attach(self->s.fd, mate.id, 7, HWPT(1)));
	EXPECT_EQ(-EINVAL, mock_pasid_replace(self->s.fd, mate.id, 7, HWPT(1)));
	EXPECT_EQ(0, mock_pasid_detach(self->s.fd, mate.id, 7));
	EXPECT_EQ(0, IS(7, HWPT(0)));
	EXPECT_EQ(0, mock_pasid_check(self->s.fd, mate.id, 7, 0));
	/* Each leaves those of the other alone as it ends. */
	ASSERT_EQ(0, mock_pasid_attach(self->s.fd, mate.id, 8, HWPT(1)));
	ASSERT_EQ(0, DESTROY(mate.id));
	EXPECT_EQ(0, IS(7, HWPT(0)));
	EXPECT_EQ(0, DESTROY(HWPT(1)));
	EXPECT_EQ(0, ATTACH(8, HWPT(0)));
}

TEST_HARNESS_MAIN
