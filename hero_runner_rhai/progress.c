#include "progress.h"

#include <hero_rpc/clock.h>

#include <string.h>

#define BAR_WIDTH 24
#define TEXT_MARGIN 12 /* columns for everything but bar and text */

struct progress progress_on(FILE *out) {
    return (struct progress){.out = out, .style = style_of(out)};
}

/* As many bytes of a text as make at most so many characters, and no control characters. */
static int text_bytes(const char *text, size_t columns) {
    size_t at = 0;
    while (text[at] && columns > 0 && (unsigned char)text[at] >= ' ') {
        at++;
        while (((unsigned char)text[at] & 0xC0) == 0x80)
            at++;
        columns--;
    }
    return (int)at;
}

static void show_bar(struct progress *progress, double part, double done, const char *text) {
    size_t width = progress->style.width ? progress->style.width : 80;
    size_t room = width > BAR_WIDTH + TEXT_MARGIN ? width - BAR_WIDTH - TEXT_MARGIN : 0;
    fputs("\r\033[K", progress->out);
    if (part >= 0) {
        int filled = (int)(part * BAR_WIDTH);
        for (int i = 0; i < BAR_WIDTH; i++)
            fputs(i < filled ? "█" : "░", progress->out);
        fprintf(progress->out, " %3.0f %% ", part * 100);
    } else {
        fprintf(progress->out, "%g ", done);
    }
    fprintf(progress->out, "%.*s", text_bytes(text, room), text);
    fflush(progress->out);
    progress->is_shown = true;
}

static void show_line(struct progress *progress, double part, double done, const char *text) {
    int64_t now = rpc_clock_monotonic_ms();
    if (progress->last_ms && now - progress->last_ms < PROGRESS_LINE_MS && part < 1) return;
    progress->last_ms = now;
    if (part >= 0)
        fprintf(progress->out, "hero_runner_rhai: %.0f %%", part * 100);
    else
        fprintf(progress->out, "hero_runner_rhai: %g", done);
    fprintf(progress->out, "%s%.*s\n", *text ? " " : "", text_bytes(text, SIZE_MAX), text);
    fflush(progress->out);
}

void progress_show(struct progress *progress, double done, double total, const char *text) {
    double part = total > 0 ? done / total : -1;
    if (part > 1) part = 1;
    (progress->style.is_terminal ? show_bar : show_line)(progress, part, done, text ? text : "");
}

void progress_clear(struct progress *progress) {
    if (!progress->is_shown) return;
    fputs("\r\033[K", progress->out);
    fflush(progress->out);
    progress->is_shown = false;
}
