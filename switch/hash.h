/*
 * hash - a keyed hash of one word, for tables whose keys a guest or a tenant
 * chooses.
 *
 * Two folded multiplications (64 x 64 -> 128 bits, halves added without carry)
 * with secret operands. Not a cryptographic hash: it withstands one who chooses
 * keys and sees at most how fast they are found, not one who sees the hashes.
 * A CRC would not do: it is linear, so keys that collide under one seed
 * collide under all of them.
 */
#ifndef SWITCH_HASH_H
#define SWITCH_HASH_H

#include <stdint.h>

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_word(uint64_t word, uint64_t seed0, uint64_t seed1)
{
	/* An even multiplier would lose bits, a zero all of them. */
	return hash_fold(hash_fold(word ^ seed0, seed1 | 1) ^ seed1, seed0 | 1);
}

#endif
