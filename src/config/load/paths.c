#include "config/load/paths.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

char *path_normal(arena *mem, const char *path)
{
    size_t n = strlen(path), k = 0, floor = 0;
    char *out = arena_alloc(mem, n + 2);
    if (!out)
        return NULL;
    if (path[0] == '/') {
        /* POSIX gives two leading slashes a meaning of their own; three are one. */
        floor = path[1] == '/' && path[2] != '/' ? 2 : 1;
        memcpy(out, "//", floor);
        k = floor;
    }
    size_t root = floor;
    for (const char *s = path; *s;) {
        size_t part = strcspn(s, "/");
        if (part == 2 && memcmp(s, "..", 2) == 0) {
            if (k > floor) {
                while (k > floor && out[k - 1] != '/')
                    k--;
                k -= k > floor;
            } else if (!root) {
                memcpy(out + k, k ? "/.." : "..", k ? 3 : 2);
                k += k ? 3 : 2;
                floor = k;
            }
        } else if (part && !(part == 1 && *s == '.')) {
            if (k > root)
                out[k++] = '/';
            memcpy(out + k, s, part);
            k += part;
        }
        s += part + (s[part] == '/');
    }
    if (k == 0)
        out[k++] = '.';
    out[k] = 0;
    return out;
}

char *path_absolute(arena *mem, const char *path)
{
    char here[PATH_MAX];
    if (path[0] == '/' || !getcwd(here, sizeof here))
        return path_normal(mem, path);
    char *joined = path_join(mem, here, path);
    return joined ? path_normal(mem, joined) : NULL;
}
