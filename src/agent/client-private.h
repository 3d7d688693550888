/* SPDX-License-Identifier: Apache-2.0
 *
 * What client.c and download.c share.
 */
#pragma once

#include "agent/client.h"

struct client {
	char *server; /* normalized URL */
	char *ca, *pin;
	char *token; /* erased when replaced */
	CURLM *multi;
	struct client_call *calls[8]; /* under way; NULL: free */
};

/* A handle for one URL of the server, with everything that trust needs. */
CURL *client_handle(struct client *c, const char *path);
struct curl_slist *client_header(struct curl_slist *list, const char *name, const char *value);
struct curl_slist *client_bearer(const struct client *c, struct curl_slist *list);
void client_free_headers(struct curl_slist *list);
/* A CURLOPT_HEADERFUNCTION; its data is a struct answer_head. */
size_t client_on_header(char *p, size_t size, size_t n, void *user);
void client_trouble(const struct client *c, CURLcode code, const char *detail, char *text,
		    size_t size);
/* An answer that is not the one hoped for, as an error of ours; returns its code. */
int client_refusal(const struct answer_head *h, struct span body, struct error *err);
