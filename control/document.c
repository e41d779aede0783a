/*
 * document - see document.h. The tree and its files; the text is read by
 * document_parse.c.
 */
#include "control/document.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/document_tree.h"

int document_create(struct document **ret)
{
	struct document *document = calloc(1, sizeof(*document));

	if (!document)
		return -ENOMEM;
	document->root = json_object();
	if (!document->root || places_create(&document->places)) {
		document_destroy(document);
		return -ENOMEM;
	}
	document->digest = 0xcbf29ce484222325ULL; /* FNV-1a's offset basis */
	*ret = document;
	return 0;
}

void document_destroy(struct document *document)
{
	if (!document)
		return;
	json_decref(document->root);
	places_destroy(document->places);
	for (uint32_t i = 0; i < document->n_files; i++)
		free(document->files[i]);
	free(document->files);
	free(document);
}

int document_from_json(json_t *value, struct document **ret)
{
	struct document *document;
	int error = document_create(&document);

	if (error)
		return error;
	json_decref(document->root);
	document->root = json_incref(value);
	*ret = document;
	return 0;
}

json_t *document_root(const struct document *document)
{
	return document->root;
}

uint64_t document_digest(const struct document *document)
{
	return document->digest;
}

bool document_is_refused(const struct document *document)
{
	return document->refused;
}

bool document_is_broken(const struct document *document)
{
	return document->broken;
}

struct place document_place(const struct document *document, const json_t *parent, const char *key,
			    size_t index, enum document_part part)
{
	const struct spot *spot = places_find(document->places, parent, key, index);

	if (!spot)
		return (struct place){NULL, 0, 0};
	if (part == DOCUMENT_KEY_PART && spot->key_line)
		return (struct place){document->files[spot->file], spot->key_line,
				      spot->key_column};
	return (struct place){document->files[spot->file], spot->line, spot->column};
}

struct place document_place_within(const struct document *document, const json_t *parent,
				   const char *key, size_t index, size_t offset)
{
	struct place place = document_place(document, parent, key, index, DOCUMENT_VALUE_PART);
	const struct spot *spot = places_find(document->places, parent, key, index);

	if (spot && spot->exact)
		place.column += spot->lead + (unsigned)offset;
	return place;
}

/* FNV-1a (Fowler, Noll, Vo), 64 bits; the size keeps texts apart. */
static void digest_text(struct document *document, const char *text, size_t size)
{
	uint64_t digest = document->digest ^ size;

	for (size_t i = 0; i < size; i++)
		digest = (digest ^ (unsigned char)text[i]) * 0x100000001b3ULL;
	document->digest = digest * 0x100000001b3ULL;
}

static int add_file_name(struct document *document, const char *file)
{
	char **files = reallocarray(document->files, document->n_files + 1, sizeof(*files));

	if (!files)
		return -ENOMEM;
	document->files = files;
	files[document->n_files] = strdup(file);
	if (!files[document->n_files])
		return -ENOMEM;
	document->n_files++;
	return 0;
}

/* A problem of a whole file; the document is of no more use. */
static __attribute__((format(printf, 5, 6))) int
refuse_file(struct document *document, struct problems *problems, enum problem_reason reason,
	    const char *file, const char *message, ...)
{
	struct place place = {.file = file};
	char text[PROBLEM_TEXT];
	va_list args;

	va_start(args, message);
	vsnprintf(text, sizeof(text), message, args);
	va_end(args);
	problems_add(problems, reason, &place, "", "%s", text);
	document->broken = true;
	document->refused = true;
	return -EINVAL;
}

int document_add_text(struct document *document, const char *file, const char *text, size_t size,
		      struct problems *problems)
{
	int error;

	if (size > DOCUMENT_BYTES - document->bytes) {
		error = refuse_file(document, problems, PROBLEM_TOO_BIG, file,
				    "the document is larger than %d MiB", DOCUMENT_BYTES >> 20);
		problems_hint(problems, "split it over tenants, or generate less");
		return error;
	}
	document->bytes += size;
	digest_text(document, text, size);
	error = add_file_name(document, file);
	if (!error)
		error = document_parse(document, text, size, problems);
	if (error)
		document->refused = true;
	return error;
}

/* Read all of @fd, at most @max bytes and one more to show that there are more. */
static int read_whole(int fd, size_t max, char **ret_text, size_t *ret_size)
{
	size_t size = 0, room = 0;
	char *text = NULL;
	int error;

	for (;;) {
		ssize_t count;

		if (size == room) {
			char *larger = realloc(text, room = room ? room * 2 : 65536);

			if (!larger)
				break;
			text = larger;
		}
		count = read(fd, text + size, room - size);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			break;
		size += (size_t)count;
		if (!count || size > max) {
			*ret_text = text;
			*ret_size = size;
			return 0;
		}
	}
	error = errno;
	free(text);
	return -error;
}

static int add_file(struct document *document, const char *path, struct problems *problems)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	size_t size = 0;
	char *text = NULL;
	int error;

	if (fd < 0)
		return refuse_file(document, problems, PROBLEM_UNREADABLE, path,
				   "cannot open it: %s", strerror(errno));
	error = read_whole(fd, DOCUMENT_BYTES, &text, &size);
	close(fd);
	if (error)
		return refuse_file(document, problems, PROBLEM_UNREADABLE, path,
				   "cannot read it: %s", strerror(-error));
	error = document_add_text(document, path, text, size, problems);
	free(text);
	return error;
}

/* What of a directory is part of the document: as the shell's *.yaml. */
static int is_document_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 &&
	       !strcmp(entry->d_name + length - 5, ".yaml");
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_directory(struct document *document, const char *path, struct problems *problems)
{
	struct dirent **entries;
	int count = scandir(path, &entries, is_document_file, compare_names);
	int result = 0;

	if (count < 0)
		return refuse_file(document, problems, PROBLEM_UNREADABLE, path,
				   "cannot list the directory: %s", strerror(errno));
	for (int i = 0; i < count; i++) {
		char *file = NULL;
		int error = -ENOMEM;

		if (result != -ENOMEM && asprintf(&file, "%s/%s", path, entries[i]->d_name) >= 0) {
			error = add_file(document, file, problems);
			free(file);
		}
		if (error)
			result = error;
		free(entries[i]);
	}
	free(entries);
	return result;
}

int document_add_path(struct document *document, const char *path, struct problems *problems)
{
	struct stat status;

	if (stat(path, &status)) {
		int error = errno;

		refuse_file(document, problems, PROBLEM_UNREADABLE, path, "cannot read it: %s",
			    strerror(error));
		return error == ENOENT ? -ENOENT : -EINVAL;
	}
	if (S_ISDIR(status.st_mode))
		return add_directory(document, path, problems);
	return add_file(document, path, problems);
}
