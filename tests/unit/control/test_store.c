/*
 * test_store - the state is the old one or the new one, whatever happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/store.h"
#include "tests/unit/control/unit.h"
#include "tests/unit/control/written.h"

static char dir[64];

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/sluice-store-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"state", "state.new"};
	char path[100];

	for (unsigned i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
		rmdir(path);
	}
	return rmdir(dir);
}

static struct store *open_store(void)
{
	struct problems problems = {0};
	struct store *store;

	if (store_open(dir, &problems, &store)) {
		problems_print(&problems, stderr);
		fail();
	}
	return store;
}

/* A state whose document says its generation, and is of some size. */
static struct store_state make_state(uint64_t generation, size_t size)
{
	char *filling = malloc(size + 1);
	struct store_state made = {.generation = generation};

	memset(filling, 'x', size);
	filling[size] = '\0';
	made.document =
		json_pack("{sI, ss}", "generation", (json_int_t)generation, "filling", filling);
	free(filling);
	return made;
}

static int save(struct store *store, uint64_t generation, size_t size, struct problems *problems)
{
	struct store_state made = make_state(generation, size);
	int error = store_save(store, &made, problems);

	json_decref(made.document);
	return error;
}

static void assert_saved(struct store *store, uint64_t generation, size_t size)
{
	struct problems problems = {0};

	assert_int_equal(save(store, generation, size, &problems), 0);
	assert_int_equal(problems.total, 0);
}

/* The generation that is found, of a state that fits together. */
static uint64_t load_generation(struct store *store)
{
	struct problems problems = {0};
	struct store_state loaded;

	if (store_load(store, &problems, &loaded)) {
		problems_print(&problems, stderr);
		fail();
	}
	if (loaded.generation)
		assert_int_equal(json_integer_value(json_object_get(loaded.document, "generation")),
				 loaded.generation);
	json_decref(loaded.document);
	return loaded.generation;
}

static void write_raw(const char *text, size_t size)
{
	char path[100];
	FILE *file;

	snprintf(path, sizeof(path), "%s/state", dir);
	file = fopen(path, "w");
	assert_int_equal(fwrite(text, 1, size, file), size);
	fclose(file);
}

static size_t read_raw(char *ret_text, size_t room)
{
	char path[100];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/state", dir);
	file = fopen(path, "r");
	size = fread(ret_text, 1, room, file);
	fclose(file);
	return size;
}

static void nothing_is_an_empty_state(void **state)
{
	struct store *store = open_store();
	struct problems problems = {0};
	struct store_state loaded;

	assert_int_equal(store_load(store, &problems, &loaded), 0);
	assert_int_equal(loaded.generation, 0);
	assert_false(loaded.has_config);
	assert_int_equal(json_object_size(loaded.document), 0);
	json_decref(loaded.document);
	store_close(store);
	store_close(NULL);
}

static void what_is_saved_is_loaded(void **state)
{
	struct problems problems = {0};
	struct store_state saved = {
		.generation = 7,
		.document = written_json("{'tenants': {'a': {'users': ['\\u00e9\\n', '']}}}"),
		.has_config = true,
		.config_digest = 0x00ffffffffffff01,
	};
	struct store_state loaded;
	struct store *store = open_store();

	assert_int_equal(store_save(store, &saved, &problems), 0);
	store_close(store);
	store = open_store();
	assert_int_equal(store_load(store, &problems, &loaded), 0);
	assert_int_equal(loaded.generation, 7);
	assert_true(loaded.has_config);
	assert_int_equal(loaded.config_digest, saved.config_digest);
	assert_true(json_equal(loaded.document, saved.document));
	json_decref(loaded.document);
	json_decref(saved.document);
	assert_saved(store, 8, 10);
	assert_int_equal(load_generation(store), 8);
	store_close(store);
}

static void a_directory_has_one_owner(void **state)
{
	struct store *first = open_store(), *second = NULL;
	struct problems problems = {0};

	assert_int_equal(store_open(dir, &problems, &second), -EBUSY);
	assert_int_equal(problems.count, 1);
	assert_non_null(strstr(problems.list[0].hint, "--state-dir"));
	problems_clear(&problems);
	store_close(first);
	assert_int_equal(store_open(dir, &problems, &second), 0);
	store_close(second);
}

