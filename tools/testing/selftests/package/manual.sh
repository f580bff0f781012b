#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The manual builds without a warning, and has all calls, functions and figures.
# Prints TAP.
set -eu
. ../test.sh
cd "$top"
html=$tmp/html/Documentation

check "make htmldocs has no warning" "$top/tools/testing/htmldocs" "$tmp/html"
[ $failed = 0 ] || finish

# functions: print those that drivers in the kernel can call
functions() {
	tr '\n' ' ' <include/linux/iommufd.h | grep -oE 'iommufd_[a-z_]+\([^*]' |
		tr -d '(' | sed 's/.$//' | sort -u
}
# ids PREFIX FILE: print the IDs of the manual's entries
ids() { grep -oE "id=\"c\.$1[a-z_]+\"" "$2" | sed 's/id="c\.//; s/"//' | sort -u; }
# missing_in FILE: print the words on standard input that FILE lacks
missing_in() { while read -r word; do grep -qwF -e "$word" "$1" || echo "$word"; done; }

functions >"$tmp/functions"
check "it describes each function of include/linux/iommufd.h" \
	same "$(ids iommufd_ "$html/kapi.html" | grep -xFf "$tmp/functions")" \
	"$(cat "$tmp/functions")"
check "it describes each struct of the user ABI" same \
	"$(cat uapi/linux/*.h | sed -n 's/^struct \([a-z0-9_]*\) {$/\1/p' |
		missing_in "$html/uapi.html")" ''

# In the table of ioctls, and in that of the device file
sed -n 's/^	IOCTL(\(IOMMU_[A-Z_]*\),.*/\1/p' drivers/iommu/iommufd/*.c >"$tmp/iommu"
sed -n 's/^#define \(VFIO_DEVICE_[A-Z_]*\) _IO(.*/\1/p' uapi/linux/vfio_cdev.h \
	>"$tmp/vfio-cdev"
for page in iommu vfio-cdev; do
	check "there are ioctls of $page" [ -s "$tmp/$page" ]
	sed 's/\\f[A-Z]/ /g' "$tmp/html/man/$page.4" >"$tmp/text" # without fonts
	check "$page(4) has them all" same \
		"$(missing_in "$tmp/text" <"$tmp/$page")" ''
	check "userspace-api.md has them all" same \
		"$(missing_in Documentation/userspace-api.md <"$tmp/$page")" ''
	check "$page(4) begins as apropos wants it" \
		grep -q "^$page \\\\- " "$tmp/html/man/$page.4"
done

# example: print the example of vfio-cdev(4)
example() { sed -n '/^Examples$/,/^Files$/s/^    //p' Documentation/man/vfio-cdev.4.rst; }
check "vfio-cdev(4) has an example" [ "$(example)" ]
example >"$tmp/example.c"
check "it compiles" cc -Wall -Wextra -Werror -fsyntax-only -Iuapi "$tmp/example.c"

# labels: print the labels of a figure, and the pairs that an arrow joins
labels() { sed -n 's/.*<\(text\|title\).*>\(.*\)<.*/\2/p' | sort; }
for dot in Documentation/figures/*.dot; do
	"$top/tools/testing/figure" "$dot" | labels >"$tmp/source"
	labels <"${dot%.dot}.svg" >"$tmp/drawn"
	check "${dot##*/} is drawn as it is: else make figures" \
		diff "$tmp/source" "$tmp/drawn"
done
finish
