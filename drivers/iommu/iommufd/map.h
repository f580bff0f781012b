/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MMIO_H
#define __IOMMUFD_MMIO_H

struct iommufd_ctx;
struct iopt_map;

int iommufd_map_begin_user(struct iommufd_ctx *ictx, struct iopt_map *map,
			   unsigned long uaddr, unsigned long length, int prot,
			   const unsigned long *fixed_iova);

#endif
