/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that is not populated, and the workers that fault it in */
#ifndef IOMMU_POPULATE_H
#define IOMMU_POPULATE_H

#include <fnmatch.h>
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

/* The CPUs that a thread may run on */
static inline int read_cpus(const char *id, char cpus[32])
{
	char path[300], line[256];
	int n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/status", id);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	while (n != 1 && fgets(line, sizeof(line), f))
		n = sscanf(line, "Cpus_allowed_list: %31s", cpus);
	fclose(f);
	return n == 1 ? 0 : -ESRCH;
}

/* Does the name of a process match the pattern? */
static inline bool is_called(const char *id, const char *pattern)
{
	char path[300], comm[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/comm", id);
	f = fopen(path, "re");
	if (!f)
		return false;
	if (fgets(comm, sizeof(comm), f))
		comm[strcspn(comm, "\n")] = 0;
	fclose(f);
	return !fnmatch(pattern, comm, 0);
}

/* Names of workers: of any caller, and of the thread with this ID */
#define HELPERS		"iommufd/*"
#define HELPERS_OF	"iommufd/%d"

/* Call fn() for each worker of such a name, until it returns an error. */
static inline int look_at_helpers(const char *pattern,
				  int (*fn)(const char *id, void *arg),
				  void *arg)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	int rc = 0;

	if (!dir)
		return -errno;
	while (!rc && (e = readdir(dir)))
		if (is_called(e->d_name, pattern))
			rc = fn(e->d_name, arg);
	closedir(dir);
	return rc;
}

static inline int count_helper(const char *id, void *n)
{
	(void)id;
	++*(int *)n;
	return 0;
}

/* Number of workers of all calls; -1 on error */
static inline int helpers(void)
{
	int n = 0;

	return look_at_helpers(HELPERS, count_helper, &n) ? -1 : n;
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
