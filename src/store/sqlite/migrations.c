/* SPDX-License-Identifier: Apache-2.0
 *
 * Migrations: an append-only list. Number n brings a database from version n to n + 1, in one
 * transaction with the version itself (PRAGMA user_version). A released one is never changed; a
 * test keeps a database of every released version and compares the outcome with records.def.
 *
 * Besides the indexes of records.def the device table has those that its queries need (plan.h).
 */
#include "store/sqlite/sqlite.h"

#include <inttypes.h>

#define APPLICATION_ID "1382376822" /* "Reev" in ASCII */

static const char *const migrations[] = {
	/* 0 -> 1 */
	"PRAGMA application_id = " APPLICATION_ID ";\n"
	"CREATE TABLE organization(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  name TEXT NOT NULL,\n"
	"  domain TEXT NOT NULL,\n"
	"  config_json TEXT NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  revision INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE UNIQUE INDEX organization_by_name ON organization(name) WHERE name <> '';\n"
	"CREATE TABLE fleet(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  parent_id INTEGER NOT NULL,\n"
	"  name TEXT NOT NULL,\n"
	"  changes INTEGER NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  revision INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE UNIQUE INDEX fleet_by_parent_name ON fleet(org_id, parent_id, name) WHERE name <> '';\n"
	"CREATE TABLE device(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  fleet_id INTEGER NOT NULL,\n"
	"  parent_id INTEGER NOT NULL,\n"
	"  name TEXT NOT NULL,\n"
	"  kind TEXT NOT NULL,\n"
	"  channel TEXT NOT NULL,\n"
	"  serial TEXT NOT NULL,\n"
	"  external_id TEXT NOT NULL,\n"
	"  token_hash BLOB NOT NULL,\n"
	"  model TEXT NOT NULL,\n"
	"  os_version TEXT NOT NULL,\n"
	"  agent_version TEXT NOT NULL,\n"
	"  fcm_token TEXT NOT NULL,\n"
	"  enrolled_ms INTEGER NOT NULL,\n"
	"  last_seen_ms INTEGER NOT NULL,\n"
	"  unenrolled_ms INTEGER NOT NULL,\n"
	"  version_base INTEGER NOT NULL,\n"
	"  changes INTEGER NOT NULL,\n"
	"  applied_version INTEGER NOT NULL,\n"
	"  judged_version INTEGER NOT NULL,\n"
	"  lag INTEGER NOT NULL,\n"
	"  reported INTEGER NOT NULL,\n"
	"  satisfied INTEGER NOT NULL,\n"
	"  revision INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE UNIQUE INDEX device_by_token ON device(token_hash) WHERE token_hash <> x'';\n"
	"CREATE UNIQUE INDEX device_by_external ON device(channel, external_id) WHERE external_id <> '';\n"
	"CREATE INDEX device_by_org ON device(org_id, unenrolled_ms);\n"
	"CREATE INDEX device_by_fleet ON device(fleet_id, unenrolled_ms);\n"
	"CREATE INDEX device_by_serial ON device(org_id, serial);\n"
	"CREATE INDEX device_by_parent ON device(parent_id);\n"
	"CREATE INDEX device_by_verdict ON device(fleet_id, satisfied, lag)\n"
	"  WHERE reported = 1 AND unenrolled_ms = 0;\n"
	"CREATE INDEX device_unknown ON device(org_id) WHERE reported = 0 AND unenrolled_ms = 0;\n"
	"CREATE INDEX device_uncertain ON device(org_id) WHERE applied_version > judged_version;\n"
	"CREATE INDEX device_by_class ON device(org_id, kind, channel) WHERE unenrolled_ms = 0;\n"
	"CREATE INDEX device_fcm ON device(org_id) WHERE fcm_token <> '';\n"
	"CREATE TABLE attribute(\n"
	"  device_id INTEGER NOT NULL,\n"
	"  name TEXT NOT NULL,\n"
	"  value TEXT NOT NULL,\n"
	"  changed_ms INTEGER NOT NULL,\n"
	"  PRIMARY KEY(device_id, name)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE setting(\n"
	"  scope TEXT NOT NULL,\n"
	"  scope_id INTEGER NOT NULL,\n"
	"  name TEXT NOT NULL,\n"
	"  level TEXT NOT NULL,\n"
	"  value_json TEXT NOT NULL,\n"
	"  changed_ms INTEGER NOT NULL,\n"
	"  actor TEXT NOT NULL,\n"
	"  PRIMARY KEY(scope, scope_id, name)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX setting_by_name ON setting(name);\n"
	"CREATE TABLE report(\n"
	"  device_id INTEGER PRIMARY KEY NOT NULL,\n"
	"  received_ms INTEGER NOT NULL,\n"
	"  applied_version INTEGER NOT NULL,\n"
	"  observed_json TEXT NOT NULL,\n"
	"  raw_json TEXT NOT NULL\n"
	") STRICT;\n"
	"CREATE TABLE inventory(\n"
	"  device_id INTEGER NOT NULL,\n"
	"  section TEXT NOT NULL,\n"
	"  body_json TEXT NOT NULL,\n"
	"  received_ms INTEGER NOT NULL,\n"
	"  PRIMARY KEY(device_id, section)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE TABLE command(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  device_id INTEGER NOT NULL,\n"
	"  type TEXT NOT NULL,\n"
	"  params_json TEXT NOT NULL,\n"
	"  state TEXT NOT NULL,\n"
	"  finished INTEGER NOT NULL,\n"
	"  idempotency_key TEXT NOT NULL,\n"
	"  actor TEXT NOT NULL,\n"
	"  message TEXT NOT NULL,\n"
	"  result_json TEXT NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  expires_ms INTEGER NOT NULL,\n"
	"  sent_ms INTEGER NOT NULL,\n"
	"  acknowledged_ms INTEGER NOT NULL,\n"
	"  finished_ms INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE INDEX command_by_org ON command(org_id, finished);\n"
	"CREATE INDEX command_by_device ON command(device_id, finished);\n"
	"CREATE INDEX command_by_expiry ON command(finished, expires_ms);\n"
	"CREATE UNIQUE INDEX command_by_key ON command(org_id, device_id, idempotency_key) WHERE idempotency_key <> '';\n"
	"CREATE TABLE task(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  device_id INTEGER NOT NULL,\n"
	"  setting TEXT NOT NULL,\n"
	"  item TEXT NOT NULL,\n"
	"  state TEXT NOT NULL,\n"
	"  progress INTEGER NOT NULL,\n"
	"  message TEXT NOT NULL,\n"
	"  changed_ms INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE UNIQUE INDEX task_by_device ON task(device_id, item, setting) WHERE setting <> '';\n"
	"CREATE TABLE event(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  at_ms INTEGER NOT NULL,\n"
	"  type TEXT NOT NULL,\n"
	"  actor TEXT NOT NULL,\n"
	"  fleet_id INTEGER NOT NULL,\n"
	"  device_id INTEGER NOT NULL,\n"
	"  object TEXT NOT NULL,\n"
	"  before_json TEXT NOT NULL,\n"
	"  after_json TEXT NOT NULL\n"
	") STRICT;\n"
	"CREATE INDEX event_by_org ON event(org_id);\n"
	"CREATE INDEX event_by_device ON event(device_id);\n"
	"CREATE TABLE enrollment_token(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  fleet_id INTEGER NOT NULL,\n"
	"  kind TEXT NOT NULL,\n"
	"  token_hash BLOB NOT NULL,\n"
	"  hint TEXT NOT NULL,\n"
	"  email TEXT NOT NULL,\n"
	"  uses_max INTEGER NOT NULL,\n"
	"  uses INTEGER NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  expires_ms INTEGER NOT NULL,\n"
	"  revoked_ms INTEGER NOT NULL,\n"
	"  actor TEXT NOT NULL\n"
	") STRICT;\n"
	"CREATE UNIQUE INDEX enrollment_token_by_token ON enrollment_token(token_hash) WHERE token_hash <> x'';\n"
	"CREATE TABLE api_token(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  name TEXT NOT NULL,\n"
	"  token_hash BLOB NOT NULL,\n"
	"  scopes TEXT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  expires_ms INTEGER NOT NULL,\n"
	"  revoked_ms INTEGER NOT NULL,\n"
	"  last_used_ms INTEGER NOT NULL,\n"
	"  actor TEXT NOT NULL\n"
	") STRICT;\n"
	"CREATE UNIQUE INDEX api_token_by_token ON api_token(token_hash) WHERE token_hash <> x'';\n"
	"CREATE TABLE administrator(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  name TEXT NOT NULL,\n"
	"  password TEXT NOT NULL,\n"
	"  scopes TEXT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  disabled_ms INTEGER NOT NULL,\n"
	"  last_login_ms INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE UNIQUE INDEX administrator_by_name ON administrator(name) WHERE name <> '';\n"
	"CREATE TABLE session(\n"
	"  token_hash BLOB NOT NULL,\n"
	"  administrator_id INTEGER NOT NULL,\n"
	"  csrf_token TEXT NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  expires_ms INTEGER NOT NULL,\n"
	"  PRIMARY KEY(token_hash)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX session_by_expiry ON session(expires_ms);\n"
	"CREATE INDEX session_by_administrator ON session(administrator_id);\n"
	"CREATE TABLE idempotency(\n"
	"  actor TEXT NOT NULL,\n"
	"  key TEXT NOT NULL,\n"
	"  request_hash BLOB NOT NULL,\n"
	"  status INTEGER NOT NULL,\n"
	"  body_json TEXT NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  PRIMARY KEY(actor, key)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX idempotency_by_age ON idempotency(created_ms);\n"
	"CREATE TABLE signing_key(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  purpose TEXT NOT NULL,\n"
	"  version INTEGER NOT NULL,\n"
	"  public_pem TEXT NOT NULL,\n"
	"  private_file TEXT NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  retired_ms INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE UNIQUE INDEX signing_key_by_version ON signing_key(org_id, purpose, version);\n"
	"CREATE TABLE file(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  kind TEXT NOT NULL,\n"
	"  name TEXT NOT NULL,\n"
	"  version INTEGER NOT NULL,\n"
	"  sha256 TEXT NOT NULL,\n"
	"  size INTEGER NOT NULL,\n"
	"  content_type TEXT NOT NULL,\n"
	"  package TEXT NOT NULL,\n"
	"  package_version TEXT NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  actor TEXT NOT NULL\n"
	") STRICT;\n"
	"CREATE UNIQUE INDEX file_by_name ON file(org_id, kind, name) WHERE name <> '';\n"
	"CREATE INDEX file_by_sha256 ON file(sha256);\n"
	"CREATE TABLE counter(\n"
	"  name TEXT NOT NULL,\n"
	"  value INTEGER NOT NULL,\n"
	"  PRIMARY KEY(name)\n"
	") STRICT, WITHOUT ROWID;\n",
	/* 1 -> 2: the Flyve channel */
	"ALTER TABLE task ADD COLUMN wire_id INTEGER NOT NULL DEFAULT 0;\n"
	"CREATE TABLE flyve_agent(\n"
	"  device_id INTEGER NOT NULL,\n"
	"  uuid TEXT NOT NULL,\n"
	"  dialect INTEGER NOT NULL,\n"
	"  fleet_id INTEGER NOT NULL,\n"
	"  confirms INTEGER NOT NULL,\n"
	"  invitation_id INTEGER NOT NULL,\n"
	"  PRIMARY KEY(device_id)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX flyve_agent_by_fleet ON flyve_agent(fleet_id, dialect, device_id);\n"
	"CREATE TABLE flyve_task(\n"
	"  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  fleet_id INTEGER NOT NULL,\n"
	"  device_id INTEGER NOT NULL,\n"
	"  setting TEXT NOT NULL,\n"
	"  item TEXT NOT NULL,\n"
	"  entry_json TEXT NOT NULL,\n"
	"  removal_json TEXT NOT NULL,\n"
	"  left INTEGER NOT NULL,\n"
	"  neutral INTEGER NOT NULL,\n"
	"  created_ms INTEGER NOT NULL\n"
	") STRICT;\n"
	"CREATE INDEX flyve_task_by_scope ON flyve_task(fleet_id, device_id);\n"
	"CREATE TABLE retained(\n"
	"  topic TEXT NOT NULL,\n"
	"  org_id INTEGER NOT NULL,\n"
	"  fleet_id INTEGER NOT NULL,\n"
	"  device_id INTEGER NOT NULL,\n"
	"  command_id INTEGER NOT NULL,\n"
	"  qos INTEGER NOT NULL,\n"
	"  payload TEXT NOT NULL,\n"
	"  published INTEGER NOT NULL,\n"
	"  changed_ms INTEGER NOT NULL,\n"
	"  PRIMARY KEY(topic)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX retained_by_scope ON retained(fleet_id, device_id);\n"
	"CREATE INDEX retained_by_published ON retained(published);\n"
	"CREATE TABLE flyve_invitation(\n"
	"  enrollment_token_id INTEGER NOT NULL,\n"
	"  user_token_hash BLOB NOT NULL,\n"
	"  PRIMARY KEY(enrollment_token_id)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE UNIQUE INDEX flyve_invitation_by_user_token ON flyve_invitation(user_token_hash)"
	" WHERE user_token_hash <> x'';\n"
	"CREATE TABLE flyve_session(\n"
	"  token_hash BLOB NOT NULL,\n"
	"  enrollment_token_id INTEGER NOT NULL,\n"
	"  device_id INTEGER NOT NULL,\n"
	"  expires_ms INTEGER NOT NULL,\n"
	"  PRIMARY KEY(token_hash)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX flyve_session_by_expiry ON flyve_session(expires_ms);\n"
	"CREATE INDEX flyve_session_by_device ON flyve_session(device_id);\n",
	/* 2 -> 3: samples and raw reports */
	"CREATE TABLE sample(\n"
	"  device_id INTEGER NOT NULL,\n"
	"  name TEXT NOT NULL,\n"
	"  at_ms INTEGER NOT NULL,\n"
	"  value INTEGER NOT NULL,\n"
	"  PRIMARY KEY(device_id, name, at_ms)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX sample_by_age ON sample(at_ms);\n"
	"CREATE TABLE raw_report(\n"
	"  device_id INTEGER NOT NULL,\n"
	"  kind TEXT NOT NULL,\n"
	"  body BLOB NOT NULL,\n"
	"  size INTEGER NOT NULL,\n"
	"  received_ms INTEGER NOT NULL,\n"
	"  PRIMARY KEY(device_id, kind)\n"
	") STRICT, WITHOUT ROWID;\n",
	/* 3 -> 4: the Chrome channel */
	"CREATE TABLE device_token(\n"
	"  token_hash BLOB NOT NULL,\n"
	"  device_id INTEGER NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  retired_ms INTEGER NOT NULL,\n"
	"  PRIMARY KEY(token_hash)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX device_token_by_device ON device_token(device_id, created_ms);\n"
	"CREATE TABLE state_key(\n"
	"  hash BLOB NOT NULL,\n"
	"  bucket INTEGER NOT NULL,\n"
	"  device_id INTEGER NOT NULL,\n"
	"  PRIMARY KEY(hash)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX state_key_by_bucket ON state_key(bucket, device_id);\n"
	"CREATE INDEX state_key_by_device ON state_key(device_id);\n"
	"CREATE TABLE pairing(\n"
	"  host_id INTEGER NOT NULL,\n"
	"  controller_id INTEGER NOT NULL,\n"
	"  created_ms INTEGER NOT NULL,\n"
	"  PRIMARY KEY(host_id, controller_id)\n"
	") STRICT, WITHOUT ROWID;\n"
	"CREATE INDEX pairing_by_controller ON pairing(controller_id);\n",
	/* 4 -> 5: a Flyve agent's dialect may be chosen */
	"ALTER TABLE flyve_agent ADD COLUMN said INTEGER NOT NULL DEFAULT 0;\n"
	"ALTER TABLE flyve_agent ADD COLUMN root INTEGER NOT NULL DEFAULT 0;\n"
	"UPDATE flyve_agent SET said = dialect, root = dialect;\n",
};
_Static_assert(ARRAY_SIZE(migrations) == SQLITE_SCHEMA_VERSION, "one migration a version");

