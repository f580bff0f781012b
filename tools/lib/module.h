/* SPDX-License-Identifier: GPL-2.0-only */
/* Modules of the kernel */
#ifndef LIB_MODULE_H
#define LIB_MODULE_H

/* Arguments of module_load() for the driver of containers */
#define TYPE1_MODULE	"vfio_iommu_type1", "/sys/module/vfio_iommu_type1"

/* ... and for the one that serves containers on the page tables of /dev/iommu */
#define BACKEND_MODULE	"vfio_iommu_iommufd", "/sys/module/vfio_iommu_iommufd"

/* Load a module, unless path exists, which it creates.  0 or -errno */
int module_load(const char *name, const char *path);
/* Unload it if path exists.  0 or -errno: -EAGAIN when it is used */
int module_unload(const char *name, const char *path);
/*
 * Load vfio-pci anew, with parameters or "".  Unloading it shows that nothing uses it.
 * 0 or not
 */
int vfio_pci_reload(const char *parameters);
/* The number of its users, by /sys/module; -errno when it is not loaded */
int module_users(const char *name);

#endif
