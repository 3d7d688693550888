/* SPDX-License-Identifier: Apache-2.0
 *
 * What a machine prints: a file that qemu writes.
 */
#include "vm/machine/machine-private.h"
#include <fcntl.h>
#include <unistd.h>

void console_read(const struct machine *m, size_t max, struct buf *out)
{
	CLEANUP(arena_fini) struct arena a;
	char bytes[4096];
	ssize_t n;
	arena_init(&a);
	int fd = open(machine_path(&a, m, "console"), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	off_t size = lseek(fd, 0, SEEK_END);
	(void)!lseek(fd, size > (off_t)max ? size - (off_t)max : 0, SEEK_SET);
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		buf_add(out, bytes, (size_t)n);
	close(fd);
}

/* The last lines in one, for a sentence. */
void console_last_words(const struct machine *m, struct buf *out)
{
	console_read(m, CONSOLE_LINES, out);
	for (size_t i = 0; i < out->n; i++)
		if ((unsigned char)out->p[i] < ' ')
			out->p[i] = ' ';
}
