// SPDX-License-Identifier: GPL-2.0-only
/* iommuctl check: one device, and its IOMMU group */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "util.h"

#define CLASS_BRIDGE_PCI 0x0604
#define CLASS_BASE_DISPLAY 0x03
#define VENDOR_INTEL 0x8086

#define GRAPHICS_TEXT \
	"no IOMMU translates for it: this kernel leaves VT-d off for Intel graphics unless told"
#define FIRMWARE_CURE \
	"switch off in the firmware's settings what uses the device: shared graphics memory, remote management, USB legacy support"
#define COHERENCY_TEXT \
	"it has no device file: its DMA is not coherent with the CPU's caches"
#define ISOLATION_TEXT \
	"it has no device file: its DMA bears another device's ID, which this kernel does not isolate"
#define ISOLATION_CURE \
	"boot a kernel that isolates it, 6.12.114 or later of 6.12, or 7.2 or later"
#define TOKEN_TEXT \
	"its physical function %s is given to %s: the users of both have to know a token"
#define TOKEN_CURE \
	"have the program show the token; if it cannot, use the group interface, /dev/vfio/%d"
#define NODE_CURE \
	"echo 'SUBSYSTEM==\"vfio-dev\", KERNELS==\"%s\", OWNER=\"%s\", MODE=\"0600\"' >>/etc/udev/rules.d/70-vfio.rules && udevadm control --reload && udevadm trigger --subsystem-match=vfio-dev"

/*
 * Does the driver leave DMA to the owner of the group?  VFIO's drivers do, and
 * so do drivers that do no DMA themselves.
 */
static bool leaves_dma(const struct device *dev)
{
	return !*dev->driver || *dev->vfio || !strcmp(dev->driver, "pcieport") ||
	       !strcmp(dev->driver, "pci-stub");
}

static char *override_command(const struct device *dev)
{
	return xformat("driverctl set-override %s " VFIO_PCI, dev->address);
}

/* Does it have a group, or may it get one with a driver? */
static bool has_group(const struct system *sys, const struct device *dev,
		      struct findings *findings)
{
	if (dev->group >= 0 || (sys->late_groups && !*dev->driver))
		return true;
	if (dev->vendor == VENDOR_INTEL && dev->class >> 8 == CLASS_BASE_DISPLAY)
		found(findings, "iommu",
		      xstrdup(GRAPHICS_TEXT),
		      xstrdup(CHECK_INTEL_ON));
	else
		found(findings, "iommu", xstrdup("no IOMMU translates for it"),
		      xstrdup("put it into another slot"));
	return false;
}

/*
 * Reserved memory of firmware, by the kernel's list of reserved regions.  Returns
 * whether there is any.
 */
static bool check_firmware(const struct device *dev, struct findings *findings)
{
	FILE *file = root_open("/sys/kernel/iommu_groups/%d/reserved_regions",
			       dev->group);
	unsigned long long first, last;
	char line[128], type[32];
	bool has = false;

	while (file && !has && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llx %llx %31s", &first, &last, type) != 3 ||
		    strcmp(type, "direct"))
			continue;
		found(findings, "firmware",
		      xformat("firmware needs [mem 0x%llx-0x%llx] mapped for its IOMMU group",
			      first, last),
		      xstrdup(FIRMWARE_CURE));
		has = true;
	}
	if (file)
		fclose(file);
	return has;
}

/*
 * Why vfio-pci has made no device file, if not because of firmware.  VT-d is
 * always coherent, and only with VT-d a kernel may fail to isolate a device.
 */
static void check_no_node(const struct device *dev, struct findings *findings)
{
	if (root_exists("/sys/bus/pci/devices/%s/iommu/intel-iommu", dev->address))
		found(findings, "isolation", xstrdup(ISOLATION_TEXT),
		      xstrdup(ISOLATION_CURE));
	else
		found(findings, "coherency", xstrdup(COHERENCY_TEXT),
		      xformat("use the group interface, /dev/vfio/%d", dev->group));
}

