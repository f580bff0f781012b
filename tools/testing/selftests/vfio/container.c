// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO container of the kernel's VFIO core: with our backend,
 * vfio_iommu_iommufd, it does what it does with the kernel's own type1.  Each
 * test runs with both.  The calls and their errnos are in
 * ../iommu/container/type1.c.
 */
#include <sys/syscall.h>

#include "../capability.h"
#include "container.h"
#include "fault.h"

#define IOVA		0x10000000ULL
#define HUGE		(2UL << 20)
#define ENTRIES		65535

/* How many more mappings the container can have, or -errno */
static long dma_avail(int fd)
{
	union {
		struct vfio_iommu_type1_info info;
		char bytes[1024];
	} u = { .info.argsz = sizeof(u) };
	struct vfio_info_cap_header *header;
	__u32 offset;

	if (ioctl(fd, VFIO_IOMMU_GET_INFO, &u))
		return -errno;
	for (offset = u.info.cap_offset; offset; offset = header->next) {
		header = (void *)&u.bytes[offset];
		if (header->id == VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL)
			return ((struct vfio_iommu_type1_info_dma_avail *)
				header)->avail;
	}
	return -ENOENT;
}

/*
 * The most mappings of a container that is opened from now on: a parameter of
 * type1, or that of /dev/iommu, whose default is another
 */
static int set_entries(bool ours, unsigned int n)
{
	char value[16];

	snprintf(value, sizeof(value), "%u", n);
	return write_file(ours ? "/sys/module/iommufd/parameters/max_mappings" :
			  "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
			  value);
}

FIXTURE(container)
{
	int container;
	long pinned;
};

FIXTURE_VARIANT(container)
{
	const char *served_by;
	bool ours;
};

FIXTURE_VARIANT_ADD(container, type1)
{
	.served_by = "vfio_iommu_type1",
	.ours = false,
};

FIXTURE_VARIANT_ADD(container, iommufd)
{
	.served_by = "vfio_iommu_iommufd",
	.ours = true,
};

FIXTURE_SETUP(container)
{
	ASSERT_EQ(0, load_one_backend(variant->ours));
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	ASSERT_EQ(0, pci_bind(NVME, "vfio-pci"));
	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, set_entries(variant->ours, ENTRIES));
}

FIXTURE_TEARDOWN(container)
{
	close(self->container);
	EXPECT_EQ(0, set_entries(variant->ours,
				 variant->ours ? 1048576 : ENTRIES));
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, module_users(variant->served_by));
	EXPECT_EQ(0, module_unload(BACKEND_MODULE));
	EXPECT_EQ(0, module_load(TYPE1_MODULE));
}

#define PINNED()	(pinned() - self->pinned)

/* The group of a device, in the container */
#define join(bdf)							\
({									\
	int _group = group_open(bdf);					\
									\
	ASSERT_LE(0, _group);						\
	ASSERT_EQ(0, add_group(_group, self->container));		\
	_group;								\
})

#define SET_IOMMU(type)	ERR(ioctl(self->container, VFIO_SET_IOMMU, type))
#define CHECK(ext)	ERR(ioctl(self->container, VFIO_CHECK_EXTENSION, ext))

#define start(bdf)							\
({									\
	int _group = join(bdf);						\
									\
	ASSERT_EQ(0, SET_IOMMU(VFIO_TYPE1v2_IOMMU));			\
	ASSERT_EQ(1, module_users(variant->served_by));			\
	_group;								\
})

static bool dma_works(struct edu *edu, char *memory)
{
	memset(memory, 'd', PAGE);
	if (edu_from_memory(edu, IOVA, EDU_DMA_MAX))
		return false;
	memset(memory, 'm', PAGE);
	return !edu_to_memory(edu, IOVA, EDU_DMA_MAX) &&
	       filled(memory, 'd', EDU_DMA_MAX) &&
	       filled(memory + EDU_DMA_MAX, 'm', PAGE - EDU_DMA_MAX);
}

