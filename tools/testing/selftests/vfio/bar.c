// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA from one device to another: edu reads and writes the memory that an NVMe
 * controller has behind a BAR (profile "sriov").  It gets there as long as the
 * BAR is sure to answer, and comes back by itself.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <linux/pci_regs.h>

#include "fault.h"
#include "group.h"

#define TARGET_PORT	"0000:00:0c.0"	/* root port, with NVMe in slot 0 */
#define CMB		2		/* the BAR that is memory */
#define IOVA		0x10000000ULL	/* ordinary memory */
#define BAR_IOVA	0x20000000ULL	/* the BAR */
#define LENGTH		(8 * PAGE)	/* of it that is mapped */

/* Two devices, one of which reaches into the other */
struct pair {
	char target_bdf[BDF_LEN];
	int iommu;
	__u32 ioas;
	int dev;		/* edu: bound, attached */
	struct edu edu;
	int target;		/* bound, not attached */
	char *bar;
	size_t bar_length;
	char *memory;		/* a page at IOVA */
};

static int pair_open(struct pair *pair)
{
	__u32 pt;
	int rc;

	pair->memory = anon_pages(1);
	pair->iommu = iommu_open();
	rc = pci_behind(TARGET_PORT, 0, pair->target_bdf) ?:
	     pci_bind(EDU, "vfio-pci") ?:
	     pci_bind(pair->target_bdf, "vfio-pci") ?:
	     ioas_alloc(pair->iommu, &pair->ioas);
	if (rc)
		return rc;
	pt = pair->ioas;
	pair->dev = vfio_open(EDU);
	pair->target = vfio_open(pair->target_bdf);
	return vfio_bind(pair->dev, pair->iommu, NULL) ?:
	       vfio_bind(pair->target, pair->iommu, NULL) ?:
	       edu_open(&pair->edu, pair->dev) ?:
	       vfio_map_bar(pair->target, CMB, (void **)&pair->bar,
			    &pair->bar_length) ?:
	       vfio_attach(pair->dev, &pt) ?:
	       ioas_map(pair->iommu, pair->ioas, pair->memory, PAGE, IOVA,
			IOAS_RW);
}

/* Whatever a failed test has left open, too; then both devices are free. */
static int pair_close(struct pair *pair)
{
	munmap(pair->bar, pair->bar_length);
	edu_close(&pair->edu);
	return close_range(3, ~0U, 0) ?:
	       bind_anew(EDU) ?:
	       bind_anew(pair->target_bdf);
}

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

#define map_bar(ioas)							\
	ioas_map(self->p.iommu, ioas, self->p.bar, LENGTH, BAR_IOVA, IOAS_RW)

/* edu writes to the BAR, and reads from it, at an offset of what is mapped */
#define EXPECT_REACHES(offset)						\
do {									\
	__u64 _at = BAR_IOVA + (offset);				\
	char *_bar = self->p.bar + (offset);				\
									\
	memset(self->p.memory, 'w', PAGE);				\
	memset(self->p.bar, '-', LENGTH);					\
	EXPECT_EQ(0, edu_from_memory(&self->p.edu, IOVA, EDU_DMA_MAX));	\
	EXPECT_EQ(0, edu_to_memory(&self->p.edu, _at, EDU_DMA_MAX));	\
	EXPECT_TRUE(filled(self->p.bar, '-', offset));			\
	EXPECT_TRUE(filled(_bar, 'w', EDU_DMA_MAX));			\
	EXPECT_TRUE(filled(_bar + EDU_DMA_MAX, '-',			\
			   LENGTH - (offset) - EDU_DMA_MAX));		\
	memset(_bar, 'r', EDU_DMA_MAX);					\
	EXPECT_EQ(0, edu_from_memory(&self->p.edu, _at, EDU_DMA_MAX));	\
	EXPECT_EQ(0, edu_to_memory(&self->p.edu, IOVA, EDU_DMA_MAX));	\
	EXPECT_TRUE(filled(self->p.memory, 'r', EDU_DMA_MAX));		\
} while (0)

#define EXPECT_FAULTS()							\
	EXPECT_TRUE(edu_write_faults(&self->p.edu, BAR_IOVA, EDU))

static int set_command(int dev, __u16 clear, __u16 set)
{
	__u16 command;
	int rc = vfio_config_read(dev, PCI_COMMAND, &command, sizeof(command));

	if (rc)
		return rc;
	command = (command & ~clear) | set;
	return vfio_config_write(dev, PCI_COMMAND, &command, sizeof(command));
}

static int decoding(int dev, bool on)
{
	return set_command(dev, PCI_COMMAND_MEMORY, on ? PCI_COMMAND_MEMORY : 0);
}

/* Offset of a capability in the configuration space, 0 without */
static unsigned int find_cap(int dev, __u8 id)
{
	__u8 cap[2] = {}, pos;

	for (vfio_config_read(dev, PCI_CAPABILITY_LIST, &pos, 1); pos;
	     pos = cap[1]) {
		vfio_config_read(dev, pos, cap, sizeof(cap));
		if (cap[0] == id)
			break;
	}
	return pos;
}

