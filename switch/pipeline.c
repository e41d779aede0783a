/*
 * pipeline - runs bursts; see pipeline.h for a frame's life.
 *
 * Outputs are grouped by destination: for each port that shall get something, a
 * mask of the burst's frames and the tag of each (struct deliver_share). That is
 * LIMIT_PORTS fixed places, so no burst can ask for more memory than there is,
 * and only the places of a burst's destinations are touched.
 *
 * A burst is worked in stages. First its frames are gathered into trains: frames
 * that came one behind the other and have one key (flow.h), of which one lookup
 * serves all. Then what was decided about them is looked up, in steps each of which fetches
 * what the next will read, so that what is far away is waited for once. Then each train is
 * sent where frames of its key go. What has no key, or a new one, goes the long
 * way. Then each destination gets its share, in the order of the frames.
 *
 * The ledger (counters.h) is kept here and nowhere else. A frame has one fate:
 * delivered if at least one copy was, else dropped for the first reason that
 * was found; the copies are counted with their destinations.
 */
#include "switch/pipeline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "switch/deliver.h"
#include "switch/flow.h"
#include "switch/guard.h"
#include "switch/mark.h"
#include "switch/offload.h"
#include "switch/refusal.h"
#include "switch/rate.h"
#include "switch/train.h"
#include "switch/rule_log.h"

enum { PIPELINE_NEWS = 8 };

/* Frames that met one rule, one behind the other, and are not counted yet. */
struct tally {
	uint16_t list; /* 0: none */
	uint32_t rule;
	uint64_t frames, bytes;
};

struct pipeline {
	struct pipeline_options options;
	struct deliver_scratch *scratch;
	struct flow_table *flows;
	struct burst burst;

	/* the burst that runs */
	const struct policy *policy;
	struct fdb *fdb;
	struct port_ref in;
	struct port_counters *row; /* of the sender */
	clock_ms now;
	uint64_t bytes;	     /* of all its frames */
	unsigned news;	     /* addresses that it wrote, or could not write, to the FDB */
	bool deep;	     /* more than the Ethernet header of the sender's frames is read */
	uint64_t strip;	     /* bit i: frame i loses the tag it came with */
	uint64_t delivered;  /* bit i: somebody got frame i */
	uint64_t replicated; /* copies beyond the first, of all frames */
	enum drop dropped[LIMIT_BURST];	 /* why, as far as nobody got the frame */
	uint64_t noted;			 /* bit i: decide() refused frame i, and that is noted */
	uint64_t missed;		 /* bit i: a destination had no place for frame i: */
	uint16_t missed_at[LIMIT_BURST]; /* this one */
	struct tally tallies[2];	 /* by place in struct flow */
	bool routed;	/* a frame was decided about: what was looked up may be old */
	uint64_t along; /* frames that are to go along that path, and are not wanted yet */
	const struct flow_path *along_path;
	unsigned n_trains;
	unsigned n_keys; /* trains that do not follow */
	struct train trains[LIMIT_BURST];
	struct session_tcp segments[LIMIT_BURST]; /* of a train */
	unsigned n_outputs;
	uint16_t outputs[LIMIT_PORTS];		  /* ports whose share is not empty */
	struct deliver_share shares[LIMIT_PORTS]; /* by port id; frames is 0 between bursts */
};
_Static_assert(LIMIT_BURST <= 64, "a burst fits the mask of a share");

int pipeline_create(const struct pipeline_options *options, struct pipeline **ret_pipeline)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
	int error;

	if (!pipeline)
		return -ENOMEM;
	pipeline->options = *options;
	error = deliver_create(&pipeline->scratch);
	if (error)
		goto free_pipeline;
	error = flow_create(&pipeline->flows);
	if (error)
		goto destroy_scratch;
	*ret_pipeline = pipeline;
	return 0;

destroy_scratch:
	deliver_destroy(pipeline->scratch);
free_pipeline:
	free(pipeline);
	return error;
}

