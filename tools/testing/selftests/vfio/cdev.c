// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device file /dev/vfio/devices/vfioN: where it is, what it refuses until
 * it is bound, and the errors of BIND, ATTACH and DETACH.
 */
#include <dirent.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "parked.h"

#define OTHER_FLAG 0x80000000u

FIXTURE(node) {};

FIXTURE_SETUP(node)
{
	ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
}

FIXTURE_TEARDOWN(node)
{
	pci_bind(EDU, "vfio-pci");
}

TEST_F(node, sysfs_announces_the_node)
{
	char path[PATH_MAX];
	struct stat st;
	dev_t dev;

	ASSERT_EQ(0, vfio_find(EDU, path, &dev));
	ASSERT_EQ(0, stat(path, &st));
	EXPECT_TRUE(S_ISCHR(st.st_mode));
	EXPECT_EQ(major(dev), major(st.st_rdev));
	EXPECT_EQ(minor(dev), minor(st.st_rdev));
}

TEST_F(node, sysfs_has_one_directory_a_device)
{
	DIR *dir = opendir("/sys/bus/pci/devices/" EDU "/vfio-dev");
	struct dirent *entry;
	int found = 0;

	ASSERT_NE(NULL, dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			found++;
	EXPECT_EQ(1, found);
	closedir(dir);
}

TEST_F(node, two_devices_have_two_nodes)
{
	char path1[PATH_MAX], path2[PATH_MAX];
	dev_t dev1, dev2;

	ASSERT_EQ(0, pci_bind(NVME, "vfio-pci"));
	ASSERT_EQ(0, vfio_find(EDU, path1, &dev1));
	ASSERT_EQ(0, vfio_find(NVME, path2, &dev2));
	EXPECT_STRNE(path1, path2);
	EXPECT_NE(dev1, dev2);
}

TEST_F(node, exists_as_long_as_the_driver_is_bound)
{
	char path[PATH_MAX], unused[PATH_MAX];
	int i;

	for (i = 0; i < 10; i++) {
		dev_t dev;

		ASSERT_EQ(0, vfio_find(EDU, path, &dev));
		ASSERT_EQ(0, access(path, F_OK));
		ASSERT_EQ(0, pci_bind(EDU, NULL));
		EXPECT_EQ(-ENOENT, ERR(access(path, F_OK)));
		EXPECT_EQ(-ENODEV, vfio_find(EDU, unused, &dev));
		ASSERT_EQ(0, pci_bind(EDU, "vfio-pci"));
	}
}

/* A file that was opened and not bound */
FIXTURE(parked)
{
	int dev;
};

FIXTURE_VARIANT(parked)
{
	const char *bdf;
};

FIXTURE_VARIANT_ADD(parked, edu)
{
	.bdf = EDU,
};

FIXTURE_VARIANT_ADD(parked, nvme)
{
	.bdf = NVME,
};

FIXTURE_SETUP(parked)
{
	self->dev = open_vfio(variant->bdf);
}

FIXTURE_TEARDOWN(parked)
{
	EXPECT_EQ(0, close(self->dev));
}

TEST_F(parked, refuses_every_ioctl)
{
	EXPECT_EQ(-1, parked_ioctl_taken(self->dev));
}

TEST_F(parked, refuses_read_and_write)
{
	EXPECT_EQ(-1, parked_offset_taken(self->dev));
}

TEST_F(parked, refuses_mmap)
{
	EXPECT_TRUE(parked_mmap_refused(self->dev));
}

TEST_F(parked, refuses_again_after_a_failed_bind)
{
	EXPECT_EQ(-EINVAL, vfio_bind(self->dev, -1, NULL));
	EXPECT_EQ(-EINVAL, get_info(self->dev));
}

TEST_F(parked, a_parked_file_does_not_hold_the_device)
{
	EXPECT_EQ(0, bind_anew(variant->bdf));
	EXPECT_EQ(-EINVAL, get_info(self->dev));
}

/* BIND */
FIXTURE(bind)
{
	int dev;
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(bind)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
}

FIXTURE_TEARDOWN(bind)
{
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

static int bind_raw(int dev, __u32 argsz, __u32 flags, int iommufd)
{
	struct vfio_device_bind_iommufd bind = {
		.argsz = argsz,
		.flags = flags,
		.iommufd = iommufd,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_BIND_IOMMUFD, &bind));
}

#define BIND_MIN offsetof(struct vfio_device_bind_iommufd, token_uuid_ptr)

TEST_F(bind, makes_the_device_usable)
{
	__u32 id = 0;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &id));
	EXPECT_NE(0, id);
	EXPECT_NE(self->ioas, id);
	EXPECT_EQ(0, get_info(self->dev));
}

