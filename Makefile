# SPDX-License-Identifier: GPL-2.0-only
#
# Makefile - everything that can be made; 'make help' lists it
#
# All output goes to build/, kernels and downloads to $CACHET_CACHE (default
# ~/.cache/cachet), so that the checkout stays as it was.

VERSION	:= 0.1.0
OUT	?= $(CURDIR)/build
# Not from the command line, where the kernel's build would see it too.
override O := $(OUT)
KDIR	?= /lib/modules/$(shell uname -r)/build
PREFIX	?= /usr
DESTDIR	?=
VM	?= all
T	?= *
BENCH	?= *

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

all: module tools

help:
	@echo 'make              the module for the running kernel (or KDIR=...), and the tools'
	@echo 'make install      module (by DKMS), tools, unit, man pages; DESTDIR, PREFIX'
	@echo 'make uninstall    takes them away again'
	@echo 'make demo         a VM, an NFS mount with the cache, read twice (as root)'
	@echo 'make check        every test, in its short version (as root); make check-quick: without VMs'
	@echo "make vmtest       VM tests: T='glob' VM=stock|uml|uml-debug|all"
	@echo 'make model-full   a million simulated power cuts; make model-mutants: do they find faults?'
	@echo "make soak         the long versions, for half a day, and a table: SOAK='power-cuts stress-uml'"
	@echo "make bench        against cachefiles: BENCH='glob' VM=uml|stock"
	@echo 'make clean        removes build/'

# ---- the module ----
#
# Kernels before 6.13 can't build a module elsewhere than beside its source: the
# source is mirrored to where it is built.

mirror = mkdir -p $(1) && rsync -a --delete --exclude='*.o' --exclude='.*.cmd' \
	--exclude='*.ko' --exclude='*.mod' --exclude='*.mod.c' --exclude=modules.order \
	--exclude=Module.symvers Kbuild fs include $(1)/

module:
	@test -e $(KDIR)/Makefile || { \
		echo "no kernel headers in $(KDIR): install linux-headers-$$(uname -r), or give KDIR=..." >&2; \
		exit 1; }
	@$(call mirror,$(O)/module)
	$(MAKE) -C $(KDIR) M=$(O)/module modules

# For the VMs: the same, with fault injection, for their kernels.
module-stock:
	@$(call mirror,$(O)/stock/src)
	$(MAKE) -C "$$(scripts/kernel-stock)/kdir" M=$(O)/stock/src CONFIG_CACHET_INJECT=y \
		CONFIG_DEBUG_INFO_BTF_MODULES= \
		W=1 $(KBUILD_EXTRA) modules
	@strip --strip-debug -o $(O)/stock/cachet.ko $(O)/stock/src/cachet.ko

module-uml:
	@$(call mirror,$(O)/uml/src)
	$(MAKE) -C "$$(scripts/kernel-uml)" ARCH=um M=$(O)/uml/src CONFIG_CACHET_INJECT=y \
		W=1 $(KBUILD_EXTRA) modules
	@cp $(O)/uml/src/cachet.ko $(O)/uml/cachet.ko

# What nobody has set, on the stack and in the heap, is a pattern: 161 looks for it.
module-uml-debug:
	@$(call mirror,$(O)/uml-debug/src)
	$(MAKE) -C "$$(scripts/kernel-uml debug)" ARCH=um M=$(O)/uml-debug/src \
		CONFIG_CACHET_INJECT=y modules \
		KCFLAGS='-ftrivial-auto-var-init=pattern -include $(CURDIR)/tests/vm/poison.h'
	@cp $(O)/uml-debug/src/cachet.ko $(O)/uml-debug/cachet.ko

