/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_MMIO_H
#define __IOMMUFD_MOCK_MMIO_H

#include <linux/types.h>

struct iommufd_ucmd;

int mock_mmio_create(struct iommufd_ucmd *ucmd);
int mock_mmio_set(struct iommufd_ucmd *ucmd);
int mock_mmio_phys(int fd, u64 offset, phys_addr_t *phys);

#endif
