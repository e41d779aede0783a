/*
 * document - what a Sluice that is measured is told: tenant `bench`, network n, and the ports a
 * and b that the traffic flows between, at the sockets a.sock and b.sock of its directory.
 *
 * Streams have their addresses from stream.h, and so have the rules here.
 */
#ifndef BENCH_DOCUMENT_H
#define BENCH_DOCUMENT_H

#include <stdio.h>

/* The usual guests, bound to their addresses: what stands in a port behind its network. */
extern const char document_mac_a[], document_mac_b[];

/* Tenant and network; @network: what stands in its braces. */
void document_begin(FILE *to, const char *network);

/* Ports a and b with what @more_a and @more_b say of them; other ports may follow. */
void document_ports(FILE *to, const char *more_a, const char *more_b);

/* The same ports, as taps. */
void document_taps(FILE *to, const char *tap_a, const char *more_a, const char *tap_b,
		   const char *more_b);

/*
 * The ACL `many`: @n rules that look at what the frames have and refuse none of them, for 10.0.0.1
 * is not among the sources; and the group g, which remembers every flow.
 */
void document_rules(FILE *to, unsigned n);
void document_group(FILE *to);

/* The addresses and the destination port of rule @i above. */
struct document_rule {
	unsigned net[2]; /* 10.net[0].net[1].0/24 */
	unsigned port;
};

struct document_rule document_rule(unsigned i);

enum { DOCUMENT_PORT_FIRST = 4000, DOCUMENT_PORT_LAST = 4999 }; /* that the group allows, of UDP */

#endif
