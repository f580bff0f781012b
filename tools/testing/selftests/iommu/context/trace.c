// SPDX-License-Identifier: GPL-2.0-only
/* The tracepoints of /dev/iommu: names, fields, and when the events occur. */
#include "../../tracing.h"
#include "common.h"

#define AT		0x10000000UL
#define MAPPED(id, iova, length, rc)					\
	events(EVENT("iommufd_map: ioas=%u iova=0x%lx length=0x%lx rc=%d", \
		     id, (long)(iova), (long)(length), rc))
#define UNMAPPED(id, iova, length, rc)					\
	events(EVENT("iommufd_unmap: ioas=%u iova=0x%lx length=0x%lx rc=%d", \
		     id, (long)(iova), (long)(length), rc))

FIXTURE(trace)
{
	int fd;
	__u32 ioas_id;
	char *memory;
};

FIXTURE_SETUP(trace)
{
	self->fd = iommu_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ioas_alloc(self->fd, &self->ioas_id));
	self->memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	ASSERT_EQ(0, tracing_start("iommufd"));
}

FIXTURE_TEARDOWN(trace)
{
	EXPECT_EQ(0, tracing_stop());
	close(self->fd);
}

/* Programs know events by these names and fields */
TEST_F(trace, events_have_their_names_and_fields)
{
	static const char * const names[] = { "iommufd_map", "iommufd_unmap" };
	static const char * const fields[] = {
		"u32 ioas;", "u64 iova;", "u64 length;", "int rc;",
	};
	size_t i, j;

	for (i = 0; i < ARRAY_LEN(names); i++) {
		const char *format = contents(EVENT(TRACING
			"/events/iommufd/%s/format", names[i]));

		for (j = 0; j < ARRAY_LEN(fields); j++)
			EXPECT_NE(NULL, strstr(format, fields[j]));
	}
}

TEST_F(trace, map_and_unmap)
{
	__u32 id = self->ioas_id;
	int fd = self->fd;
	__u64 iova;

	EXPECT_EQ(0, ioas_map(fd, id, self->memory, PAGE, AT));
	EXPECT_EQ(1, MAPPED(id, AT, PAGE, 0));
	EXPECT_EQ(-EEXIST, ioas_map(fd, id, self->memory, 2 * PAGE, AT));
	EXPECT_EQ(1, MAPPED(id, AT, 2 * PAGE, -EEXIST));
	EXPECT_EQ(0, ioas_map_anywhere(fd, id, self->memory, PAGE, &iova));
	EXPECT_EQ(1, MAPPED(id, iova, PAGE, 0));
	EXPECT_EQ(0, ioas_copy(fd, id, id, PAGE, 2 * AT, AT));
	EXPECT_EQ(1, MAPPED(id, 2 * AT, PAGE, 0));

	EXPECT_EQ(0, ioas_unmap(fd, id, AT, PAGE));
	EXPECT_EQ(1, UNMAPPED(id, AT, PAGE, 0));
	EXPECT_EQ(-ENOENT, ioas_unmap(fd, id, AT, PAGE));
	EXPECT_EQ(1, UNMAPPED(id, AT, 0, -ENOENT));
	EXPECT_EQ(2 * PAGE, ioas_empty(fd, id));
	EXPECT_EQ(1, UNMAPPED(id, 0, 2 * PAGE, 0));
}

TEST_F(trace, calls_of_a_container)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ,
		.vaddr = addr(self->memory),
		.iova = AT,
		.size = 2 * PAGE,
	};
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = AT,
		.size = PAGE,
	};
	struct iommu_vfio_ioas set = {
		.size = sizeof(set),
		.ioas_id = self->ioas_id,
		.op = IOMMU_VFIO_IOAS_SET,
	};
	__u32 id = self->ioas_id;
	int fd = self->fd;

	ASSERT_EQ(0, call(fd, IOMMU_VFIO_IOAS, &set));
	ASSERT_EQ(0, ioctl(fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
	EXPECT_EQ(0, call(fd, VFIO_IOMMU_MAP_DMA, &map));
	EXPECT_EQ(1, MAPPED(id, AT, 2 * PAGE, 0));
	EXPECT_EQ(-EINVAL, call(fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	EXPECT_EQ(1, UNMAPPED(id, AT, 0, -EINVAL));
	unmap.size = 2 * PAGE;
	EXPECT_EQ(0, call(fd, VFIO_IOMMU_UNMAP_DMA, &unmap));
	EXPECT_EQ(1, UNMAPPED(id, AT, 2 * PAGE, 0));
}

TEST_HARNESS_MAIN
