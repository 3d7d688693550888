/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON values as YAML, through libyaml's emitter, which knows where plain text and blocks are allowed; which
 * text would be taken for a number, a date or a boolean is yaml-scalar.h's to say.
 */
#include "base/yaml-scalar.h"
#include "base/yaml.h"
#include <yaml.h>

static int append(void *user, unsigned char *p, size_t n)
{
	struct buf *out = user;
	buf_add(out, p, n);
	return !out->failed;
}

/* libyaml takes the event over, also when it fails. */
static bool emit(yaml_emitter_t *em, yaml_event_t *e, int made)
{
	return made && yaml_emitter_emit(em, e);
}

static bool emit_scalar(yaml_emitter_t *em, const char *text, bool plain, yaml_scalar_style_t style)
{
	yaml_event_t e;
	return emit(em, &e,
		    yaml_scalar_event_initialize(&e, NULL, NULL, (const yaml_char_t *)text,
						 (int)strlen(text), plain, 1, style));
}

/* Several lines that a literal block (|) keeps as they are. */
static bool suits_block(const char *s)
{
	if (!strchr(s, '\n') || strchr(" \t\n", s[0]) || strstr(s, " \n") || strstr(s, "\t\n"))
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 && *s != '\n')
			return false;
	return true;
}

static bool emit_string(yaml_emitter_t *em, const char *s, bool key)
{
	if (!key && suits_block(s))
		return emit_scalar(em, s, false, YAML_LITERAL_SCALAR_STYLE);
	if (strchr(s, '\n')) /* libyaml would fold a plain or single-quoted text over lines */
		return emit_scalar(em, s, false, YAML_DOUBLE_QUOTED_SCALAR_STYLE);
	bool plain = !yaml_scalar_ambiguous(s);
	return emit_scalar(em, s, plain,
			   plain ? YAML_PLAIN_SCALAR_STYLE : YAML_SINGLE_QUOTED_SCALAR_STYLE);
}

static bool emit_value(yaml_emitter_t *em, const json_t *j);

static bool emit_object(yaml_emitter_t *em, const json_t *j)
{
	yaml_event_t e;
	const char *key;
	json_t *v;
	if (!emit(em, &e,
		  yaml_mapping_start_event_initialize(&e, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE)))
		return false;
	json_object_foreach ((json_t *)j, key, v) /* the macro's iterator wants it mutable */
		if (!emit_string(em, key, true) || !emit_value(em, v))
			return false;
	return emit(em, &e, yaml_mapping_end_event_initialize(&e));
}

static bool emit_array(yaml_emitter_t *em, const json_t *j)
{
	yaml_event_t e;
	size_t i;
	json_t *v;
	if (!emit(em, &e,
		  yaml_sequence_start_event_initialize(&e, NULL, NULL, 1,
						       YAML_BLOCK_SEQUENCE_STYLE)))
		return false;
	json_array_foreach (j, i, v)
		if (!emit_value(em, v))
			return false;
	return emit(em, &e, yaml_sequence_end_event_initialize(&e));
}

static bool emit_value(yaml_emitter_t *em, const json_t *j)
{
	if (json_is_object(j))
		return emit_object(em, j);
	if (json_is_array(j))
		return emit_array(em, j);
	if (json_is_string(j))
		return emit_string(em, json_string_value(j), false);
	CLEANUP(free_charp)
	char *text = json_text(j); /* numbers, booleans and null read the same */
	return emit_scalar(em, text, true, YAML_PLAIN_SCALAR_STYLE);
}

static bool emit_stream(yaml_emitter_t *em, const json_t *j)
{
	yaml_event_t e;
	return emit(em, &e, yaml_stream_start_event_initialize(&e, YAML_UTF8_ENCODING)) &&
	       emit(em, &e, yaml_document_start_event_initialize(&e, NULL, NULL, NULL, 1)) &&
	       emit_value(em, j) && emit(em, &e, yaml_document_end_event_initialize(&e, 1)) &&
	       emit(em, &e, yaml_stream_end_event_initialize(&e)) && yaml_emitter_flush(em);
}

void yaml_add(struct buf *out, const json_t *j)
{
	yaml_emitter_t em;
	if (!yaml_emitter_initialize(&em)) {
		out->failed = true;
		return;
	}
	yaml_emitter_set_output(&em, append, out);
	yaml_emitter_set_unicode(&em, 1);
	yaml_emitter_set_width(&em, -1); /* never folds a line */
	if (!emit_stream(&em, j))
		out->failed = true;
	yaml_emitter_delete(&em);
}
