/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_IMPORT_H
#define __IOMMUFD_MOCK_IMPORT_H

struct iommufd_ucmd;

int mock_import_create(struct iommufd_ucmd *ucmd);
int mock_import_use(struct iommufd_ucmd *ucmd);

#endif
