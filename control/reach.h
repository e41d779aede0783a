/*
 * reach - can one port reach another, and if not, why?
 *
 * Asks decide() about frames from the one to the other: ARP or neighbour discovery, an
 * echo request, and for TCP and UDP one port of each range that no rule of the two divides:
 * within such a range all ports fare alike, so the answer is exact and not a
 * sample. Frames are those that begin something; sessions that live already are
 * left out of account. Decides nothing itself.
 */
#ifndef CONTROL_REACH_H
#define CONTROL_REACH_H

#include "control/report.h"

/*
 * from, to: {from, to, state (of the receiver), reachable (something but ARP passes),
 * traffic: [{network, traffic, passes, stage, reason, explanation, rule}], complete}.
 * What fares alike is one row.
 */
json_t *reach_explain(struct api_call *call);

#endif
