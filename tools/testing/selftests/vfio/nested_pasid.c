// SPDX-License-Identifier: GPL-2.0-only
/*
 * PASIDs attached to page tables that Intel's driver nests.  QEMU has neither:
 * the module iommufd_tracker makes the driver believe that the IOMMU nests, and
 * reads the tables that the driver makes; the module iommufd_pasid has devices
 * with PASIDs.
 */
#include "../race.h"
#include "nested.h"
#include "pasid.h"

#define FAR	1000	/* in another page of the table of PASIDs */

FIXTURE(nested_pasid)
{
	int tracker;
	int dev;
	int iommu;
	int log;
	__u32 dev_id;
	__u32 ioas;
	__u32 parent;
	__u32 id;
	__u32 last;	/* the highest PASID */
	__u64 *memory;
	struct iommu_hwpt_vtd_s1 data;
	__u64 words[TRACKER_WORDS];	/* of the entry of the parent */
	long pinned;
};

#define ATTACH(pasid, pt)	pasid_attach(self->dev, pasid, pt)
#define DETACH(pasid)		pasid_detach(self->dev, pasid)
#define BLOCKED(pasid)		EXPECT_BLOCKED_WITH(EDU, pasid)
#define IS_PARENT(pasid)	EXPECT_PARENT_WITH(EDU, pasid, self->words)
#define IS_NESTED(pasid, data, flags) \
	EXPECT_NESTED_WITH(EDU, pasid, self->words, data, flags)
#define READ_ENTRY(pasid, words) \
	ASSERT_EQ(0, read_entry(self->tracker, EDU, pasid, words))
#define WHERE(pasid, iova)	translate(self->tracker, EDU, pasid, iova)
#define PAGE_AT(n)		((char *)self->memory + (n) * PAGE)

/* A page table of the guest for PASIDs; id: out, its ID */
static int nest(struct _test_data_nested_pasid *self,
		const struct iommu_hwpt_vtd_s1 *data, __u32 *id)
{
	return nested_alloc(self->iommu, self->dev_id, self->parent, COMPATIBLE,
			    data, id);
}

/* id is one that the data names */
FIXTURE_SETUP(nested_pasid)
{
	__u64 unused;

	self->tracker = tracker_open();
	ASSERT_LE(0, self->tracker);
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST));
	self->log = kmsg_open();
	ASSERT_LE(0, self->log);
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	self->memory = anon_pages(GUEST_PAGES);
	ASSERT_NE(MAP_FAILED, (void *)self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->dev_id));
	ASSERT_EQ(expected_bits(),
		  get_hw_info(self->iommu, self->dev_id, &unused));
	self->last = (1U << expected_bits()) - 1;
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				NEST_PARENT | COMPATIBLE, &self->parent));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory,
			      GUEST_PAGES * PAGE, GPA));
	self->data.pgtbl_addr = GPA;
	self->data.addr_width = 48;
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, ATTACH(1, self->parent));
	READ_ENTRY(1, self->words);
	EXPECT_EQ(PRESENT, self->words[0] & PRESENT);
	EXPECT_EQ(SECOND_STAGE, TYPE(self->words));
	ASSERT_EQ(0, DETACH(1));
}

FIXTURE_TEARDOWN(nested_pasid)
{
	close(self->dev);
	close(self->iommu);
	close(self->log);
	BLOCKED(1);
	BLOCKED(FAR);
	BLOCKED(self->last);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, bind_anew(EDU));
	close(self->tracker);
	EXPECT_EQ(0, module_unload(TRACKER_MODULE));
}

