/*
 * plot - a picture drawn by gnuplot, from a script that the caller writes.
 */
#ifndef BENCH_PLOT_H
#define BENCH_PLOT_H

#include <stdio.h>

/*
 * Begin a script in @folder that will draw @path (SVG, or PNG if it ends so), @width by
 * @height points large; the caller writes the rest to the file. NULL: errno says why.
 */
FILE *plot_open(const char *path, const char *folder, unsigned width, unsigned height);

/* Draw it. 0 or -errno, said on stderr; so is a NULL script. */
int plot_close(FILE *script, const char *path, const char *folder);

#endif
