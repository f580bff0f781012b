// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-bufs of BARs (profile "sriov"): VFIO_DEVICE_FEATURE_DMA_BUF, and their use by
 * IOMMU_IOAS_MAP_FILE.  dma_buf_import.c has their use by another driver.
 */
#include <linux/serial.h>
#include <linux/udmabuf.h>

#include "dma_buf.h"
#include "group.h"

#define E1000E		"0000:00:08.0"	/* its BAR 2 is one of I/O ports */
#define IO_BAR		2

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
	EXPECT_REFUSED(ENOMEM, request.buf.nr_ranges = ~0U);
	EXPECT_REFUSED(ENOMEM, request.buf.nr_ranges = 1U << 24);
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

/* Have a serial port at these I/O ports, which its driver claims; 0 for none */
static int set_serial_port(unsigned int port)
{
	int fd = open("/dev/ttyS3", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct serial_struct serial;
	int rc;

	if (fd < 0)
		return -errno;
	rc = ERR(ioctl(fd, TIOCGSERIAL, &serial));
	if (!rc) {
		serial.type = port ? PORT_16550A : PORT_UNKNOWN;
		serial.port = port & 0xffff;
		serial.port_high = port >> 16;
		serial.irq = 0;
		rc = ERR(ioctl(fd, TIOCSSERIAL, &serial));
	}
	close(fd);
	return rc;
}

TEST_F_TIMEOUT(dma_buf, bars_of_another_driver_are_refused, PATIENCE)
{
	long long port = bar_start(E1000E, IO_BAR);
	int dev;

	ASSERT_LT(0, port);
	ASSERT_EQ(0, pci_bind(E1000E, "vfio-pci"));
	ASSERT_EQ(0, set_serial_port(port));
	dev = vfio_open(E1000E);
	ASSERT_LE(0, dev);
	EXPECT_EQ(0, vfio_bind(dev, self->p.iommu, NULL));
	EXPECT_EQ(-ENODEV, export(dev, IO_BAR, 0, PAGE));
	EXPECT_EQ(-ENODEV, export(dev, IO_BAR, 0, PAGE / 2));
	/* The other BARs are there, and this one after the other driver */
	EXPECT_EQ(-EINVAL, export(dev, 0, 0, PAGE / 2));
	EXPECT_EQ(0, close(dev));
	ASSERT_EQ(0, set_serial_port(0));
	dev = open_vfio(E1000E);
	ASSERT_LE(0, dev);
	EXPECT_EQ(0, vfio_bind(dev, self->p.iommu, NULL));
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

TEST_HARNESS_MAIN
