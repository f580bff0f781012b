// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults of devices
 *
 * A device reports page faults in groups: the pages that one request of it
 * needs.  A group is answered as a whole, exactly once.
 *
 * If the page table is one of an IOAS on demand, and was not made for a queue,
 * the driver populates what the group needs, and answers it, while it is
 * reported.  Otherwise user space handles it, and it goes through these states:
 *
 *   undelivered  in the list of the queue
 *   copied       read() copies it to user space, its cookie is reserved
 *   delivered    user space knows its cookie
 *   answered     the backend has been told, the group is freed
 *
 * It can be answered in each of them: by write() once it is delivered, and at
 * any time because its attachment ends.  The group then is freed at once,
 * unless it is being copied: read() frees it when the copy is over.  Up to then
 * its cookie is taken, so that no other group gets a number that is just being
 * written to user memory.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "fault.h"
#include "iopt/demand.h"
#include "object_file.h"
#include "ucmd.h"

/* A device must not be able to fill memory of the kernel. */
static unsigned int max_faults = 16384;
module_param(max_faults, uint, 0644);
MODULE_PARM_DESC(max_faults, "The most page faults of devices that wait for an answer in one context, an open file of /dev/iommu (default: 16384)");

/**
 * struct fault_group - Page faults that are answered together
 * @handle_item: In iommufd_fault_handle::groups.
 * @queue_item: In iommufd_fault_queue::undelivered, else empty.
 * @handle: The attachment; NULL once the group is answered.
 * @request: By what the backend knows the group.
 * @copying: read() copies the group, and is the only one to change @cookie and
 *	@faults.
 * @cookie: By what user space knows the group, while it is copied or delivered.
 * @nfaults: Number of @faults.
 * @faults: The faults, as read() gives them to user space.
 *
 * Guarded by iommufd_fault_queue::lock.
 */
struct fault_group {
	struct list_head handle_item;
	struct list_head queue_item;
	struct iommufd_fault_handle *handle;
	void *request;
	bool copying;
	u32 cookie;
	unsigned int nfaults;
	struct iommu_hwpt_pgfault faults[];
};

static struct fault_group *
fault_group_alloc(struct iommufd_fault_handle *handle,
		  const struct iommu_backend_fault *faults, unsigned int n,
		  void *request)
{
	struct iommufd_ctx *ictx = handle->queue->ictx;
	struct fault_group *group;
	unsigned int i;

	if (iommufd_charge(&ictx->nfaults, n, READ_ONCE(max_faults)))
		return NULL;
	group = kvzalloc(struct_size(group, faults, n), GFP_KERNEL_ACCOUNT);
	if (!group) {
		atomic_sub(n, &ictx->nfaults);
		return NULL;
	}
	INIT_LIST_HEAD(&group->queue_item);
	group->handle = handle;
	group->request = request;
	group->nfaults = n;
	for (i = 0; i < n; i++) {
		group->faults[i].flags = faults[i].flags;
		group->faults[i].dev_id = handle->dev_id;
		group->faults[i].pasid = faults[i].pasid;
		group->faults[i].grpid = faults[i].grpid;
		group->faults[i].perm = faults[i].perm;
		group->faults[i].addr = faults[i].addr;
	}
	return group;
}

static void fault_group_free(struct iommufd_fault_queue *queue,
			     struct fault_group *group)
{
	atomic_sub(group->nfaults, &queue->ictx->nfaults);
	kvfree(group);
}

static size_t fault_group_size(const struct fault_group *group)
{
	return group->nfaults * sizeof(group->faults[0]);
}

/* Tell the backend the answer of a group that is in no list of the queue. */
static void fault_group_answer(struct iommufd_fault_queue *queue,
			       struct fault_group *group,
			       enum iommufd_page_response_code code)
{
	lockdep_assert_held(&queue->lock);

	list_del(&group->handle_item);
	group->handle->backend->respond_fault(group->request, code);
	group->handle = NULL;
	if (!group->copying)
		fault_group_free(queue, group);
}

static void fault_queue_wake(struct iommufd_fault_queue *queue)
{
	wake_up_poll(&queue->wait, EPOLLIN | EPOLLRDNORM);
}