TEST_F_TIMEOUT(container, dma, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	int group = start(EDU), dev;
	char *memory = anon_pages(1);
	struct edu edu;

	dev = ERR(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, EDU));
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, edu_open(&edu, dev));
	ASSERT_EQ(0, dma_map(self->container, memory, IOVA, PAGE, RW));
	EXPECT_TRUE(dma_works(&edu, memory));
	ASSERT_EQ((long)PAGE, dma_unmap(self->container, IOVA, PAGE));
	memset(memory, 'm', PAGE);
	EXPECT_EQ(0, edu_to_memory(&edu, IOVA, EDU_DMA_MAX));
	EXPECT_TRUE(filled(memory, 'm', PAGE));

	/* The module cannot go while it serves */
	EXPECT_EQ(-EAGAIN, ERR(syscall(SYS_delete_module, variant->served_by,
				       O_NONBLOCK)));
	edu_close(&edu);
	close(dev);
	close(group);
}

/* What is mapped is there for a group that comes later, and stays for one */
TEST_F_TIMEOUT(container, groups_come_and_go, PATIENCE)
{
	int nvme = start(NVME), group, dev;
	char *memory = anon_pages(1);
	struct edu edu;

	ASSERT_EQ(0, dma_map(self->container, memory, IOVA, PAGE, RW));
	EXPECT_EQ(1, PINNED());
	group = join(EDU);
	EXPECT_EQ(1, PINNED());
	EXPECT_EQ(0, ERR(ioctl(nvme, VFIO_GROUP_UNSET_CONTAINER)));
	EXPECT_EQ(1, PINNED());
	dev = ERR(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, EDU));
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, edu_open(&edu, dev));
	EXPECT_TRUE(dma_works(&edu, memory));
	edu_close(&edu);
	EXPECT_EQ(-EBUSY, ERR(ioctl(group, VFIO_GROUP_UNSET_CONTAINER)));
	close(dev);

	/* With the last group, the container loses its type and all it maps */
	EXPECT_EQ(0, ERR(ioctl(group, VFIO_GROUP_UNSET_CONTAINER)));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, module_users(variant->served_by));
	EXPECT_EQ(-EINVAL, dma_map(self->container, memory, IOVA, PAGE, RW));
	ASSERT_EQ(0, add_group(group, self->container));
	ASSERT_EQ(0, SET_IOMMU(VFIO_TYPE1_IOMMU));
	EXPECT_EQ(0, dma_unmap(self->container, IOVA, PAGE));
	close(group);
	close(nvme);
}

/* All functions of a group are in the container, and one of them is enough */
TEST_F_TIMEOUT(container, group_of_two, PATIENCE)
{
	char *memory = anon_pages(1);
	struct edu edu;
	int group, dev;

	ASSERT_EQ(0, pci_bind(PAIR_0, NULL));
	ASSERT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
	group = start(PAIR_1);
	ASSERT_EQ(0, dma_map(self->container, memory, IOVA, PAGE, RW));
	dev = ERR(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, PAIR_1));
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, edu_open(&edu, dev));
	EXPECT_TRUE(dma_works(&edu, memory));
	edu_close(&edu);
	close(dev);
	close(group);
	EXPECT_EQ(0, pci_bind(PAIR_0, "vfio-pci"));
}

/* The VMM's part of limit_is_raised: returns the number of the step that failed. */
static int map_with_limits(int container, char *memory, int ask, int answer)
{
	char byte;

	if (set_capability(CAP_IPC_LOCK, false))
		return 1;
	if (dma_map(container, memory, IOVA, 32 * PAGE, RW))
		return 2;
	if (dma_map(container, memory + 32 * PAGE, IOVA + 32 * PAGE, PAGE, RW) !=
	    -ENOMEM)
		return 3;
	if (write(ask, "6", 1) != 1 || read(answer, &byte, 1) != 1)
		return 4;
	if (dma_map(container, memory + 32 * PAGE, IOVA + 32 * PAGE, 32 * PAGE,
		    RW))
		return 5;
	if (write(ask, "0", 1) != 1 || read(answer, &byte, 1) != 1)
		return 6;
	if (dma_map(container, memory, 0, PAGE, RW) != -ENOMEM)
		return 7;
	return 0;
}

/* By another process, as libvirt does for QEMU */
static int limit_memlock(pid_t pid, size_t pages)
{
	const struct rlimit limit = { pages * PAGE, RLIM_INFINITY };

	return ERR(prlimit(pid, RLIMIT_MEMLOCK, &limit, NULL));
}

