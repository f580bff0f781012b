// SPDX-License-Identifier: GPL-2.0-only
/* The node /dev/iommu. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "common.h"

#define MISC_MAJOR	10

TEST(is_a_misc_device_that_sysfs_names)
{
	unsigned int major, minor;
	struct stat st;
	FILE *f;

	ASSERT_EQ(0, stat("/dev/iommu", &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(MISC_MAJOR, major(st.st_rdev));
	f = fopen("/sys/class/misc/iommu/dev", "re");
	ASSERT_NE(NULL, f);
	ASSERT_EQ(2, fscanf(f, "%u:%u", &major, &minor));
	EXPECT_EQ(makedev(major, minor), st.st_rdev);
	fclose(f);
}

TEST(belongs_to_root)
{
	struct stat st;

	ASSERT_EQ(0, stat("/dev/iommu", &st));
	EXPECT_EQ(0660, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
	EXPECT_EQ(0, st.st_gid);
	ASSERT_EQ(0, setresgid(12345, 12345, 12345));
	ASSERT_EQ(0, setresuid(12345, 12345, 12345));
	EXPECT_EQ(-EACCES, iommu_open());
}

/* An open file can be used without privilege */
TEST(open_file_is_enough)
{
	int fd = iommu_open();
	__u32 id, dev_id;
	int dev;

	ASSERT_LE(0, fd);
	dev = vfio_open_bound(EDU, fd, &dev_id);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, setresgid(12345, 12345, 12345));
	ASSERT_EQ(0, setresuid(12345, 12345, 12345));
	EXPECT_EQ(0, ioas_alloc(fd, &id));
	EXPECT_EQ(0, vfio_attach(dev, id, NULL));
	EXPECT_EQ(0, ioas_map(fd, id, anon(PAGE), PAGE, HUGE));
	EXPECT_EQ(PAGE, ioas_empty(fd, id));
	EXPECT_EQ(0, vfio_detach(dev));
	EXPECT_EQ(0, iommu_destroy(fd, id));
	close(dev);
	close(fd);
}

TEST_HARNESS_MAIN
