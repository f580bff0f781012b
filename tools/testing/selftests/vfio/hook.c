// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ftrace hooks by which KVM takes device files, as the kernel lists them, and
 * another user of ftrace that wants the same functions.  What KVM makes of it is in
 * kvm.c.
 */
#include "../tracing.h"
#include "test.h"

#define HOOKED	"vfio_file_set_kvm"
/* Is a file VFIO's?  Linux 6.6 has given the function another name. */
#define HOOKED_FIRST \
	(kernel_before(6, 6, 0) ? "vfio_file_is_group" : "vfio_file_is_valid")

/* The line in the kernel log when there is no hook */
#define NO_HOOK	"vfio_pci: KVM will not accept device files: "

#define IPMODIFY		"iommufd_ipmodify"
#define IPMODIFY_OF(f)		IPMODIFY " function=" f
#define IPMODIFY_MODULE		"/sys/module/" IPMODIFY
#define IPMODIFY_RC		IPMODIFY_MODULE "/parameters/rc"

/* ftrace of arm64 gives arguments from 6.2 on, and before with all registers only. */
#ifdef __aarch64__
#define needs_registers()	kernel_before(6, 2, 0)
#else
#define needs_registers()	false
#endif

/*
 * What ftrace does at the start of a function, by letters: R saves all registers, I may
 * change where the function goes on.  An empty string: nothing
 */
static void flags_of(const char *function, char flags[64])
{
	size_t length = strlen(function);
	const char *line, *next, *at;

	flags[0] = 0;
	for (line = contents(TRACING "/enabled_functions"); *line; line = next) {
		next = strchrnul(line, '\n');
		at = memchr(line, ')', next - line);
		if (!strncmp(line, function, length) && line[length] == ' ' && at)
			snprintf(flags, 64, "%.*s",
				 (int)strcspn(at + 1, "\t\n"), at + 1);
		next += *next == '\n';
	}
}

static int other_hook(void)
{
	return atoi(contents(IPMODIFY_RC));
}

FIXTURE(hook)
{
	int log;
};

FIXTURE_SETUP(hook)
{
	ASSERT_TRUE(!mount("tracefs", TRACING, "tracefs", 0, NULL) ||
		    errno == EBUSY);
	self->log = kmsg_open();
	ASSERT_LE(0, self->log);
}

FIXTURE_TEARDOWN(hook)
{
	close(self->log);
}

/* ftrace saves the arguments, and all registers only where it cannot do less. */
TEST_F(hook, is_set)
{
	const char * const functions[] = {
		HOOKED_FIRST, "vfio_file_enforced_coherent", HOOKED,
	};
	char flags[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		flags_of(functions[i], flags);
		EXPECT_NE(NULL, strchr(flags, 'I'))
			TH_LOG("%s has '%s'", functions[i], flags);
		EXPECT_EQ(needs_registers(), !!strchr(flags, 'R'));
	}
	ASSERT_EQ(0, vfio_pci_reload(""));
	EXPECT_TRUE(log_says(self->log, NO_HOOK, NULL));
	ASSERT_EQ(0, vfio_pci_reload("kvm=0"));
	flags_of(HOOKED, flags);
	EXPECT_STREQ("", flags);
	ASSERT_EQ(0, vfio_pci_reload(""));
}

/* Who changes a function first, a live patch or vfio-pci, keeps it. */
TEST_F(hook, excludes_a_live_patch)
{
	char flags[64];

	ASSERT_EQ(0, module_load(IPMODIFY_OF(HOOKED), IPMODIFY_MODULE));
	EXPECT_EQ(-EBUSY, other_hook());
	ASSERT_EQ(0, module_unload(IPMODIFY, IPMODIFY_MODULE));
	flags_of(HOOKED, flags);
	EXPECT_NE(NULL, strchr(flags, 'I'));
	EXPECT_TRUE(log_says(self->log, NO_HOOK, NULL));

	ASSERT_EQ(0, system("modprobe -r vfio-pci"));
	ASSERT_EQ(0, module_load("vfio", "/sys/module/vfio"));
	ASSERT_EQ(0, module_load(IPMODIFY_OF(HOOKED), IPMODIFY_MODULE));
	EXPECT_EQ(0, other_hook());
	ASSERT_EQ(0, system("modprobe vfio-pci"));
	EXPECT_TRUE(log_says(self->log, NO_HOOK, NO_HOOK "ftrace error -16"));
	EXPECT_STREQ("N\n", contents("/sys/module/vfio_pci/parameters/kvm"));
	/* Nothing remains of the hooks that were set before that one */
	flags_of(HOOKED_FIRST, flags);
	EXPECT_STREQ("", flags);
	ASSERT_EQ(0, module_unload(IPMODIFY, IPMODIFY_MODULE));

	ASSERT_EQ(0, vfio_pci_reload(""));
	EXPECT_TRUE(log_says(self->log, NO_HOOK, NULL));
	flags_of(HOOKED, flags);
	EXPECT_NE(NULL, strchr(flags, 'I'));
}

TEST_HARNESS_MAIN
