/* SPDX-License-Identifier: Apache-2.0
 *
 * What a container says, on its way to the desktop: a URL, a path, and an application whose every text is the input. Neither makes
 * a line of its own.
 */
#include "vm/host/desktop.h"
#include "vm/host/translate.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_lines(const struct buf *text)
{
	size_t n = 0;
	for (size_t i = 0; i < text->n; i++)
		n += text->p[i] == '\n';
	return n;
}

/* A file's URL has nothing that climbs left, plain or encoded: '.' is always plain in it. */
static bool is_shared_or_no_file(const char *url)
{
	static const char root[] = "file:///srv/home";
	size_t n = strcspn(url, "?#");
	const char *dots = strstr(url, "/../");
	if (strncasecmp(url, root, strlen("file")) != 0 || url[strlen("file")] != ':')
		return true;
	return strncmp(url, root, strlen(root)) == 0 && strchr("/?#", url[strlen(root)]) &&
	       !(dots && dots < url + n) && !(n > 2 && memcmp(url + n - 3, "/..", 3) == 0);
}

static void check_url(const char *text)
{
	static const struct translation t = { .address = "100.115.92.204",
					      .paths = { { "/home/user", "/srv/home" } },
					      .n_paths = 1 };
	CLEANUP(buf_fini) struct buf url, path;
	struct error err;
	buf_init(&url, 100000);
	buf_init(&path, 100000);
	if (translate_url(&t, text, &url, &err) == 0 &&
	    (count_lines(&url) > 0 || !is_shared_or_no_file(buf_str(&url))))
		abort();
	if (translate_path(&t, text, &path) && strncmp(buf_str(&path), "/srv/home", 9) != 0)
		abort();
}

static void check_entry(char *text)
{
	static struct vm vm = { .name = "vm" };
	static const struct container container = { .vm = &vm, .name = "box" };
	VmTools__Container__Application app = VM_TOOLS__CONTAINER__APPLICATION__INIT;
	char *types[] = { text }, name[DESKTOP_NAME_SIZE];
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, DESKTOP_MAX);
	if (!desktop_id_ok(text) || !desktop_file_name(&container, text, name))
		return;
	if (strchr(name, '/') || strncmp(name, "reeve-vm-box-", 13) != 0)
		abort();
	app.desktop_file_id = app.startup_wm_class = text;
	app.mime_types = types;
	app.n_mime_types = 1;
	desktop_render(&container, &app, "/sbin/reeve-host", NULL, "/state", &out);
	if (count_lines(&out) != (strstr(buf_str(&out), "\nMimeType=") ? 10 : 9))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1); /* strndup() may look beyond what has no end */
	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_url(text);
	check_entry(text);
	free(text);
	return 0;
}
