/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef __IOMMU_BACKEND_H
#define __IOMMU_BACKEND_H

#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/types.h>
#include <uapi/linux/iommufd.h>

struct bus_type;
struct device;
struct iommu_backend_viommu;

/**
 * struct iommu_backend_data - Data of user space for the allocation of a domain
 * @type: Of enum iommu_hwpt_data_type, not IOMMU_HWPT_DATA_NONE.
 * @uptr: User address of the struct of that type.
 * @length: Bytes of it.
 */
struct iommu_backend_data {
	u32 type;
	void __user *uptr;
	u32 length;
};

/**
 * struct iommu_backend_array - Invalidations that user space asks for
 * @type: Of enum iommu_hwpt_invalidate_data_type.
 * @uptr: User address of an array of structs of that type.
 * @entry_len: Bytes of each struct as user space knows it.
 * @entry_num: Number of structs.  0 asks whether @type is known, and nothing
 *	else.  Set to how many have taken effect, on success and on failure.
 */
struct iommu_backend_array {
	u32 type;
	void __user *uptr;
	u32 entry_len;
	u32 entry_num;
};

/**
 * struct iommu_backend_dirty - A bitmap of what devices have written
 * @bits: The bitmap.
 * @first: The bit that stands for @start.
 * @start: First IOVA.
 * @last: Last IOVA, inclusive.
 * @shift: log2 of the bytes that a bit stands for.
 * @ahead: Last IOVA after @last that was reported as well, 0 for none.
 */
struct iommu_backend_dirty {
	unsigned long *bits;
	unsigned long first;
	unsigned long start;
	unsigned long last;
	unsigned int shift;
	unsigned long ahead;
};

/**
 * struct iommu_backend_sharing - Whose page tables an IOMMU can walk
 * @iommu: The IOMMU, if it can walk those only that were made for itself; else
 *	NULL.
 * @features: What page tables depend on, as bits that only the backend knows.
 *	Whether the IOMMU snoops the caches of the CPU when it walks page tables
 *	is one of them: an IOMMU that does not might read stale entries of page
 *	tables that were made for one that does.
 *
 * IOMMUs for which all fields are the same can share page tables that are
 * within the limits of each, see iommu_backend_within().
 */
struct iommu_backend_sharing {
	const void *iommu;
	u64 features;
};

/**
 * struct iommu_backend_fault - A page that a device wants to reach
 * @flags: Of enum iommu_hwpt_pgfault_flags.
 * @pasid: With IOMMU_PGFAULT_FLAGS_PASID_VALID: the PASID, else 0.
 * @grpid: Number of the group, by which the device knows the answer.
 * @perm: Of enum iommu_hwpt_pgfault_perm.
 * @addr: Address of the page.
 */
struct iommu_backend_fault {
	u32 flags;
	u32 pasid;
	u32 grpid;
	u32 perm;
	u64 addr;
};

/**
 * struct iommu_backend_fault_handle - Who handles page faults of an attachment
 * @report: Report a group of faults, @n of them, which are copied.  @request is
 *	the backend's name for the group: iommu_backend_ops::respond_fault() is
 *	called with it exactly once, maybe before this returns.  Sleeps as long
 *	as it takes to fault in the pages, so other devices should not wait for
 *	it, and takes io_pagetable::domains_lock.  Cannot fail: what can be
 *	neither queued nor served is answered INVALID.
 *
 * See iommu_backend_ops::set_fault_handle().
 */
struct iommu_backend_fault_handle {
	void (*report)(struct iommu_backend_fault_handle *handle,
		       const struct iommu_backend_fault *faults,
		       unsigned int n, void *request);
};

typedef int (*iommu_backend_resv_fn)(const struct iommu_resv_region *region,
				     void *arg);

