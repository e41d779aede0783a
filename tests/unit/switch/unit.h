/*
 * unit - what every unit test of the switch includes, in cmocka's order.
 */
#ifndef TESTS_UNIT_SWITCH_UNIT_H
#define TESTS_UNIT_SWITCH_UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Compared as words, so that a failure can be read. */
#define assert_drop(got, want) assert_string_equal(drop_word(got), drop_word(want))

#endif
