// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot reset, of a whole bus, where two groups are on that bus (the VM's profile
 * "sriov").  Users of the group interface pass the group files of all devices
 * that are reset; for a user of device files, all devices have to be in one
 * context.  As anybody who may open a group file can pass it, a device that is
 * in use through its device file has to be safe from that.
 */
#include <linux/pci_regs.h>
#include <pthread.h>
#include <sys/resource.h>

#include "mmio.h"
#include "../userfault.h"
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
	ASSERT_EQ(0, module_load(TYPE1_MODULE));
	ASSERT_EQ(0, pci_behind(RESET_PORT, 0, self->edu));
	ASSERT_EQ(0, pci_behind(RESET_PORT, 1, self->nic));
	self->nic_dev = open_vfio(self->nic);
	ASSERT_EQ(0, pci_bind(self->edu, "vfio-pci"));
	ASSERT_NE(pci_group(self->edu), pci_group(self->nic));
	self->nic_group = group_open(self->nic);
	ASSERT_LE(0, self->nic_group);
	ASSERT_EQ(0, group_user_start(&self->user, self->edu));
	ASSERT_EQ(0, group_user_get_device(&self->user, self->edu));
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(hot_reset)
{
	/* A file that a failed test has left open would keep its device */
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

/* With an empty list of groups, as for device files */
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

/* Set the register of the NIC, which is bound, and read it back */
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

/* The group interface alone: the mark shows a reset */
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

/* By a device file, while its context lacks a device that is reset */
#define expect_refused(devid)						\
({									\
	struct hot_reset_info _info;					\
									\
	EXPECT_EQ(0, hot_reset_info(self->nic_dev, &_info));		\
	EXPECT_EQ(VFIO_PCI_HOT_RESET_FLAG_DEV_ID, _info.header.flags);	\
	EXPECT_EQ(2, _info.header.count);				\
	EXPECT_EQ((__u32)VFIO_PCI_DEVID_NOT_OWNED,			\
		  _info.devices[0].group_id);				\
	EXPECT_EQ(devid, _info.devices[1].group_id);			\
	EXPECT_EQ(-EINVAL, hot_reset_without_groups(self->nic_dev));	\
	EXPECT_EQ(MARK, read_mark(self->nic_dev));			\
})

TEST_F(hot_reset, by_device_file_is_for_one_context)
{
	struct hot_reset_info info;
	int dev, other;
	__u32 ioas, nic, edu;

	ASSERT_EQ(0, vfio_bind(self->nic_dev, self->iommu, &nic));
	ASSERT_EQ(0, leave_mark(self->nic_dev));
	/* The other device has a group's user, then none, then a context */
	expect_refused(nic);
	group_user_end(&self->user);
	expect_refused(nic);
	dev = vfio_open(self->edu);
	ASSERT_LE(0, dev);
	expect_refused(nic);
	other = open_iommu(&ioas);
	ASSERT_EQ(0, vfio_bind(dev, other, NULL));
	expect_refused(nic);
	close(dev);

	/* A group file does not make up for it, and is an error anyway */
	self->user.group = group_open(self->edu);
	ASSERT_LE(0, self->user.group);
	EXPECT_EQ(-EINVAL, hot_reset(self->nic_dev, self->user.group,
				     self->nic_group));
	expect_refused(nic);
	close(self->user.group);

	/* A device without a driver is not enough either */
	ASSERT_EQ(0, pci_bind(self->edu, NULL));
	expect_refused(nic);

	ASSERT_EQ(0, pci_bind(self->edu, "vfio-pci"));
	dev = vfio_open(self->edu);
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, vfio_bind(dev, self->iommu, &edu));
	EXPECT_EQ(0, hot_reset_info(self->nic_dev, &info));
	EXPECT_EQ(VFIO_PCI_HOT_RESET_FLAG_DEV_ID |
		  VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED, info.header.flags);
	EXPECT_EQ(edu, info.devices[0].group_id);
	EXPECT_EQ(nic, info.devices[1].group_id);
	EXPECT_EQ(-EINVAL, hot_reset(self->nic_dev, self->nic_group,
				     self->nic_group));
	EXPECT_EQ(MARK, read_mark(self->nic_dev));
	EXPECT_EQ(0, hot_reset_without_groups(self->nic_dev));
	EXPECT_EQ(0, read_mark(self->nic_dev));
}

