// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mock software devices: a file that holds an access and the pages it has
 * pinned.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "../iommufd/ucmd.h"
#include "access.h"
#include "file.h"
#include "iommufd_test.h"

/* The largest number of bytes that one call may pin or copy */
#define MOCK_ACCESS_MAX_LENGTH	(16UL << 20)

/**
 * struct mock_access - A mock software device, the private data of its file
 * @access: The binding to the context.
 * @ictx: The context; @access holds a reference.
 * @pins: The device may pin pages.
 * @lock: Guards the fields below.  Held while pages are pinned, so that an
 *	unmap of the pages finds their item.
 * @items: The pinned ranges, struct mock_item.
 * @last_id: The ID of the latest item.
 *
 * All pages that @access has pinned belong to an item of @items.
 */
struct mock_access {
	struct iommufd_access *access;
	struct iommufd_ctx *ictx;
	bool pins;

	struct mutex lock;	/* of the fields below */
	struct list_head items;
	u32 last_id;
};

/**
 * struct mock_item - A range of IOVA that a mock software device has pinned
 * @item: Entry in mock_access::items.
 * @id: The ID that user space names the item by.
 * @iova: First byte.
 * @length: Number of bytes; the range does not wrap.
 *
 * Guarded by mock_access::lock.
 */
struct mock_item {
	struct list_head item;
	u32 id;
	unsigned long iova;
	unsigned long length;
};

static void mock_item_drop(struct mock_access *mock, struct mock_item *item)
{
	lockdep_assert_held(&mock->lock);

	iommufd_access_unpin_pages(mock->access, item->iova, item->length);
	list_del(&item->item);
	kfree(item);
}

static int mock_item_drop_by_id(struct mock_access *mock, u32 id)
{
	struct mock_item *item;
	int rc = -ENOENT;

	mutex_lock(&mock->lock);
	list_for_each_entry(item, &mock->items, item) {
		if (item->id != id)
			continue;
		mock_item_drop(mock, item);
		rc = 0;
		break;
	}
	mutex_unlock(&mock->lock);
	return rc;
}

/* A @length of ULONG_MAX stands for all IOVA. */
static bool mock_item_overlaps(struct mock_item *item, unsigned long iova,
			       unsigned long length)
{
	return length == ULONG_MAX ||
	       (item->iova <= iova + length - 1 &&
		iova <= item->iova + item->length - 1);
}

static void mock_access_unmap(void *data, unsigned long iova,
			      unsigned long length)
{
	struct mock_access *mock = data;
	struct mock_item *item, *next;

	mutex_lock(&mock->lock);
	list_for_each_entry_safe(item, next, &mock->items, item)
		if (mock_item_overlaps(item, iova, length))
			mock_item_drop(mock, item);
	mutex_unlock(&mock->lock);
}

/* For a device that pins or not, and whether user addresses may change */
static const struct iommufd_access_ops mock_access_ops[2][2] = {
	[false][true] = {
		.uaddrs_may_change = true,
	},
	[true][false] = {
		.needs_pin_pages = true,
		.unmap = mock_access_unmap,
	},
	[true][true] = {
		.needs_pin_pages = true,
		.uaddrs_may_change = true,
		.unmap = mock_access_unmap,
	},
};

static void mock_access_free(struct mock_access *mock)
{
	iommufd_access_destroy(mock->access);
	WARN_ON(!list_empty(&mock->items));
	mutex_destroy(&mock->lock);
	kfree(mock);
}

static int mock_access_fops_release(struct inode *inode, struct file *file)
{
	mock_access_free(file->private_data);
	return 0;
}

static const struct file_operations mock_access_fops = {
	.owner = THIS_MODULE,
	.release = mock_access_fops_release,
};

static struct mock_access *mock_access_alloc(struct iommufd_ctx *ictx,
					     u32 ioas_id, u32 flags)
{
	bool may_change = flags & MOCK_FLAGS_ACCESS_CREATE_UADDRS_MAY_CHANGE;
	const struct iommufd_access_ops *ops;
	struct mock_access *mock;
	u32 id;
	int rc;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	mock->ictx = ictx;
	mock->pins = flags & MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES;
	mutex_init(&mock->lock);
	INIT_LIST_HEAD(&mock->items);

	ops = &mock_access_ops[mock->pins][may_change];
	mock->access = iommufd_access_create(ictx, ops, mock, &id);
	if (IS_ERR(mock->access)) {
		rc = PTR_ERR(mock->access);
		kfree(mock);
		return ERR_PTR(rc);
	}
	rc = iommufd_access_attach(mock->access, ioas_id);
	if (rc) {
		mock_access_free(mock);
		return ERR_PTR(rc);
	}
	return mock;
}

