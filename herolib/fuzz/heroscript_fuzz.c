/* HeroScript: what is read can be written and read again. */
#include "fuzz/script_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_script("for a in heroscript_parse(TEXT) { heroscript_parse(heroscript_write(a)) }", data, size);
}
