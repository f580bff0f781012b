#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Compiles each header in uapi/ by itself and all of them together, as the C and C++
# that programs are written in, with implicit padding as an error; compiles the tables
# for 32-bit programs, too; and looks for names of the headers that the tables lack.
set -eu

cd "$(dirname "$0")"
uapi=../../../../uapi
warn="-Wall -Wextra -Wpadded -Werror -I$uapi -fsyntax-only"
. ../../tap.sh

# compile SOURCE COMPILER...
compile() {
	source=$1
	shift
	# shellcheck disable=SC2086 # a list of words
	printf '%s\n' "$source" | "$@" $warn -
}

echo "TAP version 13"
headers=$(cd $uapi/linux && ls)
reverse=$(cd $uapi/linux && ls -r)

# With the headers of Linux 6.1, if C_INCLUDE_PATH has them, and the system's own
for set in $headers "$headers" "$reverse" "vfio.h $headers" "$headers vfio.h"
do
	# shellcheck disable=SC2086,SC2116 # a list of words
	title=$(echo $set) includes=$(printf '#include <linux/%s>\n' $set)
	check "$title with this system's headers" compile "$includes" \
		env -u C_INCLUDE_PATH "${CC:-cc}" -x c -std=c11 -pedantic
	check "$title as C90" compile "$includes" "${CC:-cc}" -x c -std=c90
	check "$title as C11" compile "$includes" "${CC:-cc}" -x c -std=c11 -pedantic
	if command -v "${CXX:-c++}" >/dev/null; then
		check "$title as C++" compile "$includes" "${CXX:-c++}" -x c++
	else
		check "$title as C++ # SKIP no ${CXX:-c++} here" true
	fi
done

for h in $headers; do
	check "${h%.h}.abi in a 32-bit program" compile "#include <stddef.h>
		#include <linux/$h>
		$(awk -v static=1 -f checks.awk "${h%.h}.abi")" \
		"${CC:-cc}" -x c -std=gnu11 -m32 -ffreestanding \
		-idirafter "/usr/include/$("${CC:-cc}" -print-multiarch)"
done

for h in $headers; do
	check "$h has nothing that is not in ${h%.h}.abi" same "$(awk '
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
		{ name = "" }' "${h%.h}.abi" $uapi/linux/$h)" ""
done

finish