/**
 * struct iommu_backend_ops - The functions of an IOMMU
 * @owner: The module.
 * @bus: Bus of the devices that have this backend, NULL for all other devices.
 * @is_coherent: Tell whether DMA of a device to mappings with IOMMU_CACHE is
 *	coherent with the CPU's caches, unless it asks not to be snooped.  False
 *	also when no IOMMU translates for the device.
 * @enforces_coherency: Tell whether a domain can snoop all DMA of a device,
 *	also DMA that asks not to be snooped.  NULL if none can.
 * @sharing: Fill in with whose page tables the IOMMU of a device can share its
 *	own.  Returns 0 or -ENOMEM.  NULL if all devices can share them.
 * @msi_isolated: Tell whether the IOMMU keeps devices of a group from raising
 *	interrupts of others.  Called before @claim.
 * @walk_reserved: Call a function for each reserved region of a group, without
 *	locks, until it returns an error.  Returns 0, that error, or -ENOMEM.
 * @check_isolation: Log why this kernel cannot keep a group from DMA that is
 *	not to be.  Returns 0 when it can, else -EOPNOTSUPP.  NULL where it
 *	always can.
 * @claim: Claim DMA ownership of a group, and block its DMA. Returns 0, -EPERM
 *	when a host driver uses the group for DMA or another owner has claimed
 *	it, -EBUSY when it has a domain of its own, or what the IOMMU driver
 *	says.
 * @release: Undo @claim of a group that has no domain attached.
 * @hw_info: Allocate a description of the IOMMU of a device with kmalloc(), set
 *	its length in bytes and its type, of enum iommu_hw_info_type.  Returns
 *	it or ERR_PTR(-ENOMEM).  NULL where the type is IOMMU_HW_INFO_TYPE_NONE.
 * @capabilities: Return the flags of enum iommufd_hw_capabilities that a device
 *	has.  NULL where it has none.
 * @pasid_bits: Return the width of PASIDs of a device in bits, 0 if it has
 *	none.  NULL where no device has, and then @set_pasid and @clear_pasid
 *	are, too.  Where a device has, domains are final when they are
 *	allocated.
 * @domain_alloc: Allocate a domain for a device that is to be attached to it,
 *	with flags of enum iommufd_hwpt_alloc_flags, and with data unless NULL.
 *	The domain has the ops of an IOMMU driver.  Returns the domain or
 *	ERR_PTR(): -ENOMEM, -EOPNOTSUPP for a flag or data that the backend does
 *	not know, and when the data is wrong -EINVAL, -E2BIG or -EFAULT.
 * @domain_alloc_like: As @domain_alloc without data, but allocate a domain of
 *	the format of @like, which may have been allocated with data: the format
 *	has limits of its own.  NULL where data changes no limits.
 * @finalize: Make the geometry and the page sizes of a domain without devices
 *	final, and set *@coherent to whether it snoops all DMA of @dev from now
 *	on, also what asks not to be snooped.  IOMMU drivers of 6.1 adapt a
 *	domain to the hardware when a device is attached, so their backend
 *	attaches @group, of which @dev is.  @group is claimed and has no domain
 *	attached; it is NULL while it has one.  Returns 0 without an attach, 1
 *	when @group is attached now, -EBUSY when that takes an attach and @group
 *	is NULL, or what the IOMMU driver says.  NULL where domains are final
 *	when they are allocated, and do not snoop all DMA.
 * @has_nested: Tell whether domains can be nested at all by the driver of a
 *	device's IOMMU.  NULL where they can if there is @nested_alloc.
 * @nested_alloc: Allocate a nested domain for a device: user space keeps its
 *	page table in memory, and what that translates to is translated again by
 *	the parent, a domain of this backend that was allocated with
 *	IOMMU_HWPT_ALLOC_NEST_PARENT and stays until the nested domain is freed.
 *	The flags are IOMMU_HWPT_FAULT_ID_VALID and IOMMU_HWPT_ALLOC_PASID.
 *	The domain is for @attach, @detach, @replace, @set_pasid and
 *	@clear_pasid only, in which it stands for its parent as well.  Returns
 *	the domain or ERR_PTR(), as for @domain_alloc.  NULL where no domain can
 *	be nested.  Where one can, @finalize never needs an attach.
 * @nested_free: Free a nested domain that has no devices.
 * @nested_invalidate: Forget what the IOMMU has cached of the user's page table
 *	of a domain that is nested in @parent, entry by entry until one fails,
 *	see iommu_backend_copy_entry().  More may be forgotten of what is nested
 *	in that one.  At most 64 entries come in a call.  Returns
 *	0, -EINVAL for a type or a content that it does not know, -EOPNOTSUPP
 *	for such a flag, or what iommu_backend_copy_entry() returns.  NULL where
 *	nothing has to be forgotten by order of user space.
 * @instance: Tell the IOMMU of a device from others.  NULL where @has_viommu
 *	is.
 * @has_viommu: Tell whether the IOMMU of a device has virtual ones of a type, of
 *	enum iommu_viommu_type.  NULL where no IOMMU has any.
 * @viommu_alloc: Allocate a virtual IOMMU of such a type, for the IOMMU of a
 *	device, with data of user space unless NULL; see also
 *	iommu_backend_viommu_ops::report().
 *	What it nests is nested in the parent, a domain of this backend that was
 *	allocated with IOMMU_HWPT_ALLOC_NEST_PARENT and stays until the virtual
 *	IOMMU is freed.  Returns it or ERR_PTR(), as for @domain_alloc.  A
 *	backend that has this has @replace: a group whose vDEVICE is gone could
 *	not be attached again after a detach.
 * @domain_free: Free a domain that is empty and has no devices.
 * @map_msi: Let the kernel map MSI doorbells in a domain, in a window that is
 *	reserved for it.  Called once for a domain, before a group is attached.
 *	Returns 0 or -ENOMEM.  NULL where no region is of type
 *	IOMMU_RESV_SW_MSI.
 * @attach: Let a group do DMA through a domain; the group is claimed and has no
 *	domain attached.  Returns 0, or what the IOMMU driver says, and then the
 *	group is still blocked.  See iommu_backend_attach().
 * @detach: Undo @attach: block the DMA of the group again.
 * @replace: Let a group do DMA through another domain than the one that it has
 *	attached, blocked in between no longer than the IOMMU driver has to.
 *	Returns 0, or what the IOMMU driver says, and then either nothing has
 *	changed or the group is blocked, and has no domain attached: @is_attached
 *	says which.  In the latter case @replace may be tried again, with the same
 *	@old.  NULL where it cannot be done.  See iommu_backend_replace().
 * @is_attached: Whether a group is still attached to @domain after a @replace of it
 *	that has failed.  NULL where it always is.
 * @set_pasid: Let DMA of a device with a PASID, not 0 and of no more than
 *	@pasid_bits, through @domain.  It went through @old, and is blocked in
 *	between no longer than the IOMMU driver has to; if @old is NULL, it was
 *	blocked.  @domain was allocated with IOMMU_HWPT_ALLOC_PASID, and so was
 *	that of the group, if it has one attached.  Returns 0, or what the IOMMU
 *	driver says, and then nothing has changed, or the PASID is blocked, see
 *	@pasid_is_attached.  See iommu_backend_set_pasid().
 * @pasid_is_attached: Tell whether DMA with a PASID still goes through the domain
 *	that it went through before a @set_pasid that has failed, and is not
 *	blocked.  The next @set_pasid is given that domain as @old in both cases.
 *	NULL where it always does.
 * @clear_pasid: Block DMA of a device with a PASID, which went through @domain
 *	or is blocked.
 * @set_dirty_tracking: Begin or end to track what devices write through a
 *	domain, allocated with IOMMU_HWPT_ALLOC_DIRTY_TRACKING.  Returns 0, or
 *	what the IOMMU driver says.  NULL where no domain can.
 * @read_dirty: Call iommu_backend_set_dirty() for each page of a mapped range
 *	that devices have written, unless the bitmap is NULL.  With @clear, a
 *	page is dirty again only when it is written again, except one that
 *	begins before the bitmap, which stays dirty: what is before was reported
 *	only if the page was dirty by then.  The range may begin and end inside
 *	pages; a page that reaches over its end is reported as a whole.  Returns
 *	0, or what the IOMMU driver says.
 * @set_fault_handle: Have page faults that bear a PASID of a device, or none, of
 *	any device of its group, if it is IOMMU_NO_PASID, go to a handle, or
 *	answer them INVALID if the handle is NULL.  Called after an attach to a
 *	domain that was allocated with IOMMU_HWPT_FAULT_ID_VALID, or after a
 *	detach or replace of one.  Between such an attach and this call, faults
 *	go to the handle that there was; if there was none they are answered
 *	SUCCESS, so that the device asks again.  When this returns, no report to
 *	another handle is under way, and none begins.  Cannot fail.  NULL where
 *	no domain has that flag.
 * @respond_fault: Give a device the answer to a group of faults, of enum
 *	iommufd_page_response_code.  Called with a lock held that
 *	iommu_backend_fault_handle::report() takes.  Cannot fail.  NULL where
 *	@set_fault_handle is.
 *
 * All of them may sleep.  A group that is claimed and has no domain attached is
 * blocked from DMA, so that a detach never lets a device reach anything.  The
 * caller does not attach or detach while it maps or unmaps in the domain.
 */
