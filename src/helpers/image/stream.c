#include "helpers/image/stream.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

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
    pthread_t thread, hash_thread;
    bool running, hashing;
    sem_t free, filled;
    sem_t hashed; /* counts instead of @filled for the consumer, if there are digests */
    bool digests;
    struct sha256_ctx blob, content; /* of the archive as it is, and decompressed */
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

/* Behind the end of what is compressed there may be more: it is a part of the blob. */
static ssize_t drain(struct stream *s, char *buf)
{
    ssize_t n;

    do
        n = source_read(&s->source, buf, BLOCK_SIZE);
    while (n > 0);
    return n < 0 ? error_sys(&s->failure, (int)-n, "read the archive") : 0;
}

static void *produce(void *data)
{
    struct stream *s = data;

    for (size_t i = 0;; i = (i + 1) % BLOCK_COUNT) {
        wait_over_signals(&s->free);
        struct block *b = &s->block[i];
        b->len = s->source.stop ? -ECANCELED : s->decoder->read(s->decoder, b->data, BLOCK_SIZE, &s->failure);
        if (b->len == 0 && s->source.digest)
            b->len = drain(s, b->data);
        ssize_t len = b->len;
        sem_post(&s->filled);
        if (len <= 0)
            return NULL;
    }
}

/* Between the producer and the consumer. */
static void *hash(void *data)
{
    struct stream *s = data;

    for (size_t i = 0;; i = (i + 1) % BLOCK_COUNT) {
        wait_over_signals(&s->filled);
        struct block *b = &s->block[i];
        ssize_t len = b->len;
        if (len > 0)
            sha256_update(&s->content, (size_t)len, (const uint8_t *)b->data);
        sem_post(&s->hashed);
        if (len <= 0)
            return NULL;
    }
}

/* The threads take no signals, so that they interrupt the consumer. */
static int start(struct stream *s, struct error *err)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&s->thread, NULL, produce, s);
    s->running = r == 0;
    if (r == 0 && s->digests) {
        r = pthread_create(&s->hash_thread, NULL, hash, s);
        s->hashing = r == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r != 0 ? error_sys(err, r, "start a thread") : 0;
}

int stream_open(int fd, bool digests, struct stream **out, struct error *err)
{
    _cleanup_stream_ struct stream *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return error_oom(err);
    sem_init(&s->free, 0, BLOCK_COUNT);
    sem_init(&s->filled, 0, 0);
    sem_init(&s->hashed, 0, 0);
    s->digests = digests;
    sha256_init(&s->blob);
    sha256_init(&s->content);
    s->memory = malloc((size_t)BLOCK_SIZE * BLOCK_COUNT);
    if (!s->memory)
        return error_oom(err);
    for (size_t i = 0; i < BLOCK_COUNT; i++)
        s->block[i].data = s->memory + i * BLOCK_SIZE;
    r = source_open(&s->source, fd, digests ? &s->blob : NULL, err);
    if (r < 0)
        return r;
    s->compression = sniff_compression(s->source.head, s->source.head_len);
    if (s->compression == COMPRESSION_NONE)
        s->source.digest = NULL; /* the content's is the same */
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
    if (s->hashing)
        pthread_join(s->hash_thread, NULL);
    decoder_freep(&s->decoder);
    source_free(&s->source);
    sem_destroy(&s->free);
    sem_destroy(&s->filled);
    sem_destroy(&s->hashed);
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
        while (sem_wait(s->digests ? &s->hashed : &s->filled) < 0)
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

void stream_digests(struct stream *s, char blob[DIGEST_HEX + 1], char content[DIGEST_HEX + 1])
{
    digest_hex(&s->content, content);
    if (s->source.digest)
        digest_hex(&s->blob, blob);
    else
        memcpy(blob, content, DIGEST_HEX + 1);
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
