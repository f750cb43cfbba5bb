#include "editline.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

editline_functions editline;

static const struct {
    const char *name;
    size_t offset;
} symbols[] = {
#define X(name) {#name, offsetof(editline_functions, name)},
    EDITLINE_FUNCTIONS(X)
#undef X
};

bool editline_load(void) {
    void *library = dlopen("libedit.so.2", RTLD_NOW | RTLD_LOCAL);
    if (!library) return false;
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *address = dlsym(library, symbols[i].name);
        if (!address) return false;
        memcpy((char *)&editline + symbols[i].offset, &address, sizeof address);
    }
    return true;
}
