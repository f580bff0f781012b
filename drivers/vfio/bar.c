// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access of other devices to the BARs of a PCI function.
 *
 * User space can mmap() a BAR through the function's device file or through a
 * file of the group interface, and then map that memory for the DMA of other
 * devices, of any context.  While the BARs may be off, vfio-pci-core removes them
 * from the page tables of the CPU; page faults bring them back.  DMA causes no
 * page faults here, so this file removes the BARs from the page tables of the
 * IOMMU (revoke) and maps them again (restore) at these events:
 *
 *  - A reset of the function or of its bus, requested by the function's user,
 *    by the user of a neighbour or through sysfs.  The PCI core announces it
 *    with reset_prepare() and reset_done().
 *  - An error from which the PCI core recovers by a reset of the bus.  The PCI
 *    core announces it with error_detected(), and does not turn the BARs on
 *    afterwards.  The user does, by a write to the configuration space;
 *    vfio-pci-core then restores the addresses of the BARs.
 *  - An error from which the PCI core may recover without a reset.  It tells
 *    with resume() that it is done, and the BARs are as they were unless there
 *    was a reset.
 *  - A write to the configuration space that covers the memory decoding bit or
 *    the power state.
 *  - The power management features of VFIO.
 *  - The removal of a device that the PCI core knows to be lost.
 *  - The last close of the function, as its first step.
 *
 * The dma-bufs of the BARs, see dma_buf.c, are revoked and restored at the same
 * events; at close after the BARs.
 *
 * The BARs are blocked while such an event is handled.  Afterwards they are
 * reachable if the state of the device allows it.  This state changes at these
 * events only, with one exception: a device may leave low power by an event of
 * its own.  Its BARs are reachable again after the next call on one of its files.
 *
 * reset_prepare() is called with locks held that page faults take, among them
 * memory_lock of vfio-pci-core.  Therefore vfio_pci_bars.lock is inside all of
 * them, and nothing waits for a page fault while it is held.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/iommufd.h>
#include <linux/ioport.h>
#include <linux/list.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/vfio_pci_core.h>

#include "bar.h"
#include "dma_buf.h"
#include "trace.h"

/* The condition by which vfio-pci-core lets the CPU reach the BARs */
static bool vfio_pci_memory_enabled(struct vfio_pci_core_device *core)
{
	struct pci_dev *pdev = core->pdev;

	return (__force int)pdev->current_state < (__force int)PCI_D3hot &&
	       !core->pm_runtime_engaged &&
	       pdev->error_state != pci_channel_io_perm_failure &&
	       (pdev->no_command_memory ||
		(core->vconfig[PCI_COMMAND] & PCI_COMMAND_MEMORY));
}

static void vfio_pci_bars_revoke(struct vfio_pci_bars *bars)
{
	lockdep_assert_held(&bars->lock);

	iommufd_mmio_revoke(bars->mmio);
	trace_vfio_bar_revoke(pci_name(bars->core->pdev));
}

static int vfio_pci_bars_restore(struct vfio_pci_bars *bars)
{
	int rc;

	lockdep_assert_held(&bars->lock);

	rc = iommufd_mmio_restore(bars->mmio);
	trace_vfio_bar_restore(pci_name(bars->core->pdev), rc);
	return rc;
}

/*
 * Whether the function itself decodes memory.  After a reset that nobody has
 * undone it does not, and a virtual function does not even answer.
 */
static bool vfio_pci_decodes(struct pci_dev *pdev)
{
	u16 command;

	return !pci_read_config_word(pdev, PCI_COMMAND, &command) &&
	       !PCI_POSSIBLE_ERROR(command) &&
	       (pdev->no_command_memory || (command & PCI_COMMAND_MEMORY));
}

/**
 * vfio_pci_bars_reachable() - Tell whether other devices may reach the BARs
 * @bars: The BARs of an open device; vfio_pci_bars.lock is held.
 *
 * Context: Process context.
 *
 * Return: true if the state of the device allows it.
 */
bool vfio_pci_bars_reachable(struct vfio_pci_bars *bars)
{
	lockdep_assert_held(&bars->lock);

	return !bars->blocked && !bars->recovering && !bars->lost &&
	       vfio_pci_memory_enabled(bars->core);
}

