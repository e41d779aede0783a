/*
 * confine - see confine.h. A sanitizer's run time is a debugger: in builds with one
 * (SLUICE_SANITIZED) all system calls stay.
 */
#include "control/confine.h"

#include <cap-ng.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { OTHER_ABI = 0x40000000 }; /* of a call's number: x32 */

static const unsigned kept[] = {
	/* taps, links and packet sockets */
	CAP_NET_ADMIN,
	CAP_NET_RAW,
	/* guests' sockets: where others' directories are, and whose they shall be */
	CAP_DAC_OVERRIDE,
	CAP_CHOWN,
	CAP_FOWNER,
	/* a data plane: its namespaces, its user, its limits, and its end */
	CAP_SYS_ADMIN,
	CAP_SETUID,
	CAP_SETGID,
	CAP_SETPCAP,
	CAP_SYS_RESOURCE,
	CAP_KILL,
};

#ifndef SLUICE_SANITIZED
/* clang-format off */
static const int refused[] = {
	/* looking into other processes */
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(process_madvise), SCMP_SYS(pidfd_getfd), SCMP_SYS(kcmp), SCMP_SYS(perf_event_open),
	/* the kernel itself */
	SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module), SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load), SCMP_SYS(bpf), SCMP_SYS(userfaultfd), SCMP_SYS(syslog),
	SCMP_SYS(lookup_dcookie),
	/* the machine and its clock */
	SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime), SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex), SCMP_SYS(acct),
	SCMP_SYS(quotactl), SCMP_SYS(iopl), SCMP_SYS(ioperm), SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname), SCMP_SYS(vhangup),
	/* files around their names, others' namespaces and keys */
	SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at), SCMP_SYS(mknod),
	SCMP_SYS(mknodat), SCMP_SYS(chroot), SCMP_SYS(setns), SCMP_SYS(fanotify_init),
	SCMP_SYS(open_tree), SCMP_SYS(move_mount), SCMP_SYS(fsopen), SCMP_SYS(fsmount),
	SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key),
	/* what only old or odd programs ask for */
	SCMP_SYS(personality), SCMP_SYS(modify_ldt), SCMP_SYS(migrate_pages), SCMP_SYS(move_pages),
};
/* clang-format on */
#endif

static bool is_kept(unsigned capability)
{
	bool found = false;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		found |= kept[i] == capability;
	return found;
}

/* Who is not root has what it was given, which a service manager has bounded. */
static int drop_capabilities(void)
{
	const capng_select_t sets =
		geteuid() ? CAPNG_SELECT_CAPS : CAPNG_SELECT_CAPS | CAPNG_SELECT_BOUNDS;

	if (capng_get_caps_process())
		return -EPERM;
	for (unsigned i = 0; i <= CAP_LAST_CAP; i++)
		if (!is_kept(i) && capng_update(CAPNG_DROP,
						CAPNG_EFFECTIVE | CAPNG_PERMITTED |
							CAPNG_INHERITABLE | CAPNG_BOUNDING_SET,
						i))
			return -EPERM;
	return capng_apply(sets) ? -EPERM : 0;
}

#ifndef SLUICE_SANITIZED
/*
 * A program of a comparison for each call: nothing that allocates, since libseccomp does not
 * come back from some allocations that fail.
 */
static int refuse_calls(void)
{
	enum { CALLS = sizeof(refused) / sizeof(refused[0]) };
	const struct sock_filter refuse =
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (EPERM & SECCOMP_RET_DATA));
	struct sock_filter program[2 * CALLS + 8];
	struct sock_fprog whole = {.filter = program};
	unsigned short n = 0;

	/* calls of other architectures' numbers, x32's among them, are nobody's here */
	program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    offsetof(struct seccomp_data, arch));
	program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						    seccomp_arch_native(), 1, 0);
	program[n++] = refuse;
	program[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						    offsetof(struct seccomp_data, nr));
	program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, OTHER_ABI, 0, 1);
	program[n++] = refuse;
	for (unsigned i = 0; i < CALLS; i++) {
		if (refused[i] < 0) /* this architecture has no such call */
			continue;
		program[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							    (uint32_t)refused[i], 0, 1);
		program[n++] = refuse;
	}
	program[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	whole.len = n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &whole) ? -errno : 0;
}
#endif

int confine_process(void)
{
	int error = drop_capabilities();

	if (!error && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		error = -errno;
#ifndef SLUICE_SANITIZED
	if (!error)
		error = refuse_calls();
#endif
	return error;
}
