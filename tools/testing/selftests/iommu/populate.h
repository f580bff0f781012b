/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that is not populated, and the workers that fault it in */
#ifndef IOMMU_POPULATE_H
#define IOMMU_POPULATE_H

#include <sys/mman.h>
#include <sys/resource.h>

#include "common.h"
#include "mock.h"

#define PARAMETERS	"/sys/module/iommufd/parameters/"
#define THREADS		PARAMETERS "populate_threads"
#define LEAST_MIB	PARAMETERS "populate_mib"

/* Have one worker, for calls of at least this number of MiB */
static inline int populate_with_helper(const char *mib)
{
	return write_file(THREADS, "2") ?: write_file(LEAST_MIB, mib);
}

/* Page faults of this thread alone */
static inline long faults(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) ? -1 :
	       usage.ru_minflt + usage.ru_majflt;
}

/* Memory that is not populated, in the CPU's smallest pages */
static inline char *missing(size_t length)
{
	char *va = anon_aligned(length, HUGE);

	return va && !madvise(va, length, MADV_NOHUGEPAGE) ? va : NULL;
}

/* Fields of /proc/ID/stat, of a thread, or of a process with one thread */
struct stat_line {
	long faults;
	long nice;
};

static inline int read_stat(const char *id, struct stat_line *stat)
{
	long minor, major;
	char path[300];
	FILE *f;
	int n;

	snprintf(path, sizeof(path), "/proc/%s/stat", id);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	/* Fields 10, 12 and 19 */
	n = fscanf(f, "%*d (%*[^)]) %*s %*s %*s %*s %*s %*s %*s %ld %*s %ld",
		   &minor, &major);
	n += fscanf(f, "%*s %*s %*s %*s %*s %*s %ld", &stat->nice);
	fclose(f);
	stat->faults = minor + major;
	return n == 3 ? 0 : -ESRCH;
}

/* Number of workers of all calls; -1 on error */
static inline int helpers(void)
{
	DIR *dir = opendir("/proc");
	char path[300], comm[32];
	struct dirent *e;
	int n = 0;
	FILE *f;

	if (!dir)
		return -1;
	while ((e = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		n += fgets(comm, sizeof(comm), f) &&
		     !strncmp(comm, "iommufd/", strlen("iommufd/"));
		fclose(f);
	}
	closedir(dir);
	return n;
}

/* Workers end before the call does, but may still be listed for a while. */
static inline bool helpers_are_gone(void)
{
	unsigned int i;

	for (i = 0; i < 500 * time_factor() && helpers(); i++)
		usleep(10000);
	return !helpers();
}

struct context {
	int fd;
	__u32 ioas_id;
	struct mock_dev dev;
	long pinned;
};

static inline int context_open(struct context *c)
{
	c->fd = populate_with_helper("32") ?: mock_open(&c->ioas_id);
	if (c->fd < 0)
		return c->fd;
	c->pinned = pinned();
	return mock_attach(c->fd, c->ioas_id, &c->dev);
}

/* Returns whether nothing is left. */
static inline bool context_close(struct context *c)
{
	close(c->fd);
	return pinned() == c->pinned && helpers_are_gone();
}

#endif
