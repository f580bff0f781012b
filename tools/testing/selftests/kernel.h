/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions about the running kernel */
#ifndef SELFTESTS_KERNEL_H
#define SELFTESTS_KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Is the kernel older than this one? */
static inline bool kernel_before(int major, int minor, int patch)
{
	struct utsname name;
	int a, b, c = 0;

	if (uname(&name) || sscanf(name.release, "%d.%d.%d", &a, &b, &c) < 2)
		abort();
	if (a != major)
		return a < major;
	if (b != minor)
		return b < minor;
	return c < patch;
}

/* Has it a taint, which is one of the bits of /proc/sys/kernel/tainted? */
static inline bool kernel_is_tainted(unsigned int bit)
{
	FILE *file = fopen("/proc/sys/kernel/tainted", "re");
	unsigned long taints;

	if (!file || fscanf(file, "%lu", &taints) != 1)
		abort();
	fclose(file);
	return taints >> bit & 1;
}

/* Has it areas of memory that it moves pages out of for devices (CMA)? */
static inline bool kernel_has_cma(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	bool found = false;
	char line[256];

	if (!file)
		abort();
	while (fgets(line, sizeof(line), file))
		found = found || !strncmp(line, "CmaTotal:", 9);
	fclose(file);
	return found;
}

/*
 * Does the kernel isolate a device that bears a bridge's requester ID?  From
 * 6.11 on, its VT-d driver leaves a device of that kind with the page table
 * that it had before.  7.2 and a stable update corrected this.
 */
static inline bool kernel_isolates_behind_bridges(void)
{
	return kernel_before(6, 11, 0) || !kernel_before(7, 2, 0) ||
	       (kernel_before(6, 13, 0) && !kernel_before(6, 12, 114));
}

/* What vfio_iommu_type1 returns for a range that wraps */
static inline int type1_wrap_errno(void)
{
	return kernel_before(6, 18, 0) ? -EINVAL : -EOVERFLOW;
}

#endif
