// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a file, by offset: a memfd, or any other file of tmpfs or hugetlbfs
 *
 * No process needs to have the file mapped, so pages are found in the page
 * cache, folio by folio, or put there.  The kernel's memfd_pin_folios(), where
 * it is exported, would not do: it pins pages of shmem that were only reserved,
 * and so never cleared, and for a hole of a file that has reserved no huge page
 * it takes one that another file has reserved.
 *
 * Some pages come only to a process that maps the file: a huge page for a hole,
 * and a replacement for a page that may not stay where it is.  For these, a
 * part of the file, the window, is mapped while pages are pinned, see
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

/*
 * Most bytes of a file in a window.  In mappings of 1 GiB the kernel shares
 * page tables of hugetlbfs between processes; a window is too small for that.
 */
#define WINDOW_BYTES	SZ_512M

/**
 * struct file_window - A part of a file, mapped by the current process
 * @ro: The file, opened once more, for reading only, so that this works with a
 *	sealed file as well; NULL until the first window is needed.
 * @uaddr: User address of the first byte.
 * @start: Offset of the first byte.
 * @length: Bytes; 0 if nothing is mapped.
 */
struct file_window {
	struct file *ro;
	unsigned long uaddr;
	loff_t start;
	unsigned long length;
};

/**
 * struct iopt_file - Private data of a pages object of a file
 * @file: The file.  If devices may write to it, it is counted as mapped
 *	writable, and so cannot be sealed against writing.
 * @window: Guarded by iopt_pages::lock, and only there while it is held.
 * @item: In the list of iopt_files_collect(), else empty.
 * @npinned: Pages pinned, valid during iopt_files_change_process().
 */
struct iopt_file {
	struct file *file;
	struct file_window window;
	struct list_head item;
	unsigned long npinned;
};

static bool is_hugetlbfs(struct file *file)
{
	return file_inode(file)->i_sb->s_magic == HUGETLBFS_MAGIC;
}

/* The kernel exports no function that tells these file systems. */
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

/* Ask for what mmap() of a shared mapping asks for. */
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

/*
 * Tell whether it can be pinned where it is.  With CMA only the kernel can
 * tell.
 */
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
		      struct page **list, enum iopt_layout *layout)
{
	/* A folio is aligned in its file. */
	unsigned long first = pgoff & (folio_nr_pages(folio) - 1);
	unsigned long i, n = min(npages, folio_nr_pages(folio) - first);
	int rc;

	rc = folio_add_pins(folio, n);
	if (rc)
		return rc;
	list[0] = folio_page(folio, first);
	/*
	 * At most a chunk is asked for, so nothing comes after a whole chunk.
	 */
	if (n == IOPT_CHUNK_PAGES) {
		*layout = IOPT_CONTIGUOUS;
		return n;
	}
	for (i = 1; i < n; i++)
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

static struct iopt_pages *item_to_pages(struct iopt_file *f)
{
	return container_of((void *)f, struct iopt_pages, private);
}

/*
 * Map a window.  No huge page is reserved for what is not pinned after all.
 * After mlockall(), the mapping counts against RLIMIT_MEMLOCK.
 */
static int window_mmap(struct file_window *window, loff_t start, loff_t end)
{
	unsigned long uaddr;

	uaddr = vm_mmap(window->ro, 0, end - start, PROT_READ,
			MAP_SHARED | MAP_NORESERVE, start);
	if (IS_ERR_VALUE(uaddr))
		return (long)uaddr == -EAGAIN ? -ENOMEM : (long)uaddr;
	window->uaddr = uaddr;
	window->start = start;
	window->length = end - start;
	return 0;
}

static void window_munmap(struct file_window *window)
{
	if (window->length)
		vm_munmap(window->uaddr, window->length);
	window->length = 0;
}

/*
 * Have a window with the bytes from @start on, up to @end.  Most windows have
 * more, as what comes next is going to be pinned next.
 */
static int window_move(struct iopt_file *f, loff_t start, loff_t end,
		       loff_t size)
{
	struct file_window *window = &f->window;
	struct iopt_pages *pages = item_to_pages(f);
	loff_t large = pages->base + (pages->pfns.npages << PAGE_SHIFT);
	struct file *ro;

	if (start >= window->start &&
	    end <= window->start + (loff_t)window->length)
		return 0;
	window_munmap(window);
	if (!window->ro) {
		ro = dentry_open(&f->file->f_path, O_RDONLY | O_LARGEFILE,
				 current_cred());
		if (IS_ERR(ro))
			return PTR_ERR(ro);
		window->ro = ro;
	}
	/*
	 * After mlockall(), all of a window is faulted in.  Under RLIMIT_AS
	 * there may be no place for a large one.
	 */
	large = min(round_up(large, size), start + WINDOW_BYTES);
	if (large > end && !(current->mm->def_flags & VM_LOCKED) &&
	    !window_mmap(window, start, large))
		return 0;
	return window_mmap(window, start, end);
}

/*
 * Have the kernel pin what a window has.  Another thread may map anything else
 * in its place meanwhile, so the pages that were pinned are checked to be of
 * the file.
 */
static long pin_mapped(struct iopt_file *f, pgoff_t pgoff, unsigned long npages,
		       struct page **list)
{
	bool hugetlb = is_hugetlbfs(f->file);
	loff_t size = hugetlb ? huge_page_size(hstate_file(f->file)) :
				PAGE_SIZE;
	loff_t first = (loff_t)pgoff << PAGE_SHIFT;
	loff_t end = (loff_t)(pgoff + npages) << PAGE_SHIFT;
	long n;

