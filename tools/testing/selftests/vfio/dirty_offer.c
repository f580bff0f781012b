// SPDX-License-Identifier: GPL-2.0-only
/* On which kernels dirty tracking is offered, if the hardware has it */
#include "dirty.h"

/* The driver is asked, so that a kernel whose driver begins to tell is noticed */
TEST(offered_where_it_works)
{
	__u32 dev_id, ioas, id;
	int tracker, dev, iommu;
	__s32 answer;

	if (kernel_before(6, 12, 0))
		SKIP(return, "IOMMU drivers of 6.1 do not track dirty pages");
	tracker = tracker_open();
	ASSERT_LE(0, tracker);
	dev = open_vfio(EDU);
	iommu = open_iommu(&ioas);
	ASSERT_EQ(0, ERR(ioctl(tracker, TRACKER_ASK, &answer)));
	EXPECT_EQ(kernel_tracks() ? 0 : -EOPNOTSUPP, answer);
	ASSERT_EQ(0, vfio_bind(dev, iommu, &dev_id));
	EXPECT_EQ(!answer, get_capabilities(iommu, dev_id) &
				   IOMMU_HW_CAP_DIRTY_TRACKING);
	EXPECT_EQ(answer, hwpt_alloc(iommu, dev_id, ioas, TRACKED, &id));
	close(dev);
	close(iommu);
	close(tracker);
	EXPECT_EQ(0, module_unload(TRACKER_MODULE));

	/* Without the module */
	dev = open_vfio(EDU);
	iommu = open_iommu(&ioas);
	ASSERT_EQ(0, vfio_bind(dev, iommu, &dev_id));
	EXPECT_EQ(IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED,
		  get_capabilities(iommu, dev_id));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(iommu, dev_id, ioas, TRACKED, &id));
	close(dev);
	close(iommu);
}

TEST_HARNESS_MAIN
