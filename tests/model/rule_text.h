/*
 * rule_text - rules made up, in the language that users write.
 *
 * Their addresses, ports and protocols are few, so that many rules meet many packets.
 */
#ifndef TESTS_MODEL_RULE_TEXT_H
#define TESTS_MODEL_RULE_TEXT_H

#include "control/rule.h"
#include "tests/model/speech.h"

/* A prefix of IPv4 or IPv6, never all of it. */
const char *rule_text_prefix(speech_any *any, bool six);

/* Of a group. Its peer may be one of the groups g0, g1... or of the sets s0, s1... */
void rule_text_group(speech_any *any, unsigned groups, unsigned sets, char ret[RULE_TEXT]);

/* Of an ACL. It may name the MACs 02:00:00:00:00:00 to :03. */
void rule_text_acl(speech_any *any, char ret[RULE_TEXT]);

#endif
