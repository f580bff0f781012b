// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices without an IOMMU, on a machine that has none (the VM's profile
 * "noiommu").
 */
#include <dirent.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <sys/eventfd.h>

#include "disk.h"
#include "noiommu.h"
#include "smaps.h"

#define AT	0x100000ULL
#define PAGES	64

/* The line of the kernel log with each device that gets a node */
#define TAINTING	"Adding kernel taint for vfio-noiommu cdev"
#define TAINTS(bdf)	"vfio-pci " bdf ": " TAINTING

static int entries(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);
	int n = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

static bool has_class_device(void)
{
	return entries("/sys/class/vfio-dev") > 0;
}

/* Returns 0, or -1 if a page is not there */
static int read_pfns(const char *memory, __u64 *pfns, size_t pages)
{
	size_t i;

	for (i = 0; i < pages; i++) {
		pfns[i] = frame_of(memory + i * PAGE);
		if (!pfns[i])
			return -1;
	}
	return 0;
}

/* Bytes from an offset on that are contiguous */
static __u64 contiguous(const __u64 *pfns, size_t pages, size_t offset)
{
	size_t i = offset / PAGE;

	while (i + 1 < pages && pfns[i + 1] == pfns[i] + 1)
		i++;
	return (i + 1) * PAGE - offset;
}

/* Without the parameter; a taint is of another test, as it stays */
TEST(no_node_without_the_parameter)
{
	bool before = kernel_is_tainted(TAINT_USER);
	char value = 0;
	struct stat st;
	int fd;

	ASSERT_EQ(0, stat("/sys/module/vfio_pci/parameters/" PARAMETER, &st));
	EXPECT_EQ(0444, st.st_mode & 07777);
	fd = open("/sys/module/vfio_pci/parameters/" PARAMETER, O_RDONLY);
	ASSERT_EQ(1, read(fd, &value, 1));
	EXPECT_EQ('N', value);
	close(fd);

	EXPECT_GT(0, pci_bind(EDU, "vfio-pci"));
	EXPECT_FALSE(pci_bound_to(EDU, "vfio-pci"));
	EXPECT_EQ(-ENODEV, vfio_open(EDU));
	EXPECT_FALSE(has_class_device());
	EXPECT_EQ(before, kernel_is_tainted(TAINT_USER));
	EXPECT_EQ(0, pci_bind(EDU, NULL));
}

/* A parked file of the device, and a context with memory mapped */
FIXTURE(noiommu)
{
	int dev;
	int iommu;
	__u32 ioas;
	__u32 devid;
	char *memory;
	long pinned;
};

FIXTURE_SETUP(noiommu)
{
	ASSERT_EQ(0, load_vfio_pci(true));
	self->pinned = pinned();
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	self->memory = anon_pages(PAGES);
	ASSERT_NE(MAP_FAILED, self->memory);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory,
			      PAGES * PAGE, AT));
}

FIXTURE_TEARDOWN(noiommu)
{
	close(self->dev);
	close(self->iommu);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, pci_bind(EDU, NULL));
	EXPECT_EQ(0, load_vfio_pci(false));
	EXPECT_FALSE(has_class_device());
}

static int bind_and_attach(struct _test_data_noiommu *self)
{
	return vfio_bind(self->dev, self->iommu, &self->devid) ?:
	       vfio_attach(self->dev, self->ioas, NULL);
}

TEST_F(noiommu, the_node_and_the_warning)
{
	int log = kmsg_open();
	char path[PATH_MAX];
	struct stat st;
	dev_t dev;

	ASSERT_LE(0, log);
	EXPECT_TRUE(kernel_is_tainted(TAINT_USER));
	ASSERT_EQ(0, vfio_find(EDU, path, &dev));
	EXPECT_EQ(0, strncmp(path, "/dev/vfio/devices/noiommu-vfio", 30));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(dev, st.st_rdev);
	EXPECT_EQ(0600, st.st_mode & 07777);
	EXPECT_EQ(1, vfio_is_noiommu(self->dev));

	/* No group is made up for it */
	EXPECT_GT(0, pci_group(EDU));
	EXPECT_EQ(0, entries("/sys/kernel/iommu_groups"));
	EXPECT_EQ(0, entries("/sys/class/vfio"));

	/* One line for each device, none for what is done with it */
	ASSERT_EQ(0, bind_and_attach(self));
	EXPECT_TRUE(log_says(log, TAINTING, NULL));
	ASSERT_EQ(0, pci_bind(PAIR_0, "vfio-pci"));
	EXPECT_TRUE(log_says(log, TAINTING, TAINTS(PAIR_0)));
	EXPECT_TRUE(log_says(log, TAINTING, NULL));
	EXPECT_EQ(0, pci_bind(PAIR_0, NULL));
	close(log);
}