TEST_F(bind, argsz_too_small)
{
	EXPECT_EQ(-EINVAL, bind_raw(self->dev, 0, 0, self->iommu));
	EXPECT_EQ(-EINVAL, bind_raw(self->dev, BIND_MIN - 1, 0, self->iommu));
	EXPECT_EQ(0, bind_raw(self->dev, BIND_MIN, 0, self->iommu));
}

TEST_F(bind, flags)
{
	/* The token is at NULL */
	EXPECT_EQ(-EFAULT, bind_raw(self->dev,
				    sizeof(struct vfio_device_bind_iommufd),
				    VFIO_DEVICE_BIND_FLAG_TOKEN, self->iommu));
	EXPECT_EQ(-EINVAL, bind_raw(self->dev, BIND_MIN, OTHER_FLAG,
				    self->iommu));
	EXPECT_EQ(-EINVAL, bind_raw(self->dev, BIND_MIN, 2, self->iommu));
	EXPECT_EQ(-EINVAL, get_info(self->dev));
}

TEST_F(bind, iommufd_is_not_one)
{
	int closed = dup(self->iommu);
	int null = open("/dev/null", O_RDWR);

	ASSERT_LE(0, closed);
	ASSERT_EQ(0, close(closed));
	ASSERT_LE(0, null);
	EXPECT_EQ(-EINVAL, vfio_bind(self->dev, -1, NULL));
	EXPECT_EQ(-EBADF, vfio_bind(self->dev, 1000, NULL));
	EXPECT_EQ(-EBADFD, vfio_bind(self->dev, null, NULL));
	EXPECT_EQ(-EBADFD, vfio_bind(self->dev, self->dev, NULL));
	close(null);
	EXPECT_EQ(-EBADF, vfio_bind(self->dev, null, NULL));
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
}

TEST_F(bind, argument_cannot_be_read)
{
	EXPECT_EQ(-EFAULT,
		  ERR(ioctl(self->dev, VFIO_DEVICE_BIND_IOMMUFD, NULL)));
}

TEST_F(bind, is_undone_if_the_result_cannot_be_written)
{
	struct vfio_device_bind_iommufd *bind = anon_pages(1);

	ASSERT_NE(MAP_FAILED, bind);
	bind->argsz = sizeof(*bind);
	bind->iommufd = self->iommu;
	ASSERT_EQ(0, mprotect(bind, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT,
		  ERR(ioctl(self->dev, VFIO_DEVICE_BIND_IOMMUFD, bind)));
	EXPECT_EQ(-EINVAL, get_info(self->dev));
	EXPECT_EQ(0, bind_anew(EDU));
	EXPECT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(0, get_info(self->dev));
}

TEST_F(bind, only_once)
{
	__u32 other_ioas;
	int other = open_iommu(&other_ioas);

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, vfio_bind(self->dev, other, NULL));
	EXPECT_EQ(0, get_info(self->dev));
	close(other);
}

TEST_F(bind, only_one_file_of_a_device)
{
	int second = open_vfio(EDU);

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, vfio_bind(second, self->iommu, NULL));
	EXPECT_EQ(-EINVAL, get_info(second));
	EXPECT_EQ(-EINVAL, bind_anew(EDU));

	/* The second file takes over when the first is closed */
	close(self->dev);
	EXPECT_EQ(0, vfio_bind(second, self->iommu, NULL));
	self->dev = second;
}

