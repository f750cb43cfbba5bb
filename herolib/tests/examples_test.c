/* The scripts of examples/automation do what they say, on data of their own. */
#include "hero_proc/sdk/tests/target.h"
#include "os/tests/sandbox.h"

#include "core/file.h"
#include "tests/servers.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

/* ---- Running a script --------------------------------------------------------------------- */

static rhai_value from_json(struct fixture *f, const char *json) {
    rhai_value value;
    rhai_error *error = NULL;
    if (rhai_from_json(f->engine, json, strlen(json), &value, &error) != RHAI_OK)
        fail_msg("%s: %s", json, rhai_error_text(error));
    return value;
}

/* The inputs that the script declares, with what is given of them, or else their defaults. */
static void push_inputs(struct fixture *f, rhai_scope *scope, const char *script, size_t len,
                        const char *given_json) {
    rhai_value given = from_json(f, given_json), value;
    rhai_inputs *inputs = rhai_inputs_read(script, len);
    assert_int_equal(inputs->error_count, 0);
    size_t given_left = rhai_map_len(&given);
    for (size_t i = 0; i < inputs->count; i++) {
        const rhai_input *input = &inputs->items[i];
        const rhai_value *found = rhai_map_get(&given, input->name, strlen(input->name));
        assert_true(found || !input->required);
        given_left -= found != NULL;
        if (found)
            rhai_value_copy(found, &value);
        else
            value = input->default_json ? from_json(f, input->default_json) : rhai_unit();
        assert_int_equal(rhai_scope_push(f->engine, scope, input->name, &value, true), RHAI_OK);
    }
    assert_int_equal(given_left, 0);
    rhai_inputs_free(inputs);
    rhai_value_done(f->engine, &given);
}

/* What the script prints; or, after that, its error. */
static const char *run_example(struct fixture *f, const char *name, const char *inputs_json,
                               const char *const *args) {
    char path[PATH_MAX], *script;
    size_t len, count = 0;
    snprintf(path, sizeof path, "%s/%s.rhai", EXAMPLES, name);
    assert_int_equal(file_load(path, FILE_LOAD_MAX_BYTES, &script, &len), 0);
    while (args[count])
        count++;
    f->session.args = args;
    f->session.args_count = count;
    sink_done(&f->sink);
    rhai_scope *scope = rhai_scope_new(f->engine);
    rhai_value value = rhai_unit();
    rhai_error *error = NULL;
    push_inputs(f, scope, script, len, inputs_json);
    if (rhai_eval(f->engine, script, len, scope, &value, &error) == RHAI_ERROR) {
        sink_add(&f->sink.all, rhai_error_text(error), strlen(rhai_error_text(error)));
        rhai_error_free(error);
    }
    rhai_value_done(f->engine, &value);
    rhai_scope_free(f->engine, scope);
    free(script);
    return sink_text(&f->sink.all);
}

/* With arguments, or with a map of inputs as JSON, made as printf does. */
#define RUN(name, ...) run_example(f, name, "{}", (const char *const[]){__VA_ARGS__, NULL})
#define RUN_INPUTS(name, ...)                                                                      \
    (snprintf(inputs_text, sizeof inputs_text, __VA_ARGS__),                                       \
     run_example(f, name, inputs_text, (const char *const[]){NULL}))
static char inputs_text[1000];

static void expect_parts(const char *text, const char *const *parts) {
    for (; *parts; parts++) {
        const char *found = strstr(text, *parts);
        if (!found) fail_msg("no '%s' in:\n%s", *parts, text);
        text = found + strlen(*parts);
    }
}

/* That these occur, in this order. */
#define EXPECT_PARTS(text, ...) expect_parts(text, (const char *const[]){__VA_ARGS__, NULL})

/* ---- The scripts -------------------------------------------------------------------------- */

