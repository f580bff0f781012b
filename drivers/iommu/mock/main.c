// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU_TEST_CMD: the operations of the ioctl, and the module.
 *
 * The module is for tests; it is never installed.
 */
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "../iommufd/backend/map.h"
#include "../iommufd/device.h"
#include "../iommufd/hw_pagetable.h"
#include "../iommufd/ioas.h"
#include "../iommufd/iopt/iova.h"
#include "../iommufd/nested.h"
#include "../iommufd/pages/huge.h"
#include "../iommufd/test_hook.h"
#include "../iommufd/ucmd.h"
#include "access.h"
#include "device.h"
#include "dma_buf.h"
#include "domain.h"
#include "import.h"
#include "iommufd_test.h"
#include "mmio.h"
#include "virt.h"
#include <linux/iommufd.h>
#include <uapi/linux/iommufd.h>

module_param_named(no_huge_hint, iopt_always_try_huge, bool, 0644);
MODULE_PARM_DESC(no_huge_hint,
		 "Try to pin a huge page at once wherever there could be one");

static int step_bytes_set(const char *text, const struct kernel_param *param)
{
	unsigned long bytes;
	int rc = kstrtoul(text, 0, &bytes);

	if (rc)
		return rc;
	if (!is_power_of_2(bytes) || bytes < PAGE_SIZE)
		return -EINVAL;
	WRITE_ONCE(iommu_step_bytes, bytes);
	return 0;
}

static const struct kernel_param_ops step_bytes_ops = {
	.set = step_bytes_set,
	.get = param_get_ulong,
};

module_param_cb(step_bytes, &step_bytes_ops, &iommu_step_bytes, 0644);
MODULE_PARM_DESC(step_bytes,
		 "Most bytes that an IOMMU driver is asked to map or unmap in one call, a power of two");

/**
 * struct mock_object - A mock device that is bound and attached, as an object
 * @obj: The object, of type IOMMUFD_OBJ_TEST.
 * @mdev: The device.
 * @idev: The binding of the device to the context.
 *
 * Constant once the object is published, so there is no lock.
 */
struct mock_object {
	struct iommufd_object obj;
	struct mock_device *mdev;
	struct iommufd_device *idev;
};

static int mock_respond(struct iommufd_ucmd *ucmd)
{
	return iommufd_ucmd_respond(ucmd, sizeof(struct iommu_test_cmd));
}

/* Check that a range consists of multiples of @align and does not wrap. */
static int mock_check_range(u64 start, u64 length, unsigned long align)
{
	u64 end;

	if ((start | length) & (align - 1))
		return -EINVAL;
	return check_add_overflow(start, length, &end) ? -EOVERFLOW : 0;
}

static int mock_test_add_reserved(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	u64 start = cmd->add_reserved.start, last;
	struct iommufd_ioas *ioas;
	int rc;

	if (!cmd->add_reserved.length)
		return -EINVAL;
	if (check_add_overflow(start, cmd->add_reserved.length - 1, &last))
		return -EOVERFLOW;
	ioas = iommufd_ioas_get(ucmd->ictx, cmd->id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	rc = iopt_reserve(&ioas->iopt, start, last, ioas);
	iommufd_object_put(&ioas->obj);
	return rc;
}

static void mock_object_unbind(struct mock_object *mobj)
{
	iommufd_device_pasid_detach_all(mobj->idev);
	iommufd_device_detach(mobj->idev);
	iommufd_device_unbind_owned(mobj->idev);
	mock_device_destroy(mobj->mdev);
}

/*
 * Make a device, in the group of @mate if that is not NULL, bind it, and attach
 * it to *@pt_id.
 */
static int mock_object_bind(struct iommufd_ucmd *ucmd, struct mock_object *mobj,
			    u32 flags, struct mock_device *mate, u32 *pt_id)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	int rc;

	mobj->mdev = mock_device_create(flags, mate);
	if (IS_ERR(mobj->mdev))
		return PTR_ERR(mobj->mdev);

	mobj->idev = iommufd_device_bind_owned(ucmd->ictx, &mobj->mdev->dev,
					       &cmd->mock_domain.out_idev_id);
	if (IS_ERR(mobj->idev)) {
		rc = PTR_ERR(mobj->idev);
		goto err_destroy;
	}
	rc = iommufd_device_attach(mobj->idev, pt_id);
	if (rc)
		goto err_unbind;
	return 0;

err_unbind:
	iommufd_device_unbind_owned(mobj->idev);
err_destroy:
	mock_device_destroy(mobj->mdev);
	return rc;
}

