/*
 * replay - runs a fuzz target without a fuzzer.
 *
 *	fuzz_NAME CORPUS [ROUNDS]
 *
 * First each file of the corpus as it is, then ROUNDS times one of them with
 * random changes, the same in each run. An input that kills the program is left
 * in the working directory as crash-NAME, to be given as the corpus.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum {
	FILES = 1024,
	INPUT_MAX = 1 << 16,
	ROUNDS = 20000,
};

struct input {
	uint8_t *bytes;
	size_t size;
};

static struct input corpus[FILES];
static size_t n_corpus;
static uint8_t current[INPUT_MAX];
static size_t current_size;
static char crash_name[256];
static uint64_t noise = 88172645463325252ULL;

static uint64_t next_noise(void)
{
	noise ^= noise << 13;
	noise ^= noise >> 7;
	noise ^= noise << 17;
	return noise >> 11;
}

static void keep_input(int number)
{
	int fd = open(crash_name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd >= 0 && write(fd, current, current_size) == (ssize_t)current_size)
		close(fd);
	signal(number, SIG_DFL);
	raise(number);
}

static void run(const uint8_t *bytes, size_t size)
{
	/* At its own place, so that a sanitizer sees a read behind its end. */
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t size = fd < 0 ? -1 : read(fd, current, sizeof(current));

	if (size < 0 || n_corpus == FILES) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(EXIT_FAILURE);
	}
	close(fd);
	corpus[n_corpus].bytes = malloc((size_t)size + 1);
	corpus[n_corpus].size = (size_t)size;
	if (!corpus[n_corpus].bytes)
		abort();
	memcpy(corpus[n_corpus++].bytes, current, (size_t)size);
}

static int is_file(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void load_all(const char *path)
{
	struct dirent **entries;
	struct stat status;
	int n;

	if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) {
		load(path);
		return;
	}
	n = scandir(path, &entries, is_file, alphasort);
	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		load(file);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

/* One of the corpus, with a few bytes changed, cut off, or taken from another. */
static void mutate(void)
{
	const struct input *a = &corpus[next_noise() % n_corpus];
	const struct input *b = &corpus[next_noise() % n_corpus];

	memcpy(current, a->bytes, a->size);
	current_size = a->size;
	for (unsigned i = 0; i <= next_noise() % 4 && current_size; i++) {
		size_t at = next_noise() % current_size;

		switch (next_noise() % 5) {
		case 0: current_size = at; break;
		case 1: current[at] ^= (uint8_t)(1 << next_noise() % 8); break;
		case 2:
			if (at < b->size)
				memcpy(current + at, b->bytes + at,
				       (b->size < current_size ? b->size : current_size) - at);
			break;
		default: current[at] = (uint8_t)next_noise(); break;
		}
	}
}

int main(int argc, char **argv)
{
	unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : ROUNDS;
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];

	if (argc < 2) {
		fprintf(stderr, "usage: %s CORPUS [ROUNDS]\n", name);
		return EXIT_FAILURE;
	}
	snprintf(crash_name, sizeof(crash_name), "crash-%s", name);
	signal(SIGABRT, keep_input);
	signal(SIGSEGV, keep_input);
	load_all(argv[1]);
	for (size_t i = 0; i < n_corpus; i++) {
		current_size = corpus[i].size;
		memcpy(current, corpus[i].bytes, current_size);
		run(current, current_size);
	}
	printf("%sok 1 - the corpus, %zu inputs\n", n_corpus ? "" : "not ", n_corpus);
	for (unsigned i = 0; n_corpus && i < rounds; i++) {
		mutate();
		run(current, current_size);
	}
	printf("ok 2 - noise on top of it, %u inputs\n1..2\n", rounds);
	for (size_t i = 0; i < n_corpus; i++)
		free(corpus[i].bytes);
	return n_corpus ? EXIT_SUCCESS : EXIT_FAILURE;
}
