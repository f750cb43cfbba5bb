/* state.c - the words for states and phases, as hero_proc and its ancestors write them. */
#include "hero_proc_sdk/proc.h"

#include "hero_proc_sdk/lenient.h"

struct word {
    const char *text;
    int meaning;
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* For each meaning our own word comes first. */
static const struct word states[] = {
    {"unknown", PROC_UNKNOWN},     {"adopting", PROC_UNKNOWN},    {"inactive", PROC_INACTIVE},
    {"down", PROC_INACTIVE},       {"created", PROC_INACTIVE},    {"blocked", PROC_BLOCKED},
    {"waiting", PROC_BLOCKED},     {"waitingdeps", PROC_BLOCKED}, {"starting", PROC_STARTING},
    {"pending", PROC_STARTING},    {"spawned", PROC_STARTING},    {"retrying", PROC_STARTING},
    {"restarting", PROC_STARTING}, {"running", PROC_RUNNING},     {"up", PROC_RUNNING},
    {"active", PROC_RUNNING},      {"ready", PROC_RUNNING},       {"healthy", PROC_RUNNING},
    {"degraded", PROC_DEGRADED},   {"unhealthy", PROC_DEGRADED},  {"stopping", PROC_STOPPING},
    {"exited", PROC_EXITED},       {"stopped", PROC_EXITED},      {"success", PROC_SUCCESS},
    {"succeeded", PROC_SUCCESS},   {"ok", PROC_SUCCESS},          {"done", PROC_SUCCESS},
    {"failed", PROC_FAILED},       {"failure", PROC_FAILED},      {"error", PROC_FAILED},
    {"dead", PROC_FAILED},         {"crashed", PROC_FAILED},
};

static const struct word phases[] = {
    {"unknown", PROC_PHASE_UNKNOWN}, {"pending", PROC_PENDING},     {"created", PROC_PENDING},
    {"queued", PROC_PENDING},        {"waiting", PROC_WAITING},     {"waitingdeps", PROC_WAITING},
    {"running", PROC_JOB_RUNNING},   {"started", PROC_JOB_RUNNING}, {"retrying", PROC_RETRYING},
    {"succeeded", PROC_SUCCEEDED},   {"success", PROC_SUCCEEDED},   {"completed", PROC_SUCCEEDED},
    {"finished", PROC_SUCCEEDED},    {"ok", PROC_SUCCEEDED},        {"failed", PROC_JOB_FAILED},
    {"error", PROC_JOB_FAILED},      {"timeout", PROC_JOB_FAILED},  {"cancelled", PROC_CANCELLED},
    {"canceled", PROC_CANCELLED},    {"stopped", PROC_CANCELLED},
};

/* Meaning 0 is that of no word. */
static int find_meaning(const struct word *words, size_t count, const char *text) {
    for (size_t i = 0; text && i < count; i++)
        if (lenient_equal(words[i].text, text)) return words[i].meaning;
    return 0;
}

static const char *find_text(const struct word *words, size_t count, int meaning) {
    for (size_t i = 0; i < count; i++)
        if (words[i].meaning == meaning) return words[i].text;
    return "unknown";
}

const char *proc_state_name(enum proc_state state) {
    return find_text(states, COUNT(states), (int)state);
}

enum proc_state proc_state_parse(const char *text) {
    return (enum proc_state)find_meaning(states, COUNT(states), text);
}

bool proc_state_is_down(enum proc_state state) {
    return state == PROC_INACTIVE || state == PROC_EXITED || state == PROC_SUCCESS ||
           state == PROC_FAILED;
}

const char *proc_phase_name(enum proc_phase phase) {
    return find_text(phases, COUNT(phases), (int)phase);
}

enum proc_phase proc_phase_parse(const char *text) {
    return (enum proc_phase)find_meaning(phases, COUNT(phases), text);
}

bool proc_phase_is_final(enum proc_phase phase) {
    return phase == PROC_SUCCEEDED || phase == PROC_JOB_FAILED || phase == PROC_CANCELLED;
}
