/*
 * train - looking up a burst's trains; see train.h.
 */
#include "switch/train.h"

static const struct flow_path *find_path(const struct flow_table *flows, const struct train *train,
					 clock_ms now)
{
	return flow_find_path(flows, &train->key, train->hash, train->wire_len, now);
}

void train_look_up_paths(struct train *trains, unsigned n, unsigned n_keys,
			 const struct flow_table *flows, bool deep, clock_ms now)
{
	struct train *end = trains + n;

	for (struct train *train = trains; train < end && n_keys > 1; train++)
		if (train->keyed && !train->follows)
			flow_prefetch_path(flows, train->hash);
	for (struct train *train = trains; train < end; train++) {
		train->flow = NULL;
		train->path = NULL;
		if (!train->keyed)
			continue;
		if (!train->follows)
			train->path = find_path(flows, train, now);
		else if (train[-1].path && train->wire_len <= train[-1].path->wire_max)
			train->path = train[-1].path;
		if (!train->path || !deep)
			continue;
		train->ends_hash = flow_ends_hash(flows, train->path, &train->ends);
		flow_index_prefetch(&flows->flow_index, train->ends_hash);
	}
}

void train_look_up_flows(struct train *trains, unsigned n, const struct flow_table *flows,
			 const struct sessions *sessions, clock_ms now)
{
	struct train *end = trains + n;

	for (struct train *train = trains; train < end; train++)
		if (train->path)
			train->flow = flow_guess(flows, &train->ends, train->ends_hash);
	for (struct train *train = trains; train < end; train++) {
		if (!train->flow)
			continue;
		if (!flow_is_between(flows, train->flow, train->path->serial, &train->ends) ||
		    flow_is_past(train->flow->until, (uint32_t)now))
			train->flow =
				flow_find(flows, train->path, &train->ends, train->ends_hash, now);
		if (train->flow && !session_ref_is_none(train->flow->session))
			session_prefetch(sessions, train->flow->session, flow_is_tcp(train->flow));
	}
}

void train_look_up(struct train *train, const struct flow_table *flows, bool deep, clock_ms now)
{
	train->flow = NULL;
	train->path = train->keyed ? find_path(flows, train, now) : NULL;
	if (!train->path || !deep)
		return;
	train->ends_hash = flow_ends_hash(flows, train->path, &train->ends);
	train->flow = flow_find(flows, train->path, &train->ends, train->ends_hash, now);
}
