// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two functions in one IOMMU group: calls on one depend on the user of the
 * other.  One variant has two functions of one PCIe device, the other has two
 * conventional PCI devices behind a bridge, which have one requester ID.
 */
#include <pthread.h>
#include <linux/pci_regs.h>

#include "mmio.h"
#include "fault.h"
#include "group.h"

#define IOVA	0x10000000ULL

/*
 * A driver of the stock kernel that takes any device given to it, and leaves
 * DMA to the kernel's DMA API as the driver of a disk does.
 */
#define HOST_DRIVER	"pci-pf-stub"

#define CANNOT_BE_BOUND	"cannot be bound: "	/* in a line of the log */

FIXTURE(group)
{
	char f0[BDF_LEN];
	char f1[BDF_LEN];
	char requester0[BDF_LEN];	/* as the IOMMU sees them */
	char requester1[BDF_LEN];
	int iommu;
	__u32 ioas;
	char *memory;
};

FIXTURE_VARIANT(group)
{
	bool conventional;
};

FIXTURE_VARIANT_ADD(group, functions)
{
	.conventional = false,
};

#ifndef __aarch64__ /* see global.file_behind_a_bridge */
FIXTURE_VARIANT_ADD(group, behind_a_bridge)
{
	.conventional = true,
};
#endif

/* Where it is false, no user may have a device behind a bridge. */
#define ISOLATED	(!variant->conventional || kernel_isolates_behind_bridges())

/* Each test asks: not every harness skips a test in its set-up */
#define NOT_ISOLATED	"this kernel does not isolate what is behind a bridge"

FIXTURE_SETUP(group)
{
	if (!ISOLATED)
		return;
	if (variant->conventional) {
		ASSERT_EQ(0, pci_behind(BRIDGE, 1, self->f0));
		ASSERT_EQ(0, pci_behind(BRIDGE, 2, self->f1));
		/* The bridge uses the requester ID of its slot 0 */
		strcpy(self->requester0, self->f0);
		strcpy(strrchr(self->requester0, ':'), ":00.0");
		strcpy(self->requester1, self->requester0);
	} else {
		strcpy(self->f0, PAIR_0);
		strcpy(self->f1, PAIR_1);
		strcpy(self->requester0, self->f0);
		strcpy(self->requester1, self->f1);
	}
	ASSERT_EQ(0, module_load(HOST_DRIVER,
				 "/sys/bus/pci/drivers/" HOST_DRIVER));
	ASSERT_ONE_GROUP(self->f0, self->f1);
	self->iommu = open_iommu(&self->ioas);
	self->memory = anon_pages(1);
	ASSERT_NE(MAP_FAILED, self->memory);
	memset(self->memory, 'm', PAGE);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      IOVA));
}

/* The group is free after each test */
FIXTURE_TEARDOWN(group)
{
	if (!ISOLATED)
		return;
	close(self->iommu);
	EXPECT_EQ(0, pci_bind(self->f0, "vfio-pci"));
	EXPECT_EQ(0, pci_bind(self->f1, "vfio-pci"));
	EXPECT_EQ(0, bind_anew(self->f0));
	EXPECT_EQ(0, bind_anew(self->f1));
}

#define EXPECT_DMA_REACHES_MEMORY(engine)					\
do {									\
	struct edu *_edu = engine;					\
									\
	memset(self->memory, 'd', PAGE);				\
	EXPECT_EQ(0, edu_from_memory(_edu, IOVA, EDU_DMA_MAX));		\
	memset(self->memory, 'm', PAGE);				\
	EXPECT_EQ(0, edu_to_memory(_edu, IOVA, EDU_DMA_MAX));		\
	EXPECT_TRUE(filled(self->memory, 'd', EDU_DMA_MAX));		\
	memset(self->memory, 'm', PAGE);				\
} while (0)

#define EXPECT_DMA_BLOCKED(edu, requester)				\
do {									\
	EXPECT_TRUE(edu_write_is_blocked(edu, IOVA, requester));	\
	EXPECT_TRUE(filled(self->memory, 'm', PAGE));			\
} while (0)

/* Of two devices behind a bridge, either has the requester ID of both. */
#define EXPECT_DMA_WORKS(engine)					\
do {									\
	struct edu *_engine = engine;					\
									\
	if (variant->conventional && dma_ends_at_bridges())		\
		EXPECT_DMA_BLOCKED(_engine, self->requester0);		\
	else								\
		EXPECT_DMA_REACHES_MEMORY(_engine);			\
} while (0)