static void clean_old_files(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir -p d/sub; echo new > d/new; echo 12345 > 'd/sub/old $(x)'; echo 1 > d/old;"
                  "touch -d '10 days ago' d/old d/sub/old*");
    assert_non_null(strstr(RUN("clean_old_files", "d", "7"), "2 files deleted, 8 bytes\n"));
    sandbox_shell("test \"$(find d -type f)\" = d/new");
    assert_string_equal(RUN("clean_old_files", "d", "7"), "0 files deleted, 0 bytes\n");
}

static void backup_rotate(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir 'my data'; echo precious > 'my data/file'");
    for (int i = 0; i < 2; i++)
        RUN("backup_rotate", "my data", "backups", "2");
    sandbox_shell("mv $(ls -d backups/*.gz | head -1) backups/backup-20000101-000000-a.tar.gz");
    assert_string_equal(RUN("backup_rotate", "my data", "backups", "2"),
                        "packed my data: true\ndeleted the oldest archive\n2 archives kept\n");
    sandbox_shell("test $(ls backups | wc -l) = 2 && ! ls backups | grep 20000101;"
                  "for a in backups/*; do test $(tar -xzOf $a ./file) = precious || exit 1; done");
}

/* What happens elsewhere while the script waits: a line of the shell for each time it does. */
static const char *const *meanwhile;

static void on_flush(void *data, bool partial_lines) {
    (void)data, (void)partial_lines;
    if (*meanwhile) sandbox_shell(*meanwhile++);
}

static void watch_log(void **state) {
    struct fixture *f = *state;
    static const char *const lines[] = {"echo 'an error' >> log; echo fine >> log", "true",
                                        "echo 'it failed' >> log", NULL};
    meanwhile = lines;
    f->session.output.flush = on_flush;
    sandbox_shell("echo 'error before' > log");
    assert_string_equal(RUN("watch_log", "log", "error|fail", "1.5"),
                        "an error\nit failed\n2 lines matched\n");
}

static void check_disk(void **state) {
    struct fixture *f = *state;
    assert_string_equal(RUN("check_disk", "100"), "no file system is more than 100 % full\n");
    assert_non_null(strstr(RUN("check_disk", "-1"), " % full"));
    assert_memory_equal(sink_text(&f->sink.all), "Runtime error: /", 16);
}

static void retry_command(void **state) {
    struct fixture *f = *state;
    assert_string_equal(
        RUN("retry_command", "echo x >> tried; test $(wc -l < tried) -ge 3", "5", "1"),
        "try 1 failed with code 1\ntry 2 failed with code 1\nsucceeded at try 3\n");
    assert_non_null(strstr(RUN("retry_command", "exit 4", "2", "1"),
                           "try 2 failed with code 4\nRuntime error: gave up after 2 tries"));
}

static void wait_for_file(void **state) {
    struct fixture *f = *state;
    static const char *const lines[] = {"true", "printf 123 > there", "printf 45 >> there", NULL};
    meanwhile = lines;
    f->session.output.flush = on_flush;
    assert_string_equal(RUN("wait_for_file", "there", "10"), "there is there, 5 bytes\n");
    assert_memory_equal(RUN("wait_for_file", "never", "0.2"),
                        "Runtime error: never did not come within 0.2 s", 46);
}

static void batch_rename(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir d; touch \"d/User's File [Draft].txt\" d/plain.txt");
    static const char said[] = "d/User's File [Draft].txt -> d/user_s_file_draft_.txt\n";
    assert_string_equal(RUN("batch_rename", "d"), said);
    sandbox_shell("test -e \"d/User's File [Draft].txt\"");
    assert_string_equal(RUN("batch_rename", "d", "yes"), said);
    sandbox_shell("test \"$(ls d | tr '\\n' ' ')\" = 'plain.txt user_s_file_draft_.txt '");
}

static void render_report(void **state) {
    struct fixture *f = *state;
    assert_string_equal(RUN("render_report", "out/report.md"),
                        "Successfully wrote to file 'out/report.md'\n");
    fixture_expect(f, "file_read(\"out/report.md\")",
                   "# LOAD\n\n- alpha: **busy** (7)\n- beta: fine\n2 hosts, no remarks\n");
}

