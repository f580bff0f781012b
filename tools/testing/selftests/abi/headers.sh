#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Compiles each header in uapi/ by itself and all of them together, as the C
# and C++ that programs are written in, with implicit padding as an error; the
# tables once more for 32-bit programs; and looks for names of the headers that
# the tables do not have.
set -eu

cd "$(dirname "$0")"
uapi=../../../../uapi
warn="-Wall -Wextra -Wpadded -Werror -I$uapi -fsyntax-only"
n=0
failed=0

# result STATUS NAME: prints a line of TAP; $log explains a failure
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n $2"
	else
		failed=1
		echo "not ok $n $2"
		echo "$log" | sed 's/^/# /'
	fi
}

# compile NAME SOURCE COMPILER...
compile() {
	name=$1
	source=$2
	shift 2
	log=$(printf '%s\n' "$source" | "$@" $warn - 2>&1) && ok=0 || ok=1
	result $ok "$name"
}

echo "TAP version 13"
headers=$(cd $uapi/linux && ls)
reverse=$(cd $uapi/linux && ls -r)

# With the headers of Linux 6.1, if C_INCLUDE_PATH says so, and the system's own
for set in $headers "$headers" "$reverse" "vfio.h $headers" "$headers vfio.h"
do
	compile "$(echo $set) with this system's headers" \
		"$(printf '#include <linux/%s>\n' $set)" \
		env -u C_INCLUDE_PATH "${CC:-cc}" -x c -std=c11 -pedantic
	title=$(echo $set)
	source=$(printf '#include <linux/%s>\n' $set)
	compile "$title as C90" "$source" "${CC:-cc}" -x c -std=c90
	compile "$title as C11" "$source" "${CC:-cc}" -x c -std=c11 -pedantic
	if command -v "${CXX:-c++}" >/dev/null; then
		compile "$title as C++" "$source" "${CXX:-c++}" -x c++
	else
		n=$((n + 1))
		echo "ok $n $title as C++ # SKIP no ${CXX:-c++} here"
	fi
done

for h in $headers; do
	compile "${h%.h}.abi in a 32-bit program" "#include <stddef.h>
		#include <linux/$h>
		$(awk -v static=1 -f checks.awk "${h%.h}.abi")" \
		"${CC:-cc}" -x c -std=gnu11 -m32 -ffreestanding \
		-idirafter "/usr/include/$("${CC:-cc}" -print-multiarch)"
done

for h in $headers; do
	log=$(awk '
		FNR == NR && /^const/ { known[$2] }
		FNR == NR && /^struct/ { tag = $2; known[tag] }
		FNR == NR && /^  / {
			sub(/\[[0-9]*\]/, "", $NF)
			known[tag "." $NF]
		}
		FNR == NR { next }
		/^#define (IOMMU|VFIO)/ { name = $2 }
		/^struct .* \{/ { tag = name = $2 "" }
		/^enum.*\{/ { tag = "enum" }
		/^}/ { tag = "" }
		tag == "enum" && /^\t[A-Z]/ { sub(",", ""); name = $1 }
		tag && tag != "enum" && /^\t.*[a-z].*;$/ {
			sub(/(\[.*)?;$/, "", $NF)
			name = tag "." $NF
		}
		name && !(name in known) { print name }
		{ name = "" }' "${h%.h}.abi" $uapi/linux/$h)
	[ -z "$log" ] && ok=0 || ok=1
	result $ok "$h has nothing that is not in ${h%.h}.abi"
done

echo "1..$n"
exit $failed