void pipeline_destroy(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	flow_destroy(pipeline->flows);
	deliver_destroy(pipeline->scratch);
	free(pipeline);
}

static struct port_counters *own_row(const struct pipeline *pipeline, struct port_ref port)
{
	return counters_own_row(pipeline->options.counters, pipeline->options.writer, port);
}

static unsigned bits(uint64_t mask)
{
	/* mostly one frame, or nearly all: the general way is a call where popcnt is not a given */
	return mask & (mask - 1) ? (unsigned)__builtin_popcountll(mask) : mask != 0;
}

/* Let @port get @frames, each with @tag. */
static void want(struct pipeline *pipeline, uint64_t frames, uint16_t port, uint16_t tag)
{
	struct deliver_share *share = &pipeline->shares[port];

	if (!share->frames)
		pipeline->outputs[pipeline->n_outputs++] = port;
	share->frames |= frames;
	if (tag == POLICY_UNTAGGED)
		return;
	share->tagged |= frames;
	for (; frames; frames &= frames - 1)
		share->tags[__builtin_ctzll(frames)] = tag;
}

/* What want_along() was told. */
static void want_at_last(struct pipeline *pipeline)
{
	if (pipeline->along)
		want(pipeline, pipeline->along, pipeline->along_path->output,
		     pipeline->along_path->tag);
	pipeline->along = 0;
}

/* Let @frames go along @path. Many trains one behind the other do. */
static inline void want_along(struct pipeline *pipeline, uint64_t frames,
			      const struct flow_path *path)
{
	if (pipeline->along_path != path) {
		want_at_last(pipeline);
		pipeline->along_path = path;
	}
	pipeline->along |= frames;
}

/*
 * A burst writes PIPELINE_NEWS addresses at most: who sends from ever new ones waits
 * for the next burst with the rest, and does not make his frames dear.
 */
static void learn(struct pipeline *pipeline, const struct decision *decision)
{
	if (pipeline->news == PIPELINE_NEWS)
		return;
	switch (fdb_learn(pipeline->fdb, pipeline->policy, decision->network, decision->l2.src,
			  pipeline->in, pipeline->now)) {
	case FDB_KNOWN: return;
	case FDB_MOVED: counter_add(&pipeline->row->fdb_moves, 1); break;
	case FDB_EVICTED: counter_add(&pipeline->row->fdb_evictions, 1); break;
	case FDB_ADDED:
	case FDB_NO_ROOM: break;
	}
	pipeline->news++;
}

/*
 * What its virtio-net header asks for, before anything believes it: decide()
 * asks it whether a long frame is to be segmented.
 */
static enum drop check_offload(struct frame *frame, uint32_t may_ask)
{
	struct frame_l2 l2;

	if (offload_needs(&frame->hdr) & ~may_ask)
		return DROP_BAD_OFFLOAD;
	/* what cannot be parsed is decide()'s to refuse */
	return frame_parse(frame, &l2) == DROP_NONE ? offload_check(frame, &l2) : DROP_NONE;
}

/* Judge @frame's own header. Why it may not pass, or DROP_NONE. */
static inline enum drop judge(struct frame *frame, uint32_t may_ask)
{
	if (__builtin_expect(frame->fault != DROP_NONE, 0))
		return frame->fault;
	if (__builtin_expect(offload_is_asked(&frame->hdr), 0))
		return check_offload(frame, may_ask);
	frame->hdr = OFFLOAD_NONE;
	return DROP_NONE;
}

/* Begin @train, behind the one that it may follow. */
static void begin_train(struct pipeline *pipeline, struct train *train)
{
	train->frames = 0;
	train->wire_len = 0;
	if (train->follows) {
		train->hash = train[-1].hash;
	} else if (train->keyed) {
		train->hash = flow_hash(pipeline->flows, &train->key);
		flow_index_prefetch(&pipeline->flows->path_index, train->hash);
		pipeline->n_keys++;
	}
}

