# SPDX-License-Identifier: GPL-2.0-only
# Sourced after qemu.sh by tests whose guest has two devices of the VM, edu and a network
# card, one of which reaches the other's registers.
# shellcheck shell=sh
# shellcheck disable=SC2016 # some strings are expanded in the guest
# shellcheck disable=SC2034 # what is set here is used there
edu=0000:00:04.0 card=0000:00:08.0

# Functions of the guest's shell.  device ID: print the directory in sysfs of the device
# of vendor:device; bar ID: print the address of its BAR 0; on ID: enable it.
functions='edu="0x1234 0x11e8"; card="0x8086 0x10d3";
device() { for d in /sys/bus/pci/devices/*; do
[ "$(echo $(cat "$d/vendor" "$d/device"))" != "$1" ] || echo "$d"; done; };
bar() { read -r start rest <"$(device "$1")/resource"; echo "$((start))"; };
on() { echo BgA= | base64 -d | dd of="$(device "$1")/config" bs=1 seek=4 conv=notrunc; };'

# edu_dma FROM TO COMMAND: 4 bytes
functions="$functions"'edu_dma() { e=$(bar "$edu");
devmem $((e + 0x80)) 64 $1; devmem $((e + 0x88)) 64 $2; devmem $((e + 0x90)) 64 4;
devmem $((e + 0x98)) 64 $3;
while [ $(($(devmem $((e + 0x98)) 64) & 1)) = 1 ]; do sleep 0.1; done; };'

# The card's registers RDBAL (0x2800) and TDBAL (0x3800) hold any address
reaches='on "$edu"; on "$card"; c=$(bar "$card");
devmem $((c + 0x2800)) 32 0x12345670; devmem $((c + 0x3800)) 32 0;
edu_dma $((c + 0x2800)) 0x40000 1; edu_dma 0x40000 $((c + 0x3800)) 3;
[ $(($(devmem $((c + 0x3800)) 32))) = $((0x12345670)) ]'

# in_guest COMMANDS: in one line
in_guest() { guest "$(echo "$functions $1" | tr '\n' ' ')"; }
