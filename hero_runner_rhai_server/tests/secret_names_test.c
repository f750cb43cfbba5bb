/* Names of variables whose values are kept from history and logs. */
#include "server/secret_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void names_that_look_secret(void **state) {
    (void)state;
    static const char *const names[] = {
        "API_TOKEN",     "db_password",   "MYSQL_PWD",    "PGPASSWORD",     "AWS_SECRET_ACCESS_KEY",
        "KEY",           "SSHKEY",        "apiKey",       "accessKeyId",    "aws-access-key",
        "SIGNING_KEY_2", "AUTHORIZATION", "SSH_AUTH",     "SESSION_COOKIE", "Authorization",
        "BEARER",        "ENCRYPTIONKEY", "DEPLOY_KEYS",  "SENTRY_DSN",     "GITHUB_PAT",
        "JWT",           "DB_CREDS",      "clientSecret", "privatePem",     "smtp.pass",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!secret_name(names[i])) fail_msg("%s", names[i]);
}

static void others_do_not(void **state) {
    (void)state;
    static const char *const names[] = {
        "",         "PATH",   "HOME",        "PWD",    "pwd",      "OLDPWD",    "KEYBOARD",
        "KEYWORDS", "AUTHOR", "AUTH_METHOD", "BYPASS", "COMPASS",  "PATTERN",   "PATH_ROOT",
        "LANG",     "x",      "_",           "1",      "PASSES_2", "keyframes", "DSN_FILE_COUNT",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (secret_name(names[i])) fail_msg("%s", names[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_look_secret),
        cmocka_unit_test(others_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
