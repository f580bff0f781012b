// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects and their IDs
 *
 * An ID goes through these states in the xarray:
 *
 *   reserved  XA_ZERO_ENTRY   made, not yet published, lookups find nothing
 *   visible   the object      lookups find it
 *   hidden    XA_ZERO_ENTRY   being destroyed, lookups find nothing
 *   free      no entry
 *
 * A slot that holds XA_ZERO_ENTRY stays allocated, so that no step but the
 * first needs memory.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "object.h"

static void object_free(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	obj->type->destroy(ictx, obj);
	kfree(obj);
}

/**
 * iommufd_object_alloc_elm() - Allocate an object and reserve an ID for it
 * @ictx: The context.
 * @size: Bytes to allocate, zeroed.
 * @type: Its kind.
 *
 * Use iommufd_object_alloc().  Process context.
 *
 * Return: the object, or ERR_PTR(-ENOMEM); -EBUSY when all IDs are taken.
 */
struct iommufd_object *
iommufd_object_alloc_elm(struct iommufd_ctx *ictx, size_t size,
			 const struct iommufd_object_type *type)
{
	struct iommufd_object *obj;
	int rc;

	obj = kzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	obj->type = type;
	refcount_set(&obj->users, 1);
	atomic_set(&obj->calls, 1);

	rc = xa_alloc(&ictx->objects, &obj->id, NULL, xa_limit_31b,
		      GFP_KERNEL_ACCOUNT);
	if (rc) {
		kfree(obj);
		return ERR_PTR(rc);
	}
	return obj;
}
EXPORT_SYMBOL_NS_GPL(iommufd_object_alloc_elm, "IOMMUFD_TEST");

/**
 * iommufd_object_abort() - Undo iommufd_object_alloc()
 * @ictx: The context.
 * @obj: An object that was never published, without contents to destroy.
 */
void iommufd_object_abort(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	xa_erase(&ictx->objects, obj->id);
	kfree(obj);
}
EXPORT_SYMBOL_NS_GPL(iommufd_object_abort, "IOMMUFD_TEST");

/**
 * iommufd_object_publish() - Let lookups find an object
 * @ictx: The context.
 * @obj: The object, complete.
 *
 * From here on another thread can find it, and destroy it unless the caller
 * holds it.  Cannot fail.
 */
void iommufd_object_publish(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj)
{
	void *old;

	old = xa_store(&ictx->objects, obj->id, obj, GFP_KERNEL_ACCOUNT);
	WARN_ON(old);
}

/**
 * iommufd_object_get() - Find an object for the duration of a call
 * @ictx: The context.
 * @id: Its ID.
 * @type: The kind wanted, or NULL for any.
 *
 * Pairs with iommufd_object_put().  To keep the object beyond that, take one
 * of its users before.
 *
 * Return: the object, or ERR_PTR(-ENOENT).
 */
struct iommufd_object *
iommufd_object_get(struct iommufd_ctx *ictx, u32 id,
		   const struct iommufd_object_type *type)
{
	XA_STATE(xas, &ictx->objects, id);
	struct iommufd_object *obj;

	xas_lock(&xas);
	obj = xas_load(&xas);
	if (!obj || xa_is_zero(obj) || (type && obj->type != type))
		obj = ERR_PTR(-ENOENT);
	else
		atomic_inc(&obj->calls);
	xas_unlock(&xas);
	return obj;
}
EXPORT_SYMBOL_NS_GPL(iommufd_object_get, "IOMMUFD_TEST");

/**
 * __iommufd_object_hold() - Hold for a call an object that was not found by ID
 * @ictx: The context; the xa_lock of its objects is held.
 * @obj: The object, not freed yet.
 *
 * Pairs with iommufd_object_put().
 *
 * Return: whether it is held.  It is not once it is being destroyed; its ID may
 * be that of another one by then.
 */
bool __iommufd_object_hold(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	lockdep_assert_held(&ictx->objects.xa_lock);

	if (xa_load(&ictx->objects, obj->id) != obj)
		return false;
	atomic_inc(&obj->calls);
	return true;
}

/**
 * iommufd_object_put() - The call that found an object is done with it
 * @obj: The object.
 */
void iommufd_object_put(struct iommufd_object *obj)
{
	/* Whoever waits may free obj at once: the address is only a hash. */
	if (atomic_dec_and_test(&obj->calls))
		wake_up_var(&obj->calls);
}
EXPORT_SYMBOL_NS_GPL(iommufd_object_put, "IOMMUFD_TEST");

