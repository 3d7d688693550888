/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine is; machine.h has the contract.
 */
#include "agent/machine.h"
#include "agent/text.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/file.h"
#include <unistd.h>

#define TEXT_SIZE 200
#define DMI       "/sys/class/dmi/id/"

/* The first line of a small file, trimmed; "" when it cannot be read. */
static void read_line(const char *root, const char *path, char text[TEXT_SIZE])
{
	CLEANUP(free_charp) char *full = NULL;
	CLEANUP(buf_fini) struct buf content;
	text[0] = '\0';
	buf_init(&content, 64 * 1024);
	if (asprintf(&full, "%s%s", root, path) < 0)
		abort();
	if (file_read(full, &content) < 0)
		return;
	struct span s = buf_span(&content), line;
	if (!span_get_until(&s, '\n', &line))
		line = s;
	while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\0'))
		line.n--;
	CLEANUP(free_charp) char *copy = strndup(line.n ? (const char *)line.p : "", line.n);
	text_copy(text, TEXT_SIZE, copy ? copy : "");
}

/* What firmware says when nobody filled it in. */
static bool is_filler(const char *s)
{
	static const char *const fillers[] = {
		"",
		"0",
		"None",
		"Not Specified",
		"Not Available",
		"Default string",
		"System Serial Number",
		"To be filled by O.E.M.",
		"System Product Name",
		"System manufacturer",
		"Unknown",
		"N/A",
		"123456789",
	};
	for (size_t i = 0; i < ARRAY_SIZE(fillers); i++)
		if (strcasecmp(s, fillers[i]) == 0)
			return true;
	return strspn(s, "0 .-") == strlen(s);
}

static void serial(const char *root, char text[TEXT_SIZE])
{
	char id[TEXT_SIZE];
	uint8_t hash[SHA256_SIZE];
	read_line(root, DMI "product_serial", text);
	if (!is_filler(text))
		return;
	text[0] = '\0';
	read_line(root, "/etc/machine-id", id);
	if (strlen(id) != 32)
		return;
	hmac_sha256(span_str(id), span_str("reeve-agent serial"), hash);
	hex_encode((struct span){ hash, 16 }, text);
}

static void model(const char *root, char text[2 * TEXT_SIZE])
{
	char vendor[TEXT_SIZE], product[TEXT_SIZE];
	read_line(root, DMI "sys_vendor", vendor);
	read_line(root, DMI "product_name", product);
	if (is_filler(vendor))
		vendor[0] = '\0';
	if (is_filler(product))
		product[0] = '\0';
	bool twice = strncasecmp(product, vendor, strlen(vendor)) == 0;
	snprintf(text, 2 * TEXT_SIZE, "%s%s%s", twice ? "" : vendor,
		 !twice && vendor[0] && product[0] ? " " : "", product);
}

/* PRETTY_NAME="…" of os-release(5), which is a shell fragment: quotes and backslashes. */
static bool pretty_name(struct span content, char text[TEXT_SIZE])
{
	static const char key[] = "PRETTY_NAME=";
	CLEANUP(buf_fini) struct buf name;
	struct span line;
	buf_init(&name, TEXT_SIZE);
	while (content.n > 0) {
		if (!span_get_until(&content, '\n', &line)) {
			line = content;
			content.n = 0;
		}
		if (line.n < sizeof key || memcmp(line.p, key, sizeof key - 1) != 0)
			continue;
		for (size_t i = sizeof key - 1; i < line.n; i++) {
			if (line.p[i] == '\\' && i + 1 < line.n)
				i++;
			else if (line.p[i] == '"' || line.p[i] == '\'')
				continue;
			buf_add_char(&name, (char)line.p[i]);
		}
		text_copy(text, TEXT_SIZE, buf_str(&name));
		return true;
	}
	return false;
}

static void os_version(const char *root, char text[TEXT_SIZE])
{
	static const char *const paths[] = { "/etc/os-release", "/usr/lib/os-release" };
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP(free_charp) char *full = NULL;
		CLEANUP(buf_fini) struct buf content;
		buf_init(&content, 64 * 1024);
		if (asprintf(&full, "%s%s", root, paths[i]) < 0)
			abort();
		if (file_read(full, &content) == 0 && pretty_name(buf_span(&content), text))
			return;
	}
	snprintf(text, TEXT_SIZE, "Linux");
}

static void host_name(const char *root, char text[TEXT_SIZE])
{
	char host[TEXT_SIZE] = "";
	if (root[0]) {
		read_line(root, "/etc/hostname", text);
	} else {
		(void)gethostname(host, sizeof host - 1);
		text_copy(text, TEXT_SIZE, host);
	}
	if (!text[0])
		snprintf(text, TEXT_SIZE, "localhost");
}

json_t *machine_describe(const char *root, const char *name)
{
	char host[TEXT_SIZE], serial_text[TEXT_SIZE], model_text[2 * TEXT_SIZE], os[TEXT_SIZE];
	if (name)
		text_copy(host, sizeof host, name);
	else
		host_name(root, host);
	serial(root, serial_text);
	model(root, model_text);
	os_version(root, os);
	return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", host, "serial", serial_text, "model",
			 model_text, "os_version", os, "agent_version", REEVE_VERSION);
}

const char *machine_boot_id(const char *root, char text[MACHINE_BOOT_SIZE])
{
	char line[TEXT_SIZE];
	read_line(root, "/proc/sys/kernel/random/boot_id", line);
	snprintf(text, MACHINE_BOOT_SIZE, "%.*s", MACHINE_BOOT_SIZE - 1, line);
	return text;
}
