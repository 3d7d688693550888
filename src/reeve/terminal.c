/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions on the terminal; see terminal.h.
 */
#include "reeve/terminal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#define CTRL_C 3

static int read_line(int fd, char *ret, size_t size)
{
	size_t n = 0;
	for (char ch;;) {
		ssize_t got = read(fd, &ch, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if ((got == 0 && n == 0) || (got > 0 && ch == CTRL_C))
			return -ECANCELED;
		if (got == 0 || ch == '\n') {
			ret[n < size ? n : 0] = '\0';
			return n < size ? 0 : -E2BIG;
		}
		if (n < size)
			ret[n++] = ch;
	}
}

static int ask(int fd, const char *question, char *ret, size_t size)
{
	if (write(fd, question, strlen(question)) < 0)
		return -errno;
	return read_line(fd, ret, size);
}

/* Mute before the question: who is quick must not see the answer either. Nothing may leave the
 * terminal mute: signals wait until echo is on again, and Ctrl-C comes as a character that ends the
 * line. */
static int ask_without_echo(int fd, const char *question, char *ret, size_t size)
{
	struct termios old, mute;
	sigset_t stops, before;
	if (tcgetattr(fd, &old) < 0)
		return -errno;
	mute = old;
	mute.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	mute.c_lflag |= ECHONL;
	mute.c_cc[VEOL] = CTRL_C;
	sigemptyset(&stops);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGHUP);
	sigprocmask(SIG_BLOCK, &stops, &before);
	tcsetattr(fd, TCSAFLUSH, &mute);
	int r = ask(fd, question, ret, size);
	tcsetattr(fd, TCSADRAIN, &old);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

int terminal_ask(const char *question, bool echo, char *ret, size_t size)
{
	CLEANUP(close_fdp) int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return -errno;
	return echo ? ask(fd, question, ret, size) : ask_without_echo(fd, question, ret, size);
}
