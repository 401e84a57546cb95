// SPDX-License-Identifier: GPL-2.0-only
/*
 * loop.c - wait for signals and for events of the module
 *
 * SIGTERM and SIGINT end the loop, SIGHUP reads the configuration again: what
 * is new is attached; what is gone from it stays attached until the end, for a
 * slip in an editor must not take a cache away from running mounts. Events go
 * to the log; none of them needs an answer: the kernel does not wait for us.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "cachetd.h"

enum {
	EVENTS_AT_ONCE = 64,	/* Then signals get their turn */
	RETRY_US = 1000000,	/* What is being detached is looked at so often */
};

void loop_status(const struct cachetd *d, const char *state)
{
	sd_notifyf(0, "%s%sSTATUS=%zu caches attached, %zu configured", state,
		   *state ? "\n" : "", d->caches.nr, d->config.nr);
}

/* While a configured cache is being detached by somebody else. */
static int on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	struct cachetd *d = arg;

	(void)usec;
	caches_attach(&d->caches, &d->config, true);
	loop_status(d, "");
	if (!d->caches.nr_leaving)
		return 0;
	sd_event_source_set_time_relative(source, RETRY_US);
	return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static void retry_if_leaving(struct cachetd *d)
{
	if (!d->caches.nr_leaving)
		return;
	sd_event_source_set_time_relative(d->retry, RETRY_US);
	sd_event_source_set_enabled(d->retry, SD_EVENT_ONESHOT);
}

static void reload(struct cachetd *d)
{
	struct cachet_why why = {};
	struct config config;
	struct timespec now;
	size_t i;

	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
		   (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	if (config_read(d->config_path, &config, &why)) {
		log_error("%s; the configuration stays as it was", why.text);
		loop_status(d, "READY=1");
		return;
	}
	caches_refresh(&d->caches);
	for (i = 0; i < d->caches.nr; i++)
		if (!config_find(&config, d->caches.cache[i].tag))
			log_notice("cache %s: is no longer configured; it stays attached until the daemon stops ('cachectl detach %s' does it now)",
				   d->caches.cache[i].tag, d->caches.cache[i].tag);
	config_free(&d->config);
	d->config = config;
	caches_attach(&d->caches, &d->config, false);
	retry_if_leaving(d);
	log_info("configuration read again");
	loop_status(d, "READY=1");
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	(void)info, (void)arg;
	return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	(void)source, (void)info;
	reload(arg);
	return 0;
}

static void event_log(struct cachetd *d, const struct cachet_event *event)
{
	bool ours = caches_have(&d->caches, event->tag);
	char text[CACHET_EVENT_TEXT_BYTES], time[CACHET_TIME_TEXT_BYTES];

	if (d->next_seq && event->seq > d->next_seq)
		log_warning("%llu events were lost: they came faster than they were read",
			    ULL(event->seq - d->next_seq));
	/*
	 * One that was lost, before the first that we see too, may have told of a detach.
	 * One that does may be older than our attach: what counts is what is true now.
	 */
	if (event->seq != d->next_seq ||
	    (ours && (event->type == CACHET_EVENT_DETACHED || event->type == CACHET_EVENT_OUT))) {
		caches_refresh(&d->caches);
		loop_status(d, "");
	}
	d->next_seq = event->seq + 1;

	if (event->type == CACHET_EVENT_DETACHED && ours)
		return;
	/* Our own attach has been logged */
	if (event->type == CACHET_EVENT_ATTACHED && caches_have(&d->caches, event->tag))
		return;
	/* A full cache reuses segments all the time */
	if (event->type == CACHET_EVENT_REUSED && !d->config.log_reuse)
		return;
	/* What is out of service now has been logged by that. */
	if (event->type == CACHET_EVENT_OUT && ours && event->time_ns >= d->began_ns)
		return;
	cachet_event_text(event, text);
	/* Nobody has logged it, or the daemon before this one. */
	if (event->time_ns < d->began_ns)
		log_info("cache %s: at %s, before this daemon: %s", event->tag,
			 cachet_time_text(event->time_ns / 1000000000u, time), text);
	else if (cachet_event_is_problem(event->type))
		log_warning("cache %s: %s", event->tag, text);
	else
		log_info("cache %s: %s", event->tag, text);
}

static int on_device(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct cachetd *d = arg;
	struct cachet_event event;
	int err = 0, i;

	for (i = 0; i < EVENTS_AT_ONCE && !err; i++) {
		err = cachet_device_event(fd, &event);
		if (!err)
			event_log(d, &event);
	}
	if (!err || err == -EINTR || (err == -EAGAIN && !(revents & (EPOLLERR | EPOLLHUP))))
		return 0;
	log_error("events of the module can't be read any more: %s; caching goes on, what happens to it is no longer logged",
		  strerror(err == -EAGAIN ? EIO : -err));
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

/* From here on they wait for the loop, so that what was attached is detached. */
void loop_block_signals(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

int loop_run(struct cachetd *d)
{
	sd_event *event = NULL;
	int err;

	err = sd_event_new(&event);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGTERM, on_stop, d);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGINT, on_stop, d);
	if (err >= 0)
		err = sd_event_add_signal(event, NULL, SIGHUP, on_reload, d);
	if (err >= 0)
		err = sd_event_add_io(event, NULL, d->caches.dev, EPOLLIN, on_device, d);
	if (err >= 0)
		err = sd_event_add_time_relative(event, &d->retry, CLOCK_MONOTONIC, RETRY_US, 0,
						 on_retry, d);
	if (err >= 0)
		err = sd_event_source_set_enabled(d->retry, SD_EVENT_OFF);
	if (err >= 0) {
		retry_if_leaving(d);
		loop_status(d, "READY=1");
		err = sd_event_loop(event);
	}
	if (err < 0)
		log_error("the event loop failed: %s", strerror(-err));
	sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
	d->retry = sd_event_source_unref(d->retry);
	sd_event_unref(event);
	return err < 0 ? err : 0;
}
