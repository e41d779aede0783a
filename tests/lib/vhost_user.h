/*
 * vhost_user - the protocol's messages as a front-end writes them.
 *
 * Written down from the protocol (QEMU, docs/interop/vhost-user.rst) and on
 * purpose not taken from vhost/: what the backend got wrong would be wrong here
 * in the same way, and no test would see it.
 */
#ifndef TESTS_LIB_VHOST_USER_H
#define TESTS_LIB_VHOST_USER_H

#include <stdint.h>

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_LOG_BASE = 6,
	VU_SET_LOG_FD = 7,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_SEND_RARP = 19,
	VU_NET_SET_MTU = 20,
	VU_SET_BACKEND_REQ_FD = 21,
	VU_GET_INFLIGHT_FD = 31,
	VU_SET_INFLIGHT_FD = 32,
	VU_RESET_DEVICE = 34,
	VU_GET_MAX_MEM_SLOTS = 36,
	VU_ADD_MEM_REG = 37,
	VU_REM_MEM_REG = 38,
	VU_SET_STATUS = 39,
	VU_GET_STATUS = 40,
};

enum vu_flags {
	VU_VERSION = 1,
	VU_REPLY = 1 << 2,
	VU_NEED_REPLY = 1 << 3,
};

enum vu_protocol_feature {
	VU_PROTOCOL_MQ = 0,
	VU_PROTOCOL_LOG_SHMFD = 1,
	VU_PROTOCOL_RARP = 2,
	VU_PROTOCOL_REPLY_ACK = 3,
	VU_PROTOCOL_MTU = 4,
	VU_PROTOCOL_BACKEND_REQ = 5,
	VU_PROTOCOL_INFLIGHT_SHMFD = 12,
	VU_PROTOCOL_RESET_DEVICE = 13,
	VU_PROTOCOL_CONFIGURE_MEM_SLOTS = 15,
	VU_PROTOCOL_STATUS = 16,
};

/* Virtio feature bits that vhost-user gives a meaning of its own. */
enum {
	VU_F_LOG_ALL = 26,
	VU_F_PROTOCOL_FEATURES = 30,
};

enum {
	VU_FDS_MAX = 8,		 /* of one legal message */
	VU_REGIONS_MAX = 8,	 /* of one SET_MEM_TABLE */
	VU_PAYLOAD_MAX = 4096,	 /* room for illegal ones as well */
	VU_VRING_NOFD = 1 << 8,	 /* KICK, CALL, ERR: no fd comes with it */
	VU_VRING_F_LOG = 1 << 0, /* SET_VRING_ADDR: log writes to the used ring */
	VU_LOG_PAGE = 4096,	 /* bytes of guest memory behind one bit of the dirty log */
};

#define VU_BIT(n) (1ULL << (n))

struct vu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* bytes of payload */
};

struct vu_region {
	uint64_t gpa;
	uint64_t size;
	uint64_t user_addr;   /* front-end's virtual address of gpa */
	uint64_t mmap_offset; /* of the region's first byte in its fd */
};

struct vu_memory {
	uint32_t n_regions;
	uint32_t padding;
	struct vu_region regions[VU_REGIONS_MAX];
};

struct vu_single_region {
	uint64_t padding;
	struct vu_region region;
};

struct vu_vring_state {
	uint32_t index;
	uint32_t num;
};

struct vu_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc;
	uint64_t used; /* used before avail: the protocol's order */
	uint64_t avail;
	uint64_t log;
};

struct vu_log {
	uint64_t mmap_size;
	uint64_t mmap_offset;
};

struct vu_inflight {
	uint64_t mmap_size;
	uint64_t mmap_offset;
	uint16_t n_queues;
	uint16_t queue_size;
	uint32_t padding; /* not sent: VU_INFLIGHT_SIZE */
};
enum { VU_INFLIGHT_SIZE = 20 };

union vu_payload {
	uint64_t u64;
	struct vu_memory memory;
	struct vu_single_region single_region;
	struct vu_vring_state state;
	struct vu_vring_addr addr;
	struct vu_log log;
	struct vu_inflight inflight;
	uint8_t bytes[VU_PAYLOAD_MAX];
};

_Static_assert(sizeof(struct vu_header) == 12, "the header is 12 bytes on the wire");
_Static_assert(sizeof(struct vu_memory) == 8 + 8 * 32, "SET_MEM_TABLE");
_Static_assert(sizeof(struct vu_vring_addr) == 40, "SET_VRING_ADDR");

#endif
