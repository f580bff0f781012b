#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The copies in include/compat agree with the BTF of the running kernel: a struct that
# is private to vfio-pci-core, functions that are exported, but in no public header, and
# what the VFIO core wants of an IOMMU backend of containers.
# And the callers in KVM that drivers/vfio/kvm_hook.c knows by name have that name.
# Prints TAP.
set -eu
. ../test.sh
compat=$top/include/compat/linux
btf=/sys/kernel/btf
core=vfio_pci_core_device entry=vfio_pci_mmap_vma

# plain: print C from standard input without comments and optional white space, in one
# line; prints nothing if there is no input
plain() {
	sed 's,/\*.*\*/,,g' | tr -s '\n\t ' ' ' |
		sed 's/ *\([][*,;(){}]\) */\1/g; s/^ //; s/ $//'
}

# of_core STRUCT: print it as vfio-pci-core has it
of_core() {
	pahole -F btf --btf_base $btf/vmlinux -C "$1" $btf/vfio_pci_core \
		2>/dev/null | plain
}

ours() {
	sed -n "/^struct compat_$entry {/,/^};/p" "$compat/vfio_pci_core.h" |
		sed 's/compat_//' | plain
}

# of_vfio TYPE: print it as the VFIO core has it
of_vfio() {
	pahole -F btf --btf_base $btf/vmlinux -C "$1" $btf/vfio 2>/dev/null |
		plain | sed 's/long unsigned int/unsigned long/g
			s/long int/long/g; s/ = [0-9]*,/,/g'
}

# ours_vfio TYPE: print it as we have it, without the names of parameters
ours_vfio() {
	sed -n "/^[a-z]* $1 {/,/^};/p" "$compat/../drivers/vfio/vfio.h" | plain |
		tr ';' '\n' | sed -E ':a
			s/(\)\(.*[ *])[a-z_]+([,)])/\1\2/; ta
			s/ ([,)])/\1/g' | tr '\n' ';'
}

# prototypes: print those in the one block below the words "in no public header"
prototypes() {
	sed -n '/in no public header/,/^$/p' "$compat/iommu.h" | plain |
		tr ';' '\n' | grep .
}

# unnamed: remove the names of parameters from a prototype
unnamed() { sed 's/\([ *]\)[a-z_]*\([,)]\)/\1\2/g' | plain; }

# of_kernel FUNCTION: print the kernel's prototype; to read BTF takes long
of_kernel() {
	[ -e "$tmp/functions" ] || pfunct -F btf -P --no_parm_names $btf/vmlinux \
		>"$tmp/functions" 2>/dev/null
	grep "[ *]$1(" "$tmp/functions" | plain | tr -d ';'
}

exported() { grep -q " __ksymtab_$1\$" /proc/kallsyms; }

if [ ! -e $btf/vmlinux ] || [ ! -e $btf/vfio_pci_core ]; then
	echo "1..0 # SKIP this kernel has no BTF of itself and its modules"
	exit 4
fi

has=$(of_core $core)
check "BTF tells of $core" [ "${has#*struct vfio_device vdev;}" != "$has" ]
case $has in
*"struct list_head vma_list;"*)
	check "$entry is laid out like ours" same "$(ours)" "$(of_core $entry)"
	;;
*)
	check "$entry is gone, with the list of them" same "$(of_core $entry)" ''
	;;
esac

check "we have prototypes of our own" [ "$(prototypes | wc -l)" -ge 4 ]
for p in $(prototypes | sed 's/(.*//; s/.*[ *]//'); do
	if exported "$p"; then
		check "$p() has the prototype that we have" same \
			"$(prototypes | grep "[ *]$p(" | unnamed)" "$(of_kernel "$p")"
	else # the loaded module needs no missing symbol
		check "$p() is not there, and not needed" [ -d /sys/module/iommufd ]
	fi
done

ops=$(of_vfio vfio_iommu_driver_ops)
check "BTF tells of the VFIO core's backends" [ "${ops#*group_iommu_domain}" != "$ops" ]
case $ops in # ours has the last member that any kernel has
*notify*) has=$(ours_vfio vfio_iommu_driver_ops) ;;
*) has=$(ours_vfio vfio_iommu_driver_ops | sed 's/void(\*notify)([^)]*);//') ;;
esac
check "the operations of a backend are ours" same "$has" "$ops"
check "the types of a group are ours" same \
	"$(ours_vfio vfio_group_type)" "$(of_vfio vfio_group_type)"
for p in vfio_register_iommu_driver vfio_unregister_iommu_driver; do
	check "the VFIO core has $p()" grep -q " [tT] ${p}[[:space:]]*\[vfio\]" /proc/kallsyms
done

modprobe kvm
owner=[kvm] # in /proc/kallsyms
[ "$(modinfo -n kvm)" != "(builtin)" ] || owner=
prefix=$(sed -n 's/^#define KVM_VFIO_PREFIX "\(.*\)"/\1/p' "$top/drivers/vfio/kvm_hook.c")
check "KVM's callers are known by a prefix" [ "$prefix" ]
awk -v p="$prefix" '$2 ~ /[tT]/ && index($3, p) == 1 { print $2, $3 $4 }' \
	/proc/kallsyms >"$tmp/callers"
# The functions that give files to a VM and take them back, and that release them
for name in set_attr release; do
	check "KVM's VFIO device has a function $prefix$name" \
		grep -qxF "t $prefix$name$owner" "$tmp/callers"
done
check "nothing else is named $prefix..." same \
	"$(awk -v o="$owner" 'substr($2, length($2) - length(o) + 1) != o ||
		!o && /\[/' "$tmp/callers")" ''
finish
