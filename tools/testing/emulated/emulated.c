// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VFIO device without hardware, for tests
 *
 * As mediated devices do, it reaches the memory of its user by the CPU, through
 * the VFIO core: vfio_pin_pages(), vfio_unpin_pages(), vfio_dma_rw().  Its user
 * has it do so by ioctls.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/highmem.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "emulated.h"

static char *parent;
module_param(parent, charp, 0444);
MODULE_PARM_DESC(parent, "PCI device that the device is part of, as 0000:00:04.0; none by default");

/**
 * struct emulated - The device
 * @vdev: As the VFIO core knows it.
 * @lock: Guards what follows.
 * @pins: struct emulated_pin.
 * @state: What the user is told.
 */
struct emulated {
	struct vfio_device vdev;
	struct mutex lock;	/* of the following */
	struct list_head pins;
	struct emulated_state state;
};

/**
 * struct emulated_pin - A page that is pinned
 * @item: In emulated::pins.
 * @iova: Its IOVA.
 * @page: The page.
 */
struct emulated_pin {
	struct list_head item;
	u64 iova;
	struct page *page;
};

static struct emulated *to_emulated(struct vfio_device *vdev)
{
	return container_of(vdev, struct emulated, vdev);
}

static int emulated_init(struct vfio_device *vdev)
{
	struct emulated *emulated = to_emulated(vdev);

	mutex_init(&emulated->lock);
	INIT_LIST_HEAD(&emulated->pins);
	return 0;
}

static void emulated_release(struct vfio_device *vdev)
{
	mutex_destroy(&to_emulated(vdev)->lock);
	vfio_device_released(vdev);
}

static void drop_pin(struct emulated *emulated, struct emulated_pin *pin)
{
	vfio_unpin_pages(&emulated->vdev, pin->iova, 1);
	list_del(&pin->item);
	kfree(pin);
	emulated->state.npinned--;
}

static void drop_pins(struct emulated *emulated, u64 start, u64 last)
{
	struct emulated_pin *pin, *next;

	lockdep_assert_held(&emulated->lock);

	list_for_each_entry_safe(pin, next, &emulated->pins, item)
		if (pin->iova >= start && pin->iova <= last)
			drop_pin(emulated, pin);
}

static void emulated_close(struct vfio_device *vdev)
{
	struct emulated *emulated = to_emulated(vdev);

	mutex_lock(&emulated->lock);
	drop_pins(emulated, 0, U64_MAX);
	memset(&emulated->state, 0, sizeof(emulated->state));
	mutex_unlock(&emulated->lock);
}

static void emulated_dma_unmap(struct vfio_device *vdev, u64 iova, u64 length)
{
	struct emulated *emulated = to_emulated(vdev);

	mutex_lock(&emulated->lock);
	emulated->state.nunmaps++;
	emulated->state.iova = iova;
	emulated->state.length = length;
	drop_pins(emulated, iova, iova + length - 1);
	mutex_unlock(&emulated->lock);
}

static struct emulated_pin *find_pin(struct emulated *emulated, u64 iova)
{
	struct emulated_pin *pin;

	list_for_each_entry(pin, &emulated->pins, item)
		if (pin->iova == iova)
			return pin;
	return NULL;
}

static void free_pins(struct list_head *pins)
{
	struct emulated_pin *pin, *next;

	list_for_each_entry_safe(pin, next, pins, item)
		kfree(pin);
}

static int alloc_pins(struct list_head *pins, u32 n)
{
	struct emulated_pin *pin;

	while (n--) {
		pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
		if (!pin) {
			free_pins(pins);
			return -ENOMEM;
		}
		list_add(&pin->item, pins);
	}
	return 0;
}

