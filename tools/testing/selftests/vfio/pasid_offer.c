// SPDX-License-Identifier: GPL-2.0-only
/* On which kernels, and for which devices, page tables are attached to PASIDs */
#include <glob.h>

#include "../kernel.h"
#include "../tracing.h"
#include "pasid.h"

FIXTURE(offer)
{
	int dev;
	int iommu;
	__u32 ioas;
	__u32 dev_id;
	__u32 id;
};

FIXTURE_SETUP(offer)
{
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	ASSERT_EQ(0, pasids_begin());
	self->dev = -1;
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(offer)
{
	close(self->dev);
	close(self->iommu);
	EXPECT_EQ(0, pasids_end());
}

/* Bind a device, which has PASIDs of that width */
static void bind_with(struct __test_metadata *_metadata,
		      struct _test_data_offer *self, const char *bdf, int bits,
		      __u64 capabilities)
{
	__u64 found;

	self->dev = open_vfio(bdf);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->dev_id));
	EXPECT_EQ(bits, get_hw_info(self->iommu, self->dev_id, &found));
	EXPECT_EQ(capabilities | IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED, found);
}

/* Nothing of PASIDs can be had with the device, whatever its IOMMU has. */
static void expect_none(struct __test_metadata *_metadata,
			struct _test_data_offer *self, const char *bdf)
{
	static const __u32 pasids[] = { 0, 1, 1U << 15, 1U << 20, ~0U };
	__u32 plain;
	size_t i;

	EXPECT_EQ(has_pasids(bdf) ? 0 : -EOPNOTSUPP,
		  hwpt_alloc(self->iommu, self->dev_id, self->ioas, COMPATIBLE,
			     &self->id));
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas, 0,
				&plain));
	for (i = 0; i < ARRAY_SIZE(pasids); i++) {
		EXPECT_EQ(-EINVAL, pasid_attach(self->dev, pasids[i], plain));
		EXPECT_EQ(-EINVAL, pasid_attach(self->dev, pasids[i],
						self->ioas));
		EXPECT_EQ(0, pasid_detach(self->dev, pasids[i]));
		if (has_pasids(bdf))
			EXPECT_EQ(-EINVAL, pasid_attach(self->dev, pasids[i],
							self->id));
	}
}

TEST_F_TIMEOUT(offer, where_users_are_kept_apart, PATIENCE)
{
	__u64 capabilities = IOMMU_HW_CAP_PCI_PASID_EXEC |
			     IOMMU_HW_CAP_PCI_PASID_PRIV;

	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	if (!has_pasids(EDU)) {
		bind_with(_metadata, self, EDU, 0, 0);
		expect_none(_metadata, self, EDU);
		return;
	}
	bind_with(_metadata, self, EDU, expected_bits(), capabilities);
	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
				COMPATIBLE, &self->id));
	EXPECT_EQ(0, pasid_attach(self->dev, 1, self->id));
}

/* Of a group of two devices */
TEST_F_TIMEOUT(offer, not_for_groups, PATIENCE)
{
	ASSERT_ONE_GROUP(PAIR_0, PAIR_1);
	bind_with(_metadata, self, PAIR_0, 0, 0);
	expect_none(_metadata, self, PAIR_0);
}

static int devices_of_group(const char *bdf)
{
	char path[128];
	glob_t found;
	int n;

	snprintf(path, sizeof(path),
		 "/sys/bus/pci/devices/%s/iommu_group/devices/*", bdf);
	if (glob(path, GLOB_NOSORT, NULL, &found))
		return 0;
	n = found.gl_pathc;
	globfree(&found);
	return n;
}

/* Alone in its group, but the IOMMU may know its requests by another ID. */
TEST_F_TIMEOUT(offer, not_with_another_requester_id, PATIENCE)
{
	ASSERT_EQ(0, pasid_parameter("alias", "Y"));
	ASSERT_EQ(0, find_anew(EDU));
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	ASSERT_EQ(1, devices_of_group(EDU));
	bind_with(_metadata, self, EDU, 0, 0);
	expect_none(_metadata, self, EDU);
	close(self->dev);

	ASSERT_EQ(0, pasid_parameter("alias", "N"));
	ASSERT_EQ(0, find_anew(EDU));
	bind_with(_metadata, self, EDU, has_pasids(EDU) ? expected_bits() : 0,
		  has_pasids(EDU) ? IOMMU_HW_CAP_PCI_PASID_EXEC |
				    IOMMU_HW_CAP_PCI_PASID_PRIV : 0);
}

