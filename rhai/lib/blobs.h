/* blobs.h - the natives of blobs; blobs.c has the table with their names and overloads. */
#ifndef RHAI_LIB_BLOBS_H
#define RHAI_LIB_BLOBS_H

#include "native/call.h"

#define BLOB_NATIVES(X)                                                                            \
    /* blobs_edit.c */                                                                             \
    X(new)                                                                                         \
    X(to_array) X(as_string) X(len) X(is_empty) X(contains) X(get) X(set) X(push) X(append)        \
        X(append_string) X(append_char) X(insert) X(pad) X(pop) X(shift) X(remove) X(clear)        \
            X(truncate) X(chop) X(reverse) X(splice) X(extract) X(extract_tail) X(split) X(drain)  \
                X(retain) /* blobs_numbers.c */                                                    \
        X(parse_le_int) X(parse_be_int) X(parse_le_float) X(parse_be_float) X(write_le)            \
            X(write_be) X(write_utf8) X(write_ascii)

#define X(name)                                                                                    \
    rhai_status blob_##name##_native(rhai_call *call, rhai_value *args, rhai_value *ret);
BLOB_NATIVES(X)
#undef X

#endif
