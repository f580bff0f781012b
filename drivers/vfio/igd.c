// SPDX-License-Identifier: GPL-2.0-only
/*
 * The extra regions of Intel graphics devices, all of them read-only:
 *
 * OPREGION  a table that the firmware leaves in memory, followed by the
 *	     extended video BIOS table (VBT) if there is one
 * HOST_CFG  the configuration space of the host bridge, 00:00.0
 * LPC_CFG   the configuration space of the LPC bridge, 00:1f.0
 *
 * The driver in a guest expects all three.  It finds the OpRegion by the
 * address in the device's register 0xfc, which the VMM writes; so the user's
 * writes to that register go to a copy.
 *
 * The OpRegion's fields RVDA and RVDS have the location and the size of the
 * extended VBT.  RVDA is a physical address in version 2.0, and an offset from
 * the OpRegion in later versions.  In the region the VBT always follows the
 * OpRegion immediately.  Therefore the user reads the size of the OpRegion as
 * RVDA (0 without a VBT), and 2.1 instead of version 2.0, in which RVDA could
 * not be an offset.  The two versions differ in nothing else.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

#include "igd.h"

#define IGD_OPREGION_REG	0xfc
#define IGD_OPREGION_SIZE	SZ_8K

#define IGD_SIGNATURE		"IntelGraphicsMem"
#define IGD_SIZE_KB		0x10
#define IGD_VERSION		0x16
#define IGD_RVDA		0x3ba
#define IGD_RVDS		0x3c2

#define IGD_VERSION_2_0		0x0200
#define IGD_VERSION_2_1		0x0201

/* vfio-pci-core's mark in pci_config_map for a byte read from vconfig */
#define IGD_CAP_ID_VIRTUAL	0xfe

#define IGD_REGION_TYPE \
	(PCI_VENDOR_ID_INTEL | VFIO_REGION_TYPE_PCI_VENDOR_TYPE)

/**
 * struct igd_opregion - The memory of an OPREGION region
 * @table: The OpRegion, IGD_OPREGION_SIZE bytes.
 * @vbt: The extended VBT, NULL if there is none.
 * @vbt_size: Size of @vbt in bytes.
 *
 * The data of a struct vfio_pci_region.  Constant once the region is
 * registered, so there is no lock.  The memory at @table does change: firmware
 * and driver use it as a mailbox.
 */
struct igd_opregion {
	void *table;
	void *vbt;
	u32 vbt_size;
};

static struct vfio_pci_region *igd_region(struct vfio_pci_core_device *core,
					  loff_t pos)
{
	return &core->region[VFIO_PCI_OFFSET_TO_INDEX(pos) -
			     VFIO_PCI_NUM_REGIONS];
}

/*
 * Check an access to a read-only region.  Returns the number of bytes that can
 * be read, or -EINVAL.
 */
static ssize_t igd_check_read(struct vfio_pci_region *region, loff_t pos,
			      size_t count, bool iswrite)
{
	if (iswrite || pos >= region->size)
		return -EINVAL;
	return min_t(size_t, count, region->size - pos);
}

/* Copy the part of a field that is in [pos, pos + len) to its place in buf. */
static void igd_overlay(u8 *buf, size_t pos, size_t len, size_t field,
			const void *value, size_t size)
{
	size_t first = max(pos, field);
	size_t end = min(pos + len, field + size);

	if (first < end)
		memcpy(buf + first - pos, value + first - field, end - first);
}

/* Read a piece that is either in the OpRegion or in the VBT as a whole. */
static void igd_opregion_read(struct igd_opregion *op, u8 *buf, size_t pos,
			      size_t len)
{
	__le16 version;
	__le64 rvda;

	if (pos >= IGD_OPREGION_SIZE) {
		memcpy(buf, op->vbt + pos - IGD_OPREGION_SIZE, len);
		return;
	}

	memcpy(buf, op->table + pos, len);

	rvda = cpu_to_le64(op->vbt ? IGD_OPREGION_SIZE : 0);
	igd_overlay(buf, pos, len, IGD_RVDA, &rvda, sizeof(rvda));

	if (op->vbt &&
	    get_unaligned_le16(op->table + IGD_VERSION) == IGD_VERSION_2_0) {
		version = cpu_to_le16(IGD_VERSION_2_1);
		igd_overlay(buf, pos, len, IGD_VERSION, &version,
			    sizeof(version));
	}
}

