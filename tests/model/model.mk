# SPDX-License-Identifier: GPL-2.0-only
#
# model.mk - the crash model: the module's own files over tests/model/shim
#
# Included by the top Makefile:
#
#	model		some thousand crash states, with the sanitizers: seconds
#	model-full	a million, without them: minutes; MODEL_STATES, MODEL_SEED
#	model-mutants	is found what is broken on purpose? minutes; MUTANT='glob'

O ?= build

MODEL_STATES ?= 1000000
MODEL_SEED ?= 1

model_out := $(abspath $(O))/model
model_module := $(addprefix fs/cachet/,index.c map.c fingerprint.c object.c cut.c asked.c read.c \
	verify.c heal.c scrub.c fill.c seal.c pin.c sweep.c log.c commit.c reclaim.c volume.c cache.c io.c)
model_src := $(wildcard tests/model/*.c) $(model_module) $(wildcard fs/cachet/format/*.c) \
	tools/lib/crc32c.c
# The kernel's headers that the module names: each is all of the shim.
model_headers := $(addprefix linux/,atomic.h bitmap.h bits.h completion.h cred.h fs.h fscache-cache.h hashtable.h \
	kobject.h kref.h kthread.h list.h list_sort.h mm.h mutex.h percpu.h refcount.h rwsem.h sched.h \
	sched/mm.h sched/signal.h slab.h spinlock.h uio.h workqueue.h xarray.h file.h bvec.h delay.h module.h \
	tracepoint.h) trace/events/fscache.h trace/define_trace.h
model_cflags := -std=gnu11 -D_GNU_SOURCE -g -Wall -Wextra -Werror -Wno-unused-parameter \
	-Wno-sign-compare -Wno-format -I$(model_out)/include -Itests/model/shim -Itests/model -Ifs/cachet \
	-Iinclude -Itools/include -include tests/model/shim/vfs.h
model_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

$(model_out)/include/made: tests/model/model.mk
	@for h in $(model_headers); do \
		mkdir -p "$$(dirname "$(@D)/$$h")" && echo '#include "vfs.h"' >"$(@D)/$$h" || exit; \
	done
	@touch $@

$(model_out)/fast/%.o: %.c $(model_out)/include/made
	@mkdir -p $(@D)
	gcc -O2 $(model_cflags) -MMD -MP -c -o $@ $<

$(model_out)/asan/%.o: %.c $(model_out)/include/made
	@mkdir -p $(@D)
	gcc $(model_asan) $(model_cflags) -MMD -MP -c -o $@ $<

$(model_out)/crash_model: $(model_src:%.c=$(model_out)/fast/%.o)
	gcc -o $@ $^

$(model_out)/crash_model_asan: $(model_src:%.c=$(model_out)/asan/%.o)
	gcc $(model_asan) -o $@ $^

model: $(model_out)/crash_model $(model_out)/crash_model_asan
	@tests/model/run $^

model-full: $(model_out)/crash_model
	$< --states $(MODEL_STATES) --seed $(MODEL_SEED)

# What the model is there to find, put into the module on purpose.
model-mutants: $(model_out)/crash_model
	@tests/model/mutants $(model_out) gcc -O2 $(model_cflags)

.PHONY: model model-full model-mutants

-include $(model_src:%.c=$(model_out)/fast/%.d) $(model_src:%.c=$(model_out)/asan/%.d)
