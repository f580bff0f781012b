// SPDX-License-Identifier: GPL-2.0-only
/*
 * The BARs of a PCI function, as other devices reach them.
 *
 * What user space maps of a BAR, through the function's device file, it can map
 * for the DMA of other devices of the same context.  The VFIO core takes the
 * mappings of the CPU away whenever the BARs may be off, and fills them again by
 * page faults.  Devices have no page faults here, so what they reach is taken
 * away and given back at the same events:
 *
 *  - a reset that is asked for: the PCI core announces it, with reset_prepare()
 *    and reset_done(), be it of the function or of its bus, by its user, a
 *    neighbour's, or by sysfs;
 *  - an error for which the PCI core resets the bus by itself, to recover: it
 *    announces that with error_detected(), and does not turn the BARs on again.
 *    The user does, by a write to the configuration space, with which the VFIO
 *    core also restores their addresses;
 *  - a write to the configuration space that touches the bit for memory
 *    decoding, or the power state;
 *  - the power management features of VFIO;
 *  - a loss of the device that the PCI core knows of, when it is removed;
 *  - close, first of all.
 *
 * During such a call the BARs are blocked.  After it they are reachable if the
 * state that the call has left allows it.  Only such a call changes that state,
 * with one exception: a device that leaves low power by an event of its own is
 * reachable again from the next call on its file.
 *
 * reset_prepare() is called with locks held under which page faults are waited
 * for.  So vfio_pci_bars.lock is inside all of those, among them memory_lock of
 * the VFIO core, and nothing inside of it waits for a page fault.
 */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/iommufd.h>
#include <linux/ioport.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/pci.h>
#include <linux/uaccess.h>
#include <linux/vfio_pci_core.h>

#include "bar.h"

/* As the VFIO core decides whether the CPU may reach the BARs */
static bool bars_enabled(struct vfio_pci_core_device *core)
{
	struct pci_dev *pdev = core->pdev;

	return (__force int)pdev->current_state < (__force int)PCI_D3hot &&
	       !core->pm_runtime_engaged &&
	       pdev->error_state != pci_channel_io_perm_failure &&
	       (pdev->no_command_memory ||
		(core->vconfig[PCI_COMMAND] & PCI_COMMAND_MEMORY));
}

static void bars_apply(struct vfio_pci_bars *bars)
{
	lockdep_assert_held(&bars->lock);

	if (!bars->mmio)
		return;
	if (bars->blocked || bars->lost || !bars_enabled(bars->core)) {
		iommufd_mmio_revoke(bars->mmio);
		WRITE_ONCE(bars->partial, true);
		return;
	}
	WRITE_ONCE(bars->partial, iommufd_mmio_restore(bars->mmio));
	if (bars->partial)
		dev_warn_ratelimited(&bars->core->pdev->dev,
				     "some mappings of BARs could not be restored\n");
}

/*
 * Somebody has just turned the BARs on.  When the PCI core fails to recover it
 * leaves the channel frozen; then the reset that counts is that of the user.
 */
static void bars_turned_on(struct vfio_pci_bars *bars)
{
	lockdep_assert_held(&bars->lock);

	if (bars->reset || !pci_channel_offline(bars->core->pdev))
		bars->lost = false;
}

/* An iommufd_mmio_find_fn */
static int bars_find(void *data, struct vm_area_struct *vma,
		     unsigned long uaddr, unsigned long length,
		     phys_addr_t *phys)
{
	struct vfio_pci_bars *bars = data;
	phys_addr_t start, last;
	unsigned int i;

	start = vfio_pci_vma_start(bars->core, vma);
	if (check_add_overflow(start, (phys_addr_t)(uaddr - vma->vm_start),
			       &start) ||
	    check_add_overflow(start, (phys_addr_t)(length - 1), &last))
		return -EFAULT;

	for (i = 0; i < PCI_STD_NUM_BARS; i++) {
		struct resource *res =
			&bars->core->pdev->resource[PCI_STD_RESOURCES + i];

		/* A BAR that is less than a page has the page to itself. */
		if ((res->flags & IORESOURCE_MEM) && resource_size(res) &&
		    start >= res->start && last <= (res->end | ~PAGE_MASK)) {
			*phys = start;
			return 0;
		}
	}
	return -EFAULT;
}

/**
 * vfio_pci_bars_init - set up the BARs of a device, not reachable
 * @bars: the BARs
 * @core: the device, being allocated
 */
void vfio_pci_bars_init(struct vfio_pci_bars *bars,
			struct vfio_pci_core_device *core)
{
	bars->core = core;
	mutex_init(&bars->lock);
}

/**
 * vfio_pci_bars_uninit - undo vfio_pci_bars_init()
 * @bars: of the device, being freed
 */
void vfio_pci_bars_uninit(struct vfio_pci_bars *bars)
{
	mutex_destroy(&bars->lock);
}

/**
 * vfio_pci_bars_open - let the BARs be mapped for other devices
 * @bars: of the device, open
 * @ictx: the context that it is bound to
 * @file: the device file that has it open
 *
 * Return: 0 or -ENOMEM.
 */
int vfio_pci_bars_open(struct vfio_pci_bars *bars, struct iommufd_ctx *ictx,
		       const struct file *file)
{
	struct iommufd_mmio *mmio;

	mmio = iommufd_mmio_create(ictx, file, bars_find, bars);
	if (IS_ERR(mmio))
		return PTR_ERR(mmio);

	mutex_lock(&bars->lock);
	bars->mmio = mmio;
	bars_turned_on(bars); /* by the VFIO core, before */
	bars_apply(bars);
	mutex_unlock(&bars->lock);
	return 0;
}

/**
 * vfio_pci_bars_close - undo vfio_pci_bars_open()
 * @bars: of the device, still open
 *
 * No device reaches the BARs when it returns, whatever user space has mapped.
 */
