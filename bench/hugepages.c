/*
 * hugepages - see hugepages.h.
 */
#include "bench/hugepages.h"

#include <stdio.h>

static const char folder[] = "/sys/kernel/mm/hugepages/hugepages-2048kB";
static long before = -1; /* below 0: nothing was reserved */

static long read_count(const char *name)
{
	char path[128];
	long count = -1;
	FILE *from;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	from = fopen(path, "re");
	if (!from)
		return -1;
	if (fscanf(from, "%ld", &count) != 1)
		count = -1;
	fclose(from);
	return count;
}

static bool write_count(long count)
{
	char path[128];
	FILE *to;
	bool written;

	snprintf(path, sizeof(path), "%s/nr_hugepages", folder);
	to = fopen(path, "we");
	if (!to)
		return false;
	written = fprintf(to, "%ld\n", count) > 0;
	return fclose(to) == 0 && written;
}

bool hugepages_reserve(unsigned mib)
{
	long wanted = mib / 2, there = read_count("nr_hugepages"),
	     idle = read_count("free_hugepages");

	if (there < 0 || idle < 0)
		return false;
	if (idle >= wanted)
		return true;
	if (!write_count(there + wanted - idle))
		return false;
	before = there;
	if (read_count("free_hugepages") >= wanted)
		return true;
	hugepages_release();
	return false;
}

void hugepages_release(void)
{
	if (before >= 0)
		write_count(before);
	before = -1;
}
