/*
 * frames - random frames for the reference: described, and drawn as bytes.
 *
 * Half of them are about nothing but their headers' first 14 bytes; the others speak
 * as hosts do, most of these in connections that the reference remembers.
 */
#ifndef TESTS_MODEL_FRAMES_H
#define TESTS_MODEL_FRAMES_H

#include "tests/model/ref_switch.h"
#include "tests/model/speech.h"
#include "tests/sketch/packet_sketch.h"

/* A MAC that @port may bind. */
static inline mac48 frames_bound_mac(uint16_t port, unsigned i)
{
	return 0x020000000100ULL + port * 16U + i;
}

/* Something that @port of @ref might send. */
void frames_describe(const struct ref_switch *ref, uint16_t port, speech_any *any,
		     struct ref_frame *ret);

/* Its bytes without our tags, and with all of them. */
void frames_draw(const struct ref_frame *frame, struct sketch *ret_bare, struct sketch *ret_frame);

#endif
