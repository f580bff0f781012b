# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the steps with libvirt: guests with the kernel of this system and the file
# system in /os/initrd, which carry out commands, and questions about them.
# shellcheck shell=sh disable=SC2034 # what is set here is used there
# shellcheck source=tools/testing/os/guest/common.sh
. /os/common.sh
one=0000:00:05.0 second=0000:00:07.0 three=0000:00:08.0
boot=/var/lib/libvirt/boot tty=/var/lib/libvirt/qemu
mib=192

install -m 644 "/boot/vmlinuz-$rel" $boot/vmlinuz
install -m 644 /os/initrd $boot/initrd

# domain NAME [MORE]: XML of a guest; MORE stands at its end
domain() {
	cat <<-END
	<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
	  <name>$1</name>
	  <memory unit='MiB'>$mib</memory>
	  <os>
	    <type arch='x86_64' machine='q35'>hvm</type>
	    <kernel>$boot/vmlinuz</kernel>
	    <initrd>$boot/initrd</initrd>
	    <cmdline>console=ttyS0 quiet panic=-1 no_timer_check idle=halt nohz=off highres=off</cmdline>
	  </os>
	  <features><acpi/></features>
	  <cpu mode='host-passthrough'/>
	  <devices>
	    <controller type='usb' model='none'/>
	    <controller type='pci' model='pcie-root'/>
	    <controller type='pci' model='pcie-root-port'/>
	    <controller type='pci' model='pcie-root-port'/>
	    <controller type='pci' model='pcie-root-port'/>
	    <serial type='file'><source path='/var/log/libvirt/qemu/$1-console'/></serial>
	    <serial type='pipe'><source path='$tty/$1'/></serial>
	    <memballoon model='none'/>
	  </devices>
	  ${2:-}
	</domain>
	END
}

# hostdev BDF [MANAGED]
hostdev() {
	slot=${1#*:*:}
	cat <<-END
	<hostdev mode='subsystem' type='pci' managed='${2:-yes}'>
	  <source>
	    <address domain='0' bus='0' slot='0x${slot%.*}' function='0'/>
	  </source>
	</hostdev>
	END
}

# with_pipe NAME: make the pipes of a guest, whose output goes to /tmp/NAME
with_pipe() {
	mkfifo "$tty/$1.in" "$tty/$1.out"
	cat 0<>"$tty/$1.out" >"/tmp/$1" &
}

# said NAME LINES PATTERN: wait until the guest prints PATTERN after LINES lines
said() {
	left=1200
	until tail -n +$(($2 + 1)) "/tmp/$1" | grep -q "$3"; do
		if [ $((left -= 1)) = 0 ]; then
			echo "$1 did not say '$3'"
			cat "/tmp/$1" "/var/log/libvirt/qemu/$1-console"
			return 1
		fi
		sleep 0.25
	done
}

# lines NAME: the number of lines that the guest has printed
lines() { wc -l <"/tmp/$1"; }

# guest NAME COMMAND: run it in the guest; its output and exit code come out here
guest() {
	before=$(lines "$1")
	echo "$2" >"$tty/$1.in"
	said "$1" "$before" '^end [0-9]*$' || return
	tail -n +$((before + 1)) "/tmp/$1" >"/tmp/$1.answer"
	cat "/tmp/$1.answer"
	tail -n 1 "/tmp/$1.answer" | grep -q '^end 0$'
}

# guest_reads NAME DISK HASH: does disk number DISK of the guest have this HASH?
guest_reads() {
	guest "$1" "modprobe nvme; until [ -b /dev/nvme$2n1 ]; do sleep 0.1; done; \
dd if=/dev/nvme$2n1 iflag=direct bs=1M count=1 2>/dev/null | sha256sum" >/tmp/hash
	same "$(sed -n '$d; s/ .*//p' /tmp/hash)" "$3"
}

# wait_driver BDF DRIVER: wait until it is bound to the driver
wait_driver() {
	for _ in $(seq 240); do
		! bound "$1" "$2" >/dev/null || return 0
		sleep 0.25
	done
	bound "$1" "$2"
}

# host_hash BDF: the hash of its disk's first MiB, read by the kernel's driver
host_hash() {
	for _ in $(seq 240); do
		disk=/dev/$(ls "$devices/$1/nvme" 2>/dev/null || true)n1
		[ ! -b "$disk" ] || break
		sleep 0.25
	done
	dd if="$disk" iflag=direct bs=1M count=1 2>/dev/null | sha256sum | cut -d ' ' -f 1
}

host_reads() { same "$(host_hash "$1")" "$2"; }

qemu() { cat "/run/libvirt/qemu/$1.pid"; }

# node BDF: its device file
node() { echo "/dev/vfio/devices/$(ls "$devices/$1/vfio-dev")"; }

# has_open NAME BDF...: does the guest's QEMU have these devices open, /dev/iommu once,
# and no other device file?
has_open() {
	name=$1; shift
	want=/dev/iommu
	for d; do want="$want $(node "$d")"; done
	same "$(readlink /proc/"$(qemu "$name")"/fd/* | grep -e '^/dev/iommu' -e '^/dev/vfio' |
		sort | xargs)" "$want"
}

# status NAME FIELD: a field of /proc/PID/status of the guest's QEMU
status() { awk -v f="$2:" '$1 == f { print $2 }' "/proc/$(qemu "$1")/status"; }

user() { id -nu "$(status "$1" Uid)"; }

# memlock NAME: the number of bytes that the guest's QEMU may lock
memlock() { awk '/^Max locked memory/ { print $4 }' "/proc/$(qemu "$1")/limits"; }

# confined NAME: does AppArmor confine the guest's QEMU by its own profile?
confined() {
	same "$(cat "/proc/$(qemu "$1")/attr/current")" \
		"libvirt-$(virsh domuuid "$1" | grep .) (enforce)"
}

denials() { dmesg | grep 'apparmor="DENIED".*profile="libvirt-'; }

# in_cgroup NAME COMMAND: a shell runs COMMAND in the cgroup of the guest's QEMU
in_cgroup() {
	group=/sys/fs/cgroup$(sed 's/^0:://' "/proc/$(qemu "$1")/cgroup")
	sh -c "echo \$\$ >'$group/cgroup.procs' && $2"
}

# not_for NAME FILE: the cgroup of the guest's QEMU does not let it open FILE
not_for() {
	same "$(in_cgroup "$1" ": <>$2" 2>&1)" \
		"sh: 1: cannot create $2: Operation not permitted"
}

# pinned: the number of pinned pages on this system
pinned() {
	echo 1 >/proc/sys/vm/stat_refresh
	awk '/nr_foll_pin_acquired/ { n += $2 } /nr_foll_pin_released/ { n -= $2 }
		END { print n }' /proc/vmstat
}

none_pinned() { same "$(pinned)" 0; }

# refused TEXT COMMAND...: it fails, and prints TEXT
refused() {
	text=$1; shift
	if "$@" >/tmp/refused 2>&1; then return 1; fi
	grep -F "$text" /tmp/refused || { cat /tmp/refused; denials; return 1; }
}
