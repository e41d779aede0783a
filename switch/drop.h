/*
 * drop - why a frame was not delivered. One line a reason, and no other way to
 * lose a frame.
 *
 * Each line: name in code, word that users see (stable), explanation in one
 * line. The explanation says what happened and, where there is one, what would
 * let the frame pass. The documentation's VLAN table names the clauses of
 * IEEE 802.1Q behind the reasons of the place stage.
 *
 * Reasons of the first part are charged to the port that sent the frame
 * (received = delivered + dropped + consumed). Reasons of the second part can
 * also be charged to a destination, as a copy not made: see counters.h.
 */
#ifndef SWITCH_DROP_H
#define SWITCH_DROP_H

/* clang-format off */
#define DROP_REASONS(X) \
	X(NONE,			"none",			"delivered") \
	/* take: the guest's ring or the device's buffer */ \
	X(BAD_CHAIN,		"bad-chain",		"the guest's descriptor chain is malformed: outside its memory, looped, too long, or of the wrong direction") \
	X(BAD_OFFLOAD,		"bad-offload",		"the virtio-net header asks for an offload that was not negotiated or does not fit the frame") \
	X(RUNT,			"runt",			"shorter than its Ethernet header (14 bytes, 18 with a tag)") \
	X(GIANT,		"giant",		"longer than the network's mtu; raise `mtu` on the network, or lower it in the guest") \
	/* place: which network does it belong to? */ \
	X(NO_NETWORK,		"no-network",		"the port has no network in the running configuration") \
	X(TAG_ON_ACCESS,	"tag-on-access",	"tagged, but the port is an access port; make it a trunk to carry tags") \
	X(UNTAGGED_ON_TRUNK,	"untagged-on-trunk",	"untagged, but the trunk has no native network; set `native`") \
	X(VLAN_NOT_ALLOWED,	"vlan-not-allowed",	"tagged with a VLAN that the trunk does not allow; add its network to `allow`") \
	X(VLAN_RESERVED,	"vlan-reserved",	"tagged with VLAN 4095, which IEEE 802.1Q reserves") \
	X(SERVICE_TAG,		"service-tag",		"an 802.1ad (0x88a8) tag of no customer's network that the port carries; see `qinq`") \
	X(DOUBLE_TAG,		"double-tag",		"a second VLAN tag behind the first: VLAN hopping, refused on every port but a qinq one") \
	/* guard: may this port say that? */ \
	X(BAD_SOURCE,		"bad-source",		"the source address is a group address or zero") \
	X(SPOOFED_MAC,		"spoofed-mac",		"the source MAC is not one bound to the port, or is bound to another; see `macs` and `spoof-guard`") \
	X(SPOOFED_ADDRESS,	"spoofed-address",	"the IP, ARP or ND source is not an address bound to the port; see `addresses` and `spoof-guard`") \
	X(CLAIMED_ADDRESS,	"claimed-address",	"ARP or ND that claims an address which is bound to another port of the network; add it to `addresses` of this one, too, if both may have it") \
	X(RESERVED_GROUP,	"reserved-group",	"sent to a link-local group (01:80:c2:00:00:0x), which a bridge never forwards") \
	X(BPDU,			"bpdu",			"a spanning tree frame from a port that is no bridge; set `bpdu: allow` if it is one") \
	X(DHCP_SERVER,		"dhcp-server",		"sent as a DHCP server would; set `dhcp-server: allow` if the port is one") \
	X(ROUTER,		"router",		"a router advertisement or redirect; set `router-advertisements: allow` if the port is a router") \
	X(HIDDEN_HEADER,	"hidden-header",	"IP that hides what it carries from the guards: malformed, wrapped in LLC/SNAP, or its chain of headers is cut or too long; see `dhcp-server`, `router-advertisements` and `addresses`") \
	/* filter: what do the rules of the ports say? */ \
	X(ILLEGIBLE,		"illegible",		"IP whose headers cannot be read completely, at a port with rules: malformed, cut off, hidden behind LLC/SNAP, or too long a chain of headers") \
	X(ACL_IN,		"acl-in",		"no rule of the sender's `acl: in` accepts it, or one drops it") \
	X(GROUP_OUT,		"group-out",		"no rule of the sender's groups allows it out; add one, as in `allow out any`") \
	X(GROUP_IN,		"group-in",		"no rule of the receiver's groups allows it in; add one, as in `allow in tcp 80 from any`") \
	X(SESSION_HEADER,	"session-header",	"a transport header that is malformed, cut off, or too long to be read, at a port with groups") \
	X(SESSION_FLAGS,	"session-flags",	"TCP flags that no TCP sends together") \
	X(SESSION_STRANGER,	"session-stranger",	"speaks as of a connection, but none is known: it began elsewhere, is over, or was never allowed; a new one may begin") \
	X(SESSION_WINDOW,	"session-window",	"TCP outside of what the other end may be sent") \
	X(SESSION_RESET,	"session-reset",	"a TCP reset that the other end would not believe (RFC 5961)") \
	X(SESSION_FRAGMENT,	"session-fragment",	"a later fragment whose first was not seen to pass, or overlaps it") \
	X(SESSION_ENDED,	"session-ended",	"an answer in a connection that the rules do not allow any more, or not with this port") \
	X(SESSION_FULL,		"session-full",		"no room for another connection: the port or its tenant has its quota; see `quota: {sessions: N}`") \
	X(SESSION_BUSY,		"session-busy",		"the connection changed while the frame was decided about; it may be sent again") \
	X(ACL_OUT,		"acl-out",		"no rule of the receiver's `acl: out` accepts it, or one drops it") \
	/* decide: where does it go? */ \
	X(NO_RECEIVER,		"no-receiver",		"no other port of the network could take it") \
	X(UNKNOWN_UNICAST,	"unknown-unicast",	"the destination is not known and the network does not flood unknown unicast") \
	X(SAME_PORT,		"same-port",		"the destination lies behind the port that sent the frame") \
	X(OTHER_NETWORK,	"other-network",	"the destination's port is not a member of the frame's network") \
	X(STORM,		"storm",		"more broadcast, multicast or unknown unicast than the port's `storm` allows") \
	X(PRIVATE_VLAN,		"private-vlan",		"both ports are isolated from one another in an isolated network") \
	/* deliver: may be charged to the destination as well */ \
	X(RATE,			"rate",			"over the `rate` of the port or of its tenant") \
	X(PORT_DOWN,		"port-down",		"the destination has no guest attached, or its guest's driver is not running") \
	X(RING_FULL,		"ring-full",		"the destination's receive ring had no free buffer: its guest is too slow") \
	X(BUFFER_SMALL,		"buffer-small",		"the destination posts receive buffers too small for the frame and cannot merge them") \
	X(RING_BROKEN,		"ring-broken",		"the destination's receive ring is malformed and was stopped") \
	X(DEVICE_ERROR,		"device-error",		"the kernel refused the frame on a tap or device") \
	X(SEGMENT_ERROR,	"segment-error",	"the destination lacks the offload and the frame could not be segmented or checksummed")
/* clang-format on */

enum drop {
#define X(name, word, text) DROP_##name,
	DROP_REASONS(X)
#undef X
		DROP__COUNT,
};

/* The stable word of a reason, and its explanation. Never NULL. */
const char *drop_word(enum drop reason);
const char *drop_text(enum drop reason);

#endif
