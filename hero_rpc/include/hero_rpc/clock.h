/* The two clocks. Durations are taken from the monotonic one, time stamps from the wall clock. */
#ifndef HERO_RPC_CLOCK_H
#define HERO_RPC_CLOCK_H

#include <stdint.h>

int64_t rpc_clock_monotonic_us(void); /* CLOCK_MONOTONIC, microseconds */
int64_t rpc_clock_monotonic_ms(void);
int64_t rpc_clock_wall_us(void); /* microseconds since 1970, CLOCK_REALTIME */
int64_t rpc_clock_wall_ms(void);

#endif
