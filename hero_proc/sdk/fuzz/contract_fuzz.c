/* A foreign OpenRPC document, then a value for the parameters: two JSON texts with a NUL between.
 */
#include "contract.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    const uint8_t *nul = len ? memchr(data, 0, len) : NULL;
    size_t document_len = nul ? (size_t)(nul - data) : len;
    json_t *document = json_loadb((const char *)data, document_len, 0, NULL);
    json_t *params =
        nul ? json_loadb((const char *)nul + 1, len - document_len - 1, 0, NULL) : json_object();
    struct contract contract;
    struct rpc_strbuf omitted = RPC_STRBUF_INIT;
    if (contract_init(&contract, document) == 0) {
        for (int i = 0; i < PROC_METHOD_COUNT; i++)
            json_decref(contract_fit(&contract, (enum proc_method)i, params, &omitted));
        contract_done(&contract);
    }
    rpc_strbuf_done(&omitted);
    json_decref(params);
    return 0;
}
