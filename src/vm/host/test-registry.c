/* SPDX-License-Identifier: Apache-2.0
 *
 * registry: who is whom. Tokens count from their own machine only; empty ones, parts of them and CID 0 are nobody's.
 */
#include "vm/host/registry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct registry *registry;
	struct vm *a, *b;
	struct container *c, *d; /* of a, of b */
	char told[512];
};

static void note(void *user, enum registry_change change, struct vm *vm, struct container *c)
{
	struct fixture *f = user;
	size_t n = strlen(f->told);
	snprintf(f->told + n, sizeof f->told - n, "%d:%s%s%s ", (int)change, vm->name, c ? "/" : "",
		 c ? c->name : "");
}

static int set_up(void **state)
{
	static struct fixture f;
	struct error err;
	f = (struct fixture){ .registry = registry_new() };
	assert_int_equal(registry_vm_add(f.registry, "a", 5, &f.a, &err), 0);
	assert_int_equal(registry_vm_add(f.registry, "b", 6, &f.b, &err), 0);
	assert_int_equal(registry_container_add(f.registry, f.a, "penguin", NULL, &f.c, &err), 0);
	assert_int_equal(registry_container_add(f.registry, f.b, "penguin", NULL, &f.d, &err), 0);
	registry_watch(f.registry, note, &f);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	registry_free(f->registry);
	return 0;
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "",    ".",   "..",  "-x", "_x",
					   "a/b", "a b", "a\n", "ä",  "a%s" };
	struct vm *vm;
	struct container *c;
	struct error err;
	char longest[NAME_SIZE + 1];
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(registry_vm_add(f->registry, bad[i], 99, &vm, &err), ERR_INVALID);
		assert_int_equal(registry_container_add(f->registry, f->a, bad[i], NULL, &c, &err),
				 ERR_INVALID);
	}
	memset(longest, 'x', NAME_SIZE);
	longest[NAME_SIZE] = '\0';
	assert_false(registry_name_ok(longest));
	longest[NAME_SIZE - 1] = '\0';
	assert_true(registry_name_ok(longest));
	assert_int_equal(registry_vm_add(f->registry, "a", 99, &vm, &err), ERR_CONFLICT);
	assert_int_equal(registry_vm_add(f->registry, "z", 5, &vm, &err), ERR_CONFLICT);
	assert_int_equal(registry_vm_add(f->registry, "z", 0, &vm, &err), ERR_INVALID);
	assert_int_equal(registry_container_add(f->registry, f->a, "penguin", NULL, &c, &err),
			 ERR_CONFLICT);
	assert_int_equal(registry_container_add(f->registry, f->a, "x", f->c->token, &c, &err),
			 ERR_CONFLICT);
	assert_string_equal(f->told, "");
}

static void test_tokens(void **state)
{
	struct fixture *f = *state;
	struct registry *r = f->registry;
	char part[TOKEN_SIZE];
	assert_true(registry_token_ok(f->c->token));
	assert_int_equal(f->c->token[14], '4');
	assert_non_null(strchr("89ab", f->c->token[19]));
	assert_string_not_equal(f->c->token, f->d->token);
	assert_ptr_equal(registry_by_token(r, 5, f->c->token), f->c);
	assert_null(registry_by_token(r, 6, f->c->token)); /* another machine's */
	assert_null(registry_by_token(r, 7, f->c->token));
	assert_null(registry_by_token(r, 0, f->c->token));
	assert_null(registry_by_token(r, 0, ""));
	assert_null(registry_by_token(r, 5, ""));
	for (size_t n = 0; n < TOKEN_SIZE - 1; n++) {
		snprintf(part, sizeof part, "%.*s", (int)n, f->c->token);
		assert_null(registry_by_token(r, 5, part));
	}
	/* a machine without containers is its own */
	snprintf(f->a->token, sizeof f->a->token, "%s", f->c->token);
	assert_ptr_equal(registry_by_token(r, 0, f->c->token), f->c);
	assert_null(registry_by_token(r, 0, f->d->token));
}

