// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls of OpenVMM and of cloud-hypervisor, which give a guest two devices by
 * device files and map their BARs by dma-bufs (profile "sriov"), from the first
 * open to the last close.  The calls, their arguments and the sizes of structs
 * follow what is known of the two; they have not been compared with their sources.
 *
 * What the guest does to the devices is done by the test: edu is one of them, and
 * reaches into the BAR of the other.
 */
#include "bar.h"

#define RAM_LENGTH	(16 * PAGE)	/* the guest's memory, at IOVA */
#define OTHER_IOVA	0x40000000ULL	/* where the BARs are, but for the CMB */
#define AWAY		0x800000000ULL	/* how far the guest moves BARs */

/* Bytes of the structs of BIND, ATTACH and DETACH in the first headers that had them */
#define BIND_SIZE	16
#define ATTACH_SIZE	12
#define DETACH_SIZE	8

/* A BAR that is mapped, for the CPU and for devices */
struct bar {
	void *map;
	size_t length;
	int buf;
	__u64 iova;
};

struct device {
	int fd;
	bool resets;
	struct bar bars[PCI_STD_NUM_BARS];
};

FIXTURE(vmm)
{
	struct pair p;
	struct device edu;
	struct device target;
};

FIXTURE_VARIANT(vmm)
{
	bool file;		/* guest memory is mapped as a file */
	bool tidy;		/* at the end, everything is undone */
};

FIXTURE_VARIANT_ADD(vmm, openvmm)
{
	.file = true,
};

FIXTURE_VARIANT_ADD(vmm, cloud_hypervisor)
{
	.tidy = true,
};

FIXTURE_SETUP(vmm)
{
	ASSERT_EQ(0, pair_bind_at(&self->p, TARGET_PORT));
}

/* What the end of the process does as well */
static void unmap_for_cpu(struct device *device)
{
	struct bar *bar;

	for (bar = device->bars; bar < device->bars + PCI_STD_NUM_BARS; bar++)
		if (bar->length)
			munmap(bar->map, bar->length);
}

FIXTURE_TEARDOWN(vmm)
{
	unmap_for_cpu(&self->edu);
	unmap_for_cpu(&self->target);
	EXPECT_EQ(0, pair_close(&self->p));
}

/* Guest memory is shared, and mapped with its file if by_file */
static int add_memory(struct pair *pair, bool by_file)
{
	int file = memfd_create("ram", MFD_CLOEXEC);

	if (file < 0 || ftruncate(file, RAM_LENGTH))
		return -errno;
	pair->memory = mmap(NULL, RAM_LENGTH, PROT_READ | PROT_WRITE,
			    MAP_SHARED, file, 0);
	if (pair->memory == MAP_FAILED)
		return -errno;
	if (by_file)
		return ioas_map_file(pair->iommu, pair->ioas, file, 0,
				     RAM_LENGTH, IOVA);
	return ioas_map(pair->iommu, pair->ioas, pair->memory, RAM_LENGTH,
			IOVA);
}

/* BIND and ATTACH, with the structs of the first version */
static int add_device(const struct pair *pair, struct device *device,
		      const char *bdf)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = BIND_SIZE,
		.iommufd = pair->iommu,
	};
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = ATTACH_SIZE,
		.pt_id = pair->ioas,
	};

	device->fd = vfio_open(bdf);
	if (device->fd < 0)
		return device->fd;
	return ERR(ioctl(device->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind)) ?:
	       ERR(ioctl(device->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

/* GET_REGION_INFO is repeated with as much room as it asks for */
static int get_region(int dev, __u32 index, struct vfio_region_info *region)
{
	union {
		struct vfio_region_info info;
		char bytes[1024];
	} u = {};
	int rc;

	u.info.argsz = sizeof(u.info);
	u.info.index = index;
	rc = ERR(ioctl(dev, VFIO_DEVICE_GET_REGION_INFO, &u));
	if (!rc && u.info.argsz > sizeof(u.info)) {
		if (u.info.argsz > sizeof(u))
			return -E2BIG;
		rc = ERR(ioctl(dev, VFIO_DEVICE_GET_REGION_INFO, &u));
	}
	*region = u.info;
	return rc;
}

static int probe_dma_buf(int dev)
{
	struct vfio_device_feature probe = {
		.argsz = sizeof(probe),
		.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
			 VFIO_DEVICE_FEATURE_DMA_BUF,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_FEATURE, &probe));
}

/* Returns a file descriptor or -errno */
static int get_dma_buf(int dev, __u32 index, __u64 length)
{
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_buf buf;
		struct vfio_region_dma_range range;
	} get = {
		.feature.argsz = sizeof(get),
		.feature.flags = VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_DMA_BUF,
		.buf.region_index = index,
		.buf.open_flags = O_RDWR | O_CLOEXEC,
		.buf.nr_ranges = 1,
		.range.length = length,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_FEATURE, &get));
}

