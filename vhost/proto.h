/*
 * proto - the vhost-user protocol as it lies on the wire.
 *
 * Numbers and structures only, in the words of QEMU's docs/interop/vhost-user.rst.
 * All fields are in the host's byte order: both ends are on one machine.
 */
#ifndef VHOST_PROTO_H
#define VHOST_PROTO_H

#include <stdint.h>

enum {
	PROTO_VERSION = 1,
	PROTO_FLAG_VERSION = 3, /* the bits that hold the version */
	PROTO_FLAG_REPLY = 1 << 2,
	PROTO_FLAG_NEED_REPLY = 1 << 3,

	PROTO_FDS_MAX = 8,     /* of one message: one for each region of a memory table */
	PROTO_REGIONS_MAX = 8, /* of one SET_MEM_TABLE */
	PROTO_MEM_SLOTS =
		509, /* regions in all, with ADD_MEM_REG; never to shrink: QEMU remembers it */

	PROTO_VRING_LOG = 1 << 0,  /* SET_VRING_ADDR flags: log writes to the used ring */
	PROTO_VRING_INDEX = 0xff,  /* SET_VRING_KICK, _CALL, _ERR: which ring ... */
	PROTO_VRING_NOFD = 1 << 8, /* ... and that no fd comes with it */
};

/* Protocol features, by bit; not here is what this back-end does not speak. */
enum {
	PROTO_F_MQ = 0,
	PROTO_F_LOG_SHMFD = 1,
	PROTO_F_RARP = 2,
	PROTO_F_REPLY_ACK = 3,
	PROTO_F_NET_MTU = 4,
	PROTO_F_BACKEND_REQ = 5,
	PROTO_F_INFLIGHT_SHMFD = 12,
	PROTO_F_RESET_DEVICE = 13,
	PROTO_F_CONFIGURE_MEM_SLOTS = 15,
	PROTO_F_STATUS = 16,
};

/* The virtio feature bit that says "there are protocol features". */
#define PROTO_F_PROTOCOL_FEATURES 30

struct proto_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload that follows */
};
_Static_assert(sizeof(struct proto_header) == 12, "as on the wire");

struct proto_vring_state {
	uint32_t index;
	uint32_t num;
};
_Static_assert(sizeof(struct proto_vring_state) == 8, "as on the wire");

/* Addresses of the front-end's own address space, but for @log, which is the guest's. */
struct proto_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used;
	uint64_t avail;
	uint64_t log;
};
_Static_assert(sizeof(struct proto_vring_addr) == 40, "as on the wire");

struct proto_region {
	uint64_t guest_addr;
	uint64_t size;
	uint64_t user_addr;
	uint64_t mmap_offset;
};
_Static_assert(sizeof(struct proto_region) == 32, "as on the wire");

struct proto_memory {
	uint32_t n_regions;
	uint32_t padding;
	struct proto_region regions[PROTO_REGIONS_MAX];
};
_Static_assert(sizeof(struct proto_memory) == 264, "as on the wire");

struct proto_slot {
	uint64_t padding;
	struct proto_region region;
};
_Static_assert(sizeof(struct proto_slot) == 40, "as on the wire");

struct proto_log {
	uint64_t mmap_size;
	uint64_t mmap_offset;
};
_Static_assert(sizeof(struct proto_log) == 16, "as on the wire");

/* 20 bytes by the specification; QEMU and others send the padding too. */
struct proto_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t n_queues;
	uint16_t queue_size;
	uint32_t padding;
};
_Static_assert(sizeof(struct proto_inflight) == 24, "as on the wire");

union proto_payload {
	uint64_t number;
	struct proto_vring_state state;
	struct proto_vring_addr addr;
	struct proto_memory memory;
	struct proto_slot slot;
	struct proto_log log;
	struct proto_inflight inflight;
};

#endif
