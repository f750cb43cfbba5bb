/* A rules engine: each rule is a script function that looks at an order and may change it.
 *
 * `Order` is a C struct that scripts see as a type of their own, with getters and a setter, a
 * method, an indexer and an iterator over its items. The rules are compiled once and called from
 * C for every order.
 */
#include <rhai/rhai.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct item {
    const char *name;
    int64_t price; /* cents */
} item;

typedef struct order {
    const char *customer;
    const item *items;
    size_t len;
    int64_t discount; /* percent */
    char notes[128];
} order;

/* ---- The type ----------------------------------------------------------------------------- */

/* The orders stay C's: nothing to free, and all copies in a script are the same order. */
static rhai_status next_item(rhai_call *call, void *object, int64_t *state, rhai_value *ret) {
    const order *o = object;
    if ((size_t)*state == o->len) return RHAI_EXITED;
    const char *name = o->items[(*state)++].name;
    return rhai_from_text(rhai_call_engine(call), name, strlen(name), ret);
}

static size_t order_text(const void *object, char *buffer, size_t size) {
    const order *o = object;
    int len = snprintf(buffer, size, "Order of %s", o->customer);
    return (size_t)len < size ? (size_t)len : size - 1;
}

static const rhai_custom_type order_type = {.name = "Order", .next = next_item, .text = order_text};

static order *order_of(const rhai_value *v) {
    return rhai_as_custom(v);
}

static rhai_status get_customer(rhai_call *call, rhai_value *args, rhai_value *ret) {
    const char *name = order_of(&args[0])->customer;
    return rhai_from_text(rhai_call_engine(call), name, strlen(name), ret);
}

static rhai_status get_total(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const order *o = order_of(&args[0]);
    int64_t total = 0;
    for (size_t i = 0; i < o->len; i++)
        total += o->items[i].price;
    *ret = rhai_from_int(total);
    return RHAI_OK;
}

static rhai_status get_discount(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    *ret = rhai_from_int(order_of(&args[0])->discount);
    return RHAI_OK;
}

static rhai_status set_discount(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)ret;
    int64_t percent = rhai_as_int(&args[1]);
    if (percent < 0 || percent > 100)
        return rhai_throw(call, "a discount of %lld %% makes no sense", (long long)percent);
    order_of(&args[0])->discount = percent;
    return RHAI_OK;
}

static rhai_status add_note(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call, (void)ret;
    order *o = order_of(&args[0]);
    size_t len = strlen(o->notes);
    snprintf(o->notes + len, sizeof o->notes - len, "%s%s", len ? "; " : "",
             rhai_as_text(&args[1], NULL));
    return RHAI_OK;
}

/* order["name"]: the price of an item, () when there is none. */
static rhai_status price_of(rhai_call *call, rhai_value *args, rhai_value *ret) {
    (void)call;
    const order *o = order_of(&args[0]);
    const char *name = rhai_as_text(&args[1], NULL);
    for (size_t i = 0; i < o->len; i++)
        if (!strcmp(o->items[i].name, name)) *ret = rhai_from_int(o->items[i].price);
    return RHAI_OK;
}

static const rhai_native order_functions[] = {
    {"get$customer", "{Order}", get_customer, 0, "Order.customer -> string", "Who ordered."},
    {"get$total", "{Order}", get_total, 0, "Order.total -> int",
     "The sum of the prices, in cents."},
    {"get$discount", "{Order}", get_discount, 0, "Order.discount -> int", "In percent."},
    {"set$discount", "{Order}i", set_discount, RHAI_FN_MUTATES, "Order.discount = int",
     "In percent."},
    {"note", "{Order}s", add_note, RHAI_FN_MUTATES, "note(order: Order, text: string)",
     "Adds a note for the staff."},
    {"index$get$", "{Order}s", price_of, 0, "Order[name: string] -> int | ()",
     "The price of an item."},
};

/* ---- The rules ---------------------------------------------------------------------------- */

static const char rules[] = "fn large_orders(order) {\n"
                            "    if order.total >= 10_000 { order.discount += 10; }\n"
                            "}\n"
                            "fn regular_customers(order) {\n"
                            "    if order.customer in [\"Ada\", \"Grace\"] {\n"
                            "        order.discount += 5;\n"
                            "        order.note(`thank ${order.customer}`);\n"
                            "    }\n"
                            "}\n"
                            "fn fragile_items(order) {\n"
                            "    for name in order {\n"
                            "        if name.contains(\"glass\") {\n"
                            "            order.note(`wrap the ${name} (${order[name]})`);\n"
                            "        }\n"
                            "    }\n"
                            "}\n"
                            "fn mistakes(order) {\n"
                            "    if order.total == 0 { order.discount = 200; }\n"
                            "}\n";

static const char *const rule_names[] = {"large_orders", "regular_customers", "fragile_items",
                                         "mistakes"};
enum { RULE_COUNT = sizeof rule_names / sizeof rule_names[0] };

static void apply_rule(rhai_engine *engine, rhai_program *program, const char *rule, order *o) {
    rhai_value arg, result;
    rhai_error *error = NULL;
    if (rhai_from_custom(engine, &order_type, o, &arg) != RHAI_OK) return;
    if (rhai_call_fn(engine, program, NULL, rule, &arg, 1, &result, &error) == RHAI_ERROR) {
        printf("%s: %s\n", rule, rhai_error_text(error));
        rhai_error_free(error);
        return;
    }
    rhai_value_done(engine, &result);
}

static void apply_rules(rhai_engine *engine, rhai_program *program, order *o) {
    for (size_t i = 0; i < RULE_COUNT; i++)
        apply_rule(engine, program, rule_names[i], o);
    printf("%s: %lld %%%s%s\n", o->customer, (long long)o->discount, *o->notes ? ", " : "",
           o->notes);
}

static rhai_engine *make_engine(void) {
    rhai_engine *engine = rhai_engine_new(NULL);
    if (!engine) return NULL;
    if (rhai_register_type(engine, &order_type) == RHAI_OK &&
        rhai_register(engine, order_functions, sizeof order_functions / sizeof order_functions[0],
                      NULL) == RHAI_OK)
        return engine;
    rhai_engine_free(engine);
    return NULL;
}

int main(void) {
    static const item tea[] = {{"tea", 450}, {"glass pot", 2900}};
    static const item desk[] = {{"desk", 39900}};
    order orders[] = {
        {.customer = "Ada", .items = tea, .len = 2},
        {.customer = "Linus", .items = desk, .len = 1},
        {.customer = "Nobody"},
    };
    rhai_error *error = NULL;
    rhai_engine *engine = make_engine();
    rhai_program *program =
        engine ? rhai_compile(engine, rules, sizeof rules - 1, "rules", NULL, &error) : NULL;
    if (!program) {
        fprintf(stderr, "%s\n", error ? rhai_error_text(error) : "out of memory");
        rhai_error_free(error);
        rhai_engine_free(engine);
        return 1;
    }
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
        apply_rules(engine, program, &orders[i]);
    rhai_program_free(engine, program);
    rhai_engine_free(engine);
    return 0;
}
