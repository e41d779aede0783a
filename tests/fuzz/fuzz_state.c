/*
 * fuzz_state - a forwarding database that somebody else left behind, with
 * anything in it: adopted or refused, and if adopted then in order.
 *
 * The input is edits to a table with some entries.
 */
#include <string.h>
#include <sys/mman.h>

#include "switch/fdb.h"
#include "tests/fuzz/fuzz.h"
#include "tests/sketch/policy_sketch.h"

enum { SLOTS = 128, ADDRESSES = 60, NOW = 1000000 };

static struct policy *policy;
static uint8_t *specimen, *memory;

static mac48 address(unsigned i)
{
	return 0x020000000000ULL + i;
}

static void prepare(void)
{
	struct policy_network_spec networks[] = {sketch_network(1, 0), sketch_network(2, 0)};
	struct policy_port_spec ports[] = {sketch_access(1, 1), sketch_access(2, 1),
					   sketch_access(3, 2)};
	size_t size = fdb_size(SLOTS);
	struct fdb *fdb;

	specimen = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fuzz_demand(specimen != MAP_FAILED);
	memory = specimen + size;
	policy = SKETCH_POLICY(networks, ports);
	fuzz_demand(fdb_init(specimen, size, SLOTS, &fdb) == 0);
	/* A seed of its own would make the same input another one each time. */
	fdb_close(fdb);
	memset(specimen + 16, 0x5a, 16);
	fuzz_demand(fdb_adopt(specimen, size, &fdb) == 0);
	for (unsigned i = 0; i < ADDRESSES; i++)
		(void)fdb_learn(fdb, policy, (uint16_t)(1 + i % 3 / 2), address(i),
				sketch_ref((uint16_t)(1 + i % 3)), NOW + i);
	fdb_close(fdb);
}

static unsigned count_entries(const struct fdb *fdb)
{
	struct fdb_entry entry;
	uint32_t cursor = 0;
	unsigned count = 0;

	while (fdb_next(fdb, &cursor, &entry))
		count++;
	return count;
}

static void look(size_t size)
{
	const struct fdb *view;

	if (fdb_view(memory, size, &view) != 0)
		return;
	fuzz_demand(count_entries(view) <= SLOTS / 2 * 3);
	for (unsigned i = 0; i < ADDRESSES; i++) {
		struct port_ref port = fdb_lookup(view, policy, 1, address(i), NOW);

		fuzz_demand(port_ref_is_none(port) || policy_port(policy, port));
	}
	fdb_close(view);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	size_t table_size = fdb_size(SLOTS);
	struct fdb *fdb;
	unsigned count;

	if (!policy)
		prepare();
	memcpy(memory, specimen, table_size);
	fuzz_edit(memory, table_size, input, size);
	look(table_size);
	if (fdb_adopt(memory, table_size, &fdb) != 0)
		return 0;
	for (unsigned i = 0; i < 2 * ADDRESSES; i++) {
		struct port_ref port = sketch_ref((uint16_t)(1 + i % 2));

		switch (fdb_learn(fdb, policy, 1, address(i), port, NOW + 1000)) {
		case FDB_NO_ROOM: break;
		case FDB_KNOWN: /* perhaps stamped in a future that is near enough */
		case FDB_ADDED:
		case FDB_EVICTED:
		case FDB_MOVED:
			fuzz_demand(port_ref_equal(
				fdb_lookup(fdb, policy, 1, address(i), NOW + 1000), port));
			break;
		}
	}
	fdb_sweep(fdb, policy, NOW + 2000);
	count = count_entries(fdb);
	fuzz_demand(fdb_flush(fdb, 0, PORT_NONE) == count);
	fuzz_demand(count_entries(fdb) == 0);
	fdb_close(fdb);
	return 0;
}
