/*
 * fuzz_edit - the edits of fuzz.h.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { EDIT = 10 };

void fuzz_edit(void *specimen, size_t size, const uint8_t *edits, size_t edits_size)
{
	for (; edits_size >= EDIT; edits += EDIT, edits_size -= EDIT) {
		size_t offset = (size_t)(edits[0] | edits[1] << 8) % size;
		size_t n = size - offset < 8 ? size - offset : 8;

		memcpy((uint8_t *)specimen + offset, edits + 2, n);
	}
}
