#include "helpers/image/stream.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "helpers/image/decoder.h"
#include "helpers/image/interrupt.h"
#include "helpers/image/source.h"

/* Measured: smaller blocks wake up too often, larger ones fall out of the cache between the two threads. */
#define BLOCK_SIZE  (256 * 1024)
#define BLOCK_COUNT 8

struct block {
    ssize_t len; /* 0: the end; negative: it failed, see stream.failure */
    char *data;
};

struct stream {
    struct source source;
    struct decoder *decoder;
    enum compression compression;
    pthread_t thread;
    bool running;
    sem_t free, filled;
    struct block block[BLOCK_COUNT];
    char *memory;
    /* the producer's, handed over with the last block */
    struct error failure;
    /* the consumer's */
    size_t next;  /* block to take */
    bool holding; /* the block before it is not given back yet */
    bool ended;
    ssize_t end; /* what the last block said */
};

static void wait_over_signals(sem_t *sem)
{
    while (sem_wait(sem) < 0 && errno == EINTR)
        ;
}

static void *produce(void *data)
{
    struct stream *s = data;

    for (size_t i = 0;; i = (i + 1) % BLOCK_COUNT) {
        wait_over_signals(&s->free);
        struct block *b = &s->block[i];
        b->len = s->source.stop ? -ECANCELED : s->decoder->read(s->decoder, b->data, BLOCK_SIZE, &s->failure);
        ssize_t len = b->len;
        sem_post(&s->filled);
        if (len <= 0)
            return NULL;
    }
}

/* The producer takes no signals, so that they interrupt the consumer. */
static int start(struct stream *s, struct error *err)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&s->thread, NULL, produce, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return error_sys(err, r, "start a thread");
    s->running = true;
    return 0;
}

int stream_open(int fd, struct stream **out, struct error *err)
{
    _cleanup_stream_ struct stream *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return error_oom(err);
    sem_init(&s->free, 0, BLOCK_COUNT);
    sem_init(&s->filled, 0, 0);
    s->memory = malloc((size_t)BLOCK_SIZE * BLOCK_COUNT);
    if (!s->memory)
        return error_oom(err);
    for (size_t i = 0; i < BLOCK_COUNT; i++)
        s->block[i].data = s->memory + i * BLOCK_SIZE;
    r = source_open(&s->source, fd, err);
    if (r < 0)
        return r;
    s->compression = sniff_compression(s->source.head, s->source.head_len);
    r = decoder_open(s->compression, &s->source, &s->decoder, err);
    if (r == 0)
        r = start(s, err);
    if (r < 0)
        return r;
    *out = TAKE_PTR(s);
    return 0;
}

void stream_free(struct stream *s)
{
    if (!s)
        return;
    if (s->running) {
        s->source.stop = true;
        sem_post(&s->free);
        pthread_join(s->thread, NULL);
    }
    decoder_freep(&s->decoder);
    source_free(&s->source);
    sem_destroy(&s->free);
    sem_destroy(&s->filled);
    error_clear(&s->failure);
    free(s->memory);
    free(s);
}

ssize_t stream_next(struct stream *s, const void **block, struct error *err)
{
    if (!s->ended) {
        if (s->holding)
            sem_post(&s->free);
        s->holding = false;
        while (sem_wait(&s->filled) < 0)
            if (interrupted())
                return error_set(err, EINTR, "interrupted");
        struct block *b = &s->block[s->next];
        s->next = (s->next + 1) % BLOCK_COUNT;
        s->holding = true;
        *block = b->data;
        if (b->len > 0)
            return b->len;
        s->ended = true;
        s->end = b->len;
    }
    if (s->end == -ECANCELED)
        return error_set(err, EINTR, "interrupted");
    if (s->end < 0)
        error_set(err, (int)-s->end, "%s", error_text(&s->failure));
    return s->end;
}

uint64_t stream_read_bytes(const struct stream *s)
{
    return s->source.read;
}

uint64_t stream_total_bytes(const struct stream *s)
{
    return s->source.total;
}

enum compression stream_compression(const struct stream *s)
{
    return s->compression;
}

const unsigned char *stream_head(const struct stream *s, size_t *len)
{
    *len = s->source.head_len;
    return s->source.head;
}
