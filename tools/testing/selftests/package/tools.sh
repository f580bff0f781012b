#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The package iommufd-tools: its content and dependencies, and that its program runs.
# Prints TAP.
set -eu
. ../test.sh
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$top/dkms.conf")

# In a copy: this tree may have packages already
mkdir "$tmp/tree"
tar -C "$top" -c --exclude=./deb --exclude-vcs --exclude-vcs-ignores . |
	tar -C "$tmp/tree" -x
check "debian/build makes it, and lintian has nothing to say" "$tmp/tree/debian/build"
deb=$tmp/tree/deb/iommufd-tools_${version}_$(dpkg --print-architecture).deb
check "it has the program, its man page and its completion, and no more" same \
	"$(dpkg-deb -c "$deb" | sed -n 's,^-[^.]*\./,,p' | sort)" \
	"usr/bin/iommuctl
usr/share/bash-completion/completions/iommuctl
usr/share/doc/iommufd-tools/changelog.gz
usr/share/doc/iommufd-tools/copyright
usr/share/man/man8/iommuctl.8.gz"
check "it needs the C library, json-c and libpci" same \
	"$(dpkg-deb -f "$deb" Depends | sed 's/ ([^)]*)//g')" "libc6, libjson-c5, libpci3"
mkdir "$tmp/source"
tar -C "$tmp/source" -xf "$tmp/tree/deb/iommufd_$version.tar.xz"
check "the source has nothing that is built" same \
	"$(cd "$tmp/source" && LC_ALL=C grep -rlaP '\A(\x7fELF|!<arch>)' . | head -n 20)" ''
dpkg-deb -x "$deb" "$tmp/root"
check "the program runs" same "$("$tmp/root/usr/bin/iommuctl" --version)" \
	"iommuctl $version"
# shellcheck disable=SC2016 # expanded by that shell
check "iommufd-dkms has no program, and can be installed without it" sh -c '
	! dpkg-deb -c "$0" | grep bin/ && ! dpkg-deb -f "$0" Depends | grep iommufd-tools' \
	"$tmp/tree/deb/iommufd-dkms_${version}_all.deb"
finish
