/*
 * session_fragment - first fragments that passed, so that later ones may follow.
 *
 * Only a first fragment has ports, and only it is judged; the others pass if
 * the first did, lately, between the same ports, and if they write over no byte
 * of it: what was judged is what the receiver puts together (RFC 1858, RFC
 * 3128, RFC 5722). A later fragment that comes before its first is dropped.
 *
 * Each port that sends has a page of its own for them, 256 packets at a time; in
 * a set of 4 the oldest gives way. No lock: a note is two words that only
 * mean something together, and one that is torn is one that is lost. The tag is a
 * hash of 64 bits with a seed that no guest knows.
 */
#include "switch/session_table.h"

static uint64_t tag_of(const struct sessions *sessions, const struct session_packet *packet)
{
	const struct session_key *key = &packet->key;
	uint64_t seed = sessions->fragment_seed;
	/* IPv6 names no protocol in later fragments (RFC 8200, 4.5) */
	uint64_t words[] = {
		key->src[0],
		key->src[1],
		key->dst[0],
		key->dst[1],
		key->network | (uint64_t)key->network_generation << 16 |
			(uint64_t)packet->fragment_id << 32,
		packet->in.generation | (uint64_t)packet->out.id << 16 |
			(uint64_t)packet->out.generation << 32 |
			(key->version == 4 ? (uint64_t)key->protocol : 0x100) << 48,
	};
	uint64_t hash = seed;

	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hash = hash_word(hash ^ words[i], seed, sessions->seed[0]);
	return hash;
}

static struct session_fragment *set_of(const struct sessions *sessions,
				       const struct session_packet *packet, uint64_t tag)
{
	return sessions->fragments[packet->in.id].set[tag % SESSION_FRAGMENT_SETS];
}

static bool is_old(uint64_t passed, clock_ms now)
{
	int32_t age = (int32_t)(session_ticks(now) - (uint32_t)(passed >> 32));

	return age > SESSION_FRAGMENT_TICKS || age < -SESSION_FRAGMENT_TICKS;
}

void session_fragment_note(struct sessions *sessions, const struct session_packet *packet,
			   uint64_t policy, clock_ms now)
{
	uint64_t tag = tag_of(sessions, packet), oldest_tick = UINT64_MAX;
	uint64_t passed = (uint64_t)session_ticks(now) << 32 |
			  (uint64_t)packet->fragment_end << 16 | (policy & 0xffff);
	struct session_fragment *set, *place;

	if (packet->in.id >= LIMIT_PORTS)
		return;
	set = place = set_of(sessions, packet, tag);
	for (unsigned way = 0; way < SESSION_FRAGMENT_WAYS; way++) {
		uint64_t old = atomic_load_explicit(&set[way].passed, memory_order_relaxed);
		uint64_t checked = atomic_load_explicit(&set[way].checked, memory_order_relaxed);

		if ((old ^ checked) == tag) {
			place = &set[way];
			break;
		}
		if (is_old(old, now))
			old = 0;
		if (old >> 32 < oldest_tick) {
			oldest_tick = old >> 32;
			place = &set[way];
		}
	}
	atomic_store_explicit(&place->passed, passed, memory_order_relaxed);
	atomic_store_explicit(&place->checked, passed ^ tag, memory_order_relaxed);
}

bool session_fragment_find(const struct sessions *sessions, const struct session_packet *packet,
			   uint64_t policy, clock_ms now)
{
	uint64_t tag = tag_of(sessions, packet);
	const struct session_fragment *set;

	if (packet->in.id >= LIMIT_PORTS)
		return false;
	set = set_of(sessions, packet, tag);
	for (unsigned way = 0; way < SESSION_FRAGMENT_WAYS; way++) {
		uint64_t passed = atomic_load_explicit(&set[way].passed, memory_order_relaxed);
		uint64_t checked = atomic_load_explicit(&set[way].checked, memory_order_relaxed);

		if ((passed ^ checked) == tag)
			return !is_old(passed, now) && (passed & 0xffff) == (policy & 0xffff) &&
			       packet->fragment_offset >= (passed >> 16 & 0xffff);
	}
	return false;
}
