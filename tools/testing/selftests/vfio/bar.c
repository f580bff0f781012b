// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA from one device to another: edu reads and writes the memory that an NVMe
 * controller has behind a BAR (profile "sriov").  DMA reaches the BAR while the
 * BAR is sure to answer, and again after it did not.
 */
#include <pthread.h>
#include <signal.h>

#include "bar.h"
#include "group.h"

FIXTURE(bar)
{
	struct pair p;
};

FIXTURE_SETUP(bar)
{
	ASSERT_EQ(0, pair_open(&self->p));
	ASSERT_LE(LENGTH, self->p.bar_length);
}

FIXTURE_TEARDOWN(bar)
{
	EXPECT_EQ(0, pair_close(&self->p));
}

static int low_power(int dev, bool enter)
{
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_SET |
			 (enter ? VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY :
				  VFIO_DEVICE_FEATURE_LOW_POWER_EXIT),
	};

	return ERR(ioctl(dev, VFIO_DEVICE_FEATURE, &feature));
}

TEST_F_TIMEOUT(bar, dma_both_ways, PATIENCE)
{
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
	EXPECT_REACHES(3 * PAGE + 100);
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, LENGTH));
	EXPECT_FAULTS();
}

TEST_F_TIMEOUT(bar, at_an_iova_of_the_kernels_choice, PATIENCE)
{
	__u64 iova;

	memset(self->p.memory, 'w', PAGE);
	fill_bar(self->p.bar, '-', LENGTH);
	ASSERT_EQ(0, ioas_map_anywhere(self->p.iommu, self->p.ioas,
				       self->p.bar + PAGE, PAGE, &iova));
	EXPECT_EQ(0, edu_from_memory(&self->p.edu, IOVA, EDU_DMA_MAX));
	EXPECT_EQ(0, edu_to_memory(&self->p.edu, iova, EDU_DMA_MAX));
	EXPECT_TRUE(bar_filled(self->p.bar, '-', PAGE));
	EXPECT_TRUE(bar_filled(self->p.bar + PAGE, 'w', EDU_DMA_MAX));
}

TEST_F_TIMEOUT(bar, mapped_before_attach, PATIENCE)
{
	__u32 ioas;

	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &ioas));
	ASSERT_EQ(0, map_bar(ioas));
	ASSERT_EQ(0, ioas_map(self->p.iommu, ioas, self->p.memory, PAGE, IOVA));
	ASSERT_EQ(0, vfio_attach(self->p.dev, ioas, NULL));
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(bar, read_only, PATIENCE)
{
	ASSERT_EQ(0, ioas_map_ro(self->p.iommu, self->p.ioas, self->p.bar,
				 LENGTH, BAR_IOVA));
	EXPECT_FAULTS();
	fill_bar(self->p.bar, 'r', LENGTH);
	EXPECT_EQ(0, edu_from_memory(&self->p.edu, BAR_IOVA, EDU_DMA_MAX));
	EXPECT_EQ(0, edu_to_memory(&self->p.edu, IOVA, EDU_DMA_MAX));
	EXPECT_TRUE(filled(self->p.memory, 'r', EDU_DMA_MAX));
}

/* A line of /proc/self/status, in KiB */
static long process_status(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[128];
	long value = -1;

	if (!file)
		return -errno;
	while (value < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			value = atol(line + strlen(name) + 1);
	fclose(file);
	return value;
}

TEST_F_TIMEOUT(bar, nothing_is_pinned_or_charged, PATIENCE)
{
	long before = pinned(), pin = process_status("VmPin");
	long locked = process_status("VmLck");

	ASSERT_LE(0, before);
	ASSERT_LE(4, pin);
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_EQ(before, pinned());
	EXPECT_EQ(pin, process_status("VmPin"));
	EXPECT_EQ(locked, process_status("VmLck"));
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, LENGTH));
	EXPECT_EQ(before, pinned());
	EXPECT_EQ(pin, process_status("VmPin"));
}

