#include "editline.h"
#include "parts.h"

#include <dlfcn.h>
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum { HISTORY_LINES = 1000 };

struct line_reader {
    const repl *r;
    EditLine *editor; /* NULL: standard input is no terminal, or there is no libedit */
    History *history;
    char *history_file; /* NULL: nowhere */
    const char *prompt;
    char *line; /* of getline */
    size_t line_size;
};

/* ---- History ------------------------------------------------------------------------------ */

static void make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700); /* exists, or the file cannot be written: no history then */
        *slash = '/';
    }
}

/* The XDG base directory specification: $XDG_STATE_HOME counts if it is an absolute path. */
static char *history_path(const char *program) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *path = NULL;
    int n = -1;
    if (state && *state == '/')
        n = asprintf(&path, "%s/%s/history", state, program);
    else if (home && *home)
        n = asprintf(&path, "%s/.local/state/%s/history", home, program);
    if (n < 0) return NULL;
    make_folders(path);
    return path;
}

void line_reader_remember(line_reader *lr, const char *input) {
    HistEvent event;
    if (lr->history) editline.history(lr->history, &event, H_ENTER, input);
}

/* ---- The editor --------------------------------------------------------------------------- */

static char *show_prompt(EditLine *editor) {
    line_reader *lr;
    static char prompt[16];
    editline.el_get(editor, EL_CLIENTDATA, &lr);
    snprintf(prompt, sizeof prompt, "%s", lr->prompt);
    return prompt;
}

/* How many bytes from `typed` on all names have in common. */
static size_t common_len(const completion *c) {
    size_t len = strlen(c->names[0]);
    for (size_t i = 1; i < c->len; i++) {
        size_t same = 0;
        while (same < len && c->names[i][same] == c->names[0][same])
            same++;
        len = same;
    }
    return len - c->typed;
}

static void show_names(const completion *c) {
    enum { WIDTH = 78 };
    size_t widest = 0, at = 0;
    for (size_t i = 0; i < c->len; i++)
        if (strlen(c->names[i]) > widest) widest = strlen(c->names[i]);
    putchar('\n');
    for (size_t i = 0; i < c->len; i++) {
        if (at && at + widest > WIDTH) {
            putchar('\n');
            at = 0;
        }
        printf("%-*s", (int)widest + 2, c->names[i]);
        at += widest + 2;
    }
    putchar('\n');
    fflush(stdout);
}

static unsigned char on_tab(EditLine *editor, wint_t key) {
    (void)key;
    line_reader *lr;
    editline.el_get(editor, EL_CLIENTDATA, &lr);
    const LineInfo *line = editline.el_line(editor);
    completion c;
    repl_complete(lr->r, line->buffer, (size_t)(line->cursor - line->buffer), &c);
    unsigned char result = CC_ERROR;
    if (c.len) {
        size_t more = common_len(&c);
        char *rest = strndup(c.names[0] + c.typed, more);
        if (more && rest && editline.el_insertstr(editor, rest) == 0) {
            result = CC_REFRESH;
        } else if (c.len > 1) {
            show_names(&c);
            result = CC_REDISPLAY;
        }
        free(rest);
    }
    repl_completion_done(&c);
    return result;
}

/* Reads a character. SIGINT is blocked while a line is edited and let through only here, so that
 * one that comes before the waiting begins ends it all the same. */
static int read_char(EditLine *editor, wchar_t *ret) {
    (void)editor;
    sigset_t waiting;
    sigprocmask(SIG_BLOCK, NULL, &waiting);
    sigdelset(&waiting, SIGINT);
    mbstate_t state = {0};
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        char byte;
        if (ppoll(&input, 1, NULL, &waiting) < 0) return -1;
        ssize_t n = read(STDIN_FILENO, &byte, 1);
        if (n <= 0) return (int)n;
        size_t used = mbrtowc(ret, &byte, 1, &state);
        if (used == (size_t)-2) continue;
        if (used == (size_t)-1) *ret = L'?';
        return 1;
    }
}

