// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables nested by Intel's driver.  QEMU's VT-d does not nest: the module
 * iommufd_tracker makes the driver believe that it does, and reads the tables
 * that the driver makes, by the specification.  QEMU would not walk them, so no
 * device does DMA meanwhile.
 */
#include "../race.h"
#include "../tracing.h"
#include "nested.h"

#define ENABLE		IOMMU_HWPT_DIRTY_TRACKING_ENABLE

FIXTURE(nested)
{
	int tracker;
	int dev;
	int iommu;
	__u32 dev_id;
	__u32 ioas;
	__u32 parent;
	__u32 id;
	__u64 *memory;
	struct iommu_hwpt_vtd_s1 data;
	long pinned;
};

FIXTURE_SETUP(nested)
{
	self->tracker = tracker_open();
	ASSERT_LE(0, self->tracker);
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST));
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	self->memory = anon_pages(GUEST_PAGES);
	ASSERT_NE(MAP_FAILED, (void *)self->memory);
	self->pinned = pinned();
	ASSERT_LE(0, self->pinned);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->dev_id));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				NEST_PARENT, &self->parent));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory,
			      GUEST_PAGES * PAGE, GPA));
	self->data.pgtbl_addr = GPA;
	self->data.addr_width = 48;
}

FIXTURE_TEARDOWN(nested)
{
	close(self->dev);
	close(self->iommu);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, bind_anew(EDU));
	close(self->tracker);
	EXPECT_EQ(0, module_unload(TRACKER_MODULE));
}

/* A page table of the guest; id: out, its ID */
static int nest(struct _test_data_nested *self,
		const struct iommu_hwpt_vtd_s1 *data, __u32 *id)
{
	return nested_alloc(self->iommu, self->dev_id, self->parent, 0, data,
			    id);
}

/* The same, which is destroyed at once */
static int try_to_nest(struct _test_data_nested *self,
		       const struct iommu_hwpt_vtd_s1 *data)
{
	__u32 id;

	return nest(self, data, &id) ?: iommu_destroy(self->iommu, id);
}

/* The entries of a device without a PASID */
#define EXPECT_BLOCKED(bdf)	EXPECT_BLOCKED_WITH(bdf, NO_PASID)
#define EXPECT_PARENT(bdf, parent) EXPECT_PARENT_WITH(bdf, NO_PASID, parent)
#define EXPECT_NESTED(bdf, parent, data, flags)				\
	EXPECT_NESTED_WITH(bdf, NO_PASID, parent, data, flags)

/* Does it not lead to the guest's tables? */
#define EXPECT_NOT_NESTED(bdf)						\
do {									\
	__u64 _words[TRACKER_WORDS];					\
									\
	ASSERT_EQ(0, read_entry(self->tracker, bdf, NO_PASID, _words));	\
	EXPECT_NE(NESTED, TYPE(_words));				\
	EXPECT_EQ(0, _words[2]);					\
} while (0)

/* The words of the entry of a device that is attached to the parent */
#define READ_PARENT(words)						\
do {									\
	__u64 *_words = words;						\
									\
	ASSERT_EQ(0, vfio_attach(self->dev, self->parent, NULL));	\
	ASSERT_EQ(0, read_entry(self->tracker, EDU, NO_PASID, _words));		\
	EXPECT_EQ(PRESENT, _words[0] & PRESENT);			\
	EXPECT_EQ(SECOND_STAGE, TYPE(_words));				\
	EXPECT_NE(0, _words[0] & ~0xfffULL);				\
} while (0)

/* Offered if the hardware has it, to each device as its hardware has it */
TEST_F(nested, offered_where_the_iommu_nests)
{
	struct iommu_hw_info_vtd vtd = {};
	struct iommu_hw_info info = {
		.size = sizeof(info),
		.dev_id = self->dev_id,
		.data_len = sizeof(vtd),
		.data_uptr = (uintptr_t)&vtd,
	};
	__u32 plain, id;

	ASSERT_EQ(0, ERR(ioctl(self->iommu, IOMMU_GET_HW_INFO, &info)));
	EXPECT_EQ(IOMMU_HW_INFO_TYPE_INTEL_VTD, info.out_data_type);
	EXPECT_EQ(ECAP_NEST, vtd.ecap_reg & ECAP_NEST);
	EXPECT_EQ(IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17, vtd.flags);
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, 0,
				&plain));

	ASSERT_EQ(0, pretend(self->tracker, 0));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
					  NEST_PARENT, &id));
	EXPECT_EQ(-EOPNOTSUPP, try_to_nest(self, &self->data));
	/* As if the device were behind another IOMMU, which cannot nest */
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->id, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->parent, NULL));
	EXPECT_BLOCKED(EDU);
	ASSERT_EQ(0, vfio_attach(self->dev, plain, NULL));
	ASSERT_EQ(0, ERR(ioctl(self->iommu, IOMMU_GET_HW_INFO, &info)));
	EXPECT_EQ(0, vtd.ecap_reg & ECAP_NEST);
}

