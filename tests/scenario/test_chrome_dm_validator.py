# SPDX-License-Identifier: Apache-2.0
"""The judge judged: a small reference server signs policies, every part of them is spoilt in turn, and the validator
must say what a client says."""
import functools

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from chrome_proto import seed, settings, today
from chrome_validator import HASHES, SEED, SHA1, SHA256, TODAY, Expected, Key, Status, Validator, domain_of

NOW = 1_700_000_000_000
TYPE = "google/chrome/machine-level-user"
EXTENSION_TYPE = "google/chrome/machine-level-extension"
EXTENSION = "a" * 32
VERIFICATION, FIRST, SECOND, STRANGER = range(4)


@functools.lru_cache(maxsize=None)
def private(n):
    del n
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def spki(n):
    return private(n).public_key().public_bytes(serialization.Encoding.DER,
                                                serialization.PublicFormat.SubjectPublicKeyInfo)


def sign(n, data, hash_type):
    return private(n).sign(data, padding.PKCS1v15(), HASHES[hash_type]())


class Answer:
    """A PolicyFetchResponse in the making: change 'data' and the rest, then take bytes()."""

    def __init__(self, era=TODAY, key=FIRST, old=None, new=True, hash_type=None):
        self.era, self.key, self.old = era, key, old
        self.new = new or old is not None
        self.hash_type = hash_type or (SHA1 if era is SEED else SHA256)
        self.domain = "example.net"
        self.verification = VERIFICATION
        value = settings.CloudPolicySettings()
        value.ShowHomeButton.value = True
        self.data = era.proto.PolicyData(
            policy_type=TYPE, timestamp=NOW, request_token="token", policy_value=value.SerializeToString(),
            public_key_version=key, username="policy@example.net", device_id="device", policy_token="p")
        self.raw_data = None
        self.change = lambda response: None

    def response(self):
        data = self.data.SerializeToString() if self.raw_data is None else self.raw_data
        r = self.era.proto.PolicyFetchResponse(policy_data=data,
                                               policy_data_signature=sign(self.key, data, self.hash_type))
        if self.era is TODAY:
            r.policy_data_signature_type = self.hash_type
        if self.new:
            self._new_key(r)
        self.change(r)
        return r

    def _new_key(self, r):
        r.new_public_key = spki(self.key)
        if self.old is not None:
            r.new_public_key_signature = sign(self.old, r.new_public_key, self.hash_type)
        blob = today.PublicKeyAndDomain(new_public_key=r.new_public_key, domain=self.domain).SerializeToString()
        signature = sign(self.verification, blob, SHA256)
        if self.era is SEED:
            r.new_public_key_verification_signature = signature
            return
        r.new_public_key_verification_signature_deprecated = signature
        r.new_public_key_verification_data = today.PublicKeyVerificationData(
            new_public_key=r.new_public_key, domain=self.domain, new_public_key_version=1).SerializeToString()
        r.new_public_key_verification_data_signature = sign(
            self.verification, r.new_public_key_verification_data, SHA256)

    def bytes(self):
        return self.response().SerializeToString()


def expected(**more):
    return Expected(**dict(dict(policy_type=TYPE, dm_token="token", device_id="device"), **more))


@pytest.fixture(params=[SEED, TODAY], ids=["seed", "today"])
def era(request):
    return request.param


def validator(era):
    return Validator(era, spki(VERIFICATION), now_ms=lambda: NOW)


def first_key(era):
    status, _, key = validator(era).fetched(Answer(era).bytes(), expected())
    assert status == Status.OK
    return key


# ---- what is accepted ----

def test_initial_same_and_rotated_key(era):
    v = validator(era)
    first = first_key(era)
    assert first.spki == spki(FIRST) and first.version == FIRST
    status, data, same = v.fetched(Answer(era, new=False).bytes(), expected(timestamp=NOW), first)
    assert status == Status.OK and same == first and data.username == "policy@example.net"
    status, _, second = v.fetched(Answer(era, key=SECOND, old=FIRST).bytes(), expected(), first)
    assert status == Status.OK and second.spki == spki(SECOND) and second.version == SECOND
    assert v.fetched(Answer(era, key=SECOND, new=False).bytes(), expected(), second)[0] == Status.OK


