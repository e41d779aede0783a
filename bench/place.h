/*
 * place - where switches are started that this program measures: a processor for
 * them, a folder of their own, huge pages if they can be had, and Ctrl-C heard.
 */
#ifndef BENCH_PLACE_H
#define BENCH_PLACE_H

#include <stdbool.h>
#include <stddef.h>

struct place {
	int cpu;
	bool huge; /* huge pages are reserved */
	char folder[64];
	char programs[256]; /* where this program lies, and Sluice's with it */
};

/* Have @huge_mib of huge pages if possible. 0 or -errno, said on stderr. */
int place_create(struct place *place, int cpu, unsigned huge_mib);

/* Give all back; the folder stays if its logs are needed (@keep). */
void place_destroy(const struct place *place, bool keep);

/* From now on this program and all that it starts see a new network of their own. 0 or -errno, said on stderr. */
int place_hide_devices(void);

/* Was SIGINT or SIGTERM received? */
bool place_is_interrupted(void);

/* The full path of @program beside this one. */
void place_path(const struct place *place, const char *program, char *ret_path, size_t room);

#endif
