// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter of dma-bufs, of memory that stands for the MMIO of a device.
 *
 * IOMMU_IOAS_MAP_FILE maps such a dma-buf, and nobody else can: it has no other
 * importers.  As long as it is not revoked it has a region of MMIO, by which
 * iommufd.ko takes away what is mapped.  What a revoke has taken away does not
 * come back, even if the dma-buf may be mapped again: that then is another
 * region.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "../iommufd/ucmd.h"
#include "dma_buf.h"
#include "iommufd_test.h"

/* The largest number of bytes of a dma-buf */
#define MOCK_DMA_BUF_MAX_LENGTH	(512 * PAGE_SIZE)

/**
 * struct mock_dma_buf - The private data of a dma-buf
 * @mmio: The region, NULL while the dma-buf is revoked.  Guarded by the
 *	reservation lock of the dma-buf.
 * @memory: The memory.
 * @length: Number of bytes.
 */
struct mock_dma_buf {
	struct iommufd_mmio *mmio;
	void *memory;
	size_t length;
};

/* See struct iommufd_mmio_ops; no process can map a dma-buf of the mock. */
static int mock_dma_buf_find(void *data, struct vm_area_struct *vma,
			     unsigned long uaddr, unsigned long length,
			     phys_addr_t *phys)
{
	return -EFAULT;
}

static bool mock_dma_buf_has(void *data, phys_addr_t phys, unsigned long length)
{
	struct mock_dma_buf *mock = data;
	phys_addr_t start = virt_to_phys(mock->memory);

	return phys >= start && phys - start <= mock->length &&
	       length <= mock->length - (phys - start);
}

static const struct iommufd_mmio_ops mock_dma_buf_mmio_ops = {
	.find = mock_dma_buf_find,
	.has = mock_dma_buf_has,
};

/* Make a region, which devices reach. */
static struct iommufd_mmio *mock_dma_buf_open(struct mock_dma_buf *mock)
{
	struct iommufd_mmio *mmio = iommufd_mmio_create(&mock_dma_buf_mmio_ops,
							mock);

	/* Nothing is mapped of it yet, so nothing can fail. */
	if (!IS_ERR(mmio))
		WARN_ON(iommufd_mmio_restore(mmio));
	return mmio;
}

static void mock_dma_buf_free(struct mock_dma_buf *mock)
{
	if (mock->mmio)
		iommufd_mmio_destroy(mock->mmio);
	free_pages_exact(mock->memory, mock->length);
	kfree(mock);
}

static int mock_dma_buf_attach(struct dma_buf *dmabuf,
			       struct dma_buf_attachment *attach)
{
	return -EOPNOTSUPP;
}

/* Without an attachment, neither of these two is called. */
static struct sg_table *mock_dma_buf_map(struct dma_buf_attachment *attach,
					 enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void mock_dma_buf_unmap(struct dma_buf_attachment *attach,
			       struct sg_table *sgt,
			       enum dma_data_direction dir)
{
}

static void mock_dma_buf_release(struct dma_buf *dmabuf)
{
	mock_dma_buf_free(dmabuf->priv);
}

static const struct dma_buf_ops mock_dma_buf_ops = {
	.attach = mock_dma_buf_attach,
	.map_dma_buf = mock_dma_buf_map,
	.unmap_dma_buf = mock_dma_buf_unmap,
	.release = mock_dma_buf_release,
};

static struct mock_dma_buf *mock_dma_buf_alloc(size_t length)
{
	struct iommufd_mmio *mmio;
	struct mock_dma_buf *mock;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	mock->memory = alloc_pages_exact(length,
					 GFP_KERNEL_ACCOUNT | __GFP_ZERO |
					 __GFP_NOWARN);
	if (!mock->memory) {
		kfree(mock);
		return ERR_PTR(-ENOMEM);
	}
	mock->length = length;
	mmio = mock_dma_buf_open(mock);
	if (IS_ERR(mmio)) {
		mock_dma_buf_free(mock);
		return ERR_CAST(mmio);
	}
	mock->mmio = mmio;
	return mock;
}

static struct dma_buf *mock_dma_buf_export(size_t length, u32 open_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct mock_dma_buf *mock = mock_dma_buf_alloc(length);
	struct dma_buf *dmabuf;

	if (IS_ERR(mock))
		return ERR_CAST(mock);
	info.ops = &mock_dma_buf_ops;
	info.size = length;
	info.flags = open_flags;
	info.priv = mock;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		mock_dma_buf_free(mock);
	return dmabuf;
}

/**
 * mock_dma_buf_get() - IOMMU_TEST_OP_DMABUF_GET
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: The file descriptor of a new dma-buf, or an errno.
 */
int mock_dma_buf_get(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	u32 flags = cmd->dmabuf_get.open_flags;
	size_t length = cmd->dmabuf_get.length;
	struct dma_buf *dmabuf;
	int fd;

	length = PAGE_ALIGN(length);
	if (!length || length > MOCK_DMA_BUF_MAX_LENGTH)
		return -EINVAL;
	dmabuf = mock_dma_buf_export(length, flags);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	fd = dma_buf_fd(dmabuf, flags);
	if (fd < 0)
		dma_buf_put(dmabuf);
	return fd;
}

/* Find a dma-buf of the mock, which the caller gives back by dma_buf_put(). */
static struct dma_buf *mock_dma_buf_of_fd(int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);

	if (IS_ERR(dmabuf) || dmabuf->ops == &mock_dma_buf_ops)
		return dmabuf;
	dma_buf_put(dmabuf);
	return ERR_PTR(-EOPNOTSUPP);
}

