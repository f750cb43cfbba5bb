/* Looking at processes from outside, by /proc. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

int64_t now_ms(void); /* monotonic */
void pause_ms(int ms);

/* Waits until `condition` holds, at most `ms`. Says whether it does. */
/* The time a test allows for what is promised within `promised` ms: ten times that, as tests share
 * the machine; with PROMISED_TIMES in the environment (bench/promised_times) the promise itself. */
int64_t allowed_ms(int64_t promised);
bool wait_until(bool (*condition)(void *ctx), void *ctx, int ms);

/* Alive: there, and not a zombie. */
bool process_is_alive(pid_t pid);
bool process_dies_within(pid_t pid, int ms);
pid_t process_parent(pid_t pid);
unsigned process_fd_count(pid_t pid);
int64_t process_memory_kib(pid_t pid); /* resident */
/* How many live processes have `text` in their command line. */
unsigned processes_with(const char *text);
bool processes_with_die_within(const char *text, int ms);
unsigned process_children(pid_t pid);

#endif
