/*
 * complete - what may be typed next, for shells, from the tables of commands and options.
 *
 * The script that a shell loads is a few lines: it asks `sluice-bench __complete` with the words
 * so far. So completion never disagrees with the program.
 */
#ifndef BENCH_COMPLETE_H
#define BENCH_COMPLETE_H

/* Print what the last of @words may become, a line each; no line: a file. The exit status. */
int complete(int n_words, char **words);

/* Print the script for @shell. The exit status. */
int complete_script(const char *shell);

#endif