/* First stage: judge the frames' own headers, and gather them into trains. */
static void gather(struct pipeline *pipeline, const struct policy_port *port)
{
	const bool guarded = port->flags & GUARD_LOOKS;
	const bool deep = pipeline->deep;
	struct frame *frame = pipeline->burst.frames, *const end = frame + pipeline->burst.count;
	struct train *last = pipeline->trains, *next = last;
	/* of the last train: frames with the same Ethernet header belong to it */
	const struct frame *like = NULL;
	uint64_t bytes = 0;

	for (uint64_t bit = 1; frame < end; frame++, bit <<= 1) {
		enum drop fault = judge(frame, pipeline->burst.may_ask);
		uint32_t wire_len;

		bytes += frame->len;
		pipeline->dropped[frame - pipeline->burst.frames] = fault;
		if (fault != DROP_NONE)
			continue;
		wire_len = frame_wire_len(frame);
		if (!like || !flow_is_like(frame, like) ||
		    (guarded && guard_wants_look(port, frame))) {
			next->keyed = flow_key(frame, pipeline->in.id, &next->key) &&
				      (!deep || flow_ends(frame, &next->key, &next->ends)) &&
				      !guard_wants_look(port, frame);
			next->follows = next->keyed && next > last && last->keyed &&
					flow_same_key(&next->key, &last->key);
			if (!next->follows || (deep && !flow_same_ends(&next->ends, &last->ends))) {
				last = next++;
				begin_train(pipeline, last);
				like = last->keyed && !deep && !flow_key_is_tagged(&last->key)
					       ? frame
					       : NULL;
			}
		}
		last->frames |= bit;
		if (wire_len > last->wire_len)
			last->wire_len = wire_len;
	}
	pipeline->n_trains = (unsigned)(next - pipeline->trains);
	pipeline->bytes = bytes;
}

/* Before anything reads them. */
static void mark_frames(struct pipeline *pipeline, const struct policy_port *port)
{
	for (unsigned i = 0; i < pipeline->burst.count; i++) {
		if (pipeline->burst.frames[i].fault == DROP_NONE)
			mark_frame(port, &pipeline->burst.frames[i]);
	}
}

/* The priority that frames of @port leave with, wherever they leave with a tag. */
static void mark_tags(struct pipeline *pipeline, const struct policy_port *port)
{
	for (unsigned n = 0; n < pipeline->n_outputs; n++) {
		struct deliver_share *share = &pipeline->shares[pipeline->outputs[n]];

		for (uint64_t left = share->tagged; left; left &= left - 1)
			share->tags[__builtin_ctzll(left)] |= mark_tci(port);
	}
}

/*
 * What is over the rate of the sender, which has one, leaves its train; unless the
 * sender waits, of which no more was taken than has room.
 */
static void police(struct pipeline *pipeline, bool waits)
{
	for (unsigned n = 0; n < pipeline->n_trains; n++) {
		struct train *train = &pipeline->trains[n];

		for (uint64_t left = train->frames; left; left &= left - 1) {
			unsigned i = (unsigned)__builtin_ctzll(left);
			const struct frame *frame = &pipeline->burst.frames[i];

			if (rate_admit(pipeline->options.rates, pipeline->policy, pipeline->in.id,
				       RATE_IN, frame->len, rate_packets(frame), pipeline->now))
				continue;
			if (waits) {
				rate_charge(pipeline->options.rates, pipeline->policy,
					    pipeline->in.id, RATE_IN, frame->len,
					    rate_packets(frame), pipeline->now);
				continue;
			}
			train->frames &= ~(UINT64_C(1) << i);
			pipeline->dropped[i] = DROP_RATE;
		}
	}
}

/* May the frame be flooded, as far as its port's storm limit goes? */
static bool may_flood(struct pipeline *pipeline, const struct decision *decision)
{
	const struct policy_port *port = &policy_ports(pipeline->policy)[decision->in];

	return !rate_is_limited(port) ||
	       rate_admit_flood(pipeline->options.rates, pipeline->policy, decision->in,
				decision->l2.dst, pipeline->now);
}

