/*
 * guest_ring - see guest_ring.h.
 */
#include "tests/lib/guest_ring.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/clock.h"
#include "tests/lib/guest_packed.h"

/* virtio 1.3, 2.7.7.1: the event words stand behind the rings. */
static __virtio16 *used_event(struct guest_ring *ring)
{
	return &ring->avail->ring[ring->size];
}

static __virtio16 *avail_event(struct guest_ring *ring)
{
	return (__virtio16 *)(void *)&ring->used->ring[ring->size];
}

static int create_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	check(fd >= 0, "eventfd: %s", strerror(errno));
	return fd;
}

void guest_ring_create(struct guest_ring *ring, struct guest_memory *memory, uint16_t size,
		       uint64_t features, bool indirect)
{
	const uint64_t table = GUEST_RING_INDIRECT_MAX * sizeof(struct vring_desc);

	*ring = (struct guest_ring){
		.memory = memory,
		.size = size,
		.event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1,
		.packed = features >> VIRTIO_F_RING_PACKED & 1,
		.in_order = features >> VIRTIO_F_IN_ORDER & 1,
		.indirect = indirect,
		.kick = create_eventfd(),
		.call = create_eventfd(),
		.err = create_eventfd(),
		.next = calloc(size, sizeof(*ring->next)),
		.count = calloc(size, sizeof(*ring->count)),
		.room = calloc(size, sizeof(*ring->room)),
		.order = calloc(size, sizeof(*ring->order)),
	};
	check(ring->next && ring->count && ring->room && ring->order, "out of memory");
	ring->desc_gpa = guest_memory_take(memory, size * sizeof(struct vring_desc), 16);
	ring->avail_gpa = guest_memory_take(memory, 6 + 2ULL * size, ring->packed ? 4 : 2);
	ring->used_gpa = guest_memory_take(memory, 6 + 8ULL * size, 4);
	ring->desc = guest_memory_at(memory, ring->desc_gpa, 1);
	ring->avail = guest_memory_at(memory, ring->avail_gpa, 1);
	ring->used = guest_memory_at(memory, ring->used_gpa, 1);
	if (indirect)
		ring->tables_gpa = guest_memory_take(memory, size * table, 16);
	guest_ring_reset(ring);
}

void guest_ring_destroy(struct guest_ring *ring)
{
	close(ring->kick);
	close(ring->call);
	close(ring->err);
	free(ring->next);
	free(ring->count);
	free(ring->room);
	free(ring->order);
}

static void free_all(struct guest_ring *ring)
{
	for (unsigned i = 0; i < ring->size; i++) {
		ring->next[i] = (uint16_t)(i + 1);
		ring->count[i] = 0;
	}
	ring->free_head = 0;
	ring->n_free = ring->size;
}

void guest_ring_reset(struct guest_ring *ring)
{
	memset(ring->desc, 0, ring->size * sizeof(*ring->desc));
	memset(ring->avail, 0, 6 + 2UL * ring->size);
	memset(ring->used, 0, 6 + 8UL * ring->size);
	free_all(ring);
	ring->avail_idx = ring->shown_idx = ring->used_idx = 0;
	ring->in_batch = false;
	guest_packed_reset(ring);
}

/* Write the pieces as a table of their own and return the descriptor that names it. */
static struct vring_desc write_table(struct guest_ring *ring, const struct guest_piece *pieces,
				     unsigned n)
{
	uint64_t gpa = ring->tables_gpa +
		       ring->free_head * (GUEST_RING_INDIRECT_MAX * sizeof(struct vring_desc));

	for (unsigned i = 0; i < n; i++) {
		struct vring_desc desc = {
			.addr = pieces[i].gpa,
			.len = pieces[i].len,
			.flags = (uint16_t)((pieces[i].writable ? VRING_DESC_F_WRITE : 0) |
					    (i + 1 < n ? VRING_DESC_F_NEXT : 0)),
			.next = (uint16_t)(i + 1 < n ? i + 1 : 0),
		};

		if (ring->packed) { /* the flags are the last word here, NEXT is none of them */
			desc.next = desc.flags & VRING_DESC_F_WRITE;
			desc.flags = 0;
		}
		guest_memory_write(ring->memory, gpa + i * sizeof(desc), &desc, sizeof(desc));
	}
	return (struct vring_desc){
		.addr = gpa,
		.len = (uint32_t)(n * sizeof(struct vring_desc)),
		.flags = VRING_DESC_F_INDIRECT,
	};
}

static void note_added(struct guest_ring *ring, uint16_t head)
{
	ring->order[ring->avail_idx % ring->size] = head;
	ring->avail_idx++;
}

/* Into a packed ring: a name from the free list, and the places that come next. */
static void add_packed(struct guest_ring *ring, const struct vring_desc *descs, uint16_t n)
{
	uint16_t head = ring->free_head;

	guest_packed_add(ring, descs, n, head);
	ring->free_head = ring->next[head];
	note_added(ring, head);
}

