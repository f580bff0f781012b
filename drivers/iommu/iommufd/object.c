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
 * A slot that holds XA_ZERO_ENTRY stays allocated, so that only the first step
 * needs memory.  An object that has ended stays visible, with its ID, but
 * lookups do not find it either.
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
 * iommufd_object_alloc_size() - Allocate an object and reserve an ID for it
 * @ictx: The context.
 * @size: Bytes to allocate, zeroed.
 * @type: Its kind.
 *
 * Only for iommufd_object_alloc().
 *
 * Context: Process context.
 *
 * Return: the object, or ERR_PTR(-ENOMEM); -EBUSY when all IDs are taken.
 */
struct iommufd_object *
iommufd_object_alloc_size(struct iommufd_ctx *ictx, size_t size,
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
EXPORT_SYMBOL_NS_GPL(iommufd_object_alloc_size, "IOMMUFD_TEST");

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
 * After this, another thread can find the object, and destroy it unless the
 * caller has made itself a user of it.
 *
 * Context: Process context.  Cannot fail.
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
 * A caller that keeps the object for longer than the call increments
 * iommufd_object::users before iommufd_object_put().
 *
 * Context: Any.  Pairs with iommufd_object_put().
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
	if (!obj || xa_is_zero(obj) || obj->ended ||
	    (type && obj->type != type))
		obj = ERR_PTR(-ENOENT);
	else
		atomic_inc(&obj->calls);
	xas_unlock(&xas);
	return obj;
}
EXPORT_SYMBOL_NS_GPL(iommufd_object_get, "IOMMUFD_TEST");

/**
 * __iommufd_object_hold() - Hold an object for a call that knows its address
 * @ictx: The context.
 * @obj: The object, not freed yet.
 *
 * Context: Any, with the xa_lock of iommufd_ctx::objects held.  Pairs with
 * iommufd_object_put().
 *
 * Return: true, or false when the object is being destroyed; its ID may be that
 * of another object by then.
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
 * iommufd_object_put() - Undo iommufd_object_get()
 * @obj: The object.
 *
 * Context: Any.
 */
void iommufd_object_put(struct iommufd_object *obj)
{
	/*
	 * The waiter may free obj at once: wake_up_var() only hashes its
	 * address.
	 */
	if (atomic_dec_and_test(&obj->calls))
		wake_up_var(&obj->calls);
}
EXPORT_SYMBOL_NS_GPL(iommufd_object_put, "IOMMUFD_TEST");

/**
 * iommufd_object_try_use() - Become a user of an object that is known by address
 * @ictx: The context.
 * @obj: The object, not freed yet.
 *
 * Context: Any.  Pairs with refcount_dec() of iommufd_object::users.
 *
 * Return: whether the caller is a user now; false before the object is
 * published, and when it is being destroyed.
 */
bool iommufd_object_try_use(struct iommufd_ctx *ictx,
			    struct iommufd_object *obj)
{
	bool published;

	xa_lock(&ictx->objects);
	published = xa_load(&ictx->objects, obj->id) == obj;
	if (published)
		refcount_inc(&obj->users);
	xa_unlock(&ictx->objects);
	return published;
}

static void object_hide_locked(struct iommufd_ctx *ictx,
			       struct iommufd_object *obj)
{
	__xa_store(&ictx->objects, obj->id, XA_ZERO_ENTRY, 0);
	atomic_dec(&obj->calls);
}

static void object_unhide_locked(struct iommufd_ctx *ictx,
				 struct iommufd_object *obj)
{
	atomic_inc(&obj->calls);
	__xa_store(&ictx->objects, obj->id, obj, 0);
}

/**
 * iommufd_object_end() - Have user space find an object no more
 * @ictx: The context.
 * @obj: The object, published.  Another thread may be destroying it on behalf
 *	of user space, but has not freed it yet.
 *
 * The ID stays taken, and the object stays, until the context is destroyed.
 *
 * Context: Any.
 */
void iommufd_object_end(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	xa_lock(&ictx->objects);
	obj->ended = true;
	xa_unlock(&ictx->objects);
}

/* From visible to hidden, if the object has no user but its ID */
static struct iommufd_object *object_hide(struct iommufd_ctx *ictx, u32 id)
{
	struct iommufd_object *obj;

	xa_lock(&ictx->objects);
	obj = xa_load(&ictx->objects, id);
	if (!obj || obj->ended)
		obj = ERR_PTR(-ENOENT);
	else if (refcount_read(&obj->users) != 1 || obj->automatic)
		obj = ERR_PTR(-EBUSY);
	else
		object_hide_locked(ictx, obj);
	xa_unlock(&ictx->objects);
	return obj;
}

/*
 * From hidden to free, or back to visible if a call that had found the object
 * before has made itself a user.
 */
static bool object_remove(struct iommufd_ctx *ictx, struct iommufd_object *obj)
{
	bool removed;

	xa_lock(&ictx->objects);
	removed = refcount_dec_if_one(&obj->users);
	if (removed)
		__xa_erase(&ictx->objects, obj->id);
	else
		object_unhide_locked(ictx, obj);
	xa_unlock(&ictx->objects);
	return removed;
}

/**
 * iommufd_object_destroy() - Destroy an object on behalf of user space
 * @ictx: The context.
 * @id: Its ID.
 *
 * Context: Process context.  Waits, killably, for the calls at work on the
 * object.
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
		object_unhide_locked(ictx, obj);
		xa_unlock(&ictx->objects);
		return rc;
	}
	if (!object_remove(ictx, obj))
		return -EBUSY;
	object_free(ictx, obj);
	return 0;
}

/**
 * iommufd_object_drop_user() - Stop using an object, and destroy it if
 * automatic
 * @ictx: The context.
 * @obj: The object, of which the caller is a user.  If it is automatic, and has
 *	no other user, it is destroyed.
 *
 * Context: Process context.  Waits for the calls at work on the object, so that
 * the caller holds no lock that one of them may take.  Cannot fail.
 */
void iommufd_object_drop_user(struct iommufd_ctx *ictx,
			      struct iommufd_object *obj)
{
	bool last;

	xa_lock(&ictx->objects);
	refcount_dec(&obj->users);
	last = obj->automatic && refcount_read(&obj->users) == 1 &&
	       xa_load(&ictx->objects, obj->id) == obj;
	if (last)
		object_hide_locked(ictx, obj);
	/*
	 * Another thread may destroy it after the unlock, unless it is hidden.
	 */
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
 * @obj: The object, which has no other user than its ID and the caller.
 *
 * Context: Process context.  Waits for the calls at work on the object.  Cannot
 * fail.
 */
void iommufd_object_destroy_last(struct iommufd_ctx *ictx,
				 struct iommufd_object *obj)
{
	xa_lock(&ictx->objects);
	object_hide_locked(ictx, obj);
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
 * object that has no user but its ID.
 *
 * Context: Process context.  Cannot fail.
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
