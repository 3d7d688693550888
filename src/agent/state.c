/* SPDX-License-Identifier: Apache-2.0
 *
 * The state folder; state.h has its contents. Every write goes through base/file.h (temporary, fsync,
 * rename, fsync of the folder), so a crash leaves the old document or the new one; ".tmp-*" of a
 * crash are swept away at the next start.
 *
 * The lock is a lock of the open file: it ends with the process, however that ends. Worker processes
 * close their copy (job.c).
 */
#include "agent/state.h"
#include "agent/text.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOCUMENT_MAX (32 * 1024 * 1024)

#define ENROLLING "enrolling.json"
#define IDENTITY  "identity.json"
#define DESIRED   "desired.json"
#define REPORT    "report.json"
#define COMMANDS  "commands.json"
#define RELEASE   "release.json"

/* ---- documents ---- */

static char *path_of(const char *dir, const char *name)
{
	char *path = NULL;
	if (asprintf(&path, "%s/%s", dir, name) < 0)
		abort();
	return path;
}

static void set_aside(const char *path, const char *why)
{
	CLEANUP(free_charp) char *aside = NULL;
	if (asprintf(&aside, "%s.corrupt", path) < 0)
		abort();
	if (rename(path, aside) < 0)
		log_error("unreadable state, and it cannot be kept aside", F_STR("file", path),
			  F_STR("why", why), F_STR("error", strerror(errno)));
	else
		log_error("unreadable state: kept aside, starting without it", F_STR("file", path),
			  F_STR("kept_as", aside), F_STR("why", why));
}

/* *ret: the object, or NULL when there is none (any more). */
static int load(const char *dir, const char *name, json_t **ret)
{
	CLEANUP(free_charp) char *path = path_of(dir, name);
	CLEANUP(buf_fini) struct buf text;
	struct error err;
	AUTO_JSON j = NULL;
	*ret = NULL;
	buf_init(&text, DOCUMENT_MAX);
	int r = file_read(path, &text);
	if (r == -ENOENT)
		return 0;
	if (r < 0 && r != -EFBIG)
		return r;
	if (r == -EFBIG)
		set_aside(path, "too large");
	else if (json_parse(buf_span(&text), &j, &err))
		set_aside(path, err.message);
	else if (!json_is_object(j))
		set_aside(path, "not an object");
	else
		*ret = TAKE(j);
	secret_erase(text.p, text.cap);
	return 0;
}

static int save(const char *dir, const char *name, const json_t *j)
{
	CLEANUP(free_charp) char *path = path_of(dir, name);
	CLEANUP(free_charp) char *text = json_text(j);
	int r = file_write_atomic(path, span_str(text), 0600);
	secret_erase(text, strlen(text));
	return r;
}

static int drop(const char *dir, const char *name)
{
	CLEANUP(free_charp) char *path = path_of(dir, name);
	return file_remove(path);
}

static int save_new(const char *dir, const char *name, json_t *steals_j)
{
	AUTO_JSON j = steals_j;
	return j ? save(dir, name, j) : -EINVAL;
}

/* ---- identity ---- */

static void free_secret(char *s)
{
	if (s)
		secret_erase(s, strlen(s));
	free(s);
}

void identity_fini(struct identity *i)
{
	free((char *)i->server);
	free_secret((char *)i->token);
	free((char *)i->organization);
	free((char *)i->fleet);
	free_secret((char *)i->mqtt);
	*i = (struct identity){ 0 };
}

static char *copy_of(const char *s)
{
	char *copy = strdup(s ? s : "");
	if (!copy)
		abort();
	return copy;
}

static void identity_copy(struct identity *to, const struct identity *from)
{
	const struct identity copy = {
		.server = copy_of(from->server),
		.device_id = from->device_id,
		.token = copy_of(from->token),
		.organization = copy_of(from->organization),
		.fleet = copy_of(from->fleet),
		.mqtt = copy_of(from->mqtt),
		.enrolled_ms = from->enrolled_ms,
	};
	identity_fini(to);
	*to = copy;
}

static int load_identity(struct state *s)
{
	AUTO_JSON j = NULL;
	struct identity found = { 0 };
	const char *server = NULL, *token = NULL, *organization = "", *fleet = "", *mqtt = "";
	struct error err;
	int r = load(s->dir, IDENTITY, &j);
	if (r < 0 || !j)
		return r;
	if (json_read_str(j, "server", true, &server, &err) ||
	    json_read_int(j, "device_id", true, &found.device_id, &err) ||
	    json_read_str(j, "device_token", true, &token, &err) ||
	    json_read_str(j, "organization", false, &organization, &err) ||
	    json_read_str(j, "fleet", false, &fleet, &err) ||
	    json_read_str(j, "mqtt", false, &mqtt, &err) ||
	    json_read_int(j, "enrolled_ms", false, &found.enrolled_ms, &err)) {
		CLEANUP(free_charp) char *path = path_of(s->dir, IDENTITY);
		set_aside(path, err.message);
		return 0;
	}
	found.server = server;
	found.token = token;
	found.organization = organization;
	found.fleet = fleet;
	found.mqtt = mqtt;
	identity_copy(&s->identity, &found);
	return 0;
}

