/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_HUGE_H
#define __IOPT_HUGE_H

#include <linux/types.h>

struct page;

/* A test sets this: iopt_is_huge() returns true whatever is mapped. */
extern bool iopt_always_try_huge;

bool iopt_is_huge(unsigned long uaddr);
long iopt_pin_huge(unsigned long uaddr, struct page **page);

#endif
