// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio-pci: the driver that gives a PCI function to user space.
 *
 * The kernel's vfio-pci-core does the work.  This driver replaces the kernel's
 * own thin driver on top of vfio-pci-core: it has the name and the parameters
 * of that driver, is bound in the same way, and adds the device file of cdev.c.
 */
#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/string.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>
#include <uapi/linux/vfio_cdev.h>

#include "bar.h"
#include "cdev.h"
#include "cdev_ops.h"
#include "device.h"
#include "dma_buf.h"
#include "hot_reset.h"
#include "igd.h"
#include "kvm_hook.h"
#include "noiommu.h"

static char ids[1024] __initdata;
module_param_string(ids, ids, sizeof(ids), 0);
MODULE_PARM_DESC(ids, "PCI IDs to add to the driver: comma separated list of vendor:device[:subvendor[:subdevice[:class[:class_mask]]]], in hexadecimal");

static bool nointxmask;
module_param(nointxmask, bool, 0644);
MODULE_PARM_DESC(nointxmask, "Do not use the INTx disable bit of PCI 2.3 to mask interrupts");

/* The parameter has a meaning only in a kernel with VGA access. */
#ifdef CONFIG_VFIO_PCI_VGA
static bool disable_vga;
module_param(disable_vga, bool, 0444);
MODULE_PARM_DESC(disable_vga, "Do not give access to legacy VGA resources");
#else
static const bool disable_vga = true;
#endif

static bool disable_idle_d3;
module_param(disable_idle_d3, bool, 0644);
MODULE_PARM_DESC(disable_idle_d3, "Do not put unused devices into the D3 low power state");

static bool enable_sriov;
#ifdef CONFIG_PCI_IOV
module_param(enable_sriov, bool, 0644);
MODULE_PARM_DESC(enable_sriov, "Allow SR-IOV to be configured.  Virtual functions usually need a cooperating user space driver for the physical function to work");
#endif

static bool disable_denylist;
module_param(disable_denylist, bool, 0444);
MODULE_PARM_DESC(disable_denylist, "Allow devices with errata that an untrusted user could exploit");

/* Devices with errata, by which their user can harm the rest of the host */
static const struct pci_device_id vfio_pci_denylist[] = {
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C3XXX_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_C62X_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_QAT_DH895XCC_VF) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_DSA_SPR0) },
	{ PCI_VDEVICE(INTEL, PCI_DEVICE_ID_INTEL_IAX_SPR0) },
	{}
};

static bool vfio_pci_is_denied(struct pci_dev *pdev)
{
	if (!pci_match_id(vfio_pci_denylist, pdev))
		return false;

	if (disable_denylist) {
		pci_warn(pdev, "%04x:%04x is on the denylist, which is disabled: allowed\n",
			 pdev->vendor, pdev->device);
		return false;
	}

	pci_warn(pdev, "%04x:%04x is on the denylist: refused\n",
		 pdev->vendor, pdev->device);
	return true;
}

/*
 * Whether a function may be an Intel graphics device, VGA or not.  One that is
 * not has no OpRegion, of which vfio_pci_igd_init() tells by ENODEV.
 */
static bool vfio_pci_is_igd(struct pci_dev *pdev)
{
	return pdev->vendor == PCI_VENDOR_ID_INTEL &&
	       pdev->class >> 16 == PCI_BASE_CLASS_DISPLAY;
}

/* After a call of the user on a file of the device, of either interface */
static void vfio_pci_called(struct vfio_device *vdev)
{
	vfio_pci_bars_retry(&to_vfio_pci(vdev)->bars);
}

static long vfio_pci_ioctl(struct vfio_device *vdev, unsigned int cmd,
			   unsigned long arg)
{
	struct vfio_pci_device *pci = to_vfio_pci(vdev);
	long rc;

	switch (cmd) {
	case VFIO_DEVICE_GET_PCI_HOT_RESET_INFO:
		rc = vfio_pci_hot_reset_info(pci, arg);
		break;
	case VFIO_DEVICE_PCI_HOT_RESET:
		rc = vfio_pci_hot_reset(pci, arg);
		break;
	default:
		rc = vfio_pci_core_ioctl(vdev, cmd, arg);
		break;
	}
	vfio_pci_called(vdev);
	return rc;
}

