#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# "make install" and "make uninstall" below a directory; make answers bad input by one
# line.  Prints TAP.
set -eu
. ../test.sh
kernel_line "${KERNEL:-6.12}"
"$here/fetch" -k "${KERNEL:-6.12}" build
# In a copy: other tests have the modules of this tree
tree=$tmp/tree root=$tmp/root
mkdir "$tree" "$root"
tar -C "$top" -c Makefile Kbuild dkms.conf drivers include uapi tools/system |
	tar -C "$tree" -x
cd "$tree"

# refused TEXT ARG...: make fails with one line, which has TEXT, and changes nothing
refused() {
	text=$1; shift
	find . | sort >"$tmp/before"
	out=$(make --no-print-directory "$@" 2>&1) && { echo "make $*: exit code 0"; return 1; }
	find . | sort | same "$(cat)" "$(cat "$tmp/before")" || return 1
	case $out in
	*"
"*) ;;
	*"$text"*) return ;;
	esac
	echo "$out"
	return 1
}

mkdir "$tmp/empty" "$tmp/bin"
for target in modules install uninstall; do
	for dir in /nonexistent "$tmp/empty"; do
		check "make $target KERNELDIR=${dir##*/} says what KERNELDIR should be" \
			refused "$dir has no headers of a kernel: give KERNELDIR=" \
			"$target" KERNELDIR="$dir" DESTDIR="$root"
	done
done
check "make install without headers says which to install" \
	refused "apt install linux-headers-$(uname -r)" install running= DESTDIR="$root"
check "make tools without libpci or json-c says what to install" \
	refused "apt install gcc libpci-dev libjson-c-dev" tools CC="cc -nostdinc"
check "nothing was installed by any of these" same "$(find "$root")" "$root"

# A user other than root
printf '#!/bin/sh\necho 1000\n' >"$tmp/bin/id"
chmod +x "$tmp/bin/id"
for target in install uninstall; do
	# shellcheck disable=SC2016 # expanded by that shell
	check "make $target by a user says that it needs root" env PATH="$tmp/bin:$PATH" \
		sh -c 'out=$(make --no-print-directory "$1" KERNELDIR="$2" 2>&1) &&
			exit 1
		echo "$out"
		[ "$(echo "$out" | wc -l)" = 1 ] && case $out in
		*"only root can do that"*"sudo make $1"*) ;;
		*) exit 1 ;;
		esac' sh $target "$kdir/headers"
done

# By another path than the tests' own headers, which make would fetch
ln -s "$kdir/headers" "$tmp/headers"
release=$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	"$kdir/headers/include/generated/utsrelease.h")
mkdir -p "$root/lib/modules/$release/updates/dkms"
: >"$root/lib/modules/$release/updates/dkms/iommufd.ko.xz"
check "make install beside the package's modules says to remove the package" \
	refused "apt remove iommufd-dkms" install KERNELDIR="$tmp/headers" DESTDIR="$root"
rm -r "$root"

for var in DESTDIR INSTALL_MOD_PATH; do
	# A system with a kernel
	mkdir -p "$root/lib/modules/$release/kernel/drivers/vfio/pci" "$root/etc"
	: >"$root/lib/modules/$release/kernel/drivers/vfio/pci/vfio-pci.ko"
	: >"$root/etc/hostname"
	depmod -b "$root" "$release" 2>/dev/null
	find "$root" | sort >"$tmp/before"
	check "make install $var=" make -s install KERNELDIR="$tmp/headers" "$var=$root"
	find "$root" ! -type d | grep -vxFf "$tmp/before" >"$tmp/new" || true
	check "installs the modules, their loading at boot and a udev rule ($var)" same \
		"$(sed "s,^$root,,; s,[.]ko[.].*,.ko," "$tmp/new" | sort)" \
		"/etc/modules-load.d/iommufd.conf
/etc/udev/rules.d/60-iommufd.rules
/lib/modules/$release/updates/drivers/iommu/iommufd/iommufd.ko
/lib/modules/$release/updates/drivers/vfio/vfio-pci.ko
/lib/modules/$release/updates/drivers/vfio/vfio_iommu_iommufd.ko"
	depmod -b "$root" "$release" 2>/dev/null
	check "and modprobe would take these ($var)" same \
		"$(modinfo -b "$root" -k "$release" -F filename vfio-pci |
			sed 's,[.]ko[.].*,.ko,')" \
		"$root/lib/modules/$release/updates/drivers/vfio/vfio-pci.ko"
	check "make uninstall $var=" make -s uninstall KERNELDIR="$tmp/headers" "$var=$root"
	check "undoes it, with nothing left ($var)" \
		same "$(find "$root" | sort)" "$(cat "$tmp/before")"
	depmod -b "$root" "$release" 2>/dev/null
	check "and modprobe would take the kernel's ($var)" same \
		"$(modinfo -b "$root" -k "$release" -F filename vfio-pci 2>&1 | head -n 1)" \
		"$root/lib/modules/$release/kernel/drivers/vfio/pci/vfio-pci.ko"
	rm -rf "$root"
done
finish
