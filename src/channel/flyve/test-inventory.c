/* SPDX-License-Identifier: Apache-2.0
 *
 * inventory: an agent's document, and what somebody hostile sends instead.
 */
#include "channel/flyve/inventory.h"

#include "base/buf.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
#define DOCUMENT                                                                                   \
	HEAD "<REQUEST><QUERY>INVENTORY</QUERY><VERSIONCLIENT>FlyveMDM-Agent_v1.0</VERSIONCLIENT>" \
	     "<DEVICEID>SER1-00</DEVICEID><CONTENT>"                                               \
	     "<HARDWARE><NAME>Pixel</NAME><OSNAME>Android</OSNAME><OSVERSION>8.1</OSVERSION>"      \
	     "<UUID>u-1</UUID><MEMORY/></HARDWARE>"                                                \
	     "<BIOS><SSN> SER1 </SSN><SMODEL>Pixel &amp; 2</SMODEL></BIOS>"                        \
	     "<SOFTWARES><NAME>one</NAME><VERSION>1</VERSION></SOFTWARES>"                         \
	     "<SOFTWARES><NAME><![CDATA[t<wo]]></NAME><DEEP><ER>x</ER></DEEP></SOFTWARES>"         \
	     "<SIMCARDS><IMSI>1</IMSI></SIMCARDS></CONTENT></REQUEST>"

static void test_document(void **state)
{
	struct flyve_inventory v;
	struct error err;
	assert_int_equal(flyve_inventory_read(span_str(DOCUMENT), &v, &err), 0);
	assert_string_equal(v.serial, "SER1");
	assert_string_equal(v.uuid, "u-1");
	assert_string_equal(v.model, "Pixel & 2");
	assert_string_equal(v.name, "Pixel");
	assert_string_equal(v.os_version, "Android 8.1");
	CLEANUP(free_charp) char *text = json_text(v.sections);
	assert_string_equal(
		text,
		"{\"hardware\":{\"name\":\"Pixel\",\"osname\":\"Android\",\"osversion\":\"8.1\","
		"\"uuid\":\"u-1\",\"memory\":\"\"},\"bios\":{\"ssn\":\"SER1\",\"smodel\":\"Pixel & 2\"},"
		"\"packages\":[{\"name\":\"one\",\"version\":\"1\"},{\"name\":\"t<wo\",\"deep\":\"\"}],"
		"\"simcards\":[{\"imsi\":\"1\"}]}");
	flyve_inventory_fini(&v);
}

/* Who has the invitation can enroll with it: it is not kept. */
static void test_invitation(void **state)
{
	static const char document[] =
		"<REQUEST><CONTENT><ACCOUNTINFO><KEYNAME>TAG</KEYNAME><KEYVALUE> Invitation_0123abc "
		"</KEYVALUE></ACCOUNTINFO><ACCOUNTINFO><KEYVALUE>site A</KEYVALUE></ACCOUNTINFO>"
		"</CONTENT></REQUEST>";
	struct flyve_inventory v;
	struct error err;
	assert_int_equal(flyve_inventory_read(span_str(document), &v, &err), 0);
	CLEANUP(free_charp) char *text = json_text(v.sections);
	assert_string_equal(text, "{\"accountinfo\":[{\"keyname\":\"TAG\",\"keyvalue\":\"\"},"
				  "{\"keyvalue\":\"site A\"}]}");
	flyve_inventory_fini(&v);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		HEAD,
		HEAD "<REQUEST/>",
		HEAD "<OTHER><CONTENT><HARDWARE><NAME>x</NAME></HARDWARE></CONTENT></OTHER>",
		HEAD "<REQUEST><CONTENT><HARDWARE><NAME>x</NAME></HARDWARE></CONTENT>",
		HEAD "<!DOCTYPE r [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>"
		     "<REQUEST><CONTENT><BIOS><SSN>&e;</SSN></BIOS></CONTENT></REQUEST>",
		HEAD "<!DOCTYPE r [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]>"
		     "<REQUEST><CONTENT><BIOS><SSN>&b;</SSN></BIOS></CONTENT></REQUEST>",
		HEAD "<!DOCTYPE r SYSTEM \"http://127.0.0.1:1/x.dtd\">"
		     "<REQUEST><CONTENT><BIOS><SSN>x</SSN></BIOS></CONTENT></REQUEST>",
		HEAD "<REQUEST><CONTENT><BIOS><SSN>&undefined;</SSN></BIOS></CONTENT></REQUEST>",
		HEAD "<REQUEST><CONTENT><A><A><A><A><A><A><A><A><A><A><A><A><A><A><A><A>",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct flyve_inventory v;
		struct error err;
		if (flyve_inventory_read(span_str(bad[i]), &v, &err) != ERR_INVALID)
			fail_msg("%s", bad[i]);
	}
}

/* A text that is cut, and sections without number, end in a bounded inventory or a refusal. */
static void test_bounds(void **state)
{
	struct buf b;
	struct flyve_inventory v;
	struct error err;
	buf_init(&b, 1 << 24);
	buf_add_str(&b, "<REQUEST><CONTENT><BIOS><SSN>");
	for (int i = 0; i < 100000; i++)
		buf_add_char(&b, 'x');
	buf_add_str(&b, "</SSN></BIOS></CONTENT></REQUEST>");
	assert_int_equal(flyve_inventory_read(buf_span(&b), &v, &err), 0);
	assert_string_equal(v.serial, ""); /* too long to be one */
	flyve_inventory_fini(&v);
	buf_reset(&b);
	buf_add_str(&b, "<REQUEST><CONTENT>");
	for (int i = 0; i < 5000; i++)
		buf_add_str(&b, "<SOFTWARES><NAME>x</NAME></SOFTWARES>");
	buf_add_str(&b, "</CONTENT></REQUEST>");
	assert_int_equal(flyve_inventory_read(buf_span(&b), &v, &err), ERR_INVALID);
	buf_reset(&b);
	for (int i = 0; i < 100000; i++)
		buf_add_str(&b, "<REQUEST>");
	assert_int_equal(flyve_inventory_read(buf_span(&b), &v, &err), ERR_INVALID);
	buf_fini(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_invitation),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