/* Restore the BARs if the state of the device allows it, else revoke them. */
static void vfio_pci_bars_apply(struct vfio_pci_bars *bars)
{
	int rc = 0;

	lockdep_assert_held(&bars->lock);

	if (!bars->mmio && list_empty(&bars->dma_bufs))
		return;
	if (!vfio_pci_bars_reachable(bars)) {
		if (bars->mmio)
			vfio_pci_bars_revoke(bars);
		vfio_pci_dma_bufs_set(bars, false);
		WRITE_ONCE(bars->partial, true);
		return;
	}
	if (bars->mmio)
		rc = vfio_pci_bars_restore(bars);
	vfio_pci_dma_bufs_set(bars, true);
	WRITE_ONCE(bars->partial, rc);
	if (rc)
		dev_warn_ratelimited(&bars->core->pdev->dev,
				     "some mappings of BARs could not be restored\n");
}

/*
 * The BARs have just been turned on by their user or by vfio-pci-core.  They
 * are usable after an error if the PCI core has recovered from it.  If the PCI
 * core has failed to, it leaves the channel frozen; then a later reset of the
 * function makes them usable.
 */
static void vfio_pci_bars_turned_on(struct vfio_pci_bars *bars)
{
	lockdep_assert_held(&bars->lock);

	if (bars->reset || !pci_channel_offline(bars->core->pdev))
		WRITE_ONCE(bars->lost, false);
}

/* Whether a range is of one BAR, see struct iommufd_mmio_ops */
static bool vfio_pci_bars_have(void *data, phys_addr_t start,
			       unsigned long length)
{
	struct vfio_pci_bars *bars = data;
	phys_addr_t last;
	unsigned int i;

	if (check_add_overflow(start, (phys_addr_t)(length - 1), &last))
		return false;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		struct resource *res =
			&bars->core->pdev->resource[PCI_STD_RESOURCES + i];

		/* A BAR smaller than a page shares the page with nothing. */
		if ((res->flags & IORESOURCE_MEM) && resource_size(res) &&
		    start >= res->start && last <= (res->end | ~PAGE_MASK))
			return true;
	}
	return false;
}

/*
 * Find what user space has mapped of a BAR, see struct iommufd_mmio_ops.  It is
 * not the file that tells a mapping of this function, as a group can open many
 * files of a function, but what vfio-pci-core puts into each mapping of a BAR.
 * Each mapping holds its file, so the function is open.
 */
static int vfio_pci_bars_find(void *data, struct vm_area_struct *vma,
			      unsigned long uaddr, unsigned long length,
			      phys_addr_t *phys)
{
	struct vfio_pci_bars *bars = data;

	if (!vma->vm_ops || vma->vm_ops != READ_ONCE(bars->vm_ops) ||
	    vma->vm_private_data != bars->core)
		return -EFAULT;
	*phys = vfio_pci_vma_start(bars->core, vma);
	if (check_add_overflow(*phys, (phys_addr_t)(uaddr - vma->vm_start),
			       phys) ||
	    !vfio_pci_bars_have(bars, *phys, length))
		return -EFAULT;
	return 0;
}

static const struct iommufd_mmio_ops vfio_pci_bars_ops = {
	.find = vfio_pci_bars_find,
	.has = vfio_pci_bars_have,
};

/**
 * vfio_pci_bars_init() - Initialize the BARs of a device, not reachable
 * @bars: The BARs.
 * @core: The device, which is being allocated.
 *
 * Pairs with vfio_pci_bars_uninit().
 *
 * Context: Any.
 */
void vfio_pci_bars_init(struct vfio_pci_bars *bars,
			struct vfio_pci_core_device *core)
{
	bars->core = core;
	INIT_LIST_HEAD(&bars->dma_bufs);
	mutex_init(&bars->lock);
}

/**
 * vfio_pci_bars_uninit() - Undo vfio_pci_bars_init()
 * @bars: The BARs of a device that is being freed.
 *
 * Context: Any.
 */
void vfio_pci_bars_uninit(struct vfio_pci_bars *bars)
{
	mutex_destroy(&bars->lock);
}

/**
 * vfio_pci_bars_open() - Allow the BARs to be mapped for other devices
 * @bars: The BARs of a device that is being opened, after
 *	vfio_pci_core_enable().
 *
 * Pairs with vfio_pci_bars_close().
 *
 * Context: Process context; sleeps.  Takes vfio_pci_bars.lock.
 *
 * Return: 0 or -ENOMEM.
 */
int vfio_pci_bars_open(struct vfio_pci_bars *bars)
{
	struct iommufd_mmio *mmio;

	mmio = iommufd_mmio_create(&vfio_pci_bars_ops, bars);
	if (IS_ERR(mmio))
		return PTR_ERR(mmio);

	mutex_lock(&bars->lock);
	bars->mmio = mmio;
	vfio_pci_bars_turned_on(bars);
	vfio_pci_bars_apply(bars);
	mutex_unlock(&bars->lock);
	return 0;
}

