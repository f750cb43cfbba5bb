#include "server/inputs.h"

#include <math.h>
#include <rhai/rhai.h>
#include <stdio.h>
#include <string.h>

static const struct {
    rhai_type type;
    const char *article_and_name;
} types[] = {
    {RHAI_STRING, "a string"}, {RHAI_INT, "an integer"}, {RHAI_FLOAT, "a number"},
    {RHAI_BOOL, "a boolean"},  {RHAI_ARRAY, "an array"}, {RHAI_MAP, "an object"},
};

static const char *name_of(rhai_type type) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == type) return types[i].article_and_name;
    return "a value";
}

static int fail(struct inputs_problem *problem, const char *name, const char *what) {
    snprintf(problem->param, sizeof problem->param, "inputs.%.240s", name);
    snprintf(problem->what, sizeof problem->what, "%s", what);
    return -1;
}

/* A new reference to the value as the script will get it (2.0 is an integer too, and 2 a number);
 * NULL when it is of another type. */
static json_t *fit(json_t *value, rhai_type type) {
    switch (type) {
    case RHAI_INT:
        if (json_is_integer(value)) break;
        if (!json_is_real(value)) return NULL;
        double number = json_real_value(value);
        if (number != floor(number) || fabs(number) > 9007199254740992.0) return NULL;
        return json_integer((json_int_t)number);
    case RHAI_FLOAT:
        if (json_is_integer(value)) return json_real((double)json_integer_value(value));
        if (!json_is_real(value)) return NULL;
        break;
    case RHAI_STRING:
        if (!json_is_string(value)) return NULL;
        break;
    case RHAI_BOOL:
        if (!json_is_boolean(value)) return NULL;
        break;
    case RHAI_ARRAY:
        if (!json_is_array(value)) return NULL;
        break;
    case RHAI_MAP:
        if (!json_is_object(value)) return NULL;
        break;
    default: break;
    }
    return json_incref(value);
}

static int take_one(const rhai_input *input, const json_t *given, json_t *inputs,
                    struct inputs_problem *problem) {
    char what[64];
    json_t *value = json_object_get(given, input->name), *fitting;
    if (value && !json_is_null(value)) {
        fitting = fit(value, input->type);
    } else if (input->default_json) {
        fitting = json_loads(input->default_json, JSON_DECODE_ANY, NULL);
    } else if (!input->required) {
        fitting = json_null();
    } else {
        snprintf(what, sizeof what, "is missing: it must be %s", name_of(input->type));
        return fail(problem, input->name, what);
    }
    if (fitting) return json_object_set_new(inputs, input->name, fitting);
    snprintf(what, sizeof what, "must be %s", name_of(input->type));
    return fail(problem, input->name, what);
}

static bool is_declared(const rhai_inputs *declared, const char *name) {
    for (size_t i = 0; i < declared->count; i++)
        if (strcmp(declared->items[i].name, name) == 0) return true;
    return false;
}

static int take_all(const rhai_inputs *declared, const json_t *given, json_t *inputs,
                    struct inputs_problem *problem) {
    if (declared->error_count > 0) {
        const rhai_input_error *error = &declared->errors[0];
        snprintf(problem->param, sizeof problem->param, "script");
        snprintf(problem->what, sizeof problem->what,
                 "declares its inputs wrongly: %.150s (line %u, position %u)", error->message,
                 error->pos.line, error->pos.column);
        return -1;
    }
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)given, name, value) {
        if (!is_declared(declared, name))
            return fail(problem, name, "is not declared by the script");
    }
    for (size_t i = 0; i < declared->count; i++)
        if (take_one(&declared->items[i], given, inputs, problem) < 0) return -1;
    return 0;
}

int inputs_take(const json_t *script, const json_t *given, json_t **ret_inputs,
                struct inputs_problem *ret_problem) {
    static const char keyword[] = "@input";
    const char *text = json_string_value(script);
    size_t len = json_string_length(script);
    /* Most scripts declare nothing, and need not be read for it. */
    if (json_object_size(given) == 0 && !memmem(text, len, keyword, sizeof keyword - 1)) {
        *ret_inputs = NULL;
        return 0;
    }
    rhai_inputs *declared = rhai_inputs_read(text, len);
    json_t *inputs = json_object();
    int outcome = -1;
    if (declared && inputs)
        outcome = take_all(declared, given, inputs, ret_problem);
    else
        fail(ret_problem, "", "cannot be read: out of memory");
    rhai_inputs_free(declared);
    if (outcome == 0)
        *ret_inputs = inputs;
    else
        json_decref(inputs);
    return outcome;
}
