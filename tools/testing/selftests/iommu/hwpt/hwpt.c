// SPDX-License-Identifier: GPL-2.0-only
/* Page tables of HWPT_ALLOC, and the hardware information of an IOMMU. */
#include "access.h"
#include "hwpt.h"

#define AT		(64 * MiB)	/* an IOVA that begins a huge page */
#define MEMORY		(16 * PAGE)
#define NO_ATS		IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED

/*
 * One mock device, attached to an IOAS of its own; another IOAS without any
 */
FIXTURE(hwpt)
{
	int fd;
	__u32 dev_ioas_id;
	__u32 ioas_id;
	struct mock_dev dev;
	__u32 id;
	char *memory;
	long pinned;
};

FIXTURE_SETUP(hwpt)
{
	self->fd = mock_open(&self->dev_ioas_id);
	ASSERT_LE(0, self->fd);
	self->memory = small_pages(MEMORY);
	ASSERT_NE(NULL, self->memory);
	self->pinned = pinned();
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, mock_attach(self->fd, self->dev_ioas_id, &self->dev));
}

FIXTURE_TEARDOWN(hwpt)
{
	close(self->fd);
	EXPECT_EQ(self->pinned, pinned());
	EXPECT_EQ(0, mock_devices());
}

#define ALLOC(flags, id) \
	hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id, flags, id)
#define MAP(offset, iova) \
	ioas_map(self->fd, self->ioas_id, self->memory + (offset), PAGE, iova)
#define CHECK_MAP(id, offset, iova) \
	mock_check_map(self->fd, id, self->memory + (offset), PAGE, iova)
#define CHECK_REFS(offset, refs) \
	mock_check_refs(self->fd, self->memory + (offset), PAGE, refs)

/* HWPT_ALLOC */

TEST_F(hwpt, holds_what_the_ioas_maps)
{
	ASSERT_EQ(0, MAP(0, AT));
	EXPECT_EQ(0, CHECK_REFS(0, 0));
	ASSERT_EQ(0, ALLOC(0, &self->id));
	EXPECT_NE(self->dev.hwpt_id, self->id);
	EXPECT_EQ(0, CHECK_MAP(self->id, 0, AT));
	EXPECT_EQ(0, CHECK_REFS(0, 1));
	ASSERT_EQ(0, MAP(PAGE, AT + PAGE));
	EXPECT_EQ(0, CHECK_MAP(self->id, PAGE, AT + PAGE));
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, PAGE));
	EXPECT_EQ(-EINVAL, CHECK_MAP(self->id, 0, AT));
	EXPECT_EQ(0, CHECK_REFS(0, 0));
	EXPECT_EQ(0, CHECK_REFS(PAGE, 1));

	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(0, CHECK_REFS(PAGE, 0));
	EXPECT_EQ(-ENOENT, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(-ENOENT, CHECK_MAP(self->id, PAGE, AT + PAGE));
}

TEST_F(hwpt, keeps_its_ioas)
{
	struct iommu_iova_range range = {};
	__u64 alignment = 0;
	__u32 n = 1;

	ASSERT_EQ(0, ALLOC(0, &self->id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	ASSERT_EQ(0, ioas_ranges(self->fd, self->ioas_id, &range, &n,
				 &alignment));
	EXPECT_EQ(MOCK_APERTURE_START, range.start);
	EXPECT_EQ(MOCK_APERTURE_LAST, range.last);
	EXPECT_EQ(HALF, alignment);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

TEST_F(hwpt, outlives_the_devices)
{
	struct mock_dev dev;

	ASSERT_EQ(0, ALLOC(0, &self->id));
	ASSERT_EQ(0, mock_attach(self->fd, self->id, &dev));
	EXPECT_EQ(self->id, dev.hwpt_id);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->id));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->id));
	EXPECT_EQ(self->id, self->dev.hwpt_id);
	ASSERT_EQ(0, iommu_destroy(self->fd, dev.id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->id));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->dev.id));
	ASSERT_EQ(0, MAP(0, AT));
	EXPECT_EQ(0, CHECK_MAP(self->id, 0, AT));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(0, CHECK_REFS(0, 0));
}

/* Closing the file destroys a page table, with devices attached or without */
TEST_F(hwpt, close)
{
	struct mock_dev dev;
	__u32 other;

	ASSERT_EQ(0, ALLOC(0, &self->id));
	ASSERT_EQ(0, ALLOC(TRACKED, &other));
	ASSERT_EQ(0, mock_attach(self->fd, self->id, &dev));
	ASSERT_EQ(0, MAP(0, AT));
}

