// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues of the events of vIOMMUs, and the files that they are read from
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <uapi/linux/iommufd.h>

#include "backend/vevents.h"
#include "object_file.h"
#include "ucmd.h"
#include "veventq.h"
#include "viommu.h"

/* Events in one queue, as in mainline */
#define MAX_DEPTH	BIT(19)

static unsigned int max_veventqs = 128;
module_param(max_veventqs, uint, 0644);
MODULE_PARM_DESC(max_veventqs, "The most event queues of vIOMMUs of one context, an open file of /dev/iommu (default: 128)");

/* Room for an event takes up to 36 bytes. */
static unsigned int max_vevents = 2097152;
module_param(max_vevents, uint, 0644);
MODULE_PARM_DESC(max_vevents, "The most events of vIOMMUs that all queues of one context have room for (default: 2097152)");

/**
 * struct iommufd_veventq - A queue of the events of a vIOMMU
 * @obj: The object; the file is one of its users.
 * @ictx: The context, to which the file holds a reference.
 * @viommu: The vIOMMU, of which this is a user.
 * @vevents: The events.
 * @read_lock: Held by the one who reads, so that it takes out what it has
 *	looked at.  User memory may be faulted in under it.
 */
struct iommufd_veventq {
	struct iommufd_object obj;
	struct iommufd_ctx *ictx;
	struct iommufd_viommu *viommu;
	struct iommu_backend_vevents vevents;
	struct mutex read_lock;	/* of reads of @vevents */
};

static int copy_event(char __user *to, const struct iommufd_vevent_header *header,
		      const void *data, size_t size)
{
	if (copy_to_user(to, header, sizeof(*header)) ||
	    copy_to_user(to + sizeof(*header), data, size))
		return -EFAULT;
	return 0;
}

/* Returns the number of bytes read, 0 when there is nothing, or an errno. */
static ssize_t read_event(struct iommufd_veventq *veventq, char __user *to,
			  size_t room)
{
	struct iommu_backend_viommu *viommu = veventq->viommu->viommu;
	struct iommufd_vevent_header header;
	u8 data[MAX_VEVENT_DATA];
	int size, rc;

	size = iommu_backend_vevents_peek(viommu, &veventq->vevents, &header,
					  data);
	if (size < 0)
		return 0;
	if (room < sizeof(header) + size)
		return -EINVAL;
	rc = copy_event(to, &header, data, size);
	if (rc)
		return rc;
	iommu_backend_vevents_drop(viommu, &veventq->vevents, &header);
	return sizeof(header) + size;
}

static ssize_t veventq_read(struct file *file, char __user *to, size_t count,
			    loff_t *pos)
{
	struct iommufd_veventq *veventq = file->private_data;
	ssize_t rc, done = 0;

	if (pos && *pos)
		return -ESPIPE;
	if (count < sizeof(struct iommufd_vevent_header))
		return -EINVAL;
	if (file->f_flags & O_NONBLOCK) {
		if (!mutex_trylock(&veventq->read_lock))
			return -EAGAIN;
	} else if (mutex_lock_interruptible(&veventq->read_lock)) {
		return -ERESTARTSYS;
	}
	do {
		rc = read_event(veventq, to + done, count - done);
		if (rc > 0)
			done += rc;
		cond_resched();
	} while (rc > 0 && !fatal_signal_pending(current));
	mutex_unlock(&veventq->read_lock);
	return done ?: rc;
}

static __poll_t veventq_poll(struct file *file, struct poll_table_struct *wait)
{
	struct iommufd_veventq *veventq = file->private_data;

	poll_wait(file, &veventq->vevents.wait, wait);
	return iommu_backend_vevents_pending(veventq->viommu->viommu,
					     &veventq->vevents) ?
		       EPOLLIN | EPOLLRDNORM : 0;
}

/* The file of a call that has failed has no queue. */
static int veventq_release(struct inode *inode, struct file *file)
{
	struct iommufd_veventq *veventq = file->private_data;
	struct iommufd_ctx *ictx;

	if (!veventq)
		return 0;
	ictx = veventq->ictx;
	refcount_dec(&veventq->obj.users);
	iommufd_ctx_put(ictx);
	return 0;
}

static const struct file_operations veventq_fops = {
	.owner = THIS_MODULE,
	.read = veventq_read,
	.poll = veventq_poll,
	.release = veventq_release,
};

