#include "hero_rpc/settings.h"

#include "hero_rpc/strbuf.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_NAME_BYTES 96

static void *place_of(const struct rpc_setting *setting, void *config) {
    return (char *)config + setting->place;
}

static int set(const struct rpc_setting *setting, const char *origin, const char *text,
               void *config, struct rpc_error *err) {
    if (setting->kind != RPC_SETTING_NUMBER) {
        memcpy(place_of(setting, config), &text, sizeof text);
        return 0;
    }
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end || errno || number < setting->least || number > setting->most) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: \"%s\" is not a number from %lld to %lld",
                      origin, text, (long long)setting->least, (long long)setting->most);
        return -1;
    }
    memcpy(place_of(setting, config), &(int64_t){number}, sizeof(int64_t));
    return 0;
}

static void set_standard(const struct rpc_setting *setting, void *config) {
    const char *text = setting->standard_text ? setting->standard_text : "";
    if (setting->kind == RPC_SETTING_NUMBER)
        memcpy(place_of(setting, config), &setting->standard, sizeof setting->standard);
    else
        memcpy(place_of(setting, config), &text, sizeof text);
}

static void option_name(const struct rpc_setting *setting, char out[MAX_NAME_BYTES]) {
    size_t len = 0;
    for (const char *c = setting->name; *c && len + 1 < MAX_NAME_BYTES; c++)
        out[len++] = *c == '_' ? '-' : (char)tolower((unsigned char)*c);
    out[len] = '\0';
}

static const struct rpc_setting *find_option(const struct rpc_settings *settings, const char *name,
                                             size_t len) {
    for (size_t i = 0; i < settings->count; i++) {
        char option[MAX_NAME_BYTES];
        option_name(&settings->table[i], option);
        if (settings->table[i].kind != RPC_SETTING_SECRET && strlen(option) == len &&
            memcmp(option, name, len) == 0)
            return &settings->table[i];
    }
    return NULL;
}

static void note_source(const struct rpc_settings *settings, const struct rpc_setting *setting,
                        enum rpc_setting_source source) {
    if (settings->sources) settings->sources[setting - settings->table] = (uint8_t)source;
}

static int read_variable(const struct rpc_settings *settings, const struct rpc_setting *setting,
                         void *config, struct rpc_error *err) {
    char name[MAX_NAME_BYTES];
    snprintf(name, sizeof name, "%s%s", settings->prefix, setting->name);
    const char *text = getenv(name);
    if (!text || !*text) return 0;
    note_source(settings, setting, RPC_SETTING_ENVIRONMENT);
    return set(setting, name, text, config, err);
}

static int read_option(const struct rpc_settings *settings, char **argv, int *index, void *config,
                       struct rpc_error *err) {
    const char *arg = argv[*index];
    const char *equals = strchr(arg, '=');
    const struct rpc_setting *setting = NULL;
    if (strncmp(arg, "--", 2) == 0)
        setting =
            find_option(settings, arg + 2, equals ? (size_t)(equals - arg) - 2 : strlen(arg) - 2);
    if (!setting) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: no such option, see --help", arg);
        return -1;
    }
    const char *value = equals ? equals + 1 : argv[++*index];
    if (!value) {
        rpc_error_set(err, RPC_ERROR_INVALID, 0, "%s: needs a value", arg);
        return -1;
    }
    note_source(settings, setting, RPC_SETTING_OPTION);
    return set(setting, arg, value, config, err);
}

int rpc_settings_read(const struct rpc_settings *settings, int argc, char **argv, void *config,
                      struct rpc_error *err) {
    for (size_t i = 0; i < settings->count; i++) {
        set_standard(&settings->table[i], config);
        note_source(settings, &settings->table[i], RPC_SETTING_DEFAULT);
        if (read_variable(settings, &settings->table[i], config, err) != 0) return -1;
    }
    for (int i = 1; i < argc; i++)
        if (read_option(settings, argv, &i, config, err) != 0) return -1;
    return 0;
}

/* ---- Unknown variables --------------------------------------------------------------------- */

