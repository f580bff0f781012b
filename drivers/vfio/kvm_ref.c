// SPDX-License-Identifier: GPL-2.0-only
/*
 * References to VMs of KVM, for the driver of a device that is open.
 *
 * The module does not depend on KVM: it looks KVM's functions up by name, as
 * the VFIO core does, so that KVM can be absent, or be unloaded.
 */
#include <linux/bug.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

#include "kvm_ref.h"

/**
 * vfio_kvm_get() - Take a reference to a VM
 * @kvm: A VM that KVM has given to a device file and not yet taken back.
 *
 * Pairs with vfio_kvm_put().
 *
 * Context: Any but interrupt; does not sleep.
 *
 * Return: true if the reference was taken; false if the VM is being freed.
 */
bool vfio_kvm_get(struct kvm *kvm)
{
	typeof(kvm_get_kvm_safe) *get = symbol_get(kvm_get_kvm_safe);
	bool held;

	if (!get)
		return false;
	held = get(kvm);
	symbol_put(kvm_get_kvm_safe);
	return held;
}

/**
 * vfio_kvm_put() - Drop a reference to a VM
 * @kvm: The VM; it may be freed when the function returns.
 *
 * Context: Process context; sleeps.
 */
void vfio_kvm_put(struct kvm *kvm)
{
	/* Found, because a VM keeps KVM loaded. */
	typeof(kvm_put_kvm) *put = symbol_get(kvm_put_kvm);

	if (WARN_ON(!put))
		return;
	put(kvm);
	symbol_put(kvm_put_kvm);
}
