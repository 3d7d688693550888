/* SPDX-License-Identifier: Apache-2.0
 *
 * IPv4 by ioctl, see network.h: address, mask, interface up, loopback up, default route. The order is
 * maitred's.
 */
#include "vm/guest/network.h"
#include "base/span.h"
#include "vm/guest/sysctl.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BEGIN_MS      5000
#define BEGIN_STEP_MS 5

static bool is_mask(uint32_t netmask)
{
	uint32_t holes = ~ntohl(netmask);
	return (holes & (holes + 1)) == 0;
}

int network_check(const struct ipv4_config *c, struct error *err)
{
	if (c->address == 0)
		return error_set(err, ERR_INVALID, "the IPv4 address is missing");
	if (c->netmask == 0)
		return error_set(err, ERR_INVALID, "the IPv4 netmask is missing");
	if (c->gateway == 0)
		return error_set(err, ERR_INVALID, "the IPv4 gateway is missing");
	if (!is_mask(c->netmask))
		return error_set(err, ERR_INVALID, "the IPv4 netmask has holes");
	if ((c->address & c->netmask) != (c->gateway & c->netmask))
		return error_set(err, ERR_INVALID, "the gateway is not in the address's subnet");
	if (c->address == c->gateway)
		return error_set(err, ERR_INVALID, "the gateway is the address itself");
	return 0;
}

int network_parse(const char *text, struct ipv4_config *ret, struct error *err)
{
	char address[16], gateway[16], more;
	unsigned bits;
	struct in_addr a, g;
	if (sscanf(text, "%15[0-9.]/%2u,%15[0-9.]%c", address, &bits, gateway, &more) != 3 ||
	    inet_pton(AF_INET, address, &a) != 1 || inet_pton(AF_INET, gateway, &g) != 1 ||
	    bits == 0 || bits > 32)
		return error_set(err, ERR_INVALID, "“%s” is not of the form 10.0.2.15/24,10.0.2.2",
				 text);
	*ret = (struct ipv4_config){ a.s_addr, htonl(UINT32_MAX << (32 - bits)), g.s_addr };
	return network_check(ret, err);
}

/* Drivers find their devices soon after they are loaded, but not before that returns. */
static void await_interface(const char *interface)
{
	const struct timespec step = { .tv_nsec = BEGIN_STEP_MS * 1000000L };
	for (int ms = 0; ms < BEGIN_MS && if_nametoindex(interface) == 0; ms += BEGIN_STEP_MS)
		nanosleep(&step, NULL);
}

int network_begin(const char *interface, const char *text, struct error *err)
{
	struct ipv4_config c;
	int r = network_parse(text, &c, err);
	if (r)
		return r;
	await_interface(interface);
	return network_configure(interface, &c, err);
}

int network_forward(const char *interface, struct error *err)
{
	char accept_ra[64];
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "net/ipv4/ip_forward", "1" },
		{ accept_ra, "2" }, /* else who forwards listens to no router */
		{ "net/ipv6/conf/all/forwarding", "1" },
	};
	snprintf(accept_ra, sizeof accept_ra, "net/ipv6/conf/%.32s/accept_ra", interface);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int r = sysctl_set(rows[i].name, rows[i].value);
		if (r < 0 && r != -ENOENT)
			return error_set(err, ERR_INTERNAL, "%s: %s", rows[i].name, strerror(-r));
	}
	return 0;
}

static struct ifreq request_for(const char *interface, uint32_t address)
{
	struct ifreq r = { .ifr_addr.sa_family = AF_INET };
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = address };
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", interface);
	memcpy(&r.ifr_addr, &sa, sizeof sa);
	return r;
}

static int fail(struct error *err, const char *step, const char *interface)
{
	return error_set(err, ERR_INTERNAL, "%s %s: %s", step, interface, strerror(errno));
}

static bool has_address(int fd, unsigned long get, const char *interface, uint32_t wanted)
{
	struct ifreq r = request_for(interface, 0);
	struct sockaddr_in sa;
	if (ioctl(fd, get, &r) < 0)
		return false;
	memcpy(&sa, &r.ifr_addr, sizeof sa);
	return sa.sin_addr.s_addr == wanted;
}

/* Setting an address drops the routes, also when it is the same one: only when it is another. */
static int set_address(int fd, const char *interface, const struct ipv4_config *c,
		       struct error *err)
{
	struct ifreq address = request_for(interface, c->address);
	struct ifreq mask = request_for(interface, c->netmask);
	if (has_address(fd, SIOCGIFADDR, interface, c->address) &&
	    has_address(fd, SIOCGIFNETMASK, interface, c->netmask))
		return 0;
	if (ioctl(fd, SIOCSIFADDR, &address) < 0)
		return fail(err, "setting the address of", interface);
	if (ioctl(fd, SIOCSIFNETMASK, &mask) < 0)
		return fail(err, "setting the netmask of", interface);
	return 0;
}

static int set_up(int fd, const char *interface, struct error *err)
{
	struct ifreq r = request_for(interface, 0);
	if (ioctl(fd, SIOCGIFFLAGS, &r) < 0)
		return fail(err, "reading the flags of", interface);
	r.ifr_flags = (short)(r.ifr_flags | IFF_UP | IFF_RUNNING);
	if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
		return fail(err, "bringing up", interface);
	return 0;
}

static struct rtentry default_route(uint32_t gateway)
{
	struct rtentry r = { .rt_flags = RTF_UP | RTF_GATEWAY };
	struct sockaddr_in any = { .sin_family = AF_INET }, via = any;
	via.sin_addr.s_addr = gateway;
	memcpy(&r.rt_dst, &any, sizeof any);
	memcpy(&r.rt_genmask, &any, sizeof any);
	memcpy(&r.rt_gateway, &via, sizeof via);
	return r;
}

/* Default routes through another gateway of this interface go, as the new one would be in vain beside them. */
static void drop_other_routes(int fd, const char *interface, uint32_t gateway)
{
	char line[256], name[IFNAMSIZ];
	unsigned destination, via;
	FILE *f = fopen("/proc/net/route", "re");
	while (f && fgets(line, sizeof line, f)) {
		if (sscanf(line, "%15s %x %x", name, &destination, &via) != 3 ||
		    strcmp(name, interface) != 0 || destination != 0 || via == gateway)
			continue;
		struct rtentry other = default_route(via);
		(void)!ioctl(fd, SIOCDELRT, &other);
	}
	if (f)
		fclose(f);
}

static int set_route(int fd, const char *interface, uint32_t gateway, struct error *err)
{
	struct rtentry route = default_route(gateway);
	drop_other_routes(fd, interface, gateway);
	if (ioctl(fd, SIOCADDRT, &route) < 0 && errno != EEXIST)
		return fail(err, "the default route of", interface);
	return 0;
}

int network_configure(const char *interface, const struct ipv4_config *c, struct error *err)
{
	CLEANUP(close_fdp) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(err, "a socket for", interface);
	int r = set_address(fd, interface, c, err);
	if (r == 0)
		r = set_up(fd, interface, err);
	if (r == 0)
		r = set_up(fd, "lo", err);
	if (r == 0)
		r = set_route(fd, interface, c->gateway, err);
	return r;
}
