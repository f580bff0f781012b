// SPDX-License-Identifier: GPL-2.0-only
/*
 * An exporter of dma-bufs, of memory that stands for the MMIO of a device.
 *
 * IOMMU_IOAS_MAP_FILE maps such a dma-buf, and nobody else can: it has no other
 * importers.  Its private data is a struct mock_region, whose @mmio is there as
 * long as the dma-buf is not revoked, and guarded by the reservation lock of the
 * dma-buf.  By this iommufd.ko takes away what is mapped.  What a revoke has
 * taken away does not come back, even if the dma-buf may be mapped again: that
 * then is another @mmio.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/iommufd.h>
#include <linux/mm.h>

#include "../iommufd/ucmd.h"
#include "dma_buf.h"
#include "iommufd_test.h"
#include "region.h"

/* The largest number of bytes of a dma-buf */
#define MOCK_DMA_BUF_MAX_LENGTH	(512 * PAGE_SIZE)

/* Make a region, which devices reach. */
static struct iommufd_mmio *mock_dma_buf_open(struct mock_region *region)
{
	struct iommufd_mmio *mmio = mock_region_create(region);

	/* Nothing is mapped of it yet, so nothing can fail. */
	if (!IS_ERR(mmio))
		WARN_ON(iommufd_mmio_restore(mmio));
	return mmio;
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
	mock_region_free(dmabuf->priv);
}

static const struct dma_buf_ops mock_dma_buf_ops = {
	.attach = mock_dma_buf_attach,
	.map_dma_buf = mock_dma_buf_map,
	.unmap_dma_buf = mock_dma_buf_unmap,
	.release = mock_dma_buf_release,
};

static struct mock_region *mock_dma_buf_alloc(size_t length)
{
	struct mock_region *region = mock_region_alloc(length);
	struct iommufd_mmio *mmio;

	if (IS_ERR(region))
		return region;
	mmio = mock_dma_buf_open(region);
	if (IS_ERR(mmio)) {
		mock_region_free(region);
		return ERR_CAST(mmio);
	}
	region->mmio = mmio;
	return region;
}

static struct dma_buf *mock_dma_buf_export(size_t length, u32 open_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct mock_region *region = mock_dma_buf_alloc(length);
	struct dma_buf *dmabuf;

	if (IS_ERR(region))
		return ERR_CAST(region);
	info.ops = &mock_dma_buf_ops;
	info.size = length;
	info.flags = open_flags;
	info.priv = region;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		mock_region_free(region);
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
static int mock_dma_buf_set(struct mock_region *region, bool revoked)
{
	struct iommufd_mmio *mmio = NULL;

	if (!revoked) {
		mmio = mock_dma_buf_open(region);
		if (IS_ERR(mmio))
			return PTR_ERR(mmio);
	}
	if (region->mmio)
		iommufd_mmio_destroy(region->mmio);
	region->mmio = mmio;
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
	struct mock_region *region = dmabuf->priv;

	dma_resv_assert_held(dmabuf->resv);

	if (dmabuf->ops != &mock_dma_buf_ops)
		return -EOPNOTSUPP;
	if (!region->mmio)
		return -ENODEV;
	range->paddr = mock_region_phys(region, 0);
	range->len = region->length;
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
	struct mock_region *region;

	if (IS_ERR(dmabuf))
		return -EBADFD;
	region = dmabuf->priv;
	*phys = mock_region_phys(region, offset);
	dma_buf_put(dmabuf);
	return 0;
}