static void check_driver(const struct system *sys, const struct device *dev,
			 bool firmware, struct findings *findings)
{
	if (dev->node || (sys->stock && !strcmp(dev->driver, VFIO_PCI)))
		return;
	if (!strcmp(dev->driver, VFIO_PCI)) {
		if (!firmware)
			check_no_node(dev, findings);
		return;
	}
	if (*dev->driver && *dev->vfio)
		found(findings, "driver",
		      xformat("the driver %s has it, and makes no device file",
			      dev->driver),
		      override_command(dev));
	else if (*dev->driver)
		found(findings, "driver",
		      xformat("the host driver %s has it", dev->driver),
		      override_command(dev));
	else if (strcmp(dev->override, VFIO_PCI))
		found(findings, "driver", xstrdup("no driver has it"),
		      override_command(dev));
	else if (root_exists("/sys/module/vfio_pci"))
		found(findings, "driver",
		      xstrdup("vfio-pci was to take it and has not"),
		      xformat("echo %s >/sys/bus/pci/drivers_probe; dmesg | grep %s",
			      dev->address, dev->address));
	else
		found(findings, "driver",
		      xstrdup("vfio-pci is to take it, but is not loaded"),
		      xstrdup("modprobe vfio-pci"));
}

/* The rest of the group: a host driver must not have any of it. */
static void check_group(const struct device_list *list, const struct device *dev,
			struct findings *findings)
{
	size_t i;

	for (i = 0; i < list->n; i++) {
		const struct device *mate = &list->devices[i];

		if (mate == dev || mate->group != dev->group || leaves_dma(mate))
			continue;
		found(findings, "group",
		      xformat("%s of its IOMMU group %d has the host driver %s",
			      mate->address, mate->group, mate->driver),
		      override_command(mate));
	}
}

static void check_token(const struct device_list *list, const struct device *dev,
			struct findings *findings)
{
	const struct device *physfn = host_find(list, dev->physfn);

	if (physfn && *physfn->vfio)
		found_note(findings, "token",
			   xformat(TOKEN_TEXT, physfn->address, physfn->driver),
			   xformat(TOKEN_CURE, dev->group));
}

/* Without an IOMMU each device is on its own. */
static bool same_group(const struct device *dev, const struct device *other)
{
	return other == dev || (dev->group >= 0 && other->group == dev->group);
}

/*
 * Look for users of the device, or of its group.  A device file that is known
 * not to be bound excludes nobody.
 */
static void check_user_of(const struct device_list *list, const struct device *dev,
			  const struct open_file *file, struct findings *findings)
{
	const struct device *used = NULL;
	const char *how;
	size_t i;

	if (file->rdev == host_group_file(dev->group)) {
		how = "the group interface";
	} else {
		for (i = 0; i < list->n && !used; i++)
			if (same_group(dev, &list->devices[i]) &&
			    list->devices[i].node == file->rdev)
				used = &list->devices[i];
		if (!used || vfio_state_read(file) == VFIO_OPEN)
			return;
		how = "its device file";
	}
	found(findings, "user",
	      used && used != dev ?
	      xformat("process %d (%s) has %s of its IOMMU group %d",
		      file->pid, file->command, used->address, dev->group) :
	      xformat("process %d (%s) has it, by %s", file->pid, file->command, how),
	      xformat("kill %d", file->pid));
}

static void check_users(const struct device_list *list, const struct device *dev,
			const struct file_list *files, struct findings *findings)
{
	size_t i;

	for (i = 0; i < files->n; i++)
		check_user_of(list, dev, &files->files[i], findings);
}

static void check_permissions(const struct device *dev, struct findings *findings)
{
	char *path;

	if (!dev->node)
		return;
	path = xformat("/dev/vfio/devices/%s", dev->vfio);
	if (!root_exists("%s", path))
		found(findings, "permissions", xformat("there is no %s here", path),
		      xformat("start this container with --device %s", path));
	else if (!check_access(path))
		found(findings, "permissions",
		      xformat("%s may not open %s", check_user(), path),
		      xformat(NODE_CURE, dev->address, check_user()));
	free(path);
}

void check_device(const struct system *sys, const struct device_list *list,
		  const struct device *dev, const struct file_list *files,
		  struct findings *findings)
{
	bool firmware = false;

	if (dev->class == CLASS_BRIDGE_PCI) {
		found(findings, "driver",
		      xstrdup("it is a bridge, which cannot be given away"),
		      xstrdup("iommuctl list, and choose a device behind it"));
		return;
	}
	if (sys->iommu && !has_group(sys, dev, findings))
		return;
	if (dev->group >= 0)
		firmware = check_firmware(dev, findings);
	check_driver(sys, dev, firmware, findings);
	if (dev->group >= 0)
		check_group(list, dev, findings);
	check_token(list, dev, findings);
	check_users(list, dev, files, findings);
	check_permissions(dev, findings);
}
