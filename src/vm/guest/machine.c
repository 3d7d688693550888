/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings of the machine, see machine.h. Paths are maitred's: programs of such guests look there.
 */
#include "vm/guest/machine.h"
#include "base/buf.h"
#include "base/file.h"
#include "vm/guest/sysctl.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define RESOLV_CONF     "/run/resolv.conf"
#define RESOLV_MAX      4096
#define ZONEINFO        "/usr/share/zoneinfo/"
#define LOCALTIME       "/etc/localtime"
#define CONTAINER_TOKEN "/dev/.container_token"
#define STATEFUL        "/mnt/stateful"
#define PATH_SIZE       512

static int fail(struct error *err, const char *what, int r)
{
	return error_set(err, ERR_INTERNAL, "%s: %s", what, strerror(-r));
}

/* ---- names ---- */

static const char *const standard_servers[] = { "8.8.8.8", "8.8.4.4", "2001:4860:4860::8888",
						"2001:4860:4860::8844" };

static bool is_address(const char *text)
{
	uint8_t ignored[sizeof(struct in6_addr)];
	return inet_pton(AF_INET, text, ignored) == 1 || inet_pton(AF_INET6, text, ignored) == 1;
}

/* Letters, digits, dots, hyphens: nothing that could begin another line or word. */
static bool is_domain(const char *text)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	size_t n = strspn(text, allowed);
	return n > 0 && text[n] == '\0';
}

static int add_servers(const struct resolv_config *c, struct buf *out, struct error *err)
{
	for (size_t i = 0; i < c->n_nameservers; i++) {
		if (!is_address(c->nameservers[i]))
			return error_set(err, ERR_INVALID, "“%s” is no address of a name server",
					 c->nameservers[i]);
		buf_addf(out, "nameserver %s\n", c->nameservers[i]);
	}
	for (size_t i = 0; c->n_nameservers == 0 && i < ARRAY_SIZE(standard_servers); i++)
		buf_addf(out, "nameserver %s\n", standard_servers[i]);
	return 0;
}

int resolv_text(const struct resolv_config *c, struct buf *out, struct error *err)
{
	int r = add_servers(c, out, err);
	if (r)
		return r;
	for (size_t i = 0; i < c->n_search; i++) {
		if (!is_domain(c->search[i]))
			return error_set(err, ERR_INVALID, "“%s” is no domain", c->search[i]);
		buf_addf(out, "%s%s", i ? " " : "search ", c->search[i]);
	}
	buf_addf(out, "%soptions single-request timeout:1 attempts:5\n", c->n_search ? "\n" : "");
	return out->failed ? error_set(err, ERR_INVALID, "too many name servers or domains") : 0;
}

int machine_set_resolv(const struct resolv_config *c, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, RESOLV_MAX);
	int r = resolv_text(c, &text, err);
	if (r)
		return r;
	r = file_write_atomic(RESOLV_CONF, buf_span(&text), 0644);
	return r < 0 ? fail(err, "writing " RESOLV_CONF, r) : 0;
}

/* ---- time zone ---- */

static int link_timezone(const char *path, struct error *err)
{
	(void)!unlink(LOCALTIME ".new");
	if (symlink(path, LOCALTIME ".new") < 0 || rename(LOCALTIME ".new", LOCALTIME) < 0)
		return fail(err, "linking " LOCALTIME, -errno);
	return 0;
}

/* For a root that is read-only. */
static int bind_timezone(const char *path, struct error *err)
{
	(void)!umount2(LOCALTIME, 0); /* of the time before; none is fine */
	if (mount(path, LOCALTIME, "", MS_BIND, NULL) < 0)
		return fail(err, "mounting over " LOCALTIME, -errno);
	return 0;
}

static int set_timezone(const char *path, bool bind_mount, struct error *err)
{
	static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER; /* ".new" is one name */
	pthread_mutex_lock(&one_at_a_time);
	int r = bind_mount ? bind_timezone(path, err) : link_timezone(path, err);
	pthread_mutex_unlock(&one_at_a_time);
	return r;
}

int machine_set_timezone(const char *name, bool bind_mount, struct error *err)
{
	char path[PATH_SIZE];
	if (name[0] == '\0')
		return error_set(err, ERR_INTERNAL, "the name of the time zone is missing");
	int n = snprintf(path, sizeof path, ZONEINFO "%s", name);
	if (n < 0 || (size_t)n >= sizeof path || strstr(name, "..") || access(path, F_OK) < 0)
		return error_set(err, ERR_INTERNAL, "there is no time zone “%s”", name);
	return set_timezone(path, bind_mount, err);
}

/* ---- this and that ---- */

int machine_set_container_token(const char *token, struct error *err)
{
	int r = file_write_atomic(CONTAINER_TOKEN, span_str(token), 0644);
	return r < 0 ? fail(err, "writing " CONTAINER_TOKEN, r) : 0;
}

int machine_open_stateful(void)
{
	int fd = open(STATEFUL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int machine_available_space(uint64_t *ret_bytes, struct error *err)
{
	CLEANUP(close_fdp) int fd = machine_open_stateful();
	struct statvfs s;
	if (fd < 0 || fstatvfs(fd, &s) < 0)
		return fail(err, "asking for the space of " STATEFUL, -errno);
	*ret_bytes = (uint64_t)s.f_bavail * s.f_frsize;
	return 0;
}

static void hang_up(const char *pid, const char *name)
{
	char path[64], comm[32] = "";
	snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
	FILE *f = fopen(path, "re");
	if (f && fgets(comm, sizeof comm, f) && strcspn(comm, "\n") == strlen(name) &&
	    strncmp(comm, name, strlen(name)) == 0)
		(void)!kill((pid_t)strtol(pid, NULL, 10), SIGHUP);
	if (f)
		fclose(f);
}

static void hang_up_all(const char *name)
{
	DIR *d = opendir("/proc");
	for (struct dirent *e; d && (e = readdir(d));)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9')
			hang_up(e->d_name, name);
	if (d)
		closedir(d);
}

int machine_network_changed(const char *interface, struct error *err)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "net/ipv6/conf/%.32s/disable_ipv6", interface);
	int r = sysctl_set(path, "1");
	if (r == 0)
		r = sysctl_set(path, "0");
	hang_up_all("dnsmasq");
	return r < 0 ? fail(err, "switching IPv6 off and on", r) : 0;
}

/* ---- 9P ---- */

static int connect_host(uint32_t port)
{
	const struct sockaddr_vm at = { .svm_family = AF_VSOCK,
					.svm_cid = VMADDR_CID_HOST,
					.svm_port = port };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&at, sizeof at) < 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	return fd < 0 ? -errno : fd;
}

int machine_mount_9p(uint32_t port, const char *target, struct error *err)
{
	char options[160], what[64];
	snprintf(what, sizeof what, "connecting to the host's port %u", port);
	int r = dir_make(target, 0755);
	if (r < 0)
		return fail(err, "making the folder", r);
	CLEANUP(close_fdp) int fd = connect_host(port);
	if (fd < 0)
		return fail(err, what, fd);
	snprintf(options, sizeof options,
		 "trans=fd,rfdno=%d,wfdno=%d,cache=none,access=any,version=9p2000.L", fd, fd);
	if (mount("9p", target, "9p", MS_NOSUID | MS_NODEV, options) < 0)
		return fail(err, "mounting 9P", -errno);
	return 0;
}
