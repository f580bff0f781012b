// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA from one device to the BAR of another, with both in a VFIO container of the
 * kernel's VFIO core (profile "sriov").  With type1 the DMA arrives.  With our
 * backend, vfio_iommu_iommufd, it does too, and faults while the BAR may be off.
 * bar.c has more tests of BARs, by device file.
 */
#include <pthread.h>

#include "bar.h"
#include "container.h"

/* The file of a device whose group is in a container */
static int get_device(int group, const char *bdf)
{
	return ERR(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, bdf));
}

/* Two devices whose groups are in one container */
struct container {
	int fd;
	int group;		/* of edu */
	int target_group;
};

static int container_open(struct container *c, struct pair *pair)
{
	int rc = pair_bind_at(pair, TARGET_PORT);

	if (rc)
		return rc;
	c->fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	c->group = group_open(EDU);
	c->target_group = group_open(pair->target_bdf);
	rc = add_group(c->group, c->fd) ?:
	     ERR(ioctl(c->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU)) ?:
	     add_group(c->target_group, c->fd);
	if (rc)
		return rc;
	pair->dev = get_device(c->group, EDU);
	pair->target = get_device(c->target_group, pair->target_bdf);
	pair->memory = anon_pages(1);
	return edu_open(&pair->edu, pair->dev) ?:
	       pair_map_target(pair, CMB) ?:
	       dma_map(c->fd, pair->memory, IOVA, PAGE, RW);
}

FIXTURE(both)
{
	struct pair p;
	struct container c;
};

FIXTURE_VARIANT(both)
{
	const char *served_by;
	bool ours;
};

FIXTURE_VARIANT_ADD(both, type1)
{
	.served_by = "vfio_iommu_type1",
	.ours = false,
};

FIXTURE_VARIANT_ADD(both, iommufd)
{
	.served_by = "vfio_iommu_iommufd",
	.ours = true,
};

FIXTURE_SETUP(both)
{
	ASSERT_EQ(0, load_one_backend(variant->ours));
	ASSERT_EQ(0, container_open(&self->c, &self->p));
	ASSERT_EQ(1, module_users(variant->served_by));
	ASSERT_LE(LENGTH, self->p.bar_length);
}

FIXTURE_TEARDOWN(both)
{
	EXPECT_EQ(0, pair_close(&self->p));
	EXPECT_EQ(0, module_users(variant->served_by));
	EXPECT_EQ(0, module_unload(BACKEND_MODULE));
	EXPECT_EQ(0, module_load(TYPE1_MODULE));
}

#define MAP(va, length, iova, flags)					\
	dma_map(self->c.fd, va, iova, length, flags)
#define MAP_BAR()	MAP(self->p.bar, LENGTH, BAR_IOVA, RW)
#define UNMAP_BAR()	dma_unmap(self->c.fd, BAR_IOVA, LENGTH)

TEST_F_TIMEOUT(both, dma_both_ways, PATIENCE)
{
	long before = pinned();

	ASSERT_EQ(0, MAP_BAR());
	EXPECT_EQ(before, pinned());
	EXPECT_REACHES(0);
	EXPECT_REACHES(3 * PAGE + 100);
	EXPECT_EQ((long)LENGTH, UNMAP_BAR());
	EXPECT_FAULTS();
	EXPECT_EQ(before, pinned());
}

TEST_F_TIMEOUT(both, is_there_for_a_group_that_comes_later, PATIENCE)
{
	edu_close(&self->p.edu);
	ASSERT_EQ(0, close(self->p.dev));
	ASSERT_EQ(0, ERR(ioctl(self->c.group, VFIO_GROUP_UNSET_CONTAINER)));
	ASSERT_EQ(0, MAP_BAR());
	ASSERT_EQ(0, add_group(self->c.group, self->c.fd));
	self->p.dev = get_device(self->c.group, EDU);
	ASSERT_LE(0, self->p.dev);
	ASSERT_EQ(0, edu_open(&self->p.edu, self->p.dev));
	EXPECT_REACHES(0);
}

/* What only our backend does: type1 leaves the BAR mapped whatever happens */

FIXTURE(ours)
{
	struct pair p;
	struct container c;
};

FIXTURE_SETUP(ours)
{
	ASSERT_EQ(0, load_one_backend(true));
	ASSERT_EQ(0, container_open(&self->c, &self->p));
	ASSERT_EQ(1, module_users("vfio_iommu_iommufd"));
	ASSERT_LE(LENGTH, self->p.bar_length);
}

