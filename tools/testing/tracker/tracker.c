// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the IOMMUs of QEMU lack, for tests
 *
 * While this module is loaded, the IOMMU driver finds the capability to track
 * dirty pages in what it has read of the IOMMU's registers.  An ioctl does to
 * the tables what the IOMMU does for a write of a device: it walks them by the
 * device's requester ID, marks the page dirty if tracking is on, and keeps that
 * in its IOTLB.  What is there is not marked again, until the driver flushes it.
 *
 * Other ioctls have the driver find more capabilities, and read the tables that
 * it makes then, such as those of nested translation, as the IOMMU would.
 */
#include <linux/bitmap.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/kprobes.h>
#include <linux/lockdep.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <uapi/linux/iommufd.h>

#include "hardware.h"
#include "tracker.h"

static char *device;
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "A PCI device behind the IOMMU: DDDD:BB:DD.F");

static uint flushes;
module_param(flushes, uint, 0644);
MODULE_PARM_DESC(flushes, "Number of flushes of what devices may write");

#define IOTLB_BITS	((TRACKER_END - TRACKER_START) >> PAGE_SHIFT)
#define STRUCT_WORDS	256	/* of a struct of a driver, at most */

static const struct tracker_hardware *hardware;
static struct device *tracker_device;
static u64 *registers;	/* the IOMMU driver's copy */
static u64 registers_before[2];

/*
 * The IOTLB: a bit for each IOVA at which a page begins that is known to be
 * dirty.  The lock makes a write of a device and a flush exclude each other: a
 * flush waits for DMA that is under way.
 */
static unsigned long *iotlb;
static DEFINE_RAW_SPINLOCK(iotlb_lock);

static unsigned long iotlb_bit(u64 iova)
{
	return (iova - TRACKER_START) >> PAGE_SHIFT;
}

/**
 * tracker_flush() - Forget a range in the IOTLB
 * @start: First byte.
 * @last: Last byte, inclusive.
 *
 * Context: Any.
 */
void tracker_flush(u64 start, u64 last)
{
	bool all = !start && last >= TRACKER_END;
	unsigned long flags;

	start = max(start, TRACKER_START);
	last = min(last, TRACKER_END - 1);
	if (start > last)
		return;
	raw_spin_lock_irqsave(&iotlb_lock, flags);
	bitmap_clear(iotlb, iotlb_bit(start),
		     iotlb_bit(last) - iotlb_bit(start) + 1);
	/* A flush of everything may be one of another domain. */
	if (!all)
		WRITE_ONCE(flushes, READ_ONCE(flushes) + 1);
	raw_spin_unlock_irqrestore(&iotlb_lock, flags);
}

/* A write of a device, as the IOMMU sees it.  The driver frees no table now. */
static int write_iova(struct tracker_write *cmd, u64 iova)
{
	unsigned long *entry, bit;
	bool tracks;

	lockdep_assert_held(&iotlb_lock);

	entry = (unsigned long *)hardware->entry(cmd->requester, iova,
						 &cmd->out_page, &tracks);
	if (!entry)
		return -EFAULT;
	if (!tracks)
		return 0;
	bit = iotlb_bit(max(round_down(iova, cmd->out_page), TRACKER_START));
	if (test_bit(bit, iotlb))
		return 0;
	set_bit(hardware->accessed_bit, entry);
	if (!test_and_set_bit(hardware->dirty_bit, entry))
		cmd->out_marked++;
	set_bit(bit, iotlb);
	return 0;
}

