// SPDX-License-Identifier: GPL-2.0-only
/*
 * An importer of dma-bufs: a file that stands for an attachment of a PCI device,
 * which has no driver, so that a test may use it.
 */
#include <linux/anon_inodes.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "../iommufd/ucmd.h"
#include "file.h"
#include "import.h"
#include "iommufd_test.h"

/**
 * struct mock_import - An attachment to a dma-buf
 * @pdev: The device, a reference.
 * @dmabuf: The dma-buf, a reference.
 * @attach: The attachment.
 * @pinned: The importer pins what it maps.
 * @delay_ms: When the exporter takes the dma-buf away, the importer lets go
 *	after so long.
 * @work: Lets go.
 * @sgt: The mapping, NULL without.
 * @notified: Number of times that the exporter has told of a change.
 *
 * The private data of a file.  The last two are guarded by the reservation lock
 * of @dmabuf.
 */
struct mock_import {
	struct pci_dev *pdev;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	bool pinned;
	unsigned int delay_ms;
	struct delayed_work work;
	struct sg_table *sgt;
	unsigned int notified;
};

static void mock_import_let_go(struct mock_import *import)
{
	dma_resv_assert_held(import->dmabuf->resv);

	if (!import->sgt)
		return;
	dma_buf_unmap_attachment(import->attach, import->sgt,
				 DMA_BIDIRECTIONAL);
	import->sgt = NULL;
	if (import->pinned)
		dma_buf_unpin(import->attach);
}

static void mock_import_work(struct work_struct *work)
{
	struct mock_import *import = container_of(to_delayed_work(work),
						  struct mock_import, work);

	dma_resv_lock(import->dmabuf->resv, NULL);
	mock_import_let_go(import);
	dma_resv_unlock(import->dmabuf->resv);
}

static void mock_import_notified(struct dma_buf_attachment *attach)
{
	struct mock_import *import = attach->importer_priv;

	import->notified++;
	if (import->delay_ms)
		schedule_delayed_work(&import->work,
				      msecs_to_jiffies(import->delay_ms));
	else
		mock_import_let_go(import);
}

static const struct dma_buf_attach_ops mock_import_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = mock_import_notified,
};

static const struct dma_buf_attach_ops mock_import_no_peer_ops = {
	.invalidate_mappings = mock_import_notified,
};

static int mock_import_fops_release(struct inode *inode, struct file *file)
{
	struct mock_import *import = file->private_data;

	dma_resv_lock(import->dmabuf->resv, NULL);
	mock_import_let_go(import);
	dma_resv_unlock(import->dmabuf->resv);
	dma_buf_detach(import->dmabuf, import->attach);
	/* Nothing starts it any more. */
	cancel_delayed_work_sync(&import->work);
	dma_buf_put(import->dmabuf);
	pci_dev_put(import->pdev);
	kfree(import);
	return 0;
}

static const struct file_operations mock_import_fops = {
	.owner = THIS_MODULE,
	.release = mock_import_fops_release,
};

static struct dma_buf_attachment *mock_attach(struct mock_import *import,
					      u32 flags)
{
	const struct dma_buf_attach_ops *ops = &mock_import_ops;

	if (flags & MOCK_IMPORT_NO_PEER)
		ops = &mock_import_no_peer_ops;
	if (flags & MOCK_IMPORT_STATIC)
		ops = NULL;
	return dma_buf_dynamic_attach(import->dmabuf, &import->pdev->dev, ops,
				      import);
}

static struct file *mock_import_open(struct iommu_test_cmd *cmd)
{
	u32 bdf = cmd->import.bdf;
	struct mock_import *import;
	struct file *file;