/* Count @frames of @bytes for a rule. */
static void count_rule(struct pipeline *pipeline, uint16_t number, uint32_t rule, uint64_t frames,
		       uint64_t bytes)
{
	const struct policy_rules *list = policy_rules(pipeline->policy, number);

	counters_hit(pipeline->options.counters, pipeline->options.writer, list->hits + rule,
		     list->hits_tag, frames, bytes);
}

/* Count the rules that a frame of @len bytes met, those that refused it too. */
static void count_rules(struct pipeline *pipeline, const struct decision *decision, uint32_t len)
{
	for (unsigned i = 0; i < FILTER__STEPS; i++) {
		const struct filter_hit *hit = &decision->hits[i];

		if (hit->list && hit->rule != FILTER_NO_RULE)
			count_rule(pipeline, hit->list, hit->rule, 1, len);
	}
}

/* On whose account a session is that @decision lets begin, and what let it. */
static struct session_grant grant_session(const struct pipeline *pipeline,
					  const struct decision *decision)
{
	const struct policy_port *ports = policy_ports(pipeline->policy);
	const struct filter_hit *hit = &decision->hits[FILTER_GROUP_IN];
	struct port_ref owner = decision->filter.packet.in;

	if (ports[owner.id].flags & POLICY_PORT_UPLINK &&
	    !port_ref_is_none(decision->filter.packet.out))
		owner = decision->filter.packet.out;
	if (!hit->list)
		hit = &decision->hits[FILTER_GROUP_OUT];
	return (struct session_grant){
		.session = decision->filter.found.session,
		.policy = pipeline->policy->generation,
		.owner = owner,
		.tenant = ports[owner.id].tenant,
		.port_max = ports[owner.id].sessions_max,
		.tenant_max = ports[owner.id].tenant_sessions_max,
		.rule = hit->list && hit->rule != FILTER_NO_RULE
				? policy_rules(pipeline->policy, hit->list)->hits + hit->rule
				: 0,
	};
}

/* Write down that the frame passes in its session. Why it does not after all, or DROP_NONE. */
static enum drop commit_session(struct pipeline *pipeline, const struct decision *decision,
				struct session_ref *ret_session)
{
	struct session_grant grant = grant_session(pipeline, decision);

	switch (session_commit(pipeline->options.sessions, &decision->filter.packet, &grant,
			       pipeline->now, ret_session)) {
	case SESSION_PASSED:
	case SESSION_ADVANCED:
	case SESSION_CREATED:
	case SESSION_RECYCLED: return DROP_NONE;
	case SESSION_FULL: return DROP_SESSION_FULL;
	case SESSION_BUSY:
	case SESSION_REFUSED: break;
	}
	return DROP_SESSION_BUSY;
}

/* The TCP headers of @frames, as far as they can be read. Returns how many could. */
static unsigned read_segments(struct pipeline *pipeline, bool tagged, uint64_t frames)
{
	unsigned type = tagged ? FRAME_ETH + 2 : FRAME_ETH - 2, n = 0;
	struct frame_l2 l2 = {.tagged = tagged};
	struct frame_ip ip;

	for (; frames; frames &= frames - 1) {
		const struct frame *frame = &pipeline->burst.frames[__builtin_ctzll(frames)];

		l2.ethertype = frame_load16(frame, type);
		if (!frame_parse_ip(frame, &l2, &ip) ||
		    !session_packet_read_tcp(frame, &ip, &pipeline->segments[n]))
			break;
		n++;
	}
	return n;
}

/*
 * Which of @frames, one behind the other, go the way of @flow in its session: those
 * before the first that is not as simple as that.
 */
