#include "config/load/packages.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/str.h"
#include "config/load/paths.h"

/* Looks in the folders of a colon-separated list. */
static cseg_status find_in(const char *list, const char *package, arena *mem, char **root, cseg_error *err)
{
    for (const char *at = list; at && *at && !*root;) {
        size_t n = strcspn(at, ":");
        char *path = arena_printf(mem, "%.*s/%s", (int)n, at, package);
        if (!path)
            return fail_memory(err);
        if (n && file_is_dir(path))
            *root = path;
        at += n + (at[n] == ':');
    }
    return CSEG_OK;
}

/* Looks for a folder above `path` that has the package's name. */
static cseg_status find_above(const char *path, const char *package, arena *mem, char **root, cseg_error *err)
{
    char *dir = path_dir(mem, path);
    while (dir && strcmp(dir, "/") != 0 && strcmp(dir, ".") != 0) {
        if (strcmp(path_base(dir), package) == 0) {
            *root = dir;
            return CSEG_OK;
        }
        dir = path_dir(mem, dir);
    }
    return dir ? CSEG_OK : fail_memory(err);
}

cseg_status package_find(const char *package, const char *path, arena *mem, char **root, cseg_error *err)
{
    *root = NULL;
    TRY(find_in(getenv("CSEG_PACKAGES"), package, mem, root, err));
    if (!*root)
        TRY(find_in(getenv("PYTHONPATH"), package, mem, root, err));
    return *root ? CSEG_OK : find_above(path, package, mem, root, err);
}

cseg_status package_config(const char *root, const char *name, arena *mem, char **path, cseg_error *err)
{
    static const char *const folders[] = {".mim/configs", "configs", "../configs"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char *joined = arena_printf(mem, "%s/%s/%s", root, folders[i], name);
        *path = joined ? path_normal(mem, joined) : NULL;
        if (!*path)
            return fail_memory(err);
        if (file_exists(*path))
            return CSEG_OK;
    }
    *path = NULL;
    return CSEG_OK;
}
