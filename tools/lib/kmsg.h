/* SPDX-License-Identifier: GPL-2.0-only */
/* Waits for a line of the kernel log, such as an IOMMU's fault report */
#ifndef LIB_KMSG_H
#define LIB_KMSG_H

#include <stdbool.h>
#include <linux/types.h>

/* A reader that starts at the end of the log; fd or negative errno */
int kmsg_open(void);
/*
 * Read on until a line has both words in it, at most timeout_ms.  The line is
 * stored without its prefix and end.
 */
bool kmsg_find(int fd, const char *word1, const char *word2, int timeout_ms,
	       char line[1024]);
/*
 * Read on until the IOMMU reports that it blocked a DMA of the device at the
 * page of iova.  type is "DMA Read" or "DMA Write".  Intel's driver says, for
 * instance, "DMAR: [DMA Write NO_PASID] Request device [00:04.0] fault addr
 * 0x10001000 ..."; AMD's "vfio-pci 0000:00:04.0: AMD-Vi: Event logged
 * [IO_PAGE_FAULT domain=0x0001 address=0x10001000 flags=0x0020]"; that of
 * SMMUv3 "arm-smmu-v3 9050000.smmuv3: event 0x10 received:", and the event's
 * words, each in a line of its own, of which line gets the address; and that of
 * virtio-iommu "virtio_iommu virtio0: page fault from EP 32 at 0x10001000 []".
 * The kernel prints at most ten reports in five seconds.
 */
bool kmsg_find_fault(int fd, const char *bdf, const char *type, __u64 iova,
		     int timeout_ms, char line[1024]);

#endif
