/* download.c - files from the network, by the program curl; unpacked by tar, unzip and gunzip. */
#include "core/module.h"
#include "core/text.h"
#include "os/copy.h"
#include "os/os.h"
#include "os/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a URL without a file name is saved as. */
#define FALLBACK_NAME "download"

/* The last part of the URL's path, from malloc; NULL without memory. */
static char *name_in_url(const char *url) {
    const char *path = strstr(url, "://");
    path = path ? path + 3 : url;
    size_t len = strcspn(path, "?#"), begin = len;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    bool is_name = begin > 0 && len > begin && strncmp(path + begin, "..", len - begin) != 0;
    return is_name ? strndup(path + begin, len - begin) : strdup(FALLBACK_NAME);
}

/* ---- Fetching ---------------------------------------------------------------------------- */

static rhai_status check_size(rhai_call *call, const char *url, const char *path, int64_t min_kb) {
    struct stat info;
    if (stat(path, &info) < 0) return os_throw(call, "download", url, -errno);
    if (min_kb <= 0 || info.st_size / 1024 >= min_kb) return RHAI_OK;
    return rhai_throw(call, "os: cannot download %s: it has only %lld KiB, less than %lld", url,
                      (long long)info.st_size / 1024, (long long)min_kb);
}

static rhai_status fetch_to(rhai_call *call, const char *url, const char *path, int64_t min_kb) {
    char *what;
    const char *const argv[] = {"curl",
                                "--fail",
                                "--location",
                                "--silent",
                                "--show-error",
                                "--retry",
                                "3",
                                "--connect-timeout",
                                "30",
                                "--output",
                                path,
                                "--url",
                                url,
                                NULL};
    if (asprintf(&what, "download %s", url) < 0) return rhai_throw_out_of_memory(call);
    rhai_status status = os_run_only(call, what, argv, true);
    free(what);
    return status == RHAI_OK ? check_size(call, url, path, min_kb) : status;
}

/* The file is there only when all of it is. */
static rhai_status fetch(rhai_call *call, const char *url, const char *path, int64_t min_kb) {
    int failed = path_make_parents(path);
    if (failed) return os_throw(call, "download to", path, failed);
    char *partial;
    if (asprintf(&partial, "%s.part", path) < 0) return rhai_throw_out_of_memory(call);
    rhai_status status = fetch_to(call, url, partial, min_kb);
    if (status == RHAI_OK && rename(partial, path) < 0)
        status = os_throw(call, "download to", path, -errno);
    if (status != RHAI_OK) unlink(partial);
    free(partial);
    return status;
}

/* ---- Unpacking --------------------------------------------------------------------------- */

enum archive { ARCHIVE_NONE, ARCHIVE_TAR, ARCHIVE_ZIP, ARCHIVE_GZIP };

static enum archive archive_kind(const char *name) {
    static const struct {
        const char *ending;
        enum archive kind;
    } kinds[] = {
        {".tar", ARCHIVE_TAR},     {".tar.gz", ARCHIVE_TAR}, {".tgz", ARCHIVE_TAR},
        {".tar.bz2", ARCHIVE_TAR}, {".tar.xz", ARCHIVE_TAR}, {".tar.zst", ARCHIVE_TAR},
        {".zip", ARCHIVE_ZIP},     {".gz", ARCHIVE_GZIP},
    };
    size_t len = strlen(name);
    for (size_t i = 0; i < HEROLIB_COUNT(kinds); i++) {
        size_t ending_len = strlen(kinds[i].ending);
        if (len > ending_len && strcmp(name + len - ending_len, kinds[i].ending) == 0)
            return kinds[i].kind;
    }
    return ARCHIVE_NONE;
}

static rhai_status unpack(rhai_call *call, const char *archive, const char *dir) {
    const char *const tar[] = {"tar", "-xf", archive, "-C", dir, NULL};
    const char *const zip[] = {"unzip", "-o", "-q", archive, "-d", dir, NULL};
    const char *const gzip[] = {"gunzip", "--force", "--", archive, NULL};
    const char *const *const argv[] = {
        [ARCHIVE_TAR] = tar, [ARCHIVE_ZIP] = zip, [ARCHIVE_GZIP] = gzip};
    char *what;
    enum archive kind = archive_kind(archive);
    if (asprintf(&what, "unpack %s", archive) < 0) return rhai_throw_out_of_memory(call);
    rhai_status status = os_run_only(call, what, argv[kind], true);
    free(what);
    if (kind != ARCHIVE_GZIP || status != RHAI_OK) unlink(archive);
    return status;
}

