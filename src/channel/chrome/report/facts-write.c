/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts into the store, inside an op. What cannot be kept is a problem of its part and stops nothing.
 */
#include "channel/chrome/report/reports.h"

#include "store/sample.h"
#include <stdlib.h>

/* A refusal becomes the report's problem; what is unexpected stops the op. */
static int note(struct facts *f, int r, const struct error *err)
{
	if (r > 0 && r != ERR_GONE) {
		facts_problem(f, err->code, "%s", err->message);
		return 0;
	}
	return r;
}

static int write_sections(struct store_conn *tx, int64_t id, struct facts *f)
{
	struct error err;
	int r = 0;
	for (size_t i = 0; i < f->n_sections && r == 0; i++) {
		CLEANUP(free_charp) char *text = json_text(f->sections[i].body);
		r = store_inventory_put(tx, id, f->sections[i].name, text, f->now_ms, &err);
		r = note(f, r, &err);
	}
	return r;
}

int facts_write(struct store_conn *tx, int64_t id, struct facts *f)
{
	struct error err;
	int r = store_device_facts(tx, id, f->model, f->os_version, f->agent_version, NULL, &err);
	r = note(f, r, &err);
	for (size_t i = 0; i < f->n_attributes && r == 0; i++) {
		r = store_attribute_set(tx, id, f->attributes[i].name, f->attributes[i].value,
					f->now_ms, &err);
		r = note(f, r, &err);
	}
	for (size_t i = 0; i < f->n_samples && r == 0; i++) {
		r = store_sample_put(tx, id, f->samples[i].name, f->samples[i].at_ms,
				     f->samples[i].value, &err);
		r = note(f, r, &err);
	}
	return r ? r : write_sections(tx, id, f);
}

int raw_write(struct store_conn *tx, int64_t id, const char *kind, const ProtobufCMessage *m,
	      struct facts *f)
{
	struct error err;
	int r = store_raw_report_put(tx, id, kind, chrome_pack(f->arena, m), f->now_ms, &err);
	return note(f, r, &err);
}