/* A page table is used only by its ID; attaching to the IOAS makes another */
TEST_F(hwpt, attach_to_the_ioas_makes_another)
{
	struct mock_dev dev, second;

	ASSERT_EQ(0, ALLOC(0, &self->id));
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &dev));
	EXPECT_NE(self->id, dev.hwpt_id);
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &second));
	EXPECT_EQ(dev.hwpt_id, second.hwpt_id);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, dev.hwpt_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));

	ASSERT_EQ(0, ALLOC(0, &self->id));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->id));
	ASSERT_EQ(0, mock_replace(self->fd, &second, self->id));
	EXPECT_EQ(-ENOENT, CHECK_MAP(second.hwpt_id + 1000, 0, AT));
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->ioas_id));
	EXPECT_NE(self->id, dev.hwpt_id);
}

/* Several page tables of one IOAS map the same memory, pinned once */
TEST_F(hwpt, several)
{
	struct mock_dev dev;
	__u32 ids[3];
	int i;

	ASSERT_EQ(0, MAP(0, AT));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, ALLOC(i == 1 ? TRACKED : 0, &ids[i]));
		EXPECT_EQ(0, CHECK_MAP(ids[i], 0, AT));
	}
	ASSERT_EQ(0, mock_attach(self->fd, self->ioas_id, &dev));
	EXPECT_EQ(0, CHECK_MAP(dev.hwpt_id, 0, AT));
	ASSERT_EQ(0, MAP(PAGE, AT + HALF + PAGE));
	EXPECT_EQ(0, CHECK_REFS(0, 1));
	EXPECT_EQ(0, CHECK_REFS(PAGE, 1));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, CHECK_MAP(ids[i], PAGE, AT + HALF + PAGE));
		ASSERT_EQ(0, iommu_destroy(self->fd, ids[i]));
		EXPECT_EQ(0, CHECK_REFS(0, 1));
		EXPECT_EQ(0, CHECK_MAP(dev.hwpt_id, 0, AT));
	}
	ASSERT_EQ(0, ioas_unmap(self->fd, self->ioas_id, AT, PAGE));
	EXPECT_EQ(-EINVAL, CHECK_MAP(dev.hwpt_id, 0, AT));
	ASSERT_EQ(0, iommu_destroy(self->fd, dev.id));
	EXPECT_EQ(0, CHECK_REFS(PAGE, 0));
}

/* A map that fails in the second page table leaves nothing in the first */
TEST_F(hwpt, bad_memory_is_in_none_of_several)
{
	__u32 ids[2];

	ASSERT_EQ(0, ALLOC(0, &ids[0]));
	ASSERT_EQ(0, ALLOC(0, &ids[1]));
	ASSERT_EQ(0, munmap(self->memory + PAGE, PAGE));
	EXPECT_EQ(-EFAULT, ioas_map(self->fd, self->ioas_id, self->memory,
				    2 * PAGE, AT));
	EXPECT_EQ(-EINVAL, CHECK_MAP(ids[0], 0, AT));
	EXPECT_EQ(-EINVAL, CHECK_MAP(ids[1], 0, AT));
	EXPECT_EQ(0, CHECK_REFS(0, 0));
}

/* For IOMMU_HWPT_FAULT_ID_VALID see fault/hwpt.c. */
TEST_F(hwpt, flags)
{
	static const __u32 bad[] = {
		1 << 4, 1U << 31, ~0U,
	};
	struct mock_dev no_dirty;
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		EXPECT_EQ(-EOPNOTSUPP, ALLOC(bad[i], &self->id));
		EXPECT_EQ(-EOPNOTSUPP, ALLOC(bad[i] | TRACKED, &self->id));
	}
	EXPECT_EQ(0, ALLOC(TRACKED, &self->id));

	ASSERT_EQ(0, mock_attach_flags(self->fd, self->dev_ioas_id,
				       MOCK_FLAGS_DEVICE_NO_DIRTY, &no_dirty));
	EXPECT_EQ(self->dev.hwpt_id, no_dirty.hwpt_id);
	EXPECT_EQ(-EINVAL, mock_replace(self->fd, &no_dirty, self->id));
	EXPECT_EQ(self->dev.hwpt_id, no_dirty.hwpt_id);
	ASSERT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(-EOPNOTSUPP, hwpt_alloc(self->fd, no_dirty.dev_id,
					  self->ioas_id, TRACKED, &self->id));
	ASSERT_EQ(0, hwpt_alloc(self->fd, no_dirty.dev_id, self->ioas_id, 0,
				&self->id));
	EXPECT_EQ(0, mock_replace(self->fd, &no_dirty, self->id));
}

