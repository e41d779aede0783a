/*
 * refusal - see refusal.h.
 */
#include <string.h>

#include "switch/refusal.h"

enum { TRIES = 16 }; /* to read a record that a worker is writing */

static struct refusal_place *place_of(const struct counters *counters, unsigned writer,
				      uint16_t port, enum drop reason)
{
	struct refusal_place *places =
		(struct refusal_place *)((char *)(uintptr_t)counters + counters_refusals());

	return &places[((size_t)writer * LIMIT_PORTS + port) * DROP__COUNT + reason];
}

static uint32_t name_of(struct port_ref port)
{
	return (uint32_t)port.id << 16 | port.generation;
}

/* The rule that refused the frame, if one did. */
static const struct filter_hit *refusing(const struct decision *decision)
{
	switch (decision->drop) {
	case DROP_ACL_IN: return &decision->hits[FILTER_ACL_IN];
	case DROP_GROUP_OUT: return &decision->hits[FILTER_GROUP_OUT];
	case DROP_GROUP_IN: return &decision->hits[FILTER_GROUP_IN];
	case DROP_ACL_OUT: return &decision->hits[FILTER_ACL_OUT];
	default: return NULL;
	}
}

static void write_place(struct refusal_place *place, struct port_ref port,
			const struct refusal *refusal)
{
	uint64_t sequence = atomic_load_explicit(&place->sequence, memory_order_relaxed);
	uint64_t words[REFUSAL_WORDS];

	memcpy(words, refusal, sizeof(words));
	atomic_store_explicit(&place->sequence, sequence + 1, memory_order_relaxed);
	/* release: who sees one of the words sees the odd number too */
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&place->port, name_of(port), memory_order_relaxed);
	for (unsigned i = 0; i < REFUSAL_WORDS; i++)
		atomic_store_explicit(&place->words[i], words[i], memory_order_relaxed);
	/* release: who sees the even number sees all words */
	atomic_store_explicit(&place->sequence, sequence + 2, memory_order_release);
}

/* Once a millisecond, a reason and a port. */
static bool is_due(const struct refusal_place *place, struct port_ref in, clock_ms now)
{
	return atomic_load_explicit(&place->words[0], memory_order_relaxed) != now ||
	       atomic_load_explicit(&place->port, memory_order_relaxed) != name_of(in);
}

void refusal_write(struct refusal_place *place, struct port_ref port, const struct frame *frame,
		   struct refusal *refusal)
{
	refusal->len = frame->len;
	refusal->head_len =
		frame->head_len < REFUSAL_HEAD ? (uint8_t)frame->head_len : REFUSAL_HEAD;
	memcpy(refusal->head, frame->head, refusal->head_len);
	write_place(place, port, refusal);
}

void refusal_note(struct counters *counters, unsigned writer, struct port_ref in,
		  struct port_ref out, const struct frame *frame, const struct decision *decision,
		  uint64_t policy, clock_ms now)
{
	struct refusal_place *place = place_of(counters, writer, in.id, decision->drop);
	const struct filter_hit *hit = refusing(decision);

	if (in.id >= LIMIT_PORTS || !is_due(place, in, now))
		return;
	refusal_write(place, in, frame,
		      &(struct refusal){
			      .when = now,
			      .policy = policy,
			      .rule = hit ? hit->rule : 0,
			      .list = hit ? hit->list : 0,
			      .output = out,
			      .stage = (uint8_t)decision->stage,
		      });
}

void refusal_note_undecided(struct counters *counters, unsigned writer, struct port_ref in,
			    struct port_ref out, const struct frame *frame, enum drop reason,
			    uint64_t policy, clock_ms now)
{
	struct refusal_place *place = place_of(counters, writer, in.id, reason);

	if (in.id >= LIMIT_PORTS || !is_due(place, in, now))
		return;
	refusal_write(place, in, frame,
		      &(struct refusal){.when = now, .policy = policy, .output = out});
}

bool refusal_read_place(const struct refusal_place *place, struct port_ref port,
			struct refusal *ret_refusal)
{
	uint64_t words[REFUSAL_WORDS];

	for (unsigned try = 0; try < TRIES; try++) {
		/* acquire: the words are no older than this number */
		uint64_t before = atomic_load_explicit(&place->sequence, memory_order_acquire);
		uint32_t name = atomic_load_explicit(&place->port, memory_order_relaxed);

		if (before == 0 || name != name_of(port))
			return false;
		for (unsigned i = 0; i < REFUSAL_WORDS; i++)
			words[i] = atomic_load_explicit(&place->words[i], memory_order_relaxed);
		/* acquire: if a word is newer, the number that is read now is, too */
		atomic_thread_fence(memory_order_acquire);
		if (before % 2 ||
		    atomic_load_explicit(&place->sequence, memory_order_relaxed) != before)
			continue;
		memcpy(ret_refusal, words, sizeof(words));
		/* the writer is not trusted */
		return ret_refusal->head_len <= REFUSAL_HEAD;
	}
	return false;
}

bool refusal_read(const struct counters *counters, struct port_ref port, enum drop reason,
		  struct refusal *ret_refusal)
{
	struct refusal last = {0}, refusal;
	bool found = false;

	for (unsigned writer = 0; writer <= LIMIT_WORKERS; writer++) {
		if (!refusal_read_place(place_of(counters, writer, port.id, reason), port,
					&refusal) ||
		    refusal.when < last.when)
			continue;
		last = refusal;
		found = true;
	}
	if (found)
		*ret_refusal = last;
	return found;
}
