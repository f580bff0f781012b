/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the tests of PASIDs */
#ifndef IOMMU_PASID_H
#define IOMMU_PASID_H

#include "hwpt.h"

#define AT		(64 * MiB)	/* an IOVA that begins a huge page */
#define COMPATIBLE	IOMMU_HWPT_ALLOC_PASID
#define LAST		((1U << MOCK_PASID_WIDTH) - 1)
#define FAIL_ERRNO	MOCK_PARAMETERS "fail_errno"

/* A mock device with PASIDs, and page tables for it */
struct setup {
	int fd;
	__u32 ioas[2];
	struct mock_dev dev;	/* attached to the first page table */
	__u32 hwpt[2];		/* for devices that use PASIDs, of either IOAS */
	__u32 plain;		/* not for them, of the first IOAS */
};

static inline int make_setup(struct setup *s)
{
	s->fd = mock_open(&s->ioas[0]);
	if (s->fd < 0)
		return s->fd;
	return ioas_alloc(s->fd, &s->ioas[1]) ?:
	       mock_attach_flags(s->fd, s->ioas[0], MOCK_FLAGS_DEVICE_PASID,
				 &s->dev) ?:
	       hwpt_alloc(s->fd, s->dev.dev_id, s->ioas[0], COMPATIBLE,
			  &s->hwpt[0]) ?:
	       hwpt_alloc(s->fd, s->dev.dev_id, s->ioas[1], COMPATIBLE,
			  &s->hwpt[1]) ?:
	       hwpt_alloc(s->fd, s->dev.dev_id, s->ioas[0], 0, &s->plain) ?:
	       mock_replace(s->fd, &s->dev, s->hwpt[0]);
}

/* For a fixture that has it as self->s */
#define ATTACH(pasid, pt)	\
	mock_pasid_attach(self->s.fd, self->s.dev.id, pasid, pt)
#define REPLACE(pasid, pt)	\
	mock_pasid_replace(self->s.fd, self->s.dev.id, pasid, pt)
#define DETACH(pasid)		\
	mock_pasid_detach(self->s.fd, self->s.dev.id, pasid)

#endif
