/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_PAGES_H
#define __IOPT_PAGES_H

#include <linux/atomic.h>
#include <linux/errno.h>
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
struct mem_cgroup;
struct page;

enum iopt_kind {
	IOPT_USER,		/* of a process, by user address; user.c */
	IOPT_FILE,		/* of a file, by offset; file.c */
	IOPT_MMIO,		/* of a device, by physical address; mmio.c */
	IOPT_NKINDS,
};

/**
 * struct iopt_pages_ops - A kind of memory
 * @size: Bytes of iopt_pages_kind_private(), a multiple of the size of a long.
 * @pin: Pin up to @npages pages from @index on for any length of time, and list
 *	them; all are in one chunk of iopt_pages::pfns.  Returns the number of
 *	pages pinned, at least 1, or an errno. *@layout, in: the layout of the
 *	pages that the previous call has pinned, a hint; out: the layout of
 *	these pages, and so whether the list has all of them.  Each page has one
 *	pin, as pin_user_pages() counts them.  Called with iopt_pages::lock
 *	held; may sleep and fault in user memory.
 * @pin_end: Release what calls of @pin, made one after the other with
 *	iopt_pages::lock held all the time, have kept for the next.  May be
 *	NULL.
 * @release: Release what iopt_pages_kind_private() holds; nothing is pinned.
 *	May be NULL.
 */
struct iopt_pages_ops {
	size_t size;
	long (*pin)(struct iopt_pages *pages, unsigned long index,
		    unsigned long npages, struct page **list,
		    enum iopt_layout *layout);
	void (*pin_end)(struct iopt_pages *pages);
	void (*release)(struct iopt_pages *pages);
};

extern const struct iopt_pages_ops iopt_user_ops;
extern const struct iopt_pages_ops iopt_file_ops;
extern const struct iopt_pages_ops iopt_mmio_ops;
extern const struct iopt_pages_ops *const iopt_kinds[IOPT_NKINDS];

/**
 * struct iopt_pages - Memory that can be pinned
 * @kref: One reference for each area that maps a slice of this, and one for the
 *	list of iopt_files_collect().
 * @kind: enum iopt_kind.  Not a pointer: with its first area this just fits 256
 *	bytes.
 * @account_mode: enum iopt_account_mode: which limit pinned pages count
 *	against.
 * @writeable: Pinned such that devices may write.
 * @uaddr_invalid: The memory has no user address for now: what is not pinned
 *	cannot be.  Set without @lock, see iopt_pages_invalidate_uaddr();
 *	cleared with @lock held.
 * @lock: Guards @pfns and @users.  Held while pinning, so page faults may
 *	happen under it.
 * @pfns: The PFNs of the pages pinned now.
 * @users: Ranges of indexes that must be pinned: interval tree nodes of slices
 *	that are in a domain, and of slices that accesses have pinned.
 * @base: Address of index 0, page aligned: for memory of a process the user
 *	address, for that of a file the offset, for MMIO the physical address.
 *	If the memory is large enough for huge pages, @base is aligned to them,
 *	so that each huge page is one chunk of @pfns.  Indexes before the start
 *	of the memory have no user.  The address of memory of a process can
 *	change, with @lock held; then it is aligned to a page only, and index 0
 *	need not be a user address: @base may even wrap.  Read without @lock
 *	where only the alignment of an IOVA depends on it.
 * @account: The process that is charged for pinned pages, and whose memory this
 *	is if it is of kind IOPT_USER.  @account and @account_mode are guarded
 *	by @lock where they can change; @account.mm is read without it as well.
 * @ncopying: Number of calls that copy by user address.  Raised with @lock
 *	held.
 * @nowait: The pin at work must not wait for user space, see
 *	iopt_slice_pin_nowait().  Guarded by @lock, and false while it is not
 *	held.
 * @private: Private data of the kind, and after that of the caller that has
 *	made this object.
 *
 * The invariant: an index is pinned, charged, and known to @pfns, if and only
 * if at least one user covers it.
 */
