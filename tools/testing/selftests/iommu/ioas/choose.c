// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IOVA that the kernel chooses: every mix of reserved, allowed and mapped
 * slots of IOVA, and random mixes of ranges down to the byte, compared with a
 * search of all IOVA.
 */
#include "model.h"

#define AT		(64 * MiB)
#define SLOTS		5U
#define SLOT		(2 * PAGE)
#define ALL_SLOTS	((1U << SLOTS) - 1)
#define END		(AT + SLOTS * SLOT)
#define ROUNDS		3000

/*
 * An IOAS of which all but the slots is reserved, with a device or without.
 * Slots side by side are allowed as one range or, split, each on its own.
 */
FIXTURE(choose)
{
	int fd;
	struct mock_dev dev;
	struct ioas ioas;	/* the model's */
	char *memory;
	bool lowest;		/* no choice was made before */
};

FIXTURE_VARIANT(choose)
{
	bool device;
	bool split;
};

FIXTURE_VARIANT_ADD(choose, no_device) { false, false };
FIXTURE_VARIANT_ADD(choose, no_device_split) { false, true };
FIXTURE_VARIANT_ADD(choose, device) { true, false };
FIXTURE_VARIANT_ADD(choose, device_split) { true, true };

FIXTURE_SETUP(choose)
{
	__u32 id;

	ASSERT_EQ(0, mock_load());
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	self->memory = anon_aligned(HUGE, HUGE);
	ASSERT_NE(NULL, self->memory);
	memset(self->memory, 1, 16 * PAGE);
	if (variant->device) {
		ASSERT_EQ(0, ioas_alloc(self->fd, &id));
		ASSERT_EQ(0, mock_attach(self->fd, id, &self->dev));
	}
}

FIXTURE_TEARDOWN(choose)
{
	close(self->fd);
}

/* Go on with a new IOAS. */
static void renew(struct __test_metadata *_metadata,
		  struct _test_data_choose *self,
		  const struct _fixture_variant_choose *variant)
{
	__u32 old = self->ioas.id;

	memset(&self->ioas, 0, sizeof(self->ioas));
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas.id));
	if (variant->device) {
		ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->ioas.id));
		self->ioas.devices = 1;
	}
	if (old)
		ASSERT_EQ(0, iommu_destroy(self->fd, old));
}

static void reserve(struct __test_metadata *_metadata,
		    struct _test_data_choose *self, __u64 start, __u64 last)
{
	ASSERT_EQ(0, model_reserve(&self->ioas, start, last));
	ASSERT_EQ(0, mock_reserve(self->fd, self->ioas.id, start,
				  last - start + 1));
}

static void take(struct __test_metadata *_metadata,
		 struct _test_data_choose *self, __u64 iova, __u64 length)
{
	struct area area = { .iova = iova, .length = length };

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas.id,
			      self->memory + iova % PAGE, length, iova));
	add_area(&self->ioas, &area);
}

/* Go on with a new IOAS that has the same reserved ranges. */
static void set_allowed(struct __test_metadata *_metadata,
			struct _test_data_choose *self,
			const struct ranges *allowed)
{
	ASSERT_LE(0, ioas_empty(self->fd, self->ioas.id));
	self->ioas.n = 0;
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas.id, allowed->range,
				allowed->n));
	self->ioas.allowed = *allowed;
	self->lowest = true;
}

static __u64 wanted_alignment(__u64 length)
{
	__u64 align = PAGE;

	while (align < length && align < 1 << 30)
		align *= 2;
	return align;
}

/* The lowest free IOVA that agrees with va in the bits below align */
static bool find_place(struct _test_data_choose *self, __u64 length, __u64 va,
		       __u64 align, __u64 *iova)
{
	for (*iova = AT + (va - AT) % align; *iova < END; *iova += align)
		if (may_choose(&self->ioas, *iova, length, va))
			return true;
	return false;
}

/* Have the kernel choose, compare, and unmap again. */
static void choose(struct __test_metadata *_metadata,
		   struct _test_data_choose *self, __u64 length, __u64 va)
{
	__u64 align = wanted_alignment(length), want = 0, iova = 77;
	int rc;

	rc = ioas_map_flags(self->fd, self->ioas.id, RW, self->memory + va,
			    length, &iova);
	if (!find_place(self, length, va, align, &want)) {
		align = PAGE;
		if (!find_place(self, length, va, align, &want)) {
			ASSERT_EQ(-ENOSPC, rc) {
				TH_LOG("%#llx bytes of %#llx", length, va);
			}
			ASSERT_EQ(77, iova);
			return;
		}
	}
	ASSERT_EQ(0, rc) {
		TH_LOG("%#llx bytes of %#llx fit %#llx", length, va, want);
	}
	ASSERT_TRUE(may_choose(&self->ioas, iova, length, va)) {
		TH_LOG("%#llx bytes of %#llx: %#llx", length, va, iova);
	}
	ASSERT_EQ(va % align, iova % align) {
		TH_LOG("%#llx bytes of %#llx: %#llx", length, va, iova);
	}
	if (self->lowest)
		ASSERT_EQ(want, iova);
	self->lowest = false;
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas.id, iova, length));
}

static __u64 slot(unsigned int i)
{
	return AT + i * SLOT;
}

static void allow_slots(struct __test_metadata *_metadata,
			struct _test_data_choose *self,
			const struct _fixture_variant_choose *variant,
			unsigned int slots)
{
	struct ranges allowed = { 0 };
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		if (!(slots >> i & 1))
			continue;
		if (!variant->split && i && slots >> (i - 1) & 1)
			allowed.range[allowed.n - 1].last = slot(i + 1) - 1;
		else
			ranges_add(&allowed, slot(i), slot(i + 1) - 1);
	}
	set_allowed(_metadata, self, &allowed);
}

