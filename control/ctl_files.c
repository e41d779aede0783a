/*
 * ctl_files - see ctl_files.h.
 */
#include "control/ctl_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "control/document.h"

/* All of @stream; NULL: errno, or EFBIG. */
static char *stream_read(FILE *stream, size_t *ret_size)
{
	char *text = NULL;
	size_t size = 0, room = 0, n;

	do {
		if (room - size < 4096) {
			char *more = realloc(text, room = room * 2 + 65536);

			if (!more)
				goto free_text;
			text = more;
		}
		n = fread(text + size, 1, room - size, stream);
		size += n;
		if (size > DOCUMENT_BYTES) {
			errno = EFBIG;
			goto free_text;
		}
	} while (n);
	if (ferror(stream))
		goto free_text;
	*ret_size = size;
	return text;
free_text:
	free(text);
	return NULL;
}

static bool file_add(struct ctl *ctl, json_t *files, const char *path)
{
	bool standard = !strcmp(path, "-");
	FILE *stream = standard ? stdin : fopen(path, "re");
	const char *name = standard ? "<stdin>" : path;
	size_t size = 0;
	char *text = stream ? stream_read(stream, &size) : NULL;
	int error = errno;
	json_t *json = text ? json_stringn(text, size) : NULL;

	if (stream && !standard)
		fclose(stream);
	if (!text)
		ctl_fail(ctl, CTL_FAILED, "%s: %s", name, strerror(error));
	else if (!json)
		ctl_fail(ctl, CTL_FAILED, "%s: it is not UTF-8 text", name);
	else
		json_array_append_new(files, json_pack("{s:s, s:O}", "name", name, "text", json));
	free(text);
	json_decref(json);
	return json != NULL;
}

static int is_document(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && entry->d_name[0] != '.' &&
	       (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml") || !strcmp(dot, ".json"));
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool directory_add(struct ctl *ctl, json_t *files, const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_document, by_bytes);
	bool fine = n >= 0;

	if (n < 0)
		ctl_fail(ctl, CTL_FAILED, "%s: %s", path, strerror(errno));
	for (int i = 0; i < n; i++) {
		char *name = NULL;

		if (fine && asprintf(&name, "%s/%s", path, entries[i]->d_name) >= 0)
			fine = file_add(ctl, files, name);
		free(name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return fine;
}

json_t *ctl_files_read(struct ctl *ctl, const json_t *paths)
{
	json_t *files = json_array();
	const json_t *path;
	bool fine = true;
	size_t i;

	json_array_foreach (paths, i, path) {
		const char *name = json_string_value(path);
		struct stat st;

		if (!fine)
			break;
		if (!stat(name, &st) && S_ISDIR(st.st_mode))
			fine = directory_add(ctl, files, name);
		else
			fine = file_add(ctl, files, name);
	}
	if (fine)
		return files;
	json_decref(files);
	return NULL;
}
