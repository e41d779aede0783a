/*
 * document_parse - from YAML (or JSON) text to the tree of a document.
 *
 * libyaml turns the text into events; here they become jansson values, and what
 * the document's language leaves out of YAML is refused. Anchors and aliases are
 * refused because they let a small text stand for a huge tree, and because an
 * exported document could not keep them; tags because scalars are typed by the
 * model.
 *
 * Two kinds of trouble. Something refused (a duplicate key, an alias) is noted,
 * left out, and reading goes on. Something after which nothing can be trusted
 * (bad syntax, a limit) ends the reading: the document is "broken".
 *
 * Depth is bounded by DOCUMENT_DEPTH before a function calls itself.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <yaml.h>

#include "control/document_tree.h"
#include "control/node.h"

struct parse {
	yaml_parser_t yaml;
	struct document *document;
	struct problems *problems;
	const char *text;
	size_t size;
	uint32_t file;
	unsigned depth;
	bool refused; /* something was left out */
};

static int parse_value(struct parse *parse, struct node *node, const yaml_event_t *event);

/* libyaml counts from 0. */
static struct place place_of(const struct parse *parse, const yaml_mark_t *mark)
{
	return (struct place){parse->document->files[parse->file], (unsigned)mark->line + 1,
			      (unsigned)mark->column + 1};
}

/* Note a problem at @mark and go on. */
static __attribute__((format(printf, 5, 6))) void
refuse(struct parse *parse, const struct node *node, enum problem_reason reason,
       const yaml_mark_t *mark, const char *message, ...)
{
	struct place place = place_of(parse, mark);
	char path[PROBLEM_TEXT], text[PROBLEM_TEXT];
	va_list args;

	va_start(args, message);
	vsnprintf(text, sizeof(text), message, args);
	va_end(args);
	node_path(node, path, sizeof(path));
	problems_add(parse->problems, reason, &place, path, "%s", text);
	parse->refused = true;
}

/* Nothing behind this point can be understood. */
static int give_up(struct parse *parse)
{
	parse->document->broken = true;
	return -EINVAL;
}

