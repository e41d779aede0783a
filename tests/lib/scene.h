/*
 * scene - where every test of the backend takes place.
 *
 * One data plane; network red with ports for offenders and their peers; network
 * blue, which is another tenant's as far as isolation goes; network green with
 * the victims (victims.h), whose traffic never stops. When a test is over, the
 * scene is searched: the data plane lives, the victims' next thousand frames
 * pass, every port's ledger balances, and as many fds and mappings are left and
 * about as much memory as before.
 */
#ifndef TESTS_LIB_SCENE_H
#define TESTS_LIB_SCENE_H

#include "tests/lib/frontend.h"
#include "tests/lib/harness.h"
#include "tests/lib/runner.h"
#include "tests/lib/victims.h"

/* What the data plane's own memory may grow by, in a test or in a part of it. */
#ifdef SLUICE_SANITIZED
enum { SCENE_GROWTH_KIB = 256 << 10 }; /* what was freed stays in quarantine for a while */
#else
enum { SCENE_GROWTH_KIB = 1 << 10 };
#endif

enum scene_network {
	RED = 1,   /* VLAN 10 */
	BLUE = 2,  /* VLAN 20 */
	GREEN = 3, /* no tag */
};

enum scene_port {
	OFFENDER = 1, /* access, red */
	PEER,	      /* access, red */
	WITNESS,      /* access, red */
	STRANGER,     /* access, blue */
	TRUNK,	      /* native red, blue by tag */
	BOUND,	      /* access, red; may only speak as scene_mac(BOUND) */
	BOUND_TRUNK,  /* native red, blue by tag; may only speak as scene_mac(BOUND_TRUNK) */
	VICTIM_A,     /* access, green, both */
	VICTIM_B,
	SCENE_PORT_END,
};

struct scene {
	bool packed; /* so are the rings of all guests but the victims */
	struct harness dp;
	struct victims victims;
	struct harness_resources before;
};

/*
 * The main() of a test program. Each test is run with split rings and then, its name
 * followed by _packed, with packed ones.
 */
int scene_main(int argc, char **argv, const struct runner_test *tests, unsigned n_tests);

/* The scene's own networks and ports, to be added to and published by a test that needs more. */
struct policy_builder *scene_begin_policy(struct scene *scene);

static inline mac48 scene_mac(uint16_t port)
{
	return 0x020000000000 | port;
}

/* Give @port a new connection from @fe; waits while the data plane still closes the last one. */
void scene_attach(struct scene *scene, struct frontend *fe, uint16_t port);

/* Create a guest whose rings are of the layout that is tested. */
void scene_create(const struct scene *scene, struct frontend *fe,
		  const struct frontend_options *options);

/* Create a guest, attach it and bring it up. */
void scene_join(struct scene *scene, struct frontend *fe, uint16_t port,
		const struct frontend_options *options);

/* Take it away again: connection closed, port detached, memory freed. */
void scene_leave(struct scene *scene, struct frontend *fe, uint16_t port);

/* The data plane ended the session of @port, as it should, and said why; the port is free again. */
void scene_expect_end(struct scene *scene, struct frontend *fe, uint16_t port);

/* After a reset of the guest: a new connection and empty rings. */
void scene_restart(struct scene *scene, struct frontend *fe, uint16_t port);

/*
 * @result of a message that must be refused: with a negative acknowledgement, or
 * by the end of the session, of which a new one is made then. Either way @fe is
 * up when it returns.
 */
void scene_expect_refusal(struct scene *scene, struct frontend *fe, uint16_t port, int result,
			  const char *what);

/* How often the counters say that @port dropped, or missed, for @reason. */
uint64_t scene_dropped(struct scene *scene, uint16_t port, enum drop reason);
uint64_t scene_missed(struct scene *scene, uint16_t port, enum drop reason);

/* The counters, which sluicectl port show reads, say that @port did wrong in this way @n times. */
void scene_expect_faults(struct scene *scene, uint16_t port, enum fault kind, uint64_t n);

/* Send @n stamped frames one way; all must arrive in order and unchanged. */
void scene_pass(struct frontend *from, uint16_t from_port, struct frontend *to, uint16_t to_port,
		unsigned n);

/* Throw away what @fe received so far. */
void scene_discard(struct frontend *fe);

/* The data plane sleeps: it uses less than a tenth of a processor. */
void scene_check_idle(struct scene *scene);

#endif
