/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOPT_POPULATE_H
#define __IOPT_POPULATE_H

struct iopt_populate;

struct iopt_populate *iopt_populate_start(unsigned long base,
					  const unsigned long *index,
					  unsigned long last);
void iopt_populate_stop(struct iopt_populate *populate);

#endif
