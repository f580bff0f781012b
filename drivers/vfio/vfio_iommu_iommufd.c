// SPDX-License-Identifier: GPL-2.0-only
/*
 * VFIO containers on the page tables of /dev/iommu
 *
 * The kernel's VFIO core has the files of containers, groups and devices, and
 * claims the DMA ownership of groups.  Memory and IOMMUs it leaves to an IOMMU
 * backend that has registered with it.  This module is such a backend, and takes
 * the place of the kernel's own, vfio_iommu_type1.
 *
 * Each container has a context with one IOAS, which no process has open.  The
 * ioctls are those that /dev/iommu has for the programs of containers.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/vfio.h>
#include <linux/xarray.h>
#include <drivers/vfio/vfio.h>

#include "vfio_compat.h"

/*
 * The containers that are open, by ID, which the VFIO core keeps as their
 * private data.  The VFIO core holds no lock when it calls ioctl(), so meanwhile
 * another thread may take the last group off the container, which releases it,
 * and even have the container opened anew.  A pointer could lead to another
 * container then, while an ID leads to none.
 */
static DEFINE_XARRAY_ALLOC1(containers);
static u32 next_id;	/* guarded by the lock of the xarray */

/**
 * struct vfio_iommufd - A container
 * @id: In the xarray of all containers, until it is released.
 * @refs: References: that of the VFIO core, and those of calls that may go on
 *	after the release.  See container_put().
 * @rcu: Frees it.
 * @ictx: Its context; this holds a reference.
 * @ioas_id: ID of the IOAS.
 * @v2: Its type is VFIO_TYPE1v2_IOMMU.
 * @access: By which drivers of emulated devices reach what is mapped.
 * @groups: struct vfio_iommufd_group.  Guarded by the VFIO core, which attaches
 *	and detaches one group at a time.
 * @devices_lock: Guards @devices.
 * @devices: The open devices whose driver is told of an unmap, by
 *	vfio_device::iommu_entry.
 */
struct vfio_iommufd {
	u32 id;
	refcount_t refs;
	struct rcu_head rcu;
	struct iommufd_ctx *ictx;
	u32 ioas_id;
	bool v2;
	struct iommufd_access *access;
	struct list_head groups;
	struct mutex devices_lock;	/* of the following */
	struct list_head devices;
};

/**
 * struct vfio_iommufd_group - A group of a container
 * @item: In vfio_iommufd::groups.
 * @group: The kernel's group.
 * @dev: The device of the group that is bound, referenced; NULL if the group is
 *	one of emulated devices, which holds user addresses.
 * @idev: Its binding, attached.
 */
struct vfio_iommufd_group {
	struct list_head item;
	struct iommu_group *group;
	struct device *dev;
	struct iommufd_device *idev;
};

/* The container of a call during which the VFIO core keeps it from its release */
static struct vfio_iommufd *to_container(void *data)
{
	return xa_load(&containers, (unsigned long)data);
}

/* An iommufd_access_ops::unmap: have drivers drop their pins of a range. */
static void access_unmap(void *data, unsigned long iova, unsigned long length)
{
	struct vfio_iommufd *container = data;
	struct vfio_device *vdev;

	mutex_lock(&container->devices_lock);
	list_for_each_entry(vdev, &container->devices, iommu_entry)
		vdev->ops->dma_unmap(vdev, iova, length);
	mutex_unlock(&container->devices_lock);
}

static const struct iommufd_access_ops access_ops = {
	.needs_pin_pages = true,
	.uaddrs_may_change = true,
	.unmap = access_unmap,
};

static int container_init(struct vfio_iommufd *container, unsigned long type)
{
	u32 access_id;
	int rc;

	rc = iommufd_vfio_ioctl(container->ictx, VFIO_SET_IOMMU, type);
	if (rc)
		return rc;
	container->v2 = type == VFIO_TYPE1v2_IOMMU;
	container->access = iommufd_access_create(container->ictx, &access_ops,
						  container, &access_id);
	if (IS_ERR(container->access))
		return PTR_ERR(container->access);
	rc = iommufd_access_attach(container->access, container->ioas_id);
	if (rc)
		iommufd_access_destroy(container->access);
	return rc;
}