static struct file *mock_access_open(struct iommufd_ctx *ictx, u32 ioas_id,
				     u32 flags)
{
	struct mock_access *mock;
	struct file *file;

	mock = mock_access_alloc(ictx, ioas_id, flags);
	if (IS_ERR(mock))
		return ERR_CAST(mock);
	file = anon_inode_getfile("[iommufd_mock_access]", &mock_access_fops,
				  mock, O_RDWR);
	if (IS_ERR(file))
		mock_access_free(mock);
	return file;
}

/* Call @fn for the software device whose file descriptor is in the argument. */
static int mock_access_call(struct iommufd_ucmd *ucmd,
			    int (*fn)(struct iommufd_ucmd *ucmd,
				      struct mock_access *mock))
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct mock_access *mock;
	struct file *file;
	int rc = -EBADFD;

	file = fget(cmd->id);
	if (!file)
		return rc;
	mock = file->private_data;
	if (file->f_op == &mock_access_fops && mock->ictx == ucmd->ictx)
		rc = fn(ucmd, mock);
	fput(file);
	return rc;
}

/**
 * mock_access_create() - IOMMU_TEST_OP_CREATE_ACCESS
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 or an errno.
 */
int mock_access_create(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	u32 flags = cmd->create_access.flags;

	if (flags & ~(MOCK_FLAGS_ACCESS_CREATE_NEEDS_PIN_PAGES |
		      MOCK_FLAGS_ACCESS_CREATE_UADDRS_MAY_CHANGE))
		return -EOPNOTSUPP;
	return mock_respond_file(ucmd,
				 mock_access_open(ucmd->ictx, cmd->id, flags),
				 &cmd->create_access.out_access_fd);
}

/* Pin a range and add an item for it. */
static int mock_item_add(struct mock_access *mock, unsigned long iova,
			 unsigned long length, struct page **pages, u32 flags,
			 u32 *id)
{
	struct mock_item *item;
	int rc;

	item = kzalloc(sizeof(*item), GFP_KERNEL_ACCOUNT);
	if (!item)
		return -ENOMEM;
	item->iova = iova;
	item->length = length;

	mutex_lock(&mock->lock);
	rc = iommufd_access_pin_pages(mock->access, iova, length, pages,
				      flags & MOCK_FLAGS_ACCESS_WRITE ?
					      IOMMUFD_ACCESS_RW_WRITE :
					      IOMMUFD_ACCESS_RW_READ);
	if (!rc) {
		item->id = ++mock->last_id;
		*id = item->id;
		list_add_tail(&item->item, &mock->items);
	}
	mutex_unlock(&mock->lock);
	if (rc)
		kfree(item);
	return rc;
}

/* Whether the pages behind a user address are @pages; returns 0 or an errno. */
static int mock_check_pages(u64 uaddr, struct page **pages,
			    unsigned long npages)
{
	struct page *page;

	for (; npages; npages--, uaddr += PAGE_SIZE) {
		if (get_user_pages_fast(uaddr, 1, 0, &page) != 1)
			return -EFAULT;
		put_page(page);
		if (page != *pages++)
			return -EBADE;
	}
	return 0;
}

static int mock_access_pin(struct iommufd_ucmd *ucmd, struct mock_access *mock)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	u64 iova = cmd->access_pages.iova;
	u64 length = cmd->access_pages.length;
	u64 uptr = cmd->access_pages.uptr;
	unsigned long npages;
	struct page **pages;
	u32 id;
	int rc;

	if (!mock->pins)
		return -EOPNOTSUPP;
	npages = DIV_ROUND_UP(offset_in_page(iova) + length, PAGE_SIZE);
	pages = kvcalloc(npages, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	rc = mock_item_add(mock, iova, length, pages, cmd->access_pages.flags,
			   &id);
	if (rc)
		goto out_free;

	/* From here on an unmap may free the pages: only compare pointers. */
	if (offset_in_page(iova) == offset_in_page(uptr))
		rc = mock_check_pages(uptr & PAGE_MASK, pages, npages);
	else
		rc = -EBADE;
	cmd->access_pages.out_access_pages_id = id;
	if (!rc)
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		mock_item_drop_by_id(mock, id);
out_free:
	kvfree(pages);
	return rc;
}

