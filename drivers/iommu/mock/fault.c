// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page faults of mock devices, which IOMMU_TEST_CMD raises.
 */
#include <linux/atomic.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>
#include <uapi/linux/iommufd.h>

#include "fault.h"

/**
 * struct mock_request - A group of faults that has no answer yet
 * @grpid: The number of the group.
 */
struct mock_request {
	u32 grpid;
};

/* Of all devices, also of those that are gone */
static atomic_t mock_pending, mock_answers[2], mock_last_grpid;

static int answers_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%d %d %d %u\n", atomic_read(&mock_pending),
			  atomic_read(&mock_answers[IOMMUFD_PAGE_RESP_SUCCESS]),
			  atomic_read(&mock_answers[IOMMUFD_PAGE_RESP_INVALID]),
			  (u32)atomic_read(&mock_last_grpid));
}

static const struct kernel_param_ops answers_ops = {
	.get = answers_get,
};

module_param_cb(answers, &answers_ops, NULL, 0444);
MODULE_PARM_DESC(answers, "Groups of page faults without an answer, answered SUCCESS, answered INVALID, and the number of the one answered last");

static bool fault_thread;
module_param(fault_thread, bool, 0644);
MODULE_PARM_DESC(fault_thread, "Report page faults by a kernel thread, as IOMMU drivers do, and not by the caller (default: false)");

/**
 * mock_respond_fault() - See iommu_backend_ops::respond_fault
 * @request: The struct mock_request.
 * @code: The answer.
 *
 * Context: Process context.
 */
void mock_respond_fault(void *request, enum iommufd_page_response_code code)
{
	struct mock_request *mreq = request;

	WARN_ON(atomic_dec_return(&mock_pending) < 0);
	atomic_set(&mock_last_grpid, mreq->grpid);
	if (!WARN_ON(code > IOMMUFD_PAGE_RESP_INVALID))
		atomic_inc(&mock_answers[code]);
	kfree(mreq);
}

/**
 * mock_faults_init() - Set up where faults of a device go: nowhere
 * @faults: Of the device.  Pairs with mock_faults_destroy().
 *
 * Context: Any.
 */
void mock_faults_init(struct mock_faults *faults)
{
	mutex_init(&faults->lock);
	faults->handle = NULL;
	faults->expected = false;
	xa_init_flags(&faults->pasids, XA_FLAGS_ACCOUNT);
}

/**
 * mock_faults_destroy() - Undo mock_faults_init()
 * @faults: Of a device that is not attached.
 *
 * Context: Any.
 */
void mock_faults_destroy(struct mock_faults *faults)
{
	WARN_ON(faults->handle);
	xa_destroy(&faults->pasids);
	mutex_destroy(&faults->lock);
}

/**
 * mock_faults_add_pasid() - Prepare that faults with a PASID have a handle
 * @faults: Of the device.
 * @pasid: The PASID, about to be attached, or attached.
 *
 * Context: Process context.  Pairs with mock_faults_remove_pasid().
 *
 * Return: 0 or -ENOMEM.
 */
int mock_faults_add_pasid(struct mock_faults *faults, u32 pasid)
{
	return xa_reserve(&faults->pasids, pasid, GFP_KERNEL_ACCOUNT);
}

/**
 * mock_faults_remove_pasid() - Undo mock_faults_add_pasid()
 * @faults: Of the device.
 * @pasid: The PASID.  A handle that it still has stays until
 *	mock_faults_set_handle() takes it away.
 *
 * Context: Process context.
 */
void mock_faults_remove_pasid(struct mock_faults *faults, u32 pasid)
{
	xa_release(&faults->pasids, pasid);
}

/**
 * mock_faults_expect() - Note whether a page table that is attached has faults
 * @faults: Of the first device of a group.
 * @expected: Whether it has.
 *
 * Context: Any.
 */
void mock_faults_expect(struct mock_faults *faults, bool expected)
{
	WRITE_ONCE(faults->expected, expected);
}

/**
 * mock_faults_expect_pasid() - As mock_faults_expect(), for a PASID
 * @faults: Of the device.
 * @pasid: The PASID, of mock_faults_add_pasid().
 * @expected: Whether its page table has faults.
 *
 * Context: Any.
 */
void mock_faults_expect_pasid(struct mock_faults *faults, u32 pasid,
			      bool expected)
{
	if (expected)
		xa_set_mark(&faults->pasids, pasid, MOCK_FAULTS_EXPECTED);
	else
		xa_clear_mark(&faults->pasids, pasid, MOCK_FAULTS_EXPECTED);
}