	/* A kernel thread has no place to map it. */
	if (!current->mm)
		return -EFAULT;
	n = window_move(f, round_down(first, size), round_up(end, size), size);
	if (n)
		return n;
	n = pin_user_pages_fast(f->window.uaddr + first - f->window.start,
				npages, FOLL_LONGTERM, list);
	if (n > 0 && !pages_are_of(f->file, list, n)) {
		unpin_user_pages(list, n);
		n = 0;
	}
	/* No huge page is left that may stay where it is. */
	if (n == -EFAULT && hugetlb)
		n = -ENOMEM;
	return n ?: -EFAULT;
}

/*
 * Pin pages that may have to be moved first.  It is enough that the kernel pins
 * one page of a large folio: then all of the folio stays.
 */
static long pin_movable(struct iopt_file *f, pgoff_t pgoff,
			unsigned long npages, bool large, struct page **list,
			enum iopt_layout *layout)
{
	struct page *page;
	long n;

	if (!large)
		return pin_mapped(f, pgoff, npages, list);
	n = pin_mapped(f, pgoff, 1, list);
	if (n != 1)
		return n;
	page = list[0];
	/* The kernel keeps a page with a memory error from us only if it pins it. */
	if (folio_test_has_hwpoisoned(page_folio(page)))
		return 1;
	n = pin_folio(page_folio(page), pgoff, npages, list, layout);
	unpin_user_page(page);
	return n;
}

/* Pin as many pages as one folio has, but at least 1. */
static long pin_pages(struct iopt_file *f, pgoff_t pgoff, unsigned long npages,
		      struct page **list, enum iopt_layout *layout)
{
	struct file *file = f->file;
	struct folio *folio;
	bool large;
	long n;

	folio = find_folio(file, pgoff);
	if (IS_ERR(folio)) {
		if (is_hugetlbfs(file) && PTR_ERR(folio) == -ENOENT)
			return pin_mapped(f, pgoff, npages, list);
		return PTR_ERR(folio);
	}
	if (folio_may_stay(folio)) {
		n = pin_folio(folio, pgoff, npages, list, layout);
		folio_put(folio);
		return n;
	}
	large = folio_test_large(folio);
	/* A folio that has other references cannot be moved. */
	folio_put(folio);
	if (is_hugetlbfs(file) && !longterm_pin_moves_hugetlb())
		return -ENOMEM;
	return pin_movable(f, pgoff, npages, large, list, layout);
}

static long file_pin(struct iopt_pages *pages, unsigned long index,
		     unsigned long npages, struct page **list,
		     enum iopt_layout *layout)
{
	struct iopt_file *f = iopt_pages_kind_private(pages);
	loff_t size = i_size_read(file_inode(f->file));
	pgoff_t pgoff = (pages->base >> PAGE_SHIFT) + index;
	pgoff_t end = DIV_ROUND_UP_ULL(size, PAGE_SIZE);
	unsigned int flags;
	long n, pinned = 0;

	*layout = IOPT_SCATTERED;
	/* The file may have been truncated. */
	if (pgoff >= end)
		return -EINVAL;
	npages = min(npages, end - pgoff);

