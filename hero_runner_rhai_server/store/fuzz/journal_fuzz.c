/* Any bytes as what a dead process left in the journal, from its header on: nothing is read outside
 * the file, and what is taken for a change is written again as the same bytes. */
#include "store/journal.h"
#include "store/log_block.h"
#include "store/op_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FUZZ_MAX_BYTES (128 * 1024)
#define RECORDS_FROM 4096 /* of the file: the bytes go to the header and from here */
#define HEADER_BYTES 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode(void *ctx, const char *payload, size_t bytes) {
    (void)ctx;
    struct op *op = op_decode(payload, bytes);
    if (!op) return 0;
    size_t size = op_encoded_size(op);
    char *again = malloc(size);
    if (!again || size > bytes) abort();
    op_encode(op, again);
    struct op *same = op_decode(again, size);
    if (!same || same->kind != op->kind || same->row != op->row || !same->lines != !op->lines)
        abort();
    op_free(same);
    op_free(op);
    free(again);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char path[] = "/dev/shm/journal_fuzz.XXXXXX";
    static int fd = -1;
    static uint8_t zeros[FUZZ_MAX_BYTES];
    if (size < HEADER_BYTES || size > FUZZ_MAX_BYTES) return 0;
    if (fd < 0) {
        fd = mkstemp(path);
        if (fd < 0) abort();
    }
    decode(NULL, (const char *)data, size);
    size_t rest = size - HEADER_BYTES;
    if (pwrite(fd, data, HEADER_BYTES, 0) < 0 ||
        pwrite(fd, data + HEADER_BYTES, rest, RECORDS_FROM) < 0 ||
        pwrite(fd, zeros, FUZZ_MAX_BYTES - rest, RECORDS_FROM + (off_t)rest) < 0)
        abort();
    struct journal journal;
    journal_open(&journal, path, op_codec_format());
    journal_recover(&journal, decode, NULL);
    journal_clear(&journal);
    journal_close(&journal);
    return 0;
}
