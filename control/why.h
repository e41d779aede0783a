/*
 * why - the last frames that a port was refused, and what would have let them pass.
 *
 * From what the workers recorded (switch/refusal.h): of each kind the last frame that
 * the port sent, and the last that others sent it and its rules refused.
 */
#ifndef CONTROL_WHY_H
#define CONTROL_WHY_H

#include "control/api.h"

json_t *why_port(struct api_call *call);

#endif