TEST_F(bind, many_devices_to_one_context)
{
	int nvme = open_vfio(NVME);
	__u32 id1, id2;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &id1));
	ASSERT_EQ(0, vfio_bind(nvme, self->iommu, &id2));
	EXPECT_NE(id1, id2);
	close(nvme);
}

TEST_F(bind, a_bound_device_cannot_be_destroyed)
{
	__u32 id;

	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &id));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, id));
	close(self->dev);
	EXPECT_EQ(-ENOENT, iommu_destroy(self->iommu, id));
	self->dev = open_vfio(EDU);
}

/* ATTACH and DETACH of a bound device */
FIXTURE(attach)
{
	int dev;
	int iommu;
	__u32 ioas;
	__u32 devid;
};

FIXTURE_SETUP(attach)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &self->devid));
}

FIXTURE_TEARDOWN(attach)
{
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

static int attach_raw(int dev, __u32 argsz, __u32 flags, __u32 pt)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = argsz,
		.flags = flags,
		.pt_id = pt,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

static int detach_raw(int dev, __u32 argsz, __u32 flags)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = argsz,
		.flags = flags,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
}

#define ATTACH_MIN offsetof(struct vfio_device_attach_iommufd_pt, pasid)
#define DETACH_MIN offsetof(struct vfio_device_detach_iommufd_pt, pasid)

TEST_F(attach, argsz_too_small)
{
	EXPECT_EQ(-EINVAL, attach_raw(self->dev, 0, 0, self->ioas));
	EXPECT_EQ(-EINVAL,
		  attach_raw(self->dev, ATTACH_MIN - 1, 0, self->ioas));
	EXPECT_EQ(0, attach_raw(self->dev, ATTACH_MIN, 0, self->ioas));
	EXPECT_EQ(-EINVAL, detach_raw(self->dev, 0, 0));
	EXPECT_EQ(-EINVAL, detach_raw(self->dev, DETACH_MIN - 1, 0));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	EXPECT_EQ(0, detach_raw(self->dev, DETACH_MIN, 0));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

TEST_F(attach, unknown_flags)
{
	EXPECT_EQ(-EINVAL, attach_raw(self->dev, ATTACH_MIN, 2, self->ioas));
	EXPECT_EQ(-EINVAL,
		  attach_raw(self->dev, ATTACH_MIN, OTHER_FLAG, self->ioas));
	EXPECT_EQ(0, attach_raw(self->dev, ATTACH_MIN, 0, self->ioas));
	EXPECT_EQ(-EINVAL, detach_raw(self->dev, DETACH_MIN, 2));
	EXPECT_EQ(-EINVAL, detach_raw(self->dev, DETACH_MIN, OTHER_FLAG));
	/* Still attached */
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
}

TEST_F(attach, id_of_nothing_or_of_another_kind)
{
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, 0, NULL));
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, 0x7fffffff, NULL));
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, self->devid, NULL));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

TEST_F(attach, id_of_another_context)
{
	__u32 first, second;
	int other = open_iommu(&first);

	/* An ID that this context does not have */
	ASSERT_EQ(0, ioas_alloc(other, &second));
	ASSERT_EQ(0, ioas_alloc(other, &second));
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, second, NULL));
	close(other);
}

TEST_F(attach, argument_cannot_be_read)
{
	EXPECT_EQ(-EFAULT,
		  ERR(ioctl(self->dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, NULL)));
	EXPECT_EQ(-EFAULT,
		  ERR(ioctl(self->dev, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL)));
}

TEST_F(attach, is_undone_if_the_result_cannot_be_written)
{
	struct vfio_device_attach_iommufd_pt *attach = anon_pages(1);

	ASSERT_NE(MAP_FAILED, attach);
	attach->argsz = sizeof(*attach);
	attach->pt_id = self->ioas;
	ASSERT_EQ(0, mprotect(attach, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
				     attach)));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