/* The place of byte @offset of the text, where libyaml names no other. */
static yaml_mark_t mark_of_byte(const struct parse *parse, size_t offset)
{
	yaml_mark_t mark = {0, 0, 0};

	for (size_t i = 0; i < offset && i < parse->size; i++) {
		if (parse->text[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if ((parse->text[i] & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

/* The byte at @mark of a text in ASCII, or 0. */
static char byte_at(const struct parse *parse, const yaml_mark_t *mark)
{
	const char *line = parse->text, *end = parse->text + parse->size;

	for (size_t i = 0; i < mark->line && line; i++) {
		line = memchr(line, '\n', (size_t)(end - line));
		line = line ? line + 1 : NULL;
	}
	return line && mark->column < (size_t)(end - line) ? line[mark->column] : 0;
}

static int refuse_syntax(struct parse *parse, const struct node *node)
{
	const yaml_parser_t *yaml = &parse->yaml;
	yaml_mark_t mark = yaml->problem_mark;

	if (yaml->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (yaml->error == YAML_READER_ERROR) {
		mark = mark_of_byte(parse, yaml->problem_offset);
		refuse(parse, node, PROBLEM_SYNTAX, &mark, "%s", yaml->problem);
		problems_hint(parse->problems, "the text must be UTF-8 without control characters");
		return give_up(parse);
	}
	refuse(parse, node, PROBLEM_SYNTAX, &mark, "%s%s%s", yaml->problem,
	       yaml->context ? " " : "", yaml->context ? yaml->context : "");
	if (byte_at(parse, &mark) == '\t')
		problems_hint(parse->problems, "indent with spaces, not with tabs");
	else if (byte_at(parse, &mark) == '@' || byte_at(parse, &mark) == '`')
		problems_hint(parse->problems, "put the text into quotes");
	else if (yaml->context && yaml->context_mark.line != mark.line)
		problems_hint(parse->problems, "it began at line %zu", yaml->context_mark.line + 1);
	return give_up(parse);
}

static int next_event(struct parse *parse, const struct node *node, yaml_event_t *ret)
{
	if (!yaml_parser_parse(&parse->yaml, ret))
		return refuse_syntax(parse, node);
	return 0;
}

static int count_node(struct parse *parse, const struct node *node, const yaml_mark_t *mark)
{
	if (++parse->document->nodes <= DOCUMENT_NODES)
		return 0;
	refuse(parse, node, PROBLEM_TOO_BIG, mark, "the document has more than %d keys and values",
	       DOCUMENT_NODES);
	return give_up(parse);
}

/* May something be nested in what is @depth levels deep? libyaml's time grows with the depth. */
static int check_depth(struct parse *parse, const struct node *node, const yaml_mark_t *mark,
		       unsigned depth)
{
	if (depth < DOCUMENT_DEPTH)
		return 0;
	refuse(parse, node, PROBLEM_TOO_BIG, mark, "nested more than %d levels deep",
	       DOCUMENT_DEPTH);
	return give_up(parse);
}

/* Pass over a value that is not wanted; @event is its first. */
static int skip_value(struct parse *parse, const struct node *node, const yaml_event_t *event)
{
	yaml_event_type_t type = event->type;
	yaml_mark_t mark = event->start_mark;
	unsigned depth = 0;

	for (;;) {
		yaml_event_t next;
		int error = count_node(parse, node, &mark);

		if (type == YAML_MAPPING_START_EVENT || type == YAML_SEQUENCE_START_EVENT) {
			if (!error)
				error = check_depth(parse, node, &mark, parse->depth + depth);
			depth++;
		} else if (type == YAML_MAPPING_END_EVENT || type == YAML_SEQUENCE_END_EVENT) {
			depth--;
		}
		if (error || !depth)
			return error;
		error = next_event(parse, node, &next);
		if (error)
			return error;
		type = next.type;
		mark = next.start_mark;
		yaml_event_delete(&next);
	}
}

/* What no node may carry. */
static void refuse_properties(struct parse *parse, const struct node *node,
			      const yaml_char_t *anchor, const yaml_char_t *tag,
			      const yaml_mark_t *mark)
{
	if (anchor) {
		refuse(parse, node, PROBLEM_SYNTAX, mark, "anchors are not part of the language");
		problems_hint(parse->problems,
			      "write the value out, or quote a text that begins with &");
	}
	if (tag) {
		refuse(parse, node, PROBLEM_SYNTAX, mark, "tags are not part of the language");
		problems_hint(parse->problems, "leave it out, or quote a text that begins with !");
	}
}

/* Control characters come in by escapes only; libyaml refuses them in the raw. */
static bool has_control(const yaml_char_t *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') || text[i] == 0x7f)
			return true;
	return false;
}

static int parse_scalar(struct parse *parse, struct node *node, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t size = event->data.scalar.length;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

	refuse_properties(parse, node, event->data.scalar.anchor, event->data.scalar.tag,
			  &event->start_mark);
	if (has_control(event->data.scalar.value, size)) {
		refuse(parse, node, PROBLEM_SYNTAX, &event->start_mark,
		       "a text with control characters");
		return 0;
	}
	if (plain && (size == 0 || !strcmp(text, "null")))
		node->value = json_null();
	else
		node->value = json_stringn(text, size);
	return node->value ? 0 : -ENOMEM;
}

/* Where the value that began with @event stands. */
static struct spot spot_of(const struct parse *parse, const yaml_event_t *event)
{
	struct spot spot = {
		.file = parse->file,
		.line = (uint32_t)event->start_mark.line + 1,
		.column = (uint32_t)event->start_mark.column + 1,
	};
	size_t characters = 0, width;

	if (event->type != YAML_SCALAR_EVENT || event->start_mark.line != event->end_mark.line)
		return spot;
	for (size_t i = 0; i < event->data.scalar.length; i++)
		if ((event->data.scalar.value[i] & 0xc0) != 0x80)
			characters++;
	width = event->end_mark.column - event->start_mark.column;
	spot.lead = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	spot.exact = width == characters + 2 * spot.lead;
	return spot;
}

/* Is @event good for a key of @node? Notes a problem if not. */
static bool check_key(struct parse *parse, const struct node *node, const yaml_event_t *event)
{
	const char *text;

	if (event->type != YAML_SCALAR_EVENT) {
		refuse(parse, node, PROBLEM_SYNTAX, &event->start_mark, "a key must be a text");
		return false;
	}
	refuse_properties(parse, node, event->data.scalar.anchor, event->data.scalar.tag,
			  &event->start_mark);
	text = (const char *)event->data.scalar.value;
	if (has_control(event->data.scalar.value, event->data.scalar.length)) {
		refuse(parse, node, PROBLEM_SYNTAX, &event->start_mark,
		       "a key with control characters");
		return false;
	}
	if (event->data.scalar.length > DOCUMENT_KEY) {
		refuse(parse, node, PROBLEM_TOO_BIG, &event->start_mark,
		       "a key of more than %d bytes", DOCUMENT_KEY);
		return false;
	}
	if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !strcmp(text, "<<")) {
		refuse(parse, node, PROBLEM_SYNTAX, &event->start_mark,
		       "merge keys are not part of the language");
		problems_hint(parse->problems, "write the keys out");
		return false;
	}
	return true;
}

/*
 * The mapping that an earlier text began and this one goes on with, or NULL.
 * *@ret_duplicate: the key is there, but cannot go on.
 */
static json_t *find_begun(struct parse *parse, const struct node *node, const yaml_event_t *key,
			  const yaml_event_t *value, bool *ret_duplicate)
{
	json_t *begun = json_object_get(node->up->value, node->key);
	const struct spot *first;

	*ret_duplicate = false;
	if (!begun)
		return NULL;
	first = places_find(parse->document->places, node->up->value, node->key, 0);
	if (first && first->file != parse->file && node_is_section(node) && json_is_object(begun) &&
	    (value->type == YAML_MAPPING_START_EVENT ||
	     (value->type == YAML_SCALAR_EVENT && !value->data.scalar.length)))
		return begun;
	*ret_duplicate = true;
	refuse(parse, node, PROBLEM_DUPLICATE_KEY, &key->start_mark, "\"%s\" is there already",
	       node->key);
	if (first && first->file != parse->file)
		problems_hint(parse->problems, "the first one is at %s:%u:%u; keep one of them",
			      parse->document->files[first->file], first->key_line,
			      first->key_column);
	else if (first)
		problems_hint(parse->problems,
			      "the first one is at line %u, column %u; keep one of them",
			      first->key_line, first->key_column);
	return NULL;
}

/* The value of @node->key, whose key event is @key. */
static int parse_member(struct parse *parse, struct node *node, const yaml_event_t *key,
			const yaml_event_t *value)
{
	json_t *parent = node->up->value;
	struct spot spot = spot_of(parse, value);
	bool duplicate;
	int error;

	spot.key_line = (uint32_t)key->start_mark.line + 1;
	spot.key_column = (uint32_t)key->start_mark.column + 1;
	node->value = json_incref(find_begun(parse, node, key, value, &duplicate));
	if (duplicate)
		return skip_value(parse, node, value);
	if (node->value && value->type == YAML_SCALAR_EVENT)
		error = 0; /* an empty section adds nothing */
	else
		error = parse_value(parse, node, value);
	if (!error && json_is_null(node->value) && node_is_section(node)) {
		node->value = json_object();
		error = node->value ? 0 : -ENOMEM;
	}
	if (!node->value)
		return error;
	/* also what is incomplete: the tree owns it from here */
	if (json_object_set_new_nocheck(parent, node->key, node->value))
		return -ENOMEM;
	if (!error)
		error = places_set(parse->document->places, parent, node->key, 0, &spot);
	return error;
}

static int parse_mapping(struct parse *parse, struct node *mapping)
{
	for (;;) {
		struct node member = {.up = mapping};
		yaml_event_t key, value;
		int error = next_event(parse, mapping, &key);

		if (error)
			return error;
		if (key.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&key);
			return 0;
		}
		if (check_key(parse, mapping, &key))
			member.key = (const char *)key.data.scalar.value;
		error = count_node(parse, mapping, &key.start_mark);
		if (!error && !member.key)
			error = skip_value(parse, mapping, &key);
		if (!error)
			error = next_event(parse, mapping, &value);
		if (!error) {
			if (member.key)
				error = parse_member(parse, &member, &key, &value);
			else
				error = skip_value(parse, mapping, &value);
			yaml_event_delete(&value);
		}
		yaml_event_delete(&key);
		if (error)
			return error;
	}
}

static int parse_sequence(struct parse *parse, struct node *list)
{
	for (;;) {
		struct node member = {.up = list, .index = json_array_size(list->value)};
		struct spot spot;
		yaml_event_t value;
		int error = next_event(parse, list, &value);

		if (error)
			return error;
		if (value.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&value);
			return 0;
		}
		spot = spot_of(parse, &value);
		error = parse_value(parse, &member, &value);
		yaml_event_delete(&value);
		if (member.value && json_array_append_new(list->value, member.value))
			error = -ENOMEM;
		else if (member.value && !error)
			error = places_set(parse->document->places, list->value, NULL, member.index,
					   &spot);
		if (error)
			return error;
	}
}

/* A mapping or list. Fills node->value, which may have been begun by an earlier text. */
static int parse_container(struct parse *parse, struct node *node, const yaml_event_t *event)
{
	bool is_mapping = event->type == YAML_MAPPING_START_EVENT;
	int error;

	if (is_mapping)
		refuse_properties(parse, node, event->data.mapping_start.anchor,
				  event->data.mapping_start.tag, &event->start_mark);
	else
		refuse_properties(parse, node, event->data.sequence_start.anchor,
				  event->data.sequence_start.tag, &event->start_mark);
	error = check_depth(parse, node, &event->start_mark, parse->depth);
	if (error)
		return error;
	if (!node->value)
		node->value = is_mapping ? json_object() : json_array();
	if (!node->value)
		return -ENOMEM;
	parse->depth++;
	error = is_mapping ? parse_mapping(parse, node) : parse_sequence(parse, node);
	parse->depth--;
	return error;
}

/* Gives node->value, or leaves it NULL if the value is refused. */
static int parse_value(struct parse *parse, struct node *node, const yaml_event_t *event)
{
	int error = count_node(parse, node, &event->start_mark);

	if (error)
		return error;
	if (event->type == YAML_SCALAR_EVENT)
		return parse_scalar(parse, node, event);
	if (event->type == YAML_ALIAS_EVENT) {
		refuse(parse, node, PROBLEM_SYNTAX, &event->start_mark,
		       "aliases are not part of the language");
		problems_hint(parse->problems,
			      "write the value out, or quote a text that begins with *");
		return 0;
	}
	return parse_container(parse, node, event);
}

/* The root is a mapping, which all texts of the document share. */
static int parse_root(struct parse *parse, const yaml_event_t *event)
{
	struct node root = {.value = parse->document->root};

	if (event->type == YAML_MAPPING_START_EVENT)
		return parse_value(parse, &root, event);
	if (event->type == YAML_SCALAR_EVENT && !event->data.scalar.length)
		return 0; /* only comments */
	refuse(parse, &root, PROBLEM_WRONG_TYPE, &event->start_mark,
	       "the document must be a mapping");
	problems_hint(parse->problems, "it has the keys tenants, uplinks, mirrors");
	return give_up(parse);
}

/* From the start of the stream to its end, one document in between, or none. */
static int parse_stream(struct parse *parse)
{
	struct node root = {.value = parse->document->root};
	unsigned documents = 0;

	for (;;) {
		yaml_event_t event;
		yaml_event_type_t type;
		int error = next_event(parse, &root, &event);

		if (error)
			return error;
		type = event.type;
		if (type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
			refuse(parse, &root, PROBLEM_SYNTAX, &event.start_mark,
			       "a second document begins in the text");
			problems_hint(parse->problems, "join them, or put each into its own file");
			error = give_up(parse);
		} else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
			   type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT) {
			error = parse_root(parse, &event);
		}
		yaml_event_delete(&event);
		if (error || type == YAML_STREAM_END_EVENT)
			return error;
	}
}

/*
 * Directives (%YAML, %TAG) change nothing here, and libyaml compares each one
 * with all before it: they are refused before it sees them.
 */
static int check_directives(struct parse *parse)
{
	const char *line = parse->text, *end = parse->text + parse->size;
	const struct node root = {.value = parse->document->root};

	for (size_t number = 0; line; number++) {
		if (line < end && *line == '%') {
			refuse(parse, &root, PROBLEM_SYNTAX, &(yaml_mark_t){.line = number},
			       "a line that begins with \"%%\"");
			problems_hint(parse->problems,
				      "directives are not part of the language; indent a text");
			return give_up(parse);
		}
		line = memchr(line, '\n', (size_t)(end - line));
		line = line ? line + 1 : NULL;
	}
	return 0;
}

int document_parse(struct document *document, const char *text, size_t size,
		   struct problems *problems)
{
	struct parse parse = {
		.document = document,
		.problems = problems,
		.text = text,
		.size = size,
		.file = document->n_files - 1,
	};
	int error;

	if (!yaml_parser_initialize(&parse.yaml))
		return -ENOMEM;
	yaml_parser_set_encoding(&parse.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parse.yaml, (const unsigned char *)text, size);
	error = check_directives(&parse);
	if (!error)
		error = parse_stream(&parse);
	yaml_parser_delete(&parse.yaml);
	if (error == -ENOMEM)
		return error;
	return parse.refused ? -EINVAL : 0;
}
