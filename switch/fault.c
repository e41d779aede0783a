/*
 * fault - the words of fault.h as tables.
 */
#include "switch/fault.h"

static const struct {
	const char *word;
	const char *text;
} kinds[FAULT__COUNT] = {
#define X(name, word, text) [FAULT_##name] = {word, text},
	FAULT_KINDS(X)
#undef X
};

const char *fault_word(enum fault kind)
{
	return (unsigned)kind < FAULT__COUNT ? kinds[kind].word : "unknown";
}

const char *fault_text(enum fault kind)
{
	return (unsigned)kind < FAULT__COUNT ? kinds[kind].text : "not known to this version";
}
