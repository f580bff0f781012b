// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices with PASIDs, which QEMU lacks, for tests
 *
 * While this module is loaded, the PCI core says that some devices have PASIDs.
 * The IOMMU driver finds that out when it finds the device, so the device is to
 * be removed and found again, now, and when the module is unloaded.
 *
 * An ioctl does DMA with a PASID as an IOMMU of Intel's in scalable mode would
 * have it done: it walks the tables in memory by the device's requester ID, the
 * PASID and the IOVA, and reads or writes the memory that it finds.
 */
#include <linux/bitfield.h>
#include <linux/bitmap.h>
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/uaccess.h>

#include "../tracker/vtd.h"
#include "pasid.h"

#define MAX_DEVICES	8

static char *devices[MAX_DEVICES];
static int ndevices;
module_param_array(devices, charp, &ndevices, 0444);
MODULE_PARM_DESC(devices, "PCI devices that have PASIDs: DDDD:BB:DD.F,...");

static ulong registers;
module_param(registers, ulong, 0444);
MODULE_PARM_DESC(registers, "Physical address of the registers of their IOMMU");

static uint bits = 20;
module_param(bits, uint, 0444);
MODULE_PARM_DESC(bits, "Width of the PASIDs of these devices");

static uint features = PCI_PASID_CAP_EXEC | PCI_PASID_CAP_PRIV;
module_param(features, uint, 0444);
MODULE_PARM_DESC(features, "Features of the PASID capability of these devices");

static bool enables = true;
module_param(enables, bool, 0644);
MODULE_PARM_DESC(enables, "Whether PASIDs of devices that are found from now on can be enabled");

static bool pri;
module_param(pri, bool, 0644);
MODULE_PARM_DESC(pri, "Whether these devices can request pages, as long as this is set");

static bool alias;
module_param(alias, bool, 0644);
MODULE_PARM_DESC(alias, "Whether requests of devices that are found from now on may bear another requester ID");

static u64 root_table;

static bool is_ours(struct pci_dev *pdev)
{
	int i;

	for (i = 0; i < ndevices; i++)
		if (!strcmp(pci_name(pdev), devices[i]))
			return true;
	return false;
}

/* The arguments of a function that is probed */
struct call {
	struct pci_dev *pdev;
	unsigned long arg;
};

/* Returns whether the function's end is of interest: 0 if so. */
static int begins(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;

	call->pdev = (struct pci_dev *)regs_get_kernel_argument(regs, 0);
	call->arg = regs_get_kernel_argument(regs, 1);
	return !is_ours(call->pdev);
}

#define DEVFNS		256	/* of a bus */
#define ALIAS		PCI_DEVFN(0x18, 0)	/* where the VM has no device */

/* As a quirk of the PCI core does.  The mask goes with the device. */
static void add_alias(struct pci_dev *pdev)
{
	if (!pdev->dma_alias_mask)
		pdev->dma_alias_mask = bitmap_zalloc(DEVFNS, GFP_ATOMIC);
	if (pdev->dma_alias_mask)
		set_bit(ALIAS, pdev->dma_alias_mask);
}

/* The IOMMU driver asks before it looks for the device's group. */
static int pci_pasid_features_ends(struct kretprobe_instance *instance,
				   struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;

	if (READ_ONCE(alias))
		add_alias(call->pdev);
	regs_set_return_value(regs, features);
	return 0;
}

static int pci_max_pasids_ends(struct kretprobe_instance *instance,
			       struct pt_regs *regs)
{
	regs_set_return_value(regs, 1UL << bits);
	return 0;
}

static int pci_enable_pasid_ends(struct kretprobe_instance *instance,
				 struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;

	if (!READ_ONCE(enables))
		return 0;
	call->pdev->pasid_features = call->arg;
	call->pdev->pasid_enabled = 1;
	regs_set_return_value(regs, 0);
	return 0;
}

static int pci_disable_pasid_ends(struct kretprobe_instance *instance,
				  struct pt_regs *regs)
{
	struct call *call = (struct call *)instance->data;

	call->pdev->pasid_enabled = 0;
	return 0;
}

static int pci_pri_supported_ends(struct kretprobe_instance *instance,
				  struct pt_regs *regs)
{
	if (READ_ONCE(pri))
		regs_set_return_value(regs, 1);
	return 0;
}

#define PROBE(function)				\
{						\
	.kp.symbol_name = #function,		\
	.entry_handler = begins,		\
	.handler = function##_ends,		\
	.data_size = sizeof(struct call),	\
}