/* Scripts are UTF-8, so a locale whose text is not serves nobody here. */
static void set_locale(void) {
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

static bool open_editor(line_reader *lr) {
    HistEvent event;
    set_locale();
    lr->editor = editline.el_init(lr->r->setup->name, stdin, stdout, stderr);
    lr->history = editline.history_init();
    if (!lr->editor || !lr->history) return false;
    editline.history(lr->history, &event, H_SETSIZE, HISTORY_LINES);
    editline.history(lr->history, &event, H_SETUNIQUE, 1);
    lr->history_file = history_path(lr->r->setup->name);
    if (lr->history_file) editline.history(lr->history, &event, H_LOAD, lr->history_file);

    editline.el_set(lr->editor, EL_CLIENTDATA, lr);
    editline.el_set(lr->editor, EL_PROMPT, show_prompt);
    editline.el_set(lr->editor, EL_EDITOR, "emacs");
    editline.el_set(lr->editor, EL_HIST, editline.history, lr->history);
    /* The wide form keeps the two texts; the narrow one copies them and frees the copies never. */
    editline.el_wset(lr->editor, EL_ADDFN, L"rhai-complete", L"Complete the word before the cursor",
                     on_tab);
    editline.el_wset(lr->editor, EL_GETCFN, read_char);
    editline.el_set(lr->editor, EL_BIND, "\t", "rhai-complete", NULL);
    editline.el_set(lr->editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
    editline.el_source(lr->editor, NULL); /* ~/.editrc */
    return true;
}

/* ---- Lines -------------------------------------------------------------------------------- */

line_reader *line_reader_open(const repl *r) {
    line_reader *lr = calloc(1, sizeof *lr);
    if (!lr) return NULL;
    lr->r = r;
    if (!r->is_terminal) return lr;
    if (!editline_load()) {
        printf("Lines cannot be edited: %s\n", dlerror());
        return lr;
    }
    if (open_editor(lr)) return lr;
    line_reader_close(lr);
    return NULL;
}

void line_reader_close(line_reader *lr) {
    if (!lr) return;
    HistEvent event;
    if (lr->history && lr->history_file)
        editline.history(lr->history, &event, H_SAVE, lr->history_file);
    if (lr->editor) editline.el_end(lr->editor);
    if (lr->history) editline.history_end(lr->history);
    free(lr->history_file);
    free(lr->line);
    free(lr);
}

static line_result read_edited(line_reader *lr, const char **ret_line, size_t *ret_len) {
    int len = 0;
    /* Otherwise el_gets shows the prompt first, and a Ctrl-D typed right then gets lost. */
    editline.el_set(lr->editor, EL_PREP_TERM, 1);
    sigset_t interrupt, before;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    errno = 0;
    *ret_line = editline.el_gets(lr->editor, &len);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (*ret_line && len > 0) {
        *ret_len = (size_t)len;
        return LINE_READ;
    }
    if (len < 0 && error == EINTR) {
        editline.el_reset(lr->editor);
        fputs("^C\n", stdout);
        return LINE_CANCELLED;
    }
    putchar('\n');
    return LINE_END;
}

line_result line_reader_read(line_reader *lr, const char *prompt, const char **ret_line,
                             size_t *ret_len) {
    lr->prompt = prompt;
    if (lr->editor) return read_edited(lr, ret_line, ret_len);

    if (lr->r->is_terminal) {
        fputs(prompt, stdout);
        fflush(stdout);
    }
    errno = 0;
    ssize_t len = getline(&lr->line, &lr->line_size, stdin);
    if (len < 0) {
        if (errno != EINTR) return LINE_END;
        clearerr(stdin);
        return LINE_CANCELLED;
    }
    *ret_line = lr->line;
    *ret_len = (size_t)len;
    return LINE_READ;
}
