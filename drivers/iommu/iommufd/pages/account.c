// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is charged for pinned memory, and against which limit
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>

#include "account.h"

/**
 * iopt_payer_init() - Make the current process pay
 * @payer: The payer.
 * @mode: Whom to charge, unless the caller may lock without limit.
 *
 * Return: the mode that pinned memory is charged by.
 */
u8 iopt_payer_init(struct iopt_payer *payer, enum iopt_account_mode mode)
{
	if (capable(CAP_IPC_LOCK))
		mode = IOPT_ACCOUNT_NONE;
	payer->mm = current->mm;
	payer->task = current->group_leader;
	payer->cred = mode == IOPT_ACCOUNT_USER ? current_cred() : NULL;
	iopt_payer_get(payer);
	return mode;
}

/**
 * iopt_payer_get() - Take the references of a copy
 * @payer: The copy.
 */
void iopt_payer_get(struct iopt_payer *payer)
{
	mmgrab(payer->mm);
	get_task_struct(payer->task);
	get_cred(payer->cred);
}

/**
 * iopt_payer_put() - Drop the references
 * @payer: The payer, charged with nothing.
 */
void iopt_payer_put(struct iopt_payer *payer)
{
	put_cred(payer->cred);
	put_task_struct(payer->task);
	mmdrop(payer->mm);
}

/**
 * iopt_payer_same() - Is it one account that two payers are charged on?
 * @a: A payer.
 * @a_mode: Its mode.
 * @b: Another.
 * @b_mode: Its mode.
 *
 * Return: whether it is.
 */
bool iopt_payer_same(const struct iopt_payer *a, enum iopt_account_mode a_mode,
		     const struct iopt_payer *b, enum iopt_account_mode b_mode)
{
	if (a_mode != b_mode)
		return false;
	if (a_mode == IOPT_ACCOUNT_USER)
		return a->cred->user == b->cred->user;
	return a_mode == IOPT_ACCOUNT_NONE || a->mm == b->mm;
}

static int charge_user(const struct iopt_payer *payer, unsigned long npages)
{
	unsigned long limit = task_rlimit(payer->task, RLIMIT_MEMLOCK) >>
			      PAGE_SHIFT;
	atomic_long_t *account = &payer->cred->user->locked_vm;
	long locked = atomic_long_read(account);

	do {
		if (locked + npages > limit)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(account, &locked, locked + npages));
	return 0;
}

static int charge_process(const struct iopt_payer *payer, unsigned long npages)
{
	int rc;

	if (mmap_write_lock_killable(payer->mm))
		return -EINTR;
	rc = __account_locked_vm(payer->mm, npages, true, payer->task, false);
	mmap_write_unlock(payer->mm);
	return rc;
}

/**
 * iopt_payer_charge() - Charge against the limit
 * @payer: The payer.
 * @mode: Its mode.
 * @npages: Pages.
 *
 * Return: 0, -ENOMEM when over the limit, -EINTR when killed.
 */
int iopt_payer_charge(const struct iopt_payer *payer,
		      enum iopt_account_mode mode, unsigned long npages)
{
	if (mode == IOPT_ACCOUNT_USER)
		return charge_user(payer, npages);
	if (mode == IOPT_ACCOUNT_PROCESS)
		return charge_process(payer, npages);
	return 0;
}

/**
 * iopt_payer_uncharge() - Undo iopt_payer_charge()
 * @payer: The payer.
 * @mode: Its mode.
 * @npages: Pages.
 */
void iopt_payer_uncharge(const struct iopt_payer *payer,
			 enum iopt_account_mode mode, unsigned long npages)
{
	if (mode == IOPT_ACCOUNT_USER) {
		atomic_long_sub(npages, &payer->cred->user->locked_vm);
	} else if (mode == IOPT_ACCOUNT_PROCESS) {
		mmap_write_lock(payer->mm);
		__account_locked_vm(payer->mm, npages, false, payer->task,
				    false);
		mmap_write_unlock(payer->mm);
	}
}

/**
 * iopt_payer_count() - Count in what the process has pinned, limited or not
 * @payer: The payer.
 * @npages: Pages, negative for fewer.
 */
void iopt_payer_count(const struct iopt_payer *payer, long npages)
{
	atomic64_add(npages, &payer->mm->pinned_vm);
}