static void a_missing_directory_is_made(void **state)
{
	char deep[100], parent[100];
	struct problems problems = {0};
	struct store *store;
	struct stat status;

	snprintf(parent, sizeof(parent), "%s/a", dir);
	snprintf(deep, sizeof(deep), "%s/a/b", dir);
	assert_int_equal(store_open(deep, &problems, &store), 0);
	store_close(store);
	assert_int_equal(stat(deep, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	rmdir(deep);
	rmdir(parent);
	assert_int_equal(store_open("/proc/nothing/here", &problems, &store), -ENOENT);
	assert_int_equal(problems.count, 1);
	assert_string_equal(problems.list[0].place.file, "/proc/nothing/here");
	problems_clear(&problems);
}

static void assert_damaged(const char *text, size_t size)
{
	struct store *store = open_store();
	struct problems problems = {0};
	struct store_state loaded;
	char path[100];

	write_raw(text, size);
	if (store_load(store, &problems, &loaded) != -EBADMSG)
		fail_msg("%.*s is taken for a state", (int)size, text);
	snprintf(path, sizeof(path), "%s/state", dir);
	assert_int_equal(problems.count, 1);
	assert_int_equal(problems.list[0].reason, PROBLEM_DAMAGED);
	assert_string_equal(problems.list[0].place.file, path);
	assert_non_null(strstr(problems.list[0].hint, "move it away"));
	problems_clear(&problems);
	store_close(store);
}

static void every_damage_is_seen(void **state)
{
	struct store *store = open_store();
	char good[1000], bad[1000];
	size_t size;

	assert_saved(store, 5, 20);
	store_close(store);
	size = read_raw(good, sizeof(good));
	for (size_t cut = 0; cut < size; cut++)
		assert_damaged(good, cut);
	for (size_t at = 0; at < size; at++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(bad, good, size);
			bad[at] = (char)(bad[at] ^ 1 << bit);
			assert_damaged(bad, size);
		}
	}
	memcpy(bad, good, size);
	bad[size] = ' ';
	assert_damaged(bad, size + 1);
	assert_damaged("{}\n{}\n", 6);
	assert_damaged("\n\n", 2);
	assert_damaged("\0\0\0\0", 4);
	/* the digest of "" and of "7", which fit, but are no states */
	assert_damaged("sluice-state 1 cbf29ce484222325\n\n", 33);
	assert_damaged("sluice-state 1 af63aa4c86019796\n7\n", 34);
	write_raw(good, size);
	store = open_store();
	assert_int_equal(load_generation(store), 5);
	store_close(store);
}

static void a_directory_in_the_way_is_an_error(void **state)
{
	struct store *store = open_store();
	struct problems problems = {0};
	struct store_state loaded;
	char path[100];

	snprintf(path, sizeof(path), "%s/state", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_true(store_load(store, &problems, &loaded) < 0);
	assert_int_equal(problems.count, 1);
	assert_true(save(store, 1, 1, &problems) < 0);
	assert_int_equal(problems.count, 2);
	assert_int_equal(problems.list[1].reason, PROBLEM_NOT_STORED);
	problems_clear(&problems);
	store_close(store);
}

/* A limit on the size of files cuts the write in the middle. */
static void a_write_that_fails_leaves_the_old_state(void **state)
{
	struct store *store = open_store();
	struct problems problems = {0};
	struct rlimit limit, old;

	assert_saved(store, 1, 100);
	getrlimit(RLIMIT_FSIZE, &old);
	limit = old;
	limit.rlim_cur = 5000;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_int_equal(save(store, 2, 10000, &problems), -EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(problems.count, 1);
	assert_int_equal(problems.list[0].reason, PROBLEM_NOT_STORED);
	assert_non_null(strstr(problems.list[0].message, "File too large"));
	problems_clear(&problems);
	assert_int_equal(load_generation(store), 1);
	assert_saved(store, 2, 10000);
	assert_int_equal(load_generation(store), 2);
	store_close(store);
}

/* A disk of 64 KiB, full at every possible size; and one that became read-only. */
static void a_full_or_read_only_disk_leaves_the_old_state(void **state)
{
	struct problems problems = {0};
	struct store *store;
	uint64_t generation = 1;

	if (mount("none", dir, "tmpfs", 0, "size=64k"))
		skip(); /* needs root */
	store = open_store();
	assert_saved(store, 1, 100);
	for (size_t size = 1000; size < 100000; size += 3000) {
		int error = save(store, generation + 1, size, &problems);

		assert_true(error == 0 || error == -ENOSPC);
		if (error)
			assert_non_null(strstr(problems.list[0].hint, "make room"));
		else
			generation++;
		problems_clear(&problems);
		assert_int_equal(load_generation(store), generation);
	}
	assert_true(generation > 1 && generation < 30);
	store_close(store);
	assert_int_equal(mount("none", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=64k"), 0);
	store = open_store();
	assert_int_equal(save(store, 99, 1, &problems), -EROFS);
	assert_int_equal(load_generation(store), generation);
	problems_clear(&problems);
	store_close(store);
	assert_int_equal(umount(dir), 0);
}

/* Save one generation after the other, and tell which were on disk, until killed. */
static void save_until_killed(uint64_t generation, int told)
{
	struct problems problems = {0};
	struct store *store;

	if (store_open(dir, &problems, &store))
		_exit(1);
	for (;; generation++) {
		if (save(store, generation, (size_t)(generation % 7) * 3000, &problems) ||
		    write(told, &generation, sizeof(generation)) != sizeof(generation))
			_exit(1);
	}
}

static void after_a_kill_the_state_is_old_or_new(void **state)
{
	uint64_t promised = 0, seed = 11;

	for (int round = 0; round < 40; round++) {
		struct timespec pause = {0, written_random(&seed, 20000000)};
		struct store *store;
		int status, pipe_fds[2];
		uint64_t found, told;
		pid_t child;

		assert_int_equal(pipe(pipe_fds), 0);
		child = fork();
		if (!child)
			save_until_killed(promised + 1, pipe_fds[1]);
		close(pipe_fds[1]);
		nanosleep(&pause, NULL); /* any moment is the right one */
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		while (read(pipe_fds[0], &told, sizeof(told)) == sizeof(told))
			promised = told;
		close(pipe_fds[0]);
		store = open_store(); /* the lock died with the child */
		found = load_generation(store);
		assert_true(found == promised || found == promised + 1);
		promised = found;
		store_close(store);
	}
	assert_true(promised > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_an_empty_state, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(what_is_saved_is_loaded, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_directory_has_one_owner, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_missing_directory_is_made, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(every_damage_is_seen, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_directory_in_the_way_is_an_error, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_write_that_fails_leaves_the_old_state, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(a_full_or_read_only_disk_leaves_the_old_state,
						make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(after_a_kill_the_state_is_old_or_new, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
