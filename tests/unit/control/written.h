/*
 * written - documents as a test writes them, and what becomes of them.
 *
 * Everything that must work fails the running test if it does not, with the
 * problems in words.
 */
#ifndef TESTS_UNIT_CONTROL_WRITTEN_H
#define TESTS_UNIT_CONTROL_WRITTEN_H

#include "control/document.h"
#include "control/model.h"
#include "control/problem.h"

/* The host that tests speak of: run directory /run/sluice, control.sock taken. */
extern const struct model_host written_host;

/* The document of a text without problems; its name is t.yaml. */
struct document *written_document(const char *text);

/* The tree alone, and a tree from JSON with ' for ". */
json_t *written_tree(const char *text);
json_t *written_json(const char *text);

/* The model of a text, or of a tree, without problems. */
struct model *written_model(const char *text);
struct model *written_model_of(json_t *tree);

/* The canonical form of a tree without problems. */
json_t *written_canonical(json_t *tree);

/*
 * Read @text and expect exactly these problems, in order, NULL at the end. One is written
 * `LINE:COLUMN REASON PATH`, or with ` | HINT` behind, a part of its hint.
 */
void written_expect(const char *text, const char *const *problems);
#define EXPECT(text, ...) written_expect(text, (const char *const[]){__VA_ARGS__, NULL})

/* Numbers for random tests: the same for the same seed. */
uint32_t written_random(uint64_t *seed, uint32_t below);

/*
 * A random document without mistakes: up to four tenants, t0 to t3, with
 * networks n0... and ports p0..., and uplinks u0...
 */
json_t *written_random_tree(uint64_t *seed);

#endif
