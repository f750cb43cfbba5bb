#include "progress.h"

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

void progress_show(struct progress *progress, double done, double total, const char *text) {
    if (!progress->style.is_terminal) return;
    double part = total > 0 ? done / total : 0;
    if (!(part > 0)) part = 0;
    if (part > 1) part = 1;
    int filled = (int)(part * BAR_WIDTH);
    size_t width = progress->style.width ? progress->style.width : 80;
    size_t room = width > BAR_WIDTH + TEXT_MARGIN ? width - BAR_WIDTH - TEXT_MARGIN : 0;
    fputs("\r\033[K", progress->out);
    if (total > 0) {
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

void progress_clear(struct progress *progress) {
    if (!progress->is_shown) return;
    fputs("\r\033[K", progress->out);
    fflush(progress->out);
    progress->is_shown = false;
}
