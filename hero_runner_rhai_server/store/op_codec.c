#include "store/op_codec.h"

#include "store/fields.h"
#include "store/log_block.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#define FORMAT 2
#define NO_TEXT UINT32_MAX

/* One walk serves counting, writing and reading: what differs is what a step does with a member. */
struct cursor {
    enum { COUNT, WRITE, READ } mode;
    char *out;      /* WRITE: where the next bytes go */
    const char *in; /* READ: where they come from, with so many left */
    size_t left;
    size_t size; /* COUNT */
    bool is_bad; /* READ: the bytes are not what was written */
};

uint32_t op_codec_format(void) {
    uLong crc = crc32(0, NULL, 0);
    for (size_t i = 0; i < session_field_count; i++) {
        const char *column = session_fields[i].column;
        crc = crc32(crc, (const Bytef *)column, (uInt)strlen(column) + 1);
    }
    return (uint32_t)crc + FORMAT;
}

/* ---- Members ----------------------------------------------------------------------------- */

static void walk_bytes(struct cursor *cursor, void *data, size_t size) {
    switch (cursor->mode) {
    case COUNT: cursor->size += size; return;
    case WRITE:
        memcpy(cursor->out, data, size);
        cursor->out += size;
        return;
    case READ:
        if (size > cursor->left) {
            cursor->is_bad = true;
            memset(data, 0, size);
            return;
        }
        memcpy(data, cursor->in, size);
        cursor->in += size;
        cursor->left -= size;
    }
}

/* Bytes that are pointed to; read ones stay where they are. */
static void walk_blob(struct cursor *cursor, struct store_bytes *blob) {
    uint32_t len = blob->data ? (uint32_t)blob->len : NO_TEXT;
    walk_bytes(cursor, &len, sizeof len);
    if (len == NO_TEXT) {
        *blob = (struct store_bytes){0};
    } else if (cursor->mode == READ) {
        cursor->is_bad |= len > cursor->left;
        if (cursor->is_bad) return;
        *blob = (struct store_bytes){cursor->in, len};
        cursor->in += len;
        cursor->left -= len;
    } else {
        walk_bytes(cursor, (void *)(uintptr_t)blob->data, len);
    }
}

/* With its NUL, which a reader needs. */
static void walk_text(struct cursor *cursor, const char **text) {
    struct store_bytes blob = {0};
    if (cursor->mode != READ && *text) blob = (struct store_bytes){*text, strlen(*text) + 1};
    walk_blob(cursor, &blob);
    if (cursor->mode != READ) return;
    cursor->is_bad |= blob.data && (blob.len == 0 || blob.data[blob.len - 1] != '\0');
    *text = cursor->is_bad ? NULL : blob.data;
}

static void walk_session(struct cursor *cursor, struct store_session *session) {
    for (size_t i = 0; i < session_field_count; i++) {
        const struct field *field = &session_fields[i];
        if (field->kind == FIELD_NUMBER)
            walk_bytes(cursor, field_number(field, session), sizeof(int64_t));
        else
            walk_text(cursor, field_text(field, session));
    }
}

static void walk_request(struct cursor *cursor, struct store_request *request) {
    const char **texts[] = {&request->working_dir, &request->env_vars, &request->args,
                            &request->inputs, &request->callback};
    walk_blob(cursor, &request->script);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        walk_text(cursor, texts[i]);
}

/* ---- Lines ------------------------------------------------------------------------------- */

static void write_lines(struct cursor *cursor, const struct store_lines *lines) {
    const char *id = lines ? lines->id : NULL;
    struct store_bytes block = {0};
    if (lines) block = (struct store_bytes){lines->data, lines->block.size};
    walk_text(cursor, &id);
    if (id) walk_blob(cursor, &block);
}

static int read_lines(struct cursor *cursor, struct op *op) {
    const char *id = NULL;
    struct store_bytes bytes = {0};
    walk_text(cursor, &id);
    if (!id) return 0;
    walk_blob(cursor, &bytes);
    struct block block;
    if (cursor->is_bad || bytes.len < BLOCK_HEADER_BYTES || strlen(id) >= STORE_ID_BYTES ||
        !block_get_header(bytes.data, &block) || block.size != bytes.len ||
        !block_is_sound(bytes.data, &block)) {
        cursor->is_bad = true;
        return 0;
    }
    op->lines = store_lines_of_block(op->row, id, bytes.data, &block);
    return op->lines ? 0 : -ENOMEM;
}

/* ---- Ops --------------------------------------------------------------------------------- */

static void walk_head(struct cursor *cursor, struct op *op) {
    uint32_t kind = op->kind;
    walk_bytes(cursor, &kind, sizeof kind);
    op->kind = kind;
    walk_bytes(cursor, &op->row, sizeof op->row);
}

static void walk_body(struct cursor *cursor, struct op *op) {
    if (op->kind == OP_INSERT || op->kind == OP_END) walk_session(cursor, &op->in.change.session);
    if (op->kind == OP_START) {
        walk_bytes(cursor, &op->in.change.session.started_us, sizeof(int64_t));
        walk_bytes(cursor, &op->in.change.session.pid, sizeof(int64_t));
    }
    if (op->kind == OP_SCRIPT) walk_blob(cursor, &op->in.change.request.script);
    if (op->kind == OP_INSERT) walk_request(cursor, &op->in.change.request);
    if (op->kind == OP_END) walk_blob(cursor, &op->in.change.value);
}

static void write_op(struct cursor *cursor, const struct op *op) {
    /* Nothing is changed when the mode is not READ. */
    walk_head(cursor, (struct op *)(uintptr_t)op);
    walk_body(cursor, (struct op *)(uintptr_t)op);
    write_lines(cursor, op->lines && op->lines->block.count ? op->lines : NULL);
}

size_t op_encoded_size(const struct op *op) {
    struct cursor cursor = {.mode = COUNT};
    write_op(&cursor, op);
    return cursor.size;
}

void op_encode(const struct op *op, char *out) {
    struct cursor cursor = {.mode = WRITE, .out = out};
    if (op->lines && op->lines->block.count) store_lines_seal(op->lines);
    write_op(&cursor, op);
}

struct op *op_decode(const char *bytes, size_t len) {
    struct op *op = op_new(OP_INSERT, len);
    if (!op) return NULL;
    struct cursor cursor = {.mode = READ, .in = memcpy(op->memory, bytes, len), .left = len};
    walk_head(&cursor, op);
    bool is_known = op->kind == OP_INSERT || op->kind == OP_START || op->kind == OP_APPEND ||
                    op->kind == OP_END || op->kind == OP_SCRIPT;
    if (is_known) walk_body(&cursor, op);
    errno = ENOMEM;
    if (is_known && read_lines(&cursor, op) == 0) {
        if (!cursor.is_bad && cursor.left == 0) return op;
        errno = EBADMSG;
    } else if (!is_known) {
        errno = EBADMSG;
    }
    int error = errno;
    op_free(op);
    errno = error;
    return NULL;
}
