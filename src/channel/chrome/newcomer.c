/* SPDX-License-Identifier: Apache-2.0
 *
 * See newcomer.h. What has no column of its own becomes an attribute; every registration says all of them, so
 * that none is left over from the one before.
 *
 * "machine_id" is mandatory for a device, and so is what the client calls a bad serial number (405) without
 * it. A client that names no type is from before there were types: a device if it has a machine_id, else a user.
 */
#include "channel/chrome/newcomer.h"

#include "store/chrome.h"
#include <string.h>

typedef Dm__DeviceRegisterRequest Request;

static const struct {
	Dm__DeviceRegisterRequest__Type type;
	enum kind kind;
	bool has_serial;
	const char *word;
} types[] = {
	{ DM__DEVICE_REGISTER_REQUEST__TYPE__USER, KIND_BROWSER, false, "user" },
	{ DM__DEVICE_REGISTER_REQUEST__TYPE__DEVICE, KIND_CHROMEOS, true, "device" },
	{ DM__DEVICE_REGISTER_REQUEST__TYPE__BROWSER, KIND_BROWSER, false, "browser" },
	{ DM__DEVICE_REGISTER_REQUEST__TYPE__ANDROID_BROWSER, KIND_BROWSER, false,
	  "android_browser" },
	{ DM__DEVICE_REGISTER_REQUEST__TYPE__OLD_IOS_BROWSER, KIND_BROWSER, false, "ios_browser" },
	{ DM__DEVICE_REGISTER_REQUEST__TYPE__IOS_BROWSER, KIND_BROWSER, false, "ios_browser" },
};

static const char *text(const struct chrome_request *r, const char *s)
{
	return chrome_text(r->arena, s, NEWCOMER_TEXT_MAX);
}

static void add(const struct chrome_request *r, struct newcomer *c, const char *name,
		const char *value)
{
	c->attributes[c->n_attributes].name = name;
	c->attributes[c->n_attributes++].value = text(r, value);
}

/* Blanks alone say nothing: no person could find such a name, and no device be told by such a serial number. */
static bool says(const char *s)
{
	return s && s[strspn(s, " \t\r\n")];
}

static const char *first_of(const char *a, const char *b, const char *c)
{
	if (says(a))
		return a;
	return says(b) ? b : c;
}

const char *newcomer_agent_version(struct arena *a, const char *agent)
{
	const char *start = strpbrk(agent, "0123456789");
	size_t n = start ? strspn(start, "0123456789.") : 0;
	return arena_strndup(a, start ? start : "", n < NEWCOMER_TEXT_MAX ? n : NEWCOMER_TEXT_MAX);
}

/* "Linux|x86_64|-": the part of this number, without the stand-in for "not known". */
static const char *platform_part(const struct chrome_request *r, int number)
{
	struct span rest = span_str(r->platform), part = rest;
	for (int i = 0; i <= number; i++)
		if (!span_get_until(&rest, '|', &part)) {
			part = i == number ? rest : (struct span){ 0 };
			rest = (struct span){ 0 };
		}
	bool unknown = part.n == 0 || (part.n == 1 && part.p[0] == '-');
	return unknown ? "" : arena_strndup(r->arena, (const char *)part.p, part.n);
}

void newcomer_of_browser(const struct chrome_request *r, const Dm__RegisterBrowserRequest *m,
			 struct newcomer *ret)
{
	const Dm__BrowserDeviceIdentifier *id = m->browser_device_identifier;
	const char *host = id ? first_of(id->computer_name, id->host_name, "") : "";
	*ret = (struct newcomer){
		.kind = KIND_BROWSER,
		.name = text(r, first_of(host, m->machine_name, r->device_id)),
		.serial = text(r, id ? id->serial_number : ""),
		.model = text(r, m->device_model),
		.os_version = text(r, m->os_version),
		.agent_version = newcomer_agent_version(r->arena, r->agent),
		.old_token = "",
		.expected_domain = "",
	};
	add(r, ret, "hostname", host);
	add(r, ret, "os", first_of(m->os_platform, platform_part(r, 0), ""));
	add(r, ret, "arch", platform_part(r, 1));
	add(r, ret, "brand", m->brand_name);
	add(r, ret, "registration_type", r->type->name);
}

