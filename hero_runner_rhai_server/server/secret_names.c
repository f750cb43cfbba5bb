#include "server/secret_names.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Anywhere in a name. */
static const char *const parts[] = {"SECRET",     "TOKEN",  "PASSW",  "PASSPHRASE", "PRIVATE",
                                    "CREDENTIAL", "COOKIE", "BEARER", "AUTHORIZ"};
/* At the end of any of its words: SSHKEY, API_KEY_2, accessKeyId. */
static const char *const endings[] = {"KEY", "KEYS"};
/* As its last word: elsewhere they mean something else (AUTH_METHOD). */
static const char *const last_words[] = {"PASS",  "AUTH", "PWD", "DSN", "CRED",
                                         "CREDS", "PAT",  "JWT", "OTP"};

struct word {
    const char *text;
    size_t len;
};

/* The next word at or behind `at`; its len is 0 when there is none. */
static struct word next_word(const char *at) {
    while (*at && !isalpha((unsigned char)*at))
        at++;
    size_t len = 0;
    while (isalpha((unsigned char)at[len]) &&
           !(len > 0 && islower((unsigned char)at[len - 1]) && isupper((unsigned char)at[len])))
        len++;
    return (struct word){at, len};
}

static bool ends_with(struct word word, const char *ending) {
    size_t len = strlen(ending);
    return word.len >= len && strncasecmp(word.text + word.len - len, ending, len) == 0;
}

bool secret_name(const char *name) {
    if (strcasecmp(name, "PWD") == 0) return false; /* the working directory */
    for (size_t i = 0; i < COUNT(parts); i++)
        if (strcasestr(name, parts[i])) return true;
    struct word last = {0};
    for (struct word word = next_word(name); word.len; word = next_word(word.text + word.len)) {
        for (size_t i = 0; i < COUNT(endings); i++)
            if (ends_with(word, endings[i])) return true;
        last = word;
    }
    for (size_t i = 0; i < COUNT(last_words); i++)
        if (last.len == strlen(last_words[i]) && ends_with(last, last_words[i])) return true;
    return false;
}
