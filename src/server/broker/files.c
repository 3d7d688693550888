/* SPDX-License-Identifier: Apache-2.0
 *
 * See files.h.
 */
#include "server/broker/files.h"

#include "server/broker/conf.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PLUGIN        "reeve-broker.so"
#define PEM_MAX       (1 << 20)
#define PATIENCE_MS   15000 /* for the broker of a server that was killed */
#define LOOK_EVERY_MS 20

static int unavailable(struct error *err, const char *what, int r)
{
	return error_set(err, ERR_UNAVAILABLE, "%s: %s", what, strerror(-r));
}

/* ---- the folder ---- */

static int open_lock(struct broker_files *f, const char *data_dir, struct error *err)
{
	CLEANUP(free_charp) char *path = NULL;
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	if (asprintf(&path, "%s/mqtt.lock", data_dir) < 0)
		abort();
	f->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (f->lock < 0)
		return unavailable(err, path, -errno);
	while (flock(f->lock, LOCK_EX | LOCK_NB) !=
	       0) { /* there is no event for it with a time limit */
		if (clock_mono_ms() > until)
			return error_set(err, ERR_UNAVAILABLE,
					 "%s: the broker of an earlier reeved still runs", path);
		(void)poll(NULL, 0, LOOK_EVERY_MS);
	}
	return 0;
}

static int give_to_child(struct broker_files *f)
{
	if (!f->user.drop)
		return 0;
	if (fchown(f->dir, f->user.uid, f->user.gid) != 0)
		return -errno;
	int r = fchownat(f->dir, CONF_KEPT, f->user.uid, f->user.gid, AT_SYMLINK_NOFOLLOW);
	return r == 0 || errno == ENOENT ? 0 : -errno;
}

static int open_dir(struct broker_files *f, const char *data_dir, struct error *err)
{
	CLEANUP(free_charp) char *path = NULL;
	if (asprintf(&path, "%s/mqtt", data_dir) < 0)
		abort();
	int r = dir_make(path, 0700);
	if (r == 0 && (f->dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		r = -errno;
	if (r == 0)
		r = give_to_child(f);
	return r ? unavailable(err, path, r) : 0;
}

bool broker_files_move_kept(const struct broker_files *f)
{
	if (renameat(f->dir, CONF_KEPT, f->dir, CONF_KEPT ".bad") != 0)
		return false;
	log_error("the broker cannot start with what it kept; it starts without",
		  F_STR("moved_to", "mqtt/" CONF_KEPT ".bad"));
	return true;
}

/* ---- the plugin ---- */

static int open_beside_us(void)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof PLUGIN - 1);
	if (n <= 0)
		return -1;
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "%s", PLUGIN);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int open_plugin(struct broker_files *f, struct error *err)
{
	f->plugin = open_beside_us(); /* the build folder */
	if (f->plugin < 0)
		f->plugin = open(REEVE_PLUGIN_DIR "/" PLUGIN, O_RDONLY | O_CLOEXEC);
	if (f->plugin < 0)
		return error_set(err, ERR_UNAVAILABLE, "%s is neither beside reeved nor in %s",
				 PLUGIN, REEVE_PLUGIN_DIR);
	return 0;
}

/* ---- files in memory ---- */

int broker_files_put(int fd, struct span content, struct error *err)
{
	bool ok =
		ftruncate(fd, 0) == 0 && pwrite(fd, content.p, content.n, 0) == (ssize_t)content.n;
	return ok ? 0 : unavailable(err, "a file in memory", errno ? -errno : -ENOSPC);
}

static int read_pem(const char *path, struct buf *out, struct error *err)
{
	buf_init(out, PEM_MAX);
	int r = file_read(path, out);
	return r ? error_set(err, ERR_INVALID, "%s: %s", path, strerror(-r)) : 0;
}

int broker_files_load_tls(struct broker_files *f, const char *cert, const char *key,
			  struct error *err)
{
	CLEANUP(buf_fini) struct buf cert_pem = { 0 };
	CLEANUP(buf_fini) struct buf key_pem = { 0 };
	int r = read_pem(cert, &cert_pem, err);
	if (r == 0)
		r = read_pem(key, &key_pem, err);
	if (r == 0)
		r = broker_files_put(f->cert, buf_span(&cert_pem), err);
	if (r == 0)
		r = broker_files_put(f->key, buf_span(&key_pem), err);
	if (key_pem.p)
		secret_erase(key_pem.p, key_pem.n);
	return r;
}

static int open_memory(int *ret_fd, const char *name, struct error *err)
{
	*ret_fd = memfd_create(name, MFD_CLOEXEC);
	/* the child's user may read it: nobody else can get at it */
	if (*ret_fd < 0 || fchmod(*ret_fd, 0444) != 0)
		return unavailable(err, "a file in memory", -errno);
	return 0;
}

/* ---- the port ---- */

static socklen_t address_of(const char *host, int port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof *v4;
	}
	if (inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
		return 0;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons((uint16_t)port);
	return sizeof *v6;
}

static int port_of(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET ? ((const struct sockaddr_in *)a)->sin_port
					     : ((const struct sockaddr_in6 *)a)->sin6_port);
}

static int bind_port(struct broker_files *f, const char *address, int port)
{
	struct sockaddr_storage a;
	socklen_t n = address_of(address, port, &a);
	int on = 1;
	f->port = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->port < 0 || setsockopt(f->port, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    (a.ss_family == AF_INET6 &&
	     setsockopt(f->port, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
	    bind(f->port, (struct sockaddr *)&a, n) != 0 ||
	    getsockname(f->port, (struct sockaddr *)&a, &n) != 0)
		return -errno;
	f->port_number = port_of(&a);
	return 0;
}

/* ---- all of it ---- */

static int open_all(struct broker_files *f, const char *data_dir, const char *address, int port,
		    struct error *err)
{
	int r = spawn_find_user(&f->user, err);
	if (r == 0)
		r = open_lock(f, data_dir, err);
	if (r == 0)
		r = open_dir(f, data_dir, err);
	if (r == 0)
		r = open_plugin(f, err);
	if (r == 0)
		r = open_memory(&f->conf, "mosquitto.conf", err);
	if (r == 0 && (r = bind_port(f, address, port)) != 0)
		r = error_set(err, ERR_UNAVAILABLE, "MQTT on %s port %d: %s", address, port,
			      strerror(-r));
	return r;
}

int broker_files_open(struct broker_files *f, const char *data_dir, const char *address, int port,
		      bool tls, struct error *err)
{
	*f = (struct broker_files){ -1, -1, -1, -1, -1, -1, -1, 0, { 0 } };
	int r = open_all(f, data_dir, address, port, err);
	if (r == 0 && tls)
		r = open_memory(&f->cert, "certificate", err);
	if (r == 0 && tls)
		r = open_memory(&f->key, "key", err);
	return r;
}

void broker_files_close(struct broker_files *f)
{
	int *const fds[] = { &f->port, &f->key, &f->cert, &f->conf, &f->plugin, &f->dir, &f->lock };
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}
