/*
 * vhost - a vhost-user net backend as a library: the one public header.
 *
 * A vhost_device is one session: one connected front-end (QEMU, Cloud
 * Hypervisor, DPDK's virtio-user) speaking the vhost-user protocol over a Unix
 * socket. It owns the mappings of the guest's memory and the virtqueues. It
 * knows buffers and the virtio-net header, not Ethernet. It depends on libc
 * only, logs nothing, and holds no global state but the list of mappings that
 * vhost_memory_fault() searches.
 *
 * Trust. The guest (ring contents, chains, lengths) and the front-end (any
 * message, any fd, truncated memory) are hostile. Neither can make the library
 * crash, block, read or write outside of the session's own memory, or leak.
 * Guest faults are counted; a broken ring stops; a broken session ends with an
 * error and a sentence (vhost_device_error()). Nothing is read twice: every
 * descriptor, length and header that decides about an access is loaded once
 * into private memory.
 *
 * Threads. Functions of the first part belong to one control thread. Functions
 * of the second part (vhost_queue_*) are called by workers: one worker at a
 * time may take from a transmit queue; many may put into a receive queue,
 * between vhost_queue_begin() and vhost_queue_end(). A worker may use a queue
 * from the moment ops->queue_started() was called until the next quiescent
 * point after ops->queue_stopping(): the library calls ops->quiesce() and waits
 * before it changes or frees anything that a worker could be using, and before
 * it answers a message whose answer promises that.
 *
 * Memory tables and the dirty log may be replaced under running queues: each
 * burst works with the snapshot that it found at its beginning.
 *
 * Sources: vhost-user protocol (QEMU, docs/interop/vhost-user.rst); virtio 1.3,
 * sections 2.7 (split virtqueues) and 5.1 (network device).
 */
#ifndef VHOST_VHOST_H
#define VHOST_VHOST_H

#include <linux/virtio_net.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct vhost_device;
struct vhost_queue;

/* ---- the session: control thread ---- */

struct vhost_ops {
	/*
	 * Queue @index (2i: the guest receives, 2i+1: the guest transmits)
	 * started and is enabled: workers may use it, and shall look at it once
	 * without waiting for a kick.
	 */
	void (*queue_started)(void *user, unsigned index, struct vhost_queue *queue);
	/*
	 * The queue stops: let no worker begin with it any more. The library
	 * then calls quiesce().
	 */
	void (*queue_stopping)(void *user, unsigned index, struct vhost_queue *queue);
	/* The queue's kick fd was replaced while it runs; the old one is closed after quiesce(). */
	void (*kick_changed)(void *user, unsigned index, struct vhost_queue *queue);
	/* Return when every worker has passed a quiescent point since the call. */
	void (*quiesce)(void *user);
	/*
	 * The guest migrated here and cannot announce itself (SEND_RARP): @mac
	 * as sent, first byte in bits 47..40.
	 */
	void (*announce)(void *user, uint64_t mac);
};

/* How frames are copied to the guest. */
enum vhost_copy {
	VHOST_COPY_MEASURED, /* by what costs less, measured again and again for each queue */
	VHOST_COPY_PLAIN,
	VHOST_COPY_STREAM, /* past the caches, where the processor can */
};

struct vhost_options {
	/*
	 * Queue pairs to be had, 1..VHOST_QUEUE_PAIRS_MAX. GET_QUEUE_NUM is answered
	 * with the number of their rings, since some front-ends count rings; others
	 * count pairs (QEMU) and may then really use twice as many: queues 0 to
	 * 4 * queue_pairs - 1 can start.
	 */
	unsigned queue_pairs;
	uint32_t mtu_max; /* most that NET_SET_MTU may say */
	enum vhost_copy copy;
	/*
	 * Counts the files that the front-end sent and that are not closed yet, because
	 * that may have to wait for somebody. The session ends over the first message with
	 * such a file, so they are a few. Outlives the session; who makes another
	 * one for the same front-end waits until there are none. NULL: nobody asks.
	 */
	atomic_uint *unclosed;
};

