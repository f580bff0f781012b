#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# iommuctl top on made-up hosts with real processes: kcmp() tells which of their file
# descriptors are of one open file.  Prints TAP.
# shellcheck disable=SC2016,SC2317 # what "samples" and "check" are given, they run
set -eu
. ./tree.sh
good

# Two processes share the file that is 5 in both; in the first 6 is this file, too, and 7
# another one.  A third process has a file of its own.
exec 5</dev/null
sleep 300 6<&5 7</dev/null & one=$!
sleep 300 & two=$!
exec 5<&-
sleep 300 5</dev/null & three=$!
trap 'kill $one $two $three; rm -rf "$tmp"' EXIT

# big FILE PROCESS MAPS UNMAPS: a file with two I/O address spaces and two devices
big() {
	opened "$2" "$1" dev/iommu iommufd-objects 7 iommufd-mapped "6291456 KiB" \
		iommufd-pinned "4194304 KiB" iommufd-maps "$3" iommufd-unmaps "$4" \
		iommufd-ioas-1-mapped "4194304 KiB" iommufd-ioas-1-pinned "4194304 KiB" \
		iommufd-ioas-1-mappings 3 iommufd-ioas-12-mapped "2097152 KiB" \
		iommufd-ioas-12-pinned "0 KiB" iommufd-ioas-12-mappings 1 \
		iommufd-device-3 0000:00:04.0 iommufd-device-4 10000:00:05.1 \
		iommufd-of-tomorrow 8
}

# small FILE PROCESS
small() {
	opened "$2" "$1" dev/iommu iommufd-objects 1 iommufd-mapped "132 KiB" \
		iommufd-pinned "0 KiB" iommufd-maps 1 iommufd-unmaps 0 \
		iommufd-ioas-1-mapped "132 KiB" iommufd-ioas-1-pinned "0 KiB" \
		iommufd-ioas-1-mappings 1
}

process $one qemu-system-x86 5000
process $two helper 5001
process $three old 5002
big 5 $one 12 3
big 6 $one 12 3
small 7 $one
big 5 $two 12 3
opened $three 5 dev/iommu
process 1 init 1
opened 1 3 dev/null

line() { printf '%7s %-8s %5s %10s %10s %8s %8s %s\n' "$@"; }
head_is() { line PID USER FILES MAPPED PINNED MAPS/s UNMAPS/s "COMMAND DEVICES"; }

expect "descriptors of one open file count once" 0 top -n 1 <<EOF
2 processes, 3 files of /dev/iommu: mapped 6.0 GiB, pinned 4 GiB
-: the iommufd that is loaded does not tell
$(head_is)
$(line $one root 2 "6.0 GiB" "4 GiB" - - "qemu-system-x86 (with $two) 0000:00:04.0,10000:00:05.1")
$(line $three root 1 - - - - "old -")
EOF

json_big="\"objects\": 7, \"mapped\": 6442450944, \"pinned\": 4294967296, \"maps\": 12, \"unmaps\": 3, \"ioas\": [ { \"id\": 1, \"mapped\": 4294967296, \"pinned\": 4294967296, \"mappings\": 3 }, { \"id\": 12, \"mapped\": 2147483648, \"pinned\": 0, \"mappings\": 1 } ], \"devices\": [ { \"id\": 3, \"address\": \"0000:00:04.0\" }, { \"id\": 4, \"address\": \"10000:00:05.1\" } ]"
expect "JSON" 0 top --json -n 1 <<EOF
{ "interval": null, "exact": true, "all_users": true, "processes": [ { "pid": $one, "user": "root", "command": "qemu-system-x86", "mapped": 6442586112, "pinned": 4294967296, "maps_per_second": null, "unmaps_per_second": null, "files": [ { "holders": [ { "pid": $one, "fd": 5 }, { "pid": $one, "fd": 6 }, { "pid": $two, "fd": 5 } ], $json_big }, { "holders": [ { "pid": $one, "fd": 7 } ], "objects": 1, "mapped": 135168, "pinned": 0, "maps": 1, "unmaps": 0, "ioas": [ { "id": 1, "mapped": 135168, "pinned": 0, "mappings": 1 } ], "devices": [ ] } ] }, { "pid": $three, "user": "root", "command": "old", "mapped": null, "pinned": null, "maps_per_second": null, "unmaps_per_second": null, "files": [ { "holders": [ { "pid": $three, "fd": 5 } ], "objects": null, "mapped": null, "pinned": null, "maps": null, "unmaps": null, "ioas": [ ], "devices": [ ] } ] } ] }
EOF

