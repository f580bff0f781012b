// SPDX-License-Identifier: GPL-2.0-only
/*
 * References to VMs of KVM, for the driver of a device that is open.
 *
 * The module does not depend on KVM: it looks KVM's functions up by name, as the
 * VFIO core does, so that KVM can be absent, or be unloaded.
 */
#include <linux/bug.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

#include "kvm_ref.h"

/**
 * vfio_kvm_get - take a reference to a VM
 * @kvm: a VM that KVM has told of and not yet withdrawn
 *
 * Context: any that does not sleep, or any that does.
 *
 * Return: true if there is a reference now, to be given back with
 * vfio_kvm_put(); false if the VM is on its way out.
 */
bool vfio_kvm_get(struct kvm *kvm)
{
	typeof(kvm_get_kvm_safe) *get = symbol_get(kvm_get_kvm_safe);
	bool ret;

	if (!get)
		return false;
	ret = get(kvm);
	symbol_put(kvm_get_kvm_safe);
	return ret;
}

/**
 * vfio_kvm_put - drop a reference to a VM
 * @kvm: the VM; it may be gone when this returns
 *
 * Context: process context; sleeps.
 */
void vfio_kvm_put(struct kvm *kvm)
{
	/* There: a VM keeps KVM loaded. */
	typeof(kvm_put_kvm) *put = symbol_get(kvm_put_kvm);

	if (WARN_ON(!put))
		return;
	put(kvm);
	symbol_put(kvm_put_kvm);
}
