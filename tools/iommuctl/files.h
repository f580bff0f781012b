/* SPDX-License-Identifier: GPL-2.0-only */
/* Processes that have character devices open, and the fdinfo of their files */
#ifndef FILES_H
#define FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "host.h"

/**
 * struct open_file - a file descriptor of a process
 * @rdev: device number of the file
 * @pid: of the process
 * @fd: of the process
 * @start: start time of the process: no other has this @pid and @start
 * @uid: of the process
 * @command: that it runs
 */
struct open_file {
	dev_t rdev;
	pid_t pid;
	int fd;
	unsigned long long start;
	uid_t uid;
	char command[32];
};

/* By process ID, then by file descriptor. */
struct file_list {
	struct open_file *files;
	size_t n;
};

/*
 * Find the file descriptors of the character devices in @wanted, of all
 * processes that this one may read.
 */
void files_find(struct file_list *list, const dev_t *wanted, size_t n);

/* Find the file descriptors of device files, and of the groups of devices. */
void files_find_users(struct file_list *list, const struct device_list *devices);
void files_free(struct file_list *list);

/* Are processes of all users seen? */
bool files_all_seen(void);

/* The result of kcmp() for two file descriptors */
enum same_file {
	SAME_FILE,
	OTHER_FILE,	/* or one of them has gone */
	UNKNOWN_FILE,	/* this process must not ask */
};

enum same_file files_same(const struct open_file *a, const struct open_file *b);

/**
 * struct ioas_info - what fdinfo says of an I/O address space
 * @id: of the object
 * @mapped: bytes
 * @pinned: bytes
 * @mappings: number of them
 */
struct ioas_info {
	unsigned int id;
	unsigned long long mapped;
	unsigned long long pinned;
	unsigned long long mappings;
};

/* A device that is bound */
struct device_info {
	unsigned int id;
	char address[ADDRESS_LEN];
};

/**
 * struct iommu_info - what fdinfo says of a file of /dev/iommu
 * @known: fdinfo has these fields: a driver may be too old for them
 * @objects: number of them
 * @mapped: bytes in all I/O address spaces
 * @pinned: bytes
 * @maps: mappings made since the file was opened
 * @unmaps: mappings removed since then
 * @ioas: the I/O address spaces
 * @nioas: number of them
 * @devices: those bound
 * @ndevices: number of them
 */
struct iommu_info {
	bool known;
	unsigned long long objects;
	unsigned long long mapped;
	unsigned long long pinned;
	unsigned long long maps;
	unsigned long long unmaps;
	struct ioas_info *ioas;
	size_t nioas;
	struct device_info *devices;
	size_t ndevices;
};

/* False if the file is not there any more. */
bool iommu_info_read(struct iommu_info *info, const struct open_file *file);
void iommu_info_free(struct iommu_info *info);

/* The state of a device file by fdinfo; an older driver shows none */
enum vfio_state {
	VFIO_UNKNOWN,
	VFIO_OPEN,	/* not bound: that keeps nobody from binding it */
	VFIO_BOUND,
	VFIO_ATTACHED,
};

enum vfio_state vfio_state_read(const struct open_file *file);

#endif