TEST_F(hwpt, reserved_fields)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.dev_id = self->dev.dev_id,
		.pt_id = self->ioas_id,
	};

	arg.__reserved = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_EQ(0, arg.out_hwpt_id);
	arg.__reserved = 0;
	/* Nobody looks at this one. */
	arg.__reserved2 = ~0U;
	EXPECT_EQ(0, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	EXPECT_NE(0, arg.out_hwpt_id);
}

TEST_F(hwpt, ids)
{
	const __u32 bad[] = { 0, BAD_ID, self->dev.id, self->ioas_id,
			      self->dev.hwpt_id };
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		EXPECT_EQ(-ENOENT, hwpt_alloc(self->fd, bad[i], self->ioas_id,
					      0, &self->id));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(-EINVAL, hwpt_alloc(self->fd, self->dev.dev_id,
					      bad[i], 0, &self->id));
	EXPECT_EQ(-EINVAL, hwpt_alloc(self->fd, self->dev.dev_id,
				      self->dev.id, 0, &self->id));
	EXPECT_EQ(-EINVAL, hwpt_alloc(self->fd, self->dev.dev_id,
				      self->dev.dev_id, 0, &self->id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

TEST_F(hwpt, data_types)
{
	static const __u32 bad[] = {
		IOMMU_HWPT_DATA_VTD_S1, IOMMU_HWPT_DATA_ARM_SMMUV3,
		IOMMU_HWPT_DATA_AMD_GUEST, 4, IOMMU_HWPT_DATA_SELFTEST + 1, ~0U,
	};
	char data[64] = {};
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.dev_id = self->dev.dev_id,
		.pt_id = self->ioas_id,
		.data_len = 8,
		.data_uptr = addr(data),
	};
	unsigned int i;

	EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	for (i = 0; i < ARRAY_LEN(bad); i++) {
		arg.data_type = bad[i];
		arg.data_len = 8;
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
		arg.data_len = 0;
		EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	}
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

TEST_F(hwpt, data_of_the_mock)
{
	struct {
		struct iommu_hwpt_selftest known;
		char more[8];
	} data = { .known.iotlb = 77 };
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.dev_id = self->dev.dev_id,
		.pt_id = self->ioas_id,
		.data_type = IOMMU_HWPT_DATA_SELFTEST,
		.data_uptr = addr(&data),
	};
	__u32 type;

	for (type = 0; type < 2; type++) {
		data.known.pagetable_type = type;
		for (arg.data_len = 0; arg.data_len < 4; arg.data_len++)
			EXPECT_EQ(-EINVAL, call(self->fd, IOMMU_HWPT_ALLOC,
						&arg));
		for (; arg.data_len <= sizeof(data); arg.data_len++)
			EXPECT_EQ(0, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	}
	data.known.pagetable_type = 2;
	arg.data_len = sizeof(data.known);
	EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	data.known.pagetable_type = 0;
	data.more[7] = 1;
	arg.data_len = sizeof(data);
	EXPECT_EQ(-E2BIG, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
	arg.data_uptr = 0;
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_HWPT_ALLOC, &arg));
}

TEST_F(hwpt, that_cannot_be_told_of_is_not_made)
{
	struct iommu_hwpt_alloc arg = {
		.size = sizeof(arg),
		.dev_id = self->dev.dev_id,
		.pt_id = self->ioas_id,
	};

	ASSERT_EQ(0, MAP(0, AT));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_HWPT_ALLOC,
				read_only(&arg, sizeof(arg))));
	EXPECT_EQ(0, CHECK_REFS(0, 0));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

TEST_F(hwpt, that_does_not_suit_the_ioas_is_not_made)
{
	struct iommu_iova_range allowed = { 0, PAGE };

	/* Below the aperture */
	ASSERT_EQ(0, MAP(0, 0));
	EXPECT_EQ(-EADDRINUSE, ALLOC(0, &self->id));
	ASSERT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, &allowed, 1));
	EXPECT_EQ(-EADDRINUSE, ALLOC(0, &self->id));
	ASSERT_EQ(0, ioas_allow(self->fd, self->ioas_id, NULL, 0));
	/* A third of a page */
	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, 1000,
			      AT));
	EXPECT_EQ(-EADDRINUSE, ALLOC(0, &self->id));
	ASSERT_EQ(1000, ioas_empty(self->fd, self->ioas_id));
	/* Memory that is gone */
	ASSERT_EQ(0, MAP(0, AT));
	ASSERT_EQ(0, MAP(PAGE, AT + PAGE));
	ASSERT_EQ(0, munmap(self->memory + PAGE, PAGE));
	EXPECT_EQ(-EFAULT, ALLOC(0, &self->id));
	EXPECT_EQ(0, CHECK_REFS(0, 0));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

