/* SPDX-License-Identifier: GPL-2.0-only */
/* The number of pages pinned for DMA on the whole machine */
#ifndef SELFTESTS_PINNED_H
#define SELFTESTS_PINNED_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Pages pinned and unpinned since boot, by a file like /proc/vmstat; 0 or -1 */
static inline int pins_of(const char *path, long *acquired, long *released)
{
	FILE *f = fopen(path, "re");
	unsigned long value;
	char name[64];

	*acquired = -1;
	*released = -1;
	if (!f)
		return -1;
	while (fscanf(f, "%63s %lu", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			*acquired = value;
		else if (!strcmp(name, "nr_foll_pin_released"))
			*released = value;
	}
	fclose(f);
	return *acquired < 0 || *released < 0 ? -1 : 0;
}

/* From a file like /proc/vmstat, or -1 if it is not known */
static inline long pinned_of(const char *path)
{
	long acquired, released;

	return pins_of(path, &acquired, &released) ? -1 : acquired - released;
}

/*
 * Returns -1 if the number is not known.  The kernel counts per CPU; writing to
 * stat_refresh makes it sum up first, so the difference of two calls is exact.
 */
static inline long pinned(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);
	ssize_t refreshed = write(fd, "1", 1);

	close(fd);
	return refreshed == 1 ? pinned_of("/proc/vmstat") : -1;
}

/* Pages pinned since boot, whether they are still pinned or not; or -1 */
static inline long pins_acquired(void)
{
	long acquired, released;

	if (pinned() < 0 || pins_of("/proc/vmstat", &acquired, &released))
		return -1;
	return acquired;
}

#endif
