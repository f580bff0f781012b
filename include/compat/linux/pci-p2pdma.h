/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __COMPAT_LINUX_PCI_P2PDMA_H
#define __COMPAT_LINUX_PCI_P2PDMA_H

#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

/*
 * From some version after 6.12 on, at the latest 7.2, the PCI core knows which
 * BARs other devices may reach, and by which way.  Before, it is not asked.
 */
#ifndef HAVE_P2PDMA_PROVIDER
struct p2pdma_provider {
};

static inline struct p2pdma_provider *pcim_p2pdma_provider(struct pci_dev *pdev,
							   int bar)
{
	static struct p2pdma_provider any;

	return pci_resource_flags(pdev, bar) & IORESOURCE_MEM ? &any : NULL;
}
#endif

#endif
