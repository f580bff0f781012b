// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of programs.  To fuzz one more ioctl, give it a row in `ops`.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <linux/vfio_cdev.h>

#include "../emulated/emulated.h"
#include "fuzz.h"
#include "iommufd_test.h"

#define PAGE		4096UL
#define MiB		1048576UL
#define SLOTS		4
#define SLOT_SIZE	(4 * MiB)
#define SLOT(i)		((char *)0x200000000 + (i) * 4 * SLOT_SIZE)
#define KEPT		8	/* IDs of each kind, and files of each kind */

/* edu's BAR 0 without its registers: some values written there end QEMU */
#define BAR_START	PAGE
#define BAR_SIZE	(MiB - BAR_START)

static atomic_uint ids[KINDS][KEPT], nids[KINDS];
static atomic_int files[FILES][KEPT];
static atomic_uint nfiles[FILES];
static int zero;	/* /dev/zero */

/*
 * Devices that `run` has bound to vfio-pci, of which only the NVMe can be reset, and
 * one that reaches memory by the CPU; and the nodes of each and of its group
 */
enum {
	NVME = 3,
	EMULATED_DEVICE = 4,
};

static const char *const devices[] = {
	"0000:00:04.0", "0000:00:06.0", "0000:00:06.1",
	[NVME] = "0000:00:05.0",
	[EMULATED_DEVICE] = EMULATED_NAME
};

static char device_nodes[EMULATED_DEVICE][64];
static char group_nodes[ARRAY_LEN(devices)][32];

/* Has the call that this thread makes succeeded? */
static __thread bool succeeded;

/* Memory */

static void map_slot(unsigned int slot, unsigned int how)
{
	int prot = PROT_READ | PROT_WRITE, fd = -1;
	int flags = MAP_FIXED | MAP_ANONYMOUS | MAP_PRIVATE;
	char *at = SLOT(slot);

	switch (how) {
	case 1:
		flags ^= MAP_PRIVATE | MAP_SHARED;
		break;
	case 2:
		flags ^= MAP_ANONYMOUS | MAP_PRIVATE | MAP_SHARED;
		fd = memfd_create("slot", MFD_CLOEXEC);
		if (fd < 0 || ftruncate(fd, SLOT_SIZE / 2))
			break;
		break;
	case 3:
		prot = PROT_READ;
		break;
	case 4:
		prot = PROT_NONE;
		break;
	case 5:	/* a mapping of a file that is not writable */
		flags ^= MAP_ANONYMOUS;
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		break;
	case 6:
		flags |= MAP_HUGETLB;
		break;
	}
	mmap(at, SLOT_SIZE, prot, flags, fd, 0);
	if (how == 7)
		madvise(at, SLOT_SIZE, MADV_HUGEPAGE);
	if (fd >= 0)
		close(fd);
}

static char *some_address(__u64 v)
{
	return SLOT(v % SLOTS) + (v >> 2) % 64 * PAGE +
		((v >> 8) % 8 ? 0 : SLOT_SIZE / 2);
}

static size_t some_length(__u64 v)
{
	return v % 8 ? (1 + v / 8 % 16) * PAGE : 2 * MiB;
}

static void memory_map(const struct call *call)
{
	map_slot(call->values[0] % SLOTS, call->values[1] % 8);
}

static void memory_unmap(const struct call *call)
{
	munmap(some_address(call->values[0]), some_length(call->values[1]));
}

static void memory_protect(const struct call *call)
{
	mprotect(some_address(call->values[0]), some_length(call->values[1]),
		 call->values[2] % 4);
}

static void memory_advise(const struct call *call)
{
	static const int advice[] = {
		MADV_DONTNEED, MADV_REMOVE, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
		MADV_DONTFORK, MADV_DOFORK, MADV_PAGEOUT, MADV_COLD,
		MADV_MERGEABLE, MADV_FREE,
	};

	madvise(some_address(call->values[0]), some_length(call->values[1]),
		advice[call->values[2] % ARRAY_LEN(advice)]);
}

static void memory_move(const struct call *call)
{
	size_t length = some_length(call->values[2]);

	mremap(some_address(call->values[0]), length, length,
	       MREMAP_MAYMOVE | MREMAP_FIXED, some_address(call->values[1]));
}

/* Have the kernel write: it returns EFAULT where we would get a signal */
static void memory_touch(const struct call *call)
{
	if (read(zero, some_address(call->values[0]),
		 some_length(call->values[1])) < 0)
		return;
}

/* Files */

static __u64 some_iova(__u64 v);
static __u64 some_pointer(__u64 v);

static void keep_file(enum file kind, int fd)
{
	int old;

	if (fd < 0)
		return;
	succeeded = true;
	old = atomic_exchange(&files[kind][nfiles[kind]++ % KEPT], fd);
	if (old >= 0)
		close(old);
}

static int some_file(enum file kind, __u64 v)
{
	unsigned int n;

	if (kind == EITHER)
		kind = v >> 63 ? IOMMU : CONTAINER;
	n = nfiles[kind] < KEPT ? nfiles[kind] : KEPT;
	if (v % 32 == 0)
		return files[v / 32 % FILES][v / 256 % KEPT];
	if (v % 32 == 1)
		return v / 32 % 2 ? -1 : zero;
	/* Mostly the first file, so that calls of a program fit together */
	return files[kind][n && v % 4 == 2 ? v / 32 % n : 0];
}

static void open_iommu(const struct call *call)
{
	(void)call;
	keep_file(IOMMU, open("/dev/iommu", O_RDWR | O_CLOEXEC));
}

static void open_vfio(const struct call *call)
{
	unsigned int i = call->values[0] % ARRAY_LEN(device_nodes);

	keep_file(VFIO, open(device_nodes[i], O_RDWR | O_CLOEXEC));
}

/* What a program does first: a device bound, attached, and with memory to reach */
static void start_device(const struct call *call)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = sizeof(bind),
		.iommufd = files[IOMMU][0],
	};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = ids[IOAS][0],
	};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = 7,
		.ioas_id = ids[IOAS][0],
		.user_va = (uintptr_t)some_address(call->values[1]),
		.length = 64 * PAGE,
		.iova = 16 * MiB,
	};
	unsigned int i = call->values[0] % ARRAY_LEN(device_nodes);
	int fd = open(device_nodes[i], O_RDWR | O_CLOEXEC);

	keep_file(VFIO, fd);
	succeeded = false;
	if (ioctl(fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return;
	ids[DEVICE][nids[DEVICE]++ % KEPT] = bind.out_devid;
	succeeded = !ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) &&
		    !ioctl(files[IOMMU][0], IOMMU_IOAS_MAP, &map);
}

/* The node of a device without an IOMMU is noiommu-vfioN */
static void find_devices(void)
{
	char path[64];
	unsigned int i;
	glob_t found;

	for (i = 0; i < ARRAY_LEN(device_nodes); i++) {
		snprintf(path, sizeof(path),
			 "/sys/bus/pci/devices/%s/vfio-dev/*", devices[i]);
		if (glob(path, 0, NULL, &found))
			continue;
		snprintf(device_nodes[i], sizeof(device_nodes[i]),
			 "/dev/vfio/devices/%.32s",
			 strrchr(found.gl_pathv[0], '/') + 1);
		globfree(&found);
	}
}

/* Without an IOMMU, only the emulated device has a group */
static void find_groups(void)
{
	char path[64], target[256];
	ssize_t length;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(devices); i++) {
		snprintf(path, sizeof(path),
			 "/sys/bus/%s/devices/%s/iommu_group",
			 i == EMULATED_DEVICE ? "platform" : "pci", devices[i]);
		length = readlink(path, target, sizeof(target) - 1);
		if (length <= 0)
			continue;
		target[length] = 0;
		snprintf(group_nodes[i], sizeof(group_nodes[i]), "/dev/vfio/%.16s",
			 strrchr(target, '/') + 1);
	}
}

static void open_container(const struct call *call)
{
	(void)call;
	keep_file(CONTAINER, open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC));
}

static void open_group(const struct call *call)
{
	unsigned int i = call->values[0] % ARRAY_LEN(devices);

	keep_file(GROUP, open(group_nodes[i], O_RDWR | O_CLOEXEC));
}

static void set_container(const struct call *call)
{
	int container = some_file(CONTAINER, call->values[1]);

	ioctl(some_file(GROUP, call->values[0]), VFIO_GROUP_SET_CONTAINER,
	      &container);
}

