/* config_parity ROOT CONFIG...: prints the parity line of each config. '-' as CONFIG reads names from the input. */
#include <stdio.h>
#include <string.h>

#include "config/parity.h"

static int print_line(const char *name, const char *root)
{
    cseg_error err;
    char *line;
    bool good;
    arena *mem = arena_new();
    if (!mem || config_parity_line(name, root, mem, &line, &good, &err) != CSEG_OK) {
        fprintf(stderr, "%s: out of memory\n", name);
        arena_free(mem);
        return 1;
    }
    puts(line);
    arena_free(mem);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    int bad = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: config_parity ROOT CONFIG...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        char name[4096];
        if (strcmp(argv[i], "-") != 0) {
            bad |= print_line(argv[i], argv[1]);
            continue;
        }
        while (fgets(name, sizeof name, stdin)) {
            name[strcspn(name, "\n")] = 0;
            bad |= print_line(name, argv[1]);
        }
    }
    return bad;
}
