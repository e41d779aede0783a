/*
 * command_compare - `sluice-bench compare`: Sluice and other switches, side by side.
 */
#include <errno.h>

#include "bench/command.h"
#include "bench/compare.h"
#include "bench/compare_report.h"

static int write_out(const struct compare *compare)
{
	const struct options *options = compare->options;
	int error = options_record(options, options->record ? compare_report(compare) : NULL);

	if (options->json)
		options_print_json(compare_report(compare));
	else
		compare_print(compare, stdout);
	return !error && options->plot ? compare_plot(compare, options->plot) : error;
}

int command_compare(struct options *options, char *const *paths)
{
	static struct compare compare;
	int error = compare_create(&compare, options);

	if (error && error != -ENOENT)
		return COMMAND_FAILED;
	if (!error && !compare_run(&compare))
		error = -EINTR;
	if (compare.n_turns && write_out(&compare))
		error = -EIO;
	compare_destroy(&compare);
	return error ? COMMAND_FAILED : COMMAND_OK;
}
