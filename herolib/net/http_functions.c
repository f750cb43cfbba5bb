/* http_functions.c - HTTP as scripts see it. */
#include "core/module.h"
#include "core/text.h"
#include "core/native.h"
#include "net/http.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK_TIMEOUT_S 10
#define RETRIES_MAX 100
#define SECONDS_MAX 86400.0

/* ---- HttpResponse ------------------------------------------------------------------------ */

static void response_free(void *object) {
    http_response_done(object);
    free(object);
}

static size_t response_text(const void *object, char *buffer, size_t size) {
    const struct http_response *response = object;
    int len = snprintf(buffer, size, "HttpResponse(status: %d, body: %zu bytes)", response->status,
                       response->body_len);
    return (size_t)len < size ? (size_t)len : size - 1;
}

/* A handle: nothing changes a response. */
static const rhai_custom_type response_type = {
    .name = "HttpResponse", .free = response_free, .text = response_text};

static rhai_status give_response(rhai_call *call, struct http_response *response, rhai_value *ret) {
    struct http_response *object = malloc(sizeof *object);
    if (object)
        *object = *response;
    else
        http_response_done(response);
    return value_custom(call, &response_type, object, ret);
}

static rhai_status net_get_status(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const struct http_response *response = rhai_as_custom(&args[0]);
    *ret = rhai_from_int(response->status);
    return RHAI_OK;
}

static rhai_status net_get_success(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const struct http_response *response = rhai_as_custom(&args[0]);
    *ret = rhai_from_bool(response->status / 100 == 2);
    return RHAI_OK;
}

static rhai_status net_get_body(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct http_response *response = rhai_as_custom(&args[0]);
    return text_value(call, response->body ? response->body : "", response->body_len, ret);
}

static rhai_status net_get_url(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct http_response *response = rhai_as_custom(&args[0]);
    return text_value(call, response->url, strlen(response->url), ret);
}

static rhai_status net_body_blob(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct http_response *response = rhai_as_custom(&args[0]);
    if (rhai_from_blob(rhai_call_engine(call), response->body ? response->body : "",
                       response->body_len, ret) == RHAI_OK)
        return RHAI_OK;
    return rhai_throw_out_of_memory(call);
}

static rhai_status net_json(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct http_response *response = rhai_as_custom(&args[0]);
    rhai_error *error = NULL;
    if (rhai_from_json(rhai_call_engine(call), response->body ? response->body : "",
                       response->body_len, ret, &error) == RHAI_OK)
        return RHAI_OK;
    rhai_status status = rhai_throw(call, "net: the answer of %s (status %d) is not JSON: %s",
                                    response->url, response->status, rhai_error_text(error));
    rhai_error_free(error);
    return status;
}

struct header {
    const char *name, *value;
    size_t name_len, value_len;
};

/* The next header of the lines from *at; the status line and the empty line at the end are none. */
static bool next_header(const struct http_response *response, size_t *at, struct header *ret) {
    const char *end = response->headers + response->headers_len;
    while (*at < response->headers_len) {
        const char *line = response->headers + *at;
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline ? newline : end;
        const char *colon = memchr(line, ':', (size_t)(line_end - line));
        *at = (size_t)((newline ? newline + 1 : end) - response->headers);
        if (!colon || strncmp(line, "HTTP/", 5) == 0) continue;
        const char *value = colon + 1;
        while (value < line_end && (*value == ' ' || *value == '\t'))
            value++;
        while (line_end > value && isspace((unsigned char)line_end[-1]))
            line_end--;
        *ret = (struct header){line, value, (size_t)(colon - line), (size_t)(line_end - value)};
        return true;
    }
    return false;
}

/* Puts a header into the map; further ones of that name go behind it, as RFC 9110, 5.3 allows. */
static rhai_status put_header(rhai_call *call, rhai_value *map, const struct header *header) {
    char name[256];
    size_t len = header->name_len < sizeof name ? header->name_len : sizeof name - 1;
    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)header->name[i]);
    name[len] = '\0';
    const rhai_value *before = rhai_map_get(map, name, len);
    if (!before) return value_put_text(call, map, name, header->value, header->value_len);
    size_t before_len;
    const char *text = rhai_as_text(before, &before_len);
    char *joined;
    int joined_len = asprintf(&joined, "%s, %.*s", text, (int)header->value_len, header->value);
    if (joined_len < 0) return rhai_throw_out_of_memory(call);
    rhai_status status = value_put_text(call, map, name, joined, (size_t)joined_len);
    free(joined);
    return status;
}

