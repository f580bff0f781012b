// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOMMU is the one that the VM's profile names, and on each DMA reaches what
 * is mapped: at both ends of the IOVA, in pages of each size, in turn with other
 * memory; and nothing else.
 */
#include "disk.h"
#include "fault.h"
#include "group.h"

#define HUGE	(2 * MIB)
#define IOVA	0x40000000ULL	/* a multiple of 1 GiB */

/* The IOMMU of each profile, as sysfs and the driver show it */
struct machine {
	const char *profile;
	enum iommu_kind kind;
	unsigned int bits;	/* of an IOVA */
	bool identity;		/* devices of the host are not translated */
	bool large_pages;
	bool scalable;		/* for VT-d, and so is the rest */
	bool first_stage;	/* instead of the second; it has one bit less */
};

#define LARGE_PAGES	.large_pages = true

#ifdef __aarch64__
#define DEVICES_IOMMU	SMMU
#else
#define DEVICES_IOMMU	INTEL
#endif

static const struct machine machines[] = {
	{ "devices", DEVICES_IOMMU, .bits = 48, LARGE_PAGES },
	{ "amd", AMD, .bits = 64, LARGE_PAGES },
	{ "vtd-sm", INTEL, .bits = 48, LARGE_PAGES, .scalable = true },
	{ "vtd-fs", INTEL, .bits = 47, LARGE_PAGES, .scalable = true,
	  .first_stage = true },
	{ "aw39", INTEL, .bits = 39, LARGE_PAGES },
	{ "pt", INTEL, .bits = 48, LARGE_PAGES, .identity = true },
	{ "sp_off", INTEL, .bits = 48 },
	{ "virtio", VIRTIO, .bits = 39, LARGE_PAGES },
};

static const struct machine *machine_of_profile(void)
{
	const char *profile = getenv("IOMMUFD_PROFILE");
	size_t i;

	for (i = 0; profile && i < ARRAY_SIZE(machines); i++)
		if (!strcmp(machines[i].profile, profile))
			return &machines[i];
	return NULL;
}

/* What VFIO's container says of page sizes, 0 on failure */
static __u64 container_page_sizes(void)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	struct group_user user;

	if (module_load(TYPE1_MODULE) || pci_bind(EDU, "vfio-pci"))
		return 0;
	if (group_user_start(&user, EDU) ||
	    ioctl(user.container, VFIO_IOMMU_GET_INFO, &info) ||
	    !(info.flags & VFIO_IOMMU_INFO_PGSIZES))
		info.iova_pgsizes = 0;
	group_user_end(&user);
	return info.iova_pgsizes;
}

TEST(is_the_one_of_the_profile)
{
	const struct machine *m = machine_of_profile();
	__u64 cap, ecap, sizes;
	char type[32] = "";

	ASSERT_NE(NULL, m);
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	EXPECT_EQ(m->kind, iommu_of(EDU));
	ASSERT_EQ(0, pci_read(EDU, "iommu_group/type", type, sizeof(type)));
	EXPECT_EQ(m->identity, !strcmp(type, "identity"))
		TH_LOG("%s", type);

	if (m->kind == INTEL) {
		cap = vtd_register(EDU, "cap");
		ecap = vtd_register(EDU, "ecap");
		EXPECT_EQ(m->bits, CAP_MGAW(cap) - m->first_stage);
		EXPECT_EQ(m->scalable, ECAP_SMTS(ecap));
		EXPECT_EQ(m->scalable && !m->first_stage, ECAP_SSTS(ecap));
		EXPECT_EQ(m->first_stage, ECAP_FSTS(ecap));
	}
	sizes = container_page_sizes();
	EXPECT_EQ(PAGE, sizes & -sizes);
	EXPECT_EQ(m->large_pages, !!(sizes & HUGE))
		TH_LOG("page sizes %llx", sizes);
}

FIXTURE(machine)
{
	int dev;
	int iommu;
	__u32 ioas;
	struct edu edu;
	char *memory;	/* two huge pages; tests map from the first one */
};

FIXTURE_SETUP(machine)
{
	char *memory = mmap(NULL, 3 * HUGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, memory);
	self->memory = (char *)(((__u64)memory + HUGE - 1) & ~(HUGE - 1));
	ASSERT_EQ(0, madvise(self->memory, 2 * HUGE, MADV_HUGEPAGE));
	memset(self->memory, 'm', 2 * HUGE);
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, edu_open(&self->edu, self->dev));
}

