/* SPDX-License-Identifier: Apache-2.0
 *
 * Output: one list and one thing in every format, golden; pages; hostile values; a full disk.
 */
#include "base/file.h"
#include "reeve/device-page.h"
#include "reeve/output.h"
#include "reeve/text.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h> /* needs the four above */

#define NOW_MS 1795615566000 /* 2026-11-25T14:06:06Z */

static const struct column columns[] = {
	{ "ID", "id", NULL, COLUMN_NUMBER },
	{ "NAME", "name", NULL, COLUMN_TEXT },
	{ "VERDICT", "verdict", cell_verdict, COLUMN_TEXT },
	{ "SEEN", "last_seen", cell_seen, COLUMN_TEXT },
	{ .title = NULL },
};
static const struct view view = { "devices", columns };

static const char devices[] =
	"[{\"id\":1,\"name\":\"laptop\",\"verdict\":\"COMPLIANT\",\"last_seen\":\"2026-11-25T14:03:06.000Z\",\"tags\":[1,\"x\"]},"
	"{\"id\":20,\"name\":\"evil\\u001b[2J\\u202e\\n\",\"verdict\":\"STALE\",\"last_seen\":null,\"tags\":[]},"
	"{\"id\":3,\"name\":\"=cmd()\",\"verdict\":\"UNKNOWN\",\"last_seen\":null,\"tags\":null}]";

static json_t *load(const char *text)
{
	json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
	assert_non_null(j);
	return j;
}

/* What print() wrote in the format; pages of 'page' items. */
static char *list_as(enum format format, const char *items, size_t page)
{
	struct output o;
	AUTO_JSON all = load(items);
	CLEANUP(close_fdp) int fd = memfd_create("out", MFD_CLOEXEC);
	struct buf text;
	char path[40];
	output_init(&o, format, fd);
	o.now_ms = NOW_MS;
	assert_int_equal(output_list_begin(&o, &view), 0);
	for (size_t i = 0; i < json_array_size(all); i += page) {
		AUTO_JSON part = json_array();
		for (size_t k = i; k < i + page && k < json_array_size(all); k++)
			json_array_append(part, json_array_get(all, k));
		assert_int_equal(output_list_items(&o, part), 0);
	}
	assert_int_equal(output_list_end(&o), 0);
	output_fini(&o);
	buf_init(&text, 1 << 20);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	assert_int_equal(file_read(path, &text), 0);
	return buf_take(&text);
}

static const struct {
	enum format format;
	const char *wanted;
} lists[] = {
	{ FORMAT_TABLE, "ID  NAME        VERDICT    SEEN\n"
			" 1  laptop      COMPLIANT  3m ago\n"
			"20  evil�[2J�   STALE      never\n"
			" 3  =cmd()      UNKNOWN    never\n" },
	{ FORMAT_JSON,
	  "[\n  {\n    \"id\": 1,\n    \"name\": \"laptop\",\n    \"verdict\": \"COMPLIANT\",\n"
	  "    \"last_seen\": \"2026-11-25T14:03:06.000Z\",\n    \"tags\": [\n      1,\n      \"x\"\n    ]\n  },\n"
	  "  {\n    \"id\": 20,\n    \"name\": \"evil\\u001B[2J\\u202E\\n\",\n    \"verdict\": \"STALE\",\n"
	  "    \"last_seen\": null,\n    \"tags\": []\n  },\n"
	  "  {\n    \"id\": 3,\n    \"name\": \"=cmd()\",\n    \"verdict\": \"UNKNOWN\",\n"
	  "    \"last_seen\": null,\n    \"tags\": null\n  }\n]\n" },
	{ FORMAT_YAML,
	  "- id: 1\n  name: laptop\n  verdict: COMPLIANT\n"
	  "  last_seen: '2026-11-25T14:03:06.000Z'\n  tags:\n  - 1\n  - x\n"
	  "- id: 20\n  name: \"evil\\e[2J\u202e\\n\"\n  verdict: STALE\n"
	  "  last_seen: null\n  tags: []\n"
	  "- id: 3\n  name: =cmd()\n  verdict: UNKNOWN\n  last_seen: null\n  tags: null\n" },
	{ FORMAT_CSV, "id,name,verdict,last_seen,tags\r\n"
		      "1,laptop,COMPLIANT,2026-11-25T14:03:06.000Z,\"[1,\"\"x\"\"]\"\r\n"
		      "20,\"evil\x1b[2J\u202e\n\",STALE,,[]\r\n"
		      "3,'=cmd(),UNKNOWN,,\r\n" },
};

