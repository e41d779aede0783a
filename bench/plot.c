/*
 * plot - see plot.h.
 */
#include "bench/plot.h"

#include <errno.h>
#include <string.h>

#include "bench/child.h"

static void script_path(const char *folder, char *ret_path, size_t room)
{
	snprintf(ret_path, room, "%s/plot.gp", folder);
}

FILE *plot_open(const char *path, const char *folder, unsigned width, unsigned height)
{
	size_t len = strlen(path);
	bool png = len > 4 && strcmp(path + len - 4, ".png") == 0;
	char script[128];
	FILE *to;

	script_path(folder, script, sizeof(script));
	to = fopen(script, "we");
	if (to)
		fprintf(to,
			"set terminal %s size %u,%u font 'sans,12' background '#ffffff'\n"
			"set output '%s'\n",
			png ? "pngcairo" : "svg", width, height, path);
	return to;
}

int plot_close(FILE *script, const char *path, const char *folder)
{
	char name[128];
	const char *const argv[] = {"gnuplot", name, NULL};

	script_path(folder, name, sizeof(name));
	if (!script || fclose(script)) {
		fprintf(stderr, "sluice-bench: %s: %s\n", name, strerror(errno));
		return -EIO;
	}
	if (!child_is_found("gnuplot")) {
		fprintf(stderr, "sluice-bench: no gnuplot here: apt-get install gnuplot-nox\n");
		return -ENOENT;
	}
	if (child_run(argv, 0, folder, "gnuplot")) {
		fprintf(stderr, "sluice-bench: %s was not drawn: see %s/gnuplot.log\n", path,
			folder);
		return -EIO;
	}
	return 0;
}
