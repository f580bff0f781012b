// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual IOMMUs of the mock IOMMU.
 *
 * Each mock device has a cache of a few entries, which show whether an
 * invalidation by the ID that a guest has for the device has reached it.  The
 * registers of a virtual IOMMU, which user space maps, are memory, and show where
 * its queues are.
 */
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/set_memory.h>
#include <linux/slab.h>
#include <uapi/linux/iommufd.h>

#include "../iommufd/backend/backend.h"
#include "domain.h"
#include "mock_device.h"
#include "nested.h"
#include "viommu.h"

static struct mock_viommu *to_mock_viommu(struct iommu_backend_viommu *viommu)
{
	return container_of(viommu, struct mock_viommu, viommu);
}

#define MOCK_REGS_ORDER	1

/*
 * The kernel warns when memory is mapped in two ways, cached and not, so its own
 * mapping of these pages is made uncached, too.  Elsewhere than on x86 nothing
 * looks.
 */
static int mock_regs_set_uncached(struct mock_viommu_regs *regs, bool uncached)
{
#ifdef CONFIG_X86
	unsigned long addr = (unsigned long)regs;

	return uncached ? set_memory_uc(addr, BIT(MOCK_REGS_ORDER)) :
			  set_memory_wb(addr, BIT(MOCK_REGS_ORDER));
#else
	return 0;
#endif
}

static int mock_regs_alloc(struct mock_viommu *mock)
{
	unsigned long addr;
	int rc;

	addr = __get_free_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO,
				MOCK_REGS_ORDER);
	if (!addr)
		return -ENOMEM;
	mock->regs = (struct mock_viommu_regs *)addr;
	rc = mock_regs_set_uncached(mock->regs, true);
	if (rc) {
		free_pages(addr, MOCK_REGS_ORDER);
		return rc;
	}
	mock->regs->in_data = mock->selftest.in_data;
	mock->viommu.mmio = virt_to_phys(mock->regs);
	mock->viommu.mmio_length = PAGE_SIZE << MOCK_REGS_ORDER;
	return 0;
}

static void mock_viommu_free(struct iommu_backend_viommu *viommu)
{
	struct mock_viommu *mock = to_mock_viommu(viommu);
	unsigned int i;

	WARN_ON(!list_empty(&viommu->vevents));
	for (i = 0; i < ARRAY_SIZE(mock->queues); i++)
		WARN_ON(mock->queues[i]);
	if (mock->regs) {
		mock_regs_set_uncached(mock->regs, false);
		free_pages((unsigned long)mock->regs, MOCK_REGS_ORDER);
	}
	mutex_destroy(&mock->queues_lock);
	kfree(mock);
}

static int mock_viommu_report(struct iommu_backend_viommu *viommu,
			      const struct iommu_backend_data *data,
			      u64 mmap_offset)
{
	struct mock_viommu *mock = to_mock_viommu(viommu);

	mock->selftest.out_data = mock->selftest.in_data;
	mock->selftest.out_mmap_offset = mmap_offset;
	mock->selftest.out_mmap_length = viommu->mmio_length;
	return iommu_backend_write_data(data, &mock->selftest,
					sizeof(mock->selftest));
}

static bool mock_has_hw_queue(struct iommu_backend_viommu *viommu, u32 type)
{
	return type == IOMMU_HW_QUEUE_TYPE_SELFTEST;
}

static int mock_hw_queue_add(struct mock_viommu *mock,
			     struct iommu_backend_hw_queue *queue)
{
	u32 index = queue->index;

	lockdep_assert_held(&mock->queues_lock);

	if (mock->queues[index])
		return -EEXIST;
	if (index && (!mock->queues[index - 1] ||
		      !iommu_backend_hw_queue_depend(queue,
						     mock->queues[index - 1])))
		return -EIO;
	mock->queues[index] = queue;
	return 0;
}

static void mock_hw_queue_show(struct mock_viommu *mock, u32 index, u64 phys,
			       u64 length)
{
	if (!mock->regs)
		return;
	WRITE_ONCE(mock->regs->queues[index].phys, phys);
	WRITE_ONCE(mock->regs->queues[index].length, length);
}

static int mock_hw_queue_start(struct iommu_backend_hw_queue *queue)
{
	struct mock_viommu *mock = to_mock_viommu(queue->viommu);
	int rc;

	if (queue->index >= IOMMU_TEST_HW_QUEUE_MAX)
		return -EINVAL;
	mutex_lock(&mock->queues_lock);
	rc = mock_hw_queue_add(mock, queue);
	if (!rc)
		mock_hw_queue_show(mock, queue->index, queue->phys,
				   queue->length);
	mutex_unlock(&mock->queues_lock);
	return rc;
}

static void mock_hw_queue_stop(struct iommu_backend_hw_queue *queue)
{
	struct mock_viommu *mock = to_mock_viommu(queue->viommu);
	u32 index = queue->index;

	mutex_lock(&mock->queues_lock);
	WARN_ON(index + 1 < IOMMU_TEST_HW_QUEUE_MAX && mock->queues[index + 1]);
	WARN_ON(mock->queues[index] != queue);
	mock->queues[index] = NULL;
	mock_hw_queue_show(mock, index, 0, 0);
	mutex_unlock(&mock->queues_lock);
}

