/*
 * session - making, finding and reading a table. session_table.h says how it
 * lies in memory; session_commit.c and session_books.c change it.
 */
#include "switch/session.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "switch/session_table.h"

enum {
	SESSIONS_MIN = 64,
	CLOCK_SLACK_TICKS = 1000 >> SESSION_TICK_SHIFT, /* workers' clocks differ by a burst */
};

/* Where the parts of a table lie, and how large they are. */
struct plan {
	uint32_t n_slots;
	uint32_t n_buckets;
	size_t pulses;
	size_t slots;
	size_t fragments;
	size_t size;
};

static size_t round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

static bool make_plan(uint32_t sessions, uint32_t share, struct plan *ret_plan)
{
	struct plan plan = {.n_slots = sessions + LIMIT_PORTS * share, .n_buckets = SESSION_GROUP};

	if (sessions < SESSIONS_MIN || sessions > LIMIT_SESSIONS ||
	    (sessions & (sessions - 1)) != 0 || share > LIMIT_SESSION_SHARE)
		return false;
	while (plan.n_buckets * SESSION_SLOTS_PER_BUCKET < plan.n_slots)
		plan.n_buckets *= 2;
	plan.pulses = SESSION_PAGE + plan.n_buckets * sizeof(struct session_bucket);
	plan.slots = round_up(plan.pulses + plan.n_slots * sizeof(struct session_pulse),
			      sizeof(struct session_slot));
	plan.fragments =
		round_up(plan.slots + plan.n_slots * sizeof(struct session_slot), SESSION_PAGE);
	plan.size = plan.fragments + LIMIT_PORTS * sizeof(struct session_fragments);
	*ret_plan = plan;
	return true;
}

size_t session_size(uint32_t sessions, uint32_t share)
{
	struct plan plan;

	return make_plan(sessions, share, &plan) ? plan.size : 0;
}

/* A handle on a table whose head is sound; with books for who is going to write. */
static int open_table(void *memory, uint32_t n_sessions, uint32_t share, bool with_books,
		      struct sessions **ret_sessions)
{
	struct session_table *table = memory;
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	struct plan plan;

	if (!sessions || !make_plan(n_sessions, share, &plan))
		goto free_handle;
	sessions->table = table;
	sessions->buckets = (struct session_bucket *)((char *)memory + SESSION_PAGE);
	sessions->pulses = (struct session_pulse *)((char *)memory + plan.pulses);
	sessions->slots = (struct session_slot *)((char *)memory + plan.slots);
	sessions->fragments = (struct session_fragments *)((char *)memory + plan.fragments);
	sessions->n_buckets = plan.n_buckets;
	sessions->n_slots = plan.n_slots;
	sessions->n_sessions = n_sessions;
	sessions->share = share;
	sessions->seed[0] = table->seed[0];
	sessions->seed[1] = table->seed[1];
	sessions->fragment_seed = atomic_load_explicit(&table->fragment_seed, memory_order_relaxed);
	if (with_books) {
		/* Zeroed memory of this size comes fresh from the kernel: no page is touched. */
		sessions->books =
			calloc(1, sizeof(*sessions->books) +
					  ((size_t)plan.n_slots + 1) * sizeof(struct session_link));
		if (!sessions->books)
			goto free_handle;
	}
	*ret_sessions = sessions;
	return 0;

free_handle:
	free(sessions);
	return -ENOMEM;
}

void session_close(const struct sessions *sessions)
{
	if (!sessions)
		return;
	free(sessions->books);
	free((struct sessions *)sessions);
}

int session_init(void *memory, size_t size, uint32_t n_sessions, uint32_t share,
		 struct sessions **ret_sessions)
{
	struct session_table *table = memory;
	uint64_t seed[3];
	struct plan plan;

	if (!make_plan(n_sessions, share, &plan) || size < plan.size ||
	    (uintptr_t)memory % SESSION_PAGE != 0)
		return -EINVAL;
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	memset(table, 0, sizeof(*table));
	table->version = SESSION_VERSION;
	table->n_sessions = n_sessions;
	table->share = share;
	memcpy(table->seed, seed, sizeof(table->seed));
	table->fragment_seed = seed[2];
	table->magic = SESSION_MAGIC;
	return open_table(memory, n_sessions, share, true, ret_sessions);
}

/* Open a table that somebody else made. */
static int open_foreign(const void *memory, size_t size, bool with_books,
			struct sessions **ret_sessions)
{
	const struct session_table *table = memory;
	uint32_t n_sessions, share;
	struct plan plan;