struct iommu_backend_ops {
	struct module *owner;
	const struct bus_type *bus;
	bool (*is_coherent)(struct device *dev);
	bool (*enforces_coherency)(struct device *dev);
	int (*sharing)(struct device *dev,
		       struct iommu_backend_sharing *sharing);
	bool (*msi_isolated)(struct iommu_group *group);
	int (*walk_reserved)(struct iommu_group *group,
			     iommu_backend_resv_fn fn, void *arg);
	int (*check_isolation)(struct iommu_group *group);
	int (*claim)(struct iommu_group *group, void *owner);
	void (*release)(struct iommu_group *group);
	void *(*hw_info)(struct device *dev, u32 *length, u32 *type);
	u64 (*capabilities)(struct device *dev);
	u8 (*pasid_bits)(struct device *dev);
	struct iommu_domain *(*domain_alloc)(struct device *dev, u32 flags,
					     const struct iommu_backend_data *data);
	struct iommu_domain *(*domain_alloc_like)(struct device *dev, u32 flags,
						  struct iommu_domain *like);
	int (*finalize)(struct iommu_domain *domain, struct device *dev,
			struct iommu_group *group, bool *coherent);
	bool (*has_nested)(struct device *dev);
	struct iommu_domain *(*nested_alloc)(struct device *dev,
					     struct iommu_domain *parent,
					     u32 flags,
					     const struct iommu_backend_data *data);
	void (*nested_free)(struct iommu_domain *domain);
	int (*nested_invalidate)(struct iommu_domain *domain,
				 struct iommu_domain *parent,
				 struct iommu_backend_array *array);
	const void *(*instance)(struct device *dev);
	bool (*has_viommu)(struct device *dev, u32 type);
	struct iommu_backend_viommu *
		(*viommu_alloc)(struct device *dev, u32 type,
				struct iommu_domain *parent,
				const struct iommu_backend_data *data);
	void (*domain_free)(struct iommu_domain *domain);
	int (*map_msi)(struct iommu_domain *domain, phys_addr_t iova);
	int (*attach)(struct iommu_domain *domain, struct iommu_group *group);
	void (*detach)(struct iommu_domain *domain, struct iommu_group *group);
	int (*replace)(struct iommu_domain *old, struct iommu_domain *domain,
		       struct iommu_group *group);
	bool (*is_attached)(struct iommu_domain *domain,
			    struct iommu_group *group);
	int (*set_pasid)(struct device *dev, u32 pasid,
			 struct iommu_domain *old, struct iommu_domain *domain);
	bool (*pasid_is_attached)(struct device *dev, u32 pasid);
	void (*clear_pasid)(struct device *dev, u32 pasid,
			    struct iommu_domain *domain);
	int (*set_dirty_tracking)(struct iommu_domain *domain, bool enable);
	int (*read_dirty)(struct iommu_domain *domain, unsigned long iova,
			  size_t length, bool clear,
			  struct iommu_backend_dirty *dirty);
	void (*set_fault_handle)(struct device *dev, u32 pasid,
				 struct iommu_backend_fault_handle *handle);
	void (*respond_fault)(void *request,
			      enum iommufd_page_response_code code);
};

