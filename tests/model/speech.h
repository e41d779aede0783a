/*
 * speech - what the ends of connections say, in their turn and out of it.
 *
 * Random packets that belong to nothing get no further than the first question;
 * these are near enough to the sessions that a reference remembers to reach each
 * state and each bound of it. All noise comes from the caller, so that a seed says it all.
 */
#ifndef TESTS_MODEL_SPEECH_H
#define TESTS_MODEL_SPEECH_H

#include "tests/model/ref_session.h"

typedef uint32_t speech_any(uint32_t below);

/* An initial sequence number; often one that is soon to wrap. */
int64_t speech_initial(speech_any *any);

/* Near @number, or at it. */
int64_t speech_near(speech_any *any, int64_t number);

uint8_t speech_flags(speech_any *any);

void speech_tcp(speech_any *any, uint8_t flags, int64_t seq, int64_t ack, struct ref_packet *ret);

/* What an end that remembers @session might say, or one that would like to seem to. */
void speech_segment(speech_any *any, const struct ref_session *session, bool reply,
		    struct ref_packet *packet);

/* A whole packet of @session between its ports, in either direction; now and then an error about one. */
struct ref_packet speech_member(speech_any *any, const struct ref_session *session);

#endif