/* A device file is not accepted in the place of a group file */
TEST_F(hot_reset, by_group_takes_no_device_files)
{
	int dev = self->user.dev, group = self->user.group;

	EXPECT_EQ(-EINVAL, hot_reset(dev, group, self->nic_dev));
	EXPECT_EQ(-EINVAL, hot_reset(dev, self->nic_dev, group));
	EXPECT_EQ(-EINVAL, hot_reset_without_groups(dev));
	EXPECT_EQ(0, hot_reset(dev, group, self->nic_group));
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

	/* Opened anew it is parked, and has no user */
	ASSERT_EQ(0, close(self->nic_dev));
	self->nic_dev = vfio_open(self->nic);
	ASSERT_LE(0, self->nic_dev);
	EXPECT_EQ(0, hot_reset(dev, group, self->nic_group));
	EXPECT_EQ(0, vfio_bind(self->nic_dev, self->iommu, NULL));
	EXPECT_EQ(0, read_mark(self->nic_dev));
	EXPECT_EQ(-EINVAL, hot_reset(dev, group, self->nic_group));
}

/* Close resets a bus after its last user, but not below another user */
TEST_F(hot_reset, at_close_spares_it_too)
{
	ASSERT_EQ(0, vfio_bind(self->nic_dev, self->iommu, NULL));
	ASSERT_EQ(0, leave_mark(self->nic_dev));
	group_user_end(&self->user);
	EXPECT_EQ(MARK, read_mark(self->nic_dev));
}

/* A hot reset that waits on its way, when it reads the group files */
struct stopped_reset {
	pthread_t thread;
	int dev;
	struct hot_reset *reset;	/* group files on a missing page */
	struct userfault fault;
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
	int rc;

	if (memory == MAP_FAILED)
		return -errno;
	stopped->dev = dev;
	stopped->reset = (void *)(memory + PAGE - sizeof(header));
	memcpy(stopped->reset, &header, sizeof(header));
	rc = userfault_start(&stopped->fault, memory + PAGE,
			     UFFDIO_REGISTER_MODE_MISSING);
	if (rc)
		return rc;
	pthread_create(&stopped->thread, NULL, stopped_reset_thread, stopped);
	return userfault_wait(&stopped->fault);
}

/* Let the reset go on, with these groups */
static int stopped_reset_finish(struct stopped_reset *stopped, int group0,
				int group1)
{
	__s32 *page = (void *)anon_pages(1);
	int rc;

	page[0] = group0;
	page[1] = group1;
	rc = userfault_end(&stopped->fault, page);
	if (rc)
		return rc;
	pthread_join(stopped->thread, NULL);
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

/* A reset that has failed has no effect any more */
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

/* Both devices of the bus are in one context */
FIXTURE(of_one_context)
{
	char bdf[2][BDF_LEN];
	int dev[2];	/* edu, NIC */
	__u32 id[2];
	int iommu;
	__u32 ioas;
	char *bar;	/* of the NIC, mapped */
	size_t length;
};

FIXTURE_SETUP(of_one_context)
{
	unsigned int i;

	self->iommu = open_iommu(&self->ioas);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, pci_behind(RESET_PORT, i, self->bdf[i]));
		self->dev[i] = open_vfio(self->bdf[i]);
		ASSERT_EQ(0, vfio_bind(self->dev[i], self->iommu,
				       &self->id[i]));
	}
	ASSERT_EQ(0, leave_mark(self->dev[1]));
	ASSERT_EQ(0, vfio_map_bar(self->dev[1], 0, (void **)&self->bar,
				  &self->length));
}

FIXTURE_TEARDOWN(of_one_context)
{
	unsigned int i;

	munmap(self->bar, self->length);
	EXPECT_EQ(0, close_range(3, ~0U, 0));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, bind_anew(self->bdf[i]));
		EXPECT_EQ(0, pci_release(self->bdf[i]));
	}
}

