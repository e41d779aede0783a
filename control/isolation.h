/*
 * isolation - does a policy let the frames of one tenant reach another?
 *
 * Asked of every compiled policy before it is stored or runs. It decides nothing
 * itself: whether a frame passes from port to port says policy_permits(), and which
 * network a tag means on a wire says decide(), the very functions that workers
 * call; so a mistake that the document's and the policy's own checks let through
 * is found by what it would do.
 *
 * There are two kinds of path between tenants:
 *   - a port in a network that is neither its tenant's nor shared with it;
 *   - a wire: frames of one network that leave by an uplink with a tag that
 *     means another network there.
 * What is behind an uplink's device is not known here: two uplinks whose wires
 * meet somewhere carry what meets there.
 *
 * Cost. All ports that may be in a network are one class, whose members need not be
 * compared with one another; only a port that should not be there is asked about with
 * every other. So it is linear in memberships.
 */
#ifndef CONTROL_ISOLATION_H
#define CONTROL_ISOLATION_H

#include "switch/policy.h"

enum { ISOLATION_PATH = 400 }; /* bytes of a path in words */

/* 0, or -EPERM and the first path that there must not be. @policy has passed policy_check(). */
int isolation_check(const struct policy *policy, char ret_path[static ISOLATION_PATH])
	__attribute__((warn_unused_result));

#endif
