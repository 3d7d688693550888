/* SPDX-License-Identifier: Apache-2.0
 *
 * menu: the applications of containers in the menu of the host's user: an entry each in DATA_HOME/applications, its icon in
 * DATA_HOME/reeve-host/icons. Entries are exactly those of containers that are up; those that an earlier run left are removed
 * at the beginning. A machine that sends many lists has the last one of each container shown when its time has come (quota.h):
 * thousands of files may have to be written for each. They are made anew from what containers tell, so nothing is synced to disk.
 */
#pragma once

#include "vm/host/host.h"

struct menu; /* heap, one owner */

/* 'data_home' is made when it is not there. 0 or -errno. */
int menu_open(struct host *h, const char *data_home, struct menu **ret) WARN_UNUSED;
void menu_close(struct menu *m); /* its entries leave */
/* The entries of this container are those of its list now; icons are asked for. */
void menu_update(struct menu *m, struct container *c);
