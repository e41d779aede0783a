/*
 * channel_client - the asking end of the channel (switch/channel.h): requests
 * and their replies, and the events that come in between.
 *
 * A request waits for its reply, for a limited time. Events that come meanwhile
 * are kept, a limited number, until they are taken: so nobody is called back in
 * the middle of a request. It judges the form of what comes, not what it says.
 */
#ifndef CONTROL_CHANNEL_CLIENT_H
#define CONTROL_CHANNEL_CLIENT_H

#include "switch/channel.h"

struct channel_client {
	int socket; /* -1: not connected */
	uint32_t seq;
	struct channel_message *events; /* that were not taken yet */
	unsigned n_events;
};

/* Use the connected, non-blocking @socket, which becomes the client's. */
void channel_client_open(struct channel_client *client, int socket);

/* Close the socket and forget events; fine if it is closed. */
void channel_client_close(struct channel_client *client);

/*
 * Send @request, whose seq is set here, and wait for its reply; the reply's fds,
 * CHANNEL_FDS places, become the caller's. -ETIMEDOUT after @limit_ms; -EPROTO:
 * it said what no data plane says; -ECONNRESET and others: it is gone.
 */
int channel_client_ask(struct channel_client *client, struct channel_message *request,
		       const int *fds, unsigned n_fds, unsigned limit_ms,
		       struct channel_message *ret_reply, int ret_fds[CHANNEL_FDS])
	__attribute__((warn_unused_result));

/* Keep the events that have arrived, without waiting. Errors as above. */
int channel_client_read(struct channel_client *client) __attribute__((warn_unused_result));

/* Take the events, which become the caller's to free(). How many. */
unsigned channel_client_take(struct channel_client *client, struct channel_message **ret_events);

/* Close the fds of a reply. */
void channel_client_close_fds(const int fds[CHANNEL_FDS]);

#endif
