# SPDX-License-Identifier: GPL-2.0-only
#
# unit.mk - the unit tests, with the address and undefined behaviour sanitizers
#
# Included by the top Makefile:
#
#	unit		build and run tests/unit/format_*.c, tools_*.c and cachectl-*.sh
#	unit-build	only build them
#	module-kunit	build tests/kunit for the UML kernel: O/kunit/cachet_kunit.ko;
#			module-kunit-debug: for the one with sanitizers, O/kunit-debug

O ?= build

unit_out := $(abspath $(O))/unit
unit_asan := $(abspath $(O))/tools-asan
unit_cflags := -std=gnu11 -O1 -g -Wall -Wextra -Werror -Wshadow -Wmissing-prototypes \
	-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-Itools/include -Ifs/cachet/format -Itests/unit
unit_shared := $(patsubst %.c,$(unit_out)/obj/%.o,$(wildcard fs/cachet/format/*.c) tools/lib/crc32c.c)
unit_format := $(patsubst tests/unit/%.c,$(unit_out)/%,$(wildcard tests/unit/format_*.c))
unit_tools := $(patsubst tests/unit/%.c,$(unit_asan)/unit/%,$(wildcard tests/unit/tools_*.c))

$(unit_out)/obj/%.o: %.c tests/unit/unit.mk
	@mkdir -p $(@D)
	gcc $(unit_cflags) -MMD -MP -c -o $@ $<

$(unit_format): $(unit_out)/%: $(unit_out)/obj/tests/unit/%.o $(unit_shared)
	gcc $(unit_cflags) -o $@ $^ -lcmocka

.SECONDARY: $(unit_shared) $(unit_format:$(unit_out)/%=$(unit_out)/obj/tests/unit/%.o)

# tools/Makefile knows what its tests are linked with.
unit-build: $(unit_format)
	@$(MAKE) -C tools O=$(abspath $(O)) SANITIZE=1 $(unit_tools) \
		$(unit_asan)/unit/check-image $(unit_asan)/unit/check-fault.so \
		$(unit_asan)/cachectl $(unit_asan)/cachetd
	@$(MAKE) -C tools O=$(abspath $(O)) $(abspath $(O))/tools/unit/cachectl-fake-device.so

# One of the scripts has the tools preload a library, which ASan would rather not.
unit: unit-build
	@ASAN_OPTIONS=verify_asan_link_order=0 \
		CACHECTL=$(unit_asan)/cachectl CACHETD=$(unit_asan)/cachetd tests/unit/run \
		$(unit_out)/log $(unit_format) $(unit_tools) $(wildcard tests/unit/cachectl-*.sh)

module-kunit module-kunit-debug: module-kunit%:
	@mkdir -p $(abspath $(O))/kunit$*
	$(MAKE) -C "$$(scripts/kernel-uml $(*:-%=%))" ARCH=um M=$(CURDIR)/tests/kunit \
		MO=$(abspath $(O))/kunit$* W=1 $(KBUILD_EXTRA) modules

.PHONY: unit unit-build module-kunit module-kunit-debug

-include $(unit_shared:.o=.d) $(unit_format:$(unit_out)/%=$(unit_out)/obj/tests/unit/%.d)
