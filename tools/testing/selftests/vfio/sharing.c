// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices share page tables only if their IOMMUs walk them alike.  All devices here
 * have one IOMMU, and a module has the IOMMU driver take it for another before the
 * second device is bound.
 */
#include "dirty.h"

#define IOVA	0x40000000ULL
#define MEMORY	(2 * PAGE)

/* Bits of the extended capabilities: page walks snoop, in legacy mode */
#define ECAP_C		0x1ULL
/* ... and one that has nothing to do with page tables: page requests */
#define ECAP_PRS	0x20000000ULL

struct user {
	int dev;
	struct edu edu;
	__u32 hwpt;
};

FIXTURE(sharing)
{
	int tracker;
	int iommu;
	__u32 ioas;
	char *memory;
	struct user users[2];
};

FIXTURE_SETUP(sharing)
{
	static const char * const bdf[] = { EDU, PAIR_0 };
	int i;

	self->tracker = tracker_open();
	ASSERT_LE(0, self->tracker);
	ASSERT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
	for (i = 0; i < 2; i++)
		self->users[i].dev = open_vfio(bdf[i]);
	self->iommu = open_iommu(&self->ioas);
	self->memory = anon_pages(2);
	ASSERT_NE(MAP_FAILED, self->memory);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, self->memory, MEMORY, IOVA));
	/* What is pretended below has to change something */
	ASSERT_EQ(0, vtd_register(EDU, "ecap") & (ECAP_C | ECAP_PRS));
}

FIXTURE_TEARDOWN(sharing)
{
	int i;

	for (i = 0; i < 2; i++) {
		edu_close(&self->users[i].edu);
		close(self->users[i].dev);
	}
	close(self->iommu);
	close(self->tracker);
	EXPECT_EQ(0, module_unload(TRACKER_MODULE));
}

static int bind_and_attach(struct user *user, int iommu, __u32 ioas)
{
	return vfio_bind(user->dev, iommu, NULL) ?:
	       edu_open(&user->edu, user->dev) ?:
	       vfio_attach(user->dev, ioas, &user->hwpt);
}

/* The device copies the first page to the second */
static bool dma_arrives(struct edu *edu, char *memory, char mark)
{
	memset(memory, mark, PAGE);
	memset(memory + PAGE, ~mark, PAGE);
	return !edu_from_memory(edu, IOVA, EDU_DMA_MAX) &&
	       !edu_to_memory(edu, IOVA + PAGE, EDU_DMA_MAX) &&
	       filled(memory + PAGE, mark, EDU_DMA_MAX);
}

static void expect(struct __test_metadata *_metadata, struct _test_data_sharing *self,
		   __u64 ecap, bool shares)
{
	struct user *first = &self->users[0], *second = &self->users[1];

	ASSERT_EQ(0, bind_and_attach(first, self->iommu, self->ioas));
	ASSERT_EQ(0, pretend(self->tracker, ecap));
	ASSERT_EQ(ecap, vtd_register(PAIR_0, "ecap") & ecap);
	ASSERT_EQ(0, bind_and_attach(second, self->iommu, self->ioas));
	EXPECT_EQ(shares, first->hwpt == second->hwpt);
	EXPECT_EQ(shares ? 0 : -EINVAL,
		  vfio_attach(second->dev, first->hwpt, NULL));
	EXPECT_TRUE(dma_arrives(&first->edu, self->memory, '1'));
	EXPECT_TRUE(dma_arrives(&second->edu, self->memory, '2'));

	/* The one that comes again is what the other is now */
	ASSERT_EQ(0, vfio_detach(first->dev));
	edu_close(&first->edu);
	close(first->dev);
	first->dev = vfio_open(EDU);
	ASSERT_LE(0, first->dev);
	ASSERT_EQ(0, bind_and_attach(first, self->iommu, self->ioas));
	EXPECT_EQ(first->hwpt, second->hwpt);
	EXPECT_TRUE(dma_arrives(&first->edu, self->memory, '3'));
}

TEST_F(sharing, by_iommus_that_are_alike)
{
	expect(_metadata, self, ECAP_PRS, true);
}

TEST_F(sharing, not_if_walks_snoop)
{
	expect(_metadata, self, ECAP_C, false);
}

SKIP_PROGRAM_IF(kernel_before(6, 12, 0),
		"iommufd_tracker is not for this kernel")

TEST_HARNESS_MAIN
