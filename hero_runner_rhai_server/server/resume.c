#include "server/resume.h"

#include "server/log.h"
#include "server/record.h"
#include "server/submit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resume {
    struct runner *runner;
    struct session **sessions; /* references */
    size_t count, next;        /* next: whose request is being read */
};

static void read_next(struct resume *resume);

/* What the request adds to what is shown of a session. */
static bool take_request(struct session *session, const struct store_record *record,
                         const struct ring_limits *limits) {
    struct session *whole =
        record_to_session(&record->session, &record->request, (struct store_bytes){0}, limits);
    if (!whole) return false;
    json_t *asked = session->asked;
    session->asked = whole->asked;
    session->source_name = whole->source_name; /* a part of what was asked */
    session->script = whole->script;
    whole->asked = asked;
    whole->source_name = NULL;
    whole->script = NULL;
    session_unref(whole);
    return true;
}

static void lose(struct resume *resume, struct session *session, const char *why) {
    char message[128];
    snprintf(message, sizeof message, "server stopped before it ran: %s", why);
    slots_fail(&resume->runner->slots, session, REASON_LOST, message);
}

static void end(struct resume *resume) {
    while (resume->next < resume->count)
        session_unref(resume->sessions[resume->next++]);
    free(resume->sessions);
    free(resume);
}

static void on_record(void *ctx, int status, struct store_record *record) {
    struct resume *resume = ctx;
    if (archive_is_closing(resume->runner->archive)) { /* they wait for the next server */
        store_record_free(record);
        end(resume);
        return;
    }
    struct session *session = resume->sessions[resume->next++];
    if (session_is_over(session)) {
        /* stopped meanwhile */
    } else if (status < 0) {
        lose(resume, session, strerror(-status));
    } else if (!take_request(session, record, &resume->runner->ring_limits)) {
        lose(resume, session, "out of memory");
    } else {
        submit_again(resume->runner, session);
    }
    store_record_free(record);
    session_unref(session);
    read_next(resume);
}

static void read_next(struct resume *resume) {
    struct store *store = archive_store(resume->runner->archive);
    while (resume->next < resume->count) {
        struct session *session = resume->sessions[resume->next];
        if (store_get(store, session->id, on_record, resume) == 0) return;
        resume->next++;
        lose(resume, session, "out of memory");
        session_unref(session);
    }
    end(resume);
}

static void admit(struct resume *resume, const struct store_session *item) {
    struct runner *runner = resume->runner;
    struct session *session =
        record_to_session(item, NULL, (struct store_bytes){0}, &runner->ring_limits);
    if (!session) return; /* it is pending for the next one as well */
    session->is_recorded = true;
    slots_admit(&runner->slots, session);
    resume->sessions[resume->count++] = session;
}

void resume_sessions(struct runner *runner, struct store_sessions *interrupted) {
    size_t count = interrupted ? interrupted->count : 0;
    struct resume *resume = calloc(1, sizeof *resume);
    struct session **sessions = calloc(count + 1, sizeof *sessions);
    if (resume && sessions) {
        *resume = (struct resume){.runner = runner, .sessions = sessions};
        for (size_t i = 0; i < count; i++)
            if (session_status_from(interrupted->items[i].status) == SESSION_PENDING)
                admit(resume, &interrupted->items[i]);
        if (count > resume->count)
            log_warn("sessions of the last server are lost", "count=%zu", count - resume->count);
        if (resume->count)
            log_info("sessions that waited in the last server go on", "count=%zu", resume->count);
        read_next(resume);
    } else {
        free(resume);
        free(sessions);
    }
    store_sessions_free(interrupted);
}
