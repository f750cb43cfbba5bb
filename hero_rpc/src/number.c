/* JSON numbers as integers. */
#include "hero_rpc/jsonrpc.h"

#include <stdint.h>

long long rpc_integer_of_real(double real) {
    if (real >= 9223372036854775808.0) return INT64_MAX;
    if (real < -9223372036854775808.0) return INT64_MIN;
    return (long long)real;
}

long long rpc_json_integer(const json_t *value, long long otherwise) {
    if (json_is_integer(value)) return json_integer_value(value);
    return json_is_real(value) ? rpc_integer_of_real(json_real_value(value)) : otherwise;
}
