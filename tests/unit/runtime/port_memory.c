/*
 * port_memory - see port_memory.h.
 */
#include "tests/unit/runtime/port_memory.h"

#include <endian.h>
#include <string.h>

#include "tests/lib/check.h"

static unsigned n_open; /* destinations between begin and end: never more than one */

static void take(struct port_queue *queue, struct burst *burst)
{
	struct memory_port *port = queue->port->device;

	check(burst->count == 0, "the burst holds %u frames already", burst->count);
	while (port->n_taken < port->n_sent && burst->count < burst->room)
		burst->frames[burst->count++] = port->sent[port->n_taken++];
}

static void give_back(struct port_queue *queue, struct burst *burst)
{
	struct memory_port *port = queue->port->device;

	check(n_open == 0, "given back before it was delivered");
	port->gave_back += burst->count;
}

static void *begin(struct port *base, struct uring *ring, uint32_t spread)
{
	struct memory_port *port = base->device;

	if (port->down)
		return NULL;
	check(n_open++ == 0, "two destinations at a time");
	port->begins++;
	port->open = true;
	return port;
}

static void keep(struct memory_port *port, const struct port_put *put)
{
	const struct frame *frame = put->frame;
	struct memory_seen *seen = &port->seen[port->n_seen];
	const uint8_t *head = frame->head;
	uint32_t at = frame->head_len;

	check(port->n_seen < MEMORY_SEEN, "no test puts so many");
	port->n_seen++;
	check(frame->hdr.num_buffers == htole16(1), "%u buffers", frame->hdr.num_buffers);
	seen->place = put->place;
	seen->hdr = frame->hdr;
	seen->len = frame->len;
	seen->first = head;
	seen->last = frame->n_tail ? frame->tail[frame->n_tail - 1].iov_base : head;
	memcpy(seen->bytes, head, frame->head_len);
	for (unsigned i = 0; i < frame->n_tail; at += (uint32_t)frame->tail[i++].iov_len)
		if (at + frame->tail[i].iov_len <= MEMORY_FRAME)
			memcpy(seen->bytes + at, frame->tail[i].iov_base, frame->tail[i].iov_len);
	check(at == frame->len, "pieces of %u bytes, %u announced", at, frame->len);
}

static uint64_t put(void *sink, const struct port_put *puts, unsigned n, enum drop *ret_missed)
{
	struct memory_port *port = sink;
	uint64_t missed = 0;

	check(port->open, "put without begin");
	for (unsigned i = 0; i < n; i++) {
		if (port->room == 0) {
			ret_missed[puts[i].place] = DROP_RING_FULL;
			missed |= UINT64_C(1) << puts[i].place;
			continue;
		}
		port->room--;
		keep(port, &puts[i]);
	}
	return missed;
}

static uint64_t end(void *sink, enum drop *ret_missed)
{
	struct memory_port *port = sink;
	uint64_t missed = 0;

	check(port->open, "end without begin");
	for (unsigned i = 0; i < port->n_seen; i++) {
		if (!(port->fails_late >> port->seen[i].place & 1))
			continue;
		ret_missed[port->seen[i].place] = DROP_DEVICE_ERROR;
		missed |= UINT64_C(1) << port->seen[i].place;
	}
	port->open = false;
	port->ends++;
	n_open--;
	return missed;
}

static const struct port_ops memory_port_ops = {
	.kind = "memory",
	.take = take,
	.give_back = give_back,
	.begin = begin,
	.put = put,
	.end = end,
};

void memory_port_init(struct memory_port *port, struct port_table *table, uint16_t id)
{
	memset(port, 0, sizeof(*port));
	port->port = (struct port){
		.ops = &memory_port_ops,
		.ref = {id, 1},
		.accepts = PORT_ACCEPTS_ALL,
		.watch = -1,
		.device = port,
	};
	port->queue = (struct port_queue){.port = &port->port, .kick = -1};
	port->room = MEMORY_SEEN;
	atomic_store(&table->slots[id], &port->port);
}

void memory_port_send(struct memory_port *port, const struct frame *frame)
{
	check(port->n_sent < MEMORY_SENT, "no test sends so many");
	port->sent[port->n_sent++] = *frame;
}