static void unset_container(const struct call *call)
{
	ioctl(some_file(GROUP, call->values[0]), VFIO_GROUP_UNSET_CONTAINER);
}

/* A device's file by its group, which has the calls of a bound device file */
static void get_device(const struct call *call)
{
	unsigned int i = call->values[1] % ARRAY_LEN(devices);

	keep_file(i == EMULATED_DEVICE ? EMULATED : VFIO,
		  ioctl(some_file(GROUP, call->values[0]),
			VFIO_GROUP_GET_DEVICE_FD, devices[i]));
}

/* What a program does first: a container that can be mapped into */
static void start_container(const struct call *call)
{
	const struct call first_files = { .values = { 4, 4 } };

	open_container(call);
	open_group(call);
	set_container(&first_files);
	succeeded = !ioctl(files[CONTAINER][0], VFIO_SET_IOMMU,
			   call->values[1] % 4 ? VFIO_TYPE1v2_IOMMU :
						 VFIO_TYPE1_IOMMU);
}

/* The emulated device in a container of its own, which has memory mapped */
static void start_emulated(const struct call *call)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)some_address(call->values[0]),
		.iova = some_iova(call->values[1] << 5 | 2),
		.size = some_length(call->values[2]),
	};
	int container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	int group = open(group_nodes[EMULATED_DEVICE], O_RDWR | O_CLOEXEC);

	keep_file(CONTAINER, container);
	keep_file(GROUP, group);
	succeeded = false;
	if (ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU,
		  call->values[3] % 8 ? VFIO_TYPE1v2_IOMMU : VFIO_TYPE1_IOMMU))
		return;
	ioctl(container, VFIO_IOMMU_MAP_DMA, &map);
	keep_file(EMULATED, ioctl(group, VFIO_GROUP_GET_DEVICE_FD,
				  EMULATED_NAME));
}

/* vfio_pin_pages() and vfio_unpin_pages(), by a driver */
static void emulated_pin(const struct call *call)
{
	struct emulated_pages pages = {
		.iova = some_iova(call->values[1]),
		.npages = call->values[2] % 16 ? call->values[2] / 16 % 32 :
						 call->values[2] / 16,
		.prot = call->values[3] % 16 ? 1 + call->values[3] / 16 % 3 :
					       call->values[3] / 16,
	};

	succeeded = !ioctl(some_file(EMULATED, call->values[0]),
			   call->values[4] % 3 ? EMULATED_PIN : EMULATED_UNPIN,
			   &pages);
}

/* vfio_dma_rw(), or a copy to or from a page that is pinned */
static void emulated_copy(const struct call *call)
{
	struct emulated_copy copy = {
		.iova = some_iova(call->values[1]) + call->values[2] % PAGE,
		.data = some_pointer(call->values[3]),
		.length = call->values[4] % 16 ? call->values[4] / 16 % PAGE :
						 call->values[4] / 16,
		.write = call->values[5] % 2,
	};

	succeeded = !ioctl(some_file(EMULATED, call->values[0]),
			   call->values[6] % 4 ? EMULATED_COPY :
						 EMULATED_COPY_PINNED, &copy);
}

/* An IOAS is on demand before anything is done with it. */
static void start_on_demand(const struct call *call)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct iommu_option option = {
		.size = sizeof(option),
		.option_id = IOMMU_OPTION_ON_DEMAND,
		.op = IOMMU_OPTION_OP_SET,
		.val64 = 1,
	};
	int fd = some_file(IOMMU, call->values[0]);

	if (ioctl(fd, IOMMU_IOAS_ALLOC, &alloc))
		return;
	ids[IOAS][nids[IOAS]++ % KEPT] = alloc.out_ioas_id;
	option.object_id = alloc.out_ioas_id;
	ioctl(fd, IOMMU_OPTION, &option);
}

static void file_close(const struct call *call)
{
	enum file kind = call->values[0] % FILES;
	int fd = atomic_exchange(&files[kind][call->values[1] % KEPT], -1);

	if (fd >= 0)
		close(fd);
}

static void file_dup(const struct call *call)
{
	enum file kind = call->values[0] % FILES;

	/* Only of this kind, since file_odd() relies on it */
	keep_file(kind, dup(some_file(kind, call->values[1] | 2)));
}

static void memfd_open(const struct call *call)
{
	bool huge = call->values[0] % 8 == 1;
	__u64 size = call->values[1] % 4 != 1 ? SLOT_SIZE :
		call->values[1] / 4 % 64 * PAGE + call->values[2] % 2;
	int fd;

	fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING |
			  (huge ? MFD_HUGETLB : 0));
	keep_file(MEMFD, fd);
	if (ftruncate(fd, size))
		return;
}

/* Mostly a multiple of the page size */
static __u64 some_offset(__u64 v)
{
	if (v % 32 == 0)
		return v >> 5;
	return v / 32 % 64 * PAGE + (v / 2048 % 16 ? 0 : v / 32768 % PAGE) +
		(v % 32 == 1 ? SLOT_SIZE - 32 * PAGE : 0);
}

/* Let a file grow, shrink, have holes, or be sealed */
static void memfd_change(const struct call *call)
{
	int fd = some_file(MEMFD, call->values[0]);
	__u64 start = some_offset(call->values[1]);
	size_t length = some_length(call->values[2]);
	int rc = 0;

	switch (call->values[3] % 4) {
	case 0:
		rc = ftruncate(fd, start);
		break;
	case 1:
		rc = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       start, length);
		break;
	case 2:
		rc = fallocate(fd, 0, start, length);
		break;
	case 3:
		rc = fcntl(fd, F_ADD_SEALS, call->values[4] % 32);
		break;
	}
	if (rc)
		return;
}

static void memfd_map(const struct call *call)
{
	mmap(SLOT(call->values[0] % SLOTS), SLOT_SIZE, PROT_READ | PROT_WRITE,
	     MAP_SHARED | MAP_FIXED, some_file(MEMFD, call->values[1] | 2), 0);
}

/* Those of a vIOMMU are two pages, at one of the first offsets */
static void registers_map(const struct call *call)
{
	mmap(SLOT(call->values[0] % SLOTS), (1 + call->values[1] % 3) * PAGE,
	     call->values[2] % 8, MAP_SHARED | MAP_FIXED,
	     some_file(IOMMU, call->values[3]), call->values[4] % 16 * PAGE);
}

/* Offset of a region in the file of a bound device */
static off_t region_offset(int fd, __u32 index)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = index,
	};

	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -1;
	return info.offset;
}

/* Map a device's BAR into a slot of memory */
static void bar_map(const struct call *call)
{
	int prot = call->values[2] % 8 ? PROT_READ | PROT_WRITE : PROT_READ;
	int fd = some_file(VFIO, call->values[1] | 2);
	off_t offset = region_offset(fd, VFIO_PCI_BAR0_REGION_INDEX);

	if (offset >= 0)
		mmap(SLOT(call->values[0] % SLOTS), BAR_SIZE, prot,
		     MAP_SHARED | MAP_FIXED, fd, offset + BAR_START);
}

/* Map the mock's MMIO into a slot of memory */
static void mmio_map(const struct call *call)
{
	mmap(SLOT(call->values[0] % SLOTS), (1 + call->values[2] % 16) * PAGE,
	     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
	     some_file(MMIO, call->values[1] | 2), 0);
}

/* Switch memory decoding of a device on or off */
static void bar_decode(const struct call *call)
{
	__u16 command = call->values[1] % 4 ? PCI_COMMAND_MEMORY : 0;
	int fd = some_file(VFIO, call->values[0] | 2);
	off_t offset = region_offset(fd, VFIO_PCI_CONFIG_REGION_INDEX);

	if (offset < 0 || pwrite(fd, &command, sizeof(command),
				 offset + PCI_COMMAND) < 0)
		return;
}

/* Mostly 1 or 2, of which the argument has room */
static __u32 some_nr_ranges(__u64 v)
{
	static const __u32 odd[] = {
		0, 3, 512, 1 << 16, 1 << 18, 1 << 20, 1 << 28, ~0U
	};

	if (v % 16 == 0)
		return odd[v / 16 % ARRAY_LEN(odd)];
	return 1 + !(v / 16 % 4);
}

/* Mostly in edu's BAR, beyond its registers */
static struct vfio_region_dma_range some_bar_range(__u64 v)
{
	static const struct vfio_region_dma_range odd[] = {
		{ 0, PAGE }, { 0, MiB }, { MiB, PAGE }, { PAGE, MiB },
		{ PAGE / 2, PAGE }, { PAGE, PAGE / 2 }, { PAGE, 0 },
		{ -PAGE, PAGE }, { -PAGE, 2 * PAGE }, { PAGE, -PAGE },
		{ 0, 1ULL << 63 },
	};