/* PASIDs are the one thing that both page tables can be made for. */
static bool takes_flag(__u32 flag)
{
	return flag == IOMMU_HWPT_ALLOC_PASID && has_pasids(EDU);
}

TEST_F(nested, flags_and_parents)
{
	struct iommu_hwpt_alloc arg = {
		.dev_id = self->dev_id,
		.pt_id = self->parent,
		.data_type = VTD_S1,
		.data_len = sizeof(self->data),
		.data_uptr = (uintptr_t)&self->data,
	};
	__u32 plain, automatic;

	for (arg.flags = 1; arg.flags; arg.flags <<= 1)
		EXPECT_EQ(takes_flag(arg.flags) ? 0 : -EOPNOTSUPP,
			  alloc_arg(self->iommu, &arg))
			TH_LOG("flag 0x%x", arg.flags);
	arg.data_type = IOMMU_HWPT_DATA_ARM_SMMUV3;
	EXPECT_EQ(-EOPNOTSUPP, alloc_arg(self->iommu, &arg));
	arg.data_type = 0xdead;
	EXPECT_EQ(-EOPNOTSUPP, alloc_arg(self->iommu, &arg));
	arg.data_type = IOMMU_HWPT_DATA_NONE;
	EXPECT_EQ(-EINVAL, alloc_arg(self->iommu, &arg));
	arg.data_len = 0;
	EXPECT_EQ(-EOPNOTSUPP, alloc_arg(self->iommu, &arg));
	arg.data_type = VTD_S1;
	EXPECT_EQ(-EINVAL, alloc_arg(self->iommu, &arg));
	arg.data_len = sizeof(self->data);

	/* It must be one of an IOAS, made for that. */
	arg.pt_id = self->ioas;
	EXPECT_EQ(-EOPNOTSUPP, alloc_arg(self->iommu, &arg));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, 0,
				&plain));
	arg.pt_id = plain;
	EXPECT_EQ(-EINVAL, alloc_arg(self->iommu, &arg));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &automatic));
	arg.pt_id = automatic;
	EXPECT_EQ(-EINVAL, alloc_arg(self->iommu, &arg));
	arg.pt_id = self->parent;
	ASSERT_EQ(0, alloc_arg(self->iommu, &arg));
	arg.pt_id = arg.out_hwpt_id;
	EXPECT_EQ(-EINVAL, alloc_arg(self->iommu, &arg));

	/* A parent takes no other flags, but for dirty tracking. */
	for (arg.flags = IOMMU_HWPT_FAULT_ID_VALID; arg.flags; arg.flags <<= 1)
		EXPECT_EQ(takes_flag(arg.flags) ? 0 : -EOPNOTSUPP,
			  hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				     NEST_PARENT | arg.flags, &plain))
			TH_LOG("flag 0x%x", arg.flags);
}

