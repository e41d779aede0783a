/*
 * sandbox - what the data plane gives up before it meets its first guest.
 *
 * It maps the memory of hostile guests. Should one of them take it over, it
 * shall find nothing: no privilege, no file system, no network but the sockets
 * that were passed in, no other process, and few system calls: at most 40.
 *
 * Three steps, in this order:
 *
 *   sandbox_set_limits()	resource limits; before anything that depends on them
 *   sandbox_leave_host()	user, capabilities, namespaces, root, Landlock; before any thread,
 *				because capabilities and namespaces are a thread's own
 *   sandbox_close()		the list of system calls; for all threads at once
 *
 * What is opened before (fds, io_urings) works on behind it. What the kernel
 * does not let us do (namespaces, for an ordinary user or in some containers) is
 * said in a line on stderr, and the rest still stands: Landlock, where there is,
 * keeps paths closed without them. Privileges, no_new_privs and the list of
 * system calls are not optional.
 */
#ifndef SWITCH_SANDBOX_H
#define SWITCH_SANDBOX_H

void sandbox_set_limits(void);
int sandbox_leave_host(void) __attribute__((warn_unused_result));
int sandbox_close(void) __attribute__((warn_unused_result));

#endif
