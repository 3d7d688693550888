/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of words between colons, see accounts.h and passwd(5), group(5), shadow(5), gshadow(5). The name is the first word of all
 * four, the number the third of passwd and group, the members the fourth of group and gshadow.
 */
#include "vm/guest/accounts.h"

#define WORD_ID      2
#define WORD_GID     3
#define WORD_MEMBERS 3
#define WORD_HOME    5
#define FIRST_ID     1000
#define LAST_ID      59999
#define NO_ID        UINT32_MAX /* to the kernel it means “leave as it is” */

void accounts_init(struct accounts *a)
{
	*a = (struct accounts){ 0 };
	buf_init(&a->passwd, ACCOUNTS_MAX);
	buf_init(&a->group, ACCOUNTS_MAX);
	buf_init(&a->shadow, ACCOUNTS_MAX);
	buf_init(&a->gshadow, ACCOUNTS_MAX);
}

void accounts_fini(struct accounts *a)
{
	buf_fini(&a->passwd);
	buf_fini(&a->group);
	buf_fini(&a->shadow);
	buf_fini(&a->gshadow);
}

/* ---- reading ---- */

/* The next word of 'left', up to 'end' or the end of all. */
static bool next(struct span *left, char end, struct span *ret)
{
	if (left->n == 0)
		return false;
	if (!span_get_until(left, end, ret)) {
		*ret = *left;
		left->n = 0;
	}
	return true;
}

static struct span word_of(struct span row, unsigned i)
{
	struct span word = { 0 };
	for (; next(&row, ':', &word); i--)
		if (i == 0)
			return word;
	return (struct span){ 0 };
}

static bool id_of(struct span row, unsigned i, uint32_t *ret)
{
	struct span digits = word_of(row, i);
	uint64_t n = 0;
	uint8_t c;
	if (digits.n == 0 || digits.n > 10)
		return false;
	while (span_get_u8(&digits, &c)) {
		if (c < '0' || c > '9')
			return false;
		n = n * 10 + (c - '0');
	}
	*ret = (uint32_t)n;
	return n < NO_ID;
}

static bool find_name(const struct buf *text, const char *name, struct span *ret_row)
{
	struct span left = buf_span(text);
	while (next(&left, '\n', ret_row))
		if (span_eq_str(word_of(*ret_row, 0), name))
			return true;
	return false;
}

static bool find_id(const struct buf *text, uint32_t id, struct span *ret_row)
{
	struct span left = buf_span(text);
	uint32_t found;
	while (next(&left, '\n', ret_row))
		if (id_of(*ret_row, WORD_ID, &found) && found == id)
			return true;
	return false;
}

static bool is_name(const char *s)
{
	static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t n = strspn(s, more);
	n += n > 0 && s[n] == '$';
	return s[0] >= 'a' && s[0] <= 'z' && s[n] == '\0' && n <= USER_NAME_MAX;
}

/* The members are the last of four words. */
static bool is_group(struct span row)
{
	unsigned n_colons = 0;
	uint8_t c;
	while (span_get_u8(&row, &c))
		n_colons += c == ':';
	return n_colons == WORD_MEMBERS;
}

/* ---- what is asked for ---- */

static int check(const struct accounts *a, const struct user_request *u, struct error *err)
{
	struct span row;
	if (!is_name(u->name))
		return error_set(err, ERR_INVALID, "“%.64s” is not a name for a user", u->name);
	if (u->has_uid && (u->uid == 0 || u->uid == NO_ID))
		return error_set(err, ERR_INVALID, "uid %u is not for a user", u->uid);
	for (size_t i = 0; i < u->n_groups; i++)
		if (!find_name(&a->group, u->groups[i], &row) || !is_group(row))
			return error_set(err, ERR_INVALID, "there is no group “%.64s”",
					 u->groups[i]);
	return 0;
}

static int take_existing(struct span row, const struct user_request *u, struct user *ret,
			 struct error *err)
{
	struct span home = word_of(row, WORD_HOME);
	if (!id_of(row, WORD_ID, &ret->uid) || !id_of(row, WORD_GID, &ret->gid))
		return error_set(err, ERR_CONFLICT, "the line of %s in passwd is broken", u->name);
	if (u->has_uid && u->uid != ret->uid)
		return error_set(err, ERR_CONFLICT, "%s has the uid %u", u->name, ret->uid);
	snprintf(ret->home, sizeof ret->home, "%.*s", (int)home.n, (const char *)home.p);
	return 0;
}