/**
 * mock_faults_set_handle() - See iommu_backend_ops::set_fault_handle
 * @faults: Of the device, or for IOMMU_NO_PASID of the first one of its group.
 * @pasid: The PASID, or IOMMU_NO_PASID.
 * @handle: The handle, or NULL.
 *
 * Context: Process context.
 */
void mock_faults_set_handle(struct mock_faults *faults, u32 pasid,
			    struct iommu_backend_fault_handle *handle)
{
	mutex_lock(&faults->lock);
	if (pasid == IOMMU_NO_PASID)
		faults->handle = handle;
	else if (handle) /* The entry is reserved, so this takes no memory. */
		WARN_ON(xa_err(xa_store(&faults->pasids, pasid, handle,
					GFP_KERNEL_ACCOUNT)));
	else
		xa_erase(&faults->pasids, pasid);
	mutex_unlock(&faults->lock);
}

/**
 * struct mock_report - A group of faults that is being reported
 * @work: Reports it by a kernel thread.
 * @faults: Of the device.
 * @pasid: The PASID by whose attachment they go, or IOMMU_NO_PASID.
 * @group: The faults.
 * @n: Number of @group.
 * @mreq: By what the group is answered.
 */
struct mock_report {
	struct work_struct work;
	struct mock_faults *faults;
	u32 pasid;
	const struct iommu_backend_fault *group;
	unsigned int n;
	struct mock_request *mreq;
};

static bool mock_faults_expected(struct mock_faults *faults, u32 pasid)
{
	return pasid == IOMMU_NO_PASID ?
		       READ_ONCE(faults->expected) :
		       xa_get_mark(&faults->pasids, pasid,
				   MOCK_FAULTS_EXPECTED);
}

/*
 * Report a group of faults, which nobody gets if there is no handle.  If there
 * will be one, the device asks again.
 */
static void mock_faults_report(struct mock_report *report)
{
	struct mock_faults *faults = report->faults;
	struct iommu_backend_fault_handle *handle;

	mutex_lock(&faults->lock);
	handle = report->pasid == IOMMU_NO_PASID ?
			 faults->handle :
			 xa_load(&faults->pasids, report->pasid);
	atomic_inc(&mock_pending);
	if (handle)
		handle->report(handle, report->group, report->n, report->mreq);
	else
		mock_respond_fault(report->mreq,
				   mock_faults_expected(faults, report->pasid) ?
					   IOMMUFD_PAGE_RESP_SUCCESS :
					   IOMMUFD_PAGE_RESP_INVALID);
	mutex_unlock(&faults->lock);
}

static void mock_report_work(struct work_struct *work)
{
	mock_faults_report(container_of(work, struct mock_report, work));
}

static void mock_faults_report_by_thread(struct mock_report *report)
{
	INIT_WORK_ONSTACK(&report->work, mock_report_work);
	queue_work(system_long_wq, &report->work);
	flush_work(&report->work);
	destroy_work_on_stack(&report->work);
}

/**
 * mock_faults_raise() - Raise a group of page faults
 * @faults: Of the device.
 * @pasid: The PASID by whose attachment they go, or IOMMU_NO_PASID.
 * @first: The fault of the first page; its flags are ignored.
 * @n: Number of pages, which follow each other, not 0.
 *
 * Context: Process context; sleeps.
 *
 * Return: 0, also if nobody gets the faults, or -ENOMEM.
 */
int mock_faults_raise(struct mock_faults *faults, u32 pasid,
		      const struct iommu_backend_fault *first, unsigned int n)
{
	struct mock_report report = {
		.faults = faults,
		.pasid = pasid,
		.n = n,
	};
	struct iommu_backend_fault *group;
	struct mock_request *mreq;
	unsigned int i;

	mreq = kzalloc(sizeof(*mreq), GFP_KERNEL_ACCOUNT);
	if (!mreq)
		return -ENOMEM;
	mreq->grpid = first->grpid;
	group = kcalloc(n, sizeof(*group), GFP_KERNEL_ACCOUNT);
	if (!group) {
		kfree(mreq);
		return -ENOMEM;
	}
	for (i = 0; i < n; i++) {
		group[i] = *first;
		group[i].addr += i * PAGE_SIZE;
		group[i].flags = first->pasid ?
				 IOMMU_PGFAULT_FLAGS_PASID_VALID : 0;
	}
	group[n - 1].flags |= IOMMU_PGFAULT_FLAGS_LAST_PAGE;
	report.group = group;
	report.mreq = mreq;
	if (READ_ONCE(fault_thread))
		mock_faults_report_by_thread(&report);
	else
		mock_faults_report(&report);
	kfree(group);
	return 0;
}
