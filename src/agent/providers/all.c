/* SPDX-License-Identifier: Apache-2.0
 *
 * Every provider, in the order in which they are enforced.
 */
#include "agent/providers/all.h"

const struct provider *const providers[] = {
	&provider_camera,
	&provider_wifi,
	&provider_bluetooth,
	&provider_screen,
	&provider_storage,
	&provider_password,
	&provider_chrome,
	&provider_files,
	&provider_apps, /* slow ones last */
	NULL,
};
