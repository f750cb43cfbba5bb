/* strings_more.c - the table of what strings and characters can do. */
#include "lib/strings.h"

#include <string.h>

static rhai_status len(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_INT((int64_t)str_chars(as_str(&args[0])));
    return RHAI_OK;
}

static rhai_status bytes(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_INT(as_str(&args[0])->len);
    return RHAI_OK;
}

static rhai_status is_empty(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_BOOL(as_str(&args[0])->len == 0);
    return RHAI_OK;
}

static rhai_status to_blob(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const rhai_str *s = as_str(&args[0]);
    blob *made = blob_new(call->h, s->len);
    if (!made) return call_no_memory(call);
    if (s->len > 0) memcpy(made->data, s->data, s->len);
    *ret = VALUE_OBJ(RHAI_BLOB, made);
    return RHAI_OK;
}

/* Takes the chosen argument over as the result, which never has a tag. */
static rhai_status choose(rhai_value *arg, rhai_value *ret) {
    *ret = value_take(arg);
    ret->tag = 0;
    return RHAI_OK;
}

static rhai_status max_string(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    return choose(&args[str_compare(as_str(&args[0]), as_str(&args[1])) < 0], ret);
}

static rhai_status min_string(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    return choose(&args[str_compare(as_str(&args[0]), as_str(&args[1])) > 0], ret);
}

static rhai_status max_char(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    return choose(&args[args[0].c < args[1].c], ret);
}

static rhai_status min_char(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    return choose(&args[args[0].c > args[1].c], ret);
}

static rhai_status char_to_upper(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_CHAR(unicode_upper_char(args[0].c));
    return RHAI_OK;
}

static rhai_status char_to_lower(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = VALUE_CHAR(unicode_lower_char(args[0].c));
    return RHAI_OK;
}

static rhai_status char_make_upper(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)ret;
    args[0].c = unicode_upper_char(args[0].c);
    return RHAI_OK;
}

static rhai_status char_make_lower(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)ret;
    args[0].c = unicode_lower_char(args[0].c);
    return RHAI_OK;
}