static rhai_status net_get_headers(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct http_response *response = rhai_as_custom(&args[0]);
    struct header header;
    if (rhai_new_map(rhai_call_engine(call), ret) != RHAI_OK) return rhai_throw_out_of_memory(call);
    for (size_t at = 0; next_header(response, &at, &header);) {
        if (put_header(call, ret, &header) == RHAI_OK) continue;
        rhai_value_done(rhai_call_engine(call), ret);
        return RHAI_ERROR;
    }
    return RHAI_OK;
}

static rhai_status net_header(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const struct http_response *response = rhai_as_custom(&args[0]);
    size_t len;
    const char *name = rhai_as_text(&args[1], &len);
    struct header header;
    for (size_t at = 0; next_header(response, &at, &header);)
        if (header.name_len == len && strncasecmp(header.name, name, len) == 0)
            return text_value(call, header.value, header.value_len, ret);
    return RHAI_OK;
}

/* ---- Requests ---------------------------------------------------------------------------- */

/* A request and what it owns. */
struct prepared {
    struct http_request request;
    char **headers;
    rhai_value json;
};

static void prepared_done(rhai_call *call, struct prepared *prepared) {
    for (size_t i = 0; i < prepared->request.header_count; i++)
        free(prepared->headers[i]);
    free(prepared->headers);
    rhai_value_done(rhai_call_engine(call), &prepared->json);
}

static rhai_status add_header(rhai_call *call, struct prepared *prepared, const char *name,
                              const char *value, size_t value_len) {
    if (strpbrk(name, "\r\n:") || memchr(value, '\n', value_len) || memchr(value, '\r', value_len) ||
        strlen(value) != value_len)
        return rhai_throw(call, "net: the header '%s' holds a line end", name);
    size_t count = prepared->request.header_count;
    char **longer = realloc(prepared->headers, (count + 1) * sizeof *longer);
    if (!longer) return rhai_throw_out_of_memory(call);
    prepared->headers = longer;
    /* For curl, "Name;" is a header without a value and "Name:" one to leave out. */
    int len = *value ? asprintf(&longer[count], "%s: %s", name, value)
                     : asprintf(&longer[count], "%s;", name);
    if (len < 0) return rhai_throw_out_of_memory(call);
    prepared->request.headers = (const char *const *)longer;
    prepared->request.header_count++;
    return RHAI_OK;
}

static rhai_status add_headers(rhai_call *call, struct prepared *prepared, const rhai_value *map) {
    rhai_engine *engine = rhai_call_engine(call);
    const rhai_value *item;
    const char *name;
    size_t name_len, len;
    for (size_t i = 0; (item = rhai_map_entry(engine, map, i, &name, &name_len)); i++) {
        rhai_value text;
        if (rhai_to_text(engine, item, &text) != RHAI_OK) return rhai_throw_out_of_memory(call);
        const char *value = rhai_as_text(&text, &len);
        rhai_status status = add_header(call, prepared, name, value, len);
        rhai_value_done(engine, &text);
        if (status != RHAI_OK) return status;
    }
    return RHAI_OK;
}

static rhai_status set_body(rhai_call *call, struct prepared *prepared, const rhai_value *value) {
    if (rhai_type_of(value) != RHAI_STRING && rhai_type_of(value) != RHAI_BLOB)
        return rhai_throw(call, "net: the option 'body' must be a string or a blob");
    struct bytes bytes = value_bytes(value);
    prepared->request.body = bytes.len > 0 ? (const char *)bytes.data : "";
    prepared->request.body_len = bytes.len;
    return RHAI_OK;
}