TEST_F(noiommu, open_takes_the_capability)
{
	char path[PATH_MAX];
	dev_t dev;
	int fd;

	ASSERT_EQ(0, vfio_find(EDU, path, &dev));
	ASSERT_EQ(0, set_capability(CAP_SYS_RAWIO, false));
	fd = open(path, O_RDWR);
	EXPECT_EQ(-EPERM, ERR(fd));
	fd = open(path, O_RDONLY);
	EXPECT_EQ(-EPERM, ERR(fd));
	/* A file that is open carries the right, but tells no addresses */
	EXPECT_EQ(0, bind_and_attach(self));
	EXPECT_EQ(-EPERM, get_pa(self->iommu, self->ioas, AT));
	ASSERT_EQ(0, set_capability(CAP_SYS_RAWIO, true));
	EXPECT_EQ(0, get_pa(self->iommu, self->ioas, AT));
	fd = open(path, O_RDWR);
	EXPECT_LE(0, fd);
	close(fd);
}

TEST_F(noiommu, bind)
{
	__u32 ioas, id;
	int other = open_iommu(&ioas), again = vfio_open(EDU);

	ASSERT_LE(0, again);
	EXPECT_EQ(-EINVAL, get_info(self->dev));
	EXPECT_EQ(-EBADF, vfio_bind(self->dev, 12345, NULL));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->devid));
	EXPECT_LT(0, self->devid);
	EXPECT_EQ(0, get_info(self->dev));
	EXPECT_EQ(-EINVAL, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, vfio_bind(again, other, NULL));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->devid));

	/* Each device has a group of its own, also two of one slot */
	ASSERT_EQ(0, pci_bind(PAIR_0, "vfio-pci"));
	ASSERT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
	close(again);
	again = vfio_open(PAIR_0);
	ASSERT_LE(0, again);
	EXPECT_EQ(0, vfio_bind(again, self->iommu, &id));
	EXPECT_NE(self->devid, id);
	close(again);
	again = vfio_open(PAIR_1);
	ASSERT_LE(0, again);
	EXPECT_EQ(0, vfio_bind(again, other, &id));
	close(again);
	close(other);

	/* The next user gets it once it is closed */
	close(self->dev);
	EXPECT_EQ(0, bind_anew(EDU));
	self->dev = vfio_open(EDU);
	EXPECT_LE(0, self->dev);
	EXPECT_EQ(0, pci_bind(PAIR_0, NULL));
	EXPECT_EQ(0, pci_bind(PAIR_1, NULL));
}

TEST_F(noiommu, attach_pins)
{
	struct iommu_iova_range range;
	__u32 n = 1, ioas2, hwpt, hwpt2;
	__u64 alignment;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->devid));
	EXPECT_EQ(self->pinned, pinned());
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &hwpt));
	EXPECT_EQ(self->pinned + PAGES, pinned());

	/* All IOVAs, whatever the IOMMUs of others have */
	ASSERT_EQ(0, ioas_ranges(self->iommu, self->ioas, &range, &n,
				 &alignment));
	EXPECT_EQ(1, n);
	EXPECT_EQ(0, range.start);
	EXPECT_EQ(~0ULL, range.last);
	EXPECT_EQ(PAGE, alignment);

	/* A replace, a detach, and an attach anew */
	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	ASSERT_EQ(0, vfio_attach(self->dev, ioas2, &hwpt2));
	EXPECT_NE(hwpt, hwpt2);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(-EOPNOTSUPP, get_pa(self->iommu, self->ioas, AT));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, iommu_destroy(self->iommu, ioas2));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(self->pinned + PAGES, pinned());
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, ~0U, NULL));
	EXPECT_EQ(0, get_pa(self->iommu, self->ioas, AT));
}