static int save_identity(const struct state *s)
{
	return save_new(s->dir, IDENTITY,
			json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:I}", "server",
				  s->identity.server, "device_id",
				  (json_int_t)s->identity.device_id, "device_token",
				  s->identity.token, "organization", s->identity.organization,
				  "fleet", s->identity.fleet, "mqtt", s->identity.mqtt,
				  "enrolled_ms", (json_int_t)s->identity.enrolled_ms));
}

/* What was the old enrollment's goes first: were it the other way round, a crash in between could
 * leave the new identity with a version number that means something else to its server. */
int state_enroll(struct state *s, const struct identity *identity)
{
	int r = s->settings ? state_desire(s, 0, "", s->settings) : 0;
	s->version = 0;
	s->etag[0] = '\0';
	r = r ? r : state_spool(s, NULL);
	if (s->identity.device_id != identity->device_id) { /* nobody waits for its results */
		ledger_fini(&s->ledger);
		r = r ? r : state_save_ledger(s);
	}
	identity_copy(&s->identity, identity);
	s->release = (struct release){ 0 };
	if (r < 0)
		return r;
	r = save_identity(s);
	r = r ? r : drop(s->dir, ENROLLING);
	return r ? r : drop(s->dir, RELEASE);
}

int state_broker(struct state *s, const char *mqtt)
{
	struct identity with = s->identity;
	with.mqtt = mqtt;
	identity_copy(&s->identity, &with);
	return save_identity(s);
}

int state_enrollment_key(const struct state *s, char key[TOKEN_TEXT_SIZE])
{
	AUTO_JSON j = NULL;
	const char *kept = NULL;
	struct error err;
	int r = load(s->dir, ENROLLING, &j);
	if (r == 0 && j && json_read_str(j, "key", true, &kept, &err) == 0 &&
	    strlen(kept) == TOKEN_TEXT_SIZE - 1) {
		memcpy(key, kept, TOKEN_TEXT_SIZE);
		return 0;
	}
	rand_token(key);
	return save_new(s->dir, ENROLLING, json_pack("{s:s}", "key", key));
}

/* ---- desired state, report, ledger, release ---- */

static int load_desired(struct state *s)
{
	AUTO_JSON j = NULL;
	json_t *settings = NULL;
	struct error err;
	int r = load(s->dir, DESIRED, &j);
	if (r < 0 || !j)
		return r;
	const char *etag = "";
	if (json_read_int(j, "version", true, &s->version, &err) ||
	    json_read_str(j, "etag", false, &etag, &err) ||
	    json_read_object(j, "settings", true, &settings, &err)) {
		CLEANUP(free_charp) char *path = path_of(s->dir, DESIRED);
		set_aside(path, err.message);
		s->version = 0;
		return 0;
	}
	s->settings = json_incref(settings);
	text_copy(s->etag, sizeof s->etag, etag);
	return 0;
}

int state_desire(struct state *s, int64_t version, const char *etag, json_t *settings)
{
	json_t *old = s->settings;
	s->settings = json_incref(settings);
	s->version = version;
	text_copy(s->etag, sizeof s->etag, etag);
	json_decref(old);
	return save_new(s->dir, DESIRED,
			json_pack("{s:I, s:s, s:O}", "version", (json_int_t)version, "etag",
				  s->etag, "settings", settings));
}

int state_spool(struct state *s, json_t *steals_report_or_null)
{
	json_decref(s->report);
	s->report = steals_report_or_null;
	return s->report ? save(s->dir, REPORT, s->report) : drop(s->dir, REPORT);
}

static int load_ledger(struct state *s)
{
	AUTO_JSON j = NULL;
	int r = load(s->dir, COMMANDS, &j);
	if (r < 0 || !j)
		return r;
	size_t left_out = ledger_from_json(&s->ledger, j);
	if (left_out)
		log_error("commands that are not understood were dropped",
			  F_INT("commands", (int64_t)left_out));
	return 0;
}

int state_save_ledger(const struct state *s)
{
	return save_new(s->dir, COMMANDS, ledger_to_json(&s->ledger));
}

static int load_release(struct state *s)
{
	AUTO_JSON j = NULL;
	struct release *e = &s->release;
	const char *by = "", *token = "", *server = "";
	struct error err;
	int r = load(s->dir, RELEASE, &j);
	if (r < 0 || !j)
		return r;
	if (json_read_str(j, "by", true, &by, &err) ||
	    json_read_bool(j, "restored", true, &e->restored, &err) ||
	    json_read_bool(j, "told", true, &e->told, &err) ||
	    json_read_bool(j, "over", true, &e->over, &err) ||
	    json_read_str(j, "enrollment_token_sha256", false, &token, &err) ||
	    json_read_str(j, "server", false, &server, &err) ||
	    json_read_int(j, "device_id", false, &e->device_id, &err)) {
		CLEANUP(free_charp) char *path = path_of(s->dir, RELEASE);
		set_aside(path, err.message);
		*e = (struct release){ 0 };
		return 0;
	}
	snprintf(e->by, sizeof e->by, "%s", by);
	snprintf(e->token_sha256, sizeof e->token_sha256, "%s", token);
	snprintf(e->server, sizeof e->server, "%s", server);
	return 0;
}

