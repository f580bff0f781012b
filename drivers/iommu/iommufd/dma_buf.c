// SPDX-License-Identifier: GPL-2.0-only
/*
 * dma-bufs of the BARs of VFIO's PCI devices, which IOMMU_IOAS_MAP_FILE maps
 *
 * Such a dma-buf is another name of a part of an MMIO region, as a mapping in
 * user space is, see iopt/mmio_region.c: the region revokes and restores what is
 * mapped.  So the dma-buf is only looked at, and held, but not attached to.
 */
#include <linux/cc_platform.h>
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/err.h>
#include <linux/iommufd.h>
#include <linux/module.h>

#include "dma_buf.h"
#include "iopt/mmio_region.h"
#include "test_hook.h"

/*
 * Ask those who know which dma-bufs are their own: vfio-pci, whose function is
 * @find, or NULL, and the test module, if there is one.
 */
static int ask_exporters(int (*find)(struct dma_buf *dmabuf,
				     struct phys_vec *range),
			 struct dma_buf *dmabuf, struct phys_vec *range)
{
	int rc = find ? find(dmabuf, range) : -EOPNOTSUPP;

	return rc == -EOPNOTSUPP ? iommufd_test_dma_buf_range(dmabuf, range) :
				   rc;
}

/* If vfio-pci is not loaded, it has no dma-bufs, and is not loaded for this. */
static struct iommufd_mmio *find_exported(struct dma_buf *dmabuf, u64 start,
					  u64 length, phys_addr_t *phys)
{
	int (*find)(struct dma_buf *dmabuf, struct phys_vec *range);
	struct iommufd_mmio *mmio;
	struct phys_vec range;
	int rc;

	find = symbol_get(vfio_pci_dma_buf_range);

	/*
	 * Under this lock a dma-buf that is not revoked is of the device's
	 * present user, and so is the region at its address: when a device is
	 * closed, its dma-bufs are revoked for good before it can be opened
	 * again.
	 */
	dma_resv_lock(dmabuf->resv, NULL);
	rc = ask_exporters(find, dmabuf, &range);
	if (rc) {
		mmio = ERR_PTR(rc);
	} else {
		*phys = range.paddr + start;
		mmio = iopt_mmio_find_phys(*phys, length);
		/* Its device is being closed. */
		if (IS_ERR(mmio))
			mmio = ERR_PTR(-ENODEV);
	}
	dma_resv_unlock(dmabuf->resv);
	if (find)
		symbol_put(vfio_pci_dma_buf_range);
	return mmio;
}

/**
 * iommufd_dma_buf_find() - Find the MMIO region that a dma-buf is of
 * @fd: A file descriptor of the current process.
 * @start: First byte in the dma-buf.
 * @length: Bytes, not 0.
 * @phys: Set to the physical address of the first byte.
 * @file: Set to the file of the dma-buf, with a reference, which is to be held
 *	as long as the mapping lasts.
 *
 * With AMD's memory encryption no MMIO can be mapped, see
 * iommufd_map_begin_user().
 *
 * Context: Process context.  Pairs with iopt_mmio_put() and fput().
 *
 * Return: the region, with a reference; NULL if the file is no dma-buf; or
 * ERR_PTR(): -EBADF, -EINVAL beyond the end of the dma-buf, -ENODEV while it is
 * revoked or its device is being closed, -EOPNOTSUPP when another driver has made
 * it or it has more than one range, -EFAULT.
 */
struct iommufd_mmio *iommufd_dma_buf_find(int fd, u64 start, u64 length,
					  phys_addr_t *phys,
					  struct file **file)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct iommufd_mmio *mmio;

	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf) == -EINVAL ? NULL : ERR_CAST(dmabuf);
	if (length > dmabuf->size || start > dmabuf->size - length)
		mmio = ERR_PTR(-EINVAL);
	else if (cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT))
		mmio = ERR_PTR(-EFAULT);
	else
		mmio = find_exported(dmabuf, start, length, phys);
	if (IS_ERR(mmio))
		dma_buf_put(dmabuf);
	else
		*file = dmabuf->file;
	return mmio;
}
