/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/router.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct http_route first_table[] = {
	{ .method = "GET", .pattern = "/", .name = "root" },
	{ .method = "GET", .pattern = "/devices", .name = "list", .cors = true },
	{ .method = "POST", .pattern = "/devices", .name = "create" },
	{ .method = "GET", .pattern = "/devices/{id}", .name = "show" },
	{ .method = "DELETE", .pattern = "/devices/{device}", .name = "delete" },
	{ .method = "GET", .pattern = "/devices/count", .name = "count" },
	{ .method = "GET", .pattern = "/devices/{id}/policy", .name = "policy" },
	{ .method = "PUT", .pattern = "/devices/{id}/settings/{name}", .name = "set" },
	{ .method = "GET", .pattern = "/devices/count/deep", .name = "deep" },
	{ 0 },
};

static const struct http_route second_table[] = {
	{ .method = "GET", .pattern = "/console/{rest*}", .name = "console" },
	{ .method = "GET", .pattern = "/console/api", .name = "console-api" },
	{ .method = "HEAD", .pattern = "/headed", .name = "head" },
	{ .method = "GET", .pattern = "/headed", .name = "get" },
	{ .method = "GET", .pattern = "/x/{a}/{b}/{rest*}", .name = "many" },
	{ 0 },
};

static const struct http_route *const tables[] = { first_table, second_table, NULL };

static void test_match(void **state)
{
	static const struct {
		const char *method, *path, *name, *params; /* name "": 405, NULL: 404 */
	} cases[] = {
		{ "GET", "/", "root", "" },
		{ "GET", "/devices", "list", "" },
		{ "HEAD", "/devices", "list", "" },
		{ "POST", "/devices", "create", "" },
		{ "PUT", "/devices", "", "" },
		{ "get", "/devices", "", "" },
		{ "BREW", "/devices", "", "" },
		{ "GET", "/devices/", NULL, "" },
		{ "GET", "//devices", NULL, "" },
		{ "GET", "/Devices", NULL, "" },
		{ "GET", "/devices/7", "show", "7" },
		{ "GET", "/devices/..", "show", ".." },
		{ "GET", "/devices/a%2Fb", "show", "a/b" },
		{ "GET", "/%64evices/7", "show", "7" },
		{ "DELETE", "/devices/7", "delete", "7" },
		{ "GET", "/devices/count", "count", "" },
		{ "DELETE", "/devices/count", "delete", "count" }, /* only the parameter has it */
		{ "GET", "/devices/count/policy", "policy", "count" }, /* back from the literal */
		{ "GET", "/devices/count/deep", "deep", "" },
		{ "GET", "/devices//policy", NULL, "" },
		{ "PUT", "/devices/7/settings/camera.disabled", "set", "7|camera.disabled" },
		{ "GET", "/devices/7/settings/x", "", "" },
		{ "GET", "/devices/7/settings", NULL, "" },
		{ "GET", "/console/a/b.js", "console", "a/b.js" },
		{ "GET", "/console/", "console", "" },
		{ "GET", "/console", NULL, "" },
		{ "GET", "/console/api", "console-api", "" },
		{ "GET", "/console/api/x", "console", "api/x" },
		{ "GET", "/console/../%2e%2e/etc", "console", "../../etc" },
		{ "HEAD", "/headed", "head", "" },
		{ "GET", "/headed", "get", "" },
		{ "GET", "/x/1/2/3/4", "many", "1|2|3/4" },
		{ "GET", "/x/1/2/", "many", "1|2|" },
		{ "GET", "/x/1/2", NULL, "" },
		{ "GET", "/nothing", NULL, "" },
	};
	struct router *r = router_new(tables);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct uri_path path;
		struct route_match m;
		struct error err;
		char text[128], params[128] = "";
		size_t n = 0;
		snprintf(text, sizeof text, "%s", cases[i].path);
		assert_int_equal(uri_split_path(text, &path, &err), 0);
		bool found = router_match(r, method_id(cases[i].method), &path, &m);
		assert_int_equal(found, cases[i].name != NULL);
		if (!m.route) {
			assert_true(!cases[i].name || !*cases[i].name);
			assert_int_equal(m.methods != 0, found);
			continue;
		}
		assert_string_equal(m.route->name, cases[i].name);
		for (size_t k = 0; k < m.n_params; k++)
			n += (size_t)snprintf(params + n, sizeof params - n, "%s%s", k ? "|" : "",
					      path.text + m.params[k].at);
		assert_string_equal(params, cases[i].params);
	}
	router_free(r);
}

static void test_methods(void **state)
{
	struct router *r = router_new(tables);
	struct uri_path path;
	struct route_match m;
	struct error err;
	char a[] = "/devices", b[] = "/devices/count";
	assert_int_equal(uri_split_path(a, &path, &err), 0);
	assert_true(router_match(r, METHOD_OPTIONS, &path, &m));
	assert_null(m.route);
	assert_int_equal(m.methods, 1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_POST);
	assert_int_equal(m.cors_methods, 1u << METHOD_GET | 1u << METHOD_HEAD);
	assert_int_equal(uri_split_path(b, &path, &err), 0);
	assert_true(router_match(r, METHOD_N, &path, &m));
	assert_int_equal(m.methods, 1u << METHOD_GET | 1u << METHOD_HEAD | 1u << METHOD_DELETE);
	router_free(r);
}

static void test_param_names(void **state)
{
	const struct http_route *set = &first_table[7], *many = &second_table[4];
	assert_int_equal(route_param_index(set, "id"), 0);
	assert_int_equal(route_param_index(set, "name"), 1);
	assert_int_equal(route_param_index(set, "nam"), -1);
	assert_int_equal(route_param_index(set, "settings"), -1);
	assert_int_equal(route_param_index(many, "rest"), 2);
	assert_int_equal(route_param_index(&first_table[0], "id"), -1);
}

/* Tables with a mistake stop the program when they are compiled. */
static void test_mistakes(void **state)
{
	static const struct http_route bad[][3] = {
		{ { .method = "GET", .pattern = "/a" }, { .method = "GET", .pattern = "/a" } },
		{ { .method = "GET", .pattern = "/{a}" }, { .method = "GET", .pattern = "/{b}" } },
		{ { .method = "GET", .pattern = "/{a*}" },
		  { .method = "GET", .pattern = "/{b*}" } },
		{ { .method = "GET", .pattern = "/{a*}/b" } },
		{ { .method = "GET", .pattern = "a" } },
		{ { .method = "GET", .pattern = "" } },
		{ { .method = "OPTIONS", .pattern = "/a" } },
		{ { .method = "BREW", .pattern = "/a" } },
		{ { .method = "GET", .pattern = "/{a" } },
		{ { .method = "GET", .pattern = "/{}" } },
		{ { .method = "GET", .pattern = "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}" } },
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct http_route *const list[] = { bad[i], NULL };
		int status;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			signal(SIGABRT, SIG_DFL); /* cmocka catches it */
			close(STDERR_FILENO);
			router_free(router_new(list));
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_param_names),
		cmocka_unit_test(test_mistakes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
