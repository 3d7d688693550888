/* SPDX-License-Identifier: Apache-2.0
 *
 * What libpwquality demands of a new password, read from its configuration in its own order:
 * /etc/security/pwquality.conf.d/ *.conf by name, then pwquality.conf, then the arguments of
 * pam_pwquality.so in the PAM stack. (Newer versions look into /usr/lib/security as well: a drop-in
 * of /etc hides one of the same name, and its pwquality.conf is read when /etc has none.)
 * As in the library, reading ends at the first line that it does not understand.
 */
#pragma once

#include "agent/provider.h"

enum pwq_option {
	PWQ_MINLEN,
	PWQ_DCREDIT, /* digits; positive: shortens minlen, negative: as many are needed */
	PWQ_UCREDIT, /* upper case */
	PWQ_LCREDIT, /* lower case */
	PWQ_OCREDIT, /* others */
	PWQ_MINCLASS,
	PWQ_ENFORCING,
	PWQ_N
};

enum pwq_pam { PWQ_NO_STACK, PWQ_NOT_IN_STACK, PWQ_IN_STACK };

struct pwquality {
	int value[PWQ_N];
	char source[PWQ_N][300]; /* the file that says so, or "" (default) */
	char broken[300];        /* the file where reading ended, or "" */
	enum pwq_pam pam;
};

const char *pwq_option_name(enum pwq_option o);
/* Reads everything; with 'until', only the drop-ins that sort before that name. 0 or -errno. */
int pwquality_read(const struct provider_env *env, const char *until,
		   struct pwquality *ret) WARN_UNUSED;