TEST_F(attach, returns_the_page_table)
{
	__u32 first, again;

	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &first));
	EXPECT_NE(self->ioas, first);
	EXPECT_NE(self->devid, first);
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &again));
	EXPECT_EQ(first, again);
}

TEST_F(attach, again_replaces)
{
	__u32 pt1, pt2, ioas2;

	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &pt1));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	ASSERT_EQ(0, vfio_attach(self->dev, ioas2, &pt2));
	EXPECT_NE(pt1, pt2);
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, ioas2));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	EXPECT_EQ(0, iommu_destroy(self->iommu, ioas2));
	/* The page table of the old IOAS is gone, too */
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, pt2, NULL));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

TEST_F(attach, a_failed_replace_leaves_it_attached)
{
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(-ENOENT, vfio_attach(self->dev, 0x7fffffff, NULL));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
}

TEST_F(attach, detach_is_idempotent)
{
	EXPECT_EQ(0, vfio_detach(self->dev));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
}

TEST_F(attach, to_a_page_table_by_its_id)
{
	__u32 pt, same;
	int nvme = open_vfio(NVME);

	ASSERT_EQ(0, vfio_bind(nvme, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &pt));
	ASSERT_EQ(0, vfio_attach(nvme, pt, &same));
	EXPECT_EQ(pt, same);
	/* The page table lives as long as a device is attached */
	ASSERT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	ASSERT_EQ(0, vfio_attach(self->dev, pt, &same));
	EXPECT_EQ(pt, same);
	ASSERT_EQ(0, vfio_detach(self->dev));
	ASSERT_EQ(0, vfio_detach(nvme));
	EXPECT_EQ(-ENOENT, vfio_attach(nvme, pt, NULL));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
	close(nvme);
}

TEST_F(attach, two_groups_share_the_page_table)
{
	__u32 pt1, pt2;
	int nvme = open_vfio(NVME);

	ASSERT_EQ(0, vfio_bind(nvme, self->iommu, NULL));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &pt1));
	ASSERT_EQ(0, vfio_attach(nvme, self->ioas, &pt2));
	EXPECT_EQ(pt1, pt2);
	close(nvme);
}

/*
 * PASIDs, which no device here has.  The order of the checks shows in the errno
 * of calls with more than one mistake: ENOENT is looked for late.
 */

#define ATTACH_ALL	sizeof(struct vfio_device_attach_iommufd_pt)
#define DETACH_ALL	sizeof(struct vfio_device_detach_iommufd_pt)
#define NO_ID		0x7fffffffu

static int attach_pasid(int dev, __u32 argsz, __u32 flags, __u32 pt,
			__u32 pasid)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = argsz,
		.flags = flags,
		.pt_id = pt,
		.pasid = pasid,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach));
}

