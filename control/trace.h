/*
 * trace - what would become of a frame, step by step.
 *
 * Makes a frame from its description, asks decide() with the running policy and
 * the living FDB, the same function on the same memory as the data plane, and
 * puts each stage into words.
 */
#ifndef CONTROL_TRACE_H
#define CONTROL_TRACE_H

#include "control/report.h"

/*
 * port, and frame (see trace_frame.h) or hex, with the length of a frame of which that is
 * only the beginning: {port, frame, stages: [{stage, passed, text}], outputs: [{port,
 * vlan, state}], refused: [{port, reason, explanation, rule}] of a frame that is flooded,
 * delivered, reason, explanation}. It fails only if the frame cannot be made.
 */
json_t *trace_port(struct api_call *call);

#endif
