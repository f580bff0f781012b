// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small NVMe driver in user space (NVM Express base specification 1.4).
 *
 * One block of memory, mapped for the device once, holds a page each for: the
 * admin queue's commands and completions, the I/O queue's, the data of the
 * Identify command, and the list of pages (PRP list) of a read or write.
 *
 * Whatever is given to the device is looked up by dma_address(), page by page: a
 * controller without an IOMMU does not know IOVAs.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "iommu.h"
#include "mmio.h"
#include "nvme.h"
#include "vfio.h"

#define PAGE		4096UL
#define QUEUE_PAGES	6
#define QUEUE_DEPTH	16

/* Registers */
#define REG_CAP		0x00
#define REG_INTMS	0x0c
#define REG_CC		0x14
#define REG_CSTS	0x1c
#define REG_AQA		0x24
#define REG_ASQ		0x28
#define REG_ACQ		0x30
#define REG_DOORBELLS	0x1000

#define CC_ENABLE	0x1
#define CC_ENTRY_SIZES	0x460000	/* 64 and 16 bytes */
#define CSTS_READY	0x1
#define CSTS_FATAL	0x2

/* Commands */
#define ADMIN_CREATE_SQ		0x01
#define ADMIN_CREATE_CQ		0x05
#define ADMIN_IDENTIFY		0x06
#define ADMIN_SET_FEATURES	0x09
#define IO_WRITE		0x01
#define IO_READ			0x02

#define IDENTIFY_NAMESPACE	0
#define IDENTIFY_CONTROLLER	1
#define FEATURE_QUEUES		7

struct nvme_command {
	__u32 opcode;
	__u32 nsid;
	__u32 cdw2[4];
	__u64 prp1;	/* the first page of the data */
	__u64 prp2;	/* the second, or a list of all further pages */
	__u32 cdw10[6];
};

struct nvme_completion {
	__u32 result;
	__u32 reserved;
	__u32 sq;
	__u32 status;	/* bit 16: phase, 17 and up: status, 0 is success */
};

static __u32 read32(struct nvme *nvme, unsigned int reg)
{
	return mmio_read32(nvme->bar + reg);
}

static void write32(struct nvme *nvme, unsigned int reg, __u32 val)
{
	mmio_write32(nvme->bar + reg, val);
}

static void write64(struct nvme *nvme, unsigned int reg, __u64 val)
{
	write32(nvme, reg, val);
	write32(nvme, reg + 4, val >> 32);
}

/* The address by which the device reaches the page that is mapped at iova */
static int dma_address(struct nvme *nvme, __u64 iova, __u64 *address)
{
	__u64 length = PAGE;

	*address = iova;
	if (!nvme->noiommu)
		return 0;
	return ioas_noiommu_get_pa(nvme->iommufd, nvme->ioas, iova, &length,
				   address);
}

/* qid 0 is the admin queue, 1 the I/O queue */
static void ring(struct nvme *nvme, unsigned int qid, bool completion,
		 __u32 val)
{
	write32(nvme, REG_DOORBELLS +
		      (2 * qid + completion) * nvme->doorbell_stride, val);
}

static unsigned long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Give the device one command and wait until it is done */
static int submit(struct nvme *nvme, struct nvme_queue *queue,
		  const struct nvme_command *command)
{
	unsigned int qid = queue == &nvme->io;
	struct nvme_completion *done;
	unsigned long start = now_ms();
	__u32 status;

	memcpy(queue->sq + queue->sq_tail * sizeof(*command), command,
	       sizeof(*command));
	queue->sq_tail = (queue->sq_tail + 1) % QUEUE_DEPTH;
	ring(nvme, qid, false, queue->sq_tail);

	/* The device flips the phase bit each time it goes round the queue */
	done = queue->cq + queue->cq_head * sizeof(*done);
	while (((status = mmio_read32(&done->status)) >> 16 & 1) !=
	       queue->phase) {
		if (now_ms() - start > nvme->timeout_ms)
			return -ETIMEDOUT;
		usleep(1);
	}
	queue->cq_head = (queue->cq_head + 1) % QUEUE_DEPTH;
	if (!queue->cq_head)
		queue->phase ^= 1;
	ring(nvme, qid, true, queue->cq_head);
	return status >> 17 ? -EIO : 0;
}