/* 1. A function whose driver uses the DMA API keeps the group from any user */
TEST_F(group, mate_has_a_host_driver)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int i, dev1 = open_vfio(self->f1), log = kmsg_open();
	char expected[128];

	ASSERT_EQ(0, pci_bind(self->f0, HOST_DRIVER));
	EXPECT_EQ(-EPERM, vfio_bind(dev1, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(dev1));
	EXPECT_TRUE(pci_bound_to(self->f0, HOST_DRIVER));

	snprintf(expected, sizeof(expected), "vfio-pci %s: " CANNOT_BE_BOUND
		 "%s of its IOMMU group has the host driver " HOST_DRIVER,
		 self->f1, self->f0);
	EXPECT_TRUE(log_says(log, CANNOT_BE_BOUND, expected));
	for (i = 0; i < LOG_TRIES; i++)
		ASSERT_EQ(-EPERM, vfio_bind(dev1, self->iommu, NULL));
	EXPECT_GT(LOG_LINES, log_count(log, CANNOT_BE_BOUND));
	close(log);
	close(dev1);
}

/* 2. With vfio-pci or no driver for function 0, function 1 can be bound */
TEST_F(group, mate_is_given_up)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev1 = open_vfio(self->f1);

	ASSERT_EQ(0, pci_bind(self->f0, HOST_DRIVER));
	EXPECT_EQ(-EPERM, vfio_bind(dev1, self->iommu, NULL));
	ASSERT_EQ(0, pci_bind(self->f0, "vfio-pci"));
	EXPECT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	close(dev1);
}

TEST_F(group, mate_has_no_driver)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev1 = open_vfio(self->f1);

	ASSERT_EQ(0, pci_bind(self->f0, NULL));
	EXPECT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	close(dev1);
}

/* ... and at once no function of the group can do DMA, bound or not */
TEST_F_TIMEOUT(group, bind_blocks_the_whole_group, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev0 = open_vfio(self->f0), dev1 = open_vfio(self->f1);
	struct edu edu0, edu1;

	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	ASSERT_EQ(0, edu_open(&edu1, dev1));
	EXPECT_DMA_BLOCKED(&edu1, self->requester1);
	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, NULL));
	ASSERT_EQ(0, edu_open(&edu0, dev0));
	EXPECT_DMA_BLOCKED(&edu0, self->requester0);
	edu_close(&edu0);
	close(dev0);
	EXPECT_DMA_BLOCKED(&edu1, self->requester1);
	edu_close(&edu1);
	close(dev1);
}

TEST_F(group, one_context_only)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev0 = open_vfio(self->f0), dev1 = open_vfio(self->f1);
	__u32 other_ioas, id0, id1;
	int other = open_iommu(&other_ioas), log = kmsg_open();
	char expected[128];

	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, &id1));
	EXPECT_EQ(-EPERM, vfio_bind(dev0, other, NULL));
	EXPECT_EQ(-EINVAL, get_info(dev0));
	snprintf(expected, sizeof(expected), "vfio-pci %s: " CANNOT_BE_BOUND
		 "another user has its IOMMU group", self->f0);
	EXPECT_TRUE(log_says(log, CANNOT_BE_BOUND, expected));
	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, &id0));
	EXPECT_NE(id0, id1);
	EXPECT_TRUE(log_says(log, CANNOT_BE_BOUND, NULL));
	close(log);

	/* Function 1 is closed: the group is still this context's */
	close(dev1);
	dev1 = open_vfio(self->f1);
	EXPECT_EQ(-EPERM, vfio_bind(dev1, other, NULL));

	/* The last one is closed: the group is free */
	close(dev0);
	EXPECT_EQ(0, vfio_bind(dev1, other, NULL));
	close(dev1);
	close(other);
}

static void *unbind_driver(void *bdf)
{
	return (void *)(long)pci_bind(bdf, NULL);
}

/*
 * While the driver of function 1 is being unbound, which waits for its user,
 * the kernel cannot tell whether that is a driver of the host.
 */
