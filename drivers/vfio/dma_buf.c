// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-bufs of the BARs of a PCI function: VFIO_DEVICE_FEATURE_DMA_BUF
 *
 * Newer kernels' vfio-pci-core can make them, too, and takes them back by a
 * function that it does not export.  A hot reset by device file, which is ours,
 * would have no way to do so.
 *
 * A dma-buf is a list of ranges of one BAR, which other drivers map for DMA of
 * their devices.  Like the MMIO region of the BARs, see bar.c, it is revoked
 * while the BARs may be off.  The importers are told, and waited for: an
 * importer must be one that can let go at any time.  The dma-buf can be mapped
 * again when the BARs are on.  When the device is closed it is revoked for good.
 *
 * vfio_pci_bars.lock guards the list of dma-bufs, and is outside the reservation
 * lock of each, under which importers are called.
 */
#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-buf-mapping.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>
#include <uapi/linux/vfio_cdev.h>

#include "bars.h"
#include "dma_buf.h"

MODULE_IMPORT_NS("DMA_BUF");

/**
 * struct vfio_pci_dma_buf - A dma-buf of some ranges of a BAR
 * @dmabuf: The dma-buf.
 * @bars: The BARs, with a registration of the device.  Whoever sets this to
 *	NULL gives that back: the close of the device, or the release.
 * @item: In vfio_pci_bars.dma_bufs until the device is closed.
 * @mappings: One reference until the dma-buf is revoked, one for each mapping of
 *	an importer.
 * @unmapped: No importer has a mapping of the dma-buf, which is being revoked.
 * @revoked: Guarded by the reservation lock of @dmabuf; changed with
 *	vfio_pci_bars.lock held as well.
 * @provider: What the PCI core knows of the BAR.
 * @nranges: Number of @ranges.
 * @ranges: What the dma-buf consists of, constant.
 *
 * With vfio_pci_bars.lock held, what is in the list is there, even if its file
 * is gone: vfio_pci_dma_buf_release(), which frees it, takes it off before.
 */
struct vfio_pci_dma_buf {
	struct dma_buf *dmabuf;
	struct vfio_pci_bars *bars;
	struct list_head item;
	struct kref mappings;
	struct completion unmapped;
	bool revoked;
	struct p2pdma_provider *provider;
	u32 nranges;
	struct phys_vec ranges[] __counted_by(nranges);
};

static int vfio_pci_dma_buf_attach(struct dma_buf *dmabuf,
				   struct dma_buf_attachment *attach)
{
	struct vfio_pci_dma_buf *buf = dmabuf->priv;

	if (!attach->peer2peer)
		return -EOPNOTSUPP;
	if (READ_ONCE(buf->revoked))
		return -ENODEV;
	if (!dma_buf_attach_revocable(attach))
		return -EOPNOTSUPP;
	return 0;
}

/*
 * A dma-buf that an importer has pinned is revoked like any other, and the
 * importer is waited for.  Where it need not let go, it gets no mapping: the
 * device could neither be reset nor closed.  Some kernels pin for each mapping
 * what they map; the importer's own pins, which are to be told from those, are
 * counted in dma_buf_attachment.priv.  An importer that pins only what it has
 * mapped already is not noticed: of those that these kernels have, each lets go
 * then.
 */
static void vfio_pci_dma_buf_count_pin(struct dma_buf_attachment *attach, int n)
{
	dma_resv_assert_held(attach->dmabuf->resv);

	attach->priv = (void *)((uintptr_t)attach->priv + n);
}

static int vfio_pci_dma_buf_pin(struct dma_buf_attachment *attach)
{
	vfio_pci_dma_buf_count_pin(attach, 1);
	return 0;
}

static void vfio_pci_dma_buf_unpin(struct dma_buf_attachment *attach)
{
	vfio_pci_dma_buf_count_pin(attach, -1);
}

/* During an importer's call that maps the dma-buf */
static bool vfio_pci_dma_buf_is_pinned(struct dma_buf_attachment *attach)
{
	return (uintptr_t)attach->priv > dma_buf_mapping_is_pinned();
}

