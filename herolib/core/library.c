#include "core/library.h"

#include <dlfcn.h>
#include <string.h>

static rhai_status throw_missing(rhai_call *call, const char *module,
                                 const struct library *library) {
    return rhai_throw(call, "%s: cannot load %s (Debian package %s): %s", module, library->file,
                      library->package, dlerror());
}

rhai_status library_load(rhai_call *call, const char *module, const struct library *library,
                         void *functions) {
    void *function;
    memcpy(&function, functions, sizeof function);
    if (function) return RHAI_OK;
    void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
    if (!handle) return throw_missing(call, module, library);
    /* The first one last: it says that all are there. */
    size_t count = 0;
    while (library->symbols[count])
        count++;
    for (size_t i = count; i-- > 0;) {
        function = dlsym(handle, library->symbols[i]);
        if (!function) {
            rhai_status status = throw_missing(call, module, library);
            dlclose(handle);
            return status;
        }
        memcpy((char *)functions + i * sizeof function, &function, sizeof function);
    }
    return RHAI_OK;
}
