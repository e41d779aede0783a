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
	PRICE_SHIFT = 32 - 6, /* from 2^-32 ns to ticks */
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

/* All or nothing: what one limit refuses is charged to none. */
static bool admit(struct rate_table *table, const struct policy *policy, uint16_t port,
		  const struct rate_request *request, clock_ms now)
{
	const struct policy_port *p = &policy_ports(policy)[port];
	const struct policy_limits *own = limits_at(policy, p->limits);
	const struct policy_limits *shared = limits_at(policy, p->tenant_limits);
	struct rate_meter *meter = port_meter(table, policy, port);
	struct rate_meter *tenant = &table->tenants[p->tenant];

	if (!is_open_for(meter, own, request, now) || !is_open_for(tenant, shared, request, now))
		return false;
	charge_for(meter, own, request, now);
	charge_for(tenant, shared, request, now);
	return true;
}

bool rate_admit(struct rate_table *table, const struct policy *policy, uint16_t port,
		enum rate_way way, uint32_t len, uint32_t packets, clock_ms now)
{
	const struct rate_request request = {
		.n = 2,
		.kinds = {way == RATE_IN ? POLICY_IN_BITS : POLICY_OUT_BITS,
			  way == RATE_IN ? POLICY_IN_PACKETS : POLICY_OUT_PACKETS},
		.amounts = {8 * len, packets},
	};

	return admit(table, policy, port, &request, now);
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

bool rate_is_open(const struct rate_table *table, const struct policy *policy, uint16_t in,
		  clock_ms now)
{
	static const struct rate_request request = {
		.n = 2,
		.kinds = {POLICY_IN_BITS, POLICY_IN_PACKETS},
	};
	const struct policy_port *p = &policy_ports(policy)[in];
	const struct rate_meter *meter = &table->ports[in];
	bool is_own = atomic_load_explicit(&meter->owner, memory_order_relaxed) == p->generation;

	return (!is_own || is_open_for(meter, limits_at(policy, p->limits), &request, now)) &&
	       is_open_for(&table->tenants[p->tenant], limits_at(policy, p->tenant_limits),
			   &request, now);
}

uint32_t rate_packets(const struct frame *frame)
{
	uint32_t headers = le16toh(frame->hdr.hdr_len), size = le16toh(frame->hdr.gso_size);

	if (frame->hdr.gso_type == VIRTIO_NET_HDR_GSO_NONE || !size || frame->len <= headers)
		return 1;
	return (frame->len - headers + size - 1) / size;
}
