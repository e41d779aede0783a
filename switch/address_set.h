/*
 * address_set - which sets is an address in?
 *
 * A tenant's address sets and the members of its groups, turned around: from
 * an address to the numbers of the sets that contain it. Rules name sets by
 * number (classify_rule.set), so that a member that comes or goes rebuilds
 * this small table and no classifier.
 *
 * One table for each tenant, a flat section of the policy: the starts of the
 * intervals that the prefixes cut the address space into, IPv4 and IPv6 apart,
 * and for each interval its list of sets. A lookup is one binary search, bounded
 * by the number of prefixes. Numbers of sets are the caller's own, 1 and up; a
 * group's members and an address set need different ones.
 *
 * Const and position-independent, like a classifier.
 */
#ifndef SWITCH_ADDRESS_SET_H
#define SWITCH_ADDRESS_SET_H

#include "switch/classify.h"

struct address_set_member {
	uint32_t set;
	int family; /* 4 or 6 */
	struct classify_prefix prefix;
};

struct address_set;

/*
 * Compile @n_members prefixes, in any order, into a section of
 * address_set_size() bytes, malloc()ed; the caller frees it. -E2BIG if an
 * address is in more than CLASSIFY_KEY_SETS sets, -EINVAL for a member that
 * cannot be, -ENOMEM.
 */
int address_set_build(const struct address_set_member *members, uint32_t n_members,
		      struct address_set **ret) __attribute__((warn_unused_result));

/* As classify_check(). */
int address_set_check(const void *section, size_t size, const char **ret_why)
	__attribute__((warn_unused_result));

/*
 * The sets that an address (@family 4 or 6, words as in a key) is in: their
 * number, ascending in *@ret_sets, which points into the section.
 */
unsigned address_set_lookup(const struct address_set *sets, int family, const uint32_t address[4],
			    const uint32_t **ret_sets);

size_t address_set_size(const struct address_set *sets);

/* The most sets that any address is in; what classify_cost() asks for. */
unsigned address_set_depth(const struct address_set *sets);

#endif
