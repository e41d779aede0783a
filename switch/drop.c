/*
 * drop - the words of drop.h as tables. Values come from shared memory and
 * from tests as well as from code, so an unknown one has a word of its own.
 */
#include "switch/drop.h"

static const char *const words[DROP__COUNT] = {
#define X(name, word, text) [DROP_##name] = word,
	DROP_REASONS(X)
#undef X
};

static const char *const texts[DROP__COUNT] = {
#define X(name, word, text) [DROP_##name] = text,
	DROP_REASONS(X)
#undef X
};

const char *drop_word(enum drop reason)
{
	return (unsigned)reason < DROP__COUNT ? words[reason] : "unknown";
}

const char *drop_text(enum drop reason)
{
	return (unsigned)reason < DROP__COUNT ? texts[reason] : "not known to this version";
}