/* One page table of the guest that takes PASIDs, among those that do not */
TEST_F(nested_pasid, flags_and_parents)
{
	__u32 flags, plain, nested, id;

	for (flags = 1; flags; flags <<= 1)
		EXPECT_EQ(flags == COMPATIBLE ? 0 : -EOPNOTSUPP,
			  nested_alloc(self->iommu, self->dev_id, self->parent,
				       flags | COMPATIBLE, &self->data, &id))
			TH_LOG("flag 0x%x", flags);
	/* Whether the parent takes PASIDs itself does not matter. */
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				NEST_PARENT, &plain));
	ASSERT_EQ(0, nested_alloc(self->iommu, self->dev_id, plain, COMPATIBLE,
				  &self->data, &id));
	ASSERT_EQ(0, nested_alloc(self->iommu, self->dev_id, self->parent, 0,
				  &self->data, &nested));
	EXPECT_EQ(-EINVAL, ATTACH(1, plain));
	EXPECT_EQ(-EINVAL, ATTACH(1, nested));
	BLOCKED(1);
	ASSERT_EQ(0, ATTACH(1, id));
	EXPECT_EQ(-EINVAL, ATTACH(1, nested));
	ASSERT_EQ(0, DETACH(1));

	/* Nor does the device reach one that does not, while a PASID is. */
	ASSERT_EQ(0, ATTACH(1, self->id));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, nested, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, nested, NULL));
	IS_NESTED(NO_PASID, &self->data, 0);
	IS_NESTED(1, &self->data, 0);
	ASSERT_EQ(0, DETACH(1));
	ASSERT_EQ(0, vfio_attach(self->dev, nested, NULL));
	EXPECT_EQ(-EINVAL, ATTACH(1, self->id));
	BLOCKED(1);

	/* Only of an IOMMU that nests */
	ASSERT_EQ(0, vfio_detach(self->dev));
	ASSERT_EQ(0, pretend(self->tracker, 0));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
					  NEST_PARENT | COMPATIBLE, &id));
	EXPECT_EQ(-EOPNOTSUPP, nest(self, &self->data, &id));
	EXPECT_EQ(-EINVAL, ATTACH(1, self->id));
	EXPECT_EQ(-EINVAL, ATTACH(1, self->parent));
	BLOCKED(1);
}

TEST_F(nested_pasid, number)
{
	const __u32 bad[] = { 0, self->last + 1, 1U << 20, ~0U };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, ATTACH(bad[i], self->id));
		EXPECT_EQ(0, DETACH(bad[i]));
	}
	ASSERT_EQ(0, ATTACH(self->last, self->id));
	IS_NESTED(self->last, &self->data, 0);
	BLOCKED(self->last - 1);
	BLOCKED(NO_PASID);
}

/* What the IOMMU finds for a PASID is what the data says, and the parent. */
TEST_F(nested_pasid, entry_of_a_pasid)
{
	struct iommu_hwpt_vtd_s1 other = self->data;
	__u64 words[TRACKER_WORDS];
	__u32 other_id, plain, ioas;

	BLOCKED(1);
	ASSERT_EQ(0, ATTACH(1, self->id));
	IS_NESTED(1, &self->data, 0);
	BLOCKED(2);
	BLOCKED(NO_PASID);
	ASSERT_EQ(0, ATTACH(1, self->id));
	IS_NESTED(1, &self->data, 0);

	/* To another one, with all that the data can say */
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST | ECAP_SRS | ECAP_EAFS));
	other.pgtbl_addr = 0x123456789000;
	other.flags = IOMMU_VTD_S1_SRE | IOMMU_VTD_S1_EAFE | IOMMU_VTD_S1_WPE;
	ASSERT_EQ(0, nest(self, &other, &other_id));
	ASSERT_EQ(0, ATTACH(1, other_id));
	IS_NESTED(1, &other, SRE | WPE | EAFE);
	ASSERT_EQ(0, ATTACH(FAR, self->id));
	IS_NESTED(FAR, &self->data, 0);
	IS_NESTED(1, &other, SRE | WPE | EAFE);
	ASSERT_EQ(0, DETACH(FAR));
	BLOCKED(FAR);
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));

	/* To the parent and back, to another IOAS and back, and to nothing */
	ASSERT_EQ(0, ATTACH(1, self->parent));
	IS_PARENT(1);
	ASSERT_EQ(0, ATTACH(1, other_id));
	IS_NESTED(1, &other, SRE | WPE | EAFE);
	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, ioas, COMPATIBLE,
				&plain));
	ASSERT_EQ(0, ATTACH(1, plain));
	READ_ENTRY(1, words);
	EXPECT_EQ(PRESENT, words[0] & PRESENT);
	EXPECT_NE(NESTED, TYPE(words));
	EXPECT_NE(self->words[0] & ~0xfffULL, words[0] & ~0xfffULL);
	ASSERT_EQ(0, ATTACH(1, other_id));
	IS_NESTED(1, &other, SRE | WPE | EAFE);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, other_id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->parent));
	ASSERT_EQ(0, DETACH(1));
	BLOCKED(1);
	EXPECT_EQ(0, iommu_destroy(self->iommu, other_id));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->parent));
}

