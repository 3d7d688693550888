# SPDX-License-Identifier: Apache-2.0
"""Pictures, and their upload as Chromium's upload job writes it."""
import struct
import zlib

import requests


def png(width=2):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    rows = (b"\0" + b"\xff\0\0" * width) * width
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, width, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def upload(url, *pictures, command=None, headers=(), boundary="0123456789abcdef0123456789abcdef"):
    """As Chromium's upload job writes it."""
    body = b""
    for i, picture in enumerate(pictures):
        body += ("--%s\r\nContent-Disposition: form-data; name=\"Screen %d\"; filename=\"screen%d.png\"\r\n"
                 % (boundary, i, i)).encode()
        if command is not None:
            body += b"Command-ID: %d\r\n" % command
        body += b"Content-Type: image/png\r\nFile-Type: screenshot_file\r\n\r\n" + picture + b"\r\n"
    body += b"--%s--\r\n" % boundary.encode()
    session = requests.Session()
    session.trust_env = False
    return session.post(url, data=body, timeout=60, headers={
        "Content-Type": "multipart/form-data; boundary=" + boundary, **dict(headers)})
