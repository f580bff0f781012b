// SPDX-License-Identifier: GPL-2.0-only
/*
 * The baseline: the least possible cost of mapping memory for a device
 *
 * Each step is done by the cheapest interface that the kernel exports to
 * modules, in one call however large, and by itself: no locks, no accounting,
 * no bookkeeping of what is mapped.  The work between two steps is not counted.
 * (undo.c has the baseline with bookkeeping, so that another call can undo a
 * map.)  This module is for the benchmark only: it is not installed, and it
 * checks no more than its own safety needs.
 */
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>

#include "baseline.h"
#include "undo.h"

static char *device;
module_param(device, charp, 0444);
MODULE_PARM_DESC(device, "Device to map for: DDDD:BB:DD.F, bound to vfio-pci");

/*
 * Opening the file claims the device and its group, so one file can be open at
 * a time.  The lock also serializes BASELINE_RUN.
 */
static DEFINE_MUTEX(baseline_lock);
static bool baseline_open_now;
static struct pci_dev *baseline_pdev;
static struct iommu_group *baseline_group;
static struct iommu_domain *baseline_domain;

/* The cost of reading the clock */
static u64 clock_ns;

static void clock_calibrate(void)
{
	unsigned int i;

	clock_ns = U64_MAX;
	for (i = 0; i < 100; i++) {
		u64 start = ktime_get_ns();

		clock_ns = min(clock_ns, ktime_get_ns() - start);
	}
}

static u64 since(u64 start)
{
	u64 ns = ktime_get_ns() - start;

	return ns > clock_ns ? ns - clock_ns : 0;
}

static int step_map(struct baseline_run *run, struct sg_table *sgt)
{
	const int prot = IOMMU_READ | IOMMU_WRITE | IOMMU_CACHE;
	u64 start = ktime_get_ns();
	ssize_t mapped;
	int rc = 0;

	if (sgt->orig_nents == 1) {
		rc = iommu_map(baseline_domain, run->iova, sg_phys(sgt->sgl),
			       run->length, prot, GFP_KERNEL);
	} else {
		mapped = iommu_map_sg(baseline_domain, run->iova, sgt->sgl,
				      sgt->orig_nents, prot, GFP_KERNEL);
		if (mapped < 0 || mapped != run->length)
			rc = -ENOMEM;
	}
	run->ns[BASELINE_MAP] = since(start);
	return rc;
}

static int step_unmap(struct baseline_run *run)
{
	u64 start = ktime_get_ns();
	size_t unmapped = iommu_unmap(baseline_domain, run->iova, run->length);

	run->ns[BASELINE_UNMAP] = since(start);
	return unmapped == run->length ? 0 : -EIO;
}

static void step_unpin(struct baseline_run *run, struct page **pages,
		       unsigned int npages, struct sg_table *sgt)
{
	u64 start = ktime_get_ns();
	struct scatterlist *sg;
	unsigned int i;

	if (npages > 1 && sgt->orig_nents == npages)
		unpin_user_pages_dirty_lock(pages, npages, true);
	else
		for_each_sgtable_sg(sgt, sg, i)
			unpin_user_page_range_dirty_lock(sg_page(sg),
							 sg->length >> PAGE_SHIFT,
							 true);
	run->ns[BASELINE_UNPIN] = since(start);
}

static int run_pinned(struct baseline_run *run, struct page **pages,
		      unsigned int npages)
{
	struct sg_table sgt;
	int rc;

	rc = sg_alloc_table_from_pages(&sgt, pages, npages, 0, run->length,
				       GFP_KERNEL);
	if (rc) {
		unpin_user_pages(pages, npages);
		return rc;
	}
	rc = step_map(run, &sgt);
	if (!rc)
		rc = step_unmap(run);
	step_unpin(run, pages, npages, &sgt);
	sg_free_table(&sgt);
	return rc;
}

