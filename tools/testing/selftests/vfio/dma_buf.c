// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-bufs of BARs (profile "sriov"): VFIO_DEVICE_FEATURE_DMA_BUF, their use by
 * IOMMU_IOAS_MAP_FILE and by another driver, which the mock stands for.
 */
#include <stddef.h>
#include <time.h>
#include <linux/udmabuf.h>

#include "../kernel.h"
#include "bar.h"
#include "group.h"
#include "../../../../drivers/iommu/mock/iommufd_test.h"

#define E1000E		"0000:00:08.0"	/* its BAR 2 is one of I/O ports */
#define IO_BAR		2
#define MAX_RANGES	4

/* The argument of the feature */
struct request {
	struct vfio_device_feature feature;
	struct vfio_device_feature_dma_buf buf;
	struct vfio_region_dma_range ranges[MAX_RANGES];
};

static int get_feature(int dev, struct request *request, __u32 flags)
{
	request->feature.flags = flags | VFIO_DEVICE_FEATURE_DMA_BUF;
	return ERR(ioctl(dev, VFIO_DEVICE_FEATURE, request));
}

static struct request request_of(__u32 bar, __u64 offset, __u64 length)
{
	struct request request = {
		.feature.argsz = sizeof(request),
		.buf = {
			.region_index = bar,
			.open_flags = O_RDWR | O_CLOEXEC,
			.nr_ranges = 1,
		},
		.ranges = { { .offset = offset, .length = length } },
	};

	return request;
}

/* Returns a file descriptor or -errno. */
static int export(int dev, __u32 bar, __u64 offset, __u64 length)
{
	struct request request = request_of(bar, offset, length);

	return get_feature(dev, &request, VFIO_DEVICE_FEATURE_GET);
}

/* Two devices, and a dma-buf of the target's BAR: its descriptor, or -errno */
static int pair_open_buf(struct pair *pair)
{
	return pair_open(pair) ?: export(pair->target, CMB, 0, LENGTH);
}

FIXTURE(dma_buf)
{
	struct pair p;
	int buf;
};

FIXTURE_SETUP(dma_buf)
{
	self->buf = pair_open_buf(&self->p);
	ASSERT_LE(0, self->buf);
}

FIXTURE_TEARDOWN(dma_buf)
{
	EXPECT_EQ(0, pair_close(&self->p));
}

#define map_buf(ioas)							\
	ioas_map_file(self->p.iommu, ioas, self->buf, 0, LENGTH, BAR_IOVA)

/* The feature */

#define EXPECT_REFUSED(errno, change)					\
do {									\
	struct request request = request_of(CMB, 0, PAGE);		\
									\
	change;								\
	EXPECT_EQ(-(errno), get_feature(self->p.target, &request,	\
					VFIO_DEVICE_FEATURE_GET));	\
} while (0)

TEST_F_TIMEOUT(dma_buf, is_there, PATIENCE)
{
	struct request request = { .feature.argsz = sizeof(request.feature) };
	const __u32 probe = VFIO_DEVICE_FEATURE_PROBE;

	EXPECT_EQ(0, get_feature(self->p.target, &request,
				 probe | VFIO_DEVICE_FEATURE_GET));
	EXPECT_EQ(0, get_feature(self->p.target, &request, probe));
	EXPECT_EQ(-EINVAL, get_feature(self->p.target, &request,
				       probe | VFIO_DEVICE_FEATURE_SET));
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->buf, F_GETFD));
	EXPECT_EQ((off_t)LENGTH, lseek(self->buf, 0, SEEK_END));
}

