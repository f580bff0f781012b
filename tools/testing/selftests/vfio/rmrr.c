// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices with reserved memory of firmware (RMRR; the VM's profile "rmrr"): a
 * user could remove its mapping, so the device cannot be bound, unless its kind
 * is known to need the mapping only while firmware drives it.
 */
#include "group.h"

#define USB	"0000:00:09.0"	/* has reserved memory of firmware, too */

/* The line in the kernel log for the first device */
#define SAYS_WHY "vfio-pci " EDU ": cannot be bound: " \
		 "firmware needs [mem 0xfed1c000-0xfed1cfff] mapped for its IOMMU group"

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

TEST_F(rmrr, device_cannot_be_bound)
{
	int i, dev = open_vfio(EDU), log = kmsg_open();

	ASSERT_TRUE(group_has(pci_group(EDU), "direct"));
	EXPECT_EQ(-EPERM, vfio_bind(dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(dev));
	EXPECT_TRUE(log_says(log, EDU, SAYS_WHY));
	for (i = 0; i < LOG_TRIES; i++)
		ASSERT_EQ(-EPERM, vfio_bind(dev, self->iommu, NULL));
	EXPECT_GT(LOG_LINES, log_count(log, EDU));
	close(log);
	EXPECT_EQ(0, close(dev));
	/* The context that was refused does not own the group */
	EXPECT_TRUE(group_is_viable(EDU));
	EXPECT_EQ(0, pci_bind(EDU, NULL));
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
