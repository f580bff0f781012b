// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kinds of memory and ways to map it, when allocations fail: see failnth.h
 *
 * A real device and the mock are attached.  If a call leaves something in a
 * real domain, the IOMMU driver complains when the next call maps it again; the
 * mock's domain can be looked at.
 */
#include "failnth.h"
#include "populate.h"
#include "smaps.h"

#define FEW		20UL	/* pages, more than fit on the stack */
#define NHUGE		2UL	/* huge pages that are not populated */

FIXTURE(memory)
{
	struct subject subject;
};

FIXTURE_VARIANT(memory)
{
	size_t huge;		/* bytes in huge pages */
	size_t small;		/* after them, in small ones */
	size_t length;		/* bytes mapped */
	__u64 beyond;		/* AT, and COPY_AT */
	bool page_by_page;	/* in the domains */
	bool process_pays;
};

/* A huge page of the IOMMU */
FIXTURE_VARIANT_ADD(memory, huge)
{
	.huge = HUGE,
	.length = HUGE,
	.beyond = 100 * PAGE,
};

/* Pinned at once, but in two page tables */
FIXTURE_VARIANT_ADD(memory, huge_astride)
{
	.huge = HUGE,
	.length = HUGE,
};

/* The huge page is pinned when the rest fails. */
FIXTURE_VARIANT_ADD(memory, huge_then_small)
{
	.huge = HUGE,
	.small = FEW * PAGE,
	.length = HUGE + FEW * PAGE,
};

/* In two page tables */
FIXTURE_VARIANT_ADD(memory, page_by_page)
{
	.huge = HUGE,
	.length = 8 * PAGE,
	.beyond = 96 * PAGE,
	.page_by_page = true,
};

FIXTURE_VARIANT_ADD(memory, process_pays)
{
	.small = FEW * PAGE,
	.length = FEW * PAGE,
	.beyond = 90 * PAGE,
	.process_pays = true,
};

/* The small pages are not adjacent. */
static char *get_memory(size_t huge, size_t small)
{
	char *va = anon_aligned(huge + small, HUGE);
	size_t i;

	if (!va || madvise(va, huge, MADV_HUGEPAGE) ||
	    madvise(va + huge, small, MADV_NOHUGEPAGE))
		return NULL;
	memset(va, 1, huge);
	for (i = 0; i < small; i += 2 * PAGE)
		va[huge + i] = 1;
	for (i = PAGE; i < small; i += 2 * PAGE)
		va[huge + i] = 1;
	return smaps_kib(va, "AnonHugePages:") == (long)huge / 1024 ? va : NULL;
}

FIXTURE_SETUP(memory)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	subject->process_pays = variant->process_pays;
	ASSERT_EQ(0, set_up(subject));
	subject->memory = get_memory(variant->huge, variant->small);
	ASSERT_NE(NULL, subject->memory);
	subject->length = variant->length;
	subject->at += variant->beyond;
	subject->copy_at += variant->beyond;
	if (variant->page_by_page)
		ASSERT_EQ(0, iommu_option_set(subject->fd,
					      IOMMU_OPTION_HUGE_PAGES,
					      subject->ioas_id, 0));
	subject->dev = vfio_open_bound(EDU, subject->fd, &subject->dev_id);
	ASSERT_LE(0, subject->dev);
	ASSERT_EQ(0, limit_memory(subject->length / PAGE));
}

FIXTURE_TEARDOWN(memory)
{
	tear_down(&self->subject);
}

/* Pages charged to the process itself, or -1 */
static long charged(const struct subject *self)
{
	struct state state;
	long kib;

	return look(self, &state) ||
	       sscanf(state.vm[0], "VmLck: %ld", &kib) != 1 ? -1 : kib * 1024;
}

