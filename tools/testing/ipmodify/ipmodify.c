// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another user of ftrace that may change where a function goes on, as a live patch
 * does: only one can for each function.  It changes nothing.
 */
#include <linux/ftrace.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

static char *function = "";
module_param(function, charp, 0444);
MODULE_PARM_DESC(function, "Name of the function");

static int rc;
module_param(rc, int, 0444);
MODULE_PARM_DESC(rc, "0, or the errno by which ftrace refused (read only)");

static notrace void ipmodify_nothing(unsigned long ip, unsigned long parent_ip,
				     struct ftrace_ops *ops,
				     struct ftrace_regs *fregs)
{
}

static struct ftrace_ops ipmodify_ops = {
	.func = ipmodify_nothing,
	.flags = FTRACE_OPS_FL_SAVE_ARGS | FTRACE_OPS_FL_IPMODIFY,
};

/* Loads in any case, so that a test can read the errno. */
static int __init ipmodify_init(void)
{
	rc = ftrace_set_filter(&ipmodify_ops, function, strlen(function), 1);
	if (!rc)
		rc = register_ftrace_function(&ipmodify_ops);
	return 0;
}

static void __exit ipmodify_exit(void)
{
	if (!rc)
		unregister_ftrace_function(&ipmodify_ops);
	ftrace_free_filter(&ipmodify_ops);
}

module_init(ipmodify_init);
module_exit(ipmodify_exit);

MODULE_DESCRIPTION("A user of ftrace that excludes others, for tests");
MODULE_LICENSE("GPL");
MODULE_VERSION(IOMMUFD_VERSION);
