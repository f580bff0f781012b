/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ftrace hooks that make KVM accept device files.
 */
#ifndef __VFIO_KVM_HOOK_H
#define __VFIO_KVM_HOOK_H

#include <linux/kconfig.h>

#if IS_ENABLED(CONFIG_KVM) && (defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || \
			       defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS))
#define vfio_kvm_can_hook	true

void vfio_kvm_hook_init(void);
void vfio_kvm_hook_exit(void);
#else
#define vfio_kvm_can_hook	false

static inline void vfio_kvm_hook_init(void)
{
}

static inline void vfio_kvm_hook_exit(void)
{
}
#endif

#endif