FIXTURE_TEARDOWN(ours)
{
	EXPECT_EQ(0, pair_close(&self->p));
	EXPECT_EQ(0, module_users("vfio_iommu_iommufd"));
	EXPECT_EQ(0, module_unload(BACKEND_MODULE));
	EXPECT_EQ(0, module_load(TYPE1_MODULE));
}

/* What is not a BAR that the process has mapped as it wants it to be mapped */
TEST_F_TIMEOUT(ours, is_refused, PATIENCE)
{
	char *end = self->p.bar + self->p.bar_length;
	size_t length;
	void *bar;

	/* Mapped through sysfs, which is refused while e1000e has the device */
	ASSERT_EQ(0, pci_release("0000:00:08.0"));
	ASSERT_EQ(0, pci_map_bar0("0000:00:08.0", &bar, &length));
	EXPECT_EQ(-EFAULT, MAP(bar, PAGE, BAR_IOVA, RW));
	munmap(bar, length);

	ASSERT_EQ(0, munmap(end - PAGE, PAGE));
	EXPECT_EQ(-EFAULT, MAP(end - 2 * PAGE, 2 * PAGE, BAR_IOVA, RW));
	ASSERT_EQ(0, mprotect(self->p.bar, LENGTH, PROT_READ));
	EXPECT_EQ(-EFAULT, MAP_BAR());
	EXPECT_EQ(-EFAULT, MAP(self->p.bar, LENGTH, BAR_IOVA,
			       VFIO_DMA_MAP_FLAG_WRITE));
	EXPECT_EQ(0, UNMAP_BAR());
	EXPECT_EQ(0, MAP(self->p.bar, LENGTH, BAR_IOVA,
			 VFIO_DMA_MAP_FLAG_READ));
	EXPECT_FAULTS();
	EXPECT_EQ(-EEXIST, MAP(self->p.bar, LENGTH, BAR_IOVA,
			       VFIO_DMA_MAP_FLAG_READ));
	EXPECT_EQ((long)LENGTH, UNMAP_BAR());
}

/* An event that takes the BAR away, and one that brings it back */
#define EXPECT_GONE_BETWEEN(off, on)					\
do {									\
	ASSERT_EQ(0, off(self->p.target));				\
	EXPECT_FAULTS();						\
	EXPECT_READ_FAULTS();						\
	ASSERT_EQ(0, on(self->p.target));				\
	EXPECT_REACHES(PAGE);						\
} while (0)

TEST_F_TIMEOUT(ours, gone_while_decoding_is_off, PATIENCE)
{
	ASSERT_EQ(0, MAP_BAR());
	EXPECT_GONE_BETWEEN(decoding_off, decoding_on);
}

TEST_F_TIMEOUT(ours, gone_in_d3, PATIENCE)
{
	ASSERT_EQ(0, MAP_BAR());
	EXPECT_GONE_BETWEEN(to_d3, to_d0);
}

/* From 7.x on the VFIO core has this call go another way than the others */
static int get_region_info(int dev)
{
	struct vfio_region_info info;

	return vfio_region(dev, VFIO_PCI_CONFIG_REGION_INDEX, &info);
}

TEST_F_TIMEOUT(ours, gone_while_asleep, PATIENCE)
{
	ASSERT_EQ(0, MAP_BAR());
	EXPECT_GONE_BETWEEN(to_sleep, get_info);
	EXPECT_GONE_BETWEEN(to_sleep, get_region_info);
}

TEST_F_TIMEOUT(ours, gone_during_each_reset, PATIENCE)
{
	ASSERT_EQ(0, trace_start());
	ASSERT_EQ(0, MAP_BAR());
	EXPECT_STREQ("m", trace_read());
	ASSERT_EQ(0, device_reset(self->p.target));
	EXPECT_STREQ("um", trace_read());
	ASSERT_EQ(0, pci_write(self->p.target_bdf, "reset", "1"));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);

	/* The BAR does not come back before decoding is on */
	ASSERT_EQ(0, decoding_off(self->p.target));
	EXPECT_STREQ("u", trace_read());
	ASSERT_EQ(0, device_reset(self->p.target));
	EXPECT_STREQ("", trace_read());
	ASSERT_EQ(0, decoding_on(self->p.target));
	EXPECT_STREQ("m", trace_read());
	EXPECT_REACHES(0);
}