struct iopt_pages {
	struct kref kref;
	u8 kind;
	u8 account_mode;
	bool writeable;
	bool uaddr_invalid;
	struct mutex lock;	/* of the following */
	struct iopt_pfns pfns;
	struct rb_root_cached users;
	unsigned long base;
	struct iopt_account account;
	atomic_t ncopying;
	bool nowait;
	long private[];
};

/* Bytes of scratch memory at a time: pointers to pages */
#define IOPT_SCRATCH_BYTES	4096U

/* Tests make it smaller, so that little memory has many borders, or larger. */
extern unsigned int iopt_scratch_bytes;

struct iopt_pages *iopt_pages_alloc(enum iopt_kind kind, unsigned long start,
				    unsigned long length, bool writeable,
				    enum iopt_account_mode account_mode,
				    size_t private_size);
struct iopt_pages *iopt_pages_alloc_file(struct file *file,
					 unsigned long start,
					 unsigned long length, bool writeable,
					 enum iopt_account_mode account_mode,
					 size_t private_size);
struct iopt_pages *iopt_pages_alloc_mmio(struct kref *owner,
					 void (*release)(struct kref *owner),
					 phys_addr_t phys, unsigned long length,
					 bool writeable, size_t private_size);
void iopt_pages_mmio_hold(struct iopt_pages *pages, struct file *file);
struct kref *iopt_pages_mmio_owner(struct iopt_pages *pages);
int iopt_files_collect(struct iopt_pages *pages, struct list_head *files);
void iopt_files_release(struct list_head *files);
int iopt_files_change_process(struct list_head *files, struct mutex *lock,
			      enum iopt_account_mode account_mode);
unsigned long iopt_pages_npinned(struct iopt_pages *pages);
void iopt_pages_change_account(struct iopt_pages *pages, unsigned long npinned,
			       const struct iopt_account *account, u8 mode);
int iopt_pages_change_process(struct iopt_pages *pages,
			      enum iopt_account_mode account_mode);
void iopt_pages_put(struct iopt_pages *pages);
int iopt_pages_get_memcg(struct iopt_pages *pages, struct mem_cgroup **memcg);
int iopt_pages_pin(struct iopt_pages *pages, unsigned long first,
		   unsigned long last);
void iopt_pages_unpin_unused(struct iopt_pages *pages, unsigned long first,
			     unsigned long last);

static inline const struct iopt_pages_ops *
iopt_pages_ops(const struct iopt_pages *pages)
{
	return iopt_kinds[pages->kind];
}

bool iopt_pages_uaddr_is_shared(const struct iopt_pages *pages);
void iopt_pages_invalidate_uaddr(struct iopt_pages *pages);
int iopt_pages_wait_uaddr_unused(struct iopt_pages *pages);
int iopt_pages_set_uaddr(struct iopt_pages *pages, unsigned long start,
			 unsigned long uaddr,
			 enum iopt_account_mode account_mode);

/* Private data of the kind, zeroed at first */
static inline void *iopt_pages_kind_private(struct iopt_pages *pages)
{
	return pages->private;
}

/**
 * iopt_pages_private() - Private data of the caller that has made a pages
 * object
 * @pages: The object.
 *
 * Return: the private data, as large as iopt_pages_alloc() was told.
 */
static inline void *iopt_pages_private(struct iopt_pages *pages)
{
	return (void *)pages->private + iopt_pages_ops(pages)->size;
}

static inline void iopt_pages_get(struct iopt_pages *pages)
{
	kref_get(&pages->kref);
}

/**
 * iopt_pages_wait() - Wait until no call pins pages of a pages object
 * @pages: The object.
 * @subclass: 0, or SINGLE_DEPTH_NESTING for a caller that has locked others.
 *
 * A call that pins takes long.  A caller that goes on to take the lock where it cannot
 * be killed waits for it here before; a pin that begins after this is waited for there.
 *
 * Context: Process context.  Takes iopt_pages::lock.
 *
 * Return: 0, or -EINTR when killed.
 */
static inline int iopt_pages_wait(struct iopt_pages *pages,
				  unsigned int subclass)
{
	if (!mutex_is_locked(&pages->lock))
		return 0;
	if (mutex_lock_killable_nested(&pages->lock, subclass))
		return -EINTR;
	mutex_unlock(&pages->lock);
	return 0;
}

#endif
