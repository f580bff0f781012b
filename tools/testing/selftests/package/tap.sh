# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the tests beside it, which end with "finish".  $top is the project's
# tree, $tmp a directory that goes when the test ends.
# shellcheck shell=sh
here=$(cd ../../vm && pwd)
. "$here/common.sh"
tmp=$(mktemp -d)
trap 'rm -rf --one-file-system "$tmp"' EXIT # a killed toolbox may have mounts
n=0 failed=0
echo "TAP version 13"

# check NAME COMMAND...: passes if the command does; what it prints explains why not
check() {
	name=$1; shift
	n=$((n + 1))
	if "$@" >"$tmp/out" 2>&1; then
		echo "ok $n $name"
	else
		failed=1
		sed 's/^/# /' "$tmp/out"
		echo "not ok $n $name"
	fi
}

# same GOT WANTED
same() {
	[ "$1" = "$2" ] || { echo "is: $1"; echo "should be: $2"; return 1; }
}

finish() {
	echo "1..$n"
	exit $failed
}
