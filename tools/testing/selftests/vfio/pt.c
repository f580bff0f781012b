// SPDX-License-Identifier: GPL-2.0-only
/*
 * A host that leaves its devices untranslated (iommu=pt, the VM's profile "pt"):
 * DMA reaches memory by its physical address, until BIND; and again when the
 * last device of the group is closed.
 */
#include <signal.h>
#include <linux/pci_regs.h>

#include "fault.h"
#include "smaps.h"

#define IOVA	0x10000000ULL

/*
 * The devices are those of one group.  Nobody but the test uses the second one,
 * neither a driver nor vfio-pci; the test has it do DMA through sysfs.
 */
FIXTURE(pt)
{
	int dev;
	int iommu;
	__u32 ioas;
	struct edu mate;
	char *memory;
	__u64 phys;
};

/* Let a device do DMA, as a driver of the host would */
static int host_enable(const char *bdf)
{
	return pci_config_write16(bdf, PCI_COMMAND,
				  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

/* The type of the domain that the kernel's DMA API uses for the group */
static bool group_is_of_type(const char *bdf, const char *type)
{
	char is[32] = "";

	return !pci_read(bdf, "iommu_group/type", is, sizeof(is)) &&
	       !strcmp(is, type);
}

FIXTURE_SETUP(pt)
{
	ASSERT_TRUE(group_is_of_type(PAIR_0, "identity"));
	ASSERT_EQ(pci_group(PAIR_0), pci_group(PAIR_1));
	ASSERT_EQ(0, pci_bind(PAIR_1, NULL));
	ASSERT_EQ(0, host_enable(PAIR_1));
	ASSERT_EQ(0, pci_map_bar0(PAIR_1, &self->mate.bar,
				  &self->mate.bar_length));
	self->dev = open_vfio(PAIR_0);
	self->iommu = open_iommu(&self->ioas);
	self->memory = anon_pages(1);
	ASSERT_NE(MAP_FAILED, self->memory);
	ASSERT_EQ(0, mlock(self->memory, PAGE));
	self->phys = frame_of(self->memory) * PAGE;
	ASSERT_NE(0, self->phys);
}

FIXTURE_TEARDOWN(pt)
{
	edu_close(&self->mate);
	close(self->dev);
	close(self->iommu);
	EXPECT_EQ(0, bind_anew(PAIR_0));
	EXPECT_TRUE(group_is_of_type(PAIR_0, "identity"));
}

#define EXPECT_DMA_REACHES(engine, address)				\
do {									\
	struct edu *_edu = engine;					\
	__u64 _address = address;					\
									\
	memset(self->memory, 'd', PAGE);				\
	EXPECT_EQ(0, edu_from_memory(_edu, _address, EDU_DMA_MAX));	\
	memset(self->memory, 'm', PAGE);				\
	EXPECT_EQ(0, edu_to_memory(_edu, _address, EDU_DMA_MAX));	\
	EXPECT_TRUE(filled(self->memory, 'd', EDU_DMA_MAX));		\
} while (0)

#define EXPECT_DMA_BLOCKED(edu, bdf, address)				\
do {									\
	memset(self->memory, 'm', PAGE);				\
	EXPECT_TRUE(edu_write_faults(edu, address, bdf));		\
	EXPECT_TRUE(filled(self->memory, 'm', PAGE));			\
} while (0)

/* A device that its driver of the host has left running is blocked by BIND */
TEST_F_TIMEOUT(pt, bind_blocks_the_whole_group, PATIENCE)
{
	EXPECT_DMA_REACHES(&self->mate, self->phys);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_DMA_BLOCKED(&self->mate, PAIR_1, self->phys);

	/* Nor can the one be attached that is not bound */
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_DMA_BLOCKED(&self->mate, PAIR_1, self->phys);
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_DMA_BLOCKED(&self->mate, PAIR_1, self->phys);

	ASSERT_EQ(0, close(self->dev));
	EXPECT_DMA_REACHES(&self->mate, self->phys);
	self->dev = open_vfio(PAIR_0);
}

/* A file that is parked changes nothing */
TEST_F_TIMEOUT(pt, open_blocks_nothing, PATIENCE)
{
	EXPECT_EQ(-EINVAL, get_info(self->dev));
	EXPECT_DMA_REACHES(&self->mate, self->phys);
	ASSERT_EQ(0, close(self->dev));
	EXPECT_DMA_REACHES(&self->mate, self->phys);
	self->dev = open_vfio(PAIR_0);
}

/* The device that is bound reaches what is mapped, and nothing else */
TEST_F_TIMEOUT(pt, physical_addresses_of_the_bound_device, PATIENCE)
{
	struct edu edu;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, edu_open(&edu, self->dev));
	EXPECT_DMA_BLOCKED(&edu, PAIR_0, self->phys);
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      IOVA));
	EXPECT_DMA_REACHES(&edu, IOVA);
	EXPECT_DMA_BLOCKED(&edu, PAIR_0, self->phys);
	edu_close(&edu);

	/* Closed, it is no bus master any more; the host makes it one */
	ASSERT_EQ(0, close(self->dev));
	ASSERT_EQ(0, pci_bind(PAIR_0, NULL));
	ASSERT_EQ(0, pci_map_bar0(PAIR_0, &edu.bar, &edu.bar_length));
	ASSERT_EQ(0, host_enable(PAIR_0));
	EXPECT_DMA_REACHES(&edu, self->phys);
	edu_close(&edu);
	self->dev = open_vfio(PAIR_0);
}

/* A user who dies leaves the group to the host */
TEST_F_TIMEOUT(pt, killed_while_attached, PATIENCE)
{
	int status;
	pid_t pid;

	close(self->dev);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int dev = vfio_open(PAIR_0), iommu = iommu_open();
		__u32 ioas;

		if (vfio_bind(dev, iommu, NULL) || ioas_alloc(iommu, &ioas) ||
		    vfio_attach(dev, ioas, NULL))
			_exit(1);
		raise(SIGKILL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_DMA_REACHES(&self->mate, self->phys);
	self->dev = open_vfio(PAIR_0);
}

TEST_HARNESS_MAIN
