// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel allocates for a user is charged to the user's memory cgroup. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common.h"

#define AT	(256 * HUGE)
#define MAPS	20000
/* An area and its pages are two objects in trees: they cannot be smaller */
#define BYTES	128

#define ROOT	"/tmp/iommu-memcg"
#define GROUP	ROOT "/test"

static long charged(void)
{
	FILE *f = fopen(GROUP "/memory.current", "re");
	long value = -1;

	if (f) {
		if (fscanf(f, "%ld", &value) != 1)
			value = -1;
		fclose(f);
	}
	return value;
}

FIXTURE(memcg)
{
	int fd;
	int dev;
	__u32 dev_id;
	__u32 ioas_id;
};

FIXTURE_VARIANT(memcg)
{
	bool device;
};

FIXTURE_VARIANT_ADD(memcg, no_device)
{
};

FIXTURE_VARIANT_ADD(memcg, device)
{
	.device = true,
};

FIXTURE_SETUP(memcg)
{
	ASSERT_TRUE(!mkdir(ROOT, 0700) || errno == EEXIST);
	ASSERT_EQ(0, mount("none", ROOT, "cgroup2", 0, NULL));
	ASSERT_EQ(0, write_file(ROOT "/cgroup.subtree_control", "+memory"));
	ASSERT_TRUE(!mkdir(GROUP, 0700) || errno == EEXIST);

	/* Opened and attached outside of the group, used inside */
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->dev = vfio_open_bound(EDU, self->fd, &self->dev_id);
	ASSERT_LE(0, self->dev);
	if (variant->device)
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas_id, NULL));
	ASSERT_EQ(0, write_file(GROUP "/cgroup.procs", "0"));
}

FIXTURE_TEARDOWN(memcg)
{
	close(self->dev);
	close(self->fd);
	EXPECT_EQ(0, write_file(ROOT "/cgroup.procs", "0"));
	EXPECT_EQ(0, rmdir(GROUP));
	EXPECT_EQ(0, umount(ROOT));
	EXPECT_EQ(0, rmdir(ROOT));
}

TEST_F_TIMEOUT(memcg, mappings_are_charged, 120)
{
	char *p = anon(PAGE);
	long before, full, after;
	int i;

	/* The first of each kind, and the memory itself, before counting */
	memset(p, 1, PAGE);
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE, AT));
	before = charged();
	ASSERT_LT(0, before);
	for (i = 1; i <= MAPS; i++)
		ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, p, PAGE,
				      AT + i * 2 * PAGE));
	full = charged();
	EXPECT_LT(before + MAPS * BYTES, full);
	TH_LOG("%ld bytes a mapping", (full - before) / MAPS);
	ASSERT_EQ((MAPS + 1) * PAGE, ioas_empty(self->fd, self->ioas_id));
	after = charged();
	EXPECT_GT(before + MAPS * BYTES / 4, after);
}

TEST_F_TIMEOUT(memcg, objects_are_charged, 60)
{
	long before, full;
	__u32 id;
	int i;

	ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	before = charged();
	ASSERT_LT(0, before);
	for (i = 0; i < MAPS / 4; i++)
		ASSERT_EQ(0, ioas_alloc(self->fd, &id));
	full = charged();
	EXPECT_LT(before + MAPS / 4 * BYTES, full);
	TH_LOG("%ld bytes an IOAS", (full - before) / (MAPS / 4));
}

TEST_HARNESS_MAIN
