/* SPDX-License-Identifier: Apache-2.0
 *
 * Collecting facts, see facts.h.
 */
#include "channel/chrome/report/facts.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define SAMPLE_OLDEST_MS (INT64_C(31) * 24 * 3600 * 1000)
#define SAMPLE_NEWEST_MS (10 * 60 * 1000) /* a clock that is fast */

void facts_init(struct facts *f, struct arena *a, int64_t now_ms)
{
	*f = (struct facts){ .arena = a, .now_ms = now_ms, .budget = BUDGET_OF_A_REPORT };
}

void facts_fini(struct facts *f)
{
	for (size_t i = 0; i < f->n_sections; i++)
		json_decref(f->sections[i].body);
	f->n_sections = 0;
}

void facts_problem(struct facts *f, enum err code, const char *fmt, ...)
{
	char text[sizeof f->problem.message];
	va_list ap;
	if (f->problem.code != ERR_NONE)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	(void)error_set(&f->problem, code, "%s", text);
}

const char *facts_text(struct facts *f, const char *value)
{
	return value && *value ? clean_text(f->arena, value, FACT_MAX) : NULL;
}

void facts_attribute(struct facts *f, const char *name, const char *value)
{
	const char *text = facts_text(f, value);
	if (!text || f->n_attributes == FACTS_ATTRIBUTES)
		return;
	f->attributes[f->n_attributes].name = name;
	f->attributes[f->n_attributes++].value = text;
}

json_t *facts_section(struct facts *f, const char *name)
{
	for (size_t i = 0; i < f->n_sections; i++)
		if (strcmp(f->sections[i].name, name) == 0)
			return f->sections[i].body;
	if (f->n_sections == FACTS_SECTIONS)
		return NULL;
	f->sections[f->n_sections].name = name;
	f->sections[f->n_sections].body = json_object();
	return f->sections[f->n_sections++].body;
}

void facts_put(struct facts *f, const char *section, const char *key, json_t *value)
{
	if (value)
		json_object_set_new(facts_section(f, section), key, value);
}

void facts_put_rows(struct facts *f, const ProtobufCMessage *m, const struct fact_row *rows)
{
	for (; rows->field; rows++) {
		json_t *value = field_json(m, rows->field, &f->budget);
		if (!value)
			continue;
		if (rows->key) {
			facts_put(f, rows->section, rows->key, value);
			continue;
		}
		json_object_update(facts_section(f, rows->section), value);
		json_decref(value);
	}
	if (f->budget.exceeded)
		facts_problem(f, ERR_TOO_LARGE, "The report is larger than what is kept of one.");
}

void facts_sample(struct facts *f, const char *name, int64_t at_ms, int64_t value, int64_t max)
{
	if (value < 0 || value > max) {
		facts_problem(f, ERR_INVALID, "%s cannot be %" PRId64 ".", name, value);
		return;
	}
	if (at_ms < f->now_ms - SAMPLE_OLDEST_MS || at_ms > f->now_ms + SAMPLE_NEWEST_MS) {
		facts_problem(f, ERR_INVALID, "%s: measured too long ago, or in the future.", name);
		return;
	}
	if (f->n_samples == FACTS_SAMPLES)
		return;
	f->samples[f->n_samples].name = name;
	f->samples[f->n_samples].at_ms = at_ms;
	f->samples[f->n_samples++].value = value;
}