TEST_F_TIMEOUT(dma_buf, arguments, PATIENCE)
{
	const __u64 end = self->p.bar_length;
	struct request request = request_of(CMB, 0, PAGE);
	char *edge = anon_pages(2);
	struct request *last = (void *)(edge + PAGE -
					offsetof(struct request, ranges));

	EXPECT_EQ(-EINVAL, get_feature(self->p.target, &request,
				       VFIO_DEVICE_FEATURE_SET));
	EXPECT_REFUSED(EINVAL, request.feature.argsz =
		       offsetof(struct request, ranges) - 1);
	EXPECT_REFUSED(EINVAL, request.buf.nr_ranges = 0);
	EXPECT_REFUSED(EINVAL, request.buf.flags = 1);
	EXPECT_REFUSED(ENODEV, request.buf.region_index = CMB + 1);
	EXPECT_REFUSED(ENODEV, request.buf.region_index =
		       VFIO_PCI_ROM_REGION_INDEX);
	EXPECT_REFUSED(ENODEV, request.buf.region_index = ~0U);
	EXPECT_REFUSED(EINVAL, request.ranges[0].length = 0);
	EXPECT_REFUSED(EINVAL, request.ranges[0].length = PAGE / 2);
	EXPECT_REFUSED(EINVAL, request.ranges[0].offset = PAGE / 2);
	EXPECT_REFUSED(EINVAL, request.ranges[0].offset = end);
	EXPECT_REFUSED(EINVAL, request.ranges[0].length = end + PAGE);
	EXPECT_REFUSED(EINVAL, request.buf.nr_ranges = 2);
	EXPECT_REFUSED(EINVAL,
		       (request.buf.nr_ranges = 2,
			request.ranges[0].length = -PAGE,
			request.ranges[1].length = -PAGE));
	EXPECT_REFUSED(EOVERFLOW, request.ranges[0].offset = -PAGE);

	/* The ranges are not readable */
	*last = request_of(CMB, 0, PAGE);
	ASSERT_EQ(0, munmap(edge + PAGE, PAGE));
	EXPECT_EQ(-EFAULT, get_feature(self->p.target, last,
				       VFIO_DEVICE_FEATURE_GET));
	/* ... which is found out after the region was looked for */
	last->buf.region_index = CMB + 1;
	EXPECT_EQ(-ENODEV, get_feature(self->p.target, last,
				       VFIO_DEVICE_FEATURE_GET));
	munmap(edge, PAGE);
}

TEST_F_TIMEOUT(dma_buf, io_ports_are_refused, PATIENCE)
{
	int dev = open_vfio(E1000E);

	ASSERT_EQ(0, vfio_bind(dev, self->p.iommu, NULL));
	EXPECT_EQ(-EINVAL, export(dev, IO_BAR, 0, PAGE));
}

/* IOMMU_IOAS_MAP_FILE */

TEST_F_TIMEOUT(dma_buf, mapped_for_another_device, PATIENCE)
{
	ASSERT_EQ(0, map_buf(self->p.ioas));
	EXPECT_REACHES(0);
	/* The file may go */
	ASSERT_EQ(0, close(self->buf));
	EXPECT_REACHES(3 * PAGE + 100);
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA, LENGTH));
	EXPECT_FAULTS();
}

TEST_F_TIMEOUT(dma_buf, mapped_in_part, PATIENCE)
{
	int buf = export(self->p.target, CMB, PAGE, 4 * PAGE);

	ASSERT_LE(0, buf);
	ASSERT_EQ(0, ioas_map_file(self->p.iommu, self->p.ioas, buf, PAGE,
				   PAGE, BAR_IOVA + 2 * PAGE));
	EXPECT_REACHES(2 * PAGE);
	EXPECT_FAULTS_AT(BAR_IOVA + 3 * PAGE);
	EXPECT_EQ(-EINVAL, ioas_map_file(self->p.iommu, self->p.ioas, buf,
					 PAGE, 4 * PAGE, BAR_IOVA + LENGTH));
	EXPECT_EQ(-EINVAL, ioas_map_file(self->p.iommu, self->p.ioas, buf,
					 4 * PAGE, PAGE, BAR_IOVA + LENGTH));
	/* What is before it, by an end that is 0 */
	EXPECT_EQ(-EINVAL, ioas_map_file(self->p.iommu, self->p.ioas, buf,
					 -PAGE, PAGE, BAR_IOVA + LENGTH));
	EXPECT_FAULTS_AT(BAR_IOVA + LENGTH);
}

/* A path keeps the dma-buf from going with its file: nobody may look at that */
TEST_F_TIMEOUT(dma_buf, without_a_file, PATIENCE)
{
	char path[32];
	int way;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->buf);
	way = open(path, O_PATH | O_CLOEXEC);
	ASSERT_LE(0, way);
	ASSERT_EQ(0, close(self->buf));
	EXPECT_EQ(0, decoding_off(self->p.target));
	EXPECT_EQ(0, decoding_on(self->p.target));
	EXPECT_EQ(0, device_reset(self->p.target));
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	EXPECT_EQ(0, pci_write(self->p.target_bdf, "reset", "1"));
	/* Nor does it keep the driver from the device */
	EXPECT_EQ(0, bind_anew(self->p.target_bdf));
	EXPECT_EQ(0, close(way));
}

