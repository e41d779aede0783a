/*
 * contender_wire - the bare wire of this program (command_wire.c): what one copy costs.
 */
#include <errno.h>
#include <stdio.h>

#include "bench/contender.h"

static bool is_found(const struct place *place)
{
	return true;
}

static int start(struct contender *contender, const struct place *place)
{
	char program[300], cpu[16];
	const char *argv[] = {
		program, "wire", "--cpu", cpu, contender->paths[0], contender->paths[1], NULL};
	int error;

	place_path(place, "sluice-bench", program, sizeof(program));
	snprintf(cpu, sizeof(cpu), "%d", place->cpu);
	snprintf(contender->note, sizeof(contender->note),
		 "copies each frame once from ring to ring, decides nothing");
	error = child_start(&contender->children[0], argv, place->cpu, place->folder, "wire");
	return error ? error : contender_await_ports(contender);
}

const struct contender_kind contender_wire = {
	.name = "wire",
	.title = "bare wire",
	.fields = FIELD_PLAIN,
	.rival = &contender_sluice,
	.is_found = is_found,
	.start = start,
};