static ssize_t igd_opregion_rw(struct vfio_pci_core_device *core,
			       char __user *ubuf, size_t count, loff_t *ppos,
			       bool iswrite)
{
	struct vfio_pci_region *region = igd_region(core, *ppos);
	size_t pos = *ppos & VFIO_PCI_OFFSET_MASK;
	size_t done = 0, len;
	ssize_t todo;
	u8 buf[128];

	todo = igd_check_read(region, pos, count, iswrite);
	if (todo < 0)
		return todo;

	while (done < todo) {
		/* An aligned piece does not cross the end of the OpRegion. */
		len = min_t(size_t, todo - done,
			    sizeof(buf) - pos % sizeof(buf));
		igd_opregion_read(region->data, buf, pos, len);
		if (copy_to_user(ubuf + done, buf, len))
			return -EFAULT;
		done += len;
		pos += len;
	}

	*ppos += done;
	return done;
}

static void igd_opregion_unmap(struct igd_opregion *op)
{
	if (op->vbt)
		memunmap(op->vbt);
	memunmap(op->table);
	kfree(op);
}

static void igd_opregion_release(struct vfio_pci_core_device *core,
				 struct vfio_pci_region *region)
{
	igd_opregion_unmap(region->data);
}

static const struct vfio_pci_regops igd_opregion_ops = {
	.rw = igd_opregion_rw,
	.release = igd_opregion_release,
};

/* Map the extended VBT.  There is one if both RVDA and RVDS are set. */
static int igd_opregion_map_vbt(struct igd_opregion *op, u32 addr)
{
	u16 version = get_unaligned_le16(op->table + IGD_VERSION);
	u64 rvda = get_unaligned_le64(op->table + IGD_RVDA);
	u32 rvds = get_unaligned_le32(op->table + IGD_RVDS);

	if (version < IGD_VERSION_2_0 || !rvda || !rvds)
		return 0;

	if (version > IGD_VERSION_2_0)
		rvda += addr;
	op->vbt = memremap(rvda, rvds, MEMREMAP_WB);
	if (!op->vbt)
		return -ENOMEM;
	op->vbt_size = rvds;
	return 0;
}

static struct igd_opregion *igd_opregion_map(u32 addr)
{
	struct igd_opregion *op;
	int rc;

	op = kzalloc(sizeof(*op), GFP_KERNEL_ACCOUNT);
	if (!op)
		return ERR_PTR(-ENOMEM);

	op->table = memremap(addr, IGD_OPREGION_SIZE, MEMREMAP_WB);
	if (!op->table) {
		kfree(op);
		return ERR_PTR(-ENOMEM);
	}

	/* The size is 8 KiB in every version; 0 means no table. */
	if (memcmp(op->table, IGD_SIGNATURE, strlen(IGD_SIGNATURE)) ||
	    !get_unaligned_le32(op->table + IGD_SIZE_KB)) {
		rc = -EINVAL;
		goto err_unmap;
	}

	rc = igd_opregion_map_vbt(op, addr);
	if (rc)
		goto err_unmap;
	return op;

err_unmap:
	igd_opregion_unmap(op);
	return ERR_PTR(rc);
}

static int igd_opregion_init(struct vfio_pci_core_device *core)
{
	const unsigned int subtype = VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION;
	struct igd_opregion *op;
	u32 addr;
	int rc;

	rc = pci_read_config_dword(core->pdev, IGD_OPREGION_REG, &addr);
	if (rc)
		return pcibios_err_to_errno(rc);
	if (!addr || addr == U32_MAX)
		return -ENODEV;

	op = igd_opregion_map(addr);
	if (IS_ERR(op))
		return PTR_ERR(op);

	rc = vfio_pci_core_register_dev_region(core, IGD_REGION_TYPE, subtype,
					       &igd_opregion_ops,
					       IGD_OPREGION_SIZE +
					       op->vbt_size,
					       VFIO_REGION_INFO_FLAG_READ, op);
	if (rc) {
		igd_opregion_unmap(op);
		return rc;
	}

	/* From now on the user reads and writes a copy of the register. */
	put_unaligned_le32(addr, core->vconfig + IGD_OPREGION_REG);
	memset(core->pci_config_map + IGD_OPREGION_REG, IGD_CAP_ID_VIRTUAL,
	       sizeof(addr));
	return 0;
}

