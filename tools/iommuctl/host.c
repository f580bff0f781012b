// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <pci/pci.h>

#include "host.h"
#include "util.h"

/* libpci could not do something. */
static noreturn void pci_failed(char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	die(EXIT_SYSTEM, "%s", text);
}

static void pci_warned(char *fmt, ...)
{
	(void)fmt;
}

static int group_of(const char *address)
{
	char name[32], type[32];

	if (!root_link(name, sizeof(name), "/sys/bus/pci/devices/%s/iommu_group",
		       address))
		return -1;
	/* VFIO makes up groups for devices without an IOMMU, if told to. */
	if (root_read(type, sizeof(type), "/sys/kernel/iommu_groups/%s/name",
		      name) && !strcmp(type, "vfio-noiommu"))
		return -1;
	return atoi(name);
}

static void find_node(struct device *dev)
{
	DIR *dir = root_opendir("/sys/bus/pci/devices/%s/vfio-dev", dev->address);
	const char *name = next_entry(dir);

	if (name) {
		snprintf(dev->vfio, sizeof(dev->vfio), "%s", name);
		dev->node = root_dev("/sys/bus/pci/devices/%s/vfio-dev/%s/dev",
				     dev->address, name);
	}
	if (dir)
		closedir(dir);
}

/* AMD's IOMMUs always can; VT-d's can if they have snoop control. */
static int coherence_of(const char *address)
{
	char ecap[32];

	if (root_exists("/sys/bus/pci/devices/%s/iommu/amd-iommu", address))
		return 1;
	if (!root_read(ecap, sizeof(ecap),
		       "/sys/bus/pci/devices/%s/iommu/intel-iommu/ecap", address))
		return -1;
	return strtoull(ecap, NULL, 16) >> 7 & 1;
}

static void look_at(struct device *dev, struct pci_access *access,
		    struct pci_dev *pci)
{
	char name[256];

	memset(dev, 0, sizeof(*dev));
	snprintf(dev->address, sizeof(dev->address), "%04x:%02x:%02x.%d",
		 pci->domain, pci->bus, pci->dev, pci->func);
	pci_fill_info(pci, PCI_FILL_IDENT | PCI_FILL_CLASS);
	dev->vendor = pci->vendor_id;
	dev->class = pci->device_class;
	dev->name = xstrdup(pci_lookup_name(access, name, sizeof(name),
					    PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE,
					    pci->vendor_id, pci->device_id) ?:
			    "");
	dev->group = group_of(dev->address);
	root_link(dev->driver, sizeof(dev->driver),
		  "/sys/bus/pci/devices/%s/driver", dev->address);
	root_link(dev->physfn, sizeof(dev->physfn),
		  "/sys/bus/pci/devices/%s/physfn", dev->address);
	if (!root_read(dev->override, sizeof(dev->override),
		       "/sys/bus/pci/devices/%s/driver_override",
		       dev->address) || !strcmp(dev->override, "(null)"))
		*dev->override = 0;
	find_node(dev);
	dev->coherent = coherence_of(dev->address);
}

static int compare(const void *a, const void *b)
{
	const struct device *x = a, *y = b;
	size_t i = strlen(x->address), j = strlen(y->address);

	return i == j ? strcmp(x->address, y->address) : i < j ? -1 : 1;
}

void host_devices(struct device_list *list)
{
	struct pci_access *access = pci_alloc();
	char *sysfs = root_path("/sys/bus/pci");
	char *ids = root_path("/usr/share/misc/pci.ids");
	struct pci_dev *pci;

	list->devices = NULL;
	list->n = 0;
	access->method = PCI_ACCESS_SYS_BUS_PCI;
	access->error = (typeof(access->error))pci_failed;
	access->warning = (typeof(access->warning))pci_warned;
	pci_set_param(access, "sysfs.path", sysfs);
	pci_set_name_list_path(access, ids, 0);
	pci_init(access);
	pci_scan_bus(access);
	for (pci = access->devices; pci; pci = pci->next) {
		list->devices = xrealloc(list->devices, (list->n + 1) *
					 sizeof(*list->devices));
		look_at(&list->devices[list->n++], access, pci);
	}
	pci_cleanup(access);
	free(ids);
	free(sysfs);
	if (list->n)
		qsort(list->devices, list->n, sizeof(*list->devices), compare);
}

const struct device *host_find(const struct device_list *list,
			       const char *address)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (!strcmp(list->devices[i].address, address))
			return &list->devices[i];
	return NULL;
}

bool host_address(char address[ADDRESS_LEN], const char *arg)
{
	unsigned int domain, bus, dev, func;
	int end = 0;

	if (strspn(arg, "0123456789abcdefABCDEF:.") != strlen(arg))
		return false;
	if (sscanf(arg, "%8x:%2x:%2x.%1x%n", &domain, &bus, &dev, &func, &end) != 4 ||
	    arg[end]) {
		domain = 0;
		end = 0;
		if (sscanf(arg, "%2x:%2x.%1x%n", &bus, &dev, &func, &end) != 3 ||
		    arg[end])
			return false;
	}
	if (dev > 31 || func > 7)
		return false;
	snprintf(address, ADDRESS_LEN, "%04x:%02x:%02x.%x", domain, bus, dev, func);
	return true;
}

dev_t host_iommu(void)
{
	return root_dev("/sys/class/misc/iommu/dev");
}

dev_t host_group_file(int group)
{
	return group < 0 ? 0 : root_dev("/sys/class/vfio/%d/dev", group);
}
