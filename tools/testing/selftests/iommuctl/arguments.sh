#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# iommuctl answers bad arguments by one line, and --help and --version.  Prints TAP.
set -eu
. ./tree.sh
good
before=$(state)

# refused LINE ARG...
refused() {
	line=$1; shift
	expect "iommuctl $*: $line" 2 "$@" <<-EOF
	iommuctl: $line
	EOF
}

refused "no command; see iommuctl --help"
refused "unknown command 'bind'; see iommuctl --help" bind
refused "unknown option '--foo'; see iommuctl --help" list --foo
refused "unknown option '-x'; see iommuctl --help" -x
refused "option '--memory' wants a value; see iommuctl --help" check --memory
refused "list has no option -m; see iommuctl --help" list --memory 1G
refused "check has no option -n; see iommuctl --help" check -n 1
refused "top has no option -m; see iommuctl --help" -m 1G top
refused "list takes no argument '0000:00:04.0'; see iommuctl --help" list 0000:00:04.0
refused "top takes no argument '1'; see iommuctl --help" top 1
for bdf in '' foo 04 00:04 00:04. 00:04.8 00:20.0 0:00:04.0: 0000:00:04.0x ' 00:04.0' \
	0000:00:0004.0 100:04.0 100000000:00:04.0 '00:04.0 ' ../00:04.0; do
	refused "'$bdf' is no address of a device: such as 0000:00:04.0" check "$bdf"
done
refused "there is no device 0000:00:09.0; see iommuctl list" check 00:09.0
refused "there is no device 0001:00:04.0; see iommuctl list" check 0000:00:04.0 1:00:04.0
for size in '' 0 -1 1X 1KK 1.5G foo 99999999999999999999 9007199254740992K; do
	refused "'$size' is no size: such as 4096, 512M or 8G" check -m "$size"
done
for delay in '' 0 -1 0.01 foo 1s nan 100000; do
	refused "'$delay' is no delay: seconds, from 0.1 to 86400" top -d "$delay"
done
for count in '' 0 -1 foo 1x 99999999999999999999; do
	refused "'$count' is no count: from 1 to 1000000000" top -n "$count"
done

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")
expect "iommuctl --version" 0 --version <<EOF
iommuctl $version
EOF
# shellcheck disable=SC2016 # expanded by that shell
check "iommuctl --help begins with the usage" sh -c \
	'"$0" --help | head -n 1 | grep -x "Usage: iommuctl list \[--json\]"' "$iommuctl"
check "nothing was changed by any of these" same "$(state)" "$before"

mv "$pci/devices" "$tmp/away"
expect "without PCI devices in sysfs" 3 list <<EOF
iommuctl: Cannot open $pci/devices
EOF
mv "$tmp/away" "$pci/devices"
rm "$tree/proc/sys/kernel/osrelease"
expect "without the kernel's release" 3 check <<EOF
iommuctl: cannot read /proc/sys/kernel/osrelease
EOF
finish
