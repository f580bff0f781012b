/* SPDX-License-Identifier: GPL-2.0-only */
/* The PCI devices of this host, their IOMMU groups, drivers and device files */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <sys/types.h>

#define ADDRESS_LEN 24		/* 0000:00:04.0, with any domain */
#define VFIO_PCI "vfio-pci"

/**
 * struct device - a PCI function
 * @address: as sysfs has it
 * @name: of its vendor and itself, by pci.ids
 * @vendor: ID of its vendor
 * @class: class and subclass
 * @group: number of its IOMMU group, -1 if no IOMMU translates for it
 * @driver: that is bound to it, or empty
 * @override: the only driver that may be bound to it, or empty for any
 * @physfn: of a virtual function, the address of the physical one, or empty
 * @vfio: vfioN if a VFIO driver is bound to it, or empty
 * @node: the number of its device file, 0 without one
 * @coherent: 1 if the IOMMU makes all its DMA coherent, 0 if not, -1 if that is
 *	not known
 */
struct device {
	char address[ADDRESS_LEN];
	char *name;
	unsigned int vendor;
	unsigned int class;
	int group;
	char driver[64];
	char override[64];
	char physfn[ADDRESS_LEN];
	char vfio[32];
	dev_t node;
	int coherent;
};

struct device_list {
	struct device *devices;	/* by address */
	size_t n;
};

/* Exits with EXIT_SYSTEM if sysfs cannot be read. */
void host_devices(struct device_list *list);

/* NULL without such a device. */
const struct device *host_find(const struct device_list *list,
			       const char *address);

/*
 * Turn a user's name of a device, 00:04.0 or 0000:00:04.0, into the name in
 * sysfs.  Returns false if it is no address of a PCI function.
 */
bool host_address(char address[ADDRESS_LEN], const char *arg);

/* The number of /dev/iommu, 0 without it. */
dev_t host_iommu(void);

/* The number of /dev/vfio/GROUP, 0 without it. */
dev_t host_group_file(int group);

#endif