/* The device and its PASIDs come and go in any order. */
TEST_F(nested_pasid, apart_from_the_device)
{
	ASSERT_EQ(0, vfio_attach(self->dev, self->parent, NULL));
	ASSERT_EQ(0, ATTACH(5, self->id));
	EXPECT_PARENT_WITH(EDU, NO_PASID, self->words);
	IS_NESTED(5, &self->data, 0);
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	IS_NESTED(NO_PASID, &self->data, 0);
	IS_NESTED(5, &self->data, 0);
	ASSERT_EQ(0, ATTACH(5, self->parent));
	IS_NESTED(NO_PASID, &self->data, 0);
	IS_PARENT(5);
	ASSERT_EQ(0, vfio_detach(self->dev));
	BLOCKED(NO_PASID);
	IS_PARENT(5);
	ASSERT_EQ(0, ATTACH(5, self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	ASSERT_EQ(0, DETACH(5));
	IS_NESTED(NO_PASID, &self->data, 0);
	BLOCKED(5);
}

/* What is nested leads to what the parent maps, by the tables of the guest. */
TEST_F(nested_pasid, both_stages_translate)
{
	make_tables(self->memory);
	ASSERT_NE(0, phys_of(PAGE_AT(4)));
	EXPECT_EQ(0, WHERE(1, GVA));
	ASSERT_EQ(0, ATTACH(1, self->parent));
	EXPECT_EQ(phys_of(PAGE_AT(4)), WHERE(1, GPA + 4 * PAGE));
	EXPECT_EQ(0, WHERE(1, GVA));
	ASSERT_EQ(0, ATTACH(1, self->id));
	EXPECT_EQ(0, WHERE(1, GPA + 4 * PAGE));
	EXPECT_EQ(phys_of(PAGE_AT(4)) + 0x234, WHERE(1, GVA + 0x234));
	EXPECT_EQ(phys_of(PAGE_AT(6)), WHERE(1, GVA + PAGE));
	EXPECT_EQ(0, WHERE(1, GVA + 2 * PAGE));
	EXPECT_EQ(0, WHERE(2, GVA));
	EXPECT_EQ(0, WHERE(NO_PASID, GVA));
	/* Beyond the guest's memory there is nothing. */
	self->memory[3 * PAGE / 8 + (GVA >> 12 & 0x1ff)] =
		ENTRY(GPA + GUEST_PAGES * PAGE);
	EXPECT_EQ(0, WHERE(1, GVA));
	ASSERT_EQ(0, DETACH(1));
	EXPECT_EQ(0, WHERE(1, GVA + PAGE));
}

/*
 * Number of requests that have the IOMMU read the entry of a PASID anew, since
 * forget_events()
 */
static int entries_forgotten(__u16 domain, __u32 pasid)
{
	unsigned long long low;
	const char *at;
	int n = 0;

	for (at = contents(INSTANCE "/trace");
	     (at = strstr(at, "qi_submit: pc_inv ")); at++)
		n += sscanf(at, "qi_submit: pc_inv %*[^:]: 0x%llx", &low) == 1 &&
		     (__u16)(low >> 16) == domain &&
		     (low >> 32 & 0xfffff) == pasid;
	return n;
}

/* Unmapped from the parent: it is forgotten for each PASID that is nested. */
TEST_F_TIMEOUT(nested_pasid, unmap_from_the_parent, PATIENCE)
{
	__u64 words[TRACKER_WORDS], others[TRACKER_WORDS];
	__u32 other_id;

	make_tables(self->memory);
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, GPA,
				GUEST_PAGES * PAGE));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, PAGE_AT(0), 6 * PAGE,
			      GPA));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, PAGE_AT(6), PAGE,
			      GPA + 6 * PAGE));
	ASSERT_EQ(0, nest(self, &self->data, &other_id));
	ASSERT_EQ(0, ATTACH(1, self->id));
	ASSERT_EQ(0, ATTACH(FAR, other_id));
	READ_ENTRY(1, words);
	READ_ENTRY(FAR, others);
	EXPECT_NE(DOMAIN(words), DOMAIN(others));
	EXPECT_EQ(phys_of(PAGE_AT(6)), WHERE(1, GVA + PAGE));
	EXPECT_EQ(phys_of(PAGE_AT(6)), WHERE(FAR, GVA + PAGE));

	ASSERT_EQ(0, tracing_start("intel_iommu/qi_submit"));
	EXPECT_EQ(0, flushes(DOMAIN(words), GPA + 6 * PAGE));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, GPA + 6 * PAGE, PAGE));
	EXPECT_EQ(0, WHERE(1, GVA + PAGE));
	EXPECT_EQ(0, WHERE(FAR, GVA + PAGE));
	EXPECT_EQ(phys_of(PAGE_AT(4)), WHERE(1, GVA));
	EXPECT_LE(1, flushes(DOMAIN(words), GPA + 6 * PAGE));
	EXPECT_LE(1, flushes(DOMAIN(others), GPA + 6 * PAGE));

	/* Not for one that is detached, whose own detach has done so */
	forget_events();
	ASSERT_EQ(0, DETACH(FAR));
	EXPECT_EQ(1, entries_forgotten(DOMAIN(others), FAR));
	EXPECT_LE(1, flushes(DOMAIN(others), GPA));
	forget_events();
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, GPA, 6 * PAGE));
	EXPECT_EQ(0, WHERE(1, GVA));
	EXPECT_LE(1, flushes(DOMAIN(words), GPA));
	EXPECT_EQ(0, flushes(DOMAIN(others), GPA));

	/* A replace forgets what was there. */
	forget_events();
	ASSERT_EQ(0, ATTACH(1, other_id));
	EXPECT_EQ(1, entries_forgotten(DOMAIN(words), 1));
	EXPECT_LE(1, flushes(DOMAIN(words), GPA));
	EXPECT_EQ(0, tracing_stop());
}