/*
 * As when memory is plugged into a guest: libvirt raises the limit of QEMU, which
 * maps the memory then.
 */
TEST_F(container, limit_is_raised)
{
	char *memory = anon_pages(64), byte;
	int ask[2], answer[2], status;
	int group = start(EDU);
	pid_t vmm;

	ASSERT_EQ(0, pipe(ask));
	ASSERT_EQ(0, pipe(answer));
	ASSERT_EQ(0, set_memlock(32));
	vmm = fork();
	ASSERT_LE(0, vmm);
	if (!vmm)
		_exit(map_with_limits(self->container, memory, ask[1],
				      answer[0]));
	/* If it fails, it asks no more */
	close(ask[1]);
	ASSERT_EQ(1, read(ask[0], &byte, 1));
	EXPECT_EQ(32, PINNED());
	ASSERT_EQ(0, limit_memlock(vmm, 64));
	ASSERT_EQ(1, write(answer[1], "y", 1));
	ASSERT_EQ(1, read(ask[0], &byte, 1));
	EXPECT_EQ(64, PINNED());
	ASSERT_EQ(0, limit_memlock(vmm, 0));
	ASSERT_EQ(1, write(answer[1], "y", 1));
	ASSERT_EQ(vmm, waitpid(vmm, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(64 * (long)PAGE, dma_unmap(self->container, 0, 0));
	EXPECT_EQ(0, PINNED());
	close(group);
}

TEST_F_TIMEOUT(container, many_entries, 2 * PATIENCE)
{
	char *memory = anon_pages(1);
	int group = start(EDU), i;

	EXPECT_EQ(ENTRIES, dma_avail(self->container));
	for (i = 0; i < ENTRIES; i++)
		ASSERT_EQ(0, dma_map(self->container, memory,
				     4 * (1ULL << 30) + i * 2 * PAGE, PAGE,
				     RW));
	EXPECT_EQ(ENTRIES, PINNED());
	EXPECT_EQ(0, dma_avail(self->container));
	EXPECT_EQ(-ENOSPC, dma_map(self->container, memory, IOVA, PAGE, RW));
	EXPECT_EQ(ENTRIES, PINNED());
	EXPECT_EQ(ENTRIES * (long)PAGE, dma_unmap(self->container, 0, 0));
	EXPECT_EQ(ENTRIES, dma_avail(self->container));
	close(group);
}

/* The number of mappings that are left is what can be mapped, to the last one */
TEST_F(container, few_entries)
{
	enum { FEW = 8 };
	char *memory = anon_pages(FEW + 1);
	int group, i;

	ASSERT_EQ(0, set_entries(variant->ours, FEW));
	group = start(EDU);
	for (i = 0; i < FEW; i++) {
		EXPECT_EQ(FEW - i, dma_avail(self->container));
		ASSERT_EQ(0, dma_map(self->container, memory + i * PAGE,
				     IOVA + i * PAGE, PAGE, RW));
	}
	EXPECT_EQ(0, dma_avail(self->container));
	EXPECT_EQ(-ENOSPC, dma_map(self->container, memory + FEW * PAGE,
				   IOVA + FEW * PAGE, PAGE, RW));
	EXPECT_EQ(FEW, PINNED());
	/* What is wrong with the call itself comes first */
	EXPECT_EQ(-EEXIST, dma_map(self->container, memory, IOVA, PAGE, RW));
	EXPECT_EQ(-EINVAL, dma_map(self->container, memory, IOVA + FEW * PAGE,
				   PAGE, 0));
	EXPECT_EQ(-EINVAL, dma_map(self->container, memory,
				   IOVA + FEW * PAGE + 1, PAGE, RW));

	/* An unmap gives back as many as it removes */
	EXPECT_EQ(3 * (long)PAGE, dma_unmap(self->container, IOVA, 3 * PAGE));
	EXPECT_EQ(3, dma_avail(self->container));
	ASSERT_EQ(0, dma_map(self->container, memory, IOVA, 3 * PAGE, RW));
	EXPECT_EQ(2, dma_avail(self->container));
	EXPECT_EQ(FEW * (long)PAGE, dma_unmap(self->container, 0, 0));
	EXPECT_EQ(FEW, dma_avail(self->container));
	/* A map that fails takes none */
	ASSERT_EQ(0, munmap(memory + FEW * PAGE, PAGE));
	EXPECT_EQ(-EFAULT, dma_map(self->container, memory + FEW * PAGE, IOVA,
				   PAGE, RW));
	EXPECT_EQ(FEW, dma_avail(self->container));
	close(group);
}

/*
 * As SPDK and DPDK start: each huge page is mapped by itself, at an IOVA of its own.
 * Theirs are of hugetlbfs; here 16 transparent ones are mapped 256 times each, as
 * the VM lacks the memory for thousands.
 */
TEST_F_TIMEOUT(container, starts_with_huge_pages, PATIENCE)
{
	enum { PAGES = 16, MAPS = 4096 };
	char *memory;
	int group, i;

	memory = mmap(NULL, (PAGES + 1) * HUGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, memory);
	memory += -(uintptr_t)memory & (HUGE - 1);
	madvise(memory, PAGES * HUGE, MADV_HUGEPAGE);
	memset(memory, 'm', PAGES * HUGE);
	group = start(NVME);
	for (i = 0; i < MAPS; i++)
		ASSERT_EQ(0, dma_map(self->container, memory +
				     i % PAGES * HUGE, 4 * (1ULL << 30) +
				     i * HUGE, HUGE, RW));
	EXPECT_EQ(MAPS * (long)(HUGE / PAGE), PINNED());
	EXPECT_EQ(ENTRIES - MAPS, dma_avail(self->container));
	for (i = 0; i < MAPS; i++)
		ASSERT_EQ((long)HUGE, dma_unmap(self->container,
						4 * (1ULL << 30) + i * HUGE,
						HUGE));
	EXPECT_EQ(0, PINNED());
	close(group);
}

/* A process that is killed leaves nothing behind */
TEST_F_TIMEOUT(container, user_is_killed, PATIENCE)
{
	char *memory = anon_pages(64);
	int ready[2], status;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct group_user user;

		if (group_user_start(&user, EDU) ||
		    group_user_get_device(&user, EDU) ||
		    dma_map(user.container, memory, IOVA, 64 * PAGE, RW) ||
		    write(ready[1], "r", 1) != 1)
			_exit(1);
		pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	EXPECT_EQ(64, PINNED());
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, module_users(variant->served_by));
	EXPECT_TRUE(group_is_viable(EDU));
	close(ready[0]);
}

/* An emulated device, whose driver reaches what is mapped by the CPU */

FIXTURE(emulated)
{
	int container;
	int group;
	int dev;
	char *memory;	/* PAGES pages, of which page n is filled with n */
	long pinned;
};

#define PAGES	1024UL

FIXTURE_VARIANT(emulated)
{
	const char *served_by;
	bool ours;
};

FIXTURE_VARIANT_ADD(emulated, type1)
{
	.served_by = "vfio_iommu_type1",
	.ours = false,
};

FIXTURE_VARIANT_ADD(emulated, iommufd)
{
	.served_by = "vfio_iommu_iommufd",
	.ours = true,
};

FIXTURE_SETUP(emulated)
{
	unsigned long i;

	/*
	 * The driver, as others do, has a lock that it takes in dma_unmap() and holds
	 * when it pins.  With type1 that goes round in a circle by way of the open of
	 * a device.
	 */
	ASSERT_EQ(0, lockdep_looks_at_orders(variant->ours));
	ASSERT_EQ(0, module_load(EMULATED_MODULE_OF(EDU))); /* and so type1 */
	ASSERT_EQ(0, load_one_backend(variant->ours));
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	self->pinned = pinned();
	self->memory = anon_pages(PAGES);
	ASSERT_NE(MAP_FAILED, self->memory);
	for (i = 0; i < PAGES; i++)
		memset(self->memory + i * PAGE, i, PAGE);
	self->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->container);
	self->group = emulated_group_open();
	ASSERT_LE(0, self->group);
	ASSERT_EQ(0, add_group(self->group, self->container));
	ASSERT_EQ(0, SET_IOMMU(VFIO_TYPE1v2_IOMMU));
	ASSERT_EQ(1, module_users(variant->served_by));
	self->dev = ERR(ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD,
			      EMULATED_NAME));
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(emulated)
{
	close(self->dev);
	close(self->group);
	close(self->container);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, module_unload(BACKEND_MODULE));
	EXPECT_EQ(0, module_load(TYPE1_MODULE));
	EXPECT_EQ(0, module_unload(EMULATED_MODULE));
	EXPECT_EQ(0, lockdep_looks_at_orders(true));
}

