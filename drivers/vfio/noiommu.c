// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI functions without an IOMMU, if the administrator asks for them.
 *
 * Whoever uses such a function can read and write all memory of the host by its
 * DMA.  The VFIO core of mainline has this as its no-IOMMU mode, but only if it
 * is built with CONFIG_VFIO_NOIOMMU.  Without, it registers no device that has
 * no IOMMU:
 *
 *  - vfio_register_group_dev() wants an IOMMU group.  A group could be made for
 *    the device, but then an IOMMU driver has to vouch for cache coherency, so
 *    that would take a false IOMMU, which the whole kernel, and programs that
 *    look at the group, would take for a real one: vfio_iommu_type1 would give
 *    the device to users without CAP_SYS_RAWIO.
 *  - vfio_register_emulated_iommu_dev() is for devices whose users cannot make
 *    them do DMA.  It makes a group whose node needs no capability and looks
 *    like any other, and names the device vfioN.
 *
 * So this file does for such a function what vfio_pci_core_register_device()
 * and the VFIO core do, without a group.  The device file is the only way to
 * it; the rest of vfio-pci-core does not ask for the group.  What this file
 * cannot do, as vfio-pci-core keeps it to itself: runtime power management,
 * without which the function stays in D0, VF tokens, so that SR-IOV is refused,
 * and the arbitration of legacy VGA resources.
 */
#include <linux/aperture.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/iommufd.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/panic.h>
#include <linux/pci.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

#include "noiommu.h"

static bool enable_unsafe_noiommu_mode;
module_param(enable_unsafe_noiommu_mode, bool, 0444);
MODULE_PARM_DESC(enable_unsafe_noiommu_mode, "UNSAFE: give devices that have no IOMMU to users with CAP_SYS_RAWIO.  Their DMA reaches all memory of the host, the kernel's too.  Taints the kernel (default: false)");

/**
 * vfio_noiommu_wanted() - Whether a device is to be used without an IOMMU
 * @dev: The device.
 *
 * Context: Process context.
 *
 * Return: true if the device has no IOMMU and the administrator has consented.
 */
bool vfio_noiommu_wanted(struct device *dev)
{
	return enable_unsafe_noiommu_mode && !iommufd_device_has_iommu(dev);
}

/* The functions that a reset affects together have one device set. */
static int vfio_pci_noiommu_assign_set(struct vfio_pci_core_device *core)
{
	struct pci_dev *pdev = core->pdev;
	void *set = pdev->bus;

	if (pci_is_root_bus(pdev->bus) || pdev->is_virtfn)
		set = core;
	else if (!pci_probe_reset_slot(pdev->slot))
		set = pdev->slot;
	return vfio_assign_device_set(&core->vdev, set);
}

/* Whether the function loses its configuration on the way from D3hot to D0 */
static bool vfio_pci_needs_restore(struct pci_dev *pdev)
{
	u16 pmcsr;

	if (!pdev->pm_cap)
		return false;
	pci_read_config_word(pdev, pdev->pm_cap + PCI_PM_CTRL, &pmcsr);
	return !(pmcsr & PCI_PM_CTRL_NO_SOFT_RESET);
}

static int vfio_pci_noiommu_init(struct vfio_pci_core_device *core)
{
	const char *name = core->vdev.ops->name;
	struct pci_dev *pdev = core->pdev;
	int rc;

	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL)
		return -EINVAL;
	if (pci_num_vf(pdev)) {
		pci_warn(pdev, "cannot be used while it has virtual functions\n");
		return -EBUSY;
	}
	rc = vfio_pci_noiommu_assign_set(core);
	if (rc)
		return rc;
	if (pdev->class >> 8 == PCI_CLASS_DISPLAY_VGA) {
		rc = aperture_remove_conflicting_pci_devices(pdev, name);
		if (rc)
			return rc;
	}
	compat_vfio_pci_stay_in_d0(core);
	core->needs_pm_restore = vfio_pci_needs_restore(pdev);
	return 0;
}

/**
 * vfio_pci_noiommu_register() - Let user space have a function without an IOMMU
 * @core: The function, for which vfio_cdev_add() was called.
 *
 * Takes the place of vfio_pci_core_register_device().  Makes the node, and the
 * device in class vfio-dev, named noiommu-vfioN.
 *
 * Context: Process context.  Pairs with vfio_pci_noiommu_unregister().
 *
 * Return: 0; -EINVAL for a bridge; -EBUSY while the function has virtual
 * functions; -ENOMEM; or an errno of the driver core, or of the removal of the
 * drivers that have a VGA device's memory.
 */
int vfio_pci_noiommu_register(struct vfio_pci_core_device *core)
{
	struct vfio_device *vdev = &core->vdev;
	int rc;

	rc = vfio_pci_noiommu_init(core);
	if (rc)
		return rc;
	rc = dev_set_name(&vdev->device, "noiommu-vfio%u", vdev->index);
	if (rc)
		return rc;

	add_taint(TAINT_USER, LOCKDEP_STILL_OK);
	dev_warn(vdev->dev, "Adding kernel taint for vfio-noiommu cdev\n");

	rc = device_add(&vdev->device);
	if (rc)
		return rc;
	/* Until here bind finds no registration, and fails. */
	refcount_set(&vdev->refcount, 1);
	return 0;
}

/*
 * Wait up to ten seconds for the user to leave; the first signal ends a wait
 * and is reported.
 */
static bool vfio_noiommu_wait(struct vfio_device *vdev, bool *signalled)
{
	long left;

	if (*signalled)
		return wait_for_completion_timeout(&vdev->comp, 10 * HZ);

	left = wait_for_completion_interruptible_timeout(&vdev->comp, 10 * HZ);
	if (left < 0) {
		*signalled = true;
		dev_warn(vdev->dev, "in use: \"%s\" (%d) waits until it is closed\n",
			 current->comm, task_pid_nr(current));
	}
	return left > 0;
}

/**
 * vfio_pci_noiommu_unregister() - Undo vfio_pci_noiommu_register()
 * @core: The function, after vfio_cdev_del().
 *
 * Removes the node, and asks the user to close the file until that is done.
 *
 * Context: Process context.
 */
void vfio_pci_noiommu_unregister(struct vfio_pci_core_device *core)
{
	struct vfio_device *vdev = &core->vdev;
	unsigned int requests = 0;
	bool signalled = false;

	device_del(&vdev->device);
	vfio_device_put_registration(vdev);
	if (try_wait_for_completion(&vdev->comp))
		return;
	do
		vdev->ops->request(vdev, requests++);
	while (!vfio_noiommu_wait(vdev, &signalled));
}