TEST_F_TIMEOUT(dma_buf, mapped_by_another_context, PATIENCE)
{
	__u32 ioas;
	int iommu = open_iommu(&ioas), dev = open_vfio(PAIR_0);

	EXPECT_EQ(0, ioas_map_file(iommu, ioas, self->buf, 0, LENGTH,
				   BAR_IOVA));
	ASSERT_EQ(0, vfio_bind(dev, iommu, NULL));
	ASSERT_EQ(0, vfio_attach(dev, ioas, NULL));
	EXPECT_EQ(0, ioas_map_file(iommu, ioas, self->buf, 0, LENGTH,
				   BAR_IOVA + LENGTH));
	EXPECT_EQ(0, ioas_unmap(iommu, ioas, BAR_IOVA, 2 * LENGTH));
}

/* The target is used through the group interface, in a container of type1 */
TEST_F_TIMEOUT(dma_buf, of_a_group, PATIENCE)
{
	struct group_user user;

	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, module_load(TYPE1_MODULE));
	ASSERT_EQ(0, group_user_start(&user, self->p.target_bdf));
	ASSERT_EQ(0, group_user_get_device(&user, self->p.target_bdf));
	self->p.target = user.dev;
	ASSERT_EQ(0, pair_map_target(&self->p, CMB));
	EXPECT_EQ(-ENODEV, map_buf(self->p.ioas));
	self->buf = export(self->p.target, CMB, 0, LENGTH);
	ASSERT_LE(0, self->buf);
	ASSERT_EQ(0, map_buf(self->p.ioas));
	EXPECT_REACHES(0);
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	group_user_end(&user);
	EXPECT_FAULTS();
	EXPECT_EQ(-ENODEV, ioas_map_file(self->p.iommu, self->p.ioas, self->buf,
					 0, PAGE, BAR_IOVA + LENGTH));
}

TEST_F_TIMEOUT(dma_buf, of_two_ranges_is_refused, PATIENCE)
{
	struct request request = request_of(CMB, 0, PAGE);
	int buf;

	request.buf.nr_ranges = 2;
	request.ranges[1] = request.ranges[0];
	buf = get_feature(self->p.target, &request, VFIO_DEVICE_FEATURE_GET);
	ASSERT_LE(0, buf);
	EXPECT_EQ(-EOPNOTSUPP, ioas_map_file(self->p.iommu, self->p.ioas, buf,
					     0, PAGE, BAR_IOVA));
}

TEST_F_TIMEOUT(dma_buf, of_another_exporter_is_refused, PATIENCE)
{
	struct udmabuf_create create = {
		.memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		.flags = UDMABUF_FLAGS_CLOEXEC,
		.size = PAGE,
	};
	int udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), buf;

	if (udmabuf < 0)
		SKIP(return, "no udmabuf in this kernel");
	ASSERT_EQ(0, ftruncate(create.memfd, PAGE));
	ASSERT_EQ(0, fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	buf = ioctl(udmabuf, UDMABUF_CREATE, &create);
	ASSERT_LE(0, buf);
	EXPECT_EQ(-EOPNOTSUPP, ioas_map_file(self->p.iommu, self->p.ioas, buf,
					     0, PAGE, BAR_IOVA));
	EXPECT_EQ(-EINVAL, ioas_map_file(self->p.iommu, self->p.ioas, buf, 0,
					 2 * PAGE, BAR_IOVA));
	EXPECT_EQ(-ENOENT, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				      PAGE));
}

TEST_F_TIMEOUT(dma_buf, goes_and_comes_back, PATIENCE)
{
	ASSERT_EQ(0, trace_start());
	ASSERT_EQ(0, map_buf(self->p.ioas));
	EXPECT_STREQ("m", trace_read());
	ASSERT_EQ(0, device_reset(self->p.target));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);
	ASSERT_EQ(0, pci_write(self->p.target_bdf, "reset", "1"));
	EXPECT_STREQ("um", trace_read());
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_STREQ("u", trace_read());
	EXPECT_FAULTS();
	EXPECT_EQ(-ENODEV, ioas_map_file(self->p.iommu, self->p.ioas, self->buf,
					 0, PAGE, BAR_IOVA + LENGTH));
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_STREQ("m", trace_read());
	EXPECT_REACHES(PAGE);
}

