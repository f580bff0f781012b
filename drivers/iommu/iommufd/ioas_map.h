/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_IOAS_MAP_H
#define __IOMMUFD_IOAS_MAP_H

struct iommufd_ctx;
struct iommufd_ucmd;
struct iopt_map;

int iommufd_map_begin_user(struct iommufd_ctx *ictx, struct iopt_map *map,
			   unsigned long uaddr, unsigned long length, int prot,
			   const unsigned long *fixed_iova);
int iommufd_ioas_copy(struct iommufd_ucmd *ucmd);
int iommufd_ioas_demand(struct iommufd_ucmd *ucmd);
int iommufd_ioas_map(struct iommufd_ucmd *ucmd);
int iommufd_ioas_map_file(struct iommufd_ucmd *ucmd);
int iommufd_ioas_unmap(struct iommufd_ucmd *ucmd);

#endif