static int on_pages(int dev, unsigned long request, __u64 iova,
		    unsigned int npages, int prot)
{
	struct emulated_pages arg = {
		.iova = iova,
		.npages = npages,
		.prot = prot,
	};

	return ERR(ioctl(dev, request, &arg));
}

#define PIN(iova, npages, prot)						\
	on_pages(self->dev, EMULATED_PIN, iova, npages, prot)
#define UNPIN(iova, npages)						\
	on_pages(self->dev, EMULATED_UNPIN, iova, npages, 0)

static int copy(int dev, unsigned long request, __u64 iova, void *data,
		size_t length, bool write)
{
	struct emulated_copy arg = {
		.iova = iova,
		.data = (__u64)(uintptr_t)data,
		.length = length,
		.write = write,
	};

	return ERR(ioctl(dev, request, &arg));
}

#define COPY(...)	copy(self->dev, EMULATED_COPY, __VA_ARGS__)
#define COPY_PINNED(...) copy(self->dev, EMULATED_COPY_PINNED, __VA_ARGS__)

#define STATE()								\
({									\
	struct emulated_state _state;					\
									\
	ASSERT_EQ(0, ERR(ioctl(self->dev, EMULATED_STATE, &_state)));	\
	_state;								\
})

static int map_pages(int container, const char *memory, unsigned long first,
		     unsigned long npages, int flags)
{
	return dma_map(container, memory + first * PAGE, IOVA + first * PAGE,
		       npages * PAGE, flags);
}

