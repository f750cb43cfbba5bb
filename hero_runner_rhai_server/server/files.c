#include "server/files.h"

#include "session/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <hero_rpc/fd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

struct files_job {
    TAILQ_ENTRY(files_job) link;
    char *path;
    files_done *done; /* NULL: given up */
    void *ctx;
    struct files_script script;
};

TAILQ_HEAD(job_list, files_job);

struct files {
    const char *roots;
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* of what follows, up to is_ending */
    pthread_cond_t wake;
    struct job_list waiting, finished;
    size_t waiting_count;
    bool is_ending;
    int wake_fd;
    struct event *finished_event;
};

/* ---- On the thread ---------------------------------------------------------------------- */

static void read_all(int fd, struct files_script *script) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    for (;;) {
        char *room = rpc_strbuf_reserve(&text, 64 * 1024);
        ssize_t got = room ? rpc_fd_read(fd, room, 64 * 1024) : -1;
        if (got < 0) script->error = room ? strerror(errno) : "out of memory";
        if (got <= 0) break;
        text.len += (size_t)got;
        if (text.len > FILES_MAX_BYTES) {
            script->error = "is larger than 16 MiB";
            break;
        }
    }
    if (!script->error && rpc_strbuf_reserve(&text, 1)) {
        text.data[text.len] = '\0';
        script->text = rpc_strbuf_take(&text, &script->len);
    }
    rpc_strbuf_done(&text);
}

static void read_script(const struct files *files, struct files_job *job) {
    struct files_script *script = &job->script;
    char *real = NULL;
    int fd = beneath_open_in_roots(files->roots, job->path, &real);
    if (fd == -EXDEV) {
        script->error = "leads out of the script roots";
    } else if (fd == -ENXIO) {
        script->error = "is not a regular file";
    } else if (fd < 0) {
        script->error = strerror(-fd);
    } else {
        read_all(fd, script);
        close(fd);
    }
    if (!real) return;
    char *slash = strrchr(real, '/');
    slash[slash == real] = '\0'; /* of a file in "/" */
    script->dir = real;
}

static void *run(void *ctx) {
    struct files *files = ctx;
    pthread_mutex_lock(&files->lock);
    for (;;) {
        struct files_job *job;
        while (!(job = TAILQ_FIRST(&files->waiting)) && !files->is_ending)
            pthread_cond_wait(&files->wake, &files->lock);
        if (files->is_ending) break;
        TAILQ_REMOVE(&files->waiting, job, link);
        files->waiting_count--;
        pthread_mutex_unlock(&files->lock);
        read_script(files, job);
        pthread_mutex_lock(&files->lock);
        TAILQ_INSERT_TAIL(&files->finished, job, link);
        rpc_fd_write(files->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    }
    pthread_mutex_unlock(&files->lock);
    return NULL;
}

/* ---- On the loop ------------------------------------------------------------------------ */

static void free_job(struct files_job *job) {
    free(job->script.text);
    free(job->script.dir);
    free(job->path);
    free(job);
}

static void on_finished(evutil_socket_t fd, short what, void *ctx) {
    (void)what;
    struct files *files = ctx;
    uint64_t count;
    rpc_fd_read(fd, &count, sizeof count);
    struct job_list finished = TAILQ_HEAD_INITIALIZER(finished);
    pthread_mutex_lock(&files->lock);
    TAILQ_CONCAT(&finished, &files->finished, link);
    pthread_mutex_unlock(&files->lock);
    struct files_job *job;
    while ((job = TAILQ_FIRST(&finished))) {
        TAILQ_REMOVE(&finished, job, link);
        struct files_script script = job->script;
        if (job->done) {
            job->script = (struct files_script){0};
            job->done(job->ctx, &script);
        }
        free_job(job);
    }
}

/* Signals are for the loop's thread. */
static int start_thread(struct files *files) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&files->thread, NULL, run, files);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    files->has_thread = failed == 0;
    return failed;
}

static bool are_absolute(const char *roots) {
    for (const char *at = roots; at; at = strchr(at, ':'), at += at != NULL)
        if (*at != '/') return false;
    return true;
}

struct files *files_new(struct event_base *base, const char *roots, struct rpc_error *err) {
    if (!are_absolute(roots)) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0,
                      "HERO_RUNNER_RHAI_SCRIPT_ROOTS: \"%s\" is not a list of absolute paths",
                      roots);
        return NULL;
    }
    struct files *files = calloc(1, sizeof *files);
    if (files) {
        files->roots = roots;
        pthread_mutex_init(&files->lock, NULL);
        pthread_cond_init(&files->wake, NULL);
        TAILQ_INIT(&files->waiting);
        TAILQ_INIT(&files->finished);
        files->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        files->finished_event =
            event_new(base, files->wake_fd, EV_READ | EV_PERSIST, on_finished, files);
        if (files->wake_fd >= 0 && files->finished_event &&
            event_add(files->finished_event, NULL) == 0 && start_thread(files) == 0)
            return files;
    }
    rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "cannot start the thread that reads scripts");
    files_free(files);
    return NULL;
}

void files_free(struct files *files) {
    if (!files) return;
    if (files->has_thread) {
        pthread_mutex_lock(&files->lock);
        files->is_ending = true;
        pthread_cond_signal(&files->wake);
        pthread_mutex_unlock(&files->lock);
        pthread_join(files->thread, NULL);
    }
    struct job_list *lists[] = {&files->waiting, &files->finished};
    for (int i = 0; i < 2; i++) {
        struct files_job *job;
        while ((job = TAILQ_FIRST(lists[i]))) {
            struct files_script stopped = {.error = "server stopped", .is_stopped = true};
            TAILQ_REMOVE(lists[i], job, link);
            if (job->done) job->done(job->ctx, &stopped);
            free_job(job);
        }
    }
    if (files->finished_event) event_free(files->finished_event);
    rpc_fd_close(&files->wake_fd);
    pthread_cond_destroy(&files->wake);
    pthread_mutex_destroy(&files->lock);
    free(files);
}

struct files_job *files_read(struct files *files, const char *path, files_done *done, void *ctx) {
    struct files_job *job = calloc(1, sizeof *job);
    if (!job || !(job->path = strdup(path))) {
        free(job);
        return NULL;
    }
    job->done = done;
    job->ctx = ctx;
    pthread_mutex_lock(&files->lock);
    bool has_room = files->waiting_count < FILES_QUEUE_MAX;
    if (has_room) {
        TAILQ_INSERT_TAIL(&files->waiting, job, link);
        files->waiting_count++;
        pthread_cond_signal(&files->wake);
    }
    pthread_mutex_unlock(&files->lock);
    if (has_room) return job;
    free_job(job);
    return NULL;
}

void files_give_up(struct files_job *job) {
    job->done = NULL; /* read and written by the loop's thread alone */
}
