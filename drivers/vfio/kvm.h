/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * KVM and the device files: see kvm.c.
 */
#ifndef __VFIO_KVM_H
#define __VFIO_KVM_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct kvm;

#if IS_ENABLED(CONFIG_KVM) && defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
void vfio_kvm_init(void);
void vfio_kvm_exit(void);
bool vfio_kvm_get(struct kvm *kvm);
void vfio_kvm_put(struct kvm *kvm);
#else
static inline void vfio_kvm_init(void)
{
}

static inline void vfio_kvm_exit(void)
{
}

static inline bool vfio_kvm_get(struct kvm *kvm)
{
	return false;
}

static inline void vfio_kvm_put(struct kvm *kvm)
{
}
#endif

#endif