/* Positions count characters from 0; a negative one counts from the end. */
static const rhai_native strings_more_functions[] = {
    /* Joining. Operators between strings and characters are built in as well. */
    {"+", "s?", string_concat, 0, "+(string: string, item: any) -> string",
     "Joins the string and the text of `item`."},
    {"+", "?s", string_prepend, 0, "+(item: any, string: string) -> string",
     "Joins the text of `item` and the string."},
    {"+", "ss", string_concat, 0, "+(string1: string, string2: string) -> string",
     "Joins two strings."},
    {"+", "sc", string_concat, 0, "+(string: string, character: char) -> string",
     "Joins a string and a character."},
    {"+", "cs", string_prepend, 0, "+(character: char, string: string) -> string",
     "Joins a character and a string."},
    {"+", "su", string_concat, 0, "+(string: string, unit: ()) -> string", "Returns the string."},
    {"+", "us", string_prepend, 0, "+(unit: (), string: string) -> string", "Returns the string."},
    {"+", "sl", string_concat, 0, "+(string: string, utf8: blob) -> string",
     "Joins the string and the text in a blob; what is not UTF-8 there becomes U+FFFD."},
    {"+", "ls", string_prepend, 0, "+(utf8: blob, string: string) -> string",
     "Joins the text in a blob and the string; what is not UTF-8 there becomes U+FFFD."},
    {"+=", "s?", string_append, RHAI_FN_MUTATES, "+=(string: string, item: any)",
     "Appends the text of `item`."},
    {"+=", "ss", string_append, RHAI_FN_MUTATES, "+=(string1: string, string2: string)",
     "Appends a string."},
    {"+=", "sc", string_append, RHAI_FN_MUTATES, "+=(string: string, character: char)",
     "Appends a character."},
    {"+=", "su", string_append, RHAI_FN_MUTATES, "+=(string: string, unit: ())",
     "Changes nothing."},
    {"+=", "sl", string_append, RHAI_FN_MUTATES, "+=(string: string, utf8: blob)",
     "Appends the text in a blob; what is not UTF-8 there becomes U+FFFD."},
    {"append", "s?", string_append, RHAI_FN_MUTATES, "append(string: string, item: any)",
     "Appends the text of `item`."},
    {"append", "sl", string_append, RHAI_FN_MUTATES, "append(string: string, utf8: blob)",
     "Appends the text in a blob; what is not UTF-8 there becomes U+FFFD."},

    /* Size and content. */
    {"len", "s", len, 0, "len(string: string) -> int", "The number of characters."},
    {"get$len", "s", len, 0, "string.len -> int", "The number of characters."},
    {"bytes", "s", bytes, 0, "bytes(string: string) -> int", "The number of bytes in UTF-8."},
    {"get$bytes", "s", bytes, 0, "string.bytes -> int", "The number of bytes in UTF-8."},
    {"is_empty", "s", is_empty, 0, "is_empty(string: string) -> bool",
     "Tells whether there is no character."},
    {"get$is_empty", "s", is_empty, 0, "string.is_empty -> bool",
     "Tells whether there is no character."},
    {"contains", "ss", string_contains, 0, "contains(string: string, match_string: string) -> bool",
     "Tells whether a string occurs in it."},
    {"contains", "sc", string_contains, 0, "contains(string: string, character: char) -> bool",
     "Tells whether a character occurs in it."},
    {"starts_with", "ss", string_starts_with, 0,
     "starts_with(string: string, match_string: string) -> bool",
     "Tells whether it begins with a string."},
    {"starts_with", "sc", string_starts_with, 0,
     "starts_with(string: string, character: char) -> bool",
     "Tells whether it begins with a character."},
    {"ends_with", "ss", string_ends_with, 0,
     "ends_with(string: string, match_string: string) -> bool",
     "Tells whether it ends with a string."},
    {"ends_with", "sc", string_ends_with, 0, "ends_with(string: string, character: char) -> bool",
     "Tells whether it ends with a character."},
    {"index_of", "ss", string_index_of, 0, "index_of(string: string, find_string: string) -> int",
     "The position where a string first occurs, or -1."},
    {"index_of", "ssi", string_index_of, 0,
     "index_of(string: string, find_string: string, start: int) -> int",
     "The first position from `start` on where a string occurs, or -1. A negative start counts "
     "from the end."},
    {"index_of", "sc", string_index_of, 0, "index_of(string: string, character: char) -> int",
     "The position where a character first occurs, or -1."},
    {"index_of", "sci", string_index_of, 0,
     "index_of(string: string, character: char, start: int) -> int",
     "The first position from `start` on where a character occurs, or -1. A negative start counts "
     "from the end."},

    /* Parts. */
    {"get", "si", string_get, 0, "get(string: string, index: int) -> char | ()",
     "The character at a position, `()` if there is none. A negative position counts from the "
     "end."},
    {"sub_string", "si", string_sub_string, 0, "sub_string(string: string, start: int) -> string",
     "The characters from `start` on. A negative start counts from the end."},
    {"sub_string", "sii", string_sub_string, 0,
     "sub_string(string: string, start: int, len: int) -> string",
     "At most `len` characters from `start` on. A negative start counts from the end."},
    {"sub_string", "sr", string_sub_string, 0,
     "sub_string(string: string, range: start..end) -> string",
     "The characters at the given positions."},
    {"sub_string", "sR", string_sub_string, 0,
     "sub_string(string: string, range: start..=end) -> string",
     "The characters at the given positions."},
    {"split", "s", string_split_whitespace, 0, "split(string: string) -> array",
     "The parts between white space."},
    {"split", "si", string_split_at, 0, "split(string: string, index: int) -> array",
     "Two parts: what is before the position and the rest. A negative position counts from the "
     "end, and 0 is the end."},
    {"split", "ss", string_split, 0, "split(string: string, delimiter: string) -> array",
     "The parts between the places where `delimiter` occurs; between all characters when it is "
     "empty."},
    {"split", "ssi", string_split, 0,
     "split(string: string, delimiter: string, segments: int) -> array",
     "As `split`, but at most `segments` parts: the last one keeps the rest."},
    {"split", "sc", string_split, 0, "split(string: string, delimiter: char) -> array",
     "The parts between the places where a character occurs."},
    {"split", "sci", string_split, 0,
     "split(string: string, delimiter: char, segments: int) -> array",
     "As `split`, but at most `segments` parts: the last one keeps the rest."},
    {"split_rev", "ss", string_split_rev, 0,
     "split_rev(string: string, delimiter: string) -> array",
     "The parts between the places where `delimiter` occurs, the last part first."},
    {"split_rev", "ssi", string_split_rev, 0,
     "split_rev(string: string, delimiter: string, segments: int) -> array",
     "As `split_rev`, but at most `segments` parts: the last one keeps the rest, the string's "
     "beginning."},
    {"split_rev", "sc", string_split_rev, 0, "split_rev(string: string, delimiter: char) -> array",
     "The parts between the places where a character occurs, the last part first."},
    {"split_rev", "sci", string_split_rev, 0,
     "split_rev(string: string, delimiter: char, segments: int) -> array",
     "As `split_rev`, but at most `segments` parts: the last one keeps the rest, the string's "
     "beginning."},
    {"to_chars", "s", string_to_chars, 0, "to_chars(string: string) -> array",
     "The characters as an array."},
    {"to_blob", "s", to_blob, 0, "to_blob(string: string) -> blob", "The text's bytes in UTF-8."},

    /* Changing the string. */
    {"set", "sic", string_set, RHAI_FN_MUTATES, "set(string: string, index: int, character: char)",
     "Replaces the character at a position. A negative position counts from the end; nothing "
     "happens where there is no character."},
    {"remove", "ss", string_remove, RHAI_FN_MUTATES, "remove(string: string, sub_string: string)",
     "Removes all occurrences of a string."},
    {"remove", "sc", string_remove, RHAI_FN_MUTATES, "remove(string: string, character: char)",
     "Removes all occurrences of a character."},
    {"replace", "sss", string_replace, RHAI_FN_MUTATES,
     "replace(string: string, find_string: string, substitute_string: string)",
     "Replaces all occurrences of a string; an empty one occurs around every character."},
    {"replace", "ssc", string_replace, RHAI_FN_MUTATES,
     "replace(string: string, find_string: string, substitute_character: char)",
     "Replaces all occurrences of a string by a character."},
    {"replace", "scs", string_replace, RHAI_FN_MUTATES,
     "replace(string: string, find_character: char, substitute_string: string)",
     "Replaces all occurrences of a character by a string."},
    {"replace", "scc", string_replace, RHAI_FN_MUTATES,
     "replace(string: string, find_character: char, substitute_character: char)",
     "Replaces all occurrences of a character by another one."},
    {"clear", "s", string_clear, RHAI_FN_MUTATES, "clear(string: string)",
     "Makes the string empty."},
    {"truncate", "si", string_truncate, RHAI_FN_MUTATES, "truncate(string: string, len: int)",
     "Keeps the first `len` characters."},
    {"trim", "s", string_trim, RHAI_FN_MUTATES, "trim(string: string)",
     "Removes white space at both ends."},
    {"crop", "si", string_crop, RHAI_FN_MUTATES, "crop(string: string, start: int)",
     "Keeps the characters from `start` on. A negative start counts from the end."},
    {"crop", "sii", string_crop, RHAI_FN_MUTATES, "crop(string: string, start: int, len: int)",
     "Keeps at most `len` characters from `start` on. A negative start counts from the end."},
    {"crop", "sr", string_crop, RHAI_FN_MUTATES, "crop(string: string, range: start..end)",
     "Keeps the characters at the given positions."},
    {"crop", "sR", string_crop, RHAI_FN_MUTATES, "crop(string: string, range: start..=end)",
     "Keeps the characters at the given positions."},
    {"pad", "sic", string_pad, RHAI_FN_MUTATES, "pad(string: string, len: int, character: char)",
     "Appends the character until there are `len` characters."},
    {"pad", "sis", string_pad, RHAI_FN_MUTATES, "pad(string: string, len: int, padding: string)",
     "Appends the string, the last time perhaps in part, until there are `len` characters."},
    {"pop", "s", string_pop, RHAI_FN_MUTATES, "pop(string: string) -> char | ()",
     "Removes the last character and returns it; `()` from an empty string."},
    {"pop", "si", string_pop_tail, RHAI_FN_MUTATES, "pop(string: string, len: int) -> string",
     "Removes the last `len` characters and returns them."},

    /* Upper and lower case, order. */
    {"to_upper", "s", string_to_upper, 0, "to_upper(string: string) -> string",
     "The string in upper case."},
    {"to_lower", "s", string_to_lower, 0, "to_lower(string: string) -> string",
     "The string in lower case."},
    {"make_upper", "s", string_make_upper, RHAI_FN_MUTATES, "make_upper(string: string)",
     "Changes the string to upper case."},
    {"make_lower", "s", string_make_lower, RHAI_FN_MUTATES, "make_lower(string: string)",
     "Changes the string to lower case."},
    {"to_upper", "c", char_to_upper, 0, "to_upper(character: char) -> char",
     "The character in upper case; itself where that would be several characters."},
    {"to_lower", "c", char_to_lower, 0, "to_lower(character: char) -> char",
     "The character in lower case; itself where that would be several characters."},
    {"make_upper", "c", char_make_upper, RHAI_FN_MUTATES, "make_upper(character: char)",
     "Changes the character to upper case."},
    {"make_lower", "c", char_make_lower, RHAI_FN_MUTATES, "make_lower(character: char)",
     "Changes the character to lower case."},
    {"max", "ss", max_string, 0, "max(string1: string, string2: string) -> string",
     "The string that comes later in the order of their characters' numbers."},
    {"min", "ss", min_string, 0, "min(string1: string, string2: string) -> string",
     "The string that comes first in the order of their characters' numbers."},
    {"max", "cc", max_char, 0, "max(char1: char, char2: char) -> char",
     "The character with the larger number."},
    {"min", "cc", min_char, 0, "min(char1: char, char2: char) -> char",
     "The character with the smaller number."},
};
LIB_PACKAGE(strings_more);
