#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The banned functions really are compile errors: each must fail, the control must pass.
# usage: banned.sh ROOT COMPILER
root=$1; shift
compile() { printf 'void f(char *a, const char *b);\nvoid f(char *a, const char *b) { %s; }\n' "$1" |
	"$CC" -std=gnu17 -D_GNU_SOURCE -I"$root/src" -include base/banned.h -fsyntax-only -x c - 2>/dev/null; }
CC=$1
compile '(void)a; (void)b' || { echo "the control does not compile"; exit 1; }
rc=0
for call in 'strcpy(a, b)' 'strcat(a, b)' 'strncpy(a, b, 1)' 'sprintf(a, b, 1)' 'strtok(a, b)' 'atoi(b)' 'localtime(0)' 'alloca(1)' 'tmpnam(a)'; do
	! compile "$call" || { echo "not banned: $call"; rc=1; }
done
exit $rc