	import = kzalloc(sizeof(*import), GFP_KERNEL_ACCOUNT);
	if (!import)
		return ERR_PTR(-ENOMEM);
	INIT_DELAYED_WORK(&import->work, mock_import_work);
	import->delay_ms = cmd->import.delay_ms;
	import->pinned = cmd->import.flags & MOCK_IMPORT_PINNED;
	import->dmabuf = dma_buf_get(cmd->id);
	if (IS_ERR(import->dmabuf)) {
		file = ERR_CAST(import->dmabuf);
		goto err_free;
	}
	import->pdev = pci_get_domain_bus_and_slot(bdf >> 16, bdf >> 8 & 0xff,
						   bdf & 0xff);
	if (!import->pdev) {
		file = ERR_PTR(-ENODEV);
		goto err_put_buf;
	}
	if (import->pdev->dev.driver) {
		file = ERR_PTR(-EBUSY);
		goto err_put_dev;
	}
	import->attach = mock_attach(import, cmd->import.flags);
	if (IS_ERR(import->attach)) {
		file = ERR_CAST(import->attach);
		goto err_put_dev;
	}
	file = anon_inode_getfile("[iommufd_mock_import]", &mock_import_fops,
				  import, O_RDWR);
	if (IS_ERR(file))
		goto err_detach;
	return file;

err_detach:
	dma_buf_detach(import->dmabuf, import->attach);
err_put_dev:
	pci_dev_put(import->pdev);
err_put_buf:
	dma_buf_put(import->dmabuf);
err_free:
	kfree(import);
	return file;
}

/**
 * mock_import_create() - IOMMU_TEST_OP_IMPORT
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 or an errno.
 */
int mock_import_create(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	if (cmd->import.flags & ~(MOCK_IMPORT_NO_PEER | MOCK_IMPORT_STATIC |
				  MOCK_IMPORT_PINNED))
		return -EOPNOTSUPP;
	return mock_respond_file(ucmd, mock_import_open(cmd),
				 &cmd->import.out_fd);
}

static int mock_import_map(struct mock_import *import)
{
	struct sg_table *sgt;
	int rc;

	if (import->sgt)
		return -EBUSY;
	rc = import->pinned ? dma_buf_pin(import->attach) : 0;
	if (rc)
		return rc;
	sgt = dma_buf_map_attachment(import->attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt)) {
		if (import->pinned)
			dma_buf_unpin(import->attach);
		return PTR_ERR(sgt);
	}
	import->sgt = sgt;
	return 0;
}

static void mock_import_tell(struct mock_import *import,
			     struct iommu_test_cmd *cmd)
{
	struct scatterlist *sg;
	unsigned int i;

	cmd->import_use.out_notified = import->notified;
	if (!import->sgt)
		return;
	cmd->import_use.out_addr = sg_dma_address(import->sgt->sgl);
	for_each_sgtable_dma_sg(import->sgt, sg, i)
		cmd->import_use.out_length += sg_dma_len(sg);
}

/**
 * mock_import_use() - IOMMU_TEST_OP_IMPORT_USE
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 or an errno.
 */
int mock_import_use(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct mock_import *import;
	bool mapped = false;
	struct file *file;
	int rc = 0;

	if (cmd->import_use.how > MOCK_IMPORT_UNMAP)
		return -EOPNOTSUPP;
	file = fget(cmd->id);
	if (!file)
		return -EBADFD;
	if (file->f_op != &mock_import_fops) {
		fput(file);
		return -EBADFD;
	}
	import = file->private_data;
	cmd->import_use.out_addr = 0;
	cmd->import_use.out_length = 0;
	dma_resv_lock(import->dmabuf->resv, NULL);
	if (cmd->import_use.how == MOCK_IMPORT_MAP) {
		rc = mock_import_map(import);
		mapped = !rc;
	} else if (cmd->import_use.how == MOCK_IMPORT_UNMAP) {
		mock_import_let_go(import);
	}
	mock_import_tell(import, cmd);
	dma_resv_unlock(import->dmabuf->resv);
	rc = rc ?: iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc && mapped) {
		dma_resv_lock(import->dmabuf->resv, NULL);
		mock_import_let_go(import);
		dma_resv_unlock(import->dmabuf->resv);
	}
	fput(file);
	return rc;
}