	if (v % 8 == 0)
		return odd[v / 8 % ARRAY_LEN(odd)];
	if (v % 8 == 1)
		return (struct vfio_region_dma_range){
			.offset = v / 8 % 8 * PAGE,
			.length = (1 + v / 64 % 8) * PAGE,
		};
	return (struct vfio_region_dma_range){ BAR_START, BAR_SIZE };
}

/* Make a dma-buf of some pages of a device's BAR */
static void bar_export(const struct call *call)
{
	const __u64 *v = call->values;
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf buf;
		struct vfio_region_dma_range ranges[2];
	} arg = {
		.feature = {
			.argsz = v[3] % 32 ? sizeof(arg) : v[3] / 32 % 128,
			.flags = VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_DMA_BUF,
		},
		.buf = {
			.region_index = v[4] % 16 ? VFIO_PCI_BAR0_REGION_INDEX :
						    v[4] / 16 % 16,
			.open_flags = v[5] % 16 ? O_RDWR | O_CLOEXEC : v[5] / 16,
			.flags = v[6] % 32 ? 0 : v[6] / 32,
			.nr_ranges = some_nr_ranges(v[1]),
		},
		.ranges = { some_bar_range(v[2]), some_bar_range(v[7]) },
	};
	int fd;

	if (v[8] % 32 == 0)
		arg.feature.flags ^= (v[8] / 32 & 15) << 16;
	fd = ioctl(some_file(VFIO, v[0] | 2), VFIO_DEVICE_FEATURE, &arg);
	if (arg.feature.flags & VFIO_DEVICE_FEATURE_PROBE)
		return;	/* that is no file */
	keep_file(DMA_BUF, fd);
}

/* Make a dma-buf of the mock; a seventh of them are too long */
static void mock_export(const struct call *call)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_DMABUF_GET,
		.dmabuf_get.length = (call->values[1] % 600) * PAGE,
		.dmabuf_get.open_flags = O_RDWR | O_CLOEXEC,
	};
	int fd = ioctl(some_file(IOMMU, call->values[0] | 2), IOMMU_TEST_CMD,
		       &cmd);

	if (fd >= 0)
		keep_file(DMA_BUF, fd);
}

/*
 * Make calls that these files do not implement.  On a device only those that do
 * not reach its registers: some values written to edu's registers end QEMU.
 */
static void file_odd(const struct call *call)
{
	enum file kind = call->values[0] % FILES;
	int fd = some_file(kind, call->values[1] | 2);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	void *at = some_address(call->values[2]);

	switch (call->values[3] % (kind == VFIO ? 2 : 5)) {
	case 0:
		poll(&pfd, 1, 0);
		break;
	case 1:
		ioctl(fd, _IO(';', call->values[4] % 256), at);
		break;
	case 2:
		if (read(fd, at, PAGE) < 0)
			break;
		break;
	case 3:
		if (write(fd, at, PAGE) < 0)
			break;
		break;
	case 4:
		mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		     fd, call->values[4] % 64 * PAGE);
		break;
	}
}

/* Processes */

/* This thread becomes a user with a low RLIMIT_MEMLOCK */
static void process_drop(const struct call *call)
{
	struct rlimit memlock = { USER_PAGES * PAGE, USER_PAGES * PAGE };

	(void)call;
	setrlimit(RLIMIT_MEMLOCK, &memlock);
	syscall(SYS_setresuid, USER, USER, USER);
}

static void process_fork(const struct call *call)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = 7,
		.ioas_id = ids[IOAS][0],
		.user_va = (uintptr_t)some_address(call->values[0]),
		.length = some_length(call->values[1]),
		.iova = 48 * MiB + call->values[2] % 64 * PAGE,
	};
	struct vfio_iommu_type1_dma_map dma = {
		.argsz = sizeof(dma),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = map.user_va,
		.iova = map.iova,
		.size = map.length,
	};
	struct iommu_ioas_change_process change = { .size = sizeof(change) };
	pid_t child = fork();

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (call->values[3] % 2)
			ioctl(files[IOMMU][0], IOMMU_IOAS_MAP, &map);
		if (call->values[5] % 2)
			ioctl(files[CONTAINER][0], VFIO_IOMMU_MAP_DMA, &dma);
		if (call->values[4] % 4 == 1)
			process_drop(call);
		if (call->values[4] % 2)
			ioctl(files[IOMMU][0], IOMMU_IOAS_CHANGE_PROCESS,
			      &change);
		if (call->values[3] % 4 > 1)
			memory_touch(call);
		usleep(call->values[3] / 4 % 1000);
		_exit(0);
	}
	if (child > 0 && call->values[3] % 8)
		waitpid(child, NULL, 0);
}

static void process_sleep(const struct call *call)
{
	usleep(call->values[0] % 1000);
}

/* Arguments of ioctls */

static __u64 some_iova(__u64 v)
{
	static const __u64 odd[] = {
		0, PAGE, ~0ULL, ~0ULL << 12, 1ULL << 63, 0xfee00000, 0xfef00000,
		MOCK_APERTURE_START, MOCK_APERTURE_LAST + 1ULL, 1ULL << 32,
		1ULL << 48, 1ULL << 57, 0x7fffffffffffffff,
	};
	static const __u64 even[] = {
		16 * MiB, 32 * MiB, 48 * MiB, 2048 * MiB - 32 * PAGE
	};

	if (v % 32 == 0)
		return v >> 5;
	if (v % 32 == 1)
		return odd[v / 32 % ARRAY_LEN(odd)];
	return even[v / 32 % 4] + v / 128 % 64 * PAGE +
		(v / 8192 % 16 ? 0 : 2048);
}

static __u64 some_iova_length(__u64 v)
{
	static const __u64 odd[] = {
		0, 1, 100, 2048, 6144, PAGE - 1, MiB, 64 * MiB, 1ULL << 31,
		1ULL << 40, 1ULL << 63, ~0ULL, ~0ULL << 12,
	};

	if (v % 32 == 0)
		return v >> 5;
	if (v % 32 == 1)
		return odd[v / 32 % ARRAY_LEN(odd)];
	return some_length(v / 32);
}

static __u64 some_pointer(__u64 v)
{
	static const __u64 odd[] = {
		0, 1, 0x7ffffffff000, 0x800000000000, 0xffff888000000000, ~0ULL,
		1ULL << 63, ~0ULL << 12,
	};

	if (v % 32 == 0)
		return odd[v / 32 % ARRAY_LEN(odd)];
	return (uintptr_t)some_address(v / 32) + (v / 8192 % 16 ? 0 : 2048) +
		(v / 131072 % 16 ? 0 : v / 2097152 % PAGE);
}

static __u32 some_id(enum kind kind, __u64 v)
{
	unsigned int n;

	if (v % 32 == 0)
		return v >> 5;
	if (v % 32 == 1)
		return v / 32 % 16;
	if (kind == ANY || v % 32 == 2)
		kind = 1 + v / 32 % (KINDS - 1);
	n = nids[kind] < KEPT ? nids[kind] : KEPT;
	/* Contexts number objects alike: the ID may exist in another one */
	return n ? ids[kind][v / 256 % n] : 1 + v / 256 % 8;
}

static __u64 make_ranges(__u64 v, struct iommu_iova_range *ranges)
{
	unsigned int i;

	for (i = 0; i < 4; i++, v = v * 6364136223846793005 + 1) {
		ranges[i].start = some_iova(v >> 16);
		ranges[i].last = ranges[i].start +
			some_iova_length(v >> 24) - 1;
	}
	return v % 8 ? (uintptr_t)ranges : some_pointer(v / 8);
}

static __u64 make_value(const struct field *field, __u64 v,
			struct iommu_iova_range *ranges)
{
	switch (field->type) {
	case ID:
		return some_id(field->arg, v);
	case FILE_NO:
		return some_file(field->arg, v);
	case FLAGS:
		return v % 32 ? v / 32 & field->arg : v / 32;
	case BELOW:
	case BELOW16:
	case BELOW64:
		return v % 32 ? v / 32 % field->arg : v / 32;
	case IS:
	case IS16:
	case IS64:
		return v % 128 ? field->arg : v / 128;
	case IOVA:
		return some_iova(v);
	case LENGTH:
		return some_iova_length(v);
	case OFFSET:
		return some_offset(v);
	case ADDRESS:
		return some_pointer(v);
	case RANGES:
		return make_ranges(v, ranges);
	default:
		return 0;
	}
}

