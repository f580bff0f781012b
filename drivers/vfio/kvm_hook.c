// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ftrace hooks that make KVM's VFIO device accept device files.
 *
 * KVM calls three exported functions of the kernel's vfio.ko for each file that
 * it is given: whether the file is valid, whether DMA is coherent whatever the
 * device asks for, and which VM the file belongs to.  vfio.ko knows files of
 * groups only.  So this file sets an ftrace hook on the three functions that
 * can change the instruction pointer, as live patching does.  If the file is a
 * device file and the caller is a function of KVM's VFIO device, the CPU
 * continues at a function of the same type in this module, as if KVM had called
 * it.  In all other cases the CPU continues in vfio.ko.
 *
 * The hooks are safe:
 *  - The hook itself neither sleeps nor takes a lock.  The functions that it
 *    diverts to may: they run as if KVM had called them.
 *  - The module cannot be unloaded while one of its functions runs: the caller
 *    holds the file, and an open device file holds the module.  ftrace waits
 *    until nobody is in the hook before it lets the hook go.
 *  - vfio.ko cannot be unloaded, because this module links to it.
 *  - FTRACE_OPS_FL_IPMODIFY makes the kernel refuse a second hook that changes
 *    the instruction pointer of the same function.  FTRACE_OPS_FL_PERMANENT
 *    makes it refuse to disable ftrace (kernel.ftrace_enabled=0) while the
 *    hooks are set; by 7.2 it always refuses that.  So KVM gets the same
 *    answers for a file from its first call to its last.
 *
 * If the hooks cannot be set, or with the parameter kvm=0, KVM answers EINVAL
 * to device files, as it does without this module.  Nothing else changes.
 */
#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/array_size.h>
#include <linux/build_bug.h>
#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/vfio.h>

#include "cdev.h"
#include "kvm_hook.h"

static bool kvm = true;
module_param(kvm, bool, 0444);
MODULE_PARM_DESC(kvm, "Make KVM's VFIO device accept device files (default: true)");

/* The names of all functions of KVM's VFIO device, and no others, begin so. */
#define KVM_VFIO_PREFIX "kvm_vfio_"

static notrace bool vfio_kvm_is_caller(unsigned long ip)
{
	char name[sizeof(KVM_VFIO_PREFIX)];

	snprintf(name, sizeof(name), "%pB", (void *)ip);
	return !strcmp(name, KVM_VFIO_PREFIX);
}

static bool vfio_kvm_file_is_valid(struct file *file)
{
	return true;
}

/**
 * struct vfio_kvm_hook - A function of vfio.ko and its replacement
 * @function: The function of vfio.ko; its first argument is a struct file.
 * @answer: The function of this module that replaces it for device files.
 * @ops: The ftrace hook on @function.
 *
 * Constant while the hook is set, so there is no lock.
 */
struct vfio_kvm_hook {
	void *function;
	void *answer;
	struct ftrace_ops ops;
};

static notrace void vfio_kvm_redirect(unsigned long ip, unsigned long parent_ip,
				      struct ftrace_ops *ops,
				      struct ftrace_regs *fregs)
{
	struct vfio_kvm_hook *hook =
		container_of(ops, struct vfio_kvm_hook, ops);
	struct file *file = (struct file *)ftrace_regs_get_argument(fregs, 0);

	if (vfio_cdev_is_file(file) && vfio_kvm_is_caller(parent_ip))
		ftrace_regs_set_instruction_pointer(fregs,
						    (unsigned long)hook->answer);
}

static struct vfio_kvm_hook vfio_kvm_hooks[] = {
	{ vfio_file_is_valid, vfio_kvm_file_is_valid },
	{ vfio_file_enforced_coherent, vfio_cdev_file_is_coherent },
	{ vfio_file_set_kvm, vfio_cdev_file_set_kvm },
};

static_assert(__same_type(vfio_file_is_valid, vfio_kvm_file_is_valid));
static_assert(__same_type(vfio_file_enforced_coherent,
			  vfio_cdev_file_is_coherent));
static_assert(__same_type(vfio_file_set_kvm, vfio_cdev_file_set_kvm));

static int vfio_kvm_hook_set(struct vfio_kvm_hook *hook)
{
	int rc;

	hook->ops.func = vfio_kvm_redirect;
	hook->ops.flags = FTRACE_OPS_FL_SAVE_ARGS | FTRACE_OPS_FL_IPMODIFY |
			  FTRACE_OPS_FL_PERMANENT;
	rc = ftrace_set_filter_ip(&hook->ops, (unsigned long)hook->function,
				  0, 0);
	if (!rc)
		rc = register_ftrace_function(&hook->ops);
	if (rc)
		ftrace_free_filter(&hook->ops);
	return rc;
}

static void vfio_kvm_hook_remove(struct vfio_kvm_hook *hook)
{
	unregister_ftrace_function(&hook->ops);
	ftrace_free_filter(&hook->ops);
}

/**
 * vfio_kvm_hook_init() - Make KVM accept device files, if possible
 *
 * Logs a warning if the hooks cannot be set.  Pairs with vfio_kvm_hook_exit().
 *
 * Context: Module init.
 */
void vfio_kvm_hook_init(void)
{
	size_t i;
	int rc;

	if (!kvm)
		return;

	for (i = 0; i < ARRAY_SIZE(vfio_kvm_hooks); i++) {
		rc = vfio_kvm_hook_set(&vfio_kvm_hooks[i]);
		if (rc)
			goto err_remove;
	}
	return;

err_remove:
	while (i--)
		vfio_kvm_hook_remove(&vfio_kvm_hooks[i]);
	kvm = false;
	pr_warn("KVM will not accept device files: ftrace error %d\n", rc);
}

/**
 * vfio_kvm_hook_exit() - Undo vfio_kvm_hook_init()
 *
 * Context: Module exit; no device file is open.
 */
void vfio_kvm_hook_exit(void)
{
	size_t i;

	if (!kvm)
		return;

	for (i = 0; i < ARRAY_SIZE(vfio_kvm_hooks); i++)
		vfio_kvm_hook_remove(&vfio_kvm_hooks[i]);
}
