#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The toolbox and fetch print one line when something is missing, and the next run
# completes what another one left half done.  Prints TAP.
set -eu
. ../test.sh
trap 'rm -rf --one-file-system "$tmp"' EXIT # a killed toolbox may have mounts
export IOMMUFD_CACHE="$tmp/cache"
mkdir "$IOMMUFD_CACHE"
toolbox=$top/tools/testing/toolbox fetch=$here/fetch
# A tree that any user can read, whose toolboxes have next to no packages
mkdir -p "$tmp/tree/tools/testing"
cp -r "$toolbox" "$here" "$tmp/tree/tools/testing"
chmod 755 "$tmp"
small=$tmp/tree/tools/testing/toolbox
sed -i 's/^builder=.*/builder=make/' "$small"

# fails_with TEXT COMMAND...: exit code 1, and one line of complaint, which has TEXT
fails_with() {
	text=$1; shift
	rc=0
	"$@" >"$tmp/said" 2>&1 || rc=$?
	[ $rc = 1 ] && [ "$(grep -c "^/.*: " "$tmp/said")" = 1 ] &&
		grep -q "^/.*: .*$text" "$tmp/said" && return
	echo "exit code $rc:"
	cat "$tmp/said"
	return 1
}

# on_disk_of SIZE COMMAND...: run it with the cache on a file system of that size
on_disk_of() {
	# shellcheck disable=SC2016 # expanded by that shell
	unshare --mount sh -euc 'mount -t tmpfs -o "size=$0" tmpfs "$IOMMUFD_CACHE"
		"$@"' "$@"
}

# killed SECONDS COMMAND...: kill it by a signal that it cannot handle
killed() {
	rc=0
	timeout -s KILL "$@" || rc=$?
	same $rc 137
}

# soon COMMAND...: which must not wait for what was killed before
soon() { timeout -k 10 400 "$@"; }

check "a suite that is not known" fails_with "no toolbox 'potato'" \
	"$toolbox" -s potato true
check "no command" fails_with "no command" "$toolbox"
check "a kernel that is not known" fails_with "no kernel '2.4'" \
	"$fetch" -k 2.4 build
check "a user that is not root" fails_with "needs root" \
	setpriv --reuid 65534 --clear-groups \
	"$small" -s bookworm true
check "no room for a toolbox" fails_with "MiB free.*set IOMMUFD_CACHE" \
	on_disk_of 100m "$toolbox" -s bookworm true
check "no room for a download" fails_with "could not.*room in" \
	on_disk_of 20m "$fetch" -k 6.12 build
check "no network for a toolbox" fails_with "could not make.*network" \
	unshare --net "$toolbox" -s bookworm true
check "no network for package lists" fails_with "could not.*network" \
	unshare --net "$fetch" -k 6.12 build
check "nothing was made by any of these" \
	same "$(find "$IOMMUFD_CACHE" -name headers -o -name .recipe)" ""

check "a toolbox is begun" killed 4 "$small" -s bookworm true
check "and not there yet" same \
	"$(find "$IOMMUFD_CACHE/toolbox" -maxdepth 2 -name .recipe)" ""
check "the next run makes it" \
	same "$(soon "$small" -s bookworm sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null)" \
	bookworm
# A toolbox of another tree's list of packages, used long ago
other=$IOMMUFD_CACHE/toolbox/bookworm-1
mkdir "$other"
touch -d '2 days ago' "$other.lock"
rm "$IOMMUFD_CACHE"/toolbox/bookworm-*/.recipe
check "one in use is kept when another is made" soon flock -s "$other.lock" \
	sh -c '"$0" -s bookworm true && [ -e "$1" ]' "$small" "$other"
rm "$IOMMUFD_CACHE"/toolbox/bookworm-*/.recipe
check "one that is not used is removed then" soon sh -c \
	'"$0" -s bookworm true && [ ! -e "$1" ] && [ ! -e "$1.lock" ]' \
	"$small" "$other"
check "a download is begun" killed 3 "$fetch" -k 6.12 build
check "the next run completes it" soon "$fetch" -k 6.12 build
check "and there are the headers" \
	[ -e "$IOMMUFD_CACHE/6.12/headers/include/generated/utsrelease.h" ]
finish
