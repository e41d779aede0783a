/*
 * rate - see rate.h for what a bucket is.
 *
 * Times are in 64ths of a nanosecond since the clock's beginning, so that the
 * smallest frame at the highest rate costs many of them, and nine years fit.
 * Prices are finer by another 26 bits; policy_check() has bounded them, so no
 * sum here can overflow.
 */
#include "switch/rate.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
	TICKS_PER_NS = 64,
	NS_PER_MS = 1000000,
	PRICE_SHIFT = 32 - 6,		      /* from 2^-32 ns to ticks */
	LARGEST_PACKETS = LIMIT_FRAME / 1448, /* of a frame, as Ethernet's segments usually are */
};

/* The limits of one port or tenant. */
struct rate_meter {
	_Atomic uint32_t owner; /* whose these are: generation of the port, 1 for a tenant */
	_Atomic uint64_t paid[POLICY_LIMITS];
} __attribute__((aligned(64)));

struct rate_table {
	struct rate_meter ports[LIMIT_PORTS];
	struct rate_meter tenants[LIMIT_TENANTS];
};

/* What a frame asks of a meter: how much of which limits. */
struct rate_request {
	unsigned n;
	enum policy_limit_kind kinds[2];
	uint32_t amounts[2];
};

struct policy_limit rate_limit(uint64_t per_second, uint32_t burst_ms)
{
	struct policy_limit limit = {0, 0};

	if (per_second) {
		limit.price = (uint64_t)((((unsigned __int128)1000000000 << 32) + per_second - 1) /
					 per_second);
		limit.burst = (uint64_t)burst_ms * NS_PER_MS;
	}
	return limit;
}

int rate_create(struct rate_table **ret_table)
{
	struct rate_table *table = aligned_alloc(64, sizeof(*table));

	if (!table)
		return -ENOMEM;
	for (unsigned i = 0; i < LIMIT_PORTS; i++)
		table->ports[i] = (struct rate_meter){0};
	for (unsigned i = 0; i < LIMIT_TENANTS; i++)
		table->tenants[i] = (struct rate_meter){.owner = 1};
	*ret_table = table;
	return 0;
}

void rate_destroy(struct rate_table *table)
{
	free(table);
}

/* Does the bucket of @kind take something now? */
static bool is_open(const struct rate_meter *meter, const struct policy_limits *limits,
		    enum policy_limit_kind kind, clock_ms now)
{
	const struct policy_limit *limit = &limits->of[kind];
	uint64_t paid = atomic_load_explicit(&meter->paid[kind], memory_order_relaxed);

	return !limit->price || paid < (now * NS_PER_MS + limit->burst) * TICKS_PER_NS;
}

static void charge(struct rate_meter *meter, const struct policy_limits *limits,
		   enum policy_limit_kind kind, uint32_t amount, clock_ms now)
{
	_Atomic uint64_t *paid = &meter->paid[kind];
	uint64_t present = now * NS_PER_MS * TICKS_PER_NS;
	uint64_t before = atomic_load_explicit(paid, memory_order_relaxed);
	unsigned __int128 cost = (unsigned __int128)amount * limits->of[kind].price;

	if (!limits->of[kind].price)
		return;
	/*
	 * Time that passed unused is gone. If the exchange fails, another worker
	 * has moved the word already. Relaxed: the word stands for nothing else.
	 */
	if (before < present)
		atomic_compare_exchange_strong_explicit(paid, &before, present,
							memory_order_relaxed, memory_order_relaxed);
	/* rounded up, as the price is: never more than the rate */
	cost += (UINT64_C(1) << PRICE_SHIFT) - 1;
	atomic_fetch_add_explicit(paid, (uint64_t)(cost >> PRICE_SHIFT), memory_order_relaxed);
}

static bool is_open_for(const struct rate_meter *meter, const struct policy_limits *limits,
			const struct rate_request *request, clock_ms now)
{
	for (unsigned i = 0; limits && i < request->n; i++) {
		if (!is_open(meter, limits, request->kinds[i], now))
			return false;
	}
	return true;
}

static void charge_for(struct rate_meter *meter, const struct policy_limits *limits,
		       const struct rate_request *request, clock_ms now)
{
	for (unsigned i = 0; limits && i < request->n; i++)
		charge(meter, limits, request->kinds[i], request->amounts[i], now);
}

/* The meter of a live port, paid up if it was that of an earlier port of the slot. */
static struct rate_meter *port_meter(struct rate_table *table, const struct policy *policy,
				     uint16_t port)
{
	struct rate_meter *meter = &table->ports[port];
	uint32_t generation = policy_ports(policy)[port].generation;

	if (atomic_load_explicit(&meter->owner, memory_order_relaxed) == generation)
		return meter;
	for (unsigned i = 0; i < POLICY_LIMITS; i++)
		atomic_store_explicit(&meter->paid[i], 0, memory_order_relaxed);
	atomic_store_explicit(&meter->owner, generation, memory_order_relaxed);
	return meter;
}

static const struct policy_limits *limits_at(const struct policy *policy, uint32_t offset)
{
	return offset ? policy_at(policy, offset) : NULL;
}

