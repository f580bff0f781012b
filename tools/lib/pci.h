/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI devices of the test VM and what sysfs can do with them.  Functions return
 * 0 or a negative errno.
 */
#ifndef LIB_PCI_H
#define LIB_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/* Devices of every VM: see tools/testing/vm/devices */
#define EDU	"0000:00:04.0"
#define NVME	"0000:00:05.0"
#define PAIR_0	"0000:00:06.0"	/* two edu functions in one group */
#define PAIR_1	"0000:00:06.1"
#define BRIDGE	"0000:00:07.0"	/* PCIe to PCI, with edu in slots 1 and 2 */

/* More devices, in profile "sriov" */
#define VGA	"0000:00:09.0"
#define SRIOV_PORT "0000:00:0a.0"	/* root port, with NVMe in slot 0 */
#define RESET_PORT "0000:00:0b.0"	/* root port, with edu and e1000e */
#define SLOT_PORT "0000:00:0d.0"	/* root port with a slot, two edu */
#define OTHER_SRIOV_PORT "0000:00:0e.0"	/* as SRIOV_PORT, without a disk */

#define BDF_LEN	13

/* Bind a device to a driver, from whatever it was bound to; NULL: to none */
int pci_bind(const char *bdf, const char *driver);
/* Unbind a device from its driver, if any, and clear driver_override */
int pci_release(const char *bdf);
bool pci_bound_to(const char *bdf, const char *driver);
/* Only write to the driver's file "bind" */
int pci_try_bind(const char *bdf, const char *driver);
int pci_unbind(const char *bdf);

/* Files of a device and of a driver; the text read has no newline */
int pci_read(const char *bdf, const char *name, char *text, size_t size);
int pci_write(const char *bdf, const char *name, const char *text);
int pci_write_driver(const char *driver, const char *name, const char *text);

/* Remove a device as if it was pulled out; a rescan finds it again */
int pci_remove(const char *bdf);
int pci_rescan(void);
bool pci_exists(const char *bdf);

/* Number of the device's IOMMU group */
int pci_group(const char *bdf);
/* The address of the device in a slot behind a bridge */
int pci_behind(const char *bridge, unsigned int slot, char bdf[BDF_LEN]);

/* The address of a physical function's virtual function */
int pci_virtfn(const char *pf, unsigned int n, char vf[BDF_LEN]);

/* Configuration space and BAR 0 without any driver, through sysfs */
int pci_config_read16(const char *bdf, unsigned int offset);
int pci_config_write16(const char *bdf, unsigned int offset, __u16 val);
int pci_map_bar0(const char *bdf, void **bar, size_t *length);

#endif
