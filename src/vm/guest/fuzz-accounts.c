/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of users of any content: a user is added once, whoever was there stays, or there is a sentence. The input is passwd (and
 * gshadow), a percent sign, group.
 */
#include "vm/guest/accounts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(accounts_fini) struct accounts a;
	struct span group = { data, size }, passwd = { 0 };
	char *groups[] = { (char *)(uintptr_t) "video" };
	const struct user_request u = { .name = "me", .groups = groups, .n_groups = 1 };
	struct user first, again;
	struct error err = { .message = "" };
	accounts_init(&a);
	a.has_shadow = a.has_gshadow = true;
	if (span_get_until(&group, '%', &passwd)) {
		buf_add(&a.passwd, passwd.p, passwd.n);
		buf_add(&a.gshadow, passwd.p, passwd.n);
	}
	buf_add(&a.group, group.p, group.n);
	int r = accounts_add(&a, &u, "/bin/sh", 1, &first, &err);
	if (r ? !err.message[0] : a.passwd.n < passwd.n || a.group.n < group.n)
		abort();
	size_t n = a.passwd.n + a.group.n + a.shadow.n + a.gshadow.n;
	if (r == 0 && (accounts_add(&a, &u, "/bin/sh", 1, &again, &err) || again.created ||
		       again.uid != first.uid || again.gid != first.gid ||
		       a.passwd.n + a.group.n + a.shadow.n + a.gshadow.n != n))
		abort();
	return 0;
}
