/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_FAULT_H
#define __IOMMUFD_MOCK_FAULT_H

#include <linux/mutex.h>

#include "../iommufd/backend/backend.h"

/**
 * struct mock_faults - Where page faults of a mock device go
 * @lock: Guards @handle.  Held while faults are reported to it.
 * @handle: The handle for faults without a PASID, or NULL.
 */
struct mock_faults {
	struct mutex lock;	/* of the following */
	struct iommu_backend_fault_handle *handle;
};

void mock_faults_init(struct mock_faults *faults);
void mock_faults_destroy(struct mock_faults *faults);
void mock_faults_set_handle(struct mock_faults *faults,
			    struct iommu_backend_fault_handle *handle);
int mock_faults_raise(struct mock_faults *faults,
		      const struct iommu_backend_fault *first, unsigned int n);
void mock_respond_fault(void *request, enum iommufd_page_response_code code);

#endif
