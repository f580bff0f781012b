// SPDX-License-Identifier: GPL-2.0-only
/*
 * On a machine whose IOMMU does not isolate interrupts (the VM's profile
 * "unsafe") bind needs the administrator's consent.
 */
#include <linux/pci_regs.h>

#include "disk.h"
#include "group.h"
#include "parked.h"

#define PARAMETER "allow_unsafe_interrupts"	/* of both modules */
#define NIC	"0000:00:08.0"

/* A driver of the stock kernel that leaves DMA to the kernel's DMA API */
#define HOST_DRIVER	"pci-pf-stub"

/* Lines in the kernel log: with each refusal, and once */
#define SAYS_NO	"vfio-pci " EDU ": cannot be bound: interrupts are not isolated; " \
		"iommufd." PARAMETER "=1 allows it nonetheless"
#define SAYS_YES "iommufd: binding devices although interrupts are not isolated"

static int set_parameter(const char *module, const char *yes_or_no)
{
	char path[PATH_MAX];
	int fd, rc = 0;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/" PARAMETER,
		 module);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, yes_or_no, 1) != 1)
		rc = -errno;
	close(fd);
	return rc;
}

static int allow(const char *yes_or_no)
{
	return set_parameter("iommufd", yes_or_no);
}

/* The command register, which a refused bind must not change */
static int command(const char *bdf)
{
	return pci_config_read16(bdf, PCI_COMMAND);
}

/* Has a driver enabled the device? */
static bool enabled(const char *bdf)
{
	char count[16];

	return pci_read(bdf, "enable", count, sizeof(count)) ||
	       strcmp(count, "0");
}

#define EXPECT_PARKED(fd)				\
do {							\
	int _parked = fd;				\
							\
	EXPECT_EQ(-1, parked_ioctl_taken(_parked));	\
	EXPECT_EQ(-1, parked_offset_taken(_parked));	\
	EXPECT_TRUE(parked_mmap_refused(_parked));	\
} while (0)

/* A parked file, and one for each function of a pair in one group */
FIXTURE(unsafe)
{
	int dev;
	int pair[2];
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(unsafe)
{
	self->dev = open_vfio(EDU);
	self->pair[0] = open_vfio(PAIR_0);
	self->pair[1] = open_vfio(PAIR_1);
	ASSERT_EQ(pci_group(PAIR_0), pci_group(PAIR_1));
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(unsafe)
{
	EXPECT_EQ(0, allow("N"));
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->pair[0]));
	EXPECT_EQ(0, close(self->pair[1]));
	EXPECT_EQ(0, close(self->iommu));
	EXPECT_TRUE(group_is_viable(EDU));
	EXPECT_TRUE(group_is_viable(PAIR_0));
}

/* DMA to memory and back; the device is attached to the fixture's IOAS */
#define IOVA	0x100000ULL
#define EXPECT_DMA_WORKS(fd)						\
do {									\
	char *_memory = anon_pages(1);					\
	struct edu _edu;						\
									\
	ASSERT_NE(MAP_FAILED, _memory);					\
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, _memory, PAGE,	\
			      IOVA));				\
	ASSERT_EQ(0, edu_open(&_edu, fd));				\
	memset(_memory, 'x', PAGE);					\
	EXPECT_EQ(0, edu_from_memory(&_edu, IOVA, EDU_DMA_MAX));	\
	memset(_memory, 0, PAGE);					\
	EXPECT_EQ(0, edu_to_memory(&_edu, IOVA, EDU_DMA_MAX));		\
	EXPECT_TRUE(filled(_memory, 'x', EDU_DMA_MAX));			\
	edu_close(&_edu);						\
} while (0)

TEST_F(unsafe, is_the_exception)
{
	char value = 0;
	int fd = open("/sys/module/iommufd/parameters/" PARAMETER, O_RDONLY);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, read(fd, &value, 1));
	EXPECT_EQ('N', value);
	close(fd);
}

/* The devices of the VM; the last two stand behind a bridge */
static const char *const devices[] = { EDU, NVME, NIC, PAIR_0, PAIR_1, "1", "2" };

static const char *device(unsigned int i, char bdf[BDF_LEN])
{
	unsigned int slot = atoi(devices[i]);

	if (!slot)
		return devices[i];
	return pci_behind(BRIDGE, slot, bdf) ? NULL : bdf;
}

/* Does this kernel isolate the device, so that it has a device file? */
static bool has_file(unsigned int i)
{
	return !atoi(devices[i]) || kernel_isolates_behind_bridges();
}

