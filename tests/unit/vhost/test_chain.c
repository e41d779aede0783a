/*
 * test_chain - every chain that small rings can hold, against a second reader that
 * is too simple to be wrong.
 *
 * The oracle walks with whole sets instead of counters: it remembers which
 * descriptors it has seen. Rings of 1 to 3 descriptors are tried in full, larger
 * ones with a table of their own and by chance.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "vhost/chain.h"

enum {
	REGION = 0x10000,
	RING_AT = 0, /* in the first region */
	TABLE_AT = 0x1000,
};

static const uint64_t gpa_first = 0x100000;

/* Two regions next to each other in the guest, not here. */
static struct memory *memory;

static int memory_open(void **state)
{
	const struct proto_region regions[2] = {
		{gpa_first, REGION, 0x1000000, 0},
		{gpa_first + REGION, REGION, 0x2000000, REGION},
	};
	atomic_bool *dead = calloc(1, sizeof(*dead));
	struct memory_fault fault;
	int fd = memfd_create("chain", MFD_CLOEXEC);
	int fds[2] = {fd, fd};

	if (!dead || fd < 0 || ftruncate(fd, 2 * REGION) < 0)
		return -1;
	*state = dead;
	int err = memory_create(regions, fds, 2, NULL, dead, &memory, &fault);
	close(fd);
	return err;
}

static int memory_close(void **state)
{
	memory_destroy(memory);
	free(*state);
	return 0;
}

static struct guest_desc *descs_at(uint64_t offset)
{
	return (struct guest_desc *)(memory->regions[0].host + offset);
}

static void desc_store(struct guest_desc *at, struct desc desc)
{
	at->addr.raw = desc.addr;
	at->rest.raw = desc.len | (uint64_t)desc.flags << 32 | (uint64_t)desc.next << 48;
}

/* ---- the oracle ---- */

struct verdict {
	bool good;
	uint64_t bytes;
	unsigned buffers; /* that are not empty */
};

static bool is_mapped(uint64_t addr, uint64_t len)
{
	return addr >= gpa_first && addr < gpa_first + 2 * REGION &&
	       len <= gpa_first + 2 * REGION - addr;
}

/* Walk one table; where an indirect descriptor ends it, *ret_indirect is that one. */
static bool oracle_table(const struct desc *table, unsigned size, unsigned head, unsigned flags,
			 struct verdict *verdict, const struct desc **ret_indirect)
{
	uint64_t seen[2] = {0};
	unsigned at = head;

	*ret_indirect = NULL;
	while (true) {
		if (at >= size || (seen[at / 64] >> at % 64 & 1))
			return false;
		seen[at / 64] |= UINT64_C(1) << at % 64;
		const struct desc *desc = &table[at];
		if (desc->flags & DESC_INDIRECT) {
			*ret_indirect = desc;
			return true;
		}
		if ((desc->flags & DESC_WRITE) != flags)
			return false;
		if (desc->len > 0 && !is_mapped(desc->addr, desc->len))
			return false;
		verdict->bytes += desc->len;
		verdict->buffers += desc->len > 0;
		if (!(desc->flags & DESC_NEXT))
			return true;
		at = desc->next;
	}
}

static struct verdict oracle(const struct desc *table, unsigned size, unsigned head,
			     const struct desc *indirect_table, bool may_indirect, unsigned flags)
{
	const struct desc *indirect, *nested;
	struct verdict verdict = {0};

	verdict.good = oracle_table(table, size, head, flags, &verdict, &indirect);
	if (!verdict.good || !indirect)
		return verdict;
	verdict.good = may_indirect && !(indirect->flags & DESC_NEXT) && indirect->len > 0 &&
		       indirect->len % 16 == 0 && indirect->len / 16 <= size &&
		       indirect->addr == gpa_first + TABLE_AT;
	if (verdict.good)
		verdict.good = oracle_table(indirect_table, indirect->len / 16, 0, flags, &verdict,
					    &nested) &&
			       !nested;
	return verdict;
}