# kcmp() needs permission to trace both processes
rm -r "$tree/proc/$three"
as="setpriv --reuid 65534 --regid 65534 --clear-groups"
expect "where kcmp() is not allowed, each descriptor counts, and that is said" 0 top -n 1 <<EOF
2 processes, 4 files of /dev/iommu: mapped 18.0 GiB, pinned 12 GiB
kcmp() is not allowed: a file that is open more than once may count more than once
other users' processes are seen by root only
$(head_is)
$(line $one root 3 "12.0 GiB" "8 GiB" - - "qemu-system-x86 0000:00:04.0,10000:00:05.1,0000:00:04.0,10000:00:05.1")
$(line $two root 1 "6 GiB" "4 GiB" - - "helper 0000:00:04.0,10000:00:05.1")
EOF
# shellcheck disable=SC2086,SC2016 # a list of words; expanded by that shell
check "JSON says so, too" sh -c '"$@" | grep "^{ \"interval\": null, \"exact\": false, \"all_users\": false, "' \
	sh $as "$iommuctl" top --json -n 1
as=

# Take two samples, with $change between them.  Set $fields to the interval, and to maps
# and unmaps per second of the first process.
samples() {
	mkfifo "$tmp/samples"
	"$iommuctl" top --json -n 2 -d 2 >"$tmp/samples" &
	exec 6<"$tmp/samples"
	read -r _ <&6
	eval "$1"
	read -r second <&6
	exec 6<&-
	wait $!
	rm "$tmp/samples"
	fields=$(echo "$second" | sed 's/.*"interval": \([^,]*\),.*"maps_per_second": \([^,]*\), "unmaps_per_second": \([^,]*\), "files": \[ { "holders": \[ { "pid": '$one',.*/\1 \2 \3/')
}

# are MAPS UNMAPS: are the rates those of this number of calls in the interval?
are() {
	echo "$fields" | awk -v maps="$1" -v unmaps="$2" '
	function near(got, wanted) { return got > wanted - 0.1 && got < wanted + 0.1 }
	{ print; exit !($1 >= 2 && near($1 * $2, maps) && near($1 * $3, unmaps)) }'
}

rm -r "$tree/proc/$two"
remake() { rm "$tree/proc/$one/fd/$1" "$tree/proc/$one/fdinfo/$1"; }
samples 'remake 5; big 5 $one 512 23; remake 6; big 6 $one 512 23'
check "rates, over the time between two samples" are 500 20
samples 'remake 5'
check "a descriptor less of the same file" are 0 0
big 5 $one 512 23
samples 'remake 5; big 5 $one 4 2; remake 6; big 6 $one 4 2; remake 7'
check "another file by the same number, known by counts that went back" same \
	"${fields#* }" "null null"
small 7 $one
process $one "q) S 1 1 (" 5000
samples 'process $one "q) S 1 1 (" 9999'
check "another process by the same number" same "${fields#* }" "null null"
# shellcheck disable=SC2016 # expanded by that shell
check "a sample more, and a line more" sh -c \
	'[ "$("$0" top --json -n 3 -d 0.1 | grep -c "^{ \"interval\"")" = 3 ]' "$iommuctl"

# On a terminal
terminal() {
	script -qc "stty rows $1 cols $2; '$iommuctl' top -n 2 -d 0.1" /dev/null </dev/null |
		tr -d '\r' >"$tmp/screen"
}
terminal 24 300
check "on a terminal, each sample begins at the top of an empty screen" same \
	"$(grep -c "^$(printf '\033')\[H$(printf '\033')\[J1 process, 2 files " "$tmp/screen")" 2
terminal 3 40
check "lines and columns that it has no room for are left out" same \
	"$(tail -n 2 "$tmp/screen")" \
	"$(printf '\033[H\033[J')1 process, 2 files of /dev/iommu: mapped
$(head_is | cut -c 1-40)"

rm "$tree/sys/class/misc/iommu/dev"
expect "there is no /dev/iommu" 3 top <<EOF
iommuctl: there is no /dev/iommu; see iommuctl check
EOF
good
expect "nobody has it open" 0 top -n 1 <<EOF
0 processes, 0 files of /dev/iommu: mapped 0 KiB, pinned 0 KiB
$(head_is)
EOF
finish