def test_from_disk(era):
    v = validator(era)
    first = first_key(era)
    answer = Answer(era).bytes()  # as it was fetched, with the new key in it
    assert v.cached(answer, expected(), first)[0] == Status.OK
    other = Validator(era, spki(STRANGER), now_ms=lambda: NOW)
    assert other.cached(answer, expected(), first)[0] == Status.BAD_KEY_VERIFICATION_SIGNATURE
    assert v.cached(Answer(era, key=SECOND, old=FIRST).bytes(), expected(), first)[0] == Status.BAD_SIGNATURE


def test_today_follows_the_hash_of_the_answer():
    v = validator(TODAY)
    assert v.fetched(Answer(hash_type=SHA1).bytes(), expected())[0] == Status.OK
    untyped = Answer(hash_type=SHA1)
    untyped.change = lambda r: r.ClearField("policy_data_signature_type")
    assert v.fetched(untyped.bytes(), expected())[0] == Status.OK
    for hash_type, said in ((SHA256, None), (SHA256, SHA1), (SHA1, SHA256), (SHA256, 0)):
        answer = Answer(hash_type=hash_type)

        def lie(r, said=said):
            r.ClearField("policy_data_signature_type")
            if said is not None:
                r.policy_data_signature_type = said

        answer.change = lie
        assert v.fetched(answer.bytes(), expected())[0] == Status.BAD_INITIAL_SIGNATURE


def test_the_seed_knows_sha1_only():
    assert validator(SEED).fetched(Answer(SEED, hash_type=SHA256).bytes(), expected())[0] == \
        Status.BAD_INITIAL_SIGNATURE


@pytest.mark.parametrize("gone", [
    ("new_public_key_verification_signature_deprecated",),
    ("new_public_key_verification_data", "new_public_key_verification_data_signature"),
])
def test_today_takes_either_voucher(gone):
    answer = Answer()
    answer.change = lambda r: [r.ClearField(name) for name in gone]
    assert validator(TODAY).fetched(answer.bytes(), expected())[0] == Status.OK


def test_no_domain_at_all_is_a_domain(era):
    answer = Answer(era)
    answer.data.username, answer.domain = "policy", ""
    assert validator(era).fetched(answer.bytes(), expected())[0] == Status.OK


# ---- every refusal ----

