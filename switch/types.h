/*
 * types - the small words that every file of the switch uses.
 */
#ifndef SWITCH_TYPES_H
#define SWITCH_TYPES_H

#include <stdbool.h>
#include <stdint.h>

/* An Ethernet address as a number: the first byte on the wire is bits 47..40. */
typedef uint64_t mac48;

#define MAC_BROADCAST ((mac48)0xffffffffffffULL)

static inline mac48 mac_load(const uint8_t *bytes)
{
	return (mac48)bytes[0] << 40 | (mac48)bytes[1] << 32 | (mac48)bytes[2] << 24 |
	       (mac48)bytes[3] << 16 | (mac48)bytes[4] << 8 | (mac48)bytes[5];
}

static inline void mac_store(mac48 mac, uint8_t *ret_bytes)
{
	for (int i = 0; i < 6; i++)
		ret_bytes[i] = (uint8_t)(mac >> (40 - 8 * i));
}

/* The I/G bit of IEEE 802, 8.2: a group address, broadcast included. */
static inline bool mac_is_group(mac48 mac)
{
	return mac >> 40 & 1;
}

/*
 * A port that knows when it is stale: the index of a slot and the generation
 * of what lives there. The control process gives both out; a slot's generation
 * changes with each new port, so old references die by comparison. Generation 0
 * is nobody.
 */
struct port_ref {
	uint16_t id;
	uint16_t generation;
};
_Static_assert(sizeof(struct port_ref) == 4, "a port_ref is one word");

#define PORT_NONE ((struct port_ref){0, 0})

static inline bool port_ref_equal(struct port_ref a, struct port_ref b)
{
	return a.id == b.id && a.generation == b.generation;
}

static inline bool port_ref_is_none(struct port_ref ref)
{
	return ref.generation == 0;
}

/* A monotonic time in milliseconds (CLOCK_MONOTONIC, or a test's own clock). */
typedef uint64_t clock_ms;

#endif
