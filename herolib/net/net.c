/* net.c - ports, names, and other hosts through ssh. */
#include "core/module.h"
#include "core/text.h"
#include "core/native.h"
#include "net/socket.h"
#include "process/tool.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define CHECK_TIMEOUT_S 3
#define LOOKUP_TIMEOUT_S 10
#define WAIT_PAUSE_NS (NS_PER_SECOND / 10)
#define SECONDS_MAX (365 * 86400)
/* What ssh exits with when it could not run the command (ssh(1)). */
#define SSH_FAILED 255

static const struct tool ping = {.module = "net", .program = "ping", .package = "iputils-ping"};
static const struct tool ssh_client = {
    .module = "ssh", .program = "ssh", .package = "openssh-client"};

static int64_t in_seconds(int64_t seconds) {
    return herolib_now_ns() + seconds * NS_PER_SECOND;
}

/* ---- TCP --------------------------------------------------------------------------------- */

static rhai_status check_port(rhai_call *call, const rhai_value *port) {
    if (rhai_as_int(port) >= 1 && rhai_as_int(port) <= 65535) return RHAI_OK;
    return rhai_throw(call, "net: the port must be 1 to 65535");
}

static rhai_status check_seconds(rhai_call *call, const rhai_value *seconds) {
    if (rhai_as_int(seconds) >= 0 && rhai_as_int(seconds) <= SECONDS_MAX) return RHAI_OK;
    return rhai_throw(call, "net: the number of seconds must be 0 to %d", SECONDS_MAX);
}

/* Whether something takes a connection. RHAI_ERROR: the session must stop. */
static rhai_status try_port(rhai_call *call, const char *host, int port, int64_t deadline_ns,
                            bool *ret_is_open) {
    int fd, failed = socket_connect(herolib_call_session(call), host, port, deadline_ns, &fd);
    *ret_is_open = !failed;
    if (!failed) close(fd);
    return failed == -ECANCELED ? rhai_throw_terminated(call) : RHAI_OK;
}

/* A port that is none is one nothing listens on: checks do not throw. */
static rhai_status net_tcp_check(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *host = text_argument(call, &args[0], "net: the host");
    int64_t port = rhai_as_int(&args[1]);
    bool is_open = false;
    if (!host) return RHAI_ERROR;
    if (port >= 1 && port <= 65535 &&
        try_port(call, host, (int)port, in_seconds(CHECK_TIMEOUT_S), &is_open) != RHAI_OK)
        return RHAI_ERROR;
    *ret = rhai_from_bool(is_open);
    return RHAI_OK;
}

static rhai_status net_tcp_wait(rhai_call *call, rhai_value *args, rhai_value *ret) {
    herolib_session *session = herolib_call_session(call);
    const char *host = text_argument(call, &args[0], "net: the host");
    if (!host || check_port(call, &args[1]) != RHAI_OK || check_seconds(call, &args[2]) != RHAI_OK)
        return RHAI_ERROR;
    int64_t deadline_ns = in_seconds(rhai_as_int(&args[2])), now_ns;
    bool is_open;
    for (;;) {
        if (try_port(call, host, (int)rhai_as_int(&args[1]), deadline_ns, &is_open) != RHAI_OK)
            return RHAI_ERROR;
        now_ns = herolib_now_ns();
        if (is_open || now_ns >= deadline_ns) break;
        int64_t pause_ns = now_ns + WAIT_PAUSE_NS < deadline_ns ? now_ns + WAIT_PAUSE_NS : deadline_ns;
        if (herolib_wait(session, NULL, 0, pause_ns) < 0) return rhai_throw_terminated(call);
    }
    *ret = rhai_from_bool(is_open);
    return RHAI_OK;
}

static rhai_status net_tcp_ping(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *host = text_argument(call, &args[0], "net: the host");
    if (!host) return RHAI_ERROR;
    const char *const argv[] = {"ping", "-c", "1", "-W", "3", "--", host, NULL};
    struct command command = {.argv = argv, .is_silent = true};
    struct command_result result;
    if (tool_run(call, &ping, &command, &result) != RHAI_OK) return RHAI_ERROR;
    *ret = rhai_from_bool(result.code == 0);
    command_result_done(&result);
    return RHAI_OK;
}

/* ---- Names ------------------------------------------------------------------------------- */

