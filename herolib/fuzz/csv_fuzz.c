/* CSV: what is read can be written. */
#include "fuzz/script_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    return fuzz_script("csv_format(csv_parse(TEXT))", data, size);
}