/**
 * vfio_pci_bars_close() - Undo vfio_pci_bars_open()
 * @bars: The BARs of a device that is still open.
 *
 * No other device reaches the BARs when the function returns, whatever user
 * space has mapped.
 *
 * Context: Process context; sleeps.  Takes vfio_pci_bars.lock.
 */
void vfio_pci_bars_close(struct vfio_pci_bars *bars)
{
	struct iommufd_mmio *mmio;

	mutex_lock(&bars->lock);
	mmio = bars->mmio;
	/* Once there is no @mmio, vfio_pci_bars_block() revokes nothing. */
	vfio_pci_bars_revoke(bars);
	bars->mmio = NULL;
	mutex_unlock(&bars->lock);
	iommufd_mmio_destroy(mmio);
}

/**
 * vfio_pci_bars_mmap() - Map a region of a function into user space
 * @bars: The BARs of an open device.
 * @vma: The mapping.
 *
 * Context: Process context; the mmap lock is held.
 *
 * Return: As vfio_pci_core_mmap().
 */
int vfio_pci_bars_mmap(struct vfio_pci_bars *bars, struct vm_area_struct *vma)
{
	int rc = vfio_pci_core_mmap(&bars->core->vdev, vma);

	/* vfio-pci-core has one set of operations for all BARs. */
	if (!rc && vma->vm_private_data == bars->core)
		WRITE_ONCE(bars->vm_ops, vma->vm_ops);
	return rc;
}

/**
 * vfio_pci_bars_block() - Revoke the BARs before they may be turned off
 * @bars: The BARs.
 *
 * No other device reaches the BARs until each call has been undone by
 * vfio_pci_bars_unblock().
 *
 * Context: Process context; sleeps.  Takes vfio_pci_bars.lock; the caller may
 * hold memory_lock of vfio-pci-core.
 */
