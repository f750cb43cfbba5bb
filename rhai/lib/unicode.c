/* unicode.c - properties and case of characters. */
#include "lib/unicode.h"

#include <string.h>
#include <unicase.h>
#include <unictype.h>

bool unicode_is_space(uint32_t c) {
    if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
    return uc_is_property_white_space(c);
}

/* Start of the last character before start + end. */
static size_t char_before(const char *start, size_t end) {
    do
        end--;
    while (((uint8_t)start[end] & 0xC0) == 0x80);
    return end;
}

span unicode_trim(span s) {
    uint32_t c;
    while (s.len > 0) {
        size_t used = utf8_decode(s.at, s.len, &c);
        if (!unicode_is_space(c)) break;
        s.at += used;
        s.len -= used;
    }
    while (s.len > 0) {
        size_t last = char_before(s.at, s.len);
        utf8_decode(s.at + last, s.len - last, &c);
        if (!unicode_is_space(c)) break;
        s.len = last;
    }
    return s;
}

typedef uint8_t *(*case_mapper)(const uint8_t *, size_t, const char *, uninorm_t, uint8_t *,
                                size_t *);

/* No character becomes more than three, of four bytes each. */
enum { MAPPED_SIZE = 16 };

/* Pairs of letters that came with Unicode 15 to 17, which libunistring 1.0 does not know yet. */
static const struct {
    uint32_t upper, lower, count;
} newer_pairs[] = {
    {0x1C89, 0x1C8A, 1},    {0xA7CB, 0x264, 1},     {0xA7CC, 0xA7CD, 1}, {0xA7CE, 0xA7CF, 1},
    {0xA7D2, 0xA7D3, 1},    {0xA7D4, 0xA7D5, 1},    {0xA7DA, 0xA7DB, 1}, {0xA7DC, 0x19B, 1},
    {0x10D50, 0x10D70, 22}, {0x16EA0, 0x16EBB, 25},
};

static uint32_t map_newer(case_mapper mapper, uint32_t c) {
    for (size_t i = 0; i < sizeof newer_pairs / sizeof newer_pairs[0]; i++) {
        uint32_t upper = newer_pairs[i].upper, lower = newer_pairs[i].lower;
        uint32_t from = mapper == u8_toupper ? lower : upper;
        if (c - from < newer_pairs[i].count)
            return c - from + (mapper == u8_toupper ? upper : lower);
    }
    return c;
}

/* One character through libunistring's full mapping, which knows one-to-many cases. */
static size_t map_char(case_mapper mapper, const char *at, size_t len, char mapped[MAPPED_SIZE]) {
    size_t size = MAPPED_SIZE;
    uint8_t *out = mapper((const uint8_t *)at, len, NULL, NULL, (uint8_t *)mapped, &size);
    if (out == (uint8_t *)mapped && (size != len || memcmp(at, mapped, len) != 0)) return size;
    uint32_t c;
    utf8_decode(at, len, &c);
    return utf8_write(map_newer(mapper, c), mapped);
}

static uint32_t map_to_one(case_mapper mapper, uint32_t c) {
    char from[4], to[MAPPED_SIZE];
    size_t len = map_char(mapper, from, utf8_write(c, from), to);
    uint32_t mapped;
    return utf8_decode(to, len, &mapped) == len ? mapped : c;
}

static inline bool is_ascii_upper(uint8_t c) {
    return c >= 'A' && c <= 'Z';
}
static inline bool is_ascii_lower(uint8_t c) {
    return c >= 'a' && c <= 'z';
}

uint32_t unicode_upper_char(uint32_t c) {
    if (c < 0x80) return is_ascii_lower((uint8_t)c) ? c - 32 : c;
    return map_to_one(u8_toupper, c);
}

uint32_t unicode_lower_char(uint32_t c) {
    if (c < 0x80) return is_ascii_upper((uint8_t)c) ? c + 32 : c;
    return map_to_one(u8_tolower, c);
}

/* Appends the ASCII that s.at[at..] begins with, each byte in [first, first + 25] with its case
 * bit flipped; returns where it ends. */
static size_t add_ascii(text *t, span s, size_t at, uint8_t first) {
    char chunk[256];
    for (;;) {
        size_t n = 0;
        for (; n < sizeof chunk && at < s.len && (uint8_t)s.at[at] < 0x80; n++, at++) {
            uint8_t c = (uint8_t)s.at[at];
            chunk[n] = (char)((uint8_t)(c - first) < 26 ? c ^ 0x20 : c);
        }
        text_add(t, chunk, n);
        if (n < sizeof chunk) return at;
    }
}

void unicode_add_upper(text *t, span s) {
    for (size_t at = 0; at < s.len;) {
        at = add_ascii(t, s, at, 'a');
        if (at == s.len) break;
        uint32_t c;
        size_t used = utf8_decode(s.at + at, s.len - at, &c);
        char mapped[MAPPED_SIZE];
        text_add(t, mapped, map_char(u8_toupper, s.at + at, used, mapped));
        at += used;
    }
}

enum { CAPITAL_SIGMA = 0x3A3, SMALL_SIGMA = 0x3C3, FINAL_SIGMA = 0x3C2 };

static bool is_cased_before(span s, size_t at) {
    while (at > 0) {
        uint32_t c;
        at = char_before(s.at, at);
        utf8_decode(s.at + at, s.len - at, &c);
        if (!uc_is_property_case_ignorable(c)) return uc_is_property_cased(c);
    }
    return false;
}

static bool is_cased_after(span s, size_t at) {
    while (at < s.len) {
        uint32_t c;
        at += utf8_decode(s.at + at, s.len - at, &c);
        if (!uc_is_property_case_ignorable(c)) return uc_is_property_cased(c);
    }
    return false;
}

void unicode_add_lower(text *t, span s) {
    for (size_t at = 0; at < s.len;) {
        at = add_ascii(t, s, at, 'A');
        if (at == s.len) break;
        uint32_t c;
        size_t used = utf8_decode(s.at + at, s.len - at, &c);
        if (c == CAPITAL_SIGMA) {
            bool ends_word = is_cased_before(s, at) && !is_cased_after(s, at + used);
            text_add_char(t, ends_word ? FINAL_SIGMA : SMALL_SIGMA);
        } else {
            char mapped[MAPPED_SIZE];
            text_add(t, mapped, map_char(u8_tolower, s.at + at, used, mapped));
        }
        at += used;
    }
}