TEST_F(nested, what_the_data_says)
{
	static const __u32 widths[] = { 0, 39, 47, 49, 52, 56, 58, 64, ~0U };
	__u64 ecap = vtd_register(EDU, "ecap");
	struct iommu_hwpt_vtd_s1 data;
	unsigned int i;

	for (i = 0; i < 64; i++) {
		data = self->data;
		data.flags = 1ULL << i;
		EXPECT_EQ(i == 0 ? (ecap & ECAP_SRS ? 0 : -EINVAL) :
			  i == 1 ? (ecap & ECAP_EAFS ? 0 : -EINVAL) :
			  i == 2 ? 0 : -EOPNOTSUPP, try_to_nest(self, &data))
			TH_LOG("flag %u", i);
	}
	for (i = 0; i < ARRAY_SIZE(widths); i++) {
		data = self->data;
		data.addr_width = widths[i];
		EXPECT_EQ(-EINVAL, try_to_nest(self, &data))
			TH_LOG("width %u", widths[i]);
	}
	for (i = 0; i < 12; i++) {
		data = self->data;
		data.pgtbl_addr |= 1ULL << i;
		EXPECT_EQ(-EINVAL, try_to_nest(self, &data));
	}
	for (i = 0; i < 32; i++) {
		data = self->data;
		data.__reserved = 1U << i;
		EXPECT_EQ(-EOPNOTSUPP, try_to_nest(self, &data));
	}
	/* Whether something is mapped there is not looked at. */
	data = self->data;
	data.pgtbl_addr = ~0xfffULL;
	EXPECT_EQ(0, try_to_nest(self, &data));

	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST | ECAP_SRS | ECAP_EAFS));
	data = self->data;
	data.flags = IOMMU_VTD_S1_SRE | IOMMU_VTD_S1_EAFE | IOMMU_VTD_S1_WPE;
	EXPECT_EQ(0, try_to_nest(self, &data));
}

TEST_F(nested, how_long_the_data_is)
{
	char *room = anon_pages(2);
	struct iommu_hwpt_alloc arg = {
		.dev_id = self->dev_id,
		.pt_id = self->parent,
		.data_type = VTD_S1,
		.data_uptr = (uintptr_t)room,
	};

	ASSERT_NE(MAP_FAILED, (void *)room);
	memcpy(room, &self->data, sizeof(self->data));
	for (arg.data_len = 1; arg.data_len < sizeof(self->data);
	     arg.data_len++)
		EXPECT_EQ(-EINVAL, alloc_arg(self->iommu, &arg));
	for (; arg.data_len <= 2 * sizeof(self->data); arg.data_len++) {
		EXPECT_EQ(0, alloc_arg(self->iommu, &arg));
		EXPECT_EQ(0, iommu_destroy(self->iommu, arg.out_hwpt_id));
	}
	arg.data_len = PAGE;
	EXPECT_EQ(0, alloc_arg(self->iommu, &arg));
	room[PAGE - 1] = 1;
	EXPECT_EQ(-E2BIG, alloc_arg(self->iommu, &arg));
	room[PAGE - 1] = 0;
	arg.data_len = PAGE + 1;
	EXPECT_EQ(-E2BIG, alloc_arg(self->iommu, &arg));
	arg.data_len = sizeof(self->data);
	arg.data_uptr = 0;
	EXPECT_EQ(-EFAULT, alloc_arg(self->iommu, &arg));
	ASSERT_EQ(0, munmap(room + PAGE, PAGE));
	arg.data_uptr = (uintptr_t)room + PAGE - sizeof(self->data) + 1;
	EXPECT_EQ(-EFAULT, alloc_arg(self->iommu, &arg));
}

/* What the IOMMU finds is what the data says, and the parent */
TEST_F(nested, entry_of_the_device)
{
	__u64 parent[TRACKER_WORDS], words[TRACKER_WORDS];
	struct iommu_hwpt_vtd_s1 other;
	__u32 other_id, pt;

	EXPECT_BLOCKED(EDU);
	READ_PARENT(parent);
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_BLOCKED(EDU);

	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	EXPECT_BLOCKED(EDU);
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, &pt));
	EXPECT_EQ(self->id, pt);
	EXPECT_NESTED(EDU, parent, &self->data, 0);

	/* To another one, with all that the data can say */
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST | ECAP_SRS | ECAP_EAFS));
	other = self->data;
	other.pgtbl_addr = 0x123456789000;
	other.flags = IOMMU_VTD_S1_SRE | IOMMU_VTD_S1_EAFE | IOMMU_VTD_S1_WPE;
	ASSERT_EQ(0, nest(self, &other, &other_id));
	ASSERT_EQ(0, vfio_attach(self->dev, other_id, NULL));
	EXPECT_NESTED(EDU, parent, &other, SRE | WPE | EAFE);
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));

	/* To the parent and back, to the IOAS and back, and to nothing */
	ASSERT_EQ(0, vfio_attach(self->dev, self->parent, NULL));
	EXPECT_PARENT(EDU, parent);
	ASSERT_EQ(0, vfio_attach(self->dev, other_id, NULL));
	EXPECT_NESTED(EDU, parent, &other, SRE | WPE | EAFE);
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, read_entry(self->tracker, EDU, NO_PASID, words));
	EXPECT_EQ(PRESENT, words[0] & PRESENT);
	EXPECT_NE(NESTED, TYPE(words));
	EXPECT_NE(parent[0] & ~0xfffULL, words[0] & ~0xfffULL);
	ASSERT_EQ(0, vfio_attach(self->dev, other_id, NULL));
	EXPECT_NESTED(EDU, parent, &other, SRE | WPE | EAFE);
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_BLOCKED(EDU);
	EXPECT_EQ(0, iommu_destroy(self->iommu, other_id));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->parent));
}

