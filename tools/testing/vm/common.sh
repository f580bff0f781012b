# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the scripts beside it.  $here is their directory.
top=$(cd "$here/../../.." && pwd)
cache=${IOMMUFD_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/iommufd}

say() { echo "$*" >&2; }
die() { say "$0: $*"; exit 1; }

# kernel_line NAME: set image, headers, source, factor (how many times as much
# time tests need with it) and suite from the table of kernels
kernel_line() {
	line=$(awk -v k="$1" '$1 == k { $1 = ""; print }' "$here/kernels")
	[ "$line" ] || die "no kernel '$1' in $here/kernels"
	read -r image headers source factor suite <<-EOF
	$line
	EOF
	kdir=$cache/$1
}