/* Replace */

TEST_F(hwpt, replace_never_blocks)
{
	struct mock_dev dev;
	__u32 ids[2];
	int i;

	ASSERT_EQ(0, MAP(0, AT));
	ASSERT_EQ(0, ALLOC(0, &ids[0]));
	ASSERT_EQ(0, ALLOC(TRACKED, &ids[1]));
	ASSERT_EQ(0, mock_attach(self->fd, ids[0], &dev));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, mock_replace(self->fd, &dev, ids[i % 2]));
		EXPECT_EQ(ids[i % 2], dev.hwpt_id);
		ASSERT_EQ(0, mock_replace(self->fd, &self->dev,
					  ids[(i + 1) % 2]));
	}
	/* Another IOAS, either way; one that is made, and one that is found */
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->dev_ioas_id));
	ASSERT_EQ(0, mock_replace(self->fd, &self->dev, self->dev_ioas_id));
	EXPECT_EQ(dev.hwpt_id, self->dev.hwpt_id);
	ASSERT_EQ(0, mock_replace(self->fd, &dev, self->ioas_id));
	EXPECT_EQ(0, CHECK_MAP(dev.hwpt_id, 0, AT));
	EXPECT_EQ(0, mock_blocked());

	EXPECT_EQ(0, iommu_destroy(self->fd, ids[0]));
	EXPECT_EQ(0, iommu_destroy(self->fd, ids[1]));
}