TEST_F(nested, five_levels)
{
	__u64 parent[TRACKER_WORDS];

	READ_PARENT(parent);
	self->data.addr_width = 57;
	EXPECT_EQ(-EINVAL, try_to_nest(self, &self->data));
	ASSERT_EQ(0, pretend_with_cap(self->tracker, CAP_FL5LP, ECAP_NEST));
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_NESTED(EDU, parent, &self->data, LEVELS & 1 << 2);
	/* For the driver it is another width that cannot be. */
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST));
	ASSERT_EQ(0, vfio_attach(self->dev, self->parent, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->id, NULL));
	EXPECT_PARENT(EDU, parent);
}

#define PAGE_AT(n)	((char *)self->memory + (n) * PAGE)
#define WHERE(iova)	translate(self->tracker, EDU, NO_PASID, iova)

/* What is nested leads to what the parent maps, by the tables of the guest */
TEST_F(nested, both_stages_translate)
{
	make_tables(self->memory);
	ASSERT_NE(0, phys_of(PAGE_AT(4)));
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	EXPECT_EQ(0, WHERE(GVA));
	ASSERT_EQ(0, vfio_attach(self->dev, self->parent, NULL));
	EXPECT_EQ(phys_of(PAGE_AT(4)), WHERE(GPA + 4 * PAGE));
	EXPECT_EQ(0, WHERE(GVA));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_EQ(0, WHERE(GPA + 4 * PAGE));
	EXPECT_EQ(phys_of(PAGE_AT(4)) + 0x234, WHERE(GVA + 0x234));
	EXPECT_EQ(phys_of(PAGE_AT(6)), WHERE(GVA + PAGE));
	EXPECT_EQ(0, WHERE(GVA + 2 * PAGE));
	/* The guest changes its tables; beyond its memory there is nothing. */
	self->memory[3 * PAGE / 8 + (GVA >> 12 & 0x1ff)] = ENTRY(GPA + 5 * PAGE);
	EXPECT_EQ(phys_of(PAGE_AT(5)), WHERE(GVA));
	self->memory[3 * PAGE / 8 + (GVA >> 12 & 0x1ff)] =
		ENTRY(GPA + GUEST_PAGES * PAGE);
	EXPECT_EQ(0, WHERE(GVA));
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, WHERE(GVA + PAGE));
}

/* Unmapped from the parent: it is forgotten for each device that is nested */
TEST_F_TIMEOUT(nested, unmap_from_the_parent, PATIENCE)
{
	__u64 words[TRACKER_WORDS], others[TRACKER_WORDS];
	int other = open_vfio(NVME);
	__u32 other_id;

	make_tables(self->memory);
	ASSERT_EQ(0, vfio_bind(other, self->iommu, NULL));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, GPA,
				GUEST_PAGES * PAGE));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, PAGE_AT(0), 6 * PAGE,
			      GPA));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, PAGE_AT(6), PAGE,
			      GPA + 6 * PAGE));
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, nest(self, &self->data, &other_id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	ASSERT_EQ(0, vfio_attach(other, other_id, NULL));
	ASSERT_EQ(0, read_entry(self->tracker, EDU, NO_PASID, words));
	ASSERT_EQ(0, read_entry(self->tracker, NVME, NO_PASID, others));
	/* What is cached for one cannot be taken for that of the other. */
	EXPECT_NE(DOMAIN(words), DOMAIN(others));
	EXPECT_EQ(phys_of(PAGE_AT(6)), WHERE(GVA + PAGE));

	ASSERT_EQ(0, tracing_start("intel_iommu/qi_submit"));
	EXPECT_EQ(0, flushes(DOMAIN(words), GPA + 6 * PAGE));
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, GPA + 6 * PAGE, PAGE));
	EXPECT_EQ(0, WHERE(GVA + PAGE));
	EXPECT_EQ(0, translate(self->tracker, NVME, NO_PASID,
			       GVA + PAGE));
	EXPECT_EQ(phys_of(PAGE_AT(4)), WHERE(GVA));
	EXPECT_LE(1, flushes(DOMAIN(words), GPA + 6 * PAGE));
	EXPECT_LE(1, flushes(DOMAIN(others), GPA + 6 * PAGE));

	/* Not for one that is detached, whose own detach has done so */
	forget_events();
	ASSERT_EQ(0, vfio_detach(other));
	EXPECT_LE(1, flushes(DOMAIN(others), GPA));
	forget_events();
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, GPA, 6 * PAGE));
	EXPECT_EQ(0, WHERE(GVA));
	EXPECT_LE(1, flushes(DOMAIN(words), GPA));
	EXPECT_EQ(0, flushes(DOMAIN(others), GPA));
	EXPECT_EQ(0, tracing_stop());
	close(other);
}

