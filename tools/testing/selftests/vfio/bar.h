/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * DMA from one device to another: edu reads and writes the memory that an NVMe
 * controller has behind a BAR (profile "sriov").
 */
#ifndef SELFTESTS_VFIO_BAR_H
#define SELFTESTS_VFIO_BAR_H

#include <linux/pci_regs.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mount.h>

#include "fault.h"

#define TARGET_PORT	"0000:00:0c.0"	/* root port, with NVMe in slot 0 */
#define CMB		2		/* the BAR that is memory */
#define IOVA		0x10000000ULL	/* ordinary memory */
#define BAR_IOVA	0x20000000ULL	/* the BAR */
#define LENGTH		(8 * PAGE)	/* bytes of the BAR that are mapped */

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

static inline int pair_open_dev(struct pair *pair)
{
	pair->memory = anon_pages(1);
	pair->iommu = iommu_open();
	pair->dev = vfio_open(EDU);
	return ioas_alloc(pair->iommu, &pair->ioas) ?:
	       vfio_bind(pair->dev, pair->iommu, NULL) ?:
	       edu_open(&pair->edu, pair->dev) ?:
	       vfio_attach(pair->dev, pair->ioas, NULL) ?:
	       ioas_map(pair->iommu, pair->ioas, pair->memory, PAGE, IOVA);
}

/* The target is in slot 0 behind a port */
static inline int pair_bind_at(struct pair *pair, const char *port)
{
	return pci_behind(port, 0, pair->target_bdf) ?:
	       pci_bind(EDU, "vfio-pci") ?:
	       pci_bind(pair->target_bdf, "vfio-pci");
}

static inline int pair_map_target(struct pair *pair, int bar)
{
	return vfio_map_bar(pair->target, bar, (void **)&pair->bar,
			    &pair->bar_length);
}

static inline int pair_open_at(struct pair *pair, const char *port, int bar)
{
	int rc = pair_bind_at(pair, port) ?: pair_open_dev(pair);

	if (rc)
		return rc;
	pair->target = vfio_open(pair->target_bdf);
	return vfio_bind(pair->target, pair->iommu, NULL) ?:
	       pair_map_target(pair, bar);
}

static inline int pair_open(struct pair *pair)
{
	return pair_open_at(pair, TARGET_PORT, CMB);
}

/* Close all files, those of a failed test, too; then both devices are free. */
static inline int pair_close(struct pair *pair)
{
	munmap(pair->bar, pair->bar_length);
	edu_close(&pair->edu);
	return close_range(3, ~0U, 0) ?:
	       bind_anew(EDU) ?:
	       bind_anew(pair->target_bdf);
}

#define map_bar(ioas)							\
	ioas_map(self->p.iommu, ioas, self->p.bar, LENGTH, BAR_IOVA)

/* edu writes to the BAR, and reads from it, at an offset in the mapping */
#define EXPECT_REACHES(offset)						\
do {									\
	size_t _offset = (offset);					\
	__u64 _at = BAR_IOVA + _offset;					\
	char *_bar = self->p.bar + _offset;				\
									\
	memset(self->p.memory, 'w', PAGE);				\
	fill_bar(self->p.bar, '-', LENGTH);				\
	EXPECT_EQ(0, edu_from_memory(&self->p.edu, IOVA, EDU_DMA_MAX));	\
	EXPECT_EQ(0, edu_to_memory(&self->p.edu, _at, EDU_DMA_MAX));	\
	EXPECT_TRUE(bar_filled(self->p.bar, '-', _offset));		\
	EXPECT_TRUE(bar_filled(_bar, 'w', EDU_DMA_MAX));		\
	EXPECT_TRUE(bar_filled(_bar + EDU_DMA_MAX, '-',			\
			   LENGTH - _offset - EDU_DMA_MAX));		\
	fill_bar(_bar, 'r', EDU_DMA_MAX);				\
	EXPECT_EQ(0, edu_from_memory(&self->p.edu, _at, EDU_DMA_MAX));	\
	EXPECT_EQ(0, edu_to_memory(&self->p.edu, IOVA, EDU_DMA_MAX));	\
	EXPECT_TRUE(filled(self->p.memory, 'r', EDU_DMA_MAX));		\
} while (0)

#define EXPECT_FAULTS_AT(iova)						\
	EXPECT_TRUE(edu_write_faults(&self->p.edu, iova, EDU))

#define EXPECT_FAULTS()	EXPECT_FAULTS_AT(BAR_IOVA)

#define EXPECT_READ_FAULTS()						\
	EXPECT_TRUE(edu_read_faults(&self->p.edu, BAR_IOVA, EDU))

static inline int set_command(int dev, __u16 clear, __u16 set)
{
	__u16 command;
	int rc = vfio_config_read(dev, PCI_COMMAND, &command, sizeof(command));

	if (rc)
		return rc;
	command = (command & ~clear) | set;
	return vfio_config_write(dev, PCI_COMMAND, &command, sizeof(command));
}