TEST_F_TIMEOUT(unsafe, no_device_can_be_bound, PATIENCE)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		char behind[BDF_LEN];
		const char *bdf = device(i, behind);
		int before, dev;

		ASSERT_NE(NULL, bdf);
		TH_LOG("%s", bdf);
		if (!has_file(i)) {
			ASSERT_EQ(0, pci_bind(bdf, "vfio-pci"));
			EXPECT_EQ(-ENODEV, vfio_open(bdf));
			continue;
		}
		dev = open_vfio(bdf);
		before = command(bdf);
		ASSERT_LE(0, before);
		EXPECT_EQ(-EPERM, vfio_bind(dev, self->iommu, NULL));
		EXPECT_EQ(-EPERM, vfio_bind(dev, self->iommu, NULL));
		EXPECT_PARKED(dev);
		EXPECT_EQ(before, command(bdf));
		EXPECT_FALSE(enabled(bdf));
		EXPECT_TRUE(group_is_viable(bdf));
		close(dev);
	}
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

/* ... although the files that were refused are still open */
TEST_F_TIMEOUT(unsafe, host_drivers_get_what_was_refused, PATIENCE)
{
	char *image = disk_image(), *memory = anon_pages(MIB / PAGE);
	int nvme = open_vfio(NVME);

	ASSERT_NE(NULL, image);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, module_load(HOST_DRIVER,
				 "/sys/bus/pci/drivers/" HOST_DRIVER));

	ASSERT_EQ(-EPERM, vfio_bind(nvme, self->iommu, NULL));
	EXPECT_EQ(0, disk_read_by_host(image, memory));
	EXPECT_EQ(-ENODEV, vfio_bind(nvme, self->iommu, NULL));
	EXPECT_EQ(0, close(nvme));
	EXPECT_EQ(0, pci_bind(NVME, NULL));

	ASSERT_EQ(-EPERM, vfio_bind(self->pair[0], self->iommu, NULL));
	ASSERT_EQ(-EPERM, vfio_bind(self->pair[1], self->iommu, NULL));
	EXPECT_EQ(0, pci_bind(PAIR_1, HOST_DRIVER));
	EXPECT_TRUE(pci_bound_to(PAIR_1, HOST_DRIVER));
	EXPECT_EQ(-EPERM, vfio_bind(self->pair[0], self->iommu, NULL));
	EXPECT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
}

/* The group interface has a parameter of its own */
TEST_F(unsafe, the_group_interface_is_as_ever)
{
	struct group_user user;

	ASSERT_EQ(0, module_load(TYPE1_MODULE));
	ASSERT_EQ(-EPERM, vfio_bind(self->dev, self->iommu, NULL));

	EXPECT_EQ(-EPERM, group_user_start(&user, EDU));
	group_user_end(&user);

	ASSERT_EQ(0, set_parameter("vfio_iommu_type1", "Y"));
	EXPECT_EQ(-EPERM, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, group_user_start(&user, EDU));
	EXPECT_EQ(0, set_parameter("vfio_iommu_type1", "N"));
	EXPECT_EQ(0, group_user_get_device(&user, EDU));
	EXPECT_EQ(0, get_info(user.dev));
	EXPECT_EQ(-EPERM, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, get_info(user.dev));
	group_user_end(&user);
}

TEST_F_TIMEOUT(unsafe, any_device_can_be_bound_with_consent, PATIENCE)
{
	unsigned int i;

	ASSERT_EQ(0, allow("Y"));
	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		char behind[BDF_LEN];
		const char *bdf = device(i, behind);
		int dev;

		ASSERT_NE(NULL, bdf);
		TH_LOG("%s", bdf);
		if (!has_file(i)) {
			ASSERT_EQ(0, pci_bind(bdf, "vfio-pci"));
			EXPECT_EQ(-ENODEV, vfio_open(bdf));
			continue;
		}
		dev = open_vfio(bdf);
		EXPECT_EQ(0, vfio_bind(dev, self->iommu, NULL));
		EXPECT_EQ(0, get_info(dev));
		EXPECT_EQ(0, vfio_attach(dev, self->ioas, NULL));
		close(dev);
	}
}

TEST_F_TIMEOUT(unsafe, dma_with_consent, PATIENCE)
{
	ASSERT_EQ(0, allow("Y"));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_DMA_WORKS(self->dev);
}