static size_t field_size(enum type type)
{
	switch (type) {
	case BELOW16:
	case IS16:
		return 2;
	case BELOW64:
	case IS64:
	case IOVA:
	case LENGTH:
	case OFFSET:
	case ADDRESS:
	case RANGES:
		return 8;
	default:
		return 4;
	}
}

static void put_field(char *arg, const struct field *field, __u64 value)
{
	memcpy(arg + field->offset, &value, field_size(field->type));
}

static void take_results(const char *arg, const struct op *op)
{
	const struct field *field;
	__u32 value;

	for (field = op->fields; field->type; field++) {
		memcpy(&value, arg + field->offset, sizeof(value));
		if (field->type == OUT_ID)
			ids[field->arg][nids[field->arg]++ % KEPT] = value;
		else if (field->type == OUT_FILE)
			keep_file(field->arg, value);
	}
}

/* Returns true if the call succeeded */
static bool run_ioctl(const struct op *op, const struct call *call)
{
	__u64 v = call->values[VALUES - 1];
	struct iommu_iova_range ranges[4];
	const struct field *field;
	char buffer[256] = {}, *arg = buffer;
	__u32 size = op->size;
	unsigned int i = 0;

	for (field = op->fields; field->type; field++, i++)
		put_field(buffer, field,
			  make_value(field, call->values[i], ranges));
	switch (v % 64) {
	case 0:	/* a wrong size */
		size += v / 64 % 32 - 16;
		break;
	case 1:	/* an argument that a later version may have */
		size += 8;
		buffer[op->size] = v / 64 % 2;
		break;
	case 2:	/* a changed byte of any field, or of one that must be 0 */
		buffer[v / 64 % op->size] ^= v / 4096;
		break;
	case 3:	/* memory that other threads change */
		arg = some_address(v / 64);
		break;
	case 4:	/* at the end of memory */
		arg = SLOT(v / 64 % SLOTS) + SLOT_SIZE - v / 256 % 128;
		break;
	case 5:
		arg = (char *)(uintptr_t)some_pointer(v / 64);
		break;
	}
	memcpy(buffer, &size, sizeof(size));
	if (arg != buffer) {
		/* Write to arg as much as is writable there */
		int fds[2];

		if (!pipe2(fds, O_CLOEXEC | O_NONBLOCK)) {
			if (write(fds[1], buffer, op->size) > 0)
				i = read(fds[0], arg, op->size);
			close(fds[0]);
			close(fds[1]);
		}
	}
	if (ioctl(some_file(op->file, call->values[VALUES - 2]), op->request,
		  arg) < 0)
		return false;
	if (arg == buffer)
		take_results(buffer, op);
	return true;
}

/* Returns true if the call succeeded */
static bool run_number(const struct op *op, const struct call *call)
{
	__u64 v = call->values[0];

	return ioctl(some_file(op->file, call->values[VALUES - 2]), op->request,
		     v % 16 ? v / 16 % 16 : v / 16) >= 0;
}

/* Deliver groups of page faults */
static void fault_read(const struct call *call)
{
	if (read(some_file(FAULT, call->values[0] | 2),
		 (void *)(uintptr_t)some_pointer(call->values[1]),
		 call->values[2] % 16 * sizeof(struct iommu_hwpt_pgfault) +
		 !(call->values[3] % 16)) < 0)
		return;
}

/* Answer some, by low cookies, of which the second may be one that is wrong */
static void fault_write(const struct call *call)
{
	struct iommu_hwpt_page_response responses[2] = {
		{ 1 + call->values[1] % 4, call->values[2] % 2 },
		{ call->values[3] % 8, call->values[4] % 4 },
	};
	void *from = call->values[5] % 8 ? responses :
		     (void *)(uintptr_t)some_pointer(call->values[5] / 8);

	if (write(some_file(FAULT, call->values[0] | 2), from,
		  (1 + call->values[6] % 2) * sizeof(responses[0])) < 0)
		return;
}

/* Arguments of the container, with the structs that follow them */
struct unmap_dma {
	struct vfio_iommu_type1_dma_unmap unmap;
	struct vfio_bitmap bitmap;
};

struct dirty_pages {
	struct vfio_iommu_type1_dirty_bitmap dirty;
	struct vfio_iommu_type1_dirty_bitmap_get get;
};

struct type1_info {
	struct vfio_iommu_type1_info info;
	char capabilities[128];
};

#define SIZE(_struct)	.size = sizeof(struct _struct)
#define F(_type, _struct, _member, ...)					\
	{ _type, offsetof(struct _struct, _member), __VA_ARGS__ + 0 }
#define TEST_OP(_op, ...)						\
	IOMMU_TEST_CMD, .size = sizeof(struct iommu_test_cmd),		\
	.fields = { F(IS, iommu_test_cmd, op, _op), __VA_ARGS__ }
#define T(_type, _member, ...)	F(_type, iommu_test_cmd, _member, __VA_ARGS__)