static inline void iommu_backend_ref(const struct iommu_backend_ops *backend)
{
	__module_get(backend->owner);
}

static inline void iommu_backend_put(const struct iommu_backend_ops *backend)
{
	module_put(backend->owner);
}

/**
 * iommu_backend_pasid_bits() - Tell the width of the PASIDs of a device
 * @backend: The backend of @dev.
 * @dev: The device.
 *
 * Return: the width in bits, 0 if page tables cannot be attached to PASIDs.
 */
static inline u8
iommu_backend_pasid_bits(const struct iommu_backend_ops *backend,
			 struct device *dev)
{
	return backend->pasid_bits ? backend->pasid_bits(dev) : 0;
}

/**
 * iommu_backend_sharing() - Find out whose page tables an IOMMU can walk
 * @backend: The backend of @dev.
 * @dev: The device.
 * @sharing: Filled in.
 *
 * Return: 0 or -ENOMEM.
 */
static inline int iommu_backend_sharing(const struct iommu_backend_ops *backend,
					struct device *dev,
					struct iommu_backend_sharing *sharing)
{
	*sharing = (struct iommu_backend_sharing) {};
	return backend->sharing ? backend->sharing(dev, sharing) : 0;
}

/**
 * iommu_backend_can_share() - Tell whether IOMMUs can share page tables
 * @a: What is known of one.
 * @b: What is known of the other; both have the same backend.
 *
 * Return: whether they can, if the page table is within the limits of both.
 */
