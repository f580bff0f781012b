#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# iommuctl check on made-up hosts: the causes that it prints, the cures, the exit code.
# Prints TAP.
set -eu
. ./tree.sh
bdf=0000:00:04.0
grub='/etc/default/grub && update-grub && reboot'

# system NAME CAUSE TEXT CURE: this is the only cause, and for every device
system() {
	expect "$1" 1 check <<-EOF
	system: Linux 6.12.9-amd64, not ready
	  $2: $3
	    cure: $4
	$bdf: cannot be bound: the system is not ready
	EOF
}

# refused NAME CAUSE TEXT CURE: this is the only cause, and for $bdf
refused() {
	expect "$1" 1 check $bdf <<-EOF
	system: Linux 6.12.9-amd64, ready
	$bdf: cannot be bound
	  $2: $3
	    cure: $4
	EOF
}

# bindable NAME [ARG...]
bindable() {
	name=$1; shift
	expect "$name" 0 check "$@" $bdf <<-EOF
	system: Linux 6.12.9-amd64, ready
	$bdf: can be bound, by /dev/vfio/devices/vfio0
	EOF
}

as_nobody() { as="setpriv --reuid 65534 --regid 65534 --clear-groups"; }

good
bindable "all is well"
expect "without an address: the devices that are given" 0 check <<EOF
system: Linux 6.12.9-amd64, ready
$bdf: can be bound, by /dev/vfio/devices/vfio0
EOF
expect "a short address" 0 check 00:04.0 <<EOF
system: Linux 6.12.9-amd64, ready
$bdf: can be bound, by /dev/vfio/devices/vfio0
EOF
expect "two addresses, one in the way" 1 check 00:04.0 00:05.0 <<EOF
system: Linux 6.12.9-amd64, ready
$bdf: can be bound, by /dev/vfio/devices/vfio0
0000:00:05.0: cannot be bound
  driver: the host driver nvme has it
    cure: driverctl set-override 0000:00:05.0 vfio-pci
EOF
rm -r "$pci/devices/$bdf"
expect "no device is given" 0 check <<EOF
system: Linux 6.12.9-amd64, ready
no device is given to vfio-pci
EOF

# The kernel
good
put boot/config-6.12.9-amd64 CONFIG_VFIO_PCI_CORE=m CONFIG_IOMMUFD=m CONFIG_VFIO_DEVICE_CDEV=y
rm "$tree/sys/module/vfio_pci/version"
bindable "a kernel with CONFIG_IOMMUFD, which has all itself"
rm "$tree/sys/class/misc/iommu/dev"
system "a kernel with CONFIG_IOMMUFD, whose module is not loaded" module \
	"iommufd is not loaded" "modprobe iommufd"
good
put boot/config-6.12.9-amd64 CONFIG_VFIO_PCI_CORE=m CONFIG_IOMMUFD=y
system "a kernel with CONFIG_IOMMUFD, without device files" kernel \
	"Linux 6.12.9-amd64 has CONFIG_IOMMUFD itself, for which the modules of iommufd-dkms are not built, but lacks CONFIG_VFIO_DEVICE_CDEV" \
	"apt install linux-image-amd64, and boot that kernel"
good
put boot/config-6.12.9-amd64 "# CONFIG_VFIO_PCI_CORE is not set"
system "a kernel without CONFIG_VFIO_PCI_CORE" kernel \
	"Linux 6.12.9-amd64 lacks CONFIG_VFIO_PCI_CORE, which the modules need" \
	"apt install linux-image-amd64, and boot that kernel"
put lib/modules/6.12.9-amd64/build/.config CONFIG_VFIO_PCI_CORE=m
rm "$tree/boot/config-6.12.9-amd64"
bindable "a kernel whose options are beside its headers"
rm "$tree/lib/modules/6.12.9-amd64/build/.config"
bindable "a kernel whose options are nowhere"
rm "$tree/sys/module/iommufd/version" "$tree/sys/module/vfio_pci/version"
bindable "such a kernel with an iommufd and a vfio-pci of its own"

# The IOMMU; a device without a group is not told apart then
no_iommu() {
	good
	rm -r "$tree/sys/kernel/iommu_groups"
	rm "$pci/devices/$bdf/iommu_group"
}
no_iommu
system "no IOMMU" iommu "there is no IOMMU" \
	"switch on VT-d or AMD-Vi in the firmware's settings"