static long write_iovas(struct tracker_write *cmd)
{
	const u64 __user *iovas = u64_to_user_ptr(cmd->iovas);
	unsigned long flags;
	u64 iova;
	int rc;
	u32 i;

	cmd->out_marked = 0;
	for (i = 0; i < cmd->n; i++) {
		if (get_user(iova, iovas + i))
			return -EFAULT;
		if (iova < TRACKER_START || iova >= TRACKER_END)
			return -ERANGE;
		raw_spin_lock_irqsave(&iotlb_lock, flags);
		rc = write_iova(cmd, iova);
		raw_spin_unlock_irqrestore(&iotlb_lock, flags);
		if (rc)
			return rc;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Returns an error if the driver makes no page table that tracks. */
static long ask_driver(s32 *answer)
{
	struct iommu_iotlb_gather gather;
	struct iommu_domain *domain;

	domain = iommu_paging_domain_alloc_flags(tracker_device,
						 IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	if (IS_ERR(domain))
		return PTR_ERR(domain);
	*answer = iommu_domain_gather_dirty(domain, TRACKER_START, PAGE_SIZE,
					    false, &gather);
	iommu_domain_free(domain);
	return 0;
}

static long read_entry(struct tracker_entry __user *user)
{
	struct tracker_entry cmd;
	int rc;

	if (copy_from_user(&cmd, user, sizeof(cmd)))
		return -EFAULT;
	if (!hardware->words)
		return -EOPNOTSUPP;
	rc = hardware->words(cmd.requester, cmd.pasid, cmd.out_words);
	if (!rc && copy_to_user(user, &cmd, sizeof(cmd)))
		rc = -EFAULT;
	return rc;
}

static long translate(struct tracker_translate __user *user)
{
	struct tracker_translate cmd;
	int rc;

	if (copy_from_user(&cmd, user, sizeof(cmd)))
		return -EFAULT;
	if (!hardware->translate)
		return -EOPNOTSUPP;
	rc = hardware->translate(cmd.requester, cmd.pasid, cmd.iova,
				 &cmd.out_phys);
	if (!rc && copy_to_user(user, &cmd, sizeof(cmd)))
		rc = -EFAULT;
	return rc;
}

static void set_registers(const u64 *bits, const u64 *more)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(registers_before); i++)
		WRITE_ONCE(registers[i],
			   registers_before[i] | bits[i] | more[i]);
}

static const u64 no_bits[2];

static long pretend(const void __user *user)
{
	u64 bits[2];

	if (copy_from_user(bits, user, sizeof(bits)))
		return -EFAULT;
	set_registers(hardware->capability, bits);
	return 0;
}

static long tracker_ioctl(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	void __user *user = (void __user *)arg;
	struct tracker_write write;
	s32 answer;
	long rc;

	switch (cmd) {
	case TRACKER_WRITE:
		if (copy_from_user(&write, user, sizeof(write)))
			return -EFAULT;
		rc = write_iovas(&write);
		if (!rc && copy_to_user(user, &write, sizeof(write)))
			rc = -EFAULT;
		return rc;
	case TRACKER_ASK:
		rc = ask_driver(&answer);
		return rc ?: put_user(answer, (s32 __user *)user);
	case TRACKER_ENTRY:
		return read_entry(user);
	case TRACKER_TRANSLATE:
		return translate(user);
	case TRACKER_PRETEND:
		return pretend(user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations tracker_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = tracker_ioctl,
};

static struct miscdevice tracker_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommufd_tracker",
	.fops = &tracker_fops,
	.mode = 0600,
};

/**
 * tracker_attribute() - Read numbers that sysfs has of an IOMMU
 * @iommu: The IOMMU.
 * @group: Group of its attributes in sysfs.
 * @name: The attribute: @n hexadecimal numbers, with colons between.
 * @values: Set to them.
 * @n: Number of them.
 *
 * Context: Process context.
 *
 * Return: 0, -ENODEV if there is no such attribute, or -ENOMEM.
 */
int tracker_attribute(struct iommu_device *iommu, const char *group,
		      const char *name, u64 *values, unsigned int n)
{
	struct device_attribute *attribute;
	char *page, *next, *word;
	int rc = 0;

	attribute = iommu_attribute(iommu->dev, group, name);
	if (!attribute)
		return -ENODEV;
	page = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!page)
		return -ENOMEM;
	if (attribute->show(iommu->dev, attribute, page) <= 0)
		rc = -ENODEV;
	for (next = page; n-- && !rc; values++) {
		word = strsep(&next, ":");
		rc = word ? kstrtou64(word, 16, values) : -ENODEV;
	}
	kfree(page);
	return rc;
}

/**
 * tracker_find_words() - Find two words in a driver's struct of an IOMMU
 * @iommu: The part of that struct that the IOMMU core knows, behind the words.
 * @words: The words, one after the other.
 *
 * Return: the address of the first, or NULL.
 */
u64 *tracker_find_words(struct iommu_device *iommu, const u64 *words)
{
	u64 *at = (u64 *)iommu;
	unsigned int i;

	for (i = 0; i < STRUCT_WORDS; i++, at--)
		if (at[-2] == words[0] && at[-1] == words[1])
			return at - 2;
	return NULL;
}

/**
 * tracker_register() - Read a register of an IOMMU
 * @address: Its physical address.
 * @value: Set to its value.
 *
 * Context: Process context.
 *
 * Return: 0 or -ENOMEM.
 */
int tracker_register(phys_addr_t address, u64 *value)
{
	void __iomem *mapped = ioremap(address, sizeof(*value));

	if (!mapped)
		return -ENOMEM;
	*value = readq(mapped);
	iounmap(mapped);
	return 0;
}

static const struct tracker_hardware * const all_hardware[] = {
	&tracker_vtd,
	&tracker_amd,
};

static int find_hardware(struct iommu_device *iommu)
{
	int rc = -ENODEV;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all_hardware) && rc == -ENODEV; i++) {
		hardware = all_hardware[i];
		rc = hardware->find(iommu, &registers);
	}
	return rc;
}

static void unregister_probes(unsigned int n)
{
	while (n--)
		unregister_kprobe(&hardware->probes[n]);
}

static int register_probes(void)
{
	unsigned int i;
	int rc;

	for (i = 0; i < hardware->nprobes; i++) {
		rc = register_kprobe(&hardware->probes[i]);
		if (rc) {
			unregister_probes(i);
			return rc;
		}
	}
	return 0;
}

static int __init tracker_init(void)
{
	int rc;

	if (!device)
		return -EINVAL;
	tracker_device = bus_find_device_by_name(&pci_bus_type, NULL, device);
	if (!tracker_device)
		return -ENODEV;
	rc = -ENODEV;
	if (tracker_device->iommu && tracker_device->iommu->iommu_dev)
		rc = find_hardware(tracker_device->iommu->iommu_dev);
	if (rc)
		goto err_put;
	rc = -ENOMEM;
	iotlb = vzalloc(BITS_TO_LONGS(IOTLB_BITS) * sizeof(long));
	if (!iotlb)
		goto err_put;
	rc = register_probes();
	if (rc)
		goto err_free;
	rc = misc_register(&tracker_misc);
	if (rc)
		goto err_probes;
	memcpy(registers_before, registers, sizeof(registers_before));
	set_registers(hardware->capability, no_bits);
	return 0;

err_probes:
	unregister_probes(hardware->nprobes);
err_free:
	vfree(iotlb);
err_put:
	put_device(tracker_device);
	return rc;
}
module_init(tracker_init);

static void __exit tracker_exit(void)
{
	set_registers(no_bits, no_bits);
	misc_deregister(&tracker_misc);
	unregister_probes(hardware->nprobes);
	vfree(iotlb);
	put_device(tracker_device);
}
module_exit(tracker_exit);

MODULE_DESCRIPTION("What the IOMMUs of QEMU lack, for tests");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMMUFD_VERSION);