TEST_F_TIMEOUT(memory, map_unmap_and_copy, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach(subject));
	ASSERT_EQ(0, attach_mock(subject));
	walk(_metadata, subject, "MAP", USER, map, unmap_and_go_on);
	ASSERT_EQ(0, map_by_user(subject));
	EXPECT_EQ(variant->process_pays ? (long)subject->length : 0,
		  charged(subject));
	walk(_metadata, subject, "UNMAP", USER, unmap, map_by_user);
	walk(_metadata, subject, "COPY", USER, copy_here, unmap_copy);
}

/* The first attach pins, and the second maps the pinned pages. */
TEST_F_TIMEOUT(memory, attach, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, map_by_user(subject));
	EXPECT_EQ(0, charged(subject));
	walk(_metadata, subject, "ATTACH", USER, attach, detach);
	ASSERT_EQ(0, attach(subject));
	EXPECT_EQ(variant->process_pays ? (long)subject->length : 0,
		  charged(subject));
	ASSERT_EQ(0, mock_attach(subject->fd, subject->spare_id,
				 &subject->mock));
	/* The mock has several page tables, whose content is not checked. */
	subject->mock.hwpt_id = 0;
	walk(_metadata, subject, "MOCK_DOMAIN_REPLACE", USER, move_mock_here,
	     move_mock_away);
}

/*
 * Memory that is not populated, which workers fault in.  It is copied from an
 * IOAS without devices.
 */
FIXTURE(helped)
{
	struct subject subject;
};

FIXTURE_SETUP(helped)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, mock_load());
	ASSERT_EQ(0, allow_all_failures());
	ASSERT_EQ(0, populate_with_helper("1"));
	ASSERT_EQ(0, set_up(subject));
	subject->length = NHUGE * HUGE;
	subject->memory = anon_aligned(subject->length, HUGE);
	ASSERT_NE(NULL, subject->memory);
	subject->at += 100 * PAGE;
	ASSERT_EQ(0, allow_user_failures(true));
}

FIXTURE_TEARDOWN(helped)
{
	EXPECT_EQ(0, allow_user_failures(false));
	EXPECT_EQ(0, write_file(THREADS, "4"));
	EXPECT_EQ(0, write_file(LEAST_MIB, "1024"));
	tear_down(&self->subject);
}

static long before;	/* faults of the caller */
static long nfaults;	/* faults in calls that failed */
static long npresent;	/* huge pages populated after these calls */

/* Free the memory with its page tables, so that pages can be huge again. */
static int give_back(struct subject *self)
{
	if (mmap(self->memory, self->length, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) == MAP_FAILED ||
	    madvise(self->memory, self->length, MADV_HUGEPAGE))
		return -errno;
	before = faults();
	return 0;
}

/* If the call has failed, the next one does not. */
static int copy_missing(struct subject *self)
{
	unsigned char there;
	unsigned int i;
	int rc;

	rc = ioas_copy(self->fd, self->ioas_id, self->spare_id, self->length,
		       self->at, AT);
	if (!rc)
		return 0;
	nfaults += faults() - before;
	for (i = 0; i < NHUGE; i++) {
		if (mincore(self->memory + i * HUGE, PAGE, &there))
			return -errno;
		npresent += there & 1;
	}
	return rc;
}

TEST_F_TIMEOUT(helped, copy, 300)
{
	struct subject *subject = &self->subject;

	ASSERT_EQ(0, attach_mock(subject));
	ASSERT_EQ(0, limit_memory(NHUGE * HUGE / PAGE));
	ASSERT_EQ(0, be(USER));
	ASSERT_EQ(0, ioas_map(subject->fd, subject->spare_id, subject->memory,
			      subject->length, AT));
	ASSERT_EQ(0, be(ROOT));
	subject->prepare = give_back;
	walk(_metadata, subject, "COPY, memory missing", USER, copy_missing,
	     unmap);
	printf("# %ld huge pages by helpers\n", npresent - nfaults);
	fflush(stdout);
	EXPECT_LT(nfaults, npresent);
}

TEST_HARNESS_MAIN
