// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a file, by offset: a memfd, or any other file of tmpfs or hugetlbfs
 *
 * No process needs to have it mapped, so frames are found in the page cache,
 * folio by folio, or put there.  The kernel's memfd_pin_folios(), where it is
 * exported, is not up to that: it pins pages of shmem that were only reserved,
 * and so never cleared, and takes a huge page for a hole of a file that has
 * reserved none from those that others have.
 *
 * What the page cache cannot give, the kernel gives to anybody who maps the
 * file: a huge page for a hole, and another page instead of one that may not
 * stay where it is.  So then the file is mapped for the moment, see
 * pin_mapped().
 */
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hugetlb.h>
#include <linux/magic.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>

#include "pages.h"

/**
 * struct iopt_file - What a pages object of a file has for itself
 * @file: The file.  If devices may write it is counted as mapped so, and cannot
 *	be sealed against that.
 * @item: In the list of those that change the process, else empty.
 * @npinned: Pages pinned, while they do.
 */
struct iopt_file {
	struct file *file;
	struct list_head item;
	unsigned long npinned;
};

static bool is_hugetlbfs(struct file *file)
{
	return file_inode(file)->i_sb->s_magic == HUGETLBFS_MAGIC;
}

/* The kernel does not export what its own checks for these look at. */
static bool is_memory(struct file *file)
{
	return S_ISREG(file_inode(file)->i_mode) &&
	       (is_hugetlbfs(file) ||
		file_inode(file)->i_sb->s_magic == TMPFS_MAGIC);
}

static unsigned int file_seals(struct file *file)
{
	if (is_hugetlbfs(file))
		return HUGETLBFS_I(file_inode(file))->seals;
	return SHMEM_I(file_inode(file))->seals;
}