/* Does a read of the register have a page fault? */
static bool faults(const char *bar, size_t offset, __u32 expected)
{
	struct rusage before, after;
	__u32 value;

	getrusage(RUSAGE_THREAD, &before);
	value = mmio_read32(bar + offset);
	getrusage(RUSAGE_THREAD, &after);
	return value == expected && after.ru_minflt > before.ru_minflt;
}

TEST_F(of_one_context, is_told_and_checks_arguments)
{
	struct hot_reset_info *info = anon_pages(2);
	struct vfio_pci_hot_reset *reset;
	int *dev = self->dev;

	EXPECT_EQ(0, hot_reset_info(dev[0], info));
	EXPECT_EQ(2, info->header.count);
	EXPECT_EQ(3, info->header.flags);
	EXPECT_EQ(self->id[0], info->devices[0].group_id);
	EXPECT_EQ(self->id[1], info->devices[1].group_id);
	EXPECT_EQ(0, info->devices[0].segment);
	EXPECT_EQ(info->devices[0].bus, info->devices[1].bus);
	EXPECT_EQ(0, info->devices[0].devfn);
	EXPECT_EQ(1 << 3, info->devices[1].devfn);

	memset(info, 0, sizeof(*info));
	info->header.argsz = sizeof(info->header);
	EXPECT_EQ(-ENOSPC, ERR(ioctl(dev[0], VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
				     info)));
	EXPECT_EQ(2, info->header.count);
	EXPECT_EQ(0, info->header.flags);
	info->header.argsz = sizeof(info->header) + 2 * 8 - 1;
	EXPECT_EQ(-ENOSPC, ERR(ioctl(dev[0], VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
				     info)));
	EXPECT_EQ(0, info->devices[0].group_id);
	info->header.argsz = sizeof(info->header) + 2 * 8;
	EXPECT_EQ(0, ERR(ioctl(dev[0], VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
			       info)));
	info->header.argsz = sizeof(info->header) - 1;
	EXPECT_EQ(-EINVAL, ERR(ioctl(dev[0], VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
				     info)));
	EXPECT_EQ(-EFAULT, ERR(ioctl(dev[0], VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
				     NULL)));
	/* The list is on a missing page */
	ASSERT_EQ(0, munmap((char *)info + PAGE, PAGE));
	info = (void *)((char *)info + PAGE - sizeof(info->header));
	info->header.argsz = sizeof(*info);
	EXPECT_EQ(-EFAULT, ERR(ioctl(dev[0], VFIO_DEVICE_GET_PCI_HOT_RESET_INFO,
				     info)));

	reset = (void *)info;
	memset(reset, 0, sizeof(*reset));
	reset->argsz = sizeof(*reset) - 1;
	EXPECT_EQ(-EINVAL, ERR(ioctl(dev[0], VFIO_DEVICE_PCI_HOT_RESET,
				     reset)));
	reset->argsz = sizeof(*reset);
	reset->flags = 1;
	EXPECT_EQ(-EINVAL, ERR(ioctl(dev[0], VFIO_DEVICE_PCI_HOT_RESET,
				     reset)));
	reset->flags = 0;
	reset->count = 1;
	EXPECT_EQ(-EINVAL, ERR(ioctl(dev[0], VFIO_DEVICE_PCI_HOT_RESET,
				     reset)));
	EXPECT_EQ(-EFAULT, ERR(ioctl(dev[0], VFIO_DEVICE_PCI_HOT_RESET, NULL)));
	EXPECT_EQ(MARK, read_mark(dev[1]));
	reset->count = 0;
	EXPECT_EQ(0, ERR(ioctl(dev[0], VFIO_DEVICE_PCI_HOT_RESET, reset)));
	EXPECT_EQ(0, read_mark(dev[1]));
}