static void csv_to_yaml(void **state) {
    struct fixture *f = *state;
    sandbox_shell("printf 'name,age,note\\nAda,36,\"a, b\"\\nBob,-1,007x\\n' > in.csv");
    assert_string_equal(RUN("csv_to_yaml", "in.csv", "out.yaml"), "2 rows\n");
    fixture_expect(f, "yaml_parse(file_read(\"out.yaml\"))",
                   "[#{\"age\": 36, \"name\": \"Ada\", \"note\": \"a, b\"}, "
                   "#{\"age\": -1, \"name\": \"Bob\", \"note\": \"007x\"}]");
}

static void encrypt_file(void **state) {
    struct fixture *f = *state;
    sandbox_shell("echo private > file");
    unsetenv("FILE_PASSWORD");
    assert_non_null(strstr(RUN("encrypt_file", "file"), "FILE_PASSWORD is not set"));
    setenv("FILE_PASSWORD", "pw", 1);
    assert_string_equal(RUN("encrypt_file", "file"), "encrypted file.enc\n");
    sandbox_shell("test \"$(ls)\" = file.enc && ! grep -q private file.enc");
    fixture_expect(f, "decrypt_file(\"file.enc\", \"file\", \"pw\"); file_read(\"file\")", "private\n");
}

static void mirror_git_tree(void **state) {
    struct fixture *f = *state;
    char url[PATH_MAX];
    sandbox_shell("git init -q -b main work; cd work; git config user.name T; git config user.email t@x.y;"
                  "echo one > file; git add file; git commit -qm one");
    assert_non_null(getcwd(url, sizeof url - 16));
    memmove(url + 7, url, strlen(url) + 1);
    memcpy(url, "file://", 7);
    strcat(url, "/work");
    assert_non_null(strstr(RUN("mirror_git_tree", "tree", url), "up to date: file://"));
    sandbox_shell("cd work; echo two > file; git commit -qam two");
    assert_non_null(strstr(RUN("mirror_git_tree", "tree", url), "up to date: file://"));
    sandbox_shell("test \"$(cat $(find tree -name file))\" = two");
    assert_non_null(strstr(RUN("mirror_git_tree", "tree", "file:///no/where"), "1 of 1 repositories failed"));
}

static void deploy_service(void **state) {
    struct fixture *f = *state;
    struct target hero_proc;
    char *home = strdup(getenv("HOME"));
    target_start(&hero_proc, OURS);
    const char *said = RUN("deploy_service", "greeter");
    assert_memory_equal(said, "greeter is running, its process is ", 35);
    assert_non_null(strstr(said, "\nlog: hello from "));
    assert_non_null(strstr(said, "\ngreeter is removed\n"));
    fixture_expect(f, "service_list().map(|s| s.name)", "[]");
    assert_non_null(strstr(RUN("deploy_service", "no name"), "Runtime error: proc: start: "));
    target_stop(&hero_proc);
    setenv("HOME", home, 1);
    free(home);
}

/* ---- With servers ------------------------------------------------------------------------- */

/* A socket on a free port of this machine that does not take connections yet. */
static int open_port(int *ret_port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
    getsockname(fd, (struct sockaddr *)&address, &size);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

/* Answers one request after the other with what `answers` holds, up to NULL; the requests are in the
 * file "requests". */
static pid_t serve_http(int *ret_port, const char *const *answers) {
    int listener = open_port(ret_port);
    listen(listener, 8);
    pid_t server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        FILE *requests = fopen("requests", "w");
        for (; *answers; answers++) {
            char request[4096];
            int fd = accept(listener, NULL, NULL);
            size_t len = 0;
            while (len < sizeof request - 1 && !memmem(request, len, "}", 1)) {
                ssize_t got = read(fd, request + len, sizeof request - 1 - len);
                if (got <= 0) _exit(1);
                len += (size_t)got;
            }
            fprintf(requests, "%.*s\n", (int)len, request);
            fflush(requests);
            dprintf(fd, "HTTP/1.1 %s", *answers);
            close(fd);
        }
        _exit(0);
    }
    close(listener);
    return server;
}

