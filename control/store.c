/*
 * store - see store.h.
 *
 * The file has two lines. The first describes the second: format, version,
 * number of the commit, digest of the configuration files, and the length and
 * digest of the second line, which is the document. So a file that was cut, or
 * that somebody edited by hand, is seen for what it is.
 *
 *	{"format": "sluice-state", "version": 1, "generation": 7, ...}
 *	{"tenants": {...}}
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

enum {
	STORE_VERSION = 1,
	STORE_BYTES_MAX = 256 << 20, /* more was never written */
};

static const char store_file[] = "state.json";
static const char store_new_file[] = "state.json.new";
static const char store_format[] = "sluice-state";

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

/* FNV-1a, 64 bits: against damage, not against somebody who computes it, too. */
static uint64_t digest_of(const char *text, size_t size)
{
	uint64_t digest = 0xcbf29ce484222325ULL;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ (unsigned char)text[i]) * 0x100000001b3ULL;
	return digest;
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

/* The two lines of the file. */
static int format_state(const struct store_state *state, char **ret_text, size_t *ret_size)
{
	char *document = json_dumps(state->document, JSON_COMPACT);
	char config[32] = "null", *text;
	int size;

	if (!document)
		return -ENOMEM;
	if (state->has_config)
		snprintf(config, sizeof(config), "\"%016" PRIx64 "\"", state->config_digest);
	size = asprintf(&text,
			"{\"format\": \"%s\", \"version\": %d, \"generation\": %" PRIu64
			", \"config\": %s, \"size\": %zu, \"digest\": \"%016" PRIx64 "\"}\n%s\n",
			store_format, STORE_VERSION, state->generation, config, strlen(document),
			digest_of(document, strlen(document)), document);
	free(document);
	if (size < 0)
		return -ENOMEM;
	*ret_text = text;
	*ret_size = (size_t)size;
	return 0;
}

static int write_new_file(const struct store *store, const char *text, size_t size)
{
	int fd = openat(store->dir_fd, store_new_file,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int error;

	if (fd < 0)
		return -errno;
	error = write_whole(fd, text, size);
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
	size_t size = 0;
	char *text = NULL;
	int error = format_state(state, &text, &size);

	if (error)
		return error;
	error = write_new_file(store, text, size);
	free(text);
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

static bool parse_digest(const json_t *value, uint64_t *ret)
{
	const char *text = json_string_value(value);

	if (!text || strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16)
		return false;
	*ret = strtoull(text, NULL, 16);
	return true;
}

/* Does @head describe a document of @size bytes at @document? Then *@ret is all but that. */
static bool parse_head(const json_t *head, const char *document, size_t size,
		       struct store_state *ret)
{
	const char *format = json_string_value(json_object_get(head, "format"));
	json_int_t generation = json_integer_value(json_object_get(head, "generation"));
	const json_t *config = json_object_get(head, "config");
	uint64_t digest, config_digest = 0;

	if (!format || strcmp(format, store_format) ||
	    json_integer_value(json_object_get(head, "version")) != STORE_VERSION ||
	    json_integer_value(json_object_get(head, "size")) != (json_int_t)size ||
	    !parse_digest(json_object_get(head, "digest"), &digest) ||
	    digest != digest_of(document, size) || generation < 0 ||
	    (!json_is_null(config) && !parse_digest(config, &config_digest)))
		return false;
	*ret = (struct store_state){
		.generation = (uint64_t)generation,
		.has_config = !json_is_null(config),
		.config_digest = config_digest,
	};
	return true;
}

static int parse_state(const char *text, size_t size, struct store_state *ret)
{
	const char *end = memchr(text, '\n', size);
	struct store_state state;
	const char *document;
	size_t document_size;
	json_t *head;
	bool good;

	if (!end || text[size - 1] != '\n' || end + 1 == text + size)
		return -EBADMSG;
	document = end + 1;
	document_size = (size_t)(text + size - document) - 1;
	head = json_loadb(text, (size_t)(end - text), 0, NULL);
	good = parse_head(head, document, document_size, &state);
	json_decref(head);
	if (!good)
		return -EBADMSG;
	state.document = json_loadb(document, document_size, 0, NULL);
	if (!json_is_object(state.document)) {
		json_decref(state.document);
		return -EBADMSG;
	}
	*ret = state;
	return 0;
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
		problems_hint(problems, "put back a copy of the file, or move it away to start without "
					"and apply the configuration again");
	} else if (error && error != -ENOMEM) {
		refuse(store, problems, PROBLEM_UNREADABLE, store_file,
		       "the stored configuration cannot be read", strerror(-error));
	}
	return error;
}
