/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page tables nested by Intel's driver: calls, the tables of a guest, and what the
 * module iommufd_tracker reads of the driver's.  A test has its device file as
 * self->tracker.
 */
#ifndef SELFTESTS_VFIO_NESTED_H
#define SELFTESTS_VFIO_NESTED_H

#include <linux/const.h>

#include "../race.h"
#include "../tracing.h"
#include "dirty.h"

#define NO_PASID	0
#define NEST_PARENT	IOMMU_HWPT_ALLOC_NEST_PARENT
#define VTD_S1		IOMMU_HWPT_DATA_VTD_S1

/* Of CAP and ECAP */
#define CAP_CM		_BITULL(7)
#define CAP_FL5LP	_BITULL(60)
#define ECAP_NEST	_BITULL(26)
#define ECAP_SRS	_BITULL(31)
#define ECAP_EAFS	_BITULL(34)

/* Of an entry of the PASID table, and of its words */
#define PRESENT		_BITULL(0)
#define TYPE(words)	((words)[0] >> 6 & 7)
#define SECOND_STAGE	2
#define NESTED		3
#define TRACKS		_BITULL(9)
#define SECOND_PART	(0x1cULL | ~0xfffULL)	/* of word 0: AW, SSPTPTR */
#define DOMAIN(words)	((words)[1] & 0xffff)
#define SRE		_BITULL(0)
#define LEVELS		(3ULL << 2)
#define WPE		_BITULL(4)
#define EAFE		_BITULL(7)
#define FIRST_TABLE	(~0xfffULL)

/* Where the guest's memory is for its devices, and a page for its drivers */
#define GPA		0x40000000ULL
#define GVA		0x12345678000ULL
#define GUEST_PAGES	8

/* An entry of the guest's tables that can be written through */
#define ENTRY(gpa)	((gpa) | 3)

static inline int alloc_arg(int iommu, struct iommu_hwpt_alloc *arg)
{
	arg->size = sizeof(*arg);
	return ERR(ioctl(iommu, IOMMU_HWPT_ALLOC, arg));
}

/* A page table of the guest; id: out, its ID */
static inline int nested_alloc(int iommu, __u32 dev_id, __u32 parent,
			       __u32 flags,
			       const struct iommu_hwpt_vtd_s1 *data, __u32 *id)
{
	struct iommu_hwpt_alloc arg = {
		.flags = flags,
		.dev_id = dev_id,
		.pt_id = parent,
		.data_type = VTD_S1,
		.data_len = sizeof(*data),
		.data_uptr = (uintptr_t)data,
	};
	int rc = alloc_arg(iommu, &arg);

	*id = arg.out_hwpt_id;
	return rc;
}

/* The entry for requests with a PASID, or NO_PASID; zeroes if there is none */
static inline int read_entry(int tracker, const char *bdf, __u32 pasid,
			     __u64 *words)
{
	struct tracker_entry arg = {
		.requester = requester(bdf),
		.pasid = pasid,
	};
	int rc = ERR(ioctl(tracker, TRACKER_ENTRY, &arg));

	memcpy(words, arg.out_words, sizeof(arg.out_words));
	return rc;
}

/* Where in physical memory a device gets to, 0 for nowhere */
static inline __u64 translate(int tracker, const char *bdf, __u32 pasid,
			      __u64 iova)
{
	struct tracker_translate arg = {
		.iova = iova,
		.requester = requester(bdf),
		.pasid = pasid,
	};

	return ioctl(tracker, TRACKER_TRANSLATE, &arg) ? 0 : arg.out_phys;
}

/* The physical address of memory of this process, 0 if it is not there */
static inline __u64 phys_of(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)p / PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return entry >> 63 ? (entry & ((1ULL << 55) - 1)) * PAGE +
				     (uintptr_t)p % PAGE : 0;
}

/* Is the entry one of no page table?  A PASID may have none. */
static inline bool entry_is_blocked(int tracker, const char *bdf, __u32 pasid)
{
	__u64 words[TRACKER_WORDS];
	int rc = read_entry(tracker, bdf, pasid, words);

	return rc ? pasid && rc == -ENOENT : !(words[0] & PRESENT);
}

#define EXPECT_BLOCKED_WITH(bdf, pasid) \
	EXPECT_TRUE(entry_is_blocked(self->tracker, bdf, pasid))

/* Is it one of the parent, the words of whose entry have been read? */
#define EXPECT_PARENT_WITH(bdf, pasid, parent)				\
do {									\
	__u64 _words[TRACKER_WORDS];					\
									\
	ASSERT_EQ(0, read_entry(self->tracker, bdf, pasid, _words));	\
	EXPECT_EQ(PRESENT, _words[0] & PRESENT);			\
	EXPECT_EQ(SECOND_STAGE, TYPE(_words));				\
	EXPECT_EQ((parent)[0] & SECOND_PART, _words[0] & SECOND_PART);	\
} while (0)