#define MAP(...)	map_pages(self->container, self->memory, __VA_ARGS__)

/* No IOMMU has it pinned: the memory is mapped, but not pinned */
TEST_F(emulated, map_pins_nothing)
{
	ASSERT_EQ(0, MAP(0, PAGES, RW));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(1, CHECK(VFIO_DMA_CC_IOMMU));
	EXPECT_EQ((long)(PAGES * PAGE), dma_unmap(self->container, 0, 0));
	EXPECT_EQ(0U, STATE().nunmaps);
}

TEST_F(emulated, pin)
{
	char page[PAGE];

	ASSERT_EQ(0, MAP(0, 8, RW));
	ASSERT_EQ(0, PIN(IOVA + PAGE, 3, EMULATED_READ | EMULATED_WRITE));
	EXPECT_EQ(3, PINNED());
	ASSERT_EQ(0, COPY_PINNED(IOVA + 2 * PAGE, page, PAGE, false));
	EXPECT_TRUE(filled(page, 2, PAGE));
	memset(page, 'w', PAGE);
	ASSERT_EQ(0, COPY_PINNED(IOVA + 3 * PAGE + 100, page, 50, true));
	EXPECT_TRUE(filled(self->memory + 3 * PAGE, 3, 100));
	EXPECT_TRUE(filled(self->memory + 3 * PAGE + 100, 'w', 50));
	EXPECT_TRUE(filled(self->memory + 3 * PAGE + 150, 3, PAGE - 150));

	/* Pages can be unpinned one by one */
	ASSERT_EQ(0, UNPIN(IOVA + 2 * PAGE, 1));
	EXPECT_EQ(2, PINNED());
	ASSERT_EQ(0, UNPIN(IOVA + PAGE, 1));
	ASSERT_EQ(0, UNPIN(IOVA + 3 * PAGE, 1));
	EXPECT_EQ(0, PINNED());
}

/* A page that is pinned twice stays pinned until it is unpinned twice */
TEST_F(emulated, pin_twice)
{
	ASSERT_EQ(0, MAP(0, 2, RW));
	ASSERT_EQ(0, PIN(IOVA, 2, EMULATED_READ));
	ASSERT_EQ(0, PIN(IOVA, 1, EMULATED_READ));
	EXPECT_EQ(2, PINNED());
	ASSERT_EQ(0, UNPIN(IOVA, 2));
	EXPECT_EQ(1, PINNED());
	ASSERT_EQ(0, UNPIN(IOVA, 1));
	EXPECT_EQ(0, PINNED());
}

