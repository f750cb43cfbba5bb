/* lib.h - the standard library: a package, a constant table of natives, per file of this folder.
 *
 * A native reads its arguments through rhai_value's fields (their types are guaranteed by the
 * `params` it was registered with) and fails through native/call.h. Behaviour, names and
 * overloads are Rhai's; so are the texts of errors, whose cases are tests.
 */
#ifndef RHAI_LIB_LIB_H
#define RHAI_LIB_LIB_H

#include "native/call.h"

extern const package core_package; /* in vm/: print, debug and what else needs the machine */
extern const package arith_package;
extern const package bytes_package;
extern const package math_package;
extern const package logic_package;
extern const package strings_package;
extern const package strings_more_package;
extern const package bit_field_package;
extern const package time_package;
extern const package ranges_package;
extern const package lang_package;
extern const package arrays_package;
extern const package blobs_package;
extern const package maps_package;
extern const package json_package;
extern const package fn_ptr_package;

/* Defines NAME_package from the table NAME_functions. */
#define LIB_PACKAGE(package_name)                                                                  \
    const package package_name##_package = {                                                       \
        .name = #package_name,                                                                     \
        .functions = package_name##_functions,                                                     \
        .count = sizeof package_name##_functions / sizeof package_name##_functions[0],             \
    }

#endif
