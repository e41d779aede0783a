/*
 * check - see check.h.
 */
#include "tests/lib/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void (*check_epilogue)(void);

void check_failed(const char *file, int line, const char *condition, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	dprintf(STDERR_FILENO, "# %s:%d: %s (not so: %s)\n", file, line, text, condition);
	if (check_epilogue)
		check_epilogue();
	_exit(1);
}
