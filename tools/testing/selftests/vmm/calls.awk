# SPDX-License-Identifier: GPL-2.0-only
# Usage: awk -f calls.awk FILE
#
# FILE is the output of "strace -y -X raw".  Prints the calls on assigned devices, one a
# line, with their results; a call that is repeated in a row, once.
BEGIN {
	# All ioctls of type ';': VFIO's from 100 on, those of /dev/iommu from 128 on
	n = split("GET_INFO GET_REGION_INFO GET_IRQ_INFO SET_IRQS RESET \
GET_PCI_HOT_RESET_INFO PCI_HOT_RESET - - - FEATURE BIND_IOMMUFD \
ATTACH_IOMMUFD_PT DETACH_IOMMUFD_PT", names)
	for (i = 1; i <= n; i++)
		name[sprintf("0x%x", 15210 + i)] = "VFIO_DEVICE_" names[i]
	n = split("DESTROY IOAS_ALLOC IOAS_ALLOW_IOVAS IOAS_COPY \
IOAS_IOVA_RANGES IOAS_MAP IOAS_UNMAP OPTION VFIO_IOAS HWPT_ALLOC \
GET_HW_INFO", names)
	for (i = 1; i <= n; i++)
		name[sprintf("0x%x", 15231 + i)] = "IOMMU_" names[i]
	name["0x4018aee1"] = "KVM_SET_DEVICE_ATTR"
}

# With -f, lines begin with the thread
{ sub(/^[0-9]+ +/, "") }

!/vfio|\/dev\/iommu/ { next }

/^openat/ {
	split($0, part, "\"")
	call = "open " part[2]
	sub(/vfio[0-9]+/, "vfioN", call)
}
/^ioctl/ {
	split($0, part, ", ")
	call = (part[2] in name) ? name[part[2]] : part[2]
}
/^mmap/ { call = "mmap of a region" }
/^pread64|^pwrite64/ { call = /^pread/ ? "pread" : "pwrite" }
/^close/ { call = "close" }

{
	result = $0
	sub(/.*\) += /, "", result)
	if (result ~ /^-1 /) {
		split(result, part, " ")
		result = part[2]
	} else if (call !~ /^(IOMMU|VFIO|KVM|0x)/) {
		result = "ok"
	} else {
		sub(/ .*/, "", result)
	}
	line = call " = " result
	if (line != last)
		print line
	last = line
}
