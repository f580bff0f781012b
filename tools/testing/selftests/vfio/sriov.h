/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual functions of vfio-pci, of the NVMe of the VM's profile "sriov", and the
 * token that their users share with those of the physical function.
 */
#ifndef SELFTESTS_VFIO_SRIOV_H
#define SELFTESTS_VFIO_SRIOV_H

#include "group.h"

#define PARAMETERS	"/sys/module/vfio_pci/parameters"
#define STUB	"pci-pf-stub"	/* its devices may have virtual functions */

/* The same token as text and in binary; and another one */
#define TOKEN	"01234567-89ab-cdef-0123-456789abcdef"
#define WRONG_TOKEN "11234567-89ab-cdef-0123-456789abcdef"
#define TOKEN_BYTES	"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef"

static inline int set_module_parameter(const char *name, const char *value)
{
	char path[PATH_MAX];
	int fd, rc = 0;

	snprintf(path, sizeof(path), PARAMETERS "/%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static inline bool is(const char *bdf, const char *name, const char *value)
{
	char text[64];

	return !pci_read(bdf, name, text, sizeof(text)) && !strcmp(text, value);
}

/* Whether a call may fail like that for a virtual function that is going away */
static inline bool is_of_going_vf(int rc)
{
	/* EAGAIN: the core cannot reset it */
	return rc == -EAGAIN || rc == -ENODEV || rc == -ENOENT || rc == -ENXIO;
}

/* Files that a failed test has left open would keep devices and the driver */
static inline void close_all(void)
{
	close_range(3, ~0U, 0);
}

/* Remove all virtual functions, and free the physical one */
static inline int no_sriov(const char *pf)
{
	int rc = 0;

	if (!is(pf, "sriov_numvfs", "0"))
		rc = (pci_bound_to(pf, NULL) ? pci_try_bind(pf, STUB) : 0) ?:
		     pci_write(pf, "sriov_numvfs", "0");
	return rc ?: pci_release(pf);
}

/* Find the physical function, free it, and load the drivers of its tests */
static inline int find_pf(char pf[BDF_LEN])
{
	return module_load(STUB, "/sys/bus/pci/drivers/" STUB) ?:
	       module_load(TYPE1_MODULE) ?:
	       pci_behind(SRIOV_PORT, 0, pf) ?:
	       no_sriov(pf);
}

static inline int set_token(int pf, const char *bytes)
{
	char buf[sizeof(struct vfio_device_feature) + 16];
	struct vfio_device_feature *feature = (void *)buf;

	feature->argsz = sizeof(buf);
	feature->flags = VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_PCI_VF_TOKEN;
	memcpy(feature->data, bytes, 16);
	return ERR(ioctl(pf, VFIO_DEVICE_FEATURE, feature));
}

static inline int get_with_token(struct group_user *user, const char *bdf,
				 const char *token)
{
	char name[BDF_LEN + 64];

	snprintf(name, sizeof(name), "%s vf_token=%s", bdf, token);
	return group_user_get_device(user, name);
}

#endif
