/* The dashboard server's settings: one table (config.c); see hero_rpc/settings.h. */
#ifndef UI_CONFIG_H
#define UI_CONFIG_H

#include <hero_rpc/error.h>

#include <stdint.h>

struct config {
    const char *listen; /* address:port; "": no TCP */
    const char *token;  /* "": none given */
    const char *hosts;  /* names separated by commas */
    const char *frame_ancestors;
    int64_t rpc_proxy; /* 0 or 1 */
    int64_t check_ms;
    int64_t body_bytes;
    int64_t connections;
    int64_t streams;
};

enum config_outcome {
    CONFIG_RUN,  /* *ret_config is set: start */
    CONFIG_DONE, /* --help, --version or --info has been printed: exit 0 */
    CONFIG_BAD,  /* *err names the setting and says what is wrong: exit 2 */
};

enum config_outcome config_read(int argc, char **argv, struct config *ret_config,
                                struct rpc_error *err);

/* Splits "127.0.0.1:9977" or "[::1]:9977"; a missing address ("9977", ":9977") is 127.0.0.1. The
 * address is the caller's to free. -1: *err says what is wrong. */
int config_parse_listen(const char *text, char **ret_address, uint16_t *ret_port,
                        struct rpc_error *err);

#endif