/*
 * An IOMMU that caches what is not present has to be told of what is mapped, for
 * what is nested, too.
 */
TEST_F(nested, caching_mode)
{
	__u64 words[TRACKER_WORDS];
	__u32 other;

	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, pretend_with_cap(self->tracker, CAP_CM, ECAP_NEST));
	if (kernel_before(7, 0, 0)) {
		EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->iommu, self->dev_id,
						  self->ioas, NEST_PARENT,
						  &other));
		EXPECT_EQ(-EOPNOTSUPP, try_to_nest(self, &self->data));
		EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->id, NULL));
		ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST));
		return;
	}
	/* The parent is from before: its IOMMU is another one. */
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->id, NULL));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				NEST_PARENT, &self->parent));
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	ASSERT_EQ(0, read_entry(self->tracker, EDU, NO_PASID, words));
	ASSERT_EQ(0, tracing_start("intel_iommu/qi_submit"));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      GPA + GUEST_PAGES * PAGE));
	EXPECT_LE(1, flushes(DOMAIN(words), GPA + GUEST_PAGES * PAGE));
	EXPECT_EQ(0, tracing_stop());
	/* The kernel's own page table is from before, too. */
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST));
}

#define EXPECT_INVALIDATED(rc, done, entries, wanted)			\
do {									\
	__u32 _n = wanted;						\
									\
	EXPECT_EQ(rc, invalidate(self->iommu, self->id,			\
				 IOMMU_HWPT_INVALIDATE_DATA_VTD_S1,	\
				 entries, sizeof((entries)[0]), &_n));	\
	EXPECT_EQ(done, _n);						\
} while (0)

