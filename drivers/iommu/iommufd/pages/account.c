// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts: which process is charged for pinned pages, and against which limit
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
 * iopt_account_init() - Set up the account of the current process
 * @account: The account.
 * @mode: Which limit to count against, unless the process may lock memory
 *	without limit.
 *
 * Context: Process context.  Pairs with iopt_account_put().
 *
 * Return: @mode, or IOPT_ACCOUNT_NONE if the process has CAP_IPC_LOCK.
 */
u8 iopt_account_init(struct iopt_account *account, enum iopt_account_mode mode)
{
	if (capable(CAP_IPC_LOCK))
		mode = IOPT_ACCOUNT_NONE;
	account->mm = current->mm;
	account->task = current->group_leader;
	account->cred = mode == IOPT_ACCOUNT_USER ? current_cred() : NULL;
	iopt_account_get(account);
	return mode;
}

/**
 * iopt_account_get() - Take the references of a copy
 * @account: The copy of an account.
 */
void iopt_account_get(struct iopt_account *account)
{
	mmgrab(account->mm);
	get_task_struct(account->task);
	get_cred(account->cred);
}

/**
 * iopt_account_put() - Drop the references of an account
 * @account: The account, charged with nothing.
 */
void iopt_account_put(struct iopt_account *account)
{
	put_cred(account->cred);
	put_task_struct(account->task);
	mmdrop(account->mm);
}

/**
 * iopt_account_same() - Tell whether two accounts are charged on one counter
 * @a: An account.
 * @a_mode: Its mode.
 * @b: Another account.
 * @b_mode: Its mode.
 *
 * Return: whether they are, or neither is charged.
 */
bool iopt_account_same(const struct iopt_account *a,
		       enum iopt_account_mode a_mode,
		       const struct iopt_account *b,
		       enum iopt_account_mode b_mode)
{
	if (a_mode != b_mode)
		return false;
	if (a_mode == IOPT_ACCOUNT_USER)
		return a->cred->user == b->cred->user;
	return a_mode == IOPT_ACCOUNT_NONE || a->mm == b->mm;
}

static int charge_user(const struct iopt_account *account, unsigned long npages)
{
	unsigned long limit = task_rlimit(account->task, RLIMIT_MEMLOCK) >>
			      PAGE_SHIFT;
	atomic_long_t *counter = &account->cred->user->locked_vm;
	long locked = atomic_long_read(counter);

	do {
		if (locked + npages > limit)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(counter, &locked, locked + npages));
	return 0;
}

static int charge_process(const struct iopt_account *account,
			  unsigned long npages)
{
	int rc;

	if (mmap_write_lock_killable(account->mm))
		return -EINTR;
	rc = __account_locked_vm(account->mm, npages, true, account->task,
				 false);
	mmap_write_unlock(account->mm);
	return rc;
}

/**
 * iopt_account_charge() - Charge pages against the limit
 * @account: The account.
 * @mode: Its mode.
 * @npages: Number of pages.
 *
 * Context: Process context.
 *
 * Return: 0, -ENOMEM when over the limit, -EINTR when killed.
 */
int iopt_account_charge(const struct iopt_account *account,
			enum iopt_account_mode mode, unsigned long npages)
{
	if (mode == IOPT_ACCOUNT_USER)
		return charge_user(account, npages);
	if (mode == IOPT_ACCOUNT_PROCESS)
		return charge_process(account, npages);
	return 0;
}

/**
 * iopt_account_uncharge() - Undo iopt_account_charge()
 * @account: The account.
 * @mode: Its mode.
 * @npages: Number of pages.
 *
 * Context: Process context.  Cannot fail.
 */
void iopt_account_uncharge(const struct iopt_account *account,
			   enum iopt_account_mode mode, unsigned long npages)
{
	if (mode == IOPT_ACCOUNT_USER) {
		atomic_long_sub(npages, &account->cred->user->locked_vm);
	} else if (mode == IOPT_ACCOUNT_PROCESS) {
		mmap_write_lock(account->mm);
		__account_locked_vm(account->mm, npages, false, account->task,
				    false);
		mmap_write_unlock(account->mm);
	}
}
