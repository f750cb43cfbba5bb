/* Templates: read and filled in. */
#include "fuzz/script_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_script("template_render(TEXT, #{m: #{a: [1, 2], b: \"x\"}, n: 3, q: []})", data, size);
}
