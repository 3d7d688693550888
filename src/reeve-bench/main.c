/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-bench: loads a server with simulated devices and says how fast it was. One kind of load a
 * run; the devices that it needs are made first, or taken from --devices-file.
 * Exit codes: 0 ok, 1 failure (an answer that was wrong, too), 2 usage.
 */
#include "reeve-bench/load.h"

#include "base/options.h"
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define DEVICES_MAX     10000000
#define CONNECTIONS_MAX 100000

static struct arguments {
	const char *server, *enrollment_token, *devices_file;
	int64_t n_devices, n_connections, n_requests, duration_ms;
	bool json, help, version;
} args = { .server = "127.0.0.1:8081",
	   .enrollment_token = "",
	   .n_devices = 1000,
	   .n_connections = 64,
	   .duration_ms = 10000 };

static const struct option options[] = {
	{ 0, "server", OPTION_STR, "ADDR:PORT", "The server (127.0.0.1:8081)", &args.server, NULL },
	{ 0, "enrollment-token", OPTION_STR, "TOKEN", "For the kinds that enroll",
	  &args.enrollment_token, NULL },
	{ 0, "devices", OPTION_INT, "N", "Simulated devices (1000)", &args.n_devices, NULL },
	{ 0, "devices-file", OPTION_STR, "FILE", "Keeps them between runs; made when missing",
	  &args.devices_file, NULL },
	{ 'c', "connections", OPTION_INT, "N", "Requests under way at once (64)",
	  &args.n_connections, NULL },
	{ 'n', "requests", OPTION_INT, "N", "Ends after so many; kinds that enroll: one a device",
	  &args.n_requests, NULL },
	{ 0, "time", OPTION_DURATION, "TIME", "Ends after this time (10s)", &args.duration_ms,
	  NULL },
	{ 0, "json", OPTION_FLAG, NULL, "The result as one JSON object", &args.json, NULL },
	{ 0, "help", OPTION_FLAG, NULL, "This text", &args.help, NULL },
	{ 0, "version", OPTION_FLAG, NULL, "The version", &args.version, NULL },
	{ 0 },
};

static int complain(const struct error *err, int code)
{
	fprintf(stderr, "reeve-bench: %s\n", err->message);
	return code;
}

static void print_help(void)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 1 << 16);
	buf_add_str(&text, "usage: reeve-bench [OPTIONS] KIND\n\nKinds:\n");
	for (size_t i = 0; load_kind_at(i); i++)
		buf_addf(&text, "  %-24s %s\n", load_kind_at(i)->name, load_kind_at(i)->doc);
	buf_add_str(&text, "\nOptions:\n");
	options_help(options, &text);
	fputs(buf_str(&text), stdout);
}

static int parse_address(const char *text, struct sockaddr_in *ret, struct error *err)
{
	char host[64] = "";
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;
	char *end = NULL;
	unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
	*ret = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (n > 0 && n < sizeof host)
		memcpy(host, text, n);
	if (port == 0 || port > 65535 || *end || inet_pton(AF_INET, host, &ret->sin_addr) != 1)
		return error_set(err, ERR_INVALID, "--server: \"%.80s\" is not ADDRESS:PORT.",
				 text);
	return 0;
}

static int check(struct error *err)
{
	if (args.n_devices < 1 || args.n_devices > DEVICES_MAX)
		return error_set(err, ERR_INVALID, "--devices: from 1 to %d.", DEVICES_MAX);
	if (args.n_connections < 1 || args.n_connections > CONNECTIONS_MAX)
		return error_set(err, ERR_INVALID, "--connections: from 1 to %d.", CONNECTIONS_MAX);
	if (args.n_requests < 0)
		return error_set(err, ERR_INVALID, "--requests: less than 0.");
	return 0;
}

