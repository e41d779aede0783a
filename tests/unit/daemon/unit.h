/*
 * unit - what every unit test of the daemon's parts includes, in cmocka's order.
 */
#ifndef TESTS_UNIT_DAEMON_UNIT_H
#define TESTS_UNIT_DAEMON_UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#endif