TEST_F_TIMEOUT(dma_buf, made_while_decoding_is_off, PATIENCE)
{
	int buf;

	ASSERT_EQ(0, decoding(self->p.target, false));
	buf = export(self->p.target, CMB, 0, LENGTH);
	ASSERT_LE(0, buf);
	EXPECT_EQ(-ENODEV, ioas_map_file(self->p.iommu, self->p.ioas, buf, 0,
					 LENGTH, BAR_IOVA));
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_EQ(0, ioas_map_file(self->p.iommu, self->p.ioas, buf, 0, LENGTH,
				   BAR_IOVA));
	EXPECT_REACHES(0);
}

/* After the close of the device it leads nowhere, whoever opens it */
TEST_F_TIMEOUT(dma_buf, outlives_the_device_file, PATIENCE)
{
	ASSERT_EQ(0, map_buf(self->p.ioas));
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	EXPECT_FAULTS();
	EXPECT_EQ(-ENODEV, ioas_map_file(self->p.iommu, self->p.ioas, self->buf,
					 0, LENGTH, BAR_IOVA + LENGTH));
	self->p.target = vfio_open(self->p.target_bdf);
	ASSERT_EQ(0, vfio_bind(self->p.target, self->p.iommu, NULL));
	ASSERT_EQ(0, pair_map_target(&self->p, CMB));
	EXPECT_FAULTS();
	EXPECT_EQ(-ENODEV, ioas_map_file(self->p.iommu, self->p.ioas, self->buf,
					 0, LENGTH, BAR_IOVA + LENGTH));
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, BAR_IOVA,
				LENGTH));
}

/* It does not hold up the removal of the device either */
TEST_F_TIMEOUT(dma_buf, outlives_the_device, PATIENCE)
{
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, pci_remove(self->p.target_bdf));
	EXPECT_EQ(-ENODEV, map_buf(self->p.ioas));
	ASSERT_EQ(0, pci_rescan());
	ASSERT_EQ(0, pci_bind(self->p.target_bdf, "vfio-pci"));
	EXPECT_EQ(-ENODEV, map_buf(self->p.ioas));
}

/* Another driver imports it, for a device that has no driver: PAIR_0 */

static int mock_import(int fd, int buf, __u32 flags, __u32 delay_ms)
{
	struct iommu_test_cmd cmd = {
		.size = sizeof(cmd),
		.op = IOMMU_TEST_OP_IMPORT,
		.id = buf,
		.import.bdf = 6 << 3,
		.import.flags = flags,
		.import.delay_ms = delay_ms,
	};

	return ioctl(fd, IOMMU_TEST_CMD, &cmd) ? -errno : (int)cmd.import.out_fd;
}

static int import_use(int fd, int import, __u32 how, struct iommu_test_cmd *cmd)
{
	*cmd = (struct iommu_test_cmd){
		.size = sizeof(*cmd),
		.op = IOMMU_TEST_OP_IMPORT_USE,
		.id = import,
		.import_use.how = how,
	};

	return ioctl(fd, IOMMU_TEST_CMD, cmd) ? -errno : 0;
}

FIXTURE(import)
{
	struct pair p;
	int buf;
	struct edu edu;		/* PAIR_0, through sysfs */
	struct iommu_test_cmd cmd;
};

FIXTURE_SETUP(import)
{
	ASSERT_EQ(0, module_load("iommufd_mock",
				 "/sys/module/iommufd_mock/refcnt"));
	self->buf = pair_open_buf(&self->p);
	ASSERT_LE(0, self->buf);
	ASSERT_EQ(0, pci_release(PAIR_0));
	ASSERT_EQ(0, pci_release(PAIR_1));
	ASSERT_EQ(0, pci_map_bar0(PAIR_0, &self->edu.bar,
				  &self->edu.bar_length));
	ASSERT_EQ(0, pci_config_write16(PAIR_0, PCI_COMMAND,
					PCI_COMMAND_MEMORY |
					PCI_COMMAND_MASTER));
}

FIXTURE_TEARDOWN(import)
{
	edu_close(&self->edu);
	EXPECT_EQ(0, pair_close(&self->p));
	EXPECT_EQ(0, pci_bind(PAIR_0, "vfio-pci"));
	EXPECT_EQ(0, pci_bind(PAIR_1, "vfio-pci"));
}

#define import(flags, delay_ms)						\
	mock_import(self->p.iommu, self->buf, flags, delay_ms)
