/*
 * running - see running.h.
 */
#include "control/running.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "control/compile.h"
#include "control/edit.h"
#include "control/isolation.h"

/* One configuration, compiled, on its way to be the running one. */
struct candidate {
	struct store_state state;
	struct model *model;
	struct ids *ids;
	struct policy *policy;
};

static void candidate_clear(struct candidate *candidate)
{
	free(candidate->policy);
	ids_destroy(candidate->ids);
	model_destroy(candidate->model);
	json_decref(candidate->state.document);
	json_decref(candidate->state.places);
	*candidate = (struct candidate){0};
}

static int seed_make(uint64_t *ret_seed)
{
	return getrandom(ret_seed, sizeof(*ret_seed), 0) == sizeof(*ret_seed) ? 0 : -EIO;
}

/*
 * From the model to the policy, as the state's generation, with ids that continue
 * @ids and counters that continue those of @previous; one that keeps tenants apart.
 */
static int candidate_compile(struct candidate *candidate, const struct ids *ids, uint64_t seed,
			     const struct compile_previous *previous,
			     char ret_why[static RUNNING_WHY])
{
	char why[COMPILE_WHY] = "no memory";
	uint64_t generation = candidate->state.generation;
	char path[ISOLATION_PATH];
	struct policy *policy;
	struct ids *next;
	int error = ids_next(ids, candidate->model, generation, &next);

	if (!error) {
		error = compile_policy(candidate->model, next, generation, seed, previous, why,
				       &policy);
		if (error)
			ids_destroy(next);
	}
	if (error) {
		snprintf(ret_why, RUNNING_WHY, "the policy cannot be made: %s", why);
		return error;
	}
	error = isolation_check(policy, path);
	if (error) {
		snprintf(ret_why, RUNNING_WHY, "it would join tenants: %.130s", path);
		ids_destroy(next);
		free(policy);
		return error;
	}
	ids_destroy(candidate->ids);
	free(candidate->policy);
	candidate->ids = next;
	candidate->policy = policy;
	return 0;
}

/* The candidate runs: what ran before is freed. */
static void candidate_adopt(struct running *running, struct candidate *candidate)
{
	struct candidate old = {
		.state = running->state,
		.model = running->model,
		.ids = running->ids,
		.policy = running->policy,
	};

	running->state = candidate->state;
	running->model = candidate->model;
	running->ids = candidate->ids;
	running->policy = candidate->policy;
	*candidate = (struct candidate){0};
	candidate_clear(&old);
}

static enum channel_kind port_kind(enum model_device device)
{
	switch (device) {
	case MODEL_VHOST_USER: return KIND_VHOST_USER;
	case MODEL_TAP: return KIND_TAP;
	case MODEL_DEVICE: return KIND_DEVICE;
	}
	return KIND_VHOST_USER;
}

/* Bring the devices in line with the model. */
static int running_attach(struct running *running)
{
	const struct model *model = running->model;
	struct attachment_spec *specs = calloc(model->n_ports + 1, sizeof(*specs));
	int error;

	if (!specs)
		return -ENOMEM;
	for (uint32_t i = 0; i < model->n_ports; i++) {
		const struct model_port *port = &model->ports[i];

		specs[i] = (struct attachment_spec){
			.port = ids_port(running->ids, port->name),
			.name = port->name,
			.kind = port_kind(port->device),
			.dials = port->dials,
			.place = port->device == MODEL_VHOST_USER ? port->path : port->device_name,
			.queue_pairs = port->queues,
			.mtu = model_port_mtu(port),
			/* The guest on a tap is the interface itself. */
			.mac = port->device == MODEL_TAP && port->n_macs ? port->macs[0] : 0,
		};
	}
	error = attachments_apply(running->attachments, specs, model->n_ports);
	free(specs);
	return error;
}

/* Compile for a data plane that has nothing yet. */
static int candidate_compile_first(struct candidate *candidate, char ret_why[static RUNNING_WHY])
{
	struct ids *none;
	uint64_t seed;
	int error = seed_make(&seed);

	if (!error)
		error = ids_create(&none);
	if (error) {
		snprintf(ret_why, RUNNING_WHY, "%s", strerror(-error));
		return error;
	}
	error = candidate_compile(candidate, none, seed, NULL, ret_why);
	ids_destroy(none);
	return error;
}

/*
 * Compile for a data plane that ran before us, with @adopted, whose ids go on.
 * If that gives what it has, byte for byte, it is left alone (*@ret_same); if
 * not, it shall get the new one as a later generation, since it takes no other.
 */
static int candidate_compile_next(struct candidate *candidate, const struct policy *adopted,
				  bool *ret_same, char ret_why[static RUNNING_WHY])
{
	const struct compile_previous previous = {.policy = adopted};
	struct ids *ids;
	int error = ids_adopt(adopted, &ids);

	if (error) {
		snprintf(ret_why, RUNNING_WHY, "the running policy: %s", strerror(-error));
		return error;
	}
	if (candidate->state.generation < adopted->generation)
		candidate->state.generation = adopted->generation;
	error = candidate_compile(candidate, ids, adopted->hash_seed, &previous, ret_why);
	*ret_same = !error && candidate->policy->size == adopted->size &&
		    !memcmp(candidate->policy, adopted, adopted->size);
	if (!error && !*ret_same && candidate->state.generation == adopted->generation) {
		candidate->state.generation++;
		error = candidate_compile(candidate, ids, adopted->hash_seed, &previous, ret_why);
	}
	ids_destroy(ids);
	return error;
}

/* What a change makes of the state that is stored. */
static int candidate_build(struct running *running, const struct running_change *change,
			   struct candidate *candidate, struct problems *problems)
{
	int error = model_build_next(change->document, &running->host, running->model, problems,
				     &candidate->model);

