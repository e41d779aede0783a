/*
 * model_places - where rules were written, kept beside the document.
 *
 * The canonical document that is stored has no places. So that `why` and `rule list`
 * know them after a restart, they are stored with it:
 *
 *	{files: [NAME, ...], groups: {LIST: [[FIRST, COUNT, FILE, LINE, STEP], ...]}, acls: ...}
 *
 * Rules FIRST and on, COUNT of them, stand in files[FILE] from LINE on, each STEP lines
 * (0 or 1) below the one before. Rules on lines of their own are one such run, however many.
 */
#include <errno.h>
#include <string.h>

#include "control/arena.h"
#include "control/model.h"

enum { RUN = 5 }; /* numbers of a run */

/* The number of @file among @files, where it is put if it is not there. */
static size_t file_number(json_t *files, const char *file)
{
	size_t count = json_array_size(files);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(json_string_value(json_array_get(files, i)), file))
			return i;
	json_array_append_new(files, json_string(file));
	return count;
}

static bool same_file(const struct place *a, const struct place *b)
{
	return a->file && b->file && (a->file == b->file || !strcmp(a->file, b->file));
}

/* How many rules from @first on make one run, and how many lines each is below the last. */
static uint32_t measure_run(const struct model_rules *list, uint32_t first, unsigned *ret_step)
{
	uint32_t end = first + 1;
	unsigned step = 0;

	for (; end < list->n_rules; end++) {
		const struct place *before = &list->rules[end - 1].written;
		const struct place *here = &list->rules[end].written;
		unsigned below = here->line - before->line;

		if (!same_file(before, here) || below > 1 || (end > first + 1 && below != step))
			break;
		step = below;
	}
	*ret_step = step;
	return end - first;
}

/* The runs of @list; an empty array if nothing is known. */
static json_t *list_runs(json_t *files, const struct model_rules *list)
{
	json_t *runs = json_array();
	unsigned step;

	for (uint32_t i = 0, count; i < list->n_rules; i += count) {
		const struct place *place = &list->rules[i].written;

		count = measure_run(list, i, &step);
		if (place->file)
			json_array_append_new(
				runs, json_pack("[I, I, I, I, I]", (json_int_t)i, (json_int_t)count,
						(json_int_t)file_number(files, place->file),
						(json_int_t)place->line, (json_int_t)step));
	}
	return runs;
}

static json_t *section_runs(json_t *files, const struct model_rules *lists, uint32_t n_lists)
{
	json_t *section = json_object();

	for (uint32_t i = 0; i < n_lists; i++) {
		json_t *runs = list_runs(files, &lists[i]);

		if (json_array_size(runs))
			json_object_set(section, lists[i].name, runs);
		json_decref(runs);
	}
	return section;
}

json_t *model_places(const struct model *model)
{
	json_t *files = json_array();
	json_t *groups = section_runs(files, model->groups, model->n_groups);
	json_t *acls = section_runs(files, model->acls, model->n_acls);

	return json_pack("{s:o, s:o, s:o}", "files", files, "groups", groups, "acls", acls);
}

/* Number @i of @run, which somebody may have written by hand: -1 if it is none. */
static json_int_t number_of(const json_t *run, size_t i)
{
	const json_t *number = json_array_get(run, i);

	return json_is_integer(number) ? json_integer_value(number) : -1;
}

static void restore_run(struct model_rules *list, const json_t *run, const char *const *files,
			size_t n_files)
{
	json_int_t first = number_of(run, 0), count = number_of(run, 1), file = number_of(run, 2);
	json_int_t line = number_of(run, 3), step = number_of(run, 4);

	if (json_array_size(run) != RUN || first < 0 || first > list->n_rules || count < 0 ||
	    count > list->n_rules - first || file < 0 || (size_t)file >= n_files || line < 1 ||
	    line > UINT32_MAX / 2 || step < 0 || step > 1)
		return;
	for (json_int_t i = 0; i < count; i++)
		list->rules[first + i].written = (struct place){
			.file = files[file],
			.line = (unsigned)(line + i * step),
		};
}

static void restore_section(struct model_rules *lists, uint32_t n_lists, const json_t *section,
			    const char *const *files, size_t n_files)
{
	const json_t *run;
	size_t r;

	for (uint32_t i = 0; i < n_lists; i++)
		json_array_foreach (json_object_get(section, lists[i].name), r, run)
			restore_run(&lists[i], run, files, n_files);
}

int model_restore_places(struct model *model, const json_t *places)
{
	const json_t *names = json_object_get(places, "files"), *name;
	const char **files = arena_alloc(model->arena, json_array_size(names) + 1, sizeof(*files));
	size_t i;

	if (!files)
		return -ENOMEM;
	json_array_foreach (names, i, name) {
		files[i] = arena_text(model->arena,
				      json_is_string(name) ? json_string_value(name) : "?");
		if (!files[i])
			return -ENOMEM;
	}
	restore_section(model->groups, model->n_groups, json_object_get(places, "groups"), files,
			i);
	restore_section(model->acls, model->n_acls, json_object_get(places, "acls"), files, i);
	return 0;
}