static void test_lists(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t page = 1; page <= 4; page++) {
			CLEANUP(free_charp) char *got = list_as(lists[i].format, devices, page);
			assert_string_equal(got, lists[i].wanted);
		}
}

static void test_empty_lists(void **state)
{
	static const char *const wanted[] = { [FORMAT_TABLE] = "",
					      [FORMAT_JSON] = "[]\n",
					      [FORMAT_YAML] = "[]\n",
					      [FORMAT_CSV] = "" };
	for (int f = FORMAT_TABLE; f <= FORMAT_CSV; f++) {
		CLEANUP(free_charp) char *got = list_as((enum format)f, "[]", 1);
		assert_string_equal(got, wanted[f]);
	}
}

static void test_json_means_the_same(void **state)
{
	CLEANUP(free_charp) char *got = list_as(FORMAT_JSON, devices, 2);
	AUTO_JSON back = load(got);
	AUTO_JSON before = load(devices);
	assert_true(json_equal(back, before));
}

static char *thing_as(enum format format, const char *text, const struct view *v)
{
	struct output o;
	AUTO_JSON thing = load(text);
	CLEANUP(close_fdp) int fd = memfd_create("out", MFD_CLOEXEC);
	struct buf out;
	char path[40];
	output_init(&o, format, fd);
	o.now_ms = NOW_MS;
	assert_int_equal(output_object(&o, v, thing), 0);
	output_fini(&o);
	buf_init(&out, 1 << 20);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	assert_int_equal(file_read(path, &out), 0);
	return buf_take(&out);
}

static void test_things(void **state)
{
	const char one[] = "{\"id\":5,\"name\":\"a b\",\"verdict\":\"STALE\",\"last_seen\":null}";
	CLEANUP(free_charp) char *table = thing_as(FORMAT_TABLE, one, &view);
	CLEANUP(free_charp) char *json = thing_as(FORMAT_JSON, one, &view);
	CLEANUP(free_charp) char *yaml = thing_as(FORMAT_YAML, one, &view);
	CLEANUP(free_charp) char *csv = thing_as(FORMAT_CSV, one, &view);
	assert_string_equal(table, "ID       5\nNAME     a b\nVERDICT  STALE\nSEEN     never\n");
	assert_string_equal(json,
			    "{\n  \"id\": 5,\n  \"name\": \"a b\",\n  \"verdict\": \"STALE\",\n"
			    "  \"last_seen\": null\n}\n");
	assert_string_equal(yaml, "id: 5\nname: a b\nverdict: STALE\nlast_seen: null\n");
	assert_string_equal(csv, "id,name,verdict,last_seen\r\n5,a b,STALE,\r\n");
}

static void test_done(void **state)
{
	struct output o;
	char text[200] = "";
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	output_init(&o, FORMAT_TABLE, fds[1]);
	assert_int_equal(output_done(&o, NULL, "Deleted %s.", "x\x1b[2J"), 0);
	o.format = FORMAT_JSON;
	assert_int_equal(output_done(&o, NULL, "Deleted."), 0);
	output_fini(&o);
	assert_true(read(fds[0], text, sizeof text - 1) > 0);
	assert_string_equal(text, "Deleted x�[2J.\n{}\n");
	close(fds[0]);
	close(fds[1]);
}

static void test_full_disk(void **state)
{
	struct output o;
	CLEANUP(close_fdp) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	output_init(&o, FORMAT_JSON, fd);
	assert_int_equal(output_done(&o, NULL, "x"), -ENOSPC);
	output_fini(&o);
}

static void test_formats(void **state)
{
	enum format f;
	struct error err;
	assert_int_equal(format_parse("csv", &f, &err), 0);
	assert_int_equal(f, FORMAT_CSV);
	assert_int_equal(format_parse("xml", &f, &err), ERR_INVALID);
	assert_string_equal(err.message, "--output: \"xml\" is none of table, json, yaml, csv");
}