	if (error)
		return error;
	candidate->state = running->state;
	candidate->state.document = model_export(candidate->model);
	candidate->state.places = model_places(candidate->model);
	if (!candidate->state.document || !candidate->state.places)
		return -ENOMEM;
	candidate->state.generation++;
	if (change->from_config) {
		candidate->state.has_config = true;
		candidate->state.config_digest = change->config_digest;
	}
	return 0;
}

/* What is stored, as it is. */
static int candidate_restore(struct running *running, struct candidate *candidate,
			     struct problems *problems)
{
	struct document *document;
	int error = document_from_json(running->state.document, &document);

	if (error)
		return error;
	error = model_build(document, &running->host, problems, &candidate->model);
	document_destroy(document);
	candidate->state = running->state;
	json_incref(candidate->state.document);
	json_incref(candidate->state.places);
	if (!error)
		error = model_restore_places(candidate->model, candidate->state.places);
	return error;
}

int running_load(struct running *running, struct problems *problems)
{
	return store_load(running->store, problems, &running->state);
}

/* Compile, save and publish, as far as there is something to do. */
static int candidate_begin(struct running *running, struct candidate *candidate, bool changed,
			   struct problems *problems, char ret_why[static RUNNING_WHY])
{
	const struct policy *adopted = dataplane_adopted_policy(running->dataplane);
	bool same = false;
	int error = adopted ? candidate_compile_next(candidate, adopted, &same, ret_why)
			    : candidate_compile_first(candidate, ret_why);

	if (!error && changed)
		error = store_save(running->store, &candidate->state, problems);
	if (!error && !same)
		error = dataplane_publish(running->dataplane, candidate->policy, ret_why);
	return error;
}

int running_begin(struct running *running, const struct running_change *change,
		  struct problems *problems, char ret_why[static RUNNING_WHY])
{
	struct candidate candidate = {0};
	int error = change ? candidate_build(running, change, &candidate, problems)
			   : candidate_restore(running, &candidate, problems);

	snprintf(ret_why, RUNNING_WHY, "it cannot be used");
	if (!error)
		error = candidate_begin(running, &candidate, change != NULL, problems, ret_why);
	if (!error)
		error = attachments_adopt(running->attachments, ret_why);
	if (!error) {
		candidate_adopt(running, &candidate);
		error = running_attach(running);
		if (error)
			snprintf(ret_why, RUNNING_WHY, "ports: %s", strerror(-error));
	}
	candidate_clear(&candidate);
	return error;
}

void running_end(struct running *running)
{
	struct candidate last = {0};

	candidate_adopt(running, &last);
}

/* Publish @candidate; if that fails, what was stored before is stored again. */
static int candidate_publish(struct running *running, const struct candidate *candidate,
			     char ret_why[static RUNNING_WHY])
{
	struct problems problems = {0};
	int error = dataplane_publish(running->dataplane, candidate->policy, ret_why);

	if (!error)
		return 0;
	if (store_save(running->store, &running->state, &problems))
		fprintf(stderr,
			"sluiced: generation %llu does not run, but could not be taken "
			"back from the state directory: a restart will run it\n",
			(unsigned long long)candidate->state.generation);
	problems_clear(&problems);
	return error;
}

/* Nothing to run anew; but remember that the configuration file says the same. */
static int commit_nothing(struct running *running, const struct running_change *change,
			  struct problems *problems)
{
	struct store_state state = running->state;
	int error;

	if (!change->from_config ||
	    (state.has_config && state.config_digest == change->config_digest))
		return 0;
	state.has_config = true;
	state.config_digest = change->config_digest;
	error = store_save(running->store, &state, problems);
	if (!error)
		running->state = state;
	return error;
}

static int commit_candidate(struct running *running, struct candidate *candidate,
			    struct problems *problems, char ret_why[static RUNNING_WHY])
{
	const struct compile_previous previous = {running->policy, running->model};
	uint64_t seed;
	int error = seed_make(&seed);

	if (!error)
		error = candidate_compile(candidate, running->ids, seed, &previous, ret_why);
	if (!error)
		error = store_save(running->store, &candidate->state, problems);
	if (!error)
		error = candidate_publish(running, candidate, ret_why);
	if (error)
		return error;
	candidate_adopt(running, candidate);
	/* It runs, whatever becomes of the devices. */
	if (running_attach(running))
		fprintf(stderr, "sluiced: no memory for some ports: they have no device\n");
	return 0;
}

int running_commit(struct running *running, const struct running_change *change,
		   struct problems *problems, json_t **ret_changes,
		   char ret_why[static RUNNING_WHY])
{
	struct candidate candidate = {0};
	json_t *changes = NULL;
	int error = candidate_build(running, change, &candidate, problems);

	snprintf(ret_why, RUNNING_WHY, "%s", "nothing has changed");
	if (error)
		goto clear_candidate;
	changes = edit_diff(running->state.document, candidate.state.document);
	error = changes ? 0 : -ENOMEM;
	if (!error && !change->dry_run) {
		if (!json_array_size(changes))
			error = commit_nothing(running, change, problems);
		else
			error = commit_candidate(running, &candidate, problems, ret_why);
	}
	if (!error)
		*ret_changes = changes;
	else
		json_decref(changes);
clear_candidate:
	candidate_clear(&candidate);
	return error;
}

int running_restore(struct running *running, char ret_why[static RUNNING_WHY])
{
	int error = dataplane_publish(running->dataplane, running->policy, ret_why);

	if (!error)
		attachments_restart(running->attachments);
	return error;
}