static struct iommu_domain *
mock_viommu_nested_alloc(struct iommu_backend_viommu *viommu,
			 struct device *dev, u32 flags,
			 const struct iommu_backend_data *data)
{
	struct mock_viommu *mock = to_mock_viommu(viommu);
	struct iommu_domain *domain;

	domain = mock_nested_alloc(dev, &mock->parent->domain, flags, data);
	if (!IS_ERR(domain))
		to_mock_nested(domain)->viommu = mock;
	return domain;
}

static void mock_invalidate_cache(struct device *dev, void *arg)
{
	const struct iommu_viommu_invalidate_selftest *inv = arg;
	struct mock_device *mdev = to_mock_device(dev);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mdev->cache); i++)
		if (inv->flags || i == inv->cache_id)
			WRITE_ONCE(mdev->cache[i], 0);
}

static int mock_invalidate(struct iommu_backend_viommu *viommu,
			   struct iommu_viommu_invalidate_selftest *inv)
{
	if (inv->flags & ~IOMMU_TEST_INVALIDATE_FLAG_ALL)
		return -EOPNOTSUPP;
	if (inv->cache_id > MOCK_DEV_CACHE_ID_MAX)
		return -EINVAL;
	return iommu_backend_with_vdevice(viommu, inv->vdev_id,
					  mock_invalidate_cache, inv) ?
		       -EINVAL : 0;
}

static int mock_viommu_invalidate(struct iommu_backend_viommu *viommu,
				  struct iommu_backend_array *array)
{
	struct iommu_viommu_invalidate_selftest inv;
	u32 i, n = array->entry_num;
	int rc = 0;

	array->entry_num = 0;
	if (array->type != IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		rc = iommu_backend_copy_entry(array, i, &inv, sizeof(inv), 0) ?:
		     mock_invalidate(viommu, &inv);
		if (rc)
			break;
		array->entry_num++;
	}
	return rc;
}

static u32 mock_vevent_size(struct iommu_backend_viommu *viommu, u32 type)
{
	return type == IOMMU_VEVENTQ_TYPE_SELFTEST ?
		       sizeof(struct iommu_viommu_event_selftest) : 0;
}

static const struct iommu_backend_viommu_ops mock_viommu_ops = {
	.free = mock_viommu_free,
	.nested_alloc = mock_viommu_nested_alloc,
	.invalidate = mock_viommu_invalidate,
	.vevent_size = mock_vevent_size,
	.report = mock_viommu_report,
	.has_hw_queue = mock_has_hw_queue,
	.hw_queue_start = mock_hw_queue_start,
	.hw_queue_stop = mock_hw_queue_stop,
};

/**
 * mock_instance() - See iommu_backend_ops::instance
 * @dev: The device.
 *
 * Context: Any.
 *
 * Return: What tells its IOMMU from others.
 */
const void *mock_instance(struct device *dev)
{
	static const char instances[2];

	return &instances[!!(to_mock_device(dev)->flags &
			     MOCK_FLAGS_DEVICE_OTHER_IOMMU)];
}

/**
 * mock_has_viommu() - See iommu_backend_ops::has_viommu
 * @dev: The device.
 * @type: The type.
 *
 * Context: Any.
 *
 * Return: Whether it is IOMMU_VIOMMU_TYPE_SELFTEST.
 */
bool mock_has_viommu(struct device *dev, u32 type)
{
	return type == IOMMU_VIOMMU_TYPE_SELFTEST;
}

static int mock_viommu_use_data(struct mock_viommu *mock,
				const struct iommu_backend_data *data)
{
	int rc;

	rc = iommu_backend_copy_data(data, &mock->selftest,
				     sizeof(mock->selftest),
				     offsetofend(struct iommu_viommu_selftest,
						 out_data));
	return rc ?: mock_regs_alloc(mock);
}

/**
 * mock_viommu_alloc() - See iommu_backend_ops::viommu_alloc
 * @dev: The device.
 * @type: IOMMU_VIOMMU_TYPE_SELFTEST.
 * @parent: The page table to nest in.
 * @data: struct iommu_viommu_selftest of user space, or NULL.
 *
 * Context: Process context; sleeps.
 *
 * Return: The virtual IOMMU, ERR_PTR(-ENOMEM), -EINVAL, -E2BIG or -EFAULT.
 */
struct iommu_backend_viommu *
mock_viommu_alloc(struct device *dev, u32 type, struct iommu_domain *parent,
		  const struct iommu_backend_data *data)
{
	struct mock_viommu *mock;
	int rc;

	mock = kzalloc(sizeof(*mock), GFP_KERNEL_ACCOUNT);
	if (!mock)
		return ERR_PTR(-ENOMEM);
	mock->parent = to_mock_domain(parent);
	mutex_init(&mock->queues_lock);
	iommu_backend_viommu_init(&mock->viommu, &mock_viommu_ops);
	rc = data ? mock_viommu_use_data(mock, data) : 0;
	if (rc) {
		mutex_destroy(&mock->queues_lock);
		kfree(mock);
		return ERR_PTR(rc);
	}
	return &mock->viommu;
}