const struct op ops[] = {
	{ "DESTROY", IOMMU_DESTROY, SIZE(iommu_destroy), .fields = {
		F(ID, iommu_destroy, id, ANY) } },
	{ "IOAS_ALLOC", IOMMU_IOAS_ALLOC, SIZE(iommu_ioas_alloc), .fields = {
		F(IS, iommu_ioas_alloc, flags, 0),
		F(OUT_ID, iommu_ioas_alloc, out_ioas_id, IOAS) } },
	{ "IOAS_IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES,
	  SIZE(iommu_ioas_iova_ranges), .fields = {
		F(ID, iommu_ioas_iova_ranges, ioas_id, IOAS),
		F(BELOW, iommu_ioas_iova_ranges, num_iovas, 5),
		F(RANGES, iommu_ioas_iova_ranges, allowed_iovas) } },
	{ "IOAS_ALLOW_IOVAS", IOMMU_IOAS_ALLOW_IOVAS,
	  SIZE(iommu_ioas_allow_iovas), .fields = {
		F(ID, iommu_ioas_allow_iovas, ioas_id, IOAS),
		F(BELOW, iommu_ioas_allow_iovas, num_iovas, 5),
		F(RANGES, iommu_ioas_allow_iovas, allowed_iovas) } },
	{ "IOAS_MAP", IOMMU_IOAS_MAP, SIZE(iommu_ioas_map), .weight = 4,
	  .fields = {
		F(FLAGS, iommu_ioas_map, flags, 7),
		F(ID, iommu_ioas_map, ioas_id, IOAS),
		F(ADDRESS, iommu_ioas_map, user_va),
		F(LENGTH, iommu_ioas_map, length),
		F(IOVA, iommu_ioas_map, iova) } },
	{ "IOAS_MAP_FILE", IOMMU_IOAS_MAP_FILE, SIZE(iommu_ioas_map_file),
	  .weight = 2, .fields = {
		F(FLAGS, iommu_ioas_map_file, flags, 7),
		F(ID, iommu_ioas_map_file, ioas_id, IOAS),
		F(FILE_NO, iommu_ioas_map_file, fd, MEMFD),
		F(OFFSET, iommu_ioas_map_file, start),
		F(LENGTH, iommu_ioas_map_file, length),
		F(IOVA, iommu_ioas_map_file, iova) } },
	{ "IOAS_MAP_FILE of a dma-buf", IOMMU_IOAS_MAP_FILE,
	  SIZE(iommu_ioas_map_file), .fields = {
		F(FLAGS, iommu_ioas_map_file, flags, 7),
		F(ID, iommu_ioas_map_file, ioas_id, IOAS),
		F(FILE_NO, iommu_ioas_map_file, fd, DMA_BUF),
		F(OFFSET, iommu_ioas_map_file, start),
		F(LENGTH, iommu_ioas_map_file, length),
		F(IOVA, iommu_ioas_map_file, iova) } },
	{ "IOAS_CHANGE_PROCESS", IOMMU_IOAS_CHANGE_PROCESS,
	  SIZE(iommu_ioas_change_process) },
	{ "IOAS_COPY", IOMMU_IOAS_COPY, SIZE(iommu_ioas_copy), .weight = 2,
	  .fields = {
		F(FLAGS, iommu_ioas_copy, flags, 7),
		F(ID, iommu_ioas_copy, dst_ioas_id, IOAS),
		F(ID, iommu_ioas_copy, src_ioas_id, IOAS),
		F(LENGTH, iommu_ioas_copy, length),
		F(IOVA, iommu_ioas_copy, dst_iova),
		F(IOVA, iommu_ioas_copy, src_iova) } },
	{ "IOAS_UNMAP", IOMMU_IOAS_UNMAP, SIZE(iommu_ioas_unmap), .weight = 2,
	  .fields = {
		F(ID, iommu_ioas_unmap, ioas_id, IOAS),
		F(IOVA, iommu_ioas_unmap, iova),
		F(LENGTH, iommu_ioas_unmap, length) } },
	{ "IOAS_UNMAP all", IOMMU_IOAS_UNMAP, SIZE(iommu_ioas_unmap),
	  .fields = {
		F(ID, iommu_ioas_unmap, ioas_id, IOAS),
		F(IS64, iommu_ioas_unmap, iova, 0),
		F(IS64, iommu_ioas_unmap, length, ~0ULL) } },
	{ "IOAS_NOIOMMU_GET_PA", IOMMU_IOAS_NOIOMMU_GET_PA,
	  SIZE(iommu_ioas_noiommu_get_pa), .weight = 1, .fields = {
		F(ID, iommu_ioas_noiommu_get_pa, ioas_id, IOAS),
		F(IOVA, iommu_ioas_noiommu_get_pa, iova),
		F(LENGTH, iommu_ioas_noiommu_get_pa, length) } },
	{ "OPTION", IOMMU_OPTION, SIZE(iommu_option), .fields = {
		F(BELOW, iommu_option, option_id, 2),
		F(BELOW16, iommu_option, op, 2),
		F(ID, iommu_option, object_id, IOAS),
		F(BELOW64, iommu_option, val64, 2) } },
	{ "OPTION on demand", IOMMU_OPTION, SIZE(iommu_option), .fields = {
		F(IS, iommu_option, option_id, IOMMU_OPTION_ON_DEMAND),
		F(BELOW16, iommu_option, op, 2),
		F(ID, iommu_option, object_id, IOAS),
		F(BELOW64, iommu_option, val64, 2) } },
	{ "start an IOAS on demand", .run = start_on_demand, .weight = 1 },
	{ "IOAS_DEMAND", IOMMU_IOAS_DEMAND, SIZE(iommu_ioas_demand),
	  .weight = 1, .fields = {
		F(ID, iommu_ioas_demand, ioas_id, IOAS),
		F(BELOW, iommu_ioas_demand, op, 4),
		F(IOVA, iommu_ioas_demand, iova),
		F(LENGTH, iommu_ioas_demand, length) } },
	{ "OPTION of the context", IOMMU_OPTION, SIZE(iommu_option), .fields = {
		F(BELOW, iommu_option, option_id, 2),
		F(BELOW16, iommu_option, op, 2),
		F(IS, iommu_option, object_id, 0),
		F(BELOW64, iommu_option, val64, 2) } },
	{ "VFIO_IOAS", IOMMU_VFIO_IOAS, SIZE(iommu_vfio_ioas), .fields = {
		F(ID, iommu_vfio_ioas, ioas_id, IOAS),
		F(BELOW16, iommu_vfio_ioas, op, 3) } },
	{ "VFIO_IOAS set", IOMMU_VFIO_IOAS, SIZE(iommu_vfio_ioas), .fields = {
		F(ID, iommu_vfio_ioas, ioas_id, IOAS),
		F(IS16, iommu_vfio_ioas, op, IOMMU_VFIO_IOAS_SET) } },

	{ "HWPT_ALLOC", IOMMU_HWPT_ALLOC, SIZE(iommu_hwpt_alloc), .weight = 1,
	  .fields = {
		F(FLAGS, iommu_hwpt_alloc, flags,
		  (IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
		   IOMMU_HWPT_ALLOC_NEST_PARENT |
		   IOMMU_HWPT_ALLOC_PASID)),
		F(ID, iommu_hwpt_alloc, dev_id, DEVICE),
		F(ID, iommu_hwpt_alloc, pt_id, IOAS),
		F(OUT_ID, iommu_hwpt_alloc, out_hwpt_id, HWPT) } },
	{ "HWPT_ALLOC with data", IOMMU_HWPT_ALLOC, SIZE(iommu_hwpt_alloc),
	  .fields = {
		F(FLAGS, iommu_hwpt_alloc, flags,
		  (IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
		   IOMMU_HWPT_ALLOC_PASID)),
		F(ID, iommu_hwpt_alloc, dev_id, DEVICE),
		F(ID, iommu_hwpt_alloc, pt_id, IOAS),
		F(IS, iommu_hwpt_alloc, data_type, IOMMU_HWPT_DATA_SELFTEST),
		F(IS, iommu_hwpt_alloc, data_len,
		  sizeof(struct iommu_hwpt_selftest)),
		F(ADDRESS, iommu_hwpt_alloc, data_uptr),
		F(OUT_ID, iommu_hwpt_alloc, out_hwpt_id, HWPT) } },
	{ "HWPT_ALLOC with a queue", IOMMU_HWPT_ALLOC, SIZE(iommu_hwpt_alloc),
	  .weight = 1, .fields = {
		F(IS, iommu_hwpt_alloc, flags, IOMMU_HWPT_FAULT_ID_VALID),
		F(ID, iommu_hwpt_alloc, dev_id, DEVICE),
		F(ID, iommu_hwpt_alloc, pt_id, IOAS),
		F(ID, iommu_hwpt_alloc, fault_id, QUEUE),
		F(OUT_ID, iommu_hwpt_alloc, out_hwpt_id, HWPT) } },
	{ "FAULT_QUEUE_ALLOC", IOMMU_FAULT_QUEUE_ALLOC,
	  SIZE(iommu_fault_alloc), .fields = {
		F(IS, iommu_fault_alloc, flags, 0),
		F(OUT_ID, iommu_fault_alloc, out_fault_id, QUEUE),
		F(OUT_FILE, iommu_fault_alloc, out_fault_fd, FAULT) } },
	{ "HWPT_ALLOC, nested", IOMMU_HWPT_ALLOC, SIZE(iommu_hwpt_alloc),
	  .weight = 1, .fields = {
		F(ID, iommu_hwpt_alloc, dev_id, DEVICE),
		F(ID, iommu_hwpt_alloc, pt_id, HWPT),
		F(IS, iommu_hwpt_alloc, data_type, IOMMU_HWPT_DATA_SELFTEST),
		F(IS, iommu_hwpt_alloc, data_len,
		  sizeof(__u32)),
		F(ADDRESS, iommu_hwpt_alloc, data_uptr),
		F(OUT_ID, iommu_hwpt_alloc, out_hwpt_id, HWPT) } },
	{ "HWPT_INVALIDATE", IOMMU_HWPT_INVALIDATE,
	  SIZE(iommu_hwpt_invalidate), .fields = {
		F(ID, iommu_hwpt_invalidate, hwpt_id, HWPT),
		F(ADDRESS, iommu_hwpt_invalidate, data_uptr),
		F(IS, iommu_hwpt_invalidate, data_type,
		  IOMMU_HWPT_INVALIDATE_DATA_SELFTEST),
		F(IS, iommu_hwpt_invalidate, entry_len,
		  sizeof(struct iommu_hwpt_invalidate_selftest)),
		F(BELOW, iommu_hwpt_invalidate, entry_num, 300) } },
	{ "VIOMMU_ALLOC", IOMMU_VIOMMU_ALLOC, SIZE(iommu_viommu_alloc),
	  .fields = {
		F(IS, iommu_viommu_alloc, type, IOMMU_VIOMMU_TYPE_SELFTEST),
		F(ID, iommu_viommu_alloc, dev_id, DEVICE),
		F(ID, iommu_viommu_alloc, hwpt_id, HWPT),
		F(BELOW, iommu_viommu_alloc, data_len, 25),
		F(ADDRESS, iommu_viommu_alloc, data_uptr),
		F(OUT_ID, iommu_viommu_alloc, out_viommu_id, VIOMMU) } },
	{ "VDEVICE_ALLOC", IOMMU_VDEVICE_ALLOC, SIZE(iommu_vdevice_alloc),
	  .fields = {
		F(ID, iommu_vdevice_alloc, viommu_id, VIOMMU),
		F(ID, iommu_vdevice_alloc, dev_id, DEVICE),
		F(BELOW64, iommu_vdevice_alloc, virt_id, 3),
		F(OUT_ID, iommu_vdevice_alloc, out_vdevice_id, VDEVICE) } },
	{ "VEVENTQ_ALLOC", IOMMU_VEVENTQ_ALLOC, SIZE(iommu_veventq_alloc),
	  .fields = {
		F(ID, iommu_veventq_alloc, viommu_id, VIOMMU),
		F(IS, iommu_veventq_alloc, type, IOMMU_VEVENTQ_TYPE_SELFTEST),
		F(BELOW, iommu_veventq_alloc, veventq_depth, 5),
		F(OUT_ID, iommu_veventq_alloc, out_veventq_id, VEVENTQ),
		F(OUT_FILE, iommu_veventq_alloc, out_veventq_fd, VEVENTS) } },
	{ "HW_QUEUE_ALLOC", IOMMU_HW_QUEUE_ALLOC, SIZE(iommu_hw_queue_alloc),
	  .fields = {
		F(ID, iommu_hw_queue_alloc, viommu_id, VIOMMU),
		F(IS, iommu_hw_queue_alloc, type, IOMMU_HW_QUEUE_TYPE_SELFTEST),
		F(BELOW, iommu_hw_queue_alloc, index, 3),
		F(IOVA, iommu_hw_queue_alloc, nesting_parent_iova),
		F(LENGTH, iommu_hw_queue_alloc, length),
		F(OUT_ID, iommu_hw_queue_alloc, out_hw_queue_id, HW_QUEUE) } },
	{ "HWPT_ALLOC of a vIOMMU", IOMMU_HWPT_ALLOC, SIZE(iommu_hwpt_alloc),
	  .fields = {
		F(ID, iommu_hwpt_alloc, dev_id, DEVICE),
		F(ID, iommu_hwpt_alloc, pt_id, VIOMMU),
		F(IS, iommu_hwpt_alloc, data_type, IOMMU_HWPT_DATA_SELFTEST),
		F(IS, iommu_hwpt_alloc, data_len, sizeof(__u32)),
		F(ADDRESS, iommu_hwpt_alloc, data_uptr),
		F(OUT_ID, iommu_hwpt_alloc, out_hwpt_id, HWPT) } },
	{ "HWPT_INVALIDATE of a vIOMMU", IOMMU_HWPT_INVALIDATE,
	  SIZE(iommu_hwpt_invalidate), .fields = {
		F(ID, iommu_hwpt_invalidate, hwpt_id, VIOMMU),
		F(ADDRESS, iommu_hwpt_invalidate, data_uptr),
		F(IS, iommu_hwpt_invalidate, data_type,
		  IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST),
		F(BELOW, iommu_hwpt_invalidate, entry_len, 13),
		F(BELOW, iommu_hwpt_invalidate, entry_num, 300) } },
	{ "GET_HW_INFO", IOMMU_GET_HW_INFO, SIZE(iommu_hw_info), .fields = {
		F(FLAGS, iommu_hw_info, flags, 1),
		F(ID, iommu_hw_info, dev_id, DEVICE),
		F(BELOW, iommu_hw_info, data_len, PAGE),
		F(ADDRESS, iommu_hw_info, data_uptr) } },
	{ "HWPT_SET_DIRTY_TRACKING", IOMMU_HWPT_SET_DIRTY_TRACKING,
	  SIZE(iommu_hwpt_set_dirty_tracking), .fields = {
		F(FLAGS, iommu_hwpt_set_dirty_tracking, flags, 1),
		F(ID, iommu_hwpt_set_dirty_tracking, hwpt_id, HWPT) } },
	{ "HWPT_GET_DIRTY_BITMAP", IOMMU_HWPT_GET_DIRTY_BITMAP,
	  SIZE(iommu_hwpt_get_dirty_bitmap), .weight = 1, .fields = {
		F(ID, iommu_hwpt_get_dirty_bitmap, hwpt_id, HWPT),
		F(FLAGS, iommu_hwpt_get_dirty_bitmap, flags, 1),
		F(IOVA, iommu_hwpt_get_dirty_bitmap, iova),
		F(LENGTH, iommu_hwpt_get_dirty_bitmap, length),
		F(IS64, iommu_hwpt_get_dirty_bitmap, page_size, PAGE),
		F(ADDRESS, iommu_hwpt_get_dirty_bitmap, data) } },

	/* VFIO's container; the kernel needs memory to detach a group */
	{ "VFIO_GET_API_VERSION", VFIO_GET_API_VERSION, EITHER, .size = 0 },
	{ "VFIO_CHECK_EXTENSION", VFIO_CHECK_EXTENSION, EITHER, .size = 0 },
	{ "VFIO_SET_IOMMU", VFIO_SET_IOMMU, EITHER, .size = 0,
	  .no_failing = true },
	{ "VFIO_IOMMU_GET_INFO", VFIO_IOMMU_GET_INFO, EITHER,
	  SIZE(type1_info) },
	{ "VFIO_IOMMU_MAP_DMA", VFIO_IOMMU_MAP_DMA, EITHER,
	  SIZE(vfio_iommu_type1_dma_map), .weight = 1, .fields = {
		F(FLAGS, vfio_iommu_type1_dma_map, flags, 3),
		F(ADDRESS, vfio_iommu_type1_dma_map, vaddr),
		F(IOVA, vfio_iommu_type1_dma_map, iova),
		F(LENGTH, vfio_iommu_type1_dma_map, size) } },
	{ "VFIO_IOMMU_MAP_DMA, address", VFIO_IOMMU_MAP_DMA, EITHER,
	  SIZE(vfio_iommu_type1_dma_map), .weight = 1, .fields = {
		F(IS, vfio_iommu_type1_dma_map, flags,
		  VFIO_DMA_MAP_FLAG_VADDR),
		F(ADDRESS, vfio_iommu_type1_dma_map, vaddr),
		F(IOVA, vfio_iommu_type1_dma_map, iova),
		F(LENGTH, vfio_iommu_type1_dma_map, size) } },
	{ "VFIO_IOMMU_UNMAP_DMA", VFIO_IOMMU_UNMAP_DMA, EITHER, SIZE(unmap_dma),
	  .weight = 1, .fields = {
		F(BELOW, unmap_dma, unmap.flags, 8),
		F(IOVA, unmap_dma, unmap.iova),
		F(LENGTH, unmap_dma, unmap.size),
		F(IS64, unmap_dma, bitmap.pgsize, PAGE),
		F(BELOW64, unmap_dma, bitmap.size, PAGE),
		F(ADDRESS, unmap_dma, bitmap.data) } },
	{ "VFIO_IOMMU_UNMAP_DMA all", VFIO_IOMMU_UNMAP_DMA, EITHER,
	  SIZE(vfio_iommu_type1_dma_unmap), .fields = {
		F(IS, vfio_iommu_type1_dma_unmap, flags,
		  VFIO_DMA_UNMAP_FLAG_ALL),
		F(IS64, vfio_iommu_type1_dma_unmap, iova, 0),
		F(IS64, vfio_iommu_type1_dma_unmap, size, 0) } },
	{ "VFIO_IOMMU_UNMAP_DMA all addresses", VFIO_IOMMU_UNMAP_DMA, EITHER,
	  SIZE(vfio_iommu_type1_dma_unmap), .fields = {
		F(IS, vfio_iommu_type1_dma_unmap, flags,
		  (VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL)),
		F(IS64, vfio_iommu_type1_dma_unmap, iova, 0),
		F(IS64, vfio_iommu_type1_dma_unmap, size, 0) } },
	{ "VFIO_IOMMU_DIRTY_PAGES", VFIO_IOMMU_DIRTY_PAGES, EITHER,
	  SIZE(dirty_pages), .weight = 1, .fields = {
		F(FLAGS, dirty_pages, dirty.flags, 7),
		F(IOVA, dirty_pages, get.iova),
		F(LENGTH, dirty_pages, get.size),
		F(IS64, dirty_pages, get.bitmap.pgsize, PAGE),
		F(BELOW64, dirty_pages, get.bitmap.size, PAGE),
		F(ADDRESS, dirty_pages, get.bitmap.data) } },

	/* The mock */
	{ "ADD_RESERVED", TEST_OP(IOMMU_TEST_OP_ADD_RESERVED,
		T(ID, id, IOAS),
		T(IOVA, add_reserved.start),
		T(LENGTH, add_reserved.length)) },
	{ "MOCK_DOMAIN", TEST_OP(IOMMU_TEST_OP_MOCK_DOMAIN,
		T(ID, id, IOAS),
		T(OUT_ID, mock_domain.out_stdev_id, TEST),
		T(OUT_ID, mock_domain.out_hwpt_id, HWPT),
		T(OUT_ID, mock_domain.out_idev_id, DEVICE)), .weight = 1 },
	{ "MOCK_DOMAIN of a HWPT", TEST_OP(IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS,
		T(ID, id, HWPT),
		T(FLAGS, mock_domain_flags.dev_flags,
		  (MOCK_FLAGS_DEVICE_NO_DIRTY | MOCK_FLAGS_DEVICE_PASID)),
		T(OUT_ID, mock_domain.out_stdev_id, TEST),
		T(OUT_ID, mock_domain.out_hwpt_id, HWPT),
		T(OUT_ID, mock_domain.out_idev_id, DEVICE)) },
	{ "MOCK_DOMAIN_REPLACE", TEST_OP(IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		T(ID, id, TEST),
		T(ID, mock_domain_replace.pt_id, IOAS)) },
	{ "MOCK_DOMAIN_REPLACE: HWPT", TEST_OP(IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE,
		T(ID, id, TEST),
		T(ID, mock_domain_replace.pt_id, HWPT)) },
	{ "PASID_ATTACH", TEST_OP(IOMMU_TEST_OP_PASID_ATTACH,
		T(ID, id, TEST),
		T(BELOW, pasid_attach.pasid, 4),
		T(ID, pasid_attach.pt_id, HWPT)), .weight = 1 },
	{ "PASID_ATTACH, 1024", TEST_OP(IOMMU_TEST_OP_PASID_ATTACH,
		T(ID, id, TEST),
		T(IS, pasid_attach.pasid, IOMMU_TEST_PASID_RESERVED),
		T(ID, pasid_attach.pt_id, HWPT)) },
	{ "PASID_REPLACE", TEST_OP(IOMMU_TEST_OP_PASID_REPLACE,
		T(ID, id, TEST),
		T(BELOW, pasid_replace.pasid, 4),
		T(ID, pasid_replace.pt_id, HWPT)) },
	{ "PASID_REPLACE, 1024", TEST_OP(IOMMU_TEST_OP_PASID_REPLACE,
		T(ID, id, TEST),
		T(IS, pasid_replace.pasid, IOMMU_TEST_PASID_RESERVED),
		T(ID, pasid_replace.pt_id, HWPT)) },
	{ "PASID_DETACH", TEST_OP(IOMMU_TEST_OP_PASID_DETACH,
		T(ID, id, TEST),
		T(BELOW, pasid_detach.pasid, 4)) },
	{ "PASID_CHECK_HWPT", TEST_OP(IOMMU_TEST_OP_PASID_CHECK_HWPT,
		T(ID, id, TEST),
		T(BELOW, pasid_check.pasid, 4),
		T(ID, pasid_check.hwpt_id, HWPT)) },
	{ "MD_CHECK_MAP", TEST_OP(IOMMU_TEST_OP_MD_CHECK_MAP,
		T(ID, id, HWPT),
		T(IOVA, check_map.iova),
		T(LENGTH, check_map.length),
		T(ADDRESS, check_map.uptr)) },
	{ "MD_CHECK_REFS", TEST_OP(IOMMU_TEST_OP_MD_CHECK_REFS,
		T(LENGTH, check_refs.length),
		T(ADDRESS, check_refs.uptr),
		T(BELOW, check_refs.refs, 3)) },
	{ "SET_TEMP_MEMORY_LIMIT", TEST_OP(IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT,
		T(BELOW, memory_limit.limit, 256)) },

	{ "CREATE_ACCESS", TEST_OP(IOMMU_TEST_OP_CREATE_ACCESS,
		T(ID, id, IOAS),
		T(FLAGS, create_access.flags,
		  (MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES |
		   MOCK_FLAGS_ACCESS_CREATE_UADDRS_MAY_CHANGE)),
		T(OUT_FILE, create_access.out_access_fd, ACCESS)),
	  .weight = 1 },
	{ "ACCESS_PAGES", TEST_OP(IOMMU_TEST_OP_ACCESS_PAGES,
		T(FILE_NO, id, ACCESS),
		T(FLAGS, access_pages.flags, MOCK_FLAGS_ACCESS_WRITE),
		T(IOVA, access_pages.iova),
		T(LENGTH, access_pages.length),
		T(ADDRESS, access_pages.uptr),
		T(OUT_ID, access_pages.out_access_pages_id, PINS)),
	  .weight = 1 },
	{ "DESTROY_ACCESS_PAGES", TEST_OP(IOMMU_TEST_OP_DESTROY_ACCESS_PAGES,
		T(FILE_NO, id, ACCESS),
		T(ID, destroy_access_pages.access_pages_id, PINS)) },
	{ "ACCESS_RW", TEST_OP(IOMMU_TEST_OP_ACCESS_RW,
		T(FILE_NO, id, ACCESS),
		T(IOVA, access_rw.iova),
		T(LENGTH, access_rw.length),
		T(ADDRESS, access_rw.uptr),
		T(FLAGS, access_rw.flags, 5)), .weight = 1 },
	{ "ACCESS_REPLACE_IOAS", TEST_OP(IOMMU_TEST_OP_ACCESS_REPLACE_IOAS,
		T(FILE_NO, id, ACCESS),
		T(ID, access_replace_ioas.ioas_id, IOAS)) },
	{ "ACCESS_ATTACH", TEST_OP(IOMMU_TEST_OP_ACCESS_ATTACH,
		T(FILE_NO, id, ACCESS),
		T(ID, access_attach.ioas_id, IOAS),
		T(BELOW, access_attach.detach, 2)) },
	{ "DIRTY", TEST_OP(IOMMU_TEST_OP_DIRTY,
		T(ID, id, HWPT),
		T(IOVA, dirty.iova),
		T(LENGTH, dirty.length),
		{ IS64, offsetof(struct iommu_test_cmd, dirty.page_size),
		  2048 },
		T(ADDRESS, dirty.uptr)) },

	{ "MD_CHECK_IOTLB", TEST_OP(IOMMU_TEST_OP_MD_CHECK_IOTLB,
		T(ID, id, HWPT),
		T(BELOW, check_iotlb.id, 5)) },
	{ "TRIGGER_VEVENT", TEST_OP(IOMMU_TEST_OP_TRIGGER_VEVENT,
		T(ID, trigger_vevent.dev_id, DEVICE)) },
	{ "DEV_CHECK_CACHE", TEST_OP(IOMMU_TEST_OP_DEV_CHECK_CACHE,
		T(ID, id, DEVICE),
		T(BELOW, check_dev_cache.id, 5)) },

	{ "CREATE_MMIO", TEST_OP(IOMMU_TEST_OP_CREATE_MMIO,
		T(LENGTH, create_mmio.length),
		T(OUT_FILE, create_mmio.out_fd, MMIO)) },
	{ "MMIO_SET", TEST_OP(IOMMU_TEST_OP_MMIO_SET,
		T(FILE_NO, id, MMIO),
		T(BELOW, mmio_set.reachable, 2)) },
	{ "MD_CHECK_MMIO", TEST_OP(IOMMU_TEST_OP_MD_CHECK_MMIO,
		T(ID, id, HWPT),
		T(IOVA, check_mmio.iova),
		T(LENGTH, check_mmio.length),
		T(OFFSET, check_mmio.offset),
		T(FILE_NO, check_mmio.fd, MMIO),
		T(BELOW, check_mmio.write, 2)) },

	{ "DMABUF_REVOKE", TEST_OP(IOMMU_TEST_OP_DMABUF_REVOKE,
		T(FILE_NO, dmabuf_revoke.dmabuf_fd, DMA_BUF),
		T(BELOW, dmabuf_revoke.revoked, 2)) },

	{ "TRIGGER_IOPF", TEST_OP(IOMMU_TEST_OP_TRIGGER_IOPF,
		T(ID, trigger_iopf.dev_id, DEVICE),
		T(BELOW, trigger_iopf.pasid, 2),
		T(BELOW, trigger_iopf.grpid, 512),
		T(FLAGS, trigger_iopf.perm, 15),
		T(IOVA, trigger_iopf.addr)), .weight = 1 },
	{ "TRIGGER_FAULTS", TEST_OP(IOMMU_TEST_OP_TRIGGER_FAULTS,
		T(ID, trigger_faults.dev_id, DEVICE),
		T(BELOW, trigger_faults.grpid, 512),
		T(BELOW, trigger_faults.npages, 8),
		T(IOVA, trigger_faults.addr)) },

	{ "IMPORT", TEST_OP(IOMMU_TEST_OP_IMPORT,
		T(FILE_NO, id, DMA_BUF),
		T(BELOW, import.flags, 4),
		T(BELOW, import.delay_ms, 100),
		T(OUT_FILE, import.out_fd, IMPORT)) },
	{ "IMPORT_USE", TEST_OP(IOMMU_TEST_OP_IMPORT_USE,
		T(FILE_NO, id, IMPORT),
		T(BELOW, import_use.how, 3)) },

	/* VFIO's devices; the kernel needs memory to detach one */
	{ "BIND_IOMMUFD", VFIO_DEVICE_BIND_IOMMUFD, VFIO,
	  SIZE(vfio_device_bind_iommufd), .no_failing = true, .fields = {
		F(FILE_NO, vfio_device_bind_iommufd, iommufd, IOMMU),
		F(OUT_ID, vfio_device_bind_iommufd, out_devid, DEVICE) } },
	{ "BIND_IOMMUFD with a token", VFIO_DEVICE_BIND_IOMMUFD, VFIO,
	  SIZE(vfio_device_bind_iommufd), .no_failing = true, .fields = {
		F(FLAGS, vfio_device_bind_iommufd, flags,
		  VFIO_DEVICE_BIND_FLAG_TOKEN),
		F(FILE_NO, vfio_device_bind_iommufd, iommufd, IOMMU),
		F(ADDRESS, vfio_device_bind_iommufd, token_uuid_ptr),
		F(OUT_ID, vfio_device_bind_iommufd, out_devid, DEVICE) } },
	{ "ATTACH_IOMMUFD_PT", VFIO_DEVICE_ATTACH_IOMMUFD_PT, VFIO,
	  SIZE(vfio_device_attach_iommufd_pt), .no_failing = true, .fields = {
		F(ID, vfio_device_attach_iommufd_pt, pt_id, IOAS) } },
	{ "ATTACH_IOMMUFD_PT to a HWPT", VFIO_DEVICE_ATTACH_IOMMUFD_PT, VFIO,
	  SIZE(vfio_device_attach_iommufd_pt), .no_failing = true, .fields = {
		F(ID, vfio_device_attach_iommufd_pt, pt_id, HWPT) } },
	{ "DETACH_IOMMUFD_PT", VFIO_DEVICE_DETACH_IOMMUFD_PT, VFIO,
	  SIZE(vfio_device_detach_iommufd_pt), .no_failing = true },
	{ "ATTACH_IOMMUFD_PT of a PASID", VFIO_DEVICE_ATTACH_IOMMUFD_PT, VFIO,
	  SIZE(vfio_device_attach_iommufd_pt), .no_failing = true, .fields = {
		F(IS, vfio_device_attach_iommufd_pt, flags,
		  VFIO_DEVICE_ATTACH_PASID),
		F(ID, vfio_device_attach_iommufd_pt, pt_id, HWPT),
		F(BELOW, vfio_device_attach_iommufd_pt, pasid, 4) } },
	{ "DETACH_IOMMUFD_PT of a PASID", VFIO_DEVICE_DETACH_IOMMUFD_PT, VFIO,
	  SIZE(vfio_device_detach_iommufd_pt), .no_failing = true, .fields = {
		F(IS, vfio_device_detach_iommufd_pt, flags,
		  VFIO_DEVICE_DETACH_PASID),
		F(BELOW, vfio_device_detach_iommufd_pt, pasid, 4) } },

	{ "DEVICE_RESET", VFIO_DEVICE_RESET, VFIO, .size = 0,
	  .no_failing = true },

	/* Calls other than ioctls */
	{ "mmap", .run = memory_map },
	{ "mmap of registers", .run = registers_map },
	{ "munmap", .run = memory_unmap },
	{ "mprotect", .run = memory_protect },
	{ "madvise", .run = memory_advise },
	{ "mremap", .run = memory_move },
	{ "touch", .run = memory_touch },
	{ "open /dev/iommu", .run = open_iommu },
	{ "start a device", .run = start_device, .tells = true,
	  .no_failing = true },
	{ "open /dev/vfio/devices/vfioN", .run = open_vfio, .weight = 1,
	  .no_failing = true, .tells = true },
	{ "start an emulated device", .run = start_emulated, .weight = 1,
	  .no_failing = true, .tells = true },
	{ "pin or unpin by a driver", .run = emulated_pin, .weight = 2,
	  .tells = true },
	{ "copy by a driver", .run = emulated_copy, .weight = 1,
	  .tells = true },
	{ "start a container", .run = start_container, .weight = 1,
	  .no_failing = true, .tells = true },
	{ "open /dev/vfio/vfio", .run = open_container },
	{ "open /dev/vfio/N", .run = open_group },
	{ "VFIO_GROUP_SET_CONTAINER", .run = set_container,
	  .no_failing = true },
	{ "VFIO_GROUP_UNSET_CONTAINER", .run = unset_container,
	  .no_failing = true },
	{ "VFIO_GROUP_GET_DEVICE_FD", .run = get_device, .weight = 1,
	  .no_failing = true },
	{ "mmap of a BAR", .run = bar_map, .weight = 1 },
	{ "read of faults", .run = fault_read, .weight = 1 },
	{ "write of answers", .run = fault_write, .weight = 1 },
	{ "mmap of the mock's MMIO", .run = mmio_map },
	{ "memory decoding", .run = bar_decode },
	{ "dma-buf of a BAR", .run = bar_export, .weight = 1, .tells = true },
	{ "dma-buf of the mock", .run = mock_export, .tells = true },
	{ "memfd_create", .run = memfd_open },
	{ "change of a memfd", .run = memfd_change },
	{ "mmap of a memfd", .run = memfd_map },
	{ "close", .run = file_close, .no_failing = true },
	{ "dup", .run = file_dup, .no_failing = true },
	{ "file", .run = file_odd, .no_failing = true },
	{ "fork", .run = process_fork, .no_failing = true },
	{ "sleep", .run = process_sleep, .no_failing = true },
	{ "become somebody else", .run = process_drop, .no_failing = true },
};