/* Map a BAR for the CPU, and get a dma-buf of all of it */
static int look_at_bar(struct device *device, __u32 index)
{
	struct bar *bar = &device->bars[index];
	struct vfio_region_info region;
	int rc = get_region(device->fd, index, &region);

	if (rc || !(region.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return rc;
	bar->map = mmap(NULL, region.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			device->fd, region.offset);
	if (bar->map == MAP_FAILED)
		return -errno;
	bar->length = region.size;
	bar->buf = get_dma_buf(device->fd, index, region.size);
	return bar->buf < 0 ? bar->buf : 0;
}

static int look_at(struct device *device)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region;
	struct vfio_irq_info irq = { .argsz = sizeof(irq) };
	__u32 i;
	int rc;

	rc = ERR(ioctl(device->fd, VFIO_DEVICE_GET_INFO, &info)) ?:
	     probe_dma_buf(device->fd) ?:
	     get_region(device->fd, VFIO_PCI_CONFIG_REGION_INDEX, &region);
	device->resets = info.flags & VFIO_DEVICE_FLAGS_RESET;
	for (i = VFIO_PCI_INTX_IRQ_INDEX; !rc && i <= VFIO_PCI_MSIX_IRQ_INDEX;
	     i++) {
		irq.index = i;
		rc = ERR(ioctl(device->fd, VFIO_DEVICE_GET_IRQ_INFO, &irq));
	}
	for (i = 0; !rc && i < PCI_STD_NUM_BARS; i++)
		rc = look_at_bar(device, i);
	return rc;
}

/* The guest has put the BARs somewhere and turned decoding on */
static int map_bars(const struct pair *pair, struct device *device)
{
	struct bar *bar;
	int rc = 0;

	for (bar = device->bars; !rc && bar < device->bars + PCI_STD_NUM_BARS;
	     bar++)
		if (bar->length)
			rc = ioas_map_file(pair->iommu, pair->ioas, bar->buf, 0,
					   bar->length, bar->iova);
	return rc;
}

static int unmap_bars(const struct pair *pair, struct device *device)
{
	struct bar *bar;
	int rc = 0;

	for (bar = device->bars; !rc && bar < device->bars + PCI_STD_NUM_BARS;
	     bar++)
		if (bar->length)
			rc = ioas_unmap(pair->iommu, pair->ioas, bar->iova,
					bar->length);
	return rc;
}

/*
 * The guest turns decoding off, which the device's file is told first, gives the
 * BARs other addresses, and turns decoding on
 */
static int move_bars(const struct pair *pair, struct device *device,
		     __s64 distance)
{
	int rc = decoding_off(device->fd) ?: unmap_bars(pair, device);
	size_t i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++)
		device->bars[i].iova += distance;
	return rc ?: decoding_on(device->fd) ?: map_bars(pair, device);
}

static int remove_device(const struct pair *pair, struct device *device)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = DETACH_SIZE,
	};
	int rc = unmap_bars(pair, device);
	struct bar *bar;

	for (bar = device->bars; !rc && bar < device->bars + PCI_STD_NUM_BARS;
	     bar++)
		if (bar->length) {
			rc = ERR(munmap(bar->map, bar->length)) ?:
			     ERR(close(bar->buf));
			bar->length = 0;
		}
	if (!rc && device->resets)
		rc = device_reset(device->fd);
	return rc ?:
	       ERR(ioctl(device->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach)) ?:
	       ERR(close(device->fd));
}

static void place_bars(struct device *device, __u64 iova)
{
	size_t i;

	for (i = 0; i < PCI_STD_NUM_BARS; i++, iova += 1 << 24)
		device->bars[i].iova = iova;
}

TEST_F_TIMEOUT(vmm, makes_its_calls, PATIENCE)
{
	struct bar *cmb = &self->target.bars[CMB];

	self->p.iommu = iommu_open();
	ASSERT_LE(0, self->p.iommu);
	ASSERT_EQ(0, ioas_alloc(self->p.iommu, &self->p.ioas));
	ASSERT_EQ(0, add_memory(&self->p, variant->file));

	ASSERT_EQ(0, add_device(&self->p, &self->edu, EDU));
	ASSERT_EQ(0, look_at(&self->edu));
	ASSERT_EQ(0, add_device(&self->p, &self->target, self->p.target_bdf));
	ASSERT_EQ(0, look_at(&self->target));
	ASSERT_NE(0, self->edu.bars[0].length);
	ASSERT_NE(0, self->target.bars[0].length);
	ASSERT_LE(LENGTH, cmb->length);

	/* The guest boots */
	place_bars(&self->edu, OTHER_IOVA);
	place_bars(&self->target, 2 * OTHER_IOVA);
	cmb->iova = BAR_IOVA;
	ASSERT_EQ(0, edu_open(&self->p.edu, self->edu.fd));
	ASSERT_EQ(0, decoding_on(self->target.fd));
	ASSERT_EQ(0, map_bars(&self->p, &self->edu));
	ASSERT_EQ(0, map_bars(&self->p, &self->target));
	self->p.bar = cmb->map;
	EXPECT_REACHES(0);

	/* It resets the device, and moves it away and back */
	ASSERT_EQ(0, device_reset(self->target.fd));
	EXPECT_REACHES(PAGE);
	ASSERT_EQ(0, move_bars(&self->p, &self->target, AWAY));
	EXPECT_FAULTS();
	ASSERT_EQ(0, move_bars(&self->p, &self->target, -AWAY));
	EXPECT_REACHES(2 * PAGE);

	/* It ends, and the other device goes on for a moment */
	if (!variant->tidy)
		return;
	ASSERT_EQ(0, remove_device(&self->p, &self->target));
	EXPECT_FAULTS();
	edu_close(&self->p.edu);
	ASSERT_EQ(0, remove_device(&self->p, &self->edu));
	EXPECT_EQ(0, ioas_unmap(self->p.iommu, self->p.ioas, IOVA, RAM_LENGTH));
	EXPECT_EQ(0, iommu_destroy(self->p.iommu, self->p.ioas));
}

TEST_HARNESS_MAIN