static int veventq_charge(struct iommufd_ctx *ictx, u32 depth)
{
	int rc = iommufd_charge(&ictx->nveventqs, 1, READ_ONCE(max_veventqs));

	if (rc)
		return rc;
	rc = iommufd_charge(&ictx->nvevents, depth, READ_ONCE(max_vevents));
	if (rc)
		atomic_dec(&ictx->nveventqs);
	return rc;
}

static void veventq_uncharge(struct iommufd_ctx *ictx, u32 depth)
{
	atomic_sub(depth, &ictx->nvevents);
	atomic_dec(&ictx->nveventqs);
}

static void veventq_free(struct iommufd_ctx *ictx,
			 struct iommufd_veventq *veventq)
{
	iommu_backend_vevents_free(veventq->viommu->viommu, &veventq->vevents);
	mutex_destroy(&veventq->read_lock);
	veventq_uncharge(ictx, veventq->vevents.depth);
}

/* The file is closed. */
static void veventq_destroy(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj)
{
	struct iommufd_veventq *veventq =
		container_of(obj, struct iommufd_veventq, obj);

	veventq_free(ictx, veventq);
	refcount_dec(&veventq->viommu->obj.users);
}

static const struct iommufd_object_type iommufd_veventq_type = {
	.destroy = veventq_destroy,
};

static struct iommufd_veventq *veventq_create(struct iommufd_ctx *ictx,
					      struct iommufd_viommu *viommu,
					      u32 type, u32 depth)
{
	struct iommufd_veventq *veventq;
	int rc;

	rc = veventq_charge(ictx, depth);
	if (rc)
		return ERR_PTR(rc);
	veventq = iommufd_object_alloc(ictx, struct iommufd_veventq,
				       &iommufd_veventq_type);
	if (IS_ERR(veventq)) {
		rc = PTR_ERR(veventq);
		goto err_uncharge;
	}
	rc = iommu_backend_vevents_init(viommu->viommu, &veventq->vevents, type,
					depth);
	if (rc)
		goto err_abort;
	veventq->ictx = ictx;
	veventq->viommu = viommu;
	mutex_init(&veventq->read_lock);
	return veventq;

err_abort:
	iommufd_object_abort(ictx, &veventq->obj);
err_uncharge:
	veventq_uncharge(ictx, depth);
	return ERR_PTR(rc);
}

/* Return the queue and its file to the caller of the ioctl. */
static int veventq_install(struct iommufd_ucmd *ucmd,
			   struct iommufd_veventq *veventq)
{
	struct iommu_veventq_alloc *cmd = ucmd->cmd;
	struct iommufd_object_file new;
	int rc;

	rc = iommufd_object_file_open(&new, "[iommufd_veventq]", &veventq_fops);
	if (rc)
		return rc;
	cmd->out_veventq_id = veventq->obj.id;
	cmd->out_veventq_fd = new.fd;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc) {
		iommufd_object_file_abort(&new);
		return rc;
	}
	refcount_inc(&veventq->viommu->obj.users);
	iommu_backend_vevents_start(veventq->viommu->viommu, &veventq->vevents);
	iommufd_object_file_install(&new, ucmd->ictx, &veventq->obj);
	return 0;
}

int iommufd_veventq_alloc(struct iommufd_ucmd *ucmd)
{
	struct iommu_veventq_alloc *cmd = ucmd->cmd;
	struct iommufd_veventq *veventq;
	struct iommufd_viommu *viommu;
	int rc;

	if (cmd->flags || cmd->__reserved ||
	    cmd->type == IOMMU_VEVENTQ_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	if (!cmd->veventq_depth || cmd->veventq_depth > MAX_DEPTH)
		return -EINVAL;

	viommu = iommufd_viommu_get(ucmd->ictx, cmd->viommu_id);
	if (IS_ERR(viommu))
		return PTR_ERR(viommu);
	veventq = veventq_create(ucmd->ictx, viommu, cmd->type,
				 cmd->veventq_depth);
	if (IS_ERR(veventq)) {
		rc = PTR_ERR(veventq);
		goto out_put;
	}
	rc = veventq_install(ucmd, veventq);
	if (rc) {
		veventq_free(ucmd->ictx, veventq);
		iommufd_object_abort(ucmd->ictx, &veventq->obj);
	}
out_put:
	iommufd_object_put(&viommu->obj);
	return rc;
}
