/* YAML: what is read can be written. */
#include "fuzz/script_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_script("for v in yaml_parse_all(TEXT) { yaml_format(v) }", data, size);
}
