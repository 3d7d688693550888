#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every C file is as clang-format (14, .clang-format) writes it.
cd "$1" && find src tests bench -name '*.[ch]' 2>/dev/null | xargs clang-format --dry-run -Werror
