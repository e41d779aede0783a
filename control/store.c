/*
 * store - see store.h.
 *
 * The file has two lines: what it is, with the digest of the second line; and
 * the state as JSON. So a file that was cut, or edited by hand, is seen for what
 * it is.
 *
 *	sluice-state 1 af63bd4c8601b7df
 *	{"generation": 7, "config": "0123456789abcdef", "document": {...}, "places": {...}}
 */
#include "control/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/json_text.h"

enum {
	STORE_BYTES_MAX = 256 << 20,  /* more was never written */
	DIGEST_TEXT = 17,	      /* bytes of a digest in hex, NUL included */
	HEAD_TEXT = 15 + DIGEST_TEXT, /* bytes of the first line, newline included */
};

static const char store_file[] = "state";
static const char store_new_file[] = "state.new";
static const char store_head[] = "sluice-state 1 "; /* 1: version of the format */

struct store {
	int dir_fd; /* holds the lock */
	char *dir;
};

/* Note a problem of @store's @file ("": the directory); @why may be "". */
static void refuse(const struct store *store, struct problems *problems, enum problem_reason reason,
		   const char *file, const char *message, const char *why)
{
	char path[PROBLEM_TEXT];
	struct place place = {.file = path};

	snprintf(path, sizeof(path), "%s%s%s", store->dir, *file ? "/" : "", file);
	problems_add(problems, reason, &place, "", "%s%s%s", message, *why ? ": " : "", why);
}

/* Make @dir and what is missing above it. */
static int make_directory(const char *dir)
{
	char *path = strdup(dir);
	int error = 0;

	if (!path)
		return -ENOMEM;
	for (char *slash = strchr(path + 1, '/'); slash && !error; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			error = -errno;
		*slash = '/';
	}
	if (!error && mkdir(path, 0700) && errno != EEXIST)
		error = -errno;
	free(path);
	return error;
}

static int open_locked(const char *dir, int *ret_fd)
{
	int error = make_directory(dir);
	int fd;

	if (error)
		return error;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		error = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int store_open(const char *dir, struct problems *problems, struct store **ret)
{
	struct store *store = calloc(1, sizeof(*store));
	int error = -ENOMEM;

	if (!store)
		return -ENOMEM;
	store->dir = strdup(dir);
	if (store->dir)
		error = open_locked(dir, &store->dir_fd);
	if (!error) {
		*ret = store;
		return 0;
	}
	if (error == -EBUSY) {
		refuse(store, problems, PROBLEM_NOT_STORED, "",
		       "another sluiced uses this state directory", "");
		problems_hint(problems, "stop it, or choose another with --state-dir");
	} else if (error != -ENOMEM) {
		refuse(store, problems, PROBLEM_NOT_STORED, "",
		       "the state directory cannot be used", strerror(-error));
		problems_hint(problems, "make it writable, or choose another with --state-dir");
	}
	free(store->dir);
	free(store);
	return error;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	close(store->dir_fd);
	free(store->dir);
	free(store);
}

/* In hex: FNV-1a, 64 bits, against damage, not against somebody who computes it, too. */
static void digest_text(const char *text, size_t size, char ret_digest[DIGEST_TEXT])
{
	uint64_t digest = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ (unsigned char)text[i]) * 0x100000001b3ULL;
	snprintf(ret_digest, DIGEST_TEXT, "%016" PRIx64, digest);
}

