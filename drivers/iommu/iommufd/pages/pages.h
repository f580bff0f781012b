/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_PAGES_H
#define __IOMMUFD_PAGES_H

#include <linux/interval_tree.h>
#include <linux/iommu.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>

#include "account.h"
#include "pfns.h"

struct file;
struct iopt_pages;
struct page;

enum iopt_kind {
	IOPT_USER,		/* of a process, by user address; user.c */
	IOPT_FILE,		/* of a file, by offset; file.c */
	IOPT_MMIO,		/* of a device, by physical address; mmio.c */
	IOPT_NKINDS,
};

/**
 * struct iopt_pages_ops - A kind of memory
 * @size: Bytes of iopt_pages_private() it has, a multiple of a long.
 * @pin: Pin, such that it stays as long as it likes, up to @npages pages from
 *	@index on, and list them; all are in one chunk of the frames.  Returns
 *	how many, at least 1, or an errno.  Sets *@adjacent if it has listed only
 *	the first, since the others follow it; before, that tells whether the
 *	pages before @index were such.  Called with iopt_pages::lock held, may
 *	sleep.  Each page has a pin, as pin_user_pages() counts them.
 * @release: Drop what iopt_pages_private() holds.  Nothing is pinned.  May be
 *	NULL.
 */
struct iopt_pages_ops {
	size_t size;
	long (*pin)(struct iopt_pages *pages, unsigned long index,
		    unsigned long npages, struct page **list, bool *adjacent);
	void (*release)(struct iopt_pages *pages);
};

extern const struct iopt_pages_ops iopt_user_ops;
extern const struct iopt_pages_ops iopt_file_ops;
extern const struct iopt_pages_ops iopt_mmio_ops;

/**
 * struct iopt_pages - Memory that can be pinned
 * @kref: One for each area that is a slice of this.
 * @kind: enum iopt_kind.  Not a pointer: with its first area this just fits 256
 *	bytes.
 * @account_mode: enum iopt_account_mode: whom pinned pages are charged to.
 * @writeable: Pinned such that devices may write.
 * @lock: Guards @frames and @users.  Held while pinning, so page faults may
 *	happen under it.
 * @frames: The frames pinned now.
 * @users: Ranges of indexes that must be pinned: interval tree nodes of the
 *	areas that are in a domain, and of what accesses have pinned.
 * @base: Address of index 0, page aligned: for memory of a process the user
 *	address, for that of a file the offset, for MMIO the physical address.
 *	Of a mapping that has room for huge pages it is aligned to them, so that
 *	a chunk of @frames is what can be one.  Indexes before the mapping's
 *	start have no user.
 * @payer: The process that mapped it, to charge, and for IOPT_USER to pin in.
 *	@payer and @account_mode are guarded by @lock where they can change.
 * @room: What its kind has for itself, and after that what the one who made
 *	this wants to live as long.
 *
 * The invariant: an index is pinned, charged, and known to @frames, if and
 * only if at least one user covers it.
 */
struct iopt_pages {
	struct kref kref;
	u8 kind;
	u8 account_mode;
	bool writeable;
	struct mutex lock;	/* of the following */
	struct iopt_frames frames;
	struct rb_root_cached users;
	unsigned long base;
	struct iopt_payer payer;
	long room[];
};

/**
 * struct iopt_slice - Some bytes of a pages object, as an area maps them
 * @pages: The pages object.
 * @user: First and last index that the bytes touch; in iopt_pages::users while
 *	the slice is in a domain, or pinned for an access.
 * @offset: Offset of the first byte in the page at @user.start.
 * @length: Number of bytes.
 */
struct iopt_slice {
	struct iopt_pages *pages;
	struct interval_tree_node user;
	unsigned long offset;
	unsigned long length;
};

/* Bytes of scratch memory at a time: pointers to pages */
#define IOPT_SCRATCH_BYTES	4096U

/* Tests make it smaller, so that little memory has many borders, or larger. */
extern unsigned int iopt_scratch_bytes;

struct iopt_pages *iopt_pages_alloc(enum iopt_kind kind, unsigned long start,
				    unsigned long length, bool writeable,
				    enum iopt_account_mode account_mode,
				    size_t room);
struct iopt_pages *iopt_pages_alloc_file(struct file *file,
					 unsigned long start,
					 unsigned long length, bool writeable,
					 enum iopt_account_mode account_mode,
					 size_t room);
struct iopt_pages *iopt_pages_alloc_mmio(struct kref *owner,
					 void (*release)(struct kref *owner),
					 phys_addr_t phys, unsigned long length,
					 bool writeable, size_t room);
struct kref *iopt_pages_mmio_owner(struct iopt_pages *pages);
int iopt_files_collect(struct iopt_pages *pages, struct list_head *files);
void iopt_files_release(struct list_head *files);
int iopt_files_change_process(struct list_head *files, struct mutex *lock,
			      enum iopt_account_mode account_mode);
unsigned long iopt_pages_npinned(struct iopt_pages *pages);
void iopt_pages_put(struct iopt_pages *pages);
void *iopt_pages_room(struct iopt_pages *pages);

/* What the kind has for itself, zeroed at first */
static inline void *iopt_pages_private(struct iopt_pages *pages)
{
	return pages->room;
}

static inline void iopt_pages_get(struct iopt_pages *pages)
{
	kref_get(&pages->kref);
}

void iopt_slice_init(struct iopt_slice *slice, struct iopt_pages *pages,
		     unsigned long start, unsigned long length);
void iopt_slice_split(struct iopt_slice *slice, struct iopt_slice *tail,
		      unsigned long length, bool pinned);
int iopt_slice_pin(struct iopt_slice *slice);
void iopt_slice_unpin(struct iopt_slice *slice);
int iopt_slice_map(struct iopt_slice *slice, struct iommu_domain *domain,
		   unsigned long iova, int prot, bool huge_pages);
int iopt_map_phys(struct iommu_domain *domain, unsigned long iova,
		  phys_addr_t phys, size_t length, int prot, bool huge_pages);
void iopt_slice_get_pages(struct iopt_slice *slice, struct page **pages);
int iopt_slice_rw(struct iopt_slice *slice, void *data, bool write,
		  bool remote);

/* Number of pages that the slice touches */
static inline unsigned long iopt_slice_npages(const struct iopt_slice *slice)
{
	return slice->user.last - slice->user.start + 1;
}

/* Byte of the pages object that the slice starts with */
static inline unsigned long iopt_slice_start(const struct iopt_slice *slice)
{
	return slice->user.start * PAGE_SIZE + slice->offset;
}

#endif
