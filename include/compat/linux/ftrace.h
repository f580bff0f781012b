/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_FTRACE_H
#define __COMPAT_LINUX_FTRACE_H

#include <linux/ftrace.h>
#include <linux/ptrace.h>

/*
 * From 6.2 on an ftrace hook reaches the arguments and the instruction pointer
 * by functions of each architecture.  Before, struct ftrace_regs is a struct
 * pt_regs, of which at least these are saved.
 */
#ifndef HAVE_FTRACE_REGS_HAS_ARGS
#define ftrace_regs_get_argument(fregs, n) \
	regs_get_kernel_argument(&(fregs)->regs, n)
#define ftrace_regs_set_instruction_pointer(fregs, ip) \
	instruction_pointer_set(&(fregs)->regs, ip)
#endif

/*
 * The flag of a hook that needs the arguments.  By 6.12 the kernel has it: an
 * architecture without CONFIG_DYNAMIC_FTRACE_WITH_ARGS saves all registers.
 */
#ifndef FTRACE_OPS_FL_SAVE_ARGS
#ifdef CONFIG_DYNAMIC_FTRACE_WITH_ARGS
#define FTRACE_OPS_FL_SAVE_ARGS	0
#else
#define FTRACE_OPS_FL_SAVE_ARGS	FTRACE_OPS_FL_SAVE_REGS
#endif
#endif

#endif