/* A reset of the bus by the group files of all functions on it */
TEST_F_TIMEOUT(ours, gone_during_hot_reset, PATIENCE)
{
	struct {
		struct vfio_pci_hot_reset header;
		__s32 fds[2];
	} reset = { .header = { .argsz = sizeof(reset), .count = 2 } };
	char neighbour_bdf[BDF_LEN];
	int neighbour;

	ASSERT_EQ(0, pci_behind(TARGET_PORT, 1, neighbour_bdf));
	ASSERT_EQ(0, pci_bind(neighbour_bdf, "vfio-pci"));
	neighbour = group_open(neighbour_bdf);
	ASSERT_LE(0, neighbour);
	ASSERT_EQ(0, add_group(neighbour, self->c.fd));
	reset.fds[0] = self->c.target_group;
	reset.fds[1] = neighbour;
	ASSERT_EQ(0, trace_start());
	ASSERT_EQ(0, MAP_BAR());
	EXPECT_STREQ("m", trace_read());
	ASSERT_EQ(0, ERR(ioctl(self->p.target, VFIO_DEVICE_PCI_HOT_RESET,
			       &reset)));
	EXPECT_STREQ("um", trace_read());
	EXPECT_REACHES(0);
}

/* A group opens a device many times: the BAR is there until the last close */
TEST_F_TIMEOUT(ours, gone_after_the_last_close, PATIENCE)
{
	int again = get_device(self->c.target_group, self->p.target_bdf);
	int file;

	ASSERT_LE(0, again);
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	self->p.target = again;
	ASSERT_EQ(0, pair_map_target(&self->p, CMB));
	ASSERT_EQ(0, MAP_BAR());
	EXPECT_REACHES(0);
	file = get_device(self->c.target_group, self->p.target_bdf);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, close(file));
	EXPECT_REACHES(PAGE);

	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	EXPECT_FAULTS();
	/* A new open does not bring the mapping back */
	self->p.target = get_device(self->c.target_group, self->p.target_bdf);
	ASSERT_LE(0, self->p.target);
	ASSERT_EQ(0, pair_map_target(&self->p, CMB));
	EXPECT_FAULTS();
	EXPECT_EQ(-EEXIST, MAP_BAR());
	EXPECT_EQ((long)LENGTH, UNMAP_BAR());
	ASSERT_EQ(0, MAP_BAR());
	EXPECT_REACHES(0);
}

static void *unbind(void *bdf)
{
	return (void *)(long)pci_bind(bdf, NULL);
}

TEST_F_TIMEOUT(ours, gone_after_unbind, PATIENCE)
{
	pthread_t thread;
	void *rc;

	ASSERT_EQ(0, MAP_BAR());
	ASSERT_EQ(0, pthread_create(&thread, NULL, unbind,
				    self->p.target_bdf));
	/* The unbind waits for the user, who can still use the device */
	sleep(1);
	EXPECT_REACHES(0);
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	EXPECT_FAULTS();
	ASSERT_EQ(0, close(self->c.target_group));
	ASSERT_EQ(0, pthread_join(thread, &rc));
	EXPECT_EQ(NULL, rc);
	EXPECT_FAULTS();
	EXPECT_EQ((long)LENGTH, UNMAP_BAR());
	ASSERT_EQ(0, pci_bind(self->p.target_bdf, "vfio-pci"));
}

/* The BAR of a device that is used by its device file, not by its group */
TEST_F_TIMEOUT(ours, of_a_device_file, PATIENCE)
{
	ASSERT_EQ(0, munmap(self->p.bar, self->p.bar_length));
	ASSERT_EQ(0, close(self->p.target));
	ASSERT_EQ(0, close(self->c.target_group));
	self->p.iommu = iommu_open();
	ASSERT_LE(0, self->p.iommu);
	self->p.target = vfio_open(self->p.target_bdf);
	ASSERT_EQ(0, vfio_bind(self->p.target, self->p.iommu, NULL));
	ASSERT_EQ(0, pair_map_target(&self->p, CMB));
	ASSERT_EQ(0, MAP_BAR());
	EXPECT_REACHES(0);
	EXPECT_GONE_BETWEEN(decoding_off, decoding_on);
}

TEST_HARNESS_MAIN
