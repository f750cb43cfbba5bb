/* Any bytes: the decoder and the reader must find the same frames and stay within bounds. */
#include "session/frames.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_by_decoder(const uint8_t *data, size_t size) {
    size_t frames = 0;
    struct frame frame;
    ssize_t used;
    while ((used = frame_get(data, size, &frame, NULL)) > 0) {
        if (frame.payload + frame.len != data + used) abort();
        data += used;
        size -= (size_t)used;
        frames++;
    }
    return frames;
}

static size_t count_by_reader(int fd) {
    struct frame_reader reader;
    struct frame frame;
    frame_reader_init(&reader);
    size_t frames = 0, bytes = 0;
    int have = 0;
    while (have == 0 && frame_reader_fill(&reader, fd) > 0)
        while ((have = frame_reader_next(&reader, &frame)) == 1) {
            frames++;
            for (size_t i = 0; i < frame.len; i++)
                bytes += frame.payload[i];
        }
    frame_reader_done(&reader);
    return frames + (bytes & 0); /* every payload byte has been touched */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd = -1;
    if (fd < 0) fd = memfd_create("frames_fuzz", MFD_CLOEXEC);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size) return 0;
    lseek(fd, 0, SEEK_SET);
    if (count_by_decoder(data, size) != count_by_reader(fd)) abort();
    return 0;
}
