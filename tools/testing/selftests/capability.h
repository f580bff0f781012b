/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_CAPABILITY_H
#define SELFTESTS_CAPABILITY_H

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Have this thread use a capability no more, or once more; it stays permitted */
static inline int set_capability(unsigned int cap, bool on)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3], *word;

	if (syscall(SYS_capget, &header, data))
		return -errno;
	word = &data[CAP_TO_INDEX(cap)];
	if (on)
		word->effective |= CAP_TO_MASK(cap);
	else
		word->effective &= ~CAP_TO_MASK(cap);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

#endif