static int mock_object_create(struct iommufd_ucmd *ucmd, u32 flags,
			      struct mock_device *mate, u32 pt_id)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct mock_object *mobj;
	int rc;

	mobj = iommufd_object_alloc(ucmd->ictx, struct mock_object,
				    &iommufd_test_type);
	if (IS_ERR(mobj))
		return PTR_ERR(mobj);
	rc = mock_object_bind(ucmd, mobj, flags, mate, &pt_id);
	if (rc)
		goto err_abort;

	cmd->mock_domain.out_stdev_id = mobj->obj.id;
	cmd->mock_domain.out_hwpt_id = pt_id;
	rc = mock_respond(ucmd);
	if (rc)
		goto err_unmake;
	iommufd_test_publish(ucmd->ictx, &mobj->obj);
	return 0;

err_unmake:
	mock_object_unbind(mobj);
err_abort:
	iommufd_object_abort(ucmd->ictx, &mobj->obj);
	return rc;
}

static int mock_test_domain(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	return mock_object_create(ucmd, 0, NULL, cmd->id);
}

static int mock_test_domain_flags(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	u32 flags = cmd->mock_domain_flags.dev_flags;

	if (flags & ~MOCK_DEVICE_FLAGS)
		return -EOPNOTSUPP;
	return mock_object_create(ucmd, flags, NULL, cmd->id);
}

static int mock_test_mate(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct iommufd_object *obj;
	struct mock_device *mate;
	int rc;

	obj = iommufd_object_get(ucmd->ictx, cmd->id, &iommufd_test_type);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	mate = container_of(obj, struct mock_object, obj)->mdev;
	rc = mock_object_create(ucmd, mate->flags, mate, cmd->mock_mate.pt_id);
	iommufd_object_put(obj);
	return rc;
}

static int mock_test_domain_replace(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd __user *user = ucmd->ubuffer;
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct iommufd_object *obj;
	struct mock_object *mobj;
	int rc;

	/*
	 * A replace cannot be undone: find out whether the answer can be given.
	 */
	rc = mock_respond(ucmd);
	if (rc)
		return rc;
	obj = iommufd_object_get(ucmd->ictx, cmd->id, &iommufd_test_type);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	mobj = container_of(obj, struct mock_object, obj);
	rc = iommufd_device_replace(mobj->idev,
				    &cmd->mock_domain_replace.pt_id);
	iommufd_object_put(obj);
	return rc ?: put_user(cmd->mock_domain_replace.pt_id,
			      &user->mock_domain_replace.pt_id);
}

static struct mock_object *mock_object_get(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	return container_of(iommufd_object_get(ucmd->ictx, cmd->id,
					       &iommufd_test_type),
			    struct mock_object, obj);
}

/*
 * The answer has the ID that the call was given: find out whether it can be
 * given before anything is done.
 */
static int mock_set_pasid(struct iommufd_ucmd *ucmd,
			  int (*set)(struct iommufd_device *idev, u32 pasid,
				     u32 pt_id),
			  u32 pasid, u32 pt_id)
{
	struct mock_object *mobj;
	int rc;

	rc = mock_respond(ucmd);
	if (rc)
		return rc;
	mobj = mock_object_get(ucmd);
	if (IS_ERR(mobj))
		return PTR_ERR(mobj);
	rc = set(mobj->idev, pasid, pt_id);
	iommufd_object_put(&mobj->obj);
	return rc;
}

