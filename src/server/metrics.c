/* SPDX-License-Identifier: Apache-2.0
 *
 * Counters and histograms as relaxed atomics, and the table that turns them into text.
 */
#include "server/metrics.h"

#include "server/doorbell.h"
#include "server/seen.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include <stdatomic.h>
#include <stdlib.h>

/* ---- histograms ---- */

static const struct {
	int64_t us;
	const char *text; /* seconds */
} bounds[] = {
	{ 100, "0.0001" },  { 250, "0.00025" }, { 500, "0.0005" },  { 1000, "0.001" },
	{ 2500, "0.0025" }, { 5000, "0.005" },  { 10000, "0.01" },  { 25000, "0.025" },
	{ 50000, "0.05" },  { 100000, "0.1" },  { 250000, "0.25" }, { 1000000, "1" },
	{ 5000000, "5" },   { 60000000, "60" },
};

struct histogram {
	_Atomic uint64_t buckets[ARRAY_SIZE(bounds) + 1]; /* not cumulated; the last is +Inf */
	_Atomic uint64_t sum_us;
};

static void bump(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void observe(struct histogram *h, int64_t us)
{
	size_t i = 0;
	while (i < ARRAY_SIZE(bounds) && us > bounds[i].us)
		i++;
	bump(&h->buckets[i], 1);
	bump(&h->sum_us, us > 0 ? (uint64_t)us : 0);
}

static void add_histogram(struct buf *out, const char *name, const char *labels,
			  const struct histogram *h)
{
	uint64_t n = 0;
	const char *comma = *labels ? "," : "";
	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
		n += h->buckets[i];
		buf_addf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma,
			 bounds[i].text, n);
	}
	n += h->buckets[ARRAY_SIZE(bounds)];
	buf_addf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, n);
	const char *open = *labels ? "{" : "", *close = *labels ? "}" : "";
	buf_addf(out, "%s_sum%s%s%s %.6f\n", name, open, labels, close, (double)h->sum_us / 1e6);
	buf_addf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, n);
}

/* ---- classes of requests ---- */

enum class {
	CLASS_DEVICE,
	CLASS_API,
	CLASS_MDMCORE,
	CLASS_CHROME,
	CLASS_FLYVE,
	CLASS_CONSOLE,
	CLASS_OTHER,
	CLASSES_N
};
static const char *const class_names[] = { "device", "api",     "mdmcore", "chrome",
					   "flyve",  "console", "other" };

static enum class class_of(const char *path) {
	static const struct { const char * prefix; enum class class; }
rows[] = {
	/* the first that fits */
	{ "/device/v1/", CLASS_DEVICE },        { "/api/v1/", CLASS_API },
	{ "/devices", CLASS_MDMCORE },          { "/enroll", CLASS_MDMCORE },
	{ "/devicemanagement/", CLASS_CHROME }, { "/apirest.php/", CLASS_FLYVE },
	{ "/console", CLASS_CONSOLE },
};
for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
	if (strncmp(path, rows[i].prefix, strlen(rows[i].prefix)) == 0)
		return rows[i].class;
return CLASS_OTHER;
}

struct metrics {
	_Atomic uint64_t requests[CLASSES_N][5]; /* by the status' first digit */
	_Atomic uint64_t bytes[CLASSES_N];
	struct histogram durations[CLASSES_N];
	struct histogram writes;
	_Atomic uint64_t write_results[3]; /* stored, refused, failed */
	_Atomic uint64_t counters[METRICS_COUNTERS_N];
	_Atomic int64_t gauges[METRICS_GAUGES_N];
};

struct metrics *metrics_new(void)
{
	struct metrics *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	return m;
}

void metrics_free(struct metrics *m)
{
	free(m);
}

int64_t metrics_now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void metrics_set(struct metrics *m, enum metrics_gauge which, int64_t n)
{
	m->gauges[which] = n;
}

void metrics_add(struct metrics *m, enum metrics_counter which, uint64_t n)
{
	bump(&m->counters[which], n);
}

void metrics_request(struct http_request *req, int status, size_t n_bytes, int64_t duration_us,
		     void *server)
{
	struct metrics *m = ((struct server *)server)->metrics;
	const char *path = http_path(req);
	enum class c = class_of(path);
	bump(&m->requests[c][status >= 100 && status < 600 ? status / 100 - 1 : 4], 1);
	bump(&m->bytes[c], n_bytes);
	observe(&m->durations[c], duration_us);
	if (status >= 500 && status < 600 && status != 503) /* 9xx are Chrome's answers */
		log_limited(LOG_LEVEL_WARN, "request failed", F_STR("method", http_method(req)),
			    F_STR("path", path), F_INT("status", status),
			    F_STR("request", http_request_id(req)));
	else
		log_debug("request", F_STR("method", http_method(req)), F_STR("path", path),
			  F_INT("status", status), F_INT("us", duration_us),
			  F_STR("peer", http_peer(req)), F_STR("request", http_request_id(req)));
}