# Programs that VM tests run in the guest; it has better things to do than compiling.
vm-helpers:
	@mkdir -p $(O)/vm-helpers
	@$(CC) -O1 -Wall -Itools/include -Ifs/cachet/format -o $(O)/vm-helpers/super-edit \
		tests/vm/helpers/super-edit.c tools/lib/crc32c.c
	@$(CC) -O1 -Wall -Wextra -pthread -o $(O)/vm-helpers/ioctl-abuse \
		tests/vm/helpers/ioctl-abuse.c tests/vm/helpers/ioctl-leaks.c \
		tests/vm/helpers/ioctl-random.c
	@$(CC) -O1 -Wall -o $(O)/vm-helpers/flip-bits tests/vm/helpers/flip-bits.c
	@$(CC) -O1 -Wall -Wextra -o $(O)/vm-helpers/damage tests/vm/helpers/damage.c
	@$(CC) -O1 -Wall -Wextra -o $(O)/vm-helpers/pins tests/vm/helpers/pins.c
	@$(CC) -O1 -Wall -Wextra -o $(O)/vm-helpers/show-by tests/vm/helpers/show-by.c
	@$(CC) -O2 -Wall -Wextra -o $(O)/vm-helpers/watcher tests/vm/helpers/watcher.c
	@$(MAKE) -s -C tools O=$(O) $(O)/tools/unit/check-image
	@cp $(O)/tools/unit/check-image $(O)/vm-helpers/
	@$(CC) -O1 -Wall -Wextra -o $(O)/vm-helpers/exercise tests/vm/helpers/exercise.c \
		tests/vm/helpers/exercise-ops.c
	@$(CC) -O2 -Wall -Wextra -o $(O)/vm-helpers/stress tests/vm/helpers/stress.c \
		tests/vm/helpers/stress-ops.c tests/vm/helpers/stress-sectors.c
	@$(CC) -O2 -Wall -Wextra -fPIC -shared -o $(O)/vm-helpers/volatile-disk.so \
		tests/vm/helpers/volatile-disk.c
	@$(MAKE) -s -C tools O=$(O) VERSION=$(VERSION) $(O)/tools/libcachet.a
	@$(CC) -std=gnu11 -O2 -Wall -Wextra -Itools/include -Iinclude/uapi -Ifs/cachet/format \
		-Itools/lib -o $(O)/vm-helpers/crash-states tests/vm/helpers/crash-states.c \
		tests/vm/helpers/replay-log.c $(O)/tools/libcachet.a -lgcrypt

# Debian's sparse (0.6.4) does not know __typeof_unqual__, and takes the strings of
# MODULE_LICENSE() and the like for bad constants.
SPARSE	= C=2 CF=-D__CHECK_ENDIAN__ CHECK="sparse -D__typeof_unqual__=__typeof__"

# Sparse with endian checks, and every warning, on both kernels; silent when clean.
module-lint:
	@mkdir -p $(O)/lint
	@$(MAKE) -s -j$$(nproc) module-uml module-stock OUT=$(O)/lint KBUILD_EXTRA='$(SPARSE)' \
		>$(O)/lint/log 2>&1 || { cat $(O)/lint/log; exit 1; }
	@! grep -E 'warning|error' $(O)/lint/log | grep -v 'error: bad constant expression'

# ---- tools ----

tools:
	$(MAKE) -C tools O=$(O) VERSION=$(VERSION)

# ---- tests ----

include tests/unit/unit.mk
include tests/model/model.mk

deps:
	@scripts/deps build

deps-test:
	@scripts/deps all

demo: deps-test
	@$(MAKE) -s tools
	@tests/vm/prepare uml
	@scripts/demo

check: deps-test
	@tests/check

check-quick: deps-test
	@tests/check quick

# All that the techniques need, whichever are wanted: seconds, but for the kernels.
soak: deps-test
	@$(MAKE) -s tools
	@tests/vm/prepare all
	@tests/vm/prepare uml-debug
	@tests/soak $(SOAK)

vmtest: tools
	@tests/vm/prepare $(VM)
	@tests/vm/run --vm=$(VM) $(T)

bench: tools
	@tests/vm/prepare $(VM)
	@tests/bench/run --vm=$(VM) '$(BENCH)'

# ---- installing ----

SRC_DIR	= $(DESTDIR)/usr/src/cachet-$(VERSION)

install: tools
	$(MAKE) -C tools O=$(O) VERSION=$(VERSION) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) install
	@rm -rf $(SRC_DIR)
	@$(call mirror,$(SRC_DIR))
	@sed 's/@VERSION@/$(VERSION)/' dkms.conf >$(SRC_DIR)/dkms.conf
	@cp Makefile COPYING $(SRC_DIR)/
	@DESTDIR=$(DESTDIR) scripts/dkms-register $(VERSION)

uninstall:
	@DESTDIR=$(DESTDIR) scripts/dkms-register --remove $(VERSION)
	@rm -rf $(SRC_DIR)
	$(MAKE) -C tools O=$(O) VERSION=$(VERSION) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) uninstall

clean:
	rm -rf $(O)

.PHONY: all help vm-helpers module module-stock module-uml module-uml-debug module-lint tools deps deps-test demo check check-quick \
	vmtest soak bench install uninstall clean
