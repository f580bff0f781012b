#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Usage: package.sh PACKAGE
#
# Installs PACKAGE, an iommufd-dkms_*.deb, upgrades, removes and purges it with apt in
# the system that this runs in, and checks what is left.  For a copy of a Debian system,
# by chroot: it has to have dkms, and one kernel with its headers and initramfs.  Prints
# TAP.
set -eu
package=$(realpath "$1")
cd "$(dirname "$0")/../selftests/package"
here=$(cd ../../vm && pwd)
. "$here/common.sh"
. ../../tap.sh
echo "TAP version 13"
export DEBIAN_FRONTEND=noninteractive
version=$(dpkg-deb -f "$package" Version)
k=$(ls /lib/modules)
stock=$(find "/lib/modules/$k/kernel" -name 'vfio-pci.ko*')
initramfs=/boot/initrd.img-$k

# apt ARG...: its output is in $tmp/apt
apt() { apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >"$tmp/apt" 2>&1 || { cat "$tmp/apt"; return 1; }; }
install() { apt install "$@"; }

list() {
	if command -v lsinitramfs >/dev/null; then lsinitramfs "$initramfs"
	else lsinitrd "$initramfs"
	fi
}
# holds: print the files of the initramfs that are ours, or in the place of ours
holds() { list | grep -o '[a-z]*/[a-z]*/.*\(vfio[-_]pci\.ko\|iommufd\).*' | sort; }
files() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o \
		-path /tmp -o -path /mnt -o -path /root -o -path /var/cache -o \
		-path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/log \) -prune \
		-o -printf '%y %m %U:%G %p %l\n' | grep -v 'mok\.\(key\|pub\) $' | sort
}
# field NAME FIELD: of the module that modprobe would load
field() { modinfo -k "$k" -F "$2" "$1" 2>/dev/null; }
# ours VERSION: modprobe and the initramfs have the modules of this version
ours() {
	same "$(dkms status)" "iommufd/$1, $k, x86_64: installed" &&
	same "$(field iommufd version) $(field vfio-pci version)" "$1 $1" &&
	case $(field vfio-pci filename) in */updates/*) ;; *) return 1 ;; esac &&
	[ -e "$stock" ] && holds >"$tmp/holds" && cat "$tmp/holds" &&
	same "$(sed -n 's,.*/updates/dkms/\([-a-z_]*\).*,\1,p' "$tmp/holds" | tr '\n' ' ')" \
		'iommufd vfio-pci '
}
# theirs: the system is as it was before
theirs() {
	same "$(dkms status)" '' && same "$(field vfio-pci filename)" "$stock" &&
	{ holds || true; } | diff "$tmp/held" - && files | diff "$tmp/files" - &&
	same "$(dpkg --audit)" ''
}
# skipped RELEASE
skipped() { same "$(grep -c "^iommufd: Linux $1 is skipped: " "$tmp/apt")" 1; }
says() { grep "$1" "$tmp/apt" || { cat "$tmp/apt"; return 1; }; }

# headers RELEASE OPTION: make the package of a made-up kernel's headers
headers() {
	d=$tmp/headers-$1 build=$tmp/headers-$1/usr/src/linux-headers-$1
	mkdir -p "$d/DEBIAN" "$build/include/config" "$d/lib/modules/$1"
	ln -s "/usr/src/linux-headers-$1" "$d/lib/modules/$1/build"
	for f in .config include/config/auto.conf; do
		grep -v IOMMUFD "/lib/modules/$k/build/$f" >"$build/$f"
		echo "$2" >>"$build/$f"
	done
	printf '%s\n' "Package: linux-headers-$1" 'Version: 1' 'Architecture: all' \
		'Maintainer: nobody <nobody@iommufd.invalid>' \
		'Description: made up' >"$d/DEBIAN/control"
	printf '#!/bin/sh\nset -e\nrun-parts --report --exit-on-error --arg=%s %s\n' \
		"$1" /etc/kernel/header_postinst.d >"$d/DEBIAN/postinst"
	chmod 755 "$d/DEBIAN/postinst"
	dpkg-deb -b "$d" "$tmp/$1.deb" >"$tmp/out"
}
headers 7.4.0-made-up '# that is all'
headers 6.13.0-made-up CONFIG_IOMMUFD=y
headers 6.14.0-made-up CONFIG_IOMMUFD=m

# with_vfio_pci yes|no: make the initramfs anew, with or without it.  The system that
# os/check makes has vfio-pci in it.
with_vfio_pci() {
	if command -v update-initramfs >/dev/null; then
		sed -i '/^vfio-pci$/d' /etc/initramfs-tools/modules
		[ "$1" = no ] || echo vfio-pci >>/etc/initramfs-tools/modules
		update-initramfs -u -k "$k" >"$tmp/out" 2>&1
	else
		rm -f /etc/dracut.conf.d/vfio.conf
		[ "$1" = no ] || echo 'force_drivers+=" vfio-pci "' \
			>/etc/dracut.conf.d/vfio.conf
		dracut -q --force "$initramfs" "$k" >"$tmp/out" 2>&1
	fi
}

