/*
 * document - see document.h.
 */
#include "bench/document.h"

const char document_mac_a[] = ", macs: [\"02:0a:00:00:00:00\"]";
const char document_mac_b[] = ", macs: [\"02:0b:00:00:00:00\"]";

void document_begin(FILE *to, const char *network)
{
	fprintf(to, "  bench:\n    networks: {n: {%s}}\n", network);
}

void document_ports(FILE *to, const char *more_a, const char *more_b)
{
	fprintf(to,
		"    ports:\n"
		"      a: {vhost-user: a.sock, network: n%s}\n"
		"      b: {vhost-user: b.sock, network: n%s}\n",
		more_a, more_b);
}

void document_taps(FILE *to, const char *tap_a, const char *more_a, const char *tap_b,
		   const char *more_b)
{
	fprintf(to,
		"    ports:\n"
		"      a: {tap: %s, network: n%s}\n"
		"      b: {tap: %s, network: n%s}\n",
		tap_a, more_a, tap_b, more_b);
}

struct document_rule document_rule(unsigned i)
{
	return (struct document_rule){{1 + i / 256 % 250, i % 256}, 1000 + i % 4000};
}

void document_rules(FILE *to, unsigned n)
{
	fputs("    acls:\n      many:\n", to);
	for (unsigned i = 0; i < n; i++) {
		struct document_rule rule = document_rule(i);

		fprintf(to, "        - drop udp from 10.%u.%u.0/24 to any port %u\n", rule.net[0],
			rule.net[1], rule.port);
	}
	fputs("        - accept any\n", to);
}

void document_group(FILE *to)
{
	fprintf(to,
		"    groups:\n      g:\n        - allow in udp %u-%u from any\n"
		"        - allow out udp %u-%u\n",
		DOCUMENT_PORT_FIRST, DOCUMENT_PORT_LAST, DOCUMENT_PORT_FIRST, DOCUMENT_PORT_LAST);
}
