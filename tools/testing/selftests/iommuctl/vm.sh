# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the tests beside it that run in a VM: what iommuctl says is held against
# what the kernel does.
# shellcheck shell=sh disable=SC2034,SC2154 # what is set here is used there
. ../test.sh
iommuctl=$top/tools/iommuctl/iommuctl
export LC_ALL=C
rel=$(uname -r)
bdf=0000:00:04.0

bind() { "$here/bind" "$@"; }

# is NAME CODE COMMAND...: prints standard input, and nothing else, and exits with CODE
is() {
	name=$1 code=$2; shift 2
	cat >"$tmp/wanted"
	rc=0
	"$@" >"$tmp/got" 2>&1 || rc=$?
	check "$name" compare
}

compare() {
	[ "$rc" = "$code" ] || echo "exit code $rc, not $code"
	diff "$tmp/wanted" "$tmp/got" && [ "$rc" = "$code" ]
}

group_of() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"; }
node_of() { ls "/sys/bus/pci/devices/$1/vfio-dev"; }

# hold BDF: a process, $holder, that has it open and does what "tell" says
hold() {
	mkfifo "$tmp/to" "$tmp/from"
	./hold "$1" <"$tmp/to" >"$tmp/from" &
	holder=$!
	exec 4>"$tmp/to" 5<"$tmp/from"
}

# tell WORDS: prints the answer
tell() {
	echo "$*" >&4
	read -r answer <&5
	echo "$answer"
}

release() {
	exec 4>&- 5<&-
	wait "$holder" || true
	rm "$tmp/to" "$tmp/from"
}

# may_bind BDF: what the kernel says to a bind
may_bind() {
	hold "$1"
	tell bind
	release
}
