/*
 * confine - what the control process gives up once it has started.
 *
 * It stays the one with the privileges (taps, links, sockets, and starting another data
 * plane, which leaves the host by itself), but keeps none beside those, cannot win any
 * back, and has no system call that only a debugger, a module loader or a clock setter
 * needs. What it starts inherits all of it.
 *
 * Landlock has no part in it: whoever is under it may not mount any more, and a data plane
 * would be left without its empty root.
 */
#ifndef CONTROL_CONFINE_H
#define CONTROL_CONFINE_H

/* 0 or -errno: then the process is not to go on. */
int confine_process(void) __attribute__((warn_unused_result));

#endif