/**
 * mock_access_pages() - IOMMU_TEST_OP_ACCESS_PAGES
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.  Takes mock_access::lock.
 *
 * Return: 0 or an errno.
 */
int mock_access_pages(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	if (cmd->access_pages.flags & ~MOCK_FLAGS_ACCESS_WRITE)
		return -EOPNOTSUPP;
	if (cmd->access_pages.length > MOCK_ACCESS_MAX_LENGTH)
		return -ENOMEM;
	return mock_access_call(ucmd, mock_access_pin);
}

static int mock_access_unpin(struct iommufd_ucmd *ucmd,
			     struct mock_access *mock)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	return mock_item_drop_by_id(mock,
				    cmd->destroy_access_pages.access_pages_id);
}

/**
 * mock_access_destroy_pages() - IOMMU_TEST_OP_DESTROY_ACCESS_PAGES
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.  Takes mock_access::lock.
 *
 * Return: 0 or an errno.
 */
int mock_access_destroy_pages(struct iommufd_ucmd *ucmd)
{
	return mock_access_call(ucmd, mock_access_unpin);
}

static int mock_access_copy(struct iommufd_ucmd *ucmd, struct mock_access *mock)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	void __user *uptr = u64_to_user_ptr(cmd->access_rw.uptr);
	bool write = cmd->access_rw.flags & MOCK_ACCESS_RW_WRITE;
	u64 length = cmd->access_rw.length;
	unsigned int flags = 0;
	void *buf;
	int rc = 0;

	if (write)
		flags |= IOMMUFD_ACCESS_RW_WRITE;
	if (cmd->access_rw.flags & MOCK_ACCESS_RW_SLOW_PATH)
		flags |= IOMMUFD_ACCESS_RW_KTHREAD;

	buf = kvzalloc(length, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	if (write && copy_from_user(buf, uptr, length))
		rc = -EFAULT;
	if (!rc)
		rc = iommufd_access_rw(mock->access, cmd->access_rw.iova, buf,
				       length, flags);
	if (!rc && !write && copy_to_user(uptr, buf, length))
		rc = -EFAULT;
	kvfree(buf);
	return rc;
}

/**
 * mock_access_rw() - IOMMU_TEST_OP_ACCESS_RW
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 or an errno.
 */
int mock_access_rw(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	if (cmd->access_rw.flags &
	    ~(MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_SLOW_PATH))
		return -EOPNOTSUPP;
	if (cmd->access_rw.length > MOCK_ACCESS_MAX_LENGTH)
		return -ENOMEM;
	return mock_access_call(ucmd, mock_access_copy);
}

static int mock_access_replace(struct iommufd_ucmd *ucmd,
			       struct mock_access *mock)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	return iommufd_access_replace(mock->access,
				      cmd->access_replace_ioas.ioas_id);
}

/**
 * mock_access_replace_ioas() - IOMMU_TEST_OP_ACCESS_REPLACE_IOAS
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 or an errno.
 */
int mock_access_replace_ioas(struct iommufd_ucmd *ucmd)
{
	return mock_access_call(ucmd, mock_access_replace);
}

static int mock_access_attach_or_detach(struct iommufd_ucmd *ucmd,
					struct mock_access *mock)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	if (!cmd->access_attach.detach)
		return iommufd_access_attach(mock->access,
					     cmd->access_attach.ioas_id);
	iommufd_access_detach(mock->access);
	return 0;
}

/**
 * mock_access_attach() - IOMMU_TEST_OP_ACCESS_ATTACH
 * @ucmd: The ioctl.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0 or an errno.
 */
int mock_access_attach(struct iommufd_ucmd *ucmd)
{
	return mock_access_call(ucmd, mock_access_attach_or_detach);
}