/* See iommu_backend_fault_handle::report() */
static void fault_report(struct iommu_backend_fault_handle *base,
			 const struct iommu_backend_fault *faults,
			 unsigned int n, void *request)
{
	struct iommufd_fault_handle *handle =
		container_of(base, struct iommufd_fault_handle, base);
	struct iommufd_fault_queue *queue = handle->queue;
	struct fault_group *group;

	group = fault_group_alloc(handle, faults, n, request);
	if (!group) {
		handle->backend->respond_fault(request,
					       IOMMUFD_PAGE_RESP_INVALID);
		return;
	}
	mutex_lock(&queue->lock);
	list_add_tail(&group->handle_item, &handle->groups);
	list_add_tail(&group->queue_item, &queue->undelivered);
	mutex_unlock(&queue->lock);
	fault_queue_wake(queue);
}

/* What a device wants to do, as IOMMU_READ and IOMMU_WRITE */
static int fault_prot(const struct iommu_backend_fault *fault)
{
	int prot = 0;

	if (fault->perm & (IOMMU_PGFAULT_PERM_READ | IOMMU_PGFAULT_PERM_EXEC))
		prot |= IOMMU_READ;
	if (fault->perm & IOMMU_PGFAULT_PERM_WRITE)
		prot |= IOMMU_WRITE;
	return prot;
}

/*
 * See iommu_backend_fault_handle::report().  A page that was populated for a
 * group that fails later stays: the device may ask for it again.  It does so
 * after SUCCESS, if it still does not reach a page: maybe the fault was one of
 * the page table that takes the place of this one.
 */
static void fault_serve(struct iommu_backend_fault_handle *base,
			const struct iommu_backend_fault *faults,
			unsigned int n, void *request)
{
	struct iommufd_fault_handle *handle =
		container_of(base, struct iommufd_fault_handle, base);
	enum iommufd_page_response_code code = IOMMUFD_PAGE_RESP_SUCCESS;
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < n; i++) {
		rc = iopt_demand_fault(handle->iopt, faults[i].addr,
				       fault_prot(&faults[i]));
		cond_resched();
	}
	if (rc && rc != -EAGAIN && !READ_ONCE(handle->moves))
		code = IOMMUFD_PAGE_RESP_INVALID;
	handle->backend->respond_fault(request, code);
}

/**
 * iommufd_fault_handle_alloc() - Prepare to handle faults of an attachment
 * @queue: The queue of the page table that is to be attached, or NULL.
 * @iopt: The I/O page table in which the driver populates what faults need, if
 *	@queue is NULL; or NULL.
 * @backend: The backend of the page table.
 * @dev_id: ID of the device that is to be attached.
 *
 * Context: Process context.  Pairs with iommufd_fault_handle_free().
 *
 * Return: the handle, NULL if @queue and @iopt are, or ERR_PTR(-ENOMEM).
 */
struct iommufd_fault_handle *
iommufd_fault_handle_alloc(struct iommufd_fault_queue *queue,
			   struct io_pagetable *iopt,
			   const struct iommu_backend_ops *backend, u32 dev_id)
{
	struct iommufd_fault_handle *handle;

	if (!queue && !iopt)
		return NULL;
	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return ERR_PTR(-ENOMEM);
	handle->base.report = queue ? fault_report : fault_serve;
	handle->queue = queue;
	handle->iopt = iopt;
	handle->backend = backend;
	handle->dev_id = dev_id;
	INIT_LIST_HEAD(&handle->groups);
	return handle;
}

static void fault_group_cancel(struct iommufd_fault_queue *queue,
			       struct fault_group *group)
{
	list_del_init(&group->queue_item);
	if (group->cookie && !group->copying)
		xa_erase(&queue->cookies, group->cookie);
	fault_group_answer(queue, group, IOMMUFD_PAGE_RESP_INVALID);
}

/**
 * iommufd_fault_handle_free() - Answer what has no answer yet, and free a handle
 * @handle: The handle, which the backend does not know any more; or NULL.
 *
 * Context: Process context.  Cannot fail.
 */
void iommufd_fault_handle_free(struct iommufd_fault_handle *handle)
{
	struct fault_group *group, *next;

	if (!handle)
		return;
	if (handle->queue) {
		mutex_lock(&handle->queue->lock);
		list_for_each_entry_safe(group, next, &handle->groups,
					 handle_item) {
			fault_group_cancel(handle->queue, group);
			cond_resched();
		}
		mutex_unlock(&handle->queue->lock);
	}
	kfree(handle);
}

/**
 * iommufd_fault_handle_set_moves() - Take note that an attachment is replaced
 * @handle: The handle of the attachment, or NULL.
 * @moves: It is being replaced, until iommufd_fault_handle_switch(), or until
 *	that has failed.
 *
 * The backend is told of another handle only when devices use the new page
 * table already.  So a fault that cannot be served may be one of that.
 *
 * Context: Process context; the caller serializes it with
 * iommufd_fault_handle_switch().
 */
