// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replace with an IOMMU that cannot replace domains at once, as on 6.1: the
 * group is detached and attached again, and both attaches may fail.  And with one that
 * can, but leaves the group blocked when it fails, as on 7.x: it is attached again, too,
 * and that may fail.
 */
#include "hwpt.h"
#include "kmsg.h"

#define AT	(64 * MiB)
#define BLOCKED	"blocked: the IOMMU cannot attach it again"

/* A mock device that is attached to the first of two IOASs, with a page in each */
FIXTURE(reattach)
{
	int fd;
	__u32 ioas[2];
	struct mock_dev dev;
	__u32 old;	/* the page table that it is attached to */
	char *memory;
	long pinned;
	int log;
};

FIXTURE_SETUP(reattach)
{
	int i;

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, mock_unload());
	ASSERT_EQ(0, system("modprobe " MOCK_MODULE " replaces=N"));
	self->memory = small_pages(2 * PAGE);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas[i]));
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas[i],
				      self->memory + i * PAGE, PAGE, AT));
	}
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas[0], &self->dev));
	self->old = self->dev.hwpt_id;
	self->log = kmsg_open();
	ASSERT_LE(0, self->log);
}

/* Everything is undone, whatever the device is attached to */
FIXTURE_TEARDOWN(reattach)
{
	EXPECT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas[0]));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas[1]));
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
	close(self->fd);
	close(self->log);
	EXPECT_EQ(0, mock_unload());
}

static int replace(struct __test_metadata *_metadata,
		   struct _test_data_reattach *self, int i)
{
	int rc = mock_replace(self->fd, &self->dev, self->ioas[i]);

	/* What the device can reach stays mapped there */
	if (!rc) {
		EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id,
					    self->memory + i * PAGE, PAGE, AT));
		EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas[i]));
	}
	return rc;
}

#define REPLACE(i) replace(_metadata, self, i)

static bool says(int log, const char *word)
{
	char line[1024];

	return kmsg_find(log, word, "", 0, line);
}

TEST_F(reattach, in_between_it_is_blocked)
{
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_NE(self->old, self->dev.hwpt_id);
	EXPECT_EQ(1, mock_blocked());
	EXPECT_EQ(0, REPLACE(0));
	EXPECT_EQ(2, mock_blocked());
	EXPECT_FALSE(says(self->log, BLOCKED));
}

TEST_F(reattach, one_that_fails_leaves_it_where_it_was)
{
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(-EIO, REPLACE(1));
	EXPECT_EQ(0, mock_check_map(self->fd, self->old, self->memory, PAGE,
				    AT));
	EXPECT_FALSE(says(self->log, BLOCKED));
	EXPECT_EQ(1, mock_blocked());
	/* It is attached there: this does nothing, least of all an attach */
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(0, REPLACE(0));
	EXPECT_EQ(self->old, self->dev.hwpt_id);
	EXPECT_EQ(1, mock_blocked());
	ASSERT_EQ(0, mock_fail(0, 0));
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_EQ(2, mock_blocked());
}

/* Both attaches fail */
static void block(struct __test_metadata *_metadata,
		  struct _test_data_reattach *self)
{
	ASSERT_EQ(0, mock_fail(0, 2));
	ASSERT_EQ(-EIO, REPLACE(1));
	ASSERT_TRUE(says(self->log, BLOCKED));
	ASSERT_EQ(1, mock_blocked());
	/* The other IOAS is free, this one is not */
	ASSERT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas[0]));
	ASSERT_EQ(0, mock_check_refs(self->fd, self->memory + PAGE, PAGE, 0));
}

TEST_F(reattach, a_blocked_device_is_attached_by_the_next_replace)
{
	block(_metadata, self);
	/* The same IOAS, or page table, is no reason to do nothing */
	ASSERT_EQ(0, mock_fail(0, 3));
	EXPECT_EQ(-EIO, REPLACE(0));
	EXPECT_TRUE(says(self->log, BLOCKED));
	ASSERT_EQ(0, mock_fail(0, 0));
	EXPECT_EQ(0, mock_replace(self->fd, &self->dev, self->old));
	EXPECT_EQ(0, mock_check_map(self->fd, self->old, self->memory, PAGE,
				    AT));

	/* Now it is attached: a replace detaches it */
	EXPECT_EQ(1, mock_blocked());
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_EQ(2, mock_blocked());
}

TEST_F(reattach, a_blocked_device_is_attached_to_another_ioas)
{
	block(_metadata, self);
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_EQ(1, mock_blocked());
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 0));
}

TEST_F(reattach, a_blocked_device_goes_back_when_the_next_replace_fails)
{
	block(_metadata, self);
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(-EIO, REPLACE(1));
	EXPECT_FALSE(says(self->log, BLOCKED));
	EXPECT_EQ(1, mock_blocked());
	/* It is attached to the old one again */
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_EQ(2, mock_blocked());
}

