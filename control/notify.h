/*
 * notify - telling systemd, if that is who started us.
 */
#ifndef CONTROL_NOTIFY_H
#define CONTROL_NOTIFY_H

/* "READY=1", "RELOADING=1", ... as in sd_notify(3). Without systemd nothing happens. */
void notify_systemd(const char *state);

#endif