TEST_F(noiommu, page_tables_of_the_user)
{
	struct iommu_hwpt_alloc data = {
		.size = sizeof(data),
		.data_type = IOMMU_HWPT_DATA_VTD_S1,
		.data_len = 4,
		.data_uptr = (unsigned long)self->memory,
		.pt_id = self->ioas,
	};
	__u32 hwpt, got;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->devid));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->iommu, self->devid, self->ioas,
					  IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
					  &hwpt));
	data.dev_id = self->devid;
	EXPECT_EQ(-EOPNOTSUPP, ERR(ioctl(self->iommu, IOMMU_HWPT_ALLOC, &data)));
	EXPECT_EQ(self->pinned, pinned());

	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->devid, self->ioas, 0, &hwpt));
	EXPECT_EQ(self->pinned + PAGES, pinned());
	EXPECT_EQ(0, get_pa(self->iommu, self->ioas, AT));
	ASSERT_EQ(0, vfio_attach(self->dev, hwpt, &got));
	EXPECT_EQ(hwpt, got);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, hwpt));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, iommu_destroy(self->iommu, hwpt));
	EXPECT_EQ(self->pinned, pinned());
}

TEST_F(noiommu, no_hardware_information)
{
	struct iommu_hw_info info = { .size = sizeof(info) };

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->devid));
	EXPECT_EQ(-ENOENT, ERR(ioctl(self->iommu, IOMMU_GET_HW_INFO, &info)));
	info.dev_id = self->devid;
	EXPECT_EQ(-EOPNOTSUPP, ERR(ioctl(self->iommu, IOMMU_GET_HW_INFO,
					 &info)));
}

/* The device stays in D0, so it cannot be sent to sleep */
TEST_F(noiommu, no_low_power)
{
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_PROBE |
			 VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY,
	};
	char status[16];

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-ENOTTY, ERR(ioctl(self->dev, VFIO_DEVICE_FEATURE, &feature)));
	feature.flags &= ~VFIO_DEVICE_FEATURE_PROBE;
	EXPECT_EQ(-ENOTTY, ERR(ioctl(self->dev, VFIO_DEVICE_FEATURE, &feature)));
	ASSERT_EQ(0, pci_read(EDU, "power/runtime_status", status,
			      sizeof(status)));
	EXPECT_STREQ("active", status);
}

TEST_F(noiommu, order_of_checks)
{
	ASSERT_EQ(0, set_capability(CAP_SYS_RAWIO, false));
	EXPECT_EQ(-EPERM, get_pa_arguments(self->iommu, 1, 1, ~0ULL, 0));
	ASSERT_EQ(0, set_capability(CAP_SYS_RAWIO, true));
	EXPECT_EQ(-EOPNOTSUPP, get_pa_arguments(self->iommu, 1, 0, ~0ULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, get_pa_arguments(self->iommu, 0, 1, ~0ULL, 0));
	EXPECT_EQ(-EINVAL, get_pa_arguments(self->iommu, 0, 0, ~0ULL, 0));
	EXPECT_EQ(-EOVERFLOW, get_pa_arguments(self->iommu, 0, 0, ~0ULL, 1));
	EXPECT_EQ(-ENOENT, get_pa_arguments(self->iommu, 0, 0, ~0ULL - 1, 1));

	/* Nothing is mapped there; then: there is no page table */
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->ioas, AT - 1));
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->ioas, AT + PAGES * PAGE));
	EXPECT_EQ(-EOPNOTSUPP, get_pa(self->iommu, self->ioas, AT));
	ASSERT_EQ(0, bind_and_attach(self));
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->ioas, AT - 1));
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->ioas, AT + PAGES * PAGE));
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->devid, AT));
	EXPECT_EQ(0, get_pa(self->iommu, self->ioas, AT));
	EXPECT_EQ(0, get_pa(self->iommu, self->ioas, AT + PAGES * PAGE - 1));

	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, AT, PAGES * PAGE));
	EXPECT_EQ(-ENOENT, get_pa(self->iommu, self->ioas, AT));
}

/*
 * Another process maps and unmaps, attaches and detaches meanwhile.  It ends
 * with the device detached.
 */