/* Entries take effect up to the first that is wrong, attached or not */
TEST_F_TIMEOUT(nested, invalidate, PATIENCE)
{
	const struct iommu_hwpt_vtd_s1_invalidate wrong[] = {
		{ .flags = 2, .npages = 1 },
		{ .flags = 1U << 31, .npages = 1 },
		{ .__reserved = 1, .npages = 1 },
		{ .addr = 1, .npages = 1 },
		{ .addr = GVA + 0x800, .npages = 1 },
		{ .addr = PAGE, .npages = ~0ULL },
	};
	const int errors[] = { -EOPNOTSUPP, -EOPNOTSUPP, -EOPNOTSUPP, -EINVAL,
			       -EINVAL, -EINVAL };
	struct iommu_hwpt_vtd_s1_invalidate e[130];
	__u64 words[TRACKER_WORDS];
	unsigned int i, attached;
	__u32 n;

	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	for (attached = 0; attached < 2; attached++) {
		if (attached)
			ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
		for (i = 0; i < ARRAY_SIZE(e); i++)
			e[i] = (struct iommu_hwpt_vtd_s1_invalidate) {
				.addr = GVA + i * PAGE,
				.npages = i,
				.flags = i % 2,
			};
		e[1] = (struct iommu_hwpt_vtd_s1_invalidate) {
			.npages = ~0ULL,
		};
		e[2].npages = 1ULL << 52;
		e[3].addr = ~0xfffULL;
		EXPECT_INVALIDATED(0, 0, e, 0);
		EXPECT_INVALIDATED(0, 1, e, 1);
		EXPECT_INVALIDATED(0, 130, e, 130);
		for (i = 0; i < ARRAY_SIZE(wrong); i++) {
			e[100] = wrong[i];
			EXPECT_INVALIDATED(errors[i], 100, e, 130);
			EXPECT_INVALIDATED(errors[i], 0, &e[100], 30);
		}
	}
	for (n = 0; n < 2; n++) {
		__u32 done = n;

		EXPECT_EQ(-EINVAL, invalidate(self->iommu, self->id, 1, e,
					      sizeof(*e), &done));
		EXPECT_EQ(0, done);
	}
	n = 1;
	EXPECT_EQ(-EINVAL, invalidate(self->iommu, self->id, 0, e,
				      sizeof(*e) - 1, &n));
	n = 1;
	EXPECT_EQ(-E2BIG, invalidate(self->iommu, self->id, 0, e,
				     2 * sizeof(*e), &n));
	n = 1;
	memset(&e[1], 0, sizeof(e[1]));
	EXPECT_EQ(0, invalidate(self->iommu, self->id, 0, e, 2 * sizeof(*e),
				&n));
	EXPECT_EQ(1, n);
	EXPECT_INVALIDATED(-EFAULT, 0, (typeof(*e) *)8, 1);
	n = 0;
	EXPECT_EQ(-EINVAL, invalidate(self->iommu, self->parent, 0, NULL, 0,
				      &n));

	/* The IOMMU is asked: for pages, or for all if there are many. */
	ASSERT_EQ(0, read_entry(self->tracker, EDU, NO_PASID, words));
	ASSERT_EQ(0, tracing_start("intel_iommu/qi_submit"));
	memset(e, 0, sizeof(*e));
	e[0].npages = 512;
	EXPECT_INVALIDATED(0, 1, e, 1);
	EXPECT_EQ(1, first_stage_flushes(DOMAIN(words), NO_PASID));
	EXPECT_EQ(0, flushes(DOMAIN(words), 0));
	e[0].npages = 513;
	EXPECT_INVALIDATED(0, 1, e, 1);
	EXPECT_EQ(1, first_stage_flushes(DOMAIN(words), NO_PASID));
	EXPECT_EQ(1, flushes(DOMAIN(words), 0));
	e[0].npages = ~0ULL;
	EXPECT_INVALIDATED(0, 1, e, 1);
	EXPECT_EQ(2, flushes(DOMAIN(words), 0));
	/* Two pages that have hardly a bit of their addresses in common */
	e[0].addr = (1ULL << 47) - PAGE;
	e[0].npages = 2;
	EXPECT_INVALIDATED(0, 1, e, 1);
	EXPECT_EQ(3, flushes(DOMAIN(words), 0));
	e[0].npages = 1;
	EXPECT_INVALIDATED(0, 1, e, 1);
	EXPECT_EQ(2, first_stage_flushes(DOMAIN(words), NO_PASID));
	e[0].npages = 0;
	EXPECT_INVALIDATED(0, 1, e, 1);
	EXPECT_EQ(2, first_stage_flushes(DOMAIN(words), NO_PASID));
	EXPECT_EQ(3, flushes(DOMAIN(words), 0));
	EXPECT_EQ(0, tracing_stop());
}

/* Threads that invalidate, move the device, nest, and map and unmap below */
static void *move_device(void *arg)
{
	struct storm *storm = arg;

	for (; !storm->race.stop; storm->race.rounds[1]++)
		race_expect(&storm->race,
			    vfio_attach(storm->dev, storm->id, NULL) ?:
			    vfio_attach(storm->dev, storm->parent, NULL) ?:
			    vfio_attach(storm->dev, storm->id, NULL) ?:
			    vfio_detach(storm->dev));
	return NULL;
}

static void *nest_all_the_time(void *arg)
{
	struct storm *storm = arg;
	__u32 id;

	for (; !storm->race.stop; storm->race.rounds[2]++)
		race_expect(&storm->race,
			    nested_alloc(storm->iommu, storm->dev_id,
					 storm->parent, 0, storm->data, &id) ?:
			    iommu_destroy(storm->iommu, id));
	return NULL;
}

