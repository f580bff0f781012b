/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_ACCESS_H
#define __IOMMUFD_MOCK_ACCESS_H

struct iommufd_ucmd;

int mock_access_create(struct iommufd_ucmd *ucmd);
int mock_access_pages(struct iommufd_ucmd *ucmd);
int mock_access_destroy_pages(struct iommufd_ucmd *ucmd);
int mock_access_rw(struct iommufd_ucmd *ucmd);
int mock_access_replace_ioas(struct iommufd_ucmd *ucmd);
int mock_access_attach(struct iommufd_ucmd *ucmd);

#endif