/* Levenshtein's distance, without regard to case; names longer than the table's are far away. */
static size_t distance(const char *from, const char *to) {
    size_t row[MAX_NAME_BYTES + 1], from_len = strlen(from), to_len = strlen(to);
    if (from_len > MAX_NAME_BYTES || to_len > MAX_NAME_BYTES) return SIZE_MAX;
    for (size_t i = 0; i <= to_len; i++)
        row[i] = i;
    for (size_t i = 1; i <= from_len; i++) {
        size_t before = row[0];
        row[0] = i;
        for (size_t j = 1; j <= to_len; j++) {
            bool is_same = toupper((unsigned char)from[i - 1]) == toupper((unsigned char)to[j - 1]);
            size_t best = before + !is_same;
            before = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[to_len];
}

/* The setting that a name is a misspelling of: up to a third of it is wrong, or its end is missing.
 */
static const struct rpc_setting *find_nearest(const struct rpc_settings *settings,
                                              const char *name) {
    const struct rpc_setting *nearest = NULL;
    size_t len = strlen(name), least = len / 3 + 2;
    for (size_t i = 0; i < settings->count; i++) {
        const struct rpc_setting *setting = &settings->table[i];
        bool is_beginning = len > 2 && strncasecmp(setting->name, name, len) == 0;
        size_t far = is_beginning ? 1 : distance(name, setting->name);
        if (far >= least) continue;
        least = far;
        nearest = setting;
    }
    return nearest;
}

static bool is_known(const struct rpc_settings *settings, const char *const *others,
                     const char *name) {
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->table[i].name, name) == 0) return true;
    for (; *others; others++) {
        size_t len = strlen(*others);
        bool is_beginning = (*others)[len - 1] == '_';
        if (is_beginning ? strncmp(*others, name, len) == 0 : strcmp(*others, name) == 0)
            return true;
    }
    return false;
}

void rpc_settings_find_unknown(const struct rpc_settings *settings, const char *const *others,
                               char **environment, rpc_settings_found *found, void *ctx) {
    size_t prefix = strlen(settings->prefix);
    for (; *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        if (strncmp(*environment, settings->prefix, prefix) != 0 || !equals || !equals[1]) continue;
        char *variable = strndup(*environment, (size_t)(equals - *environment));
        if (variable && !is_known(settings, others, variable + prefix)) {
            char name[MAX_NAME_BYTES];
            const struct rpc_setting *nearest = find_nearest(settings, variable + prefix);
            if (nearest) snprintf(name, sizeof name, "%s%s", settings->prefix, nearest->name);
            found(ctx, variable, nearest ? name : NULL);
        }
        free(variable);
    }
}

/* ---- Showing them -------------------------------------------------------------------------- */

static json_t *json_of(const struct rpc_setting *setting, const void *config) {
    const void *place = (const char *)config + setting->place;
    int64_t number;
    const char *text;
    if (setting->kind == RPC_SETTING_NUMBER) {
        memcpy(&number, place, sizeof number);
        return json_integer(number);
    }
    memcpy(&text, place, sizeof text);
    return json_string(text);
}

static json_t *json_of_standard(const struct rpc_setting *setting) {
    if (setting->kind == RPC_SETTING_NUMBER) return json_integer(setting->standard);
    return json_string(setting->standard_text ? setting->standard_text : "");
}

/* The meaning without the line breaks that it has for --help. */
static json_t *json_of_meaning(const char *meaning) {
    struct rpc_strbuf text = RPC_STRBUF_INIT;
    while (*meaning) {
        size_t len = strcspn(meaning, "\n");
        rpc_strbuf_add(&text, meaning, len);
        if (meaning[len]) rpc_strbuf_add_char(&text, ' ');
        meaning += len;
        meaning += strspn(meaning, "\n ");
    }
    json_t *json = json_string(rpc_strbuf_text(&text));
    rpc_strbuf_done(&text);
    return json;
}

json_t *rpc_settings_json(const struct rpc_settings *settings, const void *config) {
    static const char *const names[] = {"default", "environment", "flag"};
    json_t *list = json_array();
    for (size_t i = 0; i < settings->count; i++) {
        const struct rpc_setting *setting = &settings->table[i];
        if (setting->kind == RPC_SETTING_SECRET) continue;
        char variable[MAX_NAME_BYTES], flag[MAX_NAME_BYTES + 2] = "--";
        snprintf(variable, sizeof variable, "%s%s", settings->prefix, setting->name);
        option_name(setting, flag + 2);
        json_t *entry = json_pack(
            "{s:s, s:s, s:s, s:o, s:o, s:s, s:o}", "name", flag + 2, "variable", variable, "flag",
            flag, "value", json_of(setting, config), "default", json_of_standard(setting), "source",
            names[settings->sources[i]], "meaning", json_of_meaning(setting->meaning));
        if (json_array_append_new(list, entry) == 0) continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

void rpc_settings_print_help(const struct rpc_settings *settings, FILE *out) {
    for (size_t i = 0; i < settings->count; i++) {
        const struct rpc_setting *setting = &settings->table[i];
        char option[MAX_NAME_BYTES];
        option_name(setting, option);
        if (setting->kind == RPC_SETTING_SECRET)
            fprintf(out, "  %-20s ", "(variable only)");
        else
            fprintf(out, "  --%-18s ", option);
        fprintf(out, "%s%-16s ", settings->prefix, setting->name);
        if (setting->kind == RPC_SETTING_NUMBER)
            fprintf(out, "%lld\n", (long long)setting->standard);
        else
            fprintf(out, "%s\n", setting->standard_text ? setting->standard_text : "(none)");
        fprintf(out, "      %s\n", setting->meaning);
    }
}
