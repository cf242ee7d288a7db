/*
 * What the files of `bryo build` share.
 *
 * Theory of operation. A key of a step is a hash of all that goes into it: the key of the step before, what
 * the instruction says once arguments are filled in, the contents of files that it copies, environment, user,
 * directory and network of a command. So all keys are known before anything is done (build_plan.c), and what
 * has to be done is what the cache has no layer for. Each stage with work gets a process that is uid 0 of a
 * user namespace, the workshop (build_run.c), in which it mounts overlays of the layers below, runs commands
 * in containers (build_exec.c), copies files (build_copy.c) and packs the result (build_output.c). Stages
 * that do not need each other are worked on at the same time.
 */
#pragma once

#include <cjson/cJSON.h>
#include <sys/stat.h>

#include "base/sha256.h"
#include "sandbox/build.h"
#include "sandbox/build_cache.h"
#include "sandbox/gunfile.h"
#include "sandbox/image.h"

/* overlayfs takes its options in one page. */
#define BUILD_LAYERS_MAX 80

/* What a stage is at one point, as far as its instructions say; NULL: what its image says. */
struct build_state {
    char **env, **args;  /* owned */
    const char *workdir; /* of the Gunfile */
    const char *user;
    const char *net;
    char **const *entry, **const *cmd; /* words of the instruction */
    char **labels;                     /* NAME=VALUE; owned */
    char **ports;                      /* owned */
    char **caches, **secrets;          /* owned */
};

struct build_layer {
    char key[BUILD_KEY + 1];
    const struct gunfile_step *step; /* NULL: the image of Using */
    char *title;                     /* owned */
    unsigned number;                 /* of all steps, from 1 */
    struct build_state state;        /* at this step */
    bool cached;
};

struct build_stage {
    const struct gunfile_stage *gun;
    char *label;                /* its name, or its number; owned */
    struct image image;         /* of Using; not opened if the layer is cached */
    struct build_layer *layers; /* owned */
    size_t n_layers;
    struct build_state end; /* behind the last instruction */
    uint64_t needs;         /* stages, as bits, with all that those need */
    bool wanted;            /* the last stage needs it */
};

struct build {
    const struct runtime *rt;
    const struct build_options *opt;
    const struct build_listener *listener;
    struct gunfile gunfile;
    const char *file;   /* the Gunfile's name */
    char *file_path;    /* owned */
    int context;        /* open for reading */
    char *context_path; /* absolute; owned */
    struct idmap map;
    struct build_cache cache;
    struct build_stage *stages; /* owned; gunfile.n_stages */
    unsigned n_steps;
    bool slirp;         /* commands have a network unless the Gunfile says none */
    int64_t epoch;      /* SOURCE_DATE_EPOCH; -1: not set */
    struct stat output; /* of what stands where the output goes: not to be copied; st_ino 0: nothing */
    char *output_path;  /* without its prefix; owned */
};

/* build_plan.c */
int build_plan(struct build *b, struct error *err);
void build_plan_free(struct build *b);
/* The keys of what stage @s is made of, lowest first, from the last layer that has nothing below it up to the
 * layer before @end (a number of @s's own layers). The caller frees. */
int build_chain(const struct build *b, const struct build_stage *s, size_t end, char ***keys,
                struct error *err);
/* The key of all that decides what the output is. */
int build_final_key(const struct build *b, char key[BUILD_KEY + 1], struct error *err);

/* build_config.c: the object "config" of the image that stage @s is with @state: what its own image says, and
 * over that what its instructions say. The layers that it comes from must be there. */
int build_config(const struct build *b, const struct build_stage *s, const struct build_state *state,
                 cJSON **config, struct error *err);

/* build_jobs.c: processes in the workshop: uid 0 of a user namespace with the build's map, a mount namespace
 * of their own, in the directory of the cache, standard input from nowhere. */
struct build_job {
    struct build *b;
    size_t stage;
    int (*call)(struct build_job *job, struct error *err); /* what it does */
    /* in the process */
    struct idmap map; /* of all ids there are in the workshop */
    int hear;         /* where events go */
    int terminal;     /* the caller's standard input, for a shell; -EBADF: there is none */
};
/* Runs @call for every stage in @stages (bits), those first that others need, several at a time. The first
 * failure ends the others. */
int build_jobs(struct build *b, uint64_t stages, int (*call)(struct build_job *job, struct error *err),
               struct error *err);
/* Tells the listener, from inside the process. */
void build_tell(const struct build_job *job, enum build_event_kind kind, const struct build_layer *layer,
                const char *text, uint64_t ms);
uint64_t build_now_ms(void);

/* build_run.c */
/* Makes all layers that are missing. */
int build_run(struct build *b, struct error *err);
/* Opens what layers @keys are together, for reading, in the workshop. @temp: where a mount may be. */
int build_view(const struct build *b, char *const *keys, const struct build_temp *temp, struct error *err);

/* build_exec.c: runs the command of @layer in the root file system at @root (a path, and open as @rootfd),
 * with
 * @temp as its bundle. @shell: a shell on the caller's terminal instead. *exit_code: the command's. */
struct build_place {
    const struct build_temp *temp;
    const char *root;
    int rootfd;
};
int build_exec(const struct build *b, const struct build_stage *s, const struct build_layer *layer,
               const struct build_place *place, bool shell, int *exit_code, struct error *err);

/* build_copy.c */
/* Adds everything that Copy @step takes from the context to @sha. */
int build_copy_digest(const struct build *b, const struct gunfile_step *step, struct sha256 *sha,
                      struct error *err);
/* Copies into the root @rootfd. @from: the stage that is copied from, -1: the context. */
int build_copy(const struct build *b, const struct build_layer *layer, int from, int rootfd,
               const char *workdir, struct error *err);

/* build_output.c: writes the last stage to the output. */
int build_write(struct build *b, struct error *err);
/* Fills b->output_path and b->output; checks what can be checked before anything is built. */
int build_output_plan(struct build *b, struct error *err);
/* "tar", "oci", "oci-archive", "docker-archive": which, and the path behind it. */
enum build_form { BUILD_TAR, BUILD_OCI, BUILD_OCI_ARCHIVE, BUILD_DOCKER_ARCHIVE };
enum build_form build_form(const char *output, const char **path);

/* `"Gunfile":3:1: Exec`, put before an error of a step. */
void build_name_step(const struct build *b, const struct gunfile_step *step, struct error *err);
