/* SPDX-License-Identifier: GPL-2.0-only */
/* Obstacles to binding a device, those of the system and of the device */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "files.h"
#include "host.h"
#include "iommuctl.h"

/**
 * struct finding - something that is in the way, or that is good to know
 * @cause: its name, see Documentation/iommuctl.md
 * @text: what it is
 * @cure: a command that removes the cause, or another remedy
 * @note: it prevents nothing
 */
struct finding {
	const char *cause;
	char *text;
	char *cure;
	bool note;
};

struct findings {
	struct finding *list;
	size_t n;
};

/* Takes over @text and @cure. */
void found(struct findings *findings, const char *cause, char *text, char *cure);
void found_note(struct findings *findings, const char *cause, char *text,
		char *cure);

/**
 * struct system - the state of the host, common to all devices
 * @release: of the kernel
 * @has_iommufd: the kernel has CONFIG_IOMMUFD itself
 * @iommu: there is an IOMMU group
 * @late_groups: a device may have none before it first gets a driver
 * @stock: the kernel's own vfio-pci is loaded, and has no device files
 */
struct system {
	char release[128];
	bool has_iommufd;
	bool iommu;
	bool late_groups;
	bool stock;
};

/* Look at the system; its findings hold for each device. */
void check_system(struct system *sys, struct findings *findings,
		  const struct options *opt);

/* Look at a device, for causes that are not the system's. */
void check_device(const struct system *sys, const struct device_list *list,
		  const struct device *dev, const struct file_list *files,
		  struct findings *findings);

/* A command that has Debian's GRUB switch on VT-d */
#define CHECK_GRUB "/etc/default/grub && update-grub && reboot"
#define CHECK_INTEL_ON \
	"sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on /' " CHECK_GRUB

/* May this process open the file for reading and writing? */
bool check_access(const char *path);

/* The name of the user that this process runs as */
const char *check_user(void);

#endif
