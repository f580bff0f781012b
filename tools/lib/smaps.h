/* SPDX-License-Identifier: GPL-2.0-only */
/* The size of the pages that memory consists of, and their PFNs */
#ifndef LIB_SMAPS_H
#define LIB_SMAPS_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/types.h>

/* Whether shmem may be in huge pages: "advise", or "never", as after boot */
#define SHMEM_ENABLED	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* One 64-bit word of a file in /proc, 0 if there is none */
static inline __u64 proc_word(const char *path, __u64 index)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	__u64 word = 0;

	if (pread(fd, &word, sizeof(word), index * sizeof(word)) !=
	    sizeof(word))
		word = 0;
	close(fd);
	return word;
}

/* PFN of a page, 0 if there is none */
static inline __u64 frame_of(const void *va)
{
	__u64 entry = proc_word("/proc/self/pagemap", (uintptr_t)va / 4096);

	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

/* Kilobytes in a field of smaps, for the mapping that starts at an address */
static inline long smaps_kib(const void *va, const char *field)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool inside = false;
	char line[1024];
	long found = -1;

	if (!smaps)
		return -1;
	while (found < 0 && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = start <= (uintptr_t)va && (uintptr_t)va < end;
		else if (inside && !strncmp(line, field, strlen(field)))
			found = strtol(line + strlen(field), NULL, 10);
	}
	fclose(smaps);
	return found;
}

#endif
