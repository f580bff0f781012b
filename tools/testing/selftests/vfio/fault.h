/* SPDX-License-Identifier: GPL-2.0-only */
/* DMA that the IOMMU has to stop */
#ifndef SELFTESTS_VFIO_FAULT_H
#define SELFTESTS_VFIO_FAULT_H

#include "test.h"

/*
 * Let edu write to iova, and wait for the kernel's report that the IOMMU has
 * stopped it.  requester: the address that the IOMMU sees the device by.  As
 * the kernel prints no more than a few reports in five seconds, a report that
 * does not come gets a second chance.
 */
static inline bool edu_write_faults(struct edu *edu, __u64 iova,
				    const char *requester)
{
	bool found = false;
	char line[1024];
	int log, i;

	for (i = 0; i < 2 && !found; i++) {
		if (i)
			sleep(6);
		log = kmsg_open();
		if (edu_to_memory(edu, iova, EDU_DMA_MAX) == 0)
			found = kmsg_find_fault(log, requester, "DMA Write",
						iova, 1500, line);
		close(log);
	}
	return found;
}

/* The same for reading; what it has read is in edu's buffer */
static inline bool edu_read_faults(struct edu *edu, __u64 iova,
				   const char *requester)
{
	bool found = false;
	char line[1024];
	int log, i;

	for (i = 0; i < 2 && !found; i++) {
		if (i)
			sleep(6);
		log = kmsg_open();
		if (edu_from_memory(edu, iova, EDU_DMA_MAX) == 0)
			found = kmsg_find_fault(log, requester, "DMA Read",
						iova, 1500, line);
		close(log);
	}
	return found;
}

#endif