TEST_F_TIMEOUT(group, mate_is_being_unbound, PATIENCE)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev0 = open_vfio(self->f0), dev1 = open_vfio(self->f1);
	__u32 other_ioas;
	int i, other = open_iommu(&other_ioas), log = kmsg_open();
	char expected[128], line[1024];
	pthread_t unbinder;
	bool said = false;
	void *rc;

	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	ASSERT_EQ(0, pthread_create(&unbinder, NULL, unbind_driver, self->f1));
	snprintf(expected, sizeof(expected), "vfio-pci %s: " CANNOT_BE_BOUND
		 "another user or a host driver has its IOMMU group", self->f0);
	for (i = 0; i < 30 && !said; i++) {
		sleep(1);
		ASSERT_EQ(-EPERM, vfio_bind(dev0, other, NULL));
		ASSERT_TRUE(kmsg_find(log, CANNOT_BE_BOUND, "", 0, line));
		said = !strcmp(line, expected);
	}
	EXPECT_TRUE(said);
	EXPECT_EQ(-EINVAL, get_info(dev0));
	close(log);

	/* The user goes, and so does the driver; then the group is free */
	close(dev1);
	ASSERT_EQ(0, pthread_join(unbinder, &rc));
	EXPECT_EQ(NULL, rc);
	EXPECT_EQ(0, vfio_bind(dev0, other, NULL));
	close(dev0);
	close(other);
}

/* 3. One IOAS for both */
TEST_F_TIMEOUT(group, same_ioas, PATIENCE)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev0 = open_vfio(self->f0), dev1 = open_vfio(self->f1);
	__u32 pt0, pt1;
	struct edu edu0, edu1;

	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, NULL));
	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(dev0, self->ioas, &pt0));
	ASSERT_EQ(0, vfio_attach(dev1, self->ioas, &pt1));
	EXPECT_EQ(pt0, pt1);
	ASSERT_EQ(0, edu_open(&edu0, dev0));
	ASSERT_EQ(0, edu_open(&edu1, dev1));
	EXPECT_DMA_WORKS(&edu0);
	EXPECT_DMA_WORKS(&edu1);
	edu_close(&edu0);
	edu_close(&edu1);
	close(dev0);
	close(dev1);
}

TEST_F_TIMEOUT(group, two_ioas, PATIENCE)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev0 = open_vfio(self->f0), dev1 = open_vfio(self->f1);
	__u32 ioas2;
	struct edu edu0;

	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, NULL));
	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	ASSERT_EQ(0, vfio_attach(dev0, self->ioas, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(dev1, ioas2, NULL));
	/* A refused attach leaves nothing behind and disturbs nobody */
	EXPECT_EQ(0, iommu_destroy(self->iommu, ioas2));
	ASSERT_EQ(0, edu_open(&edu0, dev0));
	EXPECT_DMA_WORKS(&edu0);

	/* One of two attached functions cannot move either */
	ASSERT_EQ(0, vfio_attach(dev1, self->ioas, NULL));
	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	EXPECT_EQ(-EINVAL, vfio_attach(dev1, ioas2, NULL));
	EXPECT_EQ(0, iommu_destroy(self->iommu, ioas2));
	EXPECT_DMA_WORKS(&edu0);

	/* With the last one detached the group is free to go elsewhere */
	ASSERT_EQ(0, vfio_detach(dev0));
	ASSERT_EQ(0, vfio_detach(dev1));
	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	EXPECT_EQ(0, vfio_attach(dev1, ioas2, NULL));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
	edu_close(&edu0);
	close(dev0);
	close(dev1);
}