enum {
	VHOST_QUEUE_PAIRS_MAX = 32,
	VHOST_CHAIN_PIECES_MAX = 256, /* buffers of one chain; a longer one is malformed */
	VHOST_FRAME_MAX = 65535 + 18, /* bytes of one frame without the virtio-net header */
	VHOST_PUT_MAX = 64,	      /* frames of one vhost_queue_put() */
	VHOST_ERROR_MAX = 160,
};

/*
 * The virtio features that are offered, always the same (a guest must find them
 * again after a restart).
 */
uint64_t vhost_features_offered(void);

/*
 * Before the first session, if the process gives up the right to start threads; any
 * number of times. 0 or -errno.
 */
int vhost_prepare(void) __attribute__((warn_unused_result));

/*
 * Begin a session on the connected, non-blocking socket @fd, which becomes the
 * device's in any case.
 */
int vhost_device_create(const struct vhost_options *options, const struct vhost_ops *ops,
			void *user, int fd, struct vhost_device **ret_device)
	__attribute__((warn_unused_result));

/* End the session: queues stop, memory is unmapped, fds are closed. NULL is fine. */
void vhost_device_destroy(struct vhost_device *device);

/* The socket, to be watched for reading; and again for writing while vhost_device_wants_write(). */
int vhost_device_fd(const struct vhost_device *device);
bool vhost_device_wants_write(const struct vhost_device *device);

/*
 * Handle what has arrived, without waiting for more: at most a few messages a
 * call, so that one chatty front-end does not hold up the others. 0; or
 * -ECONNRESET when the front-end went away, or another error when it broke the
 * protocol: the caller then destroys the device.
 */
int vhost_device_serve(struct vhost_device *device) __attribute__((warn_unused_result));

/*
 * The last thing that went wrong, in words ("SET_MEM_TABLE: region 2: size 0");
 * "" if nothing did.
 */
const char *vhost_device_error(const struct vhost_device *device);

/* What a guest, or its front-end, can do wrong. */
enum vhost_fault {
	VHOST_BAD_INDEX,   /* avail.idx jumped, or a head outside of the ring: the queue stopped */
	VHOST_BAD_CHAIN,   /* loops, wrong direction, nested or odd indirect tables, too long */
	VHOST_BAD_ADDRESS, /* outside of the guest's memory */
	VHOST_BAD_MESSAGE, /* refused, by an answer or by the end of the session */
	VHOST_LOST_MEMORY, /* truncated: the session ended */
	VHOST_FAULTS,
};

/* How often each was seen so far, in all of the session. */
void vhost_device_faults(const struct vhost_device *device, uint64_t ret_counts[VHOST_FAULTS]);

/* Stop all queues, for good: when it returns, no worker counts anything any more. */
void vhost_device_stop(struct vhost_device *device);

/* The virtio features that the guest accepted; 0 before. */
uint64_t vhost_device_features(const struct vhost_device *device);

/* How many queues run. */
unsigned vhost_device_running(const struct vhost_device *device);

/*
 * From a SIGBUS handler: if @address lies in a session's mapping (its front-end
 * truncated the memory), replace that mapping by zero pages, mark its session
 * dead, and return true: the access can be retried. Async-signal-safe. The next
 * vhost_device_serve() of the dead session fails with -EFAULT; vhost_device_is_dead()
 * tells that it is time to call it.
 */
bool vhost_memory_fault(void *address);
bool vhost_device_is_dead(const struct vhost_device *device);

/* ---- the queues: workers ---- */

/* By ring; written by whoever works the queue. */
struct vhost_queue_stats {
	uint64_t bad_index; /* as in enum vhost_fault */
	uint64_t bad_chain;
	uint64_t bad_address;
	uint64_t calls;	  /* notifications sent to the guest */
	const char *copy; /* of a receive queue: the way of copying in use; never NULL */
};
struct vhost_queue_stats vhost_queue_stats(const struct vhost_queue *queue);

