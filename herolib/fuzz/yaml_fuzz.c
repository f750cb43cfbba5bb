/* YAML: what is read can be written. */
#include "fuzz/script_fuzz.h"

/* libfyaml (0.7.12) forgets the grown chunks of an iterator over some refused texts; in a session they
 * go with its process. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:fy_atom_iter_grow_chunk";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_script("for v in yaml_parse_all(TEXT) { yaml_format(v) }", data, size);
}