static void hide(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	__xa_store(&ictx->objects, obj->id, XA_ZERO_ENTRY, 0);
	atomic_dec(&obj->calls);
}

static void show_again(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	atomic_inc(&obj->calls);
	__xa_store(&ictx->objects, obj->id, obj, 0);
}

/* visible -> hidden, if nothing but the ID uses it */
static struct iommufd_object *object_hide(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *obj;

	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, id);
	if (!obj)
		obj = ERR_PTR(-ENOENT);
	else if (refcount_read(&obj->users) != 1 || obj->automatic)
		obj = ERR_PTR(-EBUSY);
	else
		hide(ictx, obj);
	xa_unlock(&ictx->objects);
	return obj;
}

/*
 * hidden -> free, or back to visible if a call that had found the object has
 * made itself a lasting user.
 */
static bool object_remove(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	bool removed;

	xa_lock(&ictx->objects);
	removed = refcount_dec_if_one(&obj->users);
	if (removed)
		__xa_erase(&ictx->objects, obj->id);
	else
		show_again(ictx, obj);
	xa_unlock(&ictx->objects);
	return removed;
}

/**
 * iommufd_object_destroy() - Destroy an object because its user asks for it
 * @ictx: The context.
 * @id: Its ID.
 *
 * Waits, killably, for the calls at work on the object.
 *
 * Return: 0, -ENOENT without such an object, -EBUSY while it is used or when it
 * is automatic, or -ERESTARTSYS when killed; on error the object stays.
 */
int iommufd_object_destroy(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *obj = object_hide(ictx, id);
	int rc;

	if (IS_ERR(obj))
		return PTR_ERR(obj);

	rc = wait_var_event_killable(&obj->calls, !atomic_read(&obj->calls));
	if (rc) {
		xa_lock(&ictx->objects);
		show_again(ictx, obj);
		xa_unlock(&ictx->objects);
		return rc;
	}
	if (!object_remove(ictx, obj))
		return -EBUSY;
	object_free(ictx, obj);
	return 0;
}

/**
 * iommufd_object_destroy_unused() - Drop a user, destroy with the last
 * @ictx: The context.
 * @obj: An object, one of whose users is the caller; one that is not automatic
 *	stays.
 *
 * Waits for the calls at work on the object, so the caller holds no lock that
 * one of them may want.  Cannot fail.
 */
void iommufd_object_destroy_unused(struct iommufd_ctx *ictx,
				   struct iommufd_object *obj)
{
	bool last;

	xa_lock(&ictx->objects);
	refcount_dec(&obj->users);
	last = obj->automatic && refcount_read(&obj->users) == 1 &&
	       xa_load(&ictx->objects, obj->id) == obj;
	if (last)
		hide(ictx, obj);
	/* If it is not, another thread may destroy it from here on. */
	xa_unlock(&ictx->objects);
	if (!last)
		return;

	wait_var_event(&obj->calls, !atomic_read(&obj->calls));
	if (object_remove(ictx, obj))
		object_free(ictx, obj);
}

/**
 * iommufd_object_destroy_last() - Destroy an object that the caller owns
 * @ictx: The context.
 * @obj: An object that only its ID and the caller use.
 *
 * Waits for the calls at work on the object.  Cannot fail.
 */
void iommufd_object_destroy_last(struct iommufd_ctx *ictx,
				 struct iommufd_object *obj)
{
	xa_lock(&ictx->objects);
	hide(ictx, obj);
	xa_unlock(&ictx->objects);

	wait_var_event(&obj->calls, !atomic_read(&obj->calls));
	refcount_dec(&obj->users);
	if (!WARN_ON(!object_remove(ictx, obj)))
		object_free(ictx, obj);
}

/**
 * iommufd_object_destroy_all() - Destroy all objects of a context
 * @ictx: The context; no call is at work, and no device is bound any more but
 *	by objects of its own.
 *
 * Objects use each other without cycles, so each round finds at least one
 * that nothing uses.
 */
void iommufd_object_destroy_all(struct iommufd_ctx *ictx)
{
	struct iommufd_object *obj;
	unsigned long id;
	bool progress;

	do {
		progress = false;
		xa_for_each(&ictx->objects, id, obj) {
			if (!refcount_dec_if_one(&obj->users))
				continue;
			xa_erase(&ictx->objects, id);
			object_free(ictx, obj);
			progress = true;
		}
	} while (progress);
}