static void test_token_form(void **state)
{
	static const char *const bad[] = { "",
					   "3f1bc010-c87b-452c-8a6c-798edb9bf13",
					   "3f1bc010-c87b-452c-8a6c-798edb9bf13aa",
					   "3F1BC010-c87b-452c-8a6c-798edb9bf13a",
					   "3f1bc0100c87b-452c-8a6c-798edb9bf13a",
					   "3f1bc010-c87b-452c-8a6c-798edb9bf13g",
					   "------------------------------------" };
	(void)state;
	assert_true(registry_token_ok("3f1bc010-c87b-452c-8a6c-798edb9bf13a"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(registry_token_ok(bad[i]));
}

static void test_ready_once(void **state)
{
	struct fixture *f = *state;
	assert_false(registry_vm_ready(f->registry, 0));
	assert_false(registry_vm_ready(f->registry, 7));
	assert_true(registry_vm_ready(f->registry, 5));
	assert_false(registry_vm_ready(f->registry, 5));
	registry_vm_set(f->registry, f->a, VM_STOPPED, NULL);
	assert_false(registry_vm_ready(f->registry, 5));
	assert_string_equal(f->told, "1:a 1:a ");
}

static void test_a_machine_that_ends_takes_its_containers_along(void **state)
{
	struct fixture *f = *state;
	VmTools__Container__Application app = VM_TOOLS__CONTAINER__APPLICATION__INIT;
	VmTools__Container__Application *apps[] = { &app };
	VmTools__Container__UpdateApplicationListRequest list =
		VM_TOOLS__CONTAINER__UPDATE_APPLICATION_LIST_REQUEST__INIT;
	list.n_application = 1;
	list.application = apps;
	registry_container_set(f->registry, f->c, CONTAINER_UP);
	registry_applications(f->registry, f->c, &list);
	assert_int_equal(f->c->applications->n_application, 1);
	registry_vm_set(f->registry, f->a, VM_CRASHED, "signal 9");
	assert_string_equal(f->a->why, "signal 9");
	assert_null(f->c->applications);
	assert_int_equal(f->c->state, CONTAINER_DOWN);
	assert_string_equal(f->told, "4:a/penguin 6:a/penguin 6:a/penguin 4:a/penguin 1:a ");
	f->told[0] = '\0';
	registry_container_set(f->registry, f->c, CONTAINER_UP);
	f->told[0] = '\0';
	registry_vm_remove(f->registry, f->a);
	assert_string_equal(f->told, "4:a/penguin 5:a/penguin 2:a ");
	assert_null(registry_vm(f->registry, "a"));
	assert_ptr_equal(registry_vms(f->registry), f->b);
}

/* Why it is as it is may change while its state does not. */
static void test_why(void **state)
{
	struct fixture *f = *state;
	registry_vm_set(f->registry, f->a, VM_READY, NULL);
	int64_t since_ms = f->a->since_ms = 7;
	f->told[0] = '\0';
	registry_vm_set(f->registry, f->a, VM_READY, "");
	assert_string_equal(f->told, "");
	registry_vm_set(f->registry, f->a, VM_READY, "its port is taken");
	registry_vm_set(f->registry, f->a, VM_READY, "its port is taken");
	assert_string_equal(f->told, "1:a ");
	assert_string_equal(f->a->why, "its port is taken");
	registry_vm_set(f->registry, f->a, VM_READY, NULL);
	assert_string_equal(f->told, "1:a 1:a ");
	assert_string_equal(f->a->why, "");
	assert_int_equal(f->a->since_ms, since_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_tokens, set_up, tear_down),
		cmocka_unit_test(test_token_form),
		cmocka_unit_test_setup_teardown(test_ready_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_why, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_machine_that_ends_takes_its_containers_along,
						set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
