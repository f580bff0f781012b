#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# iommuctl list on made-up hosts.  Prints TAP.
set -eu
. ./tree.sh

good
device 0000:00:06.0 1234:11e8 00ff00 10 vfio-pci
node 0000:00:06.0 12
device 0000:00:06.1 1234:11e9 00ff00 10
device 0000:00:1f.0 8086:10d3 060100
device 10000:00:00.0 8086:10d3 020000 2 e1000e
device 0001:00:00.0 8086:10d3 020000 2 e1000e
group_file 10
process 400 qemu-system-x86 5000
opened 400 7 dev/vfio/devices/vfio0 vfio-device 0000:00:04.0 vfio-iommufd-device 3
opened 400 8 dev/vfio/devices/vfio0 vfio-device 0000:00:04.0
opened 400 9 dev/iommu iommufd-objects 1
process 50 nvme-driver 900
opened 50 3 dev/vfio/devices/vfio0 vfio-device 0000:00:04.0
process 1000 old 900
opened 1000 3 dev/vfio/devices/vfio0
process 600 dpdk 900
opened 600 3 dev/vfio/10
process 700 sh 900
opened 700 3 dev/null
put proc/800/comm gone
before=$(state)

expect "devices by group, with drivers, device files and users" 0 list <<EOF
GROUP  ADDRESS        DRIVER    NODE                      USERS                                              DEVICE
2      0001:00:00.0   e1000e    -                         -                                                  Intel 82574L
2      10000:00:00.0  e1000e    -                         -                                                  Intel 82574L
3      0000:00:04.0   vfio-pci  /dev/vfio/devices/vfio0   50:nvme-driver(open),400:qemu-system-x86,1000:old  QEMU edu
4      0000:00:05.0   nvme      -                         -                                                  Red Hat NVMe
10     0000:00:06.0   vfio-pci  /dev/vfio/devices/vfio12  600:dpdk(group)                                    QEMU edu
10     0000:00:06.1   -         -                         600:dpdk(group)                                    QEMU Device 11e9
-      0000:00:1f.0   -         -                         -                                                  Intel 82574L
EOF
check "it has changed nothing" same "$(state)" "$before"

as="setpriv --reuid 65534 --regid 65534 --clear-groups"
chmod 700 "$tree"/proc/*/fd
expect "a user sees no processes of others, and is told" 0 list <<EOF
GROUP  ADDRESS        DRIVER    NODE                      USERS  DEVICE
2      0001:00:00.0   e1000e    -                         -      Intel 82574L
2      10000:00:00.0  e1000e    -                         -      Intel 82574L
3      0000:00:04.0   vfio-pci  /dev/vfio/devices/vfio0   -      QEMU edu
4      0000:00:05.0   nvme      -                         -      Red Hat NVMe
10     0000:00:06.0   vfio-pci  /dev/vfio/devices/vfio12  -      QEMU edu
10     0000:00:06.1   -         -                         -      QEMU Device 11e9
-      0000:00:1f.0   -         -                         -      Intel 82574L
iommuctl: other users' processes are seen by root only
EOF
as=

# VT-d with and without snoop control; for the third device there is no IOMMU
put sys/bus/pci/devices/0000:00:04.0/iommu/intel-iommu/ecap f00f5a
put sys/bus/pci/devices/0000:00:06.1/iommu/intel-iommu/ecap f00fda
rm -r "$pci/devices/10000:00:00.0" "$pci/devices/0001:00:00.0" \
	"$pci/devices/0000:00:06.0" "$pci/devices/0000:00:05.0"
expect "JSON" 0 --json list <<EOF
{
  "devices":[
    {
      "address":"0000:00:04.0",
      "name":"QEMU edu",
      "group":3,
      "driver":"vfio-pci",
      "node":"/dev/vfio/devices/vfio0",
      "coherent":false,
      "users":[
        {
          "pid":50,
          "command":"nvme-driver",
          "state":"open"
        },
        {
          "pid":400,
          "command":"qemu-system-x86",
          "state":"bound"
        },
        {
          "pid":1000,
          "command":"old",
          "state":null
        }
      ]
    },
    {
      "address":"0000:00:06.1",
      "name":"QEMU Device 11e9",
      "group":10,
      "driver":null,
      "node":null,
      "coherent":true,
      "users":[
        {
          "pid":600,
          "command":"dpdk",
          "state":"group"
        }
      ]
    },
    {
      "address":"0000:00:1f.0",
      "name":"Intel 82574L",
      "group":null,
      "driver":null,
      "node":null,
      "coherent":null,
      "users":[]
    }
  ],
  "all_users":true
}
EOF
mkdir -p "$pci/devices/0000:00:1f.0/iommu/amd-iommu"
check "an IOMMU of AMD" grep -q '"coherent": *true' <<EOF
$("$iommuctl" --json list | sed -n '/0000:00:1f.0/,/}/p')
EOF
rm -r "$pci/devices/"*
expect "no PCI device" 0 list <<EOF
GROUP  ADDRESS  DRIVER  NODE  USERS  DEVICE
EOF
finish