/* A BAR is not charged, so it does not prevent a change of process */
TEST_F_TIMEOUT(bar, another_process_can_be_charged, PATIENCE)
{
	struct iommu_ioas_change_process arg = { .size = sizeof(arg) };

	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_EQ(-EINVAL, ERR(ioctl(self->p.iommu, IOMMU_IOAS_CHANGE_PROCESS,
				     &arg)));
	ASSERT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, IOVA, PAGE));
	EXPECT_EQ(0, ioctl(self->p.iommu, IOMMU_IOAS_CHANGE_PROCESS, &arg));
	ASSERT_EQ(0, ioas_map(self->p.iommu, self->p.ioas, self->p.memory, PAGE,
			      IOVA));
	EXPECT_REACHES(0);
}

TEST_F_TIMEOUT(bar, the_user_address_may_go, PATIENCE)
{
	struct vfio_region_info info;
	char *again;

	ASSERT_EQ(0, map_bar(self->p.ioas));
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, vfio_region(self->p.target, CMB, &info));
	again = mmap(self->p.bar, self->p.bar_length, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED, self->p.target, info.offset);
	ASSERT_EQ(self->p.bar, again);
	EXPECT_REACHES(0);
}

TEST_F_TIMEOUT(bar, beyond_the_mmap_is_refused, PATIENCE)
{
	char *end = self->p.bar + self->p.bar_length;

	ASSERT_EQ(0, munmap(end - PAGE, PAGE));
	EXPECT_EQ(-EFAULT, ioas_map(self->p.iommu, self->p.ioas, end - 2 * PAGE,
				    2 * PAGE, BAR_IOVA));
	/* Memory next to the BAR does not make up for the missing part */
	ASSERT_EQ(end - PAGE, mmap(end - PAGE, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				   -1, 0));
	EXPECT_EQ(-EFAULT, ioas_map(self->p.iommu, self->p.ioas, end - 2 * PAGE,
				    2 * PAGE, BAR_IOVA));
	EXPECT_EQ(0, ioas_map(self->p.iommu, self->p.ioas, end - 2 * PAGE, PAGE,
			      BAR_IOVA));
}

TEST_F_TIMEOUT(bar, what_the_mmap_does_not_allow_is_refused, PATIENCE)
{
	ASSERT_EQ(0, mprotect(self->p.bar, self->p.bar_length, PROT_READ));
	EXPECT_EQ(-EFAULT, map_bar(self->p.ioas));
	EXPECT_EQ(0, ioas_map_ro(self->p.iommu, self->p.ioas, self->p.bar,
				 LENGTH, BAR_IOVA));
	ASSERT_EQ(0, mprotect(self->p.bar, self->p.bar_length, PROT_NONE));
	EXPECT_EQ(-EFAULT, ioas_map_ro(self->p.iommu, self->p.ioas, self->p.bar,
				       LENGTH, BAR_IOVA + LENGTH));
}

TEST_F_TIMEOUT(bar, another_context_can, PATIENCE)
{
	__u32 ioas;
	int iommu = open_iommu(&ioas);
	int other = open_vfio(PAIR_0);

	/* Without any device, with one that is bound, and attached */
	EXPECT_EQ(0, ioas_map(iommu, ioas, self->p.bar, LENGTH, BAR_IOVA));
	ASSERT_EQ(0, vfio_bind(other, iommu, NULL));
	EXPECT_EQ(0, ioas_map(iommu, ioas, self->p.bar, LENGTH,
			      BAR_IOVA + LENGTH));
	ASSERT_EQ(0, vfio_attach(other, ioas, NULL));
	EXPECT_EQ(0, ioas_map(iommu, ioas, self->p.bar, LENGTH,
			      BAR_IOVA + 2 * LENGTH));
	EXPECT_EQ(0, ioas_unmap(iommu, ioas, BAR_IOVA, 3 * LENGTH));
	EXPECT_EQ(-ENOENT, ioas_unmap(iommu, ioas, BAR_IOVA, LENGTH));
}