/* The protocol's word without what all of them begin with, in lower case. */
static const char *flavor_word(const struct chrome_request *r, const Request *m)
{
	static const char prefix[] = "FLAVOR_";
	const ProtobufCEnumValue *v =
		m->has_flavor
			? protobuf_c_enum_descriptor_get_value(
				  &dm__device_register_request__flavor__descriptor, (int)m->flavor)
			: NULL;
	if (!v)
		return "";
	char *word = arena_strdup(r->arena, v->name + strlen(prefix));
	for (char *p = word; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p + ('a' - 'A'));
	return word;
}

static int find_type(const Request *m, struct error *err)
{
	bool serial = says(m->machine_id);
	Dm__DeviceRegisterRequest__Type type = m->type;
	if (!m->has_type || type == DM__DEVICE_REGISTER_REQUEST__TYPE__TT)
		type = serial ? DM__DEVICE_REGISTER_REQUEST__TYPE__DEVICE
			      : DM__DEVICE_REGISTER_REQUEST__TYPE__USER;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return (int)i;
	(void)error_set(err, ERR_INVALID, "type: %d is not a type of registration.", (int)type);
	return -1;
}

static const char *device_name(const struct chrome_request *r, const Request *m, const char *email)
{
	bool model = says(m->machine_model);
	if (says(m->machine_id))
		return text(r, model ? arena_printf(r->arena, "%s - %s", m->machine_model,
						    m->machine_id)
				     : m->machine_id);
	return text(r, first_of(email, m->machine_model, r->device_id));
}

static void add_attributes(const struct chrome_request *r, const Request *m, const char *email,
			   const char *type, struct newcomer *ret)
{
	add(r, ret, "user", email);
	add(r, ret, "registration_type", type);
	add(r, ret, "registration_flavor", flavor_word(r, m));
	add(r, ret, "requisition", m->requisition);
	add(r, ret, "brand", m->brand_code);
	add(r, ret, "os", platform_part(r, 0));
	add(r, ret, "arch", platform_part(r, 1));
	add(r, ret, "ethernet_mac_address", m->ethernet_mac_address);
	add(r, ret, "dock_mac_address", m->dock_mac_address);
	add(r, ret, "manufacture_date", m->manufacture_date);
}

int newcomer_of_device(const struct chrome_request *r, const Request *m, const char *email,
		       struct newcomer *ret, int *ret_status, struct error *err)
{
	*ret_status = 400;
	int i = find_type(m, err);
	if (i < 0)
		return ERR_INVALID;
	if (types[i].has_serial && !says(m->machine_id)) {
		*ret_status = 405;
		return error_set(err, ERR_INVALID, "machine_id: a device has a serial number.");
	}
	if (m->has_server_backed_state_key && m->server_backed_state_key.len != STATE_KEY_SIZE &&
	    m->server_backed_state_key.len != 0)
		return error_set(err, ERR_INVALID, "server_backed_state_key: not %d bytes.",
				 STATE_KEY_SIZE);
	*ret = (struct newcomer){
		.kind = types[i].kind,
		.name = device_name(r, m, email),
		.serial = text(r, m->machine_id),
		.model = text(r, m->machine_model),
		.os_version = text(r, platform_part(r, 2)),
		.agent_version = newcomer_agent_version(r->arena, r->agent),
		.reregister = m->reregister,
		.old_token = first_of(m->reregistration_dm_token, "", ""),
		.expected_domain = first_of(m->expected_enrollment_domain, "", ""),
		.state_key = { m->server_backed_state_key.data, m->server_backed_state_key.len },
	};
	add_attributes(r, m, email, types[i].word, ret);
	return 0;
}