static bool is_listed(const rhai_value *array, const char *text) {
    size_t len;
    for (size_t i = 0; i < rhai_array_len(array); i++)
        if (strcmp(rhai_as_text(rhai_array_at(array, i), &len), text) == 0) return true;
    return false;
}

static rhai_status give_addresses(rhai_call *call, const struct addrinfo *found, rhai_value *ret) {
    char text[INET6_ADDRSTRLEN + 32];
    if (rhai_new_array(rhai_call_engine(call), ret) != RHAI_OK)
        return rhai_throw_out_of_memory(call);
    for (const struct addrinfo *one = found; one; one = one->ai_next) {
        if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST))
            continue;
        if (is_listed(ret, text) || value_push_text(call, ret, text, strlen(text)) == RHAI_OK)
            continue;
        rhai_value_done(rhai_call_engine(call), ret);
        return RHAI_ERROR;
    }
    return RHAI_OK;
}

static rhai_status net_dns_lookup(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = text_argument(call, &args[0], "net: the name");
    struct addrinfo *found = NULL;
    if (!name) return RHAI_ERROR;
    int failed = socket_resolve(herolib_call_session(call), name, 0, in_seconds(LOOKUP_TIMEOUT_S),
                                &found);
    if (failed == -ECANCELED) return rhai_throw_terminated(call);
    if (failed) return rhai_throw(call, "net: cannot look up %s: %s", name, socket_error_text(failed));
    rhai_status status = give_addresses(call, found, ret);
    freeaddrinfo(found);
    return status;
}

/* ---- ssh --------------------------------------------------------------------------------- */

struct ssh {
    const char *host, *user, *command, *identity;
    char port[8], timeout[24];
};

static const struct value_option ssh_options[] = {
    {"port", RHAI_INT}, {"identity", RHAI_STRING}, {"timeout", RHAI_INT}};

static rhai_status read_ssh_options(rhai_call *call, const rhai_value *map, struct ssh *ssh) {
    if (value_check_options(call, map, "ssh", ssh_options, HEROLIB_COUNT(ssh_options)) != RHAI_OK)
        return RHAI_ERROR;
    const rhai_value *port = rhai_map_get(map, "port", 4);
    const rhai_value *identity = rhai_map_get(map, "identity", 8);
    const rhai_value *timeout = rhai_map_get(map, "timeout", 7);
    if (port && check_port(call, port) != RHAI_OK) return RHAI_ERROR;
    if (port) snprintf(ssh->port, sizeof ssh->port, "%d", (int)rhai_as_int(port));
    if (timeout && check_seconds(call, timeout) != RHAI_OK) return RHAI_ERROR;
    if (timeout)
        snprintf(ssh->timeout, sizeof ssh->timeout, "ConnectTimeout=%d", (int)rhai_as_int(timeout));
    if (identity && !(ssh->identity = text_argument(call, identity, "ssh: the identity")))
        return RHAI_ERROR;
    return RHAI_OK;
}

/* Asks nobody: there is no one to type a password, and no terminal. */
static rhai_status run_ssh(rhai_call *call, const struct ssh *ssh, bool is_silent,
                           struct command_result *ret) {
    const char *argv[20] = {"ssh", "-T", "-o", "BatchMode=yes", "-o", ssh->timeout, "-l", ssh->user};
    size_t count = 8;
    if (*ssh->port) {
        argv[count++] = "-p";
        argv[count++] = ssh->port;
    }
    if (ssh->identity) {
        argv[count++] = "-i";
        argv[count++] = ssh->identity;
    }
    argv[count++] = "--";
    argv[count++] = ssh->host;
    argv[count++] = ssh->command;
    struct command command = {.argv = argv, .is_silent = is_silent};
    return tool_run(call, &ssh_client, &command, ret);
}

/* Host, user, and, unless it is given, the command; then perhaps options. */
static rhai_status read_ssh(rhai_call *call, rhai_value *args, const char *command, struct ssh *ret) {
    size_t count = command ? 2 : 3;
    *ret = (struct ssh){.timeout = "ConnectTimeout=10", .command = command};
    ret->host = text_argument(call, &args[0], "ssh: the host");
    ret->user = ret->host ? text_argument(call, &args[1], "ssh: the user") : NULL;
    if (!ret->user) return RHAI_ERROR;
    if (!command && !(ret->command = text_argument(call, &args[2], "ssh: the command")))
        return RHAI_ERROR;
    return rhai_call_nargs(call) > count ? read_ssh_options(call, &args[count], ret) : RHAI_OK;
}