TEST_F(emulated, pin_across_mappings)
{
	ASSERT_EQ(0, MAP(0, 2, RW));
	ASSERT_EQ(0, MAP(2, 2, RW));
	ASSERT_EQ(0, PIN(IOVA, 4, EMULATED_READ));
	EXPECT_EQ(4, PINNED());
	EXPECT_EQ(4U, STATE().npinned);
}

TEST_F(emulated, pin_errors)
{
	ASSERT_EQ(0, MAP(0, 2, RW));
	ASSERT_EQ(0, MAP(4, 2, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, MAP(8, PAGES - 8, RW));
	EXPECT_EQ(-EINVAL, PIN(IOVA, 0, EMULATED_READ));
	EXPECT_EQ(-EINVAL, PIN(IOVA + 2 * PAGE, 1, EMULATED_READ));
	EXPECT_EQ(-EINVAL, PIN(IOVA, 3, EMULATED_READ));
	EXPECT_EQ(-EINVAL, PIN(IOVA - PAGE, 2, EMULATED_READ));
	EXPECT_EQ(-EINVAL, PIN(-PAGE, 1, EMULATED_READ));
	EXPECT_EQ(type1_wrap_errno(), PIN(-PAGE, 2, EMULATED_READ));
	EXPECT_EQ(-EPERM, PIN(IOVA + 4 * PAGE, 1, EMULATED_WRITE));
	EXPECT_EQ(-EPERM, PIN(IOVA + 4 * PAGE, 2,
			      EMULATED_READ | EMULATED_WRITE));
	EXPECT_EQ(-E2BIG, PIN(IOVA + 8 * PAGE, 513, EMULATED_READ));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, PIN(IOVA + 4 * PAGE, 1, EMULATED_READ));
	EXPECT_EQ(0, PIN(IOVA + 8 * PAGE, 512, EMULATED_READ));
	EXPECT_EQ(513, PINNED());
	/* Memory that is not there */
	ASSERT_EQ(0, munmap(self->memory + (PAGES - 1) * PAGE, PAGE));
	EXPECT_EQ(-EFAULT, PIN(IOVA + (PAGES - 2) * PAGE, 2, EMULATED_READ));
	EXPECT_EQ(513, PINNED());
}