/*
 * Type1 of old kernels knows VFIO_TYPE1_NESTING_IOMMU, but only IOMMUs of Arm
 * could do that.
 */
static void *vfio_iommufd_open(unsigned long type)
{
	struct vfio_iommufd *container;
	int rc;

	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return ERR_PTR(-EINVAL);

	container = kzalloc(sizeof(*container), GFP_KERNEL_ACCOUNT);
	if (!container)
		return ERR_PTR(-ENOMEM);
	refcount_set(&container->refs, 1);
	INIT_LIST_HEAD(&container->groups);
	mutex_init(&container->devices_lock);
	INIT_LIST_HEAD(&container->devices);
	container->ictx = iommufd_vfio_ctx_create(&container->ioas_id);
	if (IS_ERR(container->ictx)) {
		rc = PTR_ERR(container->ictx);
		goto err_free;
	}
	rc = container_init(container, type);
	if (rc)
		goto err_put;
	rc = xa_alloc_cyclic(&containers, &container->id, container,
			     xa_limit_32b, &next_id, GFP_KERNEL_ACCOUNT);
	if (rc < 0)
		goto err_destroy;
	return (void *)(unsigned long)container->id;

err_destroy:
	iommufd_access_destroy(container->access);
err_put:
	iommufd_ctx_put(container->ictx);
err_free:
	mutex_destroy(&container->devices_lock);
	kfree(container);
	return ERR_PTR(rc);
}

/*
 * The container of a call, which may be released meanwhile, with a reference;
 * NULL if it has been released.
 */
static struct vfio_iommufd *container_get(void *data)
{
	struct vfio_iommufd *container;

	rcu_read_lock();
	container = xa_load(&containers, (unsigned long)data);
	if (container && !refcount_inc_not_zero(&container->refs))
		container = NULL;
	rcu_read_unlock();
	return container;
}

/*
 * The VFIO core's reference to the module ends with the release; the container
 * has one of its own from then on.
 */
static void container_put(struct vfio_iommufd *container)
{
	if (!refcount_dec_and_test(&container->refs))
		return;
	iommufd_ctx_put(container->ictx);
	mutex_destroy(&container->devices_lock);
	kfree_rcu(container, rcu);
	module_put(THIS_MODULE);
}

/* The VFIO core has detached all groups, and closed their devices before. */
static void vfio_iommufd_release(void *data)
{
	struct vfio_iommufd *container = xa_erase(&containers,
						  (unsigned long)data);

	WARN_ON(!list_empty(&container->groups));
	WARN_ON(!list_empty(&container->devices));
	iommufd_access_destroy(container->access);
	__module_get(THIS_MODULE);
	container_put(container);
}

/*
 * Without a container, VFIO_CHECK_EXTENSION is the only call.  The others find
 * none when it was released meanwhile; then the errno is that of the VFIO core
 * for a container that has lost its last group.
 */
static long vfio_iommufd_ioctl(void *data, unsigned int cmd, unsigned long arg)
{
	struct vfio_iommufd *container;
	long rc;

#ifdef VFIO_TYPE1_NESTING_IOMMU
	if (cmd == VFIO_CHECK_EXTENSION && arg == VFIO_TYPE1_NESTING_IOMMU)
		return 1;
#endif
	container = container_get(data);
	if (!container)
		return cmd == VFIO_CHECK_EXTENSION ?
			iommufd_vfio_ioctl(NULL, cmd, arg) : -EINVAL;
	rc = iommufd_vfio_ioctl(container->ictx, cmd, arg);
	container_put(container);
	return rc;
}

static struct vfio_iommufd_group *
container_find_group(struct vfio_iommufd *container, struct iommu_group *group)
{
	struct vfio_iommufd_group *vgroup;

	list_for_each_entry(vgroup, &container->groups, item)
		if (vgroup->group == group)
			return vgroup;
	return NULL;
}

/*
 * Lock a device that has a driver, which so cannot leave its group.  The lock
 * may be held by a thread that waits for the VFIO core, which is calling this
 * module.
 */
static int lock_device(struct device *dev, void *arg)
{
	struct device **locked = arg;

	if (!device_trylock(dev))
		return 0;
	if (!dev->driver) {
		device_unlock(dev);
		return 0;
	}
	*locked = get_device(dev);
	return 1;
}

