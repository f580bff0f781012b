// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of vfio-pci on a bound device file: information, configuration
 * space, registers, interrupts, reset, features.
 */
#include <signal.h>
#include <stddef.h>
#include <linux/pci_regs.h>

#include "mmio.h"
#include "test.h"

FIXTURE(device)
{
	int dev;
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(device)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
}

FIXTURE_TEARDOWN(device)
{
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

TEST_F(device, info)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	ASSERT_EQ(0, ioctl(self->dev, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_TRUE(info.flags & VFIO_DEVICE_FLAGS_PCI);
	EXPECT_EQ(VFIO_PCI_NUM_REGIONS, info.num_regions);
	EXPECT_EQ(VFIO_PCI_NUM_IRQS, info.num_irqs);
	info.argsz = 4;
	EXPECT_EQ(-EINVAL,
		  ERR(ioctl(self->dev, VFIO_DEVICE_GET_INFO, &info)));
}

TEST_F(device, region_info)
{
	struct vfio_region_info info;

	ASSERT_EQ(0, vfio_region(self->dev, 0, &info));
	EXPECT_EQ(0x100000, info.size);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		  VFIO_REGION_INFO_FLAG_MMAP, info.flags);
	ASSERT_EQ(0, vfio_region(self->dev, 1, &info));
	EXPECT_EQ(0, info.size);
	ASSERT_EQ(0, vfio_region(self->dev, VFIO_PCI_CONFIG_REGION_INDEX,
				 &info));
	EXPECT_LE(256, info.size);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
		  info.flags);
	EXPECT_EQ(-EINVAL, vfio_region(self->dev, 1000, &info));
}

/* The BAR with MSI-X has a capability: it can be mapped nonetheless */
TEST_F(device, region_info_with_a_capability)
{
	struct {
		struct vfio_region_info info;
		struct vfio_info_cap_header cap;
		unsigned char rest[64];
	} arg;
	const __u32 flags = VFIO_REGION_INFO_FLAG_READ |
			    VFIO_REGION_INFO_FLAG_WRITE |
			    VFIO_REGION_INFO_FLAG_MMAP |
			    VFIO_REGION_INFO_FLAG_CAPS;
	const size_t with_cap = sizeof(arg.info) + sizeof(arg.cap);
	int dev = open_vfio(NVME);
	__u64 size;

	ASSERT_EQ(0, vfio_bind(dev, self->iommu, NULL));

	/* Without space for the capability, the needed size is returned */
	memset(&arg, 'm', sizeof(arg));
	ASSERT_EQ(0, vfio_region(dev, 0, &arg.info));
	EXPECT_EQ(flags, arg.info.flags);
	EXPECT_EQ(with_cap, arg.info.argsz);
	EXPECT_EQ(0, arg.info.cap_offset);
	EXPECT_TRUE(filled(&arg.cap, 'm', sizeof(arg) - sizeof(arg.info)));
	size = arg.info.size;
	EXPECT_LT(0, size);

	/* With this size, and with more */
	for (arg.info.argsz = with_cap;;) {
		__u32 argsz = arg.info.argsz;

		memset(&arg, 'm', sizeof(arg));
		arg.info.argsz = argsz;
		arg.info.index = 0;
		ASSERT_EQ(0, ERR(ioctl(dev, VFIO_DEVICE_GET_REGION_INFO,
				       &arg)));
		EXPECT_EQ(flags, arg.info.flags);
		EXPECT_EQ(argsz, arg.info.argsz);
		EXPECT_EQ(sizeof(arg.info), arg.info.cap_offset);
		EXPECT_EQ(size, arg.info.size);
		EXPECT_EQ(0, arg.info.offset);
		EXPECT_EQ(VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, arg.cap.id);
		EXPECT_EQ(1, arg.cap.version);
		EXPECT_EQ(0, arg.cap.next);
		EXPECT_TRUE(filled(arg.rest, 'm', sizeof(arg.rest)));
		if (argsz == sizeof(arg))
			break;
		arg.info.argsz = sizeof(arg);
	}

	/* Too short, and not there */
	arg.info.argsz = offsetof(struct vfio_region_info, offset);
	EXPECT_EQ(-EINVAL,
		  ERR(ioctl(dev, VFIO_DEVICE_GET_REGION_INFO, &arg)));
	EXPECT_EQ(-EFAULT,
		  ERR(ioctl(dev, VFIO_DEVICE_GET_REGION_INFO, NULL)));
	close(dev);
}