TEST_F(of_one_context, leaves_the_devices_usable)
{
	__u16 command[2];
	__u32 bars[2][6];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vfio_attach(self->dev[i], self->ioas, NULL));
		ASSERT_EQ(0, vfio_bus_master(self->dev[i], true));
	}
	ASSERT_EQ(0, vfio_config_read(self->dev[1], PCI_COMMAND, &command[0],
				      sizeof(command[0])));
	ASSERT_EQ(0, vfio_config_read(self->dev[1], PCI_BASE_ADDRESS_0, bars[0],
				      sizeof(bars[0])));
	ASSERT_EQ(0, hot_reset_without_groups(self->dev[0]));
	ASSERT_EQ(0, vfio_config_read(self->dev[1], PCI_COMMAND, &command[1],
				      sizeof(command[1])));
	ASSERT_EQ(0, vfio_config_read(self->dev[1], PCI_BASE_ADDRESS_0, bars[1],
				      sizeof(bars[1])));
	EXPECT_EQ(command[0], command[1]);
	EXPECT_EQ(0, memcmp(bars[0], bars[1], sizeof(bars[0])));
	EXPECT_EQ(0, read_mark(self->dev[1]));
	EXPECT_EQ(0, leave_mark(self->dev[1]));
	EXPECT_EQ(0, vfio_detach(self->dev[0]));
	EXPECT_EQ(0, vfio_detach(self->dev[1]));
}

/* Before 6.10 vfio-pci-core does not know of the mapping that fork() copies */
static bool child_is_revoked(const int dev[2], char *bar)
{
	size_t length;

	if (kernel_before(6, 10, 0) &&
	    vfio_map_bar(dev[1], 0, (void **)&bar, &length))
		return false;
	return mmio_read32(bar + RDBAL) == 0 &&
	       !hot_reset_without_groups(dev[1]) && faults(bar, RDBAL, 0);
}

/* A mapping is revoked during the reset, and comes back by itself */
TEST_F(of_one_context, revokes_mappings_of_all)
{
	int status;

	EXPECT_TRUE(faults(self->bar, RDBAL, MARK));
	EXPECT_FALSE(faults(self->bar, RDBAL, MARK));
	ASSERT_EQ(0, hot_reset_without_groups(self->dev[0]));
	EXPECT_TRUE(faults(self->bar, RDBAL, 0));
	EXPECT_FALSE(faults(self->bar, RDBAL, 0));

	/* A reset that is refused leaves mappings alone */
	EXPECT_EQ(-EINVAL, hot_reset(self->dev[0], -1, -1));
	EXPECT_FALSE(faults(self->bar, RDBAL, 0));

	/* Reset by the other device; another process has the mapping, too */
	if (!fork())
		_exit(!child_is_revoked(self->dev, self->bar));
	ASSERT_LT(0, wait(&status));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(faults(self->bar, RDBAL, 0));
	EXPECT_EQ(0, mmio_read32(self->bar + RDBAL));
}

struct reader {
	pthread_t thread;
	const char *bar;
	bool stop;
	long reads;
	long wrong;
};

/* While a device is in reset its registers read as all ones */
static void *read_on(void *arg)
{
	struct reader *reader = arg;
	__u32 value;

	for (; !__atomic_load_n(&reader->stop, __ATOMIC_RELAXED);
	     __atomic_add_fetch(&reader->reads, 1, __ATOMIC_RELAXED)) {
		value = mmio_read32(reader->bar + RDBAL);
		reader->wrong += value != 0 && value != MARK;
	}
	return NULL;
}

TEST_F_TIMEOUT(of_one_context, makes_accesses_wait, PATIENCE)
{
	struct reader reader = { .bar = self->bar };
	long reads;
	int i;

	pthread_create(&reader.thread, NULL, read_on, &reader);
	for (i = 0; i < 4; i++) {
		reads = __atomic_load_n(&reader.reads, __ATOMIC_RELAXED);
		while (__atomic_load_n(&reader.reads, __ATOMIC_RELAXED) == reads)
			;
		EXPECT_EQ(0, hot_reset_without_groups(self->dev[i % 2]));
		EXPECT_EQ(0, leave_mark(self->dev[1]));
	}
	reads = __atomic_load_n(&reader.reads, __ATOMIC_RELAXED);
	while (__atomic_load_n(&reader.reads, __ATOMIC_RELAXED) == reads)
		;
	__atomic_store_n(&reader.stop, true, __ATOMIC_RELAXED);
	pthread_join(reader.thread, NULL);
	EXPECT_EQ(0, reader.wrong);
}

/* A thread that changes the page tables of a mapping, or the mapping */
struct changer {
	pthread_t thread;
	bool (*change)(struct changer *changer);
	int dev;
	char *bar;	/* mapped throughout */
	size_t length;
	bool stop;
	long rounds;
	bool failed;
};