TEST_F_TIMEOUT(nested, used_by_several_threads, PATIENCE)
{
	static void *(*const threads[])(void *) = {
		invalidate_all_the_time, move_device, nest_all_the_time,
		map_and_unmap,
	};
	const int least = patient_rounds(20);
	__u64 parent[TRACKER_WORDS];
	struct storm storm;
	unsigned int i;

	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	storm = STORM_OF(self);
	ASSERT_EQ(0, race_run_rounds(&storm.race, threads,
				     ARRAY_SIZE(threads), 10, least));
	EXPECT_EQ(0, storm.race.failed);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		EXPECT_LT(least, storm.race.rounds[i])
			TH_LOG("thread %u", i);
	EXPECT_BLOCKED(EDU);
	READ_PARENT(parent);
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_NESTED(EDU, parent, &self->data, 0);
}

/* The parent stays; what is nested keeps no IOAS of its own. */
TEST_F(nested, order_of_destruction)
{
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->parent));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->parent));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->parent));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->parent));
	EXPECT_EQ(0, ioas_unmap(self->iommu, self->ioas, GPA,
				GUEST_PAGES * PAGE));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

/* Closing the files undoes everything, in any order. */
TEST_F(nested, close_while_attached)
{
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
}

TEST_F(nested, close_of_the_device)
{
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	close(self->dev);
	/* The kernel has the device, with a page table of its own. */
	EXPECT_NOT_NESTED(EDU);
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));
	self->dev = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/*
 * The driver finds a reason to refuse only when it has blocked the device.  The
 * device is then where it was.
 */
TEST_F(nested, replace_that_fails)
{
	__u64 parent[TRACKER_WORDS];
	struct iommu_hwpt_vtd_s1 data = self->data;
	__u32 other_id;
	int i;

	READ_PARENT(parent);
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST | ECAP_EAFS));
	data.flags = IOMMU_VTD_S1_EAFE;
	ASSERT_EQ(0, nest(self, &data, &self->id));
	ASSERT_EQ(0, nest(self, &self->data, &other_id));
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->id, NULL));
		EXPECT_PARENT(EDU, parent);
	}
	ASSERT_EQ(0, vfio_attach(self->dev, other_id, NULL));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->id, NULL));
	EXPECT_NESTED(EDU, parent, &self->data, 0);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, other_id));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->parent, NULL));
	EXPECT_PARENT(EDU, parent);
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_BLOCKED(EDU);

	/* An attach that fails leaves it blocked. */
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST | ECAP_EAFS));
	ASSERT_EQ(0, nest(self, &data, &self->id));
	ASSERT_EQ(0, pretend(self->tracker, ECAP_NEST));
	EXPECT_EQ(-EINVAL, vfio_attach(self->dev, self->id, NULL));
	EXPECT_BLOCKED(EDU);
	ASSERT_EQ(0, vfio_attach(self->dev, other_id, NULL));
	EXPECT_NESTED(EDU, parent, &self->data, 0);
}

/* Devices in groups of their own and in one */
TEST_F_TIMEOUT(nested, several_devices, PATIENCE)
{
	int pair[2] = { open_vfio(PAIR_0), open_vfio(PAIR_1) };
	__u64 parent[TRACKER_WORDS];
	__u32 other_id;
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, vfio_bind(pair[i], self->iommu, NULL));
	READ_PARENT(parent);
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, nest(self, &self->data, &other_id));
	ASSERT_EQ(0, vfio_attach(pair[0], self->id, NULL));
	EXPECT_NESTED(PAIR_0, parent, &self->data, 0);
	EXPECT_NESTED(PAIR_1, parent, &self->data, 0);
	EXPECT_EQ(-EINVAL, vfio_attach(pair[1], other_id, NULL));
	ASSERT_EQ(0, vfio_attach(pair[1], self->id, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_NESTED(EDU, parent, &self->data, 0);
	close(pair[0]);
	EXPECT_NESTED(PAIR_1, parent, &self->data, 0);
	ASSERT_EQ(0, vfio_attach(pair[1], other_id, NULL));
	EXPECT_NESTED(PAIR_0, parent, &self->data, 0);
	close(pair[1]);
	EXPECT_NOT_NESTED(PAIR_0);
	EXPECT_NOT_NESTED(PAIR_1);
	EXPECT_NESTED(EDU, parent, &self->data, 0);
}

/* An erratum of some IOMMUs: the parent must map nothing that is read-only. */
TEST_F(nested, no_read_only_mapping)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		.ioas_id = self->ioas,
		.user_va = (uintptr_t)self->memory,
		.length = PAGE,
		.iova = GPA - PAGE,
	};
	__u32 id;

	EXPECT_EQ(-EINVAL, ERR(ioctl(self->iommu, IOMMU_IOAS_MAP, &map)));
	ASSERT_EQ(0, vfio_attach(self->dev, self->parent, NULL));
	EXPECT_EQ(0, WHERE(GPA - PAGE));
	EXPECT_NE(0, WHERE(GPA));
	ASSERT_EQ(0, vfio_detach(self->dev));
	ASSERT_EQ(0, iommu_destroy(self->iommu, self->parent));
	EXPECT_EQ(0, ERR(ioctl(self->iommu, IOMMU_IOAS_MAP, &map)));
	EXPECT_EQ(-EINVAL, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				      NEST_PARENT, &id));
	EXPECT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, 0, &id));
}