static inline int decoding(int dev, bool on)
{
	return set_command(dev, PCI_COMMAND_MEMORY, on ? PCI_COMMAND_MEMORY : 0);
}

/* Offset of a capability in the configuration space, 0 without */
static inline unsigned int find_cap(int dev, __u8 id)
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

static inline int power_state(int dev, __u16 state)
{
	unsigned int pm = find_cap(dev, PCI_CAP_ID_PM);

	return pm ? vfio_config_write(dev, pm + PCI_PM_CTRL, &state,
				      sizeof(state)) : -ENODEV;
}

static inline int decoding_off(int dev)
{
	return decoding(dev, false);
}

static inline int decoding_on(int dev)
{
	return decoding(dev, true);
}

static inline int to_d3(int dev)
{
	return power_state(dev, 3);
}

static inline int to_d0(int dev)
{
	return power_state(dev, 0);
}

/* The device sleeps while no call is made, and the next call wakes it up */
static inline int to_sleep(int dev)
{
	struct {
		struct vfio_device_feature header;
		struct vfio_device_low_power_entry_with_wakeup entry;
	} feature = {
		.header = {
			.argsz = sizeof(feature),
			.flags = VFIO_DEVICE_FEATURE_SET |
				 VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP,
		},
		.entry = { .wakeup_eventfd = eventfd(0, EFD_CLOEXEC) },
	};

	return ERR(ioctl(dev, VFIO_DEVICE_FEATURE, &feature));
}

static inline int device_reset(int dev)
{
	return ERR(ioctl(dev, VFIO_DEVICE_RESET));
}

/* Threads that make calls while the BAR comes and goes */
struct race {
	struct pair *pair;
	atomic_bool stop;
	atomic_int failed;	/* an unexpected errno */
};

static inline void race_expect(struct race *race, int rc)
{
	if (rc)
		race->failed = rc;
}

static inline void *race_map(void *arg)
{
	struct race *race = arg;
	struct pair *pair = race->pair;
	__u64 iova = BAR_IOVA + LENGTH;

	while (!race->stop) {
		race_expect(race, ioas_map(pair->iommu, pair->ioas, pair->bar,
					   LENGTH, iova));
		race_expect(race, ioas_unmap(pair->iommu, pair->ioas, iova,
					     LENGTH));
	}
	return NULL;
}

static inline void *race_attach(void *arg)
{
	struct race *race = arg;

	while (!race->stop) {
		race_expect(race, vfio_detach(race->pair->dev));
		race_expect(race, vfio_attach(race->pair->dev, race->pair->ioas,
					      NULL));
	}
	return NULL;
}

/*
 * Calls whose argument is in the BAR itself: the kernel's accesses to it wait
 * for a reset, with locks of the caller's context held.
 */
static inline void *race_fault(void *arg)
{
	struct race *race = arg;
	struct pair *pair = race->pair;
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOAS_RW | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = pair->ioas,
		.user_va = (__u64)pair->memory,
		.length = PAGE,
		.iova = IOVA + PAGE,
	};
	int file = memfd_create("argument", MFD_CLOEXEC);

	race_expect(race, pwrite(file, &map, sizeof(map), 0) != sizeof(map));
	while (!race->stop) {
		/* Through a system call: the BAR may be off */
		if (pread(file, pair->bar, sizeof(map), 0) < 0 ||
		    ioctl(pair->iommu, IOMMU_IOAS_MAP, pair->bar))
			continue;
		race_expect(race, ioas_unmap(pair->iommu, pair->ioas,
					     IOVA + PAGE, PAGE));
	}
	close(file);
	return NULL;
}

/*
 * Maps and unmaps of BAR_IOVA in IOMMUs, by the kernel's trace events
 */
#define TRACEFS	"/sys/kernel/tracing/"

static inline int trace_write(const char *name, const char *text)
{
	char path[128];
	int fd, rc;

	snprintf(path, sizeof(path), TRACEFS "%s", name);
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return -errno;
	rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static inline int trace_start(void)
{
	mount("tracefs", TRACEFS, "tracefs", 0, NULL);
	return trace_write("events/iommu/map/enable", "1") ?:
	       trace_write("events/iommu/unmap/enable", "1") ?:
	       trace_write("trace", "");
}

/* The events since the last call, as a string of m and u */
static inline const char *trace_read(void)
{
	FILE *file = fopen(TRACEFS "trace", "r");
	static char events[64];
	char line[512], *iova;
	size_t n = 0;

	if (!file)
		return "no trace";
	while (n < sizeof(events) - 1 && fgets(line, sizeof(line), file)) {
		iova = strstr(line, "iova=");
		if (iova && strtoull(iova + 5, NULL, 16) == BAR_IOVA)
			events[n++] = strstr(line, " unmap: ") ? 'u' : 'm';
	}
	events[n] = 0;
	fclose(file);
	trace_write("trace", "");
	return events;
}

#endif
