/* SPDX-License-Identifier: Apache-2.0
 *
 * A text as a QR code in a PNG file, for phones to scan.
 */
#pragma once

#include "base/err.h"

/* Written whole or not at all, readable by its owner only: the text is a secret. ERR_INVALID: too long for a QR
 * code; ERR_UNAVAILABLE: the file cannot be written. */
int qr_write(const char *path, const char *text, struct error *err) WARN_UNUSED;
