/* SPDX-License-Identifier: GPL-2.0-only */
/* DMA that the IOMMU has to stop */
#ifndef SELFTESTS_VFIO_FAULT_H
#define SELFTESTS_VFIO_FAULT_H

#include "machine.h"

/*
 * On 6.1, the thread of AMD-Vi's interrupt never ends once QEMU's has reported a DMA
 * that it has stopped (see the profile amd): no test may have it stop one there.
 */
static inline bool faults_hang(void)
{
	return kernel_before(6, 12, 0) && iommu_of(EDU) == AMD;
}

#define FAULTS_HANG	"this kernel hangs when QEMU's AMD-Vi reports a fault"

/*
 * Does the kernel report that the IOMMU has stopped a DMA of the device?  dma:
 * an expression that has the device do the DMA, true if the device is done.
 * requester: the address that the IOMMU sees the device by.  type: "DMA Read",
 * "DMA Write".  As the kernel prints no more than a few reports in five
 * seconds, a report that does not come gets a second chance.
 */
#define DMA_FAULTS(dma, requester, type, iova)				\
({									\
	bool _found = false;						\
	char _line[1024];						\
	int _log, _i;							\
									\
	for (_i = 0; _i < 2 && !_found; _i++) {				\
		if (_i)							\
			sleep(6);					\
		_log = kmsg_open();					\
		_found = (dma) &&					\
			 kmsg_find_fault(_log, requester, type, iova,	\
					 5000, _line);			\
		close(_log);						\
	}								\
	_found;								\
})

/* Let edu write to iova ... */
static inline bool edu_write_faults(struct edu *edu, __u64 iova,
				    const char *requester)
{
	return DMA_FAULTS(!edu_to_memory(edu, iova, EDU_DMA_MAX), requester,
			  "DMA Write", iova);
}

/*
 * ... or, for a device that has no page table and is blocked as a whole.  QEMU's
 * AMD-Vi does not report that, nor does any SMMU.  On 6.1 the page table of such a
 * device is an empty one.
 */
static inline bool edu_write_is_blocked(struct edu *edu, __u64 iova,
					const char *requester)
{
	enum iommu_kind kind = iommu_of(EDU);

	if ((kind == AMD || kind == SMMU) && !kernel_before(6, 12, 0))
		return !edu_to_memory(edu, iova, EDU_DMA_MAX);
	return edu_write_faults(edu, iova, requester);
}

/* ... or read from there into its buffer. */
static inline bool edu_read_faults(struct edu *edu, __u64 iova,
				   const char *requester)
{
	return DMA_FAULTS(!edu_from_memory(edu, iova, EDU_DMA_MAX), requester,
			  "DMA Read", iova);
}

#endif