#define INVALIDATE(entry)						\
do {									\
	struct iommu_hwpt_vtd_s1_invalidate *_entry = entry;		\
	__u32 _n = 1;							\
									\
	EXPECT_EQ(0, invalidate(self->iommu, self->id,			\
				IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,	\
				_entry, sizeof(*_entry), &_n));		\
	EXPECT_EQ(1, _n);						\
} while (0)

/* It is about the device and each PASID that use the page table. */
TEST_F_TIMEOUT(nested_pasid, invalidate, PATIENCE)
{
	struct iommu_hwpt_vtd_s1_invalidate e = { .addr = GVA, .npages = 1 };
	__u64 words[TRACKER_WORDS], again[TRACKER_WORDS];
	__u32 other_id;

	ASSERT_EQ(0, nest(self, &self->data, &other_id));
	ASSERT_EQ(0, ATTACH(1, self->id));
	ASSERT_EQ(0, ATTACH(FAR, self->id));
	ASSERT_EQ(0, ATTACH(2, other_id));
	READ_ENTRY(1, words);
	READ_ENTRY(FAR, again);
	EXPECT_EQ(DOMAIN(words), DOMAIN(again));

	ASSERT_EQ(0, tracing_start("intel_iommu/qi_submit"));
	INVALIDATE(&e);
	EXPECT_EQ(1, first_stage_flushes(DOMAIN(words), 1));
	EXPECT_EQ(1, first_stage_flushes(DOMAIN(words), FAR));
	EXPECT_EQ(0, first_stage_flushes(DOMAIN(words), 2));
	EXPECT_EQ(0, first_stage_flushes(DOMAIN(words), NO_PASID));
	EXPECT_EQ(0, flushes(DOMAIN(words), 0));
	/* So many that the parent is flushed: for one PASID, and the other */
	e.npages = 513;
	INVALIDATE(&e);
	EXPECT_EQ(1, first_stage_flushes(DOMAIN(words), 1));
	EXPECT_EQ(2, flushes(DOMAIN(words), 0));

	ASSERT_EQ(0, DETACH(FAR));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	forget_events();
	e.npages = 1;
	INVALIDATE(&e);
	EXPECT_EQ(1, first_stage_flushes(DOMAIN(words), 1));
	EXPECT_EQ(1, first_stage_flushes(DOMAIN(words), NO_PASID));
	EXPECT_EQ(0, first_stage_flushes(DOMAIN(words), FAR));
	ASSERT_EQ(0, vfio_detach(self->dev));
	ASSERT_EQ(0, DETACH(1));
	forget_events();
	INVALIDATE(&e);
	EXPECT_EQ(0, first_stage_flushes(DOMAIN(words), 1));
	EXPECT_EQ(0, tracing_stop());
}

