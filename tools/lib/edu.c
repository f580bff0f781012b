// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's edu device (docs/specs/edu.txt in QEMU's source) */
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edu.h"
#include "mmio.h"
#include "vfio.h"

#define EDU_REG_ID	0x00
#define EDU_ID_MASK	0x0000ffff
#define EDU_ID		0x000000ed
#define EDU_REG_SRC	0x80
#define EDU_REG_DST	0x88
#define EDU_REG_COUNT	0x90
#define EDU_REG_CMD	0x98
#define EDU_CMD_RUN	0x1
#define EDU_CMD_TO_MEM	0x2
#define EDU_BUFFER	0x40000	/* the buffer's address inside the device */

#define EDU_TIMEOUT_MS	20000

int edu_open(struct edu *edu, int dev)
{
	__u32 id;
	int rc;

	rc = vfio_map_bar(dev, 0, &edu->bar, &edu->bar_length);
	if (rc)
		return rc;
	rc = vfio_bus_master(dev, true);
	if (rc) {
		edu_close(edu);
		return rc;
	}
	id = mmio_read32(edu->bar + EDU_REG_ID);
	if ((id & EDU_ID_MASK) != EDU_ID) {
		edu_close(edu);
		return -ENODEV;
	}
	return 0;
}

void edu_close(struct edu *edu)
{
	munmap(edu->bar, edu->bar_length);
}

static int edu_dma(struct edu *edu, __u64 src, __u64 dst, size_t length,
		   __u64 cmd)
{
	unsigned int ms;

	if (length > EDU_DMA_MAX)
		return -EINVAL;
	mmio_write64(edu->bar + EDU_REG_SRC, src);
	mmio_write64(edu->bar + EDU_REG_DST, dst);
	mmio_write64(edu->bar + EDU_REG_COUNT, length);
	mmio_write64(edu->bar + EDU_REG_CMD, cmd);
	for (ms = 0; ms < EDU_TIMEOUT_MS; ms++) {
		if (!(mmio_read64(edu->bar + EDU_REG_CMD) & EDU_CMD_RUN))
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

int edu_from_memory(struct edu *edu, __u64 iova, size_t length)
{
	return edu_dma(edu, iova, EDU_BUFFER, length, EDU_CMD_RUN);
}

int edu_to_memory(struct edu *edu, __u64 iova, size_t length)
{
	return edu_dma(edu, EDU_BUFFER, iova, length,
		       EDU_CMD_RUN | EDU_CMD_TO_MEM);
}
