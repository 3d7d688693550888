/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent over MQTT: the Flyve channel's side of a device (protocol: docs/internals/flyve.md of the
 * server's side). Enrollment is over HTTP, as for every channel.
 */
#pragma once

#include "agent/link.h"

extern const struct agent_link agent_link_flyve;