int state_save_release(const struct state *s)
{
	const struct release *e = &s->release;
	return save_new(s->dir, RELEASE,
			json_pack("{s:s, s:b, s:b, s:b, s:s, s:s, s:I}", "by", e->by, "restored",
				  e->restored, "told", e->told, "over", e->over,
				  "enrollment_token_sha256", e->token_sha256, "server", e->server,
				  "device_id", (json_int_t)e->device_id));
}

int state_forget(struct state *s)
{
	static const char *const names[] = { ENROLLING, IDENTITY, DESIRED, REPORT, COMMANDS };
	int r = 0;
	identity_fini(&s->identity);
	json_decref(TAKE(s->settings));
	json_decref(TAKE(s->report));
	ledger_fini(&s->ledger);
	s->version = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		int one = drop(s->dir, names[i]);
		r = r ? r : one;
	}
	return r;
}

/* ---- providers ---- */

static char *provider_file(const char *name)
{
	char *file = NULL;
	if (asprintf(&file, "providers/%s.json", name) < 0)
		abort();
	return file;
}

int state_load_provider(const char *dir, const char *name, json_t **ret)
{
	CLEANUP(free_charp) char *file = provider_file(name);
	int r = load(dir, file, ret);
	if (r == 0 && !*ret)
		*ret = json_object();
	return r;
}

int state_save_provider(const char *dir, const char *name, const json_t *j)
{
	CLEANUP(free_charp) char *file = provider_file(name);
	return save(dir, file, j);
}

/* ---- the folder ---- */

static void sweep(const char *dir)
{
	DIR *d = opendir(dir);
	if (!d)
		return;
	for (const struct dirent *e; (e = readdir(d));)
		if (strncmp(e->d_name, ".tmp-", 5) == 0)
			(void)unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static int lock(struct state *s, struct error *err)
{
	CLEANUP(free_charp) char *path = path_of(s->dir, "lock");
	char text[32] = "";
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock_fd < 0)
		return error_set(err, ERR_INTERNAL, "%s: %s", path, strerror(errno));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = read(s->lock_fd, text, sizeof text - 1);
		text[n > 0 ? n : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		return error_set(err, ERR_CONFLICT, "another reeve-agent%s%s%s uses %s",
				 text[0] ? " (process " : "", text, text[0] ? ")" : "", s->dir);
	}
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	if (ftruncate(s->lock_fd, 0) < 0 || pwrite(s->lock_fd, text, (size_t)n, 0) < 0)
		return error_set(err, ERR_INTERNAL, "%s: %s", path, strerror(errno));
	return 0;
}

/* A folder that others may write to could be filled with an identity of theirs. One that is there
 * keeps its mode: --state /var/lib must not lock everybody else out. */
static int check_folder(const char *dir, struct error *err)
{
	struct stat st;
	if (stat(dir, &st) < 0)
		return error_set(err, ERR_INTERNAL, "%s: %s", dir, strerror(errno));
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return error_set(err, ERR_FORBIDDEN,
				 "%s can be changed by other users; give a folder of your own",
				 dir);
	return 0;
}

static int make_folders(struct state *s, struct error *err)
{
	CLEANUP(free_charp) char *providers = path_of(s->dir, "providers");
	int r = dir_make(s->dir, 0700);
	int checked = r ? 0 : check_folder(s->dir, err);
	if (checked)
		return checked;
	r = r ? r : dir_make(providers, 0700);
	if (r < 0)
		return error_set(err, ERR_INTERNAL, "%s: %s", s->dir, strerror(-r));
	return 0;
}

static int load_all(struct state *s, struct error *err)
{
	static int (*const loads[])(struct state * s) = { load_identity, load_desired, load_ledger,
							  load_release };
	CLEANUP(free_charp) char *providers = path_of(s->dir, "providers");
	int r = 0;
	sweep(s->dir);
	sweep(providers);
	for (size_t i = 0; i < ARRAY_SIZE(loads) && r == 0; i++)
		r = loads[i](s);
	if (r == 0)
		r = load(s->dir, REPORT, &s->report);
	if (r < 0)
		return error_set(err, ERR_INTERNAL, "%s cannot be read: %s", s->dir, strerror(-r));
	return 0;
}

int state_open(struct state *s, const char *dir, struct error *err)
{
	*s = (struct state){ .lock_fd = -1, .dir = copy_of(dir) };
	int r = make_folders(s, err);
	r = r ? r : lock(s, err);
	r = r ? r : load_all(s, err);
	if (r)
		state_close(s);
	return r;
}

void state_close(struct state *s)
{
	close_fdp(&s->lock_fd);
	identity_fini(&s->identity);
	json_decref(s->settings);
	json_decref(s->report);
	ledger_fini(&s->ledger);
	free(s->dir);
	*s = (struct state){ .lock_fd = -1 };
}