/* If a BAR takes the place of memory later, attach finds out */
TEST_F_TIMEOUT(bar, in_place_of_memory, PATIENCE)
{
	__u32 ioas;
	int iommu = open_iommu(&ioas);
	int other = open_vfio(PAIR_0);
	struct vfio_region_info info;
	char *memory = anon_pages(LENGTH / PAGE);

	ASSERT_EQ(0, vfio_bind(other, iommu, NULL));
	ASSERT_EQ(0, ioas_map(iommu, ioas, memory, LENGTH, BAR_IOVA));
	ASSERT_EQ(0, vfio_region(self->p.target, CMB, &info));
	ASSERT_EQ(memory, mmap(memory, LENGTH, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_FIXED, self->p.target,
			       info.offset));
	EXPECT_EQ(-EFAULT, vfio_attach(other, ioas, NULL));
	EXPECT_EQ(0, ioas_unmap(iommu, ioas, BAR_IOVA, LENGTH));
	EXPECT_EQ(0, vfio_attach(other, ioas, NULL));
	EXPECT_EQ(0, munmap(memory, LENGTH));
}

TEST_F_TIMEOUT(bar, mapped_through_sysfs_is_refused, PATIENCE)
{
	size_t length;
	void *bar;

	ASSERT_EQ(0, pci_map_bar0("0000:00:08.0", &bar, &length));
	EXPECT_EQ(-EFAULT, ioas_map(self->p.iommu, self->p.ioas, bar, PAGE,
				    BAR_IOVA));
	munmap(bar, length);
	EXPECT_EQ(-ENOENT, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, PAGE));
}

/* The target is used through the group interface, in a container of type1 */
TEST_F_TIMEOUT(bar, of_a_group, PATIENCE)
{
	struct group_user user;

	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, module_load(TYPE1_MODULE));
	ASSERT_EQ(0, group_user_start(&user, self->p.target_bdf));
	ASSERT_EQ(0, group_user_get_device(&user, self->p.target_bdf));
	self->p.target = user.dev;
	ASSERT_EQ(0, pair_map_target(&self->p, CMB));
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_FAULTS();
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_REACHES(PAGE);

	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	group_user_end(&user);
	EXPECT_FAULTS();
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
}

/* An event that takes the BAR away, and one that brings it back */
struct event {
	int (*off)(int dev);
	int (*on)(int dev);
};

/* Switch decoding off by a write of as many bytes as possible */
static int decoding_off_wide(int dev)
{
	__u8 header[16];
	int rc = vfio_config_read(dev, 0, header, sizeof(header));

	if (rc)
		return rc;
	header[PCI_COMMAND] &= ~PCI_COMMAND_MEMORY;
	return vfio_config_write(dev, 0, header, sizeof(header));
}

static int to_low_power(int dev)
{
	return low_power(dev, true);
}

static int from_low_power(int dev)
{
	return low_power(dev, false);
}

static int probe_low_power(int dev)
{
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_FEATURE, &feature));
}

static int wake_by_read(int dev)
{
	__u16 id;

	return vfio_config_read(dev, PCI_VENDOR_ID, &id, sizeof(id));
}

/* A write to any place wakes the device up */
static int wake_by_write(int dev)
{
	__u8 line = 0;

	return vfio_config_write(dev, PCI_INTERRUPT_LINE, &line, sizeof(line));
}

/* Any call wakes it up: this one has nothing to detach */
static int wake_by_detach(int dev)
{
	return vfio_detach(dev);
}

FIXTURE(revoked)
{
	struct pair p;
};

FIXTURE_VARIANT(revoked)
{
	struct event by;
};

FIXTURE_VARIANT_ADD(revoked, memory_decoding)
{
	.by = { decoding_off, decoding_on },
};

FIXTURE_VARIANT_ADD(revoked, one_write_of_the_header)
{
	.by = { decoding_off_wide, decoding_on },
};

FIXTURE_VARIANT_ADD(revoked, power_state)
{
	.by = { to_d3, to_d0 },
};

FIXTURE_VARIANT_ADD(revoked, power_state_until_reset)
{
	.by = { to_d3, device_reset },
};

FIXTURE_VARIANT_ADD(revoked, low_power)
{
	.by = { to_low_power, from_low_power },
};

FIXTURE_VARIANT_ADD(revoked, sleep_until_read)
{
	.by = { to_sleep, wake_by_read },
};

