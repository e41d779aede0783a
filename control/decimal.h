/*
 * decimal - the digits of a number, without printf: rules and addresses are
 * written by the hundred thousand.
 */
#ifndef CONTROL_DECIMAL_H
#define CONTROL_DECIMAL_H

#include <stdint.h>
#include <string.h>

enum { DECIMAL_DIGITS = 10 }; /* of the largest */

/* Write @number to @at, and a NUL behind it: where that stands. */
static inline char *decimal_write(char *at, uint32_t number)
{
	char digits[DECIMAL_DIGITS];
	unsigned first = DECIMAL_DIGITS;

	do {
		digits[--first] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	memcpy(at, digits + first, DECIMAL_DIGITS - first);
	at += DECIMAL_DIGITS - first;
	*at = '\0';
	return at;
}

#endif