static struct sg_table *
vfio_pci_dma_buf_map(struct dma_buf_attachment *attach,
		     enum dma_data_direction dir)
{
	struct vfio_pci_dma_buf *buf = attach->dmabuf->priv;
	struct sg_table *sgt;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (buf->revoked)
		return ERR_PTR(-ENODEV);
	if (!dma_buf_pinned_is_revocable() && vfio_pci_dma_buf_is_pinned(attach))
		return ERR_PTR(-EOPNOTSUPP);
	sgt = dma_buf_phys_vec_to_sgt(attach, buf->provider, buf->ranges,
				      buf->nranges, buf->dmabuf->size, dir);
	if (IS_ERR(sgt))
		return sgt;
	kref_get(&buf->mappings);
	if (dma_buf_mapping_is_pinned())
		vfio_pci_dma_buf_count_pin(attach, -1);
	return sgt;
}

static void vfio_pci_dma_buf_unmapped(struct kref *kref)
{
	complete(&container_of(kref, struct vfio_pci_dma_buf,
			       mappings)->unmapped);
}

static void vfio_pci_dma_buf_unmap(struct dma_buf_attachment *attach,
				   struct sg_table *sgt,
				   enum dma_data_direction dir)
{
	struct vfio_pci_dma_buf *buf = attach->dmabuf->priv;

	dma_resv_assert_held(buf->dmabuf->resv);

	if (dma_buf_mapping_is_pinned())
		vfio_pci_dma_buf_count_pin(attach, 1);
	dma_buf_free_sgt(attach, sgt, dir);
	kref_put(&buf->mappings, vfio_pci_dma_buf_unmapped);
}

static void vfio_pci_dma_buf_release(struct dma_buf *dmabuf)
{
	struct vfio_pci_dma_buf *buf = dmabuf->priv;
	struct vfio_pci_bars *bars = xchg(&buf->bars, NULL);

	if (bars) {
		mutex_lock(&bars->lock);
		list_del_init(&buf->item);
		mutex_unlock(&bars->lock);
		vfio_device_put_registration(&bars->core->vdev);
	}
	kvfree(buf);
}

static const struct dma_buf_ops vfio_pci_dma_buf_ops = {
	.attach = vfio_pci_dma_buf_attach,
	.pin = vfio_pci_dma_buf_pin,
	.unpin = vfio_pci_dma_buf_unpin,
	.map_dma_buf = vfio_pci_dma_buf_map,
	.unmap_dma_buf = vfio_pci_dma_buf_unmap,
	.release = vfio_pci_dma_buf_release,
};

/**
 * vfio_pci_dma_buf_range() - Tell iommufd where a dma-buf is
 * @dmabuf: Any dma-buf; its reservation lock is held.
 * @range: Set to the one range of the dma-buf.
 *
 * Context: Process context.
 *
 * Return: 0, -EOPNOTSUPP for a dma-buf of another exporter or of more than one
 * range, or -ENODEV while it is revoked.
 */
int vfio_pci_dma_buf_range(struct dma_buf *dmabuf, struct phys_vec *range)
{
	struct vfio_pci_dma_buf *buf = dmabuf->priv;

	dma_resv_assert_held(dmabuf->resv);

	if (dmabuf->ops != &vfio_pci_dma_buf_ops)
		return -EOPNOTSUPP;
	if (buf->revoked)
		return -ENODEV;
	if (buf->nranges != 1)
		return -EOPNOTSUPP;
	*range = buf->ranges[0];
	return 0;
}
EXPORT_SYMBOL_GPL(vfio_pci_dma_buf_range);

