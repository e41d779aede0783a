/*
 * ctl_command - every command of sluicectl, in one table: its words, arguments,
 * options, help and example. Parsing, help at every level, completion and the
 * manual page's list all read it; there is no second list.
 */
#ifndef CONTROL_CTL_COMMAND_H
#define CONTROL_CTL_COMMAND_H

#include "control/ctl.h"
#include "control/ctl_print.h"

/* What an option makes of its value, in the request's params. */
enum ctl_shape {
	SHAPE_TEXT,	   /* the value */
	SHAPE_LIST,	   /* a list; more of it with commas, or by giving it again */
	SHAPE_MAP,	   /* KEY=VALUE, an object; more as above */
	SHAPE_TRUE,	   /* takes no value */
	SHAPE_ALL_OR_LIST, /* `all`, or a list */
	SHAPE_TEXT_OR_MAP, /* the value, or KEY=VALUE as above */
	SHAPE_UNSET,	   /* names of fields: null */
};

struct ctl_option {
	const char *name;  /* without dashes; of one letter: -f */
	const char *value; /* what stands for its value in the help; NULL: none */
	const char *path;  /* of the member of params: "fields.trunk.allow" */
	enum ctl_shape shape;
	const char *help;
	bool local; /* a name within the tenant: "acme/web" becomes "web" */
};

/* What somebody typed, taken apart. */
struct ctl_command;
struct ctl_request {
	const struct ctl_command *command;
	json_t *params;
};

enum { CTL_ARGUMENTS_MAX = 2, CTL_OPTION_GROUPS_MAX = 2 };

struct ctl_command {
	const char *words;  /* "port add" */
	const char *method; /* of the API; NULL: it is not one call */
	/* "NAME": params.name; "[PORT]": may be left out; "NAME..." takes the rest, with blanks between;
	 * "[RULE ...]": params.fields is a list of the rest */
	const char *arguments[CTL_ARGUMENTS_MAX];
	const struct ctl_option
		*options[CTL_OPTION_GROUPS_MAX]; /* each ends with one without a name */
	const struct ctl_column *columns;	 /* of a list; NULL: an object */
	int (*run)(struct ctl *ctl, struct ctl_request *request); /* NULL: call the method, print */
	const char *summary;
	const char *example;
};

extern const struct ctl_command ctl_commands[];
extern const unsigned ctl_n_commands;

/* The options of the whole program, which may stand anywhere. */
extern const struct ctl_option ctl_global_options[];

/* The option of @command, or of the whole program, or NULL. */
const struct ctl_option *ctl_option_find(const struct ctl_command *command, const char *name);

/* Help for all commands, or those that begin with @words; for one: all about it. */
void ctl_help(const char *words, FILE *stream);

/* The command or first word that is most like @words, or NULL if none is. */
const char *ctl_suggest(const char *words);

#endif
