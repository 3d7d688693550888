/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /devices: every MDMCore device of the organization in one answer, because the protocol has no
 * pages. A few are answered in place; many are written page by page to an unnamed temporary file by a
 * job and sent from there, so a million devices cost neither memory nor a worker.
 */
#include "channel/mdmcore/handlers.h"

#include "base/buf.h"
#include "base/clock.h"
#include "server/jobs.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define IN_PLACE_MAX 200
#define PAGE         200
#define DEVICE_BYTES 512 /* of one, generously */

struct list { /* in the request's arena */
	struct http_request *req;
	int64_t org_id;
	int fd; /* -1: in place */
	struct buf out;
	bool any;
	/* the page being read */
	struct arena page;
	struct device devices[PAGE];
	size_t n;
	int64_t after_id;
};

/* What status needs of the record. */
static int collect(void *user, const struct device *d, enum verdict v, int64_t version)
{
	struct list *l = user;
	(void)v, (void)version;
	struct device *copy = &l->devices[l->n++];
	*copy = *d;
	copy->channel = channel_name(CHANNEL_MDMCORE);
	copy->external_id = arena_strdup(&l->page, d->external_id);
	l->after_id = d->id;
	return 0;
}

static int add_page(struct list *l, struct store_conn *c)
{
	int r = 0;
	for (size_t i = 0; i < l->n && r == 0; i++) {
		AUTO_JSON status = NULL;
		r = mdmcore_read_status(c, &l->devices[i], &status);
		if (r)
			break;
		CLEANUP(free_charp) char *text = json_text(status);
		buf_add_str(&l->out, l->any ? "," : "");
		buf_add_str(&l->out, text);
		l->any = true;
	}
	return r;
}

static int read_page(struct list *l, struct store_conn *c)
{
	const struct fleet_tree *tree = NULL;
	const struct filter *filter = NULL;
	struct error err;
	l->n = 0;
	int r = store_fleets(c, l->org_id, &tree);
	if (r == 0)
		r = filter_parse("channel=mdmcore", tree, clock_utc_ms(), &l->page, &filter, &err);
	if (r == 0)
		r = store_device_list(c, l->org_id, filter, l->after_id, PAGE, collect, l);
	return r > 0 ? -EINVAL : r;
}

/* Each page is of one moment, so that a verdict is beside what it comes from. */
static int read_and_add_page(struct list *l, struct store_conn *c)
{
	int r = store_read_begin(c);
	if (r)
		return r;
	r = read_page(l, c);
	if (r == 0)
		r = add_page(l, c);
	store_read_end(c);
	return r;
}

static int write_out(struct list *l)
{
	struct span s = buf_span(&l->out);
	if (l->out.failed)
		return -ENOMEM;
	while (l->fd >= 0 && s.n > 0) {
		ssize_t n = write(l->fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			return -errno;
		s.p += n > 0 ? n : 0;
		s.n -= n > 0 ? (size_t)n : 0;
	}
	if (l->fd >= 0)
		buf_reset(&l->out);
	return 0;
}

static int write_list(struct list *l)
{
	struct store_conn *c = store_reader(server_of(l->req)->store);
	int r;
	buf_init(&l->out, (size_t)PAGE * DEVICE_BYTES * 8);
	buf_add_char(&l->out, '[');
	do {
		arena_init(&l->page);
		r = read_and_add_page(l, c);
		if (r == 0)
			r = write_out(l);
		arena_fini(&l->page);
	} while (r == 0 && l->n == PAGE);
	buf_add_char(&l->out, ']');
	return r == 0 ? write_out(l) : r;
}

static void reply(struct list *l)
{
	int r = write_list(l), fd = l->fd;
	if (r != 0) {
		http_reply_result(l->req, r, NULL);
	} else if (fd >= 0) {
		l->fd = -1; /* the answer's now */
		http_reply_file(l->req, fd, JSON_TYPE, NULL);
	} else {
		http_reply(l->req, 200, JSON_TYPE, buf_span(&l->out));
	}
	buf_fini(&l->out);
}

static void run_job(void *arg)
{
	struct list *l = arg;
	struct http_request *req = l->req;
	const struct config *c = server_of(req)->config;
	char *dir = arena_printf(http_arena(req), "%s/tmp", c->data);
	l->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (l->fd < 0)
		http_reply_result(req, -errno, NULL);
	else
		reply(l);
	if (l->fd >= 0)
		close(l->fd);
	http_resume(req);
}

static int count(struct store_conn *c, int64_t org_id, struct arena *a, int64_t *ret,
		 struct error *err)
{
	const struct fleet_tree *tree = NULL;
	const struct filter *filter = NULL;
	int r = store_fleets(c, org_id, &tree);
	if (r == 0)
		r = filter_parse("channel=mdmcore", tree, clock_utc_ms(), a, &filter, err);
	return r == 0 ? store_device_count(c, org_id, filter, ret) : r;
}

void mdmcore_list(struct http_request *req)
{
	struct server *s = server_of(req);
	struct list *l = arena_new(http_arena(req), struct list);
	struct error err;
	int64_t n = 0;
	l->req = req;
	l->fd = -1;
	int r = mdmcore_org(req, &l->org_id, &err);
	if (r == 0)
		r = count(store_reader(s->store), l->org_id, http_arena(req), &n, &err);
	if (r != 0) {
		http_reply_result(req, r, &err);
		return;
	}
	if (n <= IN_PLACE_MAX) {
		reply(l);
		return;
	}
	http_defer(req);
	if (jobs_submit(s->jobs, run_job, l, &err) == 0)
		return;
	http_reply_error(req, &err);
	http_resume(req);
}
