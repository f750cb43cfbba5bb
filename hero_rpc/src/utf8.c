#include "utf8.h"

size_t utf8_char_len(const unsigned char *text, size_t len, size_t *ret_skip) {
    unsigned char lead = text[0];
    if (lead < 0x80) return 1;
    *ret_skip = 1;
    size_t want = lead >= 0xc2 && lead <= 0xdf   ? 2
                  : lead >= 0xe0 && lead <= 0xef ? 3
                  : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                 : 0;
    /* The second byte has a narrower range behind four of the leads: no overlong forms, no
     * surrogates, nothing over U+10FFFF. */
    unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    for (size_t i = 1; i < want; i++) {
        if (i >= len || text[i] < low || text[i] > high) return 0;
        *ret_skip = i + 1;
        low = 0x80;
        high = 0xbf;
    }
    return want;
}
