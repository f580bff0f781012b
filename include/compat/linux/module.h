/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_MODULE_H
#define __COMPAT_LINUX_MODULE_H

#include <linux/module.h>

/* Before 6.13 the namespace is given without quotes. */
#ifndef HAVE_NS_STRINGS
#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)
#endif

#endif