/*
 * The eventfd that the guest kicks, or -1 (then it must be polled). Stable between
 * started and stopping/kick_changed. To be watched edge-triggered (EPOLLET): each
 * kick wakes, and the counter need not be read.
 */
int vhost_queue_kick_fd(const struct vhost_queue *queue);

/* The features that its session accepted. */
uint64_t vhost_queue_features(const struct vhost_queue *queue);

/* A ring that broke (bad_index) is silent until the guest resets it. */
bool vhost_queue_is_broken(const struct vhost_queue *queue);

/*
 * A frame in private memory, as it is taken from a queue and as it is put into one:
 * nothing is converted in between. Directly behind it, in the same memory, stand the
 * first head_len bytes of the frame, so that header and head are one copy each way.
 * A structure of the caller's may begin with these members.
 */
struct vhost_frame {
	uint32_t len;	   /* bytes behind the header, in all */
	uint16_t head_len; /* of them, those that stand here; len at most */
	uint16_t n_tail;
	struct iovec *tail; /* bytes [head_len, len), n_tail pieces */
	uint32_t fault;	    /* of a taken one: 0, or vhost_room.fault */
	/* of a taken one unchecked guest values; of one that is put num_buffers is 1 */
	struct virtio_net_hdr_v1 hdr;
};

/* Where taken frames go. */
struct vhost_room {
	struct vhost_frame *frames; /* the first; the others follow, @stride bytes each */
	size_t stride;
	unsigned n_frames;
	uint16_t head_max;    /* for how much of a frame there is room behind it */
	struct iovec *pieces; /* for their tails */
	unsigned n_pieces;
	uint32_t n_bytes; /* in tails, after which no further frame is taken */
	uint32_t fault;	  /* of a frame whose chain was bad: only to be counted, its len is 0 */
};

/*
 * Take as many frames as wait and as there is room for. Copies each virtio-net
 * header and the first head_max bytes of each frame; the tails lie in guest memory
 * (a frame for which there may be pieces too few waits for the next call). Returns
 * how many, in the order in which the guest made them available; malformed ones
 * among them. All that was taken must be given back, in one vhost_queue_give_back(),
 * before the next take and before the worker's quiescent point.
 */
unsigned vhost_queue_take(struct vhost_queue *queue, const struct vhost_room *room);
void vhost_queue_give_back(struct vhost_queue *queue);

/* One frame for a receive queue. A structure of the caller's may be the same. */
struct vhost_put {
	const struct vhost_frame *frame;
	unsigned place; /* below VHOST_PUT_MAX: what the caller calls it */
};

/*
 * Put frames into a receive queue: begin, put..., end. begin takes the ring for
 * this worker (others wait; hold it for one burst only); false: another has it and
 * seems to have lost its processor, so there is nothing to put, and no end. put copies @n frames, at
 * most VHOST_PUT_MAX, in order into the guest's next buffers. Tails may lie in another
 * guest's memory, or overlap this one's. A frame that is spread over several buffers
 * says so in the guest's copy of its header. Returns the places of those that did not
 * go, a bit each, and at ret_errors[place] why: -ENOBUFS (no buffer free), -EMSGSIZE
 * (buffer too small and they do not merge, or the frame is longer than
 * VHOST_FRAME_MAX), -EIO (ring broken). end publishes all of it at once, and notifies
 * the guest if it asked for that.
 */
bool vhost_queue_begin(struct vhost_queue *queue) __attribute__((warn_unused_result));
uint64_t vhost_queue_put(struct vhost_queue *queue, const struct vhost_put *puts, unsigned n,
			 int ret_errors[VHOST_PUT_MAX]);
void vhost_queue_end(struct vhost_queue *queue);

/*
 * Sleeping on a transmit queue. arm asks the guest for kicks and returns true
 * if frames are there already (then do not sleep). disarm tells it that kicks
 * are not needed.
 */
bool vhost_queue_arm(struct vhost_queue *queue);
void vhost_queue_disarm(struct vhost_queue *queue);

/* Are frames waiting? A cheap look, no promise. */
bool vhost_queue_pending(const struct vhost_queue *queue);

#endif