static inline bool
iommu_backend_can_share(const struct iommu_backend_sharing *a,
			const struct iommu_backend_sharing *b)
{
	return a->iommu == b->iommu && a->features == b->features;
}

/**
 * struct iommu_backend_limits - What the IOMMU of a group can do
 * @aperture_start: First IOVA.
 * @aperture_end: Last IOVA, inclusive.
 * @pgsizes: Page sizes, a bit each.
 */
struct iommu_backend_limits {
	dma_addr_t aperture_start;
	dma_addr_t aperture_end;
	unsigned long pgsizes;
};

int iommu_backend_probe(const struct iommu_backend_ops *backend,
			struct device *dev, u32 flags,
			struct iommu_domain *like, struct iommu_group *group,
			struct iommu_backend_limits *limits);

bool iommu_backend_within(struct iommu_domain *domain,
			  const struct iommu_backend_limits *limits);

int iommu_backend_finalize(const struct iommu_backend_ops *backend,
			   struct iommu_domain *domain, struct device *dev,
			   struct iommu_group *group, bool *coherent);
int iommu_backend_attach(const struct iommu_backend_ops *backend,
			 struct iommu_domain *domain,
			 struct iommu_group *group);
int iommu_backend_replace(const struct iommu_backend_ops *backend,
			  struct iommu_domain *old, struct iommu_domain *domain,
			  struct iommu_group *group);
bool iommu_backend_is_attached(const struct iommu_backend_ops *backend,
			       struct iommu_domain *domain,
			       struct iommu_group *group);
int iommu_backend_set_pasid(const struct iommu_backend_ops *backend,
			    struct device *dev, u32 pasid,
			    struct iommu_domain *old,
			    struct iommu_domain *domain);

/**
 * iommu_backend_pasid_is_attached() - See iommu_backend_ops::pasid_is_attached
 * @backend: The backend of @dev.
 * @dev: The device.
 * @pasid: A PASID that iommu_backend_set_pasid() was called for, and
 *	iommu_backend_ops::clear_pasid() was not.
 *
 * Context: Process context.
 *
 * Return: whether DMA with the PASID goes through a domain.
 */
static inline bool
iommu_backend_pasid_is_attached(const struct iommu_backend_ops *backend,
				struct device *dev, u32 pasid)
{
	return !backend->pasid_is_attached ||
	       backend->pasid_is_attached(dev, pasid);
}

/* Functions for backends */
int iommu_backend_copy_data(const struct iommu_backend_data *data, void *to,
			    size_t size, size_t min_size);
int iommu_backend_copy_entry(const struct iommu_backend_array *array, u32 index,
			     void *to, size_t size, size_t min_size);
int iommu_backend_write_data(const struct iommu_backend_data *data,
			     const void *from, size_t size);
void iommu_backend_set_dirty(struct iommu_backend_dirty *dirty,
			     unsigned long iova, size_t length);

#endif
