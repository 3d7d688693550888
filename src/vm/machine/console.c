/* SPDX-License-Identifier: Apache-2.0
 *
 * What a machine prints: a file that qemu appends to. A guest may print as much as it likes: from time to time all but the end of
 * the file is thrown away. What comes in just then may be lost.
 */
#include "base/log.h"
#include "vm/machine/line.h"
#include "vm/machine/machine-private.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONGEST    ((off_t)1 << 20)
#define KEPT       ((size_t)1 << 19) /* bytes of the end, of one that has become longer */
#define TRIM_MS    10000
#define LAST_BYTES 1024 /* more than a sentence takes */

static int open_file(const struct machine *m, int flags)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	return open(machine_path(&a, m, "console"), flags | O_CLOEXEC);
}

static void read_end(int fd, size_t max, struct buf *out)
{
	char bytes[4096];
	ssize_t n;
	off_t size = lseek(fd, 0, SEEK_END);
	(void)!lseek(fd, size > (off_t)max ? size - (off_t)max : 0, SEEK_SET);
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		buf_add(out, bytes, (size_t)n);
}

void console_read(const struct machine *m, size_t max, struct buf *out)
{
	int fd = open_file(m, O_RDONLY);
	if (fd < 0)
		return;
	read_end(fd, max, out);
	close(fd);
}

void console_last_words(const struct machine *m, char out[WORDS_SIZE])
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 2 * LAST_BYTES);
	console_read(m, LAST_BYTES, &text);
	line_end(buf_span(&text), out, WORDS_SIZE);
}

/* ---- not more than that ---- */

static bool is_too_long(int fd)
{
	struct stat st;
	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > LONGEST;
}

static int keep_end(int fd)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 2 * KEPT); /* it may grow meanwhile */
	read_end(fd, KEPT, &text);
	ssize_t n = text.failed ? -1 : pwrite(fd, text.p, text.n, 0);
	return n != (ssize_t)text.n || ftruncate(fd, n) < 0 ? -errno : 0;
}

static void trim(struct machine *m)
{
	int fd = open_file(m, O_RDWR);
	int r = is_too_long(fd) ? keep_end(fd) : 0;
	if (r < 0)
		log_warn("what a virtual machine printed cannot be made shorter",
			 F_STR("vm", m->spec.name), F_STR("why", strerror(-r)));
	if (fd >= 0)
		close(fd);
}

static void on_trim(void *user)
{
	struct machine *m = user;
	trim(m);
	console_begin(m);
}

void console_begin(struct machine *m)
{
	m->trimming.fn = on_trim;
	m->trimming.user = m;
	timer_start(loop_timers(machine_loop(m)), &m->trimming,
		    loop_now_ms(machine_loop(m)) + TRIM_MS);
}

void console_end(struct machine *m)
{
	if (m->trimming.place)
		trim(m);
	timer_stop(loop_timers(machine_loop(m)), &m->trimming);
}