FIXTURE_VARIANT_ADD(revoked, sleep_until_write)
{
	.by = { to_sleep, wake_by_write },
};

FIXTURE_VARIANT_ADD(revoked, sleep_until_detach)
{
	.by = { to_sleep, wake_by_detach },
};

FIXTURE_VARIANT_ADD(revoked, sleep_until_feature)
{
	.by = { to_sleep, probe_low_power },
};

FIXTURE_SETUP(revoked)
{
	ASSERT_EQ(0, pair_open(&self->p));
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
}

FIXTURE_TEARDOWN(revoked)
{
	EXPECT_EQ(0, pair_close(&self->p));
}

TEST_F_TIMEOUT(revoked, and_back, PATIENCE)
{
	ASSERT_EQ(0, variant->by.off(self->p.target));
	EXPECT_FAULTS();
	EXPECT_READ_FAULTS();
	ASSERT_EQ(0, variant->by.on(self->p.target));
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(bar, unmap_while_revoked, PATIENCE)
{
	ASSERT_EQ(0, map_bar(self->p.ioas));
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, LENGTH));
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_FAULTS();
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
}

TEST_F_TIMEOUT(bar, map_and_attach_while_revoked, PATIENCE)
{
	__u32 ioas;

	ASSERT_EQ(0, map_bar(self->p.ioas));
	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &ioas));
	ASSERT_EQ(0, ioas_map(self->p.iommu, ioas, self->p.memory, PAGE, IOVA));
	ASSERT_EQ(0, decoding(self->p.target, false));
	ASSERT_EQ(0, map_bar(ioas));
	ASSERT_EQ(0, vfio_attach(self->p.dev, ioas, NULL));
	EXPECT_FAULTS();
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_REACHES(0);
	ASSERT_EQ(0, vfio_attach(self->p.dev, self->p.ioas, NULL));
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(bar, copies_are_revoked_too, PATIENCE)
{
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = IOAS_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
		.src_ioas_id = self->p.ioas,
		.src_iova = BAR_IOVA,
		.length = LENGTH,
		.dst_iova = BAR_IOVA,
	};

	ASSERT_EQ(0, map_bar(self->p.ioas));
	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &copy.dst_ioas_id));
	ASSERT_EQ(0, ioctl(self->p.iommu, IOMMU_IOAS_COPY, &copy));
	ASSERT_EQ(0, ioas_map(self->p.iommu, copy.dst_ioas_id, self->p.memory,
			      PAGE, IOVA));
	ASSERT_EQ(0, vfio_attach(self->p.dev, copy.dst_ioas_id, NULL));
	EXPECT_REACHES(0);
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_FAULTS();
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_REACHES(0);
}

/* After close the device has no user, and mappings of its BAR reach nothing. */
TEST_F_TIMEOUT(bar, close_while_mapped, PATIENCE)
{
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	EXPECT_FAULTS();

	/* A new open does not bring the mapping back */
	self->p.target = vfio_open(self->p.target_bdf);
	ASSERT_EQ(0, vfio_bind(self->p.target, self->p.iommu, NULL));
	ASSERT_EQ(0, vfio_map_bar(self->p.target, CMB, (void **)&self->p.bar,
				  &self->p.bar_length));
	EXPECT_FAULTS();
	EXPECT_EQ(-EEXIST, map_bar(self->p.ioas));
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
}

static void *remove_device(void *bdf)
{
	return (void *)(long)pci_remove(bdf);
}

TEST_F_TIMEOUT(bar, removal_while_mapped, PATIENCE)
{
	pthread_t remover;
	void *rc;

	ASSERT_EQ(0, map_bar(self->p.ioas));
	ASSERT_EQ(0, pthread_create(&remover, NULL, remove_device,
				    self->p.target_bdf));
	/* The removal waits for the user, who can still use the device */
	sleep(1);
	EXPECT_REACHES(0);
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, pthread_join(remover, &rc));
	EXPECT_EQ(NULL, rc);
	EXPECT_FALSE(pci_exists(self->p.target_bdf));
	EXPECT_FAULTS();
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
	ASSERT_EQ(0, pci_rescan());
	ASSERT_EQ(0, pci_bind(self->p.target_bdf, "vfio-pci"));
}

