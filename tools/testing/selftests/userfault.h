/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that makes a thread which touches it wait for the test */
#ifndef SELFTESTS_USERFAULT_H
#define SELFTESTS_USERFAULT_H

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"

#define USERFAULT_PAGE	4096UL

struct userfault {
	int fd;
	void *page;
	__u64 mode;
};

/* Can a pin that is to last wait at such memory?  Where not, it is EFAULT. */
#define PIN_CANNOT_WAIT	"before 6.5 a lasting pin fails where it would have to wait"

static inline bool pin_can_wait(void)
{
	return !kernel_before(6, 5, 0);
}

static inline int userfault_protect(const struct userfault *fault, __u64 mode)
{
	struct uffdio_writeprotect protect = {
		.range = { (uintptr_t)fault->page, USERFAULT_PAGE },
		.mode = mode,
	};

	return ioctl(fault->fd, UFFDIO_WRITEPROTECT, &protect) ? -errno : 0;
}

/*
 * page: of this process, private and anonymous.  mode:
 * UFFDIO_REGISTER_MODE_MISSING: wait at any use of the page, which nobody has
 * touched yet; UFFDIO_REGISTER_MODE_WP: at a write to it.
 */
static inline int userfault_start(struct userfault *fault, void *page,
				  __u64 mode)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)page, USERFAULT_PAGE },
		.mode = mode,
	};

	fault->page = page;
	fault->mode = mode;
	fault->fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (fault->fd < 0 || ioctl(fault->fd, UFFDIO_API, &api) ||
	    ioctl(fault->fd, UFFDIO_REGISTER, &reg))
		return -errno;
	return mode == UFFDIO_REGISTER_MODE_WP ?
	       userfault_protect(fault, UFFDIO_WRITEPROTECT_MODE_WP) : 0;
}

/* Wait until a thread waits. */
static inline int userfault_wait(const struct userfault *fault)
{
	struct uffd_msg msg;

	if (read(fault->fd, &msg, sizeof(msg)) != sizeof(msg))
		return -errno;
	return msg.event == UFFD_EVENT_PAGEFAULT ? 0 : -EIO;
}

static inline int userfault_fill(const struct userfault *fault,
				 const void *content)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)fault->page,
		.src = (uintptr_t)content,
		.len = USERFAULT_PAGE,
	};

	return ioctl(fault->fd, UFFDIO_COPY, &copy) ? -errno : 0;
}

/* Let the thread go on.  content: of the page, if it is missing */
static inline int userfault_end(const struct userfault *fault,
				const void *content)
{
	int rc = fault->mode == UFFDIO_REGISTER_MODE_WP ?
		 userfault_protect(fault, 0) : userfault_fill(fault, content);

	return close(fault->fd) ? -errno : rc;
}

#endif