static const char device[] =
	"{\"id\":12,\"name\":\"host7\",\"kind\":\"linux\",\"channel\":\"device\",\"fleet\":\"Sales\",\"fleet_id\":3,"
	"\"fleet_path\":\"default/Sales\",\"serial\":\"SN-1\\u001b[0m\",\"external_id\":\"a1\",\"verdict\":\"NON_COMPLIANT\","
	"\"version\":7,\"applied_version\":5,\"last_seen\":\"2026-11-25T14:03:06.000Z\",\"enrolled\":\"2026-11-20T14:03:06.000Z\","
	"\"managed\":true,\"model\":\"\",\"os_version\":\"Debian 12\",\"agent_version\":null,\"parent\":null,\"revision\":9,"
	"\"attributes\":{\"room\":\"4.12\"},\"settings\":["
	"{\"name\":\"camera.disabled\",\"desired\":true,\"level\":\"mandatory\",\"observed\":false,\"state\":\"failed\","
	"\"message\":\"no such driver\",\"at\":null,\"satisfied\":false,\"source\":\"fleet default\"},"
	"{\"name\":\"wifi.disabled\",\"desired\":null,\"level\":null,\"observed\":false,\"state\":\"observed\",\"message\":null,"
	"\"at\":null,\"satisfied\":null,\"source\":null}],"
	"\"inventory\":{\"os\":{\"name\":\"Debian\",\"version\":\"12\"},\"packages\":[{\"name\":\"apt\"},{\"name\":\"bash\"}],"
	"\"users\":[\"root\",\"ada\"],\"cpus\":4},\"report\":null,\"commands_waiting\":2}";

static void test_device_page(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	AUTO_JSON j = load(device);
	const struct output o = { .now_ms = NOW_MS };
	buf_init(&b, 1 << 20);
	device_page_add(&b, j, &o);
	assert_string_equal(buf_str(&b),
			    "host7\n"
			    "  id           12\n"
			    "  verdict      NON_COMPLIANT\n"
			    "  kind         linux, by the device channel\n"
			    "  fleet        default/Sales\n"
			    "  serial       SN-1�[0m\n"
			    "  external id  a1\n"
			    "  system       Debian 12\n"
			    "  version      7 desired, 5 applied\n"
			    "  last seen    3m ago (2026-11-25 14:03:06 UTC)\n"
			    "  enrolled     5d ago (2026-11-20 14:03:06 UTC)\n"
			    "  commands     2 waiting\n"
			    "\n"
			    "Settings\n"
			    "  SETTING          DESIRED  OBSERVED  OK  STATE     FROM\n"
			    "  camera.disabled  true     false     NO  failed    fleet default\n"
			    "  wifi.disabled    -        false         observed  -\n"
			    "\n"
			    "Messages\n"
			    "  camera.disabled  no such driver\n"
			    "\n"
			    "Attributes\n"
			    "  room  4.12\n"
			    "\n"
			    "Inventory\n"
			    "  os        name Debian, version 12\n"
			    "  packages  2: apt, bash\n"
			    "  users     2: root, ada\n"
			    "  cpus      4\n");
}

/* A server that answers something else altogether: ugly at most. */
static void test_device_page_of_nonsense(void **state)
{
	static const char *const nonsense[] = {
		"{}", "[]", "7", "{\"settings\":7,\"inventory\":[],\"name\":5}",
		"{\"settings\":[1,null,{}],\"inventory\":{\"x\":null}}"
	};
	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		CLEANUP(buf_fini) struct buf b;
		AUTO_JSON j = load(nonsense[i]);
		const struct output o = { .now_ms = NOW_MS, .width = 40 };
		buf_init(&b, 1 << 20);
		device_page_add(&b, j, &o);
		assert_true(b.n > 0);
		CLEANUP(free_charp) char *table = thing_as(FORMAT_TABLE, nonsense[i], &view);
		assert_true(*table != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_empty_lists),
		cmocka_unit_test(test_json_means_the_same),
		cmocka_unit_test(test_things),
		cmocka_unit_test(test_done),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_device_page),
		cmocka_unit_test(test_device_page_of_nonsense),
	};
	text_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