const unsigned int nops = ARRAY_LEN(ops);

static void set_nth(int nth, unsigned int n)
{
	char text[16];

	if (write(nth, text, snprintf(text, sizeof(text), "%u", n)) < 0)
		return;
}

/**
 * run_call() - Make a call of a program
 * @call: The call
 * @nth: /proc/thread-self/fail-nth
 *
 * Return: whether it succeeded, if it is an ioctl, or op::tells.
 */
bool run_call(const struct call *call, int nth)
{
	const struct op *op = &ops[call->op];

	succeeded = false;
	if (call->fail && !op->no_failing)
		set_nth(nth, call->fail);
	if (op->run)
		op->run(call);
	else if (op->size)
		succeeded = run_ioctl(op, call);
	else
		succeeded = run_number(op, call);
	if (call->fail && !op->no_failing) {
		set_nth(nth, 0);
		set_nth(nth, 0); /* the first write itself may have failed */
	}
	return succeeded;
}

/**
 * ops_check() - See whether the devices are there that programs use
 *
 * Return: the number of files that cannot be opened.
 */
unsigned int ops_check(void)
{
	unsigned int i, failed = 0;
	const char *node;
	int fd;

	find_devices();
	find_groups();
	for (i = 0; i < ARRAY_LEN(devices); i++) {
		node = i == EMULATED_DEVICE ? group_nodes[i] : device_nodes[i];
		fd = open(node, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			printf("fuzz: cannot open \"%s\", of %s\n", node,
			       devices[i]);
			failed++;
		}
		close(fd);
	}
	return failed;
}

/* Set up what each program finds, before its process is forked */
void ops_setup(void)
{
	static const unsigned int how[SLOTS] = { 0, 7, 2, 0 };
	unsigned int i, j;

	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	for (i = 0; i < FILES; i++)
		for (j = 0; j < KEPT; j++)
			files[i][j] = -1;
	for (i = 0; i < SLOTS; i++)
		map_slot(i, how[i]);
}

void run_prologue(void)
{
	static const struct call call;
	struct iommu_ioas_alloc arg = { .size = sizeof(arg) };

	open_iommu(&call);
	memfd_open(&call);
	if (!ioctl(files[IOMMU][0], IOMMU_IOAS_ALLOC, &arg))
		ids[IOAS][nids[IOAS]++] = arg.out_ioas_id;
}

/* Close all files while coverage is still recorded */
void run_epilogue(void)
{
	unsigned int i, j;

	for (i = 0; i < FILES; i++)
		for (j = 0; j < KEPT; j++)
			if (files[i][j] >= 0)
				close(files[i][j]);
}