TEST_F(device, config_space)
{
	__u16 ids[2], command, changed;

	ASSERT_EQ(0, vfio_config_read(self->dev, PCI_VENDOR_ID, ids, 4));
	EXPECT_EQ(0x1234, ids[0]);
	EXPECT_EQ(0x11e8, ids[1]);
	ASSERT_EQ(0, vfio_config_read(self->dev, PCI_COMMAND, &command, 2));
	changed = command ^ PCI_COMMAND_MASTER;
	ASSERT_EQ(0, vfio_config_write(self->dev, PCI_COMMAND, &changed, 2));
	ASSERT_EQ(0, vfio_config_read(self->dev, PCI_COMMAND, &command, 2));
	EXPECT_EQ(changed, command);
}

/* Inverts what is written */
#define EDU_LIVENESS 4

TEST_F(device, registers_by_mmap)
{
	size_t length;
	void *bar;

	ASSERT_EQ(0, vfio_bus_master(self->dev, true));
	ASSERT_EQ(0, vfio_map_bar(self->dev, 0, &bar, &length));
	EXPECT_EQ(0x100000, length);
	mmio_write32(bar + EDU_LIVENESS, 0x12345678);
	EXPECT_EQ(0xedcba987, mmio_read32(bar + EDU_LIVENESS));
	EXPECT_EQ(0, munmap(bar, length));
}

/* Read a register in a child, which exits with 0 or dies by a signal */
static int read_in_child(void *reg)
{
	int status = -1;
	pid_t pid;

	pid = fork();
	if (pid == 0) {
		mmio_read32(reg);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* Registers that are not decoded cannot be read: the address may be in use */
TEST_F(device, registers_go_while_decoding_is_off)
{
	__u16 command, off;
	size_t length;
	void *bar;

	ASSERT_EQ(0, vfio_bus_master(self->dev, true));
	ASSERT_EQ(0, vfio_map_bar(self->dev, 0, &bar, &length));
	EXPECT_EQ(0, read_in_child(bar));
	mmio_write32(bar + EDU_LIVENESS, 0x12345678);

	ASSERT_EQ(0, vfio_config_read(self->dev, PCI_COMMAND, &command, 2));
	off = command & ~PCI_COMMAND_MEMORY;
	ASSERT_EQ(0, vfio_config_write(self->dev, PCI_COMMAND, &off, 2));
	EXPECT_EQ(SIGBUS, read_in_child(bar));

	ASSERT_EQ(0, vfio_config_write(self->dev, PCI_COMMAND, &command, 2));
	EXPECT_EQ(0, read_in_child(bar));
	EXPECT_EQ(0xedcba987, mmio_read32(bar + EDU_LIVENESS));
	EXPECT_EQ(0, munmap(bar, length));
}

TEST_F(device, registers_by_read_and_write)
{
	struct vfio_region_info info;
	__u32 val = 0x0f1e2d3c;

	ASSERT_EQ(0, vfio_bus_master(self->dev, true));
	ASSERT_EQ(0, vfio_region(self->dev, 0, &info));
	EXPECT_EQ(4, pwrite(self->dev, &val, 4, info.offset + EDU_LIVENESS));
	EXPECT_EQ(4, pread(self->dev, &val, 4, info.offset + EDU_LIVENESS));
	EXPECT_EQ(0xf0e1d2c3, val);
	EXPECT_EQ(0, pread(self->dev, &val, 0, info.offset));
}

TEST_F(device, mmap_beyond_the_region)
{
	struct vfio_region_info info;

	ASSERT_EQ(0, vfio_region(self->dev, 0, &info));
	EXPECT_EQ(-EINVAL,
		  ERR(mmap(NULL, info.size + PAGE, PROT_READ, MAP_SHARED,
			   self->dev, info.offset)));
	EXPECT_EQ(-EINVAL, ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED,
				    self->dev, info.offset + info.size)));
	EXPECT_EQ(-EINVAL, ERR(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE,
				    self->dev, info.offset)));
}

