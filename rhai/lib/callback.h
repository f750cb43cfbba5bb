/* callback.h - call-backs over the elements of a container.
 *
 * Rhai binds `this` of a call-back to the element itself, so a call-back may change it, also
 * from functions that change nothing themselves (map, filter ...). Here the container is
 * copy-on-write: the element is lent directly when nobody else holds the container, else a
 * copy is lent and stored back if it came back different.
 */
#ifndef RHAI_LIB_CALLBACK_H
#define RHAI_LIB_CALLBACK_H

#include "native/call.h"

/* What is passed beside the element; see call_back. */
typedef struct callback {
    const char *caller; /* name of the array or map function, for the call trace */
    const rhai_value *fn;
    const rhai_value *args, *extras;
    uint32_t nargs, nextras;
    int self_at;
} callback;

/* Calls back for element number `index` (entry in key order) of the array or map *container. */
rhai_status callback_item(rhai_call *call, const callback *back, rhai_value *container,
                          size_t index, rhai_value *ret);
/* The same for functions that ask yes or no: anything but true is no. */
rhai_status callback_test(rhai_call *call, const callback *back, rhai_value *container,
                          size_t index, bool *ret);

/* For functions that go on after a failed call-back, as Rhai's sort and dedup do: drops the error,
 * even an exit(). False: the script was terminated, which must end the function too. */
bool callback_forgive(rhai_call *call, rhai_status status);

#endif