static struct kretprobe probes[] = {
	PROBE(pci_pasid_features),
	PROBE(pci_max_pasids),
	PROBE(pci_enable_pasid),
	PROBE(pci_disable_pasid),
	PROBE(pci_pri_supported),
};

static void unregister_probes(unsigned int n)
{
	while (n--)
		unregister_kretprobe(&probes[n]);
}

static int register_probes(void)
{
	unsigned int i;
	int rc;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		rc = register_kretprobe(&probes[i]);
		if (rc) {
			unregister_probes(i);
			return rc;
		}
	}
	return 0;
}

#define FIRST_USER	BIT_ULL(2)

static int walk(u64 table, unsigned int levels, unsigned int iova_bits,
		u64 needed, u64 iova, u64 *phys)
{
	u64 size, *entry;

	if (iova >> iova_bits)
		return -EFAULT;
	entry = vtd_page(table, levels, needed, iova, &size);
	if (!entry)
		return -EFAULT;
	*phys = vtd_phys(READ_ONCE(*entry), size, iova);
	return 0;
}

/* The IOMMU driver frees no table now. */
static int translate(const struct pasid_dma *dma, u64 *phys)
{
	u64 *entry = vtd_pasid_entry(root_table, dma->requester, dma->pasid);
	unsigned int levels;

	if (!entry)
		return -ENXIO;
	switch (FIELD_GET(VTD_PASID_TYPE, *entry)) {
	case VTD_FIRST_STAGE:
		levels = 4 + FIELD_GET(VTD_PASID_FIRST_LEVELS, entry[2]);
		/* The highest bit of an IOVA is that of all above it. */
		return walk(entry[2], levels, 11 + 9 * levels,
			    VTD_ENTRY_READABLE | FIRST_USER |
			    (dma->write ? VTD_ENTRY_WRITABLE : 0), dma->iova,
			    phys);
	case VTD_SECOND_STAGE:
		levels = 2 + FIELD_GET(VTD_PASID_LEVELS, *entry);
		return walk(*entry, levels, 12 + 9 * levels,
			    dma->write ? VTD_ENTRY_WRITABLE :
					 VTD_ENTRY_READABLE,
			    dma->iova, phys);
	default:
		return -ENXIO;
	}
}

static int do_dma(struct pasid_dma *dma)
{
	u64 phys, *at;
	int rc;

	if (dma->iova % sizeof(*at) || dma->requester > U16_MAX ||
	    dma->pasid >> 20 || dma->write > 1 || dma->__reserved)
		return -EINVAL;
	rc = translate(dma, &phys);
	if (rc)
		return rc;
	if (!pfn_valid(PHYS_PFN(phys)))
		return -EFAULT;
	at = phys_to_virt(phys);
	if (dma->write)
		WRITE_ONCE(*at, dma->value);
	else
		dma->value = READ_ONCE(*at);
	return 0;
}

static long pasid_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct pasid_dma dma;
	int rc;

	if (cmd != PASID_DMA)
		return -ENOTTY;
	if (copy_from_user(&dma, user, sizeof(dma)))
		return -EFAULT;
	rc = do_dma(&dma);
	if (!rc && copy_to_user(user, &dma, sizeof(dma)))
		rc = -EFAULT;
	return rc;
}

static const struct file_operations pasid_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = pasid_ioctl,
};

static struct miscdevice pasid_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommufd_pasid",
	.fops = &pasid_fops,
	.mode = 0600,
};

static int read_root_table(void)
{
	void __iomem *at = ioremap(registers + VTD_RTADDR, sizeof(root_table));

	if (!at)
		return -ENOMEM;
	root_table = readq(at);
	iounmap(at);
	return root_table & VTD_RTADDR_SCALABLE ? 0 : -ENODEV;
}

static int __init pasid_init(void)
{
	int rc;

	if (!ndevices || !registers || !bits || bits > 20)
		return -EINVAL;
	rc = read_root_table();
	if (rc)
		return rc;
	rc = register_probes();
	if (rc)
		return rc;
	rc = misc_register(&pasid_misc);
	if (rc)
		unregister_probes(ARRAY_SIZE(probes));
	return rc;
}
module_init(pasid_init);

static void __exit pasid_exit(void)
{
	misc_deregister(&pasid_misc);
	unregister_probes(ARRAY_SIZE(probes));
}
module_exit(pasid_exit);

MODULE_DESCRIPTION("Devices with PASIDs, which QEMU lacks, for tests");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMMUFD_VERSION);