put sys/firmware/acpi/tables/DMAR x
system "an IOMMU that the kernel leaves off" iommu \
	"no IOMMU is on: this kernel leaves VT-d off unless told" \
	"sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on /' $grub"
for word in intel_iommu=off amd_iommu=off iommu=off; do
	put proc/cmdline "root=/dev/vda1 $word quiet"
	system "$word" iommu "no IOMMU is on: the kernel's command line has $word" \
		"sed -i 's/ *$word//' $grub"
done
good
put proc/cmdline "root=/dev/vda1 iommu=pt not_intel_iommu=off"
bindable "words that only look like those"

# Modules
good
rm "$tree/sys/class/misc/iommu/dev"
system "iommufd is not loaded" module "iommufd is not loaded" "modprobe iommufd"
mkdir -p "$tree/run/iommufd-refused"
system "iommufd was refused" module \
	"the kernel has refused to load iommufd: it does not know the key that the module is signed with" \
	"mokutil --import /var/lib/dkms/mok.pub && reboot"
rm -r "$tree/run"
put lib/modules/6.12.9-amd64/modules.dep "kernel/drivers/vfio/vfio.ko:" \
	"kernel/foo.ko: updates/dkms/iommufd.ko"
system "iommufd is not built for this kernel" module \
	"there is no module iommufd for Linux 6.12.9-amd64" \
	"apt install linux-headers-6.12.9-amd64 && dkms autoinstall"
good
rm "$tree/sys/module/vfio_pci/version" "$pci/devices/$bdf/vfio-dev/vfio0/dev"
system "the stock vfio-pci has a device" module \
	"the kernel's own vfio-pci is loaded, which has no device files" \
	"update-initramfs -u && reboot"
rm -r "$pci/devices/$bdf" "$pci/drivers/vfio-pci/$bdf"
expect "the stock vfio-pci has no device" 1 check <<EOF
system: Linux 6.12.9-amd64, not ready
  module: the kernel's own vfio-pci is loaded, which has no device files
    cure: rmmod vfio_pci && modprobe vfio-pci
no device is given to vfio-pci
EOF

# Interrupts
good
put proc/interrupts "   9:          0          0  IO-APIC    9-fasteoi   acpi" \
	"  25:          7          0  PCI-MSI-0000:00:05.0    0-edge      AIR-1"
system "interrupts are not isolated" interrupts \
	"interrupts are not isolated: there is no interrupt remapping, or the firmware has it off" \
	"switch it on in the firmware's settings; or, if you trust whoever uses devices as you trust the kernel: echo Y >/sys/module/iommufd/parameters/allow_unsafe_interrupts"
for word in intremap=off nointremap; do
	put proc/cmdline "root=/dev/vda1 $word"
	system "$word" interrupts \
		"interrupts are not isolated: the kernel's command line has $word" \
		"sed -i 's/ *$word//' $grub"
done
put proc/interrupts " 12:          0          0   ITS-MSI 81920 Edge      nvme0q0"
bindable "the ITS of arm64 isolates interrupts"
put proc/interrupts "  25:          7          0  PCI-MSI-0000:00:05.0    0-edge      nvme0q0"
put sys/module/iommufd/parameters/allow_unsafe_interrupts Y
expect "interrupts are not isolated, and that is allowed" 0 check $bdf <<EOF
system: Linux 6.12.9-amd64, ready
  note, interrupts: interrupts are not isolated, which allow_unsafe_interrupts allows: whoever uses a device can raise any interrupt
    cure: echo N >/sys/module/iommufd/parameters/allow_unsafe_interrupts
$bdf: can be bound, by /dev/vfio/devices/vfio0
EOF

# Permissions of /dev/iommu
good
rm "$tree/dev/iommu"
system "/dev/iommu is missing" permissions \
	"iommufd is loaded, but there is no /dev/iommu here" \
	"start this container with --device /dev/iommu"
good
chmod 666 "$tree/dev/vfio/devices/vfio0"
group=$(stat -c %G "$tree/dev/iommu")
as_nobody
system "a user may not open /dev/iommu" permissions \
	"nobody may not open /dev/iommu, which the group $group may" \
	"adduser nobody $group, and log in anew"
chmod 600 "$tree/dev/iommu"
system "nobody but root may open /dev/iommu" permissions "nobody may not open /dev/iommu" \
	"echo 'SUBSYSTEM==\"misc\", KERNEL==\"iommu\", GROUP=\"kvm\", MODE=\"0660\"' >/etc/udev/rules.d/60-iommufd.rules && udevadm control --reload && udevadm trigger --name-match=iommu"
