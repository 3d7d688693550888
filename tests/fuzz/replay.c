/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands in for libFuzzer: runs one fuzz target over every file of the folders given, so that each
 * corpus is a regression test of every ordinary build. Inputs are copied to a block of their exact
 * size, so that AddressSanitizer and valgrind see the first byte read too far.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	struct stat st;
	FILE *f = fopen(path, "re");
	if (!f || fstat(fileno(f), &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	size_t n = (size_t)st.st_size;
	uint8_t *copy = malloc(n ? n : 1);
	if (!copy || fread(copy, 1, n, f) != n) {
		fprintf(stderr, "%s: cannot read\n", path);
		fclose(f);
		free(copy);
		return -1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	return 0;
}

static int replay_dir(const char *dir, size_t *n_run)
{
	DIR *d = opendir(dir);
	if (!d) {
		fprintf(stderr, "%s: %s\n", dir, strerror(errno));
		return -1;
	}
	int r = 0;
	for (struct dirent *e; r == 0 && (e = readdir(d));) {
		char path[4096];
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
		r = replay_file(path);
		(*n_run)++;
	}
	closedir(d);
	return r;
}

int main(int argc, char *argv[])
{
	size_t n_run = 0;
	for (int i = 1; i < argc; i++)
		if (replay_dir(argv[i], &n_run) < 0)
			return 1;
	printf("%zu inputs\n", n_run);
	return n_run ? 0 : 1; /* an empty corpus tests nothing */
}