static int write_whole(int fd, const char *text, size_t size)
{
	while (size) {
		ssize_t count = write(fd, text, size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		text += count;
		size -= (size_t)count;
	}
	return 0;
}

/* The second line of the file, without its end. */
static int format_state(const struct store_state *state, char **ret_line, size_t *ret_length)
{
	json_t *value = json_pack(
		"{sI, so, sO, sO*}", "generation", (json_int_t)state->generation, "config",
		state->has_config ? json_sprintf("%016" PRIx64, state->config_digest) : json_null(),
		"document", state->document, "places", state->places);
	char *line = value ? json_text_write(value, ret_length) : NULL;

	json_decref(value);
	if (!line)
		return -ENOMEM;
	*ret_line = line;
	return 0;
}

/* Both lines, of which @line is the second. */
static int write_lines(int fd, const char *line, size_t length)
{
	char head[HEAD_TEXT + 1], digest[DIGEST_TEXT];
	int error;

	digest_text(line, length, digest);
	snprintf(head, sizeof(head), "%s%s\n", store_head, digest);
	error = write_whole(fd, head, HEAD_TEXT);
	if (!error)
		error = write_whole(fd, line, length);
	return error ? error : write_whole(fd, "\n", 1);
}

static int write_new_file(const struct store *store, const char *line, size_t length)
{
	int fd = openat(store->dir_fd, store_new_file,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error;

	if (fd < 0)
		return -errno;
	error = write_lines(fd, line, length);
	if (!error && fsync(fd))
		error = -errno;
	if (close(fd) && !error)
		error = -errno;
	if (error)
		unlinkat(store->dir_fd, store_new_file, 0);
	return error;
}

int store_save(struct store *store, const struct store_state *state, struct problems *problems)
{
	size_t length = 0;
	char *line = NULL;
	int error = format_state(state, &line, &length);

	if (error)
		return error;
	error = write_new_file(store, line, length);
	free(line);
	/* commit: before the rename the old state stands, after it the new one */
	if (!error && renameat(store->dir_fd, store_new_file, store->dir_fd, store_file))
		error = -errno;
	if (!error && fsync(store->dir_fd))
		error = -errno;
	if (error) {
		refuse(store, problems, PROBLEM_NOT_STORED, store_file,
		       "the configuration could not be stored", strerror(-error));
		problems_hint(problems, error == -ENOSPC || error == -EDQUOT
						? "make room, and apply again; the old one stands"
						: "the old one stands");
	}
	return error;
}

/* Read all of @fd; *@ret_text has a NUL behind it. */
static int read_whole(int fd, char **ret_text, size_t *ret_size)
{
	struct stat status;
	size_t size = 0;
	char *text;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode) || status.st_size > STORE_BYTES_MAX)
		return -EBADMSG;
	text = malloc((size_t)status.st_size + 1);
	if (!text)
		return -ENOMEM;
	while (size < (size_t)status.st_size) {
		ssize_t count = read(fd, text + size, (size_t)status.st_size - size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0) {
			int error = count < 0 ? -errno : -EBADMSG;

			free(text);
			return error;
		}
		size += (size_t)count;
	}
	text[size] = '\0';
	*ret_text = text;
	*ret_size = size;
	return 0;
}

/* What format_state() made, from JSON; false if it did not. */
static bool unpack_state(const json_t *value, struct store_state *ret)
{
	json_t *generation = json_object_get(value, "generation");
	json_t *document = json_object_get(value, "document");
	json_t *places = json_object_get(value, "places");
	const char *config = json_string_value(json_object_get(value, "config"));

	if (!json_is_integer(generation) || json_integer_value(generation) < 0 ||
	    !json_is_object(document))
		return false;
	*ret = (struct store_state){
		.generation = (uint64_t)json_integer_value(generation),
		.document = json_incref(document),
		.places = json_incref(places),
		.has_config = config != NULL,
		.config_digest = config ? strtoull(config, NULL, 16) : 0,
	};
	return true;
}

static int parse_state(const char *text, size_t size, struct store_state *ret)
{
	const size_t word = sizeof(store_head) - 1;
	const char *line = text + HEAD_TEXT;
	char digest[DIGEST_TEXT];
	json_error_t error;
	json_t *value;
	bool good;

	if (size <= HEAD_TEXT || line[-1] != '\n' || text[size - 1] != '\n' ||
	    memcmp(text, store_head, word))
		return -EBADMSG;
	size -= HEAD_TEXT + 1;
	digest_text(line, size, digest);
	if (memcmp(text + word, digest, DIGEST_TEXT - 1))
		return -EBADMSG;
	value = json_text_read(line, size, 0, &error);
	if (!value && json_error_code(&error) == json_error_out_of_memory)
		return -ENOMEM;
	good = unpack_state(value, ret);
	json_decref(value);
	return good ? 0 : -EBADMSG;
}

static int load(const struct store *store, struct store_state *ret)
{
	int fd = openat(store->dir_fd, store_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	size_t size = 0;
	char *text = NULL;
	int error;

	if (fd < 0)
		return -errno;
	error = read_whole(fd, &text, &size);
	close(fd);
	if (error)
		return error;
	error = parse_state(text, size, ret);
	free(text);
	return error;
}

int store_load(struct store *store, struct problems *problems, struct store_state *ret)
{
	int error = load(store, ret);

	if (error == -ENOENT) {
		json_t *empty = json_object();

		if (!empty)
			return -ENOMEM;
		*ret = (struct store_state){.document = empty};
		return 0;
	}
	if (error == -EBADMSG) {
		refuse(store, problems, PROBLEM_DAMAGED, store_file,
		       "the stored configuration is damaged", "");
		problems_hint(problems,
			      "put back a copy of the file, or move it away to start without "
			      "and apply the configuration again");
	} else if (error && error != -ENOMEM) {
		refuse(store, problems, PROBLEM_UNREADABLE, store_file,
		       "the stored configuration cannot be read", strerror(-error));
	}
	return error;
}
