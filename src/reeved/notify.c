/* SPDX-License-Identifier: Apache-2.0
 *
 * See notify.h. NOTIFY_SOCKET is a path, or an abstract name that begins with '@'.
 */
#include "reeved/notify.h"

#include "base/log.h"
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_systemd(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = name ? strlen(name) : 0;
	if (n == 0)
		return;
	if (n >= sizeof to.sun_path) {
		log_warn("NOTIFY_SOCKET is too long");
		return;
	}
	memcpy(to.sun_path, name, n);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (fd < 0 ||
	    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, size) < 0)
		log_warn("systemd could not be told", F_STR("state", state),
			 F_STR("why", strerror(errno)));
	if (fd >= 0)
		close(fd);
}