static int run_steps(struct baseline_run *run)
{
	unsigned int npages = run->length >> PAGE_SHIFT;
	struct page **pages;
	int pinned, rc;
	u64 start;

	pages = kvmalloc_array(npages, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return -ENOMEM;
	start = ktime_get_ns();
	pinned = pin_user_pages_fast(run->uaddr, npages,
				     FOLL_WRITE | FOLL_LONGTERM, pages);
	run->ns[BASELINE_PIN] = since(start);
	if (pinned == npages) {
		rc = run_pinned(run, pages, npages);
	} else {
		if (pinned > 0)
			unpin_user_pages(pages, pinned);
		rc = -EFAULT;
	}
	kvfree(pages);
	return rc;
}

static long baseline_ioctl(struct file *file, unsigned int cmd,
			   unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	struct baseline_run run;
	int rc;

	switch (cmd) {
	case BASELINE_NOP:
		return 0;
	case BASELINE_RUN:
		if (copy_from_user(&run, argp, sizeof(run)))
			return -EFAULT;
		if (!run.length || run.length > SZ_1G ||
		    !PAGE_ALIGNED(run.uaddr | run.length | run.iova))
			return -EINVAL;
		mutex_lock(&baseline_lock);
		rc = run_steps(&run);
		mutex_unlock(&baseline_lock);
		if (rc)
			return rc;
		return copy_to_user(argp, &run, sizeof(run)) ? -EFAULT : 0;
	case UNDO_BASELINE_MAP:
		return undo_baseline_map(baseline_domain, argp);
	case UNDO_BASELINE_UNMAP:
		return undo_baseline_unmap(baseline_domain, argp);
	default:
		return -ENOTTY;
	}
}

static struct pci_dev *find_device(void)
{
	unsigned int segment, bus, slot, fn;

	if (!device ||
	    sscanf(device, "%x:%x:%x.%x", &segment, &bus, &slot, &fn) != 4)
		return NULL;
	return pci_get_domain_bus_and_slot(segment, bus, PCI_DEVFN(slot, fn));
}

static int claim_device(void)
{
	int rc;

	baseline_pdev = find_device();
	if (!baseline_pdev)
		return -ENODEV;
	rc = -ENODEV;
	baseline_group = iommu_group_get(&baseline_pdev->dev);
	if (!baseline_group)
		goto err_put_device;
	rc = iommu_group_claim_dma_owner(baseline_group, &baseline_lock);
	if (rc)
		goto err_put_group;
	baseline_domain = iommu_paging_domain_alloc(&baseline_pdev->dev);
	if (IS_ERR(baseline_domain)) {
		rc = PTR_ERR(baseline_domain);
		goto err_release;
	}
	rc = iommu_attach_group(baseline_domain, baseline_group);
	if (rc)
		goto err_free;
	rc = undo_baseline_init();
	if (rc)
		goto err_detach;
	return 0;

err_detach:
	iommu_detach_group(baseline_domain, baseline_group);
err_free:
	iommu_domain_free(baseline_domain);
err_release:
	iommu_group_release_dma_owner(baseline_group);
err_put_group:
	iommu_group_put(baseline_group);
err_put_device:
	pci_dev_put(baseline_pdev);
	return rc;
}

static void release_device(void)
{
	undo_baseline_destroy(baseline_domain);
	iommu_detach_group(baseline_domain, baseline_group);
	iommu_domain_free(baseline_domain);
	iommu_group_release_dma_owner(baseline_group);
	iommu_group_put(baseline_group);
	pci_dev_put(baseline_pdev);
}

static int baseline_open(struct inode *inode, struct file *file)
{
	int rc = -EBUSY;

	mutex_lock(&baseline_lock);
	if (!baseline_open_now) {
		rc = claim_device();
		baseline_open_now = !rc;
	}
	mutex_unlock(&baseline_lock);
	if (!rc)
		clock_calibrate();
	return rc;
}

static int baseline_release(struct inode *inode, struct file *file)
{
	mutex_lock(&baseline_lock);
	release_device();
	baseline_open_now = false;
	mutex_unlock(&baseline_lock);
	return 0;
}

static const struct file_operations baseline_fops = {
	.owner = THIS_MODULE,
	.open = baseline_open,
	.release = baseline_release,
	.unlocked_ioctl = baseline_ioctl,
};

static struct miscdevice baseline_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommufd_baseline",
	.fops = &baseline_fops,
	.mode = 0600,
};

module_misc_device(baseline_misc);

MODULE_DESCRIPTION("The cheapest way to map memory for a device, to compare with");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMMUFD_VERSION);
