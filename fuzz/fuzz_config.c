/* The config language on arbitrary text. It must be refused or evaluated within the budgets, and what it gives must
 * print and read back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

/* Python text and JSON of a config are configs that equal it. */
static void round_trip(const value *cfg, arena *mem)
{
    cseg_error err;
    value *again;
    char *text = value_python(mem, cfg);
    check(text && value_json(mem, cfg, 2));
    cseg_status status = config_parse_text(text, "again.py", mem, &again, &err);
    check(status == CSEG_OK || strstr(err.text, "more than") || strstr(err.text, "too ") || strstr(err.text, "NUL"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cseg_error err;
    value *cfg;
    arena *mem = arena_new();
    char *text = mem ? arena_strndup(mem, (const char *)data, size) : NULL;
    if (text && size) {
        /* The first byte chooses the entrance. */
        const char *name = data[0] == 'J' ? "fuzz.json" : "fuzz.py";
        if (data[0] == 'L')
            config_parse_literal(text + 1, name, mem, &cfg, &err);
        else if (data[0] == 'O' && (cfg = value_new(mem, V_DICT, (where){0})))
            config_override(cfg, text + 1, mem, &err);
        else if (config_parse_text(data[0] == 'J' ? text + 1 : text, name, mem, &cfg, &err) == CSEG_OK)
            round_trip(cfg, mem);
    }
    arena_free(mem);
    return 0;
}