/* The first number that neither a user nor a group has. */
static uint32_t free_id(const struct accounts *a)
{
	struct span row;
	for (uint32_t id = FIRST_ID; id <= LAST_ID; id++)
		if (!find_id(&a->passwd, id, &row) && !find_id(&a->group, id, &row))
			return id;
	return NO_ID;
}

static int choose_ids(const struct accounts *a, const struct user_request *u, struct user *ret,
		      struct error *err)
{
	struct span row, owner;
	if (u->has_uid && find_id(&a->passwd, u->uid, &row)) {
		owner = word_of(row, 0);
		return error_set(err, ERR_CONFLICT, "uid %u is that of %.*s", u->uid, (int)owner.n,
				 (const char *)owner.p);
	}
	uint32_t unused = free_id(a);
	ret->uid = u->has_uid ? u->uid : unused;
	ret->gid = ret->uid;
	if (find_name(&a->group, u->name, &row)) {
		if (!id_of(row, WORD_ID, &ret->gid))
			return error_set(err, ERR_CONFLICT, "the line of %s in group is broken",
					 u->name);
	} else if (find_id(&a->group, ret->gid, &row)) {
		ret->gid = unused;
	}
	if (ret->uid == NO_ID || ret->gid == NO_ID)
		return error_set(err, ERR_CONFLICT, "there is no free number");
	return 0;
}

/* ---- writing ---- */

static void end_line(struct buf *text)
{
	if (text->n > 0 && text->p[text->n - 1] != '\n')
		buf_add_char(text, '\n');
}

static bool is_member(struct span members, const char *user)
{
	struct span one;
	while (next(&members, ',', &one))
		if (span_eq_str(one, user))
			return true;
	return false;
}

/* At the end of that group's row, whose last word the members are. */
static void add_member(struct buf *text, const char *group, const char *user)
{
	struct span row;
	if (!find_name(text, group, &row) || !is_group(row))
		return; /* of gshadow: it need not know every group */
	struct span members = word_of(row, WORD_MEMBERS);
	size_t begin = (size_t)(row.p - (const uint8_t *)text->p), end = begin + row.n;
	if (is_member(members, user))
		return;
	struct buf out;
	buf_init(&out, text->max);
	buf_add(&out, text->p, end);
	buf_addf(&out, "%s%s", members.n > 0 ? "," : "", user);
	buf_add(&out, text->p + end, text->n - end);
	buf_fini(text);
	*text = out;
}

static void add_row(struct buf *text, const char *name, const char *rest)
{
	struct span row;
	if (find_name(text, name, &row))
		return;
	end_line(text);
	buf_addf(text, "%s:%s\n", name, rest);
}

/* The user's group and, without a password, the user. */
static void add_rows(struct accounts *a, const char *name, const struct user *u, const char *shell,
		     int64_t day)
{
	char rest[USER_HOME_MAX + 128];
	snprintf(rest, sizeof rest, "x:%u:", u->gid);
	add_row(&a->group, name, rest);
	if (a->has_gshadow)
		add_row(&a->gshadow, name, "!::");
	snprintf(rest, sizeof rest, "!:%lld:0:99999:7:::", (long long)day);
	if (a->has_shadow)
		add_row(&a->shadow, name, rest);
	snprintf(rest, sizeof rest, "%s:%u:%u::%s:%s", a->has_shadow ? "x" : "*", u->uid, u->gid,
		 u->home, shell);
	add_row(&a->passwd, name, rest);
}

int accounts_add(struct accounts *a, const struct user_request *wanted, const char *shell,
		 int64_t day, struct user *ret, struct error *err)
{
	struct span row;
	*ret = (struct user){ 0 };
	int r = check(a, wanted, err);
	if (r)
		return r;
	ret->created = !find_name(&a->passwd, wanted->name, &row);
	r = ret->created ? choose_ids(a, wanted, ret, err) : take_existing(row, wanted, ret, err);
	if (r)
		return r;
	if (ret->created) {
		snprintf(ret->home, sizeof ret->home, "/home/%s", wanted->name);
		add_rows(a, wanted->name, ret, shell, day);
	}
	for (size_t i = 0; i < wanted->n_groups; i++) {
		add_member(&a->group, wanted->groups[i], wanted->name);
		if (a->has_gshadow)
			add_member(&a->gshadow, wanted->groups[i], wanted->name);
	}
	if (a->passwd.failed || a->group.failed || a->shadow.failed || a->gshadow.failed)
		return error_set(err, ERR_CONFLICT, "the files of users are too large");
	return 0;
}
