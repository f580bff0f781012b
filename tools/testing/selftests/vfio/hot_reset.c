// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot reset, of a whole bus, where two groups are on that bus (the VM's profile
 * "sriov").  It is for users of the group interface, who show the group files
 * of all that is reset.  As anybody who may open a group file can show it, a
 * device that is in use through its device file has to be safe from that.
 */
#include <pthread.h>
#include <sys/syscall.h>
#include <linux/userfaultfd.h>

#include "group.h"

/* e1000e: where its ring of receive descriptors is; 0 after a reset */
#define RDBAL	0x2800
#define MARK	0x12345670

FIXTURE(hot_reset)
{
	char edu[BDF_LEN];
	char nic[BDF_LEN];
	struct group_user user;	/* has edu */
	int nic_group;	/* just open */
	int nic_dev;	/* parked */
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(hot_reset)
{
	if (access("/sys/module/vfio_iommu_type1", F_OK))
		ASSERT_EQ(0, system("modprobe vfio_iommu_type1"));
	ASSERT_EQ(0, pci_behind(RESET_PORT, 0, self->edu));
	ASSERT_EQ(0, pci_behind(RESET_PORT, 1, self->nic));
	ASSERT_NE(pci_group(self->edu), pci_group(self->nic));
	self->nic_dev = open_vfio(self->nic);
	ASSERT_EQ(0, pci_bind(self->edu, "vfio-pci"));
	self->nic_group = group_open(self->nic);
	ASSERT_LE(0, self->nic_group);
	ASSERT_EQ(0, group_user_start(&self->user, self->edu));
	ASSERT_EQ(0, group_user_get_device(&self->user, self->edu));
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(hot_reset)
{
	/* Whatever a failed test has left open would keep its device */
	EXPECT_EQ(0, close_range(3, ~0U, 0));
	EXPECT_EQ(0, bind_anew(self->edu));
	EXPECT_EQ(0, bind_anew(self->nic));
	EXPECT_EQ(0, pci_release(self->edu));
	EXPECT_EQ(0, pci_release(self->nic));
}

struct hot_reset {
	struct vfio_pci_hot_reset header;
	__s32 groups[2];
};

static int hot_reset(int dev, int group0, int group1)
{
	struct hot_reset reset = {
		.header = { .argsz = sizeof(reset), .count = 2 },
		.groups = { group0, group1 },
	};

	return ERR(ioctl(dev, VFIO_DEVICE_PCI_HOT_RESET, &reset));
}

/* With no group at all, the way that later kernels have for device files */
static int hot_reset_without_groups(int dev)
{
	struct vfio_pci_hot_reset reset = { .argsz = sizeof(reset) };

	return ERR(ioctl(dev, VFIO_DEVICE_PCI_HOT_RESET, &reset));
}

struct hot_reset_info {
	struct vfio_pci_hot_reset_info header;
	struct vfio_pci_dependent_device devices[4];
};

static int hot_reset_info(int dev, struct hot_reset_info *info)
{
	memset(info, 0, sizeof(*info));
	info->header.argsz = sizeof(*info);
	return ERR(ioctl(dev, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info));
}

/* The register of the NIC, which is bound: set to be read, and read */
static int leave_mark(int dev)
{
	struct vfio_region_info info;
	__u32 mark = MARK;
	int rc;

	rc = vfio_bus_master(dev, true) ?: vfio_region(dev, 0, &info);
	if (rc)
		return rc;
	return pwrite(dev, &mark, sizeof(mark), info.offset + RDBAL) ==
	       sizeof(mark) ? 0 : -EIO;
}

static long read_mark(int dev)
{
	struct vfio_region_info info;
	__u32 mark;
	int rc;

	rc = vfio_bus_master(dev, true) ?: vfio_region(dev, 0, &info);
	if (rc)
		return rc;
	return pread(dev, &mark, sizeof(mark), info.offset + RDBAL) ==
	       sizeof(mark) ? (long)mark : -EIO;
}

/* What there is without device files, and that the mark shows it */
TEST_F(hot_reset, of_two_groups)
{
	struct group_user other;
	struct hot_reset_info info;

	close(self->nic_group);
	ASSERT_EQ(0, group_user_start(&other, self->nic));
	ASSERT_EQ(0, group_user_get_device(&other, self->nic));
	ASSERT_EQ(0, hot_reset_info(self->user.dev, &info));
	ASSERT_EQ(2, info.header.count);
	EXPECT_EQ(pci_group(self->edu), info.devices[0].group_id);
	EXPECT_EQ(pci_group(self->nic), info.devices[1].group_id);

	ASSERT_EQ(0, leave_mark(other.dev));
	ASSERT_EQ(MARK, read_mark(other.dev));
	ASSERT_EQ(0, hot_reset(self->user.dev, self->user.group, other.group));
	EXPECT_EQ(0, read_mark(other.dev));
}

TEST_F(hot_reset, is_not_for_device_files)
{
	struct hot_reset_info info;

	ASSERT_EQ(0, vfio_bind(self->nic_dev, self->iommu, NULL));
	ASSERT_EQ(0, leave_mark(self->nic_dev));
	EXPECT_EQ(-ENODEV, hot_reset_info(self->nic_dev, &info));
	EXPECT_EQ(-ENODEV, hot_reset_without_groups(self->nic_dev));
	EXPECT_EQ(-ENODEV, hot_reset(self->nic_dev, self->user.group,
				     self->nic_group));
	EXPECT_EQ(MARK, read_mark(self->nic_dev));

	/* Nor when nobody else is there */
	group_user_end(&self->user);
	EXPECT_EQ(-ENODEV, hot_reset_info(self->nic_dev, &info));
	EXPECT_EQ(-ENODEV, hot_reset_without_groups(self->nic_dev));
	EXPECT_EQ(-ENODEV, hot_reset(self->nic_dev, self->nic_group,
				     self->nic_group));
	EXPECT_EQ(MARK, read_mark(self->nic_dev));
}

TEST_F(hot_reset, spares_a_device_in_use_through_its_file)
{
	int dev = self->user.dev, group = self->user.group;
	struct hot_reset_info info;

	ASSERT_EQ(0, hot_reset(dev, group, self->nic_group));
	ASSERT_EQ(0, vfio_bind(self->nic_dev, self->iommu, NULL));
	ASSERT_EQ(0, leave_mark(self->nic_dev));
	EXPECT_EQ(-EINVAL, hot_reset(dev, group, self->nic_group));
	EXPECT_EQ(-EINVAL, hot_reset_without_groups(dev));
	EXPECT_EQ(MARK, read_mark(self->nic_dev));
	/* The rest of the group interface goes on as before */
	EXPECT_EQ(0, hot_reset_info(dev, &info));
	EXPECT_EQ(2, info.header.count);
	EXPECT_EQ(0, get_info(dev));

	/* Parked again, it is nobody's */
	ASSERT_EQ(0, close(self->nic_dev));
	self->nic_dev = vfio_open(self->nic);
	ASSERT_LE(0, self->nic_dev);
	EXPECT_EQ(0, hot_reset(dev, group, self->nic_group));
	EXPECT_EQ(0, vfio_bind(self->nic_dev, self->iommu, NULL));
	EXPECT_EQ(0, read_mark(self->nic_dev));
	EXPECT_EQ(-EINVAL, hot_reset(dev, group, self->nic_group));
}

/* What the last user of a bus leaves is reset, but not below another user */
TEST_F(hot_reset, at_close_spares_it_too)
{
	ASSERT_EQ(0, vfio_bind(self->nic_dev, self->iommu, NULL));
	ASSERT_EQ(0, leave_mark(self->nic_dev));
	group_user_end(&self->user);
	EXPECT_EQ(MARK, read_mark(self->nic_dev));
}

/* A hot reset that is stopped on its way, when it reads the group files */
struct stopped_reset {
	pthread_t thread;
	int dev;
	struct hot_reset *reset;	/* the groups are on a missing page */
	int fault;
	int rc;
};

static void *stopped_reset_thread(void *arg)
{
	struct stopped_reset *stopped = arg;

	stopped->rc = ERR(ioctl(stopped->dev, VFIO_DEVICE_PCI_HOT_RESET,
				stopped->reset));
	return NULL;
}

static int stopped_reset_start(struct stopped_reset *stopped, int dev)
{
	const struct vfio_pci_hot_reset header = {
		.argsz = sizeof(struct hot_reset),
		.count = 2,
	};
	char *memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register second = {
		.range = { (uintptr_t)memory + PAGE, PAGE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffd_msg msg;

	if (memory == MAP_FAILED)
		return -errno;
	stopped->dev = dev;
	stopped->reset = (void *)(memory + PAGE - sizeof(header));
	memcpy(stopped->reset, &header, sizeof(header));
	stopped->fault = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (stopped->fault < 0 || ioctl(stopped->fault, UFFDIO_API, &api) ||
	    ioctl(stopped->fault, UFFDIO_REGISTER, &second))
		return -errno;
	pthread_create(&stopped->thread, NULL, stopped_reset_thread, stopped);
	/* The message says that it is there */
	return read(stopped->fault, &msg, sizeof(msg)) == sizeof(msg) &&
	       msg.event == UFFD_EVENT_PAGEFAULT ? 0 : -EIO;
}

/* Let it go on, with these groups */
static int stopped_reset_finish(struct stopped_reset *stopped, int group0,
				int group1)
{
	__s32 *page = (void *)anon_pages(1);
	struct uffdio_copy copy = {
		.dst = (uintptr_t)stopped->reset->groups,
		.src = (uintptr_t)page,
		.len = PAGE,
	};

	page[0] = group0;
	page[1] = group1;
	if (ioctl(stopped->fault, UFFDIO_COPY, &copy))
		return -errno;
	pthread_join(stopped->thread, NULL);
	close(stopped->fault);
	return stopped->rc;
}

TEST_F_TIMEOUT(hot_reset, under_way_keeps_device_files_parked, PATIENCE)
{
	struct stopped_reset stopped;

	ASSERT_EQ(0, stopped_reset_start(&stopped, self->user.dev));
	EXPECT_EQ(-EBUSY, vfio_bind(self->nic_dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(self->nic_dev));
	EXPECT_EQ(-EBUSY, vfio_bind(self->nic_dev, self->iommu, NULL));
	EXPECT_EQ(0, stopped_reset_finish(&stopped, self->user.group,
					  self->nic_group));
	EXPECT_EQ(0, vfio_bind(self->nic_dev, self->iommu, NULL));
}

/* One that fails does not count for longer */
TEST_F_TIMEOUT(hot_reset, that_failed_is_over, PATIENCE)
{
	struct stopped_reset stopped;

	ASSERT_EQ(0, stopped_reset_start(&stopped, self->user.dev));
	EXPECT_EQ(-EBUSY, vfio_bind(self->nic_dev, self->iommu, NULL));
	EXPECT_EQ(-EBADF, stopped_reset_finish(&stopped, self->user.group,
					       -1));
	EXPECT_EQ(0, vfio_bind(self->nic_dev, self->iommu, NULL));
	EXPECT_EQ(0, get_info(self->nic_dev));
}

TEST_HARNESS_MAIN