/* A user who has one function of a group does not get the other one */
TEST_F(unsafe, consent_can_be_withdrawn)
{
	__u32 other_ioas;
	int other = open_iommu(&other_ioas);

	ASSERT_EQ(0, allow("Y"));
	ASSERT_EQ(0, vfio_bind(self->pair[0], self->iommu, NULL));
	ASSERT_EQ(0, allow("N"));
	EXPECT_EQ(-EPERM, vfio_bind(self->pair[1], self->iommu, NULL));
	EXPECT_EQ(-EPERM, vfio_bind(self->pair[1], other, NULL));
	EXPECT_EQ(-EPERM, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_PARKED(self->pair[1]);
	EXPECT_PARKED(self->dev);
	EXPECT_FALSE(enabled(PAIR_1));
	EXPECT_FALSE(group_is_viable(PAIR_1));

	/* Consent given again is valid for files that were refused, too */
	ASSERT_EQ(0, allow("Y"));
	EXPECT_EQ(0, vfio_bind(self->pair[1], self->iommu, NULL));
	EXPECT_EQ(0, get_info(self->pair[1]));
	ASSERT_EQ(0, allow("N"));

	/* The group is free as soon as both are closed, and refused again */
	close(self->pair[0]);
	self->pair[0] = open_vfio(PAIR_0);
	EXPECT_EQ(-EPERM, vfio_bind(self->pair[0], self->iommu, NULL));
	EXPECT_FALSE(group_is_viable(PAIR_0));
	close(self->pair[1]);
	self->pair[1] = open_vfio(PAIR_1);
	EXPECT_EQ(-EPERM, vfio_bind(self->pair[1], self->iommu, NULL));
	EXPECT_TRUE(group_is_viable(PAIR_0));
	close(other);
}

/* ... and takes nothing from a device that was bound with it */
TEST_F_TIMEOUT(unsafe, what_is_bound_stays_bound, PATIENCE)
{
	__u32 ioas2;

	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	ASSERT_EQ(0, allow("Y"));
	ASSERT_EQ(0, vfio_bind(self->pair[0], self->iommu, NULL));
	ASSERT_EQ(0, allow("N"));
	EXPECT_EQ(-EPERM, vfio_bind(self->pair[1], self->iommu, NULL));
	EXPECT_EQ(0, get_info(self->pair[0]));
	EXPECT_EQ(0, vfio_attach(self->pair[0], self->ioas, NULL));
	EXPECT_EQ(0, vfio_attach(self->pair[0], ioas2, NULL)); /* a replace */
	EXPECT_EQ(0, vfio_detach(self->pair[0]));
	ASSERT_EQ(0, vfio_attach(self->pair[0], self->ioas, NULL));
	EXPECT_DMA_WORKS(self->pair[0]);
}

#define REFUSED		"cannot be bound"
#define CONSENTED	"binding devices"

TEST(the_log_says_it)
{
	__u32 ioas;
	int i, dev, iommu, refused = 0, log = kmsg_open();

	ASSERT_LE(0, log);
	ASSERT_EQ(0, system("modprobe -r vfio-pci iommufd && modprobe vfio-pci"));
	EXPECT_TRUE(log_says(log, REFUSED, NULL));
	ASSERT_EQ(0, pci_bind(PAIR_0, "vfio-pci"));
	dev = open_vfio(EDU);
	iommu = open_iommu(&ioas);
	EXPECT_EQ(-EPERM, vfio_bind(dev, iommu, NULL));
	EXPECT_TRUE(log_says(log, REFUSED, SAYS_NO));
	EXPECT_TRUE(log_says(log, REFUSED, NULL));
	for (i = 0; i < LOG_TRIES; i++)
		refused += vfio_bind(dev, iommu, NULL) == -EPERM;
	EXPECT_EQ(LOG_TRIES, refused);
	EXPECT_GT(LOG_LINES, log_count(log, REFUSED));
	EXPECT_TRUE(log_says(log, CONSENTED, NULL));

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, allow("Y"));
		EXPECT_EQ(0, bind_anew(EDU));
		EXPECT_EQ(0, bind_anew(PAIR_0));
		ASSERT_EQ(0, allow("N"));
		EXPECT_EQ(-EPERM, bind_anew(EDU));
		EXPECT_EQ(-EPERM, bind_anew(PAIR_0));
	}
	EXPECT_TRUE(log_says(log, CONSENTED, SAYS_YES));
	EXPECT_TRUE(log_says(log, CONSENTED, NULL));
	close(dev);
	close(iommu);
	close(log);
}

TEST_HARNESS_MAIN
