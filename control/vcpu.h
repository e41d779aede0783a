/*
 * vcpu - on which processors a guest runs, by its front-end's threads.
 *
 * QEMU names the threads that run a guest ("CPU 0/KVM") if it is asked to, as
 * libvirt does; where no thread has such a name all of the process count. Each
 * counts by the time that it has used so far, for the processor that it was last on.
 */
#ifndef CONTROL_VCPU_H
#define CONTROL_VCPU_H

#include <stdint.h>
#include <sys/types.h>

#include "control/topology.h"

/*
 * Add each thread's time, in clock ticks, to @ret_ticks[its processor], which
 * begins at 0. @proc is usually "/proc". How many threads counted, or -errno:
 * there is no such process. Threads beyond the first few hundred do not count.
 */
int vcpu_look(const char *proc, pid_t pid, uint64_t ret_ticks[static TOPOLOGY_CPUS])
	__attribute__((warn_unused_result));

#endif