/* ---- the comparison ---- */

static void compare(const struct desc *table, unsigned size, const struct desc *indirect_table,
		    unsigned indirect_size, bool may_indirect)
{
	struct iovec pieces[VHOST_CHAIN_PIECES_MAX + 1];
	struct ring ring = {
		.desc = descs_at(RING_AT),
		.memory = memory,
		.size = (uint16_t)size,
		.indirect = may_indirect,
	};

	for (unsigned i = 0; i < size; i++)
		desc_store(&descs_at(RING_AT)[i], table[i]);
	for (unsigned i = 0; i < indirect_size; i++)
		desc_store(&descs_at(TABLE_AT)[i], indirect_table[i]);
	for (unsigned flags = 0; flags <= DESC_WRITE; flags += DESC_WRITE) {
		for (unsigned head = 0; head < size; head++) {
			struct verdict want =
				oracle(table, size, head, indirect_table, may_indirect, flags);
			struct chain got;
			unsigned hint = 0;
			enum chain_fault fault =
				chain_read(&ring, &hint, desc_load(&ring.desc[head], false), head,
					   flags, pieces, &got);

			assert_int_equal(fault == CHAIN_OK, want.good);
			if (fault)
				continue;
			assert_int_equal(got.bytes, want.bytes);
			assert_in_range(got.n, want.buffers, 2 * want.buffers);
			uint64_t sum = 0;
			for (unsigned i = 0; i < got.n; i++)
				sum += pieces[i].iov_len;
			assert_int_equal(sum, want.bytes);
		}
	}
}

/*
 * All values of interest of one descriptor's flags, next and buffer: @choice of
 * CHOICES * (size + 1).
 */
enum { CHOICES = 8 * 3 };

static struct desc desc_of(unsigned choice, unsigned size)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} buffers[3] = {
		{gpa_first + REGION - 10, 100}, /* over the border of the regions */
		{gpa_first + TABLE_AT, 32},	/* or a table of two */
		{0, 0},
	};
	unsigned rest = choice / 8;

	return (struct desc){
		.addr = buffers[rest % 3].addr,
		.len = buffers[rest % 3].len,
		.flags = (uint16_t)(choice % 8),
		.next = (uint16_t)(rest / 3 % (size + 1)),
	};
}

static void all_chains_of_tiny_rings(void **state)
{
	const struct desc good_table[2] = {
		{gpa_first + 0x8000, 5, DESC_NEXT, 1},
		{gpa_first + 0x8000, 7, 0, 0},
	};

	for (unsigned size = 1; size <= 2; size++) {
		unsigned n = CHOICES * (size + 1);
		unsigned total = size == 1 ? n : n * n;

		for (unsigned i = 0; i < total; i++) {
			struct desc table[2] = {desc_of(i % n, size), desc_of(i / n, size)};

			compare(table, size, good_table, 2, true);
			compare(table, size, good_table, 2, false);
		}
	}
}

/* Rings of 4, without the choice of buffers: 16 kinds of descriptors each, 65536 rings. */
static void all_links_of_a_ring_of_four(void **state)
{
	for (unsigned i = 0; i < 1 << 16; i++) {
		struct desc table[4];

		for (unsigned k = 0; k < 4; k++) {
			unsigned kind = i >> 4 * k & 15;

			table[k] = (struct desc){gpa_first + 0x8000, 1 + k, (uint16_t)(kind & 3),
						 (uint16_t)(kind >> 2)};
		}
		compare(table, 4, NULL, 0, true);
	}
}

/* The same inside of an indirect table of a ring of 4. */
static void all_links_of_an_indirect_table(void **state)
{
	for (unsigned i = 0; i < 1 << 16; i++) {
		struct desc table[4] = {{gpa_first + TABLE_AT, 64, DESC_INDIRECT, 0}};
		struct desc inner[4];

		table[1] = (struct desc){gpa_first + 0x8000, 9, DESC_NEXT, 0};
		for (unsigned k = 0; k < 4; k++) {
			unsigned kind = i >> 4 * k & 15;

			inner[k] = (struct desc){gpa_first + TABLE_AT, 16 * (1 + k),
						 (uint16_t)(kind & 1 ? DESC_NEXT : 0) |
							 (uint16_t)(kind & 2 ? DESC_INDIRECT : 0),
						 (uint16_t)(kind >> 2)};
		}
		compare(table, 4, inner, 4, true);
	}
}