/* A driver that writes need not be permitted to read, but with type1 */
TEST_F(emulated, write_only)
{
	const int rc = variant->ours ? 0 : -EPERM;
	char page[PAGE];

	ASSERT_EQ(0, MAP(0, 2, VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_EQ(-EPERM, PIN(IOVA, 1, EMULATED_READ));
	EXPECT_EQ(-EPERM, COPY(IOVA, page, 1, false));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(rc, PIN(IOVA, 1, EMULATED_READ | EMULATED_WRITE));
	EXPECT_EQ(0, PIN(IOVA + PAGE, 1, EMULATED_WRITE));
	EXPECT_EQ(variant->ours ? 2 : 1, PINNED());
	memset(page, 'w', PAGE);
	EXPECT_EQ(rc, COPY(IOVA + PAGE, page, PAGE, true));
	EXPECT_EQ(variant->ours, filled(self->memory + PAGE, 'w', PAGE));
}

/* VFIO_TYPE1_IOMMU, which may split mappings, does not pin for drivers */
TEST_F(emulated, pin_needs_v2)
{
	close(self->dev);
	ASSERT_EQ(0, ERR(ioctl(self->group, VFIO_GROUP_UNSET_CONTAINER)));
	ASSERT_EQ(0, add_group(self->group, self->container));
	ASSERT_EQ(0, SET_IOMMU(VFIO_TYPE1_IOMMU));
	self->dev = ERR(ioctl(self->group, VFIO_GROUP_GET_DEVICE_FD,
			      EMULATED_NAME));
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, MAP(0, 2, RW));
	EXPECT_EQ(-EACCES, PIN(IOVA, 1, EMULATED_READ));
}

/* The driver is told of an unmap, and drops what it has pinned */
TEST_F(emulated, unmap)
{
	struct emulated_state state;

	ASSERT_EQ(0, MAP(0, 4, RW));
	ASSERT_EQ(0, MAP(4, 4, RW));
	ASSERT_EQ(0, PIN(IOVA, 8, EMULATED_READ));
	EXPECT_EQ(4 * (long)PAGE, dma_unmap(self->container, IOVA, 4 * PAGE));
	state = STATE();
	EXPECT_LE(1U, state.nunmaps);
	EXPECT_LE(IOVA, state.iova);
	EXPECT_GE(IOVA + 4 * PAGE, state.iova + state.length);
	EXPECT_EQ(4U, state.npinned);
	EXPECT_EQ(4, PINNED());
	EXPECT_EQ(-EINVAL, PIN(IOVA, 1, EMULATED_READ));

	/* Part of a mapping: nothing changes, and the driver is not told */
	EXPECT_EQ(-EINVAL, dma_unmap(self->container, IOVA + 4 * PAGE, PAGE));
	EXPECT_EQ(4U, STATE().npinned);
	EXPECT_EQ(4 * (long)PAGE, dma_unmap(self->container, 0, 0));
	EXPECT_EQ(0U, STATE().npinned);
	EXPECT_EQ(0, PINNED());
}

/* Pages that the driver has pinned are unpinned when the device is closed */
TEST_F(emulated, close_unpins)
{
	ASSERT_EQ(0, MAP(0, 8, RW));
	ASSERT_EQ(0, PIN(IOVA, 8, EMULATED_READ));
	close(self->dev);
	EXPECT_EQ(0, PINNED());
}

TEST_F(emulated, limit)
{
	ASSERT_EQ(0, set_memlock(4));
	ASSERT_EQ(0, set_capability(CAP_IPC_LOCK, false));
	ASSERT_EQ(0, MAP(0, 16, RW));
	EXPECT_EQ(-ENOMEM, PIN(IOVA, 5, EMULATED_READ));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0, PIN(IOVA, 4, EMULATED_READ));
	EXPECT_EQ(-ENOMEM, PIN(IOVA + 4 * PAGE, 1, EMULATED_READ));
	ASSERT_EQ(0, set_memlock(5));
	EXPECT_EQ(0, PIN(IOVA + 4 * PAGE, 1, EMULATED_READ));
	EXPECT_EQ(5, PINNED());
}

TEST_F(emulated, copy)
{
	char page[PAGE];

	ASSERT_EQ(0, MAP(0, 2, RW));
	ASSERT_EQ(0, MAP(2, 1, RW));
	ASSERT_EQ(0, MAP(4, 1, VFIO_DMA_MAP_FLAG_READ));
	ASSERT_EQ(0, COPY(IOVA + 2 * PAGE - 10, page, 30, false));
	EXPECT_TRUE(filled(page, 1, 10));
	EXPECT_TRUE(filled(page + 10, 2, 20));
	memset(page, 'w', PAGE);
	ASSERT_EQ(0, COPY(IOVA + 10, page, 20, true));
	EXPECT_TRUE(filled(self->memory + 10, 'w', 20));
	EXPECT_TRUE(filled(self->memory + 30, 0, PAGE - 30));
	EXPECT_EQ(-EINVAL, COPY(IOVA + 3 * PAGE, page, 1, false));
	EXPECT_EQ(-EINVAL, COPY(IOVA, page, 0, false));
	EXPECT_EQ(-EPERM, COPY(IOVA + 4 * PAGE, page, 1, true));
	EXPECT_EQ(0, COPY(IOVA + 4 * PAGE, page, PAGE, false));
	EXPECT_TRUE(filled(page, 4, PAGE));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(0U, STATE().nunmaps);
}

/* Its parent, which has an IOMMU, in the same container: both reach one memory */
TEST_F_TIMEOUT(emulated, beside_an_iommu, PATIENCE)
{
	int group, dev;
	struct edu edu;

	ASSERT_EQ(0, MAP(0, 8, RW));
	ASSERT_EQ(0, PIN(IOVA, 2, EMULATED_READ));
	EXPECT_EQ(2, PINNED());
	group = join(EDU);
	EXPECT_LE(8, PINNED());
	dev = ERR(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, EDU));
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, edu_open(&edu, dev));
	EXPECT_TRUE(dma_works(&edu, self->memory));
	edu_close(&edu);
	close(dev);
	close(group);
	EXPECT_EQ(2, PINNED());
	EXPECT_EQ(2U, STATE().npinned);
}