/* VFIO's container calls, with the type that splits mappings */
TEST_F_TIMEOUT(bar, container_calls, PATIENCE)
{
	struct iommu_vfio_ioas vfio = {
		.size = sizeof(vfio),
		.op = IOMMU_VFIO_IOAS_SET,
	};
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (__u64)self->p.bar,
		.iova = BAR_IOVA,
		.size = LENGTH,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = BAR_IOVA + 2 * PAGE,
		.size = 2 * PAGE,
	};

	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &vfio.ioas_id));
	ASSERT_EQ(0, ioctl(self->p.iommu, IOMMU_VFIO_IOAS, &vfio));
	ASSERT_EQ(0, ioctl(self->p.iommu, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU));
	ASSERT_EQ(0, vfio_attach(self->p.dev, vfio.ioas_id, NULL));
	ASSERT_EQ(0, ioas_map(self->p.iommu, vfio.ioas_id, self->p.memory, PAGE,
			      IOVA));
	ASSERT_EQ(0, ioctl(self->p.iommu, VFIO_IOMMU_MAP_DMA, &map));
	EXPECT_REACHES(2 * PAGE);

	ASSERT_EQ(0, ioctl(self->p.iommu, VFIO_IOMMU_UNMAP_DMA, &unmap));
	EXPECT_EQ(2 * PAGE, unmap.size);
	EXPECT_FAULTS_AT(BAR_IOVA + 2 * PAGE);
	EXPECT_REACHES(PAGE);
	EXPECT_REACHES(4 * PAGE);

	/* Both parts go and come back, one of them split while away */
	ASSERT_EQ(0, decoding(self->p.target, false));
	unmap.iova = BAR_IOVA + 6 * PAGE;
	unmap.size = PAGE;
	ASSERT_EQ(0, ioctl(self->p.iommu, VFIO_IOMMU_UNMAP_DMA, &unmap));
	EXPECT_FAULTS();
	EXPECT_FAULTS_AT(BAR_IOVA + 4 * PAGE);
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_REACHES(0);
	EXPECT_REACHES(5 * PAGE);
	EXPECT_REACHES(7 * PAGE);
	EXPECT_FAULTS_AT(BAR_IOVA + 6 * PAGE);
	unmap.iova = 0;
	unmap.size = 0;
	unmap.flags = VFIO_DMA_UNMAP_FLAG_ALL;
	ASSERT_EQ(0, ioctl(self->p.iommu, VFIO_IOMMU_UNMAP_DMA, &unmap));
	EXPECT_EQ(PAGE + 5 * PAGE, unmap.size);
	EXPECT_FAULTS();
}

static int function_reset_by_config(int dev)
{
	unsigned int exp = find_cap(dev, PCI_CAP_ID_EXP);
	__u16 control;

	return vfio_config_read(dev, exp + PCI_EXP_DEVCTL, &control, 2) ?:
	       (control |= PCI_EXP_DEVCTL_BCR_FLR, 0) ?:
	       vfio_config_write(dev, exp + PCI_EXP_DEVCTL, &control, 2);
}

TEST_F_TIMEOUT(bar, gone_during_each_reset, PATIENCE)
{
	struct vfio_pci_hot_reset hot_reset = { .argsz = sizeof(hot_reset) };
	char neighbour_bdf[BDF_LEN];
	int neighbour;

	ASSERT_EQ(0, trace_start());
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_STREQ("m", trace_read());

	ASSERT_EQ(0, device_reset(self->p.target));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);

	ASSERT_EQ(0, function_reset_by_config(self->p.target));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);

	ASSERT_EQ(0, pci_write(self->p.target_bdf, "reset", "1"));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);

	/* The user of a neighbour on the bus resets the neighbour */
	ASSERT_EQ(0, pci_behind(TARGET_PORT, 1, neighbour_bdf));
	neighbour = open_vfio(neighbour_bdf);
	ASSERT_EQ(0, vfio_bind(neighbour, self->p.iommu, NULL));
	ASSERT_EQ(0, ioctl(neighbour, VFIO_DEVICE_PCI_HOT_RESET, &hot_reset));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);

	/* The BAR does not come back before decoding is on */
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_STREQ("u", trace_read());
	ASSERT_EQ(0, device_reset(self->p.target));
	ASSERT_EQ(0, pci_write(self->p.target_bdf, "reset", "1"));
	EXPECT_STREQ("", trace_read());
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_STREQ("m", trace_read());
	EXPECT_REACHES(0);
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
	EXPECT_STREQ("u", trace_read());
}

