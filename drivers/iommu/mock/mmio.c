// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock MMIO: a file that holds a region of MMIO, for user space to mmap().
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pfn.h>

#include "../iommufd/ucmd.h"
#include "file.h"
#include "iommufd_test.h"
#include "mmio.h"
#include "region.h"

static int mock_mmio_fops_release(struct inode *inode, struct file *file)
{
	mock_region_free(file->private_data);
	return 0;
}

static int mock_mmio_fops_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mock_region *region = file->private_data;
	unsigned long length = vma->vm_end - vma->vm_start;
	unsigned long max = region->length >> PAGE_SHIFT;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff > max ||
	    length >> PAGE_SHIFT > max - vma->vm_pgoff)
		return -EINVAL;
	return remap_pfn_range(vma, vma->vm_start,
			       PHYS_PFN(mock_region_phys(region, 0)) +
			       vma->vm_pgoff, length, vma->vm_page_prot);
}

static const struct file_operations mock_mmio_fops = {
	.owner = THIS_MODULE,
	.release = mock_mmio_fops_release,
	.mmap = mock_mmio_fops_mmap,
};

static struct file *mock_mmio_open(size_t length)
{
	struct mock_region *region;
	struct iommufd_mmio *mmio;
	struct file *file;

	region = mock_region_alloc(length);
	if (IS_ERR(region))
		return ERR_CAST(region);
	file = anon_inode_getfile("[iommufd_mock_mmio]", &mock_mmio_fops,
				  region, O_RDWR);
	if (IS_ERR(file)) {
		mock_region_free(region);
		return file;
	}
	region->file = file;
	mmio = mock_region_create(region);
	if (IS_ERR(mmio)) {
		fput(file);
		return ERR_CAST(mmio);
	}
	region->mmio = mmio;
	return file;
}

/**
 * mock_mmio_create() - IOMMU_TEST_OP_CREATE_MMIO
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 or an errno.
 */
int mock_mmio_create(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	u64 length = cmd->create_mmio.length;

	if (!length || !PAGE_ALIGNED(length) || length > MOCK_MMIO_MAX_LENGTH)
		return -EINVAL;
	return mock_respond_file(ucmd, mock_mmio_open(length),
				 &cmd->create_mmio.out_fd);
}

/*
 * Find the region whose file descriptor is @fd.  Returns its file, which the
 * caller gives back with fput().
 */
static struct file *mock_mmio_get(int fd, struct mock_region **region)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADFD);
	*region = file->private_data;
	if (file->f_op == &mock_mmio_fops)
		return file;
	fput(file);
	return ERR_PTR(-EBADFD);
}

/**
 * mock_mmio_set() - IOMMU_TEST_OP_MMIO_SET
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 or an errno.
 */
int mock_mmio_set(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct mock_region *region;
	struct file *file;
	int rc = 0;

	file = mock_mmio_get(cmd->id, &region);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (cmd->mmio_set.reachable)
		rc = iommufd_mmio_restore(region->mmio);
	else
		iommufd_mmio_revoke(region->mmio);
	fput(file);
	return rc;
}

/**
 * mock_mmio_phys() - Find the physical address of a byte of a region
 * @fd: The file descriptor of the region.
 * @offset: Offset of the byte in the region.
 * @phys: Set to the physical address of the byte.
 *
 * Context: Process context.
 *
 * Return: 0, or -EBADFD if @fd is no region.
 */
int mock_mmio_phys(int fd, u64 offset, phys_addr_t *phys)
{
	struct mock_region *region;
	struct file *file;

	file = mock_mmio_get(fd, &region);
	if (IS_ERR(file))
		return PTR_ERR(file);
	*phys = mock_region_phys(region, offset);
	fput(file);
	return 0;
}
