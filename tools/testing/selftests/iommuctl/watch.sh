#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# iommuctl top in a VM: memory that a process has mapped and pinned, files opened twice
# and shared; and list and check of a device file that is open.  Prints TAP.
set -eu
. ./vm.sh

exec 3<>/dev/iommu
grep -q '^iommufd-objects:' /proc/self/fdinfo/3 || {
	echo "1..0 # SKIP this iommufd has no fdinfo"
	exit
}
exec 3>&-

# sample: print one of top, as JSON without values that differ between VMs
sample() {
	"$iommuctl" top --json -n 1 | sed 's/"pid": '"$holder"',/"pid": HOLDER,/g
		s/"pid": [0-9][0-9]*/"pid": OTHER/g; s/"fd": [0-9]*/"fd": N/g
		s/"objects": [1-9][0-9]*/"objects": SOME/g'
}

# one PROCESSES: JSON of a sample that has these processes
one() {
	echo "{ \"interval\": null, \"exact\": true, \"all_users\": true, \"processes\": [ $1 ] }"
}

# holder MAPPED PINNED FILE...
holder() {
	json="{ \"pid\": HOLDER, \"user\": \"root\", \"command\": \"hold\", \"mapped\": $1, \"pinned\": $2, \"maps_per_second\": null, \"unmaps_per_second\": null, \"files\": [ "
	shift 2
	comma=
	for file; do
		json="$json$comma$file"
		comma=", "
	done
	one "$json ] }"
}

fd='{ "pid": HOLDER, "fd": N }'
# file HOLDERS BYTES-MAPPED BYTES-PINNED MAPS DEVICES: with one I/O address
# space, the first object, and the device as the second
file() {
	echo "{ \"holders\": [ $1 ], \"objects\": SOME, \"mapped\": $2, \"pinned\": $3, \"maps\": $4, \"unmaps\": 0, \"ioas\": [ { \"id\": 1, \"mapped\": $2, \"pinned\": $3, \"mappings\": $4 } ], \"devices\": [ $5 ] }"
}
bound="{ \"id\": 2, \"address\": \"$bdf\" }"

bind vfio-pci $bdf
check "nobody has it open" same "$("$iommuctl" top --json -n 1)" "$(one '' | sed 's/  / /')"
hold $bdf
tell "map 3" >"$tmp/out"
node=$(node_of $bdf)
check "mapped, not pinned" same "$(sample)" \
	"$(holder 12288 0 "$(file "$fd" 12288 0 3 '' | sed 's/\[  \]/[ ]/')")"
is "check: a device file that is open and not bound is in nobody's way" 0 \
	"$iommuctl" check $bdf <<EOF
system: Linux $rel, ready
$bdf: can be bound, by /dev/vfio/devices/$node
EOF
check "list: it is open" same "$("$iommuctl" list | grep -o "[0-9]*:hold[^ ]*")" \
	"$holder:hold(open)"
check "bind" same "$(tell bind)" ok
check "attach" same "$(tell attach)" ok
check "list: it is attached" same \
	"$("$iommuctl" list --json | grep -o '"state":.*')" '"state":"attached"'
check "mapped, and pinned for a device" same "$(sample)" \
	"$(holder 12288 12288 "$(file "$fd" 12288 12288 3 "$bound")")"
check "dup" same "$(tell dup)" ok
check "two descriptors of one file count once" same "$(sample)" \
	"$(holder 12288 12288 "$(file "$fd, $fd" 12288 12288 3 "$bound")")"
check "fork" same "$(tell fork)" ok
other='{ "pid": OTHER, "fd": N }'
check "so do those of two processes" same "$(sample)" \
	"$(holder 12288 12288 "$(file "$fd, $fd, $other, $other" 12288 12288 3 "$bound")")"
check "open" same "$(tell open)" ok
empty="{ \"holders\": [ $fd ], \"objects\": 0, \"mapped\": 0, \"pinned\": 0, \"maps\": 0, \"unmaps\": 0, \"ioas\": [ ], \"devices\": [ ] }"
check "another open file is another one" same "$(sample)" \
	"$(holder 12288 12288 "$(file "$fd, $fd, $other, $other" 12288 12288 3 "$bound")" \
		"$empty")"

mkfifo "$tmp/samples"
"$iommuctl" top --json -n 2 -d 3 >"$tmp/samples" &
exec 6<"$tmp/samples"
read -r _ <&6
tell "map 50" >"$tmp/out"
tell unmap >"$tmp/out"
read -r second <&6
exec 6<&-
wait $!
# shellcheck disable=SC2016 # expanded by that shell
check "rates: 50 mappings made and 53 removed in the interval" sh -c 'echo "$0" |
	sed "s/.*\"interval\": \([^,]*\),.*\"maps_per_second\": \([^,]*\), \"unmaps_per_second\": \([^,]*\),.*/\1 \2 \3/" |
	awk "{ print; m = \$1 * \$2; u = \$1 * \$3; exit !(m > 49.9 && m < 50.1 && u > 52.9 && u < 53.1) }"' \
	"$second"
release
check "all have gone" same "$("$iommuctl" top --json -n 1)" "$(one '' | sed 's/  / /')"
bind - $bdf
finish