static rhai_status set_json(rhai_call *call, struct prepared *prepared, const rhai_value *value) {
    bool is_truncated;
    if (rhai_to_json(rhai_call_engine(call), value, 0, &prepared->json, &is_truncated) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    prepared->request.body = rhai_as_text(&prepared->json, &prepared->request.body_len);
    static const char type[] = "application/json";
    return add_header(call, prepared, "Content-Type", type, sizeof type - 1);
}

/* Seconds as an integer or a float. */
static rhai_status read_seconds(rhai_call *call, const rhai_value *value, const char *name,
                                double *ret) {
    double seconds = rhai_type_of(value) == RHAI_INT     ? (double)rhai_as_int(value)
                     : rhai_type_of(value) == RHAI_FLOAT ? rhai_as_float(value)
                                                         : NAN;
    if (!(seconds >= 0 && seconds <= SECONDS_MAX))
        return rhai_throw(call, "net: the option '%s' must be a number of seconds", name);
    *ret = seconds;
    return RHAI_OK;
}

static const struct value_option options[] = {
    {"headers", RHAI_MAP},      {"body", RHAI_UNIT},      {"json", RHAI_UNIT},
    {"timeout", RHAI_UNIT},     {"retries", RHAI_INT},    {"retry_delay", RHAI_UNIT},
    {"redirects", RHAI_BOOL},   {"insecure", RHAI_BOOL},  {"ca_file", RHAI_STRING},
    {"unix_socket", RHAI_STRING}, {"user", RHAI_STRING},  {"password", RHAI_STRING},
};

static const rhai_value *option(const rhai_value *map, const char *name) {
    return rhai_map_get(map, name, strlen(name));
}

static rhai_status read_texts(rhai_call *call, const rhai_value *map, struct http_request *request) {
    const struct {
        const char *name, **text;
    } texts[] = {{"ca_file", &request->ca_file},
                 {"unix_socket", &request->unix_socket},
                 {"user", &request->user},
                 {"password", &request->password}};
    for (size_t i = 0; i < HEROLIB_COUNT(texts); i++) {
        const rhai_value *value = option(map, texts[i].name);
        if (value && !(*texts[i].text = text_argument(call, value, "net: an option")))
            return RHAI_ERROR;
    }
    return RHAI_OK;
}

static rhai_status read_options(rhai_call *call, const rhai_value *map, struct prepared *prepared) {
    struct http_request *request = &prepared->request;
    const rhai_value *value;
    if (value_check_options(call, map, "net", options, HEROLIB_COUNT(options)) != RHAI_OK)
        return RHAI_ERROR;
    if ((value = option(map, "json")) && set_json(call, prepared, value) != RHAI_OK)
        return RHAI_ERROR;
    if ((value = option(map, "body")) && set_body(call, prepared, value) != RHAI_OK)
        return RHAI_ERROR;
    if ((value = option(map, "headers")) && add_headers(call, prepared, value) != RHAI_OK)
        return RHAI_ERROR;
    if ((value = option(map, "timeout")) &&
        read_seconds(call, value, "timeout", &request->timeout_s) != RHAI_OK)
        return RHAI_ERROR;
    if ((value = option(map, "retry_delay")) &&
        read_seconds(call, value, "retry_delay", &request->retry_delay_s) != RHAI_OK)
        return RHAI_ERROR;
    if ((value = option(map, "retries"))) {
        if (rhai_as_int(value) < 0 || rhai_as_int(value) > RETRIES_MAX)
            return rhai_throw(call, "net: the option 'retries' must be 0 to %d", RETRIES_MAX);
        request->retries = (int)rhai_as_int(value);
    }
    if ((value = option(map, "redirects"))) request->keeps_redirects = !rhai_as_bool(value);
    if ((value = option(map, "insecure"))) request->is_insecure = rhai_as_bool(value);
    return read_texts(call, map, request);
}

static rhai_status throw_failed(rhai_call *call, const struct http_request *request,
                                const char *error) {
    return rhai_throw(call, "net: %s %s: %s", request->method, request->url, error);
}

static rhai_status perform(rhai_call *call, struct prepared *prepared, rhai_value *ret) {
    struct http_response response;
    char error[HTTP_ERROR_BYTES];
    switch (http_perform(call, &prepared->request, &response, error)) {
    case HTTP_ANSWERED: return give_response(call, &response, ret);
    case HTTP_FAILED: return throw_failed(call, &prepared->request, error);
    case HTTP_THROWN: break;
    }
    return RHAI_ERROR;
}

/* `body` and `map` may be NULL. */
static rhai_status request(rhai_call *call, const char *method, const rhai_value *url,
                           const rhai_value *body, const rhai_value *map, rhai_value *ret) {
    struct prepared prepared = {.request = HTTP_REQUEST_INIT, .json = rhai_unit()};
    prepared.request.method = method;
    prepared.request.url = method ? text_argument(call, url, "net: the URL") : NULL;
    if (!prepared.request.url) return RHAI_ERROR;
    rhai_status status = RHAI_OK;
    if (map) status = read_options(call, map, &prepared);
    if (status == RHAI_OK && body)
        status = rhai_type_of(body) == RHAI_STRING || rhai_type_of(body) == RHAI_BLOB
                     ? set_body(call, &prepared, body)
                     : set_json(call, &prepared, body);
    if (status == RHAI_OK) status = perform(call, &prepared, ret);
    prepared_done(call, &prepared);
    return status;
}

static rhai_status net_http_get(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return request(call, "GET", &args[0], NULL, rhai_call_nargs(call) > 1 ? &args[1] : NULL, ret);
}

static rhai_status net_http_post(rhai_call *call, rhai_value *args, rhai_value *ret) {
    return request(call, "POST", &args[0], &args[1], rhai_call_nargs(call) > 2 ? &args[2] : NULL,
                   ret);
}

static rhai_status net_http_request(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *method = text_argument(call, &args[0], "net: the method");
    if (!method) return RHAI_ERROR;
    for (const char *c = method; *c; c++)
        if (!isupper((unsigned char)*c)) method = "";
    if (!*method) return rhai_throw(call, "net: a method is capital letters: GET, POST, PUT ...");
    return request(call, method, &args[1], NULL, rhai_call_nargs(call) > 2 ? &args[2] : NULL, ret);
}

/* ---- Checks ------------------------------------------------------------------------------ */

/* The status, or -1 without an answer. RHAI_ERROR only for a stop or without libcurl. */
static rhai_status check_status(rhai_call *call, const rhai_value *url, int *ret_status) {
    struct http_request request = HTTP_REQUEST_INIT;
    struct http_response response;
    char error[HTTP_ERROR_BYTES];
    request.timeout_s = CHECK_TIMEOUT_S;
    request.url = text_argument(call, url, "net: the URL");
    if (!request.url) return RHAI_ERROR;
    enum http_outcome outcome = http_perform(call, &request, &response, error);
    *ret_status = outcome == HTTP_ANSWERED ? response.status : -1;
    if (outcome == HTTP_ANSWERED) http_response_done(&response);
    return outcome == HTTP_THROWN ? RHAI_ERROR : RHAI_OK;
}

static rhai_status net_http_status(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int status;
    if (check_status(call, &args[0], &status) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_int(status);
    return RHAI_OK;
}

static rhai_status net_http_check(rhai_call *call, rhai_value *args, rhai_value *ret) {
    int status;
    if (check_status(call, &args[0], &status) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_bool(status >= 200 && status < 400);
    return RHAI_OK;
}

/* ---- Downloads --------------------------------------------------------------------------- */

/* Fetches into a file beside `path` and gives it that name when it is whole. */
static rhai_status fetch(rhai_call *call, struct http_request *request, const char *path,
                         const char *partial, int64_t *ret_size) {
    struct http_response response;
    char error[HTTP_ERROR_BYTES];
    struct stat info;
    enum http_outcome outcome = http_perform(call, request, &response, error);
    if (outcome == HTTP_FAILED) return throw_failed(call, request, error);
    if (outcome == HTTP_THROWN) return RHAI_ERROR;
    int status = response.status;
    http_response_done(&response);
    if (status / 100 != 2)
        return rhai_throw(call, "net: GET %s: the server answered with status %d", request->url,
                          status);
    if (fstat(request->body_fd, &info) < 0 || rename(partial, path) < 0)
        return rhai_throw(call, "net: cannot write %s: %s", path, strerror(errno));
    *ret_size = info.st_size;
    return RHAI_OK;
}

static rhai_status download(rhai_call *call, struct http_request *request, const char *path,
                            rhai_value *ret) {
    char *partial;
    int64_t size = 0;
    if (asprintf(&partial, "%s.part.%ld", path, (long)getpid()) < 0)
        return rhai_throw_out_of_memory(call);
    request->body_fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    rhai_status status;
    if (request->body_fd < 0) {
        status = rhai_throw(call, "net: cannot write %s: %s", path, strerror(errno));
    } else {
        status = fetch(call, request, path, partial, &size);
        close(request->body_fd);
        if (status == RHAI_OK)
            *ret = rhai_from_int(size);
        else
            unlink(partial);
    }
    free(partial);
    return status;
}

static rhai_status net_http_download(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct prepared prepared = {.request = HTTP_REQUEST_INIT, .json = rhai_unit()};
    const char *path = text_argument(call, &args[1], "net: the path");
    prepared.request.url = path ? text_argument(call, &args[0], "net: the URL") : NULL;
    if (!prepared.request.url) return RHAI_ERROR;
    const char *slash = strrchr(path, '/');
    prepared.request.progress = slash ? slash + 1 : path;
    prepared.request.timeout_s = 0; /* a large file takes its time; the script's limit holds */
    rhai_status status = RHAI_OK;
    if (rhai_call_nargs(call) > 2) status = read_options(call, &args[2], &prepared);
    if (status == RHAI_OK) status = download(call, &prepared.request, path, ret);
    prepared_done(call, &prepared);
    return status;
}

#define RESPONSE "{HttpResponse}"
#define GET_DOC                                                                                    \
    "Gets a URL. An answer of any status is a response; none at all is an error. Options: headers, "    \
    "timeout and retry_delay in seconds, retries, redirects, insecure, ca_file, unix_socket, user, "    \
    "password."
#define POST_DOC                                                                                   \
    "Sends a body to a URL with POST: a string or a blob as it is, anything else as JSON."
#define REQUEST_DOC                                                                                \
    "A request of any method; the options of http_get, and body (a string or a blob) or json (any "     \
    "value)."
#define DOWNLOAD_DOC                                                                               \
    "Downloads into a file, which appears when it is whole, and shows the progress. Gives the size. "   \
    "A status other than 2xx is an error. Options as in http_get."

static const rhai_native functions[] = {
    {"http_get", "s", net_http_get, RHAI_FN_VOLATILE, "http_get(url: string) -> HttpResponse",
     GET_DOC},
    {"http_get", "sm", net_http_get, RHAI_FN_VOLATILE,
     "http_get(url: string, options: map) -> HttpResponse", GET_DOC},
    {"http_post", "s?", net_http_post, RHAI_FN_VOLATILE,
     "http_post(url: string, body: any) -> HttpResponse", POST_DOC},
    {"http_post", "s?m", net_http_post, RHAI_FN_VOLATILE,
     "http_post(url: string, body: any, options: map) -> HttpResponse", POST_DOC},
    {"http_request", "ss", net_http_request, RHAI_FN_VOLATILE,
     "http_request(method: string, url: string) -> HttpResponse", REQUEST_DOC},
    {"http_request", "ssm", net_http_request, RHAI_FN_VOLATILE,
     "http_request(method: string, url: string, options: map) -> HttpResponse", REQUEST_DOC},
    {"http_download", "ss", net_http_download, RHAI_FN_VOLATILE,
     "http_download(url: string, path: string) -> int", DOWNLOAD_DOC},
    {"http_download", "ssm", net_http_download, RHAI_FN_VOLATILE,
     "http_download(url: string, path: string, options: map) -> int", DOWNLOAD_DOC},
    {"http_check", "s", net_http_check, RHAI_FN_VOLATILE, "http_check(url: string) -> bool",
     "Whether a URL answers within 10 s with a status of 200 to 399, redirects followed."},
    {"http_status", "s", net_http_status, RHAI_FN_VOLATILE, "http_status(url: string) -> int",
     "The status that a URL answers with, redirects followed; -1 without an answer within 10 s."},
    {"get$status", RESPONSE, net_get_status, 0, "HttpResponse.status -> int", "The status code."},
    {"get$success", RESPONSE, net_get_success, 0, "HttpResponse.success -> bool",
     "Whether the status is 200 to 299."},
    {"get$body", RESPONSE, net_get_body, 0, "HttpResponse.body -> string",
     "The body as text; bytes that are not UTF-8 are replaced."},
    {"get$url", RESPONSE, net_get_url, 0, "HttpResponse.url -> string",
     "The URL that answered, after redirects."},
    {"get$headers", RESPONSE, net_get_headers, 0, "HttpResponse.headers -> map",
     "The headers by their names in lower case; several of one name are joined by commas."},
    {"header", RESPONSE "s", net_header, 0, "HttpResponse.header(name: string) -> string | ()",
     "One header, whatever the case of its name; () when there is none."},
    {"body_blob", RESPONSE, net_body_blob, 0, "HttpResponse.body_blob() -> blob",
     "The body's bytes."},
    {"json", RESPONSE, net_json, 0, "HttpResponse.json() -> any",
     "The value that the body is the JSON of; another body is an error."},
};

static const rhai_custom_type *const types[] = {&response_type};

const herolib_module herolib_net_http_module = {
    .name = "net",
    .types = types,
    .type_count = HEROLIB_COUNT(types),
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