TEST_F(device, irq_info)
{
	static const __u32 one[] = {
		VFIO_PCI_INTX_IRQ_INDEX,
		VFIO_PCI_MSI_IRQ_INDEX,
		VFIO_PCI_REQ_IRQ_INDEX,
	};
	struct vfio_irq_info info = { .argsz = sizeof(info) };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(one); i++) {
		info.index = one[i];
		ASSERT_EQ(0, ioctl(self->dev, VFIO_DEVICE_GET_IRQ_INFO, &info));
		EXPECT_EQ(1, info.count);
		EXPECT_TRUE(info.flags & VFIO_IRQ_INFO_EVENTFD);
	}
	info.index = 1000;
	EXPECT_EQ(-EINVAL,
		  ERR(ioctl(self->dev, VFIO_DEVICE_GET_IRQ_INFO, &info)));
}

static int feature(int dev, __u32 flags, __u32 argsz)
{
	__u64 buf[16] = { 0 };
	struct vfio_device_feature *arg = (void *)buf;

	arg->argsz = argsz;
	arg->flags = flags;
	return ERR(ioctl(dev, VFIO_DEVICE_FEATURE, arg));
}

TEST_F(device, feature_probe)
{
	const __u32 probe = VFIO_DEVICE_FEATURE_PROBE |
			    VFIO_DEVICE_FEATURE_GET;

	EXPECT_EQ(-ENOTTY, feature(self->dev, probe | 0xffff, 64));
	EXPECT_EQ(-ENOTTY, feature(self->dev,
				   probe | VFIO_DEVICE_FEATURE_MIGRATION, 64));
	EXPECT_EQ(-EINVAL, feature(self->dev, probe | 0xffff, 4));
	EXPECT_EQ(-EINVAL, feature(self->dev, 0x80000000, 64));
}

TEST_F(device, unknown_ioctl)
{
	EXPECT_EQ(-ENOTTY, ERR(ioctl(self->dev, 0x3bff, NULL)));
}

/* edu has no function-level reset, the NVMe controller has one */
TEST_F(device, reset)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int nvme = open_vfio(NVME);
	__u16 id;

	ASSERT_EQ(0, ioctl(self->dev, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_FALSE(info.flags & VFIO_DEVICE_FLAGS_RESET);
	EXPECT_EQ(-EINVAL, ERR(ioctl(self->dev, VFIO_DEVICE_RESET)));

	ASSERT_EQ(0, vfio_bind(nvme, self->iommu, NULL));
	ASSERT_EQ(0, ioctl(nvme, VFIO_DEVICE_GET_INFO, &info));
	EXPECT_TRUE(info.flags & VFIO_DEVICE_FLAGS_RESET);
	EXPECT_EQ(0, ERR(ioctl(nvme, VFIO_DEVICE_RESET)));
	ASSERT_EQ(0, vfio_config_read(nvme, PCI_VENDOR_ID, &id, 2));
	EXPECT_EQ(0x1b36, id);
	close(nvme);
}

/* The device works without an IOAS; bus mastering ends with close */
TEST_F(device, close_ends_bus_mastering)
{
	int command;

	ASSERT_EQ(0, vfio_bus_master(self->dev, true));
	command = pci_config_read16(EDU, PCI_COMMAND);
	ASSERT_LE(0, command);
	EXPECT_TRUE(command & PCI_COMMAND_MASTER);
	close(self->dev);
	command = pci_config_read16(EDU, PCI_COMMAND);
	ASSERT_LE(0, command);
	EXPECT_FALSE(command & PCI_COMMAND_MASTER);
	self->dev = open_vfio(EDU);
}

TEST_HARNESS_MAIN