/*
 * The driver finds a reason to refuse only when it has blocked the PASID.  The
 * PASID is then where it was.
 */
TEST_F(nested_pasid, replace_that_fails)
{
	struct iommu_hwpt_vtd_s1 data = self->data;
	__u32 bad;
	int i;

	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST | ECAP_EAFS));
	data.flags = IOMMU_VTD_S1_EAFE;
	ASSERT_EQ(0, nest(self, &data, &bad));
	/* As if that were made for a device behind another IOMMU */
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST));
	ASSERT_EQ(0, ATTACH(1, self->parent));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-EINVAL, ATTACH(1, bad));
		IS_PARENT(1);
	}
	ASSERT_EQ(0, ATTACH(1, self->id));
	EXPECT_EQ(-EINVAL, ATTACH(1, bad));
	IS_NESTED(1, &self->data, 0);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->id));
	ASSERT_EQ(0, ATTACH(1, self->parent));
	IS_PARENT(1);
	ASSERT_EQ(0, DETACH(1));
	BLOCKED(1);
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));

	/* An attach that fails leaves it blocked. */
	EXPECT_EQ(-EINVAL, ATTACH(1, bad));
	BLOCKED(1);
	EXPECT_EQ(0, iommu_destroy(self->iommu, bad));
	ASSERT_EQ(0, ATTACH(1, self->parent));
	IS_PARENT(1);
}

/* How a PASID ends that could not be attached again either */
FIXTURE(stranded)
{
	struct _test_data_nested_pasid nested;
	__u32 old;
	__u32 bad;
};

FIXTURE_SETUP(stranded)
{
	struct _test_data_nested_pasid *nested = &self->nested;
	struct iommu_hwpt_vtd_s1 data;
	char line[1024];

	nested_pasid_setup(_metadata, nested, NULL);
	data = nested->data;
	ASSERT_EQ(0, pretend_with_cap(nested->tracker, CAP_FL5LP,
				      ECAP_NEST | ECAP_EAFS));
	data.flags = IOMMU_VTD_S1_EAFE;
	ASSERT_EQ(0, nest(nested, &data, &self->old));
	data.flags = 0;
	data.addr_width = 57;
	ASSERT_EQ(0, nest(nested, &data, &self->bad));
	ASSERT_EQ(0, pasid_attach(nested->dev, 1, self->old));
	ASSERT_EQ(0, pretend(nested->tracker, ECAP_NEST));
	EXPECT_EQ(-EINVAL, pasid_attach(nested->dev, 1, self->bad));
	EXPECT_TRUE(entry_is_blocked(nested->tracker, EDU, 1));
	EXPECT_TRUE(kmsg_find(nested->log, "PASID 1 blocked: the IOMMU cannot",
			      EDU, 2000, line));
	EXPECT_EQ(-EBUSY, iommu_destroy(nested->iommu, self->old));
	EXPECT_EQ(0, iommu_destroy(nested->iommu, self->bad));
}

FIXTURE_TEARDOWN(stranded)
{
	nested_pasid_teardown(_metadata, &self->nested, NULL);
}

/* Attach it to one that can be used. */
static void attach_anew(struct __test_metadata *_metadata,
			struct _test_data_nested_pasid *self)
{
	ASSERT_EQ(0, ATTACH(1, self->id));
	IS_NESTED(1, &self->data, 0);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->id));
}

TEST_F(stranded, attach)
{
	struct _test_data_nested_pasid *nested = &self->nested;

	attach_anew(_metadata, nested);
	EXPECT_EQ(0, iommu_destroy(nested->iommu, self->old));
}