static void print_result(const struct load_kind *kind, const struct load_result *r)
{
	double rate = r->seconds > 0 ? (double)r->n_ok / r->seconds : 0;
	double p50 = load_quantile_ms(r, 0.5), p99 = load_quantile_ms(r, 0.99);
	double max = load_quantile_ms(r, 1);
	long long ok = r->n_ok, errors = r->n_errors;
	if (args.json)
		printf("{\"kind\":\"%s\",\"ok\":%lld,\"errors\":%lld,\"seconds\":%.3f,"
		       "\"rate\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}\n",
		       kind->name, ok, errors, r->seconds, rate, p50, p99, max);
	else
		printf("%s: %lld ok, %lld errors in %.3f s: %.1f a second; half within %.3f ms, "
		       "99 %% within %.3f ms, all within %.3f ms\n",
		       kind->name, ok, errors, r->seconds, rate, p50, p99, max);
}

/* Every device once. */
static int make_devices(struct load_options o, const struct load_kind *kind, struct error *err)
{
	struct load_result result;
	o.kind = kind;
	o.n_requests = (int64_t)o.pool->n;
	o.duration_ms = 0;
	int r = load_run(&o, &result, err);
	if (r == 0 && result.n_errors > 0)
		r = error_set(err, ERR_UNAVAILABLE, "%s: %lld of %zu failed, first: %s", kind->name,
			      (long long)result.n_errors, o.pool->n, result.first_error);
	load_result_fini(&result);
	return r;
}

static int prepare(const struct load_options *o, const char *maker, struct error *err)
{
	int r = args.devices_file ? pool_load(o->pool, args.devices_file, o->pool->n, err)
				  : ERR_NOT_FOUND;
	if (r == ERR_NOT_FOUND) {
		r = make_devices(*o, load_kind_find(maker), err);
		if (r == 0 && args.devices_file)
			r = pool_save(o->pool, args.devices_file, err);
	}
	if (r == 0 && o->pool->n == 0)
		r = error_set(err, ERR_INVALID, "%s: there is no device in it.", args.devices_file);
	return r;
}

static int measure(const struct load_options *o, struct error *err)
{
	struct load_result result;
	int r = load_run(o, &result, err);
	if (r == 0) {
		print_result(o->kind, &result);
		if (result.n_errors > 0)
			r = error_set(err, ERR_UNAVAILABLE, "the first error: %s",
				      result.first_error);
	}
	load_result_fini(&result);
	return r;
}

static int run(const struct load_kind *kind, struct error *err)
{
	struct pool pool;
	struct load_options o = { .target = { .host = args.server,
					      .enrollment_token = args.enrollment_token },
				  .kind = kind,
				  .pool = &pool,
				  .n_connections = (size_t)args.n_connections,
				  .n_requests = args.n_requests,
				  .duration_ms = args.n_requests ? 0 : args.duration_ms };
	int r = parse_address(args.server, &o.address, err);
	if (r)
		return r;
	pool_init(&pool, (size_t)args.n_devices);
	if (kind->needs) {
		r = prepare(&o, kind->needs, err);
	} else {
		o.n_requests = args.n_requests ? args.n_requests : args.n_devices;
		o.duration_ms = 0;
	}
	if (r == 0)
		r = measure(&o, err);
	if (r == 0 && !kind->needs && args.devices_file)
		r = pool_save(&pool, args.devices_file, err);
	pool_fini(&pool);
	return r;
}

static void raise_limit(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* every connection is a descriptor */
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

int main(int argc, char **argv)
{
	struct error err = { 0 };
	int n_args = 0;
	int r = options_parse(options, argc, argv, &n_args, &err);
	if (r == 0 && (args.help || args.version)) {
		if (args.help)
			print_help();
		else
			puts("reeve-bench " REEVE_VERSION);
		return EXIT_OK;
	}
	const struct load_kind *kind = n_args == 1 ? load_kind_find(argv[1]) : NULL;
	if (r == 0)
		r = check(&err);
	if (r == 0 && !kind)
		r = error_set(&err, ERR_INVALID, "one kind of load is needed; see --help.");
	if (r)
		return complain(&err, EXIT_USAGE);
	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	r = run(kind, &err);
	if (r < 0)
		(void)error_set(&err, ERR_INTERNAL, "%s", strerror(-r));
	return r ? complain(&err, err.code == ERR_INVALID ? EXIT_USAGE : EXIT_FAILED) : EXIT_OK;
}
