// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much an IOMMU driver is asked to do in one call: the mock tells the most
 * that one call was to unmap, and how often it was flushed.
 */
#include "mock.h"

#define AT	(128 * MiB)

FIXTURE(steps)
{
	int fd;
	__u32 ioas_id;
	struct mock_dev dev;
	char *huge;	/* HUGE bytes, contiguous */
	long pinned;
};

FIXTURE_SETUP(steps)
{
	ASSERT_EQ(0, mock_load());
	self->huge = huge_pages(HUGE);
	ASSERT_NE(NULL, self->huge);
	self->pinned = pinned();
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &self->dev));
}

FIXTURE_TEARDOWN(steps)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_unload());
}

static int counts_reset(void)
{
	return write_file(MOCK_PARAMETERS "largest_unmap", "0") ?:
	       write_file(MOCK_PARAMETERS "flushes", "0");
}

static long parameter(const char *path)
{
	FILE *f = fopen(path, "re");
	long n;

	if (!f || fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

static long largest_unmap(void)
{
	return parameter(MOCK_PARAMETERS "largest_unmap");
}

static long flushes(void)
{
	return parameter(MOCK_PARAMETERS "flushes");
}

TEST_F(steps, an_unmap_is_one_call_and_one_flush)
{
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->huge, HUGE, AT));
	ASSERT_EQ(0, counts_reset());
	EXPECT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, HUGE));
	EXPECT_EQ((long)HUGE, largest_unmap());
	EXPECT_EQ(1, flushes());
}

TEST_HARNESS_MAIN
