/* SPDX-License-Identifier: Apache-2.0
 *
 * Packages of Flyve MDM (.upk): a ZIP archive with a document UPKManifest.xml, whose first <application fileName="…">
 * names an Android package inside of the archive. That package is what gets installed, so its name and
 * version are the .upk's.
 *
 * Never unpacks anything to disk. Everything is bounded: both archives are a peer's.
 */
#pragma once

#include "server/api/apk.h"

#define UPK_NAME_SIZE 256

/* Has the ZIP archive a manifest of this kind? */
bool upk_is(const char *path);
/* ERR_INVALID with what is wrong with it. */
int upk_read_file(const char *path, struct apk *ret, struct error *err) WARN_UNUSED;
/* The manifest alone: the name of the application's entry. */
int upk_read_manifest(struct span xml, char ret[UPK_NAME_SIZE], struct error *err) WARN_UNUSED;