FIXTURE_TEARDOWN(machine)
{
	edu_close(&self->edu);
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

#define MAP(offset, length, iova)					\
	ioas_map(self->iommu, self->ioas, self->memory + (offset), length, iova)

#define UNMAP(iova, length)						\
	ioas_unmap(self->iommu, self->ioas, iova, length)

/* DMA at iova reads and writes the memory at offset */
#define EXPECT_DMA_REACHES(iova, offset)				\
do {									\
	char *_at = self->memory + (offset);				\
	__u64 _iova = iova;						\
									\
	memset(_at, 'd', EDU_DMA_MAX);					\
	EXPECT_EQ(0, edu_from_memory(&self->edu, _iova, EDU_DMA_MAX));	\
	memset(_at, 'm', EDU_DMA_MAX);					\
	EXPECT_EQ(0, edu_to_memory(&self->edu, _iova, EDU_DMA_MAX));	\
	EXPECT_TRUE(filled(_at, 'd', EDU_DMA_MAX));			\
	memset(_at, 'm', EDU_DMA_MAX);					\
} while (0)

TEST_F_TIMEOUT(machine, both_ends_of_each_range, PATIENCE)
{
	struct iommu_iova_range ranges[8];
	const struct machine *m = machine_of_profile();
	__u32 i, n = ARRAY_SIZE(ranges);
	__u64 alignment;

	ASSERT_NE(NULL, m);
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, ioas_ranges(self->iommu, self->ioas, ranges, &n,
				 &alignment));
	EXPECT_EQ(PAGE, alignment);
	ASSERT_EQ(iova_ranges(EDU), n);
	EXPECT_EQ(0, ranges[0].start);
	EXPECT_EQ(~0ULL >> (64 - m->bits), ranges[n - 1].last);
	for (i = 0; i < n; i++) {
		__u64 first = ranges[i].start, last = ranges[i].last + 1 - PAGE;

		TH_LOG("%llx to %llx", first, ranges[i].last);
		ASSERT_EQ(0, MAP(0, PAGE, first));
		ASSERT_EQ(0, MAP(PAGE, PAGE, last));
		EXPECT_DMA_REACHES(first, 0);
		EXPECT_DMA_REACHES(last, PAGE);
		ASSERT_EQ(0, UNMAP(first, PAGE));
		ASSERT_EQ(0, UNMAP(last, PAGE));
		if (ranges[i].last != ~0ULL)
			EXPECT_EQ(-EINVAL, MAP(0, PAGE, ranges[i].last + 1));
	}
}

/*
 * Of IOVA that the device has just used, nothing remains: the IOMMU would have
 * page tables of another shape in its caches.
 */
TEST_F_TIMEOUT(machine, huge_pages_and_small_ones_in_turn, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	int i;

	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, MAP(0, 2 * HUGE, IOVA));
		EXPECT_DMA_REACHES(IOVA, 0);
		EXPECT_DMA_REACHES(IOVA + HUGE - PAGE, HUGE - PAGE);
		EXPECT_DMA_REACHES(IOVA + HUGE, HUGE);
		ASSERT_EQ(0, UNMAP(IOVA, 2 * HUGE));
		/* The other way round, and not in huge pages */
		ASSERT_EQ(0, MAP(HUGE, HUGE, IOVA));
		ASSERT_EQ(0, MAP(PAGE, HUGE - PAGE, IOVA + HUGE));
		EXPECT_DMA_REACHES(IOVA, HUGE);
		EXPECT_DMA_REACHES(IOVA + HUGE, PAGE);
		ASSERT_EQ(0, UNMAP(IOVA, HUGE));
		ASSERT_EQ(0, UNMAP(IOVA + HUGE, HUGE - PAGE));
	}
	EXPECT_TRUE(edu_write_faults(&self->edu, IOVA, EDU));
	EXPECT_TRUE(filled(self->memory, 'm', 2 * HUGE));
}

TEST_F_TIMEOUT(machine, blocked_unless_attached, PATIENCE)
{
	if (faults_hang())
		SKIP(return, FAULTS_HANG);

	ASSERT_EQ(0, MAP(0, PAGE, IOVA));
	EXPECT_TRUE(edu_write_is_blocked(&self->edu, IOVA, EDU));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_DMA_REACHES(IOVA, 0);
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_TRUE(edu_write_is_blocked(&self->edu, IOVA, EDU));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_DMA_REACHES(IOVA, 0);
	EXPECT_TRUE(filled(self->memory, 'm', 2 * HUGE));
}

FIXTURE(disk)
{
	struct disk disk;
};

FIXTURE_SETUP(disk)
{
	ASSERT_EQ(0, disk_open(&self->disk));
}

FIXTURE_TEARDOWN(disk)
{
	EXPECT_EQ(0, disk_close(&self->disk));
}

/*
 * In each round the disk reads new memory at one IOVA, of another size than
 * before, and writes it; what was there before is unmapped, and unchanged.
 */
TEST_F_TIMEOUT(disk, other_memory_of_other_sizes_at_one_iova, PATIENCE)
{
	static const size_t sizes[] = { 1, 512, 3, 64, 2, 513, 1024, 1, 511 };
	const int rounds = patient_rounds(60);
	struct disk *d = &self->disk;
	char *last = NULL;
	size_t last_length = 0;
	int round;

	for (round = 0; round < rounds; round++) {
		size_t length = sizes[round % ARRAY_SIZE(sizes)] * PAGE;
		char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		ASSERT_NE(MAP_FAILED, memory);
		if (round % 2)
			madvise(memory, length, MADV_HUGEPAGE);
		memset(memory, round, length);
		ASSERT_EQ(0, ioas_map(d->iommu, d->ioas, memory, length, IOVA));
		ASSERT_EQ(0, nvme_write(&d->nvme, LBA, IOVA, length));
		memset(memory, 0xff, length);
		ASSERT_EQ(0, nvme_read(&d->nvme, LBA, IOVA, length));
		ASSERT_TRUE(filled(memory, round, length))
			TH_LOG("round %d", round);
		ASSERT_EQ(0, ioas_unmap(d->iommu, d->ioas, IOVA, length));
		if (last) {
			ASSERT_TRUE(filled(last, 0xff, last_length))
				TH_LOG("round %d: wrote to older memory",
				       round);
			ASSERT_EQ(0, munmap(last, last_length));
		}
		memset(memory, 0xff, length);
		last = memory;
		last_length = length;
	}
}

TEST_HARNESS_MAIN