/* Is a feature one of runtime power management, which no-IOMMU lacks? */
static bool vfio_pci_is_low_power(u32 flags)
{
	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY:
	case VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP:
	case VFIO_DEVICE_FEATURE_LOW_POWER_EXIT:
		return true;
	default:
		return false;
	}
}

static int vfio_pci_do_feature(struct vfio_device *vdev, u32 flags,
			       void __user *arg, size_t argsz)
{
	struct vfio_pci_device *pci = to_vfio_pci(vdev);
	int rc;

	if (pci->noiommu && vfio_pci_is_low_power(flags))
		return -ENOTTY;
	if ((flags & VFIO_DEVICE_FEATURE_MASK) == VFIO_DEVICE_FEATURE_DMA_BUF)
		return vfio_pci_dma_buf_feature(&pci->bars, flags, arg, argsz);
	if ((flags & VFIO_DEVICE_FEATURE_PROBE) ||
	    !(flags & VFIO_DEVICE_FEATURE_SET))
		return vfio_pci_core_ioctl_feature(vdev, flags, arg, argsz);

	if (!vfio_pci_is_low_power(flags))
		return vfio_pci_core_ioctl_feature(vdev, flags, arg, argsz);
	vfio_pci_bars_block(&pci->bars);
	rc = vfio_pci_core_ioctl_feature(vdev, flags, arg, argsz);
	vfio_pci_bars_unblock(&pci->bars);
	return rc;
}

static int vfio_pci_feature(struct vfio_device *vdev, u32 flags,
			    void __user *arg, size_t argsz)
{
	int rc = vfio_pci_do_feature(vdev, flags, arg, argsz);

	vfio_pci_called(vdev);
	return rc;
}

static ssize_t vfio_pci_read(struct vfio_device *vdev, char __user *buf,
			     size_t count, loff_t *ppos)
{
	ssize_t rc = vfio_pci_core_read(vdev, buf, count, ppos);

	vfio_pci_called(vdev);
	return rc;
}

static ssize_t vfio_pci_write(struct vfio_device *vdev, const char __user *buf,
			      size_t count, loff_t *ppos)
{
	ssize_t rc;

	if (VFIO_PCI_OFFSET_TO_INDEX(*ppos) == VFIO_PCI_CONFIG_REGION_INDEX)
		rc = vfio_pci_bars_write_config(&to_vfio_pci(vdev)->bars,
						buf, count, ppos);
	else
		rc = vfio_pci_core_write(vdev, buf, count, ppos);
	vfio_pci_called(vdev);
	return rc;
}

#ifdef HAVE_VFIO_REGION_INFO_CAPS
static int vfio_pci_region_info(struct vfio_device *vdev,
				struct vfio_region_info *info,
				struct vfio_info_cap *caps)
{
	int rc = vfio_pci_ioctl_get_region_info(vdev, info, caps);

	vfio_pci_called(vdev);
	return rc;
}
#endif

static int vfio_pci_mmap(struct vfio_device *vdev, struct vm_area_struct *vma)
{
	return vfio_pci_bars_mmap(&to_vfio_pci(vdev)->bars, vma);
}

static int vfio_pci_open_device(struct vfio_device *vdev)
{
	struct vfio_pci_device *pci = to_vfio_pci(vdev);
	struct vfio_pci_core_device *core = &pci->core;
	int rc;

	if (vfio_cdev_binding(pci->cdev, vdev) &&
	    vfio_pci_hot_reset_by_group(vdev->dev_set))
		return -EBUSY;

	rc = vfio_pci_core_enable(core);
	if (rc)
		return rc;
	compat_vfio_pci_claim_bars(core);

	if (vfio_pci_is_igd(core->pdev)) {
		rc = vfio_pci_igd_init(core);
		if (rc && rc != -ENODEV) {
			pci_warn(core->pdev, "Intel graphics regions: error %d\n",
				 rc);
			goto err_disable;
		}
	}

	rc = vfio_pci_bars_open(&pci->bars);
	if (rc)
		goto err_disable;
	vfio_pci_core_finish_enable(core);
	return 0;

err_disable:
	vfio_pci_core_disable(core);
	return rc;
}

static void vfio_pci_close_device(struct vfio_device *vdev)
{
	vfio_pci_bars_close(&to_vfio_pci(vdev)->bars);
	vfio_pci_dma_bufs_close(&to_vfio_pci(vdev)->bars);
	vfio_pci_core_close_device(vdev);
}