/* 4. Function 1 is given up: function 0 goes on, function 1 reaches nothing */
TEST_F_TIMEOUT(group, one_detached_and_closed, PATIENCE)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev0 = open_vfio(self->f0), dev1 = open_vfio(self->f1);
	struct edu edu0, edu1;
	int command;

	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, NULL));
	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(dev0, self->ioas, NULL));
	ASSERT_EQ(0, vfio_attach(dev1, self->ioas, NULL));
	ASSERT_EQ(0, edu_open(&edu0, dev0));
	ASSERT_EQ(0, edu_open(&edu1, dev1));
	EXPECT_DMA_WORKS(&edu1);
	edu_close(&edu1);
	ASSERT_EQ(0, vfio_detach(dev1));
	EXPECT_DMA_WORKS(&edu0);
	ASSERT_EQ(0, close(dev1));
	EXPECT_DMA_WORKS(&edu0);

	/* Its file is parked, and it is no bus master any more. */
	dev1 = vfio_open(self->f1);
	ASSERT_LE(0, dev1);
	EXPECT_EQ(-EINVAL, get_info(dev1));
	command = pci_config_read16(self->f1, PCI_COMMAND);
	ASSERT_LE(0, command);
	EXPECT_FALSE(command & PCI_COMMAND_MASTER);
	close(dev1);
	ASSERT_EQ(0, pci_bind(self->f1, NULL));
	ASSERT_EQ(0, pci_map_bar0(self->f1, &edu1.bar, &edu1.bar_length));
	/* The device answers, and reports that it has written. */
	EXPECT_EQ(0xed, mmio_read32(edu1.bar) & 0xffff);
	EXPECT_EQ(0, edu_to_memory(&edu1, IOVA, EDU_DMA_MAX));
	EXPECT_TRUE(filled(self->memory, 'm', PAGE));
	edu_close(&edu1);

	/* Function 0 is the last one to go; then the group is free */
	EXPECT_DMA_WORKS(&edu0);
	edu_close(&edu0);
	close(dev0);
}

/* A group stays isolated when all its functions are detached */
TEST_F_TIMEOUT(group, both_detached, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev0 = open_vfio(self->f0), dev1 = open_vfio(self->f1);
	struct edu edu0, edu1;

	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, NULL));
	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(dev0, self->ioas, NULL));
	ASSERT_EQ(0, vfio_attach(dev1, self->ioas, NULL));
	ASSERT_EQ(0, edu_open(&edu0, dev0));
	ASSERT_EQ(0, edu_open(&edu1, dev1));
	ASSERT_EQ(0, vfio_detach(dev0));
	ASSERT_EQ(0, vfio_detach(dev1));
	EXPECT_DMA_BLOCKED(&edu0, self->requester0);
	EXPECT_DMA_BLOCKED(&edu1, self->requester1);
	edu_close(&edu0);
	close(dev0);
	EXPECT_DMA_BLOCKED(&edu1, self->requester1);
	edu_close(&edu1);
	close(dev1);
}

/* 5. A host driver does not get a function as long as the group is owned */
TEST_F_TIMEOUT(group, host_driver_is_refused, PATIENCE)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev0 = open_vfio(self->f0);
	struct edu edu0;

	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, NULL));
	ASSERT_EQ(0, pci_bind(self->f1, NULL));
	EXPECT_EQ(-EBUSY, pci_try_bind(self->f1, HOST_DRIVER));
	EXPECT_TRUE(pci_bound_to(self->f1, NULL));

	ASSERT_EQ(0, vfio_attach(dev0, self->ioas, NULL));
	EXPECT_EQ(-EBUSY, pci_try_bind(self->f1, HOST_DRIVER));
	ASSERT_EQ(0, edu_open(&edu0, dev0));
	EXPECT_DMA_WORKS(&edu0);
	ASSERT_EQ(0, vfio_detach(dev0));
	EXPECT_EQ(-EBUSY, pci_try_bind(self->f1, HOST_DRIVER));

	/* The driver gets it when the group is free */
	edu_close(&edu0);
	close(dev0);
	EXPECT_EQ(0, pci_try_bind(self->f1, HOST_DRIVER));
	EXPECT_TRUE(pci_bound_to(self->f1, HOST_DRIVER));
}

/*
 * A function goes away while the other one works.  Where both have one
 * requester ID, the kernel's driver of the Intel IOMMU blocks it until the
 * function is back; it says so above its domain_context_clear().
 */
TEST_F_TIMEOUT(group, one_removed, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	int dev0 = open_vfio(self->f0), dev1 = open_vfio(self->f1);
	__u32 pt0, pt1;
	struct edu edu0;

	ASSERT_EQ(0, vfio_bind(dev0, self->iommu, NULL));
	ASSERT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(dev0, self->ioas, &pt0));
	ASSERT_EQ(0, vfio_attach(dev1, self->ioas, &pt1));
	ASSERT_EQ(0, edu_open(&edu0, dev0));
	ASSERT_EQ(0, close(dev1));
	ASSERT_EQ(0, pci_remove(self->f1));
	if (variant->conventional)
		EXPECT_DMA_BLOCKED(&edu0, self->requester0);
	else
		EXPECT_DMA_WORKS(&edu0);
	ASSERT_EQ(0, pci_rescan());
	ASSERT_TRUE(pci_exists(self->f1));
	ASSERT_EQ(0, pci_bind(self->f1, "vfio-pci"));
	ASSERT_EQ(pci_group(self->f0), pci_group(self->f1));
	EXPECT_DMA_WORKS(&edu0);
	dev1 = open_vfio(self->f1);
	EXPECT_EQ(0, vfio_bind(dev1, self->iommu, NULL));
	EXPECT_EQ(0, vfio_attach(dev1, self->ioas, &pt1));
	EXPECT_EQ(pt0, pt1);
	close(dev1);
	edu_close(&edu0);
	close(dev0);
}