static int detach_pasid(int dev, __u32 argsz, __u32 flags, __u32 pasid)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = argsz,
		.flags = flags,
		.pasid = pasid,
	};

	return ERR(ioctl(dev, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
}

TEST_F(attach, pasid_argsz)
{
	const __u32 flag = VFIO_DEVICE_ATTACH_PASID;
	__u32 argsz;

	for (argsz = 0; argsz < ATTACH_ALL; argsz++)
		EXPECT_EQ(-EINVAL, attach_pasid(self->dev, argsz, flag, NO_ID,
						1));
	EXPECT_EQ(-ENOENT, attach_pasid(self->dev, ATTACH_ALL, flag, NO_ID, 1));
	/* What is beyond is not looked at. */
	EXPECT_EQ(-ENOENT, attach_pasid(self->dev, ~0U, flag, NO_ID, 1));

	for (argsz = 0; argsz < DETACH_ALL; argsz++)
		EXPECT_EQ(-EINVAL, detach_pasid(self->dev, argsz,
						VFIO_DEVICE_DETACH_PASID, 1));
	EXPECT_EQ(0, detach_pasid(self->dev, DETACH_ALL,
				  VFIO_DEVICE_DETACH_PASID, 1));
}

TEST_F(attach, pasid_with_unknown_flags)
{
	EXPECT_EQ(-EINVAL, attach_pasid(self->dev, ATTACH_ALL,
					VFIO_DEVICE_ATTACH_PASID | 2, NO_ID,
					1));
	EXPECT_EQ(-EINVAL, attach_pasid(self->dev, ATTACH_ALL,
					VFIO_DEVICE_ATTACH_PASID | OTHER_FLAG,
					NO_ID, 1));
	EXPECT_EQ(-EINVAL, detach_pasid(self->dev, DETACH_ALL,
					VFIO_DEVICE_DETACH_PASID | 2, 1));
	EXPECT_EQ(-EINVAL, detach_pasid(self->dev, DETACH_ALL,
					VFIO_DEVICE_DETACH_PASID | OTHER_FLAG,
					1));
}

/* Without the flag the PASID is not read, and means nothing. */
TEST_F(attach, pasid_without_the_flag)
{
	struct vfio_device_attach_iommufd_pt *attach;
	struct vfio_device_detach_iommufd_pt *detach;
	char *pages = anon_pages(2);

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, mprotect(pages + PAGE, PAGE, PROT_NONE));
	attach = (void *)(pages + PAGE - ATTACH_MIN);
	attach->argsz = ATTACH_ALL;
	attach->flags = 0;
	attach->pt_id = self->ioas;
	EXPECT_EQ(0, ERR(ioctl(self->dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
			       attach)));
	attach->flags = VFIO_DEVICE_ATTACH_PASID;
	attach->pt_id = NO_ID;
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
				     attach)));
	EXPECT_EQ(NO_ID, attach->pt_id);

	detach = (void *)(pages + PAGE - DETACH_MIN);
	detach->argsz = DETACH_ALL;
	detach->flags = VFIO_DEVICE_DETACH_PASID;
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->dev, VFIO_DEVICE_DETACH_IOMMUFD_PT,
				     detach)));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	detach->flags = 0;
	EXPECT_EQ(0, ERR(ioctl(self->dev, VFIO_DEVICE_DETACH_IOMMUFD_PT,
			       detach)));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));

	ASSERT_EQ(0, ioas_alloc(self->iommu, &self->ioas));
	EXPECT_EQ(0, attach_pasid(self->dev, ATTACH_ALL, 0, self->ioas, ~0U));
	EXPECT_EQ(0, detach_pasid(self->dev, DETACH_ALL, 0, ~0U));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

TEST_F(attach, pasid_of_an_argument_that_cannot_be_written)
{
	struct vfio_device_attach_iommufd_pt *attach = anon_pages(1);

	ASSERT_NE(MAP_FAILED, attach);
	attach->argsz = sizeof(*attach);
	attach->flags = VFIO_DEVICE_ATTACH_PASID;
	attach->pt_id = NO_ID;
	attach->pasid = 1;
	ASSERT_EQ(0, mprotect(attach, PAGE, PROT_READ));
	EXPECT_EQ(-EFAULT, ERR(ioctl(self->dev, VFIO_DEVICE_ATTACH_IOMMUFD_PT,
				     attach)));
}

