// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk goes from the host's own driver to a user of its device file and back:
 * each finds it, and the IOMMU, as if the other had never used them.
 */
#include "disk.h"

#define IOVA	0x100000000ULL

FIXTURE(disk)
{
	char *image;	/* the expected first MiB */
	char *memory;
};

FIXTURE_SETUP(disk)
{
	self->image = disk_image();
	ASSERT_NE(NULL, self->image);
	self->memory = anon_pages(MIB / PAGE);
}

FIXTURE_TEARDOWN(disk)
{
	EXPECT_EQ(0, pci_bind(NVME, NULL));
}

/* Read the disk as a user: 0 if the content is as expected */
static int read_by_user(const char *image, char *memory)
{
	struct disk disk;
	int rc;

	rc = disk_open(&disk) ?: ioas_map(disk.iommu, disk.ioas, memory, MIB,
					  IOVA);
	if (rc)
		return rc;
	memset(memory, 0, MIB);
	rc = nvme_read(&disk.nvme, 0, IOVA, MIB);
	if (!rc && memcmp(memory, image, MIB))
		rc = -EBADMSG;
	disk_close(&disk);
	return rc;
}

TEST_F_TIMEOUT(disk, changes_hands, PATIENCE)
{
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, disk_read_by_host(self->image, self->memory));
		ASSERT_EQ(0, read_by_user(self->image, self->memory));
	}
	ASSERT_EQ(0, disk_read_by_host(self->image, self->memory));
}

TEST_F_TIMEOUT(disk, has_no_device_file_with_its_host_driver, PATIENCE)
{
	char path[PATH_MAX];
	dev_t dev;

	ASSERT_EQ(0, disk_read_by_host(self->image, self->memory));
	EXPECT_EQ(-ENODEV, vfio_find(NVME, path, &dev));
}

/* The disk is left running and attached: the host's driver finds it quiet */
TEST_F_TIMEOUT(disk, from_a_user_who_died, PATIENCE)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		struct disk disk;

		_exit(!!disk_open(&disk));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	EXPECT_EQ(0, disk_read_by_host(self->image, self->memory));
}

TEST_HARNESS_MAIN