#define use(import, how)						\
	import_use(self->p.iommu, import, MOCK_IMPORT_##how, &self->cmd)

TEST_F_TIMEOUT(import, reaches_the_bar, PATIENCE)
{
	int fd = import(0, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);
	fill_bar(self->p.bar, '-', LENGTH);
	fill_bar(self->p.bar, 'r', EDU_DMA_MAX);
	EXPECT_EQ(0, edu_from_memory(&self->edu, self->cmd.import_use.out_addr,
				     EDU_DMA_MAX));
	EXPECT_EQ(0, edu_to_memory(&self->edu,
				   self->cmd.import_use.out_addr + PAGE,
				   EDU_DMA_MAX));
	EXPECT_TRUE(bar_filled(self->p.bar + PAGE, 'r', EDU_DMA_MAX));
	EXPECT_TRUE(bar_filled(self->p.bar + PAGE + EDU_DMA_MAX, '-',
			       EDU_DMA_MAX));
	EXPECT_EQ(0, use(fd, UNMAP));
	EXPECT_EQ(0, use(fd, MAP));
	EXPECT_EQ(0, self->cmd.import_use.out_notified);
}

TEST_F_TIMEOUT(import, that_cannot_let_go_is_refused, PATIENCE)
{
	EXPECT_EQ(-EOPNOTSUPP, import(MOCK_IMPORT_NO_PEER, 0));
	EXPECT_EQ(-EOPNOTSUPP, import(MOCK_IMPORT_STATIC, 0));
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_EQ(-ENODEV, import(0, 0));
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_LE(0, import(0, 0));
}

/* Only newer kernels ask of an importer that pins to let go all the same */
TEST_F_TIMEOUT(import, that_pins, PATIENCE)
{
	const int rc = kernel_before(7, 2, 0) ? -EOPNOTSUPP : 0;
	int pinned = import(MOCK_IMPORT_PINNED, 0);
	int fd = import(0, 0);
	int i;

	ASSERT_LE(0, pinned);
	ASSERT_LE(0, fd);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(rc, use(pinned, MAP));
		EXPECT_EQ(0, use(fd, MAP));
		EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);
		EXPECT_EQ(0, use(pinned, UNMAP));
		EXPECT_EQ(0, use(fd, UNMAP));
	}
	EXPECT_EQ(rc, use(pinned, MAP));
	EXPECT_EQ(0, decoding(self->p.target, false));
	EXPECT_EQ(0, use(pinned, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(-ENODEV, use(pinned, MAP));
	EXPECT_EQ(0, decoding(self->p.target, true));
	EXPECT_EQ(rc, use(pinned, MAP));
	EXPECT_EQ(0, device_reset(self->p.target));
}

TEST_F_TIMEOUT(import, is_told_of_each_change, PATIENCE)
{
	int fd = import(0, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	ASSERT_EQ(0, decoding(self->p.target, false));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(1, self->cmd.import_use.out_notified);
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(-ENODEV, use(fd, MAP));
	ASSERT_EQ(0, decoding(self->p.target, true));
	ASSERT_EQ(0, use(fd, MAP));
	EXPECT_EQ(2, self->cmd.import_use.out_notified);
	EXPECT_EQ(LENGTH, self->cmd.import_use.out_length);
	ASSERT_EQ(0, device_reset(self->p.target));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(4, self->cmd.import_use.out_notified);
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	EXPECT_EQ(0, use(fd, MAP));

	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(5, self->cmd.import_use.out_notified);
	EXPECT_EQ(-ENODEV, use(fd, MAP));
	EXPECT_EQ(0, bind_anew(self->p.target_bdf));
	EXPECT_EQ(-ENODEV, use(fd, MAP));
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

/* Nothing happens to the device before the importer has let go */
TEST_F_TIMEOUT(import, is_waited_for, PATIENCE)
{
	int fd = import(0, 1000);
	double start = seconds();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, use(fd, MAP));
	ASSERT_EQ(0, decoding(self->p.target, false));
	EXPECT_LE(1, seconds() - start);
	ASSERT_EQ(0, use(fd, LOOK));
	EXPECT_EQ(0, self->cmd.import_use.out_length);
	ASSERT_EQ(0, decoding(self->p.target, true));
	EXPECT_EQ(0, use(fd, MAP));
	/* Its end is waited for as well */
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(0, decoding(self->p.target, false));
}

TEST_HARNESS_MAIN