/* Is it one of what is nested in it? */
#define EXPECT_NESTED_WITH(bdf, pasid, parent, data, flags)		\
do {									\
	__u64 _words[TRACKER_WORDS];					\
									\
	ASSERT_EQ(0, read_entry(self->tracker, bdf, pasid, _words));	\
	EXPECT_EQ(PRESENT, _words[0] & PRESENT);			\
	EXPECT_EQ(NESTED, TYPE(_words));				\
	EXPECT_EQ((parent)[0] & SECOND_PART, _words[0] & SECOND_PART);	\
	EXPECT_EQ((data)->pgtbl_addr, _words[2] & FIRST_TABLE);		\
	EXPECT_EQ(flags, _words[2] & ~FIRST_TABLE);			\
} while (0)

/* Tables of the guest, in its memory, for two pages that are GVA to the guest */
static inline void make_tables(__u64 *memory)
{
	unsigned int level;

	for (level = 4; level > 1; level--)
		memory[(4 - level) * PAGE / 8 +
		       (GVA >> (12 + 9 * (level - 1)) & 0x1ff)] =
			ENTRY(GPA + (5 - level) * PAGE);
	memory[3 * PAGE / 8 + (GVA >> 12 & 0x1ff)] = ENTRY(GPA + 4 * PAGE);
	memory[3 * PAGE / 8 + (GVA >> 12 & 0x1ff) + 1] =
		ENTRY(GPA + 6 * PAGE);
}

/*
 * Number of requests to the IOMMU since forget_events() that have it forget what
 * it has cached for a domain: all, or the page at an address.  VT-d has this
 * forget what is nested, too, at whatever address.
 */
static inline int flushes(__u16 domain, __u64 address)
{
	unsigned long long low, high, order;
	const char *at;
	int n = 0;

	for (at = contents(INSTANCE "/trace");
	     (at = strstr(at, "qi_submit: iotlb_inv ")); at++) {
		if (sscanf(at, "qi_submit: iotlb_inv %*[^:]: 0x%llx 0x%llx",
			   &low, &high) != 2 || (__u16)(low >> 16) != domain)
			continue;
		order = high & 0x3f;
		n += (low >> 4 & 3) == 2 ||
		     ((low >> 4 & 3) == 3 &&
		      (high & ~0xfffULL) >> (12 + order) ==
			      address >> (12 + order));
	}
	return n;
}

/*
 * The same of requests about what is nested alone, in any granularity, for a PASID
 * or NO_PASID
 */
static inline int first_stage_flushes(__u16 domain, __u32 pasid)
{
	unsigned long long low;
	const char *at;
	int n = 0;

	for (at = contents(INSTANCE "/trace");
	     (at = strstr(at, "qi_submit: p_iotlb_inv ")); at++)
		n += sscanf(at, "qi_submit: p_iotlb_inv %*[^:]: 0x%llx",
			    &low) == 1 && (__u16)(low >> 16) == domain &&
		     (low >> 32 & 0xfffff) == pasid;
	return n;
}

static inline int invalidate(int iommu, __u32 id, __u32 type,
			     const void *entries, __u32 length, __u32 *n)
{
	struct iommu_hwpt_invalidate arg = {
		.size = sizeof(arg),
		.hwpt_id = id,
		.data_uptr = (uintptr_t)entries,
		.data_type = type,
		.entry_len = length,
		.entry_num = *n,
	};
	int rc = ERR(ioctl(iommu, IOMMU_HWPT_INVALIDATE, &arg));

	*n = arg.entry_num;
	return rc;
}

/* Threads that use one nested page table, and what they use */
struct storm {
	struct race race;
	int dev;
	int iommu;
	__u32 dev_id;
	__u32 ioas;
	__u32 parent;
	__u32 id;	/* of what is nested */
	const struct iommu_hwpt_vtd_s1 *data;
	void *memory;	/* GUEST_PAGES are mapped at GPA */
};

/* fixture: has all of this by the same names, the data itself */
#define STORM_OF(fixture)						\
({									\
	typeof(fixture) _f = fixture;					\
									\
	(struct storm){							\
		.dev = _f->dev,						\
		.iommu = _f->iommu,					\
		.dev_id = _f->dev_id,					\
		.ioas = _f->ioas,					\
		.parent = _f->parent,					\
		.id = _f->id,						\
		.data = &_f->data,					\
		.memory = _f->memory,					\
	};								\
})

/* The first and the last of race_run()'s threads: rounds[0] and rounds[3] */
static inline void *invalidate_all_the_time(void *arg)
{
	struct storm *storm = arg;
	const struct iommu_hwpt_vtd_s1_invalidate e[] = {
		{ .addr = GVA, .npages = 3 }, { .npages = ~0ULL },
	};
	__u32 n;

	for (; !storm->race.stop; storm->race.rounds[0]++) {
		n = ARRAY_SIZE(e);
		race_expect(&storm->race,
			    invalidate(storm->iommu, storm->id,
				       IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, e,
				       sizeof(e[0]), &n));
		if (n != ARRAY_SIZE(e))
			race_expect(&storm->race, -EBADE);
	}
	return NULL;
}

static inline void *map_and_unmap(void *arg)
{
	const __u64 at = GPA + GUEST_PAGES * PAGE;
	struct storm *storm = arg;

	for (; !storm->race.stop; storm->race.rounds[3]++)
		race_expect(&storm->race,
			    ioas_map(storm->iommu, storm->ioas, storm->memory,
				     PAGE, at) ?:
			    ioas_unmap(storm->iommu, storm->ioas, at, PAGE));
	return NULL;
}

#endif