/* Wait until no importer has a mapping; new ones are refused. */
static void vfio_pci_dma_buf_revoke(struct vfio_pci_dma_buf *buf)
{
	struct dma_resv *resv = buf->dmabuf->resv;

	dma_resv_lock(resv, NULL);
	WRITE_ONCE(buf->revoked, true);
	dma_buf_invalidate_mappings(buf->dmabuf);
	dma_resv_wait_timeout(resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      MAX_SCHEDULE_TIMEOUT);
	dma_resv_unlock(resv);

	kref_put(&buf->mappings, vfio_pci_dma_buf_unmapped);
	wait_for_completion(&buf->unmapped);
}

static void vfio_pci_dma_buf_restore(struct vfio_pci_dma_buf *buf)
{
	struct dma_resv *resv = buf->dmabuf->resv;

	dma_resv_lock(resv, NULL);
	kref_init(&buf->mappings);
	reinit_completion(&buf->unmapped);
	WRITE_ONCE(buf->revoked, false);
	dma_buf_invalidate_mappings(buf->dmabuf);
	dma_resv_unlock(resv);
}

/**
 * vfio_pci_dma_bufs_set() - Revoke or restore the dma-bufs of a device
 * @bars: The BARs of the device; their lock is held.
 * @reachable: Importers may map the dma-bufs.
 *
 * Context: Process context; sleeps, until importers have let go.
 */
void vfio_pci_dma_bufs_set(struct vfio_pci_bars *bars, bool reachable)
{
	struct vfio_pci_dma_buf *buf;

	lockdep_assert_held(&bars->lock);

	list_for_each_entry(buf, &bars->dma_bufs, item) {
		if (buf->revoked != reachable)
			continue;
		if (reachable)
			vfio_pci_dma_buf_restore(buf);
		else
			vfio_pci_dma_buf_revoke(buf);
	}
}

/**
 * vfio_pci_dma_bufs_close() - Revoke the dma-bufs of a device for good
 * @bars: The BARs of a device that is being closed.
 *
 * Context: Process context; sleeps.  Takes vfio_pci_bars.lock.
 */
void vfio_pci_dma_bufs_close(struct vfio_pci_bars *bars)
{
	struct vfio_pci_dma_buf *buf, *next;

	mutex_lock(&bars->lock);
	vfio_pci_dma_bufs_set(bars, false);
	list_for_each_entry_safe(buf, next, &bars->dma_bufs, item) {
		list_del_init(&buf->item);
		/* After this, vfio_pci_dma_buf_release() may free it. */
		if (xchg(&buf->bars, NULL))
			vfio_device_put_registration(&bars->core->vdev);
	}
	mutex_unlock(&bars->lock);
}

static int check_ranges(const struct vfio_region_dma_range *ranges, u32 n,
			size_t *size)
{
	size_t total = 0;
	u32 i;

	for (i = 0; i < n; i++)
		if (!ranges[i].length || !PAGE_ALIGNED(ranges[i].offset) ||
		    !PAGE_ALIGNED(ranges[i].length) ||
		    check_add_overflow(total, (size_t)ranges[i].length, &total))
			return -EINVAL;
	/* A size is an offset, too, which lseek() returns. */
	if ((ssize_t)total < 0)
		return -EINVAL;
	*size = total;
	return 0;
}

/* Add the address of the BAR to ranges of it. */
static int fill_ranges(struct phys_vec *phys, const struct resource *res,
		       const struct vfio_region_dma_range *ranges, u32 n)
{
	phys_addr_t end;
	u32 i;

	for (i = 0; i < n; i++) {
		phys[i].len = ranges[i].length;
		if (check_add_overflow(res->start, ranges[i].offset,
				       &phys[i].paddr) ||
		    check_add_overflow(phys[i].paddr, phys[i].len, &end))
			return -EOVERFLOW;
		if (end > res->end + 1)
			return -EINVAL;
	}
	return 0;
}