/* The regions that the device needs are reserved in the IOAS of the parent. */
TEST_F(nested, reserved_regions)
{
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      MSI_START));
	EXPECT_EQ(-EADDRINUSE, vfio_attach(self->dev, self->id, NULL));
	EXPECT_BLOCKED(EDU);
	ASSERT_EQ(0, ioas_unmap(self->iommu, self->ioas, MSI_START, PAGE));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	EXPECT_EQ(-EINVAL, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
				    MSI_START));
	ASSERT_EQ(0, vfio_attach(self->dev, self->parent, NULL));
	EXPECT_EQ(-EINVAL, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
				    MSI_START));
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, PAGE,
			      MSI_START));
}

/* Whatever is nested in a page table that tracks is tracked by that one. */
TEST_F(nested, dirty_tracking)
{
	__u64 words[TRACKER_WORDS];
	__u32 tracked, i;

	if (!kernel_tracks()) {
		EXPECT_EQ(-EOPNOTSUPP,
			  hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				     NEST_PARENT | TRACKED, &tracked));
		return;
	}
	ASSERT_EQ(0, lockdep_looks_at_orders(false)); /* as in dirty.c */
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				NEST_PARENT | TRACKED, &tracked));
	self->parent = tracked;
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	EXPECT_EQ(-ENOENT, dirty_set(self->iommu, self->id, ENABLE));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
		ASSERT_EQ(0, read_entry(self->tracker, EDU, NO_PASID, words));
		EXPECT_EQ(NESTED, TYPE(words));
		EXPECT_EQ(i ? TRACKS : 0, words[0] & TRACKS);
		ASSERT_EQ(0, dirty_set(self->iommu, tracked, ENABLE));
		ASSERT_EQ(0, read_entry(self->tracker, EDU, NO_PASID, words));
		EXPECT_EQ(TRACKS, words[0] & TRACKS);
		ASSERT_EQ(0, vfio_detach(self->dev));
	}
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	ASSERT_EQ(0, dirty_set(self->iommu, tracked, 0));
	ASSERT_EQ(0, read_entry(self->tracker, EDU, NO_PASID, words));
	EXPECT_EQ(NESTED, TYPE(words));
	EXPECT_EQ(0, words[0] & TRACKS);
	EXPECT_EQ(0, lockdep_looks_at_orders(true));
}

/* After all that the device does DMA by the parent. */
TEST_F_TIMEOUT(nested, dma_by_the_parent, PATIENCE)
{
	struct edu edu;

	ASSERT_EQ(0, edu_open(&edu, self->dev));
	ASSERT_EQ(0, nest(self, &self->data, &self->id));
	ASSERT_EQ(0, vfio_attach(self->dev, self->id, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->parent, NULL));
	memset(self->memory, 'd', PAGE);
	EXPECT_EQ(0, edu_from_memory(&edu, GPA, EDU_DMA_MAX));
	memset(self->memory, 'm', PAGE);
	EXPECT_EQ(0, edu_to_memory(&edu, GPA + PAGE, EDU_DMA_MAX));
	EXPECT_TRUE(filled(PAGE_AT(1), 'd', EDU_DMA_MAX));
	EXPECT_TRUE(filled(self->memory, 'm', PAGE));
	edu_close(&edu);
}

SKIP_PROGRAM_IF(kernel_before(6, 12, 0),
		"IOMMU drivers of this kernel nest no page tables")

TEST_HARNESS_MAIN