void vfio_pci_bars_block(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars->blocked++;
	vfio_pci_bars_apply(bars);
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_unblock() - Undo vfio_pci_bars_block()
 * @bars: The BARs.
 *
 * The last call restores the BARs if the state of the device allows it.
 *
 * Context: As for vfio_pci_bars_block().
 */
void vfio_pci_bars_unblock(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars->blocked--;
	vfio_pci_bars_apply(bars);
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_reset_done() - Undo vfio_pci_bars_block() after a reset
 * @bars: The BARs of the function that was reset.
 *
 * Context: As for vfio_pci_bars_block().
 */
void vfio_pci_bars_reset_done(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars->reset = true;
	mutex_unlock(&bars->lock);
	vfio_pci_bars_unblock(bars);
}

/**
 * vfio_pci_bars_lose() - Revoke the BARs before a reset because of an error
 * @bars: The BARs.
 *
 * No other device reaches the BARs until their user turns them on, after the
 * reset.  Also ends what vfio_pci_bars_recovering() began.
 *
 * Context: Process context; sleeps.  Takes vfio_pci_bars.lock.
 */
void vfio_pci_bars_lose(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars->recovering = false;
	WRITE_ONCE(bars->lost, true);
	bars->reset = false;
	vfio_pci_bars_apply(bars);
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_recovering() - Revoke the BARs while there may be a reset
 * @bars: The BARs.
 *
 * No other device reaches the BARs until vfio_pci_bars_recovered() or
 * vfio_pci_bars_lose() is called, whatever their user does.
 *
 * Context: Process context; sleeps.  Takes vfio_pci_bars.lock.
 */
void vfio_pci_bars_recovering(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars->recovering = true;
	vfio_pci_bars_apply(bars);
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_recovered() - Undo vfio_pci_bars_recovering()
 * @bars: The BARs.
 *
 * If there was a reset, no other device reaches the BARs until their user turns
 * them on.  Does nothing if vfio_pci_bars_recovering() is not in effect.
 *
 * Context: Process context; sleeps.  Takes vfio_pci_bars.lock.
 */
void vfio_pci_bars_recovered(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	if (bars->recovering) {
		bars->recovering = false;
		if (!vfio_pci_decodes(bars->core->pdev)) {
			WRITE_ONCE(bars->lost, true);
			bars->reset = false;
		}
		vfio_pci_bars_apply(bars);
	}
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_update() - Revoke or restore the BARs by the device's state
 * @bars: The BARs.
 *
 * For changes of the state that were not announced.
 *
 * Context: As for vfio_pci_bars_block().
 */
void vfio_pci_bars_update(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	vfio_pci_bars_apply(bars);
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_retry() - Restore what of the BARs is not reachable
 * @bars: The BARs.
 *
 * Called after each call of the user on a file of the device.  The call may have
 * woken the device up, and a mapping that could not be restored before, for
 * want of memory, may be restored now.
 *
 * Context: As for vfio_pci_bars_block().
 */
void vfio_pci_bars_retry(struct vfio_pci_bars *bars)
{
	if (READ_ONCE(bars->partial))
		vfio_pci_bars_update(bars);
}

/* Whether a byte is among the @count bytes from @pos on. */
static bool vfio_pci_range_has(u64 byte, u64 pos, size_t count)
{
	return byte >= pos && byte - pos < count;
}

/* Whether a write covers the memory decoding bit or the power state. */
static bool vfio_pci_bars_in_config(struct vfio_pci_bars *bars, u64 pos,
				    size_t count)
{
	struct pci_dev *pdev = bars->core->pdev;

	if (vfio_pci_range_has(PCI_COMMAND, pos, count) &&
	    (!pdev->no_command_memory || READ_ONCE(bars->lost)))
		return true;
	return pdev->pm_cap &&
	       vfio_pci_range_has(pdev->pm_cap + PCI_PM_CTRL, pos, count);
}

/*
 * Whether a write of @low leaves the low byte of the command register as it is.
 * Waits for a reset, as vfio-pci-core does when it reads the register.  False
 * for a device in low power, which is not woken up.
 */
static bool vfio_pci_command_stays(struct vfio_pci_core_device *core, u8 low)
{
	const u8 decoding = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
	u16 command;

	return !core->pm_runtime_engaged &&
	       !pci_user_read_config_word(core->pdev, PCI_COMMAND, &command) &&
	       (command & 0xff) == low &&
	       !((core->vconfig[PCI_COMMAND] ^ low) & decoding);
}

/*
 * Write the high byte of the command register only.
 *
 * Drivers write the whole register to change the INTx disable bit of the high
 * byte, often, and to block the BARs each time would be slow.  It does not
 * suffice that the value leaves memory decoding on: the value is in user
 * memory, and vfio-pci-core reads it again.  So when the low byte would not
 * change, only the high byte is written, and the high byte cannot turn the BARs
 * off.
 */
static ssize_t vfio_pci_write_high_command(struct vfio_pci_bars *bars,
					   const char __user *buf, loff_t *ppos)
{
	ssize_t rc;

	(*ppos)++;
	rc = vfio_pci_core_write(&bars->core->vdev, buf + 1, 1, ppos);
	if (rc == 1)
		return 2;
	(*ppos)--;
	return rc;
}

/**
 * vfio_pci_bars_write_config() - Write to the configuration space
 * @bars: The BARs of the device.
 * @buf: User memory.
 * @count: Number of bytes.
 * @ppos: Position in the device file; advanced by the number of bytes written.
 *
 * The BARs are blocked during a write that may turn them off or on.  The
 * position of the write decides that; its value is in user memory and may
 * change.
 *
 * Context: Process context; sleeps.  Takes vfio_pci_bars.lock.
 *
 * Return: As vfio_pci_core_write().
 */
ssize_t vfio_pci_bars_write_config(struct vfio_pci_bars *bars,
				   const char __user *buf, size_t count,
				   loff_t *ppos)
{
	struct vfio_pci_core_device *core = bars->core;
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	ssize_t rc;
	u8 low;

	if (!vfio_pci_bars_in_config(bars, pos, count))
		return vfio_pci_core_write(&core->vdev, buf, count, ppos);

	if (pos == PCI_COMMAND && count == 2) {
		if (get_user(low, (const u8 __user *)buf))
			return -EFAULT;
		if (!READ_ONCE(bars->lost) && vfio_pci_command_stays(core, low))
			return vfio_pci_write_high_command(bars, buf, ppos);
	}

	vfio_pci_bars_block(bars);
	rc = vfio_pci_core_write(&core->vdev, buf, count, ppos);
	mutex_lock(&bars->lock);
	if (rc > 0 && vfio_pci_range_has(PCI_COMMAND, pos, rc) &&
	    vfio_pci_memory_enabled(core))
		vfio_pci_bars_turned_on(bars);
	mutex_unlock(&bars->lock);
	vfio_pci_bars_unblock(bars);
	return rc;
}