/* To the page table where it was */
TEST_F(stranded, attach_to_the_same)
{
	struct _test_data_nested_pasid *nested = &self->nested;
	__u64 words[TRACKER_WORDS];

	EXPECT_EQ(-EINVAL, pasid_attach(nested->dev, 1, self->old));
	EXPECT_TRUE(entry_is_blocked(nested->tracker, EDU, 1));
	ASSERT_EQ(0, pretend(nested->tracker, ECAP_NEST | ECAP_EAFS));
	ASSERT_EQ(0, pasid_attach(nested->dev, 1, self->old));
	ASSERT_EQ(0, read_entry(nested->tracker, EDU, 1, words));
	EXPECT_EQ(PRESENT, words[0] & PRESENT);
	EXPECT_EQ(EAFE, words[2] & ~FIRST_TABLE);
	ASSERT_EQ(0, pasid_detach(nested->dev, 1));
	EXPECT_EQ(0, iommu_destroy(nested->iommu, self->old));
}

TEST_F(stranded, detach)
{
	struct _test_data_nested_pasid *nested = &self->nested;

	ASSERT_EQ(0, pasid_detach(nested->dev, 1));
	EXPECT_EQ(0, iommu_destroy(nested->iommu, self->old));
	attach_anew(_metadata, nested);
}

TEST_F(stranded, close)
{
	ASSERT_EQ(0, close(self->nested.dev));
	EXPECT_EQ(0, iommu_destroy(self->nested.iommu, self->old));
	self->nested.dev = -1;
}

/* Threads that invalidate, move PASIDs and the device, and map and unmap below */
static void *move_pasids(void *arg)
{
	struct storm *self = arg;

	for (; !self->race.stop; self->race.rounds[1]++)
		race_expect(&self->race, ATTACH(1, self->id) ?:
					 ATTACH(FAR, self->parent) ?:
					 ATTACH(1, self->parent) ?:
					 ATTACH(FAR, self->id) ?:
					 DETACH(1) ?: DETACH(FAR));
	return NULL;
}

static void *move_device(void *arg)
{
	struct storm *storm = arg;

	for (; !storm->race.stop; storm->race.rounds[2]++)
		race_expect(&storm->race,
			    vfio_attach(storm->dev, storm->id, NULL) ?:
			    vfio_attach(storm->dev, storm->parent, NULL) ?:
			    vfio_detach(storm->dev));
	return NULL;
}

TEST_F_TIMEOUT(nested_pasid, used_by_several_threads, PATIENCE)
{
	static void *(*const threads[])(void *) = {
		invalidate_all_the_time, move_pasids, move_device,
		map_and_unmap,
	};
	struct storm storm = STORM_OF(self);
	const int least = patient_rounds(20);
	unsigned int i;

	ASSERT_EQ(0, race_run_rounds(&storm.race, threads,
				     ARRAY_SIZE(threads), 10, least));
	EXPECT_EQ(0, storm.race.failed);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		EXPECT_LT(least, storm.race.rounds[i])
			TH_LOG("thread %u", i);
	BLOCKED(NO_PASID);
	BLOCKED(1);
	BLOCKED(FAR);
	ASSERT_EQ(0, ATTACH(FAR, self->id));
	IS_NESTED(FAR, &self->data, 0);
}

/* PASIDs and page tables end with the files, attached or not, in any order. */
TEST_F_TIMEOUT(nested_pasid, close_of_the_device, PATIENCE)
{
	__u32 i;

	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	for (i = 1; i <= 100; i++)
		ASSERT_EQ(0, ATTACH(i, i % 2 ? self->id : self->parent));
	ASSERT_EQ(0, close(self->dev));
	self->dev = -1;
	for (i = 1; i <= 100; i++)
		BLOCKED(i);
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->parent));
}

TEST_F(nested_pasid, close_of_the_context)
{
	ASSERT_EQ(0, ATTACH(1, self->id));
	ASSERT_EQ(0, close(self->iommu));
	IS_NESTED(1, &self->data, 0);
	ASSERT_EQ(0, close(self->dev));
	BLOCKED(1);
	self->dev = -1;
	self->iommu = -1;
}

SKIP_PROGRAM_IF(kernel_before(7, 3, 0),
		"this kernel attaches no page tables to PASIDs")

#define main(argc, argv) run_tests(argc, argv)
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	return run_with_pasids(run_tests, argc, argv);
}
