/* SPDX-License-Identifier: Apache-2.0
 *
 * Network interfaces by sysfs, without the loopback; their addresses by getifaddrs(), which knows only
 * this machine's and so is not asked below another root.
 */
#include "agent/inventory/sections.h"
#include "agent/providers/place.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define FOLDER "/sys/class/net"

static json_t *describe(struct provider_env *env, const char *name)
{
	static const struct {
		const char *key, *attribute;
	} texts[] = { { "mac", "address" }, { "state", "operstate" } };
	static const struct {
		const char *key, *attribute;
	} numbers[] = { { "mtu", "mtu" }, { "speed_mbit", "speed" } };
	char path[400];
	json_t *ret = json_object();
	section_text(ret, "name", name);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		snprintf(path, sizeof path, FOLDER "/%s/%s", name, texts[i].attribute);
		section_file(ret, texts[i].key, env, path);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		snprintf(path, sizeof path, FOLDER "/%s/%s", name, numbers[i].attribute);
		int64_t v = section_number(env, path);
		if (v >= 0)
			json_object_set_new(ret, numbers[i].key, json_integer(v));
	}
	snprintf(path, sizeof path, FOLDER "/%s/wireless", name);
	json_object_set_new(ret, "wireless", json_boolean(place_exists(env->root, path)));
	json_object_set_new(ret, "addresses", json_array());
	return ret;
}

static json_t *find(const json_t *list, const char *name)
{
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item)
		if (strcmp(json_string_value(json_object_get(item, "name")), name) == 0)
			return item;
	return NULL;
}

static int prefix_length(const void *mask, size_t n)
{
	int ret = 0;
	for (size_t i = 0; i < n; i++)
		ret += __builtin_popcount(((const uint8_t *)mask)[i]);
	return ret;
}

/* "192.0.2.7/24" */
static json_t *address_text(const struct ifaddrs *a)
{
	char text[INET6_ADDRSTRLEN];
	const void *address, *mask;
	size_t n;
	if (!a->ifa_addr || !a->ifa_netmask)
		return NULL;
	if (a->ifa_addr->sa_family == AF_INET) {
		address = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
		mask = &((const struct sockaddr_in *)(const void *)a->ifa_netmask)->sin_addr;
		n = sizeof(struct in_addr);
	} else if (a->ifa_addr->sa_family == AF_INET6) {
		address = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
		mask = &((const struct sockaddr_in6 *)(const void *)a->ifa_netmask)->sin6_addr;
		n = sizeof(struct in6_addr);
	} else {
		return NULL;
	}
	if (!inet_ntop(a->ifa_addr->sa_family, address, text, sizeof text))
		return NULL;
	return json_sprintf("%s/%d", text, prefix_length(mask, n));
}

static void add_addresses(json_t *list)
{
	struct ifaddrs *all;
	if (getifaddrs(&all) < 0)
		return;
	for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
		json_t *item = find(list, a->ifa_name);
		json_t *text = item ? address_text(a) : NULL;
		if (text)
			json_array_append_new(json_object_get(item, "addresses"), text);
	}
	freeifaddrs(all);
}

json_t *inventory_network(struct provider_env *env)
{
	AUTO_JSON names = NULL;
	json_t *ret = json_array(), *item;
	size_t i;
	if (place_list(env->root, FOLDER, &names) < 0) {
		json_decref(ret);
		return NULL;
	}
	json_array_foreach (names, i, item)
		if (strcmp(json_string_value(item), "lo") != 0 &&
		    json_array_size(ret) < SECTION_ITEMS_MAX)
			json_array_append_new(ret, describe(env, json_string_value(item)));
	if (!*env->root)
		add_addresses(ret);
	return ret;
}