static int vfio_pci_init_dev(struct vfio_device *vdev)
{
	struct vfio_pci_device *pci = to_vfio_pci(vdev);

	vfio_pci_bars_init(&pci->bars, &pci->core);
	vfio_pci_core_init_params(&pci->core, nointxmask, disable_vga,
				  disable_idle_d3);
	return vfio_pci_core_init_dev(vdev);
}

static void vfio_pci_release(struct vfio_device *vdev)
{
	vfio_cdev_put(to_vfio_pci(vdev)->cdev);
	vfio_pci_bars_uninit(&to_vfio_pci(vdev)->bars);
	vfio_pci_core_release_dev(vdev);
}

const struct vfio_device_ops vfio_pci_ops = {
	.name = "vfio-pci",
	.init = vfio_pci_init_dev,
	.release = vfio_pci_release,
	.open_device = vfio_pci_open_device,
	.close_device = vfio_pci_close_device,
	.ioctl = vfio_pci_ioctl,
	.device_feature = vfio_pci_feature,
	.read = vfio_pci_read,
	.write = vfio_pci_write,
	.mmap = vfio_pci_mmap,
	.request = vfio_pci_core_request,
	.match = vfio_pci_core_match,
#ifdef HAVE_VFIO_MATCH_TOKEN_UUID
	.match_token_uuid = vfio_pci_core_match_token_uuid,
#endif
#ifdef HAVE_VFIO_REGION_INFO_CAPS
	.get_region_info_caps = vfio_pci_region_info,
#endif
};

static const struct vfio_cdev_ops vfio_pci_cdev_ops = {
	.called = vfio_pci_called,
};

static int vfio_pci_add_cdev(struct vfio_pci_device *pci)
{
	struct vfio_device *vdev = &pci->core.vdev;
	struct vfio_cdev *cdev;

	pci->noiommu = vfio_noiommu_wanted(vdev->dev);
	if (!pci->noiommu && !vfio_cdev_possible(vdev->dev))
		return 0;

	cdev = vfio_cdev_add(vdev, &vfio_pci_cdev_ops, pci->noiommu);
	if (IS_ERR(cdev))
		return PTR_ERR(cdev);
	pci->cdev = cdev;
	return 0;
}

static int vfio_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vfio_pci_device *pci;
	int rc;

	if (vfio_pci_is_denied(pdev))
		return -EINVAL;

	pci = vfio_alloc_device(vfio_pci_device, core.vdev, &pdev->dev,
				&vfio_pci_ops);
	if (IS_ERR(pci))
		return PTR_ERR(pci);

	rc = vfio_pci_add_cdev(pci);
	if (rc)
		goto err_put;

	/* vfio-pci-core and its error handlers expect this. */
	pci_set_drvdata(pdev, &pci->core);
	if (pci->noiommu)
		rc = vfio_pci_noiommu_register(&pci->core);
	else
		rc = vfio_pci_core_register_device(&pci->core);
	if (rc)
		goto err_del_cdev;
	return 0;

err_del_cdev:
	vfio_cdev_del(pci->cdev);
err_put:
	vfio_put_device(&pci->core.vdev);
	return rc;
}

/*
 * Revoke the BARs of all functions of the set that are lost.  A device that is
 * pulled out may have several functions, which are removed one by one, and each
 * removal waits for the user of the function.
 */
static void vfio_pci_update_set(struct vfio_device_set *dev_set)
{
	struct vfio_device *vdev;

	mutex_lock(&dev_set->lock);
	list_for_each_entry(vdev, &dev_set->device_list, dev_set_list)
		if (vdev->ops == &vfio_pci_ops)
			vfio_pci_bars_update(&to_vfio_pci(vdev)->bars);
	mutex_unlock(&dev_set->lock);
}

static void vfio_pci_remove(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);
	struct vfio_pci_device *pci = to_vfio_pci(&core->vdev);

	/* If the device has been pulled out, its BARs must not be reached. */
	vfio_pci_update_set(core->vdev.dev_set);
	vfio_cdev_del(pci->cdev);
	if (pci->noiommu)
		vfio_pci_noiommu_unregister(core);
	else
		vfio_pci_core_unregister_device(core);
	vfio_put_device(&core->vdev);
}

static int vfio_pci_sriov_configure(struct pci_dev *pdev, int nr_virtfn)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	if (!enable_sriov)
		return -ENOENT;
	if (to_vfio_pci(&core->vdev)->noiommu)
		return -EOPNOTSUPP;

	return vfio_pci_core_sriov_configure(core, nr_virtfn);
}