	if (size < SESSION_PAGE || (uintptr_t)memory % SESSION_PAGE != 0 ||
	    table->magic != SESSION_MAGIC || table->version != SESSION_VERSION)
		return -EPROTO;
	/* Read once: the memory may change, what is built on it may not. */
	n_sessions = *(const volatile uint32_t *)&table->n_sessions;
	share = *(const volatile uint32_t *)&table->share;
	if (!make_plan(n_sessions, share, &plan) || size < plan.size)
		return -EPROTO;
	return open_table((void *)memory, n_sessions, share, with_books, ret_sessions);
}

int session_adopt(void *memory, size_t size, struct sessions **ret_sessions)
{
	struct sessions *sessions;
	uint64_t seed;
	int error;

	/* Another seed, and no fragment that the predecessor let pass is known any more. */
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	error = open_foreign(memory, size, true, &sessions);
	if (error)
		return error;
	atomic_store_explicit(&sessions->table->fragment_seed, seed, memory_order_relaxed);
	sessions->fragment_seed = seed;
	error = session_books_rebuild(sessions);
	if (error) {
		session_close(sessions);
		return error;
	}
	*ret_sessions = sessions;
	return 0;
}

int session_view(const void *memory, size_t size, const struct sessions **ret_sessions)
{
	struct sessions *sessions;
	/* Without books nothing is ever written through the handle. */
	int error = open_foreign(memory, size, false, &sessions);

	if (!error)
		*ret_sessions = sessions;
	return error;
}

void session_words_of(const struct session_key *key, struct session_words *ret_words)
{
	ret_words->src[0] = key->src[0];
	ret_words->src[1] = key->src[1];
	ret_words->dst[0] = key->dst[0];
	ret_words->dst[1] = key->dst[1];
	ret_words->ends = key->src_port | (uint64_t)key->dst_port << 16 |
			  (uint64_t)key->network << 32 | (uint64_t)key->network_generation << 48;
	ret_words->about = key->protocol | (uint64_t)key->version << 8;
}

