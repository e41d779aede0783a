/*
 * session_adopt - the books and the index of a table that another process left.
 *
 * Nothing is believed but the slots, and each of them only if session_commit()
 * could have written it. What it was allowed by is forgotten: each session is
 * asked for again when it is used, so that one that was forged gets no further
 * than the rules let it begin.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "switch/session_table.h"

enum {
	SCALE_MAX = 14, /* RFC 7323, 2.3 */
};

static bool state_fits(const struct session_image *image)
{
	uint8_t protocol = (uint8_t)image->words.about;
	enum session_state state = session_line_state(&image->line);

	if (image->line.state & SESSION_LOOSE && protocol != IPPROTO_TCP)
		return false;
	switch (state) {
	case SESSION_OPENING: return true;
	case SESSION_REPLIED: return protocol != IPPROTO_TCP;
	case SESSION_STREAM:
		return protocol != IPPROTO_TCP && protocol != IPPROTO_ICMP &&
		       protocol != IPPROTO_ICMPV6;
	case SESSION_SYN_RECEIVED:
	case SESSION_ESTABLISHED_TCP:
	case SESSION_CLOSING:
	case SESSION_TIME_WAIT:
	case SESSION_CLOSED: return protocol == IPPROTO_TCP;
	case SESSION_FREE:
	case SESSION_STATE__COUNT: break;
	}
	return false;
}

static bool scale_fits(uint8_t scale)
{
	return scale <= SCALE_MAX || scale == SESSION_SCALE_NONE;
}

static bool addresses_fit(const struct session_words *words)
{
	uint8_t version = (uint8_t)(words->about >> 8);

	return version == 6 || (version == 4 && !words->src[0] && !words->dst[0] &&
				words->src[1] >> 32 == 0xffff && words->dst[1] >> 32 == 0xffff);
}

static bool makes_sense(const struct session_image *image)
{
	uint16_t network = (uint16_t)(image->words.ends >> 32);

	return state_fits(image) && scale_fits(image->line.scale[0]) &&
	       scale_fits(image->line.scale[1]) && addresses_fit(&image->words) && network != 0 &&
	       network < LIMIT_NETWORKS && image->words.ends >> 48 != 0 &&
	       image->tenant < LIMIT_TENANTS && image->owner.id != 0 &&
	       image->owner.id < LIMIT_PORTS && !port_ref_is_none(image->owner) &&
	       image->in.id < LIMIT_PORTS && image->out.id < LIMIT_PORTS;
}

/* Make the word of a slot even; the generation of what is in it, or will be. */
static uint32_t settle_word(struct session_slot *slot)
{
	uint64_t word = atomic_load_explicit(&slot->word, memory_order_relaxed);
	uint32_t generation = session_word_generation(word);

	if (generation == 0)
		generation = 1;
	atomic_store_explicit(&slot->word, (uint64_t)generation << 32 | ((uint32_t)word & ~1U),
			      memory_order_release);
	return generation;
}

/* Is a session with the ends of @image in the index already? */
static bool is_double(const struct sessions *sessions, const struct session_image *image)
{
	struct session_packet packet = {.kind = SESSION_KIND_PLAIN};
	const struct session_words *words = &image->words;
	struct session_image other;
	bool reply;

	packet.key = (struct session_key){
		.src = {words->src[0], words->src[1]},
		.dst = {words->dst[0], words->dst[1]},
		.src_port = (uint16_t)words->ends,
		.dst_port = (uint16_t)(words->ends >> 16),
		.network = (uint16_t)(words->ends >> 32),
		.network_generation = (uint16_t)(words->ends >> 48),
		.version = (uint8_t)(words->about >> 8),
		.protocol = (uint8_t)words->about,
	};
	return session_locate(sessions, &packet, &other, &reply) == 0;
}

static void clear_index(struct sessions *sessions)
{
	for (uint32_t bucket = 0; bucket < sessions->n_buckets; bucket += SESSION_GROUP) {
		if (session_group_is_used(sessions, bucket))
			memset(&sessions->buckets[bucket], 0,
			       SESSION_GROUP * sizeof(struct session_bucket));
	}
}

struct weak_slot {
	uint32_t seen;
	uint32_t slot;
};

static int compare_age(const void *a, const void *b)
{
	const struct weak_slot *left = a, *right = b;

	if (left->seen != right->seen)
		return left->seen < right->seen ? -1 : 1;
	return (left->slot > right->slot) - (left->slot < right->slot);
}

/* Take the session of slot @slot into the books and the index, if there is one. */
static bool adopt_slot(struct sessions *sessions, uint32_t slot, struct session_image *ret_image)
{
	struct session_slot *at = &sessions->slots[slot];
	struct session_pulse *pulse = &sessions->pulses[slot];

	settle_word(at);
	atomic_store_explicit(&pulse->phase, 0, memory_order_relaxed);
	/* Read once: a predecessor that is not dead yet may still write. */
	if (session_slot_read(sessions, slot, ret_image) || !makes_sense(ret_image) ||
	    is_double(sessions, ret_image) || !session_books_take(sessions, slot, ret_image)) {
		atomic_store_explicit(&at->state, SESSION_FREE, memory_order_release);
		return false;
	}
	atomic_store_explicit(&at->policy, 0, memory_order_relaxed);
	atomic_store_explicit(
		&pulse->phase,
		session_phase(ret_image->ref.generation, session_line_state(&ret_image->line)),
		memory_order_release);
	return true;
}

int session_books_rebuild(struct sessions *sessions)
{
	uint32_t high = atomic_load_explicit(&sessions->table->high, memory_order_relaxed);
	struct session_books *books = sessions->books;
	struct weak_slot *weak;
	uint32_t n_weak = 0;

	if (high > sessions->n_slots)
		high = sessions->n_slots;
	weak = malloc(((size_t)high + 1) * sizeof(*weak));
	if (!weak)
		return -ENOMEM;
	atomic_store_explicit(&sessions->table->high, high, memory_order_relaxed);
	books->high = high;
	clear_index(sessions);
	/* Downwards, so that the lowest free slot is the first to be used again. */
	for (uint32_t slot = high; slot-- > 0;) {
		struct session_image image;

		if (!adopt_slot(sessions, slot, &image)) {
			books->links[slot + 1].newer = books->free;
			books->free = slot + 1;
		} else if (session_state_is_weak(session_line_state(&image.line))) {
			weak[n_weak++] = (struct weak_slot){image.seen, slot};
		}
	}
	qsort(weak, n_weak, sizeof(*weak), compare_age);
	for (uint32_t i = 0; i < n_weak; i++)
		session_books_rank(sessions, weak[i].slot, true);
	free(weak);
	return 0;
}
