# SPDX-License-Identifier: GPL-2.0-only
#
# KERNELDIR  headers of the kernel to build for.  By default, modules and
#            install build for the kernel that runs if its headers are there;
#            everything else, for the stock kernel that the tests boot.
# KERNEL     that stock kernel: a name in tools/testing/vm/kernels.  By default
#            the first of KERNELS; check and style take them all.
#
# All but modules, install and clean run in the toolbox, a Debian of its own that
# is the same on each system: see tools/testing/toolbox.

KERNELS	:= 6.12 6.1 7.3
KERNEL	?= $(firstword $(KERNELS))
ARM64_KERNELS := arm64-6.12 arm64-6.1 arm64-7.3
cache	:= $(or $(IOMMUFD_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/iommufd)
stock	:= $(cache)/$(KERNEL)/headers
running	:= $(patsubst %/Makefile,%,$(wildcard \
	/lib/modules/$(shell uname -r)/build/Makefile))
vm	:= tools/testing/vm
toolbox	:= tools/testing/toolbox
kselftest := $(cache)/source/source/tools/testing/selftests
# Tests are built with the kernel's headers for programs of Linux 6.1, which know
# the least, so with all that uapi/ adds
arm64	:= $(filter arm64-%,$(KERNEL))
uapi_headers := $(cache)/source$(if $(arm64),-arm64)/include
old_headers = export C_INCLUDE_PATH=$(uapi_headers) CPLUS_INCLUDE_PATH=$(uapi_headers)
# A stock kernel's modules are built with the compiler that its suite has
builder	= $(if $(filter $(stock),$(KERNELDIR)),$(toolbox) -k $(KERNEL) --)
programs := $(patsubst %/Makefile,%,$(wildcard tools/lib/Makefile tools/examples/Makefile \
	tools/iommuctl/Makefile tools/testing/selftests/*/Makefile \
	tools/testing/bench/Makefile tools/testing/fuzz/Makefile))
# BTF needs pahole and the kernel's vmlinux, which not all headers come with
nobtf	= $(if $(and $(wildcard $(KERNELDIR)/vmlinux),$(shell command -v pahole)),\
	,CONFIG_DEBUG_INFO_BTF_MODULES=)
jobs	:= -j$(shell nproc)
version	:= $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)
# The debug kernels can tell where in our modules they have been
DEBUG_KERNELS := debug-6.12 debug
kcov	= $(if $(filter $(DEBUG_KERNELS),$(KERNEL)),KCOV_INSTRUMENT=y)
FUZZ_SECONDS := 60

# The kernels that are looked at if none was chosen
chosen	:= $(if $(filter command% environment%,$(origin KERNEL)),$(KERNEL),$(KERNELS))
# The debug kernels that are looked at, likewise
chosen_debug := $(or $(filter $(DEBUG_KERNELS),$(chosen)),$(DEBUG_KERNELS))
fuzzed	:= $(firstword $(chosen_debug))

# What the recipes below pass on
tests	:= $(MAKE) --no-print-directory KERNELDIR=$(or $(KERNELDIR),$(stock)) \
	KERNEL=$(KERNEL)

help: ## this list
	@echo "make [KERNEL=one of $(KERNELS)] TARGET"
	@echo "make [KERNELDIR=headers of a kernel] modules or install"
	@sed -n 's/^\([-a-z]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST))
	@echo "To have DKMS build and install the modules for each new kernel:"
	@echo "  dkms add . && dkms install iommufd/$(version)"

# Whatever is built or installed for
target	= $(or $(KERNELDIR),$(running))
release	= $(if $(target),$(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
	$(target)/include/generated/utsrelease.h),$(shell uname -r))
# $(call headers,DIRECTORY): stop with one line if it has no headers
headers	= $(if $(wildcard $(1)/include/generated/utsrelease.h),,$(error \
	$(if $(1),$(1) has no headers of a kernel: give KERNELDIR=/lib/modules/VERSION/build,the \
	kernel that runs has no headers here: apt install linux-headers-$(shell uname -r)$(,) \
	or give KERNELDIR)))
# Stop with one line if this user cannot write where it is installed
root	= $(or $(DESTDIR),$(INSTALL_MOD_PATH))
writable = $(if $(root)$(filter 0,$(shell id -u)),,$(error \
	only root can do that$(,) or whoever gives a DESTDIR: sudo make $@))
, := ,

modules: ## build iommufd.ko, vfio-pci.ko, vfio_iommu_iommufd.ko, and those for tests
	$(if $(filter-out $(stock),$(target)),$(call headers,$(target)))
	@flock .modules.lock $(MAKE) --no-print-directory build-modules \
		KERNELDIR=$(or $(KERNELDIR),$(running),$(stock))

# Objects of another kernel must not be mixed in
build-modules:
	@[ $(KERNELDIR) != $(stock) ] || $(vm)/fetch -k $(KERNEL) build
	@[ "$$(cat .kerneldir 2>/dev/null)" = $(KERNELDIR) ] || \
		$(builder) $(MAKE) -s -C $(KERNELDIR) M=$(CURDIR) clean
	@echo $(KERNELDIR) >.kerneldir
	@$(builder) $(MAKE) -s $(jobs) -C $(KERNELDIR) M=$(CURDIR) $(nobtf) \
		$(kcov) modules

# Below DESTDIR for a package (which has to run depmod), or INSTALL_MOD_PATH
install: ## install the modules for the running kernel, or KERNELDIR's (as root)
	$(writable)$(call headers,$(target))$(if \
		$(wildcard $(root)/lib/modules/$(release)/updates/dkms/iommufd.ko*),$(error \
		DKMS has installed the modules for $(release): apt remove iommufd-dkms first))
	$(MAKE) modules KERNELDIR=$(target) IOMMUFD_MOCK=n
	$(MAKE) -C $(target) M=$(CURDIR) modules_install \
		INSTALL_MOD_PATH=$(root) \
		INSTALL_MOD_DIR=updates
	[ "$(DESTDIR)" ] || depmod $(patsubst %,-b %,$(root)) $(release)
	install -D -m 644 tools/system/modules-load.conf \
		$(root)/etc/modules-load.d/iommufd.conf
	install -D -m 644 tools/system/60-iommufd.rules \
		$(root)/etc/udev/rules.d/60-iommufd.rules
	@echo "vfio-pci.ko now takes the place of the kernel's own; if the"
	@echo "initramfs has that one, renew it: update-initramfs -u"

uninstall: updates = lib/modules/$(release)/updates/drivers
uninstall: ## undo "make install", given the same variables
	$(writable)$(if $(KERNELDIR),$(call headers,$(target)))
	cd $(root)/ && rm -f $(updates)/iommu/iommufd/iommufd.ko* \
		$(updates)/vfio/vfio-pci.ko* \
		$(updates)/vfio/vfio_iommu_iommufd.ko* \
		etc/modules-load.d/iommufd.conf \
		etc/udev/rules.d/60-iommufd.rules
	@cd $(root)/ && for d in $(updates)/iommu/iommufd $(updates)/vfio \
		$(if $(root),etc/modules-load.d etc/udev/rules.d); do \
		[ ! -d $$d ] || rmdir -p --ignore-fail-on-non-empty $$d; \
	done
	[ "$(DESTDIR)" ] || depmod $(patsubst %,-b %,$(root)) $(release)
	@echo "The kernel's own vfio-pci is used after a reboot, or after:"
	@echo "rmmod vfio_pci iommufd; if the initramfs has ours, renew it:"
	@echo "update-initramfs -u"

# The compiler finds what it is built with
tools: found = $(shell $(CC) -E -x c -include pci/pci.h -include json-c/json.h \
	/dev/null >/dev/null 2>&1 && echo y)
tools: ## build tools/iommuctl/iommuctl, for the system that this is
	$(if $(found),,$(error headers are missing: \
		apt install gcc libpci-dev libjson-c-dev))
	@$(MAKE) --no-print-directory -s -C tools/iommuctl iommuctl

# What runs in the toolbox
ifndef IOMMUFD_TOOLBOX
demo: ## boot a VM and show a disk read by DMA through /dev/iommu
check: ## run all tests, in VMs, on each kernel
check-all: ## run all tests, the long ones on more machines too
check-vmm: ## run those that boot a guest of QEMU 10 with devices of the VM
check-os: ## install the package on Debian 12 and 13, boot them, and remove it
check-libvirt: ## boot Debian 13 with libvirt, its own and that of backports, and give guests devices
check-arm: ## run the tests on kernels for arm64 (slow)
check-debug: ## run the tests in kernels that look for mistakes (slow; KERNEL=debug-6.12)
build-all: ## build for each kernel of Debian 12 to sid, and try it in a VM (half an hour)
fuzz: ## call at random for FUZZ_SECONDS (60), in that kernel (FUZZ_SEED: again)
bench: ## compare speed with VFIO type1 and the baseline, on each kernel
bench-doc: ## draw what bench prints, as Documentation/performance.svg
htmldocs: ## the manual, by Sphinx, in html/, and the man pages in html/man/
figures: ## draw the figures of the manual from their sources, Documentation/figures/*.dot
top-doc: ## draw what iommuctl top shows in a VM, as Documentation/iommuctl-top.svg
style: ## look for warnings: W=1, sparse, checkpatch --strict, -Wall -Wextra
vm: ## a shell in a VM with the modules loaded (leave it with exit)
deb: ## build the Debian packages iommufd-dkms and iommufd-tools, in deb/
demo check check-all check-vmm check-os check-libvirt check-arm check-debug build-all fuzz bench bench-doc top-doc htmldocs figures style vm deb programs:
	@$(toolbox) -- $(MAKE) --no-print-directory $@
else

# Test programs, examples and benchmarks
programs:
	@$(vm)/fetch -k $(KERNEL) source
	@$(if $(arm64),$(toolbox) -k $(KERNEL) --) \
		$(MAKE) --no-print-directory build-programs

build-programs:
	@set -e; $(old_headers); for d in $(programs); do \
		$(MAKE) -s $(jobs) -C $$d KSELFTEST_DIR=$(kselftest); \
	done

demo:
	@$(tests) modules
	@$(MAKE) -s -C tools/examples
	@echo "Booting a VM (a few seconds)"
	@$(vm)/run -k $(KERNEL) -- tools/examples/demo.sh

check:
	@$(MAKE) --no-print-directory programs
	@tools/testing/check $(addprefix -k ,$(chosen))

# The kernel of bookworm-backports does not isolate devices behind bridges
check-all:
	@$(MAKE) --no-print-directory programs
	@rc=0; for t in vfio/group vfio/unsafe; do \
		tools/testing/check -k bookworm-backports/6.12/amd64 $$t || rc=1; \
	done; tools/testing/check -a $(addprefix -k ,$(chosen)) || rc=1; exit $$rc

check-vmm:
	@tools/testing/check $(addprefix -k ,$(chosen)) vmm

check-os:
	@tools/testing/os/check

check-libvirt:
	@tools/testing/os/libvirt

check-arm:
	@$(MAKE) --no-print-directory programs KERNEL=$(firstword $(ARM64_KERNELS))
	@tools/testing/check $(addprefix -k ,$(ARM64_KERNELS))

check-debug:
	@$(MAKE) --no-print-directory programs
	@tools/testing/check $(addprefix -k ,$(chosen_debug))

build-all:
	@tools/testing/build-all

fuzz:
	@$(MAKE) --no-print-directory modules KERNEL=$(fuzzed) KERNELDIR=
	@$(vm)/fetch -k $(KERNEL) source
	@$(old_headers); $(MAKE) -s -C tools/testing/fuzz
	@KERNEL=$(fuzzed) tools/testing/fuzz/run $(FUZZ_SECONDS) \
		$(addprefix -s ,$(FUZZ_SEED))

bench:
	@rc=0; for k in $(chosen); do \
		$(MAKE) --no-print-directory bench-kernel KERNEL=$$k || rc=1; \
	done; exit $$rc

bench-kernel:
	@$(tests) modules
	@$(MAKE) -s -C tools/testing/bench
	@tools/testing/bench/run -k $(KERNEL)

bench-doc:
	@$(MAKE) --no-print-directory bench >.bench.out
	@tools/testing/bench/chart <.bench.out >Documentation/performance.svg

top-doc:
	@$(tests) modules
	@$(MAKE) --no-print-directory programs
	@$(vm)/run -k $(KERNEL) -p devices -- tools/iommuctl/screenshot >.top.out
	@mv .top.out Documentation/iommuctl-top.svg

htmldocs:
	@tools/testing/htmldocs html

figures:
	@set -e; for f in Documentation/figures/*.dot; do \
		tools/testing/figure $$f >$${f%.dot}.svg; \
	done

style:
	@$(MAKE) --no-print-directory programs
	@tools/testing/style $(addprefix -k ,$(chosen))

vm:
	@$(tests) modules
	@$(vm)/run -k $(KERNEL)

deb:
	@debian/build
endif

clean: ## remove what was built here (the cache stays)
	@find $(wildcard drivers tools/testing/bench/baseline tools/testing/emulated \
		tools/testing/tracker tools/testing/pasid tools/testing/ipmodify) \
		\( -name '*.[aos]' -o -name '*.ko' -o -name '*.mod' \
		-o -name '*.mod.c' -o -name '.*.cmd' -o -name '.*.d' \
		-o -name modules.order \) -delete
	@find $(wildcard tools) -name .compiler -delete
	@rm -f .*.cmd Module.symvers modules.order .kerneldir .modules.lock .bench.out .top.out
	@rm -rf deb html
	@set -e; for d in $(programs); do $(MAKE) -s -C $$d clean; done

.PHONY: help modules build-modules programs tools install uninstall deb demo \
	check check-all check-vmm check-os check-libvirt check-arm check-debug \
	build-all fuzz bench bench-kernel bench-doc top-doc htmldocs figures style \
	vm clean build-programs