/* Its parent, bound to /dev/iommu, with memory at the same IOVA */
struct parent {
	int iommu;
	int dev;
	__u32 ioas;
	struct edu edu;
};

static int parent_open(struct parent *parent, char *memory)
{
	parent->iommu = iommu_open();
	if (parent->iommu < 0)
		return parent->iommu;
	parent->dev = vfio_open(EDU);
	if (parent->dev < 0)
		return parent->dev;
	return ioas_alloc(parent->iommu, &parent->ioas) ?:
	       ioas_map(parent->iommu, parent->ioas, memory, 8 * PAGE, IOVA) ?:
	       vfio_bind(parent->dev, parent->iommu, NULL) ?:
	       vfio_attach(parent->dev, parent->ioas, NULL) ?:
	       edu_open(&parent->edu, parent->dev);
}

static int parent_close(struct parent *parent)
{
	edu_close(&parent->edu);
	return ERR(close(parent->dev)) ?: ERR(close(parent->iommu));
}

/* Each has pins of its own, and the child outlives the parent's driver. */
TEST_F_TIMEOUT(emulated, beside_its_parent, PATIENCE)
{
	struct parent parent;
	char page[PAGE];

	ASSERT_EQ(0, MAP(0, 8, RW));
	ASSERT_EQ(0, PIN(IOVA, 2, EMULATED_READ));
	ASSERT_EQ(0, parent_open(&parent, self->memory));
	EXPECT_TRUE(dma_works(&parent.edu, self->memory));
	EXPECT_EQ(2 + 8, PINNED());
	ASSERT_EQ(0, COPY(IOVA, page, PAGE, false));
	EXPECT_EQ(0, memcmp(page, self->memory, PAGE));

	/* The child's unmap is none of the parent's, nor the other way round */
	EXPECT_EQ((long)(8 * PAGE), dma_unmap(self->container, 0, 0));
	EXPECT_EQ(1U, STATE().nunmaps);
	EXPECT_EQ(8, PINNED());
	EXPECT_TRUE(dma_works(&parent.edu, self->memory));
	ASSERT_EQ(0, MAP(0, 8, RW));
	ASSERT_EQ(0, PIN(IOVA, 2, EMULATED_READ));
	EXPECT_EQ(0, ioas_unmap(parent.iommu, parent.ioas, IOVA, 8 * PAGE));
	EXPECT_EQ(2, PINNED());
	EXPECT_EQ(1U, STATE().nunmaps);

	/* The parent is closed, and loses its driver */
	EXPECT_EQ(0, ioas_map(parent.iommu, parent.ioas, self->memory, 8 * PAGE,
			      IOVA));
	EXPECT_EQ(0, parent_close(&parent));
	ASSERT_EQ(0, pci_bind(EDU, NULL));
	EXPECT_EQ(2, PINNED());
	EXPECT_EQ(2U, STATE().npinned);
	EXPECT_EQ(0, COPY_PINNED(IOVA + PAGE, page, PAGE, false));
	EXPECT_EQ(0, memcmp(page, self->memory + PAGE, PAGE));
}

/* The parent stays as it is when the child is closed. */
TEST_F_TIMEOUT(emulated, is_closed_before_its_parent, PATIENCE)
{
	struct parent parent;

	ASSERT_EQ(0, parent_open(&parent, self->memory));
	ASSERT_EQ(0, MAP(0, 8, RW));
	ASSERT_EQ(0, PIN(IOVA, 8, EMULATED_READ));
	close(self->dev);
	close(self->group);
	close(self->container);
	EXPECT_EQ(8, PINNED());
	EXPECT_TRUE(dma_works(&parent.edu, self->memory));
	EXPECT_EQ(0, parent_close(&parent));
	EXPECT_EQ(0, PINNED());
	self->dev = -1;
	self->group = -1;
	self->container = -1;
}

/* The driver cannot be unloaded while its device is open */
TEST_F_TIMEOUT(emulated, driver_is_used, PATIENCE)
{
	EXPECT_EQ(-EAGAIN, ERR(syscall(SYS_delete_module, "iommufd_emulated",
				       O_NONBLOCK)));
	ASSERT_EQ(0, MAP(0, 8, RW));
	EXPECT_EQ(0, PIN(IOVA, 8, EMULATED_READ));
}

TEST_HARNESS_MAIN
