// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices with reserved memory of firmware (RMRR; the VM's profile "rmrr"): a
 * user could remove its mapping, so the device cannot be bound, and has no
 * device file, unless its kind is known to need the mapping only while firmware
 * drives it.
 */
#include "group.h"

#define USB	"0000:00:09.0"	/* has reserved memory of firmware, too */

/* The lines in the kernel log; PAIR_1 has reserved memory of firmware, too */
#define SAYS_WHY(bdf, range)	\
	"vfio-pci " bdf ": cannot be bound: " \
	"firmware needs [mem " range "] mapped for its IOMMU group"
#define NO_FILE	\
	"vfio-pci " EDU ": no device file: bind would always fail with error -1"

/* Does a group have a reserved region of a type? */
static bool group_has(int group, const char *type)
{
	char path[64], line[128];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path),
		 "/sys/kernel/iommu_groups/%d/reserved_regions", group);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		found |= !strcmp(strrchr(line, ' ') + 1, type);
	}
	if (file)
		fclose(file);
	return found;
}

FIXTURE(rmrr)
{
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(rmrr)
{
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(rmrr)
{
	EXPECT_EQ(0, close(self->iommu));
}

TEST_F(rmrr, device_has_no_file)
{
	int group, log = kmsg_open();
	char path[PATH_MAX];
	dev_t dev;

	ASSERT_TRUE(group_has(pci_group(EDU), "direct"));
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	EXPECT_EQ(-ENODEV, vfio_find(EDU, path, &dev));
	EXPECT_TRUE(log_says(log, EDU, SAYS_WHY(EDU, "0xfed1c000-0xfed1cfff")));
	EXPECT_TRUE(log_says(log, EDU, NO_FILE));
	close(log);
	/* The group interface is there */
	group = group_open(EDU);
	EXPECT_LE(0, group);
	close(group);
	EXPECT_TRUE(group_is_viable(EDU));
	EXPECT_EQ(0, pci_bind(EDU, NULL));
}

/* The device that has the memory joins the group after the file was made */
TEST_F(rmrr, device_cannot_be_bound)
{
	int i, dev, log;

	ASSERT_EQ(0, pci_remove(PAIR_1));
	ASSERT_FALSE(group_has(pci_group(PAIR_0), "direct"));
	dev = open_vfio(PAIR_0);
	ASSERT_EQ(0, pci_rescan());
	ASSERT_EQ(pci_group(PAIR_0), pci_group(PAIR_1));
	ASSERT_TRUE(group_has(pci_group(PAIR_0), "direct"));

	log = kmsg_open();
	EXPECT_EQ(-EPERM, vfio_bind(dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(dev));
	EXPECT_TRUE(log_says(log, PAIR_0, SAYS_WHY(PAIR_0, "0xfed1e000-0xfed1efff")));
	for (i = 0; i < LOG_TRIES; i++)
		ASSERT_EQ(-EPERM, vfio_bind(dev, self->iommu, NULL));
	EXPECT_GT(LOG_LINES, log_count(log, PAIR_0));
	close(log);
	EXPECT_EQ(0, close(dev));
	/* The context that was refused does not own the group */
	EXPECT_TRUE(group_is_viable(PAIR_0));
	EXPECT_EQ(0, pci_bind(PAIR_0, NULL));
}

TEST_F(rmrr, relaxable_device_can_be_bound_and_attached)
{
	struct iommu_ioas_iova_ranges ranges = {
		.size = sizeof(ranges),
		.ioas_id = self->ioas,
	};
	struct iommu_iova_range range[8];
	int dev = open_vfio(USB);
	__u32 i;

	ASSERT_TRUE(group_has(pci_group(USB), "direct-relaxable"));
	ASSERT_EQ(0, vfio_bind(dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(dev, self->ioas, NULL));

	/* The user may map the IOVA of firmware's reserved memory */
	ranges.num_iovas = ARRAY_SIZE(range);
	ranges.allowed_iovas = (uintptr_t)range;
	ASSERT_EQ(0, ERR(ioctl(self->iommu, IOMMU_IOAS_IOVA_RANGES, &ranges)));
	for (i = 0; i < ranges.num_iovas; i++)
		if (range[i].start <= 0xfed1d000 && range[i].last >= 0xfed1dfff)
			break;
	EXPECT_LT(i, ranges.num_iovas);
	EXPECT_EQ(0, close(dev));
	EXPECT_EQ(0, pci_bind(USB, NULL));
}

TEST_HARNESS_MAIN