static int disturb(struct _test_data_noiommu *self)
{
	int i, rc = 0;

	for (i = 0; !rc && i < 100; i++)
		rc = ioas_unmap(self->iommu, self->ioas, AT, PAGES * PAGE) ?:
		     ioas_map(self->iommu, self->ioas, self->memory,
			      PAGES * PAGE, AT) ?:
		     vfio_detach(self->dev) ?:
		     vfio_attach(self->dev, self->ioas, NULL);
	return rc ?: vfio_detach(self->dev);
}

TEST_F_TIMEOUT(noiommu, get_pa_meanwhile, PATIENCE)
{
	unsigned int n[3] = { 0 };
	int status, rc;
	pid_t child;

	ASSERT_EQ(0, bind_and_attach(self));
	child = fork();
	if (!child)
		_exit(disturb(self) ? 1 : 0);
	ASSERT_LT(0, child);
	while (!waitpid(child, &status, WNOHANG)) {
		rc = get_pa(self->iommu, self->ioas, AT + PAGE);
		ASSERT_TRUE(rc == 0 || rc == -ENOENT || rc == -EOPNOTSUPP) {
			TH_LOG("%d", rc);
		}
		n[rc == 0 ? 0 : rc == -ENOENT ? 1 : 2]++;
	}
	EXPECT_EQ(0, status);
	printf("# found %u times, not mapped %u, not attached %u\n", n[0], n[1],
	       n[2]);
	EXPECT_EQ(-EOPNOTSUPP, get_pa(self->iommu, self->ioas, AT));
	EXPECT_EQ(self->pinned, pinned());
}

/* As for all ioctls, see selftests/iommu/context/argument */
TEST_F(noiommu, size_of_the_argument)
{
	struct {
		struct iommu_ioas_noiommu_get_pa cmd;
		__u64 later;
	} arg = { };
	const __u32 size = sizeof(arg.cmd);

	ASSERT_EQ(0, bind_and_attach(self));
	arg.cmd.ioas_id = self->ioas;
	arg.cmd.iova = AT;
	arg.cmd.length = 1;
	arg.cmd.size = size - 1;
	EXPECT_EQ(-EINVAL, ERR(ioctl(self->iommu, IOMMU_IOAS_NOIOMMU_GET_PA,
				     &arg)));
	arg.cmd.size = sizeof(arg);
	EXPECT_EQ(0, ioctl(self->iommu, IOMMU_IOAS_NOIOMMU_GET_PA, &arg));
	arg.later = 1;
	EXPECT_EQ(-E2BIG, ERR(ioctl(self->iommu, IOMMU_IOAS_NOIOMMU_GET_PA,
				    &arg)));
	arg.cmd.size = size;
	EXPECT_EQ(0, ioctl(self->iommu, IOMMU_IOAS_NOIOMMU_GET_PA, &arg));
}

TEST_F(noiommu, what_cannot_be_written_back)
{
	struct iommu_ioas_noiommu_get_pa *cmd = mmap(NULL, PAGE,
		PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, cmd);
	ASSERT_EQ(0, bind_and_attach(self));
	cmd->size = sizeof(*cmd);
	cmd->ioas_id = self->ioas;
	cmd->iova = AT;
	cmd->length = 1;
	ASSERT_EQ(0, mprotect(cmd, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->iommu, IOMMU_IOAS_NOIOMMU_GET_PA,
				     cmd)));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->iommu, IOMMU_IOAS_NOIOMMU_GET_PA,
				     NULL)));
	munmap(cmd, PAGE);
}

TEST_F_TIMEOUT(noiommu, addresses_are_those_of_the_memory, PATIENCE)
{
	static const __u64 wanted[] = {
		1, 100, PAGE, PAGE + 1, 5 * PAGE, PAGES * PAGE, ~0ULL
	};
	__u64 pfns[PAGES];
	size_t i, j, offset;

	ASSERT_EQ(0, bind_and_attach(self));
	ASSERT_EQ(0, read_pfns(self->memory, pfns, PAGES));
	for (i = 0; i < 2 * PAGES; i++) {
		offset = i / 2 * PAGE + i % 2 * 0x123;
		for (j = 0; j < ARRAY_SIZE(wanted); j++) {
			__u64 most = contiguous(pfns, PAGES, offset);
			__u64 length = wanted[j], phys;

			ASSERT_EQ(0, ioas_noiommu_get_pa(self->iommu,
							 self->ioas,
							 AT + offset, &length,
							 &phys));
			ASSERT_EQ(pfns[offset / PAGE] * PAGE + offset % PAGE,
				  phys);
			ASSERT_EQ(wanted[j] < most ? wanted[j] : most, length);
		}
	}
}