static uint64_t advance_session(struct pipeline *pipeline, const struct flow *flow, bool tagged,
				uint64_t frames)
{
	bool tcp = flow_is_tcp(flow), reply = flow->about & FLOW_REPLY;
	unsigned n = tcp ? read_segments(pipeline, tagged, frames) : bits(frames);
	unsigned went = session_advance(pipeline->options.sessions, flow->session, reply,
					tcp ? pipeline->segments : NULL, n, pipeline->now);
	uint64_t rest = frames;

	if (went == bits(frames))
		return frames;
	while (went-- > 0)
		rest &= rest - 1;
	return frames & ~rest;
}

/* Count what is in a tally. */
static void settle_tally(struct pipeline *pipeline, struct tally *tally)
{
	if (tally->list)
		count_rule(pipeline, tally->list, tally->rule, tally->frames, tally->bytes);
	tally->list = 0;
}

/* @frames of @bytes met that rule. */
static void add_to_tally(struct tally *tally, struct pipeline *pipeline, uint16_t list,
			 uint32_t rule, unsigned frames, uint64_t bytes)
{
	if (tally->list != list || tally->rule != rule) {
		settle_tally(pipeline, tally);
		*tally = (struct tally){.list = list, .rule = rule};
	}
	tally->frames += frames;
	tally->bytes += bytes;
}

/* Which of @frames go the way of @flow, which is filtered; their rules are counted. */
static uint64_t pass_filters(struct pipeline *pipeline, const struct flow *flow, bool tagged,
			     uint64_t frames)
{
	const struct flow_rest *rest;
	uint64_t bytes = 0;
	unsigned n = 0;

	if (!session_ref_is_none(flow->session))
		frames = advance_session(pipeline, flow, tagged, frames);
	if (!frames || !(flow->about & FLOW_RULED))
		return frames;
	rest = flow_rest(pipeline->flows, flow);
	for (uint64_t left = frames; left; left &= left - 1, n++)
		bytes += pipeline->burst.frames[__builtin_ctzll(left)].len;
	for (unsigned i = 0; i < 2; i++)
		if (rest->lists[i])
			add_to_tally(&pipeline->tallies[i], pipeline, rest->lists[i],
				     rest->rules[i], n, bytes);
	return frames;
}

/* Port @id, which may be 0: none. */
static struct port_ref port_named(const struct policy *policy, uint16_t id)
{
	return id ? (struct port_ref){id, policy_ports(policy)[id].generation} : PORT_NONE;
}

/* Record @frame if a rule that it met says so. */
static void log_rules(struct pipeline *pipeline, const struct decision *decision,
		      const struct frame *frame)
{
	for (unsigned i = 0; i < FILTER__STEPS; i++)
		if (decision->hits[i].log)
			rule_log_note(pipeline->options.counters, pipeline->options.writer,
				      pipeline->in, port_named(pipeline->policy, decision->output),
				      frame, pipeline->policy, &decision->hits[i],
				      (enum filter_step)i, pipeline->now);
}

/* Decide about frame @i of @train and note its outputs. Returns why it has none, or DROP_NONE. */
static enum drop route(struct pipeline *pipeline, const struct train *train, unsigned i)
{
	const struct frame *frame = &pipeline->burst.frames[i];
	uint64_t bit = UINT64_C(1) << i;
	struct session_ref session = SESSION_NONE;
	struct decision decision;
	enum drop drop = DROP_NONE;
	uint32_t cursor = 0;
	uint16_t port, tag;

