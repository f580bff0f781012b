/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMUFD_PAYER_H
#define __IOMMUFD_PAYER_H

#include <linux/types.h>

struct cred;
struct mm_struct;
struct task_struct;

enum iopt_account_mode {
	IOPT_ACCOUNT_USER,	/* against what the user may lock */
	IOPT_ACCOUNT_PROCESS,	/* against what the process may lock */
	IOPT_ACCOUNT_NONE,	/* the process may lock as much as it likes */
};

/**
 * struct iopt_payer - Who is charged for pinned memory
 * @mm: Address space of the process.  Its memory may be gone while this lives.
 * @task: The process, for its limits.
 * @cred: Its credentials with IOPT_ACCOUNT_USER, for their user, else NULL.  Not
 *	the user itself: not all stock kernels let a module drop one.
 *
 * The mode is kept apart, where there is room for one byte.
 */
struct iopt_payer {
	struct mm_struct *mm;
	struct task_struct *task;
	const struct cred *cred;
};

u8 iopt_payer_init(struct iopt_payer *payer, enum iopt_account_mode mode);
void iopt_payer_get(struct iopt_payer *payer);
void iopt_payer_put(struct iopt_payer *payer);
bool iopt_payer_same(const struct iopt_payer *a, enum iopt_account_mode a_mode,
		     const struct iopt_payer *b, enum iopt_account_mode b_mode);

int iopt_payer_charge(const struct iopt_payer *payer,
		      enum iopt_account_mode mode, unsigned long npages);
void iopt_payer_uncharge(const struct iopt_payer *payer,
			 enum iopt_account_mode mode, unsigned long npages);
void iopt_payer_count(const struct iopt_payer *payer, long npages);

#endif
