PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE organization(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  name TEXT NOT NULL,
  domain TEXT NOT NULL,
  config_json TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO organization VALUES(1,'acme','acme.example','{}',1000000,1);
CREATE TABLE fleet(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  org_id INTEGER NOT NULL,
  parent_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  changes INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO fleet VALUES(1,1,0,'default',0,1000000,1);
INSERT INTO fleet VALUES(2,1,1,'Sales',1,1000000,2);
CREATE TABLE device(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  org_id INTEGER NOT NULL,
  fleet_id INTEGER NOT NULL,
  parent_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  channel TEXT NOT NULL,
  serial TEXT NOT NULL,
  external_id TEXT NOT NULL,
  token_hash BLOB NOT NULL,
  model TEXT NOT NULL,
  os_version TEXT NOT NULL,
  agent_version TEXT NOT NULL,
  fcm_token TEXT NOT NULL,
  enrolled_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL,
  unenrolled_ms INTEGER NOT NULL,
  version_base INTEGER NOT NULL,
  changes INTEGER NOT NULL,
  applied_version INTEGER NOT NULL,
  judged_version INTEGER NOT NULL,
  lag INTEGER NOT NULL,
  reported INTEGER NOT NULL,
  satisfied INTEGER NOT NULL,
  revision INTEGER NOT NULL
) STRICT;
INSERT INTO device VALUES(1,1,2,0,'pc1','linux','device','pc1','1',X'','','','','',1000000,1000000,0,1,1,3,3,1,1,1,2);
INSERT INTO device VALUES(2,1,1,0,'pc2','linux','device','pc2','2',X'','','','','',1000000,1000000,0,1,0,0,0,-1,0,0,1);
CREATE TABLE attribute(
  device_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  changed_ms INTEGER NOT NULL,
  PRIMARY KEY(device_id, name)
) STRICT, WITHOUT ROWID;
INSERT INTO attribute VALUES(1,'hostname','pc1',1000000);
CREATE TABLE setting(
  scope TEXT NOT NULL,
  scope_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  level TEXT NOT NULL,
  value_json TEXT NOT NULL,
  changed_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  PRIMARY KEY(scope, scope_id, name)
) STRICT, WITHOUT ROWID;
INSERT INTO setting VALUES('device',1,'wifi.disabled','mandatory','false',1000000,'admin:test');
INSERT INTO setting VALUES('fleet',2,'camera.disabled','mandatory','true',1000000,'admin:test');
CREATE TABLE report(
  device_id INTEGER PRIMARY KEY NOT NULL,
  received_ms INTEGER NOT NULL,
  applied_version INTEGER NOT NULL,
  observed_json TEXT NOT NULL,
  raw_json TEXT NOT NULL
) STRICT;
INSERT INTO report VALUES(1,1000000,3,'{"camera.disabled":{"value":true,"state":"applied"},"wifi.disabled":{"value":false,"state":"applied"}}','');
CREATE TABLE inventory(
  device_id INTEGER NOT NULL,
  section TEXT NOT NULL,
  body_json TEXT NOT NULL,
  received_ms INTEGER NOT NULL,
  PRIMARY KEY(device_id, section)
) STRICT, WITHOUT ROWID;
INSERT INTO inventory VALUES(1,'os','{"name":"Debian"}',1000000);
CREATE TABLE command(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  org_id INTEGER NOT NULL,
  device_id INTEGER NOT NULL,
  type TEXT NOT NULL,
  params_json TEXT NOT NULL,
  state TEXT NOT NULL,
  finished INTEGER NOT NULL,
  idempotency_key TEXT NOT NULL,
  actor TEXT NOT NULL,
  message TEXT NOT NULL,
  result_json TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  sent_ms INTEGER NOT NULL,
  acknowledged_ms INTEGER NOT NULL,
  finished_ms INTEGER NOT NULL
) STRICT;
INSERT INTO command VALUES(1,1,1,'ping','{}','done',1,'k','admin:test','ok','',1000000,1600000,1000000,0,1000000);
CREATE TABLE task(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  device_id INTEGER NOT NULL,
  setting TEXT NOT NULL,
  item TEXT NOT NULL,
  state TEXT NOT NULL,
  progress INTEGER NOT NULL,
  message TEXT NOT NULL,
  changed_ms INTEGER NOT NULL
, wire_id INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO task VALUES(1,1,'files.deploy','1','done',100,'',0,0);
CREATE TABLE event(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  org_id INTEGER NOT NULL,
  at_ms INTEGER NOT NULL,
  type TEXT NOT NULL,
  actor TEXT NOT NULL,
  fleet_id INTEGER NOT NULL,
  device_id INTEGER NOT NULL,
  object TEXT NOT NULL,
  before_json TEXT NOT NULL,
  after_json TEXT NOT NULL
) STRICT;
INSERT INTO event VALUES(1,1,1000000,'organization.created','admin:test',0,0,'acme','','{"id":1,"name":"acme","domain":"acme.example","config":{},"created_ms":1000000}');
INSERT INTO event VALUES(2,1,1000000,'fleet.created','admin:test',2,0,'Sales','','{"id":2,"org_id":1,"parent_id":1,"name":"Sales","created_ms":1000000}');
INSERT INTO event VALUES(3,1,1000000,'device.enrolled','admin:test',2,1,'pc1','','{"id":1,"org_id":1,"fleet_id":2,"parent_id":0,"name":"pc1","kind":"linux","channel":"device","serial":"pc1","external_id":"1","model":"","os_version":"","agent_version":"","enrolled_ms":1000000,"unenrolled_ms":0}');
INSERT INTO event VALUES(4,1,1000000,'device.enrolled','admin:test',1,2,'pc2','','{"id":2,"org_id":1,"fleet_id":1,"parent_id":0,"name":"pc2","kind":"linux","channel":"device","serial":"pc2","external_id":"2","model":"","os_version":"","agent_version":"","enrolled_ms":1000000,"unenrolled_ms":0}');
INSERT INTO event VALUES(5,1,1000000,'setting.set','admin:test',2,0,'camera.disabled','','{"value":true,"level":"mandatory"}');
INSERT INTO event VALUES(6,1,1000000,'setting.set','admin:test',2,1,'wifi.disabled','','{"value":false,"level":"mandatory"}');
INSERT INTO event VALUES(7,1,1000000,'device.verdict','device:1',2,1,'pc1','{"verdict":"UNKNOWN"}','{"verdict":"COMPLIANT","version":3,"applied_version":3}');
INSERT INTO event VALUES(8,1,1000000,'command.queued','admin:test',0,1,'1','','{"id":1,"type":"ping","state":"queued","message":""}');
INSERT INTO event VALUES(9,1,1000000,'command.sent','reeved',0,1,'1','{"state":"queued"}','{"id":1,"type":"ping","state":"sent","message":""}');
INSERT INTO event VALUES(10,1,1000000,'command.done','device:1',0,1,'1','{"state":"sent"}','{"id":1,"type":"ping","state":"done","message":"ok"}');
INSERT INTO event VALUES(11,1,1000000,'enrollment_token.created','admin:test',1,0,'1','','{"id":1,"org_id":1,"fleet_id":1,"kind":"agent","hint":"","email":"","uses_max":0,"uses":0,"created_ms":1000000,"expires_ms":0,"revoked_ms":0,"actor":"admin:test"}');
INSERT INTO event VALUES(12,0,1000000,'api_token.created','admin:test',0,0,'ci','','{"id":1,"name":"ci","scopes":"read","org_id":0,"created_ms":1000000,"expires_ms":0,"revoked_ms":0,"last_used_ms":0,"actor":"admin:test"}');
INSERT INTO event VALUES(13,0,1000000,'administrator.created','admin:test',0,0,'ann','','{"id":1,"name":"ann","scopes":"*","org_id":0,"created_ms":1000000,"disabled_ms":0,"last_login_ms":0}');
INSERT INTO event VALUES(14,0,1000000,'session.created','admin:test',0,0,'ann','','');
INSERT INTO event VALUES(15,1,1000000,'key.rotated','admin:test',0,0,'policy','','{"id":1,"org_id":1,"purpose":"policy","version":1,"public_pem":"pem","created_ms":1000000,"retired_ms":0}');
INSERT INTO event VALUES(16,1,1000000,'file.created','admin:test',0,0,'motd','','{"id":1,"org_id":1,"kind":"file","name":"motd","version":1,"sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":3,"content_type":"","package":"","package_version":"","created_ms":1000000,"actor":"admin:test"}');
CREATE TABLE enrollment_token(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  org_id INTEGER NOT NULL,
  fleet_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  token_hash BLOB NOT NULL,
  hint TEXT NOT NULL,
  email TEXT NOT NULL,
  uses_max INTEGER NOT NULL,
  uses INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  revoked_ms INTEGER NOT NULL,
  actor TEXT NOT NULL
) STRICT;
INSERT INTO enrollment_token VALUES(1,1,1,'agent',X'3031323334353637383961626364656630313233343536373839616263646566','','',0,0,1000000,0,0,'admin:test');
CREATE TABLE api_token(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  name TEXT NOT NULL,
  token_hash BLOB NOT NULL,
  scopes TEXT NOT NULL,
  org_id INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  revoked_ms INTEGER NOT NULL,
  last_used_ms INTEGER NOT NULL,
  actor TEXT NOT NULL
) STRICT;
INSERT INTO api_token VALUES(1,'ci',X'3131323334353637383961626364656630313233343536373839616263646566','read',0,1000000,0,0,0,'admin:test');
CREATE TABLE administrator(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  name TEXT NOT NULL,
  password TEXT NOT NULL,
  scopes TEXT NOT NULL,
  org_id INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  disabled_ms INTEGER NOT NULL,
  last_login_ms INTEGER NOT NULL
) STRICT;
INSERT INTO administrator VALUES(1,'ann','$scrypt$ln=15,r=8,p=1$x$y','*',0,1000000,0,1000000);
CREATE TABLE session(
  token_hash BLOB NOT NULL,
  administrator_id INTEGER NOT NULL,
  csrf_token TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  PRIMARY KEY(token_hash)
) STRICT, WITHOUT ROWID;
INSERT INTO session VALUES(X'3231323334353637383961626364656630313233343536373839616263646566',1,'c',1,9);
CREATE TABLE idempotency(
  actor TEXT NOT NULL,
  key TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  status INTEGER NOT NULL,
  body_json TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY(actor, key)
) STRICT, WITHOUT ROWID;
INSERT INTO idempotency VALUES('token:ci','k',X'78',201,'{}',1);
CREATE TABLE signing_key(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  org_id INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  version INTEGER NOT NULL,
  public_pem TEXT NOT NULL,
  private_file TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  retired_ms INTEGER NOT NULL
) STRICT;
INSERT INTO signing_key VALUES(1,1,'policy',1,'pem','policy-1.pem',1000000,0);
CREATE TABLE file(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  org_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  sha256 TEXT NOT NULL,
  size INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  package TEXT NOT NULL,
  package_version TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  actor TEXT NOT NULL
) STRICT;
INSERT INTO file VALUES(1,1,'file','motd',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',3,'','','',1000000,'admin:test');
CREATE TABLE counter(
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY(name)
) STRICT, WITHOUT ROWID;
INSERT INTO counter VALUES('follower.webhook',3);
CREATE TABLE flyve_agent(
  device_id INTEGER NOT NULL,
  uuid TEXT NOT NULL,
  dialect INTEGER NOT NULL,
  fleet_id INTEGER NOT NULL,
  confirms INTEGER NOT NULL,
  invitation_id INTEGER NOT NULL,
  PRIMARY KEY(device_id)
) STRICT, WITHOUT ROWID;
INSERT INTO flyve_agent VALUES(2,'u',1,1,0,1);
CREATE TABLE flyve_task(
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  org_id INTEGER NOT NULL,
  fleet_id INTEGER NOT NULL,
  device_id INTEGER NOT NULL,
  setting TEXT NOT NULL,
  item TEXT NOT NULL,
  entry_json TEXT NOT NULL,
  removal_json TEXT NOT NULL,
  left INTEGER NOT NULL,
  neutral INTEGER NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;
INSERT INTO flyve_task VALUES(1,1,1,0,'camera.disabled','','{"disableCamera":"true"}','',0,0,1000000);
CREATE TABLE retained(
  topic TEXT NOT NULL,
  org_id INTEGER NOT NULL,
  fleet_id INTEGER NOT NULL,
  device_id INTEGER NOT NULL,
  command_id INTEGER NOT NULL,
  qos INTEGER NOT NULL,
  payload TEXT NOT NULL,
  published INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  PRIMARY KEY(topic)
) STRICT, WITHOUT ROWID;
INSERT INTO retained VALUES('/0/fleet/1/camera',1,1,0,0,1,'{"camera":[]}',1,1000000);
CREATE TABLE flyve_invitation(
  enrollment_token_id INTEGER NOT NULL,
  user_token_hash BLOB NOT NULL,
  PRIMARY KEY(enrollment_token_id)
) STRICT, WITHOUT ROWID;
INSERT INTO flyve_invitation VALUES(1,X'3331323334353637383961626364656630313233343536373839616263646566');
CREATE TABLE flyve_session(
  token_hash BLOB NOT NULL,
  enrollment_token_id INTEGER NOT NULL,
  device_id INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  PRIMARY KEY(token_hash)
) STRICT, WITHOUT ROWID;
INSERT INTO flyve_session VALUES(X'3431323334353637383961626364656630313233343536373839616263646566',1,2,1000000);
CREATE TABLE sample(
  device_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY(device_id, name, at_ms)
) STRICT, WITHOUT ROWID;
INSERT INTO sample VALUES(1,'cpu.used_percent',960000,7);
CREATE TABLE raw_report(
  device_id INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body BLOB NOT NULL,
  size INTEGER NOT NULL,
  received_ms INTEGER NOT NULL,
  PRIMARY KEY(device_id, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO raw_report VALUES(1,'status',X'0a',1,1000000);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('organization',1);
INSERT INTO sqlite_sequence VALUES('fleet',2);
INSERT INTO sqlite_sequence VALUES('event',16);
INSERT INTO sqlite_sequence VALUES('device',2);
INSERT INTO sqlite_sequence VALUES('command',1);
INSERT INTO sqlite_sequence VALUES('task',1);
INSERT INTO sqlite_sequence VALUES('enrollment_token',1);
INSERT INTO sqlite_sequence VALUES('api_token',1);
INSERT INTO sqlite_sequence VALUES('administrator',1);
INSERT INTO sqlite_sequence VALUES('signing_key',1);
INSERT INTO sqlite_sequence VALUES('file',1);
INSERT INTO sqlite_sequence VALUES('flyve_task',1);
CREATE UNIQUE INDEX organization_by_name ON organization(name) WHERE name <> '';
CREATE UNIQUE INDEX fleet_by_parent_name ON fleet(org_id, parent_id, name) WHERE name <> '';
CREATE UNIQUE INDEX device_by_token ON device(token_hash) WHERE token_hash <> x'';
CREATE UNIQUE INDEX device_by_external ON device(channel, external_id) WHERE external_id <> '';
CREATE INDEX device_by_org ON device(org_id, unenrolled_ms);
CREATE INDEX device_by_fleet ON device(fleet_id, unenrolled_ms);
CREATE INDEX device_by_serial ON device(org_id, serial);
CREATE INDEX device_by_parent ON device(parent_id);
CREATE INDEX device_by_verdict ON device(fleet_id, satisfied, lag)
  WHERE reported = 1 AND unenrolled_ms = 0;
CREATE INDEX device_unknown ON device(org_id) WHERE reported = 0 AND unenrolled_ms = 0;
CREATE INDEX device_uncertain ON device(org_id) WHERE applied_version > judged_version;
CREATE INDEX device_by_class ON device(org_id, kind, channel) WHERE unenrolled_ms = 0;
CREATE INDEX device_fcm ON device(org_id) WHERE fcm_token <> '';
CREATE INDEX setting_by_name ON setting(name);
CREATE INDEX command_by_org ON command(org_id, finished);
CREATE INDEX command_by_device ON command(device_id, finished);
CREATE INDEX command_by_expiry ON command(finished, expires_ms);
CREATE UNIQUE INDEX command_by_key ON command(org_id, device_id, idempotency_key) WHERE idempotency_key <> '';
CREATE UNIQUE INDEX task_by_device ON task(device_id, item, setting) WHERE setting <> '';
CREATE INDEX event_by_org ON event(org_id);
CREATE INDEX event_by_device ON event(device_id);
CREATE UNIQUE INDEX enrollment_token_by_token ON enrollment_token(token_hash) WHERE token_hash <> x'';
CREATE UNIQUE INDEX api_token_by_token ON api_token(token_hash) WHERE token_hash <> x'';
CREATE UNIQUE INDEX administrator_by_name ON administrator(name) WHERE name <> '';
CREATE INDEX session_by_expiry ON session(expires_ms);
CREATE INDEX session_by_administrator ON session(administrator_id);
CREATE INDEX idempotency_by_age ON idempotency(created_ms);
CREATE UNIQUE INDEX signing_key_by_version ON signing_key(org_id, purpose, version);
CREATE UNIQUE INDEX file_by_name ON file(org_id, kind, name) WHERE name <> '';
CREATE INDEX file_by_sha256 ON file(sha256);
CREATE INDEX flyve_agent_by_fleet ON flyve_agent(fleet_id, dialect, device_id);
CREATE INDEX flyve_task_by_scope ON flyve_task(fleet_id, device_id);
CREATE INDEX retained_by_scope ON retained(fleet_id, device_id);
CREATE INDEX retained_by_published ON retained(published);
CREATE UNIQUE INDEX flyve_invitation_by_user_token ON flyve_invitation(user_token_hash) WHERE user_token_hash <> x'';
CREATE INDEX flyve_session_by_expiry ON flyve_session(expires_ms);
CREATE INDEX flyve_session_by_device ON flyve_session(device_id);
CREATE INDEX sample_by_age ON sample(at_ms);
COMMIT;
