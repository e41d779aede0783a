/*
 * test_state - the memory that outlives a data plane: taken over as it was, and
 * refused if it is not what it says.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "switch/state.h"
#include "tests/sketch/policy_sketch.h"
#include "tests/sketch/session_sketch.h"
#include "tests/unit/switch/unit.h"

enum { RED = 1, A = 1, NOW = 1000 };

static const mac48 mac = 0x02000000000a;

static struct policy *make_policy(void)
{
	const struct policy_network_spec networks[] = {sketch_network(RED, 10)};
	const struct policy_port_spec ports[] = {sketch_access(A, RED)};

	return SKETCH_POLICY(networks, ports);
}

static void a_successor_finds_what_was_learned(void **state)
{
	struct policy *policy = make_policy();
	struct state first, second;
	int fd;

	assert_int_equal(state_create(&first), 0);
	assert_int_equal(fdb_learn(first.fdb, policy, RED, mac, sketch_ref(A), NOW), FDB_ADDED);
	fd = dup(first.fd);
	state_close(&first);
	assert_int_equal(state_adopt(fd, &second), 0);
	assert_int_equal(fdb_lookup(second.fdb, policy, RED, mac, NOW).id, A);
	state_close(&second);
	free(policy);
}

/* It goes on, but the rules are asked about it again. */
static void a_successor_finds_what_was_allowed(void **state)
{
	struct session_packet packet = sketch_echo(1, 2, 7, false);
	struct session_grant grant = sketch_grant(&packet);
	struct state first, second;
	struct session_ref session;
	struct session_found found;
	int fd;

	assert_int_equal(state_create(&first), 0);
	assert_int_equal(session_commit(first.sessions, &packet, &grant, NOW, &session),
			 SESSION_CREATED);
	fd = dup(first.fd);
	state_close(&first);
	assert_int_equal(state_adopt(fd, &second), 0);
	packet = sketch_echo(2, 1, 7, true);
	session_find(second.sessions, &packet, grant.policy, NOW, &found);
	assert_int_equal(found.verdict, SESSION_REPLY);
	assert_true(found.again);
	state_close(&second);
}

/* What was never used takes no memory. */
static void an_empty_one_is_small(void **state)
{
	struct state made;
	struct stat status;

	assert_int_equal(state_create(&made), 0);
	assert_int_equal(fstat(made.fd, &status), 0);
	assert_true(status.st_size > 100 << 20);
	assert_true(status.st_blocks * 512 <= 16 * 4096);
	state_close(&made);
}

static void its_size_cannot_change(void **state)
{
	struct state made;

	assert_int_equal(state_create(&made), 0);
	assert_int_equal(ftruncate(made.fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	state_close(&made);
}

/* A sealed memfd of @size bytes that begins with @head. */
static int forge(const struct state_head *head, size_t size, int seals)
{
	int fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	assert_int_equal(pwrite(fd, head, sizeof(*head), 0), sizeof(*head));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static void what_is_no_state_is_refused(void **state)
{
	enum { SIZE = 1 << 20, SEALS = F_SEAL_SHRINK | F_SEAL_GROW };
	const struct state_head good = {
		STATE_MAGIC, STATE_VERSION, SIZE, 4096, SIZE / 2 - 4096, SIZE / 2, SIZE / 2,
	};
	struct state_head heads[12];
	struct state adopted;
	int fd;

	for (unsigned i = 0; i < 12; i++)
		heads[i] = good;
	heads[0].magic++;
	heads[1].version++;
	heads[2].size--;
	heads[3].fdb = UINT64_MAX - 4095;
	heads[4].fdb = 1;
	heads[5].fdb_size = UINT64_MAX;
	heads[6].fdb_size++; /* into the sessions */
	heads[7].sessions++;
	heads[8].sessions = SIZE;
	heads[9].sessions_size++;
	heads[10].sessions_size = UINT64_MAX;
	/* the last has no fault but that there is no table behind the head */
	for (unsigned i = 0; i < 12; i++) {
		fd = forge(&heads[i], SIZE, SEALS);
		assert_int_equal(state_adopt(fd, &adopted), -EPROTO);
		close(fd);
	}
	fd = forge(&good, SIZE, F_SEAL_GROW);
	assert_int_equal(state_adopt(fd, &adopted), -EPROTO);
	close(fd);
	fd = forge(&good, sizeof(good), SEALS);
	assert_int_equal(state_adopt(fd, &adopted), -EPROTO);
	close(fd);
	assert_int_equal(state_adopt(STDIN_FILENO, &adopted), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_successor_finds_what_was_learned),
		cmocka_unit_test(a_successor_finds_what_was_allowed),
		cmocka_unit_test(an_empty_one_is_small),
		cmocka_unit_test(its_size_cannot_change),
		cmocka_unit_test(what_is_no_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