static int power_state(int dev, __u16 state)
{
	unsigned int pm = find_cap(dev, PCI_CAP_ID_PM);

	return pm ? vfio_config_write(dev, pm + PCI_PM_CTRL, &state,
				      sizeof(state)) : -ENODEV;
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
	memset(self->p.bar, '-', LENGTH);
	ASSERT_EQ(0, ioas_map_anywhere(self->p.iommu, self->p.ioas,
				       self->p.bar + PAGE, PAGE, IOAS_RW, &iova));
	EXPECT_EQ(0, edu_from_memory(&self->p.edu, IOVA, EDU_DMA_MAX));
	EXPECT_EQ(0, edu_to_memory(&self->p.edu, iova, EDU_DMA_MAX));
	EXPECT_TRUE(filled(self->p.bar, '-', PAGE));
	EXPECT_TRUE(filled(self->p.bar + PAGE, 'w', EDU_DMA_MAX));
}

TEST_F_TIMEOUT(bar, mapped_before_attach, PATIENCE)
{
	__u32 ioas, pt;

	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &ioas));
	ASSERT_EQ(0, map_bar(ioas));
	ASSERT_EQ(0, ioas_map(self->p.iommu, ioas, self->p.memory, PAGE, IOVA,
			      IOAS_RW));
	pt = ioas;
	ASSERT_EQ(0, vfio_attach(self->p.dev, &pt));
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(bar, read_only, PATIENCE)
{
	ASSERT_EQ(0, ioas_map(self->p.iommu, self->p.ioas, self->p.bar, LENGTH,
			      BAR_IOVA, IOAS_RO));
	EXPECT_FAULTS();
	memset(self->p.bar, 'r', LENGTH);
	EXPECT_EQ(0, edu_from_memory(&self->p.edu, BAR_IOVA, EDU_DMA_MAX));
	EXPECT_EQ(0, edu_to_memory(&self->p.edu, IOVA, EDU_DMA_MAX));
	EXPECT_TRUE(filled(self->p.memory, 'r', EDU_DMA_MAX));
}

/* A line of /proc/self/status, in KiB */
static long status(const char *name)
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
	long pinned = pinned_pages(), pin = status("VmPin");
	long locked = status("VmLck");

	ASSERT_LE(0, pinned);
	ASSERT_LE(4, pin);
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_EQ(pinned, pinned_pages());
	EXPECT_EQ(pin, status("VmPin"));
	EXPECT_EQ(locked, status("VmLck"));
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, LENGTH));
	EXPECT_EQ(pinned, pinned_pages());
	EXPECT_EQ(pin, status("VmPin"));
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
				    2 * PAGE, BAR_IOVA, IOAS_RW));
	/* Nor is there anything else next to it that would do */
	ASSERT_EQ(end - PAGE, mmap(end - PAGE, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				   -1, 0));
	EXPECT_EQ(-EFAULT, ioas_map(self->p.iommu, self->p.ioas, end - 2 * PAGE,
				    2 * PAGE, BAR_IOVA, IOAS_RW));
	EXPECT_EQ(0, ioas_map(self->p.iommu, self->p.ioas, end - 2 * PAGE, PAGE,
			      BAR_IOVA, IOAS_RW));
}

TEST_F_TIMEOUT(bar, what_the_mmap_does_not_allow_is_refused, PATIENCE)
{
	ASSERT_EQ(0, mprotect(self->p.bar, self->p.bar_length, PROT_READ));
	EXPECT_EQ(-EFAULT, map_bar(self->p.ioas));
	EXPECT_EQ(0, ioas_map(self->p.iommu, self->p.ioas, self->p.bar, LENGTH,
			      BAR_IOVA, IOAS_RO));
	ASSERT_EQ(0, mprotect(self->p.bar, self->p.bar_length, PROT_NONE));
	EXPECT_EQ(-EFAULT, ioas_map(self->p.iommu, self->p.ioas, self->p.bar, LENGTH,
				    BAR_IOVA + LENGTH, IOAS_RO));
}

TEST_F_TIMEOUT(bar, another_context_cannot, PATIENCE)
{
	__u32 ioas;
	int iommu = open_iommu(&ioas);
	int other = open_vfio(PAIR_0);
	__u32 pt = ioas;

	/* Where nothing is attached it is found out at attach, as for memory */
	EXPECT_EQ(0, ioas_map(iommu, ioas, self->p.bar, LENGTH, BAR_IOVA,
			      IOAS_RW));
	ASSERT_EQ(0, vfio_bind(other, iommu, NULL));
	EXPECT_EQ(-EFAULT, vfio_attach(other, &pt));
	EXPECT_EQ(0, ioas_unmap(iommu, ioas, BAR_IOVA, LENGTH));
	pt = ioas;
	ASSERT_EQ(0, vfio_attach(other, &pt));
	EXPECT_EQ(-EFAULT, ioas_map(iommu, ioas, self->p.bar, LENGTH, BAR_IOVA,
				    IOAS_RW));
	EXPECT_EQ(-ENOENT, ioas_unmap(iommu, ioas, BAR_IOVA, LENGTH));
}