TEST_F(hwpt, replace_that_fails_never_blocks)
{
	struct mock_dev dev;
	__u32 was;

	/* Cannot track; a mapping is below the aperture; bad memory */
	ASSERT_EQ(0, ALLOC(TRACKED, &self->id));
	ASSERT_EQ(0, mock_attach_flags(self->fd, self->dev_ioas_id,
				       MOCK_FLAGS_DEVICE_NO_DIRTY, &dev));
	was = dev.hwpt_id;
	EXPECT_EQ(-EINVAL, mock_replace(self->fd, &dev, self->id));
	ASSERT_EQ(0, iommu_destroy(self->fd, self->id));
	ASSERT_EQ(0, MAP(0, 0));
	EXPECT_EQ(-EADDRINUSE, mock_replace(self->fd, &dev, self->ioas_id));
	ASSERT_EQ(PAGE, ioas_empty(self->fd, self->ioas_id));
	ASSERT_EQ(0, MAP(0, AT));
	ASSERT_EQ(0, munmap(self->memory, PAGE));
	EXPECT_EQ(-EFAULT, mock_replace(self->fd, &dev, self->ioas_id));
	EXPECT_EQ(was, dev.hwpt_id);
	EXPECT_EQ(0, mock_blocked());
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

/* GET_HW_INFO */

TEST_F(hwpt, info_of_the_mock)
{
	struct iommu_test_hw_info want = {
		.test_reg = IOMMU_HW_INFO_SELFTEST_REGVAL,
	};
	const struct iommu_hw_info ask = {
		.size = sizeof(ask),
		.dev_id = self->dev.dev_id,
	};
	struct iommu_hw_info arg;
	unsigned char data[32], zero[32] = {};
	__u32 length, fits;

	for (length = 0; length <= 24; length++) {
		arg = ask;
		arg.data_len = length;
		arg.data_uptr = addr(data);
		/* Rubbish in fields that are output only */
		arg.out_data_type = 0x1234;
		arg.out_max_pasid_log2 = 77;
		arg.out_capabilities = ALL;
		memset(data, 0xaa, sizeof(data));
		ASSERT_EQ(0, call(self->fd, IOMMU_GET_HW_INFO, &arg));
		EXPECT_EQ(sizeof(want), arg.data_len);
		EXPECT_EQ(IOMMU_HW_INFO_TYPE_SELFTEST, arg.out_data_type);
		EXPECT_EQ(IOMMU_HW_CAP_DIRTY_TRACKING | NO_ATS,
			  arg.out_capabilities);
		EXPECT_EQ(0, arg.out_max_pasid_log2);
		fits = length < sizeof(want) ? length : sizeof(want);
		EXPECT_EQ(0, memcmp(data, &want, fits));
		EXPECT_EQ(0, memcmp(data + fits, zero, length - fits));
		EXPECT_EQ(0xaa, data[length]);
	}
}

TEST_F(hwpt, info_of_a_device_that_cannot_track)
{
	struct iommu_hw_info arg = { .size = sizeof(arg) };
	struct mock_dev dev;

	ASSERT_EQ(0, mock_attach_flags(self->fd, self->ioas_id,
				       MOCK_FLAGS_DEVICE_NO_DIRTY, &dev));
	arg.dev_id = dev.dev_id;
	arg.out_capabilities = ALL;
	ASSERT_EQ(0, call(self->fd, IOMMU_GET_HW_INFO, &arg));
	EXPECT_EQ(NO_ATS, arg.out_capabilities);
	EXPECT_EQ(8, arg.data_len);
}

TEST_F(hwpt, info_of_a_device_that_can_have_pasids)
{
	struct iommu_hw_info arg = { .size = sizeof(arg) };
	struct mock_dev dev;

	ASSERT_EQ(0, mock_attach_flags(self->fd, self->ioas_id,
				       MOCK_FLAGS_DEVICE_PASID, &dev));
	arg.dev_id = dev.dev_id;
	ASSERT_EQ(0, call(self->fd, IOMMU_GET_HW_INFO, &arg));
	EXPECT_EQ(MOCK_PASID_WIDTH, arg.out_max_pasid_log2);
	EXPECT_EQ(IOMMU_HW_CAP_DIRTY_TRACKING | NO_ATS, arg.out_capabilities);
}

TEST_F(hwpt, info_of_a_type)
{
	const __u32 types[] = {
		IOMMU_HW_INFO_TYPE_DEFAULT, IOMMU_HW_INFO_TYPE_SELFTEST,
		IOMMU_HW_INFO_TYPE_INTEL_VTD, IOMMU_HW_INFO_TYPE_AMD, ~0U,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_LEN(types); i++) {
		struct iommu_hw_info arg = {
			.size = sizeof(arg),
			.flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
			.dev_id = self->dev.dev_id,
			.in_data_type = types[i],
		};

		EXPECT_EQ(i < 2 ? 0 : -EOPNOTSUPP,
			  call(self->fd, IOMMU_GET_HW_INFO, &arg));
		EXPECT_EQ(i < 2 ? IOMMU_HW_INFO_TYPE_SELFTEST : types[i],
			  arg.out_data_type);
	}
}

TEST_F(hwpt, info_errnos)
{
	const struct iommu_hw_info ask = {
		.size = sizeof(ask),
		.dev_id = self->dev.dev_id,
	};
	struct iommu_hw_info arg = ask;
	unsigned int i;
	char *page;

	for (i = 1; i < 32; i++) {
		arg.flags = 1U << i;
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_GET_HW_INFO, &arg));
	}
	for (i = 0; i < 3; i++) {
		arg = ask;
		arg.__reserved[i] = 1;
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, IOMMU_GET_HW_INFO, &arg));
	}
	arg = ask;
	arg.dev_id = BAD_ID;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_GET_HW_INFO, &arg));
	arg.dev_id = self->dev.hwpt_id;
	EXPECT_EQ(-ENOENT, call(self->fd, IOMMU_GET_HW_INFO, &arg));

	arg = ask;
	arg.data_len = 8;
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_GET_HW_INFO, &arg));
	EXPECT_EQ(8, arg.data_len);
	/* There is room for the struct, but not for all zeros */
	page = cut_off(&ask, 12);
	ASSERT_NE(NULL, page);
	arg.data_uptr = addr(page);
	arg.data_len = 13;
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_GET_HW_INFO, &arg));
	arg.data_len = 12;
	EXPECT_EQ(0, call(self->fd, IOMMU_GET_HW_INFO, &arg));
	EXPECT_EQ(-EFAULT, call(self->fd, IOMMU_GET_HW_INFO,
				read_only(&ask, sizeof(ask))));
}