static int read_number(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		*ret = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return sqlite_result(rc);
}

/* Ours, or empty; anything else is somebody else's file. */
static int check_owner(sqlite3 *db, int64_t version, struct error *err)
{
	int64_t application = 0, n_objects = 0;
	char ours[24];
	int r = read_number(db, "PRAGMA application_id", &application);
	if (r == 0)
		r = read_number(db, "SELECT count(*) FROM sqlite_schema", &n_objects);
	if (r)
		return r;
	snprintf(ours, sizeof ours, "%" PRId64, application);
	if (version > 0 ? strcmp(ours, APPLICATION_ID) == 0 : version == 0 && n_objects == 0)
		return 0;
	return error_set(err, ERR_INVALID, "the file is not a Reeve store");
}

static int run_script(sqlite3 *db, const char *sql)
{
	return sqlite_result(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

/* In one transaction: the script and the number. */
static int migrate_from(sqlite3 *db, int64_t version)
{
	char set_version[64];
	snprintf(set_version, sizeof set_version, "PRAGMA user_version = %" PRId64 "; COMMIT",
		 version + 1);
	int r = run_script(db, "BEGIN IMMEDIATE");
	if (r)
		return r;
	r = run_script(db, migrations[version]);
	if (r == 0)
		r = run_script(db, set_version);
	if (r)
		(void)run_script(db, "ROLLBACK");
	return r;
}

int sqlite_migrate(sqlite3 *db, struct error *err)
{
	int64_t version = 0;
	int r = read_number(db, "PRAGMA user_version", &version);
	if (r == 0)
		r = check_owner(db, version, err);
	if (r)
		return r;
	if (version > SQLITE_SCHEMA_VERSION)
		return error_set(err, ERR_CONFLICT,
				 "the store was written by a newer Reeve (version %" PRId64
				 ", this one knows versions up to %d)",
				 version, SQLITE_SCHEMA_VERSION);
	for (; version < SQLITE_SCHEMA_VERSION && r == 0; version++)
		r = migrate_from(db, version);
	return r;
}