chmod 666 "$tree/dev/iommu"
bindable "a user who may open both files"
chmod 600 "$tree/dev/vfio/devices/vfio0"
refused "a user may not open the device file" permissions \
	"nobody may not open /dev/vfio/devices/vfio0" \
	"echo 'SUBSYSTEM==\"vfio-dev\", KERNELS==\"$bdf\", OWNER=\"nobody\", MODE=\"0600\"' >>/etc/udev/rules.d/70-vfio.rules && udevadm control --reload && udevadm trigger --subsystem-match=vfio-dev"
as=
rm "$tree/dev/vfio/devices/vfio0"
refused "the device file is missing" permissions \
	"there is no /dev/vfio/devices/vfio0 here" \
	"start this container with --device /dev/vfio/devices/vfio0"

# Locked memory
cure="echo 'root - memlock unlimited' >/etc/security/limits.d/iommufd.conf, and log in anew; for a service: LimitMEMLOCK=infinity; for a container: --ulimit memlock=-1"
good
bindable "CAP_IPC_LOCK" -m 4T
put proc/self/status "CapEff:	000001ffffffbfff"
expect "a limit of locked memory" 0 check $bdf <<EOF
system: Linux 6.12.9-amd64, ready
  note, memlock: root may map no more than 8192 KiB in all
    cure: $cure
$bdf: can be bound, by /dev/vfio/devices/vfio0
EOF
bindable "a limit of locked memory that is enough" --memory 8M
expect "a limit of locked memory that is not enough" 1 check --memory 8193K $bdf <<EOF
system: Linux 6.12.9-amd64, not ready
  memlock: root may map no more than 8192 KiB in all, of 8193 KiB that are wanted
    cure: $cure
$bdf: cannot be bound: the system is not ready
EOF
put proc/self/limits "Max locked memory         0                    0                    bytes     "
system "no memory may be locked" memlock "root may map no more than 0 KiB in all" "$cure"
put proc/self/limits "Max locked memory         unlimited            unlimited            bytes     "
bindable "no limit of locked memory" -m 4T

# Two things at once
no_iommu
rm "$tree/sys/class/misc/iommu/dev"
expect "two things in the way" 1 check $bdf 0000:00:05.0 <<EOF
system: Linux 6.12.9-amd64, not ready
  iommu: there is no IOMMU
    cure: switch on VT-d or AMD-Vi in the firmware's settings
  module: iommufd is not loaded
    cure: modprobe iommufd
$bdf: cannot be bound: the system is not ready
0000:00:05.0: cannot be bound
  driver: the host driver nvme has it
    cure: driverctl set-override 0000:00:05.0 vfio-pci
EOF

# The device
good
rm "$pci/devices/$bdf/iommu_group"
refused "no IOMMU translates for the device" iommu "no IOMMU translates for it" \
	"put it into another slot"
put sys/class/iommu/smmu3.0x0000000009050000/dev
refused "nor does an SMMU, although the device has a driver" iommu \
	"no IOMMU translates for it" "put it into another slot"
rm -r "$pci/devices/$bdf/driver" "$pci/devices/$bdf/vfio-dev"
refused "a device behind an SMMU has no group before it has a driver" driver \
	"no driver has it" "driverctl set-override $bdf vfio-pci"
good
rm "$pci/devices/$bdf/iommu_group"
group $bdf 9
put sys/kernel/iommu_groups/9/name vfio-noiommu
refused "VFIO has made up its group" iommu "no IOMMU translates for it" \
	"put it into another slot"
good
rm -r "$pci/devices/$bdf"
device $bdf 8086:5916 030000
refused "Intel graphics without an IOMMU" iommu \
	"no IOMMU translates for it: this kernel leaves VT-d off for Intel graphics unless told" \
	"sed -i 's/^GRUB_CMDLINE_LINUX=\"/&intel_iommu=on /' $grub"

good
put sys/kernel/iommu_groups/3/reserved_regions \
	"0x0000000000000000 0x0000000000ffffff direct-relaxable" \
	"0x00000000fee00000 0x00000000feefffff msi"
bindable "memory that firmware needs no longer than until a driver comes"
put sys/kernel/iommu_groups/3/reserved_regions \
	"0x00000000fed1c000 0x00000000fed1cfff direct" \
	"0x00000000fee00000 0x00000000feefffff msi"
refused "memory that firmware needs mapped" firmware \
	"firmware needs [mem 0xfed1c000-0xfed1cfff] mapped for its IOMMU group" \
	"switch off in the firmware's settings what uses the device: shared graphics memory, remote management, USB legacy support"