/* Take away what is mapped, and say whether it may be mapped anew. */
static int mock_dma_buf_set(struct mock_dma_buf *mock, bool revoked)
{
	struct iommufd_mmio *mmio = NULL;

	if (!revoked) {
		mmio = mock_dma_buf_open(mock);
		if (IS_ERR(mmio))
			return PTR_ERR(mmio);
	}
	if (mock->mmio)
		iommufd_mmio_destroy(mock->mmio);
	mock->mmio = mmio;
	return 0;
}

/**
 * mock_dma_buf_revoke() - IOMMU_TEST_OP_DMABUF_REVOKE
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 or an errno.
 */
int mock_dma_buf_revoke(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct dma_buf *dmabuf;
	int rc;

	dmabuf = mock_dma_buf_of_fd(cmd->dmabuf_revoke.dmabuf_fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	dma_resv_lock(dmabuf->resv, NULL);
	rc = mock_dma_buf_set(dmabuf->priv, cmd->dmabuf_revoke.revoked);
	dma_resv_unlock(dmabuf->resv);
	dma_buf_put(dmabuf);
	return rc;
}

/**
 * mock_dma_buf_range() - See iommufd_test_ops::dma_buf_range
 * @dmabuf: Any dma-buf; its reservation lock is held.
 * @range: Set to where the dma-buf is.
 *
 * Context: Process context.
 *
 * Return: 0, -EOPNOTSUPP for a dma-buf of another exporter, or -ENODEV while it
 * is revoked.
 */
int mock_dma_buf_range(struct dma_buf *dmabuf, struct phys_vec *range)
{
	struct mock_dma_buf *mock = dmabuf->priv;

	dma_resv_assert_held(dmabuf->resv);

	if (dmabuf->ops != &mock_dma_buf_ops)
		return -EOPNOTSUPP;
	if (!mock->mmio)
		return -ENODEV;
	range->paddr = virt_to_phys(mock->memory);
	range->len = mock->length;
	return 0;
}

/**
 * mock_dma_buf_phys() - Find the physical address of a byte of a dma-buf
 * @fd: The file descriptor of the dma-buf.
 * @offset: Offset of the byte in the dma-buf.
 * @phys: Set to the physical address of the byte.
 *
 * Context: Process context.
 *
 * Return: 0, or -EBADFD if @fd is no dma-buf of the mock.
 */
int mock_dma_buf_phys(int fd, u64 offset, phys_addr_t *phys)
{
	struct dma_buf *dmabuf = mock_dma_buf_of_fd(fd);
	struct mock_dma_buf *mock;

	if (IS_ERR(dmabuf))
		return -EBADFD;
	mock = dmabuf->priv;
	*phys = virt_to_phys(mock->memory) + offset;
	dma_buf_put(dmabuf);
	return 0;
}
