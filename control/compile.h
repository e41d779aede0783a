/*
 * compile - from a model to the policy that the data plane runs.
 *
 * A pure function: the same model, ids, generation, seed and previous policy give
 * the same policy. Knowing the previous model, too, changes nothing but the time it
 * takes: what is compiled from equal rules is equal, and copied.
 */
#ifndef CONTROL_COMPILE_H
#define CONTROL_COMPILE_H

#include "control/compile_lists.h"

enum { COMPILE_WHY = 200 }; /* bytes of a reason */

/*
 * The policy of @model as commit number @generation, with the numbers of @ids,
 * which must be ids_next() of the same model. @hash_seed is random, from the caller.
 * The policy passes policy_check(); the caller frees it with free(). @previous is what
 * runs, whose counters go on; NULL for none. -ENOMEM, -E2BIG, and why.
 */
int compile_policy(const struct model *model, const struct ids *ids, uint64_t generation,
		   uint64_t hash_seed, const struct compile_previous *previous,
		   char ret_why[static COMPILE_WHY], struct policy **ret)
	__attribute__((warn_unused_result));

#endif
