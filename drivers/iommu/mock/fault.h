/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_MOCK_FAULT_H
#define __IOMMUFD_MOCK_FAULT_H

#include <linux/mutex.h>
#include <linux/xarray.h>

#include "../iommufd/backend/backend.h"

/**
 * struct mock_faults - Where page faults of a mock device go
 * @lock: Guards @handle and @pasids.  Held while faults are reported.
 * @handle: The handle for faults without a PASID, or NULL.  That of the first
 *	device of a group is for all of them.
 * @pasids: The handle for faults with a PASID, by PASID, which is reserved while
 *	it is attached.
 */
struct mock_faults {
	struct mutex lock;	/* of the following */
	struct iommu_backend_fault_handle *handle;
	struct xarray pasids;
};

void mock_faults_init(struct mock_faults *faults);
void mock_faults_destroy(struct mock_faults *faults);
int mock_faults_add_pasid(struct mock_faults *faults, u32 pasid);
void mock_faults_remove_pasid(struct mock_faults *faults, u32 pasid);
void mock_faults_set_handle(struct mock_faults *faults, u32 pasid,
			    struct iommu_backend_fault_handle *handle);
int mock_faults_raise(struct mock_faults *faults, u32 pasid,
		      const struct iommu_backend_fault *first, unsigned int n);
void mock_respond_fault(void *request, enum iommufd_page_response_code code);

#endif