/* Sizes of the structs, as for the calls in argument.c */

union argument {
	__u32 size;
	struct iommu_hw_info info;
	struct iommu_hwpt_alloc alloc;
	struct iommu_hwpt_set_dirty_tracking set;
	struct iommu_hwpt_get_dirty_bitmap get;
	unsigned char bytes[128];
};

TEST_F(hwpt, sizes)
{
	const struct {
		unsigned int request;
		__u32 min;
		__u32 max;
	} calls[] = {
		{ IOMMU_GET_HW_INFO, 32, sizeof(struct iommu_hw_info) },
		{ IOMMU_HWPT_ALLOC, 24, sizeof(struct iommu_hwpt_alloc) },
		{ IOMMU_HWPT_SET_DIRTY_TRACKING, 16,
		  sizeof(struct iommu_hwpt_set_dirty_tracking) },
		{ IOMMU_HWPT_GET_DIRTY_BITMAP, 48,
		  sizeof(struct iommu_hwpt_get_dirty_bitmap) },
	};
	union argument good, arg;
	unsigned char bits = 0;
	unsigned int i;
	__u32 size;

	ASSERT_EQ(0, ALLOC(TRACKED, &self->id));
	ASSERT_EQ(0, dirty_set(self->fd, self->id, ENABLE));
	for (i = 0; i < ARRAY_LEN(calls); i++) {
		memset(&good, 0, sizeof(good));
		if (calls[i].request == IOMMU_GET_HW_INFO) {
			good.info.dev_id = self->dev.dev_id;
		} else if (calls[i].request == IOMMU_HWPT_ALLOC) {
			good.alloc.dev_id = self->dev.dev_id;
			good.alloc.pt_id = self->ioas_id;
		} else if (calls[i].request == IOMMU_HWPT_SET_DIRTY_TRACKING) {
			good.set.hwpt_id = self->id;
			good.set.flags = ENABLE;
		} else {
			good.get.hwpt_id = self->id;
			good.get.iova = AT;
			good.get.length = PAGE;
			good.get.page_size = PAGE;
			good.get.data = addr(&bits);
		}
		for (size = 0; size <= sizeof(arg); size++) {
			arg = good;
			arg.size = size;
			EXPECT_EQ(size < calls[i].min ? -EINVAL : 0,
				  call(self->fd, calls[i].request, &arg))
				TH_LOG("request %#x, size %u",
				       calls[i].request, size);
			if (size <= calls[i].max)
				continue;
			arg = good;
			arg.size = size;
			arg.bytes[size - 1] = 1;
			EXPECT_EQ(-E2BIG, call(self->fd, calls[i].request,
					       &arg));
		}
		EXPECT_EQ(-EFAULT, call(self->fd, calls[i].request, NULL));
	}
}

/* Destroying a page table removes its own pins only */
TEST_F(hwpt, comes_and_goes_while_a_software_device_pins)
{
	__u32 item;
	int soft;

	ASSERT_EQ(0, ioas_map(self->fd, self->ioas_id, self->memory, MEMORY,
			      AT));
	soft = access_create(self->fd, self->ioas_id, NEEDS_PIN);
	ASSERT_LE(0, soft);
	ASSERT_EQ(0, access_pin(self->fd, soft, AT + PAGE, PAGE,
				self->memory + PAGE, PIN_WRITE, &item));
	EXPECT_EQ(1, PINNED());

	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id, 0,
				&self->id));
	EXPECT_EQ(MEMORY / PAGE, PINNED());
	EXPECT_EQ(0, mock_check_map(self->fd, self->id, self->memory, MEMORY,
				    AT));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(1, PINNED());

	/* Now the access unpins first */
	ASSERT_EQ(0, hwpt_alloc(self->fd, self->dev.dev_id, self->ioas_id, 0,
				&self->id));
	EXPECT_EQ(0, access_unpin(self->fd, soft, item));
	EXPECT_EQ(MEMORY / PAGE, PINNED());
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	EXPECT_EQ(0, iommu_destroy(self->fd, self->id));
	EXPECT_EQ(0, PINNED());
	EXPECT_EQ(-EBUSY, iommu_destroy(self->fd, self->ioas_id));
	close(soft);
	EXPECT_EQ(0, iommu_destroy(self->fd, self->ioas_id));
}

TEST_HARNESS_MAIN
