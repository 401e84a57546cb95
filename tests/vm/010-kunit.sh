#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# title: the kernel's build of the shared code passes its KUnit tests
# vm: uml
# boot: own
# kernel-args: kunit.enable=1 kunit.autorun=1
#
# Loading the module runs them. This kernel has no results in debugfs, so the
# verdict is that of the kernel log (KTAP), where every suite and case has a line.

. "$(dirname "$0")/lib.sh"

ko=${CACHET_KO%/*/*}/kunit${VM_KERNEL#uml}/cachet_kunit.ko
[ -e "$ko" ] || fail "no $ko: make module-kunit"

unload() {
	! grep -q '^cachet_kunit ' /proc/modules || rmmod cachet_kunit
}
at_exit unload
insmod "$ko"

# "KTAP version 1" on, without time stamps and the indents of subtests.
results=$(dmesg | sed 's/^\[[^]]*\] *//' | sed -n '/^KTAP version/,$p')
echo "$results"
assert_eq "$(grep -c '^ok [0-9]* cachet$' <<<"$results")" 1 "suites that passed"
! grep -q '^not ok' <<<"$results" || fail "a case failed"
# "# Totals: pass:N fail:N skip:N total:N" of the suite, the last one.
totals=$(sed -n 's/^# Totals: //p' <<<"$results" | tail -n 1)
note "$totals"
assert_gt "$(sed -n 's/.*pass:\([0-9]*\).*/\1/p' <<<"$totals")" 0 "cases that passed"
assert_eq "$(sed -n 's/.*fail:\([0-9]*\).*/\1/p' <<<"$totals")" 0 "cases that failed"
assert_eq "$(sed -n 's/.*skip:\([0-9]*\).*/\1/p' <<<"$totals")" 0 "cases that were skipped"
note "done"