static void http_with_retries(void **state) {
    struct fixture *f = *state;
    static const char busy[] = "503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                      good[] = "201 Created\r\nConnection: close\r\nContent-Length: 9\r\n\r\n{\"id\": 7}",
                      bad[] = "401 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    int port, status;
    unsetenv("API_TOKEN");
    EXPECT_PARTS(RUN_INPUTS("http_with_retries", "{\"url\": \"http://127.0.0.1:1\"}"),
                 "API_TOKEN is not set");
    setenv("API_TOKEN", "t0k", 1);
    pid_t server = serve_http(&port, (const char *const[]){busy, busy, good, bad, NULL});
    assert_string_equal(RUN_INPUTS("http_with_retries",
                                   "{\"url\": \"http://127.0.0.1:%d/events\", \"pause\": 0.01}", port),
                        "accepted as 7\n");
    EXPECT_PARTS(RUN_INPUTS("http_with_retries",
                            "{\"url\": \"http://127.0.0.1:%d/events\", \"event\": {}}", port),
                 "Runtime error: the token is not accepted");
    assert_int_equal(waitpid(server, &status, 0), server);
    assert_int_equal(status, 0);
    sandbox_shell("test $(grep -c '^POST /events' requests) = 4 &&"
                  "test $(grep -c '^Authorization: Bearer t0k' requests) = 4 &&"
                  "test $(grep -c '{\"name\":\"nightly\"}' requests) = 3");
}

/* Begins to take connections when the script waits. */
static int quiet_listener;

static void listen_on_flush(void *data, bool partial_lines) {
    (void)data, (void)partial_lines;
    listen(quiet_listener, 8);
}

static void wait_for_port(void **state) {
    struct fixture *f = *state;
    int port;
    quiet_listener = open_port(&port);
    EXPECT_PARTS(RUN_INPUTS("wait_for_port", "{\"port\": %d, \"seconds\": 1}", port),
                 "Runtime error: nothing takes connections at 127.0.0.1:", " after 1 s");
    f->session.output.flush = listen_on_flush;
    EXPECT_PARTS(RUN_INPUTS("wait_for_port", "{\"port\": %d}", port), "127.0.0.1:",
                 " takes connections, after 0 s\n");
    close(quiet_listener);
}

static void sync_settings_to_redis(void **state) {
    struct fixture *f = *state;
    pid_t server = redis_server_start(sandbox);
    assert_true(server > 0);
    sandbox_shell("printf 'colour: blue\\nlimit: 10\\n' > settings.yaml");
    assert_string_equal(RUN_INPUTS("sync_settings_to_redis", "{\"file\": \"settings.yaml\"}"),
                        "set colour = blue\nset limit = 10\n2 changed\n");
    sandbox_shell("printf 'limit: 20\\nmode: fast\\n' > settings.yaml");
    assert_string_equal(RUN_INPUTS("sync_settings_to_redis", "{\"file\": \"settings.yaml\"}"),
                        "set limit = 20\nset mode = fast\nremoved colour\n3 changed\n");
    fixture_expect(f, "redis_hgetall(\"settings\")", "#{\"limit\": \"20\", \"mode\": \"fast\"}");
    assert_string_equal(RUN_INPUTS("sync_settings_to_redis", "{\"file\": \"settings.yaml\"}"),
                        "nothing has changed\n");
    redis_server_stop(server, sandbox);
}

static void backup_database(void **state) {
    struct fixture *f = *state;
    char dir[100];
    snprintf(dir, sizeof dir, "%s/pg", sandbox);
    sandbox_shell("chmod 755 . && mkdir pg"); /* as root, the server is another user */
    assert_int_equal(postgres_cluster_make(dir), 0);
    pid_t server = postgres_server_start(dir);
    assert_true(server > 0);
    setenv("PGHOST", dir, 1);
    setenv("PGUSER", "tester", 1);
    fixture_expect(f, "pg_execute(\"CREATE DATABASE shop\"); pg_execute(\"CREATE DATABASE copy\")", "0");
    sandbox_shell("psql -q shop -c 'CREATE TABLE a AS SELECT 42 AS n; CREATE TABLE b (n int)'");
    for (int i = 1; i <= 2; i++)
        EXPECT_PARTS(RUN_INPUTS("backup_database", "{\"database\": \"shop\", \"keep\": 2}"),
                     "dumped shop: 2 tables\n", i == 1 ? "1 dumps kept\n" : "2 dumps kept\n");
    sandbox_shell("mv \"$(ls backups/*.dump | head -1)\" backups/shop-20000101-000000-a.dump");
    assert_string_equal(RUN_INPUTS("backup_database", "{\"database\": \"shop\", \"keep\": 2}"),
                        "dumped shop: 2 tables\ndeleted the oldest dump\n2 dumps kept\n");
    sandbox_shell("ls backups | grep -v 20000101 | wc -l | grep -qx 2 &&"
                  "pg_restore -d copy \"$(ls backups/*.dump | tail -1)\" &&"
                  "test $(psql -At copy -c 'SELECT n FROM a') = 42");
    EXPECT_PARTS(RUN_INPUTS("backup_database", "{\"database\": \"none\"}"), "Runtime error: process:",
                 "database \"none\" does not exist");
    sandbox_shell("! ls backups | grep none");
    postgres_server_stop(server);
}

/* A TLS server with a certificate for so many days, and its port. */
static pid_t serve_tls(int days, int *ret_port) {
    char line[300], log[300] = "";
    snprintf(line, sizeof line,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost "
             "-days %d -keyout key.pem -out %d.pem 2> /dev/null",
             days, days);
    sandbox_shell(line);
    snprintf(line, sizeof line, "%d.pem", days);
    pid_t server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(open("tls.log", O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
        dup2(STDOUT_FILENO, STDERR_FILENO);
        execlp("openssl", "openssl", "s_server", "-www", "-accept", "127.0.0.1:0", "-cert", line, "-key",
               "key.pem", (char *)NULL);
        _exit(127);
    }
    const char *accepts = NULL;
    while (!accepts) {
        assert_int_equal(waitpid(server, NULL, WNOHANG), 0);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        FILE *file = fopen("tls.log", "re");
        if (!file) continue;
        log[fread(log, 1, sizeof log - 1, file)] = '\0';
        fclose(file);
        accepts = strstr(log, "ACCEPT 127.0.0.1:");
        if (accepts && !strchr(accepts, '\n')) accepts = NULL;
    }
    *ret_port = atoi(accepts + strlen("ACCEPT 127.0.0.1:"));
    unlink("tls.log");
    return server;
}

/* The line "localhost:PORT: N days left"; -1: there is none. */
static int days_left(const char *text, int port) {
    char name[40];
    int days = -1;
    snprintf(name, sizeof name, "localhost:%d: ", port);
    const char *line = strstr(text, name);
    if (line) sscanf(line + strlen(name), "%d days left\n", &days);
    return days;
}

static void check_certificates(void **state) {
    struct fixture *f = *state;
    int soon, late;
    pid_t servers[] = {serve_tls(10, &soon), serve_tls(100, &late)};
    const char *text = RUN_INPUTS("check_certificates",
                                  "{\"servers\": [\"localhost:%d\", \"localhost:%d\"]}", soon, late);
    assert_in_range(days_left(text, soon), 9, 10);
    assert_in_range(days_left(text, late), 99, 100);
    char error[80];
    snprintf(error, sizeof error, "Runtime error: needs a new certificate: localhost:%d (", soon);
    EXPECT_PARTS(text, error);
    text = RUN_INPUTS("check_certificates", "{\"servers\": [\"localhost:%d\"], \"days\": 5}", soon);
    assert_in_range(days_left(text, soon), 9, 10);
    assert_null(strstr(text, "error"));
    EXPECT_PARTS(RUN_INPUTS("check_certificates", "{\"servers\": [\"localhost:1\"]}"),
                 "localhost:1: no certificate\n", "needs a new certificate: localhost:1");
    for (int i = 0; i < 2; i++) {
        kill(servers[i], SIGKILL);
        waitpid(servers[i], NULL, 0);
    }
}

/* ---- Without ------------------------------------------------------------------------------ */

static void rotate_secrets(void **state) {
    struct fixture *f = *state;
    static const char inputs[] = "{\"store\": \"secrets\", \"names\": [\"api\", \"db\"]}";
    unsetenv("STORE_PASSWORD");
    EXPECT_PARTS(RUN_INPUTS("rotate_secrets", inputs), "STORE_PASSWORD is not set");
    setenv("STORE_PASSWORD", "pw", 1);
    EXPECT_PARTS(RUN_INPUTS("rotate_secrets", inputs), "made api (", "made db (");
    char *first = fixture_evaluate(f, "key_store_open(\"secrets\", \"pw\").get(\"api\")");
    assert_int_equal(strlen(first), 64);
    EXPECT_PARTS(RUN_INPUTS("rotate_secrets", inputs), "rotated api (", "rotated db (");
    assert_null(strstr(sink_text(&f->sink.all), first));
    fixture_expect(f, "key_store_open(\"secrets\", \"pw\").get(\"api.previous\")", first);
    fixture_expect(f,
                   "let s = key_store_open(\"secrets\", \"pw\"); s.get(\"api\") != s.get(\"api.previous\")",
                   "true");
    free(first);
}

static void disk_inventory_to_csv(void **state) {
    struct fixture *f = *state;
    sandbox_shell("mkdir -p d/sub; printf 12345 > d/a; printf 12345 > 'd/sub/b, c'; printf 1234567 > d/z");
    assert_string_equal(RUN_INPUTS("disk_inventory_to_csv", "{\"dir\": \"d\", \"csv\": \"out.csv\"}"),
                        "d/sub/b, c is the same as d/a\n3 files, 5 bytes of them more than once\n");
    fixture_expect(f,
                   "let rows = csv_parse(file_read(\"out.csv\"), #{header: true});"
                   "[rows.map(|r| r.path), rows.map(|r| r.bytes), rows[0].sha256 == sha256(\"1234567\")]",
                   "[[\"d/z\", \"d/a\", \"d/sub/b, c\"], [\"7\", \"5\", \"5\"], true]");
}

static void check_memory(void **state) {
    struct fixture *f = *state;
    char name[16];
    prctl(PR_GET_NAME, name);
    EXPECT_PARTS(RUN_INPUTS("check_memory", "{\"top\": 1000}"), " MiB  ", name);
    assert_null(strstr(sink_text(&f->sink.all), "error"));
    EXPECT_PARTS(RUN_INPUTS("check_memory", "{\"limits\": {\"%s\": 0, \"no such\": 0}, \"top\": 3}", name),
                 " MiB  ", " MiB  ", " MiB  ", "Runtime error: over its limit: ", name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SANDBOX_CASE(clean_old_files),
        SANDBOX_CASE(backup_rotate),
        SANDBOX_CASE(watch_log),
        SANDBOX_CASE(check_disk),
        SANDBOX_CASE(retry_command),
        SANDBOX_CASE(wait_for_file),
        SANDBOX_CASE(batch_rename),
        SANDBOX_CASE(render_report),
        SANDBOX_CASE(csv_to_yaml),
        SANDBOX_CASE(encrypt_file),
        SANDBOX_CASE(mirror_git_tree),
        SANDBOX_CASE(http_with_retries),
        SANDBOX_CASE(wait_for_port),
        SANDBOX_CASE(sync_settings_to_redis),
        SANDBOX_CASE(backup_database),
        SANDBOX_CASE(check_certificates),
        SANDBOX_CASE(rotate_secrets),
        SANDBOX_CASE(disk_inventory_to_csv),
        SANDBOX_CASE(check_memory),
        SANDBOX_CASE(deploy_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
