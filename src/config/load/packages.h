/* Finds the folders of Python packages, for bases that lie in them. Nothing in a package is run.
 *
 *     char *root, *base = NULL;
 *     TRY(package_find("mmdet", "configs/my.py", mem, &root, err));
 *     if (root)
 *         TRY(package_config(root, "_base_/default_runtime.py", mem, &base, err));
 */
#ifndef CONFIG_LOAD_PACKAGES_H
#define CONFIG_LOAD_PACKAGES_H

#include "base/arena.h"
#include "base/error.h"

/* Finds the folder of `package`: in one of the folders that CSEG_PACKAGES or PYTHONPATH names, or above `path`, the
 * absolute path of the config that wants it. *root is NULL if there is none. */
cseg_status package_find(const char *package, const char *path, arena *mem, char **root, cseg_error *err);
/* Finds the file 'configs/NAME' of a package: in its .mim folder, as wheels have it, or beside it, as repositories have
 * it. *path is NULL if there is none. */
cseg_status package_config(const char *root, const char *name, arena *mem, char **path, cseg_error *err);

#endif
