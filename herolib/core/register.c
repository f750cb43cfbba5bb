#include "core/module.h"

#include <errno.h>

/* A later module may give a function of an earlier one another meaning, as core does with Rhai's
 * sleep. */
static const herolib_module *const modules[] = {
    &herolib_core_module,
    &herolib_core_machine_module,
    &herolib_core_value_module,
    &herolib_os_download_module,
    &herolib_os_exec_module,
    &herolib_os_files_module,
    &herolib_os_find_module,
    &herolib_os_package_module,
    &herolib_os_platform_module,
    &herolib_process_module,
    &herolib_process_builder_module,
    &herolib_process_list_module,
    &herolib_rand_module,
    &herolib_crypt_files_module,
    &herolib_crypt_key_store_module,
    &herolib_crypt_keys_module,
    &herolib_crypt_symmetric_module,
    &herolib_buildah_module,
    &herolib_git_module,
    &herolib_mycelium_module,
    &herolib_nerdctl_container_module,
    &herolib_nerdctl_module,
    &herolib_net_module,
    &herolib_net_http_module,
    &herolib_postgres_module,
    &herolib_postgres_container_module,
    &herolib_proc_builder_module,
    &herolib_proc_jobs_module,
    &herolib_proc_logs_module,
    &herolib_proc_services_module,
    &herolib_redis_module,
    &herolib_rfs_module,
    &herolib_text_csv_module,
    &herolib_text_encode_module,
    &herolib_text_hash_module,
    &herolib_text_heroscript_module,
    &herolib_text_layout_module,
    &herolib_text_regex_module,
    &herolib_text_replacer_module,
    &herolib_text_template_module,
    &herolib_text_yaml_module,
};

static int register_module(rhai_engine *engine, const herolib_module *module,
                           herolib_session *session) {
    for (size_t i = 0; i < module->type_count; i++)
        if (rhai_register_type(engine, module->types[i]) != RHAI_OK) return -ENOMEM;
    if (rhai_register(engine, module->functions, module->function_count, session) != RHAI_OK)
        return -ENOMEM;
    return 0;
}

int herolib_register(rhai_engine *engine, herolib_session *session) {
    for (size_t i = 0; i < HEROLIB_COUNT(modules); i++) {
        int failed = register_module(engine, modules[i], session);
        if (failed) return failed;
    }
    return 0;
}