/* Reset, until the caller was killed in the middle of a reset */
static bool killed_in_reset(const char *bdf)
{
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(!!pci_write(bdf, "reset", "1"));
	usleep(50000);
	kill(pid, SIGKILL);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

/* A process other than the user is killed; page by page takes longest */
TEST_F_TIMEOUT(bar, comes_back_though_who_resets_is_killed, PATIENCE)
{
	struct iommu_option option = {
		.size = sizeof(option),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_SET,
	};
	const char *events = "";
	__u32 ioas;
	int i;

	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &ioas));
	option.object_id = ioas;
	ASSERT_EQ(0, ioctl(self->p.iommu, IOMMU_OPTION, &option));
	ASSERT_EQ(0, ioas_map(self->p.iommu, ioas, self->p.memory, PAGE, IOVA));
	ASSERT_EQ(0, map_bar(ioas));
	ASSERT_EQ(0, vfio_attach(self->p.dev, ioas, NULL));
	ASSERT_EQ(0, trace_start());
	for (i = 0; i < 20 && strcmp(events, "um"); i++)
		if (killed_in_reset(self->p.target_bdf)) {
			events = trace_read();
			ASSERT_STRNE("u", events);
		}
	EXPECT_STREQ("um", events);
	EXPECT_REACHES(0);
}

TEST_F_TIMEOUT(bar, stays_while_asked_what_there_is, PATIENCE)
{
	ASSERT_EQ(0, trace_start());
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_STREQ("m", trace_read());
	EXPECT_EQ(0, probe_low_power(self->p.target));
	EXPECT_STREQ("", trace_read());
}

TEST_F_TIMEOUT(bar, stays_during_other_writes_to_the_configuration, PATIENCE)
{
	__u8 byte = 0;

	ASSERT_EQ(0, trace_start());
	ASSERT_EQ(0, set_command(self->p.target, 0, PCI_COMMAND_MASTER));
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_STREQ("m", trace_read());

	/* A driver that changes its kind of interrupts does this */
	ASSERT_EQ(0, set_command(self->p.target, 0, PCI_COMMAND_INTX_DISABLE));
	ASSERT_EQ(0, set_command(self->p.target, PCI_COMMAND_INTX_DISABLE, 0));
	ASSERT_EQ(0, vfio_config_write(self->p.target, PCI_INTERRUPT_LINE,
				       &byte, 1));
	EXPECT_STREQ("", trace_read());
	/* A write to the byte that has the decoding bit takes the BAR away */
	ASSERT_EQ(0, set_command(self->p.target, PCI_COMMAND_MASTER, 0));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);
}

/* An error of a port, for which the kernel may reset the bus behind it */
struct aer_error_inj {
	__u8 bus, dev, fn;
	__u32 uncor_status, cor_status, header_log[4], domain;
};

static int inject_error(const char *port, __u32 status)
{
	struct aer_error_inj error = { .uncor_status = status };
	unsigned int bus, dev, fn;
	int fd, rc;

	if (sscanf(port, "%x:%x:%x.%x", &error.domain, &bus, &dev,
		   &fn) != 4)
		return -EINVAL;
	error.bus = bus;
	error.dev = dev;
	error.fn = fn;
	fd = open("/dev/aer_inject", O_WRONLY);
	if (fd < 0)
		return -errno;
	rc = write(fd, &error, sizeof(error)) == sizeof(error) ? 0 : -errno;
	close(fd);
	return rc;
}

/* Wait until the kernel reports the result of the recovery */
static bool recovered(int log, bool successful)
{
	char line[1024];

	return kmsg_find(log, "device recovery",
			 successful ? "successful" : "failed", 10000, line);
}