/* What is asked of a port and of its tenant; limits NULL: there are none. */
struct rate_pair {
	const struct policy_limits *own, *shared;
	struct rate_meter *meter, *tenant;
};

static struct rate_pair find_pair(struct rate_table *table, const struct policy *policy,
				  uint16_t port)
{
	const struct policy_port *p = &policy_ports(policy)[port];

	return (struct rate_pair){
		.own = limits_at(policy, p->limits),
		.shared = limits_at(policy, p->tenant_limits),
		.meter = port_meter(table, policy, port),
		.tenant = &table->tenants[p->tenant],
	};
}

static void charge_both(const struct rate_pair *pair, const struct rate_request *request,
			clock_ms now)
{
	charge_for(pair->meter, pair->own, request, now);
	charge_for(pair->tenant, pair->shared, request, now);
}

/* All or nothing: what one limit refuses is charged to none. */
static bool admit(struct rate_table *table, const struct policy *policy, uint16_t port,
		  const struct rate_request *request, clock_ms now)
{
	struct rate_pair pair = find_pair(table, policy, port);

	if (!is_open_for(pair.meter, pair.own, request, now) ||
	    !is_open_for(pair.tenant, pair.shared, request, now))
		return false;
	charge_both(&pair, request, now);
	return true;
}

static struct rate_request make_request(enum rate_way way, uint32_t len, uint32_t packets)
{
	return (struct rate_request){
		.n = 2,
		.kinds = {way == RATE_IN ? POLICY_IN_BITS : POLICY_OUT_BITS,
			  way == RATE_IN ? POLICY_IN_PACKETS : POLICY_OUT_PACKETS},
		.amounts = {8 * len, packets},
	};
}

bool rate_admit(struct rate_table *table, const struct policy *policy, uint16_t port,
		enum rate_way way, uint32_t len, uint32_t packets, clock_ms now)
{
	const struct rate_request request = make_request(way, len, packets);

	return admit(table, policy, port, &request, now);
}

void rate_charge(struct rate_table *table, const struct policy *policy, uint16_t port,
		 enum rate_way way, uint32_t len, uint32_t packets, clock_ms now)
{
	const struct rate_request request = make_request(way, len, packets);
	const struct rate_pair pair = find_pair(table, policy, port);

	charge_both(&pair, &request, now);
}

bool rate_admit_flood(struct rate_table *table, const struct policy *policy, uint16_t in, mac48 dst,
		      clock_ms now)
{
	const struct rate_request request = {
		.n = 2,
		.kinds = {POLICY_FLOODS, dst == MAC_BROADCAST ? POLICY_BROADCASTS
					 : mac_is_group(dst)  ? POLICY_MULTICASTS
							      : POLICY_UNKNOWNS},
		.amounts = {1, 1},
	};

	return admit(table, policy, in, &request, now);
}

/* How many frames of @amount each a bucket has room for; 0: it is closed. */
static uint64_t room_of(uint64_t paid, const struct policy_limit *limit, uint32_t amount,
			clock_ms now)
{
	uint64_t present = now * NS_PER_MS * TICKS_PER_NS;
	uint64_t end = present + limit->burst * TICKS_PER_NS;
	unsigned __int128 cost = ((unsigned __int128)amount * limit->price) >> PRICE_SHIFT;

	if (!limit->price)
		return LIMIT_BURST;
	if (paid >= end)
		return 0;
	return 1 + (uint64_t)((end - (paid > present ? paid : present)) / (cost + 1));
}

/* The room for frames of any size in all buckets of a meter, LIMIT_BURST at most. */
static unsigned room_in(const struct rate_meter *meter, const struct policy_limits *limits,
			bool is_new, clock_ms now)
{
	static const struct {
		enum policy_limit_kind kind;
		uint32_t amount;
	} asked[] = {{POLICY_IN_BITS, 8 * LIMIT_FRAME}, {POLICY_IN_PACKETS, LARGEST_PACKETS}};
	uint64_t least = LIMIT_BURST;

	for (unsigned i = 0; limits && i < 2; i++) {
		uint64_t paid =
			atomic_load_explicit(&meter->paid[asked[i].kind], memory_order_relaxed);
		uint64_t room = room_of(is_new ? 0 : paid, &limits->of[asked[i].kind],
					asked[i].amount, now);

		least = room < least ? room : least;
	}
	return (unsigned)least;
}

unsigned rate_room(const struct rate_table *table, const struct policy *policy, uint16_t in,
		   clock_ms now)
{
	const struct policy_port *p = &policy_ports(policy)[in];
	const struct rate_meter *meter = &table->ports[in];
	bool is_new = atomic_load_explicit(&meter->owner, memory_order_relaxed) != p->generation;
	unsigned own = room_in(meter, limits_at(policy, p->limits), is_new, now);
	unsigned shared = room_in(&table->tenants[p->tenant], limits_at(policy, p->tenant_limits),
				  false, now);

	return own < shared ? own : shared;
}

uint32_t rate_packets(const struct frame *frame)
{
	uint32_t headers = le16toh(frame->hdr.hdr_len), size = le16toh(frame->hdr.gso_size);

	if (frame->hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE || !size || frame->len <= headers)
		return 1;
	return (frame->len - headers + size - 1) / size;
}