/* The teardown destroys it: the mock warns of a detach without an attach */
TEST_F(reattach, a_blocked_device_is_destroyed)
{
	block(_metadata, self);
}

/* The same with an IOMMU that replaces domains at once */
static void at_once(struct __test_metadata *_metadata,
		    struct _test_data_reattach *self)
{
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, mock_unload());
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas[0], &self->dev));
	self->old = self->dev.hwpt_id;
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_EQ(0, REPLACE(0));
	ASSERT_EQ(0, mock_blocked());
	self->old = self->dev.hwpt_id;
}

static void expect_back(struct __test_metadata *_metadata,
			struct _test_data_reattach *self)
{
	EXPECT_EQ(0, mock_check_map(self->fd, self->old, self->memory, PAGE,
				    AT));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas[0]));
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory + PAGE, PAGE, 0));
}

TEST_F(reattach, one_at_once_that_fails_leaves_it_where_it_was)
{
	at_once(_metadata, self);
	ASSERT_EQ(0, mock_fail(1, 0));
	EXPECT_EQ(-EIO, REPLACE(1));
	EXPECT_EQ(1, mock_blocked());
	EXPECT_FALSE(says(self->log, BLOCKED));
	expect_back(_metadata, self);
	/* It is attached there: this does nothing */
	ASSERT_EQ(0, mock_fail(1, 1));
	EXPECT_EQ(0, REPLACE(0));
	EXPECT_EQ(1, mock_blocked());
	/* And this is a replace at once */
	ASSERT_EQ(0, mock_fail(0, 1));
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_EQ(1, mock_blocked());
	ASSERT_EQ(0, mock_fail(0, 0));
}

/* The replace, and the attempt to attach it to the old page table again, fail. */
static void block_at_once(struct __test_metadata *_metadata,
			  struct _test_data_reattach *self)
{
	at_once(_metadata, self);
	ASSERT_EQ(0, mock_fail(1, 1));
	ASSERT_EQ(-EIO, REPLACE(1));
	ASSERT_EQ(1, mock_blocked());
	ASSERT_TRUE(says(self->log, BLOCKED));
	expect_back(_metadata, self);
}

TEST_F(reattach, blocked_at_once_it_is_attached_by_the_next_replace)
{
	block_at_once(_metadata, self);
	/* The same IOAS, or page table, is no reason to do nothing */
	ASSERT_EQ(0, mock_fail(0, 3));
	EXPECT_EQ(-EIO, REPLACE(0));
	EXPECT_TRUE(says(self->log, BLOCKED));
	ASSERT_EQ(0, mock_fail(0, 0));
	EXPECT_EQ(0, mock_replace(self->fd, &self->dev, self->old));
	expect_back(_metadata, self);
	EXPECT_EQ(1, mock_blocked());
	/* Now it is attached */
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_EQ(1, mock_blocked());
}

TEST_F(reattach, blocked_at_once_it_is_attached_to_another_ioas)
{
	block_at_once(_metadata, self);
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_EQ(1, mock_blocked());
	EXPECT_EQ(0, mock_check_refs(self->fd, self->memory, PAGE, 0));
}

/*
 * The page table that another device has there does not suit, and the replace by it
 * leaves the device blocked.  The same call then makes a page table that does.
 */
TEST_F(reattach, blocked_at_once_it_is_attached_to_a_new_page_table)
{
	struct mock_dev other;

	at_once(_metadata, self);
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas[1], &other));
	ASSERT_EQ(0, write_file(MOCK_PARAMETERS "fail_errno", "22"));
	ASSERT_EQ(0, mock_fail(1, 0));
	EXPECT_EQ(0, REPLACE(1));
	EXPECT_NE(other.hwpt_id, self->dev.hwpt_id);
	EXPECT_EQ(1, mock_blocked());
	EXPECT_FALSE(says(self->log, BLOCKED));
	EXPECT_EQ(0, mock_check_map(self->fd, other.hwpt_id,
				    self->memory + PAGE, PAGE, AT));
	EXPECT_EQ(0, iommu_destroy(self->fd, other.id));
	/* None suits: it is attached to the old one again. */
	ASSERT_EQ(0, mock_fail(3, 0));
	EXPECT_EQ(-EINVAL, REPLACE(0));
	EXPECT_EQ(0, mock_check_map(self->fd, self->dev.hwpt_id,
				    self->memory + PAGE, PAGE, AT));
	EXPECT_FALSE(says(self->log, BLOCKED));
	ASSERT_EQ(0, mock_fail(0, 0));
}

TEST_F(reattach, blocked_at_once_it_is_destroyed)
{
	block_at_once(_metadata, self);
}

TEST_HARNESS_MAIN