/* What is contiguous in memory ends with the mapping */
TEST_F(noiommu, one_mapping_at_a_time)
{
	__u64 pfns[PAGES], length = 2 * PAGE, phys;
	size_t i;

	ASSERT_EQ(0, bind_and_attach(self));
	ASSERT_EQ(0, read_pfns(self->memory, pfns, PAGES));
	for (i = 0; i < PAGES; i++)
		ASSERT_EQ(0, ioas_map(self->iommu, self->ioas,
				      self->memory + i * PAGE, PAGE, i * PAGE));
	for (i = 0; i < PAGES; i++) {
		length = 2 * PAGE;
		ASSERT_EQ(0, ioas_noiommu_get_pa(self->iommu, self->ioas,
						 i * PAGE + 1, &length, &phys));
		ASSERT_EQ(pfns[i] * PAGE + 1, phys);
		ASSERT_EQ(PAGE - 1, length);
	}
}

TEST_F(noiommu, memory_of_a_file)
{
	int file = memfd_create("test", MFD_CLOEXEC);
	__u64 pfns[2], length = PAGE, phys;
	char *memory;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, 2 * PAGE));
	ASSERT_EQ(0, bind_and_attach(self));
	ASSERT_EQ(0, ioas_map_file(self->iommu, self->ioas, file, 0, 2 * PAGE,
				   0));
	memory = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, file, 0);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, ioas_noiommu_get_pa(self->iommu, self->ioas, PAGE, &length,
					 &phys));
	ASSERT_EQ(0, read_pfns(memory, pfns, 2));
	EXPECT_EQ(pfns[1] * PAGE, phys);
	munmap(memory, 2 * PAGE);
	close(file);
}

TEST_F_TIMEOUT(noiommu, dma, PATIENCE)
{
	__u64 length = PAGE, phys;
	struct edu edu;

	ASSERT_EQ(0, bind_and_attach(self));
	ASSERT_EQ(0, ioas_noiommu_get_pa(self->iommu, self->ioas, AT, &length,
					 &phys));
	ASSERT_EQ(0, edu_open(&edu, self->dev));
	memset(self->memory, 'x', PAGE);
	EXPECT_EQ(0, edu_from_memory(&edu, phys, EDU_DMA_MAX));
	memset(self->memory, 0, PAGE);
	EXPECT_EQ(0, edu_to_memory(&edu, phys, EDU_DMA_MAX));
	EXPECT_TRUE(filled(self->memory, 'x', EDU_DMA_MAX));
	edu_close(&edu);
}

TEST_F(noiommu, bars_of_others)
{
	__u64 length = 2 * PAGE, phys;
	long long start;
	__u16 command = 0;
	char line[128];
	size_t size;
	void *bar;

	ASSERT_EQ(0, bind_and_attach(self));
	ASSERT_EQ(0, vfio_bus_master(self->dev, true));
	ASSERT_EQ(0, vfio_map_bar(self->dev, 0, &bar, &size));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, bar, PAGE, 0));
	ASSERT_EQ(0, pci_read(EDU, "resource", line, sizeof(line)));
	start = strtoll(line, NULL, 0);
	ASSERT_EQ(0, ioas_noiommu_get_pa(self->iommu, self->ioas, 16, &length,
					 &phys));
	EXPECT_EQ(start + 16, (long long)phys);
	EXPECT_EQ(PAGE - 16, length);

	/* Revoked with memory decoding, and restored with it */
	ASSERT_EQ(0, vfio_config_write(self->dev, PCI_COMMAND, &command,
				       sizeof(command)));
	EXPECT_EQ(-EINVAL, get_pa(self->iommu, self->ioas, 0));
	ASSERT_EQ(0, vfio_bus_master(self->dev, true));
	EXPECT_EQ(0, get_pa(self->iommu, self->ioas, 0));
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(-EOPNOTSUPP, get_pa(self->iommu, self->ioas, 0));
	munmap(bar, size); /* it holds the file */
	close(self->dev);
	self->dev = -1;
	EXPECT_EQ(-EINVAL, get_pa(self->iommu, self->ioas, 0));
}

