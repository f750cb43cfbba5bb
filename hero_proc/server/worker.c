#include "server/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <hero_rpc/fd.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>

STAILQ_HEAD(tasks, worker_task);

struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t has_work;
    struct tasks waiting, ended; /* under the lock, as is_ending */
    bool is_ending;
    int wake_fd; /* eventfd(2): some have ended */
    struct event *wake;
};

static void *work(void *ctx) {
    struct worker *worker = ctx;
    pthread_mutex_lock(&worker->lock);
    for (;;) {
        struct worker_task *task = STAILQ_FIRST(&worker->waiting);
        if (!task && worker->is_ending) break;
        if (!task) {
            pthread_cond_wait(&worker->has_work, &worker->lock);
            continue;
        }
        STAILQ_REMOVE_HEAD(&worker->waiting, link);
        pthread_mutex_unlock(&worker->lock);
        task->run(task);
        pthread_mutex_lock(&worker->lock);
        bool is_first = STAILQ_EMPTY(&worker->ended);
        STAILQ_INSERT_TAIL(&worker->ended, task, link);
        if (is_first) rpc_fd_write(worker->wake_fd, &(uint64_t){1}, sizeof(uint64_t));
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void end_tasks(struct worker *worker) {
    struct tasks ended = STAILQ_HEAD_INITIALIZER(ended);
    pthread_mutex_lock(&worker->lock);
    STAILQ_CONCAT(&ended, &worker->ended);
    pthread_mutex_unlock(&worker->lock);
    struct worker_task *task;
    while ((task = STAILQ_FIRST(&ended))) {
        STAILQ_REMOVE_HEAD(&ended, link);
        task->done(task);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *ctx) {
    (void)what;
    uint64_t count;
    rpc_fd_read(fd, &count, sizeof count);
    end_tasks(ctx);
}

/* Signals are for the loop's thread. */
static int start_thread(struct worker *worker) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return failed ? -1 : 0;
}

struct worker *worker_new(struct event_base *base, struct rpc_error *err) {
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker) {
        rpc_error_set(err, RPC_ERROR_SYSTEM, ENOMEM, "out of memory");
        return NULL;
    }
    STAILQ_INIT(&worker->waiting);
    STAILQ_INIT(&worker->ended);
    pthread_mutex_init(&worker->lock, NULL);
    pthread_cond_init(&worker->has_work, NULL);
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->wake_fd >= 0)
        worker->wake = event_new(base, worker->wake_fd, EV_READ | EV_PERSIST, on_wake, worker);
    if (worker->wake && event_add(worker->wake, NULL) == 0 && start_thread(worker) == 0)
        return worker;
    rpc_error_set_errno(err, "cannot start a thread");
    if (worker->wake) event_free(worker->wake);
    rpc_fd_close(&worker->wake_fd);
    free(worker);
    return NULL;
}

void worker_add(struct worker *worker, struct worker_task *task) {
    pthread_mutex_lock(&worker->lock);
    STAILQ_INSERT_TAIL(&worker->waiting, task, link);
    pthread_cond_signal(&worker->has_work);
    pthread_mutex_unlock(&worker->lock);
}

void worker_free(struct worker *worker) {
    if (!worker) return;
    pthread_mutex_lock(&worker->lock);
    worker->is_ending = true;
    pthread_cond_signal(&worker->has_work);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    end_tasks(worker);
    event_free(worker->wake);
    rpc_fd_close(&worker->wake_fd);
    pthread_cond_destroy(&worker->has_work);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}
