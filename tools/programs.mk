# SPDX-License-Identifier: GPL-2.0-only
# Included by the Makefiles of programs, which set $(top), the project's directory:
# how programs are compiled, and the library that they share.

all:

CFLAGS ?= -O2 -g
override CFLAGS += -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -pthread
override CPPFLAGS += -I$(top)/uapi -I$(top)/tools/lib

include $(top)/tools/compiler.mk

headers := $(wildcard *.h $(top)/tools/lib/*.h $(top)/uapi/linux/*.h) .compiler
lib := $(top)/tools/lib/libtools.a

ifneq ($(abspath $(lib)),$(CURDIR)/libtools.a)
$(lib): always
	$(MAKE) -C $(top)/tools/lib
endif

.PHONY: all always clean
