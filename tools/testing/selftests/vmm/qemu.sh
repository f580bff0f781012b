# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the tests beside it: QEMU 10 with KVM, in the VM of vm/run, and a guest
# that carries out commands.  The output of QEMU and the guest goes to files in $tmp:
# qemu.err, console (the guest's kernel log), tty (the output of commands) and qmp.

# The emulated processor at times raises an interrupt that the guest has disabled.  If
# the handler takes a lock that the interrupted code holds, the guest hangs: with
# interrupts disabled, on the stack of interrupts, it waits for that lock.  A test
# that ends so, see hangs(), is run again as a whole.
hung=75
if [ ! "${VMM_RUN:-}" ]; then
	first=$(mktemp)
	trap 'rm -f "$first"' EXIT
	trap 'kill $run; wait $run; cat "$first"; exit 1' TERM # its time is up
	for VMM_RUN in 1 2 3; do
		export VMM_RUN
		rc=0
		"$0" "$@" >"$first" &
		run=$!
		wait $run || rc=$?
		[ $rc = $hung ] && [ $VMM_RUN != 3 ] || break
		sed 's/^/# /' "$first"
		echo "# the guest has hung, with interrupts disabled: once more"
	done
	cat "$first"
	exit $rc
fi
vm=$(cd ../../vm && pwd)
here=$vm
. "$vm/common.sh"
kernel_line "$KERNEL"
rel=$(cat "$kdir/release")
factor=${TIME_FACTOR:-1}
tmp=$(mktemp -d)
. ../../tap.sh
qemu= trace= emulator= append= vmm=$cache/vmm
trap 'kill -9 $qemu 2>/dev/null; wait; rm -rf "$tmp"' EXIT
trap 'exit 1' TERM

# ok NAME COMMAND...: a test; after a failure, a guest that does not answer is given up
ok() {
	check "$@"
	[ $failed = 0 ] || [ ! -e "$tmp/silent" ] || give_up
}

# must NAME COMMAND...: a test whose failure ends all
must() {
	was=$failed failed=0
	ok "$@"
	[ $failed = 0 ] || give_up
	failed=$was
}

# processor: where the guest's processor is, as RIP=... RFL=... HLT=...
processor() {
	qmp human-monitor-command '"command-line": "info registers"' &&
		tail -n 1 "$tmp/qmp" | grep -o 'RIP=.*HLT=.'
}