TEST_F(noiommu, devices_share_a_page_table)
{
	__u32 hwpt, hwpt2;
	int pair;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &hwpt));
	pair = open_vfio(PAIR_0);
	ASSERT_EQ(0, vfio_bind(pair, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(pair, self->ioas, &hwpt2));
	EXPECT_EQ(hwpt, hwpt2);
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(self->pinned + PAGES, pinned());
	EXPECT_EQ(0, get_pa(self->iommu, self->ioas, AT));
	close(pair);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, pci_bind(PAIR_0, NULL));
}

/* The kernel's VFIO has no group for them, and /dev/iommu says the same */
TEST_F(noiommu, no_container)
{
	struct iommu_vfio_ioas set = {
		.size = sizeof(set),
		.ioas_id = self->ioas,
		.op = IOMMU_VFIO_IOAS_SET,
	};

	ASSERT_EQ(0, ioctl(self->iommu, IOMMU_VFIO_IOAS, &set));
	EXPECT_EQ(0, ioctl(self->iommu, VFIO_CHECK_EXTENSION,
			   VFIO_NOIOMMU_IOMMU));
	EXPECT_EQ(-ENODEV, ERR(ioctl(self->iommu, VFIO_SET_IOMMU,
				     VFIO_NOIOMMU_IOMMU)));
}

/* A user is asked to leave, and the removal waits for him */
TEST_F_TIMEOUT(noiommu, removal, PATIENCE)
{
	__u64 asked;
	int parked = vfio_open(EDU), removes, status;
	pid_t child;

	ASSERT_LE(0, parked);
	ASSERT_EQ(0, bind_and_attach(self));
	removes = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, removes);
	ASSERT_EQ(0, vfio_set_irq(self->dev, VFIO_PCI_REQ_IRQ_INDEX, removes));
	child = fork();
	if (!child) {
		close(self->dev);
		_exit(-pci_unbind(EDU));
	}
	ASSERT_EQ(8, read(removes, &asked, 8));
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	EXPECT_EQ(0, get_info(self->dev));
	EXPECT_EQ(0, get_pa(self->iommu, self->ioas, AT));
	EXPECT_EQ(-ENODEV, vfio_open(EDU));
	close(self->dev);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(-ENODEV, vfio_bind(parked, self->iommu, NULL));
	self->dev = parked;
	EXPECT_FALSE(has_class_device());
}

TEST_F_TIMEOUT(noiommu, all_devices_of_the_machine, PATIENCE)
{
	static const char *const devices[] = {
		NVME, PAIR_0, PAIR_1, "0000:00:08.0"
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(devices); i++) {
		TH_LOG("%s", devices[i]);
		ASSERT_EQ(0, pci_bind(devices[i], "vfio-pci"));
		EXPECT_EQ(0, bind_anew(devices[i]));
		EXPECT_EQ(0, bind_anew(devices[i]));
		EXPECT_EQ(0, pci_bind(devices[i], NULL));
	}
}

TEST_F_TIMEOUT(noiommu, read_the_disk, PATIENCE)
{
	char *image = disk_image(), *memory = anon_pages(MIB / PAGE);
	struct disk disk;
	__u64 iova;

	ASSERT_NE(NULL, image);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, disk_open(&disk));
	ASSERT_EQ(0, ioas_map_anywhere(disk.iommu, disk.ioas, memory, MIB,
				       &iova));
	EXPECT_EQ(0, nvme_read(&disk.nvme, 0, iova, MIB));
	EXPECT_EQ(0, memcmp(image, memory, MIB));
	EXPECT_EQ(0, disk_close(&disk));

	/* So does the example program */
	EXPECT_EQ(0, system("../../../examples/demo " NVME));
	EXPECT_NE(0, system("../../../examples/demo " NVME " " EDU));
	EXPECT_EQ(0, pci_bind(NVME, NULL));
}

TEST_HARNESS_MAIN
