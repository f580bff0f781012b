/* SPDX-License-Identifier: GPL-2.0-only */
/* Modules of the kernel */
#ifndef LIB_MODULE_H
#define LIB_MODULE_H

/* Arguments of module_load() for the driver of containers */
#define TYPE1_MODULE	"vfio_iommu_type1", "/sys/module/vfio_iommu_type1"

/* Load a module, unless path exists, which it creates.  0 or -errno */
int module_load(const char *name, const char *path);

#endif
