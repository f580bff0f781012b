/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that is not there yet, and who faults it in */
#ifndef IOMMU_POPULATE_H
#define IOMMU_POPULATE_H

#include <sys/mman.h>
#include <sys/resource.h>

#include "common.h"

#define PARAMETERS	"/sys/module/iommufd/parameters/"
#define THREADS		PARAMETERS "populate_threads"
#define LEAST_MIB	PARAMETERS "populate_mib"

/* Have one helper, with at least so many MiB */
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

/* Memory none of which is there, that comes in the CPU's smallest pages */
static inline char *missing(size_t length)
{
	char *va = anon_aligned(length, HUGE);

	return va && !madvise(va, length, MADV_NOHUGEPAGE) ? va : NULL;
}

#endif
