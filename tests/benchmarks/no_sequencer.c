/* To be preloaded where /dev/snd/seq is missing: programs that poll an ALSA sequencer that could not be opened then live. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>

typedef struct _snd_seq snd_seq_t;

int snd_seq_poll_descriptors(snd_seq_t *seq, struct pollfd *fds, unsigned space, short events)
{
    if (!seq)
        return 0;
    int (*real)() = dlsym(RTLD_NEXT, "snd_seq_poll_descriptors");
    return real(seq, fds, space, events);
}

int snd_seq_poll_descriptors_count(snd_seq_t *seq, short events)
{
    if (!seq)
        return 0;
    int (*real)() = dlsym(RTLD_NEXT, "snd_seq_poll_descriptors_count");
    return real(seq, events);
}

#define WRAP(name, without)                          \
    int name(snd_seq_t *seq, void *a, void *b, void *c) \
    {                                                \
        if (!seq)                                    \
            return without;                          \
        int (*real)() = dlsym(RTLD_NEXT, #name);     \
        return real(seq, a, b, c);                   \
    }

WRAP(snd_seq_event_input, -11)
WRAP(snd_seq_event_input_pending, 0)
WRAP(snd_seq_event_output, 0)
WRAP(snd_seq_event_output_direct, 0)
WRAP(snd_seq_drain_output, 0)
WRAP(snd_seq_close, 0)
WRAP(snd_seq_nonblock, 0)
WRAP(snd_seq_client_id, 0)
WRAP(snd_seq_create_simple_port, 0)
WRAP(snd_seq_connect_to, -1)
WRAP(snd_seq_connect_from, -1)
WRAP(snd_seq_set_client_name, 0)
WRAP(snd_seq_alloc_queue, -1)