static int wait_ready(struct nvme *nvme, bool ready)
{
	unsigned int ms;

	for (ms = 0; ms < nvme->timeout_ms; ms++) {
		__u32 csts = read32(nvme, REG_CSTS);

		if (csts & CSTS_FATAL)
			return -EIO;
		if (!!(csts & CSTS_READY) == ready)
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

/* Disable, tell the device where the admin queue is, enable */
static int reset(struct nvme *nvme)
{
	int rc;

	write32(nvme, REG_CC, 0);
	rc = wait_ready(nvme, false);
	if (rc)
		return rc;
	write32(nvme, REG_INTMS, ~0u);	/* no interrupts: we poll */
	write32(nvme, REG_AQA, (QUEUE_DEPTH - 1) << 16 | (QUEUE_DEPTH - 1));
	write64(nvme, REG_ASQ, nvme->admin.sq_iova);
	write64(nvme, REG_ACQ, nvme->admin.cq_iova);
	write32(nvme, REG_CC, CC_ENABLE | CC_ENTRY_SIZES);
	return wait_ready(nvme, true);
}

static int identify(struct nvme *nvme, __u32 nsid, __u32 what)
{
	struct nvme_command command = {
		.opcode = ADMIN_IDENTIFY,
		.nsid = nsid,
		.prp1 = nvme->identify_iova,
		.cdw10 = { what },
	};

	return submit(nvme, &nvme->admin, &command);
}

static int identify_all(struct nvme *nvme)
{
	const __u8 *data = nvme->identify;
	__u8 format;
	int i, rc;

	rc = identify(nvme, 0, IDENTIFY_CONTROLLER);
	if (rc)
		return rc;
	for (i = 40; i && data[24 + i - 1] == ' '; i--)
		;	/* it is padded with spaces */
	memcpy(nvme->model, data + 24, i);
	/* At most 2 MiB, which one page of PRPs can describe, page aligned */
	nvme->max_transfer = PAGE * (PAGE / 8);
	if (data[77] && data[77] < 9)
		nvme->max_transfer = PAGE << data[77];

	rc = identify(nvme, 1, IDENTIFY_NAMESPACE);
	if (rc)
		return rc;
	memcpy(&nvme->blocks, data, 8);
	format = data[26] & 0xf;
	nvme->block_size = 1UL << data[128 + 4 * format + 2];
	return 0;
}

static int create_io_queue(struct nvme *nvme)
{
	const __u32 id_and_depth = (QUEUE_DEPTH - 1) << 16 | 1;
	struct nvme_command one_queue = {
		.opcode = ADMIN_SET_FEATURES,
		.cdw10 = { FEATURE_QUEUES, 0 },
	};
	struct nvme_command cq = {
		.opcode = ADMIN_CREATE_CQ,
		.prp1 = nvme->io.cq_iova,
		.cdw10 = { id_and_depth, 1 /* contiguous, no interrupt */ },
	};
	struct nvme_command sq = {
		.opcode = ADMIN_CREATE_SQ,
		.prp1 = nvme->io.sq_iova,
		.cdw10 = { id_and_depth, 1 << 16 /* its CQ */ | 1 },
	};
	int rc;

	rc = submit(nvme, &nvme->admin, &one_queue);
	if (!rc)
		rc = submit(nvme, &nvme->admin, &cq);
	if (!rc)
		rc = submit(nvme, &nvme->admin, &sq);
	return rc;
}

/* The address by which the device reaches one of the pages */
static int page_address(struct nvme *nvme, unsigned int page, __u64 *address)
{
	return dma_address(nvme, nvme->pages_iova + page * PAGE, address);
}

static int init_queue(struct nvme *nvme, struct nvme_queue *queue,
		      unsigned int page)
{
	queue->sq = nvme->pages + page * PAGE;
	queue->cq = nvme->pages + (page + 1) * PAGE;
	queue->phase = 1;
	return page_address(nvme, page, &queue->sq_iova) ?:
	       page_address(nvme, page + 1, &queue->cq_iova);
}

static int init_pages(struct nvme *nvme)
{
	nvme->identify = nvme->pages + 4 * PAGE;
	nvme->prp_list = nvme->pages + 5 * PAGE;
	return init_queue(nvme, &nvme->admin, 0) ?:
	       init_queue(nvme, &nvme->io, 2) ?:
	       page_address(nvme, 4, &nvme->identify_iova) ?:
	       page_address(nvme, 5, &nvme->prp_list_iova);
}

static void unmap_pages(struct nvme *nvme)
{
	ioas_unmap(nvme->iommufd, nvme->ioas, nvme->pages_iova,
		   QUEUE_PAGES * PAGE);
	munmap(nvme->pages, QUEUE_PAGES * PAGE);
}

static int map_pages(struct nvme *nvme)
{
	int rc;

	nvme->pages = mmap(NULL, QUEUE_PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (nvme->pages == MAP_FAILED)
		return -errno;
	rc = ioas_map_anywhere(nvme->iommufd, nvme->ioas, nvme->pages,
			       QUEUE_PAGES * PAGE, &nvme->pages_iova);
	if (rc) {
		munmap(nvme->pages, QUEUE_PAGES * PAGE);
		return rc;
	}
	rc = init_pages(nvme);
	if (rc)
		unmap_pages(nvme);
	return rc;
}

int nvme_open(struct nvme *nvme, int dev, int iommufd, __u32 ioas)
{
	__u64 cap;
	int rc;

	memset(nvme, 0, sizeof(*nvme));
	nvme->iommufd = iommufd;
	nvme->ioas = ioas;
	nvme->noiommu = vfio_is_noiommu(dev);
	if (nvme->noiommu < 0)
		return nvme->noiommu;
	rc = map_pages(nvme);
	if (rc)
		return rc;
	rc = vfio_map_bar(dev, 0, &nvme->bar, &nvme->bar_length);
	if (rc)
		goto err_pages;
	rc = vfio_bus_master(dev, true);
	if (rc)
		goto err_bar;
	cap = read32(nvme, REG_CAP) | (__u64)read32(nvme, REG_CAP + 4) << 32;
	nvme->doorbell_stride = 4 << (cap >> 32 & 0xf);
	nvme->timeout_ms = ((cap >> 24 & 0xff) + 1) * 500;
	rc = reset(nvme);
	if (!rc)
		rc = identify_all(nvme);
	if (!rc)
		rc = create_io_queue(nvme);
	if (!rc)
		return 0;
	nvme_close(nvme);
	return rc;

err_bar:
	munmap(nvme->bar, nvme->bar_length);
err_pages:
	unmap_pages(nvme);
	return rc;
}

void nvme_close(struct nvme *nvme)
{
	/* A disabled controller does no more DMA */
	write32(nvme, REG_CC, 0);
	wait_ready(nvme, false);
	munmap(nvme->bar, nvme->bar_length);
	unmap_pages(nvme);
}

/* One command of at most max_transfer bytes */
static int transfer(struct nvme *nvme, __u32 opcode, __u64 lba, __u64 iova,
		    size_t length)
{
	struct nvme_command command = {
		.opcode = opcode,
		.nsid = 1,
		.cdw10 = { lba, lba >> 32, length / nvme->block_size - 1 },
	};
	size_t i, more = (length - 1) / PAGE;
	int rc;

	rc = dma_address(nvme, iova, &command.prp1);
	for (i = 0; !rc && i < more; i++)
		rc = dma_address(nvme, iova + (i + 1) * PAGE,
				 &nvme->prp_list[i]);
	if (rc)
		return rc;
	if (more == 1)
		command.prp2 = nvme->prp_list[0];
	else if (more)
		command.prp2 = nvme->prp_list_iova;
	return submit(nvme, &nvme->io, &command);
}

static int transfer_all(struct nvme *nvme, __u32 opcode, __u64 lba, __u64 iova,
			size_t length)
{
	if (iova % PAGE || length % nvme->block_size)
		return -EINVAL;
	while (length) {
		size_t part = length;
		int rc;

		if (part > nvme->max_transfer)
			part = nvme->max_transfer;
		rc = transfer(nvme, opcode, lba, iova, part);
		if (rc)
			return rc;
		lba += part / nvme->block_size;
		iova += part;
		length -= part;
	}
	return 0;
}

int nvme_read(struct nvme *nvme, __u64 lba, __u64 iova, size_t length)
{
	return transfer_all(nvme, IO_READ, lba, iova, length);
}

int nvme_write(struct nvme *nvme, __u64 lba, __u64 iova, size_t length)
{
	return transfer_all(nvme, IO_WRITE, lba, iova, length);
}
