/*
 * lab - ports as arrays, and the pipeline between them.
 *
 * A port's take() does to the frame what the worst of guests would: as soon as
 * the snapshot is made, it overwrites that part of its memory. Whatever is
 * delivered from there is not what was decided about, and a test sees it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/lab/lab.h"

enum {
	TAIL_PIECE = 700, /* bytes; so that a long frame has several */
	CHANGED = 0xdd,	  /* what a guest writes over its headers after they were read */
};

#define demand(condition)                                                                          \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: the lab is broken: %s\n", __FILE__, __LINE__,      \
				#condition);                                                       \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void take(struct port_queue *queue, struct burst *burst)
{
	struct lab_port *device = queue->port->device;
	struct iovec *pool = burst->pool;

	burst->count = device->n_sending;
	for (unsigned i = 0; i < burst->count; i++) {
		struct lab_frame *source = &device->sending[i];
		struct frame *frame = &burst->frames[i];
		uint32_t head_len = source->len < FRAME_HEAD ? source->len : FRAME_HEAD;

		frame->hdr = source->hdr;
		frame->len = source->len;
		frame->head_len = (uint16_t)head_len;
		frame->fault = DROP_NONE;
		frame->tail = pool;
		frame->n_tail = 0;
		memcpy(frame->head, source->bytes, head_len);
		memset(source->bytes, CHANGED, head_len);
		for (uint32_t at = head_len; at < source->len; at += TAIL_PIECE) {
			uint32_t rest = source->len - at;

			demand(pool < burst->pool + sizeof(burst->pool) / sizeof(*pool));
			*pool++ = (struct iovec){source->bytes + at,
						 rest < TAIL_PIECE ? rest : TAIL_PIECE};
			frame->n_tail++;
		}
	}
}

static void give_back(struct port_queue *queue, struct burst *burst)
{
	struct lab_port *device = queue->port->device;

	demand(burst->count == device->n_sending);
	for (unsigned i = 0; i < device->n_sending; i++)
		free(device->sending[i].bytes);
	device->n_sending = 0;
}

static void *begin(struct port *port, struct uring *ring, uint32_t spread)
{
	struct lab_port *device = port->device;

	device->n_put = 0;
	return device->down ? NULL : device;
}

static void keep(struct lab_port *device, const struct port_put *put)
{
	const struct frame *source = put->frame;
	struct lab_frame *frame = &device->received[device->n_received];
	uint32_t at = source->head_len;

	demand(put->place < LIMIT_BURST);
	demand(device->n_received < LAB_RECEIVED);
	demand(source->head_len <= source->len);
	*frame = (struct lab_frame){
		.hdr = source->hdr, .len = source->len, .bytes = malloc(source->len)};
	demand(frame->bytes);
	memcpy(frame->bytes, source->head, source->head_len);
	for (unsigned i = 0; i < source->n_tail; i++) {
		demand(source->tail[i].iov_len <= source->len - at);
		memcpy(frame->bytes + at, source->tail[i].iov_base, source->tail[i].iov_len);
		at += (uint32_t)source->tail[i].iov_len;
	}
	demand(at == source->len);
	device->places[device->n_received++] = put->place;
	device->n_put++;
}

static uint64_t put(void *sink, const struct port_put *puts, unsigned n, enum drop *ret_missed)
{
	struct lab_port *device = sink;
	uint64_t missed = 0;

	for (unsigned i = 0; i < n; i++) {
		if (device->room == 0) {
			ret_missed[puts[i].place] = DROP_RING_FULL;
			missed |= UINT64_C(1) << puts[i].place;
			continue;
		}
		device->room--;
		keep(device, &puts[i]);
	}
	return missed;
}

static uint64_t end(void *sink, enum drop *ret_missed)
{
	struct lab_port *device = sink;
	uint64_t missed = 0;

	for (; device->fails_late && device->n_put; device->n_put--) {
		unsigned place = device->places[--device->n_received];

		ret_missed[place] = DROP_DEVICE_ERROR;
		missed |= UINT64_C(1) << place;
		free(device->received[device->n_received].bytes);
	}
	return missed;
}

static const struct port_ops mem_ops = {
	.kind = "mem",
	.take = take,
	.give_back = give_back,
	.begin = begin,
	.put = put,
	.end = end,
};

static void start_pipeline(struct lab *lab)
{
	struct pipeline_options options = {
		.ports = &lab->table,
		.counters = lab->counters,
		.sessions = lab->sessions,
	};

	demand(rate_create(&lab->rates) == 0);
	options.rates = lab->rates;
	demand(pipeline_create(&options, &lab->pipeline) == 0);
}

