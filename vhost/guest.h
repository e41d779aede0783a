/*
 * guest - the only way to read and write memory that a guest may change at the
 * same moment.
 *
 * The types hide their value, so that nothing in the rings is read by accident,
 * or twice (reference H1): each load is one access, its result lies in a private
 * variable. Values are little endian: rings of virtio 1 devices are (virtio 1.3,
 * 1.4), and others are not served.
 */
#ifndef VHOST_GUEST_H
#define VHOST_GUEST_H

#include <endian.h>
#include <stdint.h>

struct guest16 {
	uint16_t raw;
};

struct guest32 {
	uint32_t raw;
};

/* Eight bytes at any address: an indirect table may lie anywhere. */
typedef uint64_t guest_raw64 __attribute__((aligned(1), may_alias));

struct guest64 {
	guest_raw64 raw;
};

/* Eight bytes where they belong: one access, one instant. */
struct guest_word {
	uint64_t raw;
};

static inline uint16_t guest_load16(const struct guest16 *word)
{
	return le16toh(__atomic_load_n(&word->raw, __ATOMIC_RELAXED));
}

/* What the guest wrote before it stored @word is visible to what follows. */
static inline uint16_t guest_load16_acquire(const struct guest16 *word)
{
	return le16toh(__atomic_load_n(&word->raw, __ATOMIC_ACQUIRE));
}

static inline uint64_t guest_load64(const struct guest64 *word)
{
	return le64toh(*(const volatile guest_raw64 *)&word->raw);
}

static inline uint32_t guest_load32(const struct guest32 *word)
{
	return le32toh(__atomic_load_n(&word->raw, __ATOMIC_RELAXED));
}

/* As guest_load16_acquire(): all eight bytes are of the same instant. */
static inline uint64_t guest_load_word_acquire(const struct guest_word *word)
{
	return le64toh(__atomic_load_n(&word->raw, __ATOMIC_ACQUIRE));
}

static inline void guest_store16(struct guest16 *word, uint16_t value)
{
	__atomic_store_n(&word->raw, htole16(value), __ATOMIC_RELAXED);
}

/* The guest that sees @value sees all that was written before. */
static inline void guest_store16_release(struct guest16 *word, uint16_t value)
{
	__atomic_store_n(&word->raw, htole16(value), __ATOMIC_RELEASE);
}

static inline void guest_store32(struct guest32 *word, uint32_t value)
{
	__atomic_store_n(&word->raw, htole32(value), __ATOMIC_RELAXED);
}

/* All eight bytes, but perhaps not at one instant: the guest looks at them later. */
static inline void guest_store64(struct guest64 *word, uint64_t value)
{
	*(volatile guest_raw64 *)&word->raw = htole64(value);
}

static inline void guest_store_word(struct guest_word *word, uint64_t value)
{
	__atomic_store_n(&word->raw, htole64(value), __ATOMIC_RELAXED);
}

/* As guest_store16_release(). */
static inline void guest_store_word_release(struct guest_word *word, uint64_t value)
{
	__atomic_store_n(&word->raw, htole64(value), __ATOMIC_RELEASE);
}

/*
 * Nothing that follows is done before all that precedes is visible to the guest.
 * The one order that neither loads nor stores have by themselves: "publish, then
 * look whether the other side sleeps" (reference H7).
 */
#if defined(__x86_64__)
/* A locked instruction on a line that is at hand: cheaper than mfence, the same order. */
static inline void guest_fence(void)
{
	__asm__ volatile("lock; addl $0, -128(%%rsp)" ::: "memory", "cc");
}
#else
static inline void guest_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
#endif

/* Of what was just copied out of the guest's memory, the copy is read, never again the source. */
static inline void guest_forget(void)
{
	__asm__ volatile("" ::: "memory");
}

#endif
