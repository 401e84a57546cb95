// SPDX-License-Identifier: GPL-2.0-only
/*
 * event.c - telling the daemon what happened
 *
 * A ring of the last events, for all caches. Each reader has its own place in
 * it; one that is too slow loses the oldest and sees a gap in the numbers.
 *
 * Events may be sent from any context; ring_lock is taken with interrupts off.
 */
#include <linux/poll.h>
#include <linux/uaccess.h>
#include "internal.h"

struct reader {
	u64	next;			/* Number of the event that is read next */
	struct mutex lock;		/* Two reads of one descriptor */
};

static struct cachet_event ring[CACHET_EVENTS];
static u64 ring_next = 1;		/* Number that the next event gets */
static DEFINE_SPINLOCK(ring_lock);
static DECLARE_WAIT_QUEUE_HEAD(ring_wait);

/**
 * cachet_event - something happened that the daemon wants to know
 * @cache: where
 * @type: what
 * @arg0: see the type
 * @arg1: see the type
 *
 * Any context.
 */
void cachet_event(struct cachet_cache *cache, enum cachet_event_type type, u64 arg0, u64 arg1)
{
	struct cachet_event *e;
	unsigned long flags;

	spin_lock_irqsave(&ring_lock, flags);
	e = &ring[ring_next % CACHET_EVENTS];
	memset(e, 0, sizeof(*e));
	e->seq = ring_next++;
	e->time_ns = ktime_get_real_ns();
	e->type = type;
	e->arg0 = arg0;
	e->arg1 = arg1;
	memcpy(e->tag, cache->super.tag, sizeof(e->tag));
	spin_unlock_irqrestore(&ring_lock, flags);
	wake_up_interruptible(&ring_wait);
}

/**
 * cachet_event_open - a reader that begins with the oldest event kept
 *
 * Return: the reader, or NULL.
 */
void *cachet_event_open(void)
{
	struct reader *r = kzalloc(sizeof(*r), GFP_KERNEL);

	if (!r)
		return NULL;
	mutex_init(&r->lock);
	spin_lock_irq(&ring_lock);
	r->next = ring_next > CACHET_EVENTS ? ring_next - CACHET_EVENTS : 1;
	spin_unlock_irq(&ring_lock);
	return r;
}

void cachet_event_close(void *reader)
{
	kfree(reader);
}

static bool take(struct reader *r, struct cachet_event *ret)
{
	bool found = false;

	spin_lock_irq(&ring_lock);
	if (ring_next - r->next > CACHET_EVENTS)
		r->next = ring_next - CACHET_EVENTS;
	if (r->next < ring_next) {
		*ret = ring[r->next++ % CACHET_EVENTS];
		found = true;
	}
	spin_unlock_irq(&ring_lock);
	return found;
}

static bool pending(struct reader *r)
{
	return READ_ONCE(ring_next) > READ_ONCE(r->next);
}

/**
 * cachet_event_read - read(2) on the device
 * @file: its private_data is a reader
 * @buf: user memory
 * @len: its size; room for one event at least (-EINVAL)
 *
 * Return: bytes, a multiple of an event's size; -EAGAIN, -EINTR, -EFAULT.
 */
ssize_t cachet_event_read(struct file *file, char __user *buf, size_t len)
{
	struct reader *r = file->private_data;
	struct cachet_event e;
	ssize_t done = 0;
	int err;

	if (len < sizeof(e))
		return -EINVAL;
	err = mutex_lock_interruptible(&r->lock);
	if (err)
		return err;
	while (len - done >= sizeof(e)) {
		if (!take(r, &e)) {
			if (done)
				break;
			done = -EAGAIN;
			if (file->f_flags & O_NONBLOCK)
				break;
			err = wait_event_interruptible(ring_wait, pending(r));
			done = err;
			if (err)
				break;
			continue;
		}
		if (copy_to_user(buf + done, &e, sizeof(e))) {
			if (!done)
				done = -EFAULT;
			break;
		}
		done += sizeof(e);
	}
	mutex_unlock(&r->lock);
	return done;
}

/**
 * cachet_event_poll - poll(2) on the device
 * @file: its private_data is a reader
 * @wait: as for any poll
 */
__poll_t cachet_event_poll(struct file *file, struct poll_table_struct *wait)
{
	poll_wait(file, &ring_wait, wait);
	return pending(file->private_data) ? EPOLLIN | EPOLLRDNORM : 0;
}
