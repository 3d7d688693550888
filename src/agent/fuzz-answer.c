/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Header lines, an empty line, a body: read as every kind of answer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answer_command commands[ANSWER_COMMANDS_MAX];
	struct span body = { data, size }, line;
	struct answer_enrolled enrolled;
	struct answer_desired desired = { 0 };
	struct answer_head head;
	struct error err;
	struct answer_file file;
	char verdict[32];
	AUTO_JSON kept = NULL;
	AUTO_JSON description = NULL;
	size_t n;
	answer_head_init(&head);
	while (span_get_until(&body, '\n', &line) && line.n > 0)
		answer_head_line(&head, line);
	head.status = (int)(size % 600);
	(void)answer_kind(&head, body, &err);
	(void)(answer_enrolled(body, &enrolled, &err) | answer_desired(body, &desired, &err) |
	       answer_commands(body, commands, &n, &kept, &err) |
	       answer_report(body, verdict, &err) | answer_file(body, &file, &description, &err));
	json_decref(desired.settings);
	return 0;
}
