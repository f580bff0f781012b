/* SPDX-License-Identifier: GPL-2.0-only */
/* Open files that one process hands to another, over a Unix socket */
#ifndef LIB_FILES_H
#define LIB_FILES_H

#include <stddef.h>

#define FILES_MAX	2

/* Return 0 or a negative errno; -EPROTO: other than n files came. */
int files_send(int sock, const int *fds, size_t n);
int files_receive(int sock, int *fds, size_t n);

#endif