def flip(name):
    def change(response):
        value = bytearray(getattr(response, name))
        value[len(value) // 2] ^= 1
        setattr(response, name, bytes(value))
    return change


def clear(name):
    return lambda message: message.ClearField(name)


def put(name, value):
    return lambda message: setattr(message, name, value)


RESPONSE_CASES = [
    (put("error_code", 902), Status.ERROR_CODE_PRESENT),
    (put("error_code", 200), Status.OK),
    (put("error_code", 0), Status.ERROR_CODE_PRESENT),
    (put("error_message", "no"), Status.ERROR_CODE_PRESENT),
    (put("policy_data", b"\xff\xff"), Status.PAYLOAD_PARSE_ERROR),
    (clear("policy_data"), Status.PAYLOAD_PARSE_ERROR),
    (clear("new_public_key"), Status.BAD_INITIAL_SIGNATURE),
    (put("new_public_key", b"no key"), Status.BAD_INITIAL_SIGNATURE),
    (put("new_public_key", spki(STRANGER)), Status.BAD_INITIAL_SIGNATURE),
    (clear("policy_data_signature"), Status.BAD_INITIAL_SIGNATURE),
    (flip("policy_data_signature"), Status.BAD_INITIAL_SIGNATURE),
]


@pytest.mark.parametrize("change, status", RESPONSE_CASES)
def test_initial_key_refusals(era, change, status):
    answer = Answer(era)
    answer.change = change
    assert validator(era).fetched(answer.bytes(), expected())[0] == status


@pytest.mark.parametrize("change, status", [
    (clear("new_public_key_signature"), Status.BAD_SIGNATURE),
    (flip("new_public_key_signature"), Status.BAD_SIGNATURE),
    (flip("policy_data_signature"), Status.BAD_SIGNATURE),
    (clear("new_public_key"), Status.BAD_SIGNATURE),
])
def test_rotation_refusals(era, change, status):
    answer = Answer(era, key=SECOND, old=FIRST)
    answer.change = change
    assert validator(era).fetched(answer.bytes(), expected(), first_key(era))[0] == status


def test_rotation_by_a_stranger(era):
    answer = Answer(era, key=SECOND, old=STRANGER)
    assert validator(era).fetched(answer.bytes(), expected(), first_key(era))[0] == Status.BAD_SIGNATURE


@pytest.mark.parametrize("old", [None, FIRST], ids=["initial", "rotation"])
@pytest.mark.parametrize("spoil", ["verification key", "domain"])
def test_key_verification(era, old, spoil):
    answer = Answer(era, key=SECOND, old=old)
    if spoil == "domain":
        answer.domain = "example.org"
    else:
        answer.verification = STRANGER
    held = first_key(era) if old else None
    assert validator(era).fetched(answer.bytes(), expected(), held)[0] == Status.BAD_KEY_VERIFICATION_SIGNATURE


DATA_CASES = [
    (put("policy_type", "google/chrome/user"), {}, Status.WRONG_POLICY_TYPE),
    (put("policy_type", TYPE.upper()), {}, Status.WRONG_POLICY_TYPE),
    (clear("policy_type"), {}, Status.WRONG_POLICY_TYPE),
    (put("settings_entity_id", "b"), {"entity_id": "a"}, Status.WRONG_SETTINGS_ENTITY_ID),
    (clear("settings_entity_id"), {"entity_id": ""}, Status.WRONG_SETTINGS_ENTITY_ID),
    (put("settings_entity_id", "a"), {"entity_id": "a"}, Status.OK),
    (put("request_token", "other"), {}, Status.BAD_DM_TOKEN),
    (clear("request_token"), {}, Status.BAD_DM_TOKEN),
    (put("request_token", ""), {"dm_token": ""}, Status.BAD_DM_TOKEN),
    (put("device_id", "other"), {}, Status.BAD_DEVICE_ID),
    (clear("device_id"), {}, Status.BAD_DEVICE_ID),
    (clear("username"), {"username": "policy@example.net"}, Status.BAD_USER),
    (put("username", "other@example.net"), {"username": "policy@example.net"}, Status.BAD_USER),
    (put("username", "Policy@example.net"), {"username": "policy@example.net"}, Status.OK),
    (put("username", "Policy@example.net"), {"username": "policy@example.net", "exact_username": True},
     Status.BAD_USER),
    (put("timestamp", NOW - 1), {"timestamp": NOW}, Status.BAD_TIMESTAMP),
    (put("timestamp", NOW), {"timestamp": NOW}, Status.OK),
    (clear("timestamp"), {"timestamp": NOW}, Status.BAD_TIMESTAMP),
    (clear("policy_value"), {}, Status.POLICY_PARSE_ERROR),
    (put("policy_value", b"\xff"), {}, Status.POLICY_PARSE_ERROR),
    (put("policy_value", b""), {}, Status.OK),
    (put("state", 1), {"values": lambda value: Status.VALUE_WARNING}, Status.VALUE_WARNING),
    (put("state", 1), {"values": lambda value: Status.VALUE_ERROR}, Status.VALUE_ERROR),
]


@pytest.mark.parametrize("change, more, status", DATA_CASES)
def test_contents(era, change, more, status):
    for held in (None, first_key(era)):
        answer = Answer(era, new=held is None)
        change(answer.data)
        answer.domain = domain_of(answer.data.username)
        assert validator(era).fetched(answer.bytes(), expected(**more), held)[0] == status


def test_the_accounts_domain(era):
    answer = Answer(era)
    assert validator(era).fetched(answer.bytes(), expected(domain="EXAMPLE.net".lower()))[0] == Status.OK
    wrong = Status.BAD_KEY_VERIFICATION_SIGNATURE if era is SEED else Status.BAD_USER
    assert validator(era).fetched(answer.bytes(), expected(domain="example.org"))[0] == wrong


def test_the_future():
    for era, ahead, status in ((SEED, 3600_000, Status.OK), (SEED, 24 * 3600_000, Status.BAD_TIMESTAMP),
                               (TODAY, 24 * 3600_000, Status.OK)):
        answer = Answer(era)
        answer.data.timestamp = NOW + ahead
        assert validator(era).fetched(answer.bytes(), expected())[0] == status


def test_order_first_failure_decides(era):
    """Everything is wrong at once; what was found is mended, one after the other."""
    held = first_key(era)
    answer = Answer(era, new=False, key=STRANGER)
    answer.data.policy_type, answer.data.request_token, answer.data.device_id = "x", "x", "x"
    answer.data.timestamp, answer.data.policy_value = 1, b"\xff"
    answer.change = put("error_code", 500)
    want = expected(timestamp=NOW)
    seen = []
    mends = [lambda: setattr(answer, "change", lambda r: None), lambda: setattr(answer, "key", FIRST),
             lambda: setattr(answer.data, "policy_type", TYPE), lambda: setattr(answer.data, "request_token", "token"),
             lambda: setattr(answer.data, "device_id", "device"), lambda: setattr(answer.data, "timestamp", NOW),
             lambda: setattr(answer.data, "policy_value", b"")]
    for mend in mends:
        seen.append(validator(era).fetched(answer.bytes(), want, held)[0])
        mend()
    seen.append(validator(era).fetched(answer.bytes(), want, held)[0])
    assert seen == [Status.ERROR_CODE_PRESENT, Status.BAD_SIGNATURE, Status.WRONG_POLICY_TYPE, Status.BAD_DM_TOKEN,
                    Status.BAD_DEVICE_ID, Status.BAD_TIMESTAMP, Status.POLICY_PARSE_ERROR, Status.OK]


def test_extension(era):
    def check(change=lambda data: None, key=FIRST, **more):
        answer = Answer(era, key=key, new=False)
        answer.data.policy_type, answer.data.settings_entity_id = EXTENSION_TYPE, EXTENSION
        value = settings.ExternalPolicyData(download_url="http://127.0.0.1/x", secure_hash=bytes(32))
        answer.data.policy_value = value.SerializeToString()
        change(answer.data)
        want = expected(policy_type=EXTENSION_TYPE, entity_id=EXTENSION, username="policy@example.net",
                        exact_username=True, key_version=FIRST, **more)
        return validator(era).extension(answer.bytes(), want, Key(spki(FIRST), FIRST))[0]

    assert check() == Status.OK
    assert check(key=SECOND) == Status.BAD_SIGNATURE
    assert check(put("public_key_version", 7)) == Status.BAD_SIGNATURE
    assert check(put("settings_entity_id", "b" * 32)) == Status.WRONG_SETTINGS_ENTITY_ID
    assert check(put("username", "Policy@example.net")) == Status.BAD_USER
    assert check(timestamp=NOW + 1) == Status.BAD_TIMESTAMP


def test_no_response_at_all(era):
    assert validator(era).fetched(b"\xff\xff\xff", expected())[0] == Status.PAYLOAD_PARSE_ERROR


def test_every_status_was_provoked():
    provoked = {s for _, s in RESPONSE_CASES} | {s for _, _, s in DATA_CASES} | {
        Status.BAD_SIGNATURE, Status.BAD_KEY_VERIFICATION_SIGNATURE}  # by the tests above
    assert provoked == set(Status)


def test_protos_of_both_eras_agree():
    """Where both eras have a field, it has one number and one kind."""
    renamed = {"request": "requests", "response": "responses", "auth_scope": "auth_scopes", "unique_id": "command_id",
               "server_backed_state_key": "server_backed_state_keys",
               "new_public_key_verification_signature": "new_public_key_verification_signature_deprecated"}
    compared = 0
    for name, old in vars(seed).items():
        new = getattr(today, name, None)
        if new is None:
            continue
        for field in old.DESCRIPTOR.fields:
            other = new.DESCRIPTOR.fields_by_number.get(field.number)
            if other is None:
                continue  # reserved today, or of no interest to a browser
            compared += 1
            assert other.name in (field.name, renamed.get(field.name)), (name, field.name, other.name)
            assert other.label == field.label and (other.type == field.type or {other.type, field.type} == {5, 14})
    assert compared > 70
