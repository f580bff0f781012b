/* SPDX-License-Identifier: GPL-2.0-only */
/* The VM's NVMe disk as the host's own driver sees it */
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

#endif