static bool change_munmap(struct changer *changer)
{
	size_t length;
	void *bar;

	if (vfio_map_bar(changer->dev, 0, &bar, &length))
		return false;
	mmio_read32(bar);
	return !munmap(bar, length);
}

static bool change_mprotect(struct changer *changer)
{
	mmio_read32(changer->bar + RDBAL);
	return !mprotect(changer->bar, changer->length, PROT_READ) &&
	       !mprotect(changer->bar, changer->length,
			 PROT_READ | PROT_WRITE);
}

static bool change_fork(struct changer *changer)
{
	int status;
	pid_t pid;

	mmio_read32(changer->bar + RDBAL);
	pid = fork();
	if (!pid)
		_exit(0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

/* Another process, which has its own mmap lock */
static bool change_elsewhere(struct changer *changer)
{
	int i, status;
	pid_t pid = fork();

	for (i = 0; !pid && i < 50; i++)
		if (!change_munmap(changer))
			_exit(1);
	if (!pid)
		_exit(0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static void *change_on(void *arg)
{
	struct changer *changer = arg;

	while (!__atomic_load_n(&changer->stop, __ATOMIC_RELAXED) &&
	       !changer->failed) {
		changer->failed = !changer->change(changer);
		__atomic_add_fetch(&changer->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F_TIMEOUT(of_one_context, beside_changes_of_mappings, PATIENCE)
{
	struct changer changers[] = {
		{ .change = change_munmap },
		{ .change = change_mprotect },
		{ .change = change_fork },
		{ .change = change_elsewhere },
	};
	unsigned int i, rounds = patient_rounds(300);
	struct changer *changer;

	for (i = 0; i < ARRAY_SIZE(changers); i++) {
		changer = &changers[i];
		changer->dev = self->dev[1];
		changer->bar = self->bar;
		changer->length = self->length;
		ASSERT_EQ(0, pthread_create(&changer->thread, NULL, change_on,
					    changer));
	}
	for (i = 0; i < rounds; i++)
		EXPECT_EQ(0, hot_reset_without_groups(self->dev[i % 2]));
	for (i = 0; i < ARRAY_SIZE(changers); i++) {
		changer = &changers[i];
		__atomic_store_n(&changer->stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(changer->thread, NULL));
		EXPECT_FALSE(changer->failed);
		EXPECT_LT(0, changer->rounds);
	}
	EXPECT_EQ(0, leave_mark(self->dev[1]));
	EXPECT_EQ(MARK, mmio_read32(self->bar + RDBAL));
}

static void *reset_often(void *arg)
{
	long rc = 0;
	int i;

	for (i = 0; i < 3 && !rc; i++)
		rc = hot_reset_without_groups(*(int *)arg);
	return (void *)rc;
}

/* Both devices ask at once: the resets follow each other */
TEST_F_TIMEOUT(of_one_context, can_be_asked_for_twice, PATIENCE)
{
	pthread_t thread[2];
	void *rc;
	int i;

	for (i = 0; i < 2; i++)
		pthread_create(&thread[i], NULL, reset_often, &self->dev[i]);
	for (i = 0; i < 2; i++) {
		pthread_join(thread[i], &rc);
		EXPECT_EQ(NULL, rc);
	}
	EXPECT_EQ(0, read_mark(self->dev[1]));
}

/* A sleeping device is woken up, and has its BARs afterwards */
TEST_F(of_one_context, wakes_what_sleeps)
{
	__u8 pos = 0, id = 0;
	__u16 state;
	int dev = self->dev[1];

	ASSERT_EQ(0, vfio_config_read(dev, PCI_CAPABILITY_LIST, &pos, 1));
	while (pos && !vfio_config_read(dev, pos, &id, 1) && id != PCI_CAP_ID_PM)
		ASSERT_EQ(0, vfio_config_read(dev, pos + 1, &pos, 1));
	ASSERT_NE(0, pos);
	ASSERT_EQ(0, vfio_config_read(dev, pos + PCI_PM_CTRL, &state,
				      sizeof(state)));
	state |= 3;
	ASSERT_EQ(0, vfio_config_write(dev, pos + PCI_PM_CTRL, &state,
				       sizeof(state)));
	EXPECT_EQ(0, hot_reset_without_groups(self->dev[0]));
	ASSERT_EQ(0, vfio_config_read(dev, pos + PCI_PM_CTRL, &state,
				      sizeof(state)));
	EXPECT_EQ(0, state & 3);
	EXPECT_EQ(0, mmio_read32(self->bar + RDBAL));
	EXPECT_EQ(0, leave_mark(dev));
	EXPECT_EQ(MARK, mmio_read32(self->bar + RDBAL));
}

TEST_F(of_one_context, ends_with_a_file)
{
	struct hot_reset_info info;

	ASSERT_EQ(0, close(self->dev[0]));
	EXPECT_EQ(0, hot_reset_info(self->dev[1], &info));
	EXPECT_EQ(VFIO_PCI_HOT_RESET_FLAG_DEV_ID, info.header.flags);
	EXPECT_EQ(-EINVAL, hot_reset_without_groups(self->dev[1]));
	EXPECT_EQ(MARK, read_mark(self->dev[1]));
}

/* Devices on the root bus have no hot reset, nor have parked files */
TEST(where_there_is_none)
{
	struct hot_reset_info info;
	__u32 ioas;
	int iommu = open_iommu(&ioas);
	int dev = open_vfio(EDU);

	EXPECT_EQ(-EINVAL, hot_reset_info(dev, &info));
	EXPECT_EQ(-EINVAL, hot_reset_without_groups(dev));
	ASSERT_EQ(0, vfio_bind(dev, iommu, NULL));
	EXPECT_EQ(-ENODEV, hot_reset_info(dev, &info));
	EXPECT_EQ(-ENODEV, hot_reset_without_groups(dev));
	close(dev);
	close(iommu);
	EXPECT_EQ(0, pci_release(EDU));
}

/* A whole slot: two functions of one group */
TEST_F_TIMEOUT(hot_reset, of_a_slot_takes_a_group_for_owned, PATIENCE)
{
	char bdf[2][BDF_LEN];
	struct hot_reset_info info;
	__u32 id[2];
	int dev[2], i;

	ASSERT_EQ(0, pci_behind(SLOT_PORT, 0, bdf[0]));
	strcpy(bdf[1], bdf[0]);
	bdf[1][BDF_LEN - 2] = '1';
	ASSERT_ONE_GROUP(bdf[0], bdf[1]);
	for (i = 0; i < 2; i++)
		dev[i] = open_vfio(bdf[i]);
	ASSERT_EQ(0, vfio_bind(dev[0], self->iommu, &id[0]));

	/* The second function can have no other user */
	EXPECT_EQ(0, hot_reset_info(dev[0], &info));
	EXPECT_EQ(2, info.header.count);
	EXPECT_EQ(3, info.header.flags);
	EXPECT_EQ(id[0], info.devices[0].group_id);
	EXPECT_EQ(VFIO_PCI_DEVID_OWNED, info.devices[1].group_id);
	EXPECT_EQ(0, hot_reset_without_groups(dev[0]));

	ASSERT_EQ(0, vfio_bind(dev[1], self->iommu, &id[1]));
	EXPECT_EQ(0, hot_reset_info(dev[0], &info));
	EXPECT_EQ(3, info.header.flags);
	EXPECT_EQ(id[1], info.devices[1].group_id);
	EXPECT_EQ(0, hot_reset_without_groups(dev[1]));

	/* Without a driver, though, it is not owned */
	ASSERT_EQ(0, close(dev[1]));
	ASSERT_EQ(0, pci_release(bdf[1]));
	EXPECT_EQ(0, hot_reset_info(dev[0], &info));
	EXPECT_EQ(VFIO_PCI_HOT_RESET_FLAG_DEV_ID, info.header.flags);
	EXPECT_EQ((__u32)VFIO_PCI_DEVID_NOT_OWNED, info.devices[1].group_id);
	EXPECT_EQ(-EINVAL, hot_reset_without_groups(dev[0]));
	close(dev[0]);
	EXPECT_EQ(0, pci_release(bdf[0]));
}

TEST_HARNESS_MAIN