FIXTURE(error)
{
	bool can_inject;
	struct pair p;
	int log;
};

FIXTURE_SETUP(error)
{
	char neighbour_bdf[BDF_LEN];

	self->can_inject = !system("modprobe -q aer_inject");
	if (!self->can_inject)
		return;
	ASSERT_EQ(0, pair_open(&self->p));
	/* A neighbour without a driver would keep the kernel from recovering */
	ASSERT_EQ(0, pci_behind(TARGET_PORT, 1, neighbour_bdf));
	ASSERT_EQ(0, pci_bind(neighbour_bdf, "vfio-pci"));
	ASSERT_EQ(0, trace_start());
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
	EXPECT_STREQ("m", trace_read());
	self->log = kmsg_open();
}

FIXTURE_TEARDOWN(error)
{
	if (self->can_inject)
		EXPECT_EQ(0, pair_close(&self->p));
}

TEST_F_TIMEOUT(error, takes_it_until_decoding_is_turned_on, PATIENCE)
{
	__u16 command;

	if (!self->can_inject)
		SKIP(return, "no aer_inject in this kernel");
	ASSERT_EQ(0, inject_error(TARGET_PORT, PCI_ERR_UNC_DLP));
	ASSERT_TRUE(recovered(self->log, true));
	EXPECT_STREQ("u", trace_read());
	EXPECT_EQ(0, get_info(self->p.target));
	EXPECT_EQ(0, vfio_config_read(self->p.target, PCI_COMMAND, &command,
				      sizeof(command)));
	EXPECT_STREQ("", trace_read());
	EXPECT_FAULTS();
	ASSERT_EQ(0, set_command(self->p.target, 0, PCI_COMMAND_MEMORY));
	EXPECT_STREQ("m", trace_read());
	EXPECT_REACHES(0);
}

TEST_F_TIMEOUT(error, without_recovery_takes_it_until_after_a_reset, PATIENCE)
{
	char neighbour_bdf[BDF_LEN];

	if (!self->can_inject)
		SKIP(return, "no aer_inject in this kernel");
	ASSERT_EQ(0, pci_behind(TARGET_PORT, 1, neighbour_bdf));
	ASSERT_EQ(0, pci_bind(neighbour_bdf, NULL));
	ASSERT_EQ(0, inject_error(TARGET_PORT, PCI_ERR_UNC_DLP));
	ASSERT_TRUE(recovered(self->log, false));
	EXPECT_STREQ("u", trace_read());
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_STREQ("", trace_read());
	ASSERT_EQ(0, device_reset(self->p.target));
	EXPECT_STREQ("", trace_read());
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_STREQ("m", trace_read());
	EXPECT_REACHES(0);
}

/*
 * An error that is not fatal, on a bus where edu is the target and e1000e its
 * neighbour.  e1000e asks for a reset after every error, and from 6.18 on the
 * kernel resets the bus then.
 */
#define SLIGHT_ERROR	PCI_ERR_UNC_COMP_TIME
#define KERNEL_RESETS	(!kernel_before(6, 18, 0))

FIXTURE(slight_error)
{
	bool can_inject;
	char neighbour[BDF_LEN];
	struct pair p;
	int log;
};

FIXTURE_SETUP(slight_error)
{
	self->can_inject = !system("modprobe -q aer_inject");
	if (!self->can_inject)
		return;
	ASSERT_EQ(0, module_load("e1000e", "/sys/bus/pci/drivers/e1000e"));
	ASSERT_EQ(0, pci_behind(RESET_PORT, 1, self->neighbour));
	ASSERT_EQ(0, pair_open_at(&self->p, RESET_PORT, 0));
	self->log = kmsg_open();
}

FIXTURE_TEARDOWN(slight_error)
{
	if (!self->can_inject)
		return;
	EXPECT_EQ(0, pair_close(&self->p));
	EXPECT_EQ(0, pci_release(self->neighbour));
}

