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
 *	it is attached, with MOCK_FAULTS_EXPECTED as for @expected.
 * @expected: The page table that is attached has page faults: if there is no
 *	handle, there will be one when the attach is over.  Written without
 *	@lock, as that is held while a report waits for the attach.
 */
struct mock_faults {
	struct mutex lock;	/* of the following */
	struct iommu_backend_fault_handle *handle;
	struct xarray pasids;
	bool expected;
};

/* Mark of an entry of mock_faults::pasids */
#define MOCK_FAULTS_EXPECTED	XA_MARK_0

void mock_faults_init(struct mock_faults *faults);
void mock_faults_destroy(struct mock_faults *faults);
int mock_faults_add_pasid(struct mock_faults *faults, u32 pasid);
void mock_faults_remove_pasid(struct mock_faults *faults, u32 pasid);
void mock_faults_expect(struct mock_faults *faults, bool expected);
void mock_faults_expect_pasid(struct mock_faults *faults, u32 pasid,
			      bool expected);
void mock_faults_set_handle(struct mock_faults *faults, u32 pasid,
			    struct iommu_backend_fault_handle *handle);
int mock_faults_raise(struct mock_faults *faults, u32 pasid,
		      const struct iommu_backend_fault *first, unsigned int n);
void mock_respond_fault(void *request, enum iommufd_page_response_code code);

#endif