static struct vfio_pci_dma_buf *
vfio_pci_dma_buf_alloc(const struct resource *res,
		       const struct vfio_region_dma_range *ranges, u32 n)
{
	struct vfio_pci_dma_buf *buf;
	int rc;

	buf = kvzalloc(struct_size(buf, ranges, n), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->nranges = n;
	rc = fill_ranges(buf->ranges, res, ranges, n);
	if (rc) {
		kvfree(buf);
		return ERR_PTR(rc);
	}
	kref_init(&buf->mappings);
	init_completion(&buf->unmapped);
	return buf;
}

/* Returns a file descriptor; takes over @buf. */
static int vfio_pci_dma_buf_export(struct vfio_pci_bars *bars,
				   struct vfio_pci_dma_buf *buf, size_t size,
				   u32 open_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	int fd;

	info.ops = &vfio_pci_dma_buf_ops;
	info.size = size;
	info.flags = open_flags;
	info.priv = buf;
	if (!vfio_device_try_get_registration(&bars->core->vdev)) {
		kvfree(buf);
		return -ENODEV;
	}
	buf->dmabuf = dma_buf_export(&info);
	if (IS_ERR(buf->dmabuf)) {
		fd = PTR_ERR(buf->dmabuf);
		vfio_device_put_registration(&bars->core->vdev);
		kvfree(buf);
		return fd;
	}

	buf->bars = bars;
	mutex_lock(&bars->lock);
	buf->revoked = !vfio_pci_bars_reachable(bars);
	if (buf->revoked) {
		kref_put(&buf->mappings, vfio_pci_dma_buf_unmapped);
		WRITE_ONCE(bars->partial, true);
	}
	list_add_tail(&buf->item, &bars->dma_bufs);
	mutex_unlock(&bars->lock);

	fd = dma_buf_fd(buf->dmabuf, open_flags);
	if (fd < 0)
		dma_buf_put(buf->dmabuf);
	return fd;
}

/**
 * vfio_pci_dma_buf_feature() - VFIO_DEVICE_FEATURE_DMA_BUF
 * @bars: The BARs of an open device.
 * @flags: Of struct vfio_device_feature.
 * @arg: User address of a struct vfio_device_feature_dma_buf.
 * @argsz: Number of bytes there.
 *
 * Context: Process context; sleeps.  Takes vfio_pci_bars.lock.
 *
 * Return: 0 for a probe, the file descriptor of a dma-buf, or an errno.
 */
int vfio_pci_dma_buf_feature(struct vfio_pci_bars *bars, u32 flags,
			     void __user *arg, size_t argsz)
{
	struct vfio_device_feature_dma_buf __user *uarg = arg;
	struct vfio_device_feature_dma_buf get;
	struct vfio_region_dma_range *ranges;
	struct vfio_pci_dma_buf *buf;
	struct p2pdma_provider *provider;
	struct pci_dev *pdev = bars->core->pdev;
	struct resource *res;
	size_t size;
	int rc;

	rc = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_GET,
				sizeof(get));
	if (rc != 1)
		return rc;
	if (copy_from_user(&get, uarg, sizeof(get)))
		return -EFAULT;
	if (!get.nr_ranges || get.flags)
		return -EINVAL;
	if (get.region_index > VFIO_PCI_BAR5_REGION_INDEX)
		return -ENODEV;
	/* A BAR that is not claimed is NULL or, by 7.2, an errno. */
	if (IS_ERR_OR_NULL(bars->core->barmap[get.region_index]))
		return -ENODEV;
	res = &pdev->resource[get.region_index];

	ranges = memdup_user(uarg->dma_ranges,
			     array_size(get.nr_ranges, sizeof(*ranges)));
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);
	rc = check_ranges(ranges, get.nr_ranges, &size);
	if (rc)
		goto out_free;
	provider = pcim_p2pdma_provider(pdev, get.region_index);
	if (!provider) {
		rc = -EINVAL;
		goto out_free;
	}
	buf = vfio_pci_dma_buf_alloc(res, ranges, get.nr_ranges);
	if (IS_ERR(buf)) {
		rc = PTR_ERR(buf);
		goto out_free;
	}
	buf->provider = provider;
	rc = vfio_pci_dma_buf_export(bars, buf, size, get.open_flags);
out_free:
	kfree(ranges);
	return rc;
}
