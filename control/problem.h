/*
 * problem - what is wrong with a document, where, and what would be right.
 *
 * Whoever reads a document collects problems instead of stopping at the first:
 * all of them are shown at once. A problem names the place in the text (if the
 * document came from text), the path of the object (`tenants.acme.ports.vm1.network`),
 * what is wrong, what would be right, and a reason: a stable word for programs.
 *
 * Bounded. The first PROBLEMS_MAX are kept, all are counted; texts are cut at
 * PROBLEM_TEXT bytes. Texts quote what strangers wrote, so control characters
 * and broken UTF-8 in them are replaced: they can go to a terminal.
 *
 * Memory. problems_add() cannot fail: without memory the problem is still
 * counted, so a document with problems never passes for one without.
 */
#ifndef CONTROL_PROBLEM_H
#define CONTROL_PROBLEM_H

#include <jansson.h>
#include <stdio.h>

enum {
	PROBLEMS_MAX = 100,
	PROBLEM_TEXT = 400, /* bytes of a message, hint or path */
};

/* Each reason: name in code, word that programs see (stable). */
#define PROBLEM_REASONS(X)                                                                         \
	X(UNREADABLE, "unreadable")	  /* a file cannot be read */                              \
	X(SYNTAX, "syntax")		  /* neither YAML nor JSON, or YAML that is refused */     \
	X(TOO_BIG, "too-big")		  /* bytes, nodes or depth of a document */                \
	X(DUPLICATE_KEY, "duplicate-key") /* also one object in two files */                       \
	X(UNKNOWN_KEY, "unknown-key")                                                              \
	X(MISSING_KEY, "missing-key")                                                              \
	X(WRONG_TYPE, "wrong-type") /* a list where a mapping belongs, and the like */             \
	X(MISSING_UNIT, "missing-unit")                                                            \
	X(BAD_VALUE, "bad-value") /* the right type, but not a MAC, an address, ... */             \
	X(OUT_OF_RANGE, "out-of-range")                                                            \
	X(BAD_NAME, "bad-name")                                                                    \
	X(NO_SUCH_NAME, "no-such-name") /* a name that refers to nothing */                        \
	X(VLAN_TWICE, "vlan-twice")	/* on one wire */                                          \
	X(MAC_TWICE, "mac-twice")	/* bound in one network */                                 \
	X(DEVICE_TWICE, "device-twice") /* one socket or interface, two ports */                   \
	X(NO_VLAN, "no-vlan")		/* a network without a VLAN on a trunk */                  \
	X(CONFLICT, "conflict")		/* keys that exclude one another, or need one another */   \
	X(NOT_YET, "not-yet")		/* part of the language that is not built yet */           \
	X(QUOTA, "quota")		/* of a tenant */                                          \
	X(LIMIT, "limit")		/* of the whole switch: switch/limits.h */                 \
	X(EXISTS, "exists")		/* add of what is there */                                 \
	X(NOT_FOUND, "not-found")	/* set or delete of what is not there */                   \
	X(NOT_EMPTY, "not-empty")	/* delete of a tenant that still owns something */         \
	X(DAMAGED, "damaged")		/* a stored file is not what was written */                \
	X(NOT_STORED, "not-stored")	/* the state directory did not take it */

enum problem_reason {
#define X(name, word) PROBLEM_##name,
	PROBLEM_REASONS(X)
#undef X
		PROBLEM__COUNT
};

/* The stable word of a reason: "unknown-key". */
const char *problem_word(enum problem_reason reason);

/* A place in a text. Lines and columns count from 1, columns in characters; line 0: not known. */
struct place {
	const char *file; /* NULL: not from a file */
	unsigned line;
	unsigned column;
};

struct problem {
	enum problem_reason reason;
	struct place place; /* its file is the problem's own copy */
	char *path;	    /* "" for the whole document */
	char *message;	    /* lower case, no full stop */
	char *hint;	    /* what would be right, or NULL */
	unsigned order;	    /* in which it was found */
};

/* Start with zeros. count: those kept; total: those found. */
struct problems {
	unsigned count;
	unsigned total;
	struct problem list[PROBLEMS_MAX];
};

/* Free what is in @problems and leave it empty. */
void problems_clear(struct problems *problems);

/* Add one; @place may be NULL, everything is copied. */
void problems_add(struct problems *problems, enum problem_reason reason, const struct place *place,
		  const char *path, const char *message, ...) __attribute__((format(printf, 5, 6)));

/* Give the problem that was added last its hint. */
void problems_hint(struct problems *problems, const char *hint, ...)
	__attribute__((format(printf, 2, 3)));

/* Say what would be right with all problems of one reason, in place of what was said. */
void problems_hint_all(struct problems *problems, enum problem_reason reason, const char *hint);

/* Leave of @problem nothing but its reason and @message: who is told may not know the rest. */
void problem_hide(struct problem *problem, const char *message);

/* Order by file, line and column; those without a place come last, as found. */
void problems_sort(struct problems *problems);

/* One line each: `file:line:column: path: message; hint`, and how many more there were. */
void problems_print(const struct problems *problems, FILE *stream);

/*
 * An array of objects {reason, path, message, hint?, file?, line?, column?}, or
 * NULL without memory.
 */
json_t *problems_json(const struct problems *problems) __attribute__((warn_unused_result));

#endif
