#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# The package reloads modules when it has been installed or removed: tests
# tools/system/reload, with the kernel's own vfio-pci and ours.  For a VM.  Prints TAP.
set -eu
. ../test.sh
rel=$(uname -r)
updates=/lib/modules/$rel/updates
bdf=0000:00:04.0
[ "$(find "/lib/modules/$rel/kernel" -name 'vfio-pci.ko*')" ] || { echo "1..0 # SKIP this kernel is built without a vfio-pci"; exit; }
mkdir -p "$tmp/bin" "$tmp/away"

# The VM runs all in a chroot: have ischroot deny it
echo "#!/bin/sh
exit \$(cat $tmp/ischroot)" >"$tmp/bin/ischroot"
chmod +x "$tmp/bin/ischroot"
echo 1 >"$tmp/ischroot"

bind() { "$here/bind" "$@"; }

# now_installed, now_removed: modprobe finds the package's modules, or not
now_installed() { mv "$tmp"/away/* "$updates"; depmod "$rel"; }
now_removed() {
	mv "$updates"/iommufd.ko "$updates"/vfio-pci.ko "$updates"/vfio_iommu_iommufd.ko \
		"$tmp/away"
	depmod "$rel"
}

# state: print the loaded modules
state() {
	if [ -e /sys/module/vfio_pci/version ]; then printf 'our vfio-pci, '
	elif [ -e /sys/module/vfio_pci ]; then printf 'stock vfio-pci, '
	else printf 'no vfio-pci, '
	fi
	if [ -e /sys/module/iommufd ]; then echo iommufd; else echo 'no iommufd'; fi
}

# told EXITCODE TEXT
told() { echo "$2"; return "$1"; }

# reload NAME STATE TEXT: run reload.  The state is STATE afterwards; it prints a line
# with TEXT, or nothing, and does not fail
reload() {
	out=$(PATH="$tmp/bin:$PATH" "$top/tools/system/reload" 2>&1) && rc=0 || rc=$?
	check "$1" same "$rc, $(state)" "0, $2"
	case "$(echo "$out" | wc -l) $out" in
	"1 $3") rc=0 ;;
	"1 iommufd: "*"$3"*) [ "$3" ] && rc=0 || rc=1 ;;
	*) rc=1 ;;
	esac
	check "$1: says ${3:-nothing}" told "$rc" "$out"
}

now_removed
bind vfio-pci $bdf
reload "removed, a device is bound to ours: both stay" "our vfio-pci, iommufd" \
	"vfio-pci is in use"
check "the device stays bound" \
	same "$(basename "$(readlink /sys/bus/pci/devices/$bdf/driver)")" vfio-pci
bind - $bdf
exec 3<>/dev/iommu
reload "removed, /dev/iommu is open: both stay" "our vfio-pci, iommufd" "in use"
exec 3>&-
echo 0 >"$tmp/ischroot"
reload "removed in a chroot: both stay" "our vfio-pci, iommufd" ""
echo 1 >"$tmp/ischroot"
reload "removed: the stock one is back" "stock vfio-pci, no iommufd" ""
reload "removed again: nothing changes" "stock vfio-pci, no iommufd" ""

now_installed
bind vfio-pci $bdf
reload "installed, a device is bound to the stock one: it stays, iommufd is loaded" \
	"stock vfio-pci, iommufd" "vfio-pci is in use"
bind - $bdf
reload "installed: ours takes its place" "our vfio-pci, iommufd" ""
reload "installed again: nothing changes" "our vfio-pci, iommufd" ""

# cure STATE: give back the device and do what reload said: STATE is the state then
cure() {
	bind - $bdf
	check "what it says works: ${out##* and: }" sh -c "${out##* and: }"
	check "the modules are replaced" same "$(state)" "$1"
}

anew='rmmod vfio_pci vfio_iommu_iommufd iommufd; modprobe -a vfio-pci'
modprobe vfio_iommu_iommufd
bind vfio-pci $bdf
now_removed
reload "removed, a device is bound, our backend of containers is loaded: all stay" \
	"our vfio-pci, iommufd" "$anew vfio_iommu_type1"
check "the backend too" [ -e /sys/module/vfio_iommu_iommufd ]
cure "stock vfio-pci, no iommufd"
check "type1 is loaded" [ -e /sys/module/vfio_iommu_type1 ]
now_installed
bind vfio-pci $bdf
modprobe vfio_iommu_iommufd
reload "installed, a device is bound to the stock one, our backend is loaded: all stay" \
	"stock vfio-pci, iommufd" "$anew vfio_iommu_iommufd"
cure "our vfio-pci, iommufd"
check "our backend is loaded" [ -e /sys/module/vfio_iommu_iommufd ]

now_removed
reload "removed, our backend of containers is loaded: stock ones are back" \
	"stock vfio-pci, no iommufd" ""
check "that of containers too" [ ! -e /sys/module/vfio_iommu_iommufd ]
check "it is type1" [ -e /sys/module/vfio_iommu_type1 ]
now_installed
reload "installed, and nothing is in use: ours takes its place again" \
	"our vfio-pci, iommufd" ""
rmmod vfio_pci iommufd
reload "installed, nothing was loaded: iommufd is" "no vfio-pci, iommufd" ""
rmmod iommufd
now_removed
reload "removed, nothing was loaded: nothing is" "no vfio-pci, no iommufd" ""

modprobe vfio-pci
cp "$tmp/away/iommufd.ko" "$tmp/iommufd.ko"
LC_ALL=C sed 's/ mod_unload / not_unload /' "$tmp/iommufd.ko" >"$tmp/away/iommufd.ko"
now_installed
reload "installed, the kernel does not take ours: the stock one stays" \
	"stock vfio-pci, no iommufd" "could not insert 'iommufd'"

# Load with modprobe, by tools/system/modprobe.conf
sed "s,/usr/lib/iommufd,$top/tools/system," "$top/tools/system/modprobe.conf" \
	>"$tmp/modprobe.conf"
echo "options vfio-pci nointxmask=1" >>"$tmp/modprobe.conf"
export MODPROBE_OPTIONS="-C $tmp/modprobe.conf"
rmmod vfio_pci
# parameters: print those of the loaded vfio-pci
parameters() {
	cd /sys/module/vfio_pci/parameters
	echo "nointxmask=$(cat nointxmask) disable_idle_d3=$(cat disable_idle_d3)"
}
check "modprobe vfio-pci works then" modprobe vfio-pci disable_idle_d3=1
check "it loads the stock one" same "$(state)" "stock vfio-pci, no iommufd"
check "with the parameters of modprobe.d and of its command" \
	same "$(parameters)" "nointxmask=Y disable_idle_d3=Y"
check "the kernel's log says so in one line" same \
	"$(dmesg | grep -c 'iommufd: the kernel does not take our modules')" 1
check "modprobe iommufd loads none" sh -c 'modprobe iommufd; [ ! -e /sys/module/iommufd ]'
rmmod vfio_pci
cp "$tmp/iommufd.ko" "$updates"
check "modprobe vfio-pci works where the kernel takes ours" \
	modprobe vfio-pci disable_idle_d3=1
check "it loads ours" same "$(state)" "our vfio-pci, iommufd"
check "with the parameters, too" \
	same "$(parameters)" "nointxmask=Y disable_idle_d3=Y"
unset MODPROBE_OPTIONS

# Restore the initial state
rmmod vfio_pci
depmod "$rel"
finish