/* The kernel's own container gets as far. */
TEST_F_TIMEOUT(group, type1, PATIENCE)
{
	if (!ISOLATED)
		SKIP(return, NOT_ISOLATED);

	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (__u64)self->memory,
		.iova = IOVA,
		.size = PAGE,
	};
	struct group_user user;
	struct edu edu;

	ASSERT_EQ(0, module_load(TYPE1_MODULE));
	ASSERT_EQ(0, group_user_start(&user, self->f0));
	ASSERT_EQ(0, ioctl(user.container, VFIO_IOMMU_MAP_DMA, &map));
	ASSERT_EQ(0, group_user_get_device(&user, self->f0));
	ASSERT_EQ(0, edu_open(&edu, user.dev));
	EXPECT_DMA_WORKS(&edu);
	edu_close(&edu);
	group_user_end(&user);
}

#ifdef __aarch64__
/*
 * Devices behind a bridge bear its requester ID, too, and the driver of SMMUv3 takes
 * only one device with an ID.  The bridge is in the group of that device, and has a
 * driver of the host, shpchp, which is part of the kernel.
 */
TEST(file_behind_a_bridge)
{
	char bdf[2][BDF_LEN], expected[128];
	int log;

	ASSERT_EQ(0, pci_behind(BRIDGE, 1, bdf[0]));
	ASSERT_EQ(0, pci_behind(BRIDGE, 2, bdf[1]));
	ASSERT_EQ(0, pci_bind(BRIDGE, "shpchp"));
	ASSERT_EQ(0, pci_bind(bdf[0], "vfio-pci"));
	log = kmsg_open();
	EXPECT_EQ(-EPERM, bind_anew(bdf[0]));
	snprintf(expected, sizeof(expected), "vfio-pci %s: " CANNOT_BE_BOUND
		 BRIDGE " of its IOMMU group has the host driver shpchp", bdf[0]);
	EXPECT_TRUE(log_says(log, CANNOT_BE_BOUND, expected));
	ASSERT_EQ(0, pci_bind(BRIDGE, NULL));
	EXPECT_EQ(0, bind_anew(bdf[0]));
	EXPECT_EQ(-EINVAL, pci_bind(bdf[1], "vfio-pci"));
	EXPECT_EQ(-ENOENT, pci_group(bdf[1]));
	EXPECT_EQ(0, pci_release(bdf[1]));
	EXPECT_EQ(0, bind_anew(bdf[0]));
	EXPECT_EQ(0, pci_bind(BRIDGE, "shpchp"));
	close(log);
}
#else
/*
 * A kernel that does not isolate these devices gives them to no user, and they
 * have no device file.
 */
TEST(file_behind_a_bridge)
{
	bool isolated = kernel_isolates_behind_bridges();
	char bdf[BDF_LEN], path[PATH_MAX], expected[128];
	int group, log = kmsg_open();
	dev_t dev;

	ASSERT_EQ(0, pci_behind(BRIDGE, 1, bdf));
	ASSERT_EQ(0, pci_bind(bdf, NULL));
	ASSERT_EQ(0, pci_bind(bdf, "vfio-pci"));
	EXPECT_EQ(isolated ? 0 : -ENODEV, vfio_find(bdf, path, &dev));
	snprintf(expected, sizeof(expected), "vfio-pci %s: " CANNOT_BE_BOUND
		 "its DMA bears another device's ID, which this kernel does not isolate",
		 bdf);
	EXPECT_TRUE(log_says(log, CANNOT_BE_BOUND, isolated ? NULL : expected));
	close(log);
	group = group_open(bdf);
	EXPECT_LE(0, group);
	close(group);
	if (isolated)
		EXPECT_EQ(0, bind_anew(bdf));
}
#endif

TEST_HARNESS_MAIN
