# SPDX-License-Identifier: GPL-2.0-only
# Included by the Makefiles of programs: objects that depend on .compiler are built anew
# when another compiler is used, such as one for arm64.
ifneq ($(shell cat .compiler 2>/dev/null),$(CC))
$(shell echo $(CC) >.compiler)
endif
