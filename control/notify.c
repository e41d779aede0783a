/*
 * notify - see notify.h.
 */
#include "control/notify.h"

#include "control/build.h"

#if HAVE_SYSTEMD

#include <systemd/sd-daemon.h>

void notify_systemd(const char *state)
{
	sd_notify(0, state);
}

#else

void notify_systemd(const char *state)
{
}

#endif
