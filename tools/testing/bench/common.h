/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Shared by the benchmarks.  Functions exit on failure.
 */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define PAGE	4096UL
#define KIB	1024UL
#define MIB	(1024 * KIB)
#define GIB	(1024 * MIB)
#define HUGE	(2 * MIB)

#define IOVA	(4 * GIB)	/* clear of the window of MSI interrupts */

/* rc: 0 or a negative errno */
void check(int rc, const char *what);
/* Nanoseconds; instructions, in a VM whose clock counts them */
uint64_t now(void);
/* The release of the kernel */
const char *release(void);

/* A device attached to an IOAS of its own context */
struct attached {
	int iommufd;
	int dev;
	__u32 dev_id;
	__u32 ioas;
};

void attach(struct attached *at, const char *bdf);
void map(struct attached *at, void *va, size_t length, __u64 iova);
void map_file(struct attached *at, int fd, size_t start, size_t length,
	      __u64 iova);
void unmap(struct attached *at, __u64 iova, size_t length);
void detach(struct attached *at);

/* Memory that is not faulted in, aligned to huge pages; advice: madvise() */
char *reserve(size_t length, int advice);
char *alloc_huge_pages(size_t length);
/* Huge pages of hugetlbfs */
char *alloc_hugetlb(size_t length);
/* Huge pages of a memfd, whose file descriptor is put into fd */
char *alloc_memfd(size_t length, int *fd);
/* 4 KiB pages, faulted in one after the other */
char *alloc_small_pages(size_t length);
/* 4 KiB pages, hardly any two of which have adjacent PFNs */
char *alloc_scattered(size_t length);

#endif
