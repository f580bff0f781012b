/* SPDX-License-Identifier: GPL-2.0-only */
/* Modules of the kernel */
#ifndef LIB_MODULE_H
#define LIB_MODULE_H

/* Arguments of module_load() for the driver of containers */
#define TYPE1_MODULE	"vfio_iommu_type1", "/sys/module/vfio_iommu_type1"

/* Load it, unless path is there, which it makes.  Returns 0 or a negative errno. */
int module_load(const char *name, const char *path);

#endif