/* Into a split ring: linked as the free list is. */
static void add_split(struct guest_ring *ring, const struct vring_desc *descs, uint16_t n)
{
	uint16_t head = ring->free_head, at = head;

	for (uint16_t i = 0; i < n; i++, at = ring->next[at]) {
		ring->desc[at] = descs[i];
		ring->desc[at].next = i + 1 < n ? ring->next[at] : 0;
	}
	ring->free_head = at;
	guest_ring_add_raw(ring, head);
}

int guest_ring_add(struct guest_ring *ring, const struct guest_piece *pieces, unsigned n_pieces)
{
	bool indirect = ring->indirect && n_pieces > 1 && n_pieces <= GUEST_RING_INDIRECT_MAX;
	uint16_t count = (uint16_t)(indirect ? 1 : n_pieces);
	struct vring_desc descs[GUEST_RING_PIECES_MAX];
	uint16_t head = ring->free_head;
	uint32_t room = 0;

	check(count <= GUEST_RING_PIECES_MAX, "a chain of %u", count);
	if (ring->n_free < count)
		return -1;
	for (unsigned i = 0; i < n_pieces; i++)
		room += pieces[i].writable ? pieces[i].len : 0;
	if (indirect)
		descs[0] = write_table(ring, pieces, n_pieces);
	for (unsigned i = 0; i < count && !indirect; i++)
		descs[i] = (struct vring_desc){
			.addr = pieces[i].gpa,
			.len = pieces[i].len,
			.flags = (uint16_t)((pieces[i].writable ? VRING_DESC_F_WRITE : 0) |
					    (i + 1U < count ? VRING_DESC_F_NEXT : 0)),
		};
	(ring->packed ? add_packed : add_split)(ring, descs, count);
	ring->n_free = (uint16_t)(ring->n_free - count);
	ring->count[head] = count;
	ring->room[head] = room;
	return head;
}

/* One by one, for another thread of the test may change them meanwhile. */
static void write_desc(struct vring_desc *to, struct vring_desc from)
{
	__atomic_store_n(&to->addr, from.addr, __ATOMIC_RELAXED);
	__atomic_store_n(&to->len, from.len, __ATOMIC_RELAXED);
	__atomic_store_n(&to->flags, from.flags, __ATOMIC_RELAXED);
	__atomic_store_n(&to->next, from.next, __ATOMIC_RELAXED);
}

/* Into a split ring: where the descriptors stand must be what `next` counts from. */
static void add_split_crafted(struct guest_ring *ring, const struct vring_desc *descs, uint16_t n)
{
	uint16_t head = ring->free_head, at = head;

	for (uint16_t i = 0; i < n; i++, at = ring->next[at]) {
		struct vring_desc desc = descs[i];

		check(at == head + i, "the next free descriptors are not in a row");
		if (desc.next < n)
			desc.next = (uint16_t)(head + desc.next);
		write_desc(&ring->desc[at], desc);
	}
	ring->free_head = at;
	guest_ring_add_raw(ring, head);
}

int guest_ring_add_crafted(struct guest_ring *ring, const struct vring_desc *descs, uint16_t n)
{
	uint16_t head = ring->free_head;

	check(ring->n_free >= n, "%u descriptors are free, not %u", ring->n_free, n);
	(ring->packed ? add_packed : add_split_crafted)(ring, descs, n);
	ring->n_free = (uint16_t)(ring->n_free - n);
	ring->count[head] = n;
	ring->room[head] = 0;
	for (uint16_t i = 0; i < n; i++)
		ring->room[head] += descs[i].flags & VRING_DESC_F_WRITE ? descs[i].len : 0;
	return head;
}

void guest_ring_add_raw(struct guest_ring *ring, uint16_t head)
{
	__atomic_store_n(&ring->avail->ring[ring->avail_idx % ring->size], head, __ATOMIC_RELAXED);
	note_added(ring, head);
}

void guest_ring_kick(struct guest_ring *ring)
{
	uint64_t one = 1;

	if (write(ring->kick, &one, sizeof(one)) < 0)
		check(errno == EAGAIN, "kick: %s", strerror(errno));
}

static bool publish_split(struct guest_ring *ring, uint16_t old)
{
	/* Release: the device that sees the index sees the entries and descriptors behind it. */
	__atomic_store_n(&ring->avail->idx, ring->avail_idx, __ATOMIC_RELEASE);
	/* The index must be visible before we read whether a kick is wanted, or both sides sleep. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring->event_idx)
		return vring_need_event(__atomic_load_n(avail_event(ring), __ATOMIC_RELAXED),
					ring->avail_idx, old);
	return !(__atomic_load_n(&ring->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
}

bool guest_ring_show(struct guest_ring *ring)
{
	uint16_t old = ring->shown_idx;

	if (old == ring->avail_idx)
		return false;
	ring->shown_idx = ring->avail_idx;
	return ring->packed ? guest_packed_publish(ring) : publish_split(ring, old);
}

void guest_ring_publish(struct guest_ring *ring)
{
	if (guest_ring_show(ring))
		guest_ring_kick(ring);
}

bool guest_ring_pending(const struct guest_ring *ring)
{
	if (ring->in_batch)
		return true;
	if (ring->packed)
		return guest_packed_pending(ring);
	/* Acquire: what the device wrote before the index is visible behind it. */
	return __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) != ring->used_idx;
}

