// SPDX-License-Identifier: GPL-2.0-only
/*
 * MMIO of a device, by physical address: only mapped, never pinned
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/kref.h>

#include "pages.h"

/**
 * struct mmio_private - Private data of a pages object of MMIO
 * @owner: Reference count of what the MMIO belongs to; this holds one
 *	reference.
 * @release: Frees the owner with the last reference.
 * @file: The file that user space has named the MMIO by, a reference, or NULL.
 */
struct mmio_private {
	struct kref *owner;
	void (*release)(struct kref *owner);
	struct file *file;
};

/* A domain maps MMIO by its address, and accesses are refused. */
static long mmio_pin(struct iopt_pages *pages, unsigned long index,
		     unsigned long npages, struct page **list,
		     enum iopt_layout *layout)
{
	return -EINVAL;
}

static void mmio_release(struct iopt_pages *pages)
{
	struct mmio_private *mmio = iopt_pages_kind_private(pages);

	kref_put(mmio->owner, mmio->release);
	if (mmio->file)
		fput(mmio->file);
}

const struct iopt_pages_ops iopt_mmio_ops = {
	.size = sizeof(struct mmio_private),
	.pin = mmio_pin,
	.release = mmio_release,
};

/**
 * iopt_pages_alloc_mmio() - Describe MMIO of a device
 * @owner: Reference count of what the MMIO belongs to; on success the caller's
 *	reference is taken over.
 * @release: Frees the owner with the last reference.
 * @phys: Physical address of the first byte.
 * @length: Bytes, not 0; @phys + @length does not wrap.
 * @writeable: Devices may write to it.
 * @private_size: As for iopt_pages_alloc().
 *
 * Return: the object with one reference, or ERR_PTR(-ENOMEM).
 */
struct iopt_pages *iopt_pages_alloc_mmio(struct kref *owner,
					 void (*release)(struct kref *owner),
					 phys_addr_t phys, unsigned long length,
					 bool writeable, size_t private_size)
{
	struct mmio_private *mmio;
	struct iopt_pages *pages;

	pages = iopt_pages_alloc(IOPT_MMIO, phys, length, writeable,
				 IOPT_ACCOUNT_NONE, private_size);
	if (IS_ERR(pages))
		return pages;
	mmio = iopt_pages_kind_private(pages);
	mmio->owner = owner;
	mmio->release = release;
	return pages;
}

/**
 * iopt_pages_mmio_hold() - Hold the file that MMIO was named by
 * @pages: A new pages object of MMIO.
 * @file: The file, or NULL; the caller's reference is taken over.
 */
void iopt_pages_mmio_hold(struct iopt_pages *pages, struct file *file)
{
	struct mmio_private *mmio = iopt_pages_kind_private(pages);

	mmio->file = file;
}

/**
 * iopt_pages_mmio_owner() - Tell what MMIO belongs to
 * @pages: A pages object of MMIO.
 *
 * Return: the reference count of the owner.
 */
struct kref *iopt_pages_mmio_owner(struct iopt_pages *pages)
{
	struct mmio_private *mmio = iopt_pages_kind_private(pages);

	return mmio->owner;
}
