/* platform.c - what this machine is: known when the runner is compiled. */
#include "core/module.h"

#ifdef __aarch64__
#define IS_ARM true
#else
#define IS_ARM false
#endif

#ifdef __x86_64__
#define IS_X86 true
#else
#define IS_X86 false
#endif

static rhai_status give(rhai_value *ret, bool is_so) {
    *ret = rhai_from_bool(is_so);
    return RHAI_OK;
}

static rhai_status is_linux(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)args;
    return give(ret, true);
}

static rhai_status is_osx(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)args;
    return give(ret, false);
}

static rhai_status is_arm(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)args;
    return give(ret, IS_ARM);
}

static rhai_status is_x86(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)args;
    return give(ret, IS_X86);
}

static rhai_status check_linux_x86(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args, (void)ret;
    if (IS_X86) return RHAI_OK;
    return rhai_throw(call, "os: this script needs Linux on x86-64");
}

static rhai_status check_macos_arm(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)args, (void)ret;
    return rhai_throw(call, "os: this script needs macOS on ARM");
}

static const rhai_native functions[] = {
    {"platform_is_linux", "", is_linux, 0, "platform_is_linux() -> bool", "Whether this is Linux."},
    {"platform_is_osx", "", is_osx, 0, "platform_is_osx() -> bool", "Whether this is macOS."},
    {"platform_is_arm", "", is_arm, 0, "platform_is_arm() -> bool",
     "Whether the processor is a 64-bit ARM."},
    {"platform_is_x86", "", is_x86, 0, "platform_is_x86() -> bool",
     "Whether the processor is an x86-64."},
    {"platform_check_linux_x86", "", check_linux_x86, RHAI_FN_VOLATILE,
     "platform_check_linux_x86()", "An error unless this is Linux on x86-64."},
    {"platform_check_macos_arm", "", check_macos_arm, RHAI_FN_VOLATILE,
     "platform_check_macos_arm()", "An error unless this is macOS on ARM."},
};

const herolib_module herolib_os_platform_module = {
    .name = "os",
    .functions = functions,
    .function_count = HEROLIB_COUNT(functions),
};
