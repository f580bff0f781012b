/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_EXPORT_H
#define __COMPAT_LINUX_EXPORT_H

#include <linux/export.h>

/* Before 6.13 the namespace is given without quotes. */
#ifndef HAVE_NS_STRINGS
#undef EXPORT_SYMBOL_NS_GPL
/* Before 6.5 the header itself makes the entry, in a section of this name. */
#ifdef __KSYMTAB_ENTRY
#define EXPORT_SYMBOL_NS_GPL(sym, ns)	__EXPORT_SYMBOL(sym, "_gpl", ns)
#else
#define EXPORT_SYMBOL_NS_GPL(sym, ns)	__EXPORT_SYMBOL(sym, "GPL", ns)
#endif
#endif

#endif
