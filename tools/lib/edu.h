/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's edu device: a DMA engine between memory and a buffer of 4 KiB inside
 * the device.  The driver of a device that does nothing but DMA.
 */
#ifndef LIB_EDU_H
#define LIB_EDU_H

#include <stddef.h>
#include <linux/types.h>

struct edu {
	void *bar;
	size_t bar_length;
};

/*
 * The longest transfer; QEMU before 9.0 dies of a transfer that touches the
 * last byte of the device's buffer.
 */
#define EDU_DMA_MAX 2048

/* dev: an opened and bound device file.  Maps BAR 0, enables bus mastering. */
int edu_open(struct edu *edu, int dev);
void edu_close(struct edu *edu);

/*
 * DMA between memory at iova and the start of the device's buffer.  They return
 * when the device says that it is done; edu cannot tell whether the IOMMU let
 * the transfer pass.  A transfer takes 100 ms.
 */
int edu_from_memory(struct edu *edu, __u64 iova, size_t length);
int edu_to_memory(struct edu *edu, __u64 iova, size_t length);

#endif
