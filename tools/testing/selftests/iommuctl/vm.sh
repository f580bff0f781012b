# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the tests beside it that run in a VM: they compare the output of iommuctl
# with the behaviour of the kernel.
# shellcheck shell=sh disable=SC2034,SC2154 # what is set here is used there
. ../test.sh
iommuctl=$top/tools/iommuctl/iommuctl
export LC_ALL=C
rel=$(uname -r)
bdf=0000:00:04.0

bind() { "$here/bind" "$@"; }

# is NAME CODE COMMAND...: it prints the text of standard input, and exits with CODE
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

# group_of BDF: its group, as list prints it.  There may be none without a driver.
group_of() { basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group" || echo -)"; }
node_of() { ls "/sys/bus/pci/devices/$1/vfio-dev"; }

# hold BDF: start a process, $holder, that has it open and obeys "tell"
hold() {
	mkfifo "$tmp/to" "$tmp/from"
	./hold "$1" <"$tmp/to" >"$tmp/from" &
	holder=$!
	exec 4>"$tmp/to" 5<"$tmp/from"
}

# tell WORDS: send them to $holder; prints the answer
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

# may_bind BDF: print the result of a bind
may_bind() {
	hold "$1"
	tell bind
	release
}
