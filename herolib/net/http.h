/* http.h - HTTP requests on libcurl, which is loaded when the first one is made.
 *
 * Each request is a connection of its own: nothing of one script's is there for the next.
 */
#ifndef HEROLIB_NET_HTTP_H
#define HEROLIB_NET_HTTP_H

#include <herolib/herolib.h>

#define HTTP_BODY_MAX_BYTES (64 * 1024 * 1024)
#define HTTP_TIMEOUT_S 30
#define HTTP_ERROR_BYTES 512

/* All is borrowed for the time of the call. */
struct http_request {
    const char *method;
    const char *url;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    const char *body; /* NULL: none */
    size_t body_len;
    double timeout_s; /* for each attempt; 0: none */
    /* When there is no answer, or one of 429, 502, 503, 504: so many more attempts. Before each it
     * waits, twice as long each time, or as long as the server asks for (Retry-After). */
    int retries;
    double retry_delay_s;
    bool keeps_redirects; /* gives a 3xx as it is */
    bool is_insecure;     /* takes any certificate */
    const char *ca_file;  /* certificates that are trusted; NULL: the system's */
    const char *unix_socket; /* connects there, whatever the URL's host; NULL: not */
    const char *user, *password; /* HTTP authentication; NULL: none */
    int body_fd; /* where a body of a 2xx goes; -1: into the response */
    const char *progress; /* reports progress with this text; NULL: not */
};

#define HTTP_REQUEST_INIT                                                                          \
    { .method = "GET", .timeout_s = HTTP_TIMEOUT_S, .retry_delay_s = 1, .body_fd = -1 }

struct http_response {
    int status;
    char *body; /* from malloc; NULL: empty */
    size_t body_len;
    char *headers; /* lines of the last answer, status line first; from malloc */
    size_t headers_len;
    char *url; /* the last one, after redirects; from malloc */
};

enum http_outcome {
    HTTP_ANSWERED,
    HTTP_FAILED, /* error[] says why; nothing was thrown */
    HTTP_THROWN, /* no libcurl, out of memory, or the session must stop */
};

enum http_outcome http_perform(rhai_call *call, const struct http_request *request,
                               struct http_response *ret_response, char error[HTTP_ERROR_BYTES]);
void http_response_done(struct http_response *response);

#endif
