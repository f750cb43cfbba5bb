/* module.h - what a module of herolib is: constant tables.
 *
 * Registering takes no memory of its own and opens nothing, so an engine that is built once and
 * then forked for each script carries no state of a module into the child.
 */
#ifndef HEROLIB_CORE_MODULE_H
#define HEROLIB_CORE_MODULE_H

#include <herolib/herolib.h>

typedef struct herolib_module {
    const char *name;
    const rhai_custom_type *const *types; /* NULL: none */
    size_t type_count;
    const rhai_native *functions;
    size_t function_count;
} herolib_module;

extern const herolib_module herolib_buildah_module;
extern const herolib_module herolib_core_machine_module;
extern const herolib_module herolib_core_module;
extern const herolib_module herolib_core_value_module;
extern const herolib_module herolib_crypt_files_module;
extern const herolib_module herolib_crypt_key_store_module;
extern const herolib_module herolib_crypt_keys_module;
extern const herolib_module herolib_crypt_symmetric_module;
extern const herolib_module herolib_git_module;
extern const herolib_module herolib_mycelium_module;
extern const herolib_module herolib_nerdctl_container_module;
extern const herolib_module herolib_nerdctl_module;
extern const herolib_module herolib_net_http_module;
extern const herolib_module herolib_net_module;
extern const herolib_module herolib_os_download_module;
extern const herolib_module herolib_os_exec_module;
extern const herolib_module herolib_os_files_module;
extern const herolib_module herolib_os_find_module;
extern const herolib_module herolib_os_package_module;
extern const herolib_module herolib_os_platform_module;
extern const herolib_module herolib_postgres_container_module;
extern const herolib_module herolib_postgres_module;
extern const herolib_module herolib_proc_builder_module;
extern const herolib_module herolib_proc_jobs_module;
extern const herolib_module herolib_proc_logs_module;
extern const herolib_module herolib_proc_services_module;
extern const herolib_module herolib_process_builder_module;
extern const herolib_module herolib_process_list_module;
extern const herolib_module herolib_process_module;
extern const herolib_module herolib_rand_module;
extern const herolib_module herolib_redis_module;
extern const herolib_module herolib_rfs_module;
extern const herolib_module herolib_text_csv_module;
extern const herolib_module herolib_text_encode_module;
extern const herolib_module herolib_text_hash_module;
extern const herolib_module herolib_text_heroscript_module;
extern const herolib_module herolib_text_layout_module;
extern const herolib_module herolib_text_regex_module;
extern const herolib_module herolib_text_replacer_module;
extern const herolib_module herolib_text_template_module;
extern const herolib_module herolib_text_yaml_module;

#define HEROLIB_COUNT(table) (sizeof(table) / sizeof((table)[0]))

#endif
