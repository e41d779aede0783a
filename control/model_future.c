/*
 * model_future - the words that are not built yet.
 *
 * What a document says is enforced, or the document is refused: a mirror
 * that is accepted and ignored would be missed when it is too late. So these words are read with
 * all their syntax, their mistakes are told, and each is refused by name.
 */
#include "control/model_parts.h"

void model_refuse_not_yet(struct reading *reading, const struct node *node, const char *word,
			  const char *what)
{
	reading_problem_key(reading, node, PROBLEM_NOT_YET, "%s are not built yet", what);
	problems_hint(reading->problems,
		      "remove \"%s\"; nothing may stand here that is not enforced", word);
}

void model_read_pcap(struct reading *reading, const struct node *node, void *draft)
{
	reading_text(reading, node);
	model_refuse_not_yet(reading, node, node->key, "pcap ports");
}

static void read_mirror_from(struct reading *reading, const struct node *node, void *mirror)
{
	if (!reading_is_list(reading, node))
		return;
	for (size_t i = 0; i < json_array_size(node->value); i++) {
		const struct node *name = reading_element(reading, node, i);

		if (name)
			reading_text(reading, name);
	}
}

static void read_mirror_direction(struct reading *reading, const struct node *node, void *mirror)
{
	static const char *const words[] = {"in", "out", "both", NULL};
	unsigned word;

	reading_word(reading, node, words, &word);
}

static void read_mirror_to(struct reading *reading, const struct node *node, void *mirror)
{
	reading_text(reading, node);
}

static const struct reading_key mirror_keys[] = {
	{"from", read_mirror_from},
	{"direction", read_mirror_direction},
	{"to", read_mirror_to},
	{NULL, NULL},
};

void model_read_mirrors(struct reading *reading, const struct node *node)
{
	const char *key;
	json_t *value;

	if (!reading_is_mapping(reading, node))
		return;
	json_object_foreach (node->value, key, value) {
		const struct node *mirror = reading_member(reading, node, key);

		if (!mirror)
			return;
		reading_key_is_name(reading, mirror);
		reading_mapping(reading, mirror, mirror_keys, NULL);
		model_refuse_not_yet(reading, mirror, mirror->key, "mirrors");
	}
}