struct lab *lab_create(uint32_t fdb_slots)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	demand(lab);
	lab->now = 1000000;
	lab->fdb_slots = fdb_slots;
	lab->fdb_memory = mmap(NULL, fdb_size(fdb_slots), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	demand(lab->fdb_memory != MAP_FAILED);
	demand(fdb_init(lab->fdb_memory, fdb_size(fdb_slots), fdb_slots, &lab->fdb) == 0);
	lab->session_memory = mmap(NULL, session_size(LAB_SESSIONS, LAB_SESSION_SHARE),
				   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	demand(lab->session_memory != MAP_FAILED);
	demand(session_init(lab->session_memory, session_size(LAB_SESSIONS, LAB_SESSION_SHARE),
			    LAB_SESSIONS, LAB_SESSION_SHARE, &lab->sessions) == 0);
	lab->counters = mmap(NULL, counters_size(), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	demand(lab->counters != MAP_FAILED);
	lab->counters->n_workers = 1;
	lab->counters->n_ports = LIMIT_PORTS;
	start_pipeline(lab);
	return lab;
}

void lab_destroy(struct lab *lab)
{
	if (!lab)
		return;
	lab_forget(lab);
	pipeline_destroy(lab->pipeline);
	rate_destroy(lab->rates);
	fdb_close(lab->fdb);
	munmap(lab->fdb_memory, fdb_size(lab->fdb_slots));
	session_close(lab->sessions);
	munmap(lab->session_memory, session_size(LAB_SESSIONS, LAB_SESSION_SHARE));
	munmap(lab->counters, counters_size());
	free(lab->policy);
	free(lab);
}

static void attach(struct lab *lab, uint16_t id, uint16_t generation)
{
	struct lab_port *device = &lab->ports[id];

	*device = (struct lab_port){
		.room = LAB_ROOM,
		.port = {.ops = &mem_ops,
			 .ref = {id, generation},
			 .accepts = PORT_ACCEPTS_ALL,
			 .watch = -1,
			 .device = device},
		.queue = {.port = &device->port, .kick = -1},
	};
	atomic_store(&lab->table.slots[id], &device->port);
}

void lab_publish(struct lab *lab, struct policy *policy)
{
	free(lab->policy);
	lab->policy = policy;
	demand(policy->n_ports <= LAB_PORTS);
	lab_forget(lab);
	for (uint16_t id = 1; id < LAB_PORTS; id++) {
		struct port *port = atomic_load(&lab->table.slots[id]);
		uint16_t generation =
			id < policy->n_ports ? policy_ports(policy)[id].generation : 0;

		if (generation == 0)
			atomic_store(&lab->table.slots[id], NULL);
		else if (!port || port->ref.generation != generation)
			attach(lab, id, generation);
	}
}

void lab_offer(struct lab *lab, uint16_t id, const struct sketch *sketch,
	       const struct virtio_net_hdr_v1 *hdr)
{
	struct lab_port *device = &lab->ports[id];
	struct lab_frame *frame = &device->sending[device->n_sending];

	demand(device->n_sending < LIMIT_BURST);
	*frame = (struct lab_frame){.hdr = *hdr, .len = sketch->len, .bytes = malloc(sketch->len)};
	demand(frame->bytes || sketch->len == 0);
	memcpy(frame->bytes, sketch->bytes, sketch->len);
	device->n_sending++;
}

/* counters.h: each frame has one fate, each copy another. */
static void demand_balance(const struct lab *lab)
{
	for (uint16_t id = 1; id < LAB_PORTS; id++) {
		struct port *port = atomic_load(&lab->table.slots[id]);
		struct port_counters sum;
		uint64_t fates, copies;

		if (!port)
			continue;
		lab_count(lab, port->ref, &sum);
		fates = sum.delivered + sum.consumed;
		copies = sum.tx_frames;
		for (unsigned i = 0; i < DROP__COUNT; i++) {
			fates += sum.dropped[i];
			copies += sum.missed[i];
		}
		demand(sum.dropped[DROP_NONE] == 0 && sum.missed[DROP_NONE] == 0);
		demand(sum.rx_frames == fates);
		demand(sum.offered == copies);
	}
}

unsigned lab_run(struct lab *lab, uint16_t id)
{
	unsigned taken = pipeline_run(lab->pipeline, lab->policy, lab->fdb, &lab->ports[id].queue,
				      LIMIT_BURST, lab->now);

	demand_balance(lab);
	return taken;
}

void lab_forget(struct lab *lab)
{
	for (unsigned id = 0; id < LAB_PORTS; id++) {
		struct lab_port *device = &lab->ports[id];

		for (unsigned i = 0; i < device->n_received; i++)
			free(device->received[i].bytes);
		device->n_received = 0;
		device->n_put = 0;
	}
}

void lab_count(const struct lab *lab, struct port_ref port, struct port_counters *ret_sum)
{
	counters_sum(lab->counters, port, ret_sum);
}

void lab_succeed(struct lab *lab)
{
	fdb_close(lab->fdb);
	pipeline_destroy(lab->pipeline);
	rate_destroy(lab->rates);
	demand(fdb_adopt(lab->fdb_memory, fdb_size(lab->fdb_slots), &lab->fdb) == 0);
	session_close(lab->sessions);
	demand(session_adopt(lab->session_memory, session_size(LAB_SESSIONS, LAB_SESSION_SHARE),
			     &lab->sessions) == 0);
	start_pipeline(lab);
}
