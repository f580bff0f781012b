/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_ACCOUNT_H
#define __IOPT_ACCOUNT_H

#include <linux/atomic.h>
#include <linux/mm_types.h>
#include <linux/types.h>

struct cred;
struct task_struct;

/**
 * enum iopt_account_mode - Which limit pinned pages count against
 * @IOPT_ACCOUNT_USER: What the user may lock, over all processes.
 * @IOPT_ACCOUNT_PROCESS: What the process may lock.
 * @IOPT_ACCOUNT_NONE: None: the process may lock memory without limit.
 */
enum iopt_account_mode {
	IOPT_ACCOUNT_USER,
	IOPT_ACCOUNT_PROCESS,
	IOPT_ACCOUNT_NONE,
};

/**
 * struct iopt_account - The process that is charged for pinned pages
 * @mm: Its address space, the memory of which may be gone while this lives.
 * @task: The process, for its limits.
 * @cred: With IOPT_ACCOUNT_USER its credentials, for their user, else NULL.
 *	This is not the user itself, as not all stock kernels let a module drop
 *	that.
 *
 * The mode is kept apart, where there is space for one byte.
 */
struct iopt_account {
	struct mm_struct *mm;
	struct task_struct *task;
	const struct cred *cred;
};

u8 iopt_account_init(struct iopt_account *account, enum iopt_account_mode mode);
void iopt_account_get(struct iopt_account *account);
void iopt_account_put(struct iopt_account *account);
bool iopt_account_same(const struct iopt_account *a,
		       enum iopt_account_mode a_mode,
		       const struct iopt_account *b,
		       enum iopt_account_mode b_mode);

int iopt_account_charge(const struct iopt_account *account,
			enum iopt_account_mode mode, unsigned long npages);
void iopt_account_uncharge(const struct iopt_account *account,
			   enum iopt_account_mode mode, unsigned long npages);

/**
 * iopt_account_count() - Count pages in what the process has pinned (VmPin)
 * @account: The account, of any mode.
 * @npages: Number of pages, negative for fewer.
 *
 * Context: Any.
 */
static inline void iopt_account_count(const struct iopt_account *account,
				      long npages)
{
	atomic64_add(npages, &account->mm->pinned_vm);
}

#endif