TEST_F(attach, pasid_of_a_device_that_has_none)
{
	const __u32 pasids[] = { 0, 1, 1U << 19, 1U << 20, ~0U };
	__u32 pt, automatic;
	unsigned int i;

	ASSERT_EQ(0, hwpt_alloc(self->iommu, self->devid, self->ioas, 0, &pt));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, &automatic));
	for (i = 0; i < ARRAY_SIZE(pasids); i++) {
		const __u32 targets[] = { self->ioas, pt, automatic,
					  self->devid };
		unsigned int j;

		for (j = 0; j < ARRAY_SIZE(targets); j++)
			EXPECT_EQ(-EINVAL,
				  attach_pasid(self->dev, ATTACH_ALL,
					       VFIO_DEVICE_ATTACH_PASID,
					       targets[j], pasids[i]));
		EXPECT_EQ(-ENOENT, attach_pasid(self->dev, ATTACH_ALL,
						VFIO_DEVICE_ATTACH_PASID, NO_ID,
						pasids[i]));
		/* Never attached, so this is no error, and does nothing. */
		EXPECT_EQ(0, detach_pasid(self->dev, DETACH_ALL,
					  VFIO_DEVICE_DETACH_PASID,
					  pasids[i]));
	}
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, automatic));
	EXPECT_EQ(0, iommu_destroy(self->iommu, pt));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(-ENOENT, iommu_destroy(self->iommu, automatic));
	EXPECT_EQ(0, iommu_destroy(self->iommu, self->ioas));
}

TEST_F(attach, pasid_of_a_file_that_is_not_bound)
{
	int parked = open_vfio(NVME);

	EXPECT_EQ(-EINVAL, attach_pasid(parked, ATTACH_ALL,
					VFIO_DEVICE_ATTACH_PASID, NO_ID, 1));
	EXPECT_EQ(-EINVAL, detach_pasid(parked, DETACH_ALL,
					VFIO_DEVICE_DETACH_PASID, 1));
	close(parked);
}

#define REFUSED		"cannot be attached"
#ifdef __aarch64__
#define MSI_WINDOW	"[mem 0x08000000-0x080fffff]"
#else
#define MSI_WINDOW	"[mem 0xfee00000-0xfeefffff]"
#endif
#define SAYS_WHY	"vfio-pci " EDU ": " REFUSED ": " MSI_WINDOW \
			" is reserved for its IOMMU group, and in use"

TEST_F(attach, mapping_in_the_msi_window)
{
	void *memory = anon_pages(1);
	int log = kmsg_open();

	ASSERT_LE(0, log);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, PAGE,
			      MSI_START));
	EXPECT_EQ(-EADDRINUSE, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_TRUE(log_says(log, REFUSED, SAYS_WHY));
	/* Nothing has changed: not attached, and the mapping is there */
	EXPECT_EQ(0, ioas_unmap(self->iommu, self->ioas, MSI_START, PAGE));
	EXPECT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(-EINVAL, ioas_map(self->iommu, self->ioas, memory, PAGE,
				    MSI_START));
	EXPECT_EQ(0, vfio_detach(self->dev));
	EXPECT_EQ(0, ioas_map(self->iommu, self->ioas, memory, PAGE,
			      MSI_START));
	EXPECT_TRUE(log_says(log, REFUSED, NULL));
	close(log);
}

TEST_F_TIMEOUT(attach, refused_again_and_again, PATIENCE)
{
	void *memory = anon_pages(1);
	int i, log = kmsg_open();

	ASSERT_LE(0, log);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, ioas_map(self->iommu, self->ioas, memory, PAGE,
			      MSI_START));
	for (i = 0; i < LOG_TRIES; i++)
		ASSERT_EQ(-EADDRINUSE, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_GT(LOG_LINES, log_count(log, REFUSED));
	close(log);
}

TEST_F(attach, a_replace_into_a_mapping_in_the_msi_window)
{
	__u32 ioas2;
	void *memory = anon_pages(1);

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	ASSERT_EQ(0, ioas_map(self->iommu, ioas2, memory, PAGE, MSI_START));
	ASSERT_EQ(0, vfio_attach(self->dev, self->ioas, NULL));
	EXPECT_EQ(-EADDRINUSE, vfio_attach(self->dev, ioas2, NULL));
	EXPECT_EQ(-EBUSY, iommu_destroy(self->iommu, self->ioas));
	EXPECT_EQ(0, iommu_destroy(self->iommu, ioas2));
}

TEST_HARNESS_MAIN