void iommufd_fault_handle_set_moves(struct iommufd_fault_handle *handle,
				    bool moves)
{
	if (handle)
		WRITE_ONCE(handle->moves, moves);
}

/**
 * iommufd_fault_handle_switch() - Take note of another attachment
 * @slot: Where the handle of the attachment is kept, NULL for none.  Replaced.
 * @handle: The handle of the page table that is attached now, or NULL.
 * @dev: The device that is attached, or was.
 * @pasid: Its PASID that is attached, or was, or IOMMU_NO_PASID.
 *
 * From now on faults go to @handle.  All that have come by the handle before
 * it are answered INVALID.
 *
 * Context: Process context; the caller serializes it for @slot.  Cannot fail.
 */
void iommufd_fault_handle_switch(struct iommufd_fault_handle **slot,
				 struct iommufd_fault_handle *handle,
				 struct device *dev, u32 pasid)
{
	struct iommufd_fault_handle *old = *slot, *any = handle ?: old;

	if (!any)
		return;
	any->backend->set_fault_handle(dev, pasid,
				       handle ? &handle->base : NULL);
	*slot = handle;
	iommufd_fault_handle_free(old);
}

/*
 * Take the first group for read(), which has @room bytes.  Returns the group,
 * NULL if there is none, or ERR_PTR() with the group still the first.
 */
static struct fault_group *fault_queue_take(struct iommufd_fault_queue *queue,
					    size_t room)
{
	struct fault_group *group;
	u32 cookie;
	int rc = 0;

	mutex_lock(&queue->lock);
	group = list_first_entry_or_null(&queue->undelivered,
					 struct fault_group, queue_item);
	if (group && fault_group_size(group) > room)
		rc = -EINVAL;
	else if (group)
		rc = xa_alloc(&queue->cookies, &cookie, NULL, xa_limit_31b,
			      GFP_KERNEL_ACCOUNT);
	if (group && !rc) {
		list_del_init(&group->queue_item);
		group->cookie = cookie;
		group->copying = true;
	}
	mutex_unlock(&queue->lock);
	return rc ? ERR_PTR(rc) : group;
}

/*
 * Go on with a group of fault_queue_take(), which has been copied or could not
 * be.  Returns whether it is delivered now.  It is not if it has been answered
 * meanwhile, and then nobody needs to know of it.
 */
static bool fault_queue_copied(struct iommufd_fault_queue *queue,
			       struct fault_group *group, bool copied)
{
	bool answered, delivered;

	mutex_lock(&queue->lock);
	answered = !group->handle;
	delivered = copied && !answered;
	group->copying = false;
	if (delivered) {
		/* The entry is reserved, so this takes no memory. */
		xa_store(&queue->cookies, group->cookie, group,
			 GFP_KERNEL_ACCOUNT);
	} else {
		xa_erase(&queue->cookies, group->cookie);
		group->cookie = 0;
	}
	if (answered)
		fault_group_free(queue, group);
	else if (!delivered)
		list_add(&group->queue_item, &queue->undelivered);
	mutex_unlock(&queue->lock);
	if (!answered && !delivered)
		fault_queue_wake(queue);
	return delivered;
}

static bool fault_group_copy(struct fault_group *group, char __user *buf)
{
	unsigned int i;

	for (i = 0; i < group->nfaults; i++)
		group->faults[i].cookie = group->cookie;
	return !copy_to_user(buf, group->faults, fault_group_size(group));
}

/*
 * Deliver a group.  Returns the number of bytes, 0 if there is no group, or an
 * errno.
 */
static ssize_t fault_queue_deliver(struct iommufd_fault_queue *queue,
				   char __user *buf, size_t room)
{
	struct fault_group *group;
	bool copied, delivered;
	size_t size;

	do {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		group = fault_queue_take(queue, room);
		if (IS_ERR_OR_NULL(group))
			return PTR_ERR(group);
		size = fault_group_size(group);
		copied = fault_group_copy(group, buf);
		delivered = fault_queue_copied(queue, group, copied);
	} while (copied && !delivered);
	return copied ? size : -EFAULT;
}

static ssize_t fault_fops_read(struct file *file, char __user *buf,
			       size_t count, loff_t *pos)
{
	struct iommufd_fault_queue *queue = file->private_data;
	size_t done = 0;
	ssize_t rc;

	if (count % sizeof(struct iommu_hwpt_pgfault))
		return -ESPIPE;
	do {
		rc = fault_queue_deliver(queue, buf + done, count - done);
		if (rc > 0)
			done += rc;
	} while (rc > 0);
	return done ?: rc;
}

