#include "value/object.h"

#include <string.h>

size_t utf8_decode(const char *text, size_t len, uint32_t *ret) {
    const unsigned char *s = (const unsigned char *)text;
    if (len == 0) return 0;
    if (s[0] < 0x80) {
        *ret = s[0];
        return 1;
    }
    if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
    size_t n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (len < n) return 0;
    uint32_t c = s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        c = c << 6 | (s[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
    *ret = c;
    return n;
}

size_t utf8_write(uint32_t c, char *ret) {
    if (c < 0x80) {
        ret[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        ret[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    ret[0] = (char)((0xf00 >> n) | c);
    return n;
}

static bool is_ascii_word(const char *text) {
    uint64_t word;
    memcpy(&word, text, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_is_valid(const char *text, size_t len) {
    for (size_t i = 0; i < len;) {
        if (len - i >= 8 && is_ascii_word(text + i)) {
            i += 8;
            continue;
        }
        uint32_t c;
        size_t n = utf8_decode(text + i, len - i, &c);
        if (n == 0) return false;
        i += n;
    }
    return true;
}

size_t utf8_count(const char *text, size_t len) {
    size_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}