static void choose_each(struct __test_metadata *_metadata,
			struct _test_data_choose *self)
{
	static const struct {
		__u64 length, va;
	} choices[] = {
		{ PAGE, 0 }, { PAGE, PAGE + HALF }, { HALF, HALF },
		{ SLOT, 0 }, { SLOT, PAGE }, { SLOT - HALF, HALF },
		{ SLOT + PAGE, 0 }, { SLOT + HALF, 3 * PAGE + HALF },
		{ 2 * SLOT, 0 }, { 2 * SLOT, 3 * PAGE }, { 4 * SLOT, 0 },
	};
	unsigned int i, first = rand();

	for (i = 0; i < ARRAY_LEN(choices); i++)
		choose(_metadata, self,
		       choices[(first + i) % ARRAY_LEN(choices)].length,
		       choices[(first + i) % ARRAY_LEN(choices)].va);
}

TEST_F_TIMEOUT(choose, every_mix_of_slots, 120)
{
	const unsigned int step = patient_step();
	unsigned int reserved, allowed, taken, i;

	for (reserved = 0; reserved <= ALL_SLOTS; reserved++) {
		renew(_metadata, self, variant);
		reserve(_metadata, self, 0, AT - 1);
		reserve(_metadata, self, END, ALL);
		for (i = 0; i < SLOTS; i++)
			if (reserved >> i & 1)
				reserve(_metadata, self, slot(i),
					slot(i + 1) - 1);
		for (allowed = 0; allowed <= ALL_SLOTS; allowed++) {
			if (allowed & reserved)
				continue;
			for (taken = (reserved + allowed) % step;
			     taken <= ALL_SLOTS; taken += step) {
				if (taken & reserved)
					continue;
				allow_slots(_metadata, self, variant, allowed);
				for (i = 0; i < SLOTS; i++)
					if (taken >> i & 1)
						take(_metadata, self, slot(i),
						     SLOT);
				choose_each(_metadata, self);
			}
		}
	}
}

/* A range among the slots, of multiples of grain */
static void any_range(__u64 grain, __u64 *start, __u64 *last)
{
	*start = AT + rand() % (SLOTS * SLOT) / grain * grain;
	*last = *start + (1 + rand() % (2 * SLOT / grain)) * grain - 1;
	if (*last >= END)
		*last = END - 1;
}

TEST_F_TIMEOUT(choose, random_mixes, 120)
{
	__u64 grain = variant->device ? HALF : 1, start, last;
	struct ranges allowed;
	unsigned int round, i;

	srand(1 + variant->split);
	for (round = 0; round < ROUNDS; round++) {
		if (round % 8 == 0) {
			renew(_metadata, self, variant);
			reserve(_metadata, self, 0, AT - 1);
			reserve(_metadata, self, END, ALL);
			for (i = rand() % 5; i; i--) {
				/* Byte by byte, whatever the IOMMU's page */
				any_range(1, &start, &last);
				reserve(_metadata, self, start, last);
			}
		}
		memset(&allowed, 0, sizeof(allowed));
		for (i = rand() % 5; i; i--) {
			struct ranges reserved = all_reserved(&self->ioas);

			any_range(1, &start, &last);
			if (start < last &&
			    !ranges_meet(&allowed, start, last) &&
			    !ranges_meet(&reserved, start, last))
				ranges_add(&allowed, start, last);
		}
		set_allowed(_metadata, self, &allowed);
		for (i = rand() % 5; i; i--) {
			struct ranges reserved = all_reserved(&self->ioas);

			any_range(grain, &start, &last);
			if (!ranges_meet(&reserved, start, last) &&
			    !find_area(&self->ioas, start, last))
				take(_metadata, self, start, last - start + 1);
		}
		for (i = 0; i < 8; i++)
			choose(_metadata, self,
			       (1 + rand() % (rand() % 2 ? SLOT : 3 * SLOT) /
				grain) * grain,
			       rand() % (2 * PAGE) / grain * grain);
	}
}

/* In an empty IOAS the lowest IOVA is known, whatever the length. */
TEST(any_length)
{
	const __u64 lengths[] = {
		1, HALF, PAGE, PAGE + 1, 3 * PAGE, MiB, HUGE, HUGE + PAGE,
		512 * MiB, 1024 * MiB - PAGE, 1024 * MiB, 1ULL << 40,
	};
	const __u64 shifts[] = { 0, PAGE, 5 * PAGE + 7, MiB };
	__u64 iova, align, va = 1ULL << 40;
	int fd = iommu_open();
	unsigned int i, j;
	__u32 id;

	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_LEN(lengths); i++)
		for (j = 0; j < ARRAY_LEN(shifts); j++) {
			ASSERT_EQ(0, ioas_alloc(fd, &id));
			ASSERT_EQ(0, ioas_map_flags(fd, id, RW,
						    (void *)(va + shifts[j]),
						    lengths[i], &iova));
			align = wanted_alignment(lengths[i]);
			EXPECT_EQ(PAGE + (shifts[j] - PAGE) % align, iova) {
				TH_LOG("%#llx bytes at ...%#llx", lengths[i],
				       shifts[j]);
			}
			ASSERT_EQ(0, iommu_destroy(fd, id));
		}
	close(fd);
}

TEST_HARNESS_MAIN
