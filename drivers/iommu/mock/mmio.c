// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock MMIO: a file that holds a region of MMIO, for user space to mmap().
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "../iommufd/ucmd.h"
#include "file.h"
#include "iommufd_test.h"
#include "mmio.h"

/**
 * struct mock_mmio - Memory that stands for the MMIO of a device
 * @mmio: The region; NULL until iommufd_mmio_create() has returned.
 * @file: The file whose private data this is.
 * @memory: The memory.
 * @length: Number of bytes.
 *
 * The private data of a file.  Constant once the file is installed, so there is
 * no lock; iommufd.ko has one for @mmio.
 */
struct mock_mmio {
	struct iommufd_mmio *mmio;
	const struct file *file;
	void *memory;
	size_t length;
};

/* See struct iommufd_mmio_ops */
static int mock_mmio_find(void *data, struct vm_area_struct *vma,
			  unsigned long uaddr, unsigned long length,
			  phys_addr_t *phys)
{
	struct mock_mmio *mock = data;

	if (vma->vm_file != mock->file)
		return -EFAULT;
	*phys = virt_to_phys(mock->memory) +
		((phys_addr_t)vma->vm_pgoff << PAGE_SHIFT) +
		(uaddr - vma->vm_start);
	return 0;
}

/* No dma-buf is of this memory. */
static bool mock_mmio_has(void *data, phys_addr_t phys, unsigned long length)
{
	return false;
}

static const struct iommufd_mmio_ops mock_mmio_ops = {
	.find = mock_mmio_find,
	.has = mock_mmio_has,
};

static void mock_mmio_free(struct mock_mmio *mock)
{
	if (mock->mmio)
		iommufd_mmio_destroy(mock->mmio);
	free_pages_exact(mock->memory, mock->length);
	kfree(mock);
}

static int mock_mmio_fops_release(struct inode *inode, struct file *file)
{
	mock_mmio_free(file->private_data);
	return 0;
}

static int mock_mmio_fops_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mock_mmio *mock = file->private_data;
	unsigned long length = vma->vm_end - vma->vm_start;
	unsigned long max = mock->length >> PAGE_SHIFT;

	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff > max ||
	    length >> PAGE_SHIFT > max - vma->vm_pgoff)
		return -EINVAL;
	return remap_pfn_range(vma, vma->vm_start,
			       PHYS_PFN(virt_to_phys(mock->memory)) +
			       vma->vm_pgoff, length, vma->vm_page_prot);
}

static const struct file_operations mock_mmio_fops = {
	.owner = THIS_MODULE,
	.release = mock_mmio_fops_release,
	.mmap = mock_mmio_fops_mmap,
};

static struct mock_mmio *mock_mmio_alloc(size_t length)
{
	struct mock_mmio *mock;

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
	return mock;
}

static struct file *mock_mmio_open(size_t length)
{
	struct iommufd_mmio *mmio;
	struct mock_mmio *mock;
	struct file *file;

	mock = mock_mmio_alloc(length);
	if (IS_ERR(mock))
		return ERR_CAST(mock);
	file = anon_inode_getfile("[iommufd_mock_mmio]", &mock_mmio_fops, mock,
				  O_RDWR);
	if (IS_ERR(file)) {
		mock_mmio_free(mock);
		return file;
	}
	mock->file = file;
	mmio = iommufd_mmio_create(&mock_mmio_ops, mock);
	if (IS_ERR(mmio)) {
		fput(file);
		return ERR_CAST(mmio);
	}
	mock->mmio = mmio;
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
static struct file *mock_mmio_get(int fd, struct mock_mmio **mock)
{
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADFD);
	*mock = file->private_data;
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
	struct mock_mmio *mock;
	struct file *file;
	int rc = 0;

	file = mock_mmio_get(cmd->id, &mock);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (cmd->mmio_set.reachable)
		rc = iommufd_mmio_restore(mock->mmio);
	else
		iommufd_mmio_revoke(mock->mmio);
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
	struct mock_mmio *mock;
	struct file *file;

	file = mock_mmio_get(fd, &mock);
	if (IS_ERR(file))
		return PTR_ERR(file);
	*phys = virt_to_phys(mock->memory) + offset;
	fput(file);
	return 0;
}