# hangs: is the guest silent and its processor at work with interrupts disabled, now
# and 5 s later?
hangs() {
	for _ in 1 2; do
		sleep 5
		at=$(processor) || return 1
		echo "# $at"
		flags=${at#*RFL=} flags=${flags%% *}
		[ "${at##*HLT=}" = 0 ] && [ $((0x$flags & 0x200)) = 0 ] || return 1
	done
}

give_up() {
	rc=1
	kill -0 $qemu 2>/dev/null && hangs && rc=$hung
	for f in qemu.err console tty qmp; do
		echo "# --- end of $f:"
		tail -n 15 "$tmp/$f" | sed 's/^/# /'
	done
	exit $rc
}

# make_initrd: make the guest's file system
make_initrd() {
	root=$tmp/root initrd=$tmp/initrd
	mkdir -p "$root/bin"
	cp /bin/busybox "$root/bin"
	cp guest-init "$root/init"
	copy_modules "$root" nvme e1000e
	depmod -b "$root" "$rel"
	(cd "$root" && find . | cpio -o -H newc --quiet) >"$initrd"
}

# start_qemu ARG...: start a guest with one processor and 192 MiB, whose kernel is told
# $append, too
start_qemu() {
	for f in qmp console tty qemu.err; do
		: >"$tmp/$f"
	done
	rm -f "$tmp/qmp.in" "$tmp/tty.in"
	mkfifo "$tmp/qmp.in" "$tmp/tty.in"
	chmod 666 "$tmp"/qmp* "$tmp"/tty* "$tmp/console"
	exec 3<>"$tmp/tty.in" 4<>"$tmp/qmp.in"
	set -- ${emulator:-"$vmm/qemu" -L "$vmm/usr/share/qemu" -L "$vmm/usr/share/seabios"} \
		-nodefaults -no-user-config -display none \
		-machine q35 -accel kvm -cpu host -m 192M,slots=1,maxmem=1G \
		-kernel "$kdir/vmlinux" -initrd "$initrd" \
		-append "console=ttyS0 quiet panic=-1 no_timer_check idle=halt nohz=off \
highres=off mitigations=off memhp_default_state=online_movable $append" \
		-serial "file:$tmp/console" -serial chardev:tty \
		-chardev "file,id=tty,path=$tmp/tty,input-path=$tmp/tty.in" \
		-chardev "file,id=qmp,path=$tmp/qmp,input-path=$tmp/qmp.in" \
		-mon chardev=qmp,mode=control \
		"$@"
	$trace "$@" 2>"$tmp/qemu.err" &
	qemu=$!
	echo '{"execute": "qmp_capabilities"}' >&4
}

# said SECONDS FILE LINES PATTERN: wait up to SECONDS until a line of FILE after the
# first LINES matches
said() {
	sleep 0.1
	left=$(($1 * factor * 4))
	until tail -n +$(($3 + 1)) "$tmp/$2" | grep -q "$4"; do
		[ $((left -= 1)) -gt 0 ] && kill -0 $qemu 2>/dev/null || return 1
		sleep 0.25
	done
}

# boot COMMAND...: start QEMU by COMMAND, and wait until its guest is ready.  The
# emulated processor may lose an interrupt of a guest (see vm/profiles) or raise one
# that is disabled (above); the guest then hangs for ever.  A guest that has printed nothing is
# started once more.
boot() {
	"$@"
	! said 120 tty 0 ready || return 0
	[ ! -s "$tmp/console" ] && kill -0 $qemu || return 0
	echo "# the guest hangs and is started once more: $(processor)"
	kill -9 $qemu
	wait $qemu
	"$@"
	said 120 tty 0 ready || true
}

# reboot: let the guest reset itself, and wait until it is ready; $lines are those
# that it had printed before.  A guest that has printed nothing since is reset once
# more, as boot() starts one once more.
reboot() {
	lines=$(wc -l <"$tmp/tty")
	echo "reboot -f" >&3
	! said 120 tty "$lines" ready || return 0
	! sed '1,/^[^:]*reboot: /d' "$tmp/console" | grep -q . || return 0
	echo "# the guest hangs and is reset once more: $(processor)"
	qmp system_reset
	lines=$(wc -l <"$tmp/tty")
	said 120 tty "$lines" ready || true
}

# qmp COMMAND [ARGUMENTS]: arguments as JSON
qmp() {
	lines=$(wc -l <"$tmp/qmp")
	echo "{\"execute\": \"$1\"${2:+, \"arguments\": {$2\}}}" >&4
	said 180 qmp "$lines" '"return"\|"error"'
	said 0 qmp "$lines" '"return"' || { cat "$tmp/qmp"; return 1; }
}

# guest COMMAND: run it in the guest; its output and exit code come out here.  A guest
# that does not answer is not asked again.
guest() {
	[ ! -e "$tmp/silent" ] || return 1
	lines=$(wc -l <"$tmp/tty")
	echo "$1" >&3
	said 180 tty "$lines" '^end [0-9]*$' || : >"$tmp/silent"
	tail -n +$((lines + 1)) "$tmp/tty" >"$tmp/answer"
	cat "$tmp/answer"
	tail -n 1 "$tmp/answer" | grep -q '^end 0$'
}

# iommu_pages: print the number of pages of the IOMMU's page tables; nothing if the
# kernel does not count them
iommu_pages() {
	echo 1 >/proc/sys/vm/stat_refresh
	awk '/nr_iommu_pages/ { print $2 }' /proc/vmstat
}

# with_stock_driver BDF COMMAND...: run it while the kernel's own vfio-pci has the device
with_stock_driver() {
	stock=$1; shift
	"$vm/bind" - "$stock"
	modprobe -r vfio-pci
	modprobe vfio-pci-core
	insmod "/lib/modules/$rel/kernel/drivers/vfio/pci/vfio-pci.ko"
	"$vm/bind" vfio-pci "$stock"
	"$@"
	rc=$?
	"$vm/bind" - "$stock"
	rmmod vfio_pci
	modprobe vfio-pci
	return $rc
}

# started: does QEMU answer?
started() { said 60 qmp 1 '"return"'; }

# documented NAME FILE: FILE, written by strace with $traced, has the calls that
# Documentation/qemu-calls.md shows below the heading NAME
documented() {
	sed -n "/^## $1/,/^## /s/^    //p" "$top/Documentation/qemu-calls.md" \
		>"$tmp/expected"
	awk -f calls.awk "$2" >"$tmp/calls"
	diff "$tmp/expected" "$tmp/calls"
}
traced='-y -X raw -e trace=openat,ioctl,mmap,pread64,pwrite64'

# pinned: print the number of pinned pages, after the counts of CPUs are summed up
pinned() {
	echo 1 >/proc/sys/vm/stat_refresh
	awk '/nr_foll_pin_acquired/ { n += $2 } /nr_foll_pin_released/ { n -= $2 }
		END { print n }' /proc/vmstat
}

# pinned_more THAN PAGES: are PAGES pages more than THAN pinned?
pinned_more() { same $(($(pinned) - $1)) "$2"; }

modprobe kvm_amd
make_initrd
