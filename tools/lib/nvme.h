/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small NVMe driver in user space: one admin queue, one I/O queue, polled,
 * one command at a time.  Enough to read and write a disk.
 */
#ifndef LIB_NVME_H
#define LIB_NVME_H

#include <stddef.h>
#include <linux/types.h>

struct nvme_queue {
	void *sq;		/* commands, written by us */
	void *cq;	/* completions, written by the device */
	__u64 sq_iova;
	__u64 cq_iova;
	unsigned int sq_tail;
	unsigned int cq_head;
	unsigned int phase;	/* of completions not yet seen */
};

struct nvme {
	int iommufd;
	__u32 ioas;
	int noiommu;		/* the device takes physical addresses */
	void *bar;
	size_t bar_length;
	unsigned int doorbell_stride;
	unsigned int timeout_ms;
	void *pages;		/* memory of the queues and of pages below */
	__u64 pages_iova;
	void *identify;
	__u64 identify_iova;
	__u64 *prp_list;
	__u64 prp_list_iova;
	struct nvme_queue admin;
	struct nvme_queue io;
	/* Identification, as the device gives it */
	char model[41];
	size_t block_size;
	__u64 blocks;
	size_t max_transfer;
};

/*
 * Reset and start the controller of the device file dev, which is bound to
 * iommufd and attached to ioas; the queues' memory is mapped there.  0 or a
 * negative errno, as everywhere here.
 */
int nvme_open(struct nvme *nvme, int dev, int iommufd, __u32 ioas);
/* Stop the controller, give the queues' memory back */
void nvme_close(struct nvme *nvme);

/*
 * Read or write namespace 1.  iova is page aligned, length a multiple of the
 * block size.  -EIO: the device reports an error, such as a DMA that failed.
 */
int nvme_read(struct nvme *nvme, __u64 lba, __u64 iova, size_t length);
int nvme_write(struct nvme *nvme, __u64 lba, __u64 iova, size_t length);

#endif