void metrics_write(struct metrics *m, int r, int64_t duration_us)
{
	observe(&m->writes, duration_us);
	bool failed = r < 0 || r == ERR_UNAVAILABLE || r == ERR_UNCERTAIN || r == ERR_NO_SPACE;
	bump(&m->write_results[r == 0 ? 0 : failed ? 2 : 1], 1);
}

/* ---- the table ---- */

struct row {
	const char *name, *type, *help;
	void (*emit)(struct buf *out, const struct row *row, struct server *s);
	int which; /* enum metrics_counter or metrics_gauge */
};

static void add_value(struct buf *out, const struct row *row, int64_t v)
{
	buf_addf(out, "%s %lld\n", row->name, (long long)v);
}

static void emit_counter(struct buf *out, const struct row *row, struct server *s)
{
	add_value(out, row, (int64_t)s->metrics->counters[row->which]);
}

static void emit_build(struct buf *out, const struct row *row, struct server *s)
{
	(void)s;
	buf_addf(out, "%s{version=\"%s\"} 1\n", row->name, REEVE_VERSION);
}

static void emit_start(struct buf *out, const struct row *row, struct server *s)
{
	buf_addf(out, "%s %.3f\n", row->name, (double)s->started_ms / 1e3);
}

static void emit_requests(struct buf *out, const struct row *row, struct server *s)
{
	for (size_t c = 0; c < CLASSES_N; c++)
		for (size_t digit = 0; digit < 5; digit++)
			buf_addf(out, "%s{class=\"%s\",status=\"%zuxx\"} %" PRIu64 "\n", row->name,
				 class_names[c], digit + 1, s->metrics->requests[c][digit]);
}

static void emit_bytes(struct buf *out, const struct row *row, struct server *s)
{
	for (size_t c = 0; c < CLASSES_N; c++)
		buf_addf(out, "%s{class=\"%s\"} %" PRIu64 "\n", row->name, class_names[c],
			 s->metrics->bytes[c]);
}

static void emit_durations(struct buf *out, const struct row *row, struct server *s)
{
	char labels[32];
	for (size_t c = 0; c < CLASSES_N; c++) {
		snprintf(labels, sizeof labels, "class=\"%s\"", class_names[c]);
		add_histogram(out, row->name, labels, &s->metrics->durations[c]);
	}
}

static void emit_writes(struct buf *out, const struct row *row, struct server *s)
{
	static const char *const results[] = { "stored", "refused", "failed" };
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		buf_addf(out, "%s{result=\"%s\"} %" PRIu64 "\n", row->name, results[i],
			 s->metrics->write_results[i]);
}

static void emit_write_times(struct buf *out, const struct row *row, struct server *s)
{
	add_histogram(out, row->name, "", &s->metrics->writes);
}

static void emit_refused(struct buf *out, const struct row *row, struct server *s)
{
	struct http_stats h;
	http_server_stats(s->http, &h);
	buf_addf(out, "%s{why=\"malformed\"} %" PRIu64 "\n", row->name, h.n_refused);
	buf_addf(out, "%s{why=\"rate\"} %" PRIu64 "\n", row->name, h.n_rate_limited);
}

static void emit_connections(struct buf *out, const struct row *row, struct server *s)
{
	struct http_stats h;
	http_server_stats(s->http, &h);
	add_value(out, row, h.n_connections);
}

static void emit_streams(struct buf *out, const struct row *row, struct server *s)
{
	struct http_stats h;
	http_server_stats(s->http, &h);
	add_value(out, row, h.n_streams);
}

static void emit_doorbells(struct buf *out, const struct row *row, struct server *s)
{
	add_value(out, row, (int64_t)doorbells_n(s->doorbells));
}

static void emit_gauge(struct buf *out, const struct row *row, struct server *s)
{
	add_value(out, row, s->metrics->gauges[row->which]);
}

static void emit_seen_dropped(struct buf *out, const struct row *row, struct server *s)
{
	add_value(out, row, (int64_t)seen_n_dropped(s->seen));
}

static void emit_events(struct buf *out, const struct row *row, struct server *s)
{
	int64_t last = 0;
	if (store_event_last(store_reader(s->store), &last) == 0)
		add_value(out, row, last);
}

static void emit_fcm(struct buf *out, const struct row *row, struct server *s)
{
	static const struct {
		enum metrics_counter counter;
		const char *name;
	} results[] = { { METRICS_FCM_SENT, "sent" },
			{ METRICS_FCM_UNREGISTERED, "unregistered" },
			{ METRICS_FCM_FAILED, "failed" } };
	for (size_t i = 0; i < ARRAY_SIZE(results); i++)
		buf_addf(out, "%s{result=\"%s\"} %" PRIu64 "\n", row->name, results[i].name,
			 s->metrics->counters[results[i].counter]);
}