static bool is_icmp(uint64_t about)
{
	uint8_t protocol = (uint8_t)about;

	return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

/* The identifier and type of an ICMP query belong to both ends. */
void session_words_turn(struct session_words *words)
{
	for (int i = 0; i < 2; i++) {
		uint64_t half = words->src[i];

		words->src[i] = words->dst[i];
		words->dst[i] = half;
	}
	if (!is_icmp(words->about))
		words->ends = (words->ends & ~UINT64_C(0xffffffff)) | (words->ends >> 16 & 0xffff) |
			      (words->ends & 0xffff) << 16;
}

static bool words_are_equal(const struct session_words *a, const struct session_words *b)
{
	return ((a->src[0] ^ b->src[0]) | (a->src[1] ^ b->src[1]) | (a->dst[0] ^ b->dst[0]) |
		(a->dst[1] ^ b->dst[1]) | (a->ends ^ b->ends) |
		((a->about ^ b->about) & SESSION_ABOUT_MASK)) == 0;
}

static struct session_key key_of(const struct session_words *words)
{
	return (struct session_key){
		.src = {words->src[0], words->src[1]},
		.dst = {words->dst[0], words->dst[1]},
		.src_port = (uint16_t)words->ends,
		.dst_port = (uint16_t)(words->ends >> 16),
		.network = (uint16_t)(words->ends >> 32),
		.network_generation = (uint16_t)(words->ends >> 48),
		.version = (uint8_t)(words->about >> 8),
		.protocol = (uint8_t)words->about,
	};
}

void session_slot_load_line(const struct session_slot *slot, struct session_line *ret_line)
{
	session_line_unpack(atomic_load_explicit(&slot->state, memory_order_acquire), ret_line);
	session_slot_load_side(slot, 0, &ret_line->side[0]);
	session_slot_load_side(slot, 1, &ret_line->side[1]);
}

static struct port_ref port_of(uint64_t packed)
{
	return (struct port_ref){(uint16_t)packed, (uint16_t)(packed >> 16)};
}

static void load_image(const struct session_slot *slot, const struct session_pulse *pulse,
		       struct session_image *ret_image)
{
	uint64_t ports = atomic_load_explicit(&slot->ports, memory_order_acquire);

	session_slot_load_line(slot, &ret_image->line);
	for (int i = 0; i < 2; i++) {
		ret_image->words.src[i] = atomic_load_explicit(&slot->src[i], memory_order_acquire);
		ret_image->words.dst[i] = atomic_load_explicit(&slot->dst[i], memory_order_acquire);
	}
	ret_image->words.ends = atomic_load_explicit(&slot->ends, memory_order_acquire);
	ret_image->words.about = atomic_load_explicit(&slot->about, memory_order_acquire);
	ret_image->tenant = (uint16_t)(ret_image->words.about >> 16);
	ret_image->created = (uint32_t)(ret_image->words.about >> 32);
	ret_image->in = port_of(ports);
	ret_image->out = port_of(ports >> 32);
	ret_image->owner = port_of(atomic_load_explicit(&slot->owner, memory_order_acquire));
	ret_image->packets = atomic_load_explicit(&slot->packets, memory_order_acquire) +
			     atomic_load_explicit(&pulse->packets[0], memory_order_acquire) +
			     atomic_load_explicit(&pulse->packets[1], memory_order_acquire);
	ret_image->seen = atomic_load_explicit(&pulse->seen, memory_order_acquire);
	ret_image->policy = atomic_load_explicit(&slot->policy, memory_order_acquire);
	ret_image->rule = atomic_load_explicit(&slot->rule, memory_order_acquire);
}

/*
 * A writer is done in nanoseconds, unless it lost its processor or its life:
 * readers try a few times, then go without. Loads are acquire: a reader that sees
 * any word of a write sees the odd sequence stored before it, when it compares
 * the word afterwards.
 */
int session_slot_read(const struct sessions *sessions, uint32_t slot,
		      struct session_image *ret_image)
{
	const struct session_slot *at = &sessions->slots[slot];

	for (unsigned i = 0; i < SESSION_TRIES; i++) {
		uint64_t word = atomic_load_explicit(&at->word, memory_order_acquire);
		struct session_image image;

		load_image(at, &sessions->pulses[slot], &image);
		if (word & 1 || atomic_load_explicit(&at->word, memory_order_relaxed) != word)
			continue;
		if (session_line_state(&image.line) == SESSION_FREE)
			return -ENOENT;
		image.ref = (struct session_ref){slot, session_word_generation(word)};
		*ret_image = image;
		return 0;
	}
	return -EBUSY;
}

/* The ends of a packet, as a session in its direction and one against it has them. */
struct ends {
	struct session_words words, turned;
	bool icmp, answer;
};

static void ends_of(const struct session_packet *packet, struct ends *ret_ends)
{
	session_words_of(&packet->key, &ret_ends->words);
	ret_ends->turned = ret_ends->words;
	session_words_turn(&ret_ends->turned);
	ret_ends->icmp = is_icmp(ret_ends->words.about);
	ret_ends->answer = packet->answer;
}

/* A question and its answer are told apart: both ends may ask with one identifier. */
static bool is_between(const struct session_image *image, const struct ends *ends, bool *ret_reply)
{
	bool forward = words_are_equal(&image->words, &ends->words);
	bool reply = words_are_equal(&image->words, &ends->turned);

	if (ends->icmp) {
		forward &= !ends->answer;
		reply &= ends->answer;
	}
	*ret_reply = !forward;
	return forward || reply;
}

int session_recall(const struct sessions *sessions, struct session_ref session,
		   const struct session_packet *packet, struct session_image *ret_image,
		   bool *ret_reply)
{
	struct ends ends;
	int error;

	if (session.slot >= sessions->n_slots)
		return -ENOENT;
	error = session_slot_read(sessions, session.slot, ret_image);
	if (error)
		return error;
	ends_of(packet, &ends);
	return ret_image->ref.generation == session.generation &&
			       is_between(ret_image, &ends, ret_reply)
		       ? 0
		       : -ENOENT;
}

int session_locate(const struct sessions *sessions, const struct session_packet *packet,
		   struct session_image *ret_image, bool *ret_reply)
{
	const struct session_bucket *bucket;
	int missed = -ENOENT;
	struct ends ends;
	uint64_t hash;

	ends_of(packet, &ends);
	/* Of an answer, the session is that of the question. */
	hash = session_hash(sessions, ends.icmp && ends.answer ? &ends.turned : &ends.words);
	if (!session_group_is_used(sessions, session_bucket_of(sessions, hash)))
		return -ENOENT;
	bucket = &sessions->buckets[session_bucket_of(sessions, hash)];
	for (unsigned way = 0; way < SESSION_WAYS; way++) {
		/* acquire: who finds a slot here finds it as it was filled before */
		uint32_t entry = atomic_load_explicit(&bucket->entry[way], memory_order_acquire);
		uint32_t slot = (entry & ((1U << SESSION_SLOT_BITS) - 1)) - 1;
		int error;

		if (slot >= sessions->n_slots || entry != session_index_word(hash, slot))
			continue;
		error = session_slot_read(sessions, slot, ret_image);
		if (error == -EBUSY)
			missed = -EBUSY;
		if (!error && is_between(ret_image, &ends, ret_reply))
			return 0;
	}
	return missed;
}

bool session_is_silent(enum session_state state, uint8_t protocol, uint32_t seen, clock_ms now)
{
	int32_t silent = (int32_t)(session_ticks(now) - seen);

	return silent < -CLOCK_SLACK_TICKS ||
	       (silent > 0 &&
		(uint64_t)silent << SESSION_TICK_SHIFT > session_timeout_ms(state, protocol));
}

/* An ICMP error about a packet that went in this session, to the end that sent it. */
static void find_error(const struct session_image *image, const struct session_packet *packet,
		       bool reply, struct session_found *found)
{
	struct port_ref sender = reply ? image->out : image->in;

	found->verdict = SESSION_INVALID;
	found->fault = SESSION_FAULT_STRANGER;
	if (packet->error_dst[0] != packet->key.src[0] ||
	    packet->error_dst[1] != packet->key.src[1] || !port_ref_equal(packet->out, sender))
		return;
	found->fault = SESSION_FAULT_WINDOW;
	if (packet->key.protocol == IPPROTO_TCP &&
	    !session_tcp_is_quoted(&image->line, packet->tcp.seq, reply))
		return;
	found->fault = SESSION_FAULT_NONE;
	found->verdict = SESSION_RELATED;
}

static void find_packet(const struct session_image *image, const struct session_packet *packet,
			bool reply, struct session_found *found)
{
	struct port_ref in = reply ? packet->out : packet->in;
	struct port_ref out = reply ? packet->in : packet->out;
	struct session_line line = image->line;

	found->fault = session_line_step(&line, packet, reply);
	if (found->fault != SESSION_FAULT_NONE)
		found->verdict = SESSION_INVALID;
	else
		found->verdict = reply ? SESSION_REPLY : SESSION_ESTABLISHED;
	found->again |= !port_ref_equal(in, image->in) || !port_ref_equal(out, image->out);
}

static void find_none(const struct session_packet *packet, struct session_found *ret_found)
{
	*ret_found = (struct session_found){.verdict = SESSION_NEW};
	if (!session_is_beginning(packet)) {
		ret_found->verdict = SESSION_INVALID;
		ret_found->fault = SESSION_FAULT_STRANGER;
	}
}

void session_find(const struct sessions *sessions, const struct session_packet *packet,
		  uint64_t policy, clock_ms now, struct session_found *ret_found)
{
	struct session_image image;
	bool reply;

	*ret_found = (struct session_found){0};
	switch (packet->kind) {
	case SESSION_KIND_UNTRACKED: return;
	case SESSION_KIND_BAD:
		ret_found->verdict = SESSION_INVALID;
		ret_found->fault = packet->fault;
		return;
	case SESSION_KIND_FRAGMENT:
		ret_found->verdict = SESSION_FRAGMENT;
		if (!session_fragment_find(sessions, packet, policy, now)) {
			ret_found->verdict = SESSION_INVALID;
			ret_found->fault = SESSION_FAULT_FRAGMENT;
		}
		return;
	case SESSION_KIND_PLAIN:
	case SESSION_KIND_ERROR: break;
	}
	if (session_locate(sessions, packet, &image, &reply) || session_is_over(&image, now) ||
	    session_is_restart(&image.line, packet)) {
		find_none(packet, ret_found);
		return;
	}
	ret_found->session = image.ref;
	ret_found->state = session_line_state(&image.line);
	ret_found->opener = key_of(&image.words);
	ret_found->in = image.in;
	ret_found->out = image.out;
	ret_found->rule = image.rule;
	ret_found->again = image.policy != (uint32_t)policy;
	if (packet->kind == SESSION_KIND_ERROR)
		find_error(&image, packet, reply, ret_found);
	else
		find_packet(&image, packet, reply, ret_found);
}

static void entry_of(const struct session_image *image, struct session_entry *ret_entry)
{
	*ret_entry = (struct session_entry){
		.session = image->ref,
		.opener = key_of(&image->words),
		.in = image->in,
		.out = image->out,
		.owner = image->owner,
		.tenant = image->tenant,
		.state = session_line_state(&image->line),
		.created = (clock_ms)image->created << SESSION_TICK_SHIFT,
		.seen = (clock_ms)image->seen << SESSION_TICK_SHIFT,
		.packets = image->packets,
		.rule = image->rule,
	};
}

/* Slots that may hold sessions: no more than there are, whatever the memory says. */
static uint32_t high_slot(const struct sessions *sessions)
{
	uint32_t high = atomic_load_explicit(&sessions->table->high, memory_order_acquire);

	return high < sessions->n_slots ? high : sessions->n_slots;
}

bool session_next(const struct sessions *sessions, uint32_t *cursor,
		  struct session_entry *ret_entry)
{
	uint32_t high = high_slot(sessions);
	struct session_image image;

	while (*cursor < high) {
		if (session_slot_read(sessions, (*cursor)++, &image))
			continue;
		entry_of(&image, ret_entry);
		return true;
	}
	return false;
}

bool session_read(const struct sessions *sessions, struct session_ref session,
		  struct session_entry *ret_entry)
{
	struct session_image image;

	if (session.slot >= high_slot(sessions) ||
	    session_slot_read(sessions, session.slot, &image) ||
	    image.ref.generation != session.generation)
		return false;
	entry_of(&image, ret_entry);
	return true;
}