static void vfio_pci_reset_prepare(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	vfio_pci_bars_block(&to_vfio_pci(&core->vdev)->bars);
}

static void vfio_pci_reset_done(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	vfio_pci_bars_reset_done(&to_vfio_pci(&core->vdev)->bars);
}

static pci_ers_result_t vfio_pci_error_detected(struct pci_dev *pdev,
						pci_channel_state_t state)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);
	struct vfio_pci_bars *bars = &to_vfio_pci(&core->vdev)->bars;

	if (state != pci_channel_io_normal)
		vfio_pci_bars_lose(bars);
	else if (pci_error_may_reset(state))
		vfio_pci_bars_recovering(bars);
	return vfio_pci_core_aer_err_detected(pdev, state);
}

static void vfio_pci_error_resume(struct pci_dev *pdev)
{
	struct vfio_pci_core_device *core = pci_get_drvdata(pdev);

	vfio_pci_bars_recovered(&to_vfio_pci(&core->vdev)->bars);
}

static const struct pci_error_handlers vfio_pci_err_handlers = {
	.error_detected = vfio_pci_error_detected,
	.resume = vfio_pci_error_resume,
	.reset_prepare = vfio_pci_reset_prepare,
	.reset_done = vfio_pci_reset_done,
};

/* Any device whose driver_override names this driver */
static const struct pci_device_id vfio_pci_table[] = {
	{ PCI_DRIVER_OVERRIDE_DEVICE_VFIO(PCI_ANY_ID, PCI_ANY_ID) },
	{}
};
MODULE_DEVICE_TABLE(pci, vfio_pci_table);

static struct pci_driver vfio_pci_driver = {
	.name = "vfio-pci",
	.id_table = vfio_pci_table,
	.probe = vfio_pci_probe,
	.remove = vfio_pci_remove,
	.sriov_configure = vfio_pci_sriov_configure,
	.err_handler = &vfio_pci_err_handlers,
	.driver_managed_dma = true,
};

static void __init vfio_pci_add_id(const char *id)
{
	unsigned int vendor, device, class = 0, class_mask = 0;
	unsigned int subvendor = PCI_ANY_ID, subdevice = PCI_ANY_ID;
	int rc;

	if (sscanf(id, "%x:%x:%x:%x:%x:%x", &vendor, &device, &subvendor,
		   &subdevice, &class, &class_mask) < 2) {
		pr_warn("ids: \"%s\" is not vendor:device[:...]\n", id);
		return;
	}

	rc = pci_add_dynid(&vfio_pci_driver, vendor, device, subvendor,
			   subdevice, class, class_mask, 0);
	if (rc)
		pr_warn("ids: cannot add \"%s\": error %d\n", id, rc);
	else
		pr_info("add [%04x:%04x[%04x:%04x]] class %#08x/%08x\n",
			vendor, device, subvendor, subdevice, class,
			class_mask);
}

static void __init vfio_pci_add_ids(void)
{
	char *rest = ids;
	char *id;

	while ((id = strsep(&rest, ",")))
		if (*id)
			vfio_pci_add_id(id);
}

static int __init vfio_pci_init(void)
{
	int rc;

	vfio_pci_core_set_params(nointxmask, disable_vga, disable_idle_d3);

	rc = vfio_cdev_init();
	if (rc)
		return rc;
	vfio_kvm_hook_init();
	if (IS_ENABLED(CONFIG_KVM) && !vfio_kvm_can_hook)
		pr_warn("KVM will not accept device files: this kernel's ftrace gives no arguments\n");

	rc = pci_register_driver(&vfio_pci_driver);
	if (rc)
		goto err_exit_cdev;

	vfio_pci_add_ids();
	if (disable_denylist)
		pr_warn("device denylist disabled.\n");
	return 0;

err_exit_cdev:
	vfio_kvm_hook_exit();
	vfio_cdev_exit();
	return rc;
}
module_init(vfio_pci_init);

static void __exit vfio_pci_exit(void)
{
	pci_unregister_driver(&vfio_pci_driver);
	vfio_kvm_hook_exit();
	vfio_cdev_exit();
}
module_exit(vfio_pci_exit);

MODULE_LICENSE("GPL");
MODULE_VERSION(IOMMUFD_VERSION);
MODULE_DESCRIPTION("VFIO PCI - User Level meta-driver, with /dev/vfio/devices");