#define LOCK_TRIES	100
#define LOCK_WAIT_MS	10

/* Returns NULL while somebody else holds the lock of each device with a driver. */
static struct device *lock_device_of_group(struct iommu_group *group)
{
	struct device *dev = NULL;
	int i;

	for (i = 0; i < LOCK_TRIES && !fatal_signal_pending(current); i++) {
		if (i)
			schedule_timeout_killable(msecs_to_jiffies(LOCK_WAIT_MS));
		iommu_group_for_each_dev(group, &dev, lock_device);
		if (dev)
			break;
	}
	return dev;
}

static int bind_and_attach(struct vfio_iommufd *container,
			   struct vfio_iommufd_group *vgroup)
{
	u32 pt_id = container->ioas_id, dev_id;
	int rc;

	vgroup->idev = iommufd_device_bind(container->ictx, vgroup->dev,
					   &dev_id);
	if (IS_ERR(vgroup->idev))
		return PTR_ERR(vgroup->idev);
	rc = iommufd_device_attach(vgroup->idev, &pt_id);
	if (rc)
		iommufd_device_unbind(vgroup->idev);
	/* Something is mapped where the group has a reserved region. */
	return rc == -EADDRINUSE ? -EINVAL : rc;
}

/*
 * All devices of a group have one page table, so it takes one of them to attach
 * the group.  It may leave the group later on.
 */
static int attach_iommu(struct vfio_iommufd *container,
			struct vfio_iommufd_group *vgroup)
{
	int rc;

	vgroup->dev = lock_device_of_group(vgroup->group);
	if (!vgroup->dev)
		return -EBUSY;
	rc = bind_and_attach(container, vgroup);
	device_unlock(vgroup->dev);
	if (rc)
		put_device(vgroup->dev);
	return rc;
}

/*
 * As in type1, no group comes while a user address is invalid, and while there
 * is one of emulated devices, none becomes invalid.
 */
static int attach_group(struct vfio_iommufd *container,
			struct vfio_iommufd_group *vgroup,
			enum vfio_group_type type)
{
	int rc;

	rc = iommufd_vfio_hold_uaddrs(container->ictx);
	if (rc || type == VFIO_EMULATED_IOMMU)
		return rc;
	rc = attach_iommu(container, vgroup);
	iommufd_vfio_release_uaddrs(container->ictx);
	return rc;
}

static int vfio_iommufd_attach_group(void *data, struct iommu_group *group,
				     enum vfio_group_type type)
{
	struct vfio_iommufd *container = to_container(data);
	struct vfio_iommufd_group *vgroup;
	int rc;

	if (container_find_group(container, group))
		return -EINVAL;
	vgroup = kzalloc(sizeof(*vgroup), GFP_KERNEL_ACCOUNT);
	if (!vgroup)
		return -ENOMEM;
	vgroup->group = group;
	rc = attach_group(container, vgroup, type);
	if (rc) {
		kfree(vgroup);
		return rc;
	}
	list_add_tail(&vgroup->item, &container->groups);
	return 0;
}

static void vfio_iommufd_detach_group(void *data, struct iommu_group *group)
{
	struct vfio_iommufd *container = to_container(data);
	struct vfio_iommufd_group *vgroup;

	vgroup = container_find_group(container, group);
	if (WARN_ON(!vgroup))
		return;
	list_del(&vgroup->item);
	if (vgroup->dev) {
		iommufd_device_detach(vgroup->idev);
		iommufd_device_unbind(vgroup->idev);
		put_device(vgroup->dev);
	} else {
		iommufd_vfio_release_uaddrs(container->ictx);
	}
	kfree(vgroup);
}

static void vfio_iommufd_register_device(void *data, struct vfio_device *vdev)
{
	struct vfio_iommufd *container = to_container(data);

	if (!vdev->ops->dma_unmap)
		return;
	mutex_lock(&container->devices_lock);
	list_add_tail(&vdev->iommu_entry, &container->devices);
	mutex_unlock(&container->devices_lock);
}

static void vfio_iommufd_unregister_device(void *data,
					   struct vfio_device *vdev)
{
	struct vfio_iommufd *container = to_container(data);

