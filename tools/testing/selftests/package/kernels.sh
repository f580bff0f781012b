#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The kernels that modules are built for, by dkms.conf, which DKMS and Kbuild read; a
# kernel that is left out is no failure.  Prints TAP.
set -eu
. ../test.sh

# verdict ACTION KERNEL: print the result that DKMS has from dkms.conf before ACTION for
# KERNEL: "build" or "skip", and whether it would install the modules by itself.  The
# functions are named, and hide a variable, as in DKMS 3.0.10 and 3.2.2.
cat >"$tmp/dkms" <<'END'
action=$1 kernelver=$2 conf=$3 install_tree=$4
safe_source() { . "$conf"; }
read_conf() {
	local kernelver=$1 c
	safe_source
	verdict=build
	[[ $kernelver =~ $BUILD_EXCLUSIVE_KERNEL ]] || verdict=skip
	[[ x86_64 =~ $BUILD_EXCLUSIVE_ARCH ]] || verdict=skip
	for c in $BUILD_EXCLUSIVE_CONFIG; do
		case $c in
		!*) grep -q "^${c#!}=[ym]" "$config" && verdict=skip ;;
		*) grep -q "^$c=[ym]" "$config" || verdict=skip ;;
		esac
	done
}
read_conf_or_die() { read_conf "$@"; }
autoinstall() { read_conf_or_die "$other"; }
build() { read_conf_or_die "$kernelver"; }
install() { build; }
status() { build; }
uname() { echo x86_64; }
config=$install_tree/$kernelver/build/.config
$action
echo "$verdict ${AUTOINSTALL:-no}"
END
verdict() {
	mkdir -p "$tmp/modules/$2/build"
	printf '%s\n' CONFIG_VFIO_PCI_CORE=m "${config:-# CONFIG_IOMMUFD is not set}" \
		>"$tmp/modules/$2/build/.config"
	other=${other:-} bash "$tmp/dkms" "$1" "$2" "$top/dkms.conf" "$tmp/modules" 2>&1
}

built() { same "$(verdict build "$1")" 'build yes'; }
left_out() {
	same "$(verdict build "$1")" \
		"iommufd: Linux $1 is skipped: $2
skip no"
}

for k in 6.1.0-56-amd64 6.1.192 6.2.0 6.9.7-rt-amd64 6.10.11+bpo-amd64 \
	6.12.118+deb13-cloud-amd64 6.19.14 7.0.10+deb14-amd64 7.2.12+deb13-amd64 \
	7.3.4+deb13-rt-amd64 7.3; do
	check "$k is built for" built "$k"
done
for k in 4.19.0-27-amd64 5.10.0-32-amd64 5.16.1 6.0.12 6.20.1 6.100.1 7.4.0 7.10.1 \
	7.30.1 8.0.1 16.1.1 17.3.1; do
	check "$k is skipped, and the reason told in one line" \
		left_out "$k" 'it is not from 6.1 to 7.3'
done
for c in CONFIG_IOMMUFD=y CONFIG_IOMMUFD=m; do
	config=$c
	check "a kernel with $c is skipped, and the reason told in one line" \
		left_out 6.12.1 'it has CONFIG_IOMMUFD itself'
done
for c in CONFIG_ARM64_16K_PAGES=y CONFIG_ARM64_64K_PAGES=y; do
	config=$c
	check "a kernel with $c is skipped, and the reason told in one line" \
		left_out 6.12.1 'its pages are larger than 4 KiB'
done
config='CONFIG_IOMMUFD_DRIVER_CORE=y'
check "an option whose name begins like that does not matter" built 6.12.1
config=
check "a question about the state is answered without such a line" \
	same "$(verdict status 7.4.0 2>&1)" 'skip yes'

# DKMS 3.0.10 reads the file for a kernel that has the modules, or for none
for other in '' 6.1.0-56-amd64 7.4.0; do
	check "autoinstall for 7.4.0 installs nothing ($other hides it)" same \
		"$(verdict autoinstall 7.4.0 | sed 's/^[bs][a-z]* //')" \
		'iommufd: Linux 7.4.0 is skipped: it is not from 6.1 to 7.3
no'
	check "autoinstall for 7.3.4 installs the modules ($other hides it)" same \
		"$(verdict autoinstall 7.3.4 | sed 's/^[bs][a-z]* //')" yes
done
check "who asks without DKMS, as its packaging does, is told to install them" \
	same "$(bash -c '. "$0"; echo "$AUTOINSTALL"' "$top/dkms.conf")" yes

kernel_line "${KERNEL:-6.12}"
"$here/fetch" -k "${KERNEL:-6.12}" build
make -s -C "$kdir/headers" M="$top" KERNELRELEASE=7.4.0 modules >"$tmp/make" 2>&1 || true
check "Kbuild refuses a kernel that dkms.conf does not know, in one line" same \
	"$(grep '\*\*\*.*Stop' "$tmp/make" | sed 's/.*\*\*\* iommufd [^ ]* //')" \
	'is not for Linux 7.4.0: use a newer iommufd, if there is one.  Stop.'
finish