/* The PCI core has not enabled its PASIDs, as when a switch lets none through. */
TEST_F_TIMEOUT(offer, not_where_they_are_off, PATIENCE)
{
	ASSERT_EQ(0, pasid_parameter("enables", "N"));
	ASSERT_EQ(0, find_anew(EDU));
	bind_with(_metadata, self, EDU, 0, 0);
	expect_none(_metadata, self, EDU);
}

/*
 * The thread of an IOMMU driver that looks for what a page request is for may still be
 * at what the device, or a PASID, was attached to before.  It is waited for.
 */
#define WAIT	"synchronize_rcu_tasks"

/*
 * Do attachments have handles?  With 6.1 none has, and with 6.12 only those to page
 * tables of the second stage, of which the VM's profile vtd-fs has none.
 */
static bool attachments_have_handles(void)
{
	const char *profile = getenv("IOMMUFD_PROFILE") ?: "";

	return !kernel_before(7, 0, 0) ||
	       (!kernel_before(6, 12, 0) && strcmp(profile, "vtd-fs"));
}

TEST_F_TIMEOUT(offer, with_page_requests, PATIENCE)
{
	const int wait = attachments_have_handles();
	__u32 other, id;
	int nvme;

	ASSERT_EQ(0, pasid_parameter("pri", "Y"));
	ASSERT_EQ(0, find_anew(EDU));
	bind_with(_metadata, self, EDU, has_pasids(EDU) ? expected_bits() : 0,
		  has_pasids(EDU) ? IOMMU_HW_CAP_PCI_PASID_EXEC |
				    IOMMU_HW_CAP_PCI_PASID_PRIV : 0);
	ASSERT_EQ(0, ioas_alloc(self->iommu, &other));
	nvme = open_vfio(NVME);
	ASSERT_EQ(0, vfio_bind(nvme, self->iommu, &id));

	ASSERT_EQ(0, tracing_start_calls(WAIT));
	/* One that cannot request pages */
	ASSERT_EQ(0, vfio_attach(nvme, self->ioas, NULL));
	ASSERT_EQ(0, vfio_attach(nvme, other, NULL));
	ASSERT_EQ(0, vfio_detach(nvme));
	EXPECT_EQ(0, calls(WAIT));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(0, calls(WAIT));
	ASSERT_EQ(0, vfio_attach(self->dev, other, NULL));
	EXPECT_EQ(wait, calls(WAIT));
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(2 * wait, calls(WAIT));
	forget_events();
	if (has_pasids(EDU)) {
		ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, self->ioas,
					COMPATIBLE, &self->id));
		ASSERT_EQ(0, hwpt_alloc(self->iommu, self->dev_id, other,
					COMPATIBLE, &id));
		ASSERT_EQ(0, pasid_attach(self->dev, 1, self->id));
		EXPECT_EQ(0, calls(WAIT));
		ASSERT_EQ(0, pasid_attach(self->dev, 1, id));
		EXPECT_EQ(1, calls(WAIT));
		ASSERT_EQ(0, pasid_detach(self->dev, 1));
		EXPECT_EQ(2, calls(WAIT));
	} else {
		expect_none(_metadata, self, EDU);
	}
	EXPECT_EQ(0, tracing_stop());
	close(nvme);
}

/* No device of QEMU has any without the module, nor after it. */
TEST_F_TIMEOUT(offer, not_for_others, PATIENCE)
{
	bind_with(_metadata, self, NVME, 0, 0);
	expect_none(_metadata, self, NVME);
	close(self->dev);
	EXPECT_EQ(0, pasids_end());
	bind_with(_metadata, self, EDU, 0, 0);
	expect_none(_metadata, self, EDU);
	close(self->dev);
	self->dev = -1;
}

TEST_HARNESS_MAIN