# Without headers; the initramfs has no vfio-pci
with_vfio_pci no
holds >"$tmp/held" || true
files >"$tmp/files"
sum=$(sha256sum "$initramfs")
check "the initramfs has no vfio-pci" same "$(cat "$tmp/held")" ""
mv "/lib/modules/$k/build" "$tmp/build"
check "apt installs the package though headers are missing" install "$package"
mv "$tmp/build" "/lib/modules/$k/build"
check "when they are there, DKMS installs the modules" \
	run-parts --exit-on-error --arg="$k" /etc/kernel/header_postinst.d
check "they are installed" same "$(dkms status)" \
	"iommufd/$version, $k, x86_64: installed"
check "the initramfs is the same" same "$(sha256sum "$initramfs")" "$sum"
check "apt purges the package" apt purge iommufd-dkms
check "the initramfs is still the same" same "$(sha256sum "$initramfs")" "$sum"
check "the system is as it was before" theirs

# The initramfs has a vfio-pci
with_vfio_pci yes
holds >"$tmp/held"
files >"$tmp/files"
check "the initramfs holds the kernel's vfio-pci" grep -q 'kernel/.*/vfio-pci.ko' "$tmp/held"

for r in 7.4.0 6.13.0 6.14.0; do
	check "apt installs the headers of Linux $r-made-up" install "$tmp/$r-made-up.deb"
done
check "apt installs the package" install "$package"
check "modprobe and initramfs have our modules, and the kernel's is in its place" \
	ours "$version"
check "iommufd is loaded at boot" grep -qx iommufd /usr/lib/modules-load.d/iommufd.conf
check "udev gives /dev/iommu to a group" grep -q 'KERNEL=="iommu", GROUP="kvm"' \
	/usr/lib/udev/rules.d/60-iommufd.rules
for r in 7.4.0 6.13.0 6.14.0; do
	check "DKMS skips $r-made-up, in one line" skipped $r-made-up
done
check "apt purges the headers" apt purge linux-headers-7.4.0-made-up \
	linux-headers-6.13.0-made-up linux-headers-6.14.0-made-up
for r in 7.4.0 6.13.0 6.14.0; do
	check "apt installs the headers of Linux $r-made-up" install "$tmp/$r-made-up.deb"
	check "DKMS skips it, in one line" skipped $r-made-up
done
check "the modules of the other kernel stay" ours "$version"
check "apt purges the headers" apt purge linux-headers-7.4.0-made-up \
	linux-headers-6.13.0-made-up linux-headers-6.14.0-made-up

dpkg-deb -R "$package" "$tmp/newer"
mv "$tmp/newer/usr/src/iommufd-$version" "$tmp/newer/usr/src/iommufd-$version.1"
sed -i "s/\(VERSION=\"\?\|Version: \)${version}/&.1/" "$tmp/newer/DEBIAN/control" \
	"$tmp/newer/DEBIAN/postinst" "$tmp/newer/DEBIAN/prerm" \
	"$tmp/newer/usr/src/iommufd-$version.1/dkms.conf"
rm "$tmp/newer/DEBIAN/md5sums"
dpkg-deb -b "$tmp/newer" "$tmp/newer.deb" >"$tmp/out"
check "apt upgrades the package" install "$tmp/newer.deb"
check "to the modules of the newer one" ours "$version.1"

check "apt removes the package" apt remove iommufd-dkms
check "the system is as it was before" theirs
check "apt purges the package" apt purge iommufd-dkms
check "nothing of it is left" same "$(find / -xdev -path /proc -prune -o -path /mnt -prune \
	-o -name '*iommufd*' ! -path '*/linux*' ! -path "$package" ! -path "$tmp/*" \
	! -path '/var/log/*' ! -path '/root/*' -print)" ''

if command -v update-initramfs >/dev/null; then
	# shellcheck disable=SC2016 # expanded by that script
	printf '#!/bin/sh\n[ "$1" = prereqs ] || exit 1\n' >/etc/initramfs-tools/hooks/fails
	chmod +x /etc/initramfs-tools/hooks/fails
	check "apt installs the package though the initramfs cannot be made" install "$package"
	check "it says so" says "^iommufd: could not renew $initramfs"
	rm /etc/initramfs-tools/hooks/fails
	check "apt purges the package" apt purge iommufd-dkms
	check "the system is as it was before" theirs
fi
finish
