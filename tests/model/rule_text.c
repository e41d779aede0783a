/*
 * rule_text - see rule_text.h.
 */
#include "tests/model/rule_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const prefixes4[] = {"10.0.0.0/8",  "10.0.0.0/30", "10.0.0.1",
					"10.0.0.2/31", "10.0.1.0/24", "0.0.0.0/0"};
static const char *const prefixes6[] = {"fd00::/16", "fd00::1", "fd00::2/127", "::/0"};
static const char *const ports[] = {"22", "80", "22,80", "20-30", "443", "1-79,81-65535"};
static const char *const protocols[] = {"any", "tcp", "udp", "icmp", "icmpv6", "47", "tcp", "udp"};

static bool chance(speech_any *any, uint32_t percent)
{
	return any(100) < percent;
}

static __attribute__((format(printf, 2, 3))) void say(char *text, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, RULE_TEXT - used, format, args);
	va_end(args);
}

const char *rule_text_prefix(speech_any *any, bool six)
{
	return six ? prefixes6[any(3)] : prefixes4[any(5)];
}

static const char *any_prefix(speech_any *any, bool six)
{
	return six ? prefixes6[any(4)] : prefixes4[any(6)];
}

static bool has_ports(const char *protocol)
{
	return !strcmp(protocol, "tcp") || !strcmp(protocol, "udp");
}

void rule_text_group(speech_any *any, unsigned groups, unsigned sets, char ret[RULE_TEXT])
{
	const char *protocol = protocols[any(8)];
	bool out = chance(any, 50);

	ret[0] = '\0';
	say(ret, "allow %s %s", out ? "out" : "in", protocol);
	if (has_ports(protocol) && chance(any, 60))
		say(ret, " %s", ports[any(6)]);
	else if (!strncmp(protocol, "icmp", 4) && chance(any, 50))
		say(ret, " %s", protocol[4] ? "128" : "echo-request");
	switch (any(5)) {
	case 0: say(ret, " %s any", out ? "to" : "from"); break;
	case 1: say(ret, " %s %s", out ? "to" : "from", any_prefix(any, chance(any, 40))); break;
	case 2: say(ret, " %s group:g%u", out ? "to" : "from", any(groups)); break;
	case 3: say(ret, " %s set:s%u", out ? "to" : "from", any(sets)); break;
	}
}

void rule_text_acl(speech_any *any, char ret[RULE_TEXT])
{
	const char *protocol = protocols[any(8)];
	bool six = chance(any, 40), link = !strcmp(protocol, "any") && chance(any, 30);

	ret[0] = '\0';
	say(ret, "%s %s", chance(any, 60) ? "accept" : "drop", protocol);
	for (int end = 0; end < 2; end++) {
		if (!chance(any, 50) || link)
			continue;
		say(ret, " %s %s", end ? "to" : "from",
		    chance(any, 30) ? "any" : any_prefix(any, six));
		if (has_ports(protocol) && chance(any, 50))
			say(ret, " port %s", ports[any(6)]);
	}
	if (link)
		say(ret, " ethertype %s", chance(any, 50) ? "arp" : "0x88b5");
	if (chance(any, 10))
		say(ret, " src-mac 02:00:00:00:00:0%u", any(4));
	if (chance(any, 10))
		say(ret, " dst-mac 02:00:00:00:00:0%u", any(4));
}
