/* SPDX-License-Identifier: GPL-2.0-only */
/* What kind of pages memory is in */
#ifndef IOMMU_SMAPS_H
#define IOMMU_SMAPS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

/* Kilobytes that smaps says of the mapping that starts at an address */
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
			inside = start <= addr(va) && addr(va) < end;
		else if (inside && !strncmp(line, field, strlen(field)))
			found = strtol(line + strlen(field), NULL, 10);
	}
	fclose(smaps);
	return found;
}

#endif