/*
 * Read the largest naturally aligned piece at pos that is no longer than left.
 * Returns its length or an errno; val is set to its bytes.
 */
static int igd_cfg_read(struct pci_dev *pdev, int pos, size_t left,
			__le32 *val)
{
	u32 dword;
	u16 word;
	u8 byte;
	int rc;

	if (!(pos & 3) && left >= 4) {
		rc = pci_user_read_config_dword(pdev, pos, &dword);
		*val = cpu_to_le32(dword);
		return rc ? rc : 4;
	}
	if (!(pos & 1) && left >= 2) {
		rc = pci_user_read_config_word(pdev, pos, &word);
		*val = cpu_to_le32(word);
		return rc ? rc : 2;
	}
	rc = pci_user_read_config_byte(pdev, pos, &byte);
	*val = cpu_to_le32(byte);
	return rc ? rc : 1;
}

static ssize_t igd_cfg_rw(struct vfio_pci_core_device *core, char __user *ubuf,
			  size_t count, loff_t *ppos, bool iswrite)
{
	struct vfio_pci_region *region = igd_region(core, *ppos);
	int pos = *ppos & VFIO_PCI_OFFSET_MASK;
	size_t done = 0;
	ssize_t todo;
	__le32 val;
	int len;

	todo = igd_check_read(region, *ppos & VFIO_PCI_OFFSET_MASK, count,
			      iswrite);
	if (todo < 0)
		return todo;

	while (done < todo) {
		len = igd_cfg_read(region->data, pos, todo - done, &val);
		if (len < 0)
			return len;
		if (copy_to_user(ubuf + done, &val, len))
			return -EFAULT;
		done += len;
		pos += len;
	}

	*ppos += done;
	return done;
}

static void igd_cfg_release(struct vfio_pci_core_device *core,
			    struct vfio_pci_region *region)
{
	pci_dev_put(region->data);
}

static const struct vfio_pci_regops igd_cfg_ops = {
	.rw = igd_cfg_rw,
	.release = igd_cfg_release,
};

static int igd_cfg_init(struct vfio_pci_core_device *core, unsigned int devfn,
			unsigned int class, unsigned int subtype)
{
	struct pci_dev *bridge;
	int rc;

	bridge = pci_get_domain_bus_and_slot(0, 0, devfn);
	if (!bridge)
		return -ENODEV;

	if (bridge->vendor != PCI_VENDOR_ID_INTEL ||
	    bridge->class != class << 8) {
		rc = -EINVAL;
		goto err_put;
	}

	rc = vfio_pci_core_register_dev_region(core, IGD_REGION_TYPE, subtype,
					       &igd_cfg_ops, bridge->cfg_size,
					       VFIO_REGION_INFO_FLAG_READ,
					       bridge);
	if (rc)
		goto err_put;
	return 0;

err_put:
	pci_dev_put(bridge);
	return rc;
}

/**
 * vfio_pci_igd_init() - Add the regions of an Intel graphics device
 * @core: The device, between vfio_pci_core_enable() and
 *	vfio_pci_core_finish_enable().
 *
 * vfio_pci_core_disable() removes the regions, also those that were added
 * before an error.
 *
 * Context: Process context; sleeps.  The caller holds the lock of the device
 * set.
 *
 * Return: 0; -ENODEV if the device has no OpRegion or the machine lacks one of
 * the two bridges, without which the device can be used nonetheless; -EINVAL if
 * the OpRegion has no signature or a bridge is not Intel's; -ENOMEM; another
 * errno if the configuration space cannot be read.
 */
int vfio_pci_igd_init(struct vfio_pci_core_device *core)
{
	int rc;

	rc = igd_opregion_init(core);
	if (rc)
		return rc;

	rc = igd_cfg_init(core, PCI_DEVFN(0, 0), PCI_CLASS_BRIDGE_HOST,
			  VFIO_REGION_SUBTYPE_INTEL_IGD_HOST_CFG);
	if (rc)
		return rc;

	return igd_cfg_init(core, PCI_DEVFN(0x1f, 0), PCI_CLASS_BRIDGE_ISA,
			    VFIO_REGION_SUBTYPE_INTEL_IGD_LPC_CFG);
}