static const struct row rows[] = {
	{ "reeve_build_info", "gauge", "The version that runs", emit_build, 0 },
	{ "process_start_time_seconds", "gauge", "When the server started", emit_start, 0 },
	{ "reeve_http_requests_total", "counter", "Requests answered", emit_requests, 0 },
	{ "reeve_http_request_seconds", "histogram",
	  "Time from a request's first byte to its answer; long-polls included", emit_durations,
	  0 },
	{ "reeve_http_response_bytes_total", "counter", "Bytes of answers' bodies", emit_bytes, 0 },
	{ "reeve_http_refused_total", "counter", "Requests that reached no handler", emit_refused,
	  0 },
	{ "reeve_http_connections", "gauge", "Open connections", emit_connections, 0 },
	{ "reeve_http_streams", "gauge", "Open event streams", emit_streams, 0 },
	{ "reeve_writes_total", "counter", "Changes submitted by requests", emit_writes, 0 },
	{ "reeve_write_seconds", "histogram", "Time from submitting a change until it is on disk",
	  emit_write_times, 0 },
	{ "reeve_doorbells_parked", "gauge", "Long-polls waiting", emit_doorbells, 0 },
	{ "reeve_doorbells_rung_total", "counter", "Events that rang doorbells", emit_counter,
	  METRICS_DOORBELLS_RUNG },
	{ "reeve_fcm_total", "counter", "Phones rung through FCM", emit_fcm, 0 },
	{ "reeve_events_last_id", "counter", "Sequence number of the newest event", emit_events,
	  0 },
	{ "reeve_events_pruned_total", "counter", "Events removed by age", emit_counter,
	  METRICS_EVENTS_PRUNED },
	{ "reeve_samples_pruned_total", "counter", "Measurements of devices removed by age",
	  emit_counter, METRICS_SAMPLES_PRUNED },
	{ "reeve_commands_open", "gauge",
	  "Commands that are not finished, as of the last half minute", emit_gauge,
	  METRICS_COMMANDS_OPEN },
	{ "reeve_commands_expired_total", "counter", "Commands whose time ran out", emit_counter,
	  METRICS_COMMANDS_EXPIRED },
	{ "reeve_seen_dropped_total", "counter", "Last contacts not recorded for want of room",
	  emit_seen_dropped, 0 },
	{ "reeve_follower_errors_total", "counter",
	  "Background work that failed and is tried again", emit_counter, METRICS_FOLLOWER_ERRORS },
	{ "reeve_mqtt_connections", "gauge",
	  "Connections of devices to the embedded broker, as of the last seconds", emit_gauge,
	  METRICS_MQTT_CONNECTIONS },
	{ "reeve_mqtt_accounts", "gauge", "Devices that may log in at the embedded broker",
	  emit_gauge, METRICS_MQTT_ACCOUNTS },
	{ "reeve_mqtt_admits", "gauge",
	  "1 when the embedded broker lets devices in: what it had retained is compared",
	  emit_gauge, METRICS_MQTT_ADMITS },
	{ "reeve_mqtt_refused_total", "counter", "Log-ins that the embedded broker refused",
	  emit_counter, METRICS_MQTT_REFUSED },
	{ "reeve_mqtt_denied_total", "counter",
	  "Publications and subscriptions that the embedded broker denied", emit_counter,
	  METRICS_MQTT_DENIED },
	{ "reeve_mqtt_closed_total", "counter",
	  "Connections that were closed because the device's account changed", emit_counter,
	  METRICS_MQTT_CLOSED },
	{ "reeve_mqtt_restarts_total", "counter", "Times that the embedded broker ended by itself",
	  emit_counter, METRICS_MQTT_RESTARTS },
	{ "reeve_flyve_messages_total", "counter", "Messages of devices over MQTT that were taken",
	  emit_counter, METRICS_FLYVE_HEARD },
	{ "reeve_flyve_refused_total", "counter",
	  "Messages of devices over MQTT that made no sense, were nobody's, or too many",
	  emit_counter, METRICS_FLYVE_REFUSED },
	{ "reeve_flyve_entries_refused_total", "counter",
	  "Entries of task feedback that were not right or another device's", emit_counter,
	  METRICS_FLYVE_ENTRIES_REFUSED },
	{ "reeve_flyve_published_total", "counter",
	  "Retained messages, and erasures of them, that the broker acknowledged", emit_counter,
	  METRICS_FLYVE_PUBLISHED },
	{ "reeve_flyve_lost_total", "counter",
	  "Retained messages that the broker had lost and was given again", emit_counter,
	  METRICS_FLYVE_LOST },
	{ "reeve_flyve_retained", "gauge",
	  "Topics that are retained at the broker for this server, as of the last seconds",
	  emit_gauge, METRICS_FLYVE_RETAINED },
	{ "reeve_flyve_erased_total", "counter",
	  "Retained messages at the broker that nobody here had published", emit_counter,
	  METRICS_FLYVE_ERASED },
};

void metrics_text(struct server *s, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", rows[i].name, rows[i].help,
			 rows[i].name, rows[i].type);
		rows[i].emit(out, &rows[i], s);
	}
}