static long pin_pages(struct emulated *emulated,
		      const struct emulated_pages *cmd, struct page **pages)
{
	struct emulated_pin *pin;
	LIST_HEAD(pins);
	u32 i = 0;
	int rc;

	rc = alloc_pins(&pins, cmd->npages);
	if (rc)
		return rc;
	/* An unmap that begins now waits for the lock, and then finds the pins. */
	mutex_lock(&emulated->lock);
	rc = vfio_pin_pages(&emulated->vdev, cmd->iova, cmd->npages, cmd->prot,
			    pages);
	if (rc >= 0 && rc != cmd->npages) {
		WARN_ON(1);
		rc = -EIO;
	}
	if (rc > 0) {
		list_for_each_entry(pin, &pins, item) {
			pin->iova = ALIGN_DOWN(cmd->iova, PAGE_SIZE) +
				    i * PAGE_SIZE;
			pin->page = pages[i++];
		}
		list_splice_tail_init(&pins, &emulated->pins);
		emulated->state.npinned += cmd->npages;
	}
	mutex_unlock(&emulated->lock);
	free_pins(&pins);
	return min(rc, 0);
}

static long emulated_pin(struct emulated *emulated,
			 const struct emulated_pages *cmd)
{
	struct page **pages;
	long rc;

	if (cmd->npages > EMULATED_MAX_PAGES)
		return -ERANGE;
	pages = kcalloc(cmd->npages, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	rc = pin_pages(emulated, cmd, pages);
	kfree(pages);
	return rc;
}

/* Pages that are not pinned are left out. */
static long emulated_unpin(struct emulated *emulated,
			   const struct emulated_pages *cmd)
{
	struct emulated_pin *pin;
	u32 i;

	mutex_lock(&emulated->lock);
	for (i = 0; i < cmd->npages; i++) {
		pin = find_pin(emulated, cmd->iova + i * PAGE_SIZE);
		if (pin)
			drop_pin(emulated, pin);
	}
	mutex_unlock(&emulated->lock);
	return 0;
}

static long copy_by_core(struct emulated *emulated,
			 const struct emulated_copy *cmd, void *buf)
{
	return vfio_dma_rw(&emulated->vdev, cmd->iova, buf, cmd->length,
			   cmd->write);
}

static long copy_by_page(struct emulated *emulated,
			 const struct emulated_copy *cmd, void *buf)
{
	u64 offset = offset_in_page(cmd->iova);
	struct emulated_pin *pin;
	long rc = 0;

	if (cmd->length > PAGE_SIZE - offset)
		return -ERANGE;
	mutex_lock(&emulated->lock);
	pin = find_pin(emulated, cmd->iova - offset);
	if (!pin)
		rc = -ENOENT;
	else if (cmd->write)
		memcpy_to_page(pin->page, offset, buf, cmd->length);
	else
		memcpy_from_page(buf, pin->page, offset, cmd->length);
	mutex_unlock(&emulated->lock);
	return rc;
}

static long emulated_copy(struct emulated *emulated,
			  const struct emulated_copy *cmd,
			  long (*copy)(struct emulated *emulated,
				       const struct emulated_copy *cmd,
				       void *buf))
{
	void __user *data = u64_to_user_ptr(cmd->data);
	void *buf;
	long rc;

	if (cmd->length > PAGE_SIZE)
		return -ERANGE;
	buf = kzalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	if (cmd->write && copy_from_user(buf, data, cmd->length)) {
		rc = -EFAULT;
		goto out_free;
	}
	rc = copy(emulated, cmd, buf);
	if (!rc && !cmd->write && copy_to_user(data, buf, cmd->length))
		rc = -EFAULT;
out_free:
	kfree(buf);
	return rc;
}

static long emulated_tell(struct emulated *emulated, void __user *arg)
{
	struct emulated_state state;

	mutex_lock(&emulated->lock);
	state = emulated->state;
	mutex_unlock(&emulated->lock);
	return copy_to_user(arg, &state, sizeof(state)) ? -EFAULT : 0;
}

static long emulated_get_info(struct vfio_device_info __user *arg)
{
	struct vfio_device_info info = {};
	size_t minsz = offsetofend(struct vfio_device_info, num_irqs);

	if (copy_from_user(&info, arg, minsz))
		return -EFAULT;
	if (info.argsz < minsz)
		return -EINVAL;
	info.flags = 0;
	info.num_regions = 0;
	info.num_irqs = 0;
	return copy_to_user(arg, &info, minsz) ? -EFAULT : 0;
}

static long emulated_ioctl(struct vfio_device *vdev, unsigned int cmd,
			   unsigned long arg)
{
	struct emulated *emulated = to_emulated(vdev);
	void __user *user = (void __user *)arg;
	union {
		struct emulated_pages pages;
		struct emulated_copy copy;
	} u;

	switch (cmd) {
	case VFIO_DEVICE_GET_INFO:
		return emulated_get_info(user);
	case EMULATED_STATE:
		return emulated_tell(emulated, user);
	case EMULATED_PIN:
	case EMULATED_UNPIN:
		if (copy_from_user(&u.pages, user, sizeof(u.pages)))
			return -EFAULT;
		if (cmd == EMULATED_PIN)
			return emulated_pin(emulated, &u.pages);
		return emulated_unpin(emulated, &u.pages);
	case EMULATED_COPY:
	case EMULATED_COPY_PINNED:
		if (copy_from_user(&u.copy, user, sizeof(u.copy)))
			return -EFAULT;
		return emulated_copy(emulated, &u.copy, cmd == EMULATED_COPY ?
				     copy_by_core : copy_by_page);
	default:
		return -ENOTTY;
	}
}

static const struct vfio_device_ops emulated_ops = {
	.name = EMULATED_NAME,
	.init = emulated_init,
	.release = emulated_release,
	.close_device = emulated_close,
	.ioctl = emulated_ioctl,
	.dma_unmap = emulated_dma_unmap,
};

static void emulated_remove(void *data)
{
	struct emulated *emulated = data;

	vfio_unregister_group_dev(&emulated->vdev);
	vfio_put_device(&emulated->vdev);
}

static int emulated_probe(struct platform_device *pdev)
{
	struct emulated *emulated;
	int rc;

	emulated = vfio_alloc_device(emulated, vdev, &pdev->dev, &emulated_ops);
	if (IS_ERR(emulated))
		return PTR_ERR(emulated);
	rc = vfio_register_emulated_iommu_dev(&emulated->vdev);
	if (rc) {
		vfio_put_device(&emulated->vdev);
		return rc;
	}
	return devm_add_action_or_reset(&pdev->dev, emulated_remove, emulated);
}

/* No driver of the host's uses the DMA API for it: its group is a made-up one. */
static struct platform_driver emulated_driver = {
	.driver.name = EMULATED_NAME,
	.driver_managed_dma = true,
	.probe = emulated_probe,
};

static struct platform_device *emulated_pdev;

static int __init emulated_module_init(void)
{
	struct platform_device_info info = {
		.name = EMULATED_NAME,
		.id = PLATFORM_DEVID_NONE,
	};
	int rc;

	if (parent) {
		info.parent = bus_find_device_by_name(&pci_bus_type, NULL,
						      parent);
		if (!info.parent)
			return -ENODEV;
	}
	rc = platform_driver_register(&emulated_driver);
	if (rc)
		goto out_put;
	emulated_pdev = platform_device_register_full(&info);
	rc = PTR_ERR_OR_ZERO(emulated_pdev);
	if (rc)
		platform_driver_unregister(&emulated_driver);
out_put:
	put_device(info.parent);	/* the device has a reference of its own */
	return rc;
}
module_init(emulated_module_init);

static void __exit emulated_module_exit(void)
{
	platform_device_unregister(emulated_pdev);
	platform_driver_unregister(&emulated_driver);
}
module_exit(emulated_module_exit);

MODULE_DESCRIPTION("A VFIO device without hardware, for tests");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMMUFD_VERSION);
