/* Reads config files of the OpenMMLab toolboxes into a tree of values.
 *
 *     value *config;
 *     TRY(config_load("configs/fcn_r50-d8.py", mem, &config, err));
 *     TRY(config_override(config, "model.decode_head.num_classes=2", mem, err));
 *
 * Reads both dialects, 0.x (mmcv) and 1.x (mmengine); the text style with `_base_`, the pure-Python style with
 * `read_base()`, and .json. A config is evaluated here, as a small part of Python: no other program is run, no module
 * imported, nothing written. docs/config.md says what is understood.
 *
 * Errors read "FILE:LINE:COLUMN: what", followed by the source line with a caret and the files that led there. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "config/value.h"

/* Loads a config and resolves its bases. *out is a dict, exactly what the reference's Config.fromfile(path).to_dict()
 * gives, with keys in its order. It lives in `mem` and shares nothing: it may be changed in place. Bases in packages
 * ('mmdet::_base_/x.py', 'from mmdet.configs.x import *') are looked for in the folders that the environment's
 * CSEG_PACKAGES names, then in those of PYTHONPATH (colon-separated), then in folders above the config file. */
cseg_status config_load(const char *path, arena *mem, value **out, cseg_error *err);

/* The same for a config that is not in a file. `name` is used in messages; bases are looked for beside it. */
cseg_status config_parse_text(const char *text, const char *name, arena *mem, value **out, cseg_error *err);

/* Evaluates one expression, such as `[1, 2]` or `dict(type='BN')`; `name` is used in messages. */
cseg_status config_parse_literal(const char *text, const char *name, arena *mem, value **out, cseg_error *err);

/* Applies one `key.path=value` of --cfg-options, read as the reference's DictAction does: numbers, True/False, None,
 * lists `1,2` or `[1,2]`, tuples `(1,2)`, nested; anything else is a string. A number in the path indexes a list. Keys
 * that do not exist are made. Changes `cfg` (a dict) in place. */
cseg_status config_override(value *cfg, const char *assignment, arena *mem, cseg_error *err);

/* Tells where the value at `key` ("model.decode_head.num_classes") comes from: one line of text for the value, and one
 * more for each value in a base that it replaced, newest first. CSEG_NOT_FOUND names the nearest known key. */
cseg_status config_where(const value *cfg, const char *key, arena *mem, char **out, cseg_error *err);

/* Lists the files that the config's values, and the values that these replaced, come from: the config itself and its
 * bases, but not a base that gave no value. */
cseg_status config_files(const value *cfg, arena *mem, const char ***files, size_t *n, cseg_error *err);

typedef enum { DIALECT_0X, DIALECT_1X } config_dialect;
/* Tells the dialect by the keys that only one of the two has (data, runner, lr_config | train_dataloader,
 * optim_wrapper, ...). */
config_dialect config_dialect_of(const value *cfg);

#endif