# taken_from $bdf: no driver has it
taken_from() {
	rm -r "$pci/devices/$1/vfio-dev" "$pci/devices/$1/driver" \
		"$pci/drivers/vfio-pci/$1"
}
good
taken_from $bdf
refused "no driver has the device" driver "no driver has it" \
	"driverctl set-override $bdf vfio-pci"
driver $bdf e1000e
refused "a host driver has the device" driver "the host driver e1000e has it" \
	"driverctl set-override $bdf vfio-pci"
mkdir -p "$pci/devices/$bdf/vfio-dev/vfio3"
refused "another driver of VFIO has the device" driver \
	"the driver e1000e has it, and makes no device file" \
	"driverctl set-override $bdf vfio-pci"
good
taken_from $bdf
put sys/bus/pci/devices/$bdf/driver_override vfio-pci
refused "vfio-pci has not taken the device" driver "vfio-pci was to take it and has not" \
	"echo $bdf >/sys/bus/pci/drivers_probe; dmesg | grep $bdf"
rm -r "$tree/sys/module/vfio_pci"
refused "vfio-pci is not loaded" driver "vfio-pci is to take it, but is not loaded" \
	"modprobe vfio-pci"
good
rm "$pci/devices/$bdf/vfio-dev/vfio0/dev"
refused "DMA is not coherent" coherency \
	"it has no device file: its DMA is not coherent with the CPU's caches" \
	"use the group interface, /dev/vfio/3"
mkdir -p "$pci/devices/$bdf/iommu/intel-iommu"
refused "DMA is not isolated" isolation \
	"it has no device file: its DMA bears another device's ID, which this kernel does not isolate" \
	"boot a kernel that isolates it, 6.12.114 or later of 6.12, or 7.2 or later"
put sys/kernel/iommu_groups/3/reserved_regions \
	"0x00000000fed1c000 0x00000000fed1cfff direct"
refused "no device file, because of firmware" firmware \
	"firmware needs [mem 0xfed1c000-0xfed1cfff] mapped for its IOMMU group" \
	"switch off in the firmware's settings what uses the device: shared graphics memory, remote management, USB legacy support"
good
rm -r "$pci/devices/$bdf"
device $bdf 1b36:000e 060400 3 pcieport
refused "a bridge" driver "it is a bridge, which cannot be given away" \
	"iommuctl list, and choose a device behind it"

# Its group
good
device 0000:00:04.1 8086:10d3 020000 3 vfio-pci
node 0000:00:04.1 1
device 0000:00:04.2 8086:10d3 020000 3 pci-stub
device 0000:00:04.3 8086:10d3 020000 3
device 0000:00:04.4 1b36:000e 060400 3 pcieport
bindable "its group has nothing on a host driver"
device 0000:00:04.5 8086:10d3 020000 3 e1000e
refused "one of its group has a host driver" group \
	"0000:00:04.5 of its IOMMU group 3 has the host driver e1000e" \
	"driverctl set-override 0000:00:04.5 vfio-pci"

# Virtual functions
good
device 0000:00:03.0 1b36:0010 010802 8 nvme
ln -s ../0000:00:03.0 "$pci/devices/$bdf/physfn"
bindable "a virtual function, the physical one being the host's"
rm -r "$pci/devices/0000:00:03.0"
device 0000:00:03.0 1b36:0010 010802 8 vfio-pci
node 0000:00:03.0 1
expect "a virtual function, the physical one being given too" 0 check $bdf <<EOF
system: Linux 6.12.9-amd64, ready
$bdf: can be bound, by /dev/vfio/devices/vfio0
  note, token: its physical function 0000:00:03.0 is given to vfio-pci: the users of both have to know a token
    cure: have the program show the token; if it cannot, use the group interface, /dev/vfio/3
EOF
expect "the same in JSON" 0 check --json $bdf <<EOF
{
  "system":{
    "kernel":"6.12.9-amd64",
    "ready":true,
    "causes":[],
    "notes":[]
  },
  "devices":[
    {
      "address":"$bdf",
      "bindable":true,
      "causes":[],
      "notes":[
        {
          "cause":"token",
          "text":"its physical function 0000:00:03.0 is given to vfio-pci: the users of both have to know a token",
          "cure":"have the program show the token; if it cannot, use the group interface, /dev/vfio/3"
        }
      ]
    }
  ]
}
EOF

