/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_PCI_H
#define __COMPAT_LINUX_PCI_H

#include <linux/pci.h>
#include <linux/version.h>

/*
 * Whether the PCI core may reset the bus of a function after it has told the
 * function's driver of an error in this state.  From 6.18 on that is also true
 * of pci_channel_io_normal: one driver on the bus that asks for a reset
 * suffices.  A driver that was told so then also gets to know how the recovery
 * ended, by resume() or by error_detected() with pci_channel_io_perm_failure;
 * before, it is not told that a recovery has failed.  No header shows either.
 */
static inline bool pci_error_may_reset(pci_channel_state_t state)
{
	return LINUX_VERSION_CODE >= KERNEL_VERSION(6, 18, 0) ||
	       state != pci_channel_io_normal;
}

#endif
