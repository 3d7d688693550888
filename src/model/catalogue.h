/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue: one row a setting (catalogue.def), and the Chrome policies generated from
 * data/chrome-policies.tsv as chrome.<PolicyName>. The row says everything about a setting once.
 *
 * The columns of the channels are small languages of their own:
 *   chrome   "Policy=JSON|JSON"     the policy's value when the setting is true | when it is false;
 *            "device:17.8": field 8 of the message in field 17 of ChromeOS' device settings; another
 *            word: the channel has a way of its own (channel/chrome). The last two have rule NONE
 *   flyve    "group:key[/key2][=PREFIX]"   key2: the key in dialect D2 where it differs; PREFIX: an
 *            enum's choice is said as PREFIX and the choice in upper case
 *   choices  words, weakest first; "pin|true" is the word pin, which may also be written true
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

enum kind {
	KIND_BROWSER,
	KIND_CHROMEOS,
	KIND_ANDROID,
	KIND_LINUX,
	KIND_VM,
	KIND_CONTAINER,
	KIND_N
};
enum channel {
	CHANNEL_CHROME,
	CHANNEL_FLYVE,
	CHANNEL_MDMCORE,
	CHANNEL_DEVICE,
	CHANNEL_VM,
	CHANNEL_N
};
const char *kind_name(enum kind k);
bool kind_parse(const char *s, enum kind *ret);
const char *channel_name(enum channel c);
bool channel_parse(const char *s, enum channel *ret);

enum setting_kind {
	SETTING_BOOL,
	SETTING_INT, /* min..max */
	SETTING_STRING,
	SETTING_ENUM,    /* one of choices */
	SETTING_LIST,    /* list of strings */
	SETTING_JSON,    /* any JSON value (a Chrome policy of kind JSON) */
	SETTING_OBJECTS, /* list of objects with the fields named in 'fields' */
};

enum setting_rule {                /* when an observed value satisfies the desired one */
		    RULE_EQUAL,    /* JSON equality */
		    RULE_AT_LEAST, /* number, choice or boolean observed >= desired */
		    RULE_AT_MOST,  /* number observed <= desired and > 0; desired 0: no limit */
		    RULE_ALL_DONE, /* list of deployables: observed is true, or lists every desired element */
		    RULE_NONE, /* cannot be observed: never counts against the device */
};

struct chrome_policy { /* how Chrome says it; model/chrome-policies.c is generated */
	int32_t id, top_field,
		inner_field; /* inner 0: top_field is in CloudPolicySettings itself */
	bool per_profile, cloud_only, deprecated, future, dynamic_refresh;
};

struct setting_type {
	const char *name;
	enum setting_kind kind;
	int64_t min, max;    /* ints: range; lists and strings: length; 0,0: the defaults */
	const char *choices; /* enums: space separated, weakest first */
	const char *fields;  /* objects: "name:type[?] …", model/shape.h */
	const char
		*default_json; /* what an unmanaged device does; documentation and Flyve default */
	enum setting_rule rule;
	const char *provider; /* the Linux agent's provider, or NULL: Linux cannot */
	const char *chrome;   /* Chrome policy it maps to, "Name=json-template", or NULL */
	const char *flyve;    /* "group:key", or NULL */
	const char *mdmcore;  /* field name, or NULL */
	const char *mdmcore_default_json;   /* desired when nobody set it, MDMCore only; or NULL */
	const char *doc;                    /* one sentence for administrators */
	const struct chrome_policy *policy; /* chrome.* rows only, else NULL */
};

size_t catalogue_n(void);
const struct setting_type *catalogue_at(size_t i); /* sorted by name */
const struct setting_type *catalogue_find(const char *name);
/* The known name nearest to a wrong one, for "did you mean"; NULL when none is near. */
const char *catalogue_nearest(const char *name);
/* Can this channel say this setting at all? (It is judged only then.) CHANNEL_N: no channel in
 * particular, every setting. */
bool catalogue_applies(const struct setting_type *t, enum channel c);
/* ERR_INVALID with a sentence that names setting, wanted type or range, and what was found. */
int catalogue_check(const struct setting_type *t, const json_t *value,
		    struct error *err) WARN_UNUSED;
/* Parses VALUE of the command line: JSON, or a bare word as a string; then checks it. Owned. */
int catalogue_parse(const struct setting_type *t, const char *text, json_t **ret,
		    struct error *err) WARN_UNUSED;
bool catalogue_satisfied(const struct setting_type *t, const json_t *desired,
			 const json_t *observed);
/* Enums: the position of the choice that 'value' names in any spelling (complex, COMPLEX,
 * PASSWORD_QUALITY_COMPLEX), or -1. */
int catalogue_choice(const struct setting_type *t, const json_t *value);
/* The value in the catalogue's own words; differs from 'value' for enums only. Owned. */
json_t *catalogue_canonical(const struct setting_type *t, json_t *value);
json_t *catalogue_to_json(const struct setting_type *t); /* for GET /api/v1/settings */
