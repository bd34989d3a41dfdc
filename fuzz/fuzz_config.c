/* The config language on arbitrary text. It must be refused or evaluated within the budgets, and what it gives must
 * print and read back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

/* The Python text of a config gives the same text when it is read again (and not refused for its size). */
static void round_trip(const value *cfg, arena *mem)
{
    cseg_error err;
    value *again;
    char *text = value_python(mem, cfg);
    check(text && value_json(mem, cfg, 2));
    bool expression = *text == '{' || str_starts(text, "dict("); /* statements start with "NAME = " */
    cseg_status status = expression ? config_parse_literal(text, "again.py", mem, &again, &err)
                                    : config_parse_text(text, "again.py", mem, &again, &err);
    if (status == CSEG_OK)
        check(strcmp(value_python(mem, again), text) == 0);
    else
        check(strstr(err.text, "more than") || strstr(err.text, "too ") || strstr(err.text, "NUL"));
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
            (void)config_parse_literal(text + 1, name, mem, &cfg, &err);
        else if (data[0] == 'O' && (cfg = value_new(mem, V_DICT, (where){0})))
            (void)config_override(cfg, text + 1, mem, &err);
        else if (config_parse_text(data[0] == 'J' ? text + 1 : text, name, mem, &cfg, &err) == CSEG_OK)
            round_trip(cfg, mem);
    }
    arena_free(mem);
    return 0;
}