static int fault_queue_respond(struct iommufd_fault_queue *queue,
			       const struct iommu_hwpt_page_response *response)
{
	struct fault_group *group;

	if (response->code > IOMMUFD_PAGE_RESP_INVALID)
		return -EINVAL;
	mutex_lock(&queue->lock);
	group = xa_load(&queue->cookies, response->cookie);
	if (group) {
		xa_erase(&queue->cookies, response->cookie);
		fault_group_answer(queue, group, response->code);
	}
	mutex_unlock(&queue->lock);
	return group ? 0 : -EINVAL;
}

static ssize_t fault_fops_write(struct file *file, const char __user *buf,
				size_t count, loff_t *pos)
{
	struct iommufd_fault_queue *queue = file->private_data;
	struct iommu_hwpt_page_response response;
	size_t done = 0;
	int rc = 0;

	if (count % sizeof(response))
		return -ESPIPE;
	while (done < count) {
		if (fatal_signal_pending(current))
			rc = -EINTR;
		else if (copy_from_user(&response, buf + done,
					sizeof(response)))
			rc = -EFAULT;
		else
			rc = fault_queue_respond(queue, &response);
		if (rc)
			break;
		done += sizeof(response);
		cond_resched();
	}
	return done ?: rc;
}

static __poll_t fault_fops_poll(struct file *file,
				struct poll_table_struct *wait)
{
	struct iommufd_fault_queue *queue = file->private_data;
	__poll_t events = EPOLLOUT;

	poll_wait(file, &queue->wait, wait);
	mutex_lock(&queue->lock);
	if (!list_empty(&queue->undelivered))
		events |= EPOLLIN | EPOLLRDNORM;
	mutex_unlock(&queue->lock);
	return events;
}

static int fault_fops_release(struct inode *inode, struct file *file)
{
	struct iommufd_fault_queue *queue = file->private_data;
	struct iommufd_ctx *ictx;

	/* The call that has made the file has failed. */
	if (!queue)
		return 0;
	ictx = queue->ictx;
	iommufd_object_drop_user(ictx, &queue->obj);
	iommufd_ctx_put(ictx);
	return 0;
}

static const struct file_operations fault_fops = {
	.owner = THIS_MODULE,
	.read = fault_fops_read,
	.write = fault_fops_write,
	.poll = fault_fops_poll,
	.release = fault_fops_release,
};

/*
 * Each attachment has answered its faults when it ended, and no page table uses
 * the queue any more.
 */
static void fault_queue_destroy(struct iommufd_ctx *ictx,
				struct iommufd_object *obj)
{
	struct iommufd_fault_queue *queue =
		container_of(obj, struct iommufd_fault_queue, obj);

	WARN_ON(!list_empty(&queue->undelivered));
	xa_destroy(&queue->cookies);
	mutex_destroy(&queue->lock);
}

const struct iommufd_object_type iommufd_fault_queue_type = {
	.destroy = fault_queue_destroy,
};

/* Return the queue and its file to the caller of the ioctl. */
static int fault_queue_install(struct iommufd_ucmd *ucmd,
			       struct iommufd_fault_queue *queue)
{
	struct iommu_fault_alloc *cmd = ucmd->cmd;
	struct iommufd_object_file new;
	int rc;

	rc = iommufd_object_file_open(&new, "[iommufd-fault]", &fault_fops);
	if (rc)
		return rc;
	stream_open(file_inode(new.file), new.file);
	cmd->out_fault_id = queue->obj.id;
	cmd->out_fault_fd = new.fd;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		iommufd_object_file_abort(&new);
	else
		iommufd_object_file_install(&new, ucmd->ictx, &queue->obj);
	return rc;
}

int iommufd_fault_queue_alloc(struct iommufd_ucmd *ucmd)
{
	struct iommu_fault_alloc *cmd = ucmd->cmd;
	struct iommufd_fault_queue *queue;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;
	queue = iommufd_object_alloc(ucmd->ictx, struct iommufd_fault_queue,
				     &iommufd_fault_queue_type);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	queue->ictx = ucmd->ictx;
	init_waitqueue_head(&queue->wait);
	mutex_init(&queue->lock);
	INIT_LIST_HEAD(&queue->undelivered);
	xa_init_flags(&queue->cookies, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);

	rc = fault_queue_install(ucmd, queue);
	if (rc) {
		mutex_destroy(&queue->lock);
		iommufd_object_abort(ucmd->ictx, &queue->obj);
	}
	return rc;
}
