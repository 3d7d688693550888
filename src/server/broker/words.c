/* SPDX-License-Identifier: Apache-2.0
 *
 * See words.h.
 */
#include "server/broker/words.h"

#include "base/log.h"
#include <stdio.h>
#include <string.h>

#define REASON "Error: "

static bool is_reason(const char *text)
{
	return strncmp(text, REASON, strlen(REASON)) == 0;
}

void words_end(struct words *w)
{
	w->line[w->n] = '\0';
	size_t n_time = strspn(w->line, "0123456789"); /* before it has read its configuration */
	const char *text = w->line[n_time] == ':' ? w->line + n_time + 1 : w->line;
	text += *text == ' ';
	if (w->n > 0 && (is_reason(text) || !is_reason(w->last)))
		snprintf(w->last, sizeof w->last, "%s", text);
	if (w->n > 0 && !strstr(text, "TCP_NODELAY")) /* our own connection is no TCP */
		log_limited(LOG_LEVEL_WARN, "mosquitto", F_STR("says", text));
	w->n = 0;
}

void words_add(struct words *w, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		bool end = text.p[i] == '\n';
		if (end || w->n == WORDS_LINE_MAX)
			words_end(w);
		if (!end)
			w->line[w->n++] = (char)text.p[i];
	}
}