	pipeline->routed = true;
	want_at_last(pipeline);
	decide(pipeline->policy, pipeline->fdb, pipeline->options.sessions, frame, pipeline->in,
	       pipeline->now, &decision);
	if (decision.learn)
		learn(pipeline, &decision);
	if (decision.tells)
		snoop_learn(pipeline->policy, pipeline->fdb, decision.network, frame, &decision.l2,
			    pipeline->in, pipeline->now);
	if (decision.strip)
		pipeline->strip |= bit;
	if (pipeline->deep) {
		count_rules(pipeline, &decision, frame->len);
		log_rules(pipeline, &decision, frame);
	}
	if (!session_ref_is_none(decision.end))
		session_end(pipeline->options.sessions, decision.end);
	if (decision.commit)
		drop = commit_session(pipeline, &decision, &session);
	if (drop != DROP_NONE) {
		decision.fate = FATE_DROP;
		decision.drop = drop;
	}
	switch (decision.fate) {
	case FATE_DROP:
		pipeline->noted |= bit;
		refusal_note(pipeline->options.counters, pipeline->options.writer, pipeline->in,
			     port_named(pipeline->policy, decision.output), frame, &decision,
			     pipeline->policy->generation, pipeline->now);
		return decision.drop;
	case FATE_UNICAST:
		want(pipeline, bit, decision.output, decision.tag);
		if (train->keyed)
			flow_remember(pipeline->flows, pipeline->fdb, &train->key, train->hash,
				      pipeline->deep ? &train->ends : NULL, &decision, session,
				      pipeline->now);
		return DROP_NONE;
	case FATE_FLOOD:
		if (!may_flood(pipeline, &decision))
			return DROP_STORM;
		while (decide_flood_next(pipeline->policy, &decision, &cursor, &port, &tag))
			want(pipeline, bit, port, tag);
		/* for as long as no destination says otherwise */
		return DROP_NO_RECEIVER;
	}
	return DROP_NONE;
}

/* Send @train where frames of its key go; as long as nobody knows, decide about one of them. */
static void dispatch(struct pipeline *pipeline, struct train *train)
{
	for (uint64_t left = train->frames; left; left &= left - 1) {
		uint64_t went = left;
		unsigned i;

		if (pipeline->routed)
			train_look_up(train, pipeline->flows, pipeline->deep, pipeline->now);
		if (train->path && (train->flow || !pipeline->deep)) {
			bool tagged = flow_key_is_tagged(&train->key);

			if (train->flow && flow_is_filtered(train->flow))
				went = pass_filters(pipeline, train->flow, tagged, left);
			if (went)
				want_along(pipeline, went, train->path);
			if (tagged)
				pipeline->strip |= went;
			left &= ~went;
			if (!left)
				return;
		}
		i = (unsigned)__builtin_ctzll(left);
		pipeline->dropped[i] = route(pipeline, train, i);
	}
}

/* The port of @id that the policy speaks of, or NULL: no device, or one of an earlier port. */
static struct port *destination(const struct pipeline *pipeline, struct port_ref ref)
{
	/* acquire: the port is whole, control made it before it published it */
	struct port *port =
		atomic_load_explicit(&pipeline->options.ports->slots[ref.id], memory_order_acquire);

	return port && port_ref_equal(port->ref, ref) ? port : NULL;
}

/* Count what became of @share, whose destination is @ref. */
static void settle_share(struct pipeline *pipeline, struct port_ref ref,
			 const struct deliver_share *share, const struct deliver_result *result)
{
	struct port_counters *row = own_row(pipeline, ref);

	for (uint64_t left = share->frames & ~result->went; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		enum drop missed = result->missed[i];

		counter_add(&row->missed[missed], 1);
		atomic_store_explicit(&row->missed_last_ms[missed], pipeline->now,
				      memory_order_relaxed);
		if (pipeline->dropped[i] != DROP_NONE && pipeline->dropped[i] != DROP_NO_RECEIVER)
			continue;
		pipeline->dropped[i] = missed;
		pipeline->missed |= UINT64_C(1) << i;
		pipeline->missed_at[i] = ref.id;
	}
	pipeline->replicated += bits(result->went & pipeline->delivered);
	pipeline->delivered |= result->went;
	counter_add(&row->offered, bits(share->frames));
	counter_add(&row->tx_frames, bits(result->went));
	counter_add(&row->tx_bytes, result->bytes);
	if (result->completed)
		counter_add(&row->segmented, bits(result->completed));
}