/* As mmap() of a shared mapping does; take_write() is the end of it. */
static int check_access(struct file *file, bool writeable)
{
	if (!(file->f_mode & FMODE_READ) ||
	    (writeable && !(file->f_mode & FMODE_WRITE)))
		return -EACCES;
	if (writeable &&
	    (file_seals(file) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
		return -EPERM;
	return 0;
}

/* Can it be pinned where it is?  With CMA only the kernel itself can tell. */
static bool folio_may_stay(struct folio *folio)
{
	if (IS_ENABLED(CONFIG_CMA) || folio_test_hwpoison(folio) ||
	    (folio_test_large(folio) && folio_test_has_hwpoisoned(folio)))
		return false;
	return folio_is_longterm_pinnable(folio);
}

/* The folio at a page of the file, with a reference */
static struct folio *find_folio(struct file *file, pgoff_t pgoff)
{
	struct hstate *h;
	struct folio *folio;

	if (is_hugetlbfs(file)) {
		h = hstate_file(file);
		folio = filemap_lock_hugetlb_folio(h, file->f_mapping,
						   pgoff >> huge_page_order(h));
		if (!IS_ERR(folio))
			folio_unlock(folio);
		return folio;
	}

	folio = filemap_get_folio(file->f_mapping, pgoff);
	if (!IS_ERR(folio)) {
		if (folio_test_uptodate(folio))
			return folio;
		folio_put(folio);
	}
	return shmem_read_folio(file->f_mapping, pgoff);
}

static long pin_folio(struct folio *folio, pgoff_t pgoff, unsigned long npages,
		      struct page **list, bool *adjacent)
{
	/* A folio is aligned in its file. */
	unsigned long first = pgoff & (folio_nr_pages(folio) - 1);
	unsigned long i, n = min(npages, folio_nr_pages(folio) - first);
	int rc;

	rc = folio_add_pins(folio, n);
	if (rc)
		return rc;
	/* No more than a chunk is asked for, so such a folio is all of it. */
	*adjacent = n == IOPT_CHUNK_PAGES;
	list[0] = folio_page(folio, first);
	for (i = 1; i < n && !*adjacent; i++)
		list[i] = folio_page(folio, first + i);
	return n;
}

static bool pages_are_of(struct file *file, struct page **list, long npages)
{
	long i;

	for (i = 0; i < npages; i++)
		if (folio_mapping(page_folio(list[i])) != file->f_mapping)
			return false;
	return true;
}

/*
 * Map the file for a moment, and have the kernel pin what is there.  It is
 * mapped read-only, by a file that is open for no more than that, so this works
 * with a file that is sealed, too.  Another thread may put anything else in its
 * place meanwhile, so what is pinned must be looked at.
 */
static long pin_mapped(struct file *file, pgoff_t pgoff, unsigned long npages,
		       struct page **list)
{
	loff_t size = is_hugetlbfs(file) ? huge_page_size(hstate_file(file)) :
					   PAGE_SIZE;
	loff_t start = round_down((loff_t)pgoff << PAGE_SHIFT, size);
	loff_t end = round_up((loff_t)(pgoff + npages) << PAGE_SHIFT, size);
	unsigned long uaddr;
	struct file *ro;
	long n;

	/* Only a process has a place to map it. */
	if (!current->mm)
		return -EFAULT;
	ro = dentry_open(&file->f_path, O_RDONLY | O_LARGEFILE, current_cred());
	if (IS_ERR(ro))
		return PTR_ERR(ro);

	uaddr = vm_mmap(ro, 0, end - start, PROT_READ, MAP_SHARED, start);
	if (IS_ERR_VALUE(uaddr)) {
		/* All memory of the process may have to be locked. */
		n = (long)uaddr == -EAGAIN ? -ENOMEM : (long)uaddr;
		goto out_fput;
	}
	n = pin_user_pages_fast(uaddr + ((loff_t)pgoff << PAGE_SHIFT) - start,
				npages, FOLL_LONGTERM, list);
	vm_munmap(uaddr, end - start);
	if (n > 0 && !pages_are_of(file, list, n)) {
		unpin_user_pages(list, n);
		n = 0;
	}
	/* No huge page is left, at least none that may stay where it is. */
	if (n == -EFAULT && is_hugetlbfs(file))
		n = -ENOMEM;
	n = n ?: -EFAULT;
out_fput:
	fput(ro);
	return n;
}

/*
 * Pin what may have to be moved first.  Of a large folio it is enough that the
 * kernel pins a page: then all of it stays.
 */
static long pin_movable(struct file *file, pgoff_t pgoff, unsigned long npages,
			bool large, struct page **list, bool *adjacent)
{
	struct page *page;
	long n;

	if (!large)
		return pin_mapped(file, pgoff, npages, list);
	n = pin_mapped(file, pgoff, 1, list);
	if (n != 1)
		return n;
	page = list[0];
	n = pin_folio(page_folio(page), pgoff, npages, list, adjacent);
	unpin_user_page(page);
	return n;
}

/* Pin pages, as many as are easy, but at least 1. */
static long pin_pages(struct file *file, pgoff_t pgoff, unsigned long npages,
		      struct page **list, bool *adjacent)
{
	struct folio *folio;
	bool large;
	long n;

	folio = find_folio(file, pgoff);
	if (IS_ERR(folio)) {
		if (is_hugetlbfs(file) && PTR_ERR(folio) == -ENOENT)
			return pin_mapped(file, pgoff, npages, list);
		return PTR_ERR(folio);
	}
	if (folio_may_stay(folio)) {
		n = pin_folio(folio, pgoff, npages, list, adjacent);
		folio_put(folio);
		return n;
	}
	large = folio_test_large(folio);
	/* What others refer to cannot be moved. */
	folio_put(folio);
	if (is_hugetlbfs(file) && !longterm_pin_moves_hugetlb())
		return -ENOMEM;
	return pin_movable(file, pgoff, npages, large, list, adjacent);
}

static long file_pin(struct iopt_pages *pages, unsigned long index,
		     unsigned long npages, struct page **list, bool *adjacent)
{
	struct iopt_file *f = iopt_pages_private(pages);
	loff_t size = i_size_read(file_inode(f->file));
	pgoff_t pgoff = (pages->base >> PAGE_SHIFT) + index;
	pgoff_t end = DIV_ROUND_UP_ULL(size, PAGE_SIZE);
	unsigned int flags;
	long n, pinned = 0;

	*adjacent = false;
	/* It may have been truncated. */
	if (pgoff >= end)
		return -EINVAL;
	npages = min(npages, end - pgoff);

	flags = memalloc_pin_save();
	do {
		n = pin_pages(f->file, pgoff + pinned, npages - pinned,
			      list + pinned, adjacent);
		if (n > 0)
			pinned += n;
	} while (n > 0 && pinned < npages);
	memalloc_pin_restore(flags);
	return pinned ?: n;
}

static void file_release(struct iopt_pages *pages)
{
	struct iopt_file *f = iopt_pages_private(pages);

	if (!f->file)
		return;
	if (pages->writeable)
		mapping_unmap_writable(f->file->f_mapping);
	fput(f->file);
}

const struct iopt_pages_ops iopt_file_ops = {
	.size = sizeof(struct iopt_file),
	.pin = file_pin,
	.release = file_release,
};

/**
 * iopt_pages_alloc_file() - Describe memory of a file
 * @file: The file.
 * @start: Offset of the first byte.
 * @length: Number of bytes, not 0; @start + @length does not wrap.
 * @writeable: Devices may write to it.
 * @account_mode: Whom to charge, unless the caller may lock without limit.
 * @room: Bytes of iopt_pages_room(), zeroed.
 *
 * Pins nothing, but keeps the file, and if devices may write to it, keeps it
 * from being sealed against that.  The process is only charged: what is pinned
 * later does not depend on it.
 *
 * Return: the object with one reference, ERR_PTR(-EINVAL) when the file is of
 * another kind or ends before the range does, -EACCES when it is not open for
 * what is asked, -EPERM when it is sealed, -ENOMEM.
 */
struct iopt_pages *iopt_pages_alloc_file(struct file *file,
					 unsigned long start,
					 unsigned long length, bool writeable,
					 enum iopt_account_mode account_mode,
					 size_t room)
{
	struct iopt_pages *pages;
	struct iopt_file *f;
	int rc;

	if (!is_memory(file))
		return ERR_PTR(-EINVAL);
	rc = check_access(file, writeable);
	if (rc)
		return ERR_PTR(rc);
	if (start + length - 1 >= i_size_read(file_inode(file)))
		return ERR_PTR(-EINVAL);

	pages = iopt_pages_alloc(IOPT_FILE, start, length, writeable,
				 account_mode, room);
	if (IS_ERR(pages))
		return pages;
	f = iopt_pages_private(pages);
	INIT_LIST_HEAD(&f->item);
	if (writeable) {
		rc = mapping_map_writable(file->f_mapping);
		if (rc) {
			iopt_pages_put(pages);
			return ERR_PTR(rc);
		}
	}
	f->file = get_file(file);
	return pages;
}

static struct iopt_pages *item_to_pages(struct iopt_file *f)
{
	return container_of((void *)f, struct iopt_pages, room);
}

/**
 * iopt_files_collect() - Add a pages object to those that change the process
 * @pages: The object.
 * @files: The list; an object is only added once.
 *
 * The caller serializes this with all else that is done with such lists in the
 * context.
 *
 * Return: 0, or -EINVAL when its memory is of a process.
 */
int iopt_files_collect(struct iopt_pages *pages, struct list_head *files)
{
	struct iopt_file *f = iopt_pages_private(pages);

	if (pages->kind == IOPT_USER)
		return -EINVAL;
	if (pages->kind == IOPT_FILE && list_empty(&f->item)) {
		iopt_pages_get(pages);
		list_add_tail(&f->item, files);
	}
	return 0;
}

/**
 * iopt_files_release() - Empty the list
 * @files: The list.
 */
void iopt_files_release(struct list_head *files)
{
	struct iopt_file *f, *next;

	list_for_each_entry_safe(f, next, files, item) {
		list_del_init(&f->item);
		iopt_pages_put(item_to_pages(f));
	}
}

/* Change who is charged, where the new one has been charged already. */
static void change_payer(struct iopt_file *f, const struct iopt_payer *payer,
			 u8 mode)
{
	struct iopt_pages *pages = item_to_pages(f);
	struct iopt_payer old = pages->payer;

	if (!iopt_payer_same(&old, pages->account_mode, payer, mode))
		iopt_payer_uncharge(&old, pages->account_mode, f->npinned);
	iopt_payer_count(&old, -f->npinned);
	iopt_payer_count(payer, f->npinned);

	pages->payer = *payer;
	pages->account_mode = mode;
	iopt_payer_get(&pages->payer);
	iopt_payer_put(&old);
}

/**
 * iopt_files_change_process() - Have the current process pay from now on
 * @files: List of pages objects.
 * @lock: What the caller serializes these lists by, held.
 * @account_mode: Whom to charge, unless the caller may lock without limit.
 *
 * Return: 0, or, with nothing changed: -ENOMEM when over the limit, -EINTR when
 * killed.
 */
int iopt_files_change_process(struct list_head *files, struct mutex *lock,
			      enum iopt_account_mode account_mode)
{
	struct iopt_payer payer;
	unsigned long npages = 0;
	struct iopt_pages *pages;
	struct iopt_file *f;
	int rc = 0;
	u8 mode;

	/* Nobody else holds two at a time. */
	list_for_each_entry(f, files, item)
		mutex_lock_nest_lock(&item_to_pages(f)->lock, lock);

	mode = iopt_payer_init(&payer, account_mode);
	list_for_each_entry(f, files, item) {
		pages = item_to_pages(f);
		f->npinned = iopt_pages_npinned(pages);
		if (!iopt_payer_same(&pages->payer, pages->account_mode,
				     &payer, mode))
			npages += f->npinned;
	}
	/* What counts already does not count anew, whatever the limit is. */
	if (npages)
		rc = iopt_payer_charge(&payer, mode, npages);
	list_for_each_entry(f, files, item) {
		if (!rc)
			change_payer(f, &payer, mode);
		mutex_unlock(&item_to_pages(f)->lock);
	}
	iopt_payer_put(&payer);
	return rc;
}
