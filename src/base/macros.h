/* SPDX-License-Identifier: Apache-2.0
 *
 * The few macros the whole tree uses: attributes, array size, ownership hand-over.
 *
 * Control flow stays in plain sight: nothing here returns, jumps or loops.
 */
#pragma once

#include <stddef.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Every function whose failure matters carries this; ignore one on purpose with (void)!f(). */
#define WARN_UNUSED              __attribute__((warn_unused_result))
#define FORMAT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* An owned local: CLEANUP(free_charp) char *p = ...; the function receives a pointer to the variable. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

/* Hands an owned pointer over: the local becomes NULL, so its cleanup does nothing. */
#define TAKE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Cleanup functions for what the C library and the kernel hand out. */
void free_charp(char **p);
void close_fdp(int *fd);