/* Which frames of @share, for port @id, are over its rate? */
static uint64_t hold_back(struct pipeline *pipeline, uint16_t id, const struct deliver_share *share)
{
	uint64_t held = 0;

	for (uint64_t left = share->frames; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		const struct frame *frame = &pipeline->burst.frames[i];
		uint32_t len = frame->len + (share->tagged >> i & 1 ? FRAME_TAG : 0) -
			       (pipeline->strip >> i & 1 ? FRAME_TAG : 0);

		if (!rate_admit(pipeline->options.rates, pipeline->policy, id, RATE_OUT, len,
				rate_packets(frame), pipeline->now))
			held |= UINT64_C(1) << i;
	}
	return held;
}

/* deliver_share() for a port with a rate: what is over it is missed. */
static void deliver_rated(struct pipeline *pipeline, struct port *port, struct deliver_share *share,
			  uint32_t spread, struct deliver_result *ret_result)
{
	uint64_t held = hold_back(pipeline, port->ref.id, share);

	share->frames &= ~held;
	if (share->frames)
		deliver_share(pipeline->scratch, &pipeline->burst, pipeline->strip, port, share,
			      pipeline->options.ring, spread, ret_result);
	else
		deliver_nowhere(share, ret_result);
	share->frames |= held;
	for (; held; held &= held - 1)
		ret_result->missed[__builtin_ctzll(held)] = DROP_RATE;
}

static void deliver_all(struct pipeline *pipeline, uint32_t spread)
{
	struct deliver_result result = {.bytes = 0};

	for (unsigned n = 0; n < pipeline->n_outputs; n++) {
		uint16_t id = pipeline->outputs[n];
		struct deliver_share *share = &pipeline->shares[id];
		struct port_ref ref = port_named(pipeline->policy, id);
		struct port *port = destination(pipeline, ref);

		if (port && rate_is_limited(&policy_ports(pipeline->policy)[id]))
			deliver_rated(pipeline, port, share, spread, &result);
		else if (port)
			deliver_share(pipeline->scratch, &pipeline->burst, pipeline->strip, port,
				      share, pipeline->options.ring, spread, &result);
		else
			deliver_nowhere(share, &result);
		settle_share(pipeline, ref, share, &result);
		share->frames = 0;
		share->tagged = 0;
	}
	pipeline->n_outputs = 0;
}

/* Keep frame @i for `why`, which nobody got for a reason that decide() does not know. */
static void note_undecided(struct pipeline *pipeline, unsigned i)
{
	uint16_t out = pipeline->missed >> i & 1 ? pipeline->missed_at[i] : 0;

	refusal_note_undecided(pipeline->options.counters, pipeline->options.writer, pipeline->in,
			       port_named(pipeline->policy, out), &pipeline->burst.frames[i],
			       pipeline->dropped[i], pipeline->policy->generation, pipeline->now);
}

/* Give each frame of the burst its one fate. */
static void settle_burst(struct pipeline *pipeline)
{
	struct port_counters *row = pipeline->row;
	const struct burst *burst = &pipeline->burst;
	uint64_t all = burst->count < 64 ? (UINT64_C(1) << burst->count) - 1 : UINT64_MAX;

	for (uint64_t left = all & ~pipeline->delivered; left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctzll(left);
		enum drop reason = pipeline->dropped[i];

		counter_add(&row->dropped[reason], 1);
		atomic_store_explicit(&row->dropped_last_ms[reason], pipeline->now,
				      memory_order_relaxed);
		if (!(pipeline->noted >> i & 1))
			note_undecided(pipeline, i);
	}
	counter_add(&row->rx_frames, burst->count);
	counter_add(&row->rx_bytes, pipeline->bytes);
	counter_add(&row->delivered, bits(pipeline->delivered));
	counter_add(&row->replicated, pipeline->replicated);
}