static int mock_test_pasid_attach(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	return mock_set_pasid(ucmd, iommufd_device_pasid_attach,
			      cmd->pasid_attach.pasid, cmd->pasid_attach.pt_id);
}

static int mock_test_pasid_replace(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	return mock_set_pasid(ucmd, iommufd_device_pasid_replace,
			      cmd->pasid_replace.pasid,
			      cmd->pasid_replace.pt_id);
}

static int mock_test_pasid_detach(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct mock_object *mobj = mock_object_get(ucmd);

	if (IS_ERR(mobj))
		return PTR_ERR(mobj);
	iommufd_device_pasid_detach(mobj->idev, cmd->pasid_detach.pasid);
	iommufd_object_put(&mobj->obj);
	return 0;
}

static int mock_check_pasid(struct iommufd_ucmd *ucmd, struct mock_object *mobj)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	u32 pasid = cmd->pasid_check.pasid;
	struct iommufd_object *obj;
	int rc = -EINVAL;

	if (!cmd->pasid_check.hwpt_id)
		return mock_device_has_pasid(mobj->mdev, pasid, NULL) ? 0 : rc;
	obj = iommufd_object_get(ucmd->ictx, cmd->pasid_check.hwpt_id, NULL);
	if (IS_ERR(obj))
		return rc;
	if ((obj->type == &iommufd_hwpt_type ||
	     obj->type == &iommufd_nested_type) &&
	    mock_device_has_pasid(mobj->mdev, pasid,
				  container_of(obj, struct iommufd_hwpt,
					       obj)->domain))
		rc = 0;
	iommufd_object_put(obj);
	return rc;
}

static int mock_test_pasid_check(struct iommufd_ucmd *ucmd)
{
	struct mock_object *mobj = mock_object_get(ucmd);
	int rc;

	if (IS_ERR(mobj))
		return PTR_ERR(mobj);
	rc = mock_check_pasid(ucmd, mobj);
	iommufd_object_put(&mobj->obj);
	return rc;
}

static int mock_test_check_map(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct iommufd_object *obj;
	struct iommufd_hwpt *hwpt;
	int rc;

	rc = mock_check_range(cmd->check_map.iova, cmd->check_map.length,
			      MOCK_PAGE_SIZE) ?:
	     mock_check_range(cmd->check_map.uptr, cmd->check_map.length,
			      MOCK_PAGE_SIZE);
	if (rc)
		return rc;

	obj = iommufd_object_get(ucmd->ictx, cmd->id, &iommufd_hwpt_type);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	hwpt = container_of(obj, struct iommufd_hwpt, obj);
	if (hwpt->backend == &mock_backend)
		rc = mock_domain_check(to_mock_domain(hwpt->domain),
				       cmd->check_map.iova,
				       cmd->check_map.length,
				       cmd->check_map.uptr);
	else
		rc = -EINVAL;
	iommufd_object_put(obj);
	return rc;
}

/* Find a byte of a region of MMIO, or of a dma-buf. */
static int mock_find_phys(int fd, u64 offset, phys_addr_t *phys)
{
	int rc = mock_mmio_phys(fd, offset, phys);

	return rc == -EBADFD ? mock_dma_buf_phys(fd, offset, phys) : rc;
}