void vfio_pci_bars_close(struct vfio_pci_bars *bars)
{
	struct iommufd_mmio *mmio;

	mutex_lock(&bars->lock);
	mmio = bars->mmio;
	/* From then on, who blocks the BARs relies on there being no mapping. */
	iommufd_mmio_revoke(mmio);
	bars->mmio = NULL;
	mutex_unlock(&bars->lock);
	iommufd_mmio_destroy(mmio);
}

/**
 * vfio_pci_bars_block - before what may turn the BARs off
 * @bars: of the device
 *
 * No device reaches the BARs until as many calls of vfio_pci_bars_unblock().
 *
 * Context: process context; the caller may hold memory_lock of the VFIO core.
 */
void vfio_pci_bars_block(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars->blocked++;
	bars_apply(bars);
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_unblock - after what may have turned the BARs off
 * @bars: of the device
 *
 * Context: as vfio_pci_bars_block().
 */
void vfio_pci_bars_unblock(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars->blocked--;
	bars_apply(bars);
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_reset_done - vfio_pci_bars_unblock() after a reset of the function
 * @bars: of the device
 */
void vfio_pci_bars_reset_done(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars->reset = true;
	mutex_unlock(&bars->lock);
	vfio_pci_bars_unblock(bars);
}

/**
 * vfio_pci_bars_lose - before the PCI core resets the bus because of an error
 * @bars: of the device
 *
 * No device reaches the BARs until their user turns them on, after the reset.
 *
 * Context: process context.
 */
void vfio_pci_bars_lose(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars->lost = true;
	bars->reset = false;
	bars_apply(bars);
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_update - after the BARs were turned off or on by something else
 * @bars: of the device
 *
 * Context: as vfio_pci_bars_block().
 */
void vfio_pci_bars_update(struct vfio_pci_bars *bars)
{
	mutex_lock(&bars->lock);
	bars_apply(bars);
	mutex_unlock(&bars->lock);
}

/**
 * vfio_pci_bars_retry - after any call of the user
 * @bars: of the device
 *
 * It may have woken the device up, and what could not be restored before may be
 * possible now.
 *
 * Context: as vfio_pci_bars_block().
 */
void vfio_pci_bars_retry(struct vfio_pci_bars *bars)
{
	if (READ_ONCE(bars->partial))
		vfio_pci_bars_update(bars);
}

static bool touches(u64 byte, u64 pos, size_t count)
{
	return byte >= pos && byte - pos < count;
}

/* Whether a write touches the bit for memory decoding, or the power state. */
static bool bars_in_config(struct vfio_pci_bars *bars, u64 pos, size_t count)
{
	struct pci_dev *pdev = bars->core->pdev;

	if (touches(PCI_COMMAND, pos, count) &&
	    (!pdev->no_command_memory || READ_ONCE(bars->lost)))
		return true;
	return pdev->pm_cap && touches(pdev->pm_cap + PCI_PM_CTRL, pos, count);
}

/*
 * Whether the command register's low byte, as written, is what it is already.
 * Waits for a reset, as the VFIO core's own access does; a device that sleeps is
 * not woken up for this.
 */
static bool command_stays(struct vfio_pci_core_device *core, u8 low)
{
	const u8 decoding = PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
	u16 command;

	return !core->pm_runtime_engaged &&
	       !pci_user_read_config_word(core->pdev, PCI_COMMAND, &command) &&
	       (command & 0xff) == low &&
	       !((core->vconfig[PCI_COMMAND] ^ low) & decoding);
}

/*
 * Drivers write the command register as a whole when they want to change a bit
 * of its high byte, that for INTx.  A block would be felt then.  To see that the
 * bit for decoding stays is not enough, since the value is in user memory, where
 * the core reads it anew.  So the low byte is not written if it would not
 * change, and the high byte does not concern the BARs.
 */
static ssize_t write_high_command(struct vfio_pci_bars *bars,
				  const char __user *buf, loff_t *ppos)
{
	ssize_t ret;

	(*ppos)++;
	ret = vfio_pci_core_write(&bars->core->vdev, buf + 1, 1, ppos);
	if (ret == 1)
		return 2;
	(*ppos)--;
	return ret;
}

/**
 * vfio_pci_bars_write_config - write to the configuration space
 * @bars: of the device
 * @buf: user memory
 * @count: bytes
 * @ppos: where, in the device file; is advanced
 *
 * A write that may turn the BARs off or on blocks them.  That is told by its
 * place, as the value is in user memory and may change.
 *
 * Return: as vfio_pci_core_write().
 */
ssize_t vfio_pci_bars_write_config(struct vfio_pci_bars *bars,
				   const char __user *buf, size_t count,
				   loff_t *ppos)
{
	struct vfio_pci_core_device *core = bars->core;
	u64 pos = *ppos & VFIO_PCI_OFFSET_MASK;
	ssize_t ret;
	u8 low;

	if (!bars_in_config(bars, pos, count))
		return vfio_pci_core_write(&core->vdev, buf, count, ppos);

	if (pos == PCI_COMMAND && count == 2) {
		if (get_user(low, (const u8 __user *)buf))
			return -EFAULT;
		if (!READ_ONCE(bars->lost) && command_stays(core, low))
			return write_high_command(bars, buf, ppos);
	}

	vfio_pci_bars_block(bars);
	ret = vfio_pci_core_write(&core->vdev, buf, count, ppos);
	mutex_lock(&bars->lock);
	if (ret > 0 && touches(PCI_COMMAND, pos, ret) && bars_enabled(core))
		bars_turned_on(bars);
	mutex_unlock(&bars->lock);
	vfio_pci_bars_unblock(bars);
	return ret;
}
