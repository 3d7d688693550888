# SPDX-License-Identifier: Apache-2.0
"""What a client checks of a policy before it obeys, in the client's order (first failure decides), with the client's
answer. Two eras: SEED (2015: SHA-1, the key vouched for by field 7 alone) and TODAY (field 11 names the hash, fields 8
and 9 vouch for the key, else field 7).

    Validator(TODAY, verification_key).fetched(response, expected, held) -> (Status, PolicyData or None, Key or None)

'response' is the serialized PolicyFetchResponse; 'held' the client's Key, None for one that has none yet. The Key that
comes back is what the client stores now (the held one when the answer brought none).
"""
import dataclasses
import enum
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from google.protobuf.message import DecodeError

from chrome_proto import seed, settings, today


class Status(enum.IntEnum):
    OK = 0
    BAD_INITIAL_SIGNATURE = 1
    BAD_SIGNATURE = 2
    ERROR_CODE_PRESENT = 3
    PAYLOAD_PARSE_ERROR = 4
    WRONG_POLICY_TYPE = 5
    WRONG_SETTINGS_ENTITY_ID = 6
    BAD_TIMESTAMP = 7
    BAD_DM_TOKEN = 8
    BAD_DEVICE_ID = 9
    BAD_USER = 10
    POLICY_PARSE_ERROR = 11
    BAD_KEY_VERIFICATION_SIGNATURE = 12
    VALUE_WARNING = 13
    VALUE_ERROR = 14


@dataclasses.dataclass
class Era:
    proto: object  # chrome_proto.seed or .today
    future_ms: int | None  # how far a timestamp may lie ahead of the client's clock; None: any


SEED = Era(seed, 2 * 3600 * 1000)
TODAY = Era(today, None)

SHA1, SHA256 = 1, 2
HASHES = {SHA1: hashes.SHA1, SHA256: hashes.SHA256}
PAYLOADS = {"google/chromeos/device": settings.ChromeDeviceSettingsProto,
            "google/chrome/extension": settings.ExternalPolicyData,
            "google/chromeos/signinextension": settings.ExternalPolicyData,
            "google/chrome/machine-level-extension": settings.ExternalPolicyData}


@dataclasses.dataclass
class Key:
    """A signing key as a client stores it, with what vouches for it."""
    spki: bytes
    version: int | None
    deprecated_signature: bytes = b""
    data: bytes = b""
    data_signature: bytes = b""


@dataclasses.dataclass
class Expected:
    """What the client knows of itself. None: not checked."""
    policy_type: str
    dm_token: str | None = None
    device_id: str | None = None
    username: str | None = None
    exact_username: bool = False  # extensions; people's names are compared without case
    entity_id: str | None = None
    timestamp: int | None = None  # of the policy that is stored
    domain: str | None = None  # of the account; None: the domain of the policy's own username
    key_version: int | None = None  # extensions: that of the main policy
    values: object = None  # called with the parsed payload: Status OK, VALUE_WARNING or VALUE_ERROR


def signed(spki, data, signature, hash_type):
    """Whether it is an RSASSA-PKCS1-v1_5 signature of the data by this key."""
    try:
        key = serialization.load_der_public_key(spki)
        key.verify(signature, data, padding.PKCS1v15(), HASHES[hash_type]())
        return True
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError):
        return False


def domain_of(username):
    return username.rpartition("@")[2].lower() if "@" in username else ""