TEST_F_TIMEOUT(bar, other_device_memory_is_refused, PATIENCE)
{
	struct group_user user;
	char port_bdf[BDF_LEN];
	size_t length;
	void *bar;

	/* Mapped through sysfs */
	ASSERT_EQ(0, pci_map_bar0("0000:00:08.0", &bar, &length));
	EXPECT_EQ(-EFAULT, ioas_map(self->p.iommu, self->p.ioas, bar, PAGE,
				    BAR_IOVA, IOAS_RW));
	munmap(bar, length);

	/* Through the group interface */
	if (access("/sys/module/vfio_iommu_type1", F_OK))
		ASSERT_EQ(0, system("modprobe vfio_iommu_type1"));
	ASSERT_EQ(0, pci_behind(TARGET_PORT, 1, port_bdf));
	ASSERT_EQ(0, pci_bind(port_bdf, "vfio-pci"));
	ASSERT_EQ(0, group_user_start(&user, port_bdf));
	ASSERT_EQ(0, group_user_get_device(&user, port_bdf));
	ASSERT_EQ(0, vfio_map_bar(user.dev, 0, &bar, &length));
	EXPECT_EQ(-EFAULT, ioas_map(self->p.iommu, self->p.ioas, bar, PAGE,
				    BAR_IOVA, IOAS_RW));
	munmap(bar, length);
	group_user_end(&user);
	EXPECT_EQ(-ENOENT, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, PAGE));
}

/* What takes the BAR away, what brings it back */
struct event {
	int (*off)(int dev);
	int (*on)(int dev);
};

static int decoding_off(int dev)
{
	return decoding(dev, false);
}

static int decoding_on(int dev)
{
	return decoding(dev, true);
}

/* With all else that is in reach of one write */
static int decoding_off_wide(int dev)
{
	__u8 header[16];
	int rc = vfio_config_read(dev, 0, header, sizeof(header));

	if (rc)
		return rc;
	header[PCI_COMMAND] &= ~PCI_COMMAND_MEMORY;
	return vfio_config_write(dev, 0, header, sizeof(header));
}

static int to_d3(int dev)
{
	return power_state(dev, 3);
}

static int to_d0(int dev)
{
	return power_state(dev, 0);
}

static int to_low_power(int dev)
{
	return low_power(dev, true);
}

static int from_low_power(int dev)
{
	return low_power(dev, false);
}

static int device_reset(int dev)
{
	return ERR(ioctl(dev, VFIO_DEVICE_RESET));
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
	ASSERT_EQ(0, variant->by.on(self->p.target));
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(revoked, unmap_meanwhile, PATIENCE)
{
	ASSERT_EQ(0, variant->by.off(self->p.target));
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, LENGTH));
	ASSERT_EQ(0, variant->by.on(self->p.target));
	EXPECT_FAULTS();
	ASSERT_EQ(0, map_bar(self->p.ioas));
	EXPECT_REACHES(0);
}

TEST_F_TIMEOUT(revoked, map_and_attach_meanwhile, PATIENCE)
{
	__u32 ioas, pt;

	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &ioas));
	ASSERT_EQ(0, ioas_map(self->p.iommu, ioas, self->p.memory, PAGE, IOVA,
			      IOAS_RW));
	ASSERT_EQ(0, variant->by.off(self->p.target));
	ASSERT_EQ(0, map_bar(ioas));
	pt = ioas;
	ASSERT_EQ(0, vfio_attach(self->p.dev, &pt));
	EXPECT_FAULTS();
	ASSERT_EQ(0, variant->by.on(self->p.target));
	EXPECT_REACHES(0);
	pt = self->p.ioas;
	ASSERT_EQ(0, vfio_attach(self->p.dev, &pt));
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(revoked, copies_too, PATIENCE)
{
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = IOAS_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
		.src_ioas_id = self->p.ioas,
		.src_iova = BAR_IOVA,
		.length = LENGTH,
		.dst_iova = BAR_IOVA,
	};
	__u32 pt;

	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &copy.dst_ioas_id));
	ASSERT_EQ(0, ioctl(self->p.iommu, IOMMU_IOAS_COPY, &copy));
	ASSERT_EQ(0, ioas_map(self->p.iommu, copy.dst_ioas_id, self->p.memory, PAGE,
			      IOVA, IOAS_RW));
	pt = copy.dst_ioas_id;
	ASSERT_EQ(0, vfio_attach(self->p.dev, &pt));
	EXPECT_REACHES(0);
	ASSERT_EQ(0, variant->by.off(self->p.target));
	EXPECT_FAULTS();
	ASSERT_EQ(0, variant->by.on(self->p.target));
	EXPECT_REACHES(0);
}

TEST_HARNESS_MAIN
