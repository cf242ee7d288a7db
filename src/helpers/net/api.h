/*
 * The socket through which ports are published, listed and taken back while the container runs: the JSON
 * commands of slirp4netns (add_hostfwd, list_hostfwd, remove_hostfwd), one to a connection, and two of our
 * own: "publish" with a port as base/netport.h has it, and "stats".
 */
#pragma once

#include "base/error.h"
#include "helpers/net/forward.h"
#include "helpers/net/loop.h"
#include "helpers/net/stage.h"

#define API_CLIENTS     8
#define API_REQUEST_MAX 4096

struct api;

struct api_client {
    struct watch watch; /* fd negative: the place is free */
    struct api *api;
    size_t len;
    char request[API_REQUEST_MAX];
};

struct api {
    struct watch listener;
    struct loop *loop;
    struct forwards *forwards;
    struct stage *stage;
    struct api_client clients[API_CLIENTS];
    unsigned next; /* whose place is taken when there is none free */
};

/* Serves on the listening socket @fd, which is the API's from here on; negative: no API. */
int api_init(struct api *a, struct loop *loop, int fd, struct forwards *forwards, struct stage *stage,
             struct error *err);
void api_close(struct api *a);