static int mock_test_check_mmio(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	int prot = IOMMU_MMIO | IOMMU_READ;
	struct iommufd_hwpt *hwpt;
	phys_addr_t phys;
	int rc;

	if (cmd->check_mmio.write)
		prot |= IOMMU_WRITE;
	if (!cmd->check_mmio.length)
		return -EINVAL;
	rc = mock_check_range(cmd->check_mmio.iova, cmd->check_mmio.length,
			      MOCK_PAGE_SIZE) ?:
	     mock_check_range(cmd->check_mmio.offset, cmd->check_mmio.length,
			      MOCK_PAGE_SIZE) ?:
	     mock_find_phys(cmd->check_mmio.fd, cmd->check_mmio.offset, &phys);
	if (rc)
		return rc;

	hwpt = iommufd_hwpt_get(ucmd->ictx, cmd->id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	if (hwpt->backend == &mock_backend)
		rc = mock_domain_check_phys(to_mock_domain(hwpt->domain),
					    cmd->check_mmio.iova,
					    cmd->check_mmio.length, phys, prot);
	else
		rc = -EINVAL;
	iommufd_object_put(&hwpt->obj);
	return rc;
}

/*
 * Whether a page is pinned @pins times: a pin of a small page takes
 * GUP_PIN_COUNTING_BIAS references.  True for any page of a large folio.
 */
static bool mock_page_has_pins(struct page *page, unsigned int pins)
{
	return PageCompound(page) ||
	       page_ref_count(page) / GUP_PIN_COUNTING_BIAS == pins;
}

static int mock_test_check_refs(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	u64 uaddr = cmd->check_refs.uptr;
	u64 length = cmd->check_refs.length;
	struct page *page;
	bool ok;
	int rc;

	rc = mock_check_range(uaddr, length, PAGE_SIZE);
	if (rc)
		return rc;

	for (; length; uaddr += PAGE_SIZE, length -= PAGE_SIZE) {
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		if (get_user_pages_fast(uaddr, 1, 0, &page) != 1)
			return -EFAULT;
		ok = mock_page_has_pins(page, cmd->check_refs.refs);
		put_page(page);
		if (!ok)
			return -EIO;
	}
	return 0;
}

static int mock_test_memory_limit(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;

	/*
	 * The driver needs an entry for one page: its pointer and its length.
	 */
	if (cmd->memory_limit.limit < sizeof(struct page *) + sizeof(u32))
		return -EINVAL;
	WRITE_ONCE(iopt_scratch_bytes,
		   min_t(u32, cmd->memory_limit.limit, SZ_64K));
	return 0;
}

/*
 * Mark dirty what the user's bitmap has set, and count the bits.  The bitmap may
 * begin at any address, so it is read byte by byte.
 */
static int mock_write_dirty(struct mock_domain *mock,
			    struct iommu_test_cmd *cmd)
{
	const u8 __user *uptr = u64_to_user_ptr(cmd->dirty.uptr);
	bool all = !(cmd->dirty.flags & MOCK_DIRTY_COUNT_MAPPED);
	u64 bits = cmd->dirty.length / cmd->dirty.page_size, bit, n = 0;
	int mapped;
	u8 byte = 0;

	for (bit = 0; bit < bits; bit++) {
		if (bit % 8 == 0) {
			if (fatal_signal_pending(current))
				return -EINTR;
			cond_resched();
			if (get_user(byte, uptr + bit / 8))
				return -EFAULT;
		}
		if (!(byte & BIT(bit % 8)))
			continue;
		mapped = mock_domain_write(mock, cmd->dirty.iova +
					   bit * cmd->dirty.page_size,
					   cmd->dirty.page_size);
		if (mapped < 0)
			return mapped;
		n += mapped || all;
	}
	cmd->dirty.out_nr_dirty = n;
	return 0;
}

static int mock_test_dirty(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	struct iommufd_hwpt *hwpt;
	int rc;

	if (cmd->dirty.flags & ~MOCK_DIRTY_COUNT_MAPPED)
		return -EOPNOTSUPP;
	if (!is_power_of_2(cmd->dirty.page_size) ||
	    cmd->dirty.page_size < MOCK_PAGE_SIZE || !cmd->dirty.length)
		return -EINVAL;
	rc = mock_check_range(cmd->dirty.iova, cmd->dirty.length,
			      cmd->dirty.page_size) ?: mock_respond(ucmd);
	if (rc)
		return rc;

	hwpt = iommufd_hwpt_get(ucmd->ictx, cmd->id);
	if (IS_ERR(hwpt))
		return PTR_ERR(hwpt);
	if (hwpt->backend == &mock_backend &&
	    READ_ONCE(to_mock_domain(hwpt->domain)->tracking))
		rc = mock_write_dirty(to_mock_domain(hwpt->domain), cmd);
	else
		rc = -EINVAL;
	iommufd_object_put(&hwpt->obj);
	return rc ?: mock_respond(ucmd);
}

static int mock_raise_faults(struct iommufd_ctx *ictx, u32 dev_id,
			     const struct iommu_backend_fault *first,
			     unsigned int n)
{
	struct iommufd_device *idev = iommufd_device_get(ictx, dev_id);
	int rc = -EINVAL;

	if (IS_ERR(idev))
		return PTR_ERR(idev);
	if (idev->igroup->backend == &mock_backend)
		rc = mock_device_raise(idev->dev, first, n);
	iommufd_object_put(&idev->obj);
	return rc;
}

static int mock_test_trigger_iopf(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	const struct iommu_backend_fault fault = {
		.pasid = cmd->trigger_iopf.pasid,
		.grpid = cmd->trigger_iopf.grpid,
		.perm = cmd->trigger_iopf.perm,
		.addr = cmd->trigger_iopf.addr,
	};

	return mock_raise_faults(ucmd->ictx, cmd->trigger_iopf.dev_id, &fault,
				 1);
}

static int mock_test_trigger_faults(struct iommufd_ucmd *ucmd)
{
	struct iommu_test_cmd *cmd = ucmd->cmd;
	const struct iommu_backend_fault fault = {
		.grpid = cmd->trigger_faults.grpid,
		.perm = IOMMU_PGFAULT_PERM_READ,
		.addr = cmd->trigger_faults.addr,
	};
	u32 npages = cmd->trigger_faults.npages;

	if (!npages || npages > MOCK_MAX_FAULTS)
		return -EINVAL;
	return mock_raise_faults(ucmd->ictx, cmd->trigger_faults.dev_id, &fault,
				 npages);
}

typedef int (*mock_test_fn)(struct iommufd_ucmd *ucmd);

static const mock_test_fn mock_test_ops[] = {
	[IOMMU_TEST_OP_ADD_RESERVED] = mock_test_add_reserved,
	[IOMMU_TEST_OP_MOCK_DOMAIN] = mock_test_domain,
	[IOMMU_TEST_OP_MD_CHECK_MAP] = mock_test_check_map,
	[IOMMU_TEST_OP_MD_CHECK_REFS] = mock_test_check_refs,
	[IOMMU_TEST_OP_CREATE_ACCESS] = mock_access_create,
	[IOMMU_TEST_OP_DESTROY_ACCESS_PAGES] = mock_access_destroy_pages,
	[IOMMU_TEST_OP_ACCESS_PAGES] = mock_access_pages,
	[IOMMU_TEST_OP_ACCESS_RW] = mock_access_rw,
	[IOMMU_TEST_OP_SET_TEMP_MEMORY_LIMIT] = mock_test_memory_limit,
	[IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE] = mock_test_domain_replace,
	[IOMMU_TEST_OP_ACCESS_REPLACE_IOAS] = mock_access_replace_ioas,
	[IOMMU_TEST_OP_MOCK_DOMAIN_FLAGS] = mock_test_domain_flags,
	[IOMMU_TEST_OP_DIRTY] = mock_test_dirty,
	[IOMMU_TEST_OP_TRIGGER_IOPF] = mock_test_trigger_iopf,
	[IOMMU_TEST_OP_PASID_ATTACH] = mock_test_pasid_attach,
	[IOMMU_TEST_OP_PASID_REPLACE] = mock_test_pasid_replace,
	[IOMMU_TEST_OP_PASID_DETACH] = mock_test_pasid_detach,
	[IOMMU_TEST_OP_PASID_CHECK_HWPT] = mock_test_pasid_check,
	[IOMMU_TEST_OP_MD_CHECK_IOTLB] = mock_test_check_iotlb,
	[IOMMU_TEST_OP_DEV_CHECK_CACHE] = mock_test_check_cache,
	[IOMMU_TEST_OP_TRIGGER_VEVENT] = mock_test_trigger_vevent,
	[IOMMU_TEST_OP_DMABUF_GET] = mock_dma_buf_get,
	[IOMMU_TEST_OP_DMABUF_REVOKE] = mock_dma_buf_revoke,
	[IOMMU_TEST_OP_CREATE_MMIO] = mock_mmio_create,
	[IOMMU_TEST_OP_MMIO_SET] = mock_mmio_set,
	[IOMMU_TEST_OP_MD_CHECK_MMIO] = mock_test_check_mmio,
	[IOMMU_TEST_OP_ACCESS_ATTACH] = mock_access_attach,
	[IOMMU_TEST_OP_IMPORT] = mock_import_create,
	[IOMMU_TEST_OP_IMPORT_USE] = mock_import_use,
	[IOMMU_TEST_OP_TRIGGER_FAULTS] = mock_test_trigger_faults,
	[IOMMU_TEST_OP_MOCK_MATE] = mock_test_mate,
};

static int mock_ioctl(struct iommufd_ctx *ictx, unsigned int nr,
		      void __user *arg)
{
	struct iommu_test_cmd cmd;
	struct iommufd_ucmd ucmd = {
		.ictx = ictx,
		.ubuffer = arg,
		.cmd = &cmd,
	};
	int rc;

	if (nr != IOMMU_TEST_CMD)
		return -ENOTTY;
	if (get_user(ucmd.user_size, (u32 __user *)arg))
		return -EFAULT;
	if (ucmd.user_size < offsetofend(struct iommu_test_cmd, last))
		return -EINVAL;
	rc = copy_struct_from_user(&cmd, sizeof(cmd), arg, ucmd.user_size);
	if (rc)
		return rc;
	if (cmd.__reserved || cmd.op >= ARRAY_SIZE(mock_test_ops) ||
	    !mock_test_ops[cmd.op])
		return -EOPNOTSUPP;
	return mock_test_ops[cmd.op](&ucmd);
}

static void mock_object_destroy(struct iommufd_ctx *ictx,
				struct iommufd_object *obj)
{
	mock_object_unbind(container_of(obj, struct mock_object, obj));
}

static const struct iommufd_test_ops mock_test = {
	.owner = THIS_MODULE,
	.ioctl = mock_ioctl,
	.destroy = mock_object_destroy,
	.dma_buf_range = mock_dma_buf_range,
};

static int __init mock_init(void)
{
	int rc = mock_bus_init();

	if (rc)
		return rc;
	rc = iommufd_test_register(&mock_test);
	if (rc)
		mock_bus_exit();
	return rc;
}

static void __exit mock_exit(void)
{
	iommufd_test_unregister(&mock_test);
	mock_bus_exit();
	WRITE_ONCE(iopt_scratch_bytes, IOPT_SCRATCH_BYTES);
	WRITE_ONCE(iopt_always_try_huge, false);
	WRITE_ONCE(iommu_step_bytes, IOMMU_STEP_BYTES);
}

module_init(mock_init);
module_exit(mock_exit);

MODULE_DESCRIPTION("Mock IOMMU and mock devices, to test /dev/iommu");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMMUFD_VERSION);
MODULE_IMPORT_NS("IOMMUFD_TEST");
MODULE_IMPORT_NS("DMA_BUF");
/* The kernel is tainted as one that runs test code. */
MODULE_INFO(test, "Y");
