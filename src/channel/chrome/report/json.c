/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading messages along their descriptors, see json.h.
 */
#include "channel/chrome/report/json.h"

#include "base/clock.h"
#include "base/utf8.h"
#include <ctype.h>
#include <math.h>
#include <string.h>

#define DEPTH_MAX 8

/* ---- text ---- */

static void add_clean(struct buf *out, const char *s, size_t max)
{
	struct span rest = span_str(s ? s : "");
	uint32_t c;
	while (span_get_utf8_lossy(&rest, &c)) {
		size_t before = out->n;
		utf8_add(out, utf8_is_control(c) ? ' ' : c);
		if (out->n <= max)
			continue;
		out->n = before;
		out->p[before] = '\0';
		return;
	}
}

const char *clean_text(struct arena *a, const char *s, size_t max)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, max + 8);
	add_clean(&text, s, max);
	return arena_strdup(a, buf_str(&text));
}

static json_t *text_json(const char *s, struct budget *b)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, CLEAN_TEXT_MAX + 8);
	add_clean(&text, s, CLEAN_TEXT_MAX);
	if (text.n > b->text) {
		b->exceeded = true;
		return NULL;
	}
	b->text -= text.n;
	return json_stringn(buf_str(&text), text.n);
}

/* ---- words of enums ---- */

/* Bytes of the beginning, up to and with a "_", that all names share. */
static size_t common_prefix(const ProtobufCEnumDescriptor *e)
{
	const char *first = e->values[0].name;
	size_t n = strlen(first);
	for (unsigned i = 1; i < e->n_values; i++) {
		size_t same = 0;
		while (same < n && first[same] == e->values[i].name[same])
			same++;
		n = same;
	}
	while (n > 0 && first[n - 1] != '_')
		n--;
	return e->n_values > 1 ? n : 0;
}

const char *enum_word(const ProtobufCEnumDescriptor *e, int value, char out[ENUM_WORD_MAX])
{
	const ProtobufCEnumValue *v = protobuf_c_enum_descriptor_get_value(e, value);
	if (!v) {
		snprintf(out, ENUM_WORD_MAX, "%d", value);
		return out;
	}
	snprintf(out, ENUM_WORD_MAX, "%s", v->name + common_prefix(e));
	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return out;
}

/* ---- values ---- */

static json_t *object_json(const ProtobufCMessage *m, const char *const *but, unsigned depth,
			   struct budget *b);

static bool is_time(const ProtobufCFieldDescriptor *f)
{
	size_t n = strlen(f->name), n_end = strlen("timestamp");
	return n >= n_end && strcmp(f->name + n - n_end, "timestamp") == 0;
}

static json_t *int_json(const ProtobufCFieldDescriptor *f, int64_t v)
{
	char text[CLOCK_TEXT_SIZE];
	const int64_t year_10000_ms = INT64_C(253402300800000);
	if (!is_time(f) || v <= 0 || v >= year_10000_ms)
		return json_integer(v);
	return json_string(clock_format(v, text));
}

static json_t *number_json(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *enum_json(const ProtobufCFieldDescriptor *f, int v)
{
	char word[ENUM_WORD_MAX];
	return json_string(enum_word(f->descriptor, v, word));
}

static int64_t from_unsigned(uint64_t v)
{
	return v > INT64_MAX ? INT64_MAX : (int64_t)v;
}

/* 'at': where the value lies. NULL: bytes, which are nobody's business here, or the budget is used up. */
static json_t *value_json(const ProtobufCFieldDescriptor *f, const void *at, unsigned depth,
			  struct budget *b)
{
	if (b->values == 0) {
		b->exceeded = true;
		return NULL;
	}
	b->values--;
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
		return int_json(f, *(const int32_t *)at);
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
		return int_json(f, *(const uint32_t *)at);
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return int_json(f, *(const int64_t *)at);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return int_json(f, from_unsigned(*(const uint64_t *)at));
	case PROTOBUF_C_TYPE_FLOAT:
		return number_json(*(const float *)at);
	case PROTOBUF_C_TYPE_DOUBLE:
		return number_json(*(const double *)at);
	case PROTOBUF_C_TYPE_BOOL:
		return json_boolean(*(const protobuf_c_boolean *)at);
	case PROTOBUF_C_TYPE_ENUM:
		return enum_json(f, *(const int *)at);
	case PROTOBUF_C_TYPE_STRING:
		return text_json(*(char *const *)at, b);
	case PROTOBUF_C_TYPE_MESSAGE:
		return object_json(*(ProtobufCMessage *const *)at, NULL, depth, b);
	case PROTOBUF_C_TYPE_BYTES:
		return NULL;
	}
	return NULL;
}

static size_t element_size(ProtobufCType t)
{
	switch (t) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return 4;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return 8;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_ENUM:
		return sizeof(int);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	}
	return 0;
}

static json_t *list_json(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
			 unsigned depth, struct budget *b)
{
	size_t n = *(const size_t *)((const char *)m + f->quantifier_offset);
	const char *items = *(const char *const *)((const char *)m + f->offset);
	json_t *list = json_array();
	for (size_t i = 0; i < n && b->values > 0; i++) {
		json_t *v = value_json(f, items + i * element_size(f->type), depth, b);
		if (v)
			json_array_append_new(list, v);
	}
	b->exceeded |= json_array_size(list) < n;
	return list;
}

static bool is_there(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f)
{
	const char *at = (const char *)m + f->offset,
		   *quantifier = (const char *)m + f->quantifier_offset;
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return *(const size_t *)quantifier > 0;
	if (f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_MESSAGE)
		return *(void *const *)at != NULL && *(void *const *)at != f->default_value;
	return f->label == PROTOBUF_C_LABEL_REQUIRED || *(const protobuf_c_boolean *)quantifier;
}

static json_t *any_json(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f,
			unsigned depth, struct budget *b)
{
	if (!is_there(m, f))
		return NULL;
	if (f->label == PROTOBUF_C_LABEL_REPEATED)
		return list_json(m, f, depth, b);
	return value_json(f, (const char *)m + f->offset, depth, b);
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static json_t *object_json(const ProtobufCMessage *m, const char *const *but, unsigned depth,
			   struct budget *b)
{
	json_t *o = json_object();
	if (depth == 0) {
		b->exceeded = true;
		return o;
	}
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		json_t *v = is_one_of(f->name, but) ? NULL : any_json(m, f, depth - 1, b);
		if (v)
			json_object_set_new(o, f->name, v);
	}
	return o;
}

json_t *message_json(const ProtobufCMessage *m, const char *const *but, struct budget *b)
{
	return object_json(m, but, DEPTH_MAX, b);
}

json_t *field_json(const ProtobufCMessage *m, const char *name, struct budget *b)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
	return f ? any_json(m, f, DEPTH_MAX, b) : NULL;
}