class Validator:
    def __init__(self, era, verification_key, now_ms=None):
        """verification_key: DER SPKI that is built into the client."""
        self.era = era
        self.proto = era.proto
        self.verification_key = verification_key
        self.now_ms = now_ms or (lambda: int(time.time() * 1000))

    # ---- the three ways that a policy comes ----

    def fetched(self, response, expected, held=None):
        return self._validate(response, expected, held, rotation=True)

    def cached(self, response, expected, held):
        """From the client's own disk, at its start."""
        return self._validate(response, expected, held, rotation=False, from_disk=True)

    def extension(self, response, expected, held):
        """Signed by the main policy's key."""
        return self._validate(response, expected, held, rotation=False)

    def _validate(self, response, expected, held, rotation, from_disk=False):
        try:
            answer = self.proto.PolicyFetchResponse.FromString(response)
        except DecodeError:
            return Status.PAYLOAD_PARSE_ERROR, None, None
        if (answer.HasField("error_code") and answer.error_code != 200) or answer.error_message:
            return Status.ERROR_CODE_PRESENT, None, None
        try:
            data = self.proto.PolicyData.FromString(answer.policy_data)
        except DecodeError:
            return Status.PAYLOAD_PARSE_ERROR, None, None
        if not answer.policy_data:
            return Status.PAYLOAD_PARSE_ERROR, None, None
        if held is None:
            status = self._initial_key(answer, data, expected)
        else:
            status = self._signature(answer, data, expected, held, rotation)
        if status == Status.OK and from_disk and not self._cached_key(held, data, expected):
            status = Status.BAD_KEY_VERIFICATION_SIGNATURE
        status = status or self._contents(data, expected)
        return status, data, self._key_after(answer, data, held, rotation) if status == Status.OK else None

    # ---- signatures ----

    def _hash(self, answer):
        if self.era is SEED:
            return SHA1
        return answer.policy_data_signature_type if answer.HasField("policy_data_signature_type") else SHA1

    def _data_signed(self, answer, spki):
        return signed(spki, answer.policy_data, answer.policy_data_signature, self._hash(answer))

    def _initial_key(self, answer, data, expected):
        if not answer.new_public_key or not self._data_signed(answer, answer.new_public_key):
            return Status.BAD_INITIAL_SIGNATURE
        return self._vouched(self._brought(answer, data), data, expected)

    def _signature(self, answer, data, expected, held, rotation):
        spki = held.spki
        if rotation and answer.HasField("new_public_key"):
            spki = answer.new_public_key
            if not signed(held.spki, spki, answer.new_public_key_signature, self._hash(answer)):
                return Status.BAD_SIGNATURE
            status = self._vouched(self._brought(answer, data), data, expected)
            if status:
                return status
        return Status.OK if self._data_signed(answer, spki) else Status.BAD_SIGNATURE

    def _brought(self, answer, data):
        """The key of an answer."""
        version = data.public_key_version if data.HasField("public_key_version") else None
        if self.era is SEED:
            return Key(answer.new_public_key, version, answer.new_public_key_verification_signature)
        return Key(answer.new_public_key, version, answer.new_public_key_verification_signature_deprecated,
                   answer.new_public_key_verification_data, answer.new_public_key_verification_data_signature)

    def _vouched(self, key, data, expected):
        good = self.vouched_by_data(key, data) or self.vouched_by_signature(key, data, expected.domain)
        return Status.OK if good else Status.BAD_KEY_VERIFICATION_SIGNATURE

    def vouched_by_data(self, key, data):
        """Fields 8 and 9."""
        if self.era is SEED or not signed(self.verification_key, key.data, key.data_signature, SHA256):
            return False
        try:
            said = today.PublicKeyVerificationData.FromString(key.data)
        except DecodeError:
            return False
        return said.new_public_key == key.spki and said.domain == domain_of(data.username)

    def vouched_by_signature(self, key, data, domain=None):
        """Field 7: a signature of key and domain, nothing else."""
        domain = domain_of(data.username) if domain is None else domain
        blob = b"\x0a" + _varint(len(key.spki)) + key.spki + b"\x12" + _varint(len(domain)) + domain.encode()
        return signed(self.verification_key, blob, key.deprecated_signature, SHA256)

    def _cached_key(self, held, data, expected):
        return self._vouched(held, data, expected) == Status.OK

    def _key_after(self, answer, data, held, rotation):
        if (held is None or rotation) and answer.new_public_key:
            return self._brought(answer, data)
        if not data.HasField("public_key_version"):
            return held
        return dataclasses.replace(held, version=data.public_key_version)

    # ---- contents ----

    def _contents(self, data, expected):
        for check in (self._type, self._entity, self._token, self._device, self._user, self._domain, self._timestamp,
                      self._payload):
            status = check(data, expected)
            if status != Status.OK:
                return status
        return Status.OK

    def _type(self, data, expected):
        return Status.OK if data.policy_type == expected.policy_type else Status.WRONG_POLICY_TYPE

    def _entity(self, data, expected):
        if expected.entity_id is None or (data.HasField("settings_entity_id")
                                          and data.settings_entity_id == expected.entity_id):
            return Status.OK
        return Status.WRONG_SETTINGS_ENTITY_ID

    def _token(self, data, expected):
        if expected.dm_token is None or (data.request_token and data.request_token == expected.dm_token):
            return Status.OK
        return Status.BAD_DM_TOKEN

    def _device(self, data, expected):
        if expected.device_id is None or (data.device_id and data.device_id == expected.device_id):
            return Status.OK
        return Status.BAD_DEVICE_ID

    def _user(self, data, expected):
        if expected.username is None:
            return Status.OK
        ours, theirs = expected.username, data.username
        if not expected.exact_username:
            ours, theirs = ours.lower(), theirs.lower()
        return Status.OK if data.HasField("username") and ours == theirs else Status.BAD_USER

    def _domain(self, data, expected):
        good = expected.domain is None or domain_of(data.username) == expected.domain.lower()
        return Status.OK if good else Status.BAD_USER

    def _timestamp(self, data, expected):
        if not data.HasField("timestamp"):
            return Status.OK if expected.timestamp is None and self.era is TODAY else Status.BAD_TIMESTAMP
        if data.timestamp < (expected.timestamp or 0):
            return Status.BAD_TIMESTAMP
        if self.era.future_ms is not None and data.timestamp > self.now_ms() + self.era.future_ms:
            return Status.BAD_TIMESTAMP
        return Status.OK

    def _payload(self, data, expected):
        if not data.HasField("policy_value"):
            return Status.POLICY_PARSE_ERROR
        try:
            value = PAYLOADS.get(expected.policy_type, settings.CloudPolicySettings).FromString(data.policy_value)
        except DecodeError:
            return Status.POLICY_PARSE_ERROR
        if expected.key_version is not None and data.public_key_version != expected.key_version:
            return Status.BAD_SIGNATURE
        return expected.values(value) if expected.values else Status.OK


def _varint(n):
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])
