// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints of the VFIO driver: names, fields, and when the events occur.
 */
#include "../tracing.h"
#include "test.h"

#define COMMAND		4	/* of the configuration space */
#define COMMAND_MEMORY	2

FIXTURE(trace)
{
	int dev;
	int iommu;
	__u32 ioas;
};

FIXTURE_SETUP(trace)
{
	self->dev = open_vfio(EDU);
	self->iommu = open_iommu(&self->ioas);
	ASSERT_EQ(0, tracing_start("vfio"));
}

FIXTURE_TEARDOWN(trace)
{
	EXPECT_EQ(0, tracing_stop());
	EXPECT_EQ(0, close(self->dev));
	EXPECT_EQ(0, close(self->iommu));
}

/* Programs know events by these names and fields */
TEST_F(trace, events_have_their_names_and_fields)
{
	static const char * const fields[][4] = {
		{ "vfio_cdev_bind", "char device[32];", "u32 id;", "int rc;" },
		{ "vfio_cdev_attach", "char device[32];", "u32 pt_id;",
		  "int rc;" },
		{ "vfio_bar_revoke", "char device[32];" },
		{ "vfio_bar_restore", "char device[32];", "int rc;" },
	};
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *format = contents(EVENT(TRACING
			"/events/vfio/%s/format", fields[i][0]));

		for (j = 1; j < 4 && fields[i][j]; j++)
			EXPECT_NE(NULL, strstr(format, fields[i][j]))
				TH_LOG("%s: %s", fields[i][0], fields[i][j]);
	}
}

TEST_F(trace, bind)
{
	__u32 id;

	ASSERT_EQ(-EBADF, vfio_bind(self->dev, 1000, NULL));
	EXPECT_EQ(1, events("vfio_cdev_bind: device=" EDU " id=0 rc=-9"));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, &id));
	EXPECT_EQ(1, events(EVENT("vfio_cdev_bind: device=%s id=%u rc=0", EDU,
				  id)));
	ASSERT_EQ(-EINVAL, vfio_bind(self->dev, self->iommu, NULL));
	EXPECT_EQ(1, events("vfio_cdev_bind: device=" EDU " id=0 rc=-22"));
}

TEST_F(trace, attach)
{
	__u32 pt = self->ioas, ioas2, unused = 0x7fffffff;

	ASSERT_EQ(0, ioas_alloc(self->iommu, &ioas2));
	ASSERT_EQ(0, vfio_bind(self->dev, self->iommu, NULL));
	ASSERT_EQ(-ENOENT, vfio_attach(self->dev, unused, &unused));
	EXPECT_EQ(1, events(EVENT("vfio_cdev_attach: device=%s pt_id=%u rc=-2",
				  EDU, unused)));
	ASSERT_EQ(0, vfio_attach(self->dev, pt, &pt));
	EXPECT_EQ(1, events(EVENT("vfio_cdev_attach: device=%s pt_id=%u rc=0",
				  EDU, pt)));
	pt = ioas2;
	ASSERT_EQ(0, vfio_attach(self->dev, pt, &pt));
	EXPECT_EQ(1, events(EVENT("vfio_cdev_attach: device=%s pt_id=%u rc=0",
				  EDU, pt)));
}

#define REVOKE(bdf)	"vfio_bar_revoke: device=" bdf
#define RESTORE(bdf)	"vfio_bar_restore: device=" bdf " rc=0"

/* Bind, and turn memory decoding on */
static int bind_and_decode(int dev, int iommu, __u16 *command)
{
	int rc = vfio_bind(dev, iommu, NULL) ?:
		 vfio_config_read(dev, COMMAND, command, 2);

	*command |= COMMAND_MEMORY;
	return rc ?: vfio_config_write(dev, COMMAND, command, 2);
}

TEST_F(trace, memory_decoding_off_and_on)
{
	__u16 command;

	ASSERT_EQ(0, bind_and_decode(self->dev, self->iommu, &command));
	command &= ~COMMAND_MEMORY;
	forget_events();
	ASSERT_EQ(0, vfio_config_write(self->dev, COMMAND, &command, 2));
	EXPECT_LE(1, events(REVOKE(EDU)));
	EXPECT_EQ(0, events(RESTORE(EDU)));

	command |= COMMAND_MEMORY;
	forget_events();
	ASSERT_EQ(0, vfio_config_write(self->dev, COMMAND, &command, 2));
	EXPECT_EQ(1, events(RESTORE(EDU)));
}

TEST_F(trace, reset)
{
	int nvme = open_vfio(NVME);
	__u16 command;

	ASSERT_EQ(0, bind_and_decode(nvme, self->iommu, &command));
	forget_events();
	ASSERT_EQ(0, ERR(ioctl(nvme, VFIO_DEVICE_RESET)));
	EXPECT_LE(1, events(REVOKE(NVME)));
	EXPECT_LE(1, events(RESTORE(NVME)));
	EXPECT_EQ(0, events(REVOKE(EDU)));
	EXPECT_EQ(0, close(nvme));
}

TEST_F(trace, close)
{
	__u16 command;

	ASSERT_EQ(0, bind_and_decode(self->dev, self->iommu, &command));
	forget_events();
	ASSERT_EQ(0, close(self->dev));
	EXPECT_LE(1, events(REVOKE(EDU)));
	EXPECT_EQ(0, events(RESTORE(EDU)));
	self->dev = open_vfio(EDU);
}

TEST_HARNESS_MAIN
