// SPDX-License-Identifier: GPL-2.0-only
/* PCI devices of the test VM and what sysfs can do with them */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/types.h>

#include "file.h"
#include "pci.h"

#define PCI "/sys/bus/pci"

int pci_write(const char *bdf, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI "/devices/%s/%s", bdf, name);
	return write_file(path, text);
}

int pci_write_driver(const char *driver, const char *name, const char *text)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI "/drivers/%s/%s", driver, name);
	return write_file(path, text);
}

int pci_read(const char *bdf, const char *name, char *text, size_t size)
{
	char path[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), PCI "/devices/%s/%s", bdf, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return 0;
}

/* The last part of the path that the link points to */
static int link_name(const char *bdf, const char *name, char target[PATH_MAX])
{
	char path[PATH_MAX], *slash;
	ssize_t n;

	snprintf(path, sizeof(path), PCI "/devices/%s/%s", bdf, name);
	n = readlink(path, target, PATH_MAX - 1);
	if (n < 0)
		return -errno;
	target[n] = 0;
	slash = strrchr(target, '/');
	if (slash)
		memmove(target, slash + 1, strlen(slash));
	return 0;
}

bool pci_bound_to(const char *bdf, const char *driver)
{
	char name[PATH_MAX];
	int rc = link_name(bdf, "driver", name);

	if (!driver)
		return rc == -ENOENT;
	return !rc && !strcmp(name, driver);
}

int pci_unbind(const char *bdf)
{
	return pci_write(bdf, "driver/unbind", bdf);
}

/*
 * Have a device without a driver.  One that probes in the background, as drivers
 * of new virtual functions may, can give up the device meanwhile.
 */
static int pci_bind_none(const char *bdf)
{
	int rc = pci_bound_to(bdf, NULL) ? 0 : pci_unbind(bdf);

	return rc == -ENODEV || rc == -ENOENT ? 0 : rc;
}

int pci_try_bind(const char *bdf, const char *driver)
{
	int rc;

	rc = pci_write(bdf, "driver_override", driver);
	if (rc)
		return rc;
	return pci_write_driver(driver, "bind", bdf);
}

int pci_release(const char *bdf)
{
	return pci_bind_none(bdf) ?: pci_write(bdf, "driver_override", "\n");
}

int pci_bind(const char *bdf, const char *driver)
{
	if (pci_bound_to(bdf, driver))
		return 0;
	return driver ? pci_bind_none(bdf) ?: pci_try_bind(bdf, driver) :
			pci_release(bdf);
}

int pci_remove(const char *bdf)
{
	return pci_write(bdf, "remove", "1");
}

int pci_rescan(void)
{
	return write_file(PCI "/rescan", "1");
}

bool pci_exists(const char *bdf)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), PCI "/devices/%s", bdf);
	return !access(path, F_OK);
}

int pci_group(const char *bdf)
{
	char name[PATH_MAX];
	int rc = link_name(bdf, "iommu_group", name);

	return rc ? rc : atoi(name);
}

int pci_behind(const char *bridge, unsigned int slot, char bdf[BDF_LEN])
{
	char path[PATH_MAX], tail[8];
	struct dirent *entry;
	int rc = -ENODEV;
	DIR *dir;

	snprintf(path, sizeof(path), PCI "/devices/%s", bridge);
	dir = opendir(path);
	if (!dir)
		return -errno;
	snprintf(tail, sizeof(tail), ":%02x.0", slot);
	while ((entry = readdir(dir))) {
		if (strlen(entry->d_name) != BDF_LEN - 1 ||
		    strcmp(entry->d_name + 7, tail))
			continue;
		memcpy(bdf, entry->d_name, BDF_LEN);
		rc = 0;
	}
	closedir(dir);
	return rc;
}

int pci_virtfn(const char *pf, unsigned int n, char vf[BDF_LEN])
{
	char name[PATH_MAX], link[16];
	int rc;

	snprintf(link, sizeof(link), "virtfn%u", n);
	rc = link_name(pf, link, name);
	if (rc)
		return rc;
	if (strlen(name) != BDF_LEN - 1)
		return -EINVAL;
	memcpy(vf, name, BDF_LEN);
	return 0;
}

static int open_config(const char *bdf, int flags)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), PCI "/devices/%s/config", bdf);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pci_config_read16(const char *bdf, unsigned int offset)
{
	int fd = open_config(bdf, O_RDONLY);
	__u16 val;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pread(fd, &val, sizeof(val), offset);
	close(fd);
	return n == sizeof(val) ? val : -EIO;
}

int pci_config_write16(const char *bdf, unsigned int offset, __u16 val)
{
	int fd = open_config(bdf, O_WRONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = pwrite(fd, &val, sizeof(val), offset);
	close(fd);
	return n == sizeof(val) ? 0 : -EIO;
}

int pci_map_bar0(const char *bdf, void **bar, size_t *length)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), PCI "/devices/%s/resource0", bdf);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		close(fd);
		return -errno;
	}
	*length = st.st_size;
	*bar = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	close(fd);
	return *bar == MAP_FAILED ? -errno : 0;
}
