// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-bufs of BARs (profile "sriov") that another driver imports.
 */
#include <time.h>

#include "../kernel.h"
#include "dma_buf.h"

FIXTURE(import)
{
	struct pair p;
	int buf;
	struct edu edu;		/* PAIR_0, through sysfs */
	struct iommu_test_cmd cmd;
};

FIXTURE_SETUP(import)
{
	ASSERT_EQ(0, module_load("iommufd_mock",
				 "/sys/module/iommufd_mock/refcnt"));
	self->buf = pair_open_buf(&self->p);
	ASSERT_LE(0, self->buf);
	ASSERT_EQ(0, pci_release(PAIR_0));
	ASSERT_EQ(0, pci_release(PAIR_1));
	ASSERT_EQ(0, pci_map_bar0(PAIR_0, &self->edu.bar,
				  &self->edu.bar_length));
	ASSERT_EQ(0, pci_config_write16(PAIR_0, PCI_COMMAND,
					PCI_COMMAND_MEMORY |
					PCI_COMMAND_MASTER));
}

FIXTURE_TEARDOWN(import)
{
	edu_close(&self->edu);
	EXPECT_EQ(0, pair_close(&self->p));
	EXPECT_EQ(0, pci_bind(PAIR_0, "vfio-pci"));
	EXPECT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
}

#define import(flags, delay_ms)						\
	mock_import(self->p.iommu, self->buf, flags, delay_ms)
#define use(import, how)						\
	import_use(self->p.iommu, import, MOCK_IMPORT_##how, &self->cmd)

TEST_F_TIMEOUT(import, reaches_the_bar, PATIENCE)
{
	int fd = import(0, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);
	fill_bar(self->p.bar, '-', LENGTH);
	fill_bar(self->p.bar, 'r', EDU_DMA_MAX);
	EXPECT_EQ(0, edu_from_memory(&self->edu, self->cmd.import_use.out_addr,
				     EDU_DMA_MAX));
	EXPECT_EQ(0, edu_to_memory(&self->edu,
				   self->cmd.import_use.out_addr + PAGE,
				   EDU_DMA_MAX));
	EXPECT_TRUE(bar_filled(self->p.bar + PAGE, 'r', EDU_DMA_MAX));
	EXPECT_TRUE(bar_filled(self->p.bar + PAGE + EDU_DMA_MAX, '-',
			       EDU_DMA_MAX));
	EXPECT_EQ(0, use(fd, UNMAP));
	EXPECT_EQ(0, use(fd, MAP));
	EXPECT_EQ(0, self->cmd.import_use.out_notified);
}

TEST_F_TIMEOUT(import, that_cannot_let_go_is_refused, PATIENCE)
{
	EXPECT_EQ(-EOPNOTSUPP, import(MOCK_IMPORT_NO_PEER, 0));
	EXPECT_EQ(-EOPNOTSUPP, import(MOCK_IMPORT_STATIC, 0));
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_EQ(-ENODEV, import(0, 0));
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_LE(0, import(0, 0));
}

/* Only newer kernels ask of an importer that pins to let go all the same */
TEST_F_TIMEOUT(import, that_pins, PATIENCE)
{
	const int rc = kernel_before(7, 2, 0) ? -EOPNOTSUPP : 0;
	int pinned = import(MOCK_IMPORT_PINNED, 0);
	int fd = import(0, 0);
	int i;

	ASSERT_LE(0, pinned);
	ASSERT_LE(0, fd);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(rc, use(pinned, MAP));
		EXPECT_EQ(0, use(fd, MAP));
		EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);
		EXPECT_EQ(0, use(pinned, UNMAP));
		EXPECT_EQ(0, use(fd, UNMAP));
	}
	EXPECT_EQ(rc, use(pinned, MAP));
	EXPECT_EQ(0, decoding(self->p.target, false));
	EXPECT_EQ(0, use(pinned, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(-ENODEV, use(pinned, MAP));
	EXPECT_EQ(0, decoding(self->p.target, true));
	EXPECT_EQ(rc, use(pinned, MAP));
	EXPECT_EQ(0, device_reset(self->p.target));
}

TEST_F_TIMEOUT(import, is_told_of_each_change, PATIENCE)
{
	int fd = import(0, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	ASSERT_EQ(0, decoding(self->p.target, false));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(1, self->cmd.import_use.out_notified);
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(-ENODEV, use(fd, MAP));
	ASSERT_EQ(0, decoding(self->p.target, true));
	ASSERT_EQ(0, use(fd, MAP));
	EXPECT_EQ(2, self->cmd.import_use.out_notified);
	EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);
	ASSERT_EQ(0, device_reset(self->p.target));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(4, self->cmd.import_use.out_notified);
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(0, use(fd, MAP));

	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(5, self->cmd.import_use.out_notified);
	EXPECT_EQ(-ENODEV, use(fd, MAP));
	EXPECT_EQ(0, bind_anew(self->p.target_bdf));
	EXPECT_EQ(-ENODEV, use(fd, MAP));
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Nothing happens to the device before the importer has let go */
TEST_F_TIMEOUT(import, is_waited_for, PATIENCE)
{
	int fd = import(0, 1000);
	double start = seconds();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_LE(1, seconds() - start);
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_EQ(0, use(fd, MAP));
	/* Its end is waited for as well */
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, decoding(self->p.target, false));
}

TEST_HARNESS_MAIN
