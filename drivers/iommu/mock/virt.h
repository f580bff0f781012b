/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_VIRT_H
#define __IOMMUFD_MOCK_VIRT_H

struct iommufd_ucmd;

int mock_test_check_iotlb(struct iommufd_ucmd *ucmd);
int mock_test_check_cache(struct iommufd_ucmd *ucmd);
int mock_test_trigger_vevent(struct iommufd_ucmd *ucmd);

#endif
