// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes KVM's VFIO device accept our device files.
 *
 * Of each file that it is given, KVM asks the kernel's vfio.ko three things:
 * is it valid, is its DMA coherent whatever the device asks for, and it tells
 * which VM the file belongs to.  vfio.ko knows files of groups only.  So here
 * these three exported functions get an ftrace hook that may change where the
 * CPU goes on, as live patching uses it.  If, and only if, the file is one of
 * ours and the caller is a function of KVM's VFIO device, it goes on at the
 * start of a function of the same type here, as if KVM had called that; in any
 * other case, in vfio.ko, untouched.
 *
 * Why it is safe:
 *  - The hook only looks and sets the address.  What sleeps or takes locks is
 *    in the functions below, which run as KVM's callees.
 *  - They can never be called from, or return to, code that is gone: the
 *    caller holds the file, and an open file of ours holds this module.
 *    ftrace waits for those who are still in the hook before it is freed.
 *  - vfio.ko stays, as this module links to it.
 *  - FTRACE_OPS_FL_IPMODIFY makes the kernel refuse a second hook that changes
 *    the address of the same function, and FTRACE_OPS_FL_PERMANENT makes it
 *    refuse to switch ftrace off (kernel.ftrace_enabled=0) while this is
 *    loaded; kernels of 7.x always do.  So KVM finds the same answers from the
 *    first file on to the last.
 *
 * If the hooks cannot be set, device files work for everything but KVM, which
 * answers EINVAL as ever; so it does with the parameter kvm=0.
 */
#undef pr_fmt
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/array_size.h>
#include <linux/build_bug.h>
#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>
#include <linux/string.h>
#include <linux/vfio.h>

#include "cdev.h"
#include "kvm_hook.h"

static bool kvm = true;
module_param(kvm, bool, 0444);
MODULE_PARM_DESC(kvm, "Make KVM's VFIO device accept device files (default: true)");

/* All functions of KVM's VFIO device have this prefix, and no others. */
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
 * struct vfio_kvm_hook - a function that is answered in another's place
 * @function: the function of vfio.ko; its first argument is a struct file
 * @answer: the one that answers for our files
 * @ops: ftrace's part
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
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct file *file = (struct file *)regs_get_kernel_argument(regs, 0);

	if (vfio_cdev_is_file(file) && vfio_kvm_is_caller(parent_ip))
		instruction_pointer_set(regs, (unsigned long)hook->answer);
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
	int ret;

	hook->ops.func = vfio_kvm_redirect;
	hook->ops.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY |
			  FTRACE_OPS_FL_PERMANENT;
	ret = ftrace_set_filter_ip(&hook->ops, (unsigned long)hook->function,
				   0, 0);
	if (!ret)
		ret = register_ftrace_function(&hook->ops);
	if (ret)
		ftrace_free_filter(&hook->ops);
	return ret;
}

static void vfio_kvm_hook_remove(struct vfio_kvm_hook *hook)
{
	unregister_ftrace_function(&hook->ops);
	ftrace_free_filter(&hook->ops);
}

/**
 * vfio_kvm_hook_init - have KVM accept our device files from now on, if possible
 *
 * Context: module init.
 */
void vfio_kvm_hook_init(void)
{
	size_t i;
	int ret;

	if (!kvm)
		return;

	for (i = 0; i < ARRAY_SIZE(vfio_kvm_hooks); i++) {
		ret = vfio_kvm_hook_set(&vfio_kvm_hooks[i]);
		if (ret)
			goto out_remove;
	}
	return;

out_remove:
	while (i--)
		vfio_kvm_hook_remove(&vfio_kvm_hooks[i]);
	kvm = false;
	pr_warn("KVM will not accept device files: ftrace error %d\n", ret);
}

/**
 * vfio_kvm_hook_exit - undo vfio_kvm_hook_init()
 *
 * Context: module exit; no device file is open.
 */
void vfio_kvm_hook_exit(void)
{
	size_t i;

	if (!kvm)
		return;

	for (i = 0; i < ARRAY_SIZE(vfio_kvm_hooks); i++)
		vfio_kvm_hook_remove(&vfio_kvm_hooks[i]);
}