/* Decide about, deliver and count the frames that lie in the burst. */
static void run_burst(struct pipeline *pipeline, const struct policy *policy, struct fdb *fdb,
		      struct port_ref in, uint32_t spread, clock_ms now)
{
	static const struct policy_port nobody;
	const struct policy_port *port = policy_port(policy, in);

	if (!port)
		port = &nobody;
	pipeline->policy = policy;
	pipeline->fdb = fdb;
	pipeline->in = in;
	pipeline->row = own_row(pipeline, in);
	pipeline->now = now;
	pipeline->deep = port->flags & POLICY_PORT_READS_FLOW;
	pipeline->news = 0;
	pipeline->routed = false;
	pipeline->n_keys = 0;
	pipeline->strip = 0;
	pipeline->noted = 0;
	pipeline->missed = 0;
	pipeline->delivered = 0;
	pipeline->replicated = 0;
	flow_begin(pipeline->flows, policy);
	if (mark_is_due(port))
		mark_frames(pipeline, port);
	gather(pipeline, port);
	if (rate_is_limited(port))
		police(pipeline, port->flags & POLICY_PORT_WAITS);
	train_look_up_paths(pipeline->trains, pipeline->n_trains, pipeline->n_keys, pipeline->flows,
			    pipeline->deep, now);
	if (pipeline->deep)
		train_look_up_flows(pipeline->trains, pipeline->n_trains, pipeline->flows,
				    pipeline->options.sessions, now);
	for (unsigned n = 0; n < pipeline->n_trains; n++)
		dispatch(pipeline, &pipeline->trains[n]);
	want_at_last(pipeline);
	for (unsigned i = 0; i < 2; i++)
		settle_tally(pipeline, &pipeline->tallies[i]);
	if (port->pcp)
		mark_tags(pipeline, port);
	deliver_all(pipeline, spread);
	settle_burst(pipeline);
}

/* How many frames, of @most, may be taken from @port? None: they stay where they are. */
static unsigned room(const struct pipeline *pipeline, const struct policy *policy,
		     struct port_ref ref, unsigned most, clock_ms now)
{
	const struct policy_port *port = policy_port(policy, ref);
	unsigned rated;

	if (!port || !(port->flags & POLICY_PORT_WAITS))
		return most;
	rated = rate_room(pipeline->options.rates, policy, ref.id, now);
	return rated < most ? rated : most;
}

unsigned pipeline_run(struct pipeline *pipeline, const struct policy *policy, struct fdb *fdb,
		      struct port_queue *queue, unsigned most, clock_ms now)
{
	struct port *port = queue->port;

	pipeline->burst.room = room(pipeline, policy, port->ref, most, now);
	if (!pipeline->burst.room)
		return 0;
	pipeline->burst.count = 0;
	pipeline->burst.may_ask = PORT_ACCEPTS_ALL;
	port->ops->take(queue, &pipeline->burst);
	if (!pipeline->burst.count)
		return 0;
	run_burst(pipeline, policy, fdb, port->ref, port->ref.id + queue->index, now);
	port->ops->give_back(queue, &pipeline->burst);
	return pipeline->burst.count;
}

void pipeline_inject(struct pipeline *pipeline, const struct policy *policy, struct fdb *fdb,
		     struct port_ref in, const uint8_t *bytes, uint32_t len, clock_ms now)
{
	struct burst *burst = &pipeline->burst;
	struct frame *frame = &burst->frames[0];
	uint16_t head_len = (uint16_t)(len < FRAME_HEAD ? len : FRAME_HEAD);

	frame->hdr = (struct virtio_net_hdr_v1){0};
	frame->len = len;
	frame->head_len = head_len;
	memcpy(frame->head, bytes, head_len);
	frame->tail = burst->pool;
	frame->n_tail = len > head_len;
	frame->tail[0] = (struct iovec){(uint8_t *)bytes + head_len, len - head_len};
	frame->fault = DROP_NONE;
	burst->count = 1;
	run_burst(pipeline, policy, fdb, in, in.id, now);
}
