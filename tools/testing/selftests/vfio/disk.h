/* SPDX-License-Identifier: GPL-2.0-only */
/* The VM's NVMe disk, as the host's own driver sees it and as a user has it */
#ifndef SELFTESTS_VFIO_DISK_H
#define SELFTESTS_VFIO_DISK_H

#include "test.h"

#define DISK	"/dev/nvme0n1"	/* the only NVMe disk of the VM */
#define MIB	0x100000UL

/* The expected content of the first MiB, or NULL */
static inline char *disk_image(void)
{
	const char *path = getenv("IOMMUFD_DISK");
	int fd = path ? open(path, O_RDONLY) : -1;
	char *image = anon_pages(MIB / PAGE);

	if (fd < 0 || image == MAP_FAILED ||
	    read(fd, image, MIB) != (ssize_t)MIB)
		image = NULL;
	close(fd);
	return image;
}

/* 0 if the host's driver reads the expected content */
static inline int disk_read_by_host(const char *image, char *memory)
{
	int i, fd = -1, rc;

	rc = module_load("nvme", "/sys/bus/pci/drivers/nvme") ?:
	     pci_bind(NVME, "nvme");
	if (rc)
		return rc;
	/* The driver looks for the disk in the background */
	for (i = 0; i < 300 && fd < 0; i++) {
		fd = open(DISK, O_RDONLY | O_DIRECT);
		if (fd < 0)
			usleep(100000);
	}
	if (fd < 0)
		return -errno;
	memset(memory, 0, MIB);
	if (read(fd, memory, MIB) != (ssize_t)MIB)
		rc = -EIO;
	else if (memcmp(memory, image, MIB))
		rc = -EBADMSG;
	close(fd);
	return rc;
}

#define LBA	0x8000	/* beyond the first MiB, which other tests read */

/* A disk, bound to a context, attached to an IOAS, and started */
struct disk {
	int dev;
	int iommu;
	__u32 ioas;
	struct nvme nvme;
};

/* Returns 0 or -errno. */
static inline int disk_open_at(struct disk *disk, const char *bdf)
{
	int rc = pci_bind(bdf, "vfio-pci");

	if (rc)
		return rc;
	disk->dev = vfio_open(bdf);
	if (disk->dev < 0)
		return disk->dev;
	disk->iommu = iommu_open();
	if (disk->iommu < 0)
		return disk->iommu;
	return vfio_bind(disk->dev, disk->iommu, NULL) ?:
	       ioas_alloc(disk->iommu, &disk->ioas) ?:
	       vfio_attach(disk->dev, disk->ioas, NULL) ?:
	       nvme_open(&disk->nvme, disk->dev, disk->iommu, disk->ioas);
}

static inline int disk_open(struct disk *disk)
{
	return disk_open_at(disk, NVME);
}

/* Returns 0, or -1 if a file cannot be closed. */
static inline int disk_close(struct disk *disk)
{
	int rc;

	nvme_close(&disk->nvme);
	rc = close(disk->dev);
	return close(disk->iommu) ?: rc;
}

#endif