static rhai_status net_ssh_execute(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct ssh ssh;
    struct command_result result;
    if (read_ssh(call, args, NULL, &ssh) != RHAI_OK ||
        run_ssh(call, &ssh, false, &result) != RHAI_OK)
        return RHAI_ERROR;
    *ret = rhai_from_int(result.code == SSH_FAILED ? -1 : result.code);
    command_result_done(&result);
    return RHAI_OK;
}

static rhai_status net_ssh_execute_output(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct ssh ssh;
    struct command_result result;
    if (read_ssh(call, args, NULL, &ssh) != RHAI_OK || run_ssh(call, &ssh, true, &result) != RHAI_OK)
        return RHAI_ERROR;
    const struct command_output *output = result.code == SSH_FAILED ? &result.err : &result.out;
    rhai_status status = text_value(call, output->text ? output->text : "", output->len, ret);
    command_result_done(&result);
    return status;
}

static rhai_status net_ssh_ping(rhai_call *call, rhai_value *args, rhai_value *ret) {
    struct ssh ssh;
    struct command_result result;
    if (read_ssh(call, args, "true", &ssh) != RHAI_OK || run_ssh(call, &ssh, true, &result) != RHAI_OK)
        return RHAI_ERROR;
    *ret = rhai_from_bool(result.code == 0);
    command_result_done(&result);
    return RHAI_OK;
}

#define SSH_OPTIONS " Options: port, identity (a file), timeout (of the connection, in seconds; 10)."
#define SSH_EXECUTE_DOC                                                                            \
    "Runs a command on another host through ssh, with keys only; its output is shown. Gives its exit "  \
    "code, -1 when it could not be run there."
#define SSH_OUTPUT_DOC                                                                             \
    "As ssh_execute, but gives what the command wrote to its standard output; when it could not be run, " \
    "what ssh says."
#define SSH_PING_DOC "Whether ssh can log in to a host."

static const rhai_native functions[] = {
    {"tcp_check", "si", net_tcp_check, RHAI_FN_VOLATILE, "tcp_check(host: string, port: int) -> bool",
     "Whether something takes a connection on that port within 3 s."},
    {"tcp_wait", "sii", net_tcp_wait, RHAI_FN_VOLATILE,
     "tcp_wait(host: string, port: int, seconds: int) -> bool",
     "Waits until something takes a connection on that port; false when nothing has by then."},
    {"tcp_ping", "s", net_tcp_ping, RHAI_FN_VOLATILE, "tcp_ping(host: string) -> bool",
     "Whether a host answers one echo request (the ping program) within 3 s."},
    {"dns_lookup", "s", net_dns_lookup, RHAI_FN_VOLATILE, "dns_lookup(name: string) -> array",
     "The addresses of a name, in the order to try them; none is an error."},
    {"ssh_execute", "sss", net_ssh_execute, RHAI_FN_VOLATILE,
     "ssh_execute(host: string, user: string, command: string) -> int", SSH_EXECUTE_DOC},
    {"ssh_execute", "sssm", net_ssh_execute, RHAI_FN_VOLATILE,
     "ssh_execute(host: string, user: string, command: string, options: map) -> int",
     SSH_EXECUTE_DOC SSH_OPTIONS},
    {"ssh_execute_output", "sss", net_ssh_execute_output, RHAI_FN_VOLATILE,
     "ssh_execute_output(host: string, user: string, command: string) -> string", SSH_OUTPUT_DOC},
    {"ssh_execute_output", "sssm", net_ssh_execute_output, RHAI_FN_VOLATILE,
     "ssh_execute_output(host: string, user: string, command: string, options: map) -> string",
     SSH_OUTPUT_DOC SSH_OPTIONS},
    {"ssh_ping", "ss", net_ssh_ping, RHAI_FN_VOLATILE, "ssh_ping(host: string, user: string) -> bool",
     SSH_PING_DOC},
    {"ssh_ping", "ssm", net_ssh_ping, RHAI_FN_VOLATILE,
     "ssh_ping(host: string, user: string, options: map) -> bool", SSH_PING_DOC SSH_OPTIONS},
};

const herolib_module herolib_net_module = {
    .name = "net",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
