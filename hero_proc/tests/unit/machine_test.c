/* The life of a job without any process, and how long it waits between attempts. */
#include "unit.h"

#include "server/backoff.h"
#include "server/job_machine.h"

static void a_life_goes_from_state_to_state(void **state) {
    (void)state;
    static const struct {
        enum job_event event;
        enum job_state state;
        enum job_step step;
    } life[] = {
        {JOB_EVENT_HOLD, JOB_WAITING, JOB_STEP_NONE},
        {JOB_EVENT_GO, JOB_CLEARING, JOB_STEP_CLEAR},
        {JOB_EVENT_CLEARED, JOB_STARTING, JOB_STEP_SPAWN},
        {JOB_EVENT_READY, JOB_RUNNING, JOB_STEP_SETTLE},
        {JOB_EVENT_SICK, JOB_DEGRADED, JOB_STEP_NONE},
        {JOB_EVENT_WELL, JOB_RUNNING, JOB_STEP_NONE},
        {JOB_EVENT_HOPELESS, JOB_FAILING, JOB_STEP_END},
        {JOB_EVENT_BROKEN, JOB_RETRYING, JOB_STEP_RETRY},
        {JOB_EVENT_DELAY_OVER, JOB_CLEARING, JOB_STEP_CLEAR},
        {JOB_EVENT_CLEARED, JOB_STARTING, JOB_STEP_SPAWN},
        {JOB_EVENT_STOP, JOB_STOPPING, JOB_STEP_END},
        {JOB_EVENT_BROKEN, JOB_CANCELLED, JOB_STEP_FINISH},
    };
    enum job_state now = JOB_PENDING;
    for (size_t i = 0; i < sizeof life / sizeof life[0]; i++) {
        const struct job_transition *transition = job_transition(now, life[i].event);
        assert_true(transition->is_there);
        assert_int_equal(transition->next, life[i].state);
        assert_int_equal(transition->step, life[i].step);
        now = transition->next;
    }
}

static void what_has_ended_stays_so_and_everything_else_can_be_stopped(void **state) {
    (void)state;
    for (int from = 0; from < JOB_STATE_COUNT; from++) {
        bool is_final = job_state_is_final((enum job_state)from);
        for (int event = 0; is_final && event < JOB_EVENT_COUNT; event++)
            assert_false(job_transition((enum job_state)from, (enum job_event)event)->is_there);
        const struct job_transition *stop = job_transition((enum job_state)from, JOB_EVENT_STOP);
        if (!is_final && from != JOB_STOPPING)
            assert_true(stop->next == JOB_STOPPING || stop->next == JOB_CANCELLED);
    }
}

/* What may follow an operator's stop, by any events. */
static void nothing_starts_after_a_stop(void **state) {
    (void)state;
    for (int event = 0; event < JOB_EVENT_COUNT; event++) {
        const struct job_transition *next = job_transition(JOB_STOPPING, (enum job_event)event);
        if (next->is_there) assert_int_equal(next->next, JOB_CANCELLED);
    }
}

static void names_are_read_back(void **state) {
    (void)state;
    for (int i = 0; i < JOB_STATE_COUNT; i++)
        assert_int_equal(job_state_parse(job_state_name((enum job_state)i)), i);
    assert_int_equal(job_state_parse("nonsense"), JOB_STATE_COUNT);
}

static void delays_grow_up_to_the_largest(void **state) {
    (void)state;
    const struct retry_spec retry = {
        .max_attempts = 5, .delay_ms = 100, .max_delay_ms = 500, .backoff = 2};
    static const int64_t delays[] = {100, 200, 400, 500, 500};
    for (int64_t i = 0; i < 5; i++)
        assert_int_equal(backoff_delay_ms(&retry, i + 1), delays[i]);
    assert_int_equal(backoff_delay_ms(&retry, INT64_MAX), 500);
    assert_true(backoff_may_retry(&retry, 4));
    assert_false(backoff_may_retry(&retry, 5));
    const struct retry_spec endless = {.delay_ms = 0, .max_delay_ms = 0, .backoff = 1};
    assert_true(backoff_may_retry(&endless, 1000000));
    assert_int_equal(backoff_delay_ms(&endless, INT64_MAX), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life_goes_from_state_to_state),
        cmocka_unit_test(what_has_ended_stays_so_and_everything_else_can_be_stopped),
        cmocka_unit_test(nothing_starts_after_a_stop),
        cmocka_unit_test(names_are_read_back),
        cmocka_unit_test(delays_grow_up_to_the_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
