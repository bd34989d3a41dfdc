/* Walks arrays and objects in JSON text item by item, without a tree of the whole in memory.
 *
 *     json_items items;
 *     const char *item;
 *     size_t length;
 *     TRY(json_items_begin(&items, text, (size_t)n, "images", path, err));
 *     while (json_items_next(&items, &item, &length))
 *         printf("%.*s\n", (int)length, item);
 *     TRY(json_items_end(&items, err));
 */
#ifndef IO_JSON_ITEMS_H
#define IO_JSON_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct json_items {
    const char *text, *at, *end;
    const char *begin; /* of the first member */
    const char *path;  /* of the file, for messages */
    bool damaged;
} json_items;

/* Finds the array `key` of the object that the text is. CSEG_NOT_FOUND: there is none; CSEG_CORRUPT with the byte. */
cseg_status json_items_begin(json_items *j, const char *text, size_t n, const char *key, const char *path,
                             cseg_error *err);
/* The next item's text, which may still be no JSON inside; false: there is none, or the text is damaged. */
bool json_items_next(json_items *j, const char **item, size_t *length);
/* Walks the members of the object that the text is. `key` (with its quotes) and `value` are texts like `item`. False at
 * the end, or if the text is damaged, also by more text behind the object. */
void json_members_begin(json_items *j, const char *text, size_t n, const char *path);
bool json_members_next(json_items *j, const char **key, size_t *key_length, const char **value, size_t *length);
/* Says whether the array or object was read to its end. */
cseg_status json_items_end(const json_items *j, cseg_error *err);

#endif
