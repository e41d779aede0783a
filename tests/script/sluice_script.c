/*
 * sluice_script - runs scripts and says in TAP which held.
 *
 *	sluice-script FILE.sw|DIRECTORY...	a directory: every *.sw in it
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/script/script.h"

static unsigned n_run, n_failed;

static void run(const char *path)
{
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	char why[2048] = "";
	bool held = script_run(path, why, sizeof(why));

	n_run++;
	n_failed += !held;
	printf("%sok %u - %.*s\n", held ? "" : "not ", n_run, (int)strcspn(name, "."), name);
	if (!held)
		printf("# %s: %s\n", path, why);
	fflush(stdout);
}

static int is_script(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 3 && strcmp(entry->d_name + len - 3, ".sw") == 0;
}

static void run_directory(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_script, alphasort);

	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		run(file);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

int main(int argc, char **argv)
{
	struct stat status;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode))
			run_directory(argv[i]);
		else
			run(argv[i]);
	}
	printf("1..%u\n", n_run);
	return n_run == 0 || n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