uint32_t guest_ring_base(const struct guest_ring *ring)
{
	if (ring->packed)
		return guest_packed_position(ring) * UINT32_C(0x10001);
	return __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE);
}

static void free_chain(struct guest_ring *ring, uint16_t head)
{
	uint16_t last = head;

	/* a packed ring has one name for a chain, however long that is */
	for (unsigned i = 1; i < ring->count[head] && !ring->packed; i++)
		last = ring->next[last];
	ring->n_free = (uint16_t)(ring->n_free + ring->count[head]);
	ring->count[head] = 0;
	ring->next[last] = ring->free_head;
	ring->free_head = head;
}

static struct vring_used_elem used_split(const struct guest_ring *ring)
{
	uint16_t ahead =
		(uint16_t)(__atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) - ring->used_idx);

	check(ring->forgiving || ahead <= ring->size, "the device used %u chains of a ring of %u",
	      ahead, ring->size);
	return ring->used->ring[ring->used_idx % ring->size];
}

/* The next chain that was used: its own element, or that of a batch that it is part of. */
static struct vring_used_elem used_next(struct guest_ring *ring)
{
	uint16_t oldest = ring->order[ring->used_idx % ring->size];
	struct vring_used_elem elem;

	if (ring->in_batch) {
		ring->in_batch = oldest != ring->batch;
		return (struct vring_used_elem){oldest, 0};
	}
	elem = ring->packed ? guest_packed_used(ring) : used_split(ring);
	if (!ring->in_order || elem.id == oldest)
		return elem;
	ring->in_batch = true;
	ring->batch = (uint16_t)elem.id;
	return (struct vring_used_elem){oldest, 0};
}

int guest_ring_take(struct guest_ring *ring, uint32_t *ret_len)
{
	struct vring_used_elem elem;

	if (!guest_ring_pending(ring))
		return -1;
	elem = used_next(ring);
	ring->used_idx++;
	if (ring->forgiving && (elem.id >= ring->size || ring->count[elem.id] == 0)) {
		*ret_len = 0;
		return -1;
	}
	check(elem.id < ring->size && ring->count[elem.id] > 0,
	      "the device used head %u, which it did not hold", elem.id);
	check(ring->forgiving || elem.len <= ring->room[elem.id],
	      "the device says it wrote %u bytes into a chain of %u", elem.len,
	      ring->room[elem.id]);
	if (ring->packed)
		guest_packed_pass(ring, ring->count[elem.id]);
	free_chain(ring, (uint16_t)elem.id);
	*ret_len = elem.len;
	return (int)elem.id;
}

bool guest_ring_forget_used(struct guest_ring *ring)
{
	if (ring->packed ? !guest_packed_all_used(ring)
			 : __atomic_load_n(&ring->used->idx, __ATOMIC_ACQUIRE) != ring->shown_idx)
		return false;
	ring->used_idx = ring->shown_idx;
	ring->used_at = ring->shown_at;
	free_all(ring);
	return true;
}

bool guest_ring_arm(struct guest_ring *ring)
{
	if (ring->packed)
		guest_packed_arm(ring);
	else if (ring->event_idx)
		__atomic_store_n(used_event(ring), ring->used_idx, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&ring->avail->flags, 0, __ATOMIC_RELAXED);
	/* The wish must be visible before we look once more, or both sides sleep. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return guest_ring_pending(ring);
}

void guest_ring_disarm(struct guest_ring *ring)
{
	if (ring->packed)
		guest_packed_disarm(ring);
	else if (ring->event_idx)
		__atomic_store_n(used_event(ring), (uint16_t)(ring->used_idx - 1),
				 __ATOMIC_RELAXED);
	else
		__atomic_store_n(&ring->avail->flags, VRING_AVAIL_F_NO_INTERRUPT, __ATOMIC_RELAXED);
}

void guest_ring_forget_call(struct guest_ring *ring)
{
	uint64_t count;

	if (read(ring->call, &count, sizeof(count)) < 0)
		check(errno == EAGAIN, "call: %s", strerror(errno));
}

bool guest_ring_wait(struct guest_ring *ring, unsigned limit_ms)
{
	uint64_t end = clock_now_ms() + limit_ms;
	uint64_t now;

	while (!guest_ring_arm(ring)) {
		struct pollfd poll_fd = {.fd = ring->call, .events = POLLIN};

		now = clock_now_ms();
		if (now >= end || poll(&poll_fd, 1, (int)(end - now)) == 0)
			return false;
		guest_ring_forget_call(ring);
	}
	return true;
}