	if (!vdev->ops->dma_unmap)
		return;
	mutex_lock(&container->devices_lock);
	list_del(&vdev->iommu_entry);
	mutex_unlock(&container->devices_lock);
}

/* Each page is pinned by itself, as the driver may unpin it by itself. */
static void unpin_each(struct vfio_iommufd *container, unsigned long iova,
		       int npages)
{
	int i;

	for (i = 0; i < npages; i++)
		iommufd_access_unpin_pages(container->access,
					   iova + i * PAGE_SIZE, PAGE_SIZE);
}

/* Errnos of accesses for what type1 returns -EINVAL */
static int access_errno(int rc)
{
	return rc == -ENOENT || rc == -EOVERFLOW ? -EINVAL : rc;
}

/* As in type1, a page is that of IOVA, whatever the offset in it. */
static int vfio_iommufd_pin_pages(void *data, struct iommu_group *group,
				  dma_addr_t user_iova, int npage, int prot,
				  struct page **pages)
{
	unsigned int flags = prot & IOMMU_WRITE ? IOMMUFD_ACCESS_RW_WRITE :
						  IOMMUFD_ACCESS_RW_READ;
	unsigned long iova = ALIGN_DOWN(user_iova, PAGE_SIZE);
	struct vfio_iommufd *container = to_container(data);
	unsigned long last;
	int i, rc;

	if (npage <= 0)
		return -EINVAL;
	if (!container->v2)
		return -EACCES;
	if (check_add_overflow((unsigned long)user_iova, npage * PAGE_SIZE - 1,
			       &last))
		return vfio_type1_wrap_errno();
	/* Linux 6.1 does not look whether the driver can be told of an unmap. */
	if (list_empty_careful(&container->devices))
		return -EINVAL;
	for (i = 0; i < npage; i++) {
		rc = iommufd_access_pin_pages(container->access,
					      iova + i * PAGE_SIZE, PAGE_SIZE,
					      &pages[i], flags);
		if (rc) {
			unpin_each(container, iova, i);
			return access_errno(rc);
		}
	}
	return npage;
}

static void vfio_iommufd_unpin_pages(void *data, dma_addr_t user_iova,
				     int npage)
{
	unpin_each(to_container(data), ALIGN_DOWN(user_iova, PAGE_SIZE), npage);
}

static int vfio_iommufd_dma_rw(void *data, dma_addr_t user_iova, void *buf,
			       size_t count, bool write)
{
	unsigned int flags = write ? IOMMUFD_ACCESS_RW_WRITE :
				     IOMMUFD_ACCESS_RW_READ;
	struct vfio_iommufd *container = to_container(data);

	if (!current->mm)
		flags |= IOMMUFD_ACCESS_RW_KTHREAD;
	return access_errno(iommufd_access_rw(container->access, user_iova, buf,
					      count, flags));
}

static const struct vfio_iommu_driver_ops vfio_iommufd_ops = {
	.name = "vfio-iommu-iommufd",
	.owner = THIS_MODULE,
	.open = vfio_iommufd_open,
	.release = vfio_iommufd_release,
	.ioctl = vfio_iommufd_ioctl,
	.attach_group = vfio_iommufd_attach_group,
	.detach_group = vfio_iommufd_detach_group,
	.pin_pages = vfio_iommufd_pin_pages,
	.unpin_pages = vfio_iommufd_unpin_pages,
	.register_device = vfio_iommufd_register_device,
	.unregister_device = vfio_iommufd_unregister_device,
	.dma_rw = vfio_iommufd_dma_rw,
};

static int __init vfio_iommufd_init(void)
{
	return vfio_register_iommu_driver(&vfio_iommufd_ops);
}
module_init(vfio_iommufd_init);

static void __exit vfio_iommufd_exit(void)
{
	vfio_unregister_iommu_driver(&vfio_iommufd_ops);
	/*
	 * A task may be preempted in vfio_iommufd_ioctl(), which the VFIO core
	 * calls without a reference to the module if there is no container, and
	 * which ends after container_put() has dropped the last one.
	 */
	synchronize_rcu_tasks();
}
module_exit(vfio_iommufd_exit);

MODULE_DESCRIPTION("VFIO containers on the page tables of /dev/iommu");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMMUFD_VERSION);
MODULE_IMPORT_NS("IOMMUFD_VFIO");
