// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls of which one allocation fails, and all after it: what is tried again fails, too,
 * as in a memory cgroup at its limit.  One that fails alone, as everywhere else here
 * (see failnth.h), is often tried again with success.
 */
#include "../access.h"
#include "failnth.h"

#define STEP		64	/* bytes; less than any two nodes of an xarray have */
/* The PFNs of so much memory are in an xarray of two levels, of two nodes for this: */
#define LENGTH		(132 * MiB)
#define FAR		(130 * MiB)

FIXTURE(later)
{
	int make_it_fail;	/* open, as an open file takes memory */
	char *memory;
	long pinned;
};

static int set_failslab(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), DEBUGFS "failslab/%s", name);
	return write_file(path, value);
}

FIXTURE_SETUP(later)
{
	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	self->make_it_fail = open("/proc/self/make-it-fail",
				  O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, self->make_it_fail);
	self->memory = anon(LENGTH);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, set_failslab("task-filter", "1"));
	ASSERT_EQ(0, set_failslab("times", "-1"));
	ASSERT_EQ(0, set_failslab("probability", "100"));
}

FIXTURE_TEARDOWN(later)
{
	EXPECT_EQ(0, set_failslab("probability", "0"));
	EXPECT_EQ(0, set_failslab("task-filter", "0"));
	EXPECT_EQ(0, close(self->make_it_fail));
	EXPECT_EQ(0, mock_unload());
}

static int make_it_fail(const struct _test_data_later *self, bool fail)
{
	return pwrite(self->make_it_fail, fail ? "1" : "0", 1, 0) == 1 ? 0 :
									 -errno;
}

/* No IOMMU has the memory: the pages object has its first PFN by this pin. */
static int pin_far_page(const struct _test_data_later *self, unsigned int space,
			bool fail)
{
	const char *far = self->memory + FAR;
	int fd, access = -1, rc;
	__u32 ioas, item;
	char text[16];

	fd = mock_open(&ioas);
	if (fd < 0)
		return fd;
	rc = ioas_map(fd, ioas, self->memory, LENGTH, AT);
	if (!rc)
		access = access_create(fd, ioas, NEEDS_PIN);
	snprintf(text, sizeof(text), "%u", space);
	rc = rc ?: set_failslab("space", text) ?:
	     make_it_fail(self, fail) ?:
	     access_pin(fd, access, AT + FAR, PAGE, far, 0, &item);
	rc = make_it_fail(self, false) ?: rc;
	close(access);
	close(fd);
	return rc;
}

/* The end of the pages object would warn of what such a pin leaves. */
TEST_F_TIMEOUT(later, first_pin_of_a_large_object, 300)
{
	unsigned int space, failed = 0;
	int rc;

	/* The page is there, and what a first pin makes besides */
	ASSERT_EQ(0, pin_far_page(self, 0, false));
	for (space = 0; space < 16384; space += STEP) {
		rc = pin_far_page(self, space, true);
		EXPECT_EQ(self->pinned, pinned());
		if (!rc)
			break;
		ASSERT_EQ(-ENOMEM, rc);
		failed++;
	}
	EXPECT_EQ(0, rc);
	TH_LOG("failed %u times, with up to %u bytes", failed, space);
	/* At least a record of the pin and two nodes */
	EXPECT_LT(1200 / STEP, failed);
}

TEST_HARNESS_MAIN