	flags = memalloc_pin_save();
	do {
		n = pin_pages(f, pgoff + pinned, npages - pinned,
			      list + pinned, layout);
		if (n > 0)
			pinned += n;
	} while (n > 0 && pinned < npages);
	memalloc_pin_restore(flags);
	return pinned ?: n;
}

static void file_pin_end(struct iopt_pages *pages)
{
	struct iopt_file *f = iopt_pages_kind_private(pages);

	window_munmap(&f->window);
	if (f->window.ro)
		fput(f->window.ro);
	f->window.ro = NULL;
}

static void file_release(struct iopt_pages *pages)
{
	struct iopt_file *f = iopt_pages_kind_private(pages);

	if (!f->file)
		return;
	if (pages->writeable)
		mapping_unmap_writable(f->file->f_mapping);
	fput(f->file);
}

const struct iopt_pages_ops iopt_file_ops = {
	.size = sizeof(struct iopt_file),
	.pin = file_pin,
	.pin_end = file_pin_end,
	.release = file_release,
};

/**
 * iopt_pages_alloc_file() - Describe memory of a file
 * @file: The file.
 * @start: Offset of the first byte.
 * @length: Number of bytes, not 0; @start + @length does not wrap.
 * @writeable: Devices may write to it.
 * @account_mode: As for iopt_pages_alloc().
 * @private_size: Bytes of iopt_pages_private(), zeroed.
 *
 * Pins nothing, but holds a reference to the file, and if devices may write to
 * the file, keeps it from being sealed against writing.  The current process is
 * only charged: which pages are pinned later does not depend on it.
 *
 * Context: Process context.
 *
 * Return: the object with one reference, ERR_PTR(-EINVAL) when the file is of
 * another kind or ends before the range does, -EACCES when it is not open for
 * what is asked, -EPERM when it is sealed, -ENOMEM.
 */
struct iopt_pages *iopt_pages_alloc_file(struct file *file,
					 unsigned long start,
					 unsigned long length, bool writeable,
					 enum iopt_account_mode account_mode,
					 size_t private_size)
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
				 account_mode, private_size);
	if (IS_ERR(pages))
		return pages;
	f = iopt_pages_kind_private(pages);
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

/**
 * iopt_files_collect() - Add a pages object to a list for a change of process
 * @pages: The object.
 * @files: The list, for iopt_files_change_process(); an object is added only
 *	once.
 *
 * Objects of MMIO, which are not charged, are not added.
 *
 * Context: Process context.  The caller serializes it with all that is done
 * with a list of this kind in the context.
 *
 * Return: 0, or -EINVAL when its memory is of a process.
 */
int iopt_files_collect(struct iopt_pages *pages, struct list_head *files)
{
	struct iopt_file *f = iopt_pages_kind_private(pages);

	if (pages->kind == IOPT_USER)
		return -EINVAL;
	if (pages->kind == IOPT_FILE && list_empty(&f->item)) {
		iopt_pages_get(pages);
		list_add_tail(&f->item, files);
	}
	return 0;
}

/**
 * iopt_files_release() - Empty the list of iopt_files_collect()
 * @files: The list.
 *
 * Context: As iopt_files_collect().
 */
void iopt_files_release(struct list_head *files)
{
	struct iopt_file *f, *next;

	list_for_each_entry_safe(f, next, files, item) {
		list_del_init(&f->item);
		iopt_pages_put(item_to_pages(f));
		cond_resched();
	}
}

/*
 * Lock all pages objects.  No other call locks more than one.  Whoever pins a large
 * file holds its lock for long, and mutex_lock_nest_lock() cannot be killed, so that is
 * waited for before.
 */
static int files_lock(struct list_head *files, struct mutex *lock)
{
	struct iopt_file *f;

	list_for_each_entry(f, files, item) {
		if (iopt_pages_wait(item_to_pages(f), SINGLE_DEPTH_NESTING))
			goto err_unlock;
		mutex_lock_nest_lock(&item_to_pages(f)->lock, lock);
		cond_resched();
	}
	return 0;

err_unlock:
	list_for_each_entry_continue_reverse(f, files, item)
		mutex_unlock(&item_to_pages(f)->lock);
	return -EINTR;
}

/**
 * iopt_files_change_process() - Charge the current process from now on
 * @files: List of pages objects, see iopt_files_collect().
 * @lock: The lock by which the caller serializes these lists, held.
 * @account_mode: As for iopt_pages_alloc().
 *
 * Context: Process context.  Takes iopt_pages::lock of all objects.
 *
 * Return: 0, or, with nothing changed: -ENOMEM when over the limit, -EINTR when
 * killed.
 */
int iopt_files_change_process(struct list_head *files, struct mutex *lock,
			      enum iopt_account_mode account_mode)
{
	struct iopt_account account;
	unsigned long npages = 0;
	struct iopt_pages *pages;
	struct iopt_file *f;
	int rc;
	u8 mode;

	rc = files_lock(files, lock);
	if (rc)
		return rc;

	mode = iopt_account_init(&account, account_mode);
	list_for_each_entry(f, files, item) {
		pages = item_to_pages(f);
		f->npinned = iopt_pages_npinned(pages);
		if (!iopt_account_same(&pages->account, pages->account_mode,
				       &account, mode))
			npages += f->npinned;
		cond_resched();
	}
	/*
	 * Pages that the account is charged for already are not charged again.
	 */
	if (npages)
		rc = iopt_account_charge(&account, mode, npages);
	list_for_each_entry(f, files, item) {
		pages = item_to_pages(f);
		if (!rc)
			iopt_pages_change_account(pages, f->npinned, &account,
						  mode);
		mutex_unlock(&pages->lock);
		cond_resched();
	}
	iopt_account_put(&account);
	return rc;
}