static void random_chains_of_larger_rings(void **state)
{
	srandom(20);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned size = 8U << (unsigned)random() % 5;
		struct desc table[128], inner[128];

		for (unsigned k = 0; k < size; k++) {
			struct desc *both[2] = {&table[k], &inner[k]};

			for (unsigned j = 0; j < 2; j++) {
				long kind = random() % 100;
				uint64_t addr = gpa_first + (uint64_t)(random() % (2 * REGION));

				*both[j] = (struct desc){
					kind == 0 ? gpa_first - 1 : addr,
					(uint32_t)(random() % 64),
					(uint16_t)(kind < 80 ? DESC_NEXT : 0),
					(uint16_t)(random() % (kind == 1 ? 65536 : size)),
				};
				if (kind == 2)
					both[j]->flags |= DESC_WRITE;
				if (kind == 3 || (kind > 80 && kind < 90 && j == 0)) {
					both[j]->flags |= DESC_INDIRECT;
					both[j]->addr = gpa_first + TABLE_AT;
					both[j]->len = 16 * (uint32_t)(random() % (size + 2));
				}
			}
		}
		compare(table, size, inner, size, true);
	}
}

/* T3: indirect tables of odd sizes, at odd places. */
static void t3_indirect_tables(void **state)
{
	const struct {
		uint64_t addr;
		uint32_t len;
		enum chain_fault fault;
	} cases[] = {
		{gpa_first + TABLE_AT, 0, CHAIN_MALFORMED},
		{gpa_first + TABLE_AT, 8, CHAIN_MALFORMED},
		{gpa_first + TABLE_AT, 17, CHAIN_MALFORMED},
		{gpa_first + TABLE_AT, 16 * 9, CHAIN_MALFORMED},
		{gpa_first + TABLE_AT, 0xfffffff0, CHAIN_MALFORMED},
		{gpa_first + TABLE_AT, 16 * 8, CHAIN_OK},
		{gpa_first + TABLE_AT + 1, 16, CHAIN_OK},     /* at any address */
		{gpa_first + REGION - 16, 32, CHAIN_ADDRESS}, /* over two regions */
		{gpa_first + REGION - 16, 16, CHAIN_OK},
		{gpa_first - 16, 16, CHAIN_ADDRESS},
		{UINT64_MAX - 7, 16, CHAIN_ADDRESS},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct iovec pieces[VHOST_CHAIN_PIECES_MAX];
		struct ring ring = {
			.desc = descs_at(RING_AT), .memory = memory, .size = 8, .indirect = true};
		struct desc desc = {cases[i].addr, cases[i].len, DESC_INDIRECT, 0};
		struct chain chain;
		unsigned hint = 0;

		memset(memory->regions[0].host, 0, REGION);
		/* the direction that stands in it means nothing (2.7.5.3.2) */
		for (unsigned k = 0; k < 2; k++, desc.flags |= DESC_WRITE)
			assert_int_equal(chain_read(&ring, &hint, desc, 0, 0, pieces, &chain),
					 cases[i].fault);
	}
}

/* An indirect table that is the ring itself, and names itself again. */
static void t2_ring_as_its_own_table(void **state)
{
	struct desc table[4] = {
		{gpa_first + 0x8000, 1, DESC_NEXT, 1},
		{gpa_first + RING_AT, 64, DESC_INDIRECT, 0},
	};
	struct iovec pieces[VHOST_CHAIN_PIECES_MAX];
	struct ring ring = {
		.desc = descs_at(RING_AT), .memory = memory, .size = 4, .indirect = true};
	struct chain chain;
	unsigned hint = 0;

	for (unsigned i = 0; i < 4; i++)
		desc_store(&descs_at(RING_AT)[i], table[i]);
	assert_int_equal(chain_read(&ring, &hint, table[0], 0, 0, pieces, &chain), CHAIN_MALFORMED);
}

