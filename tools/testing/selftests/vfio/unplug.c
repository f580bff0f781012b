// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that goes away, or whose driver is unbound, while its file is open:
 * an eventfd asks the user to close it, and the kernel waits for that.
 */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "test.h"

FIXTURE(unplug)
{
	int dev;
	int iommu;
	__u32 ioas;
	pid_t child;
};

FIXTURE_VARIANT(unplug)
{
	int (*remove)(const char *bdf);
	bool device_goes;
};

FIXTURE_VARIANT_ADD(unplug, device_removed)
{
	.remove = pci_remove,
	.device_goes = true,
};

FIXTURE_VARIANT_ADD(unplug, driver_unbound)
{
	.remove = pci_unbind,
};

FIXTURE_SETUP(unplug)
{
	if (!pci_exists(EDU))
		ASSERT_EQ(0, pci_rescan());
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(unplug)
{
	close(self->iommu);
	/* The device is back, and works as before */
	if (variant->device_goes)
		EXPECT_EQ(0, pci_rescan());
	EXPECT_EQ(0, pci_bind(EDU, "vfio-pci"));
	EXPECT_EQ(0, bind_anew(EDU));
}

/* Starts to remove the device in a child, which blocks as long as it has to */
static pid_t start_removal(int (*removal)(const char *bdf), int dev)
{
	pid_t pid = fork();

	if (!pid) {
		close(dev);
		_exit(removal(EDU) ? 1 : 0);
	}
	return pid;
}

static bool is_gone(const char *path, bool device_goes)
{
	if (device_goes && pci_exists(EDU))
		return false;
	return access(path, F_OK) && pci_bound_to(EDU, NULL);
}

TEST_F_TIMEOUT(unplug, asks_and_waits_for_close, PATIENCE)
{
	struct pollfd pfd = { .fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN };
	char path[PATH_MAX];
	dev_t dev;
	int status;

	ASSERT_EQ(0, vfio_find(EDU, path, &dev));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	ASSERT_EQ(0, vfio_set_irq(self->dev, VFIO_PCI_REQ_IRQ_INDEX,
				  pfd.fd));
	EXPECT_EQ(0, poll(&pfd, 1, 0));

	self->child = start_removal(variant->remove, self->dev);
	ASSERT_LE(0, self->child);
	EXPECT_EQ(1, poll(&pfd, 1, 20000));
	/* The removal waits, and the device is usable meanwhile */
	sleep(2);
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG));
	EXPECT_EQ(0, get_info(self->dev));
	EXPECT_EQ(0, vfio_detach(self->dev));

	ASSERT_EQ(0, close(self->dev));
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_gone(path, variant->device_goes));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

TEST_F_TIMEOUT(unplug, waits_without_an_eventfd, PATIENCE)
{
	char path[PATH_MAX];
	dev_t dev;
	int status;

	ASSERT_EQ(0, vfio_find(EDU, path, &dev));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	self->child = start_removal(variant->remove, self->dev);
	ASSERT_LE(0, self->child);
	sleep(2);
	EXPECT_EQ(0, waitpid(self->child, &status, WNOHANG));
	EXPECT_EQ(0, get_info(self->dev));
	/* Closed while attached */
	ASSERT_EQ(0, close(self->dev));
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_gone(path, variant->device_goes));
}

/* On the way out, the device gets no new users */
TEST_F_TIMEOUT(unplug, open_is_refused_meanwhile, PATIENCE)
{
	struct pollfd pfd = { .fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN };
	char path[PATH_MAX], node[64];
	int status, fd;
	dev_t dev;

	/* Hold the node open: from 6.6 on it is removed before the wait */
	ASSERT_EQ(0, vfio_find(EDU, path, &dev));
	fd = open(path, O_PATH | O_CLOEXEC);
	ASSERT_LE(0, fd);
	snprintf(node, sizeof(node), "/proc/self/fd/%d", fd);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(0, vfio_set_irq(self->dev, VFIO_PCI_REQ_IRQ_INDEX,
				  pfd.fd));
	self->child = start_removal(variant->remove, self->dev);
	ASSERT_LE(0, self->child);
	EXPECT_EQ(1, poll(&pfd, 1, 20000));
	EXPECT_EQ(-ENXIO, ERR(open(node, O_RDWR)));
	EXPECT_EQ(!kernel_before(6, 6, 0), access(path, F_OK) && errno == ENOENT);
	ASSERT_EQ(0, close(fd));
	ASSERT_EQ(0, close(self->dev));
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_F_TIMEOUT(unplug, a_parked_file_does_not_block, PATIENCE)
{
	char path[PATH_MAX];
	dev_t dev;
	int status;

	ASSERT_EQ(0, vfio_find(EDU, path, &dev));
	/* The child keeps the file open, too */
	self->child = start_removal(variant->remove, -1);
	ASSERT_LE(0, self->child);
	ASSERT_EQ(self->child, waitpid(self->child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_gone(path, variant->device_goes));

	EXPECT_EQ(-ENODEV, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(self->dev));

	/* The file is not one of the new device either */
	if (variant->device_goes)
		ASSERT_EQ(0, pci_rescan());
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	EXPECT_EQ(-ENODEV, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, bind_anew(EDU));
	ASSERT_EQ(0, close(self->dev));
}

/* Once the file is closed, nothing of its use keeps the device */
TEST_F_TIMEOUT(unplug, proceeds_after_use, PATIENCE)
{
	int i;

	ASSERT_EQ(0, close(self->dev));
	for (i = 0; i < 5; i++) {
		self->dev = open_vfio(EDU);
		ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
		ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
		ASSERT_EQ(0, close(self->dev));
		ASSERT_EQ(0, variant->remove(EDU));
		if (variant->device_goes)
			ASSERT_EQ(0, pci_rescan());
	}
}

TEST_HARNESS_MAIN
