/* SPDX-License-Identifier: Apache-2.0
 *
 * The words for kinds of devices and for channels, as they stand in records, JSON and filters.
 */
#include "model/catalogue.h"
#include "model/text.h"

static const char *const kind_words[KIND_N] = {
	[KIND_BROWSER] = "browser", [KIND_CHROMEOS] = "chromeos",
	[KIND_ANDROID] = "android", [KIND_LINUX] = "linux",
	[KIND_VM] = "vm",           [KIND_CONTAINER] = "container",
};

static const char *const channel_words[CHANNEL_N] = {
	[CHANNEL_CHROME] = "chrome", [CHANNEL_FLYVE] = "flyve", [CHANNEL_MDMCORE] = "mdmcore",
	[CHANNEL_DEVICE] = "device", [CHANNEL_VM] = "vm",
};

const char *kind_name(enum kind k)
{
	return (size_t)k < KIND_N ? kind_words[k] : "unknown";
}

bool kind_parse(const char *s, enum kind *ret)
{
	int i = text_index(kind_words, KIND_N, s);
	if (i < 0)
		return false;
	*ret = (enum kind)i;
	return true;
}

const char *channel_name(enum channel c)
{
	return (size_t)c < CHANNEL_N ? channel_words[c] : "unknown";
}

bool channel_parse(const char *s, enum channel *ret)
{
	int i = text_index(channel_words, CHANNEL_N, s);
	if (i < 0)
		return false;
	*ret = (enum channel)i;
	return true;
}