/* T4: more buffers than a chain may have, empty ones among them. */
static void t4_long_chains(void **state)
{
	struct iovec pieces[VHOST_CHAIN_PIECES_MAX + 1];
	struct ring ring = {.desc = descs_at(RING_AT), .memory = memory, .size = 1024};

	for (unsigned len = 0; len < 2; len++) {
		for (unsigned n = 1; n < 1024; n++) {
			struct chain chain;
			unsigned hint = 0;

			for (unsigned i = 0; i < n; i++)
				desc_store(&descs_at(RING_AT)[i],
					   (struct desc){gpa_first, len, i + 1 < n ? DESC_NEXT : 0,
							 (uint16_t)(i + 1)});
			pieces[VHOST_CHAIN_PIECES_MAX].iov_len = 4711;
			enum chain_fault fault =
				chain_read(&ring, &hint, desc_load(&ring.desc[0], false), 0, 0,
					   pieces, &chain);
			assert_int_equal(fault,
					 n <= VHOST_CHAIN_PIECES_MAX ? CHAIN_OK : CHAIN_MALFORMED);
			assert_int_equal(pieces[VHOST_CHAIN_PIECES_MAX].iov_len, 4711);
			if (!fault)
				assert_int_equal(chain.n, len * n);
		}
	}
}

/*
 * T5: each byte of a buffer over the border lies in its own region, and not one
 * byte behind the last.
 */
static void t5_borders(void **state)
{
	struct ring ring = {.desc = descs_at(RING_AT), .memory = memory, .size = 1};
	struct iovec pieces[VHOST_CHAIN_PIECES_MAX];
	struct chain chain;

	for (unsigned before = 0; before < 40; before++) {
		for (unsigned len = 0; len < 40; len++) {
			struct desc desc = {gpa_first + REGION - before, len, 0, 0};
			unsigned hint = 0;

			assert_int_equal(chain_read(&ring, &hint, desc, 0, 0, pieces, &chain),
					 CHAIN_OK);
			unsigned first = before < len ? before : len;
			assert_int_equal(chain.n, (first > 0) + (len > first));
			if (first > 0) {
				assert_ptr_equal(pieces[0].iov_base,
						 memory->regions[0].host + REGION - before);
				assert_int_equal(pieces[0].iov_len, first);
			}
			if (len > first)
				assert_ptr_equal(pieces[chain.n - 1].iov_base,
						 memory->regions[1].host);

			desc.addr += REGION;
			assert_int_equal(chain_read(&ring, &hint, desc, 0, 0, pieces, &chain),
					 len <= before ? CHAIN_OK : CHAIN_ADDRESS);
		}
	}
	struct desc wraps = {UINT64_MAX - 10, 100, 0, 0};
	unsigned hint = 0;
	assert_int_equal(chain_read(&ring, &hint, wraps, 0, 0, pieces, &chain), CHAIN_ADDRESS);
	wraps = (struct desc){gpa_first, UINT32_MAX, 0, 0};
	assert_int_equal(chain_read(&ring, &hint, wraps, 0, 0, pieces, &chain), CHAIN_ADDRESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_chains_of_tiny_rings),
		cmocka_unit_test(all_links_of_a_ring_of_four),
		cmocka_unit_test(all_links_of_an_indirect_table),
		cmocka_unit_test(random_chains_of_larger_rings),
		cmocka_unit_test(t2_ring_as_its_own_table),
		cmocka_unit_test(t3_indirect_tables),
		cmocka_unit_test(t4_long_chains),
		cmocka_unit_test(t5_borders),
	};

	return cmocka_run_group_tests(tests, memory_open, memory_close);
}