/* Fetches into the directory and unpacks there; *ret is the path of what has come. */
static rhai_status fetch_into(rhai_call *call, const char *url, const char *dir, int64_t min_kb,
                              char **ret_path) {
    char *name = name_in_url(url), *path = name ? path_join(dir, name) : NULL;
    free(name);
    if (!path) return rhai_throw_out_of_memory(call);
    rhai_status status = fetch(call, url, path, min_kb);
    enum archive kind = archive_kind(path);
    if (status == RHAI_OK && kind != ARCHIVE_NONE) {
        status = unpack(call, path, dir);
        if (kind == ARCHIVE_GZIP)
            path[strlen(path) - strlen(".gz")] = '\0';
        else
            strcpy(path, dir); /* which it begins with */
    }
    if (status == RHAI_OK)
        *ret_path = path;
    else
        free(path);
    return status;
}

/* ---- The functions ----------------------------------------------------------------------- */

static rhai_status os_download(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *url = text_argument(call, &args[0], "os: the URL");
    const char *dir = url ? text_argument(call, &args[1], "os: the directory") : NULL;
    char *path;
    if (!dir || fetch_into(call, url, dir, rhai_as_int(&args[2]), &path) != RHAI_OK)
        return RHAI_ERROR;
    return text_take(call, path, strlen(path), ret);
}

static rhai_status os_download_file(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *url = text_argument(call, &args[0], "os: the URL");
    const char *path = url ? text_argument(call, &args[1], "os: the path") : NULL;
    if (!path || fetch(call, url, path, rhai_as_int(&args[2])) != RHAI_OK) return RHAI_ERROR;
    return text_value(call, path, strlen(path), ret);
}

static bool is_package(const char *path) {
    size_t len = strlen(path);
    return len > 4 && strcmp(path + len - 4, ".deb") == 0;
}

static rhai_status os_download_install(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *url = text_argument(call, &args[0], "os: the URL");
    if (!url) return RHAI_ERROR;
    const char *temporary = getenv("TMPDIR");
    char *dir = path_join(temporary && *temporary ? temporary : "/tmp", "download.XXXXXX");
    if (!dir) return rhai_throw_out_of_memory(call);
    if (!mkdtemp(dir)) {
        rhai_status status = os_throw(call, "create directory", dir, -errno);
        free(dir);
        return status;
    }
    char *path = NULL;
    rhai_status status = fetch_into(call, url, dir, rhai_as_int(&args[1]), &path);
    bool is_installed = status == RHAI_OK && is_package(path);
    /* apt-get knows it for a path by the slash in it; it also installs what the package needs. */
    if (is_installed) status = os_run_apt(call, "install the package", "install", path, false);
    /* What was unpacked is the result and stays. */
    struct copy_error err;
    if (status != RHAI_OK || is_installed) delete_tree(herolib_call_session(call), dir, &err);
    free(dir);
    if (status == RHAI_OK) return text_take(call, path, strlen(path), ret);
    free(path);
    return status;
}

static const rhai_native functions[] = {
    {"download", "ssi", os_download, RHAI_FN_VOLATILE,
     "download(url: string, dir: string, min_kb: int) -> string",
     "Downloads a file into a directory. An archive (.tar and compressed ones, .tgz, .zip, .gz) is "
     "unpacked there. The path of the file, or the directory of what was unpacked. Less than "
     "min_kb "
     "KiB is an error; 0 means any size."},
    {"download_file", "ssi", os_download_file, RHAI_FN_VOLATILE,
     "download_file(url: string, path: string, min_kb: int) -> string",
     "Downloads a file to just that path, without unpacking."},
    {"download_install", "si", os_download_install, RHAI_FN_VOLATILE,
     "download_install(url: string, min_kb: int) -> string",
     "Downloads a .deb package and installs it with what it needs. Other files are unpacked, or "
     "kept, in a new directory below TMPDIR. The path of what has come."},
};

const herolib_module herolib_os_download_module = {
    .name = "os",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