/* Where edu has no register it reads as all ones; where no BAR is, as zeros */
#define EXPECT_REGISTERS()						\
do {									\
	memset(self->p.memory, '-', PAGE);				\
	EXPECT_EQ(0, edu_from_memory(&self->p.edu, BAR_IOVA + PAGE,	\
				     EDU_DMA_MAX));			\
	EXPECT_EQ(0, edu_to_memory(&self->p.edu, IOVA, EDU_DMA_MAX));	\
	EXPECT_TRUE(filled(self->p.memory, 0xff, EDU_DMA_MAX));		\
} while (0)

/* The BAR is gone until its user turns it on, if the kernel resets the bus */
#define EXPECT_TAKEN()							\
do {									\
	if (KERNEL_RESETS) {						\
		EXPECT_STREQ("u", trace_read());			\
		EXPECT_FAULTS();					\
		ASSERT_EQ(0, set_command(self->p.target, 0,		\
					 PCI_COMMAND_MEMORY));		\
		EXPECT_STREQ("m", trace_read());			\
	} else {							\
		EXPECT_STREQ("", trace_read());				\
	}								\
	EXPECT_REGISTERS();						\
} while (0)

/* Map the BAR of edu while its neighbour has a driver, or none */
#define MAP_BESIDE(driver)						\
do {									\
	ASSERT_EQ(0, pci_bind(self->neighbour, driver));		\
	ASSERT_EQ(0, trace_start());					\
	ASSERT_EQ(0, map_bar(self->p.ioas));				\
	EXPECT_REGISTERS();						\
	EXPECT_STREQ("m", trace_read());				\
} while (0)

TEST_F_TIMEOUT(slight_error, takes_it_if_a_neighbour_asks_for_a_reset, PATIENCE)
{
	if (!self->can_inject)
		SKIP(return, "no aer_inject in this kernel");
	MAP_BESIDE("e1000e");
	ASSERT_EQ(0, inject_error(RESET_PORT, SLIGHT_ERROR));
	ASSERT_TRUE(recovered(self->log, true));
	EXPECT_TAKEN();
}

TEST_F_TIMEOUT(slight_error, gives_it_back_without_a_reset, PATIENCE)
{
	if (!self->can_inject)
		SKIP(return, "no aer_inject in this kernel");
	MAP_BESIDE("vfio-pci");
	ASSERT_EQ(0, inject_error(RESET_PORT, SLIGHT_ERROR));
	ASSERT_TRUE(recovered(self->log, true));
	EXPECT_STREQ(KERNEL_RESETS ? "um" : "", trace_read());
	EXPECT_REGISTERS();
}

TEST_F_TIMEOUT(slight_error, without_recovery_takes_it, PATIENCE)
{
	if (!self->can_inject)
		SKIP(return, "no aer_inject in this kernel");
	/* A neighbour without a driver keeps the kernel from recovering */
	MAP_BESIDE(NULL);
	ASSERT_EQ(0, inject_error(RESET_PORT, SLIGHT_ERROR));
	ASSERT_TRUE(recovered(self->log, false));
	EXPECT_TAKEN();
}

/* Everything at once */
static void *race_decoding(void *arg)
{
	struct race *race = arg;
	int dev = race->pair->target;

	while (!race->stop) {
		race_expect(race, decoding(dev, false));
		race_expect(race, decoding(dev, true));
		race_expect(race, power_state(dev, 3));
		race_expect(race, power_state(dev, 0));
		race_expect(race, device_reset(dev));
	}
	return NULL;
}

/* Take the mmap lock, as page faults do */
static void *race_mmap(void *arg)
{
	struct race *race = arg;

	while (!race->stop)
		race_expect(race, munmap(anon_pages(1), PAGE));
	return NULL;
}

TEST_F_TIMEOUT(bar, all_at_once, PATIENCE)
{
	static void *(*const calls[])(void *arg) = {
		race_decoding, race_map, race_attach, race_fault, race_mmap,
	};
	struct race race = { .pair = &self->p };
	pthread_t threads[ARRAY_SIZE(calls)];
	size_t i;

	ASSERT_EQ(0, map_bar(self->p.ioas));
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, calls[i],
					    &race));
	sleep(5 * time_factor());
	race.stop = true;
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, race.failed);
	EXPECT_REACHES(0);
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
	EXPECT_FAULTS();
}

TEST_HARNESS_MAIN
