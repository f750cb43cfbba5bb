/* layout_functions.c - dedent, prefix, name_fix, path_fix. */
#include "core/module.h"
#include "core/text.h"
#include "text/layout.h"

typedef char *layout_function(const char *text, size_t len, size_t *ret_len);

static rhai_status apply(rhai_call *call, layout_function *function, const rhai_value *argument,
                         rhai_value *ret) {
    size_t len, made_len = 0;
    const char *text = rhai_as_text(argument, &len);
    char *made = function(text, len, &made_len);
    return text_take(call, made, made_len, ret);
}

static rhai_status text_dedent(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return apply(call, layout_dedent, &args[0], ret);
}

static rhai_status text_name_fix(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return apply(call, layout_name_fix, &args[0], ret);
}

static rhai_status text_path_fix(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return apply(call, layout_path_fix, &args[0], ret);
}

static rhai_status text_prefix(rhai_call *call, rhai_value *args, rhai_value *ret) {
    size_t len, prefix_len, made_len = 0;
    const char *text = rhai_as_text(&args[0], &len), *prefix = rhai_as_text(&args[1], &prefix_len);
    char *made = layout_prefix(text, len, prefix, prefix_len, &made_len);
    return text_take(call, made, made_len, ret);
}

static const rhai_native functions[] = {
    {"dedent", "s", text_dedent, 0, "dedent(text: string) -> string",
     "Takes away the white space with which all lines begin; blank lines do not count."},
    {"prefix", "ss", text_prefix, 0, "prefix(text: string, prefix: string) -> string",
     "Puts a text before every line."},
    {"name_fix", "s", text_name_fix, 0, "name_fix(name: string) -> string",
     "A name that is good for a file: lower case; each run of spaces and punctuation becomes one "
     "`_`, dots stay, and characters that are not ASCII go. \"User's File [Draft].txt\" gives "
     "\"user_s_file_draft_.txt\"."},
    {"path_fix", "s", text_path_fix, 0, "path_fix(path: string) -> string",
     "As name_fix for the last part of a path; the directories stay as they are."},
};

const herolib_module herolib_text_layout_module = {
    .name = "text",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
