/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MMAP_H
#define __IOMMUFD_MMAP_H

#include <linux/types.h>

struct file;
struct iommufd_ctx;
struct vm_area_struct;

/**
 * struct iommufd_mmap - Registers of a vIOMMU that user space may map
 * @phys: Physical address, of a page.
 * @length: Bytes, whole pages.
 * @pgoff: Where mmap() of the context's file finds them, in pages, not 0.
 */
struct iommufd_mmap {
	phys_addr_t phys;
	size_t length;
	unsigned long pgoff;
};

int iommufd_mmap_add(struct iommufd_ctx *ictx, struct iommufd_mmap *mmap,
		     u32 viommu_id);
void iommufd_mmap_remove(struct iommufd_ctx *ictx, struct iommufd_mmap *mmap);
int iommufd_fops_mmap(struct file *file, struct vm_area_struct *vma);

#endif