# Users
good
process 400 'qemu-system-x86' 5000
opened 400 7 dev/vfio/devices/vfio0 vfio-device $bdf
opened 400 8 dev/iommu iommufd-objects 1
bindable "a process has the device file open, but not bound"
opened 400 9 dev/vfio/devices/vfio0 vfio-device $bdf vfio-iommufd-device 3
opened 400 10 dev/vfio/devices/vfio0 vfio-device $bdf vfio-iommufd-device 3
refused "a process has it bound" user \
	"process 400 (qemu-system-x86) has it, by its device file" "kill 400"
good
process 400 'a b) S 1 (c' 5000
opened 400 7 dev/vfio/devices/vfio0
refused "a process has it open, by a driver that says no more" user \
	"process 400 (a b) S 1 (c) has it, by its device file" "kill 400"
good
device 0000:00:04.1 8086:10d3 020000 3 vfio-pci
node 0000:00:04.1 1
process 400 qemu-system-x86 5000
opened 400 7 dev/vfio/devices/vfio1 vfio-device 0000:00:04.1 vfio-iommufd-device 3 \
	vfio-iommufd-pt 2
refused "a process has one of its group bound" user \
	"process 400 (qemu-system-x86) has 0000:00:04.1 of its IOMMU group 3" "kill 400"
no_iommu
rm "$pci/devices/0000:00:05.0/iommu_group"
process 400 qemu-system-x86 7
opened 400 7 dev/vfio/devices/vfio0 vfio-device $bdf vfio-iommufd-device 3
expect "without an IOMMU, the user of another device is in nobody's way" 1 \
	check 0000:00:05.0 <<EOF
system: Linux 6.12.9-amd64, not ready
  iommu: there is no IOMMU
    cure: switch on VT-d or AMD-Vi in the firmware's settings
0000:00:05.0: cannot be bound
  driver: the host driver nvme has it
    cure: driverctl set-override 0000:00:05.0 vfio-pci
EOF
good
device 0000:00:06.0 8086:10d3 020000 5 vfio-pci
node 0000:00:06.0 1
process 400 qemu-system-x86 5000
opened 400 7 dev/vfio/devices/vfio1 vfio-device 0000:00:06.0 vfio-iommufd-device 3
bindable "a process has a device of another group"
good
group_file 3
group_file 4
process 400 qemu-system-x86 5000
opened 400 7 dev/vfio/4
bindable "a process has another group"
opened 400 8 dev/vfio/3
refused "a process has it, by its group" user \
	"process 400 (qemu-system-x86) has it, by the group interface" "kill 400"
printf '\033[31mhi\351\n' >"$tree/proc/400/comm"
refused "a process with an odd name has it" user \
	"process 400 (?[31mhi?) has it, by the group interface" "kill 400"

# JSON
good
put proc/self/status "CapEff:	0000000000000000"
device 0000:00:04.5 8086:10d3 020000 3 e1000e
cure="${cure#echo \'root}"
expect "JSON" 1 check --json $bdf 00:05.0 <<EOF
{
  "system":{
    "kernel":"6.12.9-amd64",
    "ready":true,
    "causes":[],
    "notes":[
      {
        "cause":"memlock",
        "text":"root may map no more than 8192 KiB in all",
        "cure":"echo 'root$cure"
      }
    ]
  },
  "devices":[
    {
      "address":"$bdf",
      "bindable":false,
      "causes":[
        {
          "cause":"group",
          "text":"0000:00:04.5 of its IOMMU group 3 has the host driver e1000e",
          "cure":"driverctl set-override 0000:00:04.5 vfio-pci"
        }
      ],
      "notes":[]
    },
    {
      "address":"0000:00:05.0",
      "bindable":false,
      "causes":[
        {
          "cause":"driver",
          "text":"the host driver nvme has it",
          "cure":"driverctl set-override 0000:00:05.0 vfio-pci"
        }
      ],
      "notes":[]
    }
  ]
}
EOF
good
rm "$tree/sys/class/misc/iommu/dev"
expect "JSON, where the system is not ready" 1 check --json $bdf <<EOF
{
  "system":{
    "kernel":"6.12.9-amd64",
    "ready":false,
    "causes":[
      {
        "cause":"module",
        "text":"iommufd is not loaded",
        "cure":"modprobe iommufd"
      }
    ],
    "notes":[]
  },
  "devices":[
    {
      "address":"$bdf",
      "bindable":false,
      "causes":[],
      "notes":[]
    }
  ]
}
EOF
finish
