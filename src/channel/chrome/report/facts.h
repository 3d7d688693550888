/* SPDX-License-Identifier: Apache-2.0
 *
 * What one report says, in the model's words: facts of the device's record, attributes, sections of the
 * inventory, samples. Filled by the pure functions of this folder (status.c, desktop.c), written by
 * facts-write.c. Everything in it is valid UTF-8 and bounded; the sizes below are the bounds.
 */
#pragma once

#include "base/err.h"
#include "channel/chrome/device_management.pb-c.h"
#include "channel/chrome/report/json.h"

#define FACT_MAX          256 /* bytes of a fact or an attribute */
#define FACTS_ATTRIBUTES  16
#define FACTS_SECTIONS    16
#define FACTS_SAMPLES     256
#define SAMPLES_OF_A_KIND 60

struct facts { /* JSON freed by facts_fini(); texts in the arena */
	struct arena *arena;
	int64_t now_ms;
	const char *model, *os_version, *agent_version; /* NULL: not said */
	struct {
		const char *name, *value;
	} attributes[FACTS_ATTRIBUTES];
	size_t n_attributes;
	struct {
		const char *name;
		json_t *body;
	} sections[FACTS_SECTIONS];
	size_t n_sections;
	struct {
		const char *name;
		int64_t at_ms, value;
	} samples[FACTS_SAMPLES];
	size_t n_samples;
	struct budget budget;
	struct error problem; /* the first part that was not understood; code 0: none */
};

void facts_init(struct facts *f, struct arena *a, int64_t now_ms);
void facts_fini(struct facts *f);

/* A text of the peer; NULL or "": nothing is said. */
void facts_attribute(struct facts *f, const char *name, const char *value);
const char *facts_text(struct facts *f, const char *value);
/* The section's object, made on first use. */
json_t *facts_section(struct facts *f, const char *name);
/* Puts into the section what is not NULL. */
void facts_put(struct facts *f, const char *section, const char *key, json_t *value);
/* A time that is not of the last month or of the next minutes is a problem, and so is a value out of
 * range. */
void facts_sample(struct facts *f, const char *name, int64_t at_ms, int64_t value, int64_t max);
void facts_problem(struct facts *f, enum err code, const char *fmt, ...) FORMAT_PRINTF(3, 4);

/* A field of a message goes to a key of a section. Tables end with a NULL field. */
struct fact_row {
	const char *field, *section, *key; /* key NULL: the field's members are the section's */
};
void facts_put_rows(struct facts *f, const ProtobufCMessage *m, const struct fact_row *rows);

/* ---- the reports ---- */

extern const struct fact_row device_status_rows[], session_status_rows[];
void facts_of_device_status(struct facts *f, const Dm__DeviceStatusReportRequest *m);
void facts_of_session_status(struct facts *f, const Dm__SessionStatusReportRequest *m);
void facts_of_desktop(struct facts *f, const Dm__ChromeDesktopReportRequest *m);
