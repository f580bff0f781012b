/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * References to VMs of KVM.
 */
#ifndef __VFIO_KVM_REF_H
#define __VFIO_KVM_REF_H

#include <linux/kconfig.h>
#include <linux/types.h>

struct kvm;

#if IS_ENABLED(CONFIG_KVM)
bool vfio_kvm_get(struct kvm *kvm);
void vfio_kvm_put(struct kvm *kvm);
#else
static inline bool vfio_kvm_get(struct kvm *kvm)
{
	return false;
}

static inline void vfio_kvm_put(struct kvm *kvm)
{
}
#endif

#endif
